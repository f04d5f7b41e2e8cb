//! Pages: what a pack shows to people, as data. Its form is frozen with the contract, in `page.schema.json` beside it.

use std::sync::LazyLock;

use serde_json::Value;

use super::Manifest;
use crate::schema::JsonSchema;

/// The longest page, in bytes.
const PAGE_MAX_BYTES: usize = 256 << 10;

static FORM: LazyLock<JsonSchema> = LazyLock::new(|| {
    let schema = serde_json::from_str(include_str!("../../../wit/0.1.3/page.schema.json")).expect("it is JSON");
    JsonSchema::new(&schema).expect("it is a JSON Schema")
});

/// Reads a page that a pack has returned; the error says what the contract does not allow in it.
pub(super) fn read_page(manifest: &Manifest, text: &str) -> Result<Value, String> {
    if text.len() > PAGE_MAX_BYTES {
        return Err(format!("a page of {} bytes, at most {PAGE_MAX_BYTES} are allowed", text.len()));
    }
    let page: Value = serde_json::from_str(text).map_err(|error| format!("a page that is not JSON: {error}"))?;
    FORM.check(&page).map_err(|faults| format!("a page of another form: {}", faults.join("; ")))?;
    for block in page["blocks"].as_array().into_iter().flatten() {
        check(manifest, block)?;
    }
    Ok(page)
}

/// What the schema can not say: that rows have a cell for each column, series a number for each place, and that what is
/// named is there.
fn check(manifest: &Manifest, block: &Value) -> Result<(), String> {
    let length = |value: &Value| value.as_array().map_or(0, Vec::len);
    let has_page = |link: &Value| {
        let name = link.pointer("/page/page").and_then(Value::as_str);
        name.is_none_or(|name| manifest.pages.iter().any(|page| page.name.as_str() == name))
    };
    match block["kind"].as_str() {
        Some("table") => {
            let columns = length(&block["columns"]);
            let rows = block["rows"].as_array().into_iter().flatten();
            for (number, row) in (1..).zip(rows) {
                if length(row) != columns {
                    return Err(format!("a table with {columns} columns, whose row {number} has {}", length(row)));
                }
                if !row.as_array().into_iter().flatten().all(has_page) {
                    return Err(format!("a table whose row {number} leads to a page that the manifest does not name"));
                }
            }
        }
        Some("figures") => {
            let mut figures = block["figures"].as_array().into_iter().flatten();
            if !figures.all(|figure| has_page(&figure["value"])) {
                return Err("figures that lead to a page that the manifest does not name".to_owned());
            }
        }
        Some("chart") => {
            let places = length(&block["labels"]);
            let mut series = block["series"].as_array().into_iter().flatten();
            if let Some(other) = series.find(|series| length(&series["values"]) != places) {
                let numbers = length(&other["values"]);
                return Err(format!("a chart with {places} places and a series of {numbers} numbers"));
            }
        }
        Some("form") => {
            let command = block["command"].as_str().unwrap_or_default();
            if !manifest.commands.iter().any(|known| known.name.as_str() == command) {
                return Err(format!("a form for the command `{command}`, which the manifest does not name"));
            }
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest() -> Manifest {
        let title = json!({ "en": "it" });
        let made = json!({
            "id": "shows", "version": "1.0.0", "title": title,
            "commands": [{ "name": "close", "title": title, "input": {} }],
            "pages": [{ "name": "today", "title": title, "query": {} }],
        });
        serde_json::from_value(made).unwrap()
    }

    #[track_caller]
    fn fault(blocks: &Value) -> String {
        let page = json!({ "title": "t", "blocks": blocks }).to_string();
        read_page(&manifest(), &page).err().unwrap_or_default()
    }

    #[test]
    fn a_page_of_every_kind_of_block_is_read() {
        let link = json!({ "page": { "text": "today", "page": "today", "query": { "day": "2026-10-01" } } });
        let cells = json!([
            "empty", { "text": "a" }, { "number": -1 }, { "money": 1200 }, { "instant": 1_780_000_000_000_u64 },
            { "day": "2026-10-01" }, { "member": format!("mem_{:032x}", 1) }, { "order": format!("ord_{:032x}", 1) },
            { "store": format!("sto_{:032x}", 1) }, link,
        ]);
        let columns: Vec<_> = (0..10).map(|number| json!({ "title": number.to_string() })).collect();
        let blocks = json!([
            { "kind": "text", "text": "hello" },
            { "kind": "figures", "figures": [{ "label": "orders", "value": { "number": 3 } }] },
            { "kind": "table", "title": "all", "columns": columns, "rows": [cells], "next": { "after": "x" } },
            { "kind": "form", "title": "Close", "command": "close", "filled": { "day": "2026-10-01" } },
            { "kind": "calendar", "title": "May", "entries": [{ "day": "2026-05-01", "label": "cakes", "value": "empty" }] },
            { "kind": "chart", "title": "Load", "shape": "bars", "labels": ["a", "b"],
              "series": [{ "title": "cakes", "measure": "number", "values": [1, 2] }] },
        ]);
        assert_eq!(fault(&blocks), "");
    }

    #[test]
    fn a_page_has_256_kib_and_no_more() {
        let page = json!({ "title": "t", "blocks": [{ "kind": "text", "text": "hello" }] }).to_string();
        // Blanks behind it belong to it.
        let of = |bytes: usize| page.clone() + &" ".repeat(bytes - page.len());
        assert!(read_page(&manifest(), &of(PAGE_MAX_BYTES)).is_ok());
        let told = read_page(&manifest(), &of(PAGE_MAX_BYTES + 1)).unwrap_err();
        assert_eq!(told, "a page of 262145 bytes, at most 262144 are allowed");
    }

    #[test]
    fn a_page_of_another_form_is_told_what_is_wrong() {
        for (block, expected) in [
            (json!({ "kind": "video" }), "another form"),
            (json!({ "kind": "text", "text": "a", "html": true }), "another form"),
            (json!({ "kind": "figures", "figures": [{ "label": "a", "value": { "number": 0.5 } }] }), "another form"),
            (json!({ "kind": "table", "columns": [{ "title": "a" }], "rows": [["empty", "empty"]] }), "row 1 has 2"),
            (json!({ "kind": "form", "title": "a", "command": "open", "filled": {} }), "`open`"),
            (
                json!({ "kind": "chart", "title": "a", "shape": "lines", "labels": ["a"],
                        "series": [{ "title": "b", "measure": "money", "values": [1, 2] }] }),
                "series of 2 numbers",
            ),
            (
                json!({ "kind": "table", "columns": [{ "title": "a" }],
                        "rows": [[{ "page": { "text": "a", "page": "gone", "query": {} } }]] }),
                "does not name",
            ),
        ] {
            let told = fault(&json!([block]));
            assert!(told.contains(expected), "{told}");
        }
        assert!(read_page(&manifest(), "{").unwrap_err().contains("not JSON"));
    }
}
