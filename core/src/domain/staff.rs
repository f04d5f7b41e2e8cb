//! Who acts: a role in a merchant, and what it may do.

use serde::{Deserialize, Serialize};

use super::{KeyId, MerchantId};

/// Somebody who acts for a merchant: the holder of an API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// For whom.
    pub merchant: MerchantId,
    /// With which key.
    pub key: KeyId,
    /// As what.
    pub role: Role,
}

/// What a person or system is for a merchant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// May do everything.
    Owner,
    /// Serves customers at the till.
    Clerk,
}

/// Something that a role may or may not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Members, orders, assets, commands of packs: the work at the till.
    Serve,
    /// Upload packs, enable them, change their settings.
    ManagePacks,
    /// Types of coupons, rules of units: what members may have.
    ManageAssets,
    /// What the merchant earns and owes.
    ReadFigures,
}

impl Role {
    /// The matrix of roles and actions.
    pub fn may(self, action: Action) -> bool {
        match (self, action) {
            (Self::Owner, _) | (Self::Clerk, Action::Serve) => true,
            (Self::Clerk, Action::ManagePacks | Action::ManageAssets | Action::ReadFigures) => false,
        }
    }
}
