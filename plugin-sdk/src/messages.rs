//! Messages to members, by the merchant's templates, consents, quiet hours and caps: at most 200 in one call, and 10,000 on a
//! day of UTC; one more is answered `limit`.
//!
//! ```no_run
//! # use punchcard_sdk::{Refusal, messages::{self, Message, Outcome, Placeholder}};
//! # fn remind(member: String) -> Result<bool, Refusal> {
//! let values = vec![Placeholder::text("course", "Sourdough for beginners"), Placeholder::number("places", 3)];
//! let outcome = messages::send(&Message { member, template: "course-reminder".to_owned(), values })?;
//! # Ok(
//! matches!(outcome, Outcome::Queued(_))
//! # ) }
//! ```

#[doc(inline)]
pub use crate::contract::imports::punchcard::pack::messages::{Message, Obstacle, Outcome, Placeholder, Value, send};

impl Placeholder {
    /// A placeholder that is a text, or an instant in RFC 3339.
    pub fn text(name: &str, text: impl Into<String>) -> Self {
        Self { name: name.to_owned(), value: Value::Text(text.into()) }
    }

    /// A placeholder that is a whole number, or an amount in minor units.
    pub fn number(name: &str, number: i64) -> Self {
        Self { name: name.to_owned(), value: Value::Number(number) }
    }
}
