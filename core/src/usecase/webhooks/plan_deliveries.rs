//! What is to be sent to a webhook now.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::progress_of;
use super::queue::Queue;
use super::records::{Progress, WAITING_MAX, Waiting, Webhook, WebhookState};
use super::secret::Secret;
use crate::domain::{LoggedEvent, MerchantId, WebhookId, WebhookUrl};
use crate::store::layout::{self, Subject, WebhookKey};
use crate::store::{Direction, StoreError, Tx, decode, log_entry_key};
use crate::usecase::PublicEvent;
use crate::usecase::keys;
use crate::vault::Vault;

/// How many entries of the log one round goes through.
const SCAN: usize = 256;
/// How many events one round sends, at most.
const BATCH: usize = 64;
/// How many of these of one subject, at most.
const CHAIN: usize = 16;

/// What there is to do for a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nothing, until this instant or until something happens.
    Idle {
        /// When something falls due.
        until: Option<Timestamp>,
        /// How many events of the log it has not come to.
        lag: u64,
    },
    /// This.
    Work(Box<Work>),
}

/// A round of deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// Where to.
    pub target: Target,
    /// What to send: the letters of a chain one after the other, up to the first that fails; chains in any order.
    pub chains: Vec<Chain>,
    /// Events that the webhook does not want.
    pub(super) unwanted: Vec<u64>,
    /// Events that come after others of their subject which wait.
    pub(super) behind: Vec<(Subject, u64)>,
}

/// Where to send something, and how to sign it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The webhook's URL.
    pub url: WebhookUrl,
    /// The secrets to sign with.
    pub secrets: Vec<Secret>,
}

/// What is to be sent of one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    pub(super) subject: Subject,
    /// Whether it waits already, or comes from the log.
    pub(super) is_waiting: bool,
    /// In order.
    pub letters: Vec<Letter>,
}

/// Something to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// What is told.
    pub message: Message,
    /// How often it was attempted before.
    pub(super) attempts: u8,
}

/// What a letter tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// An event.
    Event(PublicEvent),
    /// Nothing: it is a test.
    Test {
        /// What it is known by.
        id: [u8; 16],
        /// When it was asked for.
        at: Timestamp,
    },
}

impl Message {
    /// Its number in the log; a test has none: 0.
    pub(super) fn sequence(&self) -> u64 {
        match self {
            Self::Event(event) => event.sequence,
            Self::Test { .. } => 0,
        }
    }
}

/// What is to be sent to a webhook at `now`. One that is paused, or gone, is idle.
///
/// # Errors
/// The store's failures.
pub fn plan_deliveries(
    tx: &mut Tx,
    vault: &Vault,
    merchant: MerchantId,
    id: WebhookId,
    now: Timestamp,
) -> Result<Plan, StoreError> {
    let nothing = Plan::Idle { until: None, lag: 0 };
    let Some(webhook) = tx.load::<Webhook>(&layout::webhook(merchant, id))? else { return Ok(nothing) };
    if webhook.state != WebhookState::Active {
        return Ok(nothing);
    }
    let progress = progress_of(tx, merchant, id)?;
    let lag = tx.log_head(&layout::events(merchant))?.sequence.saturating_sub(progress.cursor);
    if let Some(until) = progress.rests_until.filter(|until| *until > now) {
        return Ok(Plan::Idle { until: Some(until), lag });
    }
    let target = target(tx, vault, merchant, &webhook, now)?;
    let mut work =
        Work { target, chains: due_chains(tx, merchant, id, now)?, unwanted: Vec::new(), behind: Vec::new() };
    if progress.waiting < WAITING_MAX {
        look_into_log(tx, merchant, &webhook, &progress, &mut work)?;
    }
    let passes = work.chains.is_empty() && work.behind.is_empty();
    // That a few events are not wanted is not worth a write; they are looked at again.
    if passes && work.unwanted.len() < SCAN {
        let lag = lag.saturating_sub((progress.ahead.len() + work.unwanted.len()) as u64);
        return Ok(Plan::Idle { until: next_due(tx, merchant, id)?, lag });
    }
    Ok(Plan::Work(Box::new(work)))
}

fn target(
    tx: &mut Tx,
    vault: &Vault,
    merchant: MerchantId,
    webhook: &Webhook,
    now: Timestamp,
) -> Result<Target, StoreError> {
    let missing = || StoreError::corrupt("secret of a webhook (the merchant has no key)", webhook.id.as_bytes());
    let keys = keys::opened(tx, vault, merchant)?.ok_or_else(missing)?;
    let previous = webhook.previous.as_ref().filter(|previous| previous.until > now);
    let sealed = std::iter::once(&webhook.secret).chain(previous.map(|previous| &previous.secret));
    let secrets = sealed.map(|sealed| Secret::open(sealed, &keys, webhook.id)).collect::<Result<Vec<_>, _>>();
    let secrets = secrets.map_err(|error| keys::unreadable(error, webhook.id.as_bytes()))?;
    Ok(Target { url: webhook.url.clone(), secrets })
}

/// When something falls due that waits.
fn next_due(tx: &mut Tx, merchant: MerchantId, id: WebhookId) -> Result<Option<Timestamp>, StoreError> {
    let first = tx.scan(&layout::webhook_dues(merchant, id), Direction::Forward, 1)?;
    let Some((key, _)) = first.first() else { return Ok(None) };
    match layout::webhook_key(key) {
        Some((_, WebhookKey::Due(at, ..))) => Ok(Some(at)),
        _ => Err(StoreError::corrupt("key of a due event", key)),
    }
}

/// What waits and is due, each with what waits behind it.
fn due_chains(tx: &mut Tx, merchant: MerchantId, id: WebhookId, now: Timestamp) -> Result<Vec<Chain>, StoreError> {
    let mut chains = Vec::new();
    let dues = layout::webhook_dues_until(merchant, id, now);
    for (key, _) in tx.scan(&dues, Direction::Forward, BATCH)? {
        let Some((_, WebhookKey::Due(_, subject, _))) = layout::webhook_key(&key) else {
            return Err(StoreError::corrupt("key of a due event", &key));
        };
        let queue = layout::webhook_waiting_of(merchant, id, subject);
        let mut letters = Vec::new();
        for (key, waiting) in tx.load_scan::<Waiting>(&queue, Direction::Forward, CHAIN)? {
            let Some((_, WebhookKey::Waiting(_, sequence))) = layout::webhook_key(&key) else {
                return Err(StoreError::corrupt("key of a waiting event", &key));
            };
            let message = match subject {
                Subject::Test(id) => Message::Test { id, at: waiting.asked_at.unwrap_or(now) },
                _ => Message::Event(event(tx, merchant, sequence)?),
            };
            letters.push(Letter { message, attempts: waiting.attempts });
        }
        chains.push(Chain { subject, is_waiting: true, letters });
    }
    Ok(chains)
}

fn event(tx: &mut Tx, merchant: MerchantId, sequence: u64) -> Result<PublicEvent, StoreError> {
    let key = log_entry_key(&layout::events(merchant), sequence);
    let event = tx.load::<LoggedEvent>(&key)?.ok_or_else(|| StoreError::corrupt("event (missing)", &key))?;
    Ok(PublicEvent::of(sequence, event.event))
}

/// Goes through the log from the webhook's place on.
fn look_into_log(
    tx: &mut Tx,
    merchant: MerchantId,
    webhook: &Webhook,
    progress: &Progress,
    work: &mut Work,
) -> Result<(), StoreError> {
    let log = layout::events(merchant);
    let mut chains: BTreeMap<Subject, Vec<Letter>> = BTreeMap::new();
    let mut blocked: BTreeMap<Subject, bool> = BTreeMap::new();
    let mut letters = 0;
    for (sequence, value) in tx.log_scan(&log, progress.cursor, SCAN)? {
        if letters == BATCH {
            break;
        }
        if progress.ahead.binary_search(&sequence).is_ok() {
            continue;
        }
        let event = PublicEvent::of(sequence, decode::<LoggedEvent>(&log_entry_key(&log, sequence), &value)?.event);
        if !webhook.kinds.is_empty() && !webhook.kinds.contains(&event.kind()) {
            work.unwanted.push(sequence);
            continue;
        }
        let subject = event.subject();
        let is_blocked = match blocked.get(&subject) {
            Some(known) => *known,
            None => *blocked.entry(subject).or_insert(Queue::has(tx, merchant, webhook.id, subject)?),
        };
        if is_blocked {
            work.behind.push((subject, sequence));
            continue;
        }
        let chain = chains.entry(subject).or_default();
        if chain.len() == CHAIN {
            // The rest of this subject has to come after these: here the round ends.
            break;
        }
        chain.push(Letter { message: Message::Event(event), attempts: 0 });
        letters += 1;
    }
    work.chains.extend(chains.into_iter().map(|(subject, letters)| Chain { subject, is_waiting: false, letters }));
    Ok(())
}
