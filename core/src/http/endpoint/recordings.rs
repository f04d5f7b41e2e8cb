//! `GET /v1/packs/{pack}/recordings` and `GET /v1/packs/{pack}/recordings/{recording}`

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName};
use serde::Serialize;
use utoipa::ToSchema;

use super::tags_and_tier::Page;
use crate::domain::{Action, Code, RecordingId};
use crate::http::caller::Caller;
use crate::http::cursor::{cursor, page_length, place};
use crate::http::path::Path;
use crate::http::{App, Problem};
use crate::usecase::{RecordingSummary, list_recordings, read_recording};

/// Calls of a pack that were recorded.
#[derive(Serialize, ToSchema)]
pub(super) struct RecordingsOut {
    /// The newest first.
    recordings: Vec<RecordingOut>,
    /// The cursor of the next page, when there may be more.
    next: Option<String>,
}

/// A call of a pack that was recorded.
#[derive(Serialize, ToSchema)]
pub(super) struct RecordingOut {
    /// Its id.
    recording: String,
    /// When the call was made, RFC 3339.
    at: String,
    /// Which function of the contract was called, such as `checkout.settled`.
    export: String,
    /// The id of the revision that was called.
    revision: String,
    /// `ok`, or the stable name of the failure: the pack's own, or the host's, such as `out-of-fuel`.
    outcome: String,
    /// Whether it went wrong. What a pack refuses by its rules did not.
    failed: bool,
    /// Units of fuel that it used, about one for each instruction.
    fuel: u64,
    /// How often it called the host.
    host_calls: u64,
    /// Whether it was too long to be recorded whole: then it can not be replayed.
    cut: bool,
}

/// The bytes of a recording.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub(super) struct RecordingFile(#[expect(dead_code, reason = "it is there for the description")] Vec<u8>);

impl From<RecordingSummary> for RecordingOut {
    fn from(summary: RecordingSummary) -> Self {
        Self {
            recording: summary.id.to_string(),
            at: summary.at.to_string(),
            export: summary.export,
            revision: summary.revision.to_string(),
            outcome: summary.code.unwrap_or_else(|| "ok".to_owned()),
            failed: summary.has_failed,
            fuel: summary.fuel,
            host_calls: summary.host_calls,
            cut: summary.is_cut,
        }
    }
}

/// The calls of a pack at this merchant that were recorded: those that failed, and of the others the last ones.
#[utoipa::path(get, path = "/v1/packs/{pack}/recordings", tag = "packs",
    extensions(("x-needs" = json!("manage-packs"))), params(("pack" = String, Path), Page),
    responses((status = 200, body = RecordingsOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_pack_recordings(
    State(app): State<App>,
    caller: Caller,
    Path(pack): Path<String>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<RecordingsOut>, Problem> {
    let pack = Code::new(pack).map_err(|error| Problem::wrong_name(&error))?;
    let Query(page) = page.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let before = place::<16>(page.cursor.as_deref())?.map(RecordingId::from_bytes);
    let limit = page_length(page.limit)?;
    let page = app
        .serve(caller, Action::ManagePacks, move |host, actor| {
            let listed = list_recordings(&host.recordings, actor.merchant, &pack, before, limit);
            let last = listed.last().filter(|_| listed.len() == limit);
            let next = last.map(|last| cursor(last.id.as_bytes()));
            Ok::<_, Problem>(RecordingsOut { recordings: listed.into_iter().map(Into::into).collect(), next })
        })
        .await?;
    Ok(Json(page))
}

/// A recorded call whole, as a file for `punchcard pack replay` and `punchcard pack rehearse`. What is in it may be personal:
/// who takes it out is in the audit log.
#[utoipa::path(get, path = "/v1/packs/{pack}/recordings/{recording}", tag = "packs",
    extensions(("x-needs" = json!("manage-packs"))),
    params(("pack" = String, Path), ("recording" = String, Path)),
    responses((status = 200, body = RecordingFile, content_type = "application/octet-stream"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_pack_recording(
    State(app): State<App>,
    caller: Caller,
    Path((pack, recording)): Path<(String, String)>,
) -> Result<([(HeaderName, String); 2], Vec<u8>), Problem> {
    let pack = Code::new(pack).map_err(|error| Problem::wrong_name(&error))?;
    let id: RecordingId = recording.parse()?;
    let file = app
        .serve(caller, Action::ManagePacks, move |host, actor| {
            host.act(actor, |tx, act| read_recording(tx, act, &pack, id)).map(|recording| recording.to_file())
        })
        .await?;
    let named = format!("attachment; filename=\"{id}.recording\"");
    Ok(([(CONTENT_TYPE, "application/octet-stream".to_owned()), (CONTENT_DISPOSITION, named)], file))
}
