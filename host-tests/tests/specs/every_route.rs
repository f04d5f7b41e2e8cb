//! What holds for every route of the interface, by its own description: who may ask for what, and that its examples are
//! requests.
//!
//! Ids in examples stand for the shop's: `mem_…` is a member of the shop, `sto_…` its first store. A kind of id that is
//! not known here stays as it is, and names nothing, unless there is one of the kind that a part of the path names.

use std::collections::BTreeMap;

use host_tests::{Request, Shop, World};
use punchcard::domain::{Action, Role};
use serde_json::{Value, json};

use crate::with_points;

/// For whoever watches or reads, and for people who have no session yet: they need no key.
const OPEN: [&str; 7] =
    ["/livez", "/readyz", "/metrics", "/openapi.json", "/docs", "POST /v1/sessions", "POST /v1/invitations"];

#[tokio::test]
async fn every_route_is_described_so_that_it_can_be_used() {
    let given = Given::new().await;
    for route in &given.routes {
        let operation = &route.operation;
        for field in ["operationId", "summary"] {
            assert!(operation[field].as_str().is_some_and(|text| !text.is_empty()), "{} has no {field}", route.name);
        }
        assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{} has not one tag", route.name);
        if route.is_open() {
            assert!(
                [json!([]), json!([{}])].contains(&operation["security"]),
                "{} says that it needs a key",
                route.name
            );
            continue;
        }
        if route.is_of_members() {
            assert!(route.path.starts_with("/v1/me"), "{} is for members", route.name);
        } else {
            assert_eq!(operation["security"], Value::Null, "{} has a security of its own", route.name);
            route.needs();
        }
        for parameter in route.parameters() {
            let (name, described) = (&parameter["name"], &parameter["description"]);
            assert!(described.is_string(), "{}: there is no description of {name}", route.name);
            if parameter["required"] == true {
                assert!(given.example_of(parameter).is_some(), "{}: there is no example of {name}", route.name);
            }
        }
        if operation["requestBody"].is_object() {
            route.body(&given);
        }
    }
    let mut names: Vec<_> =
        given.routes.iter().map(|route| route.operation["operationId"].clone().to_string()).collect();
    names.sort();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all, "an operationId is there twice");
}

#[tokio::test]
async fn without_a_key_every_route_is_401() {
    let given = Given::new().await;
    let before = given.world.state();
    for route in given.closed() {
        let problem = route.ask(&given, &given.world.shop.with_key(None)).send().await.problem();
        assert_eq!(problem.name(), "401 no-key", "{}", route.name);
    }
    given.world.unchanged_since(&before);
}

#[tokio::test]
async fn a_session_is_taken_wherever_a_key_is_and_changes_nothing_without_its_csrf_token() {
    let given = Given::new().await;
    let nobody = given.world.shop.with_key(None);
    let invited = json!({ "name": "owner", "display_name": "Owner", "role": "owner" });
    let invited = given.world.shop.post("/v1/users", invited).send().await.created();
    let password = json!({ "invitation": invited["invitation"], "password": "a few words of mine" });
    assert_eq!(nobody.post("/v1/invitations", password).send().await.status, 204);
    let sign_in =
        json!({ "merchant": given.world.shop.id.to_string(), "name": "owner", "password": "a few words of mine" });
    let signed_in = nobody.post("/v1/sessions", sign_in).send().await;
    let cookie = signed_in.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let csrf_token = signed_in.created()["csrf_token"].as_str().unwrap().to_owned();
    let before = given.world.state();
    for route in given.closed().filter(|route| route.method != "GET") {
        let problem = route.ask(&given, &nobody).header("cookie", &cookie).send().await.problem();
        assert_eq!(problem.name(), "403 no-csrf-token", "{}", route.name);
    }
    given.world.unchanged_since(&before);
    let ends_it = |route: &Route| route.name == "DELETE /v1/session";
    for route in given.closed().filter(|route| !route.is_stream() && !ends_it(route)) {
        let request = route.ask(&given, &nobody).header("cookie", &cookie).header("x-csrf-token", &csrf_token);
        let reply = request.send().await;
        assert!(![400, 401, 403, 415].contains(&reply.status.as_u16()), "{}: {reply}", route.name);
        assert!(reply.status.as_u16() < 500, "{}: {reply}", route.name);
    }
}

#[tokio::test]
async fn a_role_that_may_not_is_403_and_one_that_may_is_not() {
    let given = Given::new().await;
    let before = given.world.state();
    for route in given.closed() {
        for role in Role::ALL.into_iter().filter(|role| !role.may(route.needs())) {
            let problem = route.ask(&given, &given.world.shop.as_role(role)).send().await.problem();
            assert_eq!(problem.name(), "403 forbidden", "{} asked by {role}: {problem}", route.name);
            let needed = format!("needs `{}`", route.needs());
            assert!(
                problem.detail.contains(&needed),
                "{} is described to ask for another action: {problem}",
                route.name
            );
        }
    }
    given.world.unchanged_since(&before);
    // A stream of events has no end; its own specs read it.
    for route in given.closed().filter(|route| !route.is_stream()) {
        for role in Role::ALL.into_iter().filter(|role| role.may(route.needs())) {
            let reply = route.ask(&given, &given.world.shop.as_role(role)).send().await;
            assert_ne!(reply.status.as_u16(), 403, "{} asked by {role}: {reply}", route.name);
            assert!(reply.status.as_u16() < 500, "{} asked by {role}: {reply}", route.name);
            // The example has the form that the description promises: what may be refused is what it asks for.
            assert!(![400, 415].contains(&reply.status.as_u16()), "{} asked by {role}: {reply}", route.name);
        }
    }
}

/// A shop with something of each kind, and the routes of its host.
pub(crate) struct Given {
    pub(crate) world: World,
    described: Value,
    pub(crate) routes: Vec<Route>,
    /// By the prefix of its kind, an id of the shop.
    pub(crate) ids: BTreeMap<String, String>,
    /// By the name of a path's part, ids of the shop: one to ask about, and at the end one to take away.
    pub(crate) parts: BTreeMap<String, Vec<String>>,
}

/// A route of the interface.
pub(crate) struct Route {
    /// Method and path, as they are described.
    pub(crate) name: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) operation: Value,
}

impl Given {
    async fn new() -> Self {
        Self::of(World::new()).await
    }

    /// A shop of this world.
    pub(crate) async fn of(world: World) -> Self {
        let shop = &world.shop;
        with_points(shop).await;
        let revision = shop.get("/v1/packs").send().await.ok()["revisions"][0]["revision"].clone();
        let alice = shop.member("alice").enrol().await;
        alice.load(50_000).await.created();
        let order = alice.order("till-1").settle().await.created();
        let coupon =
            json!({ "title": "one off", "benefit": { "amount": { "off_minor": 1 } }, "validity": { "days": 7 } });
        shop.put("/v1/coupons/welcome", coupon).send().await.ok();
        let hold = json!({ "unit": "stored-value", "amount": 100, "lapses_at": "2100-01-01T00:00:00Z" });
        let hold = shop.post(&format!("/v1/members/{}/holds", alice.id), hold).send().await.created();
        let made = [json!(alice.id), order["id"].clone(), hold["hold"].clone(), json!(shop.store(0)), revision];
        let ids =
            made.iter().map(|id| (prefix(id.as_str().unwrap()).unwrap().to_owned(), id.as_str().unwrap().to_owned()));
        let ids = ids.collect();
        let described = shop.with_key(None).get("/openapi.json").send().await.ok();
        let mut routes = Vec::new();
        for (path, item) in described["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let method = method.to_uppercase();
                let name = format!("{method} {path}");
                routes.push(Route { name, method, path: path.clone(), operation: operation.clone() });
            }
        }
        Self { world, described, routes, ids, parts: BTreeMap::new() }
    }

    /// The routes that need a key or a session.
    pub(crate) fn closed(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter().filter(|route| !route.is_open() && !route.is_of_members())
    }

    /// What a schema says, wherever it says it.
    pub(crate) fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let reference = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        reference.and_then(|reference| self.described.pointer(reference)).unwrap_or(schema)
    }

    /// What a part of a route's path is, if there is one of its kind.
    fn part(&self, route: &Route, name: &str) -> Option<&String> {
        // Not the pack of the examples has calls that are parked.
        let name = if name == "pack" && route.path.contains("{call}") { "pack-of-call" } else { name };
        let made = self.parts.get(name)?;
        if route.method == "DELETE" { made.last() } else { made.first() }
    }

    /// An example of a parameter.
    fn example_of(&self, parameter: &Value) -> Option<Value> {
        let own = Some(&parameter["example"]).filter(|own| !own.is_null());
        own.map(|own| self.of_the_shop(own)).or_else(|| self.example(&parameter["schema"]))
    }

    /// An example of what a schema describes: its own, or one that is made of those of its parts.
    fn example(&self, schema: &Value) -> Option<Value> {
        let schema = self.resolved(schema);
        let own =
            [&schema["example"], &schema["examples"][0], &schema["const"], &schema["default"], &schema["enum"][0]];
        if let Some(own) = own.into_iter().find(|own| !own.is_null()) {
            return Some(self.of_the_shop(own));
        }
        if let Some(parts) = schema["allOf"].as_array() {
            let mut whole = serde_json::Map::new();
            for part in parts {
                whole.extend(self.example(part)?.as_object()?.clone());
            }
            return Some(whole.into());
        }
        let choices = [&schema["oneOf"], &schema["anyOf"]].into_iter().find_map(|choices| choices.as_array());
        if let Some(choices) = choices {
            return choices.iter().filter(|choice| choice["type"] != "null").find_map(|choice| self.example(choice));
        }
        let is = |kind: &str| {
            schema["type"] == kind || schema["type"].as_array().is_some_and(|of| of.contains(&kind.into()))
        };
        if is("object") {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            let mut whole = serde_json::Map::new();
            for (name, part) in schema["properties"].as_object().into_iter().flatten() {
                match self.example(part) {
                    Some(example) => drop(whole.insert(name.clone(), example)),
                    None if required.contains(&json!(name)) => return None,
                    None => {}
                }
            }
            return Some(whole.into());
        }
        if is("array") {
            return Some(json!([self.example(&schema["items"])?]));
        }
        None
    }

    /// A value with the shop's ids in place of those of an example.
    fn of_the_shop(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => match prefix(text).and_then(|prefix| self.ids.get(prefix)) {
                Some(id) => json!(id),
                None => value.clone(),
            },
            Value::Array(values) => values.iter().map(|value| self.of_the_shop(value)).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(name, value)| (name.clone(), self.of_the_shop(value))).collect()
            }
            other => other.clone(),
        }
    }
}

impl Route {
    fn is_open(&self) -> bool {
        OPEN.contains(&self.path.as_str()) || OPEN.contains(&self.name.as_str())
    }

    /// Whether it is for members, with tokens of their own.
    pub(crate) fn is_of_members(&self) -> bool {
        self.operation["security"] == json!([{ "member-token": [] }])
    }

    pub(crate) fn is_stream(&self) -> bool {
        self.operation["responses"]["200"]["content"]["text/event-stream"].is_object()
    }

    /// What its description says that it needs.
    fn needs(&self) -> Action {
        let named = self.operation["x-needs"].as_str();
        let named = named.unwrap_or_else(|| panic!("{} does not say which action it needs: x-needs", self.name));
        let known = Action::ALL.into_iter().find(|action| action.name() == named);
        known.unwrap_or_else(|| panic!("{} needs {named:?}, which is no action", self.name))
    }

    pub(crate) fn parameters(&self) -> impl Iterator<Item = &Value> {
        self.operation["parameters"].as_array().into_iter().flatten()
    }

    /// The parts of its path that are ids.
    pub(crate) fn ids_in_path(&self) -> Vec<&str> {
        let is_id = |one: &Value| one["schema"]["examples"][0].as_str().is_some_and(|id| prefix(id).is_some());
        let in_path = self.parameters().filter(|one| one["in"] == "path" && is_id(one));
        in_path.map(|one| one["name"].as_str().unwrap()).collect()
    }

    /// The type of its body and an example of it; of what is not JSON the example is a few bytes.
    pub(crate) fn body(&self, given: &Given) -> Option<(String, Vec<u8>)> {
        let content = self.operation["requestBody"]["content"].as_object()?;
        let (kind, media) = content.iter().next().unwrap_or_else(|| panic!("{} describes no body", self.name));
        if kind != "application/json" {
            return Some((kind.clone(), b"\0asm".to_vec()));
        }
        let own = [&media["example"]].into_iter().find(|own| !own.is_null()).map(|own| given.of_the_shop(own));
        let example = own.or_else(|| given.example(&media["schema"]));
        let example = example.unwrap_or_else(|| panic!("{} has no example of its body", self.name));
        Some((kind.clone(), example.to_string().into_bytes()))
    }

    /// The request that its examples make.
    pub(crate) fn ask(&self, given: &Given, shop: &Shop) -> Request {
        self.ask_with(given, shop, &BTreeMap::new())
    }

    /// The request that its examples make, but for these parameters.
    pub(crate) fn ask_with(&self, given: &Given, shop: &Shop, others: &BTreeMap<&str, String>) -> Request {
        let mut path = self.path.clone();
        let mut query = Vec::new();
        let mut headers = Vec::new();
        for parameter in self.parameters() {
            let name = parameter["name"].as_str().unwrap();
            let place = parameter["in"].as_str().unwrap();
            let part = if place == "path" { given.part(self, name) } else { None };
            let text = match others.get(name).or(part) {
                Some(text) => text.clone(),
                None if parameter["required"] == true => {
                    let example = given.example_of(parameter);
                    let example = example.unwrap_or_else(|| panic!("{} has no example of {name}", self.name));
                    example.as_str().map_or_else(|| example.to_string(), str::to_owned)
                }
                None => continue,
            };
            match place {
                "path" => path = path.replace(&format!("{{{name}}}"), &text),
                "query" => query.push(format!("{name}={text}")),
                // A key that was used already would be answered for that.
                "header" if name == "Idempotency-Key" => {}
                "header" => headers.push((name.to_lowercase(), text)),
                other => panic!("{} has a parameter in {other}", self.name),
            }
        }
        if !query.is_empty() {
            path = format!("{path}?{}", query.join("&"));
        }
        let mut request = shop.request(&self.method, &path).new_key();
        if let Some((kind, body)) = self.body(given) {
            request = request.content_type(&kind).body(body);
        }
        headers.into_iter().fold(request, |request, (name, text)| request.header(name.leak(), &text))
    }
}

/// What the kind of an id is told by: `mem` of `mem_…`, and `evt` of `evt_…_7`.
fn prefix(text: &str) -> Option<&str> {
    let (prefix, digits) = text.split_once('_')?;
    let digits = digits.split_once('_').map_or(digits, |(digits, _)| digits);
    let is_id = prefix.len() == 3 && digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_id.then_some(prefix)
}
