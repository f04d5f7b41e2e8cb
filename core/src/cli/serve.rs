//! `punchcard serve`

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use jiff::SignedDuration;

use super::caretaker::{Caretaker, Duties};
use super::{Failure, data};
use crate::clock::Clock;
use crate::describe::describe;
use crate::domain::Reach;
use crate::http;
use crate::usecase::Host;
use crate::webhook::{Client, Sender};

/// Threads on which use cases run. Most of their time they wait for the journal's sync, which many share.
const WORKERS: usize = 128;

#[derive(Args)]
pub(super) struct Serve {
    /// The data directory; made if it is new
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Hours from one snapshot to the next; 0 for none by itself
    #[arg(long, value_name = "HOURS", env = "PUNCHCARD_SNAPSHOT_HOURS", default_value_t = 24)]
    snapshot_hours: u16,
    /// Whether webhooks may lead into private networks and go unencrypted: for development, and where merchants are
    /// trusted like the operator
    #[arg(long, value_name = "WHETHER", env = "PUNCHCARD_WEBHOOKS_PRIVATE", value_enum, default_value_t)]
    webhooks_private: PrivateNetworks,
    #[command(flatten)]
    tuning: data::Tuning,
}

/// Whether something may lead into private networks.
#[derive(Clone, Copy, Default, ValueEnum)]
enum PrivateNetworks {
    #[default]
    Deny,
    Allow,
}

impl Serve {
    pub(super) fn run(self) -> Result<(), Failure> {
        http::begin_recording();
        let reach = match self.webhooks_private {
            PrivateNetworks::Deny => Reach::Public,
            PrivateNetworks::Allow => Reach::Anywhere,
        };
        let host = data::host(data::open_tuned(&self.data, &self.tuning)?, Clock::System)?.reaching(reach);
        let hours = (self.snapshot_hours > 0).then(|| SignedDuration::from_hours(self.snapshot_hours.into()));
        let duties = Duties { dir: self.data, snapshot_every: hours, room_bytes_min: self.tuning.room_bytes_min() };
        let _caretaker = Caretaker::start(host.clone(), duties).map_err(|error| describe(&error))?;
        serve(&host, self.listen, |address| println!("listening on http://{address}"))
    }
}

/// How often it is looked whether the store still works.
const PULSE: Duration = Duration::from_millis(200);

/// Serves until the process is asked to stop, finishes what was begun, and closes the store.
pub(super) fn serve(host: &Host, listen: SocketAddr, on_bound: impl FnOnce(SocketAddr)) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(|error| format!("the server does not start: {error}"))?;
    runtime
        .block_on(async {
            let end = end(host.clone());
            let sender = begin_to_deliver(host);
            let served = http::serve(host.clone(), listen, on_bound, end).await;
            if let Some(sender) = sender {
                sender.stop().await;
            }
            served
        })
        .map_err(|error| format!("can not listen on {listen}: {error}"))?;
    // What a disk that failed has kept, only a new start can find out: whoever watches the process is to start it again.
    let health = host.store.health();
    host.store.close().map_err(|error| describe(&error))?;
    match health {
        Err(error @ crate::store::StoreError::Unavailable { .. }) => Err(error.to_string()),
        _ => Ok(()),
    }
}

/// Has events delivered to webhooks. A machine that can not do so serves all the same.
fn begin_to_deliver(host: &Host) -> Option<Sender> {
    match Client::new(host.reach) {
        Ok(client) => Some(Sender::start(host.clone(), client)),
        Err(error) => {
            tracing::warn!(error = describe(&error), "no events are delivered to webhooks");
            None
        }
    }
}

/// When to stop: when somebody asks for it, or the store has failed for good. It can be asked for from the moment that
/// this is called.
fn end(host: Host) -> impl Future<Output = ()> + Send + 'static {
    let asked = asked_to_stop();
    async move {
        let failed = async {
            while !host.store.has_ended() {
                tokio::time::sleep(PULSE).await;
            }
        };
        tokio::select! { () = asked => {}, () = failed => {} }
    }
}

#[cfg(unix)]
fn asked_to_stop() -> impl Future<Output = ()> + Send + 'static {
    use tokio::signal::unix::{SignalKind, signal};
    let (interrupt, terminate) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async move {
        let received = async |signal: std::io::Result<tokio::signal::unix::Signal>| match signal {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        };
        tokio::select! { () = received(interrupt) => {}, () = received(terminate) => {} }
    }
}

#[cfg(not(unix))]
async fn asked_to_stop() {
    let _ = tokio::signal::ctrl_c().await;
}
