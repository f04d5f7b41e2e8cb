//! The contract: what is released is frozen, and packs that were built against it run on.

use std::fs;
use std::path::{Path, PathBuf};

use host_tests::World;
use punchcard::pack::CONTRACT_VERSION;
use serde_json::json;
use wit_parser::Resolve;

use crate::earned;

/// Packs in `fixtures/packs/VERSION/`, compiled when that version of the contract was the newest, with their sources.
fn released() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/packs");
    let versions = fs::read_dir(folder).unwrap().map(|version| version.unwrap().path().join("stamps.wasm"));
    versions.collect()
}

#[tokio::test]
async fn a_pack_that_was_built_against_a_released_contract_runs() {
    let released = released();
    assert!(!released.is_empty());
    for file in released {
        let world = World::new();
        world.shop.enable(fs::read(&file).unwrap().leak()).send().await.ok();
        let alice = world.shop.member("alice").enrol().await;
        let coffee = json!({ "sku": "latte", "category": "coffee", "quantity": 9, "amount_minor": 18_000 });
        let order = |reference: &str| alice.order(reference).raw_line(coffee.clone()).line("bun", 500);
        assert_eq!(order("till-1").quote().await.ok()["packs"][0]["earnings"][0]["amount"], 9, "{}", file.display());
        let first = order("till-1").settle().await.created();
        assert_eq!(earned(&first, "stamps"), 9, "{}", file.display());
        let trade = json!({ "member": alice.id });
        let refused = world.shop.command("stamps", "trade", trade.clone()).send().await.problem();
        assert_eq!(refused.name(), "422 card-not-full");
        let second = order("till-2").settle().await.created();
        world.shop.command("stamps", "trade", trade).send().await.ok();
        assert_eq!(alice.holds("stamps").await.available, 8);
        world.shop.refund(&second).await.ok();
        assert_eq!(alice.holds("stamps").await.available, 0);
    }
}

/// The folder of a version of the contract.
fn contract(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit").join(version)
}

#[test]
fn the_newest_contract_has_all_of_the_older_ones_as_it_was() {
    let mut versions: Vec<_> = fs::read_dir(contract("."))
        .unwrap()
        .map(|version| version.unwrap().file_name().into_string().unwrap())
        .filter(|version| version != CONTRACT_VERSION)
        .collect();
    versions.sort();
    assert!(!versions.is_empty());
    for version in versions {
        for world in ["imports", "describing", "checking-out", "commanding"] {
            let mut resolve = Resolve::default();
            let (older, _) = resolve.push_path(contract(&version)).unwrap();
            let (newest, _) = resolve.push_path(contract(CONTRACT_VERSION)).unwrap();
            let older = resolve.select_world(&[older], Some(world)).unwrap();
            let newest = resolve.select_world(&[newest], Some(world)).unwrap();
            let compatible = wit_component::semver_check(resolve, older, newest);
            assert!(compatible.is_ok(), "{world} of {version}: {:?}", compatible.unwrap_err());
        }
    }
}

#[test]
fn a_contract_in_which_a_record_has_grown_is_not_compatible() {
    let text = |version: &str, fields: &str| {
        format!(
            "package punchcard:pack@{version};\n\
             interface members {{ record member {{ id: string,{fields} }} get: func() -> member; }}\n\
             world imports {{ import members; }}"
        )
    };
    let mut resolve = Resolve::default();
    let older = resolve.push_str("older.wit", &text("0.1.0", "")).unwrap();
    let newer = resolve.push_str("newer.wit", &text("0.1.1", " name: string,")).unwrap();
    let older = resolve.select_world(&[older], Some("imports")).unwrap();
    let newer = resolve.select_world(&[newer], Some("imports")).unwrap();
    assert!(wit_component::semver_check(resolve, older, newer).is_err());
}
