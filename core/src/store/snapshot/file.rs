//! How a snapshot lies in its file.
//!
//! A header of 80 bytes, numbers little-endian: magic (8), format (4), number of the last record (8) and its hash (32),
//! its date in milliseconds since 1970 (8), the number of keys (8) and their bytes (8), CRC32C of the 76 bytes before
//! (4). Then one zstd frame with its own checksum.
//! In it, for each key in order: 1, how many bytes it shares with the key before, the length of the rest, the rest, the
//! value's length plus one and the value, or 0 for a key that is gone (in runs only). At the end: 0, the number of keys,
//! their bytes, and SHA-256 of the header's first 60 bytes and of all before it in the frame. Numbers there are LEB128.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::Begins;
use crate::store::error::StoreError;
use crate::store::journal::{SystemDisk, Tip, check_room};
use crate::store::key::{KEY_BYTES_MAX, Key, VALUE_BYTES_MAX, Value};

const MAGIC: &[u8; 8] = b"PUNCHSNP";
const FORMAT: u32 = 1;
const HEADER_BYTES: usize = 80;
/// The part of the header that is known from the beginning.
const BEGINS_BYTES: usize = 60;
const ENTRY: u8 = 1;
const END: u8 = 0;
/// Compression of what is kept; runs are read once and soon, and get the quickest.
pub(super) const LEVEL_KEPT: i32 = 3;
pub(super) const LEVEL_RUN: i32 = 1;

/// What is in a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotSummary {
    /// The record of the journal that it ends with.
    pub number: u64,
    /// When that was written.
    pub dated_at: Timestamp,
    /// How many keys there are.
    pub keys: u64,
    /// Size of all keys and values, in bytes: what the store holds, as nobody stores it.
    pub logical_bytes: u64,
    /// Size of the file, in bytes.
    pub file_bytes: u64,
}

/// A snapshot that is being written.
pub(super) struct SnapshotWriter {
    frame: zstd::Encoder<'static, BufWriter<File>>,
    sha: Sha256,
    header: Vec<u8>,
    buffer: Vec<u8>,
    before: Key,
    keys: u64,
    bytes: u64,
    dir: PathBuf,
    room_bytes_min: u64,
}

impl SnapshotWriter {
    /// Begins a file. With less room than that on its disk nothing more is written.
    pub(super) fn create(path: &Path, begins: Begins, level: i32, room_bytes_min: u64) -> io::Result<Self> {
        let dir = path.parent().unwrap_or(Path::new(".")).to_owned();
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&FORMAT.to_le_bytes());
        header.extend_from_slice(&begins.tip.number.to_le_bytes());
        header.extend_from_slice(&begins.tip.hash);
        header.extend_from_slice(&begins.dated_at.as_millisecond().to_le_bytes());
        let sha = Sha256::new().chain_update(&header);
        let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
        // No header yet: a file that was not finished is no snapshot.
        file.write_all(&[0; HEADER_BYTES])?;
        let mut frame = zstd::Encoder::new(file, level)?;
        frame.include_checksum(true)?;
        Ok(Self { frame, sha, header, buffer: Vec::new(), before: Key::new(), keys: 0, bytes: 0, dir, room_bytes_min })
    }

    /// Adds a key, which comes after all that were added.
    pub(super) fn put(&mut self, key: &[u8], value: Option<&[u8]>) -> io::Result<()> {
        let shared = self.before.iter().zip(key).take_while(|(a, b)| a == b).count();
        self.buffer.push(ENTRY);
        number(&mut self.buffer, shared as u64);
        number(&mut self.buffer, (key.len() - shared) as u64);
        self.buffer.extend_from_slice(&key[shared..]);
        number(&mut self.buffer, value.map_or(0, |value| value.len() as u64 + 1));
        self.buffer.extend_from_slice(value.unwrap_or_default());
        self.before.truncate(shared);
        self.before.extend_from_slice(&key[shared..]);
        self.keys += 1;
        self.bytes += (key.len() + value.map_or(0, <[u8]>::len)) as u64;
        if self.buffer.len() > 1 << 16 { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        check_room(&SystemDisk, &self.dir, self.room_bytes_min)?;
        self.sha.update(&self.buffer);
        self.frame.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    /// Writes the end. The file is not synced yet.
    pub(super) fn finish(mut self) -> io::Result<File> {
        self.buffer.push(END);
        number(&mut self.buffer, self.keys);
        number(&mut self.buffer, self.bytes);
        self.flush()?;
        self.frame.write_all(&self.sha.finalize())?;
        let mut file = self.frame.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
        let mut header = self.header;
        header.extend_from_slice(&self.keys.to_le_bytes());
        header.extend_from_slice(&self.bytes.to_le_bytes());
        header.extend_from_slice(&crc32c::crc32c(&header).to_le_bytes());
        file.rewind()?;
        file.write_all(&header)?;
        Ok(file)
    }
}

/// A snapshot that is being read, from its first key to its last.
pub(in crate::store) struct SnapshotReader {
    path: PathBuf,
    frame: BufReader<zstd::Decoder<'static, BufReader<File>>>,
    /// What was read and is not in the hash yet.
    raw: Vec<u8>,
    sha: Sha256,
    pub(in crate::store) begins: Begins,
    /// What the header says of all that is in it.
    summary: SnapshotSummary,
    key: Key,
    keys: u64,
    bytes: u64,
    ended: bool,
}

impl SnapshotReader {
    /// Opens a snapshot and checks its header.
    pub(in crate::store) fn open(path: &Path) -> Result<Self, StoreError> {
        let step = || format!("read {}", path.display());
        let file = File::open(path).map_err(StoreError::io(step()))?;
        let file_bytes = file.metadata().map_err(StoreError::io(step()))?.len();
        let mut file = BufReader::with_capacity(1 << 20, file);
        let mut header = [0; HEADER_BYTES];
        file.read_exact(&mut header).map_err(|_| corrupt(path, "the header is cut short"))?;
        let (begins, summary) = decode_header(&header, file_bytes).map_err(|what| corrupt(path, what))?;
        let frame = zstd::Decoder::with_buffer(file).map_err(StoreError::io(step()))?;
        Ok(Self {
            path: path.to_owned(),
            frame: BufReader::with_capacity(1 << 17, frame),
            raw: Vec::new(),
            sha: Sha256::new().chain_update(&header[..BEGINS_BYTES]),
            begins,
            summary,
            key: Key::new(),
            keys: 0,
            bytes: 0,
            ended: false,
        })
    }

    /// The next key with its value, `None` for a value of a key that is gone; `None` after the last one, when all of the
    /// snapshot is known to be whole.
    pub(in crate::store) fn next(&mut self) -> Result<Option<(Key, Option<Value>)>, StoreError> {
        if self.ended {
            return Ok(None);
        }
        let entry = self.read_entry().map_err(|error| corrupt(&self.path, error.to_string()))?;
        self.ended = entry.is_none();
        Ok(entry)
    }

    /// What the header says of the snapshot. It is true when the snapshot was read to its end.
    pub(in crate::store) fn summary(&self) -> SnapshotSummary {
        self.summary
    }

    fn read_entry(&mut self) -> io::Result<Option<(Key, Option<Value>)>> {
        match self.byte()? {
            ENTRY => {}
            END => return self.read_end().map(|()| None),
            other => return Err(wrong(format!("there is no entry of kind {other}"))),
        }
        let shared = self.length(self.key.len())?;
        let rest = self.length(KEY_BYTES_MAX)?;
        let mut key = self.key[..shared].to_vec();
        self.take(rest, &mut key)?;
        if self.keys > 0 && key <= self.key {
            return Err(wrong("the keys are not in order"));
        }
        let value = match self.length(VALUE_BYTES_MAX + 1)?.checked_sub(1) {
            Some(length) => {
                let mut value = Value::with_capacity(length);
                self.take(length, &mut value)?;
                Some(value)
            }
            None => None,
        };
        self.keys += 1;
        self.bytes += (key.len() + value.as_ref().map_or(0, Vec::len)) as u64;
        self.key.clone_from(&key);
        if self.raw.len() > 1 << 16 {
            self.hash();
        }
        Ok(Some((key, value)))
    }

    fn read_end(&mut self) -> io::Result<()> {
        let (keys, bytes) = (self.number()?, self.number()?);
        let told = (self.summary.keys, self.summary.logical_bytes);
        if (keys, bytes) != (self.keys, self.bytes) || told != (keys, bytes) {
            return Err(wrong(format!("it holds {} keys, but should hold {keys}", self.keys)));
        }
        self.hash();
        let mut sha = [0; 32];
        self.frame.read_exact(&mut sha)?;
        if self.sha.clone().finalize()[..] != sha {
            return Err(wrong("its hash does not match"));
        }
        if self.frame.read(&mut [0])? != 0 {
            return Err(wrong("something follows its end"));
        }
        Ok(())
    }

    fn hash(&mut self) {
        self.sha.update(&self.raw);
        self.raw.clear();
    }

    fn take(&mut self, length: usize, into: &mut Vec<u8>) -> io::Result<()> {
        let start = into.len();
        into.resize(start + length, 0);
        self.frame.read_exact(&mut into[start..])?;
        self.raw.extend_from_slice(&into[start..]);
        Ok(())
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.frame.read_exact(&mut byte)?;
        self.raw.push(byte[0]);
        Ok(byte[0])
    }

    fn number(&mut self) -> io::Result<u64> {
        let mut number = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(wrong("a number is too long"))
    }

    fn length(&mut self, max: usize) -> io::Result<usize> {
        let length = self.number()?;
        usize::try_from(length)
            .ok()
            .filter(|length| *length <= max)
            .ok_or_else(|| wrong(format!("a length of {length} is over {max}")))
    }
}

fn decode_header(header: &[u8; HEADER_BYTES], file_bytes: u64) -> Result<(Begins, SnapshotSummary), String> {
    let number = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().unwrap_or_default());
    let short = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().unwrap_or_default());
    if &header[..8] != MAGIC {
        return Err("this is not a snapshot".into());
    }
    if short(8) != FORMAT {
        return Err(format!("the format is {}, this version reads {FORMAT}", short(8)));
    }
    if crc32c::crc32c(&header[..76]) != short(76) {
        return Err("the header's checksum does not match".into());
    }
    let hash = header[20..52].try_into().unwrap_or_default();
    let millis = i64::try_from(number(52)).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
    let dated_at = millis.ok_or("its date is impossible")?;
    let begins = Begins { tip: Tip { number: number(12), hash }, dated_at };
    let (keys, logical_bytes) = (number(60), number(68));
    Ok((begins, SnapshotSummary { number: begins.tip.number, dated_at, keys, logical_bytes, file_bytes }))
}

fn number(buffer: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        buffer.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    buffer.push(number.to_le_bytes()[0]);
}

fn wrong(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

fn corrupt(path: &Path, what: impl Into<String>) -> StoreError {
    StoreError::SnapshotCorrupt { file: path.to_owned(), what: what.into() }
}
