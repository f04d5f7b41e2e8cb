//! The rules that the project keeps about its own text: who may know whom, what is documented, what stays small.
//!
//! Each test is one rule and lists every place that breaks it. What a rule says of code it looks for in code: comments,
//! texts in quotes and, where the rule is about the program itself, tests do not count.

#[path = "tidy/text.rs"]
mod text;

use std::fmt::Write as _;

use text::{
    File, code_of, crate_paths, files, is_word, names_crate, names_in, numbered, paths_in_text, root, rust_files,
    undocumented,
};

/// Folders of DESIGN's layout that the README may name before they are there.
const PLANNED: [&str; 1] = ["core/src/console"];

/// The files that may say `unsafe`: what the host calls in a pack by name is generated, with attributes that are
/// unsafe; an allocator is unsafe by its trait (it runs inside packs only, and halves what a fresh call executes); what
/// the host has compiled earlier is native code, which is as safe as where it comes from; and a peer of the benchmark `hook`
/// loads bytecode, as its users do who want it fast.
const UNSAFE_IN: [&str; 4] = [
    "plugin-sdk/src/lib.rs",
    "plugin-sdk/src/allocation.rs",
    "core/src/pack/cache.rs",
    "host-tests/peers/src/engine/quickjs.rs",
];

/// The modules of the host and how high they stand: one may name those of its own height and below.
const LAYERS: [(&str, u8); 9] = [
    ("domain", 0),
    ("store", 1),
    ("ledger", 1),
    ("pack", 1),
    ("usecase", 2),
    ("http", 3),
    ("webhook", 3),
    ("console", 3),
    ("cli", 3),
];

const LINES_MAX: usize = 600;

#[test]
fn domain_and_ledger_name_no_machinery() {
    let rule = Rule::new("values and rules know no machinery and do no IO");
    for folder in ["core/src/domain", "core/src/ledger"] {
        for file in rust_files(folder) {
            let code = file.program();
            rule.names(&file, &code, &["axum", "tower_http", "sled", "wasmtime", "wit_component", "tokio"]);
            rule.contains(&file, &code, &["std::fs", "std::net", "std::env", "std::thread"]);
        }
    }
    rule.settle();
}

#[test]
fn only_pack_names_wasmtime() {
    only_there(
        "wasmtime and what encodes components are known in core/src/pack alone",
        "core/src/pack",
        &["wasmtime", "wit_component", "wasmparser"],
    );
}

#[test]
fn only_store_names_sled() {
    only_there("sled is known in core/src/store alone", "core/src/store", &["sled"]);
}

#[test]
fn modules_name_only_what_is_below_them() {
    let rule = Rule::new("dependencies point down: cli, http, console → usecase → ledger, store, pack → domain");
    for (module, height) in LAYERS {
        for file in module_files(module) {
            for (line, path) in crate_paths(&file.program()) {
                let named = path.split("::").nth(1).unwrap_or_default();
                if LAYERS.iter().any(|(other, above)| *other == named && *above > height) {
                    rule.broken(&file, line, &path);
                }
            }
        }
    }
    rule.settle();
}

#[test]
fn nothing_below_a_use_case_commits() {
    let rule = Rule::new("only a use case opens and commits a transaction; below it a `&mut Tx` is handed in");
    for module in ["domain", "ledger", "pack"] {
        for file in module_files(module) {
            for (line, path) in crate_paths(&file.program()) {
                // Who cannot name the store cannot call its `write`.
                if ["crate::store::Store", "crate::store::*"].contains(&path.as_str()) {
                    rule.broken(&file, line, &path);
                }
            }
        }
    }
    rule.settle();
}

#[test]
fn only_the_command_line_reads_the_environment() {
    let rule =
        Rule::new("settings come in through core/src/cli and are handed down; nothing else reads the environment");
    for file in rust_files("core/src").into_iter().filter(|file| !file.path.starts_with("core/src/cli")) {
        rule.contains(&file, &file.program(), &["env::var"]);
    }
    rule.settle();
}

#[test]
fn no_two_types_of_the_interface_have_one_name() {
    let rule =
        Rule::new("the interface's description knows types by their names: of two of one name, one is described wrong");
    let mut seen = std::collections::BTreeMap::new();
    for file in rust_files("core/src") {
        let program = file.program();
        let mut is_described = false;
        for (number, line) in numbered(&program) {
            is_described |= line.contains("derive(") && line.contains("ToSchema");
            let name = ["struct ", "enum "].iter().find_map(|kind| Some(line.split_once(kind)?.1));
            let Some(name) = name.filter(|_| std::mem::take(&mut is_described)) else { continue };
            let name = name.split(|c: char| !is_word(c)).next().unwrap_or_default().to_owned();
            if let Some(other) = seen.insert(name, file.path.clone()) {
                rule.broken(&file, number, &format!("{} (also in {other})", file.line(number)));
            }
        }
    }
    assert!(seen.len() > 50, "the rule finds only {} types", seen.len());
    rule.settle();
}

#[test]
fn metrics_are_named_by_convention_and_described() {
    let rule = Rule::new(
        "a metric is `punchcard_…`; a counter, and nothing else, ends with `_total`; a histogram ends with its unit (`_seconds`, \
         `_fuel`, `_transactions`); core/src/http/metrics.rs describes each that the host records, and no other",
    );
    let home = "core/src/http/metrics.rs";
    let descriptions = File::read(home);
    let mut described = std::collections::BTreeSet::new();
    for (kind, name) in metrics_described(&descriptions.text) {
        let fits = match kind.as_str() {
            "counter" => name.ends_with("_total"),
            "histogram" => ["_seconds", "_fuel", "_transactions"].iter().any(|unit| name.ends_with(unit)),
            _ => !name.ends_with("_total"),
        };
        let is_plain = name.starts_with("punchcard_") && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        if !fits || !is_plain || !described.insert(name.clone()) {
            rule.broken(&descriptions, 1, &format!("the {kind} {name}"));
        }
    }
    let mut recorded = std::collections::BTreeSet::new();
    for file in rust_files("core/src").into_iter().filter(|file| file.path != home) {
        for (number, line) in numbered(&file.text) {
            for name in line.split('"').skip(1).step_by(2).filter(|text| text.starts_with("punchcard_")) {
                recorded.insert(name.to_owned());
                if !described.contains(name) {
                    rule.broken(&file, number, line);
                }
            }
        }
    }
    for name in described.difference(&recorded) {
        rule.broken(&descriptions, 1, &format!("{name}, which nothing records"));
    }
    assert!(recorded.len() > 20, "the rule finds only {} metrics", recorded.len());
    rule.settle();
}

/// The metrics that a text describes: kind and name of each.
fn metrics_described(text: &str) -> Vec<(String, String)> {
    let found = text.match_indices("metrics::describe_").filter_map(|(at, before)| {
        let (kind, rest) = text[at + before.len()..].split_once("!(")?;
        Some((kind.to_owned(), rest.split('"').nth(1)?.to_owned()))
    });
    found.collect()
}

#[test]
fn every_item_of_the_contract_is_documented() {
    let rule = Rule::new("every interface, world, type and function of the contract has a `///` right above it");
    for file in files("wit", "wit") {
        for line in undocumented(&file.text) {
            rule.broken(&file, line, file.line(line));
        }
    }
    rule.settle();
}

#[test]
fn every_path_in_the_readme_exists() {
    let rule = Rule::new("a path that the README names exists");
    let readme = File::read("README.md");
    let top: Vec<_> = names_in("").into_iter().filter(|name| root().join(name).is_dir()).collect();
    for (line, path) in paths_in_text(&readme.text) {
        let first = path.split('/').next().unwrap_or_default();
        let planned = PLANNED.iter().any(|folder| path.starts_with(folder));
        if top.iter().any(|name| name == first) && !planned && !root().join(&path).exists() {
            rule.broken(&readme, line, &path);
        }
    }
    rule.settle();
}

#[test]
fn no_file_is_a_giant() {
    let rule = Rule::new("a file has at most 600 lines: make two of it");
    for file in rust_files("") {
        let lines = file.text.lines().count();
        if lines > LINES_MAX {
            rule.broken(&file, lines, "its last line");
        }
    }
    rule.settle();
}

#[test]
fn every_crate_keeps_the_workspaces_lints() {
    let rule = Rule::new("a crate's Cargo.toml says `[lints]` and below it `workspace = true`");
    for file in files("", "toml").into_iter().filter(|file| file.path.ends_with("/Cargo.toml")) {
        let mut lines = file.text.lines().map(str::trim).skip_while(|line| *line != "[lints]").skip(1);
        if lines.find(|line| !line.is_empty() && !line.starts_with('#')) != Some("workspace = true") {
            rule.broken(&file, 1, "");
        }
    }
    rule.settle();
}

#[test]
fn only_named_files_say_unsafe() {
    let rule = Rule::new("`unsafe` stands only in the files that UNSAFE_IN names with the reason");
    for file in rust_files("").into_iter().filter(|file| !UNSAFE_IN.contains(&file.path.as_str())) {
        rule.names(&file, &code_of(&file.text), &["unsafe"]);
    }
    rule.settle();
}

#[test]
fn no_test_is_switched_off_or_sleeps() {
    let rule = Rule::new("a test runs always and waits for what it needs: no `#[ignore]`, no sleep");
    for file in rust_files("") {
        rule.contains(&file, &code_of(&file.text), &["#[ignore"]);
    }
    for file in rust_files("host-tests/tests") {
        rule.contains(&file, &code_of(&file.text), &["thread::sleep", "time::sleep"]);
    }
    rule.settle();
}

fn only_there(why: &'static str, home: &str, crates: &[&str]) {
    let rule = Rule::new(why);
    assert!(root().join(home).is_dir(), "{home} is gone; this rule has to learn where it went");
    for file in rust_files("core/src").into_iter().filter(|file| !file.path.starts_with(&format!("{home}/"))) {
        rule.names(&file, &file.program(), crates);
    }
    rule.settle();
}

/// The files of a module of the host: its folder and its own file. One that is only planned has none.
fn module_files(module: &str) -> Vec<File> {
    let folder = format!("core/src/{module}");
    let own = format!("{folder}.rs");
    let mut found = if root().join(&folder).is_dir() { rust_files(&folder) } else { Vec::new() };
    if root().join(&own).is_file() {
        found.push(File::read(&own));
    }
    let planned = PLANNED.contains(&folder.as_str());
    assert!(planned || !found.is_empty(), "{folder} is gone; the rules have to learn where it went");
    found
}

/// A rule while it is being checked.
struct Rule {
    why: &'static str,
    broken: std::cell::RefCell<String>,
}

impl Rule {
    fn new(why: &'static str) -> Self {
        Self { why, broken: std::cell::RefCell::default() }
    }

    fn broken(&self, file: &File, line: usize, what: &str) {
        let _ = writeln!(self.broken.borrow_mut(), "  {}:{line}: {}", file.path, what.trim());
    }

    /// No word of `code` is one of these crates, or one of a crate's family (`axum_extra`).
    fn names(&self, file: &File, code: &str, crates: &[&str]) {
        for (number, line) in numbered(code) {
            let mut words = line.split(|c: char| !is_word(c));
            if words.any(|word| crates.iter().any(|name| names_crate(word, name))) {
                self.broken(file, number, file.line(number));
            }
        }
    }

    /// No line of `code` contains one of these.
    fn contains(&self, file: &File, code: &str, parts: &[&str]) {
        for (number, line) in numbered(code) {
            if parts.iter().any(|part| line.contains(part)) {
                self.broken(file, number, file.line(number));
            }
        }
    }

    #[track_caller]
    fn settle(self) {
        let broken = self.broken.into_inner();
        assert!(broken.is_empty(), "{}. Broken here:\n{broken}", self.why);
    }
}
