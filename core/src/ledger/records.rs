//! What the ledger keeps besides postings: accounts, lots, holds, pending grants.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Allocation, House, Release};
use crate::domain::{Code, HoldId, LotId, MemberId, Minor, PostingId};
use crate::store::{Record, older, whole};

/// What a member holds of a unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The sum of the open lots, lapsed ones included until their expiry is booked.
    pub balance: Minor,
    /// What the member owes.
    pub debt: Minor,
    /// The sum of the open holds, lapsed ones included until their lapse is booked.
    pub held: Minor,
    /// The sum of the pending grants, due ones included until their release is booked.
    pub pending: Minor,
    /// What was earned and spent on the last day on which anything was.
    pub today: Option<Today>,
}

impl Account {
    /// Whether the member has nothing of the unit, owes nothing and waits for nothing.
    pub fn is_empty(&self) -> bool {
        let Self { balance, debt, held, pending, today: _ } = *self;
        [balance, debt, held, pending] == [0; 4]
    }
}

impl Record for Account {
    const VERSION: u8 = 2;
    const NAME: &'static str = "account";

    fn from_older(version: u8, body: &[u8]) -> Option<Self> {
        let (balance, debt) = (version == 1).then(|| whole(body))??;
        Some(Self { balance, debt, ..Self::default() })
    }
}

/// What a member earned and spent of a unit on one day of the merchant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Today {
    /// Which day.
    pub day: Day,
    /// What was granted, pending or not, but for what was taken back on the same day.
    pub earned: Minor,
    /// What was spent, held or given to others, but for what was given back on the same day.
    pub spent: Minor,
}

/// A day of the merchant's calendar, as the number 20261124.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Day(pub i32);

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
    /// How much of what was spent the merchant has borne: if it comes back, it is the merchant's.
    pub forgiven: Minor,
    /// From when on it can not be spent any more.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub expires_at: Option<Timestamp>,
}

impl Record for Lot {
    const VERSION: u8 = 2;
    const NAME: &'static str = "lot";

    fn from_older(version: u8, body: &[u8]) -> Option<Self> {
        older::lot(version, body)
    }
}

/// An amount that is set aside.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// Whose amount.
    pub member: MemberId,
    /// Of what.
    pub unit: Code,
    /// How much.
    pub amount: Minor,
    /// From which lots; they add up to the amount.
    pub lots: Vec<Allocation>,
    /// The posting that set it aside.
    pub source: PostingId,
    /// When.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub placed_at: Timestamp,
    /// From when on it can not be posted any more.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub lapses_at: Timestamp,
    /// What became of it.
    pub state: HoldState,
}

impl Hold {
    /// Whether it can be posted at an instant.
    pub fn is_open_at(&self, now: Timestamp) -> bool {
        self.state == HoldState::Open && now.as_millisecond() < self.lapses_at.as_millisecond()
    }
}

impl Record for Hold {
    const VERSION: u8 = 1;
    const NAME: &'static str = "hold";
}

/// What became of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum HoldState {
    /// Nothing yet.
    Open,
    /// It was spent.
    Posted {
        /// By which posting.
        posting: PostingId,
        /// How much of it; the rest went back.
        amount: Minor,
    },
    /// It was given back.
    Voided {
        /// By which posting.
        posting: PostingId,
    },
    /// Its time was over.
    Lapsed {
        /// By which posting.
        posting: PostingId,
    },
}

/// An amount that was granted but can not be spent before its release.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PendingGrant {
    /// The lot that it becomes.
    pub lot: LotId,
    /// The posting that granted it.
    pub source: PostingId,
    /// To whom.
    pub member: MemberId,
    /// Of what.
    pub unit: Code,
    /// How much.
    pub amount: Minor,
    /// When what is released expires.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub expires_at: Option<Timestamp>,
    /// Where it comes from.
    pub from: House,
    /// What releases it.
    pub release: Release,
    /// What became of it.
    pub state: PendingState,
}

impl Record for PendingGrant {
    const VERSION: u8 = 1;
    const NAME: &'static str = "pending grant";
}

/// What became of a pending grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PendingState {
    /// Nothing yet.
    Waiting,
    /// The member can spend it.
    Released {
        /// By which posting.
        posting: PostingId,
        /// How much of it repaid what the member owed.
        repaid: Minor,
    },
    /// It was taken back before its release.
    Cancelled {
        /// By which posting.
        posting: PostingId,
    },
}

/// That a posting was booked, with the SHA-256 of its bytes: an entry of the merchant's log of postings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booked {
    /// Which.
    pub posting: PostingId,
    /// The digest of the record as it is stored.
    pub digest: [u8; 32],
}

impl Booked {
    /// The entry of a posting that is stored as `bytes`.
    pub(super) fn of(posting: PostingId, bytes: &[u8]) -> Self {
        Self { posting, digest: Sha256::digest(bytes).into() }
    }
}

impl Record for Booked {
    const VERSION: u8 = 1;
    const NAME: &'static str = "digest of a posting";
}

/// What was reversed of the posting in the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Reversal {
    /// All of it, by this posting.
    Whole(PostingId),
    /// Parts of it, in order.
    Parts(Vec<ReversedPart>),
}

impl Record for Reversal {
    const VERSION: u8 = 2;
    const NAME: &'static str = "reversal";

    /// Before there were parts.
    fn from_older(version: u8, body: &[u8]) -> Option<Self> {
        (version == 1).then(|| whole(body)).flatten().map(Self::Whole)
    }
}

/// A part of a posting that was reversed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct ReversedPart {
    /// By which posting.
    pub(super) by: PostingId,
    /// Of what.
    pub(super) unit: Code,
    /// How much.
    pub(super) amount: Minor,
    /// Which of it had lapsed, so that it was gone already.
    pub(super) lapsed: Vec<(LotId, Minor)>,
}
