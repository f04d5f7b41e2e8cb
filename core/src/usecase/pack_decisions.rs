//! What packs decide at an order: asked in its transaction, and booked as far as the limits of the units allow.

use std::collections::BTreeMap;

use super::health::CallKind;
use super::pack_calls::settle_later;
use super::{Act, Active};
use crate::domain::{Code, Event, Member, MemberId, Merchant, Minor, Order, PackOutcome, PackResult, StoreId};
use crate::ledger::{Book, Cause, House, LedgerError, Move, NewPosting};
use crate::pack::{CallError, Earning};
use crate::store::{StoreError, Tx};

/// Asks the packs of an order's store for their part in it. A pack that fails leaves nothing but that it has failed; unless a
/// rule of the trade forbade it, it is tried again after the commit.
pub(super) fn ask_packs(
    tx: &mut Tx,
    act: &mut Act<'_>,
    merchant: &Merchant,
    order: &Order,
    buyer: Option<&Member>,
) -> Result<Vec<PackOutcome>, StoreError> {
    let mut outcomes = Vec::new();
    let zone = merchant.time_zone.zone();
    for active in taking_part(tx, act, order.store)? {
        let before = tx.savepoint();
        let scene = active.scene(act, merchant, &zone, Some(order.store), order.ordered_at);
        let result = match &active.loaded {
            Ok(pack) => act
                .call(tx, &active, CallKind::Settled, |tx| pack.settled(tx, &scene, order, buyer))
                .map_err(Failure::from)
                .and_then(|decided| grant(tx, act, &active, order, buyer, decided.earnings)),
            Err(error) => {
                Err(Failure::Pack { code: error.code().to_owned(), message: error.to_string(), may_pass: true })
            }
        };
        let result = match result {
            Ok(done) => done,
            Err(Failure::Store(error)) => return Err(error),
            Err(Failure::Pack { code, message, may_pass }) => {
                tx.rollback_to(before);
                if may_pass {
                    settle_later(tx, act, &active.code, order)?;
                }
                tracing::warn!(pack = %active.code, order = %order.id, code, "a pack failed in its part of an order");
                let event =
                    Event::PackFailed { pack: active.code.clone(), order: order.id, code: code.clone(), at: act.now };
                act.tell(tx, &event)?;
                PackResult::Failed { code, message }
            }
        };
        outcomes.push(PackOutcome { pack: active.code.clone(), result });
    }
    Ok(outcomes)
}

/// The packs that take part in the orders of a store.
pub(super) fn taking_part(tx: &mut Tx, act: &Act<'_>, store: StoreId) -> Result<Vec<Active>, StoreError> {
    let all = act.programme.active(tx, act.merchant)?;
    let takes_part = |active: &&Active| {
        active.stores.contains(&store) && active.loaded.as_ref().map_or(true, |pack| pack.checks_out())
    };
    Ok(all.iter().filter(takes_part).cloned().collect())
}

/// Why a pack's part of an order is dropped.
pub(super) enum Failure {
    Pack { code: String, message: String, may_pass: bool },
    Store(StoreError),
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Store(error) => Self::Store(error),
            other => {
                Self::Pack { code: other.code().to_owned(), message: other.to_string(), may_pass: other.may_pass() }
            }
        }
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Store(error) => Self::Store(error),
            other => Self::Pack { code: "ledger-refused".into(), message: other.to_string(), may_pass: false },
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Books what a pack wants the buyer to get, as far as the limits of the units allow.
pub(super) fn grant(
    tx: &mut Tx,
    act: &mut Act<'_>,
    active: &Active,
    order: &Order,
    buyer: Option<&Member>,
    earnings: Vec<Earning>,
) -> Result<PackResult, Failure> {
    let Some(buyer) = buyer else { return Ok(PackResult::Done { posting: None, earned: Vec::new() }) };
    let Limited { earnings, kept_back } = within_limits(&mut act.book(tx)?, buyer.id, earnings)?;
    for (unit, kept_back) in kept_back {
        let (pack, at) = (active.code.clone(), act.now);
        act.tell(tx, &Event::EarningLimited { order: order.id, member: buyer.id, pack, unit, kept_back, at })?;
    }
    if earnings.is_empty() {
        return Ok(PackResult::Done { posting: None, earned: Vec::new() });
    }
    let moves = earnings.iter().map(|earning| Move::Grant {
        member: buyer.id,
        unit: earning.unit.clone(),
        amount: earning.amount,
        expires_at: earning.expires_at,
        from: House::Issued,
    });
    let moves = moves.collect();
    let id = act.ids.posting();
    let pack = Some(active.code.clone());
    act.book(tx)?.post(&NewPosting { id, cause: Cause::Order(order.id), pack, reason: None, moves })?;
    let earned = earnings.into_iter().map(|earning| (earning.unit, earning.amount)).collect();
    Ok(PackResult::Done { posting: Some(id), earned })
}

/// Earnings within the limits of their units.
pub(super) struct Limited {
    /// What can be granted.
    pub(super) earnings: Vec<Earning>,
    /// How much more of which unit it would have been.
    pub(super) kept_back: Vec<(Code, Minor)>,
}

/// Cuts earnings down to what the member can be granted now. A member at a limit gets less, the order stands.
pub(super) fn within_limits(
    book: &mut Book<'_>,
    member: MemberId,
    wanted: Vec<Earning>,
) -> Result<Limited, LedgerError> {
    let mut left: BTreeMap<Code, Minor> = BTreeMap::new();
    let (mut earnings, mut kept_back) = (Vec::new(), Vec::new());
    for earning in wanted {
        let room = match left.get(&earning.unit) {
            Some(room) => *room,
            None => book.grantable(member, &earning.unit)?,
        };
        let amount = earning.amount.min(room);
        left.insert(earning.unit.clone(), room - amount);
        if amount < earning.amount {
            kept_back.push((earning.unit.clone(), earning.amount - amount));
        }
        // An amount of nothing is for the ledger to refuse.
        if amount > 0 || earning.amount == 0 {
            earnings.push(Earning { amount, ..earning });
        }
    }
    Ok(Limited { earnings, kept_back })
}
