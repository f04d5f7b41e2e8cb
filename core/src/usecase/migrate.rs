//! What an older version of the host has written is brought up to this one, before anything else uses it.
//!
//! A record whose shape has changed is read in its old shape for ever (`Record::from_older`), and needs no migration. What
//! is new beside the records (an index, a counter, a chain) has to be made of them once: that is a [`Migration`]. It goes
//! in steps, each in one transaction with the note of how far it has come, so that it goes on where a crash stopped it.

use serde::{Deserialize, Serialize};

use super::{api_key, bought_of, known, visits};
use crate::ledger;
use crate::pack::storage;
use crate::store::{Direction, Key, Record, Store, StoreError, Tx, layout};

/// In which version the store is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Schema {
    version: u32,
    /// How far the migration to the next version has come.
    under_way: Option<Key>,
}

impl Record for Schema {
    const VERSION: u8 = 1;
    const NAME: &'static str = "schema version";
}

/// The way from one version to the next.
struct Migration {
    /// What it does, for the log.
    name: &'static str,
    /// Does a bounded part of it, from where the last part has ended, and says where this one has; `None` at the end.
    step: Step,
}

type Step = fn(&mut Tx, Option<&[u8]>) -> Result<Option<Key>, StoreError>;

/// The migrations from version 1, in order. None is ever removed or changed.
const MIGRATIONS: [Migration; 8] = [
    Migration { name: "logs are hash-chained", step: |tx, after| tx.seal_next_log(after) },
    Migration { name: "ledgers are indexed by time, counted by month, and logged", step: ledger::bring_up },
    Migration { name: "members are listed by tag and store", step: known::list_next_members },
    Migration { name: "API keys are listed", step: api_key::list_next_keys },
    Migration { name: "what members bought is added up", step: visits::add_up_next },
    Migration { name: "what members bought is added up by category and brand", step: bought_of::add_up_next },
    Migration { name: "what members bought is beside when they did", step: bought_of::move_next },
    Migration { name: "what packs have stored is added up", step: storage::add_up_next },
];

/// The version of stores that this version of the host writes.
const NEWEST: u32 = 9;

/// Why a store can not be used.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A later version of the host has written it.
    #[error(
        "the data is in version {found}, this host knows up to {NEWEST}: use the version of punchcard that wrote it"
    )]
    Newer {
        /// The data's version.
        found: u32,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Brings a store up to this version of the host. Returns the versions before and after.
///
/// # Errors
/// When the store is newer than this host, or fails.
pub fn migrate(store: &Store) -> Result<(u32, u32), MigrateError> {
    let before = store.read(find)?.map_or(NEWEST, |schema| schema.version);
    if before > NEWEST {
        return Err(MigrateError::Newer { found: before });
    }
    let mut told = before;
    while let Some(next) = store.write(step)? {
        if next > told {
            let name = MIGRATIONS[usize::try_from(told).unwrap_or(1) - 1].name;
            tracing::info!(from = told, to = next, name, "migrated the data");
            told = next;
        }
    }
    Ok((before, told))
}

/// Marks a store that holds nothing yet as one of this version.
///
/// # Errors
/// The store's failures.
pub(super) fn mark_new(tx: &mut Tx) -> Result<(), StoreError> {
    if find(tx)?.is_none() {
        tx.save(&layout::schema(), &Schema { version: NEWEST, under_way: None })?;
    }
    Ok(())
}

/// The version of the store; `None` when it holds nothing. Stores of version 1 did not say so.
fn find(tx: &mut Tx) -> Result<Option<Schema>, StoreError> {
    if let Some(schema) = tx.load(&layout::schema())? {
        return Ok(Some(schema));
    }
    let is_empty = tx.scan(&layout::merchants(), Direction::Forward, 1)?.is_empty();
    Ok((!is_empty).then_some(Schema { version: 1, under_way: None }))
}

/// Goes one step on. `None` when there is nothing more to do, else the version that was reached.
fn step(tx: &mut Tx) -> Result<Option<u32>, StoreError> {
    let Some(schema) = find(tx)? else { return Ok(None) };
    let Some(migration) = MIGRATIONS.get(usize::try_from(schema.version).unwrap_or(usize::MAX).saturating_sub(1))
    else {
        return Ok(None);
    };
    let under_way = (migration.step)(tx, schema.under_way.as_deref())?;
    let version = if under_way.is_some() { schema.version } else { schema.version + 1 };
    tx.save(&layout::schema(), &Schema { version, under_way })?;
    Ok(Some(version))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Code, MerchantId};

    #[test]
    fn there_is_a_migration_to_each_version() {
        assert_eq!(MIGRATIONS.len() + 1, NEWEST as usize);
    }

    #[test]
    fn a_store_that_holds_nothing_needs_no_migration() {
        let store = Store::in_memory();
        assert_eq!(migrate(&store).expect("migrates"), (NEWEST, NEWEST));
        store.write(mark_new).expect("commits");
        assert_eq!(migrate(&store).expect("migrates"), (NEWEST, NEWEST));
    }

    #[test]
    fn what_packs_had_stored_is_added_up_once() {
        let (store, merchant) = (Store::in_memory(), MerchantId::from_bytes([1; 16]));
        let pack = Code::new("bakery").expect("is a code");
        store
            .write(|tx| {
                tx.put(&layout::pack_entry(merchant, &pack, b"key"), [7; 4])?;
                tx.save(&layout::schema(), &Schema { version: 8, under_way: None })
            })
            .expect("commits");
        for before in [8, NEWEST] {
            assert_eq!(migrate(&store).expect("migrates"), (before, NEWEST));
            assert_eq!(store.read(|tx| storage::stored_bytes(tx, merchant, &pack)).expect("reads"), 7);
        }
    }

    #[test]
    fn a_store_of_a_later_host_is_refused() {
        let store = Store::in_memory();
        let later = Schema { version: NEWEST + 1, under_way: None };
        store.write(|tx| tx.save(&layout::schema(), &later)).expect("commits");
        let refused = migrate(&store).expect_err("refused").to_string();
        assert!(
            refused.starts_with(&format!("the data is in version {}, this host knows up to", NEWEST + 1)),
            "{refused}"
        );
    }
}
