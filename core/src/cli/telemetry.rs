//! Traces go to a collector, by OTLP over HTTP.
//!
//! They are sent in batches by a thread of their own: a collector that is slow or down costs spans, and no request its
//! time. What is left is sent at the end.

use std::time::Duration;

use async_trait::async_trait;
use axum::body::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use opentelemetry::global;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tokio::runtime::Handle;

use super::Failure;
use super::client::{Http, client};
use super::config::Telemetry;

/// How long a batch may take, and the end waits for the last one.
const PATIENCE: Duration = Duration::from_secs(5);
/// How much of an answer is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Sends traces until it is stopped.
pub(super) struct Traces(SdkTracerProvider);

impl Traces {
    /// Begins to send traces, if there is somewhere to send them.
    ///
    /// # Errors
    /// When there is to be HTTPS, but this machine trusts nobody.
    pub(super) fn begin(settings: &Telemetry, runtime: &Handle) -> Result<Option<Self>, Failure> {
        let Some(url) = settings.endpoint.url() else { return Ok(None) };
        let http = client(url, PATIENCE).map_err(|failure| format!("telemetry.endpoint: {failure}"))?;
        let client = Client { http, runtime: runtime.clone() };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(url.to_string())
            .with_timeout(PATIENCE)
            .build()
            .map_err(|error| format!("telemetry.endpoint: {error}"))?;
        let sampler = Sampler::TraceIdRatioBased(f64::from(settings.sampled_percent.0) / 100.0);
        let mut resource = Resource::builder();
        // Who names the service by the standard variables means it.
        if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name("punchcard");
        }
        let provider = SdkTracerProvider::builder()
            .with_resource(resource.build())
            .with_sampler(Sampler::ParentBased(Box::new(sampler)))
            .with_batch_exporter(exporter)
            .build();
        global::set_tracer_provider(provider.clone());
        Ok(Some(Self(provider)))
    }

    /// Sends what is left.
    pub(super) fn stop(&self) {
        if let Err(error) = self.0.shutdown_with_timeout(PATIENCE) {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// The client by which batches go out. They are made on a thread without a runtime, so it brings one.
#[derive(Clone, Debug)]
struct Client {
    http: Http,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let http = self.http.clone();
        let sent = self.runtime.spawn(async move {
            let work = async {
                let reply = http.request(request.map(Full::new)).await?;
                let (head, body) = reply.into_parts();
                let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?.to_bytes();
                Ok::<_, HttpError>(Response::from_parts(head, body))
            };
            tokio::time::timeout(PATIENCE, work).await?
        });
        sent.await?
    }
}
