//! Who acts: a role in a merchant, in which of its stores, and what it may do.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Code, MerchantId, StaffId, StoreId};

/// Somebody who acts for a merchant: a person who has signed in, or the holder of an API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// For whom.
    pub merchant: MerchantId,
    /// Who: one space of ids for people and keys.
    pub staff: StaffId,
    /// As what.
    pub role: Role,
    /// Where.
    pub stores: StoreScope,
}

impl Actor {
    /// An owner: may do everything, everywhere.
    pub fn owner(merchant: MerchantId, staff: StaffId) -> Self {
        Self { merchant, staff, role: Role::Owner, stores: StoreScope::All }
    }
}

/// Who sells: one of the staff, or a team of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seller {
    /// A user or an API key.
    Staff(StaffId),
    /// A team, by its code.
    Team(Code),
}

impl fmt::Display for Seller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Staff(staff) => write!(f, "{staff}"),
            Self::Team(team) => write!(f, "team {team}"),
        }
    }
}

/// In which stores somebody may act. What belongs to no store is open to all who may do it at all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum StoreScope {
    /// In all of the merchant's, those of the future too.
    #[default]
    All,
    /// In these only.
    Only(BTreeSet<StoreId>),
}

impl StoreScope {
    /// Whether these are all.
    pub fn is_all(&self) -> bool {
        *self == Self::All
    }

    /// Whether these are all that the other ones are.
    pub fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (Self::Only(own), Self::Only(other)) => other.is_subset(own),
            (Self::Only(_), Self::All) => false,
        }
    }

    /// Whether a store is among them.
    pub fn has(&self, store: StoreId) -> bool {
        match self {
            Self::All => true,
            Self::Only(stores) => stores.contains(&store),
        }
    }
}

/// What a person or system is for a merchant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Role {
    /// May do everything.
    Owner,
    /// Serves customers at the till.
    Clerk,
    /// Runs stores: programmes, members, catalogue, messages, figures.
    Manager,
    /// Reads the books and the audit log, and changes nothing. Sees no personal data.
    Auditor,
    /// A point of sale, a mini-program, a data warehouse: serves members and follows events.
    Integration,
}

/// Something that a role may or may not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Read members, what they hold, orders, stores and the catalogue; personal data apart.
    Read,
    /// Read names, contacts and birthdays of members.
    ReadPersonal,
    /// Members, orders, assets, commands of packs: the work at the till.
    Serve,
    /// Merge members; attributes, rules of tags and benefits that members may have.
    ManageMembers,
    /// Take out all that is known of a member; erase a member.
    Disclose,
    /// Upload packs, enable them, change their settings.
    ManagePacks,
    /// Types of coupons, rules of units, and what is given away by hand: what members may have.
    ManageAssets,
    /// The catalogue of what is sold.
    ManageCatalogue,
    /// Templates of messages, and what is sent.
    ManageMessages,
    /// What the merchant earns and owes, its goals.
    ReadFigures,
    /// The log of all that happened.
    ReadEvents,
    /// Webhooks and other ways by which events and messages leave the host.
    ManageConnections,
    /// Stores, staff, API keys, the merchant's own settings.
    ManageStaff,
    /// Who changed what.
    ReadAudit,
    /// Bring in or take out many records at once.
    Exchange,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 5] = [Self::Owner, Self::Manager, Self::Clerk, Self::Auditor, Self::Integration];

    /// The matrix of roles and actions.
    pub fn may(self, action: Action) -> bool {
        use Role::{Auditor, Clerk, Integration, Manager, Owner};
        match action {
            Action::Read => true,
            Action::ReadPersonal | Action::Serve => matches!(self, Owner | Manager | Clerk | Integration),
            Action::ManageMembers | Action::ManageAssets | Action::ManageMessages => matches!(self, Owner | Manager),
            Action::ManageCatalogue => matches!(self, Owner | Manager | Integration),
            Action::ReadFigures => matches!(self, Owner | Manager | Auditor),
            Action::ReadEvents => matches!(self, Owner | Auditor | Integration),
            Action::ReadAudit => matches!(self, Owner | Auditor),
            Action::Disclose
            | Action::ManagePacks
            | Action::ManageConnections
            | Action::ManageStaff
            | Action::Exchange => matches!(self, Owner),
        }
    }

    /// Its name in interfaces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Clerk => "clerk",
            Self::Manager => "manager",
            Self::Auditor => "auditor",
            Self::Integration => "integration",
        }
    }

    /// The role of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Action {
    /// All actions.
    pub const ALL: [Self; 15] = [
        Self::Read,
        Self::ReadPersonal,
        Self::Serve,
        Self::ManageMembers,
        Self::Disclose,
        Self::ManagePacks,
        Self::ManageAssets,
        Self::ManageCatalogue,
        Self::ManageMessages,
        Self::ReadFigures,
        Self::ReadEvents,
        Self::ManageConnections,
        Self::ManageStaff,
        Self::ReadAudit,
        Self::Exchange,
    ];

    /// Its name in interfaces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::ReadPersonal => "read-personal",
            Self::Serve => "serve",
            Self::ManageMembers => "manage-members",
            Self::Disclose => "disclose",
            Self::ManagePacks => "manage-packs",
            Self::ManageAssets => "manage-assets",
            Self::ManageCatalogue => "manage-catalogue",
            Self::ManageMessages => "manage-messages",
            Self::ReadFigures => "read-figures",
            Self::ReadEvents => "read-events",
            Self::ManageConnections => "manage-connections",
            Self::ManageStaff => "manage-staff",
            Self::ReadAudit => "read-audit",
            Self::Exchange => "exchange",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_may_do_everything_and_an_auditor_changes_nothing() {
        for action in Action::ALL {
            assert!(Role::Owner.may(action), "{action}");
        }
        let audited: Vec<_> = Action::ALL.into_iter().filter(|action| Role::Auditor.may(*action)).collect();
        assert_eq!(audited, [Action::Read, Action::ReadFigures, Action::ReadEvents, Action::ReadAudit]);
    }

    #[test]
    fn roles_are_found_by_their_names() {
        for role in Role::ALL {
            assert_eq!(Role::of(role.name()), Some(role));
        }
        assert_eq!(Role::of("Owner"), None);
    }
}
