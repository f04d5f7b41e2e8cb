//! The stage of the demonstration: a merchant with stores and packs, made if it is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::texts::Texts;
use crate::cli::Failure;
use crate::cli::merchant::new_merchant_id;
use crate::describe::describe;
use crate::domain::{Actor, Label, MemberId, Merchant, StaffId, Store};
use crate::store::StoreError;
use crate::usecase::{
    CreateMerchant, EnablePack, Host, create_merchant, enable_pack, list_merchants, list_stores, read_enablement,
    upload_pack,
};

/// Where the demonstration plays.
pub(super) struct Stage {
    pub(super) merchant: Merchant,
    pub(super) stores: Vec<Store>,
    pub(super) actor: Actor,
    /// A member to try things with: reference and id.
    pub(super) example: (String, MemberId),
}

impl Stage {
    /// The merchant of this name with its stores, as it is or made new.
    pub(super) fn set(host: &Host, texts: &Texts, new: &CreateMerchant) -> Result<Self, Failure> {
        let name = |error: StoreError| error.to_string();
        let found = host.look(list_merchants).map_err(name)?.into_iter().find(|merchant| merchant.name == new.name);
        let merchant = match found {
            Some(merchant) => merchant,
            None => {
                let id = new_merchant_id(host);
                host.operate(id, |tx, act| create_merchant(tx, act, new)).map_err(name)?.merchant
            }
        };
        let mut stores = host.look(|tx| list_stores(tx, merchant.id)).map_err(name)?;
        stores.sort_by_key(|store| new.stores.iter().position(|new| new.code == store.code));
        let names: Vec<_> = stores.iter().map(|store| store.name.as_str()).collect();
        println!("{}", texts.say("opening", &[("merchant", merchant.name.to_string()), ("stores", names.join(", "))]));
        let actor = Actor::owner(merchant.id, StaffId::from_bytes([0; 16]));
        Ok(Self { merchant, stores, actor, example: (String::new(), MemberId::from_bytes([0; 16])) })
    }

    /// Uploads a pack and enables it in these stores, with all grants that it asks for.
    pub(super) fn enable(
        &self,
        host: &Host,
        texts: &Texts,
        folder: &Path,
        pack: &str,
        stores: &[Store],
        settings: Value,
    ) -> Result<(), Failure> {
        let file = folder.join(format!("{pack}.wasm"));
        let wasm = std::fs::read(&file).map_err(|error| {
            format!("{} can not be read: {error}; `cargo xtask packs` builds the packs", file.display())
        })?;
        let (revision, loaded) =
            upload_pack(host, &self.actor, &wasm).map_err(|error| format!("{}: {error}", file.display()))?;
        let wanted = EnablePack {
            pack: revision.pack.clone(),
            revision: revision.id,
            stores: stores.iter().map(|store| store.id).collect::<BTreeSet<_>>(),
            grants: loaded.manifest.grants_asked(),
            settings,
            store_settings: BTreeMap::new(),
            follow_from: None,
        };
        let current =
            host.look(|tx| read_enablement(tx, self.merchant.id, &wanted.pack)).map_err(|error| describe(&error))?;
        let settings = wanted.settings.to_string();
        let in_force = current.is_some_and(|current| {
            current.revision == wanted.revision
                && current.stores == wanted.stores
                && current.grants == wanted.grants
                && current.settings == settings
        });
        if !in_force {
            host.act(&self.actor, |tx, act| enable_pack(tx, act, &wanted)).map_err(|error| describe(&error))?;
        }
        let names: Vec<_> = stores.iter().map(|store| store.name.as_str()).collect();
        let values =
            [("pack", pack.to_owned()), ("version", revision.version.to_string()), ("stores", names.join(", "))];
        println!("{}", texts.say("enabled", &values));
        Ok(())
    }
}

/// A text of the script as a name; the script's texts are well-formed.
pub(super) fn label(text: &str) -> Label {
    Label::new(text).expect("a name of the script is well-formed")
}
