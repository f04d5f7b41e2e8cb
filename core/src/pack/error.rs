//! How a call can end other than well. Trap, time, fuel, refusal and denial are different things.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::bindings::punchcard::pack::types as wit;
use crate::domain::{Code, Minor};
use crate::store::StoreError;

/// Why a call of a pack did not do its work. The transaction is as it was before the call.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The pack itself said no.
    #[error("{}", .0.message)]
    Refused(Refusal),
    /// It used up its fuel: an endless or very long loop.
    #[error("the pack used up its {fuel_max} units of fuel")]
    OutOfFuel {
        /// The limit.
        fuel_max: u64,
    },
    /// It took too long.
    #[error("the pack ran for more than {wall_max_ms} ms")]
    TimedOut {
        /// The limit.
        wall_max_ms: u64,
    },
    /// It wanted too much memory.
    #[error("the pack wanted more than {memory_max_bytes} bytes of memory")]
    MemoryExceeded {
        /// The limit.
        memory_max_bytes: u64,
    },
    /// It recursed too deep.
    #[error("the pack recursed deeper than its stack")]
    StackExhausted,
    /// It called the host too often.
    #[error("the pack made more than {host_calls_max} host calls")]
    HostCallsExceeded {
        /// The limit.
        host_calls_max: u64,
    },
    /// It read and wrote too much.
    #[error("the pack moved more than {moved_max_bytes} bytes by its host calls")]
    MovedExceeded {
        /// The limit.
        moved_max_bytes: usize,
    },
    /// It wrote too much.
    #[error(
        "the pack wrote more than {written_max_bytes} bytes by its host calls, or than its transaction has room for"
    )]
    WrittenExceeded {
        /// The limit.
        written_max_bytes: usize,
    },
    /// It read too much.
    #[error("the pack read more than {reads_max} entries by its host calls")]
    ReadExceeded {
        /// The limit.
        reads_max: usize,
    },
    /// It broke off: a panic, a forbidden instruction, an argument outside the contract.
    #[error("the pack broke off: {message}")]
    Trapped {
        /// What wasmtime says.
        message: String,
    },
    /// It returned something that the contract does not allow.
    #[error("the pack returned what the contract does not allow: {message}")]
    BadReply {
        /// What is wrong with it.
        message: String,
    },
    /// It wanted something that the merchant did not grant.
    #[error("the pack has no grant to write `{unit}`")]
    Denied {
        /// The unit that it wanted to write.
        unit: Code,
    },
    /// It wanted to take more off an order than the merchant lets it.
    #[error("the pack takes {off} off an order of {total}, but `orders:discount:{percent}` allows {most}")]
    TooMuchOff {
        /// How much it wanted to take off, in minor units.
        off: Minor,
        /// What the order came to.
        total: Minor,
        /// How much it may take off.
        most: Minor,
        /// That in percent.
        percent: u8,
    },
    /// It does not export the interface.
    #[error("the pack does not export `{interface}`")]
    NotExported {
        /// Which interface.
        interface: &'static str,
    },
    /// It has done harm again and again, and is not called for a while.
    #[error("the pack rests until {until}, as its calls have failed again and again")]
    Resting {
        /// Until when.
        until: Timestamp,
    },
    /// The merchant's packs have used up what they may use together.
    #[error("the packs of the merchant have used up {quota}, and are called again from {until}")]
    QuotaUsedUp {
        /// What they may use.
        quota: Quota,
        /// From when there is more.
        until: Timestamp,
    },
    /// Its storage is being brought to another revision, or back.
    #[error("the pack is being brought to another revision, and is called again when that is done")]
    Upgrading,
    /// No fault of the pack: the store failed, or another transaction came between. Pass it on.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No fault of the pack: no instance could be made.
    #[error("the host could not run the pack: {0}")]
    Host(String),
}

impl CallError {
    /// Whether the pack did harm: it broke off, went over a limit, or returned what the contract does not allow.
    pub fn is_fault(&self) -> bool {
        match self {
            Self::OutOfFuel { .. }
            | Self::TimedOut { .. }
            | Self::MemoryExceeded { .. }
            | Self::StackExhausted
            | Self::HostCallsExceeded { .. }
            | Self::MovedExceeded { .. }
            | Self::WrittenExceeded { .. }
            | Self::ReadExceeded { .. }
            | Self::Trapped { .. }
            | Self::BadReply { .. } => true,
            Self::Refused(_)
            | Self::Denied { .. }
            | Self::TooMuchOff { .. }
            | Self::NotExported { .. }
            | Self::Resting { .. }
            | Self::QuotaUsedUp { .. }
            | Self::Upgrading
            | Self::Store(_)
            | Self::Host(_) => false,
        }
    }

    /// Whether the same call may go well at another time: it was no rule of the trade that forbade it.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.kind == RefusalKind::Failed,
            Self::NotExported { .. } => false,
            _ => true,
        }
    }

    /// A stable name for programs.
    pub fn code(&self) -> &str {
        match self {
            Self::Refused(refusal) => &refusal.code,
            Self::OutOfFuel { .. } => "out-of-fuel",
            Self::TimedOut { .. } => "timed-out",
            Self::MemoryExceeded { .. } => "memory-exceeded",
            Self::StackExhausted => "stack-exhausted",
            Self::HostCallsExceeded { .. } => "host-calls-exceeded",
            Self::MovedExceeded { .. } => "moved-exceeded",
            Self::WrittenExceeded { .. } => "written-exceeded",
            Self::ReadExceeded { .. } => "read-exceeded",
            Self::Trapped { .. } => "trapped",
            Self::BadReply { .. } => "bad-reply",
            Self::Denied { .. } | Self::TooMuchOff { .. } => "denied",
            Self::NotExported { .. } => "not-exported",
            Self::Resting { .. } => "resting",
            Self::QuotaUsedUp { .. } => "quota-used-up",
            Self::Upgrading => "upgrading",
            Self::Store(_) => "store",
            Self::Host(_) => "host",
        }
    }
}

/// What all packs of a merchant may use together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quota {
    /// Fuel on a day of UTC.
    FuelOfDay {
        /// The limit.
        fuel_max: u64,
    },
    /// Fuel of all of them a second.
    Fuel {
        /// The limit.
        fuel_max: u64,
    },
    /// Fuel of one of them a second.
    FuelOfPack {
        /// The limit.
        fuel_max: u64,
    },
    /// What all of them write a second.
    Written {
        /// The limit.
        bytes_max: u64,
    },
    /// What one of them writes a second.
    WrittenByPack {
        /// The limit.
        bytes_max: u64,
    },
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FuelOfDay { fuel_max } => write!(f, "their {fuel_max} units of fuel for today"),
            Self::Fuel { fuel_max } => write!(f, "the {fuel_max} units of fuel that they may use a second"),
            Self::FuelOfPack { fuel_max } => {
                write!(f, "the {fuel_max} units of fuel that one of them may use a second")
            }
            Self::Written { bytes_max } => write!(f, "the {bytes_max} bytes that they may write a second"),
            Self::WrittenByPack { bytes_max } => write!(f, "the {bytes_max} bytes that one of them may write a second"),
        }
    }
}

/// A pack's own no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What kind of no it is.
    pub kind: RefusalKind,
    /// Stable name, such as `slot-full`.
    pub code: String,
    /// One sentence in the caller's locale.
    pub message: String,
}

/// What kind of no a pack gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefusalKind {
    /// The input is wrong.
    Invalid,
    /// The thing named does not exist.
    NotFound,
    /// A rule forbids it now.
    Refused,
    /// The pack could not do its work.
    Failed,
}

impl From<wit::Refusal> for Refusal {
    fn from(refusal: wit::Refusal) -> Self {
        let (kind, problem) = match refusal {
            wit::Refusal::Invalid(problem) => (RefusalKind::Invalid, problem),
            wit::Refusal::NotFound(problem) => (RefusalKind::NotFound, problem),
            wit::Refusal::Refused(problem) => (RefusalKind::Refused, problem),
            wit::Refusal::Failed(problem) => (RefusalKind::Failed, problem),
        };
        let code = Code::new(&problem.code).map_or_else(|_| "unnamed".to_owned(), String::from);
        Self { kind, code, message: cut(&problem.message, 512) }
    }
}

/// The longest beginning of a text that fits into so many bytes.
pub(super) fn cut(text: &str, max_bytes: usize) -> String {
    let mut end = text.len().min(max_bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
