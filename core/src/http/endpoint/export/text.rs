//! How exported records are written: as JSON, one a line, or as rows of a table.

use serde_json::Value;

use super::kinds::ExportFormat;

/// Characters at the beginning of a cell for which a spreadsheet takes it for a formula, and the quote that is put
/// before them.
const RISKY: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\''];

/// A cell as it is written: one that a spreadsheet would take for a formula gets a single quote before it. So does one
/// that begins with a quote, so that [`unguarded`] gives back what was there.
pub(crate) fn guarded(text: &str) -> String {
    if text.starts_with(RISKY) { format!("'{text}") } else { text.to_owned() }
}

/// A cell as it was before it was [`guarded`].
pub(crate) fn unguarded(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if rest.starts_with(RISKY) => rest,
        _ => cell,
    }
}

/// The texts of a list in one cell, separated by semicolons; in them a backslash stands before semicolons and
/// backslashes.
pub(crate) fn joined(texts: impl IntoIterator<Item = String>) -> String {
    let escaped: Vec<_> = texts.into_iter().map(|text| text.replace('\\', "\\\\").replace(';', "\\;")).collect();
    escaped.join(";")
}

/// The texts that were [`joined`] in a cell; blanks around them are dropped, and empty ones too.
pub(crate) fn parted(cell: &str) -> Vec<String> {
    let (mut parts, mut part, mut chars) = (Vec::new(), String::new(), cell.chars());
    while let Some(c) = chars.next() {
        match c {
            '\\' => part.extend(chars.next()),
            ';' => parts.push(std::mem::take(&mut part)),
            other => part.push(other),
        }
    }
    parts.push(part);
    parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// A record's value as one cell.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => guarded(text),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(items) => guarded(&joined(items.iter().map(item))),
        Value::Object(_) => guarded(&value.to_string()),
    }
}

/// One of a list: a text, a tag, or a name in another system as the system, a colon and the name.
fn item(value: &Value) -> String {
    let text = |name: &str| value[name].as_str();
    match (value, text("tag"), text("system"), text("id")) {
        (Value::String(text), ..) => text.clone(),
        (_, Some(tag), ..) => tag.to_owned(),
        (_, _, Some(system), Some(id)) => format!("{system}:{id}"),
        _ => value.to_string(),
    }
}

/// Records as they are written: as documents, or as rows of columns, of which each has a name and a place in a record.
pub(super) fn written(format: ExportFormat, columns: &[(String, String)], records: &[Value]) -> Vec<u8> {
    let told = |record: &Value| match format {
        ExportFormat::Ndjson => line(record),
        ExportFormat::Csv => {
            let value = |place: &str| record.pointer(place).unwrap_or(&Value::Null);
            row(columns.iter().map(|(_, place)| cell(value(place))))
        }
    };
    records.iter().flat_map(told).collect()
}

/// The first row of a table.
pub(super) fn header(columns: &[(String, String)]) -> Vec<u8> {
    row(columns.iter().map(|(name, _)| name.clone()))
}

/// A row of cells, with its line end.
fn row(cells: impl IntoIterator<Item = String>) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).flexible(true).from_writer(Vec::new());
    // Writing to memory does not fail.
    let _ = writer.write_record(cells.into_iter().map(String::into_bytes));
    writer.into_inner().unwrap_or_default()
}

/// A JSON document, with its line end.
pub(super) fn line(value: &Value) -> Vec<u8> {
    let mut bytes = value.to_string().into_bytes();
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_all_come_back() {
        for text in
            ["=1+1", "+8613800138000", "-1", "@cmd", "\tx", "\r=x", "'", "'=x", "''", "plain", "", "a=b", "王芳"]
        {
            let written = guarded(text);
            assert!(!written.starts_with(['=', '+', '-', '@', '\t', '\r']), "{written}");
            assert_eq!(unguarded(&written), text);
        }
        assert_eq!(unguarded("'tis"), "'tis", "somebody else's file has quotes of its own");
    }

    #[test]
    fn lists_in_a_cell_come_back() {
        let texts = ["a", "b;c", "d\\", "wechat:o;X"].map(str::to_owned);
        assert_eq!(parted(&joined(texts.clone())), texts);
        assert_eq!(parted(" a ; ;b;"), ["a", "b"]);
        assert_eq!(parted(""), [""; 0]);
    }

    #[test]
    fn values_are_cells() {
        for (value, expected) in [
            (json!(null), ""),
            (json!(7), "7"),
            (json!(-7), "-7"),
            (json!("-7"), "'-7"),
            (json!(["+86", "b"]), "'+86;b"),
            (json!([{ "tag": "vip", "at": "…" }]), "vip"),
            (json!([{ "system": "wechat", "id": "o" }]), "wechat:o"),
            (json!({ "a": 1 }), r#"{"a":1}"#),
        ] {
            assert_eq!(cell(&value), expected, "{value}");
        }
        assert_eq!(row(["a".into(), "b\"c\nd".into(), String::new()]), b"a,\"b\"\"c\nd\",\r\n");
    }
}
