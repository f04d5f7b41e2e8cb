//! The part of a serving host that delivers: each webhook's round is run for itself, so that a slow receiver delays nobody
//! else.

use futures_util::stream::{StreamExt as _, iter};
use jiff::Timestamp;
use metrics::{counter, histogram};

use super::Client;
use super::client::Answer;
use super::cloud_event::Envelope;
use crate::background::{self, Background, Lags, Of, Shares, Stop, Work, on_store};
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
    shares: Shares,
    /// How far webhooks are behind.
    lags: Lags<Place>,
    stop: Stop,
}

impl Courier {
    fn new(host: Host, client: Client, stop: Stop) -> Self {
        let lags = Lags::new("punchcard_webhook_lag_events", "punchcard_webhook_lagging");
        Self { host, client, shares: Shares::new(OF_MERCHANT_MAX, IN_ALL_MAX), lags, stop }
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
        let mut attempts = Vec::new();
        for letter in &chain.letters {
            let _share = self.shares.take(merchant).await;
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
        self.lags.set(place, round.lag);
        Ok(if round.is_unfinished { Some(self.host.clock.now()) } else { round.due_at })
    }
}

fn tell(settled: Settled) {
    counter!("punchcard_webhook_deliveries_total", "outcome" => "delivered").increment(settled.delivered as u64);
    counter!("punchcard_webhook_deliveries_total", "outcome" => "failed").increment(settled.failed as u64);
    counter!("punchcard_webhook_deliveries_total", "outcome" => "given-up").increment(settled.given_up as u64);
    counter!("punchcard_webhook_paused_total").increment(u64::from(settled.paused));
}
