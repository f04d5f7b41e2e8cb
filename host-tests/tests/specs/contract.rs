//! The contract: what is released is frozen, and packs that were built against it run on.

use std::fs;
use std::path::{Path, PathBuf};

use host_tests::World;
use serde_json::json;

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
