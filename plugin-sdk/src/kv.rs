//! The pack's own ordered storage, apart for each merchant.
//!
//! ```no_run
//! # use punchcard_sdk::{Refusal, kv};
//! # fn count() -> Result<u32, Refusal> {
//! let visits = kv::get_json::<u32>("visits")?.unwrap_or(0) + 1;
//! kv::put_json("visits", &visits)?;
//! # Ok(visits) }
//! ```

use serde::{Serialize, de::DeserializeOwned};

use crate::Refusal;
#[doc(inline)]
pub use crate::contract::imports::punchcard::pack::kv::{Entry, delete, get, get_many, put, scan};

/// The most entries that one [`scan`] gives.
pub const SCAN_MAX: u32 = 1000;

/// The value of a key, read from JSON.
///
/// # Errors
/// `failed`: the host could not read it, or it is not what `T` is read from (`unreadable-value`).
pub fn get_json<T: DeserializeOwned>(key: &str) -> Result<Option<T>, Refusal> {
    get(key)?.map(|value| parsed(key, &value)).transpose()
}

/// Sets a key to JSON.
///
/// # Errors
/// `failed`: the host could not write it, or it does not become JSON (`unwritable-value`).
pub fn put_json<T: Serialize>(key: &str, value: &T) -> Result<(), Refusal> {
    let json = serde_json::to_vec(value)
        .map_err(|error| Refusal::failed("unwritable-value", format!("{key} does not become JSON: {error}")))?;
    Ok(put(key, &json)?)
}

/// All entries with `start <= key < end`, each value read from JSON, in the order of their keys.
///
/// # Errors
/// As [`get_json`].
pub fn scan_json<T: DeserializeOwned>(start: &str, end: &str) -> Result<Vec<(String, T)>, Refusal> {
    let mut found = Vec::new();
    let mut from = start.to_owned();
    loop {
        let entries = scan(&from, end, SCAN_MAX)?;
        let full = entries.len() == SCAN_MAX as usize;
        for Entry { key, value } in entries {
            let value = parsed(&key, &value)?;
            found.push((key, value));
        }
        match found.last() {
            Some((last, _)) if full => from = format!("{last}\0"),
            _ => return Ok(found),
        }
    }
}

fn parsed<T: DeserializeOwned>(key: &str, value: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(value)
        .map_err(|error| Refusal::failed("unreadable-value", format!("the value of {key} is not understood: {error}")))
}
