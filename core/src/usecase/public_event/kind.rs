//! Kinds of events, and their names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::EventData;

macro_rules! kinds {
    ($($variant:ident $name:literal;)*) => {
        /// What kind of event something is. Kept by name, so that the list may grow anywhere.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventKind {
            $(#[doc = $name] $variant,)*
        }

        impl EventKind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its stable name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }

        impl EventData {
            /// What kind of event this is.
            pub const fn kind(&self) -> EventKind {
                match self {
                    $(Self::$variant { .. } => EventKind::$variant,)*
                }
            }
        }
    };
}

kinds! {
    MemberEnrolled "member-enrolled";
    StoredValueLoaded "stored-value-loaded";
    StoredValueSpent "stored-value-spent";
    OrderSettled "order-settled";
    OrderRefunded "order-refunded";
    EarningLimited "earning-limited";
    CouponsIssued "coupons-issued";
    CouponsRedeemed "coupons-redeemed";
    PackEnabled "pack-enabled";
    PackFailed "pack-failed";
    CommandRun "command-run";
    WebhookPaused "webhook-paused";
    MessageEnded "message-ended";
    MemberChanged "member-changed";
    MemberErased "member-erased";
    ConsentGiven "consent-given";
    OrderPartlyRefunded "order-partly-refunded";
    OrderClaimed "order-claimed";
    BenefitUsed "benefit-used";
    BenefitReturned "benefit-returned";
    MembersMerged "members-merged";
    AssetsAdjusted "assets-adjusted";
    AssetsGiven "assets-given";
    CouponsReturned "coupons-returned";
    PackTold "pack-told";
    CallParked "call-parked";
    PackUpgraded "pack-upgraded";
    PackRestored "pack-restored";
    PackRemoved "pack-removed";
    PackCaughtUp "pack-caught-up";
    AgreementChanged "agreement-changed";
    BehaviourNoted "behaviour-noted";
}

/// A text that names no kind of event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is no kind of event; there are {}", names())]
pub struct UnknownKind {
    given: String,
}

fn names() -> String {
    EventKind::ALL.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for EventKind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        let named = Self::ALL.iter().copied().find(|kind| kind.name() == text);
        named.ok_or_else(|| UnknownKind { given: text.chars().take(64).collect() })
    }
}

impl Serialize for EventKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for EventKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Code;

    #[test]
    fn a_kind_is_found_by_its_name_and_every_name_is_a_code_of_its_own() {
        let mut seen = std::collections::BTreeSet::new();
        for kind in EventKind::ALL {
            assert_eq!(kind.name().parse(), Ok(*kind));
            assert!(Code::new(kind.name()).is_ok() && seen.insert(kind.name()), "{kind}");
        }
        let error = "order-lost".parse::<EventKind>().unwrap_err().to_string();
        assert!(error.starts_with("`order-lost` is no kind of event; there are member-enrolled, "), "{error}");
    }
}
