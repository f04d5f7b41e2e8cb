//! A pack leaves a merchant: what it has stored can be taken out first, and is dropped then.

use std::collections::BTreeSet;

use super::restore::ENTRIES_MAX;
use super::{Stage, save_enablement};
use crate::domain::{Code, Event, MemberId, MerchantId};
use crate::pack::storage;
use crate::store::{Direction, KeyRange, StoreError, Tx, layout};
use crate::usecase::pack_calls::LANES;
use crate::usecase::usage::note_owner;
use crate::usecase::{Act, Enablement, Exported, Revision};

/// Why a pack is not removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// The merchant has no such pack.
    #[error("there is no pack `{0}`")]
    UnknownPack(Code),
    /// It is enabled.
    #[error("the pack `{0}` is enabled: switch it off in all stores first")]
    Enabled(Code),
    /// A change is under way.
    #[error("the pack `{pack}` is {}: try again when that is done", .stage.name())]
    UnderWay {
        /// The pack.
        pack: Code,
        /// What is under way.
        stage: Stage,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An entry of a pack's own storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: Vec<u8>,
}

/// Entries of a pack's own storage in the order of their keys, after one and as many as `limit`.
///
/// # Errors
/// The store's failures.
pub fn list_entries(
    tx: &mut Tx,
    act: &Act<'_>,
    pack: &Code,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Entry>, StoreError> {
    let mut range = layout::pack_entries(act.merchant, pack);
    if let Some(after) = after {
        let start = [layout::pack_entry(act.merchant, pack, after.as_bytes()).as_slice(), &[0]].concat();
        range = KeyRange { start, ..range };
    }
    let own = layout::pack_entry_prefix_len(pack);
    let found = tx.scan(&range, Direction::Forward, limit)?;
    let entry =
        |(key, value): (Vec<u8>, Vec<u8>)| Entry { key: String::from_utf8_lossy(&key[own..]).into_owned(), value };
    Ok(found.into_iter().map(entry).collect())
}

/// What packs have stored about somebody, a page at a time: of so many entries behind a place those that name one of the
/// members, with the pack, and where to go on. Packs store what they like, so all that they have is gone through.
///
/// # Errors
/// The store's failures.
pub fn list_entries_about(
    tx: &mut Tx,
    act: &Act<'_>,
    members: &BTreeSet<MemberId>,
    after: Option<&[u8]>,
    window: usize,
) -> Result<Exported<(Code, Entry)>, StoreError> {
    let names: Vec<String> = members.iter().map(ToString::to_string).collect();
    let names_one = |text: &[u8]| names.iter().any(|name| text.windows(name.len()).any(|part| part == name.as_bytes()));
    let range = layout::pack_entries_all(act.merchant);
    let range = after.map_or_else(|| range.clone(), |after| range.after(after));
    let found = tx.scan(&range, Direction::Forward, window)?;
    let next = found.last().filter(|_| found.len() == window).map(|(key, _)| key.clone());
    let mut about = Vec::new();
    for (key, value) in found {
        let Some((pack, own)) = layout::pack_entry_parts(&key) else { continue };
        if names_one(own) || names_one(&value) {
            about.push((pack, Entry { key: String::from_utf8_lossy(own).into_owned(), value }));
        }
    }
    Ok((about, next))
}

/// Removes a pack with its storage, timers, revisions, log and recorded calls. What it has told and booked stays in the log and
/// in the books, and so do its units, and whose its name is. The rest of the work is done in the background.
///
/// # Errors
/// The first refusal in the order of [`RemoveError`]'s variants.
pub fn remove_pack(tx: &mut Tx, act: &mut Act<'_>, pack: &Code) -> Result<(), RemoveError> {
    let enablement = tx.load::<Enablement>(&layout::enablement(act.merchant, pack))?;
    if let Some(enablement) = &enablement {
        if enablement.stage != Stage::InForce {
            return Err(RemoveError::UnderWay { pack: pack.clone(), stage: enablement.stage });
        }
        if !enablement.stores.is_empty() {
            return Err(RemoveError::Enabled(pack.clone()));
        }
    }
    let mut revisions = Vec::new();
    tx.each::<Revision>(&layout::revisions(act.merchant), |key, revision| {
        if revision.pack == *pack {
            revisions.push((key.to_vec(), revision));
        }
    })?;
    if revisions.is_empty() && enablement.is_none() {
        return Err(RemoveError::UnknownPack(pack.clone()));
    }
    for (key, revision) in revisions {
        if let Some(by) = &revision.signed {
            note_owner(tx, act.merchant, pack, &by.vendor)?;
        }
        tx.delete(&key);
        act.record(tx, "pack-revision", &revision.id.to_string(), Some(&revision), None)?;
    }
    act.afterwards.get_mut().removed.push(pack.clone());
    match enablement {
        Some(found) => {
            act.record(tx, "enablement", pack.as_str(), Some(&found), None)?;
            let removing = Enablement { stage: Stage::Removing, ..found };
            save_enablement(tx, act, &removing)?;
            remove_part(tx, act, &removing)?;
        }
        None => act.tell(tx, &Event::PackRemoved { pack: pack.clone(), at: act.now })?,
    }
    Ok(())
}

/// Drops a part of what a pack has; whether there is more.
pub(super) fn remove_part(tx: &mut Tx, act: &mut Act<'_>, enablement: &Enablement) -> Result<bool, StoreError> {
    let (merchant, pack) = (act.merchant, &enablement.pack);
    let undos = (0..=enablement.changes).rev().map(|number| layout::pack_undos(merchant, pack, number));
    let dues = (0..LANES).map(|lane| layout::pack_dues(merchant, pack, lane));
    let ranges = [
        layout::pack_timers(merchant, pack),
        layout::pack_timer_dues(merchant, pack),
        layout::pack_waiting_of_pack(merchant, pack),
        layout::parked_calls(merchant, pack),
    ];
    let mut left = ENTRIES_MAX - remove_entries(tx, merchant, pack)?;
    if left == 0 {
        return Ok(true);
    }
    for range in ranges.into_iter().chain(dues).chain(undos) {
        let found = tx.scan(&range, Direction::Forward, left)?;
        for (key, _) in &found {
            tx.delete(key);
        }
        left -= found.len();
        if left == 0 {
            return Ok(true);
        }
    }
    for lane in 0..=LANES {
        tx.delete(&layout::pack_progress(merchant, pack, lane));
    }
    tx.delete(&layout::pack_stored(merchant, pack));
    tx.delete(&layout::pack_timer_count(merchant, pack));
    tx.delete(&layout::change_of_pack(merchant, pack));
    tx.delete(&layout::enablement(merchant, pack));
    tx.add(&layout::enablements_version(merchant), 1)?;
    act.tell(tx, &Event::PackRemoved { pack: pack.clone(), at: act.now })?;
    Ok(false)
}

/// Drops a part of what a pack has stored. Returns how many entries that were.
fn remove_entries(tx: &mut Tx, merchant: MerchantId, pack: &Code) -> Result<usize, StoreError> {
    let own = layout::pack_entry_prefix_len(pack);
    let found = tx.scan(&layout::pack_entries(merchant, pack), Direction::Forward, ENTRIES_MAX)?;
    let mut grown = 0;
    for (key, value) in &found {
        grown += storage::growth(&key[own..], Some(value), None);
        tx.delete(key);
    }
    storage::count(tx, merchant, pack, grown)?;
    Ok(found.len())
}
