//! `GET /v1/exports/{kind}`, and how what is taken out goes over the wire

mod holdings;
mod kinds;
mod lists;
mod of_member;
mod orders;
mod research;
mod text;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::sync::mpsc::{self, Sender};
use tokio::time::timeout;
use utoipa::IntoParams;

use crate::domain::{Action, Actor, TextError};
use crate::http::caller::Caller;
use crate::http::path::Path;
use crate::http::streams::StreamPlace;
use crate::http::{App, Problem, at_all_stores};
use crate::store::{StoreError, Tx};
use crate::usecase::{Act, EventsError, Host, record_export};

use kinds::ExportError;
pub(crate) use kinds::{Export, ExportFormat, ExportKind};
pub(super) use of_member::{__path_export_member, export_member};
pub(super) use research::{__path_export_research, export_research};
pub(crate) use research::{Research, ResearchKind};
pub(crate) use text::{parted, unguarded};

/// How long a reader may take nothing before the export ends.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait before asking again when the host had too much to do.
const PAUSE: Duration = Duration::from_secs(1);

/// How it is to be written.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ExportQuery {
    /// `ndjson`, a JSON document a line, if it is not said; or `csv`, a table.
    #[serde(default)]
    #[param(inline, value_type = Option<ExportFormat>)]
    format: ExportFormat,
}

/// All records of a kind, oldest first. As NDJSON each is as where it is read alone; a member has also `store_code` and
/// `referred_by`, an order `store_code` and `customer`, and what a member holds (`balances`, `coupons`) the member's number
/// or external id in place of the id, by which another merchant can take them in: `punchcard import` reads both formats as
/// they are. As CSV a list is one cell with semicolons, an order has a row for each line, with its coupons and its total
/// in each, and `order-payments` and `order-refunds` have the rest of it; amounts of orders are in major units, and a cell that begins with `=`, `+`, `-`, `@`, a tab, a carriage return or a single
/// quote has a single quote before it, so that no spreadsheet takes it for a formula. The answer comes while it is read,
/// each page of it consistent in itself; one that is cut short ends without the last chunk. It is one of the merchant's
/// streams, of which there are at most 16, and ends when nothing of it is taken for a minute. A key that is limited to
/// stores takes out nothing, as records are those of all stores.
#[utoipa::path(get, path = "/v1/exports/{kind}", tag = "exchange",
    extensions(("x-needs" = json!("exchange"))),
    params(("kind" = inline(ExportKind), Path, description = "What is taken out.", example = "members"), ExportQuery),
    responses((status = 200, content((String = "application/x-ndjson"), (String = "text/csv"))),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn export(
    State(app): State<App>,
    caller: Caller,
    Path(kind): Path<String>,
    query: Result<Query<ExportQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let found = ExportKind::ALL.into_iter().find(|known| known.name() == kind);
    let kind = found.ok_or_else(|| Problem::wrong_name(&TextError::Code { given: kind.chars().take(64).collect() }))?;
    let Query(ExportQuery { format }) = query.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let name = format!("{}.{}", kind.name(), format.name());
    streamed(app, caller, Action::Exchange, Export::new(kind, format), format.content_type(), &name).await
}

impl From<ExportError> for Problem {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Store(error) | ExportError::Events(EventsError::Store(error)) => error.into(),
            ExportError::Assets(error) => error.into(),
            // The place is one that this export has read.
            ExportError::Events(error @ EventsError::UnknownPlace) => Self::internal(error),
        }
    }
}

/// Something that is told part by part.
trait Parts: Send + 'static {
    /// Writes into the audit log that this is told.
    fn record(&self, tx: &mut Tx, act: &mut Act<'_>) -> Result<(), StoreError>;

    /// The next part; none when all is told.
    fn next_part(&mut self, host: &Host, actor: &Actor) -> Result<Option<Vec<u8>>, Problem>;
}

impl Parts for Export {
    fn record(&self, tx: &mut Tx, act: &mut Act<'_>) -> Result<(), StoreError> {
        record_export(tx, act, self.kind.name(), self.format.name())
    }

    fn next_part(&mut self, host: &Host, actor: &Actor) -> Result<Option<Vec<u8>>, Problem> {
        at_all_stores(actor)?;
        Ok(Self::next_part(self, host, actor)?)
    }
}

/// Answers with all parts, as they are read. The first one is read before the answer begins, so that whatever is wrong
/// is answered as a problem.
async fn streamed<P: Parts>(
    app: App,
    caller: Caller,
    action: Action,
    mut parts: P,
    content_type: &'static str,
    file_name: &str,
) -> Result<Response, Problem> {
    let (merchant, first, parts) = app
        .serve(caller.clone(), action, move |host, actor| {
            let first = parts.next_part(host, actor)?;
            // Nothing is told of which it is not written down who asked for it.
            host.act(actor, |tx, act| parts.record(tx, act))?;
            Ok::<_, Problem>((actor.merchant, first, parts))
        })
        .await?;
    let place = app.streams().open(merchant)?;
    let ((sender, receiver), is_whole) = (mpsc::channel::<Bytes>(1), Arc::new(AtomicBool::new(false)));
    let feed =
        Feed { app, caller, action, sender, parts: Arc::new(Mutex::new(parts)), is_whole: Arc::clone(&is_whole) };
    tokio::spawn(feed.run(place, first));
    let body = Body::from_stream(unfold(Some(receiver), move |receiver| {
        let is_whole = Arc::clone(&is_whole);
        async move {
            let mut receiver = receiver?;
            match receiver.recv().await {
                Some(bytes) => Some((Ok(bytes), Some(receiver))),
                None if is_whole.load(Ordering::Acquire) => None,
                // Whoever is not told all is not told that it has ended, either.
                None => Some((Err(io::Error::other("the export was cut short")), None)),
            }
        }
    }));
    let mut response = body.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    // Names of files are kinds and ids.
    if let Ok(named) = HeaderValue::from_str(&format!("attachment; filename=\"{file_name}\"")) {
        response.headers_mut().insert(CONTENT_DISPOSITION, named);
    }
    Ok(response)
}

/// One answer that is being told.
struct Feed<P> {
    app: App,
    caller: Caller,
    action: Action,
    sender: Sender<Bytes>,
    parts: Arc<Mutex<P>>,
    is_whole: Arc<AtomicBool>,
}

impl<P: Parts> Feed<P> {
    /// Until all is told, the host ends, or the reader goes, or sleeps.
    async fn run(self, mut place: StreamPlace, first: Option<Vec<u8>>) {
        tokio::select! {
            () = place.closing() => {}
            () = self.sender.closed() => {}
            () = self.tell(first) => {}
        }
    }

    async fn tell(&self, mut part: Option<Vec<u8>>) {
        while let Some(bytes) = part {
            if !matches!(timeout(PATIENCE, self.sender.send(bytes.into())).await, Ok(Ok(()))) {
                return;
            }
            // Every page is asked for with the key again: one that does not count any more ends the export.
            part = loop {
                let parts = Arc::clone(&self.parts);
                let work = move |host: &Host, actor: &Actor| parts.lock().next_part(host, actor);
                match self.app.serve_further(self.caller.clone(), self.action, work).await {
                    Ok(part) => break part,
                    Err(problem) if problem.passes() => tokio::time::sleep(PAUSE).await,
                    Err(_) => return,
                }
            };
        }
        self.is_whole.store(true, Ordering::Release);
    }
}
