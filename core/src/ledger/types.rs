//! Postings as they are booked: transfers between accounts.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Move, NewPosting};
use crate::domain::{AgreementId, Code, Label, LotId, MemberId, Minor, OrderId, PostingId, Source};
use crate::store::{Record, older};

/// An account of the merchant itself. Its balance may have either sign; over all accounts of a unit the sum is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum House {
    /// Where granted assets come from: debits are all that was ever granted, credits all that was taken back.
    Issued,
    /// Where spent assets go.
    Redeemed,
    /// Where expired assets go (breakage).
    Expired,
    /// What members owe.
    Debt,
    /// Money paid in for stored value.
    Cash,
    /// What members have set aside in holds.
    Held,
    /// What was granted to members but is not released to them yet.
    Pending,
    /// What reversals could not take back and the merchant bore.
    Forgiven,
    /// What is on its way from one member to another: nothing is ever left in it.
    Transit,
    /// What partners owe the merchant: credits are what they came to owe, debits what the merchant came to owe them.
    Partners,
    /// What came of dealings with partners: debits are what was earned by them, credits what was spent on them.
    Dealings,
}

impl House {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Issued,
        Self::Redeemed,
        Self::Expired,
        Self::Debt,
        Self::Cash,
        Self::Held,
        Self::Pending,
        Self::Forgiven,
        Self::Transit,
        Self::Partners,
        Self::Dealings,
    ];

    /// Its letter in keys.
    pub const fn letter(self) -> u8 {
        match self {
            Self::Issued => b'i',
            Self::Redeemed => b'r',
            Self::Expired => b'e',
            Self::Debt => b'd',
            Self::Cash => b'c',
            Self::Held => b'h',
            Self::Pending => b'p',
            Self::Forgiven => b'f',
            Self::Transit => b't',
            Self::Partners => b'a',
            Self::Dealings => b'x',
        }
    }
}

/// One end of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Party {
    /// A member's account in the transfer's unit.
    Member(MemberId),
    /// An account of the merchant.
    House(House),
}

/// Why a posting was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// An order was settled.
    Order(OrderId),
    /// An order was refunded.
    Refund(OrderId),
    /// A member paid money in.
    Load,
    /// A pack did it in a command or hook.
    Pack,
    /// Lots lapsed.
    Expiry,
    /// An amount was set aside, or what became of it.
    Hold,
    /// A hold lapsed.
    Lapse,
    /// A pending grant's time or event came.
    Release,
    /// A member gave something to another one.
    Gift,
    /// A member paid with stored value.
    Payment,
    /// Coupons were issued, redeemed or returned.
    Coupon,
    /// Two members turned out to be one.
    Merge,
    /// Staff put something right by hand, or brought in what another system knew.
    Adjustment,
    /// Something was done with a partner under an agreement.
    Agreement(AgreementId),
}

/// A posting as it was booked. Never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// Its id.
    pub id: PostingId,
    /// When it was booked.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
    /// Who acted: also when a pack wanted it in their name.
    pub by: Source,
    /// Why.
    pub cause: Cause,
    /// The pack that wanted it, if one did.
    pub pack: Option<Code>,
    /// What people read on the statement.
    pub reason: Option<Label>,
    /// What it did, with the transfers that followed.
    pub entries: Vec<Entry>,
}

impl Record for Posting {
    const VERSION: u8 = 4;
    const NAME: &'static str = "posting";

    fn from_older(version: u8, body: &[u8]) -> Option<Self> {
        older::posting(version, body)
    }
}

impl Posting {
    /// Whether this is what `new` asks for.
    pub fn matches(&self, new: &NewPosting) -> bool {
        self.cause == new.cause
            && self.pack == new.pack
            && self.reason == new.reason
            && self.entries.iter().map(|entry| &entry.wanted).eq(&new.moves)
    }

    /// The posting as it would be if what was booked for some members had been booked for the one into whom they were
    /// merged.
    #[must_use]
    pub fn seen_as(mut self, survivor: MemberId, gone: &BTreeSet<MemberId>) -> Self {
        for transfer in self.entries.iter_mut().flat_map(|entry| &mut entry.transfers) {
            for party in [&mut transfer.from, &mut transfer.to] {
                if let Party::Member(member) = party
                    && gone.contains(member)
                {
                    *member = survivor;
                }
            }
        }
        self
    }

    /// All its transfers.
    pub fn transfers(&self) -> impl Iterator<Item = &Transfer> {
        self.entries.iter().flat_map(|entry| &entry.transfers)
    }
}

/// A move with the transfers that it led to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What was asked for.
    pub wanted: Move,
    /// What was booked.
    pub transfers: Vec<Transfer>,
}

/// An amount that went from one account to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Of what.
    pub unit: Code,
    /// How much, at least 1.
    pub amount: Minor,
    /// From where.
    pub from: Party,
    /// To where.
    pub to: Party,
    /// Which lots of the member it took from or went to; they add up to the amount. Between house accounts: the lots
    /// from which it was held or in which it will be, or none.
    pub lots: Vec<Allocation>,
    /// For whom it is, when an end is a house account that keeps something of members: [`House::Debt`],
    /// [`House::Held`], [`House::Pending`], [`House::Transit`], [`House::Forgiven`].
    pub on_behalf: Option<MemberId>,
}

/// A part of a transfer that is in one lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Allocation {
    /// The lot.
    pub lot: LotId,
    /// When it expires: with the id, the place where it lives.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub expires_at: Option<Timestamp>,
    /// How much of it.
    pub amount: Minor,
}

/// What a posting booked of a unit that can be reversed in parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reversible {
    /// How much.
    pub booked: Minor,
    /// How much of it is not reversed yet.
    pub left: Minor,
}

/// What a member can use of a unit at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Spendable.
    pub available: Minor,
    /// Set aside in holds.
    pub held: Minor,
    /// Granted, but not released yet.
    pub pending: Minor,
    /// What the member owes.
    pub debt: Minor,
}
