//! `punchcard serve`

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;

use super::caretaker::{Caretaker, Duties};
use super::config::{Config, Given, LogGiven};
use super::telemetry::Traces;
use super::{Failure, begin_log, data};
use crate::background::Background;
use crate::clock::Clock;
use crate::describe::describe;
use crate::domain::Reach;
use crate::http::{self, Certificates};
use crate::message::{Transport, check_sink, start_messages};
use crate::pack_calls::start_pack_calls;
use crate::store::FORMAT_FILE;
use crate::usecase::{Host, Recorder};
use crate::webhook::{Client, start_webhooks};

#[derive(Args)]
pub(super) struct Serve {
    /// A configuration file: TOML with the settings below, in tables. Flags and the environment go before it
    #[arg(long, value_name = "FILE", env = "PUNCHCARD_CONFIG")]
    config: Option<PathBuf>,
    /// Say whether the configuration is right, and serve nothing
    #[arg(long, conflicts_with = "print_config")]
    check: bool,
    /// Print the configuration that is in force as a file, and serve nothing
    #[arg(long)]
    print_config: bool,
    #[command(flatten)]
    given: Given,
}

impl Serve {
    pub(super) fn run(self, log: LogGiven) -> Result<(), Failure> {
        let config = Config::read(self.config.as_deref(), log, self.given)?;
        if self.print_config {
            print!("{}", config.print());
            return Ok(());
        }
        let dir = config.store.data.path().ok_or(
            "there is no data directory: give it with --data DIR, with PUNCHCARD_DATA, or as `data` in [store] of the \
             configuration file",
        )?;
        let certificates = config.tls.certificates()?;
        if self.check {
            usable(dir)?;
            println!("the configuration is right");
            return Ok(());
        }
        begin_log(&config.log);
        http::begin_recording();
        let reach = if config.webhooks.private_networks.0 { Reach::Anywhere } else { Reach::Public };
        let sink: Option<Arc<Path>> = config.messages.sink.path().map(Arc::from);
        if let Some(sink) = &sink {
            check_sink(sink).map_err(|error| format!("messages.sink: {}", describe(&error)))?;
        }
        let store = data::open_tuned(dir, &config.store.options())?;
        let trust = config.packs.trust();
        if trust.takes_unsigned() {
            tracing::warn!("packs that nobody has signed are taken: this is for development (packs.unsigned)");
        }
        let host = data::capped_host(dir, store, &config.store.keys(), Clock::System, config.packs.caps())?;
        host.programme.quotas.set_fuel_of_day(config.packs.fuel_per_day());
        host.programme.quotas.set_fuel_a_second(config.packs.fuel_a_second());
        host.programme.quotas.set_written_a_second(config.packs.written_a_second());
        host.programme.quotas.set_stored(config.packs.stored_bytes_max());
        let recordings = data::recordings(dir, config.recordings.terms());
        let host = host.reaching(reach).sinking_into(sink).trusting(trust).recording_into(recordings);
        let hours = config.store.snapshot_hours.0;
        let duties = Duties {
            dir: dir.to_owned(),
            snapshot_every: (hours > 0).then(|| SignedDuration::from_hours(hours.into())),
            room_bytes_min: config.store.room_bytes_min(),
        };
        let _caretaker = Caretaker::start(host.clone(), duties).map_err(|error| describe(&error))?;
        serve(&host, &config, certificates, |address| println!("listening on {address}"))
    }
}

/// Whether a folder is a data directory or can become one. Nothing is changed.
fn usable(dir: &Path) -> Result<(), Failure> {
    let name = dir.display();
    match fs::metadata(dir) {
        Ok(found) if !found.is_dir() => Err(format!("store.data: {name} is not a folder")),
        Ok(_) => {
            let is_empty = || fs::read_dir(dir).map(|mut files| files.next().is_none());
            if !dir.join(FORMAT_FILE).is_file()
                && !is_empty().map_err(|error| format!("store.data: {name}: {error}"))?
            {
                return Err(format!("store.data: {name} is neither a data directory nor empty"));
            }
            writable(dir)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let above =
                dir.ancestors().skip(1).map(|above| if above.as_os_str().is_empty() { Path::new(".") } else { above });
            let found = above.into_iter().find(|above| above.exists()).unwrap_or(Path::new("/"));
            if !found.is_dir() {
                return Err(format!("store.data: {name} can not be made: {} is not a folder", found.display()));
            }
            writable(found)
        }
        Err(error) => Err(format!("store.data: {name}: {error}")),
    }
}

#[cfg(unix)]
fn writable(dir: &Path) -> Result<(), Failure> {
    use rustix::fs::{Access, access};
    access(dir, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|error| format!("store.data: this user can not write in {}: {error}", dir.display()))
}

#[cfg(not(unix))]
fn writable(dir: &Path) -> Result<(), Failure> {
    let read_only = fs::metadata(dir).is_ok_and(|found| found.permissions().readonly());
    if read_only { Err(format!("store.data: {} is read-only", dir.display())) } else { Ok(()) }
}

/// How often it is looked whether the store still works.
const PULSE: Duration = Duration::from_millis(200);

/// How long the end waits for a use case that nobody waits for any more.
const LAST_WORK_MAX: Duration = Duration::from_secs(5);

/// Serves until the process is asked to stop, finishes what was begun, and closes the store. `on_bound` is told where it
/// listens, as a URL.
pub(super) fn serve(
    host: &Host,
    config: &Config,
    certificates: Option<Certificates>,
    on_bound: impl FnOnce(&str),
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(usize::try_from(config.http.workers.0).unwrap_or(usize::MAX))
        .enable_all()
        .build()
        .map_err(|error| format!("the server does not start: {error}"))?;
    let traces = Traces::begin(&config.telemetry, runtime.handle())?;
    let (listen, settings) = (config.http.listen.0, config.settings());
    let certificates = certificates.map(Arc::new);
    let recorder = Recorder::start(host.clone()).map_err(|error| format!("the server does not start: {error}"))?;
    let scheme = if certificates.is_some() { "https" } else { "http" };
    runtime
        .block_on(async {
            // Whoever is told where it listens may send signals.
            let stop = end(host.clone());
            #[cfg(unix)]
            tokio::spawn(reload_when_asked(certificates.clone()));
            let sender = begin_to_deliver(host);
            let messages = start_messages(host.clone(), Transport::new(host.reach, host.sink.clone()));
            let calls = start_pack_calls(host.clone());
            let bound = |address| on_bound(&format!("{scheme}://{address}"));
            let served = http::serve(host.clone(), listen, &settings, certificates, bound, stop).await;
            if let Some(sender) = sender {
                sender.stop().await;
            }
            calls.stop().await;
            messages.stop().await;
            served
        })
        .map_err(|error| format!("can not listen on {listen}: {error}"))?;
    if let Some(traces) = traces {
        traces.stop();
    }
    runtime.shutdown_timeout(LAST_WORK_MAX);
    recorder.stop();
    // What a disk that failed has kept, only a new start can find out: whoever watches the process is to start it again.
    let health = host.store.health();
    host.store.close().map_err(|error| describe(&error))?;
    match health {
        Err(error @ crate::store::StoreError::Unavailable { .. }) => Err(error.to_string()),
        _ => Ok(()),
    }
}

/// Has events delivered to webhooks. A machine that can not do so serves all the same.
fn begin_to_deliver(host: &Host) -> Option<Background> {
    match Client::new(host.reach) {
        Ok(client) => Some(start_webhooks(host.clone(), client)),
        Err(error) => {
            tracing::warn!(error = describe(&error), "no events are delivered to webhooks");
            None
        }
    }
}

/// When to stop: when somebody asks for it, or the store has failed for good.
fn end(host: Host) -> impl Future<Output = ()> {
    let asked_to_stop = asked_to_stop();
    let failed = async move {
        while !host.store.has_ended() {
            tokio::time::sleep(PULSE).await;
        }
    };
    async {
        tokio::select! { () = asked_to_stop => {}, () = failed => {} }
    }
}

/// Reads the certificates again whenever the process is sent SIGHUP, from now on.
#[cfg(unix)]
fn reload_when_asked(certificates: Option<Arc<Certificates>>) -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let asked = signal(SignalKind::hangup());
    async move {
        let Ok(mut asked) = asked else { return };
        while asked.recv().await.is_some() {
            match certificates.as_deref().map(Certificates::reload) {
                Some(Ok(())) => tracing::info!("the certificates were read again"),
                Some(Err(error)) => {
                    tracing::error!(%error, "the certificates could not be read again: the old ones stay");
                }
                None => tracing::info!("asked to read certificates again, but there is no TLS"),
            }
        }
    }
}

/// Resolves when somebody asks the process to stop, from now on.
#[cfg(unix)]
fn asked_to_stop() -> impl Future<Output = ()> {
    use tokio::signal::unix::{Signal, SignalKind, signal};
    async fn comes(signal: std::io::Result<Signal>) {
        match signal {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    }
    let (interrupt, terminate) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async {
        tokio::select! { () = comes(interrupt) => {}, () = comes(terminate) => {} }
    }
}

/// Resolves when somebody asks the process to stop.
#[cfg(not(unix))]
async fn asked_to_stop() {
    let _ = tokio::signal::ctrl_c().await;
}
