//! What `kill -9` can not show, because the system keeps what a process has written: the binary's own system calls say
//! that a reply leaves only after the journal's record of it was brought to the disk.

use std::io::{PipeReader, Read as _, Write as _};
use std::path::Path;
use std::process::Command;

use host_tests::premises::{Call as Asked, Premises};
use host_tests::process::{Server, serve_command};
use serde_json::json;

const CLIENTS: usize = 8;
const ORDERS_EACH: usize = 25;
const WRITES: [&str; 7] = ["write", "writev", "pwrite64", "pwritev", "pwritev2", "sendto", "sendmsg"];
const SYNCS: [&str; 2] = ["fdatasync", "fsync"];

#[test]
fn a_reply_leaves_after_the_journal_was_synced_that_holds_it() {
    if let Err(reason) = tracing_is_possible() {
        // Past the test's own output, which is shown only when it fails.
        writeln!(std::io::stderr(), "skipped: that replies wait for the disk is not proved here: {reason}").unwrap();
        return;
    }
    let shop = Premises::new();
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace");
    let (server, mut complaints) = traced(&shop, &trace);
    shop.enable_points(&server);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (shop, server) = (&shop, &server);
            scope.spawn(move || {
                for number in 0..ORDERS_EACH {
                    shop.ask(server, &order(shop, client, number));
                }
            });
        }
    });
    assert!(server.stop().success());
    // This ends when strace does, and has written all of the trace.
    let mut complained = String::new();
    complaints.read_to_string(&mut complained).unwrap();
    let trace = String::from_utf8_lossy(&std::fs::read(trace).unwrap()).into_owned();
    assert!(trace.contains("+++ exited with 0 +++"), "the trace has no end; strace said: {complained}");
    let proved = replies_after_sync(&trace).unwrap();
    assert!(proved == CLIENTS * ORDERS_EACH, "only {proved} replies are in the trace");
}

#[test]
fn a_sync_that_fails_is_not_acknowledged_and_ends_the_process() {
    if let Err(reason) = tracing_is_possible() {
        writeln!(std::io::stderr(), "skipped: what a failed sync leads to is not proved here: {reason}").unwrap();
        return;
    }
    let shop = Premises::new();
    let mut command = Command::new("strace");
    // Each thread counts for itself, and the journal has one.
    let fails = ["-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=12"];
    command.args(["-D", "-f", "-o", "/dev/null"]).args(fails);
    let serve = serve_command(shop.path());
    command.arg(serve.get_program()).args(serve.get_args());
    let (mut complaints, both) = std::io::pipe().unwrap();
    let server = Server::listening(command.stderr(both)).unwrap();
    drop(command);
    let enrol = |number: usize| {
        let reference = format!("card-{number}");
        Asked::post("/v1/members", &reference, &json!({ "reference": reference }))
    };
    let mut acknowledged = 0;
    let refused = loop {
        match shop.send(server.address(), &enrol(acknowledged)) {
            Ok((201, _)) => acknowledged += 1,
            other => break other,
        }
        assert!(acknowledged < 100, "no sync has failed");
    };
    assert!(refused.as_ref().map_or(true, |(status, _)| *status == 503), "{refused:?}");
    assert!(!server.ended().success());
    let mut complained = String::new();
    complaints.read_to_string(&mut complained).unwrap();
    assert!(complained.contains("error: the store is unavailable: cannot write to the journal"), "{complained}");

    // Whoever watches the process starts it again: everything acknowledged is there, and the one under way is done once.
    let server = Server::start(shop.path());
    for number in 0..=acknowledged {
        shop.ask(&server, &enrol(number));
    }
    assert!(server.stop().success());
    let told = shop.verify().ok();
    assert!(told.contains(&format!("{} members", acknowledged + 1)), "{told}");
}

fn order(shop: &Premises, client: usize, number: usize) -> Asked {
    let reference = format!("traced-{client:03}-{number:03}");
    let lines = [json!({ "sku": "bread", "quantity": 1, "amount_minor": 1_200 })];
    Asked::post("/v1/orders", &reference, &json!({ "reference": reference, "store": shop.store(), "lines": lines }))
}

/// Whether there is strace, and the system lets it trace.
fn tracing_is_possible() -> Result<(), String> {
    let tried = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    let tried =
        tried.map_err(|error| format!("strace can not be started ({error}); `cargo xtask test` installs it"))?;
    let complaint = || format!("strace may not trace here: {}", String::from_utf8_lossy(&tried.stderr).trim());
    if tried.status.success() { Ok(()) } else { Err(complaint()) }
}

/// The server under strace, which stays beside it: the server is our own child. And what both complain about.
fn traced(shop: &Premises, trace: &Path) -> (Server, PipeReader) {
    let calls = format!("trace={},{}", WRITES.join(","), SYNCS.join(","));
    let mut command = Command::new("strace");
    // Descriptors with their files, and all that is written.
    command.args(["-D", "-f", "-y", "-s", "1000000", "-e", &calls, "-o"]).arg(trace);
    let serve = serve_command(shop.path());
    command.arg(serve.get_program()).args(serve.get_args());
    let (complaints, both) = std::io::pipe().unwrap();
    (Server::listening(command.stderr(both)).unwrap(), complaints)
}

/// A system call: in which lines of the trace it begins and ends.
struct Call<'t> {
    thread: &'t str,
    name: &'t str,
    /// With the descriptor first, such as `5</data/journal/1.journal>, "…", 12`.
    args: &'t str,
    began: usize,
    /// With whether it went well.
    ended: Option<(usize, bool)>,
}

impl Call<'_> {
    fn descriptor(&self) -> &str {
        self.args.split_once('>').map_or(self.args, |(descriptor, _)| descriptor)
    }

    fn is_of_journal(&self) -> bool {
        self.descriptor().contains("/journal/")
    }

    fn is_reply(&self) -> bool {
        WRITES.contains(&self.name) && self.descriptor().contains("<socket:") && self.args.contains("HTTP/1.1 201 ")
    }

    /// When it had ended well.
    fn done(&self) -> Option<usize> {
        self.ended.filter(|(_, well)| *well).map(|(line, _)| line)
    }
}

/// Proves that every reply to an order left after its record was written to the journal and synced from then on. Says
/// how many there were.
fn replies_after_sync(trace: &str) -> Result<usize, String> {
    let calls = calls(trace);
    let mut proved = 0;
    for reply in calls.iter().filter(|call| call.is_reply()) {
        let Some(reference) = after(reply.args, r#"\"reference\":\""#).and_then(|text| text.split('\\').next()) else {
            continue;
        };
        let before_reply = |line: &usize| *line < reply.began;
        let is_record =
            |call: &&Call<'_>| WRITES.contains(&call.name) && call.is_of_journal() && call.args.contains(reference);
        let synced = calls.iter().filter(is_record).any(|record| {
            let Some(written) = record.done().filter(before_reply) else { return false };
            calls.iter().any(|call| {
                SYNCS.contains(&call.name)
                    && call.descriptor() == record.descriptor()
                    && call.began > written
                    && call.done().is_some_and(|line| before_reply(&line))
            })
        });
        if !synced {
            return Err(format!(
                "the reply about {reference} (line {}) left before its record was synced",
                reply.began
            ));
        }
        proved += 1;
    }
    Ok(proved)
}

/// The calls of a trace by `strace -f -y -o`, in which one that is interrupted by another thread's takes two lines.
fn calls(trace: &str) -> Vec<Call<'_>> {
    let mut calls: Vec<Call<'_>> = Vec::new();
    for (line, text) in trace.lines().enumerate() {
        let Some((thread, what)) = text.split_once(' ') else { continue };
        let what = what.trim_start();
        let well = || what.rsplit_once(" = ").is_some_and(|(_, result)| !result.starts_with(['-', '?']));
        if what.starts_with("<... ") {
            let open = calls.iter_mut().rev().find(|call| call.thread == thread && call.ended.is_none());
            if let Some(call) = open {
                call.ended = Some((line, well()));
            }
        } else if let Some((name, args)) = what.split_once('(').filter(|_| !what.starts_with(['+', '-'])) {
            let ended = (!what.ends_with("<unfinished ...>")).then(|| (line, well()));
            calls.push(Call { thread, name, args, began: line, ended });
        }
    }
    calls
}

fn after<'t>(text: &'t str, mark: &str) -> Option<&'t str> {
    text.split_once(mark).map(|(_, rest)| rest)
}

const RECORD: &str = r#"7 write(5</d/journal/1.journal>, "F\1\0till-1\0", 9) = 9"#;
const SYNC: &str = "7 fdatasync(5</d/journal/1.journal>) = 0";
const REPLY: &str = r#"8 writev(9<socket:[42]>, [{iov_base="HTTP/1.1 201 Created\r\n"}, {iov_base="{\"reference\":\"till-1\"}"}], 2) = 60"#;

#[track_caller]
fn check(lines: &[&str], good: bool) {
    let seen = replies_after_sync(&lines.join("\n"));
    assert_eq!(seen.is_ok(), good, "{seen:?}");
}

#[test]
fn a_trace_in_which_replies_wait_for_the_sync_is_good() {
    check(&[RECORD, SYNC, REPLY], true);
    let began = "7 fdatasync(5</d/journal/1.journal> <unfinished ...>";
    check(&[RECORD, began, "8 write(1</dev/null>, \"x\", 1) = 1", "7 <... fdatasync resumed>) = 0", REPLY], true);
    assert_eq!(replies_after_sync(&[RECORD, SYNC, REPLY, REPLY].join("\n")), Ok(2));
}

#[test]
fn a_trace_in_which_a_reply_leaves_too_early_is_seen_through() {
    // Before the sync, before the record, and without any.
    check(&[RECORD, REPLY, SYNC], false);
    check(&[SYNC, REPLY, RECORD], false);
    check(&[REPLY], false);
    // The sync was under way already when the record was written, or still when the reply left.
    let (began, ended) = ("6 fdatasync(5</d/journal/1.journal> <unfinished ...>", "6 <... fdatasync resumed>) = 0");
    check(&[began, RECORD, ended, REPLY], false);
    check(&[RECORD, began, REPLY, ended], false);
    // It failed, or was another file's.
    check(&[RECORD, "7 fdatasync(5</d/journal/1.journal>) = -1 EIO (Input/output error)", REPLY], false);
    check(&[RECORD, "7 fdatasync(4</d/sled/db>) = 0", REPLY], false);
    // The record is another order's.
    check(&[&RECORD.replace("till-1", "till-2"), SYNC, REPLY], false);
}
