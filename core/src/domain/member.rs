//! Members: the customers of one merchant.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Code, MemberId, Reference, StoreId};

/// A customer of one merchant, without personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Their id.
    pub id: MemberId,
    /// The name that the shop's other systems use: a card or customer number. Unique in the merchant.
    pub reference: Option<Reference>,
    /// What the merchant marked them with.
    pub tags: BTreeSet<Code>,
    /// When they joined.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub enrolled_at: Timestamp,
    /// Where they joined, when it was said.
    pub home_store: Option<StoreId>,
    /// How they came: `till`, `mini-program`, a campaign's code.
    pub channel: Option<Code>,
}
