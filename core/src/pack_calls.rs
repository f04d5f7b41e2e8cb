//! The part of a serving host that calls packs after the fact: events that they follow, timers that are due. What one call
//! does is a use case (`usecase/pack_calls`); here is who is called when, and how many at a time.

use futures_util::future::try_join_all;
use jiff::Timestamp;
use metrics::counter;

use crate::background::{self, Background, Lags, Of, Shares, Stop, Work, on_store};
use crate::domain::{Code, MerchantId};
use crate::store::{Key, StoreError, layout};
use crate::usecase::Host;
use crate::usecase::pack_calls::{LANES, Round, called_packs, fire_timers, follow_events};
use crate::usecase::pack_life::carry_on;

/// How many rounds are under way for all packs of a merchant, at most: a busy merchant leaves room for others.
const OF_MERCHANT_MAX: usize = 4;
/// How many are under way in all, at most: below the places of the pool of instances, so that tills find one.
const IN_ALL_MAX: usize = 16;
/// How many rounds are run for one pack at a time, at most, before others come to their turn.
const ROUNDS_MAX: usize = 64;
/// How often [`run_pack_calls`] goes through all packs, at most: packs that answer each other's events come to an end
/// before.
const PASSES_MAX: usize = 1000;

/// Makes all calls of packs that are due by the host's clock, and those that follow from them, and says what came of it.
///
/// # Errors
/// The store's failures.
pub async fn run_pack_calls(host: &Host) -> Result<Round, StoreError> {
    let caller = Caller::new(host.clone(), Stop::never());
    let mut all = Round::default();
    for _ in 0..PASSES_MAX {
        let mut pass = Round::default();
        for place in background::places::<Caller>(host, Of::All).await? {
            pass = pass.and(caller.call(&place).await?);
        }
        let was_idle = pass.is_idle();
        all = all.and(pass);
        (all.due_at, all.lag, all.is_unfinished) = (pass.due_at, pass.lag, pass.is_unfinished);
        if was_idle {
            break;
        }
    }
    Ok(all)
}

/// Calls packs in the background, until it is stopped.
pub fn start_pack_calls(host: Host) -> Background {
    Background::start(host, Caller::new)
}

type Place = (MerchantId, Code);

/// What all calls share.
#[derive(Clone)]
struct Caller {
    host: Host,
    shares: Shares,
    /// How far packs are behind.
    lags: Lags<Place>,
    stop: Stop,
}

/// What one round is about.
#[derive(Clone, Copy)]
enum Job {
    Lane(u8),
    Timers,
    /// What a change of revisions has left to be done.
    Upkeep,
}

impl Caller {
    fn new(host: Host, stop: Stop) -> Self {
        let lags = Lags::new("punchcard_pack_lag_events", "punchcard_pack_lagging");
        Self { host, shares: Shares::new(OF_MERCHANT_MAX, IN_ALL_MAX), lags, stop }
    }

    /// Rounds of a pack, until nothing is due.
    async fn call(&self, place: &Place) -> Result<Round, StoreError> {
        let mut all = Round::default();
        for _ in 0..ROUNDS_MAX {
            let jobs = (0..LANES).map(Job::Lane).chain([Job::Timers, Job::Upkeep]);
            let rounds = try_join_all(jobs.map(|job| self.round(place, job))).await?;
            let round = rounds.into_iter().fold(Round::default(), Round::and);
            all = all.and(round);
            (all.due_at, all.lag, all.is_unfinished) = (round.due_at, round.lag, round.is_unfinished);
            // A call may have set timers or told facts: it is looked once more after the last one.
            if round.is_idle() {
                return Ok(all);
            }
            if self.stop.is_asked() {
                break;
            }
        }
        Ok(Round { is_unfinished: true, ..all })
    }

    /// One round, when there is a place for it.
    async fn round(&self, (merchant, pack): &Place, job: Job) -> Result<Round, StoreError> {
        let _share = self.shares.take(*merchant).await;
        let (merchant, pack) = (*merchant, pack.clone());
        let round = on_store(&self.host, move |host| {
            host.operate(merchant, |tx, act| match job {
                Job::Lane(lane) => follow_events(tx, act, &pack, lane),
                Job::Timers => fire_timers(tx, act, &pack),
                Job::Upkeep => carry_on(tx, act, &pack),
            })
        });
        let round = round.await?;
        tell(round);
        Ok(round)
    }
}

impl Work for Caller {
    type Place = Place;

    const NAME: &'static str = "calls of packs";
    const AT_WORK: &'static str = "punchcard_pack_calls_at_work";

    fn places(host: &Host, merchant: MerchantId) -> Result<Vec<Place>, StoreError> {
        let packs = host.look(|tx| called_packs(tx, &host.programme, merchant))?;
        Ok(packs.into_iter().map(|pack| (merchant, pack)).collect())
    }

    fn follows(merchant: MerchantId, log: &Key) -> bool {
        layout::events(merchant) == *log
    }

    async fn work(&self, place: Place) -> Result<Option<Timestamp>, StoreError> {
        let round = self.call(&place).await?;
        self.lags.set(place, round.lag);
        Ok(if round.is_unfinished { Some(self.host.clock.now()) } else { round.due_at })
    }
}

fn tell(round: Round) {
    counter!("punchcard_pack_calls_total", "outcome" => "done").increment(round.done as u64);
    counter!("punchcard_pack_calls_total", "outcome" => "failed").increment(round.failed as u64);
    counter!("punchcard_pack_calls_total", "outcome" => "parked").increment(round.parked as u64);
}
