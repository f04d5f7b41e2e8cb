//! The part of a serving host that sends messages: each channel of each merchant is worked on for itself, so that a slow
//! connector delays nobody else.

use std::sync::Arc;

use futures_util::stream::{StreamExt as _, iter};
use jiff::Timestamp;
use metrics::{counter, histogram};
use tokio::sync::Semaphore;

use super::transport::{Delivered, Transport};
use crate::background::{self, Background, Of, Stop, Work, on_store};
use crate::domain::{Channel, MerchantId};
use crate::store::{Key, StoreError, layout};
use crate::usecase::Host;
use crate::usecase::messages::{
    Claimed, SendAttempt, SettledMessages, claim_messages, follow_events, next_due, settle_messages,
};

/// How many messages of a channel are on their way at a time, at most.
const OF_CHANNEL_MAX: usize = 8;
/// How many are in all, at most.
const IN_ALL_MAX: usize = 64;
/// How many rounds are run for one at a time, at most, before others come to their turn.
const ROUNDS_MAX: usize = 64;

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
    let courier = Courier::new(host.clone(), transport.clone(), Stop::never());
    let mut all = MessageRound::default();
    for job in background::places::<Courier>(host, Of::All).await? {
        all.join(courier.round(job).await?);
    }
    Ok(all)
}

/// Sends in the background, until it is stopped. What is not recorded by then is sent again with the same id.
pub fn start_messages(host: Host, transport: Transport) -> Background {
    Background::start(host, |host, stop| Courier::new(host, transport, stop))
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

/// What all that is sent shares.
#[derive(Clone)]
struct Courier {
    host: Host,
    transport: Transport,
    in_all: Arc<Semaphore>,
    stop: Stop,
}

impl Courier {
    fn new(host: Host, transport: Transport, stop: Stop) -> Self {
        Self { host, transport, in_all: Arc::new(Semaphore::new(IN_ALL_MAX)), stop }
    }

    async fn round(&self, job: Job) -> Result<MessageRound, StoreError> {
        match job {
            Job::Follow(merchant) => self.follow(merchant).await,
            Job::Send(merchant, channel) => self.send(merchant, channel).await,
        }
    }

    /// Follows the log of a merchant to its end.
    async fn follow(&self, merchant: MerchantId) -> Result<MessageRound, StoreError> {
        let mut round = MessageRound::default();
        for _ in 0..ROUNDS_MAX {
            if self.stop.is_asked() {
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
            if self.stop.is_asked() {
                break;
            }
            let now = self.host.clock.now();
            let due_at = on_store(&self.host, move |host| host.look(|tx| next_due(tx, merchant, channel))).await?;
            if due_at.is_none_or(|at| at > now) {
                return Ok(MessageRound { due_at, ..round });
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
                if self.stop.is_asked() {
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
}

impl Work for Courier {
    type Place = Job;

    const NAME: &'static str = "messages";
    const AT_WORK: &'static str = "punchcard_message_at_work";

    fn places(_host: &Host, merchant: MerchantId) -> Result<Vec<Job>, StoreError> {
        Ok(Job::of(merchant).collect())
    }

    /// The log of events, or that of changes: whoever queues by hand is in there.
    fn follows(merchant: MerchantId, log: &Key) -> bool {
        layout::events(merchant) == *log || layout::changes(merchant) == *log
    }

    async fn work(&self, job: Job) -> Result<Option<Timestamp>, StoreError> {
        let round = self.round(job).await?;
        Ok(if round.is_unfinished { Some(self.host.clock.now()) } else { round.due_at })
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
