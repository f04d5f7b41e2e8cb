//! A merchant at the host's interface, and its members.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderName, HeaderValue, Request as HttpRequest};
use punchcard::domain::{Event, LoggedEvent, MerchantId, Role, StoreId};
use punchcard::store::{StoreError, decode, layout};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::world::Inner;
use crate::{OrderBuilder, Reply, Streaming};

/// A merchant with an API key: what it asks for, it asks for over HTTP.
#[derive(Clone)]
pub struct Shop {
    inner: Arc<Inner>,
    /// Its id.
    pub id: MerchantId,
    stores: Vec<StoreId>,
    keys: BTreeMap<Role, String>,
    key: Option<String>,
}

impl Shop {
    pub(crate) fn new(inner: Arc<Inner>, id: MerchantId, stores: Vec<StoreId>, keys: BTreeMap<Role, String>) -> Self {
        let key = keys.get(&Role::Owner).cloned();
        Self { inner, id, stores, keys, key }
    }

    /// The same with the key of somebody in this role, in all stores; otherwise the owner asks.
    pub fn as_role(&self, role: Role) -> Self {
        self.with_key(self.keys.get(&role).map(String::as_str))
    }

    /// The same with the key of a clerk.
    pub fn as_clerk(&self) -> Self {
        self.as_role(Role::Clerk)
    }

    /// The same with another key, or none.
    pub fn with_key(&self, key: Option<&str>) -> Self {
        Self { key: key.map(str::to_owned), ..self.clone() }
    }

    /// The owner's key.
    pub fn owner_key(&self) -> &str {
        &self.keys[&Role::Owner]
    }

    /// The id of one of its stores.
    pub fn store(&self, index: usize) -> String {
        self.stores[index].to_string()
    }

    /// Somebody who is to become a member, known by this reference.
    pub fn member(&self, reference: &str) -> Enrolling {
        Enrolling { shop: self.clone(), body: json!({ "reference": reference }) }
    }

    /// An order of nobody in particular, under this reference.
    pub fn order(&self, reference: &str) -> OrderBuilder {
        OrderBuilder::new(self, reference, None)
    }

    /// Gives an order back.
    pub async fn refund(&self, order: &Value) -> Reply {
        self.post(&format!("/v1/orders/{}/refund", text(&order["id"])), json!({})).send().await
    }

    /// Uploads a component.
    pub async fn upload(&self, component: impl Into<Body>) -> Reply {
        self.post("/v1/packs", Value::Null).content_type("application/wasm").body(component).send().await
    }

    /// A pack that is to be enabled, with all that it asks for, in all stores.
    pub fn enable(&self, component: &'static [u8]) -> Enabling {
        let stores = self.stores.iter().map(ToString::to_string).collect();
        Enabling { shop: self.clone(), component, settings: json!({}), stores, grants: None, more: Vec::new() }
    }

    /// A pack's command in the first store.
    pub fn command(&self, pack: &str, command: &str, input: impl Into<Value>) -> Request {
        let body = json!({ "store": self.store(0), "input": input.into() });
        self.post(&format!("/v1/packs/{pack}/commands/{command}"), body)
    }

    /// A question.
    pub fn get(&self, path: &str) -> Request {
        Request::new(self, "GET", path, Body::empty())
    }

    /// A request with a JSON body and a new idempotency key.
    pub fn post(&self, path: &str, body: impl Into<Value>) -> Request {
        let key = self.inner.new_key();
        Request::new(self, "POST", path, body.into().to_string()).content_type("application/json").key(&key)
    }

    /// A request with a JSON body.
    pub fn put(&self, path: &str, body: impl Into<Value>) -> Request {
        Request::new(self, "PUT", path, body.into().to_string()).content_type("application/json")
    }

    /// A request with a JSON body that changes the state with this ETag.
    pub fn patch(&self, path: &str, etag: &str, body: impl Into<Value>) -> Request {
        let request = Request::new(self, "PATCH", path, body.into().to_string());
        request.content_type("application/json").header("if-match", etag)
    }

    /// A request of any kind, without a body.
    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self, method, path, Body::empty())
    }

    /// All that has happened to this merchant, in order.
    ///
    /// # Panics
    /// When the store can not be read.
    pub fn events(&self) -> Vec<Event> {
        let log = layout::events(self.id);
        let read = self.inner.running().host.look(|tx| {
            let entries = tx.log_scan(&log, 0, usize::MAX)?;
            let event = |value| Ok(decode::<LoggedEvent>(&log, value)?.event);
            entries.iter().map(|(_, value)| event(value)).collect::<Result<_, StoreError>>()
        });
        read.expect("the store can be read")
    }
}

/// A request in the making.
pub struct Request {
    inner: Arc<Inner>,
    asked: String,
    request: HttpRequest<Body>,
}

impl Request {
    fn new(shop: &Shop, method: &str, path: &str, body: impl Into<Body>) -> Self {
        let asked = format!("{method} {path}");
        let mut request = HttpRequest::new(body.into());
        *request.method_mut() = method.parse().expect("a method of a spec is well-formed");
        *request.uri_mut() = path.parse().expect("a path of a spec is well-formed");
        let request = Self { inner: Arc::clone(&shop.inner), asked, request };
        match &shop.key {
            Some(key) => request.header("authorization", &format!("Bearer {key}")),
            None => request,
        }
    }

    /// With this header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("a header of a spec is well-formed");
        self.request.headers_mut().insert(HeaderName::from_static(name), value);
        self
    }

    /// From this address and port, as if it had come over a network.
    #[must_use]
    pub fn from_peer(mut self, peer: &str) -> Self {
        let peer: SocketAddr = peer.parse().expect("an address of a spec is well-formed");
        self.request.extensions_mut().insert(ConnectInfo(peer));
        self
    }

    /// With this idempotency key.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    /// With an idempotency key that was not used yet.
    #[must_use]
    pub fn new_key(self) -> Self {
        let key = self.inner.new_key();
        self.key(&key)
    }

    /// Without an idempotency key.
    #[must_use]
    pub fn without_key(mut self) -> Self {
        self.request.headers_mut().remove("idempotency-key");
        self
    }

    /// With this type of the body.
    #[must_use]
    pub fn content_type(self, kind: &str) -> Self {
        self.header("content-type", kind)
    }

    /// With this body, as it is.
    #[must_use]
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        *self.request.body_mut() = body.into();
        self
    }

    /// Sends it, and gives the events of the answer as they come.
    ///
    /// # Panics
    /// When the answer is no stream of events.
    pub async fn stream(self) -> Streaming {
        let Ok(response) = self.inner.running().router.oneshot(self.request).await;
        Streaming::of(response)
    }

    /// Sends it.
    pub async fn send(self) -> Reply {
        let router = self.inner.running().router;
        let Ok(response) = router.oneshot(self.request).await;
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body in memory can be read");
        Reply { asked: self.asked, status: parts.status, headers: parts.headers, body: body.to_vec() }
    }
}

/// Somebody who is about to become a member.
pub struct Enrolling {
    shop: Shop,
    body: Value,
}

impl Enrolling {
    /// With these tags.
    #[must_use]
    pub fn tags(self, tags: &[&str]) -> Self {
        self.with("tags", json!(tags))
    }

    /// A field as it is sent.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.body[field] = value.into();
        self
    }

    /// Asks for it.
    pub async fn send(self) -> Reply {
        self.request().send().await
    }

    /// The request for it.
    pub fn request(self) -> Request {
        self.shop.post("/v1/members", self.body)
    }

    /// Makes them a member.
    pub async fn enrol(self) -> Member {
        let shop = self.shop.clone();
        let id = text(&self.send().await.created()["id"]);
        Member { shop, id }
    }
}

/// A member of a shop.
#[derive(Clone)]
pub struct Member {
    shop: Shop,
    /// Their id.
    pub id: String,
}

/// What a member holds of a unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// Spendable now.
    pub available: u64,
    /// What the member owes.
    pub debt: u64,
    /// What expires next: when, and how much.
    pub expires_next: Option<(String, u64)>,
}

impl Member {
    /// An order of theirs, under this reference.
    pub fn order(&self, reference: &str) -> OrderBuilder {
        OrderBuilder::new(&self.shop, reference, Some(&self.id))
    }

    /// Pays money into their stored value.
    pub async fn load(&self, amount_minor: u64) -> Reply {
        let path = format!("/v1/members/{}/stored-value", self.id);
        self.shop.post(&path, json!({ "amount_minor": amount_minor })).send().await
    }

    /// Spends points, by the points pack's command.
    pub async fn redeem(&self, points: u64) -> Reply {
        let input = json!({ "member": self.id, "points": points, "for": "a mug" });
        self.shop.command("points", "redeem", input).send().await
    }

    /// Is given points, by the points pack's command.
    pub async fn grant(&self, points: u64) -> Reply {
        let input = json!({ "member": self.id, "points": points, "reason": "a gift" });
        self.shop.command("points", "grant", input).send().await
    }

    /// What they hold of a unit; a unit that the merchant does not have is nothing.
    pub async fn holds(&self, unit: &str) -> Holding {
        let read = self.shop.get(&format!("/v1/members/{}/assets", self.id)).send().await.ok();
        let all = read["assets"].as_array().into_iter().flatten();
        let Some(asset) = all.into_iter().find(|asset| asset["unit"] == unit) else { return Holding::default() };
        let number = |value: &Value| value.as_u64().expect("an amount is a whole number");
        let next = &asset["expires_next"];
        Holding {
            available: number(&asset["available"]),
            debt: number(&asset["debt"]),
            expires_next: next.is_object().then(|| (text(&next["at"]), number(&next["amount"]))),
        }
    }

    /// The points that they can spend.
    pub async fn points(&self) -> u64 {
        self.holds("points").await.available
    }
}

/// A pack that is about to be enabled.
pub struct Enabling {
    shop: Shop,
    component: &'static [u8],
    settings: Value,
    stores: Vec<String>,
    grants: Option<Value>,
    more: Vec<(&'static str, Value)>,
}

impl Enabling {
    /// With these settings.
    #[must_use]
    pub fn settings(mut self, settings: Value) -> Self {
        self.settings = settings;
        self
    }

    /// In these of the shop's stores.
    #[must_use]
    pub fn stores(mut self, indexes: &[usize]) -> Self {
        self.stores = indexes.iter().map(|index| self.shop.store(*index)).collect();
        self
    }

    /// With these grants instead of all that the pack asks for.
    #[must_use]
    pub fn grants(mut self, grants: &[&str]) -> Self {
        self.grants = Some(json!(grants));
        self
    }

    /// With one more field, as it is sent.
    #[must_use]
    pub fn with(mut self, field: &'static str, value: impl Into<Value>) -> Self {
        self.more.push((field, value.into()));
        self
    }

    /// Uploads it, which has to go well, and asks for its enablement.
    pub async fn send(self) -> Reply {
        let uploaded = self.shop.upload(self.component).await.created();
        let asked = uploaded["manifest"]["grants"].as_array().into_iter().flatten();
        let all = asked.map(|asked| asked["grant"].clone()).collect();
        let mut body = json!({
            "revision": uploaded["revision"],
            "stores": self.stores,
            "grants": self.grants.unwrap_or(all),
            "settings": self.settings,
        });
        for (field, value) in self.more {
            body[field] = value;
        }
        self.shop.put(&format!("/v1/packs/{}/enablement", text(&uploaded["pack"])), body).send().await
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("this is a text").to_owned()
}
