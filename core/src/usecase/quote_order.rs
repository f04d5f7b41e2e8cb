//! What a basket would get, and why. Nothing is written.

use super::Act;
use super::catalogue::completed;
use super::host::has_store;
use super::quote_coupons::{QuotedCoupon, SoughtCoupons, quote_coupons, taken_off};
use super::settle_order::{Limited, taking_part, within_limits};
use crate::domain::{Code, Line, LineFault, Member, MemberId, Minor, Order, OrderId, Reference, StoreId};
use crate::ledger::LedgerError;
use crate::pack::{CallError, Decided, Earning, Finding};
use crate::store::{StoreError, Tx, member_of};

/// A basket.
#[derive(Clone, Debug)]
pub struct QuoteOrder {
    /// Where.
    pub store: StoreId,
    /// Who buys, if it is known.
    pub member: Option<MemberId>,
    /// What.
    pub lines: Vec<Line>,
    /// With which of the buyer's coupons.
    pub coupons: SoughtCoupons,
}

/// What a basket would get.
#[derive(Debug)]
pub struct Quote {
    /// The sum of the lines.
    pub total_minor: Minor,
    /// What is left to be paid when the coupons that count are taken off.
    pub due_minor: Minor,
    /// What each coupon that was looked at would take off, or why it would not count; those that count first.
    pub coupons: Vec<QuotedCoupon>,
    /// What each pack says, in the order they are asked.
    pub packs: Vec<PackQuote>,
}

/// What one pack says to a basket.
#[derive(Debug)]
pub struct PackQuote {
    /// The pack.
    pub pack: Code,
    /// What it would give and what it looked at, or the code and text of its failure.
    pub said: Result<PackOffer, (String, String)>,
}

/// What one pack would give for a basket.
#[derive(Debug)]
pub struct PackOffer {
    /// What the buyer would get.
    pub earnings: Vec<Earning>,
    /// How much more of which unit it would be if the unit had no limits.
    pub kept_back: Vec<(Code, Minor)>,
    /// What the pack looked at.
    pub findings: Vec<Finding>,
}

/// Why there is no quote.
#[derive(Debug, thiserror::Error)]
pub enum QuoteError {
    /// The basket is wrong.
    #[error(transparent)]
    Lines(#[from] LineFault),
    /// Not a store of the merchant.
    #[error("there is no store {0}")]
    UnknownStore(StoreId),
    /// Not a member of the merchant.
    #[error("there is no member {0}")]
    UnknownMember(MemberId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Asks the enabled packs what they would give for a basket.
///
/// # Errors
/// The first refusal in the order of [`QuoteError`]'s variants.
pub fn quote_order(tx: &mut Tx, act: &mut Act<'_>, new: &QuoteOrder) -> Result<Quote, QuoteError> {
    let total_minor = Order::total(&new.lines)?;
    let merchant = act.merchant(tx)?;
    if !has_store(tx, merchant.id, new.store)? {
        return Err(QuoteError::UnknownStore(new.store));
    }
    let buyer = match new.member {
        Some(id) => Some(member_of(tx, merchant.id, id)?.ok_or(QuoteError::UnknownMember(id))?),
        None => None,
    };
    let mut lines = completed(tx, act.merchant, &new.lines)?;
    let coupons = quote_coupons(tx, act, &new.coupons, buyer.as_ref().map(|buyer| buyer.id), new.store, &mut lines)?;
    let due_minor = total_minor.saturating_sub(taken_off(&coupons));
    // As when it is settled, packs see what is left when coupons are taken off.
    let order = Order {
        id: OrderId::from_bytes([0; 16]),
        reference: Reference::new("quote").expect("the word is a reference"),
        store: new.store,
        by: act.source(),
        served_by: None,
        member: buyer.as_ref().map(|buyer| buyer.id),
        claimed_by: None,
        claimed_at: None,
        ordered_at: act.now,
        lines,
        total_minor: due_minor,
        coupons: None,
        payments: Vec::new(),
        refunds: Vec::new(),
        outcomes: Vec::new(),
    };
    let zone = merchant.time_zone.zone();
    let mut packs = Vec::new();
    for active in taking_part(tx, act, new.store)? {
        let scene = active.scene(act, &merchant, &zone, Some(new.store), act.now);
        let said = match &active.loaded {
            Ok(pack) => match act.call_for_show(tx, &active, |tx| pack.quote(tx, &scene, &order, buyer.as_ref())) {
                Ok(decided) => offer(tx, act, buyer.as_ref(), decided)?,
                Err(CallError::Store(error)) => return Err(error.into()),
                Err(error) => Err((error.code().to_owned(), error.to_string())),
            },
            Err(error) => Err((error.code().to_owned(), error.to_string())),
        };
        packs.push(PackQuote { pack: active.code, said });
    }
    Ok(Quote { total_minor, due_minor, coupons, packs })
}

/// What the buyer would get of what a pack decided.
fn offer(
    tx: &mut Tx,
    act: &mut Act<'_>,
    buyer: Option<&Member>,
    decided: Decided,
) -> Result<Result<PackOffer, (String, String)>, StoreError> {
    let Decided { earnings, findings } = decided;
    let Some(buyer) = buyer else { return Ok(Ok(PackOffer { earnings, kept_back: Vec::new(), findings })) };
    // What is due is booked before an account's limits are looked at, and that is not a quote's to keep.
    let before = tx.savepoint();
    let limited = within_limits(&mut act.book(tx)?, buyer.id, earnings);
    tx.rollback_to(before);
    Ok(match limited {
        Ok(Limited { earnings, kept_back }) => Ok(PackOffer { earnings, kept_back, findings }),
        Err(LedgerError::Store(error)) => return Err(error),
        Err(error) => Err(("ledger-refused".to_owned(), error.to_string())),
    })
}
