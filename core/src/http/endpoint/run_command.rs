//! `POST /v1/packs/{pack}/commands/{command}`

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::{Action, Code, StoreId};
use crate::http::caller::{Caller, Once};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem, at_store};
use crate::usecase;

/// What a command is given.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"store": "sto_0198f2a4c1d07e3b9a5c6d7e8f901234", "input": {"member": "mem_0198f2a4c1d07e3b9a5c6d7e8f901234", "points": 5, "reason": "a gift"}}))]
pub(super) struct CommandIn {
    /// In which store, if it matters to the command.
    #[schema(value_type = Option<String>)]
    store: Option<StoreId>,
    /// Input that fulfils the command's schema in the pack's manifest.
    #[schema(value_type = Object)]
    input: Value,
}

/// What a command answers.
#[derive(Serialize, ToSchema)]
pub(super) struct CommandOut {
    #[schema(value_type = Object)]
    result: Value,
}

/// Runs one of a pack's own operations.
#[utoipa::path(post, path = "/v1/packs/{pack}/commands/{command}", tag = "packs",
    extensions(("x-needs" = json!("serve"))), request_body = CommandIn,
    params(("pack" = String, Path), ("command" = String, Path),
        ("Idempotency-Key" = String, Header, description = "A text of your own, new for each new thing.")),
    responses((status = 200, body = CommandOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn run_command(
    State(app): State<App>,
    caller: Caller,
    Path((pack, command)): Path<(String, String)>,
    Once(key): Once,
    sent: Sent<CommandIn>,
) -> Result<Json<CommandOut>, Problem> {
    let name = |text: String| Code::new(text).map_err(|error| Problem::wrong_name(&error));
    let (pack, command) = (name(pack)?, name(command)?);
    let CommandIn { store, input } = sent.body;
    let run = usecase::RunCommand { pack, command, store, input };
    let reply = app
        .serve(caller, Action::Serve, move |host, actor| {
            at_store(actor, run.store)?;
            Ok::<_, Problem>(host.act_once(actor, &key, &sent.content, |tx, act| usecase::run_command(tx, act, &run))?)
        })
        .await?;
    let result = serde_json::from_str(&reply.result).map_err(Problem::internal)?;
    Ok(Json(CommandOut { result }))
}
