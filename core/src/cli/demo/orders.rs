//! A file of real orders, through the same use case as at the till, with the points pack in it.

use std::path::Path;

use serde_json::json;

use super::setup::{Stage, label};
use super::texts::Texts;
use crate::cli::Failure;
use crate::cli::import::{Format, bring_in};
use crate::describe::describe;
use crate::domain::{Code, Currency, Member, ZoneName};
use crate::store::{Direction, layout};
use crate::usecase::{CreateMerchant, Host, NewStore};

/// Brings the file in: a point for every unit of the currency, rounded down, that never expires.
pub(super) fn play(host: &Host, texts: &Texts, packs: &Path, file: &Path) -> Result<Stage, Failure> {
    let new = CreateMerchant {
        name: label("Orders from a file"),
        currency: Currency::new("USD").map_err(|error| describe(&error))?,
        time_zone: ZoneName::new("America/New_York")?,
        locale: label("en"),
        stores: vec![NewStore { code: Code::new("online").map_err(|error| describe(&error))?, name: label("Online") }],
    };
    let mut stage = Stage::set(host, texts, &new)?;
    stage.enable(host, texts, packs, "points", &stage.stores, json!({ "points": 1, "per_amount": 100 }))?;
    println!("{}", texts.say("importing", &[("file", file.display().to_string())]));
    let began = host.clock.now();
    let summary = bring_in(host, &stage.merchant, stage.stores[0].id, Format::of(file), file)?;
    let took = host.clock.now().duration_since(began).as_secs_f64();
    let values = [
        ("new", summary.orders_new.to_string()),
        ("known", summary.orders_known.to_string()),
        ("members", summary.members_new.to_string()),
        ("seconds", format!("{took:.1}")),
    ];
    println!("{}", texts.say("imported", &values));
    let range = layout::members(stage.merchant.id);
    let first =
        host.look(|tx| tx.load_scan::<Member>(&range, Direction::Forward, 1)).map_err(|error| describe(&error))?;
    if let Some((_, member)) = first.into_iter().next() {
        stage.example = (member.reference.map(String::from).unwrap_or_default(), member.id);
    }
    Ok(stage)
}
