//! Messages to members: by which way they go, in which languages, and what a template may ask for.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};

use super::{Code, Label};

/// A way to a member. The list grows at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// To the member's first e-mail address, by SMTP or a gateway.
    Email,
    /// To the member's first phone number, by a gateway.
    Sms,
    /// To the app: a gateway is told the member's external id of the system `push`.
    Push,
    /// To WeChat: a gateway is told the member's external id of the system `wechat`.
    Wechat,
}

impl Channel {
    /// All channels.
    pub const ALL: [Self; 4] = [Self::Email, Self::Sms, Self::Push, Self::Wechat];

    /// Its stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Push => "push",
            Self::Wechat => "wechat",
        }
    }

    /// The channel of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.name() == name)
    }

    /// Whether its messages have a subject.
    pub const fn has_subject(self) -> bool {
        matches!(self, Self::Email | Self::Push)
    }

    /// The letter under which it is kept.
    pub const fn letter(self) -> u8 {
        match self {
            Self::Email => b'e',
            Self::Sms => b's',
            Self::Push => b'p',
            Self::Wechat => b'w',
        }
    }

    /// The channel of this letter.
    pub fn of_letter(letter: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.letter() == letter)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A language, as a BCP 47 tag such as `zh-CN`. Compared without regard to case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Locale(Box<str>);

/// A text that is no language.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no language: expected a BCP 47 tag such as `en` or `zh-CN`")]
pub struct NotALocale(String);

impl Locale {
    /// The longest that is accepted, in bytes.
    pub const MAX_BYTES: usize = 35;

    /// Checks the form; the case of letters is brought into that of the standard.
    ///
    /// # Errors
    /// When it is not of the form.
    pub fn new(text: &str) -> Result<Self, NotALocale> {
        let refused = || NotALocale(text.chars().take(40).collect());
        let mut parts = text.split('-');
        let first = parts.next().unwrap_or_default();
        let is_first = (2..=8).contains(&first.len()) && first.bytes().all(|byte| byte.is_ascii_alphabetic());
        if text.len() > Self::MAX_BYTES || !is_first {
            return Err(refused());
        }
        let mut tag = first.to_ascii_lowercase();
        for part in parts {
            if !(1..=8).contains(&part.len()) || !part.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Err(refused());
            }
            tag.push('-');
            match part.len() {
                2 => tag.push_str(&part.to_ascii_uppercase()),
                4 if part.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
                    tag.push_str(&part[..1].to_ascii_uppercase());
                    tag.push_str(&part[1..].to_ascii_lowercase());
                }
                _ => tag.push_str(&part.to_ascii_lowercase()),
            }
        }
        Ok(Self(tag.into()))
    }

    /// The tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The language without region and script.
    pub fn language(&self) -> &str {
        self.0.split('-').next().unwrap_or(&self.0)
    }

    /// Of those that there are, the one for somebody who would like these, best first: the very same, else one of the same
    /// language; when there is none of any wish, the first.
    pub fn choose<'a>(there: &(impl Iterator<Item = &'a Self> + Clone), wishes: &[Self]) -> Option<&'a Self> {
        let found = wishes.iter().find_map(|wish| {
            let same = there.clone().find(|locale| *locale == wish);
            let kin = || there.clone().find(|locale| locale.as_str() == wish.language());
            same.or_else(kin).or_else(|| there.clone().find(|locale| locale.language() == wish.language()))
        });
        found.or_else(|| there.clone().next())
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Locale {
    type Error = NotALocale;

    fn try_from(text: String) -> Result<Self, NotALocale> {
        Self::new(&text)
    }
}

impl From<Locale> for String {
    fn from(locale: Locale) -> Self {
        locale.0.into()
    }
}

/// The name of something that a template's texts ask for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PlaceholderName(Box<str>);

/// A text that is no name of a placeholder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no name of a placeholder: expected a-z, 0-9 and `_`, 32 at most, beginning with a letter, and none of the words `and`, `or`, `not`, `if`, `elif`, `else`, `endif`, `in`, `is`, `true`, `false`, `none`"
)]
pub struct NotAPlaceholder(String);

/// The words that mean something else in a text.
pub(crate) const RESERVED: [&str; 12] =
    ["and", "or", "not", "if", "elif", "else", "endif", "in", "is", "true", "false", "none"];

impl PlaceholderName {
    /// The longest that is accepted, in bytes.
    pub const MAX_BYTES: usize = 32;

    /// Checks the form.
    ///
    /// # Errors
    /// When it is not of the form.
    pub fn new(text: &str) -> Result<Self, NotAPlaceholder> {
        let fits = text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.len() <= Self::MAX_BYTES
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            && !RESERVED.contains(&text);
        if fits { Ok(Self(text.into())) } else { Err(NotAPlaceholder(text.chars().take(40).collect())) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PlaceholderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for PlaceholderName {
    type Error = NotAPlaceholder;

    fn try_from(text: String) -> Result<Self, NotAPlaceholder> {
        Self::new(&text)
    }
}

impl From<PlaceholderName> for String {
    fn from(name: PlaceholderName) -> Self {
        name.0.into()
    }
}

/// What values of a placeholder are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlaceholderKind {
    /// A text.
    Text,
    /// A whole number.
    Number,
    /// An amount of the merchant's currency, in minor units.
    Amount,
    /// An instant, shown in the merchant's time zone.
    Instant,
}

impl PlaceholderKind {
    /// Its stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Amount => "amount",
            Self::Instant => "instant",
        }
    }
}

/// Something that a template's texts ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placeholder {
    /// What its values are.
    pub kind: PlaceholderKind,
    /// Whether a message can be sent without it: in the texts it is `none` then.
    pub optional: bool,
}

/// The text of a template in one language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageText {
    /// The subject, where the channel has one.
    pub subject: Option<String>,
    /// The text itself.
    pub body: String,
}

/// What messages of one kind are like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageTemplate {
    /// Its short name.
    pub code: Code,
    /// How often it was changed since it was made; names its state.
    pub version: u64,
    /// What people read on it.
    pub title: Label,
    /// By which way its messages go.
    pub channel: Channel,
    /// To what a member has to have said yes; none for messages about their own orders and assets, which need no consent
    /// and mind neither quiet hours nor caps.
    pub purpose: Option<Code>,
    /// What its texts ask for.
    pub placeholders: BTreeMap<PlaceholderName, Placeholder>,
    /// Its texts.
    pub texts: BTreeMap<Locale, MessageText>,
}

/// A value of a placeholder, as it is given.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MessageValue {
    /// A text, or an instant in RFC 3339.
    Text(Box<str>),
    /// A number, or an amount in minor units.
    Number(i64),
}

impl fmt::Debug for MessageValue {
    /// What members are told is theirs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MessageValue(…)")
    }
}

/// The values of a message.
pub type MessageValues = BTreeMap<PlaceholderName, MessageValue>;

/// When members are left alone: from one time of the day until another, over midnight if that is earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietHours {
    /// From when on.
    pub from: Time,
    /// Until when.
    pub until: Time,
}

impl QuietHours {
    fn has(&self, time: Time) -> bool {
        if self.from <= self.until {
            self.from <= time && time < self.until
        } else {
            self.from <= time || time < self.until
        }
    }

    /// Until when it is quiet at an instant, by the clocks of a zone; none when it is not.
    pub fn until_after(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let here = now.to_zoned(zone.clone());
        if !self.has(here.time()) {
            return None;
        }
        let today = here.date();
        let day = if here.time() < self.until { today } else { today.tomorrow().unwrap_or(today) };
        let end = instant_after(now, zone, day.to_datetime(self.until))?;
        // Clocks that are put forward may jump out of the quiet hours.
        let jumps = zone.following(now).map(|change| change.timestamp()).take_while(|at| *at < end);
        let jump = jumps.take(4).find(|at| !self.has(Zoned::new(*at, zone.clone()).time()));
        Some(jump.unwrap_or(end))
    }
}

/// The first instant after `now` at which clocks of a zone show a time: where they are put back, they show it twice.
fn instant_after(now: Timestamp, zone: &TimeZone, time: DateTime) -> Option<Timestamp> {
    let shown = zone.to_ambiguous_timestamp(time);
    let first = shown.compatible().ok()?;
    if first > now { Some(first) } else { zone.to_ambiguous_timestamp(time).later().ok().filter(|later| *later > now) }
}

/// How many messages of one channel a member gets at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageCap {
    /// On a day of the merchant's.
    pub per_day: Option<u16>,
    /// On seven days, this one included.
    pub per_week: Option<u16>,
}

/// What holds for all messages of a merchant that need a consent, and how long messages may wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessagePolicy {
    /// How often it was changed since there was one; names its state.
    pub version: u64,
    /// When members are left alone, if there is such a time.
    pub quiet: Option<QuietHours>,
    /// How many messages a member gets at most.
    pub caps: BTreeMap<Channel, MessageCap>,
    /// For how many hours a message may wait until it is not worth sending.
    pub valid_hours: u16,
}

impl MessagePolicy {
    /// The longest that a message may wait, in hours.
    pub const VALID_HOURS_MAX: u16 = 720;
}

impl Default for MessagePolicy {
    fn default() -> Self {
        Self { version: 0, quiet: None, caps: BTreeMap::new(), valid_hours: 72 }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::time;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn channels_are_found_by_name_and_letter() {
        for channel in Channel::ALL {
            assert_eq!(
                (Channel::of(channel.name()), Channel::of_letter(channel.letter())),
                (Some(channel), Some(channel))
            );
        }
    }

    #[test]
    fn the_best_language_that_there_is_gets_chosen() {
        let locale = |tag: &str| Locale::new(tag).unwrap();
        let there = [locale("en"), locale("zh-cn"), locale("zh-TW")];
        let chosen = |wishes: &[&str]| {
            let wishes: Vec<_> = wishes.iter().map(|tag| locale(tag)).collect();
            Locale::choose(&there.iter(), &wishes).unwrap().to_string()
        };
        assert_eq!(chosen(&["zh-tw", "en"]), "zh-TW");
        assert_eq!(chosen(&["zh-Hant-HK", "en"]), "zh-CN");
        assert_eq!(chosen(&["en-GB"]), "en");
        assert_eq!(chosen(&["fr", "zh"]), "zh-CN");
        assert_eq!(chosen(&["fr"]), "en");
        for bad in ["", "e", "zh_CN", "zh-", "-zh", "english-languages", "zh-CN-aaaaaaaaaaa"] {
            assert!(Locale::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn quiet_hours_end_where_clocks_say_so() {
        let (night, zone) = (QuietHours { from: time(21, 0, 0, 0), until: time(8, 0, 0, 0) }, "Asia/Shanghai");
        let zone = TimeZone::get(zone).unwrap();
        assert_eq!(night.until_after(at("2026-03-18T20:59:59+08:00"), &zone), None);
        let end = Some(at("2026-03-19T08:00:00+08:00"));
        assert_eq!(night.until_after(at("2026-03-18T21:00:00+08:00"), &zone), end);
        assert_eq!(night.until_after(at("2026-03-19T07:59:59+08:00"), &zone), end);
        assert_eq!(night.until_after(at("2026-03-19T08:00:00+08:00"), &zone), None);
        let noon = QuietHours { from: time(12, 0, 0, 0), until: time(13, 0, 0, 0) };
        assert_eq!(noon.until_after(at("2026-03-18T12:30:00+08:00"), &zone), Some(at("2026-03-18T13:00:00+08:00")));
        assert_eq!(noon.until_after(at("2026-03-18T13:00:00+08:00"), &zone), None);
        let never = QuietHours { from: time(12, 0, 0, 0), until: time(12, 0, 0, 0) };
        assert_eq!(never.until_after(at("2026-03-18T12:00:00+08:00"), &zone), None);
    }

    #[test]
    fn clocks_that_are_put_forward_or_back_do_not_confuse_quiet_hours() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        // On 2026-03-29 at 02:00 it is 03:00 at once: half past two is never shown, and three is not quiet.
        let night = QuietHours { from: time(22, 0, 0, 0), until: time(2, 30, 0, 0) };
        assert_eq!(night.until_after(at("2026-03-28T23:00:00+01:00"), &zone), Some(at("2026-03-29T03:00:00+02:00")));
        // On 2026-10-25 at 03:00 it is 02:00 again: half past two is shown twice.
        let first = Some(at("2026-10-25T02:30:00+02:00"));
        assert_eq!(night.until_after(at("2026-10-25T02:10:00+02:00"), &zone), first);
        assert_eq!(night.until_after(at("2026-10-25T02:40:00+02:00"), &zone), None);
        let second = Some(at("2026-10-25T02:30:00+01:00"));
        assert_eq!(night.until_after(at("2026-10-25T02:10:00+01:00"), &zone), second);
        let eight = QuietHours { from: time(21, 0, 0, 0), until: time(8, 0, 0, 0) };
        assert_eq!(eight.until_after(at("2026-10-24T22:00:00+02:00"), &zone), Some(at("2026-10-25T08:00:00+01:00")));
    }
}
