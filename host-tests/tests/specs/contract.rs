//! The contract: what is released is frozen, and packs that were built against it run on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use host_tests::{World, reworded};
use jiff::SignedDuration;
use punchcard::pack::CONTRACT_VERSION;
use serde_json::json;
use wit_parser::{Function, Resolve, Type, TypeDefKind, WorldItem};

use crate::earned;
use crate::following::{calls, noted};

/// The contract, one folder for each version.
const WIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit");

/// A pack in `fixtures/packs/VERSION/`, compiled when that version of the contract was the newest, with its source.
fn released(version: &str, pack: &str) -> &'static [u8] {
    let file = format!("fixtures/packs/{version}/{pack}.wasm");
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap().leak()
}

#[test]
fn there_is_a_pack_of_each_version_that_was_released_before_the_newest() {
    let folders = |path: &Path| -> BTreeSet<String> {
        let versions = fs::read_dir(path).unwrap().map(|version| version.unwrap().file_name().into_string().unwrap());
        versions.collect()
    };
    let mut versions = folders(Path::new(WIT));
    versions.remove(CONTRACT_VERSION);
    assert_eq!(folders(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/packs")), versions);
}

#[tokio::test]
async fn a_pack_of_contract_0_1_2_runs() {
    let world = World::new();
    let shop = &world.shop;
    let first = released("0.1.2", "grows");
    shop.enable(first).send().await.ok();
    shop.command("grows", "add-entries", json!({ "count": 3, "text": "old" })).send().await.ok();
    let page = shop.get("/v1/packs/grows/pages/everything").send().await.ok();
    assert_eq!(page["page"]["title"], "Everything");
    let second = shop.upload(reworded(first, &[("1.0.0", "1.1.0")])).await.created()["revision"].clone();
    shop.post("/v1/packs/grows/upgrade", json!({ "revision": second })).send().await.ok();
    calls(&world).await;
    let stored = shop.command("grows", "stored", json!({})).send().await.ok()["result"].clone();
    assert_eq!((&stored["entry-0002"], &stored["enabled"]), (&json!("old 1.0.0>1.1.0"), &json!("1.0.0")));
}

#[tokio::test]
async fn a_pack_of_contract_0_1_1_runs() {
    let world = World::new();
    world.shop.enable(released("0.1.1", "echo")).send().await.ok();
    let alice = world.shop.member("alice").enrol().await;
    let at = world.now().checked_add(SignedDuration::from_secs(5)).unwrap();
    let set = json!({ "name": "t1", "at": at.as_millisecond() });
    world.shop.command("echo", "set-timer", set).send().await.ok();
    world.clock_forward(SignedDuration::from_secs(5));
    calls(&world).await;
    assert_eq!(noted(&world.shop, "event-").await, [(format!("member-enrolled {}", alice.id), 1)]);
    assert_eq!(noted(&world.shop, "timer-t").await.len(), 1);
    assert_eq!(alice.holds("echoes").await.available, 1);
}

#[tokio::test]
async fn a_pack_of_contract_0_1_0_runs() {
    let world = World::new();
    world.shop.enable(released("0.1.0", "stamps")).send().await.ok();
    let alice = world.shop.member("alice").enrol().await;
    let coffee = json!({ "sku": "latte", "category": "coffee", "quantity": 9, "amount_minor": 18_000 });
    let order = |reference: &str| alice.order(reference).raw_line(coffee.clone()).line("bun", 500);
    assert_eq!(order("till-1").quote().await.ok()["packs"][0]["earnings"][0]["amount"], 9);
    let first = order("till-1").settle().await.created();
    assert_eq!(earned(&first, "stamps"), 9);
    let trade = json!({ "member": alice.id });
    let refused = world.shop.command("stamps", "trade", trade.clone()).send().await.problem();
    assert_eq!(refused.name(), "422 pack:card-not-full");
    let second = order("till-2").settle().await.created();
    world.shop.command("stamps", "trade", trade).send().await.ok();
    assert_eq!(alice.holds("stamps").await.available, 8);
    world.shop.refund(&second).await.ok();
    assert_eq!(alice.holds("stamps").await.available, 0);
}

/// A version of the contract, or a text in place of one.
fn contract(version: &str, text: Option<&str>) -> BTreeMap<String, String> {
    let mut resolve = Resolve::default();
    let package = match text {
        Some(text) => resolve.push_str("pack.wit", text).unwrap(),
        None => resolve.push_path(Path::new(WIT).join(version)).unwrap().0,
    };
    let mut items = BTreeMap::new();
    for id in resolve.packages[package].worlds.values() {
        let world = &resolve.worlds[*id];
        for (way, interfaces) in [("import", &world.imports), ("export", &world.exports)] {
            for item in interfaces.values() {
                let WorldItem::Interface { id, .. } = item else { panic!("{} has more than interfaces", world.name) };
                let interface = &resolve.interfaces[*id];
                let place = format!("{}: {way} {}", world.name, interface.name.as_ref().unwrap());
                for (name, function) in &interface.functions {
                    items.insert(format!("{place}.{name}"), signature(&resolve, function));
                }
                for (name, id) in &interface.types {
                    items.insert(format!("{place}.{name}"), shape(&resolve, &Type::Id(*id)));
                }
            }
        }
    }
    items
}

fn signature(resolve: &Resolve, function: &Function) -> String {
    let params: Vec<_> =
        function.params.iter().map(|param| format!("{}: {}", param.name, shape(resolve, &param.ty))).collect();
    format!("func({}) -> {}", params.join(", "), maybe(resolve, function.result.as_ref()))
}

fn maybe(resolve: &Resolve, ty: Option<&Type>) -> String {
    ty.map_or_else(|| "_".to_owned(), |ty| shape(resolve, ty))
}

/// A type with all that is in it, so that two are the same when their texts are.
fn shape(resolve: &Resolve, ty: &Type) -> String {
    let Type::Id(id) = ty else { return format!("{ty:?}") };
    let known = &resolve.types[*id];
    let name = known.name.as_deref().unwrap_or_default();
    let list = |parts: Vec<String>| parts.join(", ");
    match &known.kind {
        TypeDefKind::Type(same) => shape(resolve, same),
        TypeDefKind::Record(record) => {
            let fields = record.fields.iter().map(|field| format!("{}: {}", field.name, shape(resolve, &field.ty)));
            format!("record {name} {{ {} }}", list(fields.collect()))
        }
        TypeDefKind::Variant(variant) => {
            let cases = variant.cases.iter().map(|case| format!("{}({})", case.name, maybe(resolve, case.ty.as_ref())));
            format!("variant {name} {{ {} }}", list(cases.collect()))
        }
        TypeDefKind::Enum(of) => {
            format!("enum {name} {{ {} }}", list(of.cases.iter().map(|case| case.name.clone()).collect()))
        }
        TypeDefKind::Tuple(of) => format!("tuple<{}>", list(of.types.iter().map(|ty| shape(resolve, ty)).collect())),
        TypeDefKind::Option(of) => format!("option<{}>", shape(resolve, of)),
        TypeDefKind::List(of) => format!("list<{}>", shape(resolve, of)),
        TypeDefKind::Result(of) => {
            format!("result<{}, {}>", maybe(resolve, of.ok.as_ref()), maybe(resolve, of.err.as_ref()))
        }
        other => panic!("the contract has no {}", other.as_str()),
    }
}

/// What of an older contract a newer one has not, or has otherwise, and what packs of the older one would lack: exports
/// that have grown.
fn broken(older: &BTreeMap<String, String>, newer: &BTreeMap<String, String>) -> Vec<String> {
    let changed = older.iter().filter(|(item, shape)| newer.get(*item) != Some(shape)).map(|(item, _)| item.clone());
    let interface = |item: &str| item.rsplit_once('.').map(|(interface, _)| interface.to_owned());
    let exported: BTreeSet<_> =
        older.keys().filter(|item| item.contains(": export ")).map(|item| interface(item)).collect();
    let grown = newer.keys().filter(|item| !older.contains_key(*item) && exported.contains(&interface(item)));
    changed.chain(grown.cloned()).collect()
}

#[test]
fn the_newest_contract_has_all_of_the_older_ones_as_it_was() {
    let newest = contract(CONTRACT_VERSION, None);
    let versions = fs::read_dir(WIT).unwrap().map(|version| version.unwrap().file_name().into_string().unwrap());
    let older: Vec<_> = versions.filter(|version| version != CONTRACT_VERSION).collect();
    assert!(!older.is_empty() && newest.len() > 100, "{older:?} {}", newest.len());
    for version in older {
        assert_eq!(broken(&contract(&version, None), &newest), Vec::<String>::new(), "{version}");
    }
}

#[test]
fn each_function_says_what_it_is_for_and_each_of_the_hosts_what_its_errors_are() {
    let mut resolve = Resolve::default();
    let package = resolve.push_path(Path::new(WIT).join(CONTRACT_VERSION)).unwrap().0;
    let mut fallible = 0;
    for interface in resolve.packages[package].interfaces.values().map(|id| &resolve.interfaces[*id]) {
        for (name, function) in &interface.functions {
            let place = format!("{}.{name}", interface.name.as_deref().unwrap_or_default());
            let docs = function.docs.contents.as_deref().unwrap_or_default();
            assert!(docs.len() > 20, "{place} has no documentation");
            let returned = maybe(&resolve, function.result.as_ref());
            let (can_fail, told) = (returned.contains("host-error"), docs.split_once("Errors: "));
            assert_eq!(can_fail, told.is_some(), "{place}: {docs}");
            fallible += usize::from(can_fail);
            // Each of the names in it is one of those that there are.
            let named = told.map_or("", |(_, errors)| errors).split('`').skip(1).step_by(2);
            for error in named {
                assert!(returned.contains(&format!("{error}(")), "{place} names `{error}`");
            }
        }
    }
    assert!(fallible > 30, "{fallible}");
}

#[test]
fn a_contract_that_is_changed_or_whose_exports_grow_is_told() {
    let text = |field: &str, get: &str, import: &str, export: &str| {
        format!(
            "package punchcard:pack;\n\
             interface members {{ record member {{ id: string,{field} }} get: func({get}) -> member; {import} }}\n\
             interface commands {{ run: func() -> string; {export} }}\n\
             world pack {{ import members; export commands; }}"
        )
    };
    let more = "more: func();";
    let older = contract("", Some(&text("", "", "", "")));
    for (newer, expected) in [
        (text("", "", more, ""), [].as_slice()),
        (text(" name: string,", "", "", ""), &["pack: import members.get", "pack: import members.member"]),
        (text("", "id: string", "", ""), &["pack: import members.get"]),
        (text("", "", "", more), &["pack: export commands.more"]),
    ] {
        assert_eq!(broken(&older, &contract("", Some(&newer))), expected);
    }
}
