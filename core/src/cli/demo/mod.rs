//! `punchcard demo`: a bakery's day, a school's weeks and an alliance's Sunday through the real use cases and packs, or a file of real orders.

mod cafe;
mod day;
mod orders;
mod revenue;
mod school;
mod script;
mod setup;
mod statements;
mod summary;
mod texts;

use std::path::{Path, PathBuf};

use clap::Args;

use self::setup::Stage;
use self::summary::Summary;
use self::texts::{Lang, Texts};
use super::config::{Address, Config};
use super::{Failure, data, serve};
use crate::clock::{Clock, Entropy};
use crate::describe::describe;
use crate::domain::Role;
use crate::pack::Trust;
use crate::usecase::{Host, IssuedKey, NewKey, issue_api_key};

#[derive(Args)]
pub(super) struct Demo {
    /// Where the packs are: a folder with points.wasm, bakery.wasm, training.wasm and alliance.wasm
    #[arg(long, value_name = "DIR", default_value = "target/packs/components")]
    packs: PathBuf,
    /// The data directory; a new one that is removed at the end, if not given
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where to listen afterwards
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: Address,
    /// The language of what is printed
    #[arg(long, value_enum, default_value_t = Lang::En)]
    lang: Lang,
    /// Bring in this file of orders instead of playing a day: four columns (customer, YYYYMMDD, quantity, amount), or
    /// CSV when its name ends in .csv
    #[arg(long, value_name = "FILE")]
    orders: Option<PathBuf>,
    /// Stop after the summary instead of serving
    #[arg(long)]
    once: bool,
    /// Write the summary to this file as well, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Demo {
    pub(super) fn run(self) -> Result<(), Failure> {
        let temporary = self.data.is_none().then(TemporaryDir::new).transpose()?;
        let dir = match (&self.data, &temporary) {
            (Some(dir), _) => dir.as_path(),
            (None, Some(temporary)) => temporary.0.as_path(),
            (None, None) => unreachable!("without a directory there is a temporary one"),
        };
        let texts = Texts::new(self.lang);
        let store = data::open(dir)?;
        let clock = if self.orders.is_some() { Clock::System } else { Clock::standing_at(day::begin()) };
        // The packs are those that were built here.
        let host = data::host(dir, store, &data::Keys::default(), clock)?.trusting(Trust::development());
        let (stage, others) = match &self.orders {
            Some(file) => (orders::play(&host, &texts, &self.packs, file)?, None),
            None => {
                let bakery = day::play(&host, &texts, &self.packs)?;
                let school = school::play(&host, &texts, &self.packs)?;
                let alliance = cafe::play(&host, &texts, &self.packs, &bakery)?;
                (bakery, Some((school, alliance)))
            }
        };
        let summary = Summary::read(&host, &stage)?;
        summary.print(&texts);
        let mut json = summary.json();
        let mut is_sound = summary.books_balance();
        if let Some((school, alliance)) = &others {
            school.print(&texts);
            json["school"] = school.json();
            alliance.print(&texts);
            json["alliance"] = alliance.json();
            is_sound &= school.books_balance() && alliance.books_balance();
        }
        if let Some(file) = &self.json {
            let json = serde_json::to_string_pretty(&json).map_err(|error| describe(&error))?;
            std::fs::write(file, json + "\n")
                .map_err(|error| format!("{} can not be written: {error}", file.display()))?;
        }
        if !is_sound {
            return Err(texts.say("books-wrong", &[]));
        }
        if self.once {
            host.store.close().map_err(|error| describe(&error))
        } else {
            self.stay(&host, &stage, &texts, dir)
        }
    }

    /// Serves what was played, and says how to look at it.
    fn stay(&self, host: &Host, stage: &Stage, texts: &Texts, dir: &Path) -> Result<(), Failure> {
        let secret = IssuedKey::entropy(&Entropy::System);
        let live = host.with_clock(Clock::System);
        let key = live
            .operate(stage.merchant.id, |tx, act| issue_api_key(tx, act, &NewKey::of(Role::Owner), secret))
            .map_err(|error| describe(&error))?;
        let mut config = Config::default();
        config.http.listen = self.listen;
        serve::serve(&live, &config, None, |address| {
            let auth = format!("-H 'Authorization: Bearer {}'", key.secret);
            let (reference, member) = &stage.example;
            println!();
            println!("{}", texts.say("serving", &[("address", address.to_owned())]));
            println!("{}", texts.say("api-key", &[("key", key.secret.clone())]));
            println!("{}", texts.say("data-at", &[("dir", dir.display().to_string())]));
            println!("{}", texts.say("try", &[]));
            println!("curl -s {auth} '{address}/v1/members?reference={reference}'");
            println!("curl -s {auth} '{address}/v1/members/{member}/assets'");
            println!(
                "curl -s {auth} -H 'Idempotency-Key: try-1' -H 'Content-Type: application/json' \
                 -d '{{\"reference\":\"try-1\",\"store\":\"{}\",\"member\":\"{member}\",\
                 \"lines\":[{{\"sku\":\"croissant\",\"quantity\":2,\"amount_minor\":3600}}]}}' '{address}/v1/orders'",
                stage.stores[0].id
            );
            println!("{}", texts.say("stop", &[]));
        })
    }
}

/// A data directory that goes when the demonstration ends.
struct TemporaryDir(PathBuf);

impl TemporaryDir {
    fn new() -> Result<Self, Failure> {
        let name = format!("punchcard-demo-{:016x}", Entropy::System.bits());
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir(&dir).map_err(|error| format!("{} can not be made: {error}", dir.display()))?;
        Ok(Self(dir))
    }
}

impl Drop for TemporaryDir {
    fn drop(&mut self) {
        // What can not be removed stays in the system's folder for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
