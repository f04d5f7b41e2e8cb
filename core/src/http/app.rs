//! What handlers share, and the bounded pool on which use cases run.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tracing::Span;

use super::caller::Caller;
use super::rate::Limiter;
use super::streams::Streams;
use super::trail::Trail;
use super::{Problem, Settings};
use crate::domain::{Action, Actor, StaffId, StoreId};
use crate::usecase::{ApiKeyError, Host, authenticate};

/// What handlers share.
#[derive(Clone)]
pub struct App {
    host: Host,
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    places: Arc<Semaphore>,
    keys: Option<Limiter<StaffId>>,
    failed_keys: Option<Limiter<IpAddr>>,
    streams: Streams,
}

/// Sees that somebody may act in a store.
pub(super) fn at_store(actor: &Actor, store: StoreId) -> Result<(), Problem> {
    if actor.stores.has(store) { Ok(()) } else { Err(Problem::other_store()) }
}

impl App {
    pub(super) fn new(host: Host, settings: Settings, streams: Streams) -> Self {
        let shared = Shared {
            places: Arc::new(Semaphore::new(settings.requests_max)),
            keys: settings.key_rate.map(Limiter::new),
            failed_keys: settings.failed_key_rate.map(Limiter::new),
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
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            span.in_scope(|| {
                let actor = app.identify(&caller, is_request)?;
                if !actor.role.may(action) {
                    return Err(Problem::forbidden(actor.role, action));
                }
                work(&app.host, &actor).map_err(Into::into)
            })
        });
        done.await.unwrap_or_else(|error| Err(Problem::internal(error)))
    }

    /// Who calls, if they may ask as often as this.
    fn identify(&self, caller: &Caller, is_request: bool) -> Result<Actor, Problem> {
        let trail = caller.trail();
        self.refuse_guessers(trail)?;
        let actor = self.host.look(|tx| authenticate(tx, caller.secret())).inspect_err(|error| {
            if let (ApiKeyError::Malformed | ApiKeyError::Unknown, Some(limiter), Some(peer)) =
                (error, &self.shared.failed_keys, trail.peer())
            {
                limiter.take(peer, self.host.clock.now());
            }
        })?;
        trail.is_from(&actor);
        if let Some(limiter) = self.shared.keys.as_ref().filter(|_| is_request) {
            let standing = limiter.take(actor.staff, self.host.clock.now());
            trail.stands(standing);
            if let Some(seconds) = standing.refused_for_s {
                return Err(Problem::too_often("rate-limited", "this API key asks more often than it may", seconds));
            }
        }
        Ok(actor)
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
