//! `GET /v1/openapi.json`

use std::sync::LazyLock;

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use crate::domain::Action;
use crate::http::caller::Caller;
use crate::http::pack_commands::with_commands;
use crate::http::{App, Problem, openapi};
use crate::usecase;

/// The description of the interface, which is the same for all merchants.
static DESCRIBED: LazyLock<Value> = LazyLock::new(|| serde_json::to_value(openapi()).unwrap_or_default());

/// The description of the interface as the merchant has it: what `/openapi.json` says, and each command of the packs that
/// are enabled in one's stores, as a route of its own with the schema of its input.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "packs", extensions(("x-needs" = json!("read"))),
    responses((status = 200, body = Object, description = "An OpenAPI 3.1 document."),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_openapi(State(app): State<App>, caller: Caller) -> Result<Json<Value>, Problem> {
    let described = app
        .serve(caller, Action::Read, move |host, actor| {
            let (commands, locale) = host.view(actor, |tx, act| {
                let commands = usecase::list_offered_commands(tx, act, &actor.stores)?;
                Ok::<_, Problem>((commands, act.merchant(tx)?.locale))
            })?;
            Ok::<_, Problem>(with_commands(&DESCRIBED, &commands, locale.as_str()))
        })
        .await?;
    Ok(Json(described))
}
