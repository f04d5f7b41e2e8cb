//! Events: facts that happened, in the merchant's append-only log. They carry ids, never personal data.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    AgreementId, CallId, Code, MemberId, MessageId, Minor, OrderId, PostingId, RevisionId, StaffId, StoreId, WebhookId,
};

/// A fact that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// Somebody became a member.
    MemberEnrolled {
        /// Who.
        member: MemberId,
        /// Where.
        store: Option<StoreId>,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// A member paid money into their stored value.
    StoredValueLoaded {
        /// Who.
        member: MemberId,
        /// How much.
        amount_minor: Minor,
        /// The posting that booked it.
        posting: PostingId,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// An order was recorded.
    OrderSettled {
        /// Which.
        order: OrderId,
        /// Whose.
        member: Option<MemberId>,
        /// When it was recorded.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// An order was given back as a whole.
    OrderRefunded {
        /// Which.
        order: OrderId,
        /// Whose.
        member: Option<MemberId>,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// A pack failed in its part of an order; the order stands.
    PackFailed {
        /// Which pack.
        pack: Code,
        /// At which order.
        order: OrderId,
        /// Stable name of the failure.
        code: String,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// A pack's command was run.
    CommandRun {
        /// Which pack.
        pack: Code,
        /// Which command.
        command: Code,
        /// By whom.
        by: StaffId,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// A pack was switched on.
    PackEnabled {
        /// Which pack.
        pack: Code,
        /// In which revision.
        revision: RevisionId,
        /// By whom.
        by: StaffId,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// A member paid with stored value.
    StoredValueSpent {
        /// Who.
        member: MemberId,
        /// How much, principal and bonus together.
        amount_minor: Minor,
        /// The posting that booked it.
        posting: PostingId,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// A member got coupons.
    CouponsIssued {
        /// Who.
        member: MemberId,
        /// Of which type.
        coupon: Code,
        /// How many.
        count: Minor,
        /// The posting that booked it.
        posting: PostingId,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// A member used coupons for a basket.
    CouponsRedeemed {
        /// Who.
        member: MemberId,
        /// Of which types.
        coupons: Vec<Code>,
        /// What they took off.
        discount_minor: Minor,
        /// The posting that booked it.
        posting: PostingId,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// Of what an order would have earned, the limits of a unit kept some back.
    EarningLimited {
        /// Which order.
        order: OrderId,
        /// Whose.
        member: MemberId,
        /// By which pack's rules.
        pack: Code,
        /// Of what.
        unit: Code,
        /// How much.
        kept_back: Minor,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// Something that is known of a member was changed: who they are, tags, level.
    MemberChanged {
        /// Who.
        member: MemberId,
        /// By whom; none for the operator.
        by: Option<StaffId>,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// A member was forgotten.
    MemberErased {
        /// Who.
        member: MemberId,
        /// By whom; none for the operator.
        by: Option<StaffId>,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// A part of an order was given back.
    OrderPartlyRefunded {
        /// Which.
        order: OrderId,
        /// Whose.
        member: Option<MemberId>,
        /// How much.
        amount_minor: Minor,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// A member claimed an order that was recorded without one.
    OrderClaimed {
        /// Which.
        order: OrderId,
        /// Who.
        member: MemberId,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// A member said yes or no to a purpose.
    ConsentGiven {
        /// Who.
        member: MemberId,
        /// To what.
        purpose: Code,
        /// Yes or no.
        given: bool,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// A member used a service benefit.
    BenefitUsed {
        /// Who.
        member: MemberId,
        /// Which.
        benefit: Code,
        /// Where, when it was said.
        store: Option<StoreId>,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// A use of a service benefit was taken back.
    BenefitReturned {
        /// Who.
        member: MemberId,
        /// Which.
        benefit: Code,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// A webhook is not delivered to any more, until somebody resumes it. What happens meanwhile waits for that.
    WebhookPaused {
        /// Which.
        webhook: WebhookId,
        /// Stable name of the reason.
        reason: Code,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// Two members turned out to be one. Whatever is kept of the one who is gone belongs to the other one now.
    MembersMerged {
        /// Who they are.
        survivor: MemberId,
        /// Who is not used any more.
        gone: MemberId,
        /// By whom; none for the operator.
        by: Option<StaffId>,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// Staff gave a member something by hand, or took it.
    AssetsAdjusted {
        /// Who.
        member: MemberId,
        /// Of what.
        unit: Code,
        /// The posting that booked it.
        posting: PostingId,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// A member gave something to another one.
    AssetsGiven {
        /// Who gave.
        from: MemberId,
        /// Who got it.
        to: MemberId,
        /// Of what.
        unit: Code,
        /// How much.
        amount: Minor,
        /// The posting that booked it.
        posting: PostingId,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// Redeemed coupons were given back to a member.
    CouponsReturned {
        /// Who.
        member: MemberId,
        /// The posting that had redeemed them.
        redemption: PostingId,
        /// The posting that gave them back.
        posting: PostingId,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// What was to be told to a member was sent, was given up, or is not told. The message says more.
    MessageEnded {
        /// Which.
        message: MessageId,
        /// To whom.
        member: MemberId,
        /// By which template.
        template: Code,
        /// `sent`, `failed` or `dropped`.
        outcome: Code,
        /// Stable name of the reason, when it was not sent.
        reason: Option<Code>,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// A pack told a fact of its trade.
    PackTold {
        /// Which pack.
        pack: Code,
        /// What kind of fact, by the pack's own word for it.
        kind: Code,
        /// Whose it is.
        member: Option<MemberId>,
        /// What is to be known: a JSON object.
        data: String,
        /// How many handlings of events led to it, one after the other, itself included.
        depth: u8,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// A call of a pack has failed for the last time: it waits for somebody to look at it.
    CallParked {
        /// Which pack.
        pack: Code,
        /// Under which name it waits.
        call: CallId,
        /// Stable name of the failure.
        code: String,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// A pack has come to another revision, with all that it has stored.
    PackUpgraded {
        /// Which pack.
        pack: Code,
        /// To which revision.
        revision: RevisionId,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// A pack has come back to its earlier revision, with its storage as it was.
    PackRestored {
        /// Which pack.
        pack: Code,
        /// To which revision.
        revision: RevisionId,
        /// Stable name of the failure for which the change was given up; none when people wanted it.
        code: Option<String>,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// A pack was removed, with all that it had stored.
    PackRemoved {
        /// Which pack.
        pack: Code,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// A pack has done its part of an order later, as it could not do it in time.
    PackCaughtUp {
        /// Which pack.
        pack: Code,
        /// Of which order.
        order: OrderId,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// Two merchants have an agreement, or it ends: told to both.
    AgreementChanged {
        /// Which.
        agreement: AgreementId,
        /// What became of it: `proposed`, `accepted`, `declined` or `ended`.
        state: Code,
        /// When.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// A system of the merchant's own saw somebody do something: look at a page, want a thing.
    BehaviourNoted {
        /// What, by the merchant's own word for it.
        behaviour: Code,
        /// Who, if it is known.
        member: Option<MemberId>,
        /// Where, when it was said.
        store: Option<StoreId>,
        /// When they did it.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        seen_at: Timestamp,
        /// What is to be known of it: a JSON object, of the behaviour's form.
        data: String,
        /// Who told it.
        by: Option<StaffId>,
        /// When it was recorded.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
}

/// A fact as the log holds it: with how many steps of packs led to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedEvent {
    /// What happened.
    pub event: Event,
    /// How many handlings of events by packs led to it, one after the other; none for what people and their systems do.
    pub depth: u8,
}

impl LoggedEvent {
    /// How many handlings of events may follow from each other: what the last of them leads to is told to no pack.
    pub const DEPTH_MAX: u8 = 8;
}

impl From<Event> for LoggedEvent {
    /// A fact of a pack says by itself what led to it.
    fn from(event: Event) -> Self {
        let depth = if let Event::PackTold { depth, .. } = &event { *depth } else { 0 };
        Self { event, depth }
    }
}

impl Event {
    /// The member to whose history this belongs, when nothing else that is kept of them tells it there.
    pub fn of_history(&self) -> Option<MemberId> {
        match self {
            Self::BenefitUsed { member, .. }
            | Self::BenefitReturned { member, .. }
            | Self::OrderClaimed { member, .. } => Some(*member),
            Self::PackTold { member, .. } | Self::BehaviourNoted { member, .. } => *member,
            _ => None,
        }
    }
}
