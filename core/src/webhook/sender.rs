//! The part of a serving host that delivers: each webhook's round is run for itself, so that a slow receiver delays nobody
//! else.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use futures_util::stream::{StreamExt as _, iter};
use jiff::Timestamp;
use metrics::{counter, gauge, histogram};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::Client;
use super::client::Answer;
use super::cloud_event::Envelope;
use crate::background::{self, Background, Of, Stop, Work, on_store};
use crate::domain::{MerchantId, WebhookId};
use crate::store::{Key, StoreError, layout};
use crate::usecase::Host;
use crate::usecase::webhooks::{
    Attempt, Chain, Plan, Settled, Target, Work as Due, list_webhooks, plan_deliveries, settle_deliveries,
};

/// How many attempts are under way at one webhook, at most.
const AT_WEBHOOK_MAX: usize = 8;
/// How many are under way at all webhooks of a merchant, at most.
const OF_MERCHANT_MAX: usize = 16;
/// How many are under way in all, at most.
const IN_ALL_MAX: usize = 64;
/// How many rounds are run for one webhook at a time, at most, before others come to their turn.
const ROUNDS_MAX: usize = 64;

/// What rounds of deliveries came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Attempts that went well.
    pub delivered: usize,
    /// Attempts that did not.
    pub failed: usize,
    /// Events that were given up.
    pub given_up: usize,
    /// Webhooks that were paused.
    pub paused: usize,
    /// When something falls due that waits.
    pub due_at: Option<Timestamp>,
    /// How many events a webhook has not come to, of the one that is furthest behind.
    pub lag: u64,
    /// Whether there is more to do at once.
    pub is_unfinished: bool,
}

impl Round {
    fn add(&mut self, settled: Settled) {
        self.delivered += settled.delivered;
        self.failed += settled.failed;
        self.given_up += settled.given_up;
        self.paused += usize::from(settled.paused);
    }

    fn join(&mut self, other: Self) {
        self.delivered += other.delivered;
        self.failed += other.failed;
        self.given_up += other.given_up;
        self.paused += other.paused;
        self.due_at = [self.due_at, other.due_at].into_iter().flatten().min();
        self.lag = self.lag.max(other.lag);
        self.is_unfinished |= other.is_unfinished;
    }
}

/// Does all that is due at all webhooks by the host's clock, and says when there is more to do.
///
/// # Errors
/// The store's failures.
pub async fn run_webhooks(host: &Host, client: &Client) -> Result<Round, StoreError> {
    let courier = Courier::new(host.clone(), client.clone(), Stop::never());
    let mut all = Round::default();
    for place in background::places::<Courier>(host, Of::All).await? {
        all.join(courier.deliver(place).await?);
    }
    Ok(all)
}

/// Delivers in the background, until it is stopped.
pub fn start_webhooks(host: Host, client: Client) -> Background {
    Background::start(host, |host, stop| Courier::new(host, client, stop))
}

type Place = (MerchantId, WebhookId);

/// What all deliveries share.
#[derive(Clone)]
struct Courier {
    host: Host,
    client: Client,
    in_all: Arc<Semaphore>,
    of_merchants: Arc<Mutex<HashMap<MerchantId, Weak<Semaphore>>>>,
    /// How far webhooks are behind.
    lags: Arc<Mutex<Lags>>,
    stop: Stop,
}

impl Courier {
    fn new(host: Host, client: Client, stop: Stop) -> Self {
        let in_all = Arc::new(Semaphore::new(IN_ALL_MAX));
        Self { host, client, in_all, of_merchants: Arc::default(), lags: Arc::default(), stop }
    }

    /// The places of a merchant.
    fn of_merchant(&self, merchant: MerchantId) -> Arc<Semaphore> {
        let mut of_merchants = self.of_merchants.lock();
        if let Some(places) = of_merchants.get(&merchant).and_then(Weak::upgrade) {
            return places;
        }
        of_merchants.retain(|_, places| places.strong_count() > 0);
        let places = Arc::new(Semaphore::new(OF_MERCHANT_MAX));
        of_merchants.insert(merchant, Arc::downgrade(&places));
        places
    }

    /// Rounds of a webhook, until nothing is due.
    async fn deliver(&self, (merchant, webhook): Place) -> Result<Round, StoreError> {
        let mut round = Round::default();
        for _ in 0..ROUNDS_MAX {
            let plan = on_store(&self.host, move |host| {
                host.look(|tx| plan_deliveries(tx, &host.vault, merchant, webhook, host.clock.now()))
            });
            let work = match plan.await? {
                Plan::Idle { until, lag } => {
                    return Ok(Round { due_at: until, lag, ..round });
                }
                Plan::Work(work) => work,
            };
            let attempts = self.attempt(merchant, &work).await;
            if self.stop.is_asked() && attempts.iter().all(Vec::is_empty) {
                break;
            }
            let settled = on_store(&self.host, move |host| {
                host.operate(merchant, |tx, act| settle_deliveries(tx, act, webhook, &work, &attempts))
            });
            let settled = settled.await?;
            tell(settled);
            round.add(settled);
        }
        Ok(Round { is_unfinished: true, ..round })
    }

    /// Sends the chains of a round, some at a time; gives the attempts of each.
    async fn attempt(&self, merchant: MerchantId, work: &Due) -> Vec<Vec<Attempt>> {
        let mut attempts = Vec::with_capacity(work.chains.len());
        for (index, chain) in work.chains.iter().enumerate() {
            attempts.push(async move { (index, self.chain(merchant, &work.target, chain).await) });
        }
        // One that takes long does not keep the others from beginning.
        let mut made: Vec<_> = iter(attempts).buffer_unordered(AT_WEBHOOK_MAX).collect().await;
        made.sort_unstable_by_key(|(index, _)| *index);
        made.into_iter().map(|(_, attempts)| attempts).collect()
    }

    /// Sends the letters of a chain up to the first that fails.
    async fn chain(&self, merchant: MerchantId, target: &Target, chain: &Chain) -> Vec<Attempt> {
        let of_merchant = self.of_merchant(merchant);
        let mut attempts = Vec::new();
        for letter in &chain.letters {
            // The merchant's own place first: who waits for that keeps nobody else from theirs.
            let Ok(_own) = of_merchant.acquire().await else { break };
            let Ok(_place) = self.in_all.acquire().await else { break };
            if self.stop.is_asked() {
                break;
            }
            let at = self.host.clock.now();
            let envelope = Envelope::of(merchant, &letter.message);
            let Answer { outcome, retry_after } = self.client.send(target, envelope, at).await;
            let took = self.host.clock.now().duration_since(at);
            histogram!("punchcard_webhook_attempt_seconds").record(took.as_secs_f64());
            counter!("punchcard_webhook_attempts_total", "outcome" => outcome.name()).increment(1);
            let took_ms = u32::try_from(took.as_millis()).unwrap_or(0);
            let is_delivered = outcome.is_delivered();
            attempts.push(Attempt { at, took_ms, outcome, retry_after });
            if !is_delivered {
                break;
            }
        }
        attempts
    }
}

/// How far webhooks are behind, of those that are.
#[derive(Default)]
struct Lags(HashMap<Place, u64>);

impl Lags {
    fn set(&mut self, place: Place, lag: u64) {
        if lag > 0 {
            self.0.insert(place, lag);
        } else {
            self.0.remove(&place);
        }
    }

    fn furthest(&self) -> u64 {
        self.0.values().max().copied().unwrap_or(0)
    }

    #[expect(clippy::cast_precision_loss, reason = "gauges are floating-point, and lags are far from where it matters")]
    fn tell(&self) {
        gauge!("punchcard_webhook_lag_events").set(self.furthest() as f64);
        gauge!("punchcard_webhook_lagging").set(self.0.len() as f64);
    }
}

impl Work for Courier {
    type Place = Place;

    const NAME: &'static str = "webhooks";
    const AT_WORK: &'static str = "punchcard_webhook_at_work";

    fn places(host: &Host, merchant: MerchantId) -> Result<Vec<Place>, StoreError> {
        let webhooks = host.look(|tx| list_webhooks(tx, merchant))?;
        Ok(webhooks.into_iter().map(|(webhook, _)| (merchant, webhook.id)).collect())
    }

    fn follows(merchant: MerchantId, log: &Key) -> bool {
        layout::events(merchant) == *log
    }

    async fn work(&self, place: Place) -> Result<Option<Timestamp>, StoreError> {
        let round = self.deliver(place).await?;
        let mut lags = self.lags.lock();
        lags.set(place, round.lag);
        lags.tell();
        Ok(if round.is_unfinished { Some(self.host.clock.now()) } else { round.due_at })
    }
}

fn tell(settled: Settled) {
    counter!("punchcard_webhook_deliveries_total", "outcome" => "delivered").increment(settled.delivered as u64);
    counter!("punchcard_webhook_deliveries_total", "outcome" => "failed").increment(settled.failed as u64);
    counter!("punchcard_webhook_deliveries_total", "outcome" => "given-up").increment(settled.given_up as u64);
    counter!("punchcard_webhook_paused_total").increment(u64::from(settled.paused));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_behind_is_counted_until_they_are_not() {
        let place = |number| (MerchantId::from_bytes([1; 16]), WebhookId::from_bytes([number; 16]));
        let mut lags = Lags::default();
        [(1, 3), (2, 5), (3, 0)].into_iter().for_each(|(number, lag)| lags.set(place(number), lag));
        assert_eq!((lags.furthest(), lags.0.len()), (5, 2));
        [(2, 0), (1, 2)].into_iter().for_each(|(number, lag)| lags.set(place(number), lag));
        assert_eq!((lags.furthest(), lags.0.len()), (2, 1));
        lags.set(place(1), 0);
        assert_eq!((lags.furthest(), lags.0.len()), (0, 0));
    }
}
