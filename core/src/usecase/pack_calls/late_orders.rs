//! What a pack could not do in an order's own transaction, as it broke off, rested or was being upgraded: it is tried again
//! after the commit, as its timers are, so that the buyer gets what the order earned.

use jiff::SignedDuration;

use super::Calling;
use crate::domain::{Code, Event, Label, Member, Order, OrderId, OrderState, PackOutcome, PackResult};
use crate::pack::{CallError, Earning, Refusal, RefusalKind, Timer, TimerKind, Verdict, put_timer};
use crate::store::{StoreError, Tx, layout, member_of};
use crate::usecase::Act;
use crate::usecase::health::CallKind;
use crate::usecase::pack_decisions::{Failure, grant};
use crate::usecase::refund_order::take_back_share;

/// How long after the order it is tried for the first time.
const AFTER: SignedDuration = SignedDuration::from_secs(10);

/// Has a pack do its part of an order later.
pub(in crate::usecase) fn settle_later(
    tx: &mut Tx,
    act: &Act<'_>,
    pack: &Code,
    order: &Order,
) -> Result<(), StoreError> {
    put(tx, act, pack, order, TimerKind::Settled)
}

/// Has a pack hear of a refund later.
pub(in crate::usecase) fn refund_later(
    tx: &mut Tx,
    act: &Act<'_>,
    pack: &Code,
    order: &Order,
) -> Result<(), StoreError> {
    put(tx, act, pack, order, TimerKind::Refunded)
}

fn put(tx: &mut Tx, act: &Act<'_>, pack: &Code, order: &Order, kind: TimerKind) -> Result<(), StoreError> {
    let name = Label::new(order.id.to_string()).expect("an id is a label");
    let at = act.now.checked_add(AFTER).unwrap_or(act.now);
    let (payload, rule, store) = (String::new(), String::new(), Some(order.store));
    let timer = Timer { kind, name, due: act.now, at, payload, store, attempts: 0, rule, depth: 0 };
    put_timer(tx, act.merchant, pack, &timer)
}

impl Calling {
    /// Has the pack do its part of an order that was settled without it. Of one that came back in part meanwhile, the pack
    /// gives what it does for the whole, and what goes with that part is taken back at once.
    pub(super) fn settle_late(&self, tx: &mut Tx, act: &mut Act<'_>, timer: &Timer) -> Result<Verdict<()>, StoreError> {
        let mut order = read(tx, act, timer)?;
        let pack = &self.active.code;
        let is_open =
            |outcome: &PackOutcome| outcome.pack == *pack && matches!(outcome.result, PackResult::Failed { .. });
        let Some(place) = order.outcomes.iter().position(is_open) else { return Ok(done()) };
        match order.state() {
            OrderState::Settled | OrderState::PartlyRefunded => {}
            OrderState::Refunded { .. } => return Ok(done()),
        }
        let buyer = match order.member {
            Some(member) => member_of(tx, act.merchant, member)?,
            None => None,
        };
        let before = tx.savepoint();
        act.store = Some(order.store);
        let scene = self.active.scene(act, &self.merchant, &self.zone, Some(order.store), order.ordered_at);
        let verdict =
            act.call_anyway(tx, pack, CallKind::Settled, |tx| self.pack.settled(tx, &scene, &order, buyer.as_ref()))?;
        let Verdict { result, lines, fuel, of_partners, took, recording } = verdict;
        let granted = match result {
            Ok(decided) => {
                self.give(tx, act, &mut order, buyer.as_ref(), decided.earnings).map_err(|failure| match failure {
                    Failure::Store(error) => CallError::Store(error),
                    Failure::Pack { code, message, .. } => no(&code, message),
                })
            }
            Err(error) => Err(error),
        };
        act.store = None;
        let result = match granted {
            Ok(result) => {
                order.outcomes[place].result = result;
                tx.save(&layout::order(act.merchant, order.id), &order)?;
                act.tell(tx, &Event::PackCaughtUp { pack: pack.clone(), order: order.id, at: act.now })?;
                Ok(())
            }
            Err(error) => {
                tx.rollback_to(before);
                Err(error)
            }
        };
        Ok(Verdict { result, lines, fuel, of_partners, took, recording })
    }

    /// Books what the pack gives for an order, and takes back what goes with the parts of it that came back before.
    fn give(
        &self,
        tx: &mut Tx,
        act: &mut Act<'_>,
        order: &mut Order,
        buyer: Option<&Member>,
        earnings: Vec<Earning>,
    ) -> Result<PackResult, Failure> {
        let given = grant(tx, act, &self.active, order, buyer, earnings)?;
        if let PackResult::Done { posting: Some(posting), .. } = &given
            && !order.refunds.is_empty()
            && let Some(reversal) = take_back_share(tx, act, order, *posting, &self.active.code)?
            && let Some(refund) = order.refunds.last_mut()
        {
            refund.reversals.push(reversal);
        }
        Ok(given)
    }

    /// Has the pack hear of a refund of which it could not be told in time.
    pub(super) fn refund_late(&self, tx: &mut Tx, act: &mut Act<'_>, timer: &Timer) -> Result<Verdict<()>, StoreError> {
        let order = read(tx, act, timer)?;
        let buyer = match order.member {
            Some(member) => member_of(tx, act.merchant, member)?,
            None => None,
        };
        let scene = self.scene(act, Some(order.store), 0);
        act.call_anyway(tx, &self.active.code, CallKind::Refunded, |tx| {
            self.pack.refunded(tx, &scene, &order, buyer.as_ref())
        })
    }
}

fn read(tx: &mut Tx, act: &Act<'_>, timer: &Timer) -> Result<Order, StoreError> {
    let corrupt = || StoreError::corrupt("order of a late call (missing)", timer.name.as_str().as_bytes());
    let id: OrderId = timer.name.as_str().parse().map_err(|_| corrupt())?;
    tx.load::<Order>(&layout::order(act.merchant, id))?.ok_or_else(corrupt)
}

fn done() -> Verdict<()> {
    Verdict::without_call(Ok(()))
}

fn no(code: &str, message: String) -> CallError {
    CallError::Refused(Refusal { kind: RefusalKind::Failed, code: code.to_owned(), message })
}
