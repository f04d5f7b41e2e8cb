//! `punchcard serve`

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::{Failure, data};
use crate::clock::Clock;
use crate::http;
use crate::usecase::Host;

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
}

impl Serve {
    pub(super) fn run(self) -> Result<(), Failure> {
        let host = data::host(data::open(&self.data)?, Clock::System)?;
        serve(&host, self.listen, |address| println!("listening on http://{address}"))
    }
}

/// Serves until the process is asked to stop, finishes what was begun, and closes the store.
pub(super) fn serve(host: &Host, listen: SocketAddr, on_bound: impl FnOnce(SocketAddr)) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(|error| format!("the server does not start: {error}"))?;
    runtime
        .block_on(http::serve(host.clone(), listen, on_bound, asked_to_stop()))
        .map_err(|error| format!("can not listen on {listen}: {error}"))?;
    host.store.close().map_err(|error| error.to_string())
}

async fn asked_to_stop() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        let terminate = async {
            match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
                Ok(mut signal) => {
                    signal.recv().await;
                }
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! { _ = interrupt => {}, () = terminate => {} }
    }
    #[cfg(not(unix))]
    {
        let _ = interrupt.await;
    }
}
