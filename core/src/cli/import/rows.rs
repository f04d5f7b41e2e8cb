//! The rows of a file as they stand there, one at a time: memory stays bounded whatever the file holds.

use std::io::{self, BufRead};

/// The longest row that is read, in bytes. Of a longer one only the beginning is kept.
const ROW_BYTES_MAX: usize = 1 << 20;

/// A row as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RawRow {
    /// On which line it begins, from 1.
    pub(super) line_number: u64,
    /// What stands there, without the line's end.
    pub(super) bytes: Vec<u8>,
    /// Whether it is longer than what is here, or has no end.
    pub(super) is_cut: bool,
}

impl RawRow {
    /// The text of it.
    pub(super) fn text(&self) -> Result<&str, String> {
        if self.is_cut {
            return Err(format!(
                "the row has more than {ROW_BYTES_MAX} bytes, or a quotation mark in it is never closed"
            ));
        }
        std::str::from_utf8(&self.bytes).map_err(|_| "not text in UTF-8".to_owned())
    }
}

/// The rows of a file. Empty lines are none.
pub(super) struct RawRows<R> {
    input: R,
    has_quotes: bool,
    line_number: u64,
    bytes_read: u64,
}

/// Where in a row of a table the reader stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    CellStart,
    Cell,
    Quoted,
    /// Behind a quotation mark that ends the quotation, or is the first of two.
    Quote,
}

impl<R: BufRead> RawRows<R> {
    /// The rows of a table (RFC 4180), which may have line ends in quoted cells, or plain lines.
    pub(super) fn new(input: R, has_quotes: bool) -> Self {
        Self { input, has_quotes, line_number: 1, bytes_read: 0 }
    }

    /// How much of the file is read.
    pub(super) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// The next row, if there is one.
    pub(super) fn next_row(&mut self) -> io::Result<Option<RawRow>> {
        loop {
            let Some(mut row) = self.next_line()? else { return Ok(None) };
            if row.line_number == 1 && row.bytes.starts_with(b"\xef\xbb\xbf") {
                row.bytes.drain(..3);
            }
            if row.bytes.last() == Some(&b'\r') {
                row.bytes.pop();
            }
            if !row.bytes.trim_ascii().is_empty() {
                return Ok(Some(row));
            }
        }
    }

    fn next_line(&mut self) -> io::Result<Option<RawRow>> {
        let mut row = RawRow { line_number: self.line_number, bytes: Vec::new(), is_cut: false };
        let (mut at, mut has_any) = (At::CellStart, false);
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                row.is_cut |= at == At::Quoted;
                return Ok(has_any.then_some(row));
            }
            has_any = true;
            let mut end = None;
            for (index, byte) in buffer.iter().enumerate() {
                if *byte == b'\n' {
                    self.line_number += 1;
                    if at != At::Quoted {
                        end = Some(index);
                        break;
                    }
                }
                if self.has_quotes {
                    at = at.after(*byte, self.bytes_read + (index as u64) < 3);
                }
            }
            let taken = end.unwrap_or(buffer.len());
            let room = ROW_BYTES_MAX - row.bytes.len();
            row.bytes.extend_from_slice(&buffer[..taken.min(room)]);
            row.is_cut |= taken > room;
            let consumed = taken + usize::from(end.is_some());
            self.input.consume(consumed);
            self.bytes_read += consumed as u64;
            if end.is_some() {
                return Ok(Some(row));
            }
        }
    }
}

impl At {
    /// Where the reader stands behind one more byte; a mark of the byte order before the first cell is none of it.
    fn after(self, byte: u8, may_be_mark: bool) -> Self {
        match (self, byte) {
            (Self::CellStart, 0xef | 0xbb | 0xbf) if may_be_mark => Self::CellStart,
            (Self::CellStart | Self::Quote, b'"') => Self::Quoted,
            (Self::Quoted, b'"') => Self::Quote,
            (Self::Quoted, _) => Self::Quoted,
            (_, b',') => Self::CellStart,
            _ => Self::Cell,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &[u8], has_quotes: bool) -> Vec<(u64, Vec<u8>)> {
        // A buffer that ends in the middle of everything.
        let mut rows = RawRows::new(io::BufReader::with_capacity(2, text), has_quotes);
        let mut seen = Vec::new();
        while let Some(row) = rows.next_row().unwrap() {
            assert!(!row.is_cut);
            seen.push((row.line_number, row.bytes));
        }
        assert_eq!(rows.bytes_read(), text.len() as u64);
        seen
    }

    #[test]
    fn a_row_ends_with_its_line_and_not_in_a_quotation() {
        let text = b"\xef\xbb\xbf\"a\",b\r\n\r\n1,\"x\ny\"\"\n,z\",2\n\n3\"\"4,5\n\"6\"";
        let expected = [(1, "\"a\",b"), (3, "1,\"x\ny\"\"\n,z\",2"), (7, "3\"\"4,5"), (8, "\"6\"")];
        let expected = expected.map(|(line, text)| (line, text.as_bytes().to_vec()));
        assert_eq!(rows(text, true), expected);
    }

    #[test]
    fn without_quotations_every_line_is_a_row() {
        assert_eq!(rows(b"{\"a\n\"}", false), [(1, b"{\"a".to_vec()), (2, b"\"}".to_vec())]);
        assert_eq!(rows(b"", false), []);
    }

    #[test]
    fn of_a_row_that_does_not_end_only_the_beginning_is_kept() {
        let mut text = b"a,\"".to_vec();
        text.extend(vec![b'\n'; 3 * ROW_BYTES_MAX]);
        let mut rows = RawRows::new(io::BufReader::new(text.as_slice()), true);
        let row = rows.next_row().unwrap().unwrap();
        assert_eq!((row.bytes.len(), row.is_cut), (ROW_BYTES_MAX, true));
        assert!(row.text().unwrap_err().contains("never closed"));
        assert_eq!(rows.next_row().unwrap(), None);
    }
}
