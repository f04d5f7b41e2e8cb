//! What happens: telling facts of the pack's own trade, and following those of the host and of other packs.
//!
//! ```no_run
//! # use punchcard_sdk::{Refusal, events};
//! # fn missed(member: String) -> Result<(), Refusal> {
//! events::tell("pickup-missed", Some(member), &serde_json::json!({ "preorder": "2026-10-03-K7" }))?;
//! # Ok(()) }
//! ```

use serde::{Serialize, de::DeserializeOwned};

use crate::Refusal;
#[doc(inline)]
pub use crate::contract::following::exports::punchcard::pack::on_event::Event;
#[doc(inline)]
pub use crate::contract::imports::punchcard::pack::events::{Fact, emit};

/// Tells a fact of a kind that the manifest says the pack emits.
///
/// # Errors
/// `failed`: the host did not take it, or the data does not become a JSON object (`unwritable-fact`).
pub fn tell(kind: &str, member: Option<String>, data: &impl Serialize) -> Result<(), Refusal> {
    let data = serde_json::to_string(data)
        .map_err(|error| Refusal::failed("unwritable-fact", format!("{kind} does not become JSON: {error}")))?;
    Ok(emit(&Fact { kind: kind.to_owned(), member, data })?)
}

impl Event {
    /// What the event tells.
    ///
    /// # Errors
    /// `failed` with the code `unreadable-event`: it is not what `T` is read from.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_str(&self.data).map_err(|error| {
            Refusal::failed("unreadable-event", format!("the data of {} is not understood: {error}", self.kind))
        })
    }
}
