//! `PUT /v1/packs/{pack}/enablement`

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::{Action, Code, RevisionId, StoreId};
use crate::http::caller::Caller;
use crate::http::etag::{IfExpected, Versioned, change};
use crate::http::path::Path;
use crate::http::sent::Sent;
use crate::http::{App, Problem};
use crate::pack::Grant;
use crate::store::{Tx, layout};
use crate::usecase::pack_calls::FollowFrom;
use crate::usecase::{self, Act, Enablement, Thing};

/// What is to be in force.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"revision": "rev_0198f2a4c1d07e3b9a5c6d7e8f901234", "stores": ["sto_0198f2a4c1d07e3b9a5c6d7e8f901234"], "grants": ["members:read", "assets:read", "assets:write:own-units"],
    "settings": {"points": 1, "per_amount": 100}}))]
pub(super) struct EnablementIn {
    #[schema(value_type = String)]
    revision: RevisionId,
    /// In which stores; none switches the pack off.
    #[schema(value_type = Vec<String>)]
    stores: BTreeSet<StoreId>,
    /// What the merchant allows, of what the manifest asks for.
    #[schema(value_type = Vec<String>, example = json!(["members:read", "assets:write:own-units"]))]
    #[serde(default)]
    grants: BTreeSet<Grant>,
    /// Settings that fulfil the manifest's schema.
    #[schema(value_type = Object)]
    #[serde(default = "no_settings")]
    settings: Value,
    /// From where on the pack follows what happens: `now`, `beginning`, or an instant, RFC 3339. Without it the pack goes on
    /// where it was, and one that follows for the first time begins now.
    #[schema(example = "now")]
    follow_from: Option<String>,
}

fn no_settings() -> Value {
    Value::Object(serde_json::Map::new())
}

/// What is in force.
#[derive(Serialize, ToSchema)]
pub(super) struct EnablementOut {
    pack: String,
    revision: String,
    stores: Vec<String>,
    grants: Vec<String>,
    #[schema(value_type = Object)]
    settings: Value,
    /// Since when, RFC 3339.
    changed_at: String,
}

/// Switches a pack on for chosen stores, changes its settings and grants, or switches it off.
#[utoipa::path(put, path = "/v1/packs/{pack}/enablement", tag = "packs",
    extensions(("x-needs" = json!("manage-packs"))), request_body = EnablementIn,
    params(("pack" = String, Path),
        ("If-Match" = Option<String>, Header, description = "Its `version`, as it was read: nothing is changed if somebody else has changed it since.")),
    responses((status = 200, body = EnablementOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn enable_pack(
    State(app): State<App>,
    caller: Caller,
    Path(pack): Path<String>,
    IfExpected(expected): IfExpected,
    sent: Sent<EnablementIn>,
) -> Result<Versioned<Json<EnablementOut>>, Problem> {
    let pack = Code::new(pack).map_err(|error| Problem::wrong_name(&error))?;
    let EnablementIn { revision, stores, grants, settings, follow_from } = sent.body;
    let follow_from = follow_from.map(|from| from.parse::<FollowFrom>()).transpose()?;
    let wanted = usecase::EnablePack { pack, revision, stores, grants, settings, follow_from };
    app.serve(caller, Action::ManagePacks, move |host, actor| {
        let enable = |tx: &mut Tx, act: &mut Act<'_>| usecase::enable_pack(tx, act, &wanted);
        let (enablement, version) = change(host, actor, &Thing::Enablement(wanted.pack.clone()), expected, enable)?;
        // What it is to be called with may wait already.
        host.store.call(&layout::events(actor.merchant));
        Ok::<_, Problem>(Versioned(version, Json(enablement.into())))
    })
    .await
}

impl From<Enablement> for EnablementOut {
    fn from(enablement: Enablement) -> Self {
        Self {
            pack: enablement.pack.into(),
            revision: enablement.revision.to_string(),
            stores: enablement.stores.iter().map(ToString::to_string).collect(),
            grants: enablement.grants.iter().map(ToString::to_string).collect(),
            settings: serde_json::from_str(&enablement.settings).unwrap_or(Value::Null),
            changed_at: enablement.changed_at.to_string(),
        }
    }
}
