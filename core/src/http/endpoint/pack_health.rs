//! `GET /v1/packs/{pack}/health` and `GET /v1/packs/{pack}/log`

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::{Action, Code};
use crate::http::caller::Caller;
use crate::http::path::Path;
use crate::http::{App, Problem};
use crate::pack::storage;
use crate::usecase::{Fault, KeptLine, PackHealth};

/// How a pack does at this merchant, since the server was started, and how much it has stored.
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
    /// How long all calls took by the wall clock, in microseconds.
    time_us: u64,
    /// The longest of them, in microseconds.
    time_us_most: u64,
    /// How many bytes it has stored now, keys and values together.
    storage_bytes: u64,
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

/// Which lines are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LogQuery {
    /// The number of a line: only what comes after it, or all lines when the server was started anew since.
    after: Option<u64>,
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
    /// 1 for the first line since the server was started.
    number: u64,
    /// When, RFC 3339.
    at: String,
    /// `debug`, `info`, `warn` or `error`.
    level: String,
    /// What the pack says.
    text: String,
}

impl HealthOut {
    fn of(health: PackHealth, storage_bytes: u64) -> Self {
        let PackHealth { calls, refused, faults, fuel, fuel_most, time, time_most, last_fault, rests_until } = health;
        Self {
            calls,
            refused,
            faults,
            fuel,
            fuel_most,
            time_us: micros(time),
            time_us_most: micros(time_most),
            storage_bytes,
            rests_until: rests_until.map(|until| until.to_string()),
            last_fault: last_fault.map(Into::into),
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl From<Fault> for PackFaultOut {
    fn from(Fault { at, code, message }: Fault) -> Self {
        Self { at: at.to_string(), code, message }
    }
}

impl From<KeptLine> for LogLineOut {
    fn from(KeptLine { number, at, line }: KeptLine) -> Self {
        Self { number, at: at.to_string(), level: line.level.as_str().to_ascii_lowercase(), text: line.text }
    }
}

/// How a pack does at this merchant, since the server was started, and how much it has stored.
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
            let storage_bytes = host.look(|tx| storage::stored_bytes(tx, actor.merchant, &pack))?;
            Ok::<_, Problem>(HealthOut::of(host.programme.health.read(actor.merchant, &pack), storage_bytes))
        })
        .await?;
    Ok(Json(health))
}

/// What a pack has logged last at this merchant.
#[utoipa::path(get, path = "/v1/packs/{pack}/log", tag = "packs",
    extensions(("x-needs" = json!("manage-packs"))), params(("pack" = String, Path), LogQuery),
    responses((status = 200, body = LogOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_pack_log(
    State(app): State<App>,
    caller: Caller,
    Path(pack): Path<String>,
    query: Result<Query<LogQuery>, QueryRejection>,
) -> Result<Json<LogOut>, Problem> {
    let pack = Code::new(pack).map_err(|error| Problem::wrong_name(&error))?;
    let Query(LogQuery { after }) = query.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let lines = app
        .serve(caller, Action::ManagePacks, move |host, actor| {
            Ok::<_, Problem>(host.programme.health.lines(actor.merchant, &pack, after.unwrap_or(0)))
        })
        .await?;
    Ok(Json(LogOut { lines: lines.into_iter().map(Into::into).collect() }))
}
