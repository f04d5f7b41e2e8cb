//! Segments: members who have something in common, by a condition that the merchant sets.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::{AttributeValue, Code, Label, Member, Minor, Personal, Remark, Source, StoreId};

/// A segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Its name in interfaces.
    pub code: Code,
    /// What people call it.
    pub title: Label,
    /// Who is in it.
    pub condition: Condition,
    /// The tag that its members bear: put on and taken off by the host as they come and go.
    pub tag: Option<Code>,
}

/// What is true of some members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// Each of these is.
    All(Vec<Condition>),
    /// One of these is at least.
    Any(Vec<Condition>),
    /// This is not.
    Not(Box<Condition>),
    /// They bear a tag that was not put on by a segment.
    Tag(Code),
    /// They have a level.
    Tier(Code),
    /// They came this way.
    Channel(Code),
    /// They joined in this store.
    HomeStore(StoreId),
    /// The merchant's attribute says so of them.
    Attribute {
        /// Which.
        code: Code,
        /// What it says.
        is: Test,
    },
    /// They are so old, in whole years.
    Age(Within),
    /// Their birthday is today or within so many days.
    BirthdayWithinDays(u16),
    /// They made so many orders.
    Orders(Within),
    /// They bought for so much, in minor units, but for what was given back.
    SpentMinor(Within),
    /// They bought on so many days.
    DaysBought(Within),
    /// They bought so many days ago; who never did is not meant.
    DaysSinceLast(Within),
    /// They joined so many days ago.
    DaysSinceJoined(Within),
    /// They bought of a category or a brand, but for what they gave back.
    Bought(BoughtWithin),
}

/// A kind of goods that a line of an order is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Ware {
    /// Those of a category.
    Category(Label),
    /// Those of a brand.
    Brand(Label),
}

impl Ware {
    /// What it is called.
    pub fn name(&self) -> &Label {
        match self {
            Self::Category(name) | Self::Brand(name) => name,
        }
    }
}

impl fmt::Display for Ware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Category(name) => write!(f, "the category `{name}`"),
            Self::Brand(name) => write!(f, "the brand `{name}`"),
        }
    }
}

/// How much somebody has bought of a kind of goods: at all, if nothing more is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoughtWithin {
    /// Of which.
    pub of: Ware,
    /// In so many orders.
    pub orders: Option<Within>,
    /// So many pieces.
    pub pieces: Option<Within>,
    /// For so much, in minor units.
    pub spent_minor: Option<Within>,
    /// The last time so many days ago; who never did is not meant.
    pub days_since_last: Option<Within>,
}

/// What is said of an attribute's value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Test {
    /// The text is this.
    Text(Remark),
    /// The number is within this.
    Number(Within),
    /// It is yes, or no.
    Flag(bool),
    /// The day is so many days ago.
    DaysAgo(Within),
    /// It is this choice.
    Choice(Label),
}

/// From the least to the most, both included; one of them at least is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Within {
    /// The least.
    pub at_least: Option<i64>,
    /// The most.
    pub at_most: Option<i64>,
}

/// What a condition is asked of.
#[derive(Clone, Copy, Debug)]
pub struct Portrait<'a> {
    /// The member.
    pub member: &'a Member,
    /// What is personal about them.
    pub personal: &'a Personal,
    /// What they have bought.
    pub bought: Option<Bought>,
    /// What they have bought of the kinds of goods that the condition asks for.
    pub bought_of: &'a BTreeMap<Ware, BoughtOf>,
    /// The present.
    pub now: Timestamp,
    /// Where the merchant's days begin and end.
    pub zone: &'a TimeZone,
}

/// What a member has bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bought {
    /// How many orders.
    pub orders: u64,
    /// For how much.
    pub spent_minor: Minor,
    /// On how many days.
    pub days: u32,
    /// The last of these.
    pub last: Date,
}

/// What a member has bought of a kind of goods, but for what was given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoughtOf {
    /// In how many orders.
    pub orders: u64,
    /// How many pieces.
    pub pieces: u64,
    /// For how much.
    pub spent_minor: Minor,
    /// The last day on which an order had any, also if that was given back.
    pub last: Date,
}

/// Why a condition can not be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConditionFault {
    /// It is too long.
    #[error("a condition has at most {max} parts", max = Condition::PARTS_MAX)]
    TooLong,
    /// It is nested too deeply.
    #[error("the parts of a condition are nested at most {max} deep", max = Condition::DEPTH_MAX)]
    TooDeep,
    /// It has a list without anything in it.
    #[error("`all` and `any` want one condition at least")]
    Nothing,
    /// A range without ends, or one that nothing is within.
    #[error("a range has `at_least`, `at_most` or both, the least before the most")]
    Range,
}

impl Segment {
    /// How many segments a merchant may have.
    pub const COUNT_MAX: usize = 100;
}

impl Condition {
    /// How many parts a condition may have.
    pub const PARTS_MAX: usize = 50;
    /// How deeply the parts may be nested.
    pub const DEPTH_MAX: usize = 8;

    /// Checks the condition in itself.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), ConditionFault> {
        let mut parts = 0;
        self.check_part(1, &mut parts)
    }

    fn check_part(&self, depth: usize, parts: &mut usize) -> Result<(), ConditionFault> {
        *parts += 1;
        if *parts > Self::PARTS_MAX {
            return Err(ConditionFault::TooLong);
        }
        if depth > Self::DEPTH_MAX {
            return Err(ConditionFault::TooDeep);
        }
        match self {
            Self::All(inner) | Self::Any(inner) => {
                if inner.is_empty() {
                    return Err(ConditionFault::Nothing);
                }
                inner.iter().try_for_each(|part| part.check_part(depth + 1, parts))
            }
            Self::Not(inner) => inner.check_part(depth + 1, parts),
            Self::Attribute { is: Test::Number(range) | Test::DaysAgo(range), .. }
            | Self::Age(range)
            | Self::Orders(range)
            | Self::SpentMinor(range)
            | Self::DaysBought(range)
            | Self::DaysSinceLast(range)
            | Self::DaysSinceJoined(range) => range.check(),
            Self::Bought(BoughtWithin { orders, pieces, spent_minor, days_since_last, .. }) => {
                [orders, pieces, spent_minor, days_since_last].into_iter().flatten().try_for_each(|range| range.check())
            }
            Self::Tag(_)
            | Self::Tier(_)
            | Self::Channel(_)
            | Self::HomeStore(_)
            | Self::Attribute { .. }
            | Self::BirthdayWithinDays(_) => Ok(()),
        }
    }

    /// All its parts that have no parts themselves.
    pub fn leaves(&self) -> Vec<&Self> {
        match self {
            Self::All(inner) | Self::Any(inner) => inner.iter().flat_map(Self::leaves).collect(),
            Self::Not(inner) => inner.leaves(),
            leaf => vec![leaf],
        }
    }

    /// The kinds of goods that it asks for.
    pub fn wares(&self) -> impl Iterator<Item = &Ware> {
        self.leaves().into_iter().filter_map(|leaf| match leaf {
            Self::Bought(bought) => Some(&bought.of),
            _ => None,
        })
    }

    /// Whether it is true of a member.
    pub fn is_true_of(&self, of: &Portrait<'_>) -> bool {
        let today = || of.zone.to_datetime(of.now).date();
        let days_since = |day: Date| i64::from((today() - day).get_days());
        match self {
            Self::All(inner) => inner.iter().all(|part| part.is_true_of(of)),
            Self::Any(inner) => inner.iter().any(|part| part.is_true_of(of)),
            Self::Not(inner) => !inner.is_true_of(of),
            Self::Tag(tag) => {
                let counts = of.member.tags_at(of.now).any(|known| known == tag);
                counts && of.member.tags.get(tag).is_some_and(|tag| tag.source != Source::Rule)
            }
            Self::Tier(tier) => of.member.tier_at(of.now).is_some_and(|known| known.code == *tier),
            Self::Channel(channel) => of.member.channel.as_ref() == Some(channel),
            Self::HomeStore(store) => of.member.home_store == Some(*store),
            Self::Attribute { code, is } => {
                let value = of.member.attributes.get(code).or_else(|| of.personal.attributes.get(code));
                value.is_some_and(|value| match (is, value) {
                    (Test::Text(wanted), AttributeValue::Text(text)) => text == wanted,
                    (Test::Number(range), AttributeValue::Number(number)) => range.has(*number),
                    (Test::Flag(wanted), AttributeValue::Flag(flag)) => flag == wanted,
                    (Test::DaysAgo(range), AttributeValue::Date(day)) => range.has(days_since(*day)),
                    (Test::Choice(wanted), AttributeValue::Choice(choice)) => choice == wanted,
                    _ => false,
                })
            }
            Self::Age(range) => {
                let age = of.personal.birthday.as_ref().and_then(|birthday| birthday.age(today()));
                age.is_some_and(|age| range.has(age.into()))
            }
            Self::BirthdayWithinDays(days) => {
                let birthday = of.personal.birthday.as_ref().map(super::Birthday::month_and_day);
                birthday.is_some_and(|birthday| days_until(birthday, today()) <= i64::from(*days))
            }
            Self::Orders(range) => range.has(of.bought.map_or(0, |bought| signed(bought.orders))),
            Self::SpentMinor(range) => range.has(of.bought.map_or(0, |bought| signed(bought.spent_minor))),
            Self::DaysBought(range) => range.has(of.bought.map_or(0, |bought| bought.days.into())),
            Self::DaysSinceLast(range) => of.bought.is_some_and(|bought| range.has(days_since(bought.last))),
            Self::DaysSinceJoined(range) => range.has(days_since(of.zone.to_datetime(of.member.enrolled_at).date())),
            Self::Bought(asked) => {
                let bought = of.bought_of.get(&asked.of).filter(|bought| bought.orders > 0);
                let within = |range: Option<Within>, number: fn(&BoughtOf) -> u64| {
                    range.is_none_or(|range| range.has(bought.map_or(0, |bought| signed(number(bought)))))
                };
                let at_all = asked.orders.or(asked.pieces).or(asked.spent_minor).is_some() || bought.is_some();
                at_all
                    && within(asked.orders, |bought| bought.orders)
                    && within(asked.pieces, |bought| bought.pieces)
                    && within(asked.spent_minor, |bought| bought.spent_minor)
                    && asked
                        .days_since_last
                        .is_none_or(|range| bought.is_some_and(|bought| range.has(days_since(bought.last))))
            }
        }
    }
}

impl Within {
    fn check(self) -> Result<(), ConditionFault> {
        match (self.at_least, self.at_most) {
            (None, None) => Err(ConditionFault::Range),
            (Some(least), Some(most)) if least > most => Err(ConditionFault::Range),
            _ => Ok(()),
        }
    }

    fn has(self, number: i64) -> bool {
        self.at_least.is_none_or(|least| number >= least) && self.at_most.is_none_or(|most| number <= most)
    }
}

/// The days until a birthday comes again, 0 on the day. Who was born on February 29 has it on the 28th in other years.
fn days_until((month, day): (i8, i8), today: Date) -> i64 {
    let in_year = |year: i16| Date::new(year, month, day).or_else(|_| Date::new(year, month, day - 1));
    let this = in_year(today.year()).ok().filter(|birthday| *birthday >= today);
    let next = this.or_else(|| in_year(today.year().saturating_add(1)).ok());
    next.map_or(i64::MAX, |birthday| i64::from((birthday - today).get_days()))
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use jiff::civil::date;

    use super::*;
    use crate::domain::{Birthday, MemberId, Standing, Tag, Tier};

    fn code(text: &str) -> Code {
        Code::new(text).unwrap()
    }

    fn from(least: i64) -> Within {
        Within { at_least: Some(least), at_most: None }
    }

    fn up_to(most: i64) -> Within {
        Within { at_least: None, at_most: Some(most) }
    }

    /// A member of 400 days, born on February 29, who has bought 3 times for 90 yuan, the last time 10 days ago.
    fn somebody() -> (Member, Personal, Bought) {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let tag = |source, end: Option<&str>| Tag { source, at: at("2026-01-01T00:00:00Z"), expires_at: end.map(at) };
        let member = Member {
            id: MemberId::from_bytes([1; 16]),
            version: 0,
            reference: None,
            cards: BTreeSet::new(),
            external_ids: BTreeSet::new(),
            tags: BTreeMap::from([
                (code("vip"), tag(Source::Operator, None)),
                (code("lost"), tag(Source::Rule, None)),
                (code("old"), tag(Source::Operator, Some("2026-02-01T00:00:00Z"))),
            ]),
            attributes: BTreeMap::from([(code("children"), AttributeValue::Number(2))]),
            tier: Some(Tier {
                code: code("gold"),
                since: at("2026-01-01T00:00:00Z"),
                until: None,
                source: Source::Operator,
                reason: None,
            }),
            enrolled_at: at("2025-01-26T12:00:00+08:00"),
            home_store: Some(StoreId::from_bytes([2; 16])),
            channel: Some(code("till")),
            referrer: None,
            standing: Standing::Active,
        };
        let personal = Personal {
            birthday: Some(Birthday::new("1992-02-29").unwrap()),
            attributes: BTreeMap::from([(code("due-date"), AttributeValue::Date(date(2026, 2, 20)))]),
            ..Personal::default()
        };
        (member, personal, Bought { orders: 3, spent_minor: 9_000, days: 2, last: date(2026, 2, 20) })
    }

    fn holds(condition: &Condition, now: &str) -> bool {
        let (member, personal, bought) = somebody();
        let (now, zone) = (now.parse().unwrap(), TimeZone::get("Asia/Shanghai").unwrap());
        let of = |orders, pieces| BoughtOf { orders, pieces, spent_minor: 500 * pieces, last: date(2026, 2, 20) };
        let bought_of = BTreeMap::from([
            (Ware::Category(Label::new("bread").unwrap()), of(2, 7)),
            (Ware::Brand(Label::new("bread").unwrap()), of(0, 0)),
        ]);
        condition.is_true_of(&Portrait {
            member: &member,
            personal: &personal,
            bought: Some(bought),
            bought_of: &bought_of,
            now,
            zone: &zone,
        })
    }

    #[test]
    fn each_condition_is_true_of_whom_it_says() {
        use Condition as C;
        let attribute = |name, is| C::Attribute { code: code(name), is };
        let bread = |orders, pieces, spent_minor, days_since_last| {
            let of = Ware::Category(Label::new("bread").unwrap());
            C::Bought(BoughtWithin { of, orders, pieces, spent_minor, days_since_last })
        };
        let of = |brand, orders, days_since_last| {
            let of = Ware::Brand(Label::new(brand).unwrap());
            C::Bought(BoughtWithin { of, orders, pieces: None, spent_minor: None, days_since_last })
        };
        for (condition, expected) in [
            (C::Tag(code("vip")), true),
            (C::Tag(code("lost")), false),
            (C::Tag(code("old")), false),
            (C::Tier(code("gold")), true),
            (C::Tier(code("silver")), false),
            (C::Channel(code("till")), true),
            (C::HomeStore(StoreId::from_bytes([2; 16])), true),
            (C::HomeStore(StoreId::from_bytes([3; 16])), false),
            (attribute("children", Test::Number(from(2))), true),
            (attribute("children", Test::Number(up_to(1))), false),
            (attribute("children", Test::Flag(true)), false),
            (attribute("due-date", Test::DaysAgo(Within { at_least: Some(10), at_most: Some(10) })), true),
            (attribute("nothing", Test::Flag(true)), false),
            (C::Age(from(34)), true),
            (C::Age(from(35)), false),
            (C::Orders(from(3)), true),
            (C::Orders(from(4)), false),
            (C::SpentMinor(from(9_000)), true),
            (C::SpentMinor(up_to(8_999)), false),
            (C::DaysBought(Within { at_least: Some(2), at_most: Some(2) }), true),
            (C::DaysSinceLast(from(10)), true),
            (C::DaysSinceLast(from(11)), false),
            (C::DaysSinceJoined(from(400)), true),
            (C::DaysSinceJoined(from(401)), false),
            (bread(Some(from(2)), None, None, None), true),
            (bread(Some(from(3)), None, None, None), false),
            (bread(None, Some(from(7)), None, None), true),
            (bread(None, Some(up_to(6)), None, None), false),
            (bread(None, None, Some(from(3_500)), None), true),
            (bread(None, None, Some(from(3_501)), None), false),
            (bread(None, None, None, Some(up_to(10))), true),
            (bread(None, None, None, Some(up_to(9))), false),
            (bread(Some(from(2)), Some(from(7)), Some(from(3_501)), None), false),
            (bread(None, None, None, None), true),
            // What was given back as a whole was not bought, and neither was what nobody ever sold.
            (of("bread", None, None), false),
            (of("bread", Some(up_to(0)), None), true),
            (of("bread", None, Some(up_to(10))), false),
            (of("other", None, None), false),
            (of("other", Some(up_to(0)), None), true),
            (C::Not(Box::new(C::Tag(code("vip")))), false),
            (C::All(vec![C::Tag(code("vip")), C::Orders(from(4))]), false),
            (C::Any(vec![C::Tag(code("vip")), C::Orders(from(4))]), true),
        ] {
            // Midnight of March 2 in Shanghai, when it is March 1 in Greenwich.
            assert_eq!(holds(&condition, "2026-03-02T00:30:00+08:00"), expected, "{condition:?}");
        }
    }

    #[test]
    fn a_birthday_comes_every_year() {
        for (now, days) in
            [("2026-02-27", 1), ("2026-02-28", 0), ("2026-03-01", 364), ("2028-02-28", 1), ("2028-02-29", 0)]
        {
            let now = format!("{now}T12:00:00+08:00");
            assert!(holds(&Condition::BirthdayWithinDays(days), &now), "{now}");
            assert!(days == 0 || !holds(&Condition::BirthdayWithinDays(days - 1), &now), "{now}");
        }
    }

    #[test]
    fn a_condition_that_can_not_be_asked_is_refused() {
        let deep = (0..8).fold(Condition::Tag(code("vip")), |inner, _| Condition::Not(Box::new(inner)));
        for (condition, fault) in [
            (Condition::All(Vec::new()), ConditionFault::Nothing),
            (deep, ConditionFault::TooDeep),
            (Condition::Any(vec![Condition::Tag(code("vip")); 50]), ConditionFault::TooLong),
            (Condition::Orders(Within { at_least: None, at_most: None }), ConditionFault::Range),
            (Condition::Age(Within { at_least: Some(2), at_most: Some(1) }), ConditionFault::Range),
            (
                Condition::Bought(BoughtWithin {
                    of: Ware::Brand(Label::new("bread").unwrap()),
                    orders: None,
                    pieces: None,
                    spent_minor: None,
                    days_since_last: Some(Within { at_least: None, at_most: None }),
                }),
                ConditionFault::Range,
            ),
        ] {
            assert_eq!(condition.check(), Err(fault), "{condition:?}");
        }
        assert_eq!(Condition::Any(vec![Condition::Tag(code("vip")); 49]).check(), Ok(()));
    }
}
