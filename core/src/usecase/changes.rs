//! The audit log: who changed what, when, from what to what.
//!
//! An entry holds no personal data in the open: what was personal before and after is sealed by the member's key, and
//! can not be read any more once that key is dropped.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Act;
use super::keys::unreadable;
use super::known::Known;
use crate::domain::{ChangeId, Code, Member, MemberId, Role, Source, StaffId};
use crate::store::{self, Record, StoreError, Tx, layout, whole};
use crate::vault::Sealed;

/// A change that somebody made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its id.
    pub id: ChangeId,
    /// When.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
    /// Who of the staff; none for the operator at the command line, and for a pack.
    pub by: Option<(StaffId, Role)>,
    /// Of what kind the thing is: `member`, `attribute`, `api-key`.
    pub kind: String,
    /// Which of its kind.
    pub name: String,
    /// What it was before, as JSON; none when it was not there.
    pub before: Option<String>,
    /// What it is now, as JSON; none when it is not there any more.
    pub after: Option<String>,
    /// Whose key has sealed what is personal in it, and that: an object with `before` and `after`.
    pub personal: Option<(MemberId, Sealed)>,
    /// The pack that made it, when it was one.
    pub pack: Option<Code>,
}

impl Record for Change {
    const VERSION: u8 = 2;
    const NAME: &'static str = "change";

    /// In version 1 no pack changed anything.
    fn from_older(version: u8, body: &[u8]) -> Option<Self> {
        type Text = Option<String>;
        type Change1 = (ChangeId, i64, Option<(StaffId, Role)>, String, String, Text, Text, Option<(MemberId, Sealed)>);
        let (id, at, by, kind, name, before, after, personal) = (version == 1).then(|| whole::<Change1>(body))??;
        let at = Timestamp::from_millisecond(at).ok()?;
        Some(Self { id, at, by, kind, name, before, after, personal, pack: None })
    }
}

/// An entry of the audit log, as somebody reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadChange {
    /// Its place in the log, from 1.
    pub sequence: u64,
    /// The entry.
    pub change: Change,
    /// What was personal, as an object with `before` and `after`: for those who may read it, while it can be read.
    pub personal: Option<Value>,
}

impl Act<'_> {
    /// Where something that this run puts on a member comes from.
    pub(super) fn source(&self) -> Source {
        if let Some(pack) = &self.pack {
            return Source::Pack(pack.clone());
        }
        self.actor.as_ref().map_or(Source::Operator, |actor| Source::Hand(actor.staff))
    }

    /// Who of the staff acts; none for the operator, and for a pack.
    pub(super) fn staff(&self) -> Option<StaffId> {
        self.actor.as_ref().map(|actor| actor.staff)
    }

    /// Writes a change of one of the merchant's things into the audit log. Nothing personal may be in it.
    pub(super) fn record<T: Serialize>(
        &mut self,
        tx: &mut Tx,
        kind: &str,
        name: &str,
        before: Option<&T>,
        after: Option<&T>,
    ) -> Result<(), StoreError> {
        let text = |thing: &T| serde_json::to_string(thing).unwrap_or_else(|_| "null".to_owned());
        let change = Change {
            id: self.ids.change(),
            at: self.now,
            by: self.actor.as_ref().map(|actor| (actor.staff, actor.role)),
            kind: kind.to_owned(),
            name: name.to_owned(),
            before: before.map(text),
            after: after.map(text),
            personal: None,
            pack: self.pack.clone(),
        };
        self.append(tx, None, &change)
    }

    /// Writes a change of something of a member into the audit log and the member's history.
    pub(super) fn record_of(
        &mut self,
        tx: &mut Tx,
        member: MemberId,
        kind: &str,
        (before, after): (Option<Value>, Option<Value>),
        personal: Option<Value>,
    ) -> Result<(), StoreError> {
        let id = self.ids.change();
        let personal = match personal {
            Some(values) => {
                let (key, text) = (self.member_key_or_new(tx, member)?, values.to_string());
                Some((member, key.seal(self.entropy, &place(self, member, id), text.as_bytes())))
            }
            None => None,
        };
        let change = Change {
            id,
            at: self.now,
            by: self.actor.as_ref().map(|actor| (actor.staff, actor.role)),
            kind: kind.to_owned(),
            name: member.to_string(),
            before: before.map(|value| value.to_string()),
            after: after.map(|value| value.to_string()),
            personal,
            pack: self.pack.clone(),
        };
        self.append(tx, Some(member), &change)
    }

    fn append(&self, tx: &mut Tx, member: Option<MemberId>, change: &Change) -> Result<(), StoreError> {
        let bytes = store::encode(change);
        if let Some(member) = member {
            tx.put(&layout::member_change(self.merchant, member, change.id), bytes.clone())?;
        }
        tx.append(&layout::changes(self.merchant), bytes)
    }

    /// What was personal in a change, if it can still be read.
    pub(super) fn personal_of(&self, tx: &mut Tx, change: &Change) -> Result<Option<Value>, StoreError> {
        let Some((member, sealed)) = &change.personal else { return Ok(None) };
        let Some(key) = self.member_key(tx, *member)? else { return Ok(None) };
        let place = place(self, *member, change.id);
        let plain = key.open(&place, sealed).map_err(|error| unreadable(error, &place))?;
        Ok(serde_json::from_slice(&plain).ok())
    }
}

fn place(act: &Act<'_>, member: MemberId, change: ChangeId) -> Vec<u8> {
    layout::member_change(act.merchant, member, change)
}

/// Writes that a member's record is another one into the audit log. What leads to them is sealed, like all that is
/// personal. Of a new member that part is left out: the record has it, and the first change says what it was before.
pub(super) fn record_change(
    tx: &mut Tx,
    act: &mut Act<'_>,
    before: Option<&Known>,
    after: Option<&Known>,
) -> Result<(), StoreError> {
    let Some(id) = after.or(before).map(|known| known.member.id) else { return Ok(()) };
    let [old, new] = [before, after].map(|known| known.map(|known| open_fields(&known.member)));
    let (old, new) = differing(old, new);
    let personal = match (before, after) {
        (Some(before), Some(after)) => {
            let (was, is) = differing(Some(sealed_fields(before)), Some(sealed_fields(after)));
            (was != is).then(|| json!({ "before": was, "after": is }))
        }
        _ => None,
    };
    act.record_of(tx, id, "member", (old, new), personal)
}

/// The fields of a member's record that are sealed in the audit log: those that say who somebody is. So is why they
/// have their level, which is free text.
const SEALED_FIELDS: [&str; 4] = ["reference", "cards", "external_ids", "attributes"];

fn fields(thing: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(thing) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

fn open_fields(member: &Member) -> Map<String, Value> {
    let mut fields = fields(member);
    fields.retain(|name, _| name != "id" && !SEALED_FIELDS.contains(&name.as_str()));
    if let Some(Value::Object(tier)) = fields.get_mut("tier") {
        tier.remove("reason");
    }
    fields
}

fn sealed_fields(known: &Known) -> Map<String, Value> {
    let mut sealed = fields(&known.member);
    sealed.retain(|name, _| SEALED_FIELDS.contains(&name.as_str()));
    sealed.insert("personal".to_owned(), fields(&known.personal).into());
    let reason = known.member.tier.as_ref().and_then(|tier| tier.reason.as_ref());
    sealed.insert("tier_reason".to_owned(), json!(reason));
    sealed
}

/// What differs between two records: the fields that are the same in both are left out.
fn differing(before: Option<Map<String, Value>>, after: Option<Map<String, Value>>) -> (Option<Value>, Option<Value>) {
    match (before, after) {
        (Some(mut before), Some(mut after)) => {
            let same: Vec<_> = before
                .iter()
                .filter(|(name, value)| after.get(*name) == Some(value))
                .map(|(name, _)| name.clone())
                .collect();
            for name in same {
                before.remove(&name);
                after.remove(&name);
            }
            (Some(before.into()), Some(after.into()))
        }
        (before, after) => (before.map(Value::from), after.map(Value::from)),
    }
}

/// Entries of the merchant's audit log with a sequence number above `after`, in order.
///
/// # Errors
/// The store's failures.
pub fn list_changes(
    tx: &mut Tx,
    act: &Act<'_>,
    after: u64,
    limit: usize,
    with_personal: bool,
) -> Result<Vec<ReadChange>, StoreError> {
    let log = layout::changes(act.merchant);
    let entries = tx.log_scan(&log, after, limit)?;
    entries
        .into_iter()
        .map(|(sequence, bytes)| {
            let change: Change = store::decode(&log, &bytes)?;
            let personal = if with_personal { act.personal_of(tx, &change)? } else { None };
            Ok(ReadChange { sequence, change, personal })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_version_1_was_made_by_no_pack() {
        let (id, staff) = (ChangeId::from_bytes([1; 16]), StaffId::from_bytes([2; 16]));
        let by = Some((staff, Role::Owner));
        let body = (id, 9_000_i64, by, "member", "mem_1", None::<String>, Some("{}"), None::<(MemberId, Sealed)>);
        let bytes = postcard::to_extend(&body, vec![1]).unwrap();
        let expected = Change {
            id,
            at: Timestamp::from_second(9).unwrap(),
            by,
            kind: "member".to_owned(),
            name: "mem_1".to_owned(),
            before: None,
            after: Some("{}".to_owned()),
            personal: None,
            pack: None,
        };
        assert_eq!(store::decode::<Change>(b"k", &bytes).unwrap(), expected);
    }
}
