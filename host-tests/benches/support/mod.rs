//! What the benches share: flags, figures with aims, and a merchant to measure on.
#![allow(dead_code, reason = "each bench uses its part of it")]
#![expect(clippy::print_stdout, reason = "a benchmark's figures go to standard output")]

mod bare;
mod drive;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use punchcard::clock::{Clock, Entropy};
use punchcard::domain::{
    Actor, Code, Currency, IdSource, Label, Line, Member, Merchant, Reference, StaffId, Store, ZoneName,
};
use punchcard::pack::{Packs, Trust};
use punchcard::usecase::{
    CreateMerchant, EnablePack, EnrolError, EnrolMember, Host, NewStore, create_merchant, enable_pack, enrol_member,
    read_known, upload_pack,
};
use punchcard::vault::Vault;
use serde_json::{Map, Value, json};

#[allow(unused_imports, reason = "each bench uses its part of it")]
pub(crate) use bare::Bare;
#[allow(unused_imports, reason = "each bench uses its part of it")]
pub(crate) use drive::{Measured, drive, drive_at, drive_while, scattered};

/// The flags of every bench.
#[derive(Parser)]
pub(crate) struct Flags {
    /// Write the figures to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Fail when an aim is missed
    #[arg(long)]
    check: bool,
    /// Seconds for each measurement; each is made several times and the median counts
    #[arg(long, default_value_t = 2.0)]
    pub(crate) seconds: f64,
    /// What cargo passes to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

/// Figures, printed as they come.
pub(crate) struct Figures {
    flags: Flags,
    all: Map<String, Value>,
    missed: Vec<String>,
}

impl Figures {
    pub(crate) fn new(flags: Flags) -> Self {
        let _ = flags.bench;
        Self { flags, all: Map::new(), missed: Vec::new() }
    }

    /// A figure without an aim.
    pub(crate) fn tell(&mut self, name: &str, value: f64, unit: &str) {
        println!("{name:<58} {value:>12.2} {unit}");
        self.all.insert(name.to_owned(), json!(value));
    }

    /// A figure that is to be at least so much.
    pub(crate) fn at_least(&mut self, name: &str, value: f64, aim: f64) {
        self.aim(name, value, value >= aim, &format!(">= {aim}"));
    }

    /// A figure that is to be at most so much.
    pub(crate) fn at_most(&mut self, name: &str, value: f64, aim: f64, unit: &str) {
        self.aim(name, value, value <= aim, &format!("<= {aim} {unit}"));
    }

    /// Between which values half of what a figure is the median of lies.
    pub(crate) fn spread(&mut self, name: &str, low: f64, high: f64) {
        println!("{:<58} {:>12} half of the rounds: {low:.2} to {high:.2}", "", "");
        self.all.insert(format!("{name}, half of the rounds"), json!([low, high]));
    }

    fn aim(&mut self, name: &str, value: f64, reached: bool, aim: &str) {
        println!("{name:<58} {value:>12.2} aim {aim}: {}", if reached { "reached" } else { "MISSED" });
        self.all.insert(name.to_owned(), json!(value));
        if !reached {
            self.missed.push(name.to_owned());
        }
    }

    /// Writes the file, and fails when it was asked to check and an aim was missed.
    pub(crate) fn finish(mut self) -> ExitCode {
        self.all.insert("missed".into(), json!(self.missed));
        if let Some(file) = &self.flags.json
            && let Err(error) = std::fs::write(file, format!("{:#}\n", Value::Object(self.all)))
        {
            println!("{} can not be written: {error}", file.display());
            return ExitCode::FAILURE;
        }
        if self.flags.check && !self.missed.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

/// The middle of some values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A merchant with one store and some members.
pub(crate) struct Shop {
    pub(crate) host: Host,
    pub(crate) merchant: Merchant,
    pub(crate) store: Store,
    pub(crate) members: Vec<Member>,
}

impl Shop {
    pub(crate) fn open(store: punchcard::store::Store, members: usize) -> Self {
        let packs = Packs::new().expect("the runtime starts");
        let host = Host::new(store, packs, Clock::System, Entropy::System, Vault::seeded(1));
        Self::at(host.trusting(Trust::development()), members)
    }

    /// One more at a host.
    pub(crate) fn at(host: Host, members: usize) -> Self {
        let id = IdSource::new(host.clock.now(), host.entropy.bits()).merchant();
        let new = CreateMerchant {
            name: label("Bench"),
            currency: Currency::new("CNY").expect("a currency"),
            time_zone: ZoneName::new("Asia/Shanghai").expect("a zone"),
            locale: label("en"),
            stores: vec![NewStore { code: code("main"), name: label("Main") }],
        };
        let created = host.operate(id, |tx, act| create_merchant(tx, act, &new)).expect("a merchant");
        let store = created.stores.into_iter().next().expect("a store");
        let members = (0..members)
            .map(|number| {
                let new = EnrolMember {
                    reference: Some(Reference::new(format!("card-{number}")).expect("a reference")),
                    home_store: Some(store.id),
                    ..EnrolMember::default()
                };
                host.operate(id, |tx, act| {
                    let enrolled = enrol_member(tx, act, &new)?;
                    let known = read_known(tx, act, enrolled.member)?;
                    Ok::<_, EnrolError>(known.expect("it was just enrolled").member)
                })
                .expect("a member")
            })
            .collect();
        Self { host, merchant: created.merchant, store, members }
    }

    /// Uploads the points pack and declares its unit; in the store it takes part in orders only if it is `on`.
    pub(crate) fn enable_points(&self, on: bool) {
        self.enable(host_tests::pack("points"), points_settings(), on);
    }

    /// Uploads a pack and enables it with all that it asks for; in the store it takes part in orders only if it is `on`.
    pub(crate) fn enable(&self, component: &[u8], settings: Value, on: bool) {
        let actor = Actor::owner(self.merchant.id, StaffId::from_bytes([0; 16]));
        let (revision, loaded) = upload_pack(&self.host, &actor, component).expect("it is a pack");
        let wanted = EnablePack {
            store_settings: std::collections::BTreeMap::new(),
            pack: revision.pack.clone(),
            revision: revision.id,
            stores: if on { BTreeSet::from([self.store.id]) } else { BTreeSet::new() },
            grants: loaded.manifest.grants_asked(),
            settings,
            follow_from: None,
        };
        self.host.act(&actor, |tx, act| enable_pack(tx, act, &wanted)).expect("it is enabled");
    }
}

/// Settings with every kind of rule in them.
pub(crate) fn points_settings() -> Value {
    json!({
        "points": 1,
        "per_amount": 100,
        "weekday_multipliers": [{ "weekday": "wednesday", "percent": 200 }],
        "tag_multipliers": [{ "tag": "vip", "percent": 150 }],
        "expiry": { "months": 12 },
    })
}

/// A basket of so many lines.
pub(crate) fn basket(lines: u64) -> Vec<Line> {
    (0..lines)
        .map(|number| Line {
            sku: label(&format!("sku-{number}")),
            category: Some(label("pastry")),
            brand: None,
            quantity: 1,
            amount_minor: 1_200 + number * 35,
        })
        .collect()
}

pub(crate) fn label(text: &str) -> Label {
    Label::new(text).expect("a label")
}

pub(crate) fn code(text: &str) -> Code {
    Code::new(text).expect("a code")
}
