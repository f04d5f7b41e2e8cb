//! Opening a data directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::Failure;
use crate::clock::{Clock, Entropy};
use crate::describe::describe;
use crate::domain::{Merchant, MerchantId, StoreId};
use crate::pack::{Limits, Packs};
use crate::store::{DurableEngine, DurableOptions, FORMAT_FILE, Store};
use crate::usecase::{
    Host, RecordingTerms, Recordings, has_secrets, list_merchants, list_stores, migrate, renew_secrets,
};
use crate::vault::{KEY_FILE, Vault, create_key_file, read_key_file};

/// The data directory of a command that works on one that is there already.
#[derive(Args)]
pub(super) struct Existing {
    /// The data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

impl Existing {
    /// The directory, if it is one.
    pub(super) fn dir(&self) -> Result<&Path, Failure> {
        if self.data.join(FORMAT_FILE).is_file() {
            return Ok(&self.data);
        }
        let dir = self.data.display();
        Err(format!("{dir} is not a data directory; `punchcard merchant create --data DIR …` makes one"))
    }
}

/// The store in a data directory, which is made if it is new, and brought up to this version if it is older.
pub(super) fn open(dir: &Path) -> Result<Store, Failure> {
    Ok(Store::new(open_engine(dir, &DurableOptions::default())?))
}

/// The same, tuned.
pub(super) fn open_tuned(dir: &Path, options: &DurableOptions) -> Result<Store, Failure> {
    Ok(Store::new(open_engine(dir, options)?))
}

/// The store in a data directory that has to be there already.
pub(super) fn open_existing(dir: &Path) -> Result<Store, Failure> {
    open(Existing { data: dir.to_owned() }.dir()?)
}

/// The store in a data directory, with the engine under it.
pub(super) fn open_engine(dir: &Path, options: &DurableOptions) -> Result<Arc<DurableEngine>, Failure> {
    let unusable =
        |error: &dyn std::fmt::Display| format!("the data directory {} can not be opened: {error}", dir.display());
    let engine = Arc::new(DurableEngine::open(dir, options).map_err(|error| unusable(&error))?);
    migrate(&Store::new(Arc::clone(&engine) as _)).map_err(|error| unusable(&error))?;
    Ok(engine)
}

/// Where the master keys are.
#[derive(Args, Clone, Default)]
pub(super) struct Keys {
    /// The file with the master keys, which open what is personal; `master.key` in the data directory if it is not
    /// said. It is made with a new key when there is nothing yet that an older one has sealed
    #[arg(long, value_name = "FILE", env = "PUNCHCARD_KEY_FILE")]
    key_file: Option<PathBuf>,
}

impl Keys {
    /// Those in a file, or in the one of the data directory.
    pub(super) fn in_file(file: Option<&Path>) -> Self {
        Self { key_file: file.map(Path::to_owned) }
    }

    /// The file for a data directory.
    pub(super) fn file(&self, dir: &Path) -> PathBuf {
        self.key_file.clone().unwrap_or_else(|| dir.join(KEY_FILE))
    }

    /// The keys for a data directory with this store in it. They have to open every merchant's secret.
    pub(super) fn vault(&self, dir: &Path, store: &Store) -> Result<Vault, Failure> {
        let file = self.file(dir);
        let vault = match read_key_file(&file).map_err(|error| describe(&error))? {
            Some(vault) => vault,
            None if store.read(has_secrets).map_err(|error| describe(&error))? => {
                return Err(format!(
                    "there is no key file {}, but personal data in {} that a master key has sealed: bring the file back \
                     from its own backup, or name it with --key-file",
                    file.display(),
                    dir.display()
                ));
            }
            None => create_key_file(&file, &Entropy::System).map_err(|error| describe(&error))?,
        };
        store.write(|tx| renew_secrets(tx, &vault, &Entropy::System)).map_err(|error| describe(&error))?;
        Ok(vault)
    }
}

/// Where compiled packs are kept in a data directory: not a part of its snapshots, and made again when it is gone.
const COMPILED_DIR: &str = "compiled";

/// Where recordings of packs' calls are kept in a data directory: sealed, and not a part of its snapshots.
const RECORDINGS_DIR: &str = "recordings";

/// The recordings of a data directory.
pub(super) fn recordings(dir: &Path, terms: RecordingTerms) -> Recordings {
    Recordings::in_dir(terms, dir.join(RECORDINGS_DIR))
}

/// A host on the store in a data directory.
pub(super) fn host(dir: &Path, store: Store, keys: &Keys, clock: Clock) -> Result<Host, Failure> {
    capped_host(dir, store, keys, clock, Limits::CAP)
}

/// The same, whose packs get no more than this for one call.
pub(super) fn capped_host(dir: &Path, store: Store, keys: &Keys, clock: Clock, caps: Limits) -> Result<Host, Failure> {
    let vault = keys.vault(dir, &store)?;
    let packs = Packs::with_cache(dir.join(COMPILED_DIR), vault.key_for("punchcard compiled packs"));
    let packs = packs.map_err(|error| describe(&error))?;
    Ok(Host::new(store, packs.capped(caps), clock, Entropy::System, vault))
}

/// The merchant that is meant: the one named, or the only one.
pub(super) fn pick_merchant(store: &Store, named: Option<MerchantId>) -> Result<Merchant, Failure> {
    let mut merchants = store.read(list_merchants).map_err(|error| describe(&error))?;
    if let Some(id) = named {
        return merchants.into_iter().find(|merchant| merchant.id == id).ok_or(format!("there is no merchant {id}"));
    }
    match (merchants.pop(), merchants.len()) {
        (Some(only), 0) => Ok(only),
        (None, _) => Err("there is no merchant yet; `punchcard merchant create` makes one".into()),
        (Some(_), others) => Err(format!("there are {} merchants; name one with --merchant ID", others + 1)),
    }
}

/// The store of a merchant that is meant: the one with this code, or the only one.
pub(super) fn pick_store(store: &Store, merchant: MerchantId, code: Option<&str>) -> Result<StoreId, Failure> {
    let stores = store.read(|tx| list_stores(tx, merchant)).map_err(|error| describe(&error))?;
    let codes = || stores.iter().map(|store| store.code.as_str()).collect::<Vec<_>>().join(", ");
    match (code, stores.as_slice()) {
        (Some(code), _) => stores
            .iter()
            .find(|store| store.code.as_str() == code)
            .map(|store| store.id)
            .ok_or_else(|| format!("there is no store `{code}`; there are: {}", codes())),
        (None, [only]) => Ok(only.id),
        (None, _) => Err(format!("name a store with --store CODE; there are: {}", codes())),
    }
}
