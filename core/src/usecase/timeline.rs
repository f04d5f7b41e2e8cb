//! Everything that happened to a member, the newest first: orders, postings, changes, messages, and events that nothing
//! else tells of.

use super::changes::{Change, ReadChange};
use super::messages::Message;
use super::{Act, PublicEvent};
use crate::domain::{Event, MemberId, Order};
use crate::ledger::{Posting, merged_into};
use crate::store::{Direction, Key, KeyRange, StoreError, Tx, decode, layout};

/// Something that happened to a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// They bought.
    Order(Order),
    /// Something was booked for them.
    Posting(Posting),
    /// Something about them was changed; the sequence number is not told here, and is 0.
    Change(ReadChange),
    /// They were, or are to be, told something.
    Message(Message),
    /// They used a benefit, claimed an order, did something that a system saw, or a pack told a fact of them. Its number in
    /// the log is not told here, and is 0.
    Event(PublicEvent),
}

/// A place between two happenings: their ids sort by the instant at which they were made, whatever they are ids of.
pub type Moment = [u8; 16];

/// A page of the happenings of a member, the newest first, those before a moment.
///
/// # Errors
/// The store's failures.
pub fn read_timeline(
    tx: &mut Tx,
    act: &Act<'_>,
    member: MemberId,
    before: Option<Moment>,
    limit: usize,
    with_personal: bool,
) -> Result<Vec<(Moment, Happening)>, StoreError> {
    let merchant = act.merchant;
    let gone = merged_into(tx, merchant, member)?;
    let mut all: Vec<(Moment, Kind, Key)> = Vec::new();
    for (kind, range) in [
        (Kind::Order, layout::orders_of(merchant, member)),
        (Kind::Posting, layout::postings_of(merchant, member)),
        (Kind::Change, layout::member_changes(merchant, member)),
        (Kind::Message, layout::messages_of(merchant, member)),
        (Kind::Event, layout::member_events(merchant, member)),
    ] {
        let range = until(range, before);
        for (key, _) in tx.scan(&range, Direction::Backward, limit)? {
            let at = key.len().checked_sub(16).and_then(|at| key[at..].try_into().ok());
            let at = at.ok_or_else(|| StoreError::corrupt("key of a member's history", &key))?;
            all.push((at, kind, key));
        }
    }
    all.sort_unstable_by(|(one, ..), (other, ..)| other.cmp(one));
    all.truncate(limit);
    all.into_iter()
        .map(|(at, kind, key)| {
            let missing = || StoreError::corrupt("member's history (it names what is not there)", &key);
            let happening = match kind {
                Kind::Order => {
                    let order = layout::member_order_parts(&key).ok_or_else(missing)?.1;
                    Happening::Order(tx.load(&layout::order(merchant, order))?.ok_or_else(missing)?)
                }
                Kind::Posting => {
                    let posting = layout::member_posting_parts(&key).ok_or_else(missing)?.1;
                    let posting: Posting = tx.load(&layout::posting(merchant, posting))?.ok_or_else(missing)?;
                    Happening::Posting(posting.seen_as(member, &gone))
                }
                Kind::Change => {
                    let change: Change = decode(&key, &tx.get(&key)?.ok_or_else(missing)?)?;
                    let personal = if with_personal { act.personal_of(tx, &change)? } else { None };
                    Happening::Change(ReadChange { sequence: 0, change, personal })
                }
                Kind::Message => {
                    let Some(layout::MessageKey::OfMember(_, id)) = layout::message_key(&key) else {
                        return Err(missing());
                    };
                    Happening::Message(tx.load(&layout::message(merchant, id))?.ok_or_else(missing)?)
                }
                Kind::Event => {
                    let event: Event = tx.load(&key)?.ok_or_else(missing)?;
                    Happening::Event(PublicEvent { member: Some(member), ..PublicEvent::of(0, event) })
                }
            };
            Ok((at, happening))
        })
        .collect()
}

#[derive(Clone, Copy)]
enum Kind {
    Order,
    Posting,
    Change,
    Message,
    Event,
}

fn until(range: KeyRange, before: Option<Moment>) -> KeyRange {
    match before {
        Some(before) => range.before(&[range.start.as_slice(), &before].concat()),
        None => range,
    }
}
