//! `punchcard user add`, `list`, `reset`

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Failure, data};
use crate::clock::{Clock, Entropy};
use crate::describe::describe;
use crate::domain::{Label, Merchant, MerchantId, Role, SignInName, StaffId, StoreScope};
use crate::store::layout;
use crate::usecase::Host;
use crate::usecase::users::{self, Invited, NewUser, SessionToken, UserState};

#[derive(Subcommand)]
pub(super) enum User {
    /// Add a user; prints an invitation, with which they set their password
    Add(Add),
    /// List the users of a merchant
    List(List),
    /// Take a user's password away; prints an invitation, with which they set a new one
    Reset(Reset),
}

#[derive(Args)]
struct Whose {
    /// The data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The merchant; needed when there are several
    #[arg(long, value_name = "ID")]
    merchant: Option<MerchantId>,
    #[command(flatten)]
    keys: data::Keys,
}

#[derive(Args)]
pub(super) struct Add {
    #[command(flatten)]
    whose: Whose,
    /// By what they sign in
    #[arg(long)]
    name: String,
    /// What people call them; the same if it is not said
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// What they may do
    #[arg(long, value_parser = ["owner", "manager", "clerk", "auditor", "integration"], default_value = "owner")]
    role: String,
    /// A store to which they are limited, by its code; once for each. All of them without it
    #[arg(long, value_name = "CODE")]
    store: Vec<String>,
    /// The language of texts that they read; the merchant's if it is not said
    #[arg(long, value_name = "TAG")]
    locale: Option<String>,
}

#[derive(Args)]
pub(super) struct List {
    #[command(flatten)]
    whose: Whose,
}

#[derive(Args)]
pub(super) struct Reset {
    #[command(flatten)]
    whose: Whose,
    /// By what they sign in
    #[arg(long)]
    name: String,
}

impl User {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Add(add) => add.run(),
            Self::List(list) => list.run(),
            Self::Reset(reset) => reset.run(),
        }
    }
}

impl Whose {
    fn open(&self) -> Result<(Host, Merchant), Failure> {
        let host = data::host(&self.data, data::open_existing(&self.data)?, &self.keys, Clock::System)?;
        let merchant = data::pick_merchant(&host.store, self.merchant)?;
        Ok((host, merchant))
    }
}

fn sign_in_name(text: &str) -> Result<SignInName, Failure> {
    SignInName::new(text).map_err(|error| format!("--name: {error}"))
}

impl Add {
    fn run(self) -> Result<(), Failure> {
        let name = sign_in_name(&self.name)?;
        let label = |text: &str, flag: &str| Label::new(text).map_err(|error| format!("{flag}: {error}"));
        let display_name = label(self.display_name.as_deref().unwrap_or(name.as_str()), "--display-name")?;
        let locale = self.locale.as_deref().map(|tag| label(tag, "--locale")).transpose()?;
        let role = Role::of(&self.role).ok_or_else(|| format!("--role: there is no role `{}`", self.role))?;
        let (host, merchant) = self.whose.open()?;
        let chosen = self.store.iter().map(|code| data::pick_store(&host.store, merchant.id, Some(code)));
        let stores = chosen.collect::<Result<BTreeSet<_>, _>>()?;
        let stores = if stores.is_empty() { StoreScope::All } else { StoreScope::Only(stores) };
        let new = NewUser { name, display_name, role, stores, locale };
        let secret = SessionToken::entropy(&Entropy::System);
        let invited = host
            .operate(merchant.id, |tx, act| users::add_user(tx, act, &new, secret))
            .map_err(|error| describe(&error))?;
        tell(&host, &merchant, &invited)?;
        host.store.close().map_err(|error| describe(&error))
    }
}

impl List {
    fn run(self) -> Result<(), Failure> {
        let (host, merchant) = self.whose.open()?;
        let mut after: Option<StaffId> = None;
        loop {
            let page =
                host.look(|tx| users::list_users(tx, merchant.id, after, 100)).map_err(|error| describe(&error))?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            for user in page {
                let state = match user.state(host.clock.now()) {
                    UserState::Active => "active",
                    UserState::Invited(_) => "invited",
                    UserState::InvitationLapsed => "invitation-lapsed",
                    UserState::Suspended => "suspended",
                };
                println!("{}  {}  {}  {state}  {}", user.id, user.role, user.name, user.display_name);
            }
        }
        host.store.close().map_err(|error| describe(&error))
    }
}

impl Reset {
    fn run(self) -> Result<(), Failure> {
        let name = sign_in_name(&self.name)?;
        let (host, merchant) = self.whose.open()?;
        let found = host
            .look(|tx| tx.load::<StaffId>(&layout::user_by_name(merchant.id, &name)))
            .map_err(|error| describe(&error))?;
        let user = found.ok_or_else(|| format!("there is no user `{name}`; `punchcard user list` shows them"))?;
        let secret = SessionToken::entropy(&Entropy::System);
        let invited = host
            .operate(merchant.id, |tx, act| users::invite_again(tx, act, user, secret))
            .map_err(|error| describe(&error))?;
        tell(&host, &merchant, &invited)?;
        host.store.close().map_err(|error| describe(&error))
    }
}

fn tell(host: &Host, merchant: &Merchant, invited: &Invited) -> Result<(), Failure> {
    let handle = host.look(|tx| users::find_handle(tx, merchant.id)).map_err(|error| describe(&error))?;
    println!("user        {}  {} ({})", invited.user.id, invited.user.name, invited.user.role);
    println!("merchant    {}", handle.map_or_else(|| merchant.id.to_string(), Into::into));
    println!("invitation  {}  (until {}; shown only now)", invited.secret, invited.expires_at);
    Ok(())
}
