//! What two merchants do together, under agreements that both have accepted.
//!
//! The pack of the one asks the pack of the same name of the other, which answers in the same transaction: what both write is
//! kept together, or not at all.
//!
//! ```no_run
//! # use punchcard_sdk::{Refusal, agreements::{self, Reply}};
//! # #[derive(serde::Deserialize)] struct Eligible { yes: bool }
//! # fn is_eligible(agreement: &str, alias: &str) -> Result<bool, Refusal> {
//! let eligible: Eligible = agreements::question(agreement, &serde_json::json!({ "eligible": alias }))?;
//! # Ok(eligible.yes) }
//! ```

use serde::{Serialize, de::DeserializeOwned};

use crate::Refusal;
#[doc(inline)]
pub use crate::contract::imports::punchcard::pack::agreements::{
    Agreement, Obligation, Reply, Standing, alias_of, all, ask, get, member_of, owe,
};
#[doc(inline)]
pub use crate::contract::partnering::exports::punchcard::pack::on_partner::Question;

/// Asks the partner's pack, and reads its answer.
///
/// # Errors
/// The partner's refusal with its code and message, as `refused`. `failed`: the host did not pass it on, the question does
/// not become JSON (`unwritable-question`), or the answer is not what `T` is read from (`unreadable-answer`).
pub fn question<T: DeserializeOwned>(agreement: &str, question: &impl Serialize) -> Result<T, Refusal> {
    let question = serde_json::to_string(question)
        .map_err(|error| Refusal::failed("unwritable-question", format!("it does not become JSON: {error}")))?;
    match ask(agreement, &question)? {
        Reply::Answer(answer) => serde_json::from_str(&answer)
            .map_err(|error| Refusal::failed("unreadable-answer", format!("the partner's answer: {error}"))),
        Reply::Refused(problem) => Err(Refusal::Refused(problem)),
    }
}

impl Agreement {
    /// What both have accepted.
    ///
    /// # Errors
    /// `failed` with the code `unreadable-terms`: it is not what `T` is read from.
    pub fn terms<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_str(&self.terms)
            .map_err(|error| Refusal::failed("unreadable-terms", format!("the terms of {}: {error}", self.id)))
    }
}

impl Question {
    /// What is asked.
    ///
    /// # Errors
    /// `invalid` with the code `unreadable-question`: it is not what `T` is read from.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_str(&self.text)
            .map_err(|error| Refusal::invalid("unreadable-question", format!("the partner's question: {error}")))
    }
}

/// An answer to a partner.
///
/// # Errors
/// `failed` with the code `unwritable-answer`: it does not become JSON.
pub fn answered(answer: &impl Serialize) -> Result<String, Refusal> {
    serde_json::to_string(answer)
        .map_err(|error| Refusal::failed("unwritable-answer", format!("it does not become JSON: {error}")))
}
