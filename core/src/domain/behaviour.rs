//! Behaviours: what a merchant's own systems see people do, such as looking at a page or wanting a thing.

use serde::{Deserialize, Serialize};

use super::{Code, Label};

/// A kind of behaviour that a merchant has declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behaviour {
    /// Its name in interfaces.
    pub code: Code,
    /// What people call it.
    pub title: Label,
    /// The form of what is to be known of it: a JSON Schema.
    pub schema: String,
}

impl Behaviour {
    /// How many a merchant may declare.
    pub const COUNT_MAX: usize = 100;
    /// The longest schema, in bytes.
    pub const SCHEMA_MAX_BYTES: usize = 8 << 10;
    /// The most that may be known of one that was seen, in bytes.
    pub const DATA_MAX_BYTES: usize = 4 << 10;
    /// How many may be told at once.
    pub const SEEN_MAX: usize = 100;
    /// How many a merchant may tell on a day of UTC.
    pub const SEEN_OF_DAY_MAX: u64 = 100_000;
}
