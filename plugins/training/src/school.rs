//! What a school consists of: courses, classes, students.

use serde::{Deserialize, Serialize};

use crate::names::{Code, Reference, Room};

/// Something that is taught.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Course {
    pub(crate) course: Code,
    /// What people call it.
    pub(crate) title: String,
    /// How long a session is, unless it says otherwise.
    pub(crate) minutes: u16,
    /// Whether what may be prepaid for it is limited by the settings.
    pub(crate) guarded: bool,
}

/// A group that is taught a course in a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Class {
    pub(crate) class: Code,
    pub(crate) course: Code,
    pub(crate) store: String,
    pub(crate) room: Room,
    pub(crate) teacher: Reference,
    /// The most students.
    pub(crate) capacity: u32,
    /// How many there are.
    pub(crate) enrolled: u32,
}

/// A student's place in a class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Enrolment {
    pub(crate) since: u64,
}

/// Somebody who is taught, known by the merchant's own reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Student {
    pub(crate) student: Reference,
    /// Whose student it is: the account in the ledger, and who has bought for it.
    pub(crate) member: String,
    /// The packages that have something left, in the order in which they were sold.
    pub(crate) live: Vec<String>,
}
