//! Connections: who is let in, how long a head may take, and how the end waits for what has begun.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::{Certificates, Settings};

/// How long it is waited before somebody is let in again when the system has nothing left for it, such as files.
const PAUSE: Duration = Duration::from_millis(500);

/// Lets clients in until `stop` resolves, then waits for what has begun as long as the settings say.
pub(super) async fn run(
    listener: TcpListener,
    router: Router,
    settings: &Settings,
    certificates: Option<Arc<Certificates>>,
    stop: impl Future<Output = ()>,
) {
    let connection =
        Connection { router, tls: certificates.map(Certificates::acceptor), header_time_max: settings.header_time_max };
    let places = Arc::new(Semaphore::new(settings.connections_max));
    let (stopping, stopped) = watch::channel(false);
    let mut stop = std::pin::pin!(stop);
    loop {
        let (place, stream, peer) = tokio::select! {
            () = &mut stop => break,
            next = next(&listener, &places) => next,
        };
        let (connection, stopped) = (connection.clone(), stopped.clone());
        tokio::spawn(async move {
            connection.serve(stream, peer, stopped).await;
            drop(place);
        });
    }
    drop(listener);
    // Nobody may be connected.
    let _ = stopping.send(true);
    let all = u32::try_from(settings.connections_max).unwrap_or(u32::MAX);
    if timeout(settings.shutdown_time_max, places.acquire_many(all)).await.is_err() {
        let open = settings.connections_max - places.available_permits();
        tracing::warn!(open, "the end does not wait any longer for requests that have begun");
    }
}

/// The next client, once there is a place for it.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (Option<tokio::sync::OwnedSemaphorePermit>, TcpStream, SocketAddr) {
    // The places are never closed, so there is always one in the end.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // What cannot be told to hurry is served all the same.
                let _ = stream.set_nodelay(true);
                return (place, stream, peer);
            }
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                tracing::error!(%error, "nobody can be let in for the moment");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Whether it is a client that has gone again, and no fault of the machine.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// How a connection is served.
#[derive(Clone)]
struct Connection {
    router: Router,
    tls: Option<TlsAcceptor>,
    header_time_max: Duration,
}

impl Connection {
    async fn serve(self, stream: TcpStream, peer: SocketAddr, mut stopped: watch::Receiver<bool>) {
        let Some(tls) = &self.tls else { return self.speak(stream, peer, stopped).await };
        let handshake = timeout(self.header_time_max, tls.accept(stream));
        let shaken = tokio::select! {
            shaken = handshake => shaken,
            // Nothing has begun that would have to be finished.
            () = begins(&mut stopped) => return,
        };
        match shaken {
            Ok(Ok(stream)) => self.speak(stream, peer, stopped).await,
            Ok(Err(error)) => tracing::debug!(%error, "a client could not agree on TLS"),
            Err(_) => tracing::debug!("a client took too long for TLS"),
        }
    }

    async fn speak<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        stream: S,
        peer: SocketAddr,
        mut stopped: watch::Receiver<bool>,
    ) {
        let service = service_fn(|mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            let router = self.router.clone();
            async move { answer(router, request).await }
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(self.header_time_max);
        let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
        let served = tokio::select! {
            served = &mut connection => served,
            () = begins(&mut stopped) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            tracing::debug!(%error, "a connection has broken");
        }
    }
}

/// Resolves when the end begins.
async fn begins(stopped: &mut watch::Receiver<bool>) {
    // Without a sender there is nobody left to wait for connections.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn answer(mut router: Router, request: hyper::Request<Incoming>) -> Result<Response, Infallible> {
    use tower_service::Service as _;
    router.call(request.map(Body::new)).await
}
