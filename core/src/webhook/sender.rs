//! The part of a serving host that delivers: it hears when something has happened or falls due, and has each webhook's
//! round run for itself, so that a slow receiver delays nobody else.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::stream::{StreamExt as _, iter};
use jiff::Timestamp;
use metrics::{counter, gauge, histogram};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::Client;
use super::client::Answer;
use super::cloud_event::Envelope;
use crate::describe::describe;
use crate::domain::{MerchantId, WebhookId};
use crate::store::{Key, StoreError, layout};
use crate::usecase::webhooks::{
    Attempt, Chain, Plan, Settled, Target, Work, list_webhooks, plan_deliveries, settle_deliveries,
};
use crate::usecase::{Host, list_merchants};

/// How many attempts are under way at one webhook, at most.
const AT_WEBHOOK_MAX: usize = 8;
/// How many are under way at all webhooks of a merchant, at most.
const OF_MERCHANT_MAX: usize = 16;
/// How many are under way in all, at most.
const IN_ALL_MAX: usize = 64;
/// How many webhooks are at work at a time, at most.
const WEBHOOKS_AT_WORK_MAX: usize = 128;
/// How many rounds are run for one webhook at a time, at most, before others come to their turn.
const ROUNDS_MAX: usize = 64;
/// How long to gather what has happened before it is looked at.
const GATHER: Duration = Duration::from_millis(20);
/// How long to wait after the store has failed.
const PAUSE: Duration = Duration::from_secs(5);
/// How long attempts under way may take when the host ends. What is given up then is sent again at the next start.
const FAREWELL: Duration = Duration::from_secs(5);

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
    let (_running, stop) = watch::channel(false);
    let courier = Courier::new(host.clone(), client.clone(), stop);
    let mut all = Round::default();
    for place in places(host).await? {
        all.join(courier.deliver(place).await?);
    }
    Ok(all)
}

/// Runs until it is stopped.
pub struct Sender {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Sender {
    /// Begins to deliver, in the background of the runtime that this is called in.
    pub fn start(host: Host, client: Client) -> Self {
        let (stop, stopped) = watch::channel(false);
        let courier = Courier::new(host, client, stopped);
        Self { stop, task: tokio::spawn(courier.run()) }
    }

    /// Begins no more attempts, waits for those under way for a few seconds, records what came of them, and ends. What is
    /// not recorded by then is sent again at the next start.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!("the delivery of events has broken off: {error}");
        }
    }
}

type Place = (MerchantId, WebhookId);

/// All webhooks of the host.
async fn places(host: &Host) -> Result<Vec<Place>, StoreError> {
    on_store(host, |host| {
        let mut places = Vec::new();
        for merchant in host.look(list_merchants)? {
            places.extend(places_of(host, merchant.id)?);
        }
        Ok(places)
    })
    .await
}

/// The webhooks of a merchant.
fn places_of(host: &Host, merchant: MerchantId) -> Result<Vec<Place>, StoreError> {
    let webhooks = host.look(|tx| list_webhooks(tx, merchant))?;
    Ok(webhooks.into_iter().map(|(webhook, _)| (merchant, webhook.id)).collect())
}

/// Runs something that waits for the store where waiting is allowed.
async fn on_store<T: Send + 'static>(
    host: &Host,
    work: impl FnOnce(&Host) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let host = host.clone();
    let done = tokio::task::spawn_blocking(move || work(&host)).await;
    done.unwrap_or_else(|error| Err(StoreError::Unavailable { reason: error.to_string() }))
}

/// What all deliveries share.
#[derive(Clone)]
struct Courier {
    host: Host,
    client: Client,
    in_all: Arc<Semaphore>,
    of_merchants: Arc<Mutex<HashMap<MerchantId, Weak<Semaphore>>>>,
    stop: watch::Receiver<bool>,
}

impl Courier {
    fn new(host: Host, client: Client, stop: watch::Receiver<bool>) -> Self {
        Self { host, client, in_all: Arc::new(Semaphore::new(IN_ALL_MAX)), of_merchants: Arc::default(), stop }
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

    fn is_stopped(&self) -> bool {
        *self.stop.borrow()
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
            if self.is_stopped() && attempts.iter().all(Vec::is_empty) {
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
    async fn attempt(&self, merchant: MerchantId, work: &Work) -> Vec<Vec<Attempt>> {
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
            if self.is_stopped() {
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

    /// Delivers until it is stopped.
    async fn run(self) {
        let listener = self.host.store.listen(None);
        let mut desk = Desk::default();
        let mut stop = self.stop.clone();
        let mut at_work = JoinSet::new();
        let mut whose = HashMap::new();
        desk.wants_all = true;
        loop {
            if desk.wants_all {
                match places(&self.host).await {
                    Ok(places) => desk.call(places, self.host.clock.now()),
                    Err(error) => {
                        tracing::error!(error = describe(&error), "the webhooks can not be read");
                        desk.retry_all_in = Some(PAUSE);
                    }
                }
                desk.wants_all = false;
            }
            for place in desk.due(self.host.clock.now()) {
                let courier = self.clone();
                let task = at_work.spawn(async move { courier.deliver(place).await });
                whose.insert(task.id(), place);
            }
            let pause = desk.pause(self.host.clock.now());
            tokio::select! {
                () = stopped(&mut stop) => break,
                grown = listener.grown() => {
                    tokio::time::sleep(GATHER).await;
                    self.hear(&mut desk, grown).await;
                }
                Some(done) = at_work.join_next_with_id() => {
                    let (id, outcome) = match done {
                        Ok((id, outcome)) => (id, outcome),
                        Err(error) => (error.id(), Err(StoreError::Unavailable { reason: error.to_string() })),
                    };
                    if let Some(place) = whose.remove(&id) {
                        desk.done(place, outcome, self.host.clock.now());
                    }
                }
                () = sleep(pause) => desk.wants_all |= desk.retry_all_in.take().is_some(),
            }
            desk.tell();
        }
        // Attempts under way may come to their end, and are recorded.
        let farewell = async { while at_work.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
        at_work.abort_all();
    }

    /// Has the webhooks of those merchants looked at whose logs have grown.
    async fn hear(&self, desk: &mut Desk, grown: BTreeSet<Key>) {
        let merchants: Vec<_> = grown
            .iter()
            .filter_map(|log| layout::merchant_of(log).filter(|merchant| layout::events(*merchant) == *log))
            .collect();
        let found = on_store(&self.host, move |host| {
            let places = merchants.into_iter().map(|merchant| places_of(host, merchant));
            Ok(places.collect::<Result<Vec<_>, _>>()?.concat())
        });
        match found.await {
            Ok(places) => desk.call(places, self.host.clock.now()),
            Err(error) => {
                tracing::error!(error = describe(&error), "the webhooks can not be read");
                desk.retry_all_in = Some(PAUSE);
            }
        }
    }
}

/// Waits until the host ends.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error says that nobody is there any more who could stop it otherwise.
    let _ = stop.wait_for(|stopped| *stopped).await;
}

/// Sleeps so long, or for ever.
async fn sleep(pause: Option<Duration>) {
    match pause {
        Some(pause) => tokio::time::sleep(pause).await,
        None => std::future::pending().await,
    }
}

fn tell(settled: Settled) {
    counter!("punchcard_webhook_deliveries_total", "outcome" => "delivered").increment(settled.delivered as u64);
    counter!("punchcard_webhook_deliveries_total", "outcome" => "failed").increment(settled.failed as u64);
    counter!("punchcard_webhook_deliveries_total", "outcome" => "given-up").increment(settled.given_up as u64);
    counter!("punchcard_webhook_paused_total").increment(u64::from(settled.paused));
}

/// Which webhook is looked at next, and when.
#[derive(Default)]
struct Desk {
    /// Who is to be looked at at which instant. Whoever has nothing to wait for is not in here.
    dues: BTreeMap<Place, Timestamp>,
    /// Who is at work, and whether they were called meanwhile.
    at_work: BTreeMap<Place, bool>,
    /// How far each is behind.
    lags: BTreeMap<Place, u64>,
    wants_all: bool,
    retry_all_in: Option<Duration>,
}

impl Desk {
    /// Something has happened for these.
    fn call(&mut self, places: Vec<Place>, now: Timestamp) {
        for place in places {
            match self.at_work.get_mut(&place) {
                Some(called) => *called = true,
                None => {
                    self.dues.insert(place, now);
                }
            }
        }
    }

    /// Takes those out that are to be looked at now, as many as may be at work.
    fn due(&mut self, now: Timestamp) -> Vec<Place> {
        let room = WEBHOOKS_AT_WORK_MAX.saturating_sub(self.at_work.len());
        let due = self.dues.iter().filter(|(_, at)| **at <= now);
        let mut due: Vec<_> = due.map(|(place, at)| (*at, *place)).collect();
        due.sort_unstable();
        let due: Vec<_> = due.into_iter().take(room).map(|(_, place)| place).collect();
        for place in &due {
            self.dues.remove(place);
            self.at_work.insert(*place, false);
        }
        due
    }

    /// How long there is nothing to do, by the clock alone.
    fn pause(&self, now: Timestamp) -> Option<Duration> {
        if self.at_work.len() >= WEBHOOKS_AT_WORK_MAX {
            return self.retry_all_in;
        }
        let next = self
            .dues
            .values()
            .min()
            .map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default().max(Duration::from_millis(1)));
        [next, self.retry_all_in].into_iter().flatten().min()
    }

    /// A webhook has done what was due.
    fn done(&mut self, place: Place, outcome: Result<Round, StoreError>, now: Timestamp) {
        let called = self.at_work.remove(&place).unwrap_or(false);
        match outcome {
            Ok(round) => {
                self.lags.insert(place, round.lag);
                if called || round.is_unfinished {
                    self.dues.insert(place, now);
                } else if let Some(at) = round.due_at {
                    self.dues.insert(place, at);
                }
            }
            Err(error) => {
                tracing::error!(webhook = %place.1, error = describe(&error), "events can not be delivered");
                let later = now.checked_add(PAUSE).unwrap_or(Timestamp::MAX);
                self.dues.insert(place, later);
            }
        }
        self.lags.retain(|_, lag| *lag > 0);
    }

    #[expect(clippy::cast_precision_loss, reason = "gauges are floating-point, and lags are far from where it matters")]
    fn tell(&self) {
        gauge!("punchcard_webhook_lag_events").set(self.lags.values().max().copied().unwrap_or(0) as f64);
        gauge!("punchcard_webhook_lagging").set(self.lags.len() as f64);
        gauge!("punchcard_webhook_at_work").set(self.at_work.len() as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(number: u8) -> Place {
        (MerchantId::from_bytes([1; 16]), WebhookId::from_bytes([number; 16]))
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn who_is_called_while_at_work_is_looked_at_again() {
        let mut desk = Desk::default();
        desk.call(vec![place(1), place(2)], at(0));
        assert_eq!(desk.due(at(0)), [place(1), place(2)]);
        desk.call(vec![place(1)], at(1));
        assert_eq!(desk.due(at(1)), []);
        desk.done(place(1), Ok(Round::default()), at(2));
        desk.done(place(2), Ok(Round::default()), at(2));
        assert_eq!(desk.due(at(2)), [place(1)]);
        assert_eq!(desk.pause(at(2)), None);
    }

    #[test]
    fn what_waits_is_looked_at_when_it_is_due() {
        let mut desk = Desk::default();
        desk.call(vec![place(1)], at(0));
        desk.due(at(0));
        desk.done(place(1), Ok(Round { due_at: Some(at(30)), lag: 3, ..Round::default() }), at(0));
        assert_eq!((desk.pause(at(0)), desk.lags.len()), (Some(Duration::from_secs(30)), 1));
        assert_eq!((desk.due(at(29)), desk.due(at(30))), (vec![], vec![place(1)]));
    }

    #[test]
    fn no_more_webhooks_are_at_work_than_may_be() {
        let mut desk = Desk::default();
        let many: Vec<_> = (0..=255).map(place).collect();
        desk.call(many, at(0));
        assert_eq!(desk.due(at(0)).len(), WEBHOOKS_AT_WORK_MAX);
        assert_eq!((desk.due(at(0)).len(), desk.pause(at(0))), (0, None));
        desk.done(place(0), Ok(Round::default()), at(0));
        assert_eq!(desk.due(at(0)).len(), 1);
    }
}
