//! Which column of a file is which field, and what a row says in it.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde_json::{Map, Value};

use super::rows::RawRow;
use crate::cli::Failure;
use crate::http::{parted, unguarded};

/// What a field is taken from, when the file calls it otherwise: `FIELD=COLUMN`.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Mapping {
    field: String,
    column: String,
}

impl std::str::FromStr for Mapping {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((field, column)) if !field.is_empty() && !column.is_empty() => {
                Ok(Self { field: field.to_owned(), column: column.to_owned() })
            }
            _ => Err("expected FIELD=COLUMN, such as name=\"Full name\"".to_owned()),
        }
    }
}

/// The fields that a kind of record has.
pub(super) struct Known {
    /// Their names.
    pub(super) names: &'static [&'static str],
    /// Those that a file has to have.
    pub(super) needed: &'static [&'static str],
    /// Those of which a file has to have one.
    pub(super) one_of: &'static [&'static str],
    /// What further names begin with.
    pub(super) open: Option<&'static str>,
}

impl Known {
    fn has(&self, field: &str) -> bool {
        self.names.contains(&field) || self.open.is_some_and(|open| field.starts_with(open))
    }

    fn told(&self) -> String {
        let open = self.open.map(|open| format!(", {open}CODE")).unwrap_or_default();
        format!("{}{open}", self.names.join(", "))
    }
}

/// Where fields are found in the rows of a file.
pub(super) struct Fields {
    /// By field, its column's name, and in a table its index.
    places: BTreeMap<String, (String, usize)>,
    /// The header of a table.
    header: Vec<String>,
    is_table: bool,
}

/// What a row says.
pub(super) struct Row<'f> {
    fields: &'f Fields,
    cells: Cells,
}

enum Cells {
    Table(csv::StringRecord),
    Document(Map<String, Value>),
}

/// What a field says: nothing, that it is to be empty, or something.
pub(super) type Said<T> = Option<Option<T>>;

impl Fields {
    /// Those of documents, each a JSON object.
    pub(super) fn of_documents(known: &Known, map: &[Mapping]) -> Result<Self, Failure> {
        check(known, map)?;
        let own = known.names.iter().map(|name| ((*name).to_owned(), ((*name).to_owned(), 0)));
        let mut places: BTreeMap<_, _> = own.collect();
        places.extend(map.iter().map(|mapping| (mapping.field.clone(), (mapping.column.clone(), 0))));
        Ok(Self { places, header: Vec::new(), is_table: false })
    }

    /// Those of a table with this header.
    pub(super) fn of_header(known: &Known, map: &[Mapping], header: &RawRow) -> Result<Self, Failure> {
        check(known, map)?;
        let header: Vec<String> = cells(header)?.iter().map(|name| name.trim().to_owned()).collect();
        let at = |column: &str| {
            let mut found = header.iter().enumerate().filter(|(_, name)| *name == column).map(|(index, _)| index);
            match (found.next(), found.next()) {
                (Some(_), Some(_)) => Err(format!("the header has the column `{column}` twice")),
                (found, _) => Ok(found),
            }
        };
        let mut places = BTreeMap::new();
        let mapped = |field: &str| map.iter().find(|mapping| mapping.field == field);
        for Mapping { field, column } in map {
            let index =
                at(column)?.ok_or_else(|| format!("the header has no column `{column}`; it has {}", told(&header)))?;
            places.insert(field.clone(), (column.clone(), index));
        }
        for column in header.iter().filter(|name| known.has(name) && mapped(name).is_none()) {
            let taken = map.iter().any(|mapping| mapping.column == *column);
            if let Some(index) = at(column)?.filter(|_| !taken) {
                places.insert(column.clone(), (column.clone(), index));
            }
        }
        if places.is_empty() {
            // What is no header is not told: it may be somebody's data.
            return Err(format!("the first row names no field; a header is needed, with some of {}", known.told()));
        }
        if !known.one_of.is_empty() && !known.one_of.iter().any(|field| places.contains_key(*field)) {
            return Err(format!(
                "the header has none of the columns {}; it has {}: say which it is with --map {}=COLUMN",
                known.one_of.join(", "),
                told(&header),
                known.one_of[0]
            ));
        }
        for field in known.needed {
            if !places.contains_key(*field) {
                return Err(format!(
                    "the header has no column `{field}`; it has {}: say which of them it is with --map {field}=COLUMN",
                    told(&header)
                ));
            }
        }
        Ok(Self { places, header, is_table: true })
    }

    /// The columns of a table of which nothing is taken.
    pub(super) fn unused(&self) -> Vec<&str> {
        let is_used = |column: &str| self.places.values().any(|(name, _)| name == column);
        self.header.iter().map(String::as_str).filter(|column| !is_used(column)).collect()
    }

    /// Reads a row.
    pub(super) fn read(&self, raw: &RawRow) -> Result<Row<'_>, String> {
        let cells = if self.is_table {
            let cells = cells(raw)?;
            if cells.len() != self.header.len() {
                return Err(format!("{} cells, but the header has {}", cells.len(), self.header.len()));
            }
            Cells::Table(cells)
        } else {
            let document: Value = serde_json::from_str(raw.text()?).map_err(|error| {
                // The message of the parser names a place, and nothing of the text.
                format!("not JSON: {error}")
            })?;
            match document {
                Value::Object(document) => Cells::Document(document),
                _ => return Err("not a JSON object".to_owned()),
            }
        };
        Ok(Row { fields: self, cells })
    }
}

fn check(known: &Known, map: &[Mapping]) -> Result<(), Failure> {
    for (index, Mapping { field, .. }) in map.iter().enumerate() {
        if !known.has(field) {
            return Err(format!("--map: there is no field `{field}`; there are {}", known.told()));
        }
        if map[..index].iter().any(|earlier| earlier.field == *field) {
            return Err(format!("--map: `{field}` is taken from two columns"));
        }
    }
    Ok(())
}

fn told(header: &[String]) -> String {
    let names: Vec<_> = header.iter().take(60).map(|name| format!("`{}`", shortened(name))).collect();
    names.join(", ")
}

/// The beginning of a text.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

/// The cells of a row of a table.
fn cells(raw: &RawRow) -> Result<csv::StringRecord, String> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(raw.text()?.as_bytes());
    let mut record = csv::StringRecord::new();
    reader.read_record(&mut record).map_err(|error| error.to_string())?;
    if reader.read_record(&mut csv::StringRecord::new()).unwrap_or(true) {
        return Err("a carriage return stands in a cell without quotation marks".to_owned());
    }
    Ok(record)
}

impl Row<'_> {
    /// The value of a field: nothing when the file does not have it, or its cell is empty.
    pub(super) fn value(&self, field: &str) -> Option<Value> {
        match &self.cells {
            Cells::Table(cells) => {
                let (_, index) = self.fields.places.get(field)?;
                let cell = unguarded(cells.get(*index)?.trim());
                (!cell.is_empty()).then(|| cell.into())
            }
            Cells::Document(document) => {
                let column = self.fields.places.get(field).map_or(field, |(column, _)| column.as_str());
                let at = |path: &str| document.get(path).or_else(|| nested(document, path)).cloned();
                at(column).or_else(|| at(&format!("personal.{column}")))
            }
        }
    }

    /// The names of the fields that begin with this, and that the row may have.
    pub(super) fn beginning_with(&self, open: &str) -> Vec<String> {
        let mut names: Vec<String> = self.fields.places.keys().filter(|name| name.starts_with(open)).cloned().collect();
        if let Cells::Document(document) = &self.cells {
            let within = document.get(open.trim_end_matches('.')).and_then(Value::as_object);
            names.extend(within.into_iter().flat_map(Map::keys).map(|name| format!("{open}{name}")));
            names.extend(document.keys().filter(|name| name.starts_with(open)).cloned());
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    /// A fault of a field, by the name that its column has in the file.
    pub(super) fn fault(&self, field: &str, fault: &dyn Display) -> String {
        let column = self.fields.places.get(field).map_or(field, |(column, _)| column.as_str());
        if column == field { format!("{field}: {fault}") } else { format!("{field} (column `{column}`): {fault}") }
    }

    /// What a field says, read from a text.
    pub(super) fn text<T, E: Display>(
        &self,
        field: &str,
        read: impl FnOnce(String) -> Result<T, E>,
    ) -> Result<Said<T>, String> {
        let text = match self.value(field) {
            None => return Ok(None),
            Some(Value::Null) => return Ok(Some(None)),
            Some(Value::String(text)) => text,
            Some(Value::Number(number)) => number.to_string(),
            Some(_) => return Err(self.fault(field, &"expected a text")),
        };
        read(text).map(|value| Some(Some(value))).map_err(|error| self.fault(field, &error))
    }

    /// What a field says that the row has to have.
    pub(super) fn needed<T, E: Display>(
        &self,
        field: &str,
        read: impl FnOnce(String) -> Result<T, E>,
    ) -> Result<T, String> {
        self.text(field, read)?.flatten().ok_or_else(|| self.fault(field, &"it is empty"))
    }

    /// The list that a field says: in a table, texts with semicolons between them.
    pub(super) fn list<T, E: Display>(
        &self,
        field: &str,
        read: impl Fn(&Value) -> Result<T, E>,
    ) -> Result<Option<Vec<T>>, String> {
        let items = match self.value(field) {
            None => return Ok(None),
            Some(Value::Null) => Vec::new(),
            Some(Value::Array(items)) => items,
            Some(Value::String(text)) if self.fields.is_table => parted(&text).into_iter().map(Into::into).collect(),
            Some(_) => return Err(self.fault(field, &"expected a list")),
        };
        let read = items.iter().enumerate().map(|(index, item)| {
            read(item).map_err(|error| self.fault(field, &format!("number {} of {}: {error}", index + 1, items.len())))
        });
        read.collect::<Result<_, _>>().map(Some)
    }
}

fn nested<'d>(document: &'d Map<String, Value>, path: &str) -> Option<&'d Value> {
    let (first, rest) = path.split_once('.')?;
    let within = document.get(first)?.as_object()?;
    within.get(rest).or_else(|| nested(within, rest))
}
