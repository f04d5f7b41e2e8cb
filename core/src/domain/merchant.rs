//! Merchants and their stores.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::{Code, Currency, Label, MerchantId, SpendingOrder, StoreId};

/// A brand: the tenant. Nothing crosses it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merchant {
    /// Its id.
    pub id: MerchantId,
    /// What people call it.
    pub name: Label,
    /// The currency of its orders and of its stored value.
    pub currency: Currency,
    /// Where its day begins and ends.
    pub time_zone: ZoneName,
    /// The language of texts that its people read, as a BCP 47 tag such as `zh-CN`.
    pub locale: Label,
    /// Which part of stored value its members spend first.
    pub stored_value_order: SpendingOrder,
}

/// A place of sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Store {
    /// Its id.
    pub id: StoreId,
    /// Its short name, unique in the merchant.
    pub code: Code,
    /// What people call it.
    pub name: Label,
}

/// The name of a time zone of the IANA database, such as `Asia/Shanghai`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ZoneName(Box<str>);

impl ZoneName {
    /// Checks that the database has it.
    ///
    /// # Errors
    /// The name, when it is unknown.
    pub fn new(name: &str) -> Result<Self, String> {
        match TimeZone::get(name) {
            Ok(_) => Ok(Self(name.into())),
            Err(_) => Err(format!("`{name}` is not a time zone of the IANA database, such as Asia/Shanghai")),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The zone with its rules.
    pub fn zone(&self) -> TimeZone {
        // The name was found when it was made; a database that lost it since leaves UTC, which `verify` reports.
        TimeZone::get(&self.0).unwrap_or(TimeZone::UTC)
    }
}

impl TryFrom<String> for ZoneName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Self::new(&name)
    }
}

impl From<ZoneName> for String {
    fn from(name: ZoneName) -> Self {
        name.0.into()
    }
}
