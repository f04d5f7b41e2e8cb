//! The one registry of ids: each kind is its own type, so that a member can not be passed for a store.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// Why a text is not an id of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is no {kind} id: expected `{prefix}_` and 32 hexadecimal digits")]
pub struct ParseIdError {
    kind: &'static str,
    prefix: &'static str,
    given: String,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $prefix:literal $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// What the text form begins with, before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// The id of these sixteen bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The sixteen bytes, in the order that sorts by time of making.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), Uuid::from_bytes(self.0).simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .filter(|hex| hex.len() == 32)
                    .and_then(|hex| Uuid::try_parse(hex).ok())
                    .map(|uuid| Self(uuid.into_bytes()))
                    .ok_or_else(|| ParseIdError {
                        kind: $kind,
                        prefix: $prefix,
                        given: text.chars().take(64).collect(),
                    })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
                } else {
                    <[u8; 16]>::deserialize(deserializer).map(Self)
                }
            }
        }
    )*};
}

ids! {
    /// A brand: the tenant that owns stores, members and programmes.
    MerchantId "mer" "merchant";
    /// A place of sale of a merchant.
    StoreId "sto" "store";
    /// A customer of one merchant.
    MemberId "mem" "member";
    /// A recorded order.
    OrderId "ord" "order";
    /// A set of linked transfers in a merchant's ledger.
    PostingId "pst" "posting";
    /// A part of what a member holds, with its own source and expiry.
    LotId "lot" "lot";
    /// An amount of a member that is set aside.
    HoldId "hld" "hold";
    /// Somebody of the staff: a person who signs in, or an API key (not its secret).
    StaffId "stf" "staff";
    /// A session of somebody who has signed in (not its secret).
    SessionId "ses" "session";
    /// A note about a member.
    NoteId "not" "note";
    /// A code by which people join.
    JoinCodeId "jcd" "join code";
    /// A change that somebody made, in the audit log.
    ChangeId "chg" "change";
    /// An address to which events are sent.
    WebhookId "whk" "webhook";
    /// A message to a member.
    MessageId "msg" "message";
    /// A contract between two merchants.
    AgreementId "agr" "agreement";
    /// A call of a pack that waits for somebody to look at it.
    CallId "cal" "parked call";
    /// A call of a pack that was recorded.
    RecordingId "rec" "recording";
    /// One uploaded version of a pack: the first half of the SHA-256 of its component.
    RevisionId "rev" "pack revision";
}

/// Makes ids: UUIDs of version 7 (RFC 9562), which sort by the instant of making. Instant and random bits are passed
/// in, so the same source gives the same ids again.
#[derive(Clone, Debug)]
pub struct IdSource {
    millis: u64,
    state: u64,
}

impl IdSource {
    /// A source of ids that bear the instant `now` and random bits that follow from `seed`.
    pub fn new(now: Timestamp, seed: u64) -> Self {
        Self { millis: u64::try_from(now.as_millisecond()).unwrap_or(0), state: seed }
    }

    /// The next 64 random bits (SplitMix64; Steele, Lea, Flood 2014).
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A name of its own for something that happens now; such names sort by the instant, among ids as well.
    pub fn moment(&mut self) -> [u8; 16] {
        self.uuid()
    }

    fn uuid(&mut self) -> [u8; 16] {
        let mut random = [0; 10];
        random[..8].copy_from_slice(&self.bits().to_le_bytes());
        random[8..].copy_from_slice(&self.bits().to_le_bytes()[..2]);
        uuid::Builder::from_unix_timestamp_millis(self.millis, &random).into_uuid().into_bytes()
    }
}

macro_rules! sources {
    ($($method:ident $name:ident $doc:literal;)*) => {
        impl IdSource {$(
            #[doc = $doc]
            pub fn $method(&mut self) -> $name {
                $name(self.uuid())
            }
        )*}
    };
}

sources! {
    merchant MerchantId "A new merchant's id.";
    store StoreId "A new store's id.";
    member MemberId "A new member's id.";
    order OrderId "A new order's id.";
    posting PostingId "A new posting's id.";
    lot LotId "A new lot's id.";
    hold HoldId "A new hold's id.";
    staff StaffId "A new id of somebody of the staff.";
    session SessionId "A new session's id.";
    note NoteId "A new note's id.";
    join_code JoinCodeId "A new join code's id.";
    change ChangeId "A new change's id.";
    webhook WebhookId "A new webhook's id.";
    message MessageId "A new message's id.";
    call CallId "A new parked call's id.";
    agreement AgreementId "A new agreement's id.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_from_its_text_and_from_bytes() {
        let mut ids = IdSource::new(Timestamp::from_second(1_700_000_000).unwrap(), 7);
        let member = ids.member();
        assert_eq!(member.to_string().parse::<MemberId>(), Ok(member));
        let bytes = postcard::to_stdvec(&member).unwrap();
        assert_eq!(bytes.len(), 16);
        assert_eq!(postcard::from_bytes::<MemberId>(&bytes).unwrap(), member);
    }

    #[test]
    fn an_id_of_another_kind_is_refused_with_the_right_form() {
        let member = IdSource::new(Timestamp::UNIX_EPOCH, 7).member();
        let error = member.to_string().parse::<StoreId>().unwrap_err();
        assert!(error.to_string().contains("expected `sto_` and 32 hexadecimal digits"), "{error}");
    }

    #[test]
    fn ids_of_later_instants_sort_later() {
        let early = IdSource::new(Timestamp::from_second(1).unwrap(), u64::MAX).order();
        let late = IdSource::new(Timestamp::from_second(2).unwrap(), 0).order();
        assert!(early < late);
    }
}
