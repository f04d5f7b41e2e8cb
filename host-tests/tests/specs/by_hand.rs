//! Packs written by hand do what no compiler makes: each harm has its name and leaves nothing, and each limit is kept by what
//! is just within it.
//!
//! The contract has no resources, so there are no handles to flood the host with; a spec below says so when that changes.

use std::fs;
use std::path::Path;

use host_tests::premises::{Call, Premises};
use host_tests::process::Server;
use host_tests::{Shop, World};
use punchcard::pack::Limits;
use serde_json::{Value, json};

/// A pack of a few lines, whose command `go` runs instructions, and which finds so many things at an order.
///
/// The instructions may call `$write`, `$put`, `$get-many` and `$scan` as the contract has them, `$grow0` to `$grow2` and
/// `$spread0` to `$spread2`, which ask for pages of a memory and entries of a table each, `$down`, which recurses for ever, and
/// `$deep`, which recurses so many times.
/// `$kind` is the `kind` of the input.
pub(crate) struct ByHand {
    go: String,
    findings: u32,
    limits: Value,
}

impl ByHand {
    /// With these instructions.
    pub(crate) fn new(go: impl Into<String>) -> Self {
        Self { go: go.into(), findings: 0, limits: json!({}) }
    }

    /// Which asks for these limits.
    pub(crate) fn asks(self, limits: Value) -> Self {
        Self { limits, ..self }
    }

    fn finds(self, findings: u32) -> Self {
        Self { findings, ..self }
    }

    /// The component's bytes.
    pub(crate) fn component(&self) -> &'static [u8] {
        let title = json!({ "en": "by hand", "zh-CN": "手写" });
        let go = json!({ "name": "go", "title": title, "input": { "type": "object" } });
        let manifest = json!({ "id": "by-hand", "version": "0.1.0", "title": title, "limits": self.limits,
            "commands": [go] });
        let manifest = manifest.to_string();
        let data: String = manifest.bytes().map(|byte| format!("\\{byte:02x}")).collect();
        let Self { go, findings, .. } = self;
        let text = format!(
            "(component {TYPES} {IMPORTS} {ROOM} {MORE} {LOWERED}
            (core module $module {CORE_IMPORTS}
                (data (i32.const 16) \"{data}\")
                (func (export \"manifest\") (result i32)
                    (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const {}))
                    (i32.const 0))
                (func $down (result i32) (i32.add (call $down) (i32.const 1)))
                (func $deep (param i32) (result i32)
                    (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
                        (else (i32.add (call $deep (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))))
                (func $go (param $kind i32) (local $turn i32) {go})
                (func (export \"run\") (param $args i32) (result i32)
                    (call $go (i32.sub (i32.load8_u offset=8 (i32.load offset=72 (local.get $args))) (i32.const 48)))
                    (i32.store8 (i32.const 8192) (i32.const 48))
                    (i32.store (i32.const 4096) (i32.const 0))
                    (i32.store (i32.const 4100) (i32.const 8192)) (i32.store (i32.const 4104) (i32.const 1))
                    (i32.const 4096))
                (func (export \"decide\") (param i32) (result i32)
                    (i32.store (i32.const 4112) (i32.const 16384)) (i32.store (i32.const 4116) (i32.const {findings}))
                    (i32.const 4100))
                (func (export \"refunded\") (param i32) (result i32) (i32.const 4100)))
            {LIFTED})",
            manifest.len()
        );
        wat::parse_str(text).unwrap().leak()
    }
}

const TYPES: &str = r#"
    (type $weekday (enum "monday" "tuesday" "wednesday" "thursday" "friday" "saturday" "sunday"))
    (type $time (record (field "year" s16) (field "month" u8) (field "day" u8) (field "hour" u8) (field "minute" u8)
        (field "weekday" $weekday)))
    (type $context (record (field "merchant" string) (field "store" (option string)) (field "now" u64)
        (field "local" $time) (field "time-zone" string) (field "locale" string) (field "seed" u64)))
    (type $problem (record (field "code" string) (field "message" string)))
    (type $refusal (variant (case "invalid" $problem) (case "not-found" $problem) (case "refused" $problem)
        (case "failed" $problem)))
    (type $date (record (field "year" s16) (field "month" u8) (field "day" u8)))
    (type $expiry (variant (case "never") (case "at" u64) (case "end-of-day" $date)))
    (type $line (record (field "sku" string) (field "category" string) (field "quantity" u32) (field "amount" u64)))
    (type $buyer (record (field "id" string) (field "tags" (list string))))
    (type $order (record (field "id" string) (field "store" string) (field "buyer" (option $buyer))
        (field "currency" string) (field "total" u64) (field "lines" (list $line))))
    (type $earning (record (field "unit" string) (field "amount" u64) (field "expires" $expiry)))
    (type $finding (record (field "applied" bool) (field "rule" string) (field "explanation" string)))
    (type $decision (record (field "earnings" (list $earning)) (field "findings" (list $finding))))
    (type $refund (record (field "order" $order) (field "settled-at" u64)))"#;

const IMPORTS: &str = r#"
    (import "punchcard:pack/log@0.1.0" (instance $log
        (type $levels (enum "debug" "info" "warn" "error")) (export "level" (type $level (eq $levels)))
        (export "write" (func (param "level" $level) (param "message" string)))))
    (import "punchcard:pack/kv@0.1.0" (instance $kv
        (type $errors (variant (case "denied" string) (case "not-found" string) (case "invalid" string)
            (case "insufficient" u64) (case "limit" string) (case "unavailable" string)))
        (export "host-error" (type $error (eq $errors)))
        (type $entries (record (field "key" string) (field "value" (list u8))))
        (export "entry" (type $entry (eq $entries)))
        (export "put" (func (param "key" string) (param "value" (list u8)) (result (result (error $error)))))
        (export "get-many" (func (param "keys" (list string))
            (result (result (list (option (list u8))) (error $error)))))
        (export "scan" (func (param "start" string) (param "end" string) (param "limit" u32)
            (result (result (list $entry) (error $error)))))))"#;

/// Where arguments and results lie.
const ROOM: &str = r#"
    (core module $rooms
        (memory (export "memory") 8)
        (global $free (mut i32) (i32.const 65536))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (local $at i32)
            (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
            (global.set $free (i32.add (local.get $at) (local.get 3)))
            (local.get $at)))
    (core instance $room (instantiate $rooms))"#;

/// Further memories and tables.
const MORE: &str = r#"
    (core module $more
        (memory 1) (table 1 funcref)
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
        (func (export "spread") (param i32) (result i32) (table.grow (ref.null func) (local.get 0))))
    (core instance $more0 (instantiate $more))
    (core instance $more1 (instantiate $more))
    (core instance $more2 (instantiate $more))"#;

const LOWERED: &str = r#"
    (alias core export $room "memory" (core memory $memory))
    (alias core export $room "realloc" (core func $realloc))
    (core func $write (canon lower (func $log "write") (memory $memory)))
    (core func $put (canon lower (func $kv "put") (memory $memory) (realloc $realloc)))
    (core func $get-many (canon lower (func $kv "get-many") (memory $memory) (realloc $realloc)))
    (core func $scan (canon lower (func $kv "scan") (memory $memory) (realloc $realloc)))
    (core instance $host (export "write" (func $write)) (export "put" (func $put))
        (export "get-many" (func $get-many)) (export "scan" (func $scan)))"#;

const CORE_IMPORTS: &str = r#"
    (import "room" "memory" (memory 8))
    (import "host" "write" (func $write (param i32 i32 i32)))
    (import "host" "put" (func $put (param i32 i32 i32 i32 i32)))
    (import "host" "get-many" (func $get-many (param i32 i32 i32)))
    (import "host" "scan" (func $scan (param i32 i32 i32 i32 i32 i32)))
    (import "more0" "grow" (func $grow0 (param i32) (result i32)))
    (import "more1" "grow" (func $grow1 (param i32) (result i32)))
    (import "more2" "grow" (func $grow2 (param i32) (result i32)))
    (import "more0" "spread" (func $spread0 (param i32) (result i32)))
    (import "more1" "spread" (func $spread1 (param i32) (result i32)))
    (import "more2" "spread" (func $spread2 (param i32) (result i32)))"#;

const LIFTED: &str = r#"
    (core instance $main (instantiate $module (with "room" (instance $room)) (with "host" (instance $host))
        (with "more0" (instance $more0)) (with "more1" (instance $more1)) (with "more2" (instance $more2))))
    (func $manifest (result string) (canon lift (core func $main "manifest") (memory $memory)))
    (func $run (param "ctx" $context) (param "command" string) (param "input" string)
        (result (result string (error $refusal)))
        (canon lift (core func $main "run") (memory $memory) (realloc $realloc)))
    (func $decide (param "ctx" $context) (param "order" $order) (result (result $decision (error $refusal)))
        (canon lift (core func $main "decide") (memory $memory) (realloc $realloc)))
    (func $refunded (param "ctx" $context) (param "refund" $refund) (result (result (error $refusal)))
        (canon lift (core func $main "refunded") (memory $memory) (realloc $realloc)))
    (instance $describe (export "manifest" (func $manifest)))
    (export "punchcard:pack/describe@0.1.0" (instance $describe))
    (instance $commands
        (export "weekday" (type $weekday)) (export "local-time" (type $time)) (export "call-context" (type $context))
        (export "problem" (type $problem)) (export "refusal" (type $refusal)) (export "run" (func $run)))
    (export "punchcard:pack/commands@0.1.0" (instance $commands))
    (instance $checkout
        (export "weekday" (type $weekday)) (export "local-time" (type $time)) (export "call-context" (type $context))
        (export "problem" (type $problem)) (export "refusal" (type $refusal)) (export "local-date" (type $date))
        (export "expiry" (type $expiry)) (export "line" (type $line)) (export "buyer" (type $buyer))
        (export "order" (type $order)) (export "earning" (type $earning)) (export "finding" (type $finding))
        (export "decision" (type $decision)) (export "refund" (type $refund))
        (export "quote" (func $decide)) (export "settled" (func $decide)) (export "refunded" (func $refunded)))
    (export "punchcard:pack/checkout@0.1.0" (instance $checkout))"#;

/// Instructions that do this so many times.
pub(crate) fn times(count: u32, what: &str) -> String {
    format!(
        "(loop $again {what} (local.set $turn (i32.add (local.get $turn) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $turn) (i32.const {count}))))"
    )
}

/// What becomes of a pack's command `go`: `well`, or the problem's name.
async fn gone(shop: &Shop, kind: u8) -> String {
    let reply = shop.command("by-hand", "go", json!({ "kind": kind })).send().await;
    if reply.status == 200 { "well".to_owned() } else { reply.problem().name() }
}

/// What becomes of it in a world of its own, where nothing of harm stays.
async fn in_a_world(pack: &ByHand) -> String {
    let world = World::new();
    world.shop.enable(pack.component()).send().await.ok();
    let before = world.state();
    let told = gone(&world.shop, 0).await;
    if told != "well" {
        world.unchanged_since(&before);
    }
    told
}

#[tokio::test]
async fn what_is_within_a_limit_goes_well_and_what_is_just_over_it_does_not() {
    let mib = 1 << 20;
    let line = "(call $write (i32.const 1) (i32.const 0) (i32.const 0))";
    let value = "(call $put (i32.const 16) (i32.const 1) (i32.const 0) (i32.const 32768) (i32.const 4200))";
    let growing = |pages: u32| {
        let thirds = [pages / 3, pages / 3, pages - pages / 3 * 2];
        let parts = thirds.iter().enumerate();
        parts.map(|(memory, pages)| format!("(drop (call $grow{memory} (i32.const {pages})))")).collect::<String>()
    };
    let deep = |calls: u32| format!("(drop (call $deep (i32.const {calls})))");
    // Zeros at the end of the memory.
    let text = |bytes: u32| {
        format!(
            "(drop (memory.grow (i32.const 65))) (call $write (i32.const 1) (i32.const 524288) (i32.const {bytes}))"
        )
    };
    // A hundred keys a turn that were not read before: they begin at 30000, and end up to 101 bytes after that.
    let keys: String = (0..100)
        .map(|number| {
            let (at, length) = (32_000 + 8 * number, 2 + number);
            let begin = format!("(i32.store (i32.const {at}) (i32.const 30000))");
            format!("{begin} (i32.store offset=4 (i32.const {at}) (i32.const {length}))")
        })
        .collect();
    let fresh = "(i32.store8 (i32.const 30000) (i32.add (i32.const 33) (i32.div_u (local.get $turn) (i32.const 90))))
        (i32.store8 (i32.const 30001) (i32.add (i32.const 33) (i32.rem_u (local.get $turn) (i32.const 90))))";
    let read = "(call $get-many (i32.const 32000) (i32.const 100) (i32.const 4200))";
    let reading = |turns: u32| format!("{keys} {}", times(turns, &format!("{fresh} {read}")));
    let turns = u32::try_from(Limits::READS_MAX / 100).unwrap();
    for (asked, within, over, code) in [
        (json!({ "fuel_max": 100_000 }), times(1_000, ""), times(100_000, ""), "out-of-fuel"),
        // 8 pages and 3 single ones are there, and a few entries of tables: 20 more fit into 2 MiB.
        (json!({ "memory_max_bytes": 2 * mib }), growing(20), growing(21), "memory-exceeded"),
        (json!({ "host_calls_max": 100 }), times(100, line), times(101, line), "host-calls-exceeded"),
        (json!({}), times(95, value), times(96, value), "written-exceeded"),
        (json!({}), deep(2_000), deep(200_000), "stack-exhausted"),
        (json!({}), text(4 * mib), text(4 * mib + 1), "trapped"),
        (json!({}), reading(turns), reading(turns + 1), "read-exceeded"),
        // What is read again is not counted again.
        (json!({}), format!("{keys} {}", times(300, read)), reading(300), "read-exceeded"),
    ] {
        let pack = |go: String| ByHand::new(go).asks(asked.clone());
        assert_eq!(in_a_world(&pack(within)).await, "well", "{asked}");
        assert_eq!(in_a_world(&pack(over)).await, format!("502 pack-{code}"), "{asked}");
    }
}

#[tokio::test]
async fn what_takes_longer_than_it_may_by_the_wall_clock_is_ended() {
    // Some 400 million units of fuel, and at least 50 ms.
    let slow = times(50_000_000, "");
    for (wall_max_ms, told) in [(5_000, "well"), (10, "502 pack-timed-out")] {
        let pack = ByHand::new(&*slow).asks(json!({ "fuel_max": 1_000_000_000, "wall_max_ms": wall_max_ms }));
        assert_eq!(in_a_world(&pack).await, told, "{wall_max_ms} ms");
    }
}

#[tokio::test]
async fn a_pack_finds_50_things_at_an_order_and_no_more() {
    for (findings, found, failed) in [(50, 50, Value::Null), (51, 0, json!("bad-reply"))] {
        let world = World::new();
        world.shop.enable(ByHand::new("").finds(findings).component()).send().await.ok();
        let quote = world.shop.order("till-1").quote().await.ok();
        let quoted = &quote["packs"][0];
        assert_eq!((quoted["findings"].as_array().map_or(0, Vec::len), &quoted["failed"]["code"]), (found, &failed));
    }
}

#[tokio::test]
async fn tables_and_memories_that_grow_beside_each_other_end_at_the_limit_of_memory() {
    let all = |what: &str, count: u32| {
        (0..3).map(|number| format!("(drop (call ${what}{number} (i32.const {count})))")).collect::<String>()
    };
    for (go, expected) in [
        (all("grow", 80), "well"),
        (all("grow", 100), "502 pack-memory-exceeded"),
        (times(1_000, &all("grow", 1)), "502 pack-memory-exceeded"),
        (all("spread", 19_999), "well"),
        // A table has no place for more than 20,000 entries: what it can not have is not counted.
        (times(1_000, &all("spread", 10_000)), "well"),
        // Each entry of a table costs a unit of fuel.
        (all("spread", 1 << 30), "502 pack-out-of-fuel"),
        (all("grow", 1 << 15), "502 pack-memory-exceeded"),
    ] {
        assert_eq!(in_a_world(&ByHand::new(go.clone())).await, expected, "{go}");
    }
}

/// Makes 48 MiB of zeros at the end of the memory: a text of as many characters, or 6 million empty texts.
const LARGE: &str = "(drop (memory.grow (i32.const 768)))";

#[tokio::test]
async fn lists_and_texts_of_tens_of_mib_are_not_taken_over_the_border() {
    for call in [
        "(call $write (i32.const 1) (i32.const 524288) (i32.const 50331648))",
        "(call $put (i32.const 16) (i32.const 1) (i32.const 524288) (i32.const 50331648) (i32.const 4200))",
        "(call $put (i32.const 524288) (i32.const 50331648) (i32.const 16) (i32.const 1) (i32.const 4200))",
        "(call $get-many (i32.const 524288) (i32.const 6000000) (i32.const 4200))",
        "(call $scan (i32.const 524288) (i32.const 50331648) (i32.const 16) (i32.const 1) (i32.const 1) (i32.const 4200))",
        "(call $scan (i32.const 16) (i32.const 1) (i32.const 524288) (i32.const 50331648) (i32.const 1) (i32.const 4200))",
    ] {
        let pack =
            ByHand::new(format!("{LARGE} {call}")).asks(json!({ "memory_max_bytes": Limits::CAP.memory_max_bytes }));
        assert_eq!(in_a_world(&pack).await, "502 pack-trapped", "{call}");
    }
}

#[tokio::test]
async fn arguments_that_are_no_texts_or_lie_nowhere_end_the_call() {
    // Half a character, a surrogate, an overlong slash, a byte that no text has.
    for bytes in ["\\e9\\9d", "\\ed\\a0\\80", "\\c0\\af", "\\ff"] {
        let length = bytes.len() / 3;
        let stored: String = bytes.split('\\').skip(1).enumerate().fold(String::new(), |stored, (at, byte)| {
            format!("{stored} (i32.store8 (i32.const {}) (i32.const 0x{byte}))", 30_000 + at)
        });
        for call in [
            format!("(call $write (i32.const 1) (i32.const 30000) (i32.const {length}))"),
            format!("(call $put (i32.const 30000) (i32.const {length}) (i32.const 16) (i32.const 1) (i32.const 4200))"),
        ] {
            assert_eq!(
                in_a_world(&ByHand::new(format!("{stored} {call}"))).await,
                "502 pack-trapped",
                "{bytes} {call}"
            );
        }
    }
    for call in [
        "(call $write (i32.const 4) (i32.const 16) (i32.const 1))",
        "(call $write (i32.const 1) (i32.const -4) (i32.const 16))",
        "(call $write (i32.const 1) (i32.const 16) (i32.const -1))",
        "(call $put (i32.const 16) (i32.const 1) (i32.const 16) (i32.const 1) (i32.const -4))",
        "(call $put (i32.const 16) (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 4201))",
        "(call $get-many (i32.const 30001) (i32.const 1) (i32.const 4200))",
        "(call $get-many (i32.const 16) (i32.const 0x20000000) (i32.const 4200))",
    ] {
        assert_eq!(in_a_world(&ByHand::new(call)).await, "502 pack-trapped", "{call}");
    }
}

#[test]
fn the_contract_has_no_handles_that_could_be_flooded() {
    for version in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit")).unwrap() {
        let text = fs::read_to_string(version.unwrap().path().join("pack.wit")).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("///"));
        let handles: Vec<_> =
            code.filter(|line| ["resource ", "own<", "borrow<"].iter().any(|word| line.contains(word))).collect();
        assert_eq!(handles, [""; 0], "a flood of handles needs a spec now");
    }
}

#[test]
fn memory_returns_to_where_it_was_after_hundreds_of_hostile_calls() {
    const KEPT_MAX: u64 = 64 << 20;
    const KINDS: [(&str, &str); 7] = [
        ("(loop $for-ever (br $for-ever))", "out-of-fuel"),
        (
            "(drop (memory.grow (i32.const 900)))
             (loop $touch (i32.store8 (local.get $turn) (i32.const 7))
                (local.set $turn (i32.add (local.get $turn) (i32.const 4096)))
                (br_if $touch (i32.lt_u (local.get $turn) (i32.const 59000000))))
             (drop (memory.grow (i32.const 900)))",
            "memory-exceeded",
        ),
        ("(drop (call $down))", "stack-exhausted"),
        ("(loop $flood (call $write (i32.const 1) (i32.const 0) (i32.const 1000)) (br $flood))", "host-calls-exceeded"),
        (
            "(loop $fill (call $put (i32.const 16) (i32.const 1) (i32.const 0) (i32.const 32768) (i32.const 4200))
                (br $fill))",
            "written-exceeded",
        ),
        (
            "(drop (memory.grow (i32.const 768))) (call $get-many (i32.const 524288) (i32.const 6000000) (i32.const 4200))",
            "trapped",
        ),
        ("(loop $spread (drop (call $spread0 (i32.const 10000))) (br $spread))", "out-of-fuel"),
    ];
    let go: String = KINDS.iter().enumerate().fold(String::new(), |go, (kind, (what, _))| {
        format!("{go} (if (i32.eq (local.get $kind) (i32.const {kind})) (then {what}))")
    });
    let asked =
        json!({ "fuel_max": 3_000_000, "memory_max_bytes": Limits::CAP.memory_max_bytes, "host_calls_max": 1_000 });
    let premises = Premises::new();
    let server = Server::start(premises.path());
    premises.enable(&server, ByHand::new(go).asks(asked).component());
    let mut number = 0;
    let mut go = |kind: usize| {
        number += 1;
        let input = json!({ "input": { "kind": kind } });
        let call = Call::post("/v1/packs/by-hand/commands/go", format!("go-{number}"), &input);
        premises.send(server.address(), &call).unwrap()
    };
    let mut before = 0;
    for round in 0..250 {
        if round == 50 {
            before = server.resident();
        }
        for (kind, (_, code)) in KINDS.iter().enumerate() {
            let (status, reply) = go(kind);
            let told = reply["type"].as_str().unwrap_or_default();
            assert!(status == 502 && told.ends_with(code), "{kind}: {status} {reply}");
            // A call that goes well between them, so that the pack does not rest.
            assert_eq!(go(9).0, 200);
        }
    }
    let kept = server.resident().saturating_sub(before);
    assert!(before > 0 && kept < KEPT_MAX, "{} MiB more are held than after the first calls", kept >> 20);
}
