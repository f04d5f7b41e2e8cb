//! `punchcard merchant create`, `key`, `handle`, `list`

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Failure, data};
use crate::clock::{Clock, Entropy};
use crate::describe::describe;
use crate::domain::{Code, Currency, Label, MerchantId, Role, StoreScope, ZoneName};
use crate::store::StoreError;
use crate::usecase::users::{HandleError, find_handle, put_handle};
use crate::usecase::{
    CreateMerchant, Host, IssuedKey, KeyError, NewKey, NewStore, create_merchant, issue_api_key, list_merchants,
};

#[derive(Subcommand)]
pub(super) enum Merchant {
    /// Create a merchant with its stores, and an API key for its owner, which is shown once
    Create(Create),
    /// Issue another API key for a merchant, which is shown once
    Key(Key),
    /// Give a merchant a short name for the sign-in, unique in the data directory
    Handle(Handle),
    /// List the merchants of a data directory
    List(List),
}

#[derive(Args)]
pub(super) struct Create {
    /// The data directory; made if it is new
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The merchant's name
    #[arg(long)]
    name: String,
    /// Its short name for the sign-in, unique in the data directory; people are to give its id without one
    #[arg(long, value_name = "CODE")]
    handle: Option<String>,
    /// ISO 4217 code of the currency of its orders
    #[arg(long, value_name = "CODE", default_value = "CNY")]
    currency: String,
    /// IANA name of the time zone in which its day begins and ends
    #[arg(long, value_name = "ZONE", default_value = "Asia/Shanghai")]
    time_zone: String,
    /// The language of its people
    #[arg(long, value_name = "TAG", default_value = "zh-CN")]
    locale: String,
    /// A store, as `CODE=NAME`; once for each
    #[arg(long, value_name = "CODE=NAME", required = true)]
    store: Vec<String>,
    #[command(flatten)]
    keys: data::Keys,
}

#[derive(Args)]
pub(super) struct Key {
    /// The data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The merchant; needed when there are several
    #[arg(long, value_name = "ID")]
    merchant: Option<MerchantId>,
    /// What the holder may do
    #[arg(long, value_parser = ["owner", "manager", "clerk", "auditor", "integration"], default_value = "clerk")]
    role: String,
    /// A store to which the key is limited, by its code; once for each. All of them without it
    #[arg(long, value_name = "CODE")]
    store: Vec<String>,
    #[command(flatten)]
    keys: data::Keys,
}

#[derive(Args)]
pub(super) struct Handle {
    /// The data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The merchant; needed when there are several
    #[arg(long, value_name = "ID")]
    merchant: Option<MerchantId>,
    /// The short name: a-z, 0-9 and hyphens. The one that it had leads nowhere then
    #[arg(value_name = "CODE")]
    handle: String,
    #[command(flatten)]
    keys: data::Keys,
}

#[derive(Args)]
pub(super) struct List {
    /// The data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

impl Merchant {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Create(create) => create.run(),
            Self::Key(key) => key.run(),
            Self::Handle(handle) => handle.run(),
            Self::List(list) => list.run(),
        }
    }
}

impl Create {
    fn run(self) -> Result<(), Failure> {
        let stores = self.store.iter().map(|text| parse_store(text)).collect::<Result<_, _>>()?;
        let new = CreateMerchant {
            name: Label::new(&self.name).map_err(|error| format!("--name: {error}"))?,
            currency: Currency::new(&self.currency).map_err(|error| format!("--currency: {error}"))?,
            time_zone: ZoneName::new(&self.time_zone).map_err(|error| format!("--time-zone: {error}"))?,
            locale: Label::new(&self.locale).map_err(|error| format!("--locale: {error}"))?,
            stores,
        };
        let handle = self.handle.as_deref().map(parse_handle).transpose()?;
        let host = data::host(&self.data, data::open(&self.data)?, &self.keys, Clock::System)?;
        let id = new_merchant_id(&host);
        let secret = IssuedKey::entropy(&Entropy::System);
        let (created, key) = host
            .operate(id, |tx, act| {
                let created = create_merchant(tx, act, &new)?;
                if let Some(handle) = &handle {
                    put_handle(tx, act, handle)?;
                }
                let key = issue_api_key(tx, act, &NewKey::of(Role::Owner), secret)?;
                Ok::<_, Unmade>((created, key))
            })
            .map_err(|error| describe(&error))?;
        println!("merchant  {}  {}", created.merchant.id, created.merchant.name);
        for store in created.stores {
            println!("store     {}  {} ({})", store.id, store.name, store.code);
        }
        println!("API key   {}  (owner; shown only now)", key.secret);
        host.store.close().map_err(|error| describe(&error))
    }
}

/// Why a merchant is not made.
#[derive(Debug, thiserror::Error)]
enum Unmade {
    #[error(transparent)]
    Handle(#[from] HandleError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn parse_handle(text: &str) -> Result<Code, Failure> {
    Code::new(text).map_err(|error| format!("the handle: {error}"))
}

/// An id for a merchant that is about to be created.
pub(super) fn new_merchant_id(host: &Host) -> MerchantId {
    crate::domain::IdSource::new(host.clock.now(), host.entropy.bits()).merchant()
}

fn parse_store(text: &str) -> Result<NewStore, Failure> {
    let (code, name) = text
        .split_once('=')
        .ok_or_else(|| format!("--store: expected CODE=NAME, such as `main=Main Street`, not `{text}`"))?;
    Ok(NewStore {
        code: Code::new(code).map_err(|error| format!("--store: {error}"))?,
        name: Label::new(name).map_err(|error| format!("--store: {error}"))?,
    })
}

impl Key {
    fn run(self) -> Result<(), Failure> {
        let host = data::host(&self.data, data::open_existing(&self.data)?, &self.keys, Clock::System)?;
        let merchant = data::pick_merchant(&host.store, self.merchant)?;
        let role = Role::of(&self.role).ok_or_else(|| format!("--role: there is no role `{}`", self.role))?;
        let chosen = self.store.iter().map(|code| data::pick_store(&host.store, merchant.id, Some(code)));
        let stores = chosen.collect::<Result<BTreeSet<_>, _>>()?;
        let stores = if stores.is_empty() { StoreScope::All } else { StoreScope::Only(stores) };
        let new = NewKey { label: None, role, stores };
        let secret = IssuedKey::entropy(&Entropy::System);
        let key = host
            .operate(merchant.id, |tx, act| issue_api_key(tx, act, &new, secret))
            .map_err(|error| describe(&error))?;
        println!("API key   {}  ({}; shown only now)", key.secret, self.role);
        host.store.close().map_err(|error| describe(&error))
    }
}

impl Handle {
    fn run(self) -> Result<(), Failure> {
        let handle = parse_handle(&self.handle)?;
        let host = data::host(&self.data, data::open_existing(&self.data)?, &self.keys, Clock::System)?;
        let merchant = data::pick_merchant(&host.store, self.merchant)?;
        host.operate(merchant.id, |tx, act| put_handle(tx, act, &handle)).map_err(|error| describe(&error))?;
        println!("merchant  {}  {}  {handle}", merchant.id, merchant.name);
        host.store.close().map_err(|error| describe(&error))
    }
}

impl List {
    fn run(self) -> Result<(), Failure> {
        let store = data::open_existing(&self.data)?;
        for merchant in store.read(list_merchants).map_err(|error| describe(&error))? {
            let handle = store.read(|tx| find_handle(tx, merchant.id)).map_err(|error| describe(&error))?;
            let handle = handle.map_or_else(|| "-".to_owned(), Into::into);
            let (currency, zone) = (merchant.currency, merchant.time_zone.as_str());
            println!("{}  {currency}  {zone}  {handle}  {}", merchant.id, merchant.name);
        }
        store.close().map_err(|error| describe(&error))
    }
}
