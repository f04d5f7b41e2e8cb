//! Asks a live server what its own description allows and forbids, by Schemathesis, which goes from replies to further
//! requests as well: what is for members by a member's token, all else by the owner's key. Afterwards the books have to
//! balance.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::premises::{Call, Premises};
use crate::process::{Server, serve_command};

/// What has to hold for every reply. Left out is that whatever has the right form is accepted: what an order names has
/// to be there as well.
const CHECKS: &str = "all";
const CHECKS_LEFT_OUT: &str = "positive_data_acceptance";

/// The paths that are for members.
const OWN_PATHS: &str = "/v1/me(/|$)";

/// Components are sent as they are made up.
const HOOKS: &str = "\
import schemathesis


@schemathesis.serializer('application/wasm')
def component(context, value):
    value = getattr(value, 'data', value)
    return value if isinstance(value, bytes) else str(value).encode()
";

/// What is to be done.
pub struct FuzzPlan<'a> {
    /// The program `schemathesis`.
    pub program: &'a Path,
    /// How many requests are made up for each operation and phase.
    pub examples_max: u32,
    /// What everything random follows from; without it, something new.
    pub seed: Option<u32>,
}

/// Runs it on a new data directory.
///
/// # Errors
/// What did not hold. What was asked and answered is on standard output.
///
/// # Panics
/// When there is no server to ask.
pub fn run(plan: &FuzzPlan<'_>) -> Result<(), String> {
    let premises = Premises::new();
    let mut command = serve_command(premises.path());
    let server = Server::listening(command.args(["--failed-keys-per-minute", "0"]))?;
    premises.enable_points(&server);
    let scratch = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (description, hooks) = (scratch.path().join("openapi.json"), scratch.path().join("hooks.py"));
    let write =
        |file: &Path, text: &str| std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()));
    let (member, described) = described(&premises, &server);
    write(&description, &described)?;
    write(&hooks, HOOKS)?;
    let config = scratch.path().join("schemathesis.toml");
    write(&config, CONFIG)?;

    let ask = |secret: &str, paths: [&str; 2]| {
        let mut command = Command::new(plan.program);
        command.arg("--config-file").arg(&config).arg("run").arg(&description).args([
            "--url",
            server.address(),
            "--no-color",
            "--continue-on-failure",
        ]);
        command.args(paths).args(["--header", &format!("Authorization: Bearer {secret}")]);
        command.args(["--checks", CHECKS, "--exclude-checks", CHECKS_LEFT_OUT, "--warnings", "off"]);
        command.args(["--max-examples", &plan.examples_max.to_string()]);
        command.args(plan.seed.map(|seed| format!("--seed={seed}")));
        command.env("SCHEMATHESIS_HOOKS", &hooks).current_dir(scratch.path());
        let status = command.status().map_err(|error| format!("{} does not start: {error}", plan.program.display()))?;
        if status.success() { Ok(()) } else { Err(format!("schemathesis ended with {status}")) }
    };
    // What is a member's own comes first: the owner may forget them.
    let an_hour = json!({ "valid_seconds": 3600 });
    let token = premises.ask(&server, &Call::post(format!("/v1/members/{member}/tokens"), "fuzz-5", &an_hour));
    ask(text(&token["token"]), ["--include-path-regex", OWN_PATHS])?;
    ask(premises.key(), ["--exclude-path-regex", OWN_PATHS])?;
    if !server.stop().success() {
        return Err("the server did not end well".into());
    }
    let verified = premises.verify();
    if verified.status.success() { Ok(()) } else { Err(format!("the books do not balance: {}", verified.stdout)) }
}

/// Where the host has an answer of its own: a change without `If-Match` is 428 (RFC 6585).
const CONFIG: &str = "\
[checks.missing_required_header]
expected-statuses = [400, 401, 403, 406, 415, 422, 428]
";

/// A member, and the server's description with ids of things that are there in its examples.
fn described(premises: &Premises, server: &Server) -> (String, String) {
    let member = premises.ask(server, &Call::post("/v1/members", "fuzz-1", &json!({ "reference": "card-1001" })));
    let member = text(&member["id"]);
    let money = json!({ "amount_minor": 1_000_000 });
    premises.ask(server, &Call::post(format!("/v1/members/{member}/stored-value"), "fuzz-2", &money));
    let lines = json!([{ "sku": "croissant", "category": "pastry", "quantity": 1, "amount_minor": 2400 }]);
    let order = json!({ "reference": "till-1", "store": premises.store(), "member": member, "lines": lines });
    let order = premises.ask(server, &Call::post("/v1/orders", "fuzz-3", &order));
    let hold = json!({ "unit": "stored-value", "amount": 100, "lapses_at": "2100-01-01T00:00:00Z" });
    let hold = premises.ask(server, &Call::post(format!("/v1/members/{member}/holds"), "fuzz-4", &hold));
    let revision = premises.ask(server, &Call::get("/v1/packs"))["revisions"][0]["revision"].clone();
    let ids = [member, text(&order["id"]), text(&hold["hold"]), premises.store(), text(&revision)];
    let mut description = premises.ask(server, &Call::get("/openapi.json"));
    put_in(&mut description, &ids);
    (member.to_owned(), description.to_string())
}

/// Puts ids in place of those of examples that are of the same kind.
fn put_in(value: &mut Value, ids: &[&str]) {
    match value {
        Value::String(text) => {
            let is_id = text.len() == 36 && text.as_bytes()[3] == b'_';
            if let Some(id) = ids.iter().find(|id| is_id && id[..4] == text[..4]) {
                (*id).clone_into(text);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| put_in(value, ids)),
        Value::Object(fields) => fields.values_mut().for_each(|value| put_in(value, ids)),
        _ => {}
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("an id is a text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_examples_become_those_of_things_that_are_there() {
        let made = ["mem_00000000000000000000000000000001", "sto_00000000000000000000000000000002"];
        let mut value = json!({ "a": ["mem_0198f2a4c1d07e3b9a5c6d7e8f901234", "mem_short"], "b": { "c": "ord_0198f2a4c1d07e3b9a5c6d7e8f901234" } });
        put_in(&mut value, &made);
        assert_eq!(value, json!({ "a": [made[0], "mem_short"], "b": { "c": "ord_0198f2a4c1d07e3b9a5c6d7e8f901234" } }));
    }
}
