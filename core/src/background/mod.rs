//! Work that a serving host does by itself: it hears when something has happened or falls due, and has each place worked on
//! for itself, so that a slow one delays nobody else. Webhooks, messages and calls of packs are such
//! [`Work`].

mod desk;
mod lags;
mod shares;

use std::collections::{BTreeSet, HashMap};
use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use metrics::gauge;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use self::desk::{Desk, until};
pub(crate) use self::lags::Lags;
pub(crate) use self::shares::{Share, Shares};
use crate::describe::describe;
use crate::domain::MerchantId;
use crate::store::{Key, StoreError, layout};
use crate::usecase::{Host, list_merchants};

/// How many places are worked on at a time, at most.
const AT_WORK_MAX: usize = 128;
/// How long to gather what has happened before it is looked at.
const GATHER: Duration = Duration::from_millis(20);
/// How long to wait after the store has failed.
const PAUSE: Duration = Duration::from_secs(5);
/// How long what is under way may take when the host ends. What is given up then is done again at the next start.
const FAREWELL: Duration = Duration::from_secs(5);

/// What is done in the background.
pub(crate) trait Work: Clone + Send + Sync + 'static {
    /// What is worked on for itself. Of those that fall due at the same instant, the smaller is looked at first.
    type Place: Clone + Ord + Debug + Send + 'static;

    /// What it is, for the log.
    const NAME: &'static str;
    /// The gauge of places that are worked on.
    const AT_WORK: &'static str;

    /// All places of a merchant.
    fn places(host: &Host, merchant: MerchantId) -> Result<Vec<Self::Place>, StoreError>;

    /// Whether there may be something to do for a merchant when this log has grown.
    fn follows(merchant: MerchantId, log: &Key) -> bool;

    /// Does what is due at a place, and says when to look at it again; without that, when something has happened.
    fn work(&self, place: Self::Place) -> impl Future<Output = Result<Option<Timestamp>, StoreError>> + Send;
}

/// Whether work is to come to its end.
#[derive(Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// For work that nobody ends.
    pub(crate) fn never() -> Self {
        Self(watch::channel(false).1)
    }

    pub(crate) fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    async fn asked(&mut self) {
        // An error says that nobody is there any more who could stop it otherwise.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

/// Work that goes on until it is stopped.
pub struct Background {
    name: &'static str,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Background {
    /// Begins, in the background of the runtime that this is called in. The work is made with what tells it to stop.
    pub(crate) fn start<W: Work>(host: Host, work: impl FnOnce(Host, Stop) -> W) -> Self {
        let (stop, stopped) = watch::channel(false);
        let stopped = Stop(stopped);
        let work = work(host.clone(), stopped.clone());
        Self { name: W::NAME, stop, task: tokio::spawn(run(host, work, stopped)) }
    }

    /// Begins nothing more, waits for what is under way for a few seconds, records what came of it, and ends. What is not
    /// recorded by then is done again at the next start.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!("the work on {} has broken off: {error}", self.name);
        }
    }
}

/// Runs something that waits for the store where waiting is allowed.
pub(crate) async fn on_store<T: Send + 'static>(
    host: &Host,
    work: impl FnOnce(&Host) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let host = host.clone();
    let done = tokio::task::spawn_blocking(move || work(&host)).await;
    done.unwrap_or_else(|error| Err(StoreError::Unavailable { reason: error.to_string() }))
}

/// Whose places.
pub(crate) enum Of {
    /// All merchants'.
    All,
    /// These merchants'.
    These(BTreeSet<MerchantId>),
}

/// The places of merchants.
pub(crate) async fn places<W: Work>(host: &Host, of: Of) -> Result<Vec<W::Place>, StoreError> {
    on_store(host, |host| {
        let merchants = match of {
            Of::All => host.look(list_merchants)?.into_iter().map(|merchant| merchant.id).collect(),
            Of::These(merchants) => merchants,
        };
        let places = merchants.into_iter().map(|merchant| W::places(host, merchant));
        Ok(places.collect::<Result<Vec<_>, _>>()?.concat())
    })
    .await
}

async fn run<W: Work>(host: Host, work: W, mut stop: Stop) {
    let listener = host.store.listen(None);
    let mut desk = Desk::new(AT_WORK_MAX);
    let mut at_work = JoinSet::new();
    let mut whose = HashMap::new();
    let mut called = Some(Of::All);
    // When to look at all again, as somebody's places could not be read.
    let mut retry_at: Option<Timestamp> = None;
    loop {
        if retry_at.is_some_and(|at| at <= host.clock.now()) {
            retry_at = None;
            called = Some(Of::All);
        }
        if let Some(of) = called.take() {
            match places::<W>(&host, of).await {
                Ok(places) => places.into_iter().for_each(|place| desk.call(place, host.clock.now())),
                Err(error) => {
                    tracing::error!(error = describe(&error), "what is to be done for {} can not be read", W::NAME);
                    retry_at = Some(after_pause(host.clock.now()));
                }
            }
        }
        for place in desk.due(host.clock.now()) {
            let (work, own) = (work.clone(), place.clone());
            let task = at_work.spawn(async move { work.work(own).await });
            whose.insert(task.id(), place);
        }
        gauge!(W::AT_WORK).set(f64::from(u32::try_from(desk.at_work()).unwrap_or(u32::MAX)));
        let now = host.clock.now();
        let pause = [desk.pause(now), retry_at.map(|at| until(at, now))].into_iter().flatten().min();
        tokio::select! {
            () = stop.asked() => break,
            grown = listener.grown() => {
                tokio::time::sleep(GATHER).await;
                let follows = |log: &Key| layout::merchant_of(log).filter(|merchant| W::follows(*merchant, log));
                called = Some(Of::These(grown.iter().filter_map(follows).collect()));
            }
            Some(done) = at_work.join_next_with_id() => {
                let (id, outcome) = match done {
                    Ok((id, outcome)) => (id, outcome),
                    Err(error) => (error.id(), Err(StoreError::Unavailable { reason: error.to_string() })),
                };
                if let Some(place) = whose.remove(&id) {
                    let now = host.clock.now();
                    let again_at = outcome.unwrap_or_else(|error| {
                        tracing::error!(?place, error = describe(&error), "the work on {} has failed", W::NAME);
                        Some(after_pause(now))
                    });
                    desk.done(place, again_at, now);
                }
            }
            () = sleep(pause) => {}
        }
    }
    // What is under way may come to its end, and is recorded.
    let farewell = async { while at_work.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(FAREWELL, farewell).await;
    at_work.abort_all();
}

fn after_pause(now: Timestamp) -> Timestamp {
    now.checked_add(PAUSE).unwrap_or(Timestamp::MAX)
}

/// Sleeps so long, or for ever.
async fn sleep(pause: Option<Duration>) {
    match pause {
        Some(pause) => tokio::time::sleep(pause).await,
        None => std::future::pending().await,
    }
}
