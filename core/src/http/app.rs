//! What handlers share, and the bounded pool on which use cases run.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::Problem;
use super::caller::Caller;
use super::streams::Streams;
use crate::domain::{Action, Actor};
use crate::usecase::{Host, authenticate};

/// How many requests may be at work or wait for it. More are told to come again: a queue that only grows helps nobody.
const REQUESTS_MAX: usize = 512;

/// What handlers share.
#[derive(Clone)]
pub struct App {
    host: Host,
    places: Arc<Semaphore>,
    streams: Streams,
}

impl App {
    pub(super) fn new(host: Host, streams: Streams) -> Self {
        Self { host, places: Arc::new(Semaphore::new(REQUESTS_MAX)), streams }
    }

    /// The host.
    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    /// The streams that are open.
    pub(super) fn streams(&self) -> &Streams {
        &self.streams
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
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Problem::too_busy())?;
        let host = self.host.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            let actor = host.look(|tx| authenticate(tx, caller.secret()))?;
            if !actor.role.may(action) {
                return Err(Problem::forbidden(actor.role, action));
            }
            work(&host, &actor).map_err(Into::into)
        });
        done.await.unwrap_or_else(|error| Err(Problem::internal(error)))
    }
}
