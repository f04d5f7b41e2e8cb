//! Packs: sandboxed components that carry everything specific to a trade. The only place that knows wasmtime.
//!
//! [`Trust::judge`] tells who has signed a component, and whether that is enough. [`Packs`] is the engine: [`Packs::load`]
//! checks a component against the contract in `wit/` and compiles it, or takes what it has compiled and kept earlier; a
//! [`LoadedPack`] is then called any number of times, each time in a **fresh instance** from a pre-linked image, inside
//! the caller's transaction, under [`Limits`] (fuel, wall clock, memory over all memories and tables, host calls).
//!
//! Guarantees: a pack reaches nothing but the functions of the contract, and of those only what was granted; a call
//! that does not return `ok` leaves the transaction as it was; no state survives in an instance; whatever a pack does
//! ends in a [`CallError`] with a stable code. It does not know what a pack is for, nor any pack by name.

mod bindings;
mod cache;
mod call;
mod engine;
mod error;
mod grant;
mod host;
mod limits;
mod load;
mod manifest;
mod signature;

pub use cache::CacheTally;
pub use call::{Decided, Earning, Finding, LogLine, Scene, Verdict};
pub use engine::{Packs, PacksError};
pub use error::{CallError, Refusal, RefusalKind};
pub use grant::{Grant, GrantError};
pub use limits::{Limits, LimitsAsked};
pub use load::{CONTRACT_VERSION, LoadError, LoadedPack, componentize, revision_of};
pub use manifest::{Command, Manifest, ManifestError, Texts, UnitDeclared};
pub use signature::{
    KeyId, KeyTextError, PublicKey, SignatureError, SignedBy, SigningKey, SigningKeyError, Trust, VendorKey,
    claimed_key, sign,
};
