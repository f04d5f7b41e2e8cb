//! The keys of segments.

use super::{Code, Key, KeyRange, MerchantId, Name};

/// A segment.
pub fn segment(merchant: MerchantId, code: &Code) -> Key {
    Name::of(b'*', merchant).bytes(b"d").bytes(code.as_str().as_bytes()).0
}

/// All segments of a merchant.
pub fn segments(merchant: MerchantId) -> KeyRange {
    Name::of(b'*', merchant).bytes(b"d").range()
}

/// How far the tags of segments are brought up to what members are.
pub fn segment_progress(merchant: MerchantId) -> Key {
    Name::of(b'*', merchant).bytes(b"p").0
}
