//! `PUT /v1/packs/{pack}/enablement`

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::parked_calls::FailureOut;
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
    /// What is different in single stores, by their ids: JSON merge patches of the settings (RFC 7396).
    #[schema(value_type = Object)]
    #[serde(default)]
    store_settings: BTreeMap<StoreId, Value>,
    /// From where on the pack follows what happens: `now`, `beginning`, or an instant, RFC 3339. Without it the pack goes on
    /// where it was, and one that follows for the first time, or is granted `events:read` again, begins now.
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
    /// What is different in single stores, by their ids: JSON merge patches of the settings.
    #[schema(value_type = Object)]
    store_settings: BTreeMap<String, Value>,
    /// Since when, RFC 3339.
    changed_at: String,
    /// `in-force`; or `migrating`, `restoring`, `removing`: the pack is not called meanwhile.
    stage: String,
    #[schema(inline)]
    before: Option<BeforeOut>,
    /// Why the last upgrade is tried again, or was given up; told only where the enablement is read.
    #[schema(inline)]
    pub(super) failure: Option<FailureOut>,
}

/// What was in force before the last change of revisions, and can be had back.
#[derive(Serialize, ToSchema)]
pub(super) struct BeforeOut {
    revision: String,
    version: String,
    /// When it was changed, RFC 3339.
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
    let EnablementIn { revision, stores, grants, settings, store_settings, follow_from } = sent.body;
    let follow_from = follow_from.map(|from| from.parse::<FollowFrom>()).transpose()?;
    let wanted = usecase::EnablePack { pack, revision, stores, grants, settings, store_settings, follow_from };
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
            store_settings: enablement
                .store_settings
                .iter()
                .map(|(store, patch)| (store.to_string(), serde_json::from_str(patch).unwrap_or(Value::Null)))
                .collect(),
            changed_at: enablement.changed_at.to_string(),
            stage: enablement.stage.name().to_owned(),
            before: enablement.before.map(|before| BeforeOut {
                revision: before.revision.to_string(),
                version: before.version.to_string(),
                changed_at: before.changed_at.to_string(),
            }),
            failure: None,
        }
    }
}
