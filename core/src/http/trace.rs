//! The trace of a request, for a collector: how long it took as a whole and at work, and where it belongs in the trace of
//! who asked (W3C Trace Context). It has method, route, status and the request's name, and nothing of what was sent.

use axum::http::{HeaderMap, HeaderName, StatusCode};
use opentelemetry::global::{self, BoxedSpan};
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation::TraceContextPropagator;

const TRACER: &str = "punchcard";

/// A request that is traced. It ends when it was answered, or nobody waits for it any more.
#[derive(Clone)]
pub(super) struct Traced(Context);

impl Traced {
    /// A request begins. Names are those of OpenTelemetry's semantic conventions for HTTP servers.
    pub(super) fn begin(headers: &HeaderMap, method: &'static str, route: &str, name: &str) -> Self {
        let parent = TraceContextPropagator::new().extract(&Headers(headers));
        let tracer = global::tracer(TRACER);
        let span = tracer
            .span_builder(format!("{method} {route}"))
            .with_kind(SpanKind::Server)
            .with_attributes([
                KeyValue::new("http.request.method", method),
                KeyValue::new("http.route", route.to_owned()),
                KeyValue::new("punchcard.request.id", name.to_owned()),
            ])
            .start_with_context(&tracer, &parent);
        Self(Context::new().with_span(span))
    }

    /// The part of it in which a use case runs; it ends when this goes.
    pub(super) fn work(&self) -> BoxedSpan {
        global::tracer(TRACER).start_with_context("use case", &self.0)
    }

    /// It was answered.
    pub(super) fn answered(&self, status: StatusCode) {
        let span = self.0.span();
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        if status.is_server_error() {
            span.set_status(Status::error(""));
        }
        span.end();
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}
