//! `POST` and `GET /v1/members/{member}/notes`, `DELETE /v1/members/{member}/notes/{note}`

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::read_member::known_here;
use super::tags_and_tier::Page;
use crate::domain::{Action, MemberId, NoteId, Remark};
use crate::http::caller::{Caller, Once};
use crate::http::cursor::{cursor, page_length, place};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem};
use crate::usecase::{self, Note};

/// What is to be remembered of a member.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "text": "prefers the corner table" }))]
pub(super) struct NoteIn {
    /// A few lines. They are kept sealed.
    #[schema(value_type = String, max_length = 1024, example = "prefers the corner table")]
    text: Remark,
}

/// A note that was written.
#[derive(Serialize, ToSchema)]
pub(super) struct NoteWritten {
    id: String,
}

/// A note.
#[derive(Serialize, ToSchema)]
pub(super) struct NoteOut {
    id: String,
    /// The key of who wrote it; null for the operator.
    by: Option<String>,
    /// When, RFC 3339.
    at: String,
    text: String,
}

impl From<Note> for NoteOut {
    fn from(note: Note) -> Self {
        Self {
            id: note.id.to_string(),
            by: note.by.map(|by| by.to_string()),
            at: note.at.to_string(),
            text: note.text.into(),
        }
    }
}

/// The notes about a member.
#[derive(Serialize, ToSchema)]
pub(super) struct NotesOut {
    /// The newest first.
    notes: Vec<NoteOut>,
    /// The cursor of the next page, when there may be more.
    next: Option<String>,
}

/// Writes a note about a member.
#[utoipa::path(post, path = "/v1/members/{member}/notes", tag = "members",
    extensions(("x-needs" = json!("serve"))), request_body = NoteIn,
    params(("member" = String, Path), ("Idempotency-Key" = String, Header, description = "A text of your own, new for each new note.")),
    responses((status = 201, body = NoteWritten),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn write_note(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<String>,
    Once(key): Once,
    sent: Sent<NoteIn>,
) -> Result<(StatusCode, Json<NoteWritten>), Problem> {
    let id: MemberId = member.parse()?;
    let written = app
        .serve(caller, Action::Serve, move |host, actor| {
            host.act_once(actor, &key, &sent.content, |tx, act| usecase::write_note(tx, act, id, &sent.body.text))
        })
        .await?;
    Ok((StatusCode::CREATED, Json(NoteWritten { id: written.note.to_string() })))
}

/// The notes about a member.
#[utoipa::path(get, path = "/v1/members/{member}/notes", tag = "members",
    extensions(("x-needs" = json!("read-personal"))), params(("member" = String, Path), Page),
    responses((status = 200, body = NotesOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_notes(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<String>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<NotesOut>, Problem> {
    let id: MemberId = member.parse()?;
    let Query(page) = page.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let before = place::<16>(page.cursor.as_deref())?.map(NoteId::from_bytes);
    let limit = page_length(page.limit)?;
    let notes = app
        .serve(caller, Action::ReadPersonal, move |host, actor| {
            host.view(actor, |tx, act| {
                let id = known_here(tx, actor, id)?;
                Ok::<_, Problem>(usecase::list_notes(tx, act, id, before, limit)?)
            })
        })
        .await?;
    let next = (notes.len() == limit).then(|| notes.last().map(|last| cursor(last.id.as_bytes()))).flatten();
    Ok(Json(NotesOut { notes: notes.into_iter().map(Into::into).collect(), next }))
}

/// Removes a note about a member.
#[utoipa::path(delete, path = "/v1/members/{member}/notes/{note}", tag = "members",
    extensions(("x-needs" = json!("serve"))),
    params(("member" = String, Path), ("note" = String, Path)),
    responses((status = 204),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn remove_note(
    State(app): State<App>,
    caller: Caller,
    Path((member, note)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let (id, note): (MemberId, NoteId) = (member.parse()?, note.parse()?);
    app.serve(caller, Action::Serve, move |host, actor| {
        host.act(actor, |tx, act| usecase::remove_note(tx, act, id, note))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
