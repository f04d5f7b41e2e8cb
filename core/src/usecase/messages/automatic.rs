//! The merchant has something sent by itself whenever something of a kind happens to a member.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::records::{Automatic, MessageCursor};
use super::templates::read_template;
use crate::domain::{Code, MerchantId, MessageTemplate, PlaceholderKind, PlaceholderName};
use crate::store::{Direction, StoreError, Tx, layout};
use crate::usecase::Act;

macro_rules! triggers {
    ($($(#[$doc:meta])* $variant:ident $name:literal gives $($value:ident $kind:ident),*;)*) => {
        /// What an automatic message follows. Kept by name, so that the list may grow.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Trigger {
            $($(#[$doc])* $variant,)*
        }

        impl Trigger {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its stable name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// What it gives to a template besides what all of them give.
            const fn own_values(self) -> &'static [(&'static str, PlaceholderKind)] {
                match self {
                    $(Self::$variant => &[$((stringify!($value), PlaceholderKind::$kind)),*],)*
                }
            }
        }
    };
}

triggers! {
    /// Somebody became a member.
    MemberEnrolled "member-enrolled" gives;
    /// An order was recorded.
    OrderSettled "order-settled" gives order Text, total Amount, store Text, ordered_at Instant;
    /// An order was given back as a whole.
    OrderRefunded "order-refunded" gives order Text, total Amount, amount Amount, store Text;
    /// A part of an order was given back.
    OrderPartlyRefunded "order-partly-refunded" gives order Text, total Amount, amount Amount, store Text;
    /// A member claimed an order.
    OrderClaimed "order-claimed" gives order Text, total Amount, store Text, ordered_at Instant;
    /// A member paid money into their stored value.
    StoredValueLoaded "stored-value-loaded" gives amount Amount;
    /// A member paid with stored value.
    StoredValueSpent "stored-value-spent" gives amount Amount;
    /// A member got coupons.
    CouponsIssued "coupons-issued" gives coupon Text, count Number;
    /// A member used coupons.
    CouponsRedeemed "coupons-redeemed" gives discount Amount;
    /// A member was given another level, or it was taken away.
    LevelChanged "level-changed" gives level Text;
    /// A member used a service benefit.
    BenefitUsed "benefit-used" gives benefit Text;
}

/// What every trigger gives: the member's spendable balances, and when it happened.
const COMMON_VALUES: [(&str, PlaceholderKind); 3] =
    [("points", PlaceholderKind::Number), ("stored_value", PlaceholderKind::Amount), ("at", PlaceholderKind::Instant)];

impl Trigger {
    /// The trigger of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|trigger| trigger.name() == name)
    }

    /// All that it gives to a template: name and kind.
    pub fn values(self) -> BTreeMap<&'static str, PlaceholderKind> {
        COMMON_VALUES.iter().chain(self.own_values()).copied().collect()
    }

    /// The first placeholder of a template that it does not give.
    pub(super) fn missing(self, template: &MessageTemplate) -> Option<&PlaceholderName> {
        let given = self.values();
        let fits = |name: &PlaceholderName, kind, optional| match given.get(name.as_str()) {
            Some(given) => *given == kind,
            None => optional,
        };
        let asked = template.placeholders.iter();
        asked.filter(|(name, asked)| !fits(name, asked.kind, asked.optional)).map(|(name, _)| name).next()
    }
}

impl Serialize for Trigger {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Trigger {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::of(&name).ok_or_else(|| serde::de::Error::custom(format!("`{name}` is nothing that messages follow")))
    }
}

/// Why an automatic message is not as somebody wants it.
#[derive(Debug, thiserror::Error)]
pub enum AutomaticError {
    /// Nothing is sent by itself for this.
    #[error("nothing is sent by itself for `{0}`")]
    Unknown(&'static str),
    /// Somebody else has changed it meanwhile.
    #[error("this automatic message has been changed meanwhile; read it again, and make the change on what it is now")]
    Changed,
    /// There is no such template.
    #[error("there is no template `{0}`")]
    UnknownTemplate(Code),
    /// The template asks for what the trigger does not give.
    #[error("the template asks for `{asked}`, and `{trigger}` gives no such value: there are {}", given.iter().map(|(name, kind)| format!("{name} ({})", kind.name())).collect::<Vec<_>>().join(", "))]
    NotGiven {
        /// For what.
        asked: PlaceholderName,
        /// What it would follow.
        trigger: &'static str,
        /// What that gives.
        given: BTreeMap<&'static str, PlaceholderKind>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Ties a template to a trigger: from now on, its message is sent whenever that happens to a member. `expected` is the
/// version over which it is written, none for a new one.
///
/// # Errors
/// The first refusal in the order of [`AutomaticError`]'s variants.
pub fn put_automatic(
    tx: &mut Tx,
    act: &mut Act<'_>,
    trigger: Trigger,
    template: &Code,
    expected: Option<u64>,
) -> Result<Automatic, AutomaticError> {
    let key = layout::automatic(act.merchant, trigger.name());
    let before = tx.load::<Automatic>(&key)?;
    match (&before, expected) {
        (None, Some(_)) => return Err(AutomaticError::Unknown(trigger.name())),
        (before, expected) if before.as_ref().map(|before| before.version) != expected => {
            return Err(AutomaticError::Changed);
        }
        _ => {}
    }
    let found = read_template(tx, act.merchant, template)?;
    let found = found.ok_or_else(|| AutomaticError::UnknownTemplate(template.clone()))?;
    if let Some(asked) = trigger.missing(&found) {
        let (asked, given) = (asked.clone(), trigger.values());
        return Err(AutomaticError::NotGiven { asked, trigger: trigger.name(), given });
    }
    let head = tx.log_head(&layout::events(act.merchant))?.sequence;
    let (version, since) = before.as_ref().map_or((1, head), |before| (before.version + 1, before.since));
    let after = Automatic { trigger, version, template: template.clone(), since };
    let place = layout::message_cursor(act.merchant);
    if tx.get(&place)?.is_none() {
        tx.save(&place, &MessageCursor(head))?;
    }
    tx.save(&key, &after)?;
    act.record(tx, "automatic-message", trigger.name(), before.as_ref(), Some(&after))?;
    Ok(after)
}

/// Has nothing sent by itself for a trigger any more. With the last one, the log is not followed any more either.
///
/// # Errors
/// When there is none, and the store's failures.
pub fn drop_automatic(
    tx: &mut Tx,
    act: &mut Act<'_>,
    trigger: Trigger,
    expected: Option<u64>,
) -> Result<(), AutomaticError> {
    let key = layout::automatic(act.merchant, trigger.name());
    let before = tx.load::<Automatic>(&key)?.ok_or(AutomaticError::Unknown(trigger.name()))?;
    if expected.is_some_and(|expected| expected != before.version) {
        return Err(AutomaticError::Changed);
    }
    tx.delete(&key);
    if list_automatics(tx, act.merchant)?.is_empty() {
        tx.delete(&layout::message_cursor(act.merchant));
    }
    act.record(tx, "automatic-message", trigger.name(), Some(&before), None)?;
    Ok(())
}

/// All automatic messages of a merchant.
///
/// # Errors
/// The store's failures.
pub fn list_automatics(tx: &mut Tx, merchant: MerchantId) -> Result<Vec<Automatic>, StoreError> {
    let found = tx.load_scan(&layout::automatics(merchant), Direction::Forward, usize::MAX)?;
    Ok(found.into_iter().map(|(_, automatic)| automatic).collect())
}
