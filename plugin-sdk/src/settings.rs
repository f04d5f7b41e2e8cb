//! The settings that the merchant gave a pack.

use serde::de::DeserializeOwned;

use crate::Refusal;

/// The settings that the merchant gave this pack, as they are in force for the store of the call, read into the type
/// that the manifest's schema was made from.
///
/// # Errors
/// `failed` with the code `unreadable-settings`: `T` is not what the schema describes.
pub fn settings<T: DeserializeOwned>() -> Result<T, Refusal> {
    let json = crate::contract::imports::punchcard::pack::settings::get();
    serde_json::from_str(&json)
        .map_err(|error| Refusal::failed("unreadable-settings", format!("the settings are not understood: {error}")))
}
