//! The commands that a merchant's packs offer.

use super::Act;
use crate::domain::{Code, StoreScope};
use crate::pack::Command;
use crate::store::{StoreError, Tx};

/// A command that can be run.
#[derive(Clone, Debug)]
pub struct OfferedCommand {
    /// The pack.
    pub pack: Code,
    /// What its manifest says of it.
    pub command: Command,
}

/// The commands of all packs that are enabled in one of these stores at least, in the order of packs and manifests.
///
/// # Errors
/// The store's failures.
pub fn list_offered_commands(
    tx: &mut Tx,
    act: &Act<'_>,
    stores: &StoreScope,
) -> Result<Vec<OfferedCommand>, StoreError> {
    let active = act.programme.active(tx, act.merchant)?;
    let there = active.iter().filter(|active| active.stores.iter().any(|store| stores.has(*store)));
    let commands = there.filter_map(|active| active.loaded.as_ref().ok()).flat_map(|pack| {
        let id = pack.manifest.id.clone();
        pack.manifest.commands.iter().map(move |command| OfferedCommand { pack: id.clone(), command: command.clone() })
    });
    Ok(commands.collect())
}
