//! The part of a serving host that sends messages: it hears when something has happened or falls due, and has each
//! channel of each merchant worked on for itself, so that a slow connector delays nobody else.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{StreamExt as _, iter};
use jiff::Timestamp;
use metrics::{counter, gauge, histogram};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::desk::Desk;
use super::transport::{Delivered, Transport};
use crate::describe::describe;
use crate::domain::{Channel, MerchantId};
use crate::store::{Key, StoreError, layout};
use crate::usecase::messages::{Claimed, SendAttempt, SettledMessages, claim_messages, follow_events, settle_messages};
use crate::usecase::{Host, list_merchants};

/// How many messages of a channel are on their way at a time, at most.
const OF_CHANNEL_MAX: usize = 8;
/// How many are in all, at most.
const IN_ALL_MAX: usize = 64;
/// How many channels and logs are worked on at a time, at most.
const AT_WORK_MAX: usize = 128;
/// How many rounds are run for one at a time, at most, before others come to their turn.
const ROUNDS_MAX: usize = 64;
/// How long to gather what has happened before it is looked at.
const GATHER: Duration = Duration::from_millis(20);
/// How long to wait after the store has failed.
const PAUSE: Duration = Duration::from_secs(5);
/// How long messages on their way may take when the host ends. What is given up then is sent again at the next start.
const FAREWELL: Duration = Duration::from_secs(5);

/// What a run of the sender came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageRound {
    /// Messages that were queued, or dropped at once, by themselves.
    pub followed: usize,
    /// Messages that were taken.
    pub sent: usize,
    /// Attempts that failed.
    pub failed: usize,
    /// Messages that were given up.
    pub given_up: usize,
    /// Messages that were dropped or deferred when they were due.
    pub dropped: usize,
    /// When something falls due that waits.
    pub due_at: Option<Timestamp>,
    /// Whether there is more to do at once.
    pub is_unfinished: bool,
}

impl MessageRound {
    fn add(&mut self, claimed: &Claimed, settled: SettledMessages) {
        self.dropped += claimed.dropped;
        self.sent += settled.sent;
        self.failed += settled.failed;
        self.given_up += settled.given_up;
    }

    fn join(&mut self, other: Self) {
        self.followed += other.followed;
        self.sent += other.sent;
        self.failed += other.failed;
        self.given_up += other.given_up;
        self.dropped += other.dropped;
        self.due_at = [self.due_at, other.due_at].into_iter().flatten().min();
        self.is_unfinished |= other.is_unfinished;
    }
}

/// Does all that is due by the host's clock, and says when there is more to do.
///
/// # Errors
/// The store's failures.
pub async fn run_messages(host: &Host, transport: &Transport) -> Result<MessageRound, StoreError> {
    let (_running, stop) = watch::channel(false);
    let courier = Courier::new(host.clone(), transport.clone(), stop);
    let mut all = MessageRound::default();
    for job in jobs(host).await? {
        all.join(courier.work(job).await?);
    }
    Ok(all)
}

/// Runs until it is stopped.
pub struct MessageSender {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl MessageSender {
    /// Begins to send, in the background of the runtime that this is called in.
    pub fn start(host: Host, transport: Transport) -> Self {
        let (stop, stopped) = watch::channel(false);
        let courier = Courier::new(host, transport, stopped);
        Self { stop, task: tokio::spawn(courier.run()) }
    }

    /// Begins no more attempts, waits for those under way for a few seconds, records what came of them, and ends. What is
    /// not recorded by then is sent again at the next start, with the same id.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!("the sending of messages has broken off: {error}");
        }
    }
}

/// What is worked on for itself. Logs come first: what follows from them may be due at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Job {
    /// The automatic messages of a merchant.
    Follow(MerchantId),
    /// What a merchant sends on a channel.
    Send(MerchantId, Channel),
}

impl Job {
    fn of(merchant: MerchantId) -> impl Iterator<Item = Self> {
        let sends = Channel::ALL.into_iter().map(move |channel| Self::Send(merchant, channel));
        std::iter::once(Self::Follow(merchant)).chain(sends)
    }
}

async fn jobs(host: &Host) -> Result<Vec<Job>, StoreError> {
    let merchants = on_store(host, |host| host.look(list_merchants)).await?;
    Ok(merchants.into_iter().flat_map(|merchant| Job::of(merchant.id)).collect())
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

/// What all that is sent shares.
#[derive(Clone)]
struct Courier {
    host: Host,
    transport: Transport,
    in_all: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
}

impl Courier {
    fn new(host: Host, transport: Transport, stop: watch::Receiver<bool>) -> Self {
        Self { host, transport, in_all: Arc::new(Semaphore::new(IN_ALL_MAX)), stop }
    }

    fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    async fn work(&self, job: Job) -> Result<MessageRound, StoreError> {
        match job {
            Job::Follow(merchant) => self.follow(merchant).await,
            Job::Send(merchant, channel) => self.send(merchant, channel).await,
        }
    }

    /// Follows the log of a merchant to its end.
    async fn follow(&self, merchant: MerchantId) -> Result<MessageRound, StoreError> {
        let mut round = MessageRound::default();
        for _ in 0..ROUNDS_MAX {
            if self.is_stopped() {
                break;
            }
            let followed = on_store(&self.host, move |host| host.operate(merchant, follow_events)).await?;
            round.followed += followed.messages;
            if !followed.is_unfinished {
                return Ok(round);
            }
        }
        Ok(MessageRound { is_unfinished: true, ..round })
    }

    /// Rounds of a channel, until nothing is due.
    async fn send(&self, merchant: MerchantId, channel: Channel) -> Result<MessageRound, StoreError> {
        let mut round = MessageRound::default();
        for _ in 0..ROUNDS_MAX {
            if self.is_stopped() {
                break;
            }
            // Looking costs no write: most of the time nothing is due.
            let now = self.host.clock.now();
            let is_due = on_store(&self.host, move |host| {
                let range = layout::message_dues(merchant, channel);
                host.look(|tx| tx.scan(&range, crate::store::Direction::Forward, 1))
            });
            match is_due.await?.first().map(|(key, _)| layout::message_key(key)) {
                None => return Ok(MessageRound { due_at: None, ..round }),
                Some(Some(layout::MessageKey::Due(_, at, _))) if at > now => {
                    return Ok(MessageRound { due_at: Some(at), ..round });
                }
                Some(_) => {}
            }
            let claimed =
                on_store(&self.host, move |host| host.operate(merchant, |tx, act| claim_messages(tx, act, channel)));
            let claimed = claimed.await?;
            let attempts = self.attempt(merchant, &claimed).await;
            let settled = if attempts.is_empty() {
                SettledMessages::default()
            } else {
                let settled = on_store(&self.host, move |host| {
                    host.operate(merchant, |tx, act| settle_messages(tx, act, &attempts))
                });
                settled.await?
            };
            tell(channel, &claimed, settled);
            round.add(&claimed, settled);
        }
        Ok(MessageRound { is_unfinished: true, ..round })
    }

    /// Sends what was made ready, some at a time.
    async fn attempt(&self, merchant: MerchantId, claimed: &Claimed) -> Vec<SendAttempt> {
        let mut attempts = Vec::with_capacity(claimed.outbound.len());
        for message in &claimed.outbound {
            let route = claimed.route.as_ref();
            attempts.push(async move {
                let Ok(_place) = self.in_all.acquire().await else { return None };
                if self.is_stopped() {
                    return None;
                }
                let at = self.host.clock.now();
                let Delivered { fault, retry_after } = self.transport.deliver(merchant, message, route, at).await;
                let took = self.host.clock.now().duration_since(at);
                let (channel, outcome) = (message.channel.name(), fault.map_or("sent", |fault| fault.name()));
                histogram!("punchcard_message_attempt_seconds", "channel" => channel).record(took.as_secs_f64());
                counter!("punchcard_message_attempts_total", "channel" => channel, "outcome" => outcome).increment(1);
                Some(SendAttempt { message: message.id, fault, retry_after })
            });
        }
        iter(attempts).buffer_unordered(OF_CHANNEL_MAX).filter_map(std::future::ready).collect().await
    }

    /// Sends until it is stopped.
    async fn run(self) {
        let listener = self.host.store.listen(None);
        let mut desk = Desk::new(AT_WORK_MAX);
        let mut stop = self.stop.clone();
        let mut at_work = JoinSet::new();
        let mut whose = HashMap::new();
        let mut wants_all = true;
        let mut retry_all = false;
        loop {
            if wants_all {
                match jobs(&self.host).await {
                    Ok(jobs) => jobs.into_iter().for_each(|job| desk.call(job, self.host.clock.now())),
                    Err(error) => {
                        tracing::error!(error = describe(&error), "the merchants can not be read");
                        retry_all = true;
                    }
                }
                wants_all = false;
            }
            for job in desk.due(self.host.clock.now()) {
                let courier = self.clone();
                let task = at_work.spawn(async move { courier.work(job).await });
                whose.insert(task.id(), job);
            }
            gauge!("punchcard_message_at_work").set(f64::from(u32::try_from(desk.at_work()).unwrap_or(u32::MAX)));
            let pause = [desk.pause(self.host.clock.now()), retry_all.then_some(PAUSE)].into_iter().flatten().min();
            tokio::select! {
                () = stopped(&mut stop) => break,
                grown = listener.grown() => {
                    tokio::time::sleep(GATHER).await;
                    let now = self.host.clock.now();
                    merchants_of(&grown).into_iter().flat_map(Job::of).for_each(|job| desk.call(job, now));
                }
                Some(done) = at_work.join_next_with_id() => {
                    let (id, outcome) = match done {
                        Ok((id, outcome)) => (id, outcome),
                        Err(error) => (error.id(), Err(StoreError::Unavailable { reason: error.to_string() })),
                    };
                    if let Some(job) = whose.remove(&id) {
                        let now = self.host.clock.now();
                        desk.done(job, again_at(job, outcome, now), now);
                    }
                }
                () = sleep(pause) => wants_all |= std::mem::take(&mut retry_all),
            }
        }
        // What is on its way may come to its end, and is recorded.
        let farewell = async { while at_work.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
        at_work.abort_all();
    }
}

/// When work is to be looked at again.
fn again_at(job: Job, outcome: Result<MessageRound, StoreError>, now: Timestamp) -> Option<Timestamp> {
    match outcome {
        Ok(MessageRound { is_unfinished: true, .. }) => Some(now),
        Ok(round) => round.due_at,
        Err(error) => {
            tracing::error!(?job, error = describe(&error), "messages can not be sent");
            now.checked_add(PAUSE).ok()
        }
    }
}

/// The merchants whose logs have grown: that of events, or that of changes, as whoever queues by hand is in there.
fn merchants_of(grown: &BTreeSet<Key>) -> BTreeSet<MerchantId> {
    let of = |log: &Key| {
        let merchant = layout::merchant_of(log)?;
        (layout::events(merchant) == *log || layout::changes(merchant) == *log).then_some(merchant)
    };
    grown.iter().filter_map(of).collect()
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

fn tell(channel: Channel, claimed: &Claimed, settled: SettledMessages) {
    let outcomes = [
        ("sent", settled.sent),
        ("attempt-failed", settled.failed),
        ("failed", settled.given_up),
        ("dropped-or-deferred", claimed.dropped),
    ];
    for (outcome, count) in outcomes {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        counter!("punchcard_messages_total", "channel" => channel.name(), "outcome" => outcome).increment(count);
    }
}
