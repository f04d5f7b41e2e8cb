//! The operations of the pack: each loads, decides by the pure rules, writes and replies.

mod classes;
mod lessons;
mod packages;
mod revenue;
mod timetable;

pub(crate) use classes::{DefineCourse, Enrol, OpenClass, Withdraw};
pub(crate) use lessons::{Attend, Correct, History, Leave};
pub(crate) use packages::{Packages, Refund, Sell};
pub(crate) use revenue::Revenue;
pub(crate) use timetable::{CancelSession, Day, Plan};
