//! The rows that were refused, in a file of their own, with the reason: to be mended and brought in again.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::rows::RawRow;
use crate::cli::Failure;
use crate::cli::export::create_private;

/// How many faults are told when there is no file for them.
const SHOWN_MAX: usize = 10;
/// How much of a row that is too long goes into the file.
const BEGINNING_BYTES: usize = 1024;

/// In what form rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As a table: the row's cells, its line and the reason.
    Table,
    /// As JSON documents, with the line and the reason as further fields.
    Documents,
    /// Lines that have no cells: a table of line, row and reason.
    Lines,
}

/// The rows that were refused.
pub(super) struct Refused {
    form: Form,
    file: Option<(PathBuf, BufWriter<File>)>,
    columns: usize,
    shown: Vec<(u64, String)>,
    /// How many there are.
    pub(super) count: u64,
}

impl Refused {
    /// Rows go into this file, if there is one. Nobody else may read it: it holds what the rows hold.
    pub(super) fn new(form: Form, file: Option<&Path>, input: &Path) -> Result<Self, Failure> {
        let file = match file {
            Some(path) => {
                if fs::canonicalize(path).is_ok_and(|path| fs::canonicalize(input).is_ok_and(|input| input == path)) {
                    return Err(format!(
                        "--errors {} is the file that is brought in; name another one",
                        path.display()
                    ));
                }
                let created =
                    create_private(path).map_err(|error| format!("{} can not be written: {error}", path.display()))?;
                Some((path.to_owned(), BufWriter::new(created)))
            }
            None => None,
        };
        Ok(Self { form, file, columns: 0, shown: Vec::new(), count: 0 })
    }

    /// Writes the header: that of the file with two columns more.
    pub(super) fn begin(&mut self, header: Option<&RawRow>) -> Result<(), Failure> {
        let header = match (self.form, header) {
            (Form::Table, Some(header)) => {
                let cells = cells(&header.bytes);
                self.columns = cells.len();
                cells
            }
            (Form::Lines, _) => vec![b"row".to_vec()],
            _ => return Ok(()),
        };
        self.write(&row(header, [b"error_line".to_vec(), b"error".to_vec()]))
    }

    /// Takes one more.
    pub(super) fn take(&mut self, raw: &RawRow, reason: &str) -> Result<(), Failure> {
        self.count += 1;
        let line = raw.line_number.to_string().into_bytes();
        if self.file.is_none() {
            if self.shown.len() < SHOWN_MAX {
                self.shown.push((raw.line_number, reason.to_owned()));
            }
            return Ok(());
        }
        let kept = if raw.is_cut { &raw.bytes[..raw.bytes.len().min(BEGINNING_BYTES)] } else { &raw.bytes[..] };
        let bytes = match self.form {
            Form::Table => {
                let mut cells = if raw.is_cut { vec![kept.to_vec()] } else { cells(kept) };
                cells.resize(cells.len().max(self.columns), Vec::new());
                row(cells, [line, reason.into()])
            }
            Form::Lines => row(vec![kept.to_vec()], [line, reason.into()]),
            Form::Documents => {
                let mut document = match serde_json::from_slice(kept) {
                    Ok(document @ Value::Object(_)) if !raw.is_cut => document,
                    _ => json!({ "error_row": String::from_utf8_lossy(kept) }),
                };
                document["error_line"] = raw.line_number.into();
                document["error"] = reason.into();
                format!("{document}\n").into_bytes()
            }
        };
        self.write(&bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match &mut self.file {
            Some((path, file)) => {
                file.write_all(bytes).map_err(|error| format!("{} can not be written: {error}", path.display()))
            }
            None => Ok(()),
        }
    }

    /// Ends the file, which goes when nothing was refused. An error when something was.
    pub(super) fn settle(mut self) -> Result<(), Failure> {
        let rows = if self.count == 1 { "row was" } else { "rows were" };
        let mut text = format!("{} {rows} refused", self.count);
        if let Some((path, file)) = &mut self.file {
            file.flush().map_err(|error| format!("{} can not be written: {error}", path.display()))?;
            if self.count == 0 {
                return fs::remove_file(&*path)
                    .map_err(|error| format!("{} can not be removed: {error}", path.display()));
            }
            text.push_str(&format!("; {} has them with the reasons", path.display()));
        }
        if self.count == 0 {
            return Ok(());
        }
        for (line, reason) in &self.shown {
            text.push_str(&format!("\n  line {line}: {reason}"));
        }
        let others = self.count - self.shown.len() as u64;
        if others > 0 && self.file.is_none() {
            text.push_str(&format!("\n  and {others} more; --errors FILE keeps all of them"));
        }
        Err(text)
    }
}

/// The cells of a row, whatever bytes they are.
fn cells(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let mut record = csv::ByteRecord::new();
    // A row in memory can be read.
    let _ = reader.read_byte_record(&mut record);
    record.iter().map(<[u8]>::to_vec).collect()
}

fn row(cells: Vec<Vec<u8>>, more: [Vec<u8>; 2]) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).flexible(true).from_writer(Vec::new());
    // Writing to memory does not fail.
    let _ = writer.write_record(cells.into_iter().chain(more));
    writer.into_inner().unwrap_or_default()
}
