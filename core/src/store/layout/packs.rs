//! The keys of packs at a merchant: revisions with their components, what is enabled, and what packs store.

use super::{Code, Key, KeyRange, MerchantId, Name, RevisionId};

/// A pack revision.
pub fn revision(merchant: MerchantId, revision: RevisionId) -> Key {
    Name::of(b'R', merchant).bytes(revision.as_bytes()).0
}

/// All pack revisions of a merchant.
pub fn revisions(merchant: MerchantId) -> KeyRange {
    Name::of(b'R', merchant).range()
}

/// A part of a revision's component.
pub fn component_part(revision: RevisionId, number: u32) -> Key {
    Name::new(b'B').bytes(revision.as_bytes()).bytes(&number.to_be_bytes()).0
}

/// All parts of a revision's component, in order.
pub fn component_parts(revision: RevisionId) -> KeyRange {
    Name::new(b'B').bytes(revision.as_bytes()).range()
}

/// The version of a merchant's enablements: a counter that every change moves.
pub fn enablements_version(merchant: MerchantId) -> Key {
    Name::of(b'E', merchant).0
}

/// An enablement.
pub fn enablement(merchant: MerchantId, pack: &Code) -> Key {
    Name::of(b'F', merchant).bytes(pack.as_str().as_bytes()).0
}

/// All enablements of a merchant.
pub fn enablements(merchant: MerchantId) -> KeyRange {
    Name::of(b'F', merchant).range()
}

/// A pack's own entry.
pub fn pack_entry(merchant: MerchantId, pack: &Code, key: &[u8]) -> Key {
    Name::of(b'k', merchant).text(pack.as_str()).bytes(key).0
}

/// How many bytes of a pack entry's key come before the pack's own part.
pub fn pack_entry_prefix_len(pack: &Code) -> usize {
    1 + 16 + pack.as_str().len() + 1
}

/// All of a pack's own entries.
pub fn pack_entries(merchant: MerchantId, pack: &Code) -> KeyRange {
    Name::of(b'k', merchant).text(pack.as_str()).range()
}

/// A counter of the bytes that a pack has stored: its own parts of the keys of its entries, and their values.
pub fn pack_stored(merchant: MerchantId, pack: &Code) -> Key {
    Name::of(b'@', merchant).bytes(b"b").text(pack.as_str()).0
}

/// The counters of what a merchant's packs have stored.
pub fn pack_stored_all(merchant: MerchantId) -> KeyRange {
    Name::of(b'@', merchant).bytes(b"b").range()
}

/// All that packs of a merchant have stored, and what of it was before changes of revisions.
pub fn pack_entries_all(merchant: MerchantId) -> KeyRange {
    Name::of(b'k', merchant).range()
}

/// The same of all merchants.
pub fn all_pack_entries() -> KeyRange {
    Name::new(b'k').range()
}

/// The pack and its own part of the key of an entry; none for what an entry was before a change of revisions.
pub fn pack_entry_parts(key: &[u8]) -> Option<(Code, &[u8])> {
    let rest = key.get(17..)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    let pack = Code::new(std::str::from_utf8(rest.get(..end)?).ok()?).ok()?;
    Some((pack, rest.get(end + 1..)?))
}

/// What a pack's entry was before the change of revisions with this number. A code has no `~`.
pub fn pack_undo(merchant: MerchantId, pack: &Code, number: u32, key: &[u8]) -> Key {
    undo(merchant, pack, number).bytes(key).0
}

/// What all entries of a pack that were written since were before the change of revisions with this number.
pub fn pack_undos(merchant: MerchantId, pack: &Code, number: u32) -> KeyRange {
    undo(merchant, pack, number).range()
}

/// The pack's own part of the key that says what an entry was.
pub fn pack_undo_entry(key: &[u8]) -> Option<&[u8]> {
    let rest = key.get(17..)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    rest.get(end + 1..)
}

fn undo(merchant: MerchantId, pack: &Code, number: u32) -> Name {
    Name::of(b'k', merchant).text(&format!("{}~{number}", pack.as_str()))
}
