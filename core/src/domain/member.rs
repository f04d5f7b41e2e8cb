//! Members: the customers of one merchant.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{AttributeValue, Code, JoinCodeId, Label, MemberId, Reference, StaffId, StoreId};

/// A customer of one merchant, without personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Their id.
    pub id: MemberId,
    /// How often the record was changed since it was made; names its state.
    pub version: u64,
    /// The name that the shop's other systems use: a card or customer number. Unique in the merchant, cards included.
    pub reference: Option<Reference>,
    /// The numbers of further cards. Each leads to one member of the merchant.
    pub cards: BTreeSet<Reference>,
    /// What other systems call them. Each leads to one member of the merchant.
    pub external_ids: BTreeSet<ExternalId>,
    /// What the merchant marked them with.
    pub tags: BTreeMap<Code, Tag>,
    /// What the merchant knows of them by its own attributes; personal ones apart.
    pub attributes: BTreeMap<Code, AttributeValue>,
    /// Their level, if they were ever given one.
    pub tier: Option<Tier>,
    /// When they joined.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub enrolled_at: Timestamp,
    /// Where they joined, when it was said.
    pub home_store: Option<StoreId>,
    /// How they came: `till`, `mini-program`, a campaign's code.
    pub channel: Option<Code>,
    /// Who brought them.
    pub referrer: Option<MemberId>,
    /// Whether they are still who they were.
    pub standing: Standing,
}

/// A name in another system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ExternalId {
    /// Which system, such as `wechat`.
    pub system: Code,
    /// The name there.
    pub id: Reference,
}

/// That a member bears a tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// Who put it on.
    pub source: Source,
    /// When it was put on, or renewed.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
    /// From when on it does not count any more.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub expires_at: Option<Timestamp>,
}

/// A level that a member was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// Which.
    pub code: Code,
    /// Since when.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub since: Timestamp,
    /// From when on it does not count any more.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub until: Option<Timestamp>,
    /// Who gave it.
    pub source: Source,
    /// Why.
    pub reason: Option<Label>,
}

/// How somebody came.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// By a channel of the merchant's choice.
    Channel(Code),
    /// By a join code.
    Code(JoinCodeId),
}

/// Who did something: where a tag or a level comes from, who settled an order or booked a posting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// From before sources were kept.
    Unknown,
    /// From this one of the staff.
    Hand(StaffId),
    /// From the operator at the command line, an import for example.
    Operator,
    /// From a rule of the merchant.
    Rule,
    /// From a pack.
    Pack(Code),
    /// From the host by itself, as something fell due.
    Host,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown"),
            Self::Hand(staff) => write!(f, "hand:{staff}"),
            Self::Operator => f.write_str("operator"),
            Self::Rule => f.write_str("rule"),
            Self::Pack(pack) => write!(f, "pack:{pack}"),
            Self::Host => f.write_str("host"),
        }
    }
}

/// Whether a member is still who they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// They are.
    Active,
    /// Nothing personal is known of them any more.
    Erased {
        /// Since when.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
    /// They turned out to be another member: whoever names them means that one.
    Merged {
        /// Who they are. Never one who was merged into another one.
        into: MemberId,
        /// Since when.
        #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
        at: Timestamp,
    },
}

impl Member {
    /// How many tags a member may bear.
    pub const TAGS_MAX: usize = 100;
    /// How many cards, and how many external ids, a member may have.
    pub const NUMBERS_MAX: usize = 20;

    /// The tags that count at an instant.
    pub fn tags_at(&self, now: Timestamp) -> impl Iterator<Item = &Code> {
        let counts = move |tag: &Tag| tag.expires_at.is_none_or(|end| now < end);
        self.tags.iter().filter(move |(_, tag)| counts(tag)).map(|(code, _)| code)
    }

    /// The level that counts at an instant.
    pub fn tier_at(&self, now: Timestamp) -> Option<&Tier> {
        self.tier.as_ref().filter(|tier| tier.until.is_none_or(|end| now < end))
    }

    /// All numbers that lead to them: the reference and those of the cards.
    pub fn numbers(&self) -> impl Iterator<Item = &Reference> {
        self.reference.iter().chain(&self.cards)
    }
}
