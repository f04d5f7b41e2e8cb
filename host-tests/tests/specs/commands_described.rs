//! The description of the interface as a merchant has it: with the commands of its packs, and the schemas of their inputs.

use std::collections::BTreeSet;

use host_tests::{Shop, World, pack};
use serde_json::{Value, json};

use crate::with_points;

async fn described(shop: &Shop) -> Value {
    shop.get("/v1/openapi.json").send().await.ok()
}

/// The routes of commands that are described.
fn commands(described: &Value) -> Vec<&String> {
    let paths = described["paths"].as_object().unwrap().keys();
    paths.filter(|path| path.contains("/commands/") && !path.contains('{')).collect()
}

/// Where references of a description lead.
fn references(described: &Value, found: &mut BTreeSet<String>) {
    match described {
        Value::Object(fields) => {
            if let Some(target) = fields.get("$ref").and_then(Value::as_str) {
                found.insert(target.to_owned());
            }
            fields.values().for_each(|part| references(part, found));
        }
        Value::Array(parts) => parts.iter().for_each(|part| references(part, found)),
        _ => {}
    }
}

#[tokio::test]
async fn each_command_of_the_merchants_packs_is_a_route_with_the_schema_of_its_input() {
    let world = World::new();
    let shop = &world.shop;
    with_points(shop).await;
    shop.enable(pack("training")).send().await.ok();
    let of_shop = described(shop).await;
    let of_host = shop.with_key(None).get("/openapi.json").send().await.ok();
    assert_eq!(commands(&of_host), Vec::<&String>::new());
    let mut offered = 0;
    for name in ["points", "training"] {
        let enablement = shop.get(&format!("/v1/packs/{name}/enablement")).send().await.ok();
        let path = format!("/v1/packs/{name}/revisions/{}", enablement["revision"].as_str().unwrap());
        let manifest = shop.get(&path).send().await.ok()["manifest"].clone();
        for command in manifest["commands"].as_array().unwrap() {
            let code = command["name"].as_str().unwrap();
            let operation = &of_shop["paths"][format!("/v1/packs/{name}/commands/{code}")]["post"];
            assert_eq!((&operation["x-needs"], &operation["tags"]), (&json!("serve"), &json!(["packs"])), "{code}");
            assert_eq!(operation["summary"], command["title"]["en"], "in the merchant's language");
            let body = &operation["requestBody"]["content"]["application/json"]["schema"];
            assert_eq!(body["properties"]["input"]["$ref"], format!("#/components/schemas/{name}.{code}"));
            let schema = &of_shop["components"]["schemas"][format!("{name}.{code}")];
            assert_eq!(schema["required"], command["input"]["required"], "{code}");
            offered += 1;
        }
    }
    assert_eq!(commands(&of_shop).len(), offered);
    assert!(offered > 15, "{offered}");
    // All else is as for everybody, and every reference leads somewhere.
    for path in of_host["paths"].as_object().unwrap().keys() {
        assert_eq!(of_shop["paths"][path], of_host["paths"][path], "{path}");
    }
    let mut led = BTreeSet::new();
    references(&of_shop, &mut led);
    for target in &led {
        let place = target.strip_prefix('#').unwrap_or_else(|| panic!("{target} leads out of the document"));
        assert!(of_shop.pointer(place).is_some(), "{target} leads nowhere");
    }
    assert!(led.len() > offered, "{led:?}");
}

#[tokio::test]
async fn what_is_described_is_what_can_be_run_there() {
    let world = World::new();
    let shop = &world.shop;
    shop.enable(pack("points")).stores(&[1]).send().await.ok();
    let key = |store: usize| json!({ "role": "clerk", "stores": [shop.store(store)] });
    let there = shop.with_key(shop.post("/v1/keys", key(1)).send().await.created()["secret"].as_str());
    let elsewhere = shop.with_key(shop.post("/v1/keys", key(0)).send().await.created()["secret"].as_str());
    assert!(!commands(&described(&there).await).is_empty());
    assert_eq!(commands(&described(&elsewhere).await), Vec::<&String>::new());
    assert_eq!(commands(&described(&world.rival).await), Vec::<&String>::new());
    shop.enable(pack("points")).stores(&[]).send().await.ok();
    assert_eq!(commands(&described(shop).await), Vec::<&String>::new(), "it is switched off");
}
