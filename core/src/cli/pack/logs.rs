//! `punchcard pack logs`

use std::io::Write as _;
use std::time::Duration;

use axum::body::Bytes;
use clap::Args;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use serde::Deserialize;

use crate::cli::Failure;
use crate::cli::client::{Http, client};
use crate::describe::describe;
use crate::domain::Code;

/// The environment variable with the merchant's key: a command line is seen by others on the machine.
const KEY: &str = "PUNCHCARD_API_KEY";
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often `--follow` asks.
const EVERY: Duration = Duration::from_secs(1);
/// More than the longest log, in bytes.
const ANSWER_BYTES_MAX: usize = 4 << 20;

#[derive(Args)]
pub(in crate::cli) struct Logs {
    /// The pack
    #[arg(value_parser = |text: &str| Code::new(text))]
    pack: Code,
    /// The server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080", value_parser = server)]
    url: Uri,
    /// Print lines as they come, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
}

/// What is needed of an answer.
#[derive(Deserialize)]
struct Log {
    lines: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    number: u64,
    at: String,
    level: String,
    text: String,
}

/// What is needed of a refusal.
#[derive(Deserialize)]
struct Problem {
    detail: String,
}

impl Logs {
    pub(super) fn run(self) -> Result<(), Failure> {
        let key = std::env::var(KEY).map_err(|_| {
            format!("{KEY} is not set: it holds the merchant's API key, which `punchcard merchant create` and `POST /v1/keys` make")
        })?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", key.trim()))
            .map_err(|_| format!("{KEY} holds no API key: one is like pc_live_…"))?;
        bearer.set_sensitive(true);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("nothing can be asked: {error}"))?;
        let asks = Asks { http: client(&self.url, PATIENCE)?, bearer, logs: self };
        runtime.block_on(asks.tell())
    }
}

/// Asks a server, again and again.
struct Asks {
    http: Http,
    bearer: HeaderValue,
    logs: Logs,
}

impl Asks {
    async fn tell(&self) -> Result<(), Failure> {
        let mut last = print(&self.lines(0).await?, 0);
        // Whoever has read is done when nobody listens any more.
        while let Some(after) = last.filter(|_| self.logs.follow) {
            tokio::time::sleep(EVERY).await;
            match self.lines(after).await {
                Ok(lines) => last = print(&lines, after),
                Err(failure) => tracing::warn!("{failure}; trying again"),
            }
        }
        Ok(())
    }

    /// The lines after the one with this number.
    async fn lines(&self, after: u64) -> Result<Vec<Line>, Failure> {
        let Logs { pack, url, .. } = &self.logs;
        let base = url.to_string();
        let base = base.trim_end_matches('/');
        let unreachable = |why: &dyn std::fmt::Display| format!("{base} can not be asked: {why}");
        let request = Request::get(format!("{base}/v1/packs/{pack}/log?after={after}"))
            .header(AUTHORIZATION, &self.bearer)
            .body(Full::<Bytes>::default())
            .map_err(|error| unreachable(&error))?;
        let asked = async {
            let reply = self.http.request(request).await.map_err(|error| unreachable(&describe(&error)))?;
            let status = reply.status();
            let body = Limited::new(reply.into_body(), ANSWER_BYTES_MAX).collect().await;
            Ok::<_, Failure>((status, body.map_err(|error| unreachable(&error))?.to_bytes()))
        };
        let late = |_| unreachable(&format!("no answer within {} seconds", PATIENCE.as_secs()));
        let (status, body) = tokio::time::timeout(PATIENCE, asked).await.map_err(late)??;
        if status == StatusCode::OK {
            let log: Log = serde_json::from_slice(&body).map_err(|error| unreachable(&error))?;
            return Ok(log.lines);
        }
        let problem: Option<Problem> = serde_json::from_slice(&body).ok();
        let detail = problem.map(|problem| format!(": {}", problem.detail)).unwrap_or_default();
        Err(format!("{base} answers {status}{detail}"))
    }
}

fn server(text: &str) -> Result<Uri, String> {
    let url: Uri = text.parse().map_err(|error| format!("{error}"))?;
    let has_form = matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some() && url.query().is_none();
    has_form.then_some(url).ok_or_else(|| "expected the URL of a server, such as http://127.0.0.1:8080".to_owned())
}

/// Prints lines, and gives the number of the last one, or none when nobody reads them any more.
fn print(lines: &[Line], before: u64) -> Option<u64> {
    let mut out = std::io::stdout().lock();
    for Line { at, level, text, .. } in lines {
        writeln!(out, "{at} {:<5} {}", level.to_ascii_uppercase(), harmless(text)).ok()?;
    }
    out.flush().ok()?;
    Some(lines.last().map_or(before, |line| line.number))
}

/// A pack's text without what a terminal would take for an order.
fn harmless(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut told, c| {
        match c {
            c if c.is_control() => told.extend(c.escape_default()),
            c => told.push(c),
        }
        told
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_does_not_command_a_terminal() {
        assert_eq!(harmless("积分\u{1b}[2J\nforged \u{9b}1m"), "积分\\u{1b}[2J\\nforged \\u{9b}1m");
    }

    #[test]
    fn a_server_has_a_scheme_and_a_host() {
        assert!(server("https://points.example/at").is_ok());
        for wrong in ["localhost", "localhost:8080", "ftp://a", "http://a/?x=1", "/v1", ""] {
            assert!(server(wrong).is_err(), "{wrong}");
        }
    }
}
