//! What is asked of the ledger.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Cause, House};
use crate::domain::{AgreementId, Code, HoldId, Label, LotId, MemberId, Minor, PostingId, Reference};

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
    /// Gives a member an amount that can be spent only after its release.
    GrantLater {
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
        /// What releases it.
        release: Release,
    },
    /// Releases a pending grant. When its time has come, the ledger does so by itself before it touches the account.
    Release {
        /// The lot that the grant becomes.
        lot: LotId,
    },
    /// Sets an amount aside, from the lots that expire first.
    Hold {
        /// The hold's own id.
        hold: HoldId,
        /// Whose amount.
        member: MemberId,
        /// Of what.
        unit: Code,
        /// How much, at least 1.
        amount: Minor,
        /// From when on it can not be posted any more and what was set aside is free again.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        lapses_at: Timestamp,
    },
    /// Spends what was set aside, whole or in part; the rest goes back to its very lots.
    PostHold {
        /// Which hold.
        hold: HoldId,
        /// How much of it, at least 1; none for all.
        amount: Option<Minor>,
        /// Where it goes.
        to: House,
    },
    /// Gives back what was set aside.
    VoidHold {
        /// Which hold.
        hold: HoldId,
    },
    /// Gives back what was set aside for too long. The ledger makes these by itself.
    LapseHold {
        /// Which hold.
        hold: HoldId,
    },
    /// Moves an amount from one member to another. Lots keep their expiry.
    Transfer {
        /// From whom.
        from: MemberId,
        /// To whom.
        to: MemberId,
        /// Of what; the unit must allow it.
        unit: Code,
        /// How much, at least 1.
        amount: Minor,
    },
    /// Issues coupons, each in a lot of its own that expires as their type says.
    Issue {
        /// To whom.
        member: MemberId,
        /// The type's unit.
        unit: Code,
        /// How many, from 1 to [`ISSUE_MAX`].
        count: Minor,
    },
    /// Undoes a part of a posting that grants and spends: so much of one unit. What came last goes first. It may be done
    /// again until nothing is left; after it the posting can not be reversed as a whole any more.
    ReversePart {
        /// Which.
        posting: PostingId,
        /// Of what.
        unit: Code,
        /// How much, at least 1.
        amount: Minor,
    },
    /// Moves what a member has of a unit to another one, because the two are one. The ledger makes these by itself.
    Merge {
        /// Who is not used any more.
        gone: MemberId,
        /// Who they are from now on.
        survivor: MemberId,
        /// Of what.
        unit: Code,
    },
    /// Books that one side of an agreement owes the other: each of the two books it in its own books.
    Owe {
        /// Under which agreement.
        agreement: AgreementId,
        /// In which unit.
        unit: Code,
        /// How much more, at least 1.
        amount: Minor,
        /// Whether the partner owes it to the merchant; otherwise the merchant owes it to the partner.
        to_us: bool,
    },
}

/// The most coupons that one move issues: each is a lot of its own.
pub const ISSUE_MAX: Minor = 100;

/// What releases a pending grant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Release {
    /// An instant.
    At {
        /// Which.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// An event, by the name that the caller gave it.
    On {
        /// Which.
        event: Reference,
    },
    /// An instant or an event, whichever comes first.
    First {
        /// The instant.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
        /// The event.
        event: Reference,
    },
}

impl Release {
    /// The instant that releases it, if one does.
    pub fn at(&self) -> Option<Timestamp> {
        match self {
            Self::At { at } | Self::First { at, .. } => Some(*at),
            Self::On { .. } => None,
        }
    }

    /// The event that releases it, if one does.
    pub fn event(&self) -> Option<&Reference> {
        match self {
            Self::On { event } | Self::First { event, .. } => Some(event),
            Self::At { .. } => None,
        }
    }
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
