//! The shapes that earlier versions of the host have written of the domain's records, and what they are today.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;

use super::whole;
use crate::domain::{
    Benefit, Code, CouponType, Currency, Event, Label, Line, LoggedEvent, LotId, Member, MemberId, Merchant,
    MerchantId, Minor, Order, OrderId, PackOutcome, Payment, PostingId, Reference, Refund, RefundedLine, Scope, Served,
    Source, SpendingOrder, Standing, StoreId, Tag, Unit, UnitKind, UnitRules, UsedCoupons, Validity, ZoneName,
};
use crate::ledger::{Cause, Entry, Lot, Posting};

/// Before it had a policy for stored value.
#[derive(Deserialize)]
struct Merchant1 {
    id: MerchantId,
    name: Label,
    currency: Currency,
    time_zone: ZoneName,
    locale: Label,
}

pub(super) fn merchant(version: u8, body: &[u8]) -> Option<Merchant> {
    let Merchant1 { id, name, currency, time_zone, locale } = (version == 1).then(|| whole(body))??;
    Some(Merchant { id, name, currency, time_zone, locale, stored_value_order: SpendingOrder::PrincipalFirst })
}

/// Before it had rules.
#[derive(Deserialize)]
struct Unit1 {
    code: Code,
    kind: UnitKind,
    declared_by: Option<Code>,
}

pub(super) fn unit(version: u8, body: &[u8]) -> Option<Unit> {
    let Unit1 { code, kind, declared_by } = (version == 1).then(|| whole(body))??;
    Some(Unit { code, kind, declared_by, rules: UnitRules::default() })
}

/// Before coupons had a priority, and could be exclusive or go with some of their group.
#[derive(Deserialize)]
struct CouponType1 {
    unit: Code,
    title: Label,
    benefit: Benefit,
    threshold_minor: Minor,
    scope: Scope,
    validity: Validity,
    per_member_max: Option<u32>,
    total_max: Option<u32>,
    stock: Option<u32>,
    stacking_group: Option<Code>,
}

pub(super) fn coupon_type(version: u8, body: &[u8]) -> Option<CouponType> {
    let coupon: CouponType1 = (version == 1).then(|| whole(body))??;
    let CouponType1 { unit, title, benefit, threshold_minor, scope, validity, .. } = coupon;
    let CouponType1 { per_member_max, total_max, stock, stacking_group, .. } = coupon;
    let (group_max, priority, exclusive) = (None, 0, false);
    Some(CouponType {
        unit,
        title,
        benefit,
        threshold_minor,
        scope,
        validity,
        per_member_max,
        total_max,
        stock,
        stacking_group,
        group_max,
        priority,
        exclusive,
    })
}

/// Before members had cards, other systems' names, attributes, levels, and sources of their tags.
#[derive(Deserialize)]
struct Member1 {
    id: MemberId,
    reference: Option<Reference>,
    tags: BTreeSet<Code>,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    enrolled_at: Timestamp,
    home_store: Option<StoreId>,
    channel: Option<Code>,
}

pub(super) fn member(version: u8, body: &[u8]) -> Option<Member> {
    let Member1 { id, reference, tags, enrolled_at, home_store, channel } = (version == 1).then(|| whole(body))??;
    let tag = Tag { source: Source::Unknown, at: enrolled_at, expires_at: None };
    Some(Member {
        id,
        version: 0,
        reference,
        cards: BTreeSet::new(),
        external_ids: BTreeSet::new(),
        tags: tags.into_iter().map(|code| (code, tag.clone())).collect(),
        attributes: BTreeMap::new(),
        tier: None,
        enrolled_at,
        home_store,
        channel,
        referrer: None,
        standing: Standing::Active,
    })
}

/// Before lines had a brand.
#[derive(Deserialize)]
pub(crate) struct Order1 {
    id: OrderId,
    reference: Reference,
    store: StoreId,
    member: Option<MemberId>,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    ordered_at: Timestamp,
    lines: Vec<Line1>,
    total_minor: Minor,
    state: OrderState2,
    outcomes: Vec<PackOutcome>,
}

/// Before orders named coupons and payments, and were given back in parts.
#[derive(Deserialize)]
pub(crate) struct Order2 {
    id: OrderId,
    reference: Reference,
    store: StoreId,
    member: Option<MemberId>,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    ordered_at: Timestamp,
    lines: Vec<Line>,
    total_minor: Minor,
    state: OrderState2,
    outcomes: Vec<PackOutcome>,
}

#[derive(Deserialize)]
enum OrderState2 {
    Settled,
    Refunded {
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
        reason: Option<Label>,
        reversals: Vec<PostingId>,
    },
}

impl OrderState2 {
    fn refunds(self, lines: &[Line], amount_minor: Minor) -> Vec<Refund3> {
        let Self::Refunded { at, reason, reversals } = self else { return Vec::new() };
        let lines = (0..).zip(lines);
        let lines = lines.map(|(number, line)| RefundedLine {
            line: number,
            quantity: line.quantity,
            amount_minor: line.amount_minor,
        });
        vec![Refund3 { at, reason, lines: lines.collect(), amount_minor, completes: true, reversals }]
    }
}

/// Before orders said who acted and who served.
#[derive(Deserialize)]
pub(crate) struct Order3 {
    id: OrderId,
    reference: Reference,
    store: StoreId,
    member: Option<MemberId>,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    claimed_at: Option<Timestamp>,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    ordered_at: Timestamp,
    lines: Vec<Line>,
    total_minor: Minor,
    coupons: Option<UsedCoupons>,
    payments: Vec<Payment>,
    refunds: Vec<Refund3>,
    outcomes: Vec<PackOutcome>,
}

#[derive(Deserialize)]
struct Refund3 {
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    at: Timestamp,
    reason: Option<Label>,
    lines: Vec<RefundedLine>,
    amount_minor: Minor,
    completes: bool,
    reversals: Vec<PostingId>,
}

/// Before packs took something off.
#[derive(Deserialize)]
pub(crate) struct Order4 {
    id: OrderId,
    reference: Reference,
    store: StoreId,
    by: Source,
    served_by: Option<Served>,
    member: Option<MemberId>,
    claimed_by: Option<Source>,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    claimed_at: Option<Timestamp>,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    ordered_at: Timestamp,
    lines: Vec<Line>,
    total_minor: Minor,
    coupons: Option<UsedCoupons>,
    payments: Vec<Payment>,
    refunds: Vec<Refund>,
    outcomes: Vec<PackOutcome>,
}

impl From<Order4> for Order {
    fn from(order: Order4) -> Self {
        let Order4 { id, reference, store, by, served_by, member, claimed_by, claimed_at, ordered_at, .. } = order;
        let Order4 { lines, total_minor, coupons, payments, refunds, outcomes, .. } = order;
        Self {
            id,
            reference,
            store,
            by,
            served_by,
            member,
            claimed_by,
            claimed_at,
            ordered_at,
            lines,
            total_minor,
            discounts: Vec::new(),
            coupons,
            payments,
            refunds,
            outcomes,
        }
    }
}

impl From<Order3> for Order {
    fn from(order: Order3) -> Self {
        let Order3 { id, reference, store, member, claimed_at, ordered_at, lines, total_minor, .. } = order;
        let Order3 { coupons, payments, refunds, outcomes, .. } = order;
        let refunds = refunds.into_iter().map(|refund| {
            let Refund3 { at, reason, lines, amount_minor, completes, reversals } = refund;
            Refund { at, by: Source::Unknown, reason, lines, amount_minor, completes, reversals }
        });
        Self {
            id,
            reference,
            store,
            by: Source::Unknown,
            served_by: None,
            member,
            claimed_by: claimed_at.map(|_| Source::Unknown),
            claimed_at,
            ordered_at,
            lines,
            total_minor,
            discounts: Vec::new(),
            coupons,
            payments,
            refunds: refunds.collect(),
            outcomes,
        }
    }
}

impl From<Order2> for Order3 {
    fn from(order: Order2) -> Self {
        let Order2 { id, reference, store, member, ordered_at, lines, total_minor, state, outcomes } = order;
        let refunds = state.refunds(&lines, total_minor);
        Self {
            id,
            reference,
            store,
            member,
            claimed_at: None,
            ordered_at,
            lines,
            total_minor,
            coupons: None,
            payments: Vec::new(),
            refunds,
            outcomes,
        }
    }
}

#[derive(Deserialize)]
struct Line1 {
    sku: Label,
    category: Option<Label>,
    quantity: u32,
    amount_minor: Minor,
}

pub(crate) fn order(version: u8, body: &[u8]) -> Option<Order> {
    match version {
        1 => whole::<Order1>(body).map(Into::into),
        2 => whole::<Order2>(body).map(Into::into),
        3 => whole::<Order3>(body).map(Into::into),
        4 => whole::<Order4>(body).map(Into::into),
        _ => None,
    }
}

impl From<Order2> for Order {
    fn from(order: Order2) -> Self {
        Order3::from(order).into()
    }
}

impl From<Order1> for Order {
    fn from(order: Order1) -> Self {
        Order2::from(order).into()
    }
}

impl From<Order1> for Order2 {
    fn from(order: Order1) -> Self {
        let Order1 { id, reference, store, member, ordered_at, lines, total_minor, state, outcomes } = order;
        let lines = lines
            .into_iter()
            .map(|Line1 { sku, category, quantity, amount_minor }| Line {
                sku,
                category,
                brand: None,
                quantity,
                amount_minor,
            })
            .collect();
        Self { id, reference, store, member, ordered_at, lines, total_minor, state, outcomes }
    }
}

/// Before it remembered what was forgiven.
#[derive(Deserialize)]
struct Lot1 {
    id: LotId,
    source: PostingId,
    granted: Minor,
    remaining: Minor,
    expired: Minor,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    expires_at: Option<Timestamp>,
}

pub(crate) fn lot(version: u8, body: &[u8]) -> Option<Lot> {
    let Lot1 { id, source, granted, remaining, expired, expires_at } = (version == 1).then(|| whole(body))??;
    Some(Lot { id, source, granted, remaining, expired, forgiven: 0, expires_at })
}

/// Before it said who acted. Versions 1 and 2 knew fewer moves, causes and accounts; what they knew has kept its shape.
#[derive(Deserialize)]
struct Posting3 {
    id: PostingId,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    at: Timestamp,
    cause: Cause,
    pack: Option<Code>,
    reason: Option<Label>,
    entries: Vec<Entry>,
}

pub(crate) fn posting(version: u8, body: &[u8]) -> Option<Posting> {
    let Posting3 { id, at, cause, pack, reason, entries } = (1..=3).contains(&version).then(|| whole(body))??;
    Some(Posting { id, at, by: Source::Unknown, cause, pack, reason, entries })
}

/// Version 1 knew fewer events; those it knew have kept their shapes.
pub(super) fn event(version: u8, body: &[u8]) -> Option<Event> {
    (version == 1).then(|| whole(body)).flatten()
}

/// What no pack led to lies in the log as an event, and so does what packs tell.
pub(super) fn logged_event(version: u8, body: &[u8]) -> Option<LoggedEvent> {
    match version {
        1 | 2 => whole::<Event>(body).map(Into::into),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;
    use crate::domain::StaffId;
    use crate::store::{Record, decode, encode};

    /// The bytes that version 1 of the host wrote for a record with these fields.
    fn older(fields: &impl Serialize) -> Vec<u8> {
        postcard::to_extend(fields, vec![1]).unwrap()
    }

    fn read<T: Record>(bytes: &[u8]) -> T {
        let mut longer = bytes.to_vec();
        longer.push(0);
        assert!(decode::<T>(b"k", &longer).is_err(), "bytes left over are refused");
        decode(b"k", bytes).unwrap()
    }

    fn label(text: &str) -> Label {
        Label::new(text).unwrap()
    }

    #[test]
    fn a_merchant_of_version_1_spends_principal_first() {
        let id = MerchantId::from_bytes([1; 16]);
        let zone = ZoneName::new("Asia/Shanghai").unwrap();
        let currency = Currency::new("CNY").unwrap();
        let read: Merchant = read(&older(&(id, "Bakery", currency, &zone, "zh-CN")));
        let expected = Merchant {
            id,
            name: label("Bakery"),
            currency,
            time_zone: zone,
            locale: label("zh-CN"),
            stored_value_order: SpendingOrder::PrincipalFirst,
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn a_unit_of_version_1_has_the_usual_rules() {
        let read: Unit = read(&older(&("points", UnitKind::Count, Some("loyalty"))));
        let code = |text| Code::new(text).unwrap();
        assert_eq!(read, Unit::new(code("points"), UnitKind::Count, Some(code("loyalty"))));
    }

    #[test]
    fn of_a_lot_of_version_1_nothing_is_forgiven() {
        let (id, source) = (LotId::from_bytes([3; 16]), PostingId::from_bytes([4; 16]));
        let read: Lot = read(&older(&(id, source, 10_u64, 4_u64, 1_u64, Some(5_000_i64))));
        let expires_at = Some(Timestamp::from_second(5).unwrap());
        assert_eq!(read, Lot { id, source, granted: 10, remaining: 4, expired: 1, forgiven: 0, expires_at });
    }

    #[test]
    fn an_event_of_version_1_is_the_same() {
        let order = OrderId::from_bytes([7; 16]);
        let event = Event::OrderSettled { order, member: None, at: Timestamp::from_second(5).unwrap() };
        assert_eq!(read::<Event>(&older(&event)), event);
    }

    #[test]
    fn an_event_without_steps_before_it_lies_in_the_log_as_it_is() {
        let order = OrderId::from_bytes([7; 16]);
        let event = Event::OrderSettled { order, member: None, at: Timestamp::from_second(5).unwrap() };
        let first = LoggedEvent { event: event.clone(), depth: 0 };
        assert_eq!(read::<LoggedEvent>(&older(&event)), first);
        assert_eq!(read::<LoggedEvent>(&encode(&event)), first);
        let later = LoggedEvent { depth: 3, ..first };
        assert_eq!(read::<LoggedEvent>(&encode(&later)), later);
        assert!(decode::<Event>(b"k", &encode(&later)).is_err(), "the versions are told apart");
    }

    #[test]
    fn a_line_of_version_1_has_no_brand() {
        let id = OrderId::from_bytes([7; 16]);
        let store = StoreId::from_bytes([8; 16]);
        let lines = vec![("bun", Some("pastry"), 2_u32, 700_u64)];
        let none: Option<MemberId> = None;
        let fields = (id, "till-1", store, none, 5_000_i64, lines, 700_u64, 0_u8, Vec::<u8>::new());
        let order: Order = read(&older(&fields));
        let line =
            Line { sku: label("bun"), category: Some(label("pastry")), brand: None, quantity: 2, amount_minor: 700 };
        assert_eq!((order.id, order.lines, order.total_minor), (id, vec![line], 700));
        assert_eq!(order.ordered_at, Timestamp::from_second(5).unwrap());
    }

    #[test]
    fn of_an_order_of_version_3_nobody_knows_who_acted() {
        let (id, posting) = (OrderId::from_bytes([7; 16]), PostingId::from_bytes([4; 16]));
        let (store, member) = (StoreId::from_bytes([8; 16]), MemberId::from_bytes([9; 16]));
        let (at, at_millis) = (Timestamp::from_second(5).unwrap(), 5_000_i64);
        let lines = vec![("bun", None::<&str>, None::<&str>, 2_u32, 700_u64)];
        let refund = (at_millis, Some("stale"), vec![(0_u16, 1_u32, 350_u64)], 350_u64, false, vec![posting]);
        let fields = (id, "till-1", store, Some(member), Some(at_millis), at_millis, lines, 700_u64);
        let more = (None::<UsedCoupons>, Vec::<Payment>::new(), vec![refund], Vec::<PackOutcome>::new());
        let order: Order = read(&older3(&(fields, more)));
        assert_eq!((order.id, order.by, order.served_by), (id, Source::Unknown, None));
        assert_eq!((order.member, order.claimed_at), (Some(member), Some(at)));
        assert_eq!(order.claimed_by, Some(Source::Unknown));
        let lines = vec![RefundedLine { line: 0, quantity: 1, amount_minor: 350 }];
        let (by, reason, reversals) = (Source::Unknown, Some(label("stale")), vec![posting]);
        let refund = Refund { at, by, reason, lines, amount_minor: 350, completes: false, reversals };
        assert_eq!(order.refunds, [refund]);
    }

    #[test]
    fn nothing_was_taken_off_an_order_of_version_4_by_packs() {
        let (id, posting, staff) =
            (OrderId::from_bytes([7; 16]), PostingId::from_bytes([4; 16]), StaffId::from_bytes([5; 16]));
        let (store, member) = (StoreId::from_bytes([8; 16]), MemberId::from_bytes([9; 16]));
        let (at, by) = (Timestamp::from_second(5).unwrap(), Source::Hand(staff));
        let served = Served { staff, team: Some(Code::new("counter").unwrap()) };
        let line =
            Line { sku: label("bun"), category: None, brand: Some(label("own")), quantity: 2, amount_minor: 700 };
        let part = RefundedLine { line: 0, quantity: 1, amount_minor: 350 };
        let (reason, reversals) = (Some(label("stale")), vec![posting]);
        let refund =
            Refund { at, by: by.clone(), reason, lines: vec![part], amount_minor: 350, completes: false, reversals };
        let fields = (id, "till-1", store, &by, Some(&served), Some(member), Some(Source::Operator), Some(5_000_i64));
        let more = (5_000_i64, vec![&line], 700_u64, None::<UsedCoupons>, Vec::<Payment>::new(), vec![&refund]);
        let order: Order = read(&postcard::to_extend(&(fields, more, Vec::<PackOutcome>::new()), vec![4]).unwrap());
        let expected = Order {
            id,
            reference: Reference::new("till-1").unwrap(),
            store,
            by,
            served_by: Some(served),
            member: Some(member),
            claimed_by: Some(Source::Operator),
            claimed_at: Some(at),
            ordered_at: at,
            lines: vec![line],
            total_minor: 700,
            discounts: Vec::new(),
            coupons: None,
            payments: Vec::new(),
            refunds: vec![refund],
            outcomes: Vec::new(),
        };
        assert_eq!(order, expected);
    }

    #[test]
    fn of_a_posting_of_version_3_nobody_knows_who_acted() {
        let id = PostingId::from_bytes([4; 16]);
        let bytes = older3(&(id, 5_000_i64, Cause::Load, None::<Code>, Some("cash"), Vec::<Entry>::new()));
        let at = Timestamp::from_second(5).unwrap();
        let (by, reason) = (Source::Unknown, Some(label("cash")));
        let expected = Posting { id, at, by, cause: Cause::Load, pack: None, reason, entries: Vec::new() };
        assert_eq!(read::<Posting>(&bytes), expected);
    }

    /// The bytes that the host wrote for version 3 of a record with these fields.
    fn older3(fields: &impl Serialize) -> Vec<u8> {
        postcard::to_extend(fields, vec![3]).unwrap()
    }
}
