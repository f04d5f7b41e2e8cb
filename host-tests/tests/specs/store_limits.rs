//! Whoever is limited to stores is refused wherever another store is named: for every route, by the interface's own
//! description. A route that names a store in a way that is not known here is asked, too, and has to refuse.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use host_tests::{Reply, Shop};
use serde_json::{Value, json};

use crate::every_id::furnished;
use crate::every_route::{Given, Route};

/// Where a store is named that is no place to act in, so that nobody is refused.
const NO_PLACE: [(&str, &str, &str); 2] = [
    ("GET /v1/members", "store", "members are the merchant's: where they joined is known of them"),
    ("PUT /v1/segments/{segment}", "home_store", "a segment is about members, and those of all stores are known"),
];

/// Where a route names a store.
enum Place {
    /// In its path or query, by the name of the parameter.
    Parameter(String),
    /// In its body, by the names of the fields that lead there, and whether it is one of several.
    Field(Vec<String>, Many),
}

/// How many stores stand there.
#[derive(Clone, Copy)]
enum Many {
    One,
    List,
    /// By their ids.
    Named,
}

#[tokio::test]
async fn who_is_limited_to_a_store_is_refused_wherever_another_one_is_named() {
    let (mut given, _) = furnished().await;
    let (shop, elsewhere) = (given.world.shop.clone(), given.world.shop.store(0));
    // What there is is that of the store to which the key is limited.
    given.ids.insert("sto".to_owned(), shop.store(1));
    shop.enable(host_tests::pack("points")).stores(&[1]).send().await.ok();
    let new = json!({ "role": "owner", "stores": [shop.store(1)] });
    let corner = shop.with_key(shop.post("/v1/keys", new).send().await.created()["secret"].as_str());
    let mut known = BTreeSet::new();
    let (mut asked, mut wrong) = (0, Vec::new());
    for route in given.closed() {
        for place in places(&given, route) {
            if let Some((name, ..)) =
                NO_PLACE.iter().find(|(name, field, _)| *name == route.name && *field == place.name())
            {
                known.insert(*name);
                continue;
            }
            let other = ask(&given, route, &corner, &place, (&elsewhere, "main")).await;
            if other.status != StatusCode::FORBIDDEN || !other.to_string().contains("other-store") {
                wrong.push(format!("{} in another `{}`: {other}", route.name, place.name()));
            }
            let own = ask(&given, route, &corner, &place, (&shop.store(1), "corner")).await;
            if [400, 403].contains(&own.status.as_u16()) || own.status.as_u16() >= 500 {
                wrong.push(format!("{} in their own `{}`: {own}", route.name, place.name()));
            }
            asked += 1;
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(known.len(), NO_PLACE.len(), "a route that is told about here names no store any more");
    assert!(asked >= 18, "only {asked} places were asked");
}

/// Asks a route with a store in a place: by its id, or in a path by its code.
async fn ask(given: &Given, route: &Route, who: &Shop, place: &Place, (id, code): (&str, &str)) -> Reply {
    let mut others = BTreeMap::new();
    if let Place::Parameter(name) = place {
        let store = if route.path.contains(&format!("{{{name}}}")) { code } else { id };
        others.insert(name.as_str(), store.to_owned());
    }
    if route.parameters().any(|parameter| parameter["name"] == "If-Match" && parameter["required"] == true) {
        let read = given.routes.iter().find(|other| other.method == "GET" && other.path == route.path);
        let read = read.unwrap_or_else(|| panic!("{} needs an ETag that cannot be read", route.name));
        let etag = read.ask(given, &given.world.shop).send().await.header("etag").unwrap().to_owned();
        others.insert("If-Match", etag);
    }
    let request = route.ask_with(given, who, &others);
    let Place::Field(names, many) = place else { return request.send().await };
    let (kind, body) = route.body(given).unwrap();
    assert_eq!(kind, "application/json", "{} names a store in a body that is no JSON", route.name);
    let mut body: Value = serde_json::from_slice(&body).unwrap();
    // Of several things the first one is elsewhere.
    let field = names.iter().fold(&mut body, |body, name| match body {
        Value::Array(things) => &mut things[0][name.as_str()],
        body => &mut body[name.as_str()],
    });
    *field = match many {
        Many::One => json!(id),
        Many::List => json!([id]),
        Many::Named => json!({ id: {} }),
    };
    request.body(body.to_string()).send().await
}

impl Place {
    fn name(&self) -> &str {
        match self {
            Self::Parameter(name) => name,
            Self::Field(names, _) => names.last().unwrap(),
        }
    }
}

/// Wherever a route names a store.
fn places(given: &Given, route: &Route) -> Vec<Place> {
    let named = |parameter: &Value| parameter["name"].as_str().filter(|name| is_store(name)).map(str::to_owned);
    let mut places: Vec<_> = route.parameters().filter_map(named).map(Place::Parameter).collect();
    let content = route.operation["requestBody"]["content"].as_object();
    for media in content.into_iter().flat_map(|content| content.values()) {
        fields(given, &media["schema"], &mut Vec::new(), &mut BTreeSet::new(), &mut places);
    }
    places
}

/// Wherever a body names a store; a type that holds itself is looked at once.
fn fields(
    given: &Given,
    schema: &Value,
    trail: &mut Vec<String>,
    seen: &mut BTreeSet<String>,
    places: &mut Vec<Place>,
) {
    if schema["$ref"].as_str().is_some_and(|name| !seen.insert(name.to_owned())) {
        return;
    }
    let schema = given.resolved(schema);
    for (name, part) in schema["properties"].as_object().into_iter().flatten() {
        trail.push(name.clone());
        if is_store(name) || is_id_of_store(part) {
            places.push(Place::Field(trail.clone(), many(part)));
        } else {
            fields(given, part, trail, seen, places);
        }
        trail.pop();
    }
    let choices = ["oneOf", "anyOf", "allOf"].into_iter().filter_map(|kind| schema[kind].as_array()).flatten();
    for part in choices.chain(schema.get("items")) {
        fields(given, part, trail, seen, places);
    }
}

/// Whether a name is one of a store, or of several.
fn is_store(name: &str) -> bool {
    name.split('_').any(|word| ["store", "stores"].contains(&word))
}

fn is_id_of_store(schema: &Value) -> bool {
    [&schema["example"], &schema["examples"][0], &schema["items"]["examples"][0]]
        .into_iter()
        .any(|example| example.as_str().is_some_and(|example| example.starts_with("sto_")))
}

fn many(schema: &Value) -> Many {
    let is = |kind: &str| {
        schema["type"] == kind || schema["type"].as_array().is_some_and(|kinds| kinds.contains(&json!(kind)))
    };
    match () {
        () if is("array") => Many::List,
        () if is("object") => Many::Named,
        () => Many::One,
    }
}
