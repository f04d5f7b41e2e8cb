//! Staff write down what they want to remember of a member.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::export::{Exported, page, whose};
use super::keys::unreadable;
use super::{Act, Reply};
use crate::domain::{MemberId, MerchantId, NoteId, Remark, StaffId, Standing};
use crate::store::{Direction, Key, Record, StoreError, Tx, layout, member_of};
use crate::vault::{Sealed, SecretKey};

/// A note as it is kept: sealed by the member's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptNote {
    by: Option<StaffId>,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    at: Timestamp,
    text: Sealed,
}

impl Record for KeptNote {
    const VERSION: u8 = 1;
    const NAME: &'static str = "note";
}

/// A note about a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Its id.
    pub id: NoteId,
    /// Who wrote it; none for the operator.
    pub by: Option<StaffId>,
    /// When.
    pub at: Timestamp,
    /// What it says.
    pub text: Remark,
}

/// Why a note is not written.
#[derive(Debug, thiserror::Error)]
pub enum NoteError {
    /// Not a member of the merchant.
    #[error("there is no member {0}")]
    UnknownMember(MemberId),
    /// They asked to be forgotten.
    #[error("{0} was erased: no notes are kept about them")]
    Erased(MemberId),
    /// No such note.
    #[error("there is no note {0} about this member")]
    UnknownNote(NoteId),
    /// The member has as many as can be.
    #[error("a member has at most {NOTES_MAX} notes; remove one")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A note that was written: kept with the idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteWritten {
    /// The note.
    pub note: NoteId,
    /// About whom.
    pub member: MemberId,
}

impl Record for NoteWritten {
    const VERSION: u8 = 1;
    const NAME: &'static str = "written note";
}

impl Reply for NoteWritten {
    /// The member: the note may be removed.
    fn about(&self, merchant: MerchantId) -> Option<Key> {
        Some(layout::member(merchant, self.member))
    }
}

/// How many notes a member may have: an erasure removes them in one transaction.
const NOTES_MAX: usize = 500;

/// Writes a note.
///
/// # Errors
/// The first refusal in the order of [`NoteError`]'s variants.
pub fn write_note(tx: &mut Tx, act: &mut Act<'_>, member: MemberId, text: &Remark) -> Result<NoteWritten, NoteError> {
    let record = member_of(tx, act.merchant, member)?.ok_or(NoteError::UnknownMember(member))?;
    let member = record.id;
    if record.standing != Standing::Active {
        return Err(NoteError::Erased(member));
    }
    if tx.scan(&layout::notes(act.merchant, member), Direction::Forward, NOTES_MAX)?.len() >= NOTES_MAX {
        return Err(NoteError::TooMany);
    }
    let id = act.ids.note();
    let place = layout::note(act.merchant, member, id);
    let text = act.member_key_or_new(tx, member)?.seal(act.entropy, &place, text.as_str().as_bytes());
    tx.save(&place, &KeptNote { by: act.staff(), at: act.now, text })?;
    act.record_of(tx, member, "note", (None, Some(json!({ "note": id }))), None)?;
    Ok(NoteWritten { note: id, member })
}

/// Removes a note.
///
/// # Errors
/// [`NoteError::UnknownNote`], and the store's failures.
pub fn remove_note(tx: &mut Tx, act: &mut Act<'_>, member: MemberId, id: NoteId) -> Result<(), NoteError> {
    let member = member_of(tx, act.merchant, member)?.map_or(member, |member| member.id);
    let place = layout::note(act.merchant, member, id);
    if tx.get(&place)?.is_none() {
        return Err(NoteError::UnknownNote(id));
    }
    tx.delete(&place);
    act.record_of(tx, member, "note", (Some(json!({ "note": id })), None), None)?;
    Ok(())
}

/// The notes about a member, the newest first, those before `before`.
///
/// # Errors
/// The store's failures.
pub fn list_notes(
    tx: &mut Tx,
    act: &Act<'_>,
    member: MemberId,
    before: Option<NoteId>,
    limit: usize,
) -> Result<Vec<Note>, StoreError> {
    let mut range = layout::notes(act.merchant, member);
    if let Some(before) = before {
        range.end = layout::note(act.merchant, member, before);
    }
    let kept = tx.load_scan::<KeptNote>(&range, Direction::Backward, limit)?;
    let Some(key) = act.member_key(tx, member)? else { return Ok(Vec::new()) };
    kept.into_iter().map(|(place, note)| opened(&key, &place, note)).collect()
}

/// A page of the notes about all members with whom they are about, those behind a place, and where to go on.
///
/// # Errors
/// The store's failures.
pub fn export_notes(
    tx: &mut Tx,
    act: &Act<'_>,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Exported<(MemberId, Note)>, StoreError> {
    let (kept, next) = page::<KeptNote>(tx, &layout::all_notes(act.merchant), after, limit)?;
    let mut notes = Vec::new();
    let mut of: Option<(MemberId, Option<SecretKey>)> = None;
    for (place, note) in kept {
        let member = whose(&place)?;
        let (_, key) = match of.take().filter(|(last, _)| *last == member) {
            Some(last) => of.insert(last),
            None => of.insert((member, act.member_key(tx, member)?)),
        };
        if let Some(key) = key {
            notes.push((member, opened(key, &place, note)?));
        }
    }
    Ok((notes, next))
}

fn opened(key: &SecretKey, place: &Key, KeptNote { by, at, text }: KeptNote) -> Result<Note, StoreError> {
    let plain = key.open(place, &text).map_err(|error| unreadable(error, place))?;
    let text = String::from_utf8(plain.to_vec()).ok().and_then(|text| Remark::new(text).ok());
    let text = text.ok_or_else(|| StoreError::corrupt("note (it is no text)", place))?;
    Ok(Note { id: note_of(place)?, by, at, text })
}

fn note_of(place: &Key) -> Result<NoteId, StoreError> {
    let id: Option<[u8; 16]> = place.len().checked_sub(16).and_then(|at| place[at..].try_into().ok());
    id.map(NoteId::from_bytes).ok_or_else(|| StoreError::corrupt("key of a note", place))
}

/// Takes away all notes about a member.
pub(super) fn drop_notes(tx: &mut Tx, merchant: MerchantId, member: MemberId) -> Result<(), StoreError> {
    for (key, _) in tx.scan(&layout::notes(merchant, member), Direction::Forward, usize::MAX)? {
        tx.delete(&key);
    }
    Ok(())
}

/// Makes the notes about a member those about another one, sealed by the other one's key.
pub(super) fn merge_notes(tx: &mut Tx, act: &Act<'_>, gone: MemberId, survivor: MemberId) -> Result<(), StoreError> {
    let kept = tx.load_scan::<KeptNote>(&layout::notes(act.merchant, gone), Direction::Forward, usize::MAX)?;
    let Some(old) = act.member_key(tx, gone)?.filter(|_| !kept.is_empty()) else { return Ok(()) };
    let new = act.member_key_or_new(tx, survivor)?;
    for (from, note) in kept {
        let plain = old.open(&from, &note.text).map_err(|error| unreadable(error, &from))?;
        let to = layout::note(act.merchant, survivor, note_of(&from)?);
        let text = new.seal(act.entropy, &to, &plain);
        tx.delete(&from);
        tx.save(&to, &KeptNote { text, ..note })?;
    }
    Ok(())
}
