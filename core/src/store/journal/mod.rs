//! The journal: what makes a commit durable.
//!
//! A directory of segments, files of records, each record one group of transactions. Records are numbered from 1 and
//! each holds the hash of the one before it, across segments. A record counts once `append` has returned:
//! by then it has been through `fdatasync`.
//!
//! At start the tail is looked at before anything else (`recover.rs`). A write that a crash cut short can only be the
//! last record, as nothing is written before the previous record is on disk: it is cut off. Everything else that does
//! not fit is damage, and refused. A write for which there is no room is taken back; after any other failure nothing
//! more is written. The journal does not know what a payload means, nor what state it leads to.

mod disk;
#[cfg(test)]
mod faulty;
mod payload;
mod record;
mod recover;
mod segment;
mod writer;

#[cfg(test)]
mod tests;

pub use disk::{Disk, SystemDisk};
#[cfg(test)]
pub(crate) use faulty::{FAULTS, Fault, FaultyDisk};
pub(super) use payload::{Payload, encode_payload};
pub use record::Tip;
pub use recover::{JournalReport, verify_journal};
pub(super) use recover::{Reached, Recovered, follow, recover};
pub(super) use segment::{list, remove_up_to};
pub(super) use writer::{AppendError, Appended, Journal, JournalLimits, check_room};
