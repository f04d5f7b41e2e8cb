//! What happens to a pack itself at a merchant: it is brought to another revision, back to the earlier one, or removed.
//!
//! A change of revisions swaps what the next call gets; calls under way finish on the old one. A revision that takes part in
//! its own life (the export `lifecycle`) first brings what the earlier one has stored to its own form: small storage in the
//! transaction of the change, large storage part by part in the background, while the pack is called for nothing else. From
//! the change on, the host keeps what each entry was before it is written ("undo"), so that the earlier revision can be had
//! back with its storage as it was, by people or because the migration has failed. What was booked stays booked.

mod carry_on;
mod change_revision;
mod remove;
mod restore;
mod upgrade;

pub use carry_on::carry_on;
pub use change_revision::ChangeError;
pub(super) use change_revision::{Changing, change_revision, check_change, tell_disabled, tell_enabled};
pub use remove::{Entry, RemoveError, list_entries, list_entries_about, remove_pack};
pub(in crate::usecase) use restore::forget;
pub use restore::{RestoreError, forget_before, restore_before};
pub use upgrade::{UpgradeError, UpgradePack, upgrade_pack};

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::pack_calls::Failure;
use super::usage::note_signer;
use super::{Act, Enablement};
use crate::domain::{Code, MerchantId, RevisionId, StoreId};
use crate::pack::Grant;
use crate::store::{StoreError, Tx, layout, records};

/// Whether a pack is called, or why it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// It is called.
    InForce,
    /// It brings its storage to the form of another revision.
    Migrating,
    /// The earlier revision's storage is put back.
    Restoring,
    /// All that it has is being removed.
    Removing,
}

impl Stage {
    /// Its name in interfaces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InForce => "in-force",
            Self::Migrating => "migrating",
            Self::Restoring => "restoring",
            Self::Removing => "removing",
        }
    }
}

/// What was in force before a change of revisions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// The revision.
    pub revision: RevisionId,
    /// Its version.
    pub version: semver::Version,
    /// Where.
    pub stores: BTreeSet<StoreId>,
    /// What the merchant allowed.
    pub grants: BTreeSet<Grant>,
    /// The settings.
    pub settings: String,
    /// What was different in single stores.
    pub store_settings: BTreeMap<StoreId, String>,
    /// When it was changed.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub changed_at: Timestamp,
}

/// How far a change of revisions has come, and what is left to be done after it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeProgress {
    /// From where on the storage is to be migrated.
    pub cursor: Option<String>,
    /// How many parts are done.
    pub parts: u32,
    /// How often the next part was tried.
    pub attempts: u8,
    /// When it is tried again.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub due_at: Option<Timestamp>,
    /// Why the last try has failed; when the change was given up, why.
    pub failure: Option<Failure>,
    /// Whether the pack is to be told that it is switched on when its storage is migrated.
    pub then_enabled: bool,
    /// The numbers of changes before which nothing is to be had back any more: what is kept of them is dropped.
    pub stale: Vec<u32>,
}

records! {
    ChangeProgress, 1, "progress of a change of revisions";
}

/// How far a change of a pack's revisions has come.
///
/// # Errors
/// The store's failures.
pub fn read_progress(tx: &mut Tx, merchant: MerchantId, pack: &Code) -> Result<ChangeProgress, StoreError> {
    Ok(tx.load(&layout::change_of_pack(merchant, pack))?.unwrap_or_default())
}

/// Keeps what is in force of a pack, from the next call on.
pub(super) fn save_enablement(tx: &mut Tx, act: &Act<'_>, enablement: &Enablement) -> Result<(), StoreError> {
    tx.save(&layout::enablement(act.merchant, &enablement.pack), enablement)?;
    note_signer(tx, act.merchant, &enablement.pack, enablement.revision, act.now)?;
    tx.add(&layout::enablements_version(act.merchant), 1)
}

/// Settings with what is different in a store: a JSON merge patch (RFC 7396). Both are objects, which was checked when they
/// were set.
pub(super) fn merged(settings: &str, patch: &str) -> String {
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
    let mut settings = read(settings);
    merge(&mut settings, read(patch));
    settings.to_string()
}

fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(target) = target else { return };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(&name);
        } else {
            merge(target.entry(name).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_a_store_are_merged_as_the_rfc_says() {
        // Cases of RFC 7396, appendix A.
        for (target, patch, expected) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":"foo"}"#, r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            assert_eq!(merged(target, patch), expected);
        }
    }
}
