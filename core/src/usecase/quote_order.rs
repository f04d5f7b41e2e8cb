//! What a basket would get, and why. Nothing is written.

use super::Act;
use super::catalogue::{completed, read_item};
use super::health::CallKind;
use super::host::has_store;
use super::pack_decisions::{Limited, taking_part, within_limits};
use super::price_order::{PackPrice, PriceFor, price_order};
use super::quote_coupons::{QuotedCoupon, SoughtCoupons, quote_coupons, taken_off};
use crate::domain::{
    Code, Currency, Label, Line, LineFault, Member, MemberId, Merchant, Minor, Order, OrderId, PackDiscount, Reference,
    StoreId,
};
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
    pub lines: Vec<QuoteLine>,
    /// With which of the buyer's coupons.
    pub coupons: SoughtCoupons,
    /// Whether packs take something off: then the order has to say what is due.
    pub discounts: bool,
}

/// A line of a basket.
#[derive(Clone, Debug)]
pub struct QuoteLine {
    /// The merchant's name for the thing.
    pub sku: Label,
    /// Its category, when the basket says so.
    pub category: Option<Label>,
    /// Its brand, when the basket says so.
    pub brand: Option<Label>,
    /// How many.
    pub quantity: u32,
    /// What it costs; none for what the catalogue says: a member's price when the buyer is known.
    pub amount_minor: Option<Minor>,
}

/// What a basket would get.
#[derive(Debug)]
pub struct Quote {
    /// The lines with what they cost, before packs and coupons take something off.
    pub lines: Vec<Line>,
    /// The sum of the lines.
    pub total_minor: Minor,
    /// What is left to be paid when what packs take off and the coupons that count are taken off.
    pub due_minor: Minor,
    /// What each coupon that was looked at would take off, or why it would not count; those that count first, in the order
    /// in which they do.
    pub coupons: Vec<QuotedCoupon>,
    /// What each pack says, in the order they are asked.
    pub packs: Vec<PackQuote>,
}

/// What one pack says to a basket.
#[derive(Debug)]
pub struct PackQuote {
    /// The pack.
    pub pack: Code,
    /// What it takes off, before coupons.
    pub discounts: Vec<PackDiscount>,
    /// What the buyer would get.
    pub earnings: Vec<Earning>,
    /// How much more of which unit it would be if the unit had no limits.
    pub kept_back: Vec<(Code, Minor)>,
    /// What the pack looked at.
    pub findings: Vec<Finding>,
    /// Code and text of its failure, for which a part of this or all is missing; the first, when there are two.
    pub failed: Option<(String, String)>,
}

impl PackQuote {
    fn new(pack: Code) -> Self {
        let (discounts, earnings, kept_back, findings) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { pack, discounts, earnings, kept_back, findings, failed: None }
    }

    fn priced(PackPrice { pack, said }: PackPrice) -> Self {
        let quote = Self::new(pack);
        match said {
            Ok(taken) => Self { discounts: taken.discounts, findings: taken.skipped, ..quote },
            Err(failure) => Self { failed: Some((failure.code, failure.message)), ..quote },
        }
    }

    fn add(&mut self, said: Result<PackOffer, (String, String)>) {
        match said {
            Ok(PackOffer { earnings, kept_back, findings }) => {
                (self.earnings, self.kept_back) = (earnings, kept_back);
                self.findings.extend(findings);
            }
            Err(failure) => {
                self.failed.get_or_insert(failure);
            }
        }
    }
}

/// What one pack would give for a basket.
struct PackOffer {
    earnings: Vec<Earning>,
    kept_back: Vec<(Code, Minor)>,
    findings: Vec<Finding>,
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
    /// The catalogue does not say what it costs.
    #[error("line {line}: the catalogue has no price of `{sku}`: say `amount_minor`")]
    NoPrice {
        /// Which line, from 1.
        line: usize,
        /// What.
        sku: Label,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl QuoteLine {
    /// The line as it was said; what it costs is to be found out when that was not.
    fn as_said(&self) -> Line {
        let Self { sku, category, brand, quantity, amount_minor } = self.clone();
        Line { sku, category, brand, quantity, amount_minor: amount_minor.unwrap_or(0) }
    }
}

/// Says what lines cost of which the basket does not say it, by the catalogue.
fn price(tx: &mut Tx, act: &Act<'_>, new: &QuoteOrder, lines: &mut [Line], is_member: bool) -> Result<(), QuoteError> {
    let unpriced = (1..).zip(&new.lines).zip(lines).filter(|((_, said), _)| said.amount_minor.is_none());
    for ((number, _), line) in unpriced {
        let item = read_item(tx, act.merchant, &line.sku)?;
        let price = item.and_then(|item| item.price(is_member));
        let price = price.ok_or_else(|| QuoteError::NoPrice { line: number, sku: line.sku.clone() })?;
        let amount = price.checked_mul(line.quantity.into()).filter(|amount| *amount <= Currency::AMOUNT_MAX);
        line.amount_minor = amount.ok_or(LineFault::TooLarge { line: number })?;
    }
    Ok(())
}

/// Asks the enabled packs what they would give for a basket.
///
/// # Errors
/// The first refusal in the order of [`QuoteError`]'s variants.
pub fn quote_order(tx: &mut Tx, act: &mut Act<'_>, new: &QuoteOrder) -> Result<Quote, QuoteError> {
    let mut lines: Vec<Line> = new.lines.iter().map(QuoteLine::as_said).collect();
    Order::total(&lines)?;
    let merchant = act.merchant(tx)?;
    if !has_store(tx, merchant.id, new.store)? {
        return Err(QuoteError::UnknownStore(new.store));
    }
    let buyer = match new.member {
        Some(id) => Some(member_of(tx, merchant.id, id)?.ok_or(QuoteError::UnknownMember(id))?),
        None => None,
    };
    price(tx, act, new, &mut lines, buyer.is_some())?;
    let total_minor = Order::total(&lines)?;
    let lines = completed(tx, act.merchant, &lines)?;
    Order::check_names(&lines)?;
    let mut order = Order {
        id: OrderId::from_bytes([0; 16]),
        reference: Reference::new("quote").expect("the word is a reference"),
        store: new.store,
        by: act.source(),
        served_by: None,
        member: buyer.as_ref().map(|buyer| buyer.id),
        claimed_by: None,
        claimed_at: None,
        ordered_at: act.now,
        lines: lines.clone(),
        total_minor,
        discounts: Vec::new(),
        coupons: None,
        payments: Vec::new(),
        refunds: Vec::new(),
        outcomes: Vec::new(),
    };
    // As when it is settled: packs take something off, then coupons count, and packs give for what is left. What they write
    // when they are asked for prices they see when they are asked what they give, and nobody afterwards.
    let before = tx.savepoint();
    let priced = if new.discounts {
        price_order(tx, act, &merchant, (&mut order, buyer.as_ref()), PriceFor::Quote)?
    } else {
        Vec::new()
    };
    let mut packs: Vec<PackQuote> = priced.into_iter().map(PackQuote::priced).collect();
    let coupons = quote_coupons(tx, act, &new.coupons, order.member, new.store, &mut order.lines)?;
    order.total_minor = order.total_minor.saturating_sub(taken_off(&coupons));
    for (pack, said) in ask_packs(tx, act, &merchant, &order, buyer.as_ref())? {
        let place = packs.iter().position(|quote| quote.pack == pack).unwrap_or_else(|| {
            packs.push(PackQuote::new(pack));
            packs.len() - 1
        });
        packs[place].add(said);
    }
    tx.rollback_to(before);
    Ok(Quote { lines, total_minor, due_minor: order.total_minor, coupons, packs })
}

/// What a pack would give, or the code and text of its failure.
type PackSays = (Code, Result<PackOffer, (String, String)>);

/// Asks the packs of a store what they would give for a basket, when it costs what is left of it.
fn ask_packs(
    tx: &mut Tx,
    act: &mut Act<'_>,
    merchant: &Merchant,
    order: &Order,
    buyer: Option<&Member>,
) -> Result<Vec<PackSays>, StoreError> {
    let zone = merchant.time_zone.zone();
    let mut packs = Vec::new();
    for active in taking_part(tx, act, order.store)? {
        let scene = active.scene(act, merchant, &zone, Some(order.store), act.now);
        let said = match &active.loaded {
            Ok(pack) => {
                match act.call_for_show(tx, &active, CallKind::Quote, |tx| pack.quote(tx, &scene, order, buyer)) {
                    Ok(decided) => offer(tx, act, buyer, decided)?,
                    Err(CallError::Store(error)) => return Err(error),
                    Err(error) => Err((error.code().to_owned(), error.to_string())),
                }
            }
            Err(error) => Err((error.code().to_owned(), error.to_string())),
        };
        packs.push((active.code, said));
    }
    Ok(packs)
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
