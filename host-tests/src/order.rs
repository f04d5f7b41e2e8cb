//! A basket: quoted, or settled as an order.

use serde_json::{Value, json};

use crate::{Reply, Shop};

/// An order in the making. Unless it says otherwise it is made now, in the first store, of one croissant for 24 yuan.
#[derive(Clone)]
pub struct OrderBuilder {
    shop: Shop,
    body: Value,
    default_line: bool,
    key: Option<String>,
}

impl OrderBuilder {
    pub(crate) fn new(shop: &Shop, reference: &str, member: Option<&str>) -> Self {
        let mut body = json!({
            "reference": reference,
            "store": shop.store(0),
            "lines": [{ "sku": "croissant", "quantity": 1, "amount_minor": 2400 }],
        });
        if let Some(member) = member {
            body["member"] = member.into();
        }
        Self { shop: shop.clone(), body, default_line: true, key: None }
    }

    /// One more line, in place of the croissant.
    pub fn line(self, sku: &str, amount_minor: u64) -> Self {
        self.raw_line(json!({ "sku": sku, "quantity": 1, "amount_minor": amount_minor }))
    }

    /// One more line, as it is sent.
    pub fn raw_line(mut self, line: Value) -> Self {
        if std::mem::take(&mut self.default_line) {
            self.body["lines"] = json!([]);
        }
        if let Some(lines) = self.body["lines"].as_array_mut() {
            lines.push(line);
        }
        self
    }

    /// When it was made.
    pub fn at(self, instant: &str) -> Self {
        self.with("ordered_at", instant)
    }

    /// In which of the shop's stores.
    pub fn in_store(self, index: usize) -> Self {
        let store = self.shop.store(index);
        self.with("store", store)
    }

    /// A field as it is sent.
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.body[field] = value.into();
        self
    }

    /// With this idempotency key.
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// What is sent.
    pub fn body(&self) -> Value {
        self.body.clone()
    }

    /// Sends it as an order.
    pub async fn settle(self) -> Reply {
        let request = self.shop.post("/v1/orders", self.body);
        match self.key {
            Some(key) => request.key(&key).send().await,
            None => request.send().await,
        }
    }

    /// Asks what it would get.
    pub async fn quote(mut self) -> Reply {
        if let Some(body) = self.body.as_object_mut() {
            body.remove("reference");
            body.remove("ordered_at");
        }
        self.shop.post("/v1/quotes", self.body).send().await
    }
}
