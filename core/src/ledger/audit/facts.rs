//! What postings say of other records, and those records of postings: each fact has to be told by both sides.
//!
//! All facts of a kind are compared at once, by their number and the sum of their hashes, which needs no memory and no
//! look-ups. Two sides that tell other facts come to the same sum with a chance of 2^-64.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};

use super::merged::Survivors;
use crate::domain::{Code, HoldId, LotId, MemberId, MerchantId, Minor, PostingId};
use crate::ledger::book::touched;
use crate::ledger::records::{Reversal, ReversedPart};
use crate::ledger::{Entry, Hold, HoldState, House, Move, Party, PendingGrant, PendingState, Posting, Transfer};
use crate::store::layout;
use crate::store::{Key, KeyRange, StoreError, decode, decode_own};

/// Which records tell a fact, besides a posting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The members' statements.
    Statement,
    /// What says that a posting was reversed.
    Reversal,
    /// The holds.
    Hold,
    /// The pending grants.
    Pending,
}

/// Something that a posting and another record say of each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Fact {
    /// A posting touches a member.
    Touched { posting: PostingId, member: MemberId },
    /// A posting was reversed by another one.
    Reversed { posting: PostingId, by: PostingId },
    /// A part of a posting was reversed by another one; so much of it had lapsed.
    ReversedInPart { posting: PostingId, by: PostingId, unit: Code, amount: Minor, lapsed: Minor },
    /// A hold, as it was when it was placed.
    Placed(Hold),
    /// What became of a hold.
    Ended(HoldId, HoldState),
    /// A pending grant, as it was when it was made.
    Promised(PendingGrant),
    /// What became of a pending grant.
    Closed(LotId, PendingState),
}

impl Fact {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Touched { .. } => Kind::Statement,
            Self::Reversed { .. } | Self::ReversedInPart { .. } => Kind::Reversal,
            Self::Placed(_) | Self::Ended(..) => Kind::Hold,
            Self::Promised(_) | Self::Closed(..) => Kind::Pending,
        }
    }

    /// Where the record lies that tells it.
    pub(super) fn key(&self, merchant: MerchantId) -> Key {
        match self {
            Self::Touched { posting, member } => layout::member_posting(merchant, *member, *posting),
            Self::Reversed { posting, .. } | Self::ReversedInPart { posting, .. } => {
                layout::reversal(merchant, *posting)
            }
            Self::Placed(Hold { id: hold, .. }) | Self::Ended(hold, _) => layout::hold(merchant, *hold),
            Self::Promised(PendingGrant { lot, .. }) | Self::Closed(lot, _) => layout::pending(merchant, *lot),
        }
    }

    /// Which posting tells it. What is open has no end that a posting could tell.
    pub(super) fn posting(&self) -> Option<PostingId> {
        match self {
            Self::Touched { posting, .. }
            | Self::Reversed { by: posting, .. }
            | Self::ReversedInPart { by: posting, .. }
            | Self::Placed(Hold { source: posting, .. })
            | Self::Promised(PendingGrant { source: posting, .. })
            | Self::Ended(
                _,
                HoldState::Posted { posting, .. } | HoldState::Voided { posting } | HoldState::Lapsed { posting },
            )
            | Self::Closed(_, PendingState::Released { posting, .. } | PendingState::Cancelled { posting }) => {
                Some(*posting)
            }
            Self::Ended(_, HoldState::Open) | Self::Closed(_, PendingState::Waiting) => None,
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Touched { posting, member } => write!(f, "{posting} touches {member}"),
            Self::Reversed { posting, by } => write!(f, "{by} reverses {posting}"),
            Self::ReversedInPart { posting, by, unit, amount, lapsed } => {
                write!(f, "{by} reverses {amount} {unit} of {posting}, of which {lapsed} had lapsed")
            }
            Self::Placed(Hold { id, member, unit, amount, source, .. }) => {
                write!(f, "{source} sets {amount} {unit} of {member} aside as {id}")
            }
            Self::Ended(hold, state) => match state {
                HoldState::Open => write!(f, "{hold} is open"),
                HoldState::Posted { posting, amount } => write!(f, "{posting} posts {amount} of {hold}"),
                HoldState::Voided { posting } => write!(f, "{posting} voids {hold}"),
                HoldState::Lapsed { posting } => write!(f, "{posting} lets {hold} lapse"),
            },
            Self::Promised(PendingGrant { lot, member, unit, amount, source, .. }) => {
                write!(f, "{source} grants {member} {amount} {unit} for later as {lot}")
            }
            Self::Closed(lot, state) => match state {
                PendingState::Waiting => write!(f, "{lot} is waiting"),
                PendingState::Released { posting, repaid } => {
                    write!(f, "{posting} releases {lot}, {repaid} of it against a debt")
                }
                PendingState::Cancelled { posting } => write!(f, "{posting} takes {lot} back before its release"),
            },
        }
    }
}

/// What a posting tells.
pub(super) fn of_posting(posting: &Posting, survivors: &Survivors, mut tell: impl FnMut(Fact)) {
    let by = posting.id;
    // It is on the statements of those whose it is now.
    let mut members: Vec<MemberId> = posting.transfers().flat_map(touched).map(|member| survivors.of(member)).collect();
    members.sort_unstable();
    members.dedup();
    for member in members {
        tell(Fact::Touched { posting: by, member });
    }
    for entry in &posting.entries {
        match &entry.wanted {
            Move::Reverse { posting: reversed } => {
                tell(Fact::Reversed { posting: *reversed, by });
                let cancelled = from(entry, House::Pending).flat_map(|transfer| &transfer.lots);
                cancelled.for_each(|part| tell(Fact::Closed(part.lot, PendingState::Cancelled { posting: by })));
            }
            Move::ReversePart { posting: reversed, unit, amount: part } => {
                let lapsed = part.saturating_sub(amount(entry.transfers.iter()));
                let (unit, amount) = (unit.clone(), *part);
                tell(Fact::ReversedInPart { posting: *reversed, by, unit, amount, lapsed });
            }
            Move::Hold { hold, member, unit, amount, lapses_at } => tell(Fact::Placed(Hold {
                id: *hold,
                member: *member,
                unit: unit.clone(),
                amount: *amount,
                lots: entry.transfers.iter().flat_map(|transfer| transfer.lots.clone()).collect(),
                source: by,
                placed_at: posting.at,
                lapses_at: *lapses_at,
                state: HoldState::Open,
            })),
            Move::PostHold { hold, .. } => {
                // What goes back goes to the member, repays a debt or was forgiven; the latter two are in no lots.
                let posted = from(entry, House::Held)
                    .filter(|transfer| matches!(transfer.to, Party::House(_)) && !transfer.lots.is_empty());
                tell(Fact::Ended(*hold, HoldState::Posted { posting: by, amount: amount(posted) }));
            }
            Move::VoidHold { hold } => tell(Fact::Ended(*hold, HoldState::Voided { posting: by })),
            Move::LapseHold { hold } => tell(Fact::Ended(*hold, HoldState::Lapsed { posting: by })),
            Move::GrantLater { member, unit, amount, expires_at, from, release } => {
                for part in entry.transfers.iter().flat_map(|transfer| &transfer.lots) {
                    let (unit, release) = (unit.clone(), release.clone());
                    let pending =
                        PendingGrant::waiting(part.lot, by, *member, unit, *amount, *expires_at, *from, release);
                    tell(Fact::Promised(pending));
                }
            }
            Move::Release { lot } => {
                let repaid = from(entry, House::Pending).filter(|transfer| transfer.to == Party::House(House::Debt));
                tell(Fact::Closed(*lot, PendingState::Released { posting: by, repaid: amount(repaid) }));
            }
            Move::Grant { .. }
            | Move::Spend { .. }
            | Move::Expire { .. }
            | Move::Transfer { .. }
            | Move::Issue { .. }
            | Move::Merge { .. }
            | Move::Owe { .. } => {}
        }
    }
}

fn from(entry: &Entry, house: House) -> impl Iterator<Item = &Transfer> {
    entry.transfers.iter().filter(move |transfer| transfer.from == Party::House(house))
}

fn amount<'a>(transfers: impl Iterator<Item = &'a Transfer>) -> Minor {
    transfers.fold(0, |sum, transfer| sum.saturating_add(transfer.amount))
}

/// What a hold tells.
pub(super) fn of_hold(hold: &Hold) -> Vec<Fact> {
    let ended = Fact::Ended(hold.id, hold.state);
    let placed = Fact::Placed(Hold { state: HoldState::Open, ..hold.clone() });
    if hold.state == HoldState::Open { vec![placed] } else { vec![placed, ended] }
}

/// What a pending grant tells.
pub(super) fn of_pending(pending: &PendingGrant) -> Vec<Fact> {
    let closed = Fact::Closed(pending.lot, pending.state);
    let promised = Fact::Promised(PendingGrant { state: PendingState::Waiting, ..pending.clone() });
    if pending.state == PendingState::Waiting { vec![promised] } else { vec![promised, closed] }
}

impl Kind {
    /// Where its records lie.
    pub(super) fn range(self, merchant: MerchantId) -> KeyRange {
        match self {
            Self::Statement => layout::member_postings(merchant),
            Self::Reversal => layout::reversals(merchant),
            Self::Hold => layout::holds(merchant),
            Self::Pending => layout::pendings(merchant),
        }
    }

    /// What a record of this kind tells.
    pub(super) fn facts(self, merchant: MerchantId, key: &[u8], bytes: &[u8]) -> Result<Vec<Fact>, StoreError> {
        let corrupt = |what| StoreError::corrupt(what, key);
        match self {
            Self::Statement => {
                let parts = layout::member_posting_parts(key);
                let (member, posting) = parts.ok_or_else(|| corrupt("key of a posting on a statement"))?;
                Ok(vec![Fact::Touched { posting, member }])
            }
            Self::Reversal => {
                let posting = layout::posting_id(key).ok_or_else(|| corrupt("key of a reversal"))?;
                Ok(match decode::<Reversal>(key, bytes)? {
                    Reversal::Whole(by) => vec![Fact::Reversed { posting, by }],
                    Reversal::Parts(parts) => {
                        let fact = |ReversedPart { by, unit, amount, lapsed }: ReversedPart| {
                            let lapsed = lapsed.iter().fold(0, |sum: Minor, (_, part)| sum.saturating_add(*part));
                            Fact::ReversedInPart { posting, by, unit, amount, lapsed }
                        };
                        parts.into_iter().map(fact).collect()
                    }
                })
            }
            Self::Hold => Ok(of_hold(&read_hold(merchant, key, bytes)?)),
            Self::Pending => Ok(of_pending(&read_pending(merchant, key, bytes)?)),
        }
    }
}

pub(super) fn read_hold(merchant: MerchantId, key: &[u8], bytes: &[u8]) -> Result<Hold, StoreError> {
    decode_own(key, bytes, |hold: &Hold| layout::hold(merchant, hold.id))
}

pub(super) fn read_pending(merchant: MerchantId, key: &[u8], bytes: &[u8]) -> Result<PendingGrant, StoreError> {
    decode_own(key, bytes, |pending: &PendingGrant| layout::pending(merchant, pending.lot))
}

/// How many facts, and the sum of their hashes, whatever order they come in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    count: u64,
    sum: u64,
}

/// The tallies of both sides.
pub(super) struct Tallies {
    keys: RandomState,
    by_postings: BTreeMap<Kind, Tally>,
    by_records: BTreeMap<Kind, Tally>,
}

impl Tallies {
    pub(super) fn new(keys: RandomState) -> Self {
        Self { keys, by_postings: BTreeMap::new(), by_records: BTreeMap::new() }
    }

    pub(super) fn told_by_posting(&mut self, fact: &Fact) {
        tally(&self.keys, &mut self.by_postings, fact);
    }

    pub(super) fn told_by_record(&mut self, fact: &Fact) {
        tally(&self.keys, &mut self.by_records, fact);
    }

    /// The kinds of which the two sides tell other facts.
    pub(super) fn differing(&self) -> Vec<Kind> {
        let all = [Kind::Statement, Kind::Reversal, Kind::Hold, Kind::Pending];
        all.into_iter().filter(|kind| self.by_postings.get(kind) != self.by_records.get(kind)).collect()
    }
}

fn tally(keys: &RandomState, side: &mut BTreeMap<Kind, Tally>, fact: &Fact) {
    let Tally { count, sum } = side.entry(fact.kind()).or_default();
    *count = count.saturating_add(1);
    *sum = sum.wrapping_add(keys.hash_one(fact));
}
