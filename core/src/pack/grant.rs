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
    "`{0}` is not a grant: expected members:read, members:contact, members:tag, members:tier, orders:read, messages:send, events:read, events:emit, agreements:transact, assets:read, assets:write:own-units or assets:write: and the code of a unit"
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
            _ => text
                .strip_prefix("assets:write:")
                .and_then(|unit| Code::new(unit).ok())
                .map(Self::WriteUnit)
                .ok_or_else(|| GrantError(text.chars().take(80).collect())),
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReadMembers => f.write_str("members:read"),
            Self::ReadContacts => f.write_str("members:contact"),
            Self::TagMembers => f.write_str("members:tag"),
            Self::SetTiers => f.write_str("members:tier"),
            Self::ReadOrders => f.write_str("orders:read"),
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
