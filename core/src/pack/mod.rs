//! Packs: sandboxed components that carry everything specific to a trade. The only place that knows wasmtime.
//!
//! [`Trust::judge`] tells who has signed a component, and whether that is enough. [`Packs`] is the engine: [`Packs::load`]
//! checks a component against the contract in `wit/` and compiles it, or takes what it has compiled and kept earlier; a
//! [`LoadedPack`] is then called any number of times, each time in a **fresh instance** from a pre-linked image, inside
//! the caller's transaction, under [`Limits`] (fuel, wall clock, memory over all memories and tables, host calls).
//!
//! What a pack may have done that takes a use case, such as a tag with its audit entry or a message, goes through
//! [`Services`], which whoever calls hands over with the [`Scene`].
//!
//! Guarantees: a pack reaches nothing but the functions of the contract, and of those only what was granted; a call
//! that does not return `ok` leaves the transaction as it was; no state survives in an instance; whatever a pack does
//! ends in a [`CallError`] with a stable code. It does not know what a pack is for, nor any pack by name.

mod bindings;
mod cache;
mod call;
mod effort;
mod engine;
mod error;
mod grant;
mod host;
mod limits;
mod load;
mod manifest;
mod page;
mod pricing;
mod recording;
mod replies;
mod scene;
mod services;
mod signature;
pub(crate) mod storage;
mod timers;

pub use cache::CacheTally;
pub use call::{Asked, Decided, Earning, Finding, Happened, LogLine, Migrated, Verdict};
pub use engine::{Packs, PacksError};
pub use error::{CallError, Quota, Refusal, RefusalKind};
pub use grant::{Grant, GrantError};
pub use limits::{Limits, LimitsAsked};
pub use load::{CONTRACT_VERSION, LoadError, LoadedPack, componentize, revision_of};
pub use manifest::{
    Command, FactDeclared, GrantAsked, Manifest, ManifestError, PageDeclared, Texts, TimerDeclared, UnitDeclared,
};
pub use pricing::{Off, Offered};
pub use recording::{
    Departure, Differences, Diverged, Effect, FailureKind, FuelSpread, HostCall, Outcome, PlayError, Played, Recording,
    RecordingError, Rehearsal, Rehearsed, Way,
};
pub use scene::Scene;
pub use services::{
    Allowance, Errand, Lead, MemberContact, NewMessage, NewTier, Obstacle, PartnerReply, SeenAgreement, Sent,
    ServiceError, Services,
};
pub use signature::{
    KeyId, KeyTextError, PublicKey, SignatureError, SignedBy, SigningKey, SigningKeyError, Trust, VendorKey,
    claimed_key, sign,
};
pub(crate) use timers::Timer1;
pub(crate) use timers::named_place;
pub use timers::{Timer, TimerKind, due_timers, next_timer, put_timer, take_timer};
