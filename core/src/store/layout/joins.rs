//! The keys of join codes, and of what is counted of how members came.

use jiff::civil::Date;

use super::figures::{day_bytes, store_bytes, store_of};
use super::{Code, JoinCodeId, Key, KeyRange, MerchantId, Name, StoreId};
use crate::domain::Way;

/// A join code.
pub fn join_code(merchant: MerchantId, code: JoinCodeId) -> Key {
    part(merchant, b'd').bytes(code.as_bytes()).0
}

/// All join codes of a merchant, those that were made first first.
pub fn join_codes(merchant: MerchantId) -> KeyRange {
    part(merchant, b'd').range()
}

/// How many join codes a merchant has.
pub fn join_code_count(merchant: MerchantId) -> Key {
    part(merchant, b'n').0
}

/// How many joined on a day in a store by a way.
pub fn joins(merchant: MerchantId, day: Date, store: Option<StoreId>, way: &Way) -> Key {
    let key = part(merchant, b'f').bytes(&day_bytes(day)).bytes(&store_bytes(store));
    match way {
        Way::Channel(channel) => key.bytes(b"c").bytes(channel.as_str().as_bytes()).0,
        Way::Code(code) => key.bytes(b"j").bytes(code.as_bytes()).0,
    }
}

/// How many joined from one day to another, both included.
pub fn joins_between(merchant: MerchantId, from: Date, to: Date) -> KeyRange {
    let on = |day| part(merchant, b'f').bytes(&day_bytes(day));
    KeyRange { start: on(from).0, end: on(to).range().end }
}

/// Store and way of such a key.
pub fn joins_parts(key: &[u8]) -> Option<(Option<StoreId>, Way)> {
    let (_, rest) = key.get(18..)?.split_first_chunk::<4>()?;
    let (store, rest) = rest.split_first_chunk::<16>()?;
    let (kind, name) = rest.split_first()?;
    let way = match kind {
        b'c' => Way::Channel(Code::new(std::str::from_utf8(name).ok()?).ok()?),
        b'j' => Way::Code(JoinCodeId::from_bytes(name.try_into().ok()?)),
        _ => return None,
    };
    Some((store_of(*store), way))
}

fn part(merchant: MerchantId, letter: u8) -> Name {
    Name::of(b'#', merchant).bytes(&[letter])
}
