//! How a record lies in a segment.
//!
//! All numbers little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | length of the payload |
//! | 4 | CRC32C, seeded with the segment's salt, of the length and of everything after this field |
//! | 8 | number |
//! | 32 | hash of the record before: SHA-256 from its number to its end; zeros before record 1 |
//! | … | payload |

use sha2::{Digest as _, Sha256};

/// A SHA-256 hash.
pub(super) type Hash = [u8; 32];

/// The end of a run of records: the last one's number, and its hash, to which the next one links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tip {
    /// The number of the last record, 0 if there is none.
    pub number: u64,
    /// The hash of the last record, zeros if there is none.
    pub hash: Hash,
}

/// Bytes before the payload.
pub(super) const HEAD_BYTES: usize = 48;
/// The largest payload. A group holds a few transactions of the largest size at most.
pub(super) const PAYLOAD_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A record that is whole and follows the one before.
pub(super) struct Record<'a> {
    pub(super) tip: Tip,
    pub(super) payload: &'a [u8],
    /// Its size in the segment.
    pub(super) bytes: usize,
}

/// Why there is no next record at a place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// The bytes are not a whole record: a write that was cut short, or damage.
    Broken(&'static str),
    /// A whole record, but not the one that belongs here.
    Misplaced(String),
}

/// Puts a record into `buffer`, the payload being what `fill` adds. Returns the new tip.
pub(super) fn write(buffer: &mut Vec<u8>, salt: u32, before: Tip, fill: impl FnOnce(&mut Vec<u8>)) -> Tip {
    let start = buffer.len();
    let number = before.number + 1;
    buffer.extend_from_slice(&[0; 8]);
    buffer.extend_from_slice(&number.to_le_bytes());
    buffer.extend_from_slice(&before.hash);
    fill(buffer);
    let payload_bytes = buffer.len() - start - HEAD_BYTES;
    assert!(payload_bytes <= PAYLOAD_BYTES_MAX, "a group of {payload_bytes} bytes is over the journal's limit");
    let length = u32::try_from(payload_bytes).unwrap_or(u32::MAX).to_le_bytes();
    buffer[start..start + 4].copy_from_slice(&length);
    let crc = checksum(salt, length, &buffer[start + 8..]);
    buffer[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
    Tip { number, hash: Sha256::digest(&buffer[start + 8..]).into() }
}

/// Reads the record at the beginning of `bytes`, which has to follow `before`.
pub(super) fn read(bytes: &[u8], salt: u32, before: Tip) -> Result<Record<'_>, Flaw> {
    let (number, body) = whole(bytes, salt)?;
    if Some(number) != before.number.checked_add(1) {
        return Err(Flaw::Misplaced(format!("record {number} lies where {} belongs", before.number.saturating_add(1))));
    }
    if body[8..40] != before.hash {
        return Err(Flaw::Misplaced(format!("record {number} does not follow record {} by its hash", before.number)));
    }
    Ok(Record { tip: Tip { number, hash: Sha256::digest(body).into() }, payload: &body[40..], bytes: 8 + body.len() })
}

/// Whether a whole record with a number of at least `number` begins anywhere in `bytes`.
pub(super) fn any_later(bytes: &[u8], salt: u32, number: u64) -> bool {
    // The numbers of a segment lie close together: that keeps the checksum from being computed at every place.
    let plausible = number..number.saturating_add(u64::from(u32::MAX));
    (0..bytes.len().saturating_sub(HEAD_BYTES - 1)).any(|start| {
        let bytes = &bytes[start..];
        plausible.contains(&u64_at(bytes, 8)) && whole(bytes, salt).is_ok()
    })
}

/// The number of the whole record at the beginning of `bytes`, and its bytes from the number on.
fn whole(bytes: &[u8], salt: u32) -> Result<(u64, &[u8]), Flaw> {
    if bytes.len() < HEAD_BYTES {
        return Err(Flaw::Broken("a record's head is cut short"));
    }
    let length = u32_at(bytes, 0);
    let payload_bytes = usize::try_from(length).unwrap_or(usize::MAX);
    if payload_bytes > PAYLOAD_BYTES_MAX {
        return Err(Flaw::Broken("a record's length is impossible"));
    }
    let Some(body) = bytes.get(8..HEAD_BYTES + payload_bytes) else {
        return Err(Flaw::Broken("a record is cut short"));
    };
    if checksum(salt, length.to_le_bytes(), body) != u32_at(bytes, 4) {
        return Err(Flaw::Broken("a record's checksum does not match"));
    }
    Ok((u64_at(body, 0), body))
}

fn checksum(salt: u32, length: [u8; 4], body: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(salt, &length), body)
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap_or_default())
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default())
}
