//! A merchant whose server is the binary itself: a data directory, and a till's way to the server that has it open.

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;

use crate::pack;
use crate::process::{Ran, Server, punchcard};

/// How long a reply is waited for. Whatever takes longer is a fault.
const PATIENCE: Duration = Duration::from_secs(30);
/// Connections that are kept between requests, for as many clients.
const CONNECTIONS: usize = 128;

/// A data directory with a merchant in it, and the owner's key.
pub struct Premises {
    dir: TempDir,
    key: String,
    store: String,
    agent: Agent,
}

/// A request of a till. Sent again it is the same one, idempotency key included.
#[derive(Clone, Debug)]
pub struct Call {
    /// The method.
    pub method: &'static str,
    /// The path.
    pub path: String,
    /// The idempotency key.
    pub key: String,
    /// What is sent.
    pub body: Vec<u8>,
}

impl Call {
    /// Asks for what is at a path.
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: "GET", path: path.into(), key: String::new(), body: Vec::new() }
    }

    /// Wants something to be done, once.
    pub fn post(path: impl Into<String>, key: impl Into<String>, body: &Value) -> Self {
        Self { method: "POST", path: path.into(), key: key.into(), body: body.to_string().into_bytes() }
    }
}

impl Premises {
    /// A new directory with a merchant and one store.
    ///
    /// # Panics
    /// When there is no binary, or it does not make a merchant.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("there is room for a data directory");
        let mut args = vec!["merchant", "create", "--data", text(dir.path())];
        args.extend(["--name", "Maixiang", "--store", "main=Main Street", "--locale", "en"]);
        let told = punchcard(&args).ok();
        let field = |line: &str, index: usize| {
            let line = told.lines().find(|told| told.starts_with(line)).expect("the merchant is told of");
            let mut words = line.trim_start_matches("API ").split_whitespace();
            words.nth(index).expect("a line names and tells").to_owned()
        };
        let (store, key) = (field("store", 1), field("API key", 1));
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE));
        let config = config.max_idle_connections(CONNECTIONS).max_idle_connections_per_host(CONNECTIONS);
        Self { dir, key, store, agent: config.build().into() }
    }

    /// The data directory.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The merchant's store.
    pub fn store(&self) -> &str {
        &self.store
    }

    /// The owner's API key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Leaves the directory where it is, for somebody to look at.
    pub fn keep(self) -> PathBuf {
        self.dir.keep()
    }

    /// Sends a request, and gives status and body of the reply.
    ///
    /// # Errors
    /// Those of the connection: then nothing is known of what became of the request.
    pub fn send(&self, server: &str, call: &Call) -> Result<(u16, Value), ureq::Error> {
        self.send_within(server, call, PATIENCE)
    }

    /// As [`Premises::send`], but waits no longer than `patience` for the reply.
    ///
    /// # Errors
    /// Those of the connection, and that the reply did not come in time.
    ///
    /// # Panics
    /// When this is no request at all.
    pub fn send_within(&self, server: &str, call: &Call, patience: Duration) -> Result<(u16, Value), ureq::Error> {
        let request = ureq::http::Request::builder()
            .method(call.method)
            .uri(format!("{server}{}", call.path))
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json")
            .header("idempotency-key", &call.key)
            .body(call.body.as_slice())
            .expect("a request of a spec is well-formed");
        let request = self.agent.configure_request(request).timeout_global(Some(patience)).build();
        let mut reply = self.agent.run(request)?;
        let status = reply.status().as_u16();
        Ok((status, reply.body_mut().read_json()?))
    }

    /// Sends a request that has to go well.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn ask(&self, server: &Server, call: &Call) -> Value {
        let (status, reply) = self.send(server.address(), call).expect("the server answers");
        assert!((200..300).contains(&status), "{} {}: {status} {reply}", call.method, call.path);
        reply
    }

    /// Enables the points pack with its defaults: a point for every yuan.
    ///
    /// # Panics
    /// When it can not be enabled.
    pub fn enable_points(&self, server: &Server) {
        self.enable(server, pack("points"));
    }

    /// Enables a pack with its defaults and all that it asks for.
    ///
    /// # Panics
    /// When it can not be enabled.
    pub fn enable(&self, server: &Server, component: &[u8]) {
        let upload = Call { body: component.to_vec(), ..Call::post("/v1/packs", "upload", &Value::Null) };
        let uploaded = self.ask(server, &upload);
        let asked = uploaded["manifest"]["grants"].as_array().into_iter().flatten();
        let grants: Vec<_> = asked.map(|asked| asked["grant"].clone()).collect();
        let body = json!({ "revision": uploaded["revision"], "stores": [self.store], "grants": grants });
        let path = format!("/v1/packs/{}/enablement", uploaded["pack"].as_str().expect("a pack has a name"));
        self.ask(server, &Call { method: "PUT", ..Call::post(path, "enable", &body) });
    }

    /// Opens a stream of events, which is read line by line.
    ///
    /// # Panics
    /// When the server does not open it.
    pub fn open(&self, server: &str, path: &str) -> Lines {
        let request = self.agent.get(format!("{server}{path}")).header("authorization", format!("Bearer {}", self.key));
        let reply = request.call().expect("the server answers");
        assert_eq!(reply.status().as_u16(), 200);
        Lines(BufReader::new(Box::new(reply.into_body().into_reader())))
    }

    /// What `punchcard verify` says of the directory. No server may have it open.
    pub fn verify(&self) -> Ran {
        punchcard(&["verify", "--deep", "--data", text(self.path())])
    }
}

/// A stream of events that a server sends.
pub struct Lines(BufReader<Box<dyn Read>>);

impl Lines {
    /// The next line. Waits for it.
    ///
    /// # Panics
    /// When the stream has ended.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).expect("the stream can be read");
        assert!(read > 0, "the stream has ended");
        line.trim_end().to_owned()
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// When the stream breaks off instead of ending.
    pub fn to_end(mut self) {
        let ended = std::io::copy(&mut self.0, &mut std::io::sink());
        ended.expect("the stream ends as it should");
    }
}

impl Default for Premises {
    fn default() -> Self {
        Self::new()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary directory has a plain name")
}
