//! A receiver of webhooks on loopback, which remembers what came and answers as a spec says.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use punchcard::usecase::webhooks::Secret;
use serde_json::Value;
use tokio::sync::Notify;

/// Something that came.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

type Answers = dyn Fn(&Delivery) -> Response + Send + Sync;

/// A receiver. It is gone when the runtime of its spec is.
pub struct Receiver {
    address: SocketAddr,
    got: Arc<Got>,
}

#[derive(Default)]
struct Got {
    all: Mutex<Vec<Delivery>>,
    more: Notify,
}

#[derive(Clone)]
struct Desk {
    got: Arc<Got>,
    answers: Arc<Answers>,
}

impl Receiver {
    /// One that takes everything.
    pub async fn new() -> Self {
        Self::answering(|_| StatusCode::NO_CONTENT.into_response()).await
    }

    /// One that answers like this.
    ///
    /// # Panics
    /// When loopback has no port left.
    pub async fn answering(answers: impl Fn(&Delivery) -> Response + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has a port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let got = Arc::new(Got::default());
        let desk = Desk { got: Arc::clone(&got), answers: Arc::new(answers) };
        let router = Router::new().fallback(take).with_state(desk);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, got }
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// All that came.
    ///
    /// # Panics
    /// When an answer has panicked.
    pub fn got(&self) -> Vec<Delivery> {
        self.got.all.lock().expect("no answer panics").clone()
    }

    /// Waits until so many came in all. Waits for as long as it takes.
    pub async fn wait_for(&self, count: usize) -> Vec<Delivery> {
        loop {
            let more = self.got.more.notified();
            let got = self.got();
            if got.len() >= count {
                return got;
            }
            more.await;
        }
    }

    /// The numbers of the events that came, in the order in which they came.
    pub fn sequences(&self) -> Vec<u64> {
        self.got().iter().map(Delivery::sequence).collect()
    }
}

async fn take(State(desk): State<Desk>, headers: HeaderMap, body: Bytes) -> Response {
    let delivery = Delivery { headers, body: body.to_vec() };
    let answer = (desk.answers)(&delivery);
    desk.got.all.lock().expect("no answer panics").push(delivery);
    desk.got.more.notify_one();
    answer
}

impl Delivery {
    /// A header's text.
    ///
    /// # Panics
    /// When it is not there.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).expect("the header is there").to_str().expect("the header is text")
    }

    /// The body.
    ///
    /// # Panics
    /// When it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    /// The kind of event, without what all have in common.
    pub fn kind(&self) -> String {
        let json = self.json();
        let kind = json["type"].as_str().and_then(|kind| kind.strip_prefix("punchcard.")?.strip_suffix(".v1"));
        kind.expect("an event has a type").to_owned()
    }

    /// The number of the event; 0 for a test.
    pub fn sequence(&self) -> u64 {
        self.json()["sequence"].as_str().map_or(0, |digits| digits.parse().expect("a sequence is a number"))
    }

    /// Whether one of its signatures is made with this secret.
    ///
    /// # Panics
    /// When it is not of the form of Standard Webhooks.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let secret = Secret::from_text(secret).expect("a secret has its form");
        let at = self.header("webhook-timestamp").parse().expect("an instant is a number");
        let signature = secret.sign(self.header("webhook-id"), at, &self.body);
        self.header("webhook-signature").split(' ').any(|given| given == signature)
    }
}
