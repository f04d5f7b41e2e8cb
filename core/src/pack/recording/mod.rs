//! Recordings of calls: what a pack was given, what it asked the host and was answered, what came of it, as data.
//!
//! A call is a function of its recording: its export and input, the settings, the limits, and the answers of the host. So
//! [`LoadedPack::play`](super::LoadedPack::play) makes it again without a store, on any machine, and gives a recording in its
//! turn, to be compared with the first. [`Rehearsal`] does so with another revision over many calls.
//!
//! Guarantees: recording changes nothing of a call, and takes at most [`Recording::BYTES_MAX`] bytes; what is longer is cut,
//! says so, and is not played. The store's failures and what the host could not run at all are not recorded.

mod codec;
mod differences;
pub(super) mod export;
mod play;
mod rehearse;
mod tape;

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::codec::RecordingError;
pub use self::differences::{Differences, Effect};
pub use self::play::{Departure, PlayError, Played, Way};
pub use self::rehearse::{Diverged, FuelSpread, Rehearsal, Rehearsed};
pub(super) use self::tape::{HostCalls, Player, Recorder};
use super::host::function::Described;
use super::{CallError, Grant, Limits, Refusal, RefusalKind};
use crate::domain::{Code, MerchantId, RevisionId};

/// A call of a pack, as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// The version of the contract that the host spoke.
    pub contract: String,
    /// The pack.
    pub pack: Code,
    /// The version that its manifest told.
    pub version: semver::Version,
    /// The SHA-256 of its component.
    pub component: [u8; 32],
    /// For whom it ran.
    pub merchant: MerchantId,
    /// When.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
    /// Which function was called, such as `checkout.settled`.
    pub export: String,
    /// With what: the types are those of the contract.
    pub(super) input: Vec<u8>,
    /// The settings that were in force, as JSON.
    #[serde(with = "shared")]
    pub settings: Arc<str>,
    /// What the merchant had granted.
    #[serde(with = "shared")]
    pub grants: Arc<BTreeSet<Grant>>,
    /// What it might use.
    pub limits: Limits,
    /// What it asked the host, and was answered.
    pub(super) calls: HostCalls,
    /// How it ended.
    pub outcome: Outcome,
    /// Units of fuel that it used.
    pub fuel: u64,
    /// How often it called the host, calls that were refused for their number included.
    pub host_calls: u64,
    /// How much it read and wrote by that, in bytes.
    pub moved_bytes: u64,
    /// Whether it was too long, so that parts are missing.
    pub is_cut: bool,
}

/// How a recorded call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It returned this and the host took it: the types are those of the contract.
    Returned(Vec<u8>),
    /// It refused, did harm, or the host did not take what it returned.
    Failed {
        /// Of which kind that is.
        kind: FailureKind,
        /// Stable name.
        code: String,
        /// For people.
        message: String,
    },
}

/// Of which kind the failure of a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureKind {
    /// The pack itself said no, by its rules.
    Refusal,
    /// The pack itself said that it could not do its work.
    Inability,
    /// It broke off, went over a limit, or returned what the contract does not allow.
    Fault,
    /// It wanted what was not granted, or does not export what was called.
    Denial,
}

impl Outcome {
    /// How a failure is kept; none for what is not the pack's.
    pub(super) fn of(error: &CallError) -> Option<Self> {
        let kind = match error {
            CallError::Store(_)
            | CallError::Host(_)
            | CallError::Resting { .. }
            | CallError::QuotaUsedUp { .. }
            | CallError::Upgrading => return None,
            CallError::Refused(Refusal { kind: RefusalKind::Failed, .. }) => FailureKind::Inability,
            CallError::Refused(_) => FailureKind::Refusal,
            CallError::Denied { .. } | CallError::TooMuchOff { .. } | CallError::NotExported { .. } => {
                FailureKind::Denial
            }
            fault => {
                debug_assert!(fault.is_fault(), "every kind of error has its kind of failure");
                FailureKind::Fault
            }
        };
        Some(Self::Failed { kind, code: error.code().to_owned(), message: error.to_string() })
    }

    /// The stable name of a failure.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Returned(_) => None,
            Self::Failed { code, .. } => Some(code),
        }
    }
}

impl Recording {
    /// How long the input, the host calls and what was returned may be together, in bytes.
    pub const BYTES_MAX: usize = 256 << 10;

    /// Which revision was called.
    pub fn revision(&self) -> RevisionId {
        let mut id = [0; 16];
        id.copy_from_slice(&self.component[..16]);
        RevisionId::from_bytes(id)
    }

    /// A number that follows from what the call was given, seed included.
    pub fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.input.hash(&mut hasher);
        hasher.finish()
    }

    /// Whether the call went wrong, so that somebody will want to look at it. What a pack refuses by its rules is none.
    pub fn has_failed(&self) -> bool {
        match self.outcome {
            Outcome::Returned(_) | Outcome::Failed { kind: FailureKind::Refusal, .. } => false,
            Outcome::Failed { kind: FailureKind::Inability | FailureKind::Fault | FailureKind::Denial, .. } => true,
        }
    }

    /// How many bytes it takes, about.
    pub fn size(&self) -> usize {
        let returned = if let Outcome::Returned(reply) = &self.outcome { reply.len() } else { 0 };
        512 + self.input.len() + self.calls.size() + returned
    }

    /// The ids that begin so in all that the call was given, asked, was answered and returned: members are named so, and
    /// nowhere else is it written which.
    pub fn ids_of<T: std::str::FromStr + Ord>(&self, prefix: &str) -> BTreeSet<T> {
        let returned = if let Outcome::Returned(reply) = &self.outcome { reply.as_slice() } else { &[] };
        let message = if let Outcome::Failed { message, .. } = &self.outcome { message.as_bytes() } else { &[] };
        let start = format!("{prefix}_");
        let length = start.len() + 32;
        let mut ids = BTreeSet::new();
        for bytes in [&self.input, self.calls.bytes(), returned, message] {
            for at in bytes.windows(length) {
                if at.starts_with(start.as_bytes())
                    && let Some(id) = std::str::from_utf8(at).ok().and_then(|text| text.parse().ok())
                {
                    ids.insert(id);
                }
            }
        }
        ids
    }

    /// What the call was given, for people and programs.
    pub fn input(&self) -> Value {
        export::find(&self.export).and_then(|export| export.input(&self.input)).unwrap_or(Value::Null)
    }

    /// What it asked the host and was answered, in order.
    pub fn host_calls(&self) -> Vec<HostCall> {
        let calls = self.calls.read().unwrap_or_default();
        calls.into_iter().map(|call| HostCall::of(call.name, call.arguments, call.answer)).collect()
    }

    /// How it ended, for people and programs: an object with `returned` or `failed`.
    pub fn ending(&self) -> Value {
        match &self.outcome {
            Outcome::Returned(reply) => {
                let reply = export::find(&self.export).and_then(|export| export.reply(reply));
                serde_json::json!({ "returned": reply })
            }
            Outcome::Failed { code, message, .. } => {
                serde_json::json!({ "failed": { "code": code, "message": message } })
            }
        }
    }

    /// The SHA-256 of the component as text.
    pub fn component_hex(&self) -> String {
        HEXLOWER.encode(&self.component)
    }
}

/// A call of a host function, for people and programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostCall {
    /// Its name in the contract, such as `kv.get`.
    pub function: String,
    /// What it was given: a list.
    pub arguments: Value,
    /// What it answered: an object with `ok`, `error` or `ended`.
    pub answer: Value,
    /// Whether it has changed something, if the call was kept.
    pub has_written: bool,
}

impl HostCall {
    fn of(name: &str, arguments: &[u8], answer: &[u8]) -> Self {
        let function = super::host::function::find(name);
        let answer = function.and_then(|function| function.answer(answer)).unwrap_or(Value::Null);
        Self {
            function: name.to_owned(),
            arguments: function.and_then(|function| function.arguments(arguments)).unwrap_or(Value::Null),
            has_written: function.is_some_and(Described::writes) && answer.get("ok").is_some(),
            answer,
        }
    }
}

impl std::fmt::Display for HostCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}(", self.function)?;
        for (place, argument) in self.arguments.as_array().into_iter().flatten().enumerate() {
            write!(f, "{}{argument}", if place == 0 { "" } else { ", " })?;
        }
        write!(f, ")")
    }
}

/// What calls share is written as if it were their own.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer, T: Serialize + ?Sized>(value: &Arc<T>, to: S) -> Result<S::Ok, S::Error> {
        T::serialize(value, to)
    }

    pub(super) fn deserialize<'de, D, T>(from: D) -> Result<Arc<T>, D::Error>
    where
        D: Deserializer<'de>,
        T: ?Sized,
        Box<T>: Deserialize<'de>,
    {
        Ok(Box::<T>::deserialize(from)?.into())
    }
}
