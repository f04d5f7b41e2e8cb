//! What can go wrong in the store.

use std::io;
use std::path::PathBuf;

use data_encoding::HEXLOWER;
use thiserror::Error;

/// A refusal or failure of the store.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Something that was read has been changed by a later commit. [`Store`](super::Store) runs the closure again, so
    /// callers of `write` and `read` meet it only inside the closure, where they pass it on with `?`.
    #[error("what was read has been changed by another transaction")]
    Conflict,
    /// The transaction lost against others every time. Nothing was written; trying again later is right.
    #[error("gave way to other transactions {attempts} times")]
    Busy {
        /// How often the transaction was run.
        attempts: u32,
    },
    /// The engine takes no writes any more, until it is opened anew. A transaction that was under way may or may not
    /// be found after the next start; it was not acknowledged.
    #[error("the store is unavailable: {reason}")]
    Unavailable {
        /// What stopped it.
        reason: String,
    },
    /// The disk is full, or nearly. Nothing was written; writes are taken again when there is room.
    #[error("the store takes no writes until there is room on the disk: {reason}")]
    NoRoom {
        /// What the disk says.
        reason: String,
    },
    /// A stored value is not what its reader expects.
    #[error("stored {what} at key {key} cannot be read")]
    Corrupt {
        /// What was expected, and what is wrong with it.
        what: String,
        /// The key, in hexadecimal.
        key: String,
    },
    /// The journal contradicts itself or the state. The start is refused: going on could lose acknowledged writes.
    #[error("journal {} is damaged at byte {offset}: {what}; {remedy}", .file.display())]
    JournalCorrupt {
        /// The segment (or the journal's directory).
        file: PathBuf,
        /// Where in the segment.
        offset: u64,
        /// What is wrong there.
        what: String,
        /// What the operator can do.
        remedy: &'static str,
    },
    /// A snapshot is not whole.
    #[error("snapshot {} is damaged: {what}; remove it, and the snapshot before it is used", .file.display())]
    SnapshotCorrupt {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A key, value or transaction is over its limit.
    #[error("{what} of {bytes} bytes is over the limit of {bytes_max}")]
    TooLarge {
        /// Which thing.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// An `add` would take a counter out of the range of 64 bits. The transaction is refused as a whole.
    #[error("counter at key {key} cannot take {delta} more")]
    CounterOverflow {
        /// The key, in hexadecimal.
        key: String,
        /// What should have been added.
        delta: i64,
    },
    /// Another process has the data directory open.
    #[error("data directory {} is in use by another process", .path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The data directory is not one that this version can open.
    #[error("data directory {} cannot be opened: {what}", .path.display())]
    Unsuitable {
        /// The directory.
        path: PathBuf,
        /// Why.
        what: String,
    },
    /// The operating system refused a step.
    #[error("cannot {step}")]
    Io {
        /// The step that failed.
        step: String,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The engine under the contract failed in a way of its own.
    #[error("the storage engine cannot {step}")]
    Engine {
        /// The step that failed.
        step: &'static str,
        /// The engine's answer.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// An operating-system error, with the step that met it.
    pub(crate) fn io(step: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let step = step.into();
        move |source| Self::Io { step, source }
    }

    /// What is wrong with something that is stored; any other failure comes back as it is. For those who go through all
    /// records and tell which ones can not be read.
    ///
    /// # Errors
    /// The failure itself, when it is not [`StoreError::Corrupt`].
    pub(crate) fn corruption(self) -> Result<String, Self> {
        match self {
            Self::Corrupt { .. } => Ok(self.to_string()),
            failure => Err(failure),
        }
    }

    /// A stored value that is not what it should be.
    pub(crate) fn corrupt(what: impl Into<String>, key: &[u8]) -> Self {
        Self::Corrupt { what: what.into(), key: HEXLOWER.encode(key) }
    }
}
