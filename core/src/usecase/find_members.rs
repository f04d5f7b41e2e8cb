//! Somebody looks for members: by what leads to one of them, or by what many have in common.

use jiff::Timestamp;
use jiff::civil::Date;

use super::Act;
use super::known::{Known, NAME_START, contact, read_known};
use super::segments::Asked;
use super::visits::read_visits;
use crate::domain::{
    Code, Email, ExternalId, MemberId, MerchantId, Phone, Reference, Segment, StoreId, name_begins_with, sought_start,
};
use crate::store::layout::{self, Contact};
use crate::store::{Direction, Key, KeyRange, StoreError, Tx};
use crate::vault::Mark;

/// Whom somebody looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sought {
    /// Everybody.
    All,
    /// The one with this reference or card.
    Number(Reference),
    /// The one whom another system calls this.
    External(ExternalId),
    /// The one with this phone number.
    Phone(Phone),
    /// The one with this address.
    Email(Email),
    /// Those whose name, or a word of it, begins with this.
    Name(String),
    /// Those who bear this tag.
    Tag(Code),
    /// Those who have this level.
    Tier(Code),
    /// Those who joined in this store.
    Store(StoreId),
    /// Those who are in this segment now.
    Segment(Code),
    /// Those who have bought since this day, it included, by the last day on which they did.
    SeenSince(Date),
    /// Those who have bought, but not since this day, it included, by the last day on which they did.
    NotSeenSince(Date),
}

/// A part of the members that were found, in the order of their ids if nothing else is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundMembers {
    /// The members.
    pub members: Vec<Known>,
    /// Where to go on, when there may be more.
    pub next: Option<Vec<u8>>,
}

/// Why nobody can be looked for.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// It would find half of the town.
    #[error("a name is sought by two letters at least, or one Chinese character")]
    NameTooShort,
    /// Not a segment of the merchant.
    #[error("there is no segment `{0}`")]
    UnknownSegment(Code),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How many entries of an index are looked at for one page: those that do not fit make a page shorter, not slower.
const LOOKED_AT_MAX: usize = 500;

/// A page of at most `limit` members, from where an earlier page of the same search said to go on. It costs what the
/// page has, whatever there is besides.
///
/// # Errors
/// The first refusal in the order of [`FindError`]'s variants.
pub fn find_members(
    tx: &mut Tx,
    act: &Act<'_>,
    sought: &Sought,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<FoundMembers, FindError> {
    let merchant = act.merchant;
    let one = match sought {
        Sought::Number(number) => Some(layout::member_by_number(merchant, number)),
        Sought::External(external) => Some(layout::member_by_external_id(merchant, external)),
        Sought::Phone(phone) => Some(contact(merchant, &act.keys(tx)?, Contact::Phone, phone.as_str())),
        Sought::Email(email) => Some(contact(merchant, &act.keys(tx)?, Contact::Email, email.as_str())),
        _ => None,
    };
    if let Some(key) = one {
        let known = match tx.load::<MemberId>(&key)? {
            Some(id) => read_known(tx, act, id)?,
            None => None,
        };
        return Ok(FoundMembers { members: known.into_iter().collect(), next: None });
    }
    let segment = match sought {
        Sought::Segment(code) => {
            let segment = tx.load::<Segment>(&layout::segment(merchant, code))?;
            Some(segment.ok_or_else(|| FindError::UnknownSegment(code.clone()))?)
        }
        _ => None,
    };
    let range = match sought {
        Sought::Name(name) => {
            let start = sought_start(name).ok_or(FindError::NameTooShort)?;
            let mark: Mark = act.keys(tx)?.mark(NAME_START, start.as_bytes());
            layout::members_named(merchant, &mark)
        }
        Sought::Tag(tag) => layout::members_tagged(merchant, tag),
        Sought::Tier(tier) => layout::members_in_tier(merchant, tier),
        Sought::Store(store) => layout::members_at_home(merchant, *store),
        Sought::SeenSince(day) => layout::visits_between(merchant, *day, Date::MAX),
        Sought::NotSeenSince(day) => {
            // The day before the first one is one on which nobody has bought.
            layout::visits_between(
                merchant,
                Date::constant(1, 1, 1),
                day.yesterday().unwrap_or(Date::constant(1, 1, 1)),
            )
        }
        _ => layout::members(merchant),
    };
    let range = match after {
        // A cursor that is not this list's leads to a place in it or past its end, and to nobody else's members.
        Some(after) => range.after(&[layout::merchant_part(&range.start), after].concat()),
        None => range,
    };
    Ok(page(tx, act, sought, segment.as_ref(), &range, limit)?)
}

fn page(
    tx: &mut Tx,
    act: &Act<'_>,
    sought: &Sought,
    segment: Option<&Segment>,
    range: &KeyRange,
    limit: usize,
) -> Result<FoundMembers, StoreError> {
    let entries: Vec<(Key, _)> = tx.scan(range, Direction::Forward, LOOKED_AT_MAX.max(limit) + 1)?;
    let more = entries.len() > LOOKED_AT_MAX.max(limit);
    let mut found = FoundMembers::default();
    let mut last = None;
    for (index, (key, _)) in entries.iter().enumerate() {
        if found.members.len() == limit || (more && index + 1 == entries.len()) {
            found.next = last;
            break;
        }
        let id = layout::listed_member(key).ok_or_else(|| StoreError::corrupt("key of a list of members", key))?;
        last = key.get(layout::merchant_part(key).len()..).map(<[u8]>::to_vec);
        let known = read_known(tx, act, id)?;
        let known = known.ok_or_else(|| StoreError::corrupt("list of members (it has one who is not there)", key))?;
        // A list of all has those too who were merged into others.
        let is_one = match segment {
            Some(segment) => is_in(tx, act, segment, &known)?,
            None => fits(tx, &known, sought, act.now, key)?,
        };
        if is_one && known.member.id == id {
            found.members.push(known);
        }
    }
    Ok(found)
}

/// Whether somebody whom an index names is one of those sought: an index has more than counts now.
fn fits(tx: &mut Tx, known: &Known, sought: &Sought, now: Timestamp, key: &Key) -> Result<bool, StoreError> {
    Ok(match sought {
        Sought::Name(name) => known.personal.name.as_ref().is_some_and(|known| name_begins_with(known.as_str(), name)),
        Sought::Tag(tag) => known.member.tags_at(now).any(|known| known == tag),
        Sought::Tier(tier) => known.member.tier_at(now).is_some_and(|known| known.code == *tier),
        Sought::SeenSince(_) | Sought::NotSeenSince(_) => {
            let (merchant, seen) = (layout::merchant_of(key), layout::visit_parts(key));
            let (merchant, (day, member)) =
                merchant.zip(seen).ok_or_else(|| StoreError::corrupt("key of a day of a member", key))?;
            read_visits(tx, merchant, member)?.is_some_and(|visits| visits.last == day)
        }
        _ => true,
    })
}

fn is_in(tx: &mut Tx, act: &Act<'_>, segment: &Segment, known: &Known) -> Result<bool, StoreError> {
    let zone = act.merchant(tx)?.time_zone.zone();
    Ok(Asked::of(tx, act, known, std::slice::from_ref(segment))?.is_in(segment, known, act, &zone))
}

/// The member with this reference or card.
///
/// # Errors
/// The store's failures.
pub fn find_member(tx: &mut Tx, merchant: MerchantId, number: &Reference) -> Result<Option<MemberId>, StoreError> {
    tx.load(&layout::member_by_number(merchant, number))
}
