//! `ci`: everything that has to hold before a change lands, step by step, up to the first that fails.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::args::Takes;
use crate::machine::{self, ThisMachine};
use crate::run::{Stopwatch, spoken};
use crate::toolchain::{Machine as _, Via, Way};
use crate::{Result, demo, fuzz_decoders, fuzz_http, fuzz_packs, packs, peers, run, test, verifiers, workspace};

const HELP: &str = "\
What the continuous integration runs, step by step, up to the first that fails.

Usage: cargo xtask ci [--no-install]

  fmt            the code is formatted
  packs          packs and host are built
  clippy         no warnings, tests and benches included
  test           all tests pass
  verifiers      the official verifiers of Standard Webhooks and CloudEvents accept what webhooks send
  demo           the demo runs, and its books balance
  fuzz-http      a live server answers as it describes itself, for a minute of requests, where Schemathesis can be had
  fuzz-packs     components that nobody meant do not stop the host, for half a minute
  fuzz-decoders  bytes that nobody wrote are told as wrong where the host reads its own, for half a minute
  doc            the documentation builds without warnings
  packs-apt      packs are built a second time by Debian's compiler, where apt-get can install it
  deny           licences, sources and banned crates, by cargo-deny and the files deny.toml
  advisories     known vulnerabilities, where their database can be reached

A step that this machine cannot do is skipped with the reason. A table of all steps comes at the end.

When cargo-deny is missing it is compiled once, into target/xtask, which takes two or three minutes on two cores.

  --no-install  do without what is not installed: cargo-deny, strace, Schemathesis, and Debian's compiler
";

/// What a step came to, if it did not fail.
enum Outcome {
    Passed,
    /// Not done here, and why.
    Skipped(String),
}

type Step = (&'static str, fn(&Options) -> Result<Outcome>);

/// What was asked for on the command line.
struct Options {
    install: bool,
}

/// In order: what fails soonest and most often comes first.
const STEPS: [Step; 13] = [
    ("fmt", |_| formatted()),
    ("packs", |_| packs::build(Via::Auto).map(|()| Outcome::Passed)),
    ("clippy", |_| cargo(&["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"])),
    ("test", |options| all_tests(options.install)),
    ("verifiers", |options| official_verifiers(options.install)),
    ("demo", |_| demo_balances()),
    ("fuzz-http", |options| fuzz(options.install)),
    ("fuzz-packs", |_| fuzz_packs::short().map(|()| Outcome::Passed)),
    ("fuzz-decoders", |_| fuzz_decoders::short().map(|()| Outcome::Passed)),
    ("doc", |_| documentation()),
    ("packs-apt", |options| packs_by_debian(options.install)),
    ("deny", |options| deny(options.install)),
    ("advisories", |_| advisories()),
];

/// The version that `deny.toml` is written for.
const CARGO_DENY: &str = "cargo-deny@0.20.2";

/// How long the database of advisories may take to come.
const ADVISORIES_LIMIT: Duration = Duration::from_secs(120);

pub(crate) fn main(args: Vec<OsString>) -> Result {
    let takes = Takes { command: "ci", via: false, switches: &["no-install"], words: false, rest: false };
    let given = takes.read(args)?;
    if given.help {
        run::print_help(HELP);
        return Ok(());
    }
    let options = Options { install: !given.switches.contains(&"no-install".to_owned()) };
    let total = Stopwatch::start();
    let mut table = String::new();
    let mut failure = None;
    for (name, step) in STEPS {
        run::say(&format!("== {name}"));
        let watch = Stopwatch::start();
        let outcome = step(&options);
        let said = match &outcome {
            Ok(Outcome::Passed) => "passed".to_owned(),
            Ok(Outcome::Skipped(reason)) => {
                run::say(&format!("{name}: skipped: {reason}"));
                format!("skipped: {reason}")
            }
            Err(_) => "FAILED".to_owned(),
        };
        table.push_str(&format!("  {name:<13}  {:>12}  {said}\n", spoken(watch.elapsed())));
        if let Err(error) = outcome {
            failure = Some(format!("ci stopped at `{name}`: {error}"));
            break;
        }
    }
    run::say(&format!("== summary\n{table}  {:<13}  {:>12}", "total", spoken(total.elapsed())));
    failure.map_or(Ok(()), Err)
}

fn cargo(args: &[&str]) -> Result<Outcome> {
    run::run(workspace::cargo().args(args)).map(|()| Outcome::Passed)
}

/// The peers of the benchmark `hook` are formatted, too, though nothing else here looks at them.
fn formatted() -> Result<Outcome> {
    run::run(workspace::cargo().args(["fmt", "--all", "--check"]))?;
    run::run(peers::cargo("fmt").args(["-p", "peers", "-p", "extism-guest", "--check"])).map(|()| Outcome::Passed)
}

fn all_tests(install: bool) -> Result<Outcome> {
    if install {
        machine::provide_strace();
        verifiers::provide_or_say();
    }
    test::test(&[], &[]).map(|()| Outcome::Passed)
}

fn fuzz(install: bool) -> Result<Outcome> {
    match fuzz_http::program(install) {
        Ok(program) => fuzz_http::short(&program).map(|()| Outcome::Passed),
        Err(reason) => Ok(Outcome::Skipped(reason)),
    }
}

fn official_verifiers(install: bool) -> Result<Outcome> {
    // That they cannot be had here is no fault of the code; that they refuse what the host sends is.
    match verifiers::provide(install) {
        Ok(_) => test::test(&["the_official_verifiers".to_owned()], &[]).map(|()| Outcome::Passed),
        Err(reason) => Ok(Outcome::Skipped(format!("the verifiers cannot be had here: {reason}"))),
    }
}

fn documentation() -> Result<Outcome> {
    let mut command = workspace::cargo();
    command.args(["doc", "--release", "--no-deps", "--workspace"]).env("RUSTDOCFLAGS", "-D warnings");
    run::run(&mut command).map(|()| Outcome::Passed)
}

/// Runs the demo once on an empty data directory and looks at what it says of the books.
fn demo_balances() -> Result<Outcome> {
    let dir = workspace::target_dir().join("xtask/demo");
    let unusable = |error: std::io::Error| format!("could not use {}: {error}", dir.display());
    if dir.exists() {
        std::fs::remove_dir_all(&dir).map_err(unusable)?;
    }
    std::fs::create_dir_all(&dir).map_err(unusable)?;
    let figures = dir.join("figures.json");
    run::run(demo::command().arg("--once").arg("--data").arg(dir.join("data")).arg("--json").arg(&figures))?;
    let json = std::fs::read_to_string(&figures)
        .map_err(|error| format!("the demo left no figures in {}: {error}", figures.display()))?;
    if says_balanced(&json) {
        Ok(Outcome::Passed)
    } else {
        Err(format!("{} does not say `\"books_balance\": true`", figures.display()))
    }
}

/// Whether `books_balance` is there, and true wherever it is there.
fn says_balanced(json: &str) -> bool {
    let dense: String = json.chars().filter(|c| !c.is_whitespace()).collect();
    let mut values = dense.split("\"books_balance\":").skip(1).peekable();
    values.peek().is_some() && values.all(|value| value.starts_with("true"))
}

fn packs_by_debian(install: bool) -> Result<Outcome> {
    let folder = "packs-apt";
    let mut machine = ThisMachine { target_dir: workspace::target_dir().join(folder) };
    // That it cannot be had here is no fault of the code; that it is there and does not compile packs is.
    let missing = machine.present(Way::Apt).is_empty();
    if missing && !install {
        return Ok(Outcome::Skipped("Debian's compiler is not installed".to_owned()));
    }
    if missing && let Err(reason) = machine.install(Way::Apt) {
        return Ok(Outcome::Skipped(format!("Debian's compiler cannot be installed here: {reason}")));
    }
    packs::build_into(Via::Only(Way::Apt), folder).map(|()| Outcome::Passed)
}

fn deny(install: bool) -> Result<Outcome> {
    if cargo_deny().is_none() && install {
        let mut command = workspace::cargo();
        // Without optimization it is there in half the time, and it has little to do.
        command.args(["install", "--locked", "--debug", CARGO_DENY, "--root"]).arg(tools());
        run::run(&mut command)?;
    }
    let Some(program) = cargo_deny() else {
        let how = "cargo-deny is not installed; `cargo install --locked cargo-deny` does it";
        return Ok(Outcome::Skipped(how.to_owned()));
    };
    run::run(in_project(&program).args(["check", "bans", "licenses", "sources"]))?;
    // The peers of the benchmark `hook` have a list of their own, as one of them brings what packs may not have.
    let peers = workspace::root().join("host-tests/peers/Cargo.toml");
    let mut command = in_project(&program);
    command.arg("--manifest-path").arg(peers).args(["check", "licenses", "sources"]);
    run::run(&mut command).map(|()| Outcome::Passed)
}

fn advisories() -> Result<Outcome> {
    let Some(program) = cargo_deny() else {
        return Ok(Outcome::Skipped("cargo-deny is not installed".to_owned()));
    };
    if let Err(reason) = run::run_within(in_project(&program).args(["fetch", "db"]), ADVISORIES_LIMIT) {
        return Ok(Outcome::Skipped(format!("the database of advisories cannot be reached: {reason}")));
    }
    run::run(in_project(&program).args(["check", "--disable-fetch", "advisories"])).map(|()| Outcome::Passed)
}

/// Where this command installs what it needs.
fn tools() -> PathBuf {
    workspace::target_dir().join("xtask/tools")
}

/// Our own cargo-deny, or the one on the search path.
fn cargo_deny() -> Option<PathBuf> {
    let own = tools().join("bin/cargo-deny");
    let works = |program: &PathBuf| run::answer(Command::new(program).arg("--version")).is_some();
    [own, "cargo-deny".into()].into_iter().find(works)
}

fn in_project(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(workspace::root());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_books_balance_only_when_it_is_said_and_never_denied() {
        assert!(says_balanced("{\n  \"books_balance\" : true, \"orders\": 3 }"));
        for no in [
            "{}",
            "{\"books_balance\": false}",
            "[{\"books_balance\":true},{\"books_balance\":false}]",
            "\"books_balance\"",
        ] {
            assert!(!says_balanced(no), "{no}");
        }
    }

    #[test]
    fn the_help_tells_of_every_step_in_order() {
        let told: Vec<_> = HELP.lines().filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next()).collect();
        let steps: Vec<_> = STEPS.iter().map(|(name, _)| *name).collect();
        assert_eq!(told[..steps.len()], steps);
    }
}
