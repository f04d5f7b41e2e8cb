//! Pages of packs: data for people, checked, and nothing of the call stays.

use host_tests::{World, guest};
use serde_json::json;

#[tokio::test]
async fn a_page_is_shown_as_data_and_writes_nothing() {
    let world = World::new();
    let shop = &world.shop;
    shop.enable(guest("grows")).settings(json!({ "place": "here" })).send().await.ok();
    shop.command("grows", "add-entries", json!({ "count": 12, "text": "a" })).send().await.ok();
    let before = world.state();
    let shown = shop.as_clerk().get("/v1/packs/grows/pages/everything").send().await.ok();
    let blocks = shown["page"]["blocks"].as_array().unwrap();
    let kinds: Vec<_> = blocks.iter().map(|block| block["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["text", "figures", "table", "form", "calendar", "chart"]);
    assert_eq!(blocks[1]["figures"][0]["value"], json!({ "number": 10 }));
    assert_eq!(blocks[2]["rows"].as_array().unwrap().len(), 10);
    assert_eq!(blocks[4]["entries"][0]["day"], "2026-03-18", "the day of the merchant");
    let next = blocks[2]["next"].to_string();
    let query: String = next.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let more = shop.get(&format!("/v1/packs/grows/pages/everything?query={query}")).send().await.ok();
    assert_eq!(more["page"]["blocks"][2]["rows"].as_array().unwrap().len(), 2);
    world.unchanged_since(&before);
    let health = shop.get("/v1/packs/grows/health").send().await.ok();
    assert_eq!((&health["faults"], &health["refused"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn a_page_that_is_not_there_or_is_asked_wrongly_or_is_wrong_is_told() {
    let world = World::new();
    let shop = &world.shop;
    shop.enable(guest("grows")).stores(&[0]).send().await.ok();
    for (path, name) in [
        ("grows/pages/nothing".to_owned(), "404 unknown-page"),
        ("nobody/pages/everything".to_owned(), "404 pack-not-enabled"),
        (format!("grows/pages/everything?store={}", shop.store(1)), "404 pack-not-enabled"),
        (format!("grows/pages/everything?store={}", world.rival.store(0)), "422 unknown-store"),
        ("grows/pages/everything?query=%7B%22sky%22:1%7D".to_owned(), "422 wrong-input"),
        ("grows/pages/everything?query=%7B".to_owned(), "400 wrong-query"),
        ("grows/pages/everything?query=%7B%22after%22:%22%22,%22wrong%22:true%7D".to_owned(), "200"),
    ] {
        let reply = shop.get(&format!("/v1/packs/{path}")).send().await;
        if name == "200" {
            reply.ok();
        } else {
            assert_eq!(reply.problem().name(), name, "{path}");
        }
    }
    shop.command("grows", "add-entries", json!({ "count": 1, "text": "a" })).send().await.ok();
    let wrong = shop.get("/v1/packs/grows/pages/everything?query=%7B%22wrong%22:true%7D").send().await.problem();
    assert_eq!(wrong.name(), "502 pack-bad-reply");
    assert!(wrong.detail.contains("row 1 has 2"), "{}", wrong.detail);
}
