//! The settings that the merchant gave this pack, as they are in force for the store of the call.

use serde::de::DeserializeOwned;

use crate::Refusal;

/// The settings as JSON text.
pub fn json() -> String {
    crate::contract::imports::punchcard::pack::settings::get()
}

/// The settings, read into the type that the manifest's schema was made from.
///
/// # Errors
/// `failed` with the code `unreadable-settings`: `T` is not what the schema describes.
pub fn get<T: DeserializeOwned>() -> Result<T, Refusal> {
    serde_json::from_str(&json())
        .map_err(|error| Refusal::failed("unreadable-settings", format!("the settings are not understood: {error}")))
}
