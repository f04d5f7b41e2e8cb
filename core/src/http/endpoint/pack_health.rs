//! `GET /v1/packs/{pack}/health` and `GET /v1/packs/{pack}/log`

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Action, Code};
use crate::http::caller::Caller;
use crate::http::path::Path;
use crate::http::{App, Problem};
use crate::usecase::{Fault, KeptLine, PackHealth};

/// How a pack does at this merchant, since the server was started.
#[derive(Serialize, ToSchema)]
pub(super) struct HealthOut {
    /// How often it was called.
    calls: u64,
    /// How many of these calls it refused.
    refused: u64,
    /// How many of these calls did harm: traps, limits, replies outside the contract.
    faults: u64,
    /// Units of fuel that all calls have used, about one for each instruction.
    fuel: u64,
    /// The most that one call has used.
    fuel_most: u64,
    /// Until when it is not called as its calls did harm again and again, RFC 3339; null when it is.
    rests_until: Option<String>,
    #[schema(inline)]
    last_fault: Option<PackFaultOut>,
}

/// A call that did harm.
#[derive(Serialize, ToSchema)]
pub(super) struct PackFaultOut {
    /// When, RFC 3339.
    at: String,
    /// Stable name, such as `out-of-fuel`.
    code: String,
    /// For people.
    message: String,
}

/// What a pack has logged.
#[derive(Serialize, ToSchema)]
pub(super) struct LogOut {
    /// The last 200 lines since the server was started, oldest first.
    lines: Vec<LogLineOut>,
}

/// A line of a pack's log.
#[derive(Serialize, ToSchema)]
pub(super) struct LogLineOut {
    /// When, RFC 3339.
    at: String,
    /// `debug`, `info`, `warn` or `error`.
    level: String,
    /// What the pack says.
    text: String,
}

impl From<PackHealth> for HealthOut {
    fn from(health: PackHealth) -> Self {
        let PackHealth { calls, refused, faults, fuel, fuel_most, last_fault, rests_until } = health;
        let rests_until = rests_until.map(|until| until.to_string());
        Self { calls, refused, faults, fuel, fuel_most, rests_until, last_fault: last_fault.map(Into::into) }
    }
}

impl From<Fault> for PackFaultOut {
    fn from(Fault { at, code, message }: Fault) -> Self {
        Self { at: at.to_string(), code, message }
    }
}

impl From<KeptLine> for LogLineOut {
    fn from(KeptLine { at, line }: KeptLine) -> Self {
        Self { at: at.to_string(), level: line.level.as_str().to_ascii_lowercase(), text: line.text }
    }
}

/// How a pack does at this merchant, since the server was started.
#[utoipa::path(get, path = "/v1/packs/{pack}/health", tag = "packs",
    extensions(("x-needs" = json!("manage-packs"))), params(("pack" = String, Path)),
    responses((status = 200, body = HealthOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_pack_health(
    State(app): State<App>,
    caller: Caller,
    Path(pack): Path<String>,
) -> Result<Json<HealthOut>, Problem> {
    let pack = Code::new(pack).map_err(|error| Problem::wrong_name(&error))?;
    let health = app
        .serve(caller, Action::ManagePacks, move |host, actor| {
            Ok::<_, Problem>(host.programme.health.read(actor.merchant, &pack))
        })
        .await?;
    Ok(Json(health.into()))
}

/// What a pack has logged last at this merchant.
#[utoipa::path(get, path = "/v1/packs/{pack}/log", tag = "packs",
    extensions(("x-needs" = json!("manage-packs"))), params(("pack" = String, Path)),
    responses((status = 200, body = LogOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_pack_log(
    State(app): State<App>,
    caller: Caller,
    Path(pack): Path<String>,
) -> Result<Json<LogOut>, Problem> {
    let pack = Code::new(pack).map_err(|error| Problem::wrong_name(&error))?;
    let lines = app
        .serve(caller, Action::ManagePacks, move |host, actor| {
            Ok::<_, Problem>(host.programme.health.lines(actor.merchant, &pack))
        })
        .await?;
    Ok(Json(LogOut { lines: lines.into_iter().map(Into::into).collect() }))
}
