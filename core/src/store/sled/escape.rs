//! How keys are spelled in sled.
//!
//! sled finds the node before another one by guessing a key that should lie just below its first key: one less in the
//! last byte, then four times `0xff`. With keys that sort between the guess and that first key it never finds it, spins
//! and panics; and packs choose their keys as they like. So no key in sled contains `0xff`: `0xfe` is spelled
//! `fe 00` and `0xff` is spelled `fe 01`. The order of keys stays the same.

use std::borrow::Cow;

const ESCAPE: u8 = 0xfe;

/// The key as it is in sled.
pub(super) fn escape(key: &[u8]) -> Cow<'_, [u8]> {
    if key.iter().all(|&byte| byte < ESCAPE) {
        return Cow::Borrowed(key);
    }
    let mut escaped = Vec::with_capacity(key.len() + 8);
    for &byte in key {
        if byte < ESCAPE {
            escaped.push(byte);
        } else {
            escaped.extend_from_slice(&[ESCAPE, byte - ESCAPE]);
        }
    }
    Cow::Owned(escaped)
}

/// The key that is spelled like this in sled.
pub(super) fn unescape(escaped: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(escaped.len());
    let mut bytes = escaped.iter();
    while let Some(&byte) = bytes.next() {
        // A lone escape cannot be written by `escape`; it is kept, so that it is seen rather than lost.
        key.push(if byte == ESCAPE { ESCAPE.saturating_add(bytes.next().copied().unwrap_or(0)) } else { byte });
    }
    key
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn keys() -> impl Strategy<Value = Vec<u8>> {
        vec(prop_oneof![Just(0xff), Just(0xfe), Just(0xfd), Just(0), any::<u8>()], 0..12)
    }

    proptest! {
        #[test]
        fn spelling_keeps_order_and_loses_nothing(a in keys(), b in keys()) {
            prop_assert_eq!(unescape(&escape(&a)), a.clone());
            prop_assert_eq!(escape(&a).cmp(&escape(&b)), a.cmp(&b));
            prop_assert!(!escape(&a).contains(&0xff));
        }
    }
}
