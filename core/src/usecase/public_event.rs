//! Events as the world outside sees them: the one place that says which of them leave the host, under which name and
//! with what in them. Ids and amounts, never anything personal.
//!
//! A name and the fields of its data are a promise: fields are added, never renamed, removed or given another meaning.
//! A new variant of [`Event`] does not compile until somebody decides here.

mod kind;

pub use kind::{EventKind, UnknownKind};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::{
    AgreementId, CallId, Code, Event, MemberId, MerchantId, MessageId, Minor, OrderId, PostingId, RevisionId, StaffId,
    StoreId, WebhookId,
};
use crate::store::layout::Subject;

/// An event as it leaves the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicEvent {
    /// Its number in the merchant's log: 1, 2, 3 …
    pub sequence: u64,
    /// When it happened.
    pub at: Timestamp,
    /// Whose it is.
    pub member: Option<MemberId>,
    /// At which order it happened.
    pub order: Option<OrderId>,
    /// What happened.
    pub data: EventData,
}

/// What an event tells, by its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum EventData {
    /// `member-enrolled`: somebody became a member.
    MemberEnrolled {
        /// Who.
        #[schema(value_type = String)]
        member: MemberId,
        /// Where.
        #[schema(value_type = Option<String>)]
        store: Option<StoreId>,
    },
    /// `stored-value-loaded`: a member paid money into their stored value.
    StoredValueLoaded {
        /// Who.
        #[schema(value_type = String)]
        member: MemberId,
        /// How much, in minor units.
        amount_minor: Minor,
        /// The posting that booked it.
        #[schema(value_type = String)]
        posting: PostingId,
    },
    /// `stored-value-spent`: a member paid with stored value.
    StoredValueSpent {
        /// Who.
        #[schema(value_type = String)]
        member: MemberId,
        /// How much, principal and bonus together, in minor units.
        amount_minor: Minor,
        /// The posting that booked it.
        #[schema(value_type = String)]
        posting: PostingId,
    },
    /// `order-settled`: an order was recorded.
    OrderSettled {
        /// Which.
        #[schema(value_type = String)]
        order: OrderId,
        /// Whose.
        #[schema(value_type = Option<String>)]
        member: Option<MemberId>,
    },
    /// `order-refunded`: an order was given back as a whole.
    OrderRefunded {
        /// Which.
        #[schema(value_type = String)]
        order: OrderId,
        /// Whose.
        #[schema(value_type = Option<String>)]
        member: Option<MemberId>,
    },
    /// `order-partly-refunded`: a part of an order was given back.
    OrderPartlyRefunded {
        /// Which.
        #[schema(value_type = String)]
        order: OrderId,
        /// Whose.
        #[schema(value_type = Option<String>)]
        member: Option<MemberId>,
        /// How much, in minor units.
        amount_minor: Minor,
    },
    /// `order-claimed`: a member claimed an order that was recorded without one.
    OrderClaimed {
        /// Which.
        #[schema(value_type = String)]
        order: OrderId,
        /// Who.
        #[schema(value_type = String)]
        member: MemberId,
    },
    /// `member-changed`: something that is known of a member was changed.
    MemberChanged {
        /// Who.
        #[schema(value_type = String)]
        member: MemberId,
        /// Who of the staff: a person or an API key; null for the operator.
        #[schema(value_type = Option<String>)]
        by: Option<StaffId>,
    },
    /// `member-erased`: a member was forgotten. Whoever keeps copies of what is personal has to drop them.
    MemberErased {
        /// Who.
        #[schema(value_type = String)]
        member: MemberId,
        /// Who of the staff: a person or an API key; null for the operator.
        #[schema(value_type = Option<String>)]
        by: Option<StaffId>,
    },
    /// `consent-given`: a member said yes or no to a purpose.
    ConsentGiven {
        /// Who.
        #[schema(value_type = String)]
        member: MemberId,
        /// To what.
        #[schema(value_type = String)]
        purpose: Code,
        /// Yes or no.
        given: bool,
    },
    /// `assets-adjusted`: staff gave a member something by hand, or took it.
    AssetsAdjusted {
        /// Who.
        #[schema(value_type = String)]
        member: MemberId,
        /// Of what.
        #[schema(value_type = String)]
        unit: Code,
        /// The posting that booked it.
        #[schema(value_type = String)]
        posting: PostingId,
    },
    /// `assets-given`: a member gave something to another one.
    AssetsGiven {
        /// Who gave.
        #[schema(value_type = String)]
        from: MemberId,
        /// Who got it.
        #[schema(value_type = String)]
        to: MemberId,
        /// Of what.
        #[schema(value_type = String)]
        unit: Code,
        /// How much.
        amount: Minor,
        /// The posting that booked it.
        #[schema(value_type = String)]
        posting: PostingId,
    },
    /// `coupons-returned`: redeemed coupons were given back to a member.
    CouponsReturned {
        /// Who.
        #[schema(value_type = String)]
        member: MemberId,
        /// The posting that had redeemed them.
        #[schema(value_type = String)]
        redemption: PostingId,
        /// The posting that gave them back.
        #[schema(value_type = String)]
        posting: PostingId,
    },
    /// `members-merged`: two members turned out to be one. Whoever keeps something of the one who is gone has to make it
    /// the other one's.
    MembersMerged {
        /// Who they are.
        #[schema(value_type = String)]
        survivor: MemberId,
        /// Who is not used any more.
        #[schema(value_type = String)]
        gone: MemberId,
        /// By which member of staff; null for the operator.
        #[schema(value_type = Option<String>)]
        by: Option<StaffId>,
    },
    /// `benefit-used`: a member used a service benefit.
    BenefitUsed {
        /// Who.
        #[schema(value_type = String)]
        member: MemberId,
        /// Which.
        #[schema(value_type = String)]
        benefit: Code,
        /// Where, when it was said.
        #[schema(value_type = Option<String>)]
        store: Option<StoreId>,
    },
    /// `benefit-returned`: a use of a service benefit was taken back.
    BenefitReturned {
        /// Who.
        #[schema(value_type = String)]
        member: MemberId,
        /// Which.
        #[schema(value_type = String)]
        benefit: Code,
    },
    /// `earning-limited`: of what an order would have earned, the limits of a unit kept some back.
    EarningLimited {
        /// Which order.
        #[schema(value_type = String)]
        order: OrderId,
        /// Whose.
        #[schema(value_type = String)]
        member: MemberId,
        /// By which pack's rules.
        #[schema(value_type = String)]
        pack: Code,
        /// Of what.
        #[schema(value_type = String)]
        unit: Code,
        /// How much, in the unit's smallest part.
        kept_back: Minor,
    },
    /// `coupons-issued`: a member got coupons.
    CouponsIssued {
        /// Who.
        #[schema(value_type = String)]
        member: MemberId,
        /// Of which type.
        #[schema(value_type = String)]
        coupon: Code,
        /// How many.
        count: u64,
        /// The posting that booked it.
        #[schema(value_type = String)]
        posting: PostingId,
    },
    /// `coupons-redeemed`: a member used coupons for a basket.
    CouponsRedeemed {
        /// Who.
        #[schema(value_type = String)]
        member: MemberId,
        /// Of which types.
        #[schema(value_type = Vec<String>)]
        coupons: Vec<Code>,
        /// What they took off, in minor units.
        discount_minor: Minor,
        /// The posting that booked it.
        #[schema(value_type = String)]
        posting: PostingId,
    },
    /// `pack-enabled`: a pack was switched on.
    PackEnabled {
        /// Which pack.
        #[schema(value_type = String)]
        pack: Code,
        /// In which revision.
        #[schema(value_type = String)]
        revision: RevisionId,
        /// By whom.
        #[schema(value_type = String)]
        by: StaffId,
    },
    /// `pack-failed`: a pack failed in its part of an order; the order stands.
    PackFailed {
        /// Which pack.
        #[schema(value_type = String)]
        pack: Code,
        /// At which order.
        #[schema(value_type = String)]
        order: OrderId,
        /// Stable name of the failure.
        code: String,
    },
    /// `command-run`: a pack's command was run.
    CommandRun {
        /// Which pack.
        #[schema(value_type = String)]
        pack: Code,
        /// Which command.
        #[schema(value_type = String)]
        command: Code,
        /// By whom.
        #[schema(value_type = String)]
        by: StaffId,
    },
    /// `webhook-paused`: a webhook is not delivered to any more, until somebody resumes it.
    WebhookPaused {
        /// Which.
        #[schema(value_type = String)]
        webhook: WebhookId,
        /// Stable name of the reason.
        #[schema(value_type = String)]
        reason: Code,
    },
    /// `message-ended`: a message to a member was sent, was given up, or is not sent.
    MessageEnded {
        /// Which.
        #[schema(value_type = String)]
        message: MessageId,
        /// To whom.
        #[schema(value_type = String)]
        member: MemberId,
        /// By which template.
        #[schema(value_type = String)]
        template: Code,
        /// `sent`, `failed` or `dropped`.
        #[schema(value_type = String)]
        outcome: Code,
        /// Stable name of the reason, when it was not sent.
        #[schema(value_type = Option<String>)]
        reason: Option<Code>,
    },
    /// `pack-told`: a pack told a fact of its trade.
    PackTold {
        /// Which pack.
        #[schema(value_type = String)]
        pack: Code,
        /// What kind of fact, by the pack's own word for it; its manifest says what it means.
        #[schema(value_type = String)]
        kind: Code,
        /// Whose it is.
        #[schema(value_type = Option<String>)]
        member: Option<MemberId>,
        /// What is to be known.
        #[schema(value_type = Object)]
        data: Value,
    },
    /// `call-parked`: a call of a pack has failed for the last time: it waits for somebody to look at it.
    CallParked {
        /// Which pack.
        #[schema(value_type = String)]
        pack: Code,
        /// Under which name it waits.
        #[schema(value_type = String)]
        call: CallId,
        /// Stable name of the failure.
        code: String,
    },
    /// `pack-upgraded`: a pack has come to another revision, with all that it has stored.
    PackUpgraded {
        /// Which pack.
        #[schema(value_type = String)]
        pack: Code,
        /// To which revision.
        #[schema(value_type = String)]
        revision: RevisionId,
    },
    /// `pack-restored`: a pack has come back to its earlier revision, with its storage as it was.
    PackRestored {
        /// Which pack.
        #[schema(value_type = String)]
        pack: Code,
        /// To which revision.
        #[schema(value_type = String)]
        revision: RevisionId,
        /// Stable name of the failure for which the change was given up; null when people wanted it.
        code: Option<String>,
    },
    /// `pack-removed`: a pack was removed, with all that it had stored.
    PackRemoved {
        /// Which pack.
        #[schema(value_type = String)]
        pack: Code,
    },
    /// `pack-caught-up`: a pack has done its part of an order later, as it could not do it in time.
    PackCaughtUp {
        /// Which pack.
        #[schema(value_type = String)]
        pack: Code,
        /// Of which order.
        #[schema(value_type = String)]
        order: OrderId,
    },
    /// `agreement-changed`: two merchants have an agreement, or it ends.
    AgreementChanged {
        /// Which.
        #[schema(value_type = String)]
        agreement: AgreementId,
        /// What became of it: `proposed`, `accepted`, `declined` or `ended`.
        #[schema(value_type = String)]
        state: Code,
    },
    /// `behaviour-noted`: a system of the merchant's own saw somebody do something.
    BehaviourNoted {
        /// What, by the merchant's own word for it.
        #[schema(value_type = String)]
        behaviour: Code,
        /// Who, if it is known.
        #[schema(value_type = Option<String>)]
        member: Option<MemberId>,
        /// Where, when it was said.
        #[schema(value_type = Option<String>)]
        store: Option<StoreId>,
        /// When they did it, RFC 3339.
        #[schema(value_type = String)]
        seen_at: Timestamp,
        /// What is to be known of it.
        #[schema(value_type = Object)]
        data: Value,
        /// Whose key told it.
        #[schema(value_type = Option<String>)]
        by: Option<StaffId>,
    },
}

impl PublicEvent {
    /// The public form of an entry of the log.
    pub fn of(sequence: u64, event: Event) -> Self {
        let (at, member, order, data) = match event {
            Event::MemberEnrolled { member, store, at } => {
                (at, Some(member), None, EventData::MemberEnrolled { member, store })
            }
            Event::StoredValueLoaded { member, amount_minor, posting, at } => {
                (at, Some(member), None, EventData::StoredValueLoaded { member, amount_minor, posting })
            }
            Event::StoredValueSpent { member, amount_minor, posting, at } => {
                (at, Some(member), None, EventData::StoredValueSpent { member, amount_minor, posting })
            }
            Event::OrderSettled { order, member, at } => {
                (at, member, Some(order), EventData::OrderSettled { order, member })
            }
            Event::OrderRefunded { order, member, at } => {
                (at, member, Some(order), EventData::OrderRefunded { order, member })
            }
            Event::EarningLimited { order, member, pack, unit, kept_back, at } => {
                (at, Some(member), Some(order), EventData::EarningLimited { order, member, pack, unit, kept_back })
            }
            Event::CouponsIssued { member, coupon, count, posting, at } => {
                (at, Some(member), None, EventData::CouponsIssued { member, coupon, count, posting })
            }
            Event::CouponsRedeemed { member, coupons, discount_minor, posting, at } => {
                (at, Some(member), None, EventData::CouponsRedeemed { member, coupons, discount_minor, posting })
            }
            Event::PackEnabled { pack, revision, by, at } => {
                (at, None, None, EventData::PackEnabled { pack, revision, by })
            }
            Event::PackFailed { pack, order, code, at } => {
                (at, None, Some(order), EventData::PackFailed { pack, order, code })
            }
            Event::CommandRun { pack, command, by, at } => {
                (at, None, None, EventData::CommandRun { pack, command, by })
            }
            Event::MemberChanged { member, by, at } => {
                (at, Some(member), None, EventData::MemberChanged { member, by })
            }
            Event::MemberErased { member, by, at } => (at, Some(member), None, EventData::MemberErased { member, by }),
            Event::ConsentGiven { member, purpose, given, at } => {
                (at, Some(member), None, EventData::ConsentGiven { member, purpose, given })
            }
            Event::OrderPartlyRefunded { order, member, amount_minor, at } => {
                (at, member, Some(order), EventData::OrderPartlyRefunded { order, member, amount_minor })
            }
            Event::OrderClaimed { order, member, at } => {
                (at, Some(member), Some(order), EventData::OrderClaimed { order, member })
            }
            Event::BenefitUsed { member, benefit, store, at } => {
                (at, Some(member), None, EventData::BenefitUsed { member, benefit, store })
            }
            Event::BenefitReturned { member, benefit, at } => {
                (at, Some(member), None, EventData::BenefitReturned { member, benefit })
            }
            Event::AssetsAdjusted { member, unit, posting, at } => {
                (at, Some(member), None, EventData::AssetsAdjusted { member, unit, posting })
            }
            Event::AssetsGiven { from, to, unit, amount, posting, at } => {
                (at, Some(from), None, EventData::AssetsGiven { from, to, unit, amount, posting })
            }
            Event::CouponsReturned { member, redemption, posting, at } => {
                (at, Some(member), None, EventData::CouponsReturned { member, redemption, posting })
            }
            Event::MembersMerged { survivor, gone, by, at } => {
                (at, Some(survivor), None, EventData::MembersMerged { survivor, gone, by })
            }
            Event::WebhookPaused { webhook, reason, at } => {
                (at, None, None, EventData::WebhookPaused { webhook, reason })
            }
            Event::MessageEnded { message, member, template, outcome, reason, at } => {
                (at, Some(member), None, EventData::MessageEnded { message, member, template, outcome, reason })
            }
            Event::PackTold { pack, kind, member, data, at, depth: _ } => {
                let data = serde_json::from_str(&data).unwrap_or_default();
                (at, member, None, EventData::PackTold { pack, kind, member, data })
            }
            Event::CallParked { pack, call, code, at } => (at, None, None, EventData::CallParked { pack, call, code }),
            Event::PackUpgraded { pack, revision, at } => (at, None, None, EventData::PackUpgraded { pack, revision }),
            Event::PackRestored { pack, revision, code, at } => {
                (at, None, None, EventData::PackRestored { pack, revision, code })
            }
            Event::PackRemoved { pack, at } => (at, None, None, EventData::PackRemoved { pack }),
            Event::PackCaughtUp { pack, order, at } => (at, None, Some(order), EventData::PackCaughtUp { pack, order }),
            Event::AgreementChanged { agreement, state, at } => {
                (at, None, None, EventData::AgreementChanged { agreement, state })
            }
            Event::BehaviourNoted { behaviour, member, store, seen_at, data, by, at } => {
                let data = serde_json::from_str(&data).unwrap_or_default();
                (at, member, None, EventData::BehaviourNoted { behaviour, member, store, seen_at, data, by })
            }
        };
        Self { sequence, at, member, order, data }
    }

    /// What kind of event this is.
    pub fn kind(&self) -> EventKind {
        self.data.kind()
    }

    /// For what it is kept in order.
    pub fn subject(&self) -> Subject {
        match (self.member, self.order) {
            (Some(member), _) => Subject::Member(member),
            (None, Some(order)) => Subject::Order(order),
            (None, None) => Subject::Merchant,
        }
    }

    /// A name that no other event of any merchant has, and that stays the same for ever.
    pub fn id(&self, merchant: MerchantId) -> String {
        event_id(merchant, self.sequence)
    }
}

/// The name of an event of a merchant.
pub fn event_id(merchant: MerchantId, sequence: u64) -> String {
    format!("evt_{}_{sequence}", merchant.to_string().trim_start_matches("mer_"))
}

/// The number of an event of this merchant in its name.
pub fn event_sequence(merchant: MerchantId, id: &str) -> Option<u64> {
    let sequence = id.strip_prefix("evt_")?.split_once('_')?.1.parse().ok()?;
    (event_id(merchant, sequence) == id).then_some(sequence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::IdSource;

    #[test]
    fn an_event_has_one_id_that_leads_back_to_it_for_its_own_merchant_only() {
        let mut ids = IdSource::new(Timestamp::UNIX_EPOCH, 7);
        let (ours, theirs) = (ids.merchant(), ids.merchant());
        let id = event_id(ours, 12);
        assert_eq!(event_sequence(ours, &id), Some(12));
        assert_eq!(event_sequence(theirs, &id), None);
        for broken in ["", "evt_", "12", &id.replace("_12", "_012"), &id.replace("_12", "_-1")] {
            assert_eq!(event_sequence(ours, broken), None, "{broken}");
        }
    }
}
