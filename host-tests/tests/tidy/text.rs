//! Reading the project's files: its code without comments, quotes and tests, and the names in it.

use std::path::{Path, PathBuf};

/// A text file of the project.
pub(crate) struct File {
    /// From the project's folder, with slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    pub(crate) fn read(path: &str) -> Self {
        let text = std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self { path: path.to_owned(), text }
    }

    /// The code without its tests; nothing of a file that is tests only.
    pub(crate) fn program(&self) -> String {
        let only_tests = self.path.ends_with("/tests.rs") || self.path.contains("/tests/");
        if only_tests { String::new() } else { without_tests(&code_of(&self.text)) }
    }

    pub(crate) fn line(&self, number: usize) -> &str {
        self.text.lines().nth(number - 1).unwrap_or_default()
    }
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The names in a folder, sorted, without hidden ones and what builds leave.
pub(crate) fn names_in(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| !name.starts_with('.') && name != "target" && name != "node_modules");
    names.sort();
    names
}

/// All files below a folder with this extension. A folder that is not there is an error: a rule about nothing is none.
pub(crate) fn files(folder: &str, extension: &str) -> Vec<File> {
    let mut found = Vec::new();
    for name in names_in(folder) {
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        if root().join(&path).is_dir() {
            found.extend(files(&path, extension));
        } else if Path::new(&path).extension().is_some_and(|found| found == extension) {
            found.push(File::read(&path));
        }
    }
    found
}

pub(crate) fn rust_files(folder: &str) -> Vec<File> {
    files(folder, "rs")
}

pub(crate) fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

pub(crate) fn names_crate(word: &str, name: &str) -> bool {
    word.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

/// Rust code with comments and the insides of quotes blanked; lines stay where they are.
pub(crate) fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after_word = code.chars().next_back().is_some_and(is_word);
        let skipped = match c {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => quoted(rest),
            'r' | 'b' | 'c' if !after_word => prefixed_quote(rest),
            '\'' => character(rest),
            _ => 0,
        };
        if skipped == 0 {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            code.extend(rest[..skipped].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[skipped..];
        }
    }
    code
}

/// The length of the block comment at the start, with those inside it.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of the quote at the start, where a backslash takes the next character with it.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a raw, byte or C quote at the start (`r#"…"#`, `b"…"`, `br"…"`); 0 when it is a word after all.
fn prefixed_quote(text: &str) -> usize {
    let prefix = text.len() - text.trim_start_matches(['r', 'b', 'c']).len();
    let raw = text[..prefix].contains('r');
    let hashes = text[prefix..].len() - text[prefix..].trim_start_matches('#').len();
    let start = prefix + hashes;
    if prefix > 2 || !text[start..].starts_with('"') {
        return 0;
    }
    if !raw {
        return if hashes == 0 { start + quoted(&text[start..]) } else { 0 };
    }
    let end = format!("\"{}", "#".repeat(hashes));
    text[start + 1..].find(&end).map_or(text.len(), |at| start + 1 + at + end.len())
}

/// The length of the character literal at the start; 0 when it is a lifetime.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => text[3..].find('\'').map_or(0, |at| at + 4),
        Some(_) => chars.next().filter(|(_, c)| *c == '\'').map_or(0, |(at, _)| at + 1),
        None => 0,
    }
}

/// Code with everything blanked that `#[cfg(test)]` stands before.
fn without_tests(code: &str) -> String {
    let mut program = code.to_owned();
    while let Some(start) = program.find("#[cfg(test)]") {
        let mut depth = 0;
        let end = program[start..].char_indices().find_map(|(at, c)| {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            (depth == 0 && matches!(c, '}' | ';')).then_some(start + at + 1)
        });
        let end = end.unwrap_or(program.len());
        let blank: String = program[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        program.replace_range(start..end, &blank);
    }
    program
}

/// Every path of code that starts with `crate::`, with its line; `crate::{a, b::c}` is two.
pub(crate) fn crate_paths(code: &str) -> Vec<(usize, String)> {
    let mut paths = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if !code[..at].chars().next_back().is_some_and(|c| is_word(c) || c == '$') {
            let line = code[..at].matches('\n').count() + 1;
            let mut rest = &code[at + "crate::".len()..];
            expand("crate", &mut rest, &mut |path| paths.push((line, path)));
        }
    }
    paths
}

/// Reads one tree of a `use`, or one path, from `rest`.
fn expand(before: &str, rest: &mut &str, found: &mut impl FnMut(String)) {
    *rest = rest.trim_start();
    if let Some(inner) = rest.strip_prefix('{') {
        *rest = inner;
        while !rest.trim_start().starts_with('}') && !rest.trim_start().is_empty() {
            expand(before, rest, found);
            let behind = rest.trim_start().trim_start_matches(|c| is_word(c) || c == ' ');
            *rest = behind.strip_prefix(',').unwrap_or(behind);
            if behind.starts_with(|c| c != ',' && c != '}') {
                return;
            }
        }
        *rest = rest.trim_start().strip_prefix('}').unwrap_or(rest);
        return;
    }
    let end = rest.find(|c| !is_word(c) && c != '*').unwrap_or(rest.len());
    let path = format!("{before}::{}", &rest[..end]);
    *rest = &rest[end..];
    match rest.strip_prefix("::") {
        Some(deeper) if deeper.starts_with(|c: char| is_word(c) || c == '{' || c == '*') => {
            *rest = deeper;
            expand(&path, rest, found);
        }
        _ => found(path),
    }
}

/// The lines of a WIT file that start an item without a `///` right above them.
pub(crate) fn undocumented(wit: &str) -> Vec<usize> {
    let mut documented = false;
    let mut found = Vec::new();
    for (number, line) in numbered(wit) {
        let line = line.trim();
        if line.starts_with("///") {
            documented = true;
        } else if !line.starts_with('@') {
            let mut words = line.split([' ', '<', ':', '{']);
            let kinds = ["package", "interface", "world", "record", "variant", "enum", "flags", "resource", "type"];
            let item = words.next().is_some_and(|word| kinds.contains(&word));
            let function = line.split_once(':').is_some_and(|(_, rest)| {
                ["func(", "async func(", "static func("].iter().any(|kind| rest.trim_start().starts_with(kind))
            });
            if (item || function) && !documented {
                found.push(number);
            }
            documented = false;
        }
    }
    found
}

/// What stands between single backticks, has a slash and no placeholder in it, with its line. Blocks of code are left.
pub(crate) fn paths_in_text(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut in_block = false;
    for (number, line) in numbered(text) {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            let quoted = line.split('`').skip(1).step_by(2);
            let path = |text: &&str| {
                text.contains('/') && !text.contains(|c: char| c.is_whitespace() || "*<>{}…$=".contains(c))
            };
            found.extend(quoted.filter(path).map(|path| (number, path.trim_end_matches('/').to_owned())));
        }
    }
    found
}

#[test]
fn rules_look_at_code_and_neither_at_comments_nor_at_quotes() {
    #[track_caller]
    fn check(text: &str, code: &str) {
        let seen = code_of(text);
        assert_eq!(seen.split_whitespace().collect::<Vec<_>>().join(" "), code);
        assert_eq!(seen.matches('\n').count(), text.matches('\n').count());
    }
    check("use a; // sled\n/// sled\nuse b;", "use a; use b;");
    check("a /* sled /* tokio */ sled */ b", "a b");
    check(r#"let x = "sled \" sled"; y"#, "let x = ; y");
    check("let x = r#\"sled \" \\\"#; br\"sled\" b\"s\" y", "let x = ; y");
    check(
        "fn f<'a>(x: &'a str, c: char) { c == 'x' || c == '\\'' || c == '\"' }",
        "fn f<'a>(x: &'a str, c: char) { c == || c == || c == }",
    );
    check("for r in rows { r#type }", "for r in rows { r#type }");
}

#[test]
fn tests_are_no_part_of_the_program() {
    let code = "use a;\n#[cfg(test)]\nuse sled;\nfn f() {}\n#[cfg(test)]\nmod tests {\n fn g() { {} }\n}\nfn h() {}";
    let words: Vec<_> = without_tests(code).split_whitespace().map(str::to_owned).collect();
    assert_eq!(words, ["use", "a;", "fn", "f()", "{}", "fn", "h()", "{}"]);
}

#[test]
fn a_crates_family_goes_by_its_name_and_other_words_do_not() {
    for (word, named) in [("axum", true), ("axum_extra", true), ("axums", false), ("maxum", false)] {
        assert_eq!(names_crate(word, "axum"), named, "{word}");
    }
}

#[test]
fn paths_are_read_out_of_trees() {
    let code = "use crate::store::{Tx, key::{self, Key}, Store as S};\nuse crate::{pack, usecase::settle as s,\n http::*};\ncrate::cli::run(crate::A);";
    let found: Vec<_> = crate_paths(code).into_iter().map(|(line, path)| format!("{line} {path}")).collect();
    let expected = "1 crate::store::Tx,1 crate::store::key::self,1 crate::store::key::Key,1 crate::store::Store,2 crate::pack,\
                    2 crate::usecase::settle,2 crate::http::*,4 crate::cli::run,4 crate::A";
    assert_eq!(found.join(","), expected);
}

#[test]
fn an_item_of_the_contract_needs_its_own_sentence() {
    let wit = "/// Said.\ninterface a {\n  /// Said.\n  enum b { c }\n\n  record d { e: u8 }\n  /// Said.\n  @since(version = 1)\n  f: func();\n  g: func();\n}";
    assert_eq!(undocumented(wit), [6, 10]);
}

#[test]
fn a_path_in_a_text_is_told_from_a_command_and_a_placeholder() {
    let text = "See `core/src/lib.rs`, `a/b/` and `cargo run a/b`, `plugins/<name>`.\n```\n`x/y`\n```\n`plain`";
    assert_eq!(paths_in_text(text), [(1, "core/src/lib.rs".to_owned()), (1, "a/b".to_owned())]);
}
