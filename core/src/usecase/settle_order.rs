//! An order comes from a till: it is recorded, and the packs do their part in the same transaction.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::bought_of::note_bought;
use super::catalogue::completed;
use super::figures::{Figure, count, count_order, count_sellers};
use super::hold_assets::{HOLD, HoldError, PostHold, placed_by_pack, post_hold};
use super::host::has_store;
use super::other_clocks::{SOLD_SINCE, is_ahead, whole_millis};
use super::pack_decisions::ask_packs;
use super::price_order::{PackPrice, PriceFor, price_order};
use super::redeem_coupons::{Choice, RedeemCoupons, RedeemError, Redeemed, redeem_coupons};
use super::same_order::{Says, is_same};
use super::spend_stored_value::{SpendError, SpendStoredValue, spend_stored_value, stored_value_units};
use super::teams::{stores_of, team_of};
use super::visits::note_visit;
use super::{Act, Reply};
use crate::domain::{
    Code, Currency, Event, HoldId, Line, LineFault, Member, MemberId, Merchant, MerchantId, Minor, Order, OrderId,
    Payment, PostingId, Reference, STORED_VALUE, Served, StaffId, StoreId, UsedCoupons,
};
use crate::ledger::LedgerError;
use crate::store::{Key, Order1, Order2, Order3, Order4, Record, StoreError, Tx, layout, member_of, whole};

/// What was bought.
#[derive(Clone, Debug)]
pub struct SettleOrder {
    /// The till's name for the order.
    pub reference: Reference,
    /// Where.
    pub store: StoreId,
    /// Who bought, if it is known.
    pub member: Option<MemberId>,
    /// Who of the staff served, if it is said.
    pub served_by: Option<StaffId>,
    /// When, if it was not just now.
    pub ordered_at: Option<Timestamp>,
    /// In which currency, if the till says so.
    pub currency: Option<Currency>,
    /// What, before packs and coupons take something off.
    pub lines: Vec<Line>,
    /// What a quote said is to be paid, for packs to take off what they took off there; none when the lines are what was
    /// charged, but for coupons.
    pub due_minor: Option<Minor>,
    /// The coupons that are redeemed for it.
    pub coupons: Vec<Choice>,
    /// How it is paid; nothing when that is not said.
    pub payments: Vec<Pay>,
}

/// How a part of an order is paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pay {
    /// With the buyer's stored value.
    StoredValue {
        /// How much.
        amount_minor: Minor,
    },
    /// With all that this hold of the buyer's has set aside.
    Hold {
        /// Which.
        hold: HoldId,
        /// What it is worth here; of stored value, what it holds.
        amount_minor: Minor,
    },
    /// With something that the host does not keep: cash, a card.
    Other {
        /// What the till calls it.
        method: Code,
        /// How much.
        amount_minor: Minor,
    },
}

impl Pay {
    /// How much.
    pub(super) fn amount_minor(&self) -> Minor {
        match self {
            Self::StoredValue { amount_minor } | Self::Hold { amount_minor, .. } | Self::Other { amount_minor, .. } => {
                *amount_minor
            }
        }
    }
}

/// An order that is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// The order, as it was when it was settled.
    pub order: Order,
    /// Whether it had been recorded before, with the same content: then nothing has happened now.
    pub repeated: bool,
}

impl Record for Settled {
    const VERSION: u8 = 5;
    const NAME: &'static str = "settled order";

    /// Before lines had a brand, before orders named coupons and payments, before they said who acted, and before packs took
    /// something off.
    fn from_older(version: u8, body: &[u8]) -> Option<Self> {
        let (order, repeated) = match version {
            1 => whole::<(Order1, bool)>(body).map(|(order, repeated)| (order.into(), repeated))?,
            2 => whole::<(Order2, bool)>(body).map(|(order, repeated)| (order.into(), repeated))?,
            3 => whole::<(Order3, bool)>(body).map(|(order, repeated)| (order.into(), repeated))?,
            4 => whole::<(Order4, bool)>(body).map(|(order, repeated)| (order.into(), repeated))?,
            _ => return None,
        };
        Some(Self { order, repeated })
    }
}

impl Reply for Settled {
    fn about(&self, merchant: MerchantId) -> Option<Key> {
        Some(layout::order(merchant, self.order.id))
    }
}

/// Why an order is not recorded.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// The basket is wrong.
    #[error(transparent)]
    Lines(#[from] LineFault),
    /// The merchant takes another currency.
    #[error("the order is in {given}, but the merchant's currency is {expected}")]
    Currency {
        /// The order's.
        given: Currency,
        /// The merchant's.
        expected: Currency,
    },
    /// Its time has not come.
    #[error("the order's time, {0}, is in the future")]
    InFuture(Timestamp),
    /// Its time is none at which anybody sold anything to a member.
    #[error("the order's time, {0}, is before {SOLD_SINCE}, the first that is taken")]
    TooLongAgo(Timestamp),
    /// Not a store of the merchant.
    #[error("there is no store {0}")]
    UnknownStore(StoreId),
    /// Not a member of the merchant.
    #[error("there is no member {0}")]
    UnknownMember(MemberId),
    /// The till used this name for another order.
    #[error("the reference `{reference}` is that of {order}, which has other content")]
    ReferenceTaken {
        /// The name.
        reference: Reference,
        /// The other order.
        order: OrderId,
    },
    /// Neither a user nor an API key of the merchant.
    #[error("there is no user or API key {0}")]
    UnknownStaff(StaffId),
    /// They do not work there.
    #[error("{staff} is limited to stores, of which {store} is none")]
    StaffElsewhere {
        /// Who was said to have served.
        staff: StaffId,
        /// Where.
        store: StoreId,
    },
    /// Coupons and stored value are a member's.
    #[error("an order with coupons, or paid with stored value or a hold, needs the member whose they are")]
    NeedsMember,
    /// More ways than an order is paid in.
    #[error("an order is paid in at most {PAYMENTS_MAX} ways, but {0} are given")]
    TooManyPayments(usize),
    /// A coupon is not redeemed.
    #[error(transparent)]
    Coupons(Box<RedeemError>),
    /// It comes to something else than what the quote said.
    #[error("the order comes to {due}, but `due_minor` is {said}{}; ask for a quote again", failures(.failed))]
    DueDiffers {
        /// What it comes to now.
        due: Minor,
        /// What was said.
        said: Minor,
        /// Packs that have failed and so take nothing off, each with what was wrong.
        failed: Vec<(Code, String)>,
    },
    /// The payments are not what is to be paid.
    #[error("the payments add up to {paid}, but {due} are to be paid, discounts off")]
    PaymentsDiffer {
        /// The sum of the payments.
        paid: Minor,
        /// The order's total.
        due: Minor,
    },
    /// Not a hold of the buyer's.
    #[error("{0} is no hold of the buyer")]
    UnknownHold(HoldId),
    /// A hold of stored value has another worth than what it holds.
    #[error("{hold} holds {held}, which is to be paid with it, but {given} are given")]
    HoldWorth {
        /// Which.
        hold: HoldId,
        /// How much it holds.
        held: Minor,
        /// What it was said to be worth.
        given: Minor,
    },
    /// A pack has placed the hold.
    #[error("{0} was set aside by the pack `{1}`, which spends it itself; pay with one that staff have set aside")]
    HoldOfPack(HoldId, Code),
    /// What the till keeps by itself has the name of what the host keeps.
    #[error("`{0}` names what the host takes from the buyer; give the till's own way of paying another name")]
    MethodTaken(Code),
    /// The ledger refuses a payment.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn failures(failed: &[(Code, String)]) -> String {
    failed.iter().map(|(pack, why)| format!(", as the pack `{pack}` takes nothing off: {why}")).collect()
}

/// In how many ways one order is paid.
const PAYMENTS_MAX: usize = 10;

/// Records an order and lets the enabled packs do their part. A pack that fails is left out: its writes are dropped,
/// its failure is in the order's outcomes and among the events, and the order stands. Unless a rule of the trade forbade it,
/// it is tried again after the commit.
///
/// An order counts for the time at which it was made, but what it takes from its buyer is taken now: coupons, holds and
/// balances have to be good when it comes, not when a till that was offline took them.
///
/// Packs take something off when it is said what is to be paid, as a quote has told it: then the order comes to that, or is
/// not recorded. One that fails in that takes nothing off, which is among the events, and is not tried again.
///
/// Under a reference that is there, the same order is answered as it was settled: same store, member, lines, amount to
/// be paid, coupons, payments and, if it is said, time.
///
/// # Errors
/// The first refusal in the order of [`SettleError`]'s variants.
pub fn settle_order(tx: &mut Tx, act: &mut Act<'_>, new: &SettleOrder) -> Result<Settled, SettleError> {
    settle(tx, act, new, Says::All)
}

/// Records an order of a file, which says nothing of coupons and payments: one that is there is the same whatever it was
/// paid with.
pub(super) fn settle_row(tx: &mut Tx, act: &mut Act<'_>, new: &SettleOrder) -> Result<Settled, SettleError> {
    settle(tx, act, new, Says::NothingOfPayment)
}

fn settle(tx: &mut Tx, act: &mut Act<'_>, new: &SettleOrder, says: Says) -> Result<Settled, SettleError> {
    let total_minor = Order::total(&new.lines)?;
    let merchant = act.merchant(tx)?;
    if let Some(given) = new.currency
        && given != merchant.currency
    {
        return Err(SettleError::Currency { given, expected: merchant.currency });
    }
    let ordered_at = new.ordered_at.map_or(act.now, whole_millis);
    if is_ahead(ordered_at, act.now) {
        return Err(SettleError::InFuture(ordered_at));
    }
    if ordered_at < SOLD_SINCE {
        return Err(SettleError::TooLongAgo(ordered_at));
    }
    if !has_store(tx, merchant.id, new.store)? {
        return Err(SettleError::UnknownStore(new.store));
    }
    let buyer = match new.member {
        Some(id) => Some(member_of(tx, merchant.id, id)?.ok_or(SettleError::UnknownMember(id))?),
        None => None,
    };
    let by_reference = layout::order_by_reference(merchant.id, &new.reference);
    if let Some(order) = tx.load::<OrderId>(&by_reference)? {
        return repeated(tx, merchant.id, order, (new, says), buyer.as_ref());
    }
    let served_by = served(tx, merchant.id, new)?;
    act.store = Some(new.store);
    let lines = completed(tx, merchant.id, &new.lines)?;
    Order::check_names(&lines)?;
    let mut order = Order {
        id: act.ids.order(),
        reference: new.reference.clone(),
        store: new.store,
        by: act.source(),
        served_by,
        member: buyer.as_ref().map(|buyer| buyer.id),
        claimed_by: None,
        claimed_at: None,
        ordered_at,
        lines,
        total_minor,
        discounts: Vec::new(),
        coupons: None,
        payments: Vec::new(),
        refunds: Vec::new(),
        outcomes: Vec::new(),
    };
    let failed = match new.due_minor {
        Some(_) => take_off(tx, act, &merchant, &mut order, buyer.as_ref())?,
        None => Vec::new(),
    };
    redeem(tx, act, new, &mut order)?;
    if let Some(said) = new.due_minor.filter(|said| *said != order.total_minor) {
        return Err(SettleError::DueDiffers { due: order.total_minor, said, failed });
    }
    pay(tx, act, new, &mut order)?;
    order.outcomes = ask_packs(tx, act, &merchant, &order, buyer.as_ref())?;
    tx.save(&layout::order(merchant.id, order.id), &order)?;
    tx.save(&by_reference, &order.id)?;
    if let Some(member) = order.member {
        tx.put(&layout::member_order(merchant.id, member, order.id), Vec::new())?;
    }
    count_settled(tx, act, &order, &merchant.time_zone.zone())?;
    act.tell(tx, &Event::OrderSettled { order: order.id, member: order.member, at: act.now })?;
    Ok(Settled { order, repeated: false })
}

/// Who served, and the team that they are in now.
fn served(tx: &mut Tx, merchant: MerchantId, new: &SettleOrder) -> Result<Option<Served>, SettleError> {
    let Some(staff) = new.served_by else { return Ok(None) };
    let stores = stores_of(tx, merchant, staff)?.ok_or(SettleError::UnknownStaff(staff))?;
    if !stores.has(new.store) {
        return Err(SettleError::StaffElsewhere { staff, store: new.store });
    }
    Ok(Some(Served { staff, team: team_of(tx, merchant, staff)? }))
}

/// Moves the figures of the day on which an order was made.
fn count_settled(tx: &mut Tx, act: &Act<'_>, order: &Order, zone: &TimeZone) -> Result<(), StoreError> {
    let Order { store, member, ordered_at, total_minor, .. } = *order;
    let mut moves = vec![(Figure::Orders, 1), (Figure::RevenueMinor, total_minor)];
    if let Some(member) = member {
        moves.extend([(Figure::MemberOrders, 1), (Figure::MemberRevenueMinor, total_minor)]);
        let day = zone.to_datetime(ordered_at).date();
        moves.extend(note_visit(tx, act, member, day, total_minor)?);
        note_bought(tx, act.merchant, member, day, order)?;
    }
    count(tx, act.merchant, zone, ordered_at, Some(store), &moves)?;
    count_sellers(tx, act.merchant, zone, ordered_at, (store, order.served_by.as_ref()), &moves)?;
    count_order(tx, act, zone, ordered_at, store, (&order.lines, total_minor))
}

/// An order of the merchant, if there is one with this id.
///
/// # Errors
/// The store's failures.
pub fn read_order(tx: &mut Tx, merchant: MerchantId, order: OrderId) -> Result<Option<Order>, StoreError> {
    tx.load(&layout::order(merchant, order))
}

/// The order with this reference.
///
/// # Errors
/// The store's failures.
pub fn find_order(tx: &mut Tx, merchant: MerchantId, reference: &Reference) -> Result<Option<OrderId>, StoreError> {
    tx.load(&layout::order_by_reference(merchant, reference))
}

/// The order that was recorded under this reference, if it is the same one.
fn repeated(
    tx: &mut Tx,
    merchant: MerchantId,
    id: OrderId,
    (new, says): (&SettleOrder, Says),
    buyer: Option<&Member>,
) -> Result<Settled, SettleError> {
    let key = layout::order(merchant, id);
    let mut order = tx.load::<Order>(&key)?.ok_or_else(|| StoreError::corrupt("order (missing)", &key))?;
    if !is_same(tx, merchant, &order, (new, says), buyer)? {
        return Err(SettleError::ReferenceTaken { reference: new.reference.clone(), order: id });
    }
    order.refunds.clear();
    Ok(Settled { order, repeated: true })
}

/// Has packs take off an order what they take off, and tells which have failed.
fn take_off(
    tx: &mut Tx,
    act: &mut Act<'_>,
    merchant: &Merchant,
    order: &mut Order,
    buyer: Option<&Member>,
) -> Result<Vec<(Code, String)>, StoreError> {
    let priced = price_order(tx, act, merchant, (order, buyer), PriceFor::Order)?;
    let failed = priced.into_iter().filter_map(|PackPrice { pack, said }| match said {
        Ok(_) => None,
        Err(failure) => Some((pack, failure.message)),
    });
    Ok(failed.collect())
}

/// Redeems the coupons of an order, which takes off its lines what they give.
fn redeem(tx: &mut Tx, act: &mut Act<'_>, new: &SettleOrder, order: &mut Order) -> Result<(), SettleError> {
    if new.coupons.is_empty() {
        return Ok(());
    }
    let member = order.member.ok_or(SettleError::NeedsMember)?;
    let redeem = RedeemCoupons {
        member,
        coupons: new.coupons.clone(),
        store: new.store,
        lines: order.lines.clone(),
        order: Some(order.id),
    };
    let Redeemed { posting, discounts, total_minor } =
        redeem_coupons(tx, act, &redeem).map_err(|error| match error {
            RedeemError::Store(error) => SettleError::Store(error),
            other => SettleError::Coupons(Box::new(other)),
        })?;
    for discount in &discounts {
        for (line, off) in order.lines.iter_mut().zip(&discount.lines) {
            line.amount_minor = line.amount_minor.saturating_sub(*off);
        }
    }
    order.total_minor = order.total_minor.saturating_sub(total_minor);
    order.coupons = Some(UsedCoupons { posting, discounts });
    Ok(())
}

/// Takes what the buyer pays with from them.
fn pay(tx: &mut Tx, act: &mut Act<'_>, new: &SettleOrder, order: &mut Order) -> Result<(), SettleError> {
    if new.payments.is_empty() {
        return Ok(());
    }
    if new.payments.len() > PAYMENTS_MAX {
        return Err(SettleError::TooManyPayments(new.payments.len()));
    }
    let (due, mut paid) = (order.total_minor, 0_u64);
    for payment in &new.payments {
        paid = paid.saturating_add(payment.amount_minor());
    }
    if paid != due {
        return Err(SettleError::PaymentsDiffer { paid, due });
    }
    for payment in &new.payments {
        let buyer = || order.member.ok_or(SettleError::NeedsMember);
        let (method, posting) = match payment {
            Pay::StoredValue { amount_minor } => {
                let spend =
                    SpendStoredValue { member: buyer()?, amount_minor: *amount_minor, store: None, reason: None };
                let spent = spend_stored_value(tx, act, &spend).map_err(|error| match error {
                    SpendError::UnknownMember(member) => SettleError::UnknownMember(member),
                    SpendError::UnknownStore(store) => SettleError::UnknownStore(store),
                    SpendError::Ledger(error) => error.into(),
                    SpendError::Store(error) => error.into(),
                })?;
                (stored_value_units().0, Some(spent.posting))
            }
            Pay::Hold { hold, amount_minor } => {
                let posting = pay_with_hold(tx, act, buyer()?, *hold, *amount_minor)?;
                (Code::new(HOLD).expect("a word is a code"), Some(posting))
            }
            Pay::Other { method, .. } if [STORED_VALUE, HOLD].contains(&method.as_str()) => {
                return Err(SettleError::MethodTaken(method.clone()));
            }
            Pay::Other { method, .. } => (method.clone(), None),
        };
        order.payments.push(Payment { method, amount_minor: payment.amount_minor(), posting });
    }
    Ok(())
}

fn pay_with_hold(
    tx: &mut Tx,
    act: &mut Act<'_>,
    buyer: MemberId,
    hold: HoldId,
    worth: Minor,
) -> Result<PostingId, SettleError> {
    let found = act.book(tx)?.find_hold(hold)?.filter(|found| found.member == buyer);
    let found = found.ok_or(SettleError::UnknownHold(hold))?;
    if let Some(pack) = placed_by_pack(tx, act, &found)? {
        return Err(SettleError::HoldOfPack(hold, pack));
    }
    let (principal, bonus) = stored_value_units();
    if [principal, bonus].contains(&found.unit) && found.amount != worth {
        return Err(SettleError::HoldWorth { hold, held: found.amount, given: worth });
    }
    let post = PostHold { hold, amount: None, store: None, reason: None };
    let posted = post_hold(tx, act, &post).map_err(|error| match error {
        HoldError::UnknownMember(_) | HoldError::OfCoupons(_) => SettleError::UnknownHold(hold),
        HoldError::UnknownStore(store) => SettleError::UnknownStore(store),
        HoldError::Ledger(error) => error.into(),
        HoldError::Store(error) => error.into(),
    })?;
    Ok(posted.posting)
}
