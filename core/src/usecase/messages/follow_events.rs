//! Automatic messages follow the merchant's log, in transactions of their own: nobody at a till waits for them.

use jiff::Timestamp;

use super::automatic::{Trigger, list_automatics};
use super::policy::{expiry, read_policy};
use super::read_messages::{SoughtMessages, list_messages};
use super::records::{Automatic, MessageCursor};
use super::send_message::{SendError, SendMessage, send_message};
use super::templates::read_template;
use crate::domain::{
    Code, CouponType, Event, LoggedEvent, MemberId, MessageValue, MessageValues, Minor, Order, OrderId,
    PlaceholderName, STORED_VALUE, STORED_VALUE_BONUS, Source, Store,
};
use crate::ledger::LedgerError;
use crate::store::{StoreError, Tx, decode, layout, log_entry_key};
use crate::usecase::{Act, AssetsError, list_tier_changes, read_assets};

/// How many events are looked at in one transaction, at most.
const WINDOW: usize = 500;
/// How many messages are queued in one transaction, at most.
const QUEUED_MAX: usize = 100;

/// What came of following the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// Messages that were queued, or dropped at once.
    pub messages: usize,
    /// Whether there is more in the log.
    pub is_unfinished: bool,
}

/// Looks at the next events of the log and queues what the merchant has sent for them. The place in the log moves in the
/// same transaction, so each event has its message once. While nothing follows from events, nothing is written until a
/// few hundred of them have gone by.
///
/// # Errors
/// The store's failures.
pub fn follow_events(tx: &mut Tx, act: &mut Act<'_>) -> Result<Followed, StoreError> {
    let place = layout::message_cursor(act.merchant);
    let Some(MessageCursor(begin)) = tx.load(&place)? else { return Ok(Followed::default()) };
    let automatics = list_automatics(tx, act.merchant)?;
    let log = layout::events(act.merchant);
    let entries = tx.log_scan(&log, begin, WINDOW)?;
    let mut followed = Followed { is_unfinished: entries.len() == WINDOW, ..Followed::default() };
    let mut at = begin;
    for (sequence, value) in entries {
        if followed.messages == QUEUED_MAX {
            followed.is_unfinished = true;
            break;
        }
        at = sequence;
        let LoggedEvent { event, depth } = decode(&log_entry_key(&log, sequence), &value)?;
        act.depth = depth;
        followed.messages += usize::from(follow(tx, act, &automatics, sequence, &event)?);
    }
    if followed.messages > 0 || followed.is_unfinished {
        tx.save(&place, &MessageCursor(at))?;
    }
    Ok(followed)
}

/// What is told, by the name of the placeholder.
type Given = Vec<(&'static str, MessageValue)>;

/// Something of a kind that has happened to a member.
struct Happened {
    trigger: Trigger,
    member: MemberId,
    at: Timestamp,
    values: Given,
    /// When it really was, of what was recorded later.
    since: Timestamp,
}

/// Queues the message that follows from an event, if one does.
fn follow(
    tx: &mut Tx,
    act: &mut Act<'_>,
    automatics: &[Automatic],
    sequence: u64,
    event: &Event,
) -> Result<bool, StoreError> {
    let wanted = |trigger| automatics.iter().find(|it| it.trigger == trigger && it.since < sequence);
    let Some(trigger) = trigger_of(event) else { return Ok(false) };
    let Some(automatic) = wanted(trigger) else { return Ok(false) };
    let Some(happened) = happened(tx, act, trigger, event)? else { return Ok(false) };
    // What an import brings in, or what happened while nobody followed, is no news.
    if expiry(&read_policy(tx, act.merchant)?, happened.since) <= act.now {
        return Ok(false);
    }
    let Some(template) = read_template(tx, act.merchant, &automatic.template)? else { return Ok(false) };
    let mut values = balances(tx, act, happened.member)?;
    values.push(("at", instant(happened.at)));
    values.extend(happened.values);
    let named = values.into_iter().filter_map(|(name, value)| Some((PlaceholderName::new(name).ok()?, value)));
    let values: MessageValues = named.filter(|(name, _)| template.placeholders.contains_key(name)).collect();
    let new = SendMessage {
        member: happened.member,
        template: automatic.template.clone(),
        values,
        source: Source::Rule,
        event: Some(sequence),
        since: happened.since,
    };
    match send_message(tx, act, &new) {
        Ok(_) => Ok(true),
        Err(SendError::Store(error)) => Err(error),
        // A template that does not fit was refused when it was saved; a member who is gone is told nothing.
        Err(error) => {
            let trigger = happened.trigger.name();
            tracing::warn!(merchant = %act.merchant, trigger, sequence, "no automatic message: {}", reason(&error));
            Ok(false)
        }
    }
}

/// Why a message was not queued, without anything of what it would have said.
fn reason(error: &SendError) -> &'static str {
    match error {
        SendError::UnknownTemplate(_) => "there is no template",
        SendError::UnknownMember(_) => "there is no member",
        SendError::Values(_) => "the values do not fit the template",
        SendError::Recipients(_) | SendError::Twice(_) | SendError::Store(_) => "it was refused",
    }
}

fn trigger_of(event: &Event) -> Option<Trigger> {
    Some(match event {
        Event::MemberEnrolled { .. } => Trigger::MemberEnrolled,
        Event::OrderSettled { .. } => Trigger::OrderSettled,
        Event::OrderRefunded { .. } => Trigger::OrderRefunded,
        Event::OrderPartlyRefunded { .. } => Trigger::OrderPartlyRefunded,
        Event::OrderClaimed { .. } => Trigger::OrderClaimed,
        Event::StoredValueLoaded { .. } => Trigger::StoredValueLoaded,
        Event::StoredValueSpent { .. } => Trigger::StoredValueSpent,
        Event::CouponsIssued { .. } => Trigger::CouponsIssued,
        Event::CouponsRedeemed { .. } => Trigger::CouponsRedeemed,
        Event::MemberChanged { .. } => Trigger::LevelChanged,
        Event::BenefitUsed { .. } => Trigger::BenefitUsed,
        _ => return None,
    })
}

/// What an event and its record tell.
fn happened(tx: &mut Tx, act: &Act<'_>, trigger: Trigger, event: &Event) -> Result<Option<Happened>, StoreError> {
    let of = |member: MemberId, at: Timestamp, values: Given| Some(Happened { trigger, member, at, values, since: at });
    Ok(match event {
        Event::MemberEnrolled { member, at, .. } => of(*member, *at, Vec::new()),
        Event::OrderSettled { order, member: Some(member), at } => {
            let (values, ordered_at) = order_values(tx, act, *order)?;
            of(*member, *at, values).map(|happened| Happened { since: ordered_at.min(*at), ..happened })
        }
        Event::OrderClaimed { order, member, at } => of(*member, *at, order_values(tx, act, *order)?.0),
        Event::OrderRefunded { order, member: Some(member), at } => {
            let mut values = order_values(tx, act, *order)?.0;
            values.push(("amount", amount(last_refund(tx, act, *order)?)));
            of(*member, *at, values)
        }
        Event::OrderPartlyRefunded { order, member: Some(member), amount_minor, at } => {
            let mut values = order_values(tx, act, *order)?.0;
            values.push(("amount", amount(*amount_minor)));
            of(*member, *at, values)
        }
        Event::StoredValueLoaded { member, amount_minor, at, .. }
        | Event::StoredValueSpent { member, amount_minor, at, .. } => {
            of(*member, *at, vec![("amount", amount(*amount_minor))])
        }
        Event::CouponsIssued { member, coupon, count, at, .. } => {
            let found = tx.load::<CouponType>(&layout::coupon_type(act.merchant, coupon))?;
            let title = found.map_or_else(|| coupon.to_string(), |coupon| coupon.title.to_string());
            of(*member, *at, vec![("coupon", text(&title)), ("count", amount(*count))])
        }
        Event::CouponsRedeemed { member, discount_minor, at, .. } => {
            of(*member, *at, vec![("discount", amount(*discount_minor))])
        }
        Event::BenefitUsed { member, benefit, at, .. } => of(*member, *at, vec![("benefit", text(benefit.as_str()))]),
        Event::MemberChanged { member, at, .. } => {
            let newest = list_tier_changes(tx, act.merchant, *member, None, 1)?.into_iter().next();
            // Of all that may have changed only the level is told; it was written in one transaction with its event.
            match newest.filter(|change| change.at == *at) {
                Some(change) if !is_told(tx, act, *member, *at)? => {
                    let level = change.tier.map_or_else(String::new, |tier| tier.code.to_string());
                    of(*member, *at, vec![("level", text(&level))])
                }
                _ => None,
            }
        }
        _ => None,
    })
}

/// Whether a change of a member has its message already, when others were made in the same millisecond.
fn is_told(tx: &mut Tx, act: &Act<'_>, member: MemberId, at: Timestamp) -> Result<bool, StoreError> {
    const LAST: usize = 8;
    let log = layout::events(act.merchant);
    let sought = SoughtMessages { member: Some(member), ..SoughtMessages::default() };
    for message in list_messages(tx, act.merchant, &sought, LAST)?.messages {
        let Some(sequence) = message.event else { continue };
        let key = log_entry_key(&log, sequence);
        let told = tx.get(&key)?.map(|value| decode::<LoggedEvent>(&key, &value)).transpose()?;
        if matches!(told.map(|told| told.event), Some(Event::MemberChanged { at: told_at, .. }) if told_at == at) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What is told of an order, and when it was made.
fn order_values(tx: &mut Tx, act: &Act<'_>, id: OrderId) -> Result<(Given, Timestamp), StoreError> {
    let key = layout::order(act.merchant, id);
    let order = tx.load::<Order>(&key)?.ok_or_else(|| StoreError::corrupt("order (missing)", &key))?;
    let store = tx.load::<Store>(&layout::store(act.merchant, order.store))?;
    let store = store.map_or_else(String::new, |store| store.name.to_string());
    let values = vec![
        ("order", text(order.reference.as_str())),
        ("total", amount(order.total_minor)),
        ("store", text(&store)),
        ("ordered_at", instant(order.ordered_at)),
    ];
    Ok((values, order.ordered_at))
}

fn last_refund(tx: &mut Tx, act: &Act<'_>, id: OrderId) -> Result<Minor, StoreError> {
    let order = tx.load::<Order>(&layout::order(act.merchant, id))?;
    Ok(order.and_then(|order| order.refunds.last().map(|refund| refund.amount_minor)).unwrap_or(0))
}

/// What a member has to spend: points, and stored value with its bonus.
fn balances(tx: &mut Tx, act: &Act<'_>, member: MemberId) -> Result<Given, StoreError> {
    let assets = match read_assets(tx, act.merchant, act.now, member) {
        Ok(assets) => assets,
        Err(AssetsError::UnknownMember(_)) => Vec::new(),
        Err(AssetsError::Store(error) | AssetsError::Ledger(LedgerError::Store(error))) => return Err(error),
        // What can not be read is for `verify` to tell; the member gets their message, and is told no balance.
        Err(AssetsError::Ledger(_)) => Vec::new(),
    };
    let sum = |codes: &[&str]| {
        let of = |code: &Code| codes.contains(&code.as_str());
        assets.iter().filter(|asset| of(&asset.unit.code)).map(|asset| asset.available).sum::<Minor>()
    };
    let stored_value = sum(&[STORED_VALUE, STORED_VALUE_BONUS]);
    Ok(vec![("points", amount(sum(&["points"]))), ("stored_value", amount(stored_value))])
}

fn text(text: &str) -> MessageValue {
    MessageValue::Text(text.into())
}

fn amount(amount: Minor) -> MessageValue {
    MessageValue::Number(i64::try_from(amount).unwrap_or(i64::MAX))
}

fn instant(at: Timestamp) -> MessageValue {
    MessageValue::Text(at.to_string().into())
}
