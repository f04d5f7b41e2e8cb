//! Somebody looks at one of a pack's pages.

use serde_json::Value;

use super::Act;
use super::health::CallKind;
use super::host::has_store;
use super::run_command::CommandError;
use crate::domain::{Code, StoreId};
use crate::pack::CallError;
use crate::store::Tx;

/// What somebody wants to see.
#[derive(Clone, Debug)]
pub struct RenderPage {
    /// The pack.
    pub pack: Code,
    /// Its page.
    pub page: Code,
    /// In which store, if it matters.
    pub store: Option<StoreId>,
    /// What is asked of it.
    pub query: Value,
}

/// A page as data, in the form of the contract. Nothing is written.
///
/// # Errors
/// The first refusal in the order of [`CommandError`]'s variants.
pub fn render_page(tx: &mut Tx, act: &mut Act<'_>, wanted: &RenderPage) -> Result<Value, CommandError> {
    let merchant = act.merchant(tx)?;
    if let Some(store) = wanted.store
        && !has_store(tx, merchant.id, store)?
    {
        return Err(CommandError::UnknownStore(store));
    }
    let active = act.programme.enabled(tx, merchant.id, &wanted.pack, wanted.store)?;
    let active = active.ok_or_else(|| CommandError::NotEnabled(wanted.pack.clone()))?;
    let pack = active
        .loaded
        .as_ref()
        .map_err(|error| CommandError::NotLoadable { pack: wanted.pack.clone(), reason: error.to_string() })?;
    match pack.check_query(&wanted.page, &wanted.query) {
        None => return Err(CommandError::UnknownPage { pack: wanted.pack.clone(), page: wanted.page.clone() }),
        Some(Err(faults)) => return Err(CommandError::Input(faults)),
        Some(Ok(())) => {}
    }
    let scene = active.scene(act, &merchant, &merchant.time_zone.zone(), wanted.store, act.now);
    let query = wanted.query.to_string();
    act.call_for_show(tx, &active, CallKind::Page, |tx| pack.render(tx, &scene, &wanted.page, &query)).map_err(
        |error| match error {
            CallError::Store(error) => CommandError::Store(error),
            other => CommandError::Call(other),
        },
    )
}
