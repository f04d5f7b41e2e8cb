//! The basket hook as a plugin of Extism. It reads and writes JSON, as such plugins do; the merchant's settings are its
//! configuration, which it reads once for each instance.

#[path = "../../src/basket.rs"]
mod basket;
#[path = "../../src/rules.rs"]
mod rules;

use std::sync::OnceLock;

use basket::{Basket, Decision, Settings};
use extism_pdk::{config, plugin_fn, Error, FnResult, FromBytesOwned, Json};

#[plugin_fn]
pub fn decide(Json(basket): Json<Basket>) -> FnResult<Json<Decision>> {
    static SETTINGS: OnceLock<Settings> = OnceLock::new();
    if SETTINGS.get().is_none() {
        let text = config::get("settings")?.ok_or_else(|| Error::msg("there are no settings"))?;
        let Json(settings) = Json::from_bytes_owned(text.as_bytes())?;
        let _ = SETTINGS.set(settings);
    }
    let settings = SETTINGS.get().ok_or_else(|| Error::msg("there are no settings"))?;
    Ok(Json(rules::decide(settings, &basket)))
}
