//! Components that are no packs: each is refused by name, and the host goes on.

use host_tests::{World, guest, pack, reworded};
use serde_json::{Value, json};

use crate::with_points;

/// A component of a few lines that is a pack, or nearly.
pub(crate) struct Tiny {
    manifest: Value,
    /// What comes before the manifest is returned.
    before: String,
    /// Further parts of the component.
    parts: String,
    /// What `manifest` returns: `string` in a pack.
    result: &'static str,
    export: &'static str,
}

impl Tiny {
    /// A pack that has nothing but a name.
    pub(crate) fn new(id: &str) -> Self {
        Self {
            manifest: json!({ "id": id, "version": "0.1.0", "title": { "en": id, "zh-CN": id } }),
            before: String::new(),
            parts: String::new(),
            result: "string",
            export: "punchcard:pack/describe@0.1.0",
        }
    }

    /// With a unit of its own.
    pub(crate) fn unit(self, code: &str) -> Self {
        self.with("units", json!([{ "code": code, "title": { "en": code, "zh-CN": code } }]))
    }

    /// In this version.
    pub(crate) fn version(self, version: &str) -> Self {
        self.with("version", json!(version))
    }

    fn with(mut self, field: &str, value: Value) -> Self {
        self.manifest[field] = value;
        self
    }

    fn before(mut self, instructions: &str) -> Self {
        instructions.clone_into(&mut self.before);
        self
    }

    fn part(mut self, wat: &str) -> Self {
        self.parts += wat;
        self
    }

    /// The component's bytes.
    pub(crate) fn component(&self) -> Vec<u8> {
        tiny(&self.manifest.to_string(), self)
    }
}

/// A component whose manifest is this text.
fn tiny(manifest: &str, Tiny { before, parts, result, export, .. }: &Tiny) -> Vec<u8> {
    let data: String = manifest.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let lift = if *result == "string" { "(memory (core memory $main \"memory\"))" } else { "" };
    let store = if *result == "string" {
        format!("(i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const {}))", manifest.len())
    } else {
        String::new()
    };
    let text = format!(
        r#"(component
            {parts}
            (core module $module
                (memory (export "memory") 8)
                (data (i32.const 16) "{data}")
                (func $down (result i32) (i32.add (call $down) (i32.const 1)))
                (func (export "manifest") (result i32) {before} {store} (i32.const 0)))
            (core instance $main (instantiate $module))
            (func $manifest (result {result}) (canon lift (core func $main "manifest") {lift}))
            (instance $describe (export "manifest" (func $manifest)))
            (export "{export}" (instance $describe)))"#
    );
    wat::parse_str(text).unwrap()
}

/// A schema of four kilobytes that takes longer to check by than anybody waits.
pub(crate) fn bomb() -> Value {
    let mut definitions = serde_json::Map::new();
    for number in 0..40 {
        let next = json!({ "$ref": format!("#/$defs/a{}", number + 1) });
        definitions.insert(format!("a{number}"), json!({ "allOf": [next, next] }));
    }
    definitions.insert("a40".into(), json!({ "type": "string" }));
    json!({ "$ref": "#/$defs/a0", "$defs": definitions })
}

/// Uploads it, and shows why it was refused. Nothing has changed then.
async fn refusal(world: &World, component: impl Into<Vec<u8>>) -> String {
    let before = world.state();
    let problem = world.shop.upload(component.into()).await.problem();
    world.unchanged_since(&before);
    problem.to_string()
}

#[track_caller]
fn assert_begins(text: &str, beginning: &str) {
    assert!(text.starts_with(beginning), "{text:?} does not begin with {beginning:?}");
}

#[tokio::test]
async fn a_component_of_a_few_lines_is_a_pack() {
    let world = World::new();
    world.shop.upload(Tiny::new("tiny").component()).await.created();
}

#[tokio::test]
async fn a_core_module_is_no_component_and_is_told_how_to_become_one() {
    let world = World::new();
    let refused = refusal(&world, wat::parse_str("(module)").unwrap()).await;
    assert_begins(&refused, "422 not-a-component: ");
    assert!(refused.contains("punchcard pack build --module"), "{refused}");
}

#[tokio::test]
async fn bytes_that_are_no_wasm_are_refused() {
    let world = World::new();
    for garbage in [&b""[..], b"\0asm", b"hello", b"(component)", &[0xff; 4096]] {
        assert_begins(&refusal(&world, garbage).await, "422 not-a-component: ");
    }
}

#[tokio::test]
async fn a_component_that_is_cut_off_is_refused() {
    let world = World::new();
    for bytes in [8_usize, 5000, 200_000] {
        let refused = refusal(&world, &pack("points")[..bytes]).await;
        let expected = if bytes == 8 { "422 no-describe: " } else { "422 invalid-component: " };
        assert_begins(&refused, expected);
    }
}

#[tokio::test]
async fn a_component_that_is_too_large_is_refused() {
    let world = World::new();
    assert_begins(&refusal(&world, vec![0; (8 << 20) + 1]).await, "413 component-too-large: ");
    assert_begins(&refusal(&world, vec![0; (9 << 20) + 1]).await, "413 body-too-large: ");
}

#[tokio::test]
async fn a_component_that_imports_anything_but_the_contract_is_refused_by_its_name() {
    let world = World::new();
    for import in [
        "wasi:clocks/wall-clock@0.2.0",
        "wasi:cli/environment@0.2.0",
        "acme:tills/printer",
        "punchcard:pack/secrets@0.1.0",
    ] {
        let component = Tiny::new("tiny").part(&format!(r#"(import "{import}" (instance))"#)).component();
        assert_begins(
            &refusal(&world, component).await,
            &format!("422 foreign-import: the component imports `{import}`"),
        );
    }
    let bare = wat::parse_str(r#"(component (import "wasi:clocks/wall-clock@0.2.0" (instance)))"#).unwrap();
    assert_begins(&refusal(&world, bare).await, "422 foreign-import: ");
}

#[tokio::test]
async fn a_component_that_exports_anything_but_the_contract_is_refused_by_its_name() {
    let world = World::new();
    let other = Tiny { export: "acme:tills/printer", ..Tiny::new("tiny") };
    assert_begins(
        &refusal(&world, other.component()).await,
        "422 foreign-export: the component exports `acme:tills/printer`",
    );
}

#[tokio::test]
async fn a_component_of_a_contract_that_the_host_does_not_speak_is_refused_with_what_it_speaks() {
    let world = World::new();
    for (export, part) in [
        ("punchcard:pack/describe@0.0.9", ""),
        ("punchcard:pack/describe@0.1.0", r#"(import "punchcard:pack/kv@9.0.0" (instance))"#),
        ("punchcard:pack/describe@0.1.0", r#"(import "punchcard:pack/kv@0.1.99" (instance))"#),
    ] {
        let other = Tiny { export, ..Tiny::new("tiny").part(part) };
        assert_begins(&refusal(&world, other.component()).await, "422 other-contract: the component has `punchcard:");
    }
}

#[tokio::test]
async fn a_component_that_does_not_describe_itself_is_refused() {
    let world = World::new();
    assert_begins(&refusal(&world, wat::parse_str("(component)").unwrap()).await, "422 no-describe: ");
}

#[tokio::test]
async fn a_component_with_other_types_than_the_contracts_is_refused() {
    let world = World::new();
    let number = Tiny { result: "u32", ..Tiny::new("tiny") };
    assert_begins(&refusal(&world, number.component()).await, "422 wrong-types: ");
    let empty =
        wat::parse_str(r#"(component (instance $none) (export "punchcard:pack/describe@0.1.0" (instance $none)))"#);
    assert_begins(&refusal(&world, empty.unwrap()).await, "422 wrong-types: ");
    let import = r#"(import "punchcard:pack/settings@0.1.0" (instance (export "get" (func (result u32)))))"#;
    assert_begins(&refusal(&world, Tiny::new("tiny").part(import).component()).await, "422 wrong-types: ");
}

#[tokio::test]
async fn a_component_has_4_memories_and_8_tables_and_no_more() {
    // One memory is the tiny pack's own.
    for (what, most) in [("(memory 1)", 3), ("(table 1 funcref)", 8)] {
        let world = World::new();
        let with = |count: usize| {
            let parts = format!("(core module $m {what}) ") + &"(core instance (instantiate $m)) ".repeat(count);
            Tiny::new("tiny").part(&parts).component()
        };
        assert_begins(&refusal(&world, with(most + 1)).await, "422 component-too-demanding: ");
        world.shop.upload(with(most)).await.created();
    }
}

#[tokio::test]
async fn a_component_of_too_many_instances_is_refused() {
    let world = World::new();
    let with = |count| "(core module $m) ".to_owned() + &"(core instance (instantiate $m)) ".repeat(count);
    world.shop.upload(Tiny::new("tiny").part(&with(15)).component()).await.created();
    let instances = with(16);
    assert_begins(
        &refusal(&world, Tiny::new("tiny").part(&instances).component()).await,
        "422 invalid-component: the component is not valid: The component transitively contains 17 core module instances",
    );
}

#[tokio::test]
async fn a_component_that_begins_with_more_memory_than_it_may_have_is_refused() {
    let world = World::new();
    for (pages, expected) in [
        (257, "422 describe-failed: the component did not tell its manifest: the pack wanted more than 16777216 bytes"),
        (2000, "422 invalid-component: "),
        (65_536, "422 invalid-component: "),
    ] {
        let memory = format!("(core module $m (memory {pages})) (core instance (instantiate $m))");
        assert_begins(&refusal(&world, Tiny::new("tiny").part(&memory).component()).await, expected);
    }
}

#[tokio::test]
async fn a_description_that_does_not_end_well_is_refused_with_the_reason() {
    let world = World::new();
    for (before, reason) in [
        ("unreachable", "the pack broke off: "),
        ("(loop $again (br $again))", "the pack used up its 50000000 units of fuel"),
        ("(drop (call $down))", "the pack recursed deeper than its stack"),
        (
            "(loop $again (drop (memory.grow (i32.const 1))) (br $again))",
            "the pack wanted more than 16777216 bytes of memory",
        ),
        ("(drop (i32.load (i32.const -4)))", "the pack broke off: "),
        // A text that is no UTF-8.
        (
            "(i32.store8 (i32.const 4) (i32.const 1)) (i32.store8 (i32.const 16) (i32.const 255)) (i32.store (i32.const 0) (i32.const 16)) (return (i32.const 0))",
            "the pack broke off: ",
        ),
        (
            "(i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const -1)) (return (i32.const 0))",
            "the pack broke off: ",
        ),
    ] {
        let refused = refusal(&world, Tiny::new("tiny").before(before).component()).await;
        assert_begins(&refused, &format!("422 describe-failed: the component did not tell its manifest: {reason}"));
    }
}

#[tokio::test]
async fn a_start_function_that_traps_or_loops_is_refused() {
    let world = World::new();
    for body in ["unreachable", "(loop $again (br $again))"] {
        let part = format!("(core module $m (func $go {body}) (start $go)) (core instance (instantiate $m))");
        assert_begins(&refusal(&world, Tiny::new("tiny").part(&part).component()).await, "422 describe-failed: ");
    }
}

#[tokio::test]
async fn a_manifest_that_is_not_json_is_refused() {
    let world = World::new();
    for manifest in ["", "hello", "[]", "{\"id\": \"tiny\"", &"[".repeat(100_000)] {
        let refused = refusal(&world, tiny(manifest, &Tiny::new("tiny"))).await;
        assert_begins(&refused, "422 bad-manifest: the manifest is not what the contract says: ");
    }
    assert_begins(&refusal(&world, tiny("x".repeat(262_145).as_str(), &Tiny::new("tiny"))).await, "422 bad-manifest: ");
}

#[tokio::test]
async fn a_manifest_with_wrong_fields_is_refused_with_the_field() {
    let world = World::new();
    let tiny = || Tiny::new("tiny");
    let text = || json!({ "en": "x", "zh-CN": "x" });
    for (pack, reason) in [
        (tiny().with("id", json!("Tiny!")), "`Tiny!` is not a code"),
        (tiny().with("version", json!("one")), "unexpected character 'o'"),
        (tiny().with("title", json!({ "zh-CN": "小" })), "the title has no text for `en`"),
        (
            tiny().with("title", json!({ "en": "tiny" })),
            "the title has no text for `zh-CN`; each text is in `en` and in",
        ),
        (tiny().with("colour", json!("red")), "unknown field `colour`"),
        (
            tiny().with("settings", json!({ "type": "nonsense" })),
            "the settings' schema is not a JSON Schema that can be used: ",
        ),
        (
            tiny().with("settings", bomb()),
            "the settings' schema is not a JSON Schema that can be used: it has too many parts",
        ),
        (tiny().with("summary", json!({ "en": "x" })), "the summary has no text for `zh-CN`"),
        (tiny().with("grants", json!([{ "grant": "everything", "reason": text() }])), "`everything` is not a grant"),
        (
            tiny().with("units", json!([{ "code": "u", "title": text() }, { "code": "u", "title": text() }])),
            "the unit `u` is declared twice",
        ),
        (
            tiny().with("commands", json!([{ "name": "c", "title": text(), "input": {} }])),
            "the manifest has 1 under `commands`, but the component does not export `commands`",
        ),
        (tiny().with("follows", json!(["order settled"])), "`order settled` is no kind of event: expected one of"),
        (tiny().with("follows", json!(["order-settled"])), "does not ask for the grant `events:read`"),
        (
            tiny().with("emits", json!([{ "kind": "k", "title": text() }])),
            "the manifest has something under `emits`, but does not ask for the grant `events:emit`",
        ),
        (
            tiny()
                .with("follows", json!(["order-settled"]))
                .with("grants", json!([{ "grant": "events:read", "reason": text() }])),
            "the manifest has 1 under `follows`, but the component does not export `on-event`",
        ),
        (
            tiny().with("timers", json!([{ "name": "t", "title": text(), "rule": { "every": "day", "at": "02:00" } }])),
            "the manifest has 1 under `timers`, but the component does not export `on-timer`",
        ),
        (
            tiny().with("timers", json!([{ "name": "t", "title": text(), "rule": { "every": "day", "at": "25:00" } }])),
            "`25:00` is no time of the day",
        ),
    ] {
        let refused = refusal(&world, pack.component()).await;
        assert_begins(&refused, "422 bad-manifest: ");
        assert!(refused.contains(reason), "{refused:?} does not say {reason:?}");
    }
}

#[tokio::test]
async fn a_pack_that_follows_what_never_happens_is_refused_with_what_does() {
    let world = World::new();
    for (texts, expected) in [
        (("order-settled", "order-setlled"), "`order-setlled` is no kind of event; there are member-enrolled, "),
        (("echo:heard", "echo:herad"), "the manifest follows `echo:herad`, which is a fact of the pack's own"),
    ] {
        let refused = refusal(&world, reworded(guest("echo"), &[texts])).await;
        assert_begins(&refused, "422 unknown-event: ");
        assert!(refused.contains(expected), "{refused:?} does not say {expected:?}");
    }
}

#[tokio::test]
async fn a_schema_that_would_fetch_from_elsewhere_is_refused() {
    let world = World::new();
    for place in ["http://127.0.0.1:9/schema.json", "https://example.invalid/schema.json", "file:///etc/passwd"] {
        let refused = refusal(&world, Tiny::new("tiny").with("settings", json!({ "$ref": place })).component()).await;
        assert_begins(&refused, "422 bad-manifest: ");
    }
}

#[tokio::test]
async fn the_host_goes_on_after_all_of_them() {
    let world = World::new();
    for component in
        [b"hello".to_vec(), Tiny::new("tiny").before("unreachable").component(), guest("hostile")[..9999].to_vec()]
    {
        refusal(&world, component).await;
    }
    with_points(&world.shop).await;
    let alice = world.shop.member("alice").enrol().await;
    alice.order("till-1").settle().await.created();
    assert_eq!(alice.points().await, 24);
}
