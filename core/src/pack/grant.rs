//! Grants: what a pack asks for and a merchant allows.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::Code;

/// A capability.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Grant {
    /// `members:read`: see members, their tags included, but nothing personal.
    ReadMembers,
    /// `members:contact`: see how members are reached, and find them by what leads to them.
    ReadContacts,
    /// `members:tag`: put tags on members, and take the pack's own off.
    TagMembers,
    /// `members:tier`: give members levels.
    SetTiers,
    /// `orders:read`: see the merchant's orders.
    ReadOrders,
    /// `orders:discount:PERCENT`: take at most so much off an order, 1 to 100.
    Discount(u8),
    /// `messages:send`: send messages by the merchant's templates.
    SendMessages,
    /// `assets:read`: see what members hold.
    ReadAssets,
    /// `assets:write:own-units`: grant and take the units that the pack itself declares.
    WriteOwnUnits,
    /// `assets:write:UNIT`: grant and take this unit.
    WriteUnit(Code),
    /// `events:read`: follow what happens to members and orders.
    ReadEvents,
    /// `events:emit`: tell facts of its own into the merchant's log.
    EmitEvents,
    /// `agreements:transact`: ask the packs of partners and answer them, and book what is owed to them.
    Transact,
}

/// A text that names no grant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a grant: expected members:read, members:contact, members:tag, members:tier, orders:read, orders:discount: and 1 to 100, messages:send, events:read, events:emit, agreements:transact, assets:read, assets:write:own-units or assets:write: and the code of a unit"
)]
pub struct GrantError(String);

impl FromStr for Grant {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, GrantError> {
        match text {
            "members:read" => Ok(Self::ReadMembers),
            "members:contact" => Ok(Self::ReadContacts),
            "members:tag" => Ok(Self::TagMembers),
            "members:tier" => Ok(Self::SetTiers),
            "orders:read" => Ok(Self::ReadOrders),
            "messages:send" => Ok(Self::SendMessages),
            "assets:read" => Ok(Self::ReadAssets),
            "assets:write:own-units" => Ok(Self::WriteOwnUnits),
            "events:read" => Ok(Self::ReadEvents),
            "events:emit" => Ok(Self::EmitEvents),
            "agreements:transact" => Ok(Self::Transact),
            _ => parameterised(text).ok_or_else(|| GrantError(text.chars().take(80).collect())),
        }
    }
}

/// A grant that names something or says how much.
fn parameterised(text: &str) -> Option<Grant> {
    if let Some(unit) = text.strip_prefix("assets:write:") {
        return Code::new(unit).ok().map(Grant::WriteUnit);
    }
    let percent = text.strip_prefix("orders:discount:")?;
    let is_plain = percent.bytes().all(|digit| digit.is_ascii_digit()) && !percent.starts_with('0');
    percent.parse().ok().filter(|percent| is_plain && (1..=100).contains(percent)).map(Grant::Discount)
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReadMembers => f.write_str("members:read"),
            Self::ReadContacts => f.write_str("members:contact"),
            Self::TagMembers => f.write_str("members:tag"),
            Self::SetTiers => f.write_str("members:tier"),
            Self::ReadOrders => f.write_str("orders:read"),
            Self::Discount(percent) => write!(f, "orders:discount:{percent}"),
            Self::SendMessages => f.write_str("messages:send"),
            Self::ReadAssets => f.write_str("assets:read"),
            Self::WriteOwnUnits => f.write_str("assets:write:own-units"),
            Self::WriteUnit(unit) => write!(f, "assets:write:{unit}"),
            Self::ReadEvents => f.write_str("events:read"),
            Self::EmitEvents => f.write_str("events:emit"),
            Self::Transact => f.write_str("agreements:transact"),
        }
    }
}

impl TryFrom<String> for Grant {
    type Error = GrantError;

    fn try_from(text: String) -> Result<Self, GrantError> {
        text.parse()
    }
}

impl From<Grant> for String {
    fn from(grant: Grant) -> Self {
        grant.to_string()
    }
}

impl Grant {
    /// Whether these grants allow what this one does: the same, or of what is measured as much or more.
    pub fn is_within(&self, grants: &BTreeSet<Self>) -> bool {
        match self {
            Self::Discount(percent) => discount_max(grants).is_some_and(|most| *percent <= most),
            other => grants.contains(other),
        }
    }

    /// What it is asked for by: its text without how much.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Discount(_) => "orders:discount".to_owned(),
            other => other.to_string(),
        }
    }

    /// As much of this one as these grants allow.
    pub fn cut_to(&self, grants: &BTreeSet<Self>) -> Option<Self> {
        match self {
            Self::Discount(percent) => discount_max(grants).map(|most| Self::Discount(most.min(*percent))),
            other => grants.get(other).cloned(),
        }
    }
}

/// How much may be taken off an order, in percent; none when nothing may.
pub(super) fn discount_max(grants: &BTreeSet<Grant>) -> Option<u8> {
    let percents = grants.iter().filter_map(|grant| match grant {
        Grant::Discount(percent) => Some(*percent),
        _ => None,
    });
    percents.max()
}

/// Whether a set of grants allows writing a unit.
pub(super) fn allows_writing(grants: &BTreeSet<Grant>, own_units: &BTreeSet<Code>, unit: &Code) -> bool {
    (own_units.contains(unit) && grants.contains(&Grant::WriteOwnUnits))
        || grants.iter().any(|grant| matches!(grant, Grant::WriteUnit(granted) if granted == unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_read_back_from_their_text() {
        for text in [
            "members:read",
            "members:contact",
            "members:tag",
            "members:tier",
            "orders:read",
            "orders:discount:1",
            "orders:discount:100",
            "messages:send",
            "assets:read",
            "assets:write:own-units",
            "assets:write:stored-value",
            "events:read",
            "events:emit",
            "agreements:transact",
        ] {
            assert_eq!(text.parse::<Grant>().unwrap().to_string(), text);
        }
        for bad in ["", "members", "members:write", "assets:write:", "assets:write:Stored Value"] {
            assert!(bad.parse::<Grant>().is_err(), "{bad}");
        }
        for percent in ["", "0", "101", "300", "-1", "+5", "05", "5.0", "a"] {
            assert!(format!("orders:discount:{percent}").parse::<Grant>().is_err(), "{percent}");
        }
    }

    #[test]
    fn less_of_a_discount_is_within_more_of_it() {
        let (asked, none) = (BTreeSet::from([Grant::Discount(30), Grant::ReadOrders]), BTreeSet::new());
        for (percent, is_within, cut) in [(1, true, 1), (30, true, 30), (31, false, 30)] {
            assert_eq!(Grant::Discount(percent).is_within(&asked), is_within, "{percent}");
            assert_eq!(Grant::Discount(percent).cut_to(&asked), Some(Grant::Discount(cut)), "{percent}");
        }
        assert!(!Grant::Discount(1).is_within(&none) && Grant::Discount(1).cut_to(&none).is_none());
        assert!(Grant::ReadOrders.is_within(&asked) && !Grant::ReadOrders.is_within(&none));
        assert_eq!(Grant::ReadOrders.cut_to(&asked), Some(Grant::ReadOrders));
    }

    #[test]
    fn a_unit_is_written_by_its_declarer_or_by_name() {
        let unit = |code| Code::new(code).unwrap();
        let own = BTreeSet::from([unit("points")]);
        let grants = BTreeSet::from([Grant::WriteOwnUnits, Grant::WriteUnit(unit("stamps"))]);
        assert!(allows_writing(&grants, &own, &unit("points")));
        assert!(allows_writing(&grants, &own, &unit("stamps")));
        assert!(!allows_writing(&grants, &own, &unit("stored-value")));
        assert!(!allows_writing(&BTreeSet::new(), &own, &unit("points")));
    }
}
