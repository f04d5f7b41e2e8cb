//! The ledger's records and the forms of what is asked of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::{Code, Label, LotId, MemberId, Minor, OrderId, PostingId};
use crate::store::Record;

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
}

impl House {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Issued, Self::Redeemed, Self::Expired, Self::Debt, Self::Cash];

    /// Its letter in keys.
    pub const fn letter(self) -> u8 {
        match self {
            Self::Issued => b'i',
            Self::Redeemed => b'r',
            Self::Expired => b'e',
            Self::Debt => b'd',
            Self::Cash => b'c',
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
}

/// One thing that a posting does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Move {
    /// Gives a member an amount in a lot of its own.
    Grant {
        /// To whom.
        member: MemberId,
        /// Of what.
        unit: Code,
        /// How much, at least 1.
        amount: Minor,
        /// From when on it can not be spent any more; none for never.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
        expires_at: Option<Timestamp>,
        /// Where it comes from.
        from: House,
    },
    /// Takes an amount from a member's lots, those that expire first before the others.
    Spend {
        /// From whom.
        member: MemberId,
        /// Of what.
        unit: Code,
        /// How much, at least 1.
        amount: Minor,
        /// Where it goes.
        to: House,
    },
    /// Undoes a whole posting.
    Reverse {
        /// Which.
        posting: PostingId,
    },
    /// Books what has lapsed. The ledger makes these by itself, before it touches an account.
    Expire {
        /// Whose.
        member: MemberId,
        /// Of what.
        unit: Code,
    },
}

/// A posting that somebody wants to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPosting {
    /// Its id, and so its idempotency key.
    pub id: PostingId,
    /// Why.
    pub cause: Cause,
    /// The pack that wants it, if one does.
    pub pack: Option<Code>,
    /// What people read on the statement.
    pub reason: Option<Label>,
    /// What it does; at least one thing.
    pub moves: Vec<Move>,
}

/// A posting as it was booked. Never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// Its id.
    pub id: PostingId,
    /// When it was booked.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
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
    const VERSION: u8 = 1;
    const NAME: &'static str = "posting";
}

impl Posting {
    /// Whether this is what `new` asks for.
    pub fn matches(&self, new: &NewPosting) -> bool {
        self.cause == new.cause
            && self.pack == new.pack
            && self.reason == new.reason
            && self.entries.iter().map(|entry| &entry.wanted).eq(&new.moves)
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
    /// Which lots of the member it took from or went to; they add up to the amount. Empty between house accounts.
    pub lots: Vec<Allocation>,
    /// Whose debt it makes or repays, when one end is [`House::Debt`].
    pub debtor: Option<MemberId>,
}

/// A part of a transfer that is in one lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocation {
    /// The lot.
    pub lot: LotId,
    /// When it expires: with the id, the place where it lives.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub expires_at: Option<Timestamp>,
    /// How much of it.
    pub amount: Minor,
}

/// What a member holds of a unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The sum of the open lots, lapsed ones included until their expiry is booked.
    pub balance: Minor,
    /// What the member owes.
    pub debt: Minor,
}

impl Record for Account {
    const VERSION: u8 = 1;
    const NAME: &'static str = "account";
}

/// What a member can use of a unit at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Spendable.
    pub available: Minor,
    /// What the member owes.
    pub debt: Minor,
}

/// A part of what a member holds, with its own source and expiry. Always granted = remaining + spent + expired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lot {
    /// Its id.
    pub id: LotId,
    /// The posting that granted it.
    pub source: PostingId,
    /// How much it was.
    pub granted: Minor,
    /// How much is left; a lot with nothing left is closed.
    pub remaining: Minor,
    /// How much of it lapsed.
    pub expired: Minor,
    /// From when on it can not be spent any more.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub expires_at: Option<Timestamp>,
}

impl Record for Lot {
    const VERSION: u8 = 1;
    const NAME: &'static str = "lot";
}
