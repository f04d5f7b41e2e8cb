//! `POST /v1/packs/{pack}/rehearsals`

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Action, Code, RevisionId};
use crate::http::caller::Caller;
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem};
use crate::pack::{FuelSpread, Rehearsed};
use crate::usecase::{RehearsalReport, rehearse_pack};

/// What is to be rehearsed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RehearsalIn {
    /// The id of a revision that was uploaded.
    revision: String,
}

/// What would differ if the revision had been called.
#[derive(Serialize, ToSchema)]
pub(super) struct RehearsalOut {
    /// How many recordings there are.
    recordings: usize,
    /// How many of them were played to their end.
    played: usize,
    /// Whether time ran out before all were played; the newest were.
    partial: bool,
    /// Whether effects or outcomes differ, or nobody knows. Fuel alone is no difference.
    differs: bool,
    /// The calls that differ, the newest first.
    calls: Vec<RehearsedOut>,
    /// Recordings that can not be played.
    skipped: Vec<UnplayedOut>,
    #[schema(inline)]
    fuel: FuelOut,
}

/// A call that would differ.
#[derive(Serialize, ToSchema)]
pub(super) struct RehearsedOut {
    /// The id of the recording.
    recording: String,
    /// Which function of the contract was called.
    export: String,
    /// How it ended and would end, if that is not the same.
    outcome: Option<ChangedOut>,
    /// Effects that it would have no more: host calls that write, and what it returned.
    lost: Vec<String>,
    /// Effects that it did not have.
    gained: Vec<String>,
    /// Whether it would have the same effects in another order.
    reordered: bool,
    /// Where it asks the host for what was not recorded, so that nobody knows what would come of it.
    diverged: Option<DivergedOut>,
    /// Units of fuel that it used.
    fuel_old: u64,
    /// Units of fuel that it would use.
    fuel_new: u64,
}

/// `ok` or the stable name of a failure, before and with the revision.
#[derive(Serialize, ToSchema)]
pub(super) struct ChangedOut {
    old: String,
    new: String,
}

/// A host call that was not recorded.
#[derive(Serialize, ToSchema)]
pub(super) struct DivergedOut {
    /// The how manyeth host call of the call it is, from 1.
    number: usize,
    /// What it asks for.
    asked: String,
}

/// A recording that can not be played.
#[derive(Serialize, ToSchema)]
pub(super) struct UnplayedOut {
    /// Its id.
    recording: String,
    /// For people.
    why: String,
}

/// How fuel is spread over the calls that were played to their end, before and with the revision.
#[derive(Serialize, ToSchema)]
pub(super) struct FuelOut {
    #[schema(inline)]
    old: FuelSpreadOut,
    #[schema(inline)]
    new: FuelSpreadOut,
}

/// Units of fuel.
#[derive(Serialize, ToSchema)]
pub(super) struct FuelSpreadOut {
    /// Half of the calls use no more.
    median: u64,
    /// 99 of 100 calls use no more.
    p99: u64,
    /// The most that one call uses.
    worst: u64,
}

impl From<FuelSpread> for FuelSpreadOut {
    fn from(FuelSpread { median, p99, worst }: FuelSpread) -> Self {
        Self { median, p99, worst }
    }
}

impl From<Rehearsed> for RehearsedOut {
    fn from(call: Rehearsed) -> Self {
        let Rehearsed { recording, export, differences, diverged, fuel: (fuel_old, fuel_new) } = call;
        Self {
            recording,
            export,
            outcome: differences.outcome.map(|(old, new)| ChangedOut { old, new }),
            lost: differences.lost,
            gained: differences.gained,
            reordered: differences.is_reordered,
            diverged: diverged.map(|diverged| DivergedOut { number: diverged.number, asked: diverged.asked }),
            fuel_old,
            fuel_new,
        }
    }
}

impl From<RehearsalReport> for RehearsalOut {
    fn from(report: RehearsalReport) -> Self {
        let RehearsalReport { rehearsal, recordings, is_partial } = report;
        let (old, new) = rehearsal.fuel();
        let skipped = rehearsal.skipped.iter().cloned();
        Self {
            recordings,
            played: rehearsal.played,
            partial: is_partial,
            differs: rehearsal.differs(),
            skipped: skipped.map(|(recording, why)| UnplayedOut { recording, why }).collect(),
            calls: rehearsal.calls.into_iter().map(Into::into).collect(),
            fuel: FuelOut { old: old.into(), new: new.into() },
        }
    }
}

/// Makes the recorded calls of a pack again with a revision that was uploaded, and tells what would differ: effects,
/// outcomes, fuel. Nothing is changed by that. It takes ten seconds at most, and one is under way at a time.
#[utoipa::path(post, path = "/v1/packs/{pack}/rehearsals", tag = "packs",
    extensions(("x-needs" = json!("manage-packs"))), request_body = RehearsalIn,
    params(("pack" = String, Path)),
    responses((status = 200, body = RehearsalOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn rehearse(
    State(app): State<App>,
    caller: Caller,
    Path(pack): Path<String>,
    sent: Sent<RehearsalIn>,
) -> Result<Json<RehearsalOut>, Problem> {
    let pack = Code::new(pack).map_err(|error| Problem::wrong_name(&error))?;
    let revision: RevisionId = sent.body.revision.parse()?;
    let report =
        app.serve(caller, Action::ManagePacks, move |host, actor| rehearse_pack(host, actor, &pack, revision)).await?;
    Ok(Json(report.into()))
}
