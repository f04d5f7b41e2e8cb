//! Attributes: what a merchant wants to know of its members beyond what every merchant does, typed.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Code, Label, Remark};

/// The definition of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributeType {
    /// Its name in interfaces.
    pub code: Code,
    /// What people call it.
    pub label: Label,
    /// What its values are. Never changes.
    pub kind: AttributeKind,
    /// Whether it says who somebody is: then it is kept sealed and shown like a name. Never changes.
    pub personal: bool,
}

/// What the values of an attribute are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttributeKind {
    /// A text.
    Text,
    /// A whole number.
    Number,
    /// Yes or no.
    Flag,
    /// A day.
    Date,
    /// One of these.
    Choice(BTreeSet<Label>),
}

/// A value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttributeValue {
    /// A text.
    Text(Remark),
    /// A whole number.
    Number(i64),
    /// Yes or no.
    Flag(bool),
    /// A day.
    Date(Date),
    /// One of the definition's.
    Choice(Label),
}

/// Why a definition or a value is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttributeFault {
    /// The merchant has no such attribute.
    #[error("there is no attribute `{0}`")]
    Unknown(Code),
    /// A value of another kind.
    #[error("the attribute `{code}` is {expected}")]
    Kind {
        /// Which attribute.
        code: Code,
        /// What its values are.
        expected: String,
    },
    /// A choice of nothing, or of too much.
    #[error("a choice has 1 to {max} possible values, but {0} are given", max = AttributeKind::CHOICES_MAX)]
    Choices(usize),
    /// It can not become another kind.
    #[error("the attribute `{0}` exists with another kind, or is personal where this is not: take another code")]
    Differs(Code),
    /// More than a merchant may have.
    #[error("a merchant has at most {} attributes", AttributeType::COUNT_MAX)]
    TooMany,
}

impl AttributeType {
    /// How many attributes a merchant may have.
    pub const COUNT_MAX: usize = 100;

    /// Checks the definition in itself.
    ///
    /// # Errors
    /// [`AttributeFault::Choices`].
    pub fn check(&self) -> Result<(), AttributeFault> {
        match &self.kind {
            AttributeKind::Choice(choices) if choices.is_empty() || choices.len() > AttributeKind::CHOICES_MAX => {
                Err(AttributeFault::Choices(choices.len()))
            }
            _ => Ok(()),
        }
    }

    /// Whether this may take the place of an `earlier` definition: values that exist have to stay what they are, so a
    /// choice may only grow.
    pub fn may_follow(&self, earlier: &Self) -> bool {
        let grows = match (&earlier.kind, &self.kind) {
            (AttributeKind::Choice(before), AttributeKind::Choice(after)) => before.is_subset(after),
            (before, after) => before == after,
        };
        grows && self.personal == earlier.personal
    }

    /// The value that JSON gives.
    ///
    /// # Errors
    /// [`AttributeFault::Kind`].
    pub fn read(&self, json: &serde_json::Value) -> Result<AttributeValue, AttributeFault> {
        let text = || json.as_str();
        let value = match &self.kind {
            AttributeKind::Text => text().and_then(|text| Remark::new(text).ok()).map(AttributeValue::Text),
            AttributeKind::Number => json.as_i64().map(AttributeValue::Number),
            AttributeKind::Flag => json.as_bool().map(AttributeValue::Flag),
            AttributeKind::Date => text().and_then(|text| text.parse().ok()).map(AttributeValue::Date),
            AttributeKind::Choice(choices) => text()
                .and_then(|text| Label::new(text).ok())
                .filter(|label| choices.contains(label))
                .map(AttributeValue::Choice),
        };
        value.ok_or_else(|| self.of_another_kind())
    }

    /// That something is asked of it that its values are not.
    pub fn of_another_kind(&self) -> AttributeFault {
        AttributeFault::Kind { code: self.code.clone(), expected: self.kind.expected() }
    }
}

impl AttributeKind {
    /// How many values a choice may have.
    pub const CHOICES_MAX: usize = 100;

    /// Its name in interfaces.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Flag => "flag",
            Self::Date => "date",
            Self::Choice(_) => "choice",
        }
    }

    fn expected(&self) -> String {
        match self {
            Self::Text => format!("a text of 1 to {} bytes", Remark::MAX_BYTES),
            Self::Number => "a whole number".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Date => "a day such as 2026-03-18".to_owned(),
            Self::Choice(choices) => {
                let choices: Vec<_> = choices.iter().map(|choice| format!("`{choice}`")).collect();
                format!("one of {}", choices.join(", "))
            }
        }
    }
}

impl AttributeValue {
    /// The value as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Number(number) => (*number).into(),
            Self::Flag(flag) => (*flag).into(),
            Self::Date(date) => date.to_string().into(),
            Self::Choice(label) => label.as_str().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn attribute(kind: AttributeKind) -> AttributeType {
        AttributeType { code: Code::new("size").unwrap(), label: Label::new("Size").unwrap(), kind, personal: false }
    }

    fn choice(choices: &[&str]) -> AttributeKind {
        AttributeKind::Choice(choices.iter().map(|choice| Label::new(choice).unwrap()).collect())
    }

    #[test]
    fn a_value_is_read_by_its_kind_and_goes_back_to_the_same_json() {
        for (kind, good, bad) in [
            (AttributeKind::Text, json!("likes rye\nand salt"), json!("")),
            (AttributeKind::Number, json!(-3), json!(1.5)),
            (AttributeKind::Flag, json!(false), json!("yes")),
            (AttributeKind::Date, json!("2026-02-28"), json!("2026-02-30")),
            (choice(&["S", "M"]), json!("M"), json!("L")),
        ] {
            let attribute = attribute(kind);
            assert_eq!(attribute.read(&good).unwrap().to_json(), good);
            assert!(matches!(attribute.read(&bad), Err(AttributeFault::Kind { .. })), "{bad}");
        }
    }

    #[test]
    fn a_choice_may_grow_and_nothing_else_may_change() {
        let before = attribute(choice(&["S", "M"]));
        assert!(attribute(choice(&["S", "M", "L"])).may_follow(&before));
        assert!(!attribute(choice(&["S", "L"])).may_follow(&before));
        assert!(!attribute(AttributeKind::Text).may_follow(&before));
        assert!(!AttributeType { personal: true, ..before.clone() }.may_follow(&before));
        assert_eq!(attribute(choice(&[])).check(), Err(AttributeFault::Choices(0)));
    }
}
