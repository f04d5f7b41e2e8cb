//! Somebody runs one of a pack's own operations.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::health::CallKind;
use super::host::has_store;
use super::{Act, Reply};
use crate::domain::{Code, Event, MerchantId, StoreId};
use crate::pack::CallError;
use crate::store::{Key, Record, StoreError, Tx};

/// What is to be run.
#[derive(Clone, Debug)]
pub struct RunCommand {
    /// The pack.
    pub pack: Code,
    /// Its command.
    pub command: Code,
    /// In which store, if it matters.
    pub store: Option<StoreId>,
    /// The input.
    pub input: Value,
}

/// What a command answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandReply {
    /// JSON.
    pub result: String,
}

impl Record for CommandReply {
    const VERSION: u8 = 1;
    const NAME: &'static str = "reply of a command";
}

impl Reply for CommandReply {
    fn about(&self, _: MerchantId) -> Option<Key> {
        None
    }

    /// A pack may know how members are reached, and say so.
    fn is_personal(&self) -> bool {
        true
    }
}

/// Why a command does nothing, or a page shows nothing.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// Not a store of the merchant.
    #[error("there is no store {0}")]
    UnknownStore(StoreId),
    /// The pack is not enabled for the merchant, or not in this store.
    #[error("the pack `{0}` is not enabled here")]
    NotEnabled(Code),
    /// The enabled revision can not be used.
    #[error("the pack `{pack}` can not be used: {reason}")]
    NotLoadable {
        /// The pack.
        pack: Code,
        /// Why.
        reason: String,
    },
    /// The pack has no such command.
    #[error("the pack `{pack}` has no command `{command}`")]
    UnknownCommand {
        /// The pack.
        pack: Code,
        /// The command.
        command: Code,
    },
    /// The pack has no such page.
    #[error("the pack `{pack}` has no page `{page}`")]
    UnknownPage {
        /// The pack.
        pack: Code,
        /// The page.
        page: Code,
    },
    /// The input does not fulfil the schema of the command or page.
    #[error("the input does not fulfil its schema: {}", .0.join("; "))]
    Input(Vec<String>),
    /// The pack refused or failed.
    #[error(transparent)]
    Call(CallError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Runs a command; what the pack writes is kept only if it returns well.
///
/// # Errors
/// The first refusal in the order of [`CommandError`]'s variants.
pub fn run_command(tx: &mut Tx, act: &mut Act<'_>, run: &RunCommand) -> Result<CommandReply, CommandError> {
    let merchant = act.merchant(tx)?;
    if let Some(store) = run.store
        && !has_store(tx, merchant.id, store)?
    {
        return Err(CommandError::UnknownStore(store));
    }
    let active = act.programme.enabled(tx, merchant.id, &run.pack, run.store)?;
    let active = active.ok_or_else(|| CommandError::NotEnabled(run.pack.clone()))?;
    let pack = active
        .loaded
        .as_ref()
        .map_err(|error| CommandError::NotLoadable { pack: run.pack.clone(), reason: error.to_string() })?;
    match pack.check_input(&run.command, &run.input) {
        None => {
            return Err(CommandError::UnknownCommand { pack: run.pack.clone(), command: run.command.clone() });
        }
        Some(Err(faults)) => return Err(CommandError::Input(faults)),
        Some(Ok(())) => {}
    }
    let zone = merchant.time_zone.zone();
    let scene = active.scene(act, &merchant, &zone, run.store, act.now);
    let input = run.input.to_string();
    let result = act.call(tx, &active, CallKind::Command, |tx| pack.run_command(tx, &scene, &run.command, &input));
    let result = result.map_err(|error| match error {
        CallError::Store(error) => CommandError::Store(error),
        other => CommandError::Call(other),
    })?;
    if let Some(actor) = &act.actor {
        let event =
            Event::CommandRun { pack: run.pack.clone(), command: run.command.clone(), by: actor.staff, at: act.now };
        act.tell(tx, &event)?;
    }
    Ok(CommandReply { result })
}
