//! What handlers share, and the bounded pool on which use cases run.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Span;

use super::caller::{Caller, Credential, MemberCaller};
use super::rate::Limiter;
use super::streams::Streams;
use super::trace::Traced;
use super::trail::Trail;
use super::{Problem, Settings};
use crate::background::{Share, Shares};
use crate::domain::{Action, Actor, MemberId, StaffId, StoreId};
use crate::usecase::users::{authenticate_session, touch_session};
use crate::usecase::{ApiKeyError, Host, MemberToken, MemberTokenError, authenticate, check_member_token};

/// What handlers share.
#[derive(Clone)]
pub struct App {
    host: Host,
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    places: Arc<Semaphore>,
    /// Requests of each merchant, at work or waiting for it.
    waiting: Shares,
    /// Those at work.
    working: Shares,
    keys: Option<Limiter<StaffId>>,
    failed_keys: Option<Limiter<IpAddr>>,
    /// Sign-ins of an address.
    sign_ins: Option<Limiter<IpAddr>>,
    /// Sign-ins as somebody, by a digest of who.
    users: Option<Limiter<[u8; 16]>>,
    /// Who hashes a password, which takes 19 MiB and a core.
    hashing: Arc<Semaphore>,
    /// Who waits for that or does it.
    hashing_queue: Arc<Semaphore>,
    streams: Streams,
}

/// How many passwords wait to be hashed for each that is: more are told to come again.
const HASHES_WAITING: usize = 8;

/// What somebody may ask for, who is known by now.
struct Task<W> {
    work: W,
    actor: Actor,
    trail: Trail,
    _place: OwnedSemaphorePermit,
    _waits: Share,
}

/// How far a request has come.
enum Step<T, W> {
    Done(T),
    /// The merchant has as much at work as one may.
    Waits(Task<W>, Span),
}

impl<W> Task<W> {
    fn run<T, P: Into<Problem>>(self, host: &Host, _: Share) -> Result<T, Problem>
    where
        W: FnOnce(&Host, &Actor) -> Result<T, P>,
    {
        let _work = self.trail.traced().map(Traced::work);
        (self.work)(host, &self.actor).map_err(Into::into)
    }
}

/// What one merchant gets of so many places.
fn half(places: usize) -> usize {
    (places / 2).max(1)
}

/// Sees that somebody may act in a store, if one is named.
pub(super) fn at_store(actor: &Actor, store: impl Into<Option<StoreId>>) -> Result<(), Problem> {
    let store: Option<StoreId> = store.into();
    if store.is_none_or(|store| actor.stores.has(store)) { Ok(()) } else { Err(Problem::other_store()) }
}

/// Sees that somebody may see what is of all stores together.
pub(super) fn at_all_stores(actor: &Actor) -> Result<(), Problem> {
    if actor.stores.is_all() { Ok(()) } else { Err(Problem::of_all_stores()) }
}

impl App {
    pub(super) fn new(host: Host, settings: Settings, streams: Streams) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let shared = Shared {
            places: Arc::new(Semaphore::new(settings.requests_max)),
            waiting: Shares::new(half(settings.requests_max), settings.requests_max),
            working: Shares::new(half(settings.workers), settings.requests_max),
            keys: settings.key_rate.map(Limiter::new),
            failed_keys: settings.failed_key_rate.map(Limiter::new),
            sign_ins: settings.failed_sign_in_rate.map(Limiter::new),
            users: settings.failed_user_rate.map(Limiter::new),
            hashing: Arc::new(Semaphore::new(cores)),
            hashing_queue: Arc::new(Semaphore::new(cores * HASHES_WAITING)),
            settings,
            streams,
        };
        Self { host, shared: Arc::new(shared) }
    }

    /// The host.
    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    /// The streams that are open.
    pub(super) fn streams(&self) -> &Streams {
        &self.shared.streams
    }

    /// The limits of the interface.
    pub(super) fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// Finds out who calls, sees whether they may, and runs the work on the pool.
    pub(super) async fn serve<T, P>(
        &self,
        caller: Caller,
        action: Action,
        work: impl FnOnce(&Host, &Actor) -> Result<T, P> + Send + 'static,
    ) -> Result<T, Problem>
    where
        T: Send + 'static,
        P: Into<Problem>,
    {
        self.run(caller, action, true, work).await
    }

    /// The same for a member who asks for what is their own.
    pub(super) async fn serve_member<T, P>(
        &self,
        caller: MemberCaller,
        work: impl FnOnce(&Host, &Actor, MemberId) -> Result<T, P> + Send + 'static,
    ) -> Result<T, Problem>
    where
        T: Send + 'static,
        P: Into<Problem>,
    {
        let (member, caller) = caller.parted();
        self.run(caller, Action::ReadPersonal, true, move |host, actor| work(host, actor, member)).await
    }

    /// The same for a further part of an answer: the rate of the key has counted the request already.
    pub(super) async fn serve_further<T, P>(
        &self,
        caller: Caller,
        action: Action,
        work: impl FnOnce(&Host, &Actor) -> Result<T, P> + Send + 'static,
    ) -> Result<T, Problem>
    where
        T: Send + 'static,
        P: Into<Problem>,
    {
        self.run(caller, action, false, work).await
    }

    async fn run<T, P>(
        &self,
        caller: Caller,
        action: Action,
        is_request: bool,
        work: impl FnOnce(&Host, &Actor) -> Result<T, P> + Send + 'static,
    ) -> Result<T, Problem>
    where
        T: Send + 'static,
        P: Into<Problem>,
    {
        let place = Arc::clone(&self.shared.places).try_acquire_owned().map_err(|_| Problem::too_busy())?;
        let (app, span) = (self.clone(), Span::current());
        caller.trail().goes_to_work();
        let trail = caller.trail().clone();
        let begun = tokio::task::spawn_blocking(move || {
            span.in_scope(|| {
                let actor = app.identify(&caller, is_request)?;
                if !actor.role.may(action) {
                    return Err(Problem::forbidden(actor.role, action));
                }
                let waits = app.shared.waiting.try_take(actor.merchant).ok_or_else(Problem::too_busy)?;
                let task = Task { work, actor, trail, _place: place, _waits: waits };
                match app.shared.working.try_take(task.actor.merchant) {
                    Some(share) => task.run(&app.host, share).map(Step::Done),
                    None => Ok(Step::Waits(task, span.clone())),
                }
            })
        });
        let (task, span) = match begun.await.unwrap_or_else(|error| Err(Problem::internal(error)))? {
            Step::Done(done) => return Ok(done),
            Step::Waits(task, span) => (task, span),
        };
        let share = self.shared.working.take(task.actor.merchant).await;
        let host = self.host.clone();
        let done = tokio::task::spawn_blocking(move || span.in_scope(|| task.run(&host, share)));
        done.await.unwrap_or_else(|error| Err(Problem::internal(error)))
    }

    /// Runs what somebody may ask for who need not say who they are, on the pool.
    pub(super) async fn welcome<T: Send + 'static>(
        &self,
        trail: &Trail,
        work: impl FnOnce(&Host) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let place = Arc::clone(&self.shared.places).try_acquire_owned().map_err(|_| Problem::too_busy())?;
        let (host, span) = (self.host.clone(), Span::current());
        trail.goes_to_work();
        let trail = trail.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            let _work = trail.traced().map(Traced::work);
            span.in_scope(|| work(&host))
        });
        done.await.unwrap_or_else(|error| Err(Problem::internal(error)))
    }

    /// Hashes a password on the pool, as many at once as there are cores: each takes a core and 19 MiB for its time.
    pub(super) async fn hash<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Host) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let queued = Arc::clone(&self.shared.hashing_queue).try_acquire_owned().map_err(|_| Problem::too_busy())?;
        let turn = Arc::clone(&self.shared.hashing).acquire_owned().await.map_err(Problem::internal)?;
        let host = self.host.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _turn = (queued, turn);
            work(&host)
        });
        done.await.map_err(Problem::internal)
    }

    /// Counts an attempt to sign in as somebody. One that succeeds is to be taken back.
    pub(super) fn count_sign_in(&self, who: [u8; 16], is_known_place: bool, trail: &Trail) -> Result<(), Problem> {
        let now = self.host.clock.now();
        let detail = "too many attempts to sign in have failed";
        let refused = |seconds| Problem::too_often("too-many-sign-ins", detail, seconds);
        if let (Some(limiter), Some(peer)) = (&self.shared.sign_ins, trail.peer()) {
            limiter.take(peer, now).refused_for_s.map_or(Ok(()), |seconds| Err(refused(seconds)))?;
        }
        // Whoever attacks a name from elsewhere does not lock out the person from where they usually are.
        match &self.shared.users {
            Some(limiter) if !is_known_place => {
                limiter.take(who, now).refused_for_s.map_or(Ok(()), |seconds| Err(refused(seconds)))
            }
            _ => Ok(()),
        }
    }

    /// Takes back an attempt that was counted.
    pub(super) fn forget_sign_in(&self, who: [u8; 16], is_known_place: bool, trail: &Trail) {
        let now = self.host.clock.now();
        if let (Some(limiter), Some(peer)) = (&self.shared.sign_ins, trail.peer()) {
            limiter.put_back(peer, now);
        }
        if let Some(limiter) = self.shared.users.as_ref().filter(|_| !is_known_place) {
            limiter.put_back(who, now);
        }
    }

    /// Who calls, if they may ask as often as this.
    fn identify(&self, caller: &Caller, is_request: bool) -> Result<Actor, Problem> {
        let trail = caller.trail();
        let actor = match caller.credential() {
            Credential::Key(secret) => self.holder(secret, trail)?,
            Credential::Session(token) => {
                let (now, terms) = (self.host.clock.now(), &self.shared.settings.sessions);
                let (actor, seen) = self.host.look(|tx| authenticate_session(tx, token, now, terms))?;
                let touched =
                    seen.map(|seen| self.host.operate(actor.merchant, |tx, _| touch_session(tx, token, seen)));
                // A host that can not write still reads; the session ends a little earlier.
                if let Some(Err(error)) = touched {
                    tracing::debug!("a session can not be written down as seen: {error}");
                }
                actor
            }
            Credential::Member(token) => self.bearer_of(token, trail)?,
        };
        // Members ask at a rate of their own, not at that of the key by which their token was obtained.
        let asking = match caller.credential() {
            Credential::Member(token) => StaffId::from_bytes(*token.member().as_bytes()),
            Credential::Key(_) | Credential::Session(_) => actor.staff,
        };
        trail.is_from(&actor);
        if let Some(limiter) = self.shared.keys.as_ref().filter(|_| is_request) {
            let standing = limiter.take(asking, self.host.clock.now());
            trail.stands(standing);
            if let Some(seconds) = standing.refused_for_s {
                return Err(Problem::too_often(
                    "rate-limited",
                    "this API key or user asks more often than they may",
                    seconds,
                ));
            }
        }
        Ok(actor)
    }

    /// Who holds an API key.
    fn holder(&self, secret: &str, trail: &Trail) -> Result<Actor, Problem> {
        self.refuse_guessers(trail)?;
        let found = self.host.look(|tx| authenticate(tx, secret)).inspect_err(|error| {
            if let (ApiKeyError::Malformed | ApiKeyError::Unknown, Some(limiter), Some(peer)) =
                (error, &self.shared.failed_keys, trail.peer())
            {
                limiter.take(peer, self.host.clock.now());
            }
        });
        Ok(found?)
    }

    /// In whose name a member asks, when their token is valid.
    fn bearer_of(&self, token: &MemberToken, trail: &Trail) -> Result<Actor, Problem> {
        self.refuse_guessers(trail)?;
        let actor = token.actor();
        let checked = self.host.view(&actor, |tx, act| check_member_token(tx, act, token));
        if let (Err(MemberTokenError::Invalid), Some(limiter), Some(peer)) =
            (&checked, &self.shared.failed_keys, trail.peer())
        {
            limiter.take(peer, self.host.clock.now());
        }
        Ok(checked.map(|()| actor)?)
    }

    /// Whoever has come with too many wrong keys is not looked up any more for a while.
    fn refuse_guessers(&self, trail: &Trail) -> Result<(), Problem> {
        let (Some(limiter), Some(peer)) = (&self.shared.failed_keys, trail.peer()) else { return Ok(()) };
        match limiter.refused_for_s(peer, self.host.clock.now()) {
            Some(seconds) => {
                let detail = "too many requests with wrong API keys have come from this address";
                Err(Problem::too_often("too-many-wrong-keys", detail, seconds))
            }
            None => Ok(()),
        }
    }
}
