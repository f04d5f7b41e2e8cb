//! The keys of messages: templates, the messages themselves, when they go out, and what was counted. All of table `%`.

use jiff::Timestamp;
use jiff::civil::Date;

use super::{Key, KeyRange, MemberId, MerchantId, Name, after, millis};
use crate::domain::{Channel, Code, MessageId};

/// A template.
pub fn message_template(merchant: MerchantId, code: &Code) -> Key {
    part(merchant, b't').bytes(code.as_str().as_bytes()).0
}

/// All templates of a merchant.
pub fn message_templates(merchant: MerchantId) -> KeyRange {
    part(merchant, b't').range()
}

/// A message.
pub fn message(merchant: MerchantId, message: MessageId) -> Key {
    part(merchant, b'm').bytes(message.as_bytes()).0
}

/// All messages of a merchant, in the order in which they were queued.
pub fn messages(merchant: MerchantId) -> KeyRange {
    part(merchant, b'm').range()
}

/// That a message is to a member.
pub fn member_message(merchant: MerchantId, member: MemberId, message: MessageId) -> Key {
    part(merchant, b'u').bytes(member.as_bytes()).bytes(message.as_bytes()).0
}

/// All messages to a member, in the order in which they were queued.
pub fn messages_of(merchant: MerchantId, member: MemberId) -> KeyRange {
    part(merchant, b'u').bytes(member.as_bytes()).range()
}

/// That a message to a member waits.
pub fn waiting_message(merchant: MerchantId, member: MemberId, message: MessageId) -> Key {
    part(merchant, b'w').bytes(member.as_bytes()).bytes(message.as_bytes()).0
}

/// All messages to a member that wait.
pub fn messages_waiting_of(merchant: MerchantId, member: MemberId) -> KeyRange {
    part(merchant, b'w').bytes(member.as_bytes()).range()
}

/// When a message is to go out.
pub fn message_due(merchant: MerchantId, channel: Channel, at: Timestamp, message: MessageId) -> Key {
    dues(merchant, channel).bytes(&millis(at).to_be_bytes()).bytes(message.as_bytes()).0
}

/// All messages of a channel that are to go out, soonest first.
pub fn message_dues(merchant: MerchantId, channel: Channel) -> KeyRange {
    dues(merchant, channel).range()
}

/// The messages of a channel that are to go out by `now`.
pub fn message_dues_until(merchant: MerchantId, channel: Channel, now: Timestamp) -> KeyRange {
    KeyRange { start: dues(merchant, channel).0, end: dues(merchant, channel).bytes(&after(now)).0 }
}

/// By which way the messages of a channel leave.
pub fn message_connector(merchant: MerchantId, channel: Channel) -> Key {
    part(merchant, b'c').bytes(&[channel.letter()]).0
}

/// By which ways the messages of a merchant leave.
pub fn message_connectors(merchant: MerchantId) -> KeyRange {
    part(merchant, b'c').range()
}

/// Quiet hours and caps.
pub fn message_policy(merchant: MerchantId) -> Key {
    part(merchant, b'p').0
}

/// How many messages of a channel a member was sent on a day that count for caps.
pub fn message_count(merchant: MerchantId, member: MemberId, channel: Channel, day: Date) -> Key {
    counts(merchant, member, channel).bytes(&day_bytes(day)).0
}

/// How many messages of a channel a member was sent, day by day.
pub fn message_counts(merchant: MerchantId, member: MemberId, channel: Channel) -> KeyRange {
    counts(merchant, member, channel).range()
}

/// An automatic message, by what it follows.
pub fn automatic(merchant: MerchantId, trigger: &str) -> Key {
    part(merchant, b'a').bytes(trigger.as_bytes()).0
}

/// All automatic messages of a merchant.
pub fn automatics(merchant: MerchantId) -> KeyRange {
    part(merchant, b'a').range()
}

/// How far automatic messages have come in the log.
pub fn message_cursor(merchant: MerchantId) -> Key {
    part(merchant, b'f').0
}

/// All records of messages of a merchant.
pub fn message_records(merchant: MerchantId) -> KeyRange {
    Name::of(b'%', merchant).range()
}

/// What the keys of records of messages tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageKey {
    /// A template.
    Template,
    /// A message.
    Message(MessageId),
    /// That a message is to a member.
    OfMember(MemberId, MessageId),
    /// That it waits.
    Waiting(MemberId, MessageId),
    /// When a message is to go out.
    Due(Channel, Timestamp, MessageId),
    /// By which way a channel's messages leave.
    Connector(Channel),
    /// Quiet hours and caps.
    Policy,
    /// A counter of a member's messages.
    Count(MemberId, Channel, Date),
    /// An automatic message.
    Automatic,
    /// How far these have come.
    Cursor,
}

/// What a key of the table `%` is of.
pub fn message_key(key: &[u8]) -> Option<MessageKey> {
    let (letter, rest) = key.get(17..)?.split_first()?;
    let id = |bytes: &[u8]| bytes.try_into().ok().map(MessageId::from_bytes);
    let member = |bytes: &[u8]| {
        let (member, message) = bytes.split_first_chunk::<16>()?;
        Some((MemberId::from_bytes(*member), id(message)?))
    };
    Some(match letter {
        b't' => MessageKey::Template,
        b'm' => MessageKey::Message(id(rest)?),
        b'u' => member(rest).map(|(member, message)| MessageKey::OfMember(member, message))?,
        b'w' => member(rest).map(|(member, message)| MessageKey::Waiting(member, message))?,
        b'd' => {
            let (channel, rest) = rest.split_first()?;
            let (at, message) = rest.split_first_chunk::<8>()?;
            let at = Timestamp::from_millisecond(i64::try_from(u64::from_be_bytes(*at)).ok()?).ok()?;
            MessageKey::Due(Channel::of_letter(*channel)?, at, id(message)?)
        }
        b'c' => match rest {
            [channel] => MessageKey::Connector(Channel::of_letter(*channel)?),
            _ => return None,
        },
        b'p' if rest.is_empty() => MessageKey::Policy,
        b'n' => {
            let (member, rest) = rest.split_first_chunk::<16>()?;
            let (channel, day) = rest.split_first()?;
            let day = day_of(day)?;
            MessageKey::Count(MemberId::from_bytes(*member), Channel::of_letter(*channel)?, day)
        }
        b'a' => MessageKey::Automatic,
        b'f' if rest.is_empty() => MessageKey::Cursor,
        _ => return None,
    })
}

fn part(merchant: MerchantId, part: u8) -> Name {
    Name::of(b'%', merchant).bytes(&[part])
}

fn dues(merchant: MerchantId, channel: Channel) -> Name {
    part(merchant, b'd').bytes(&[channel.letter()])
}

fn counts(merchant: MerchantId, member: MemberId, channel: Channel) -> Name {
    part(merchant, b'n').bytes(member.as_bytes()).bytes(&[channel.letter()])
}

/// A day as eight digits: the days that people live on sort by them.
fn day_bytes(day: Date) -> [u8; 8] {
    let text = format!("{:04}{:02}{:02}", day.year().max(0), day.month(), day.day());
    let mut bytes = [b'0'; 8];
    bytes.copy_from_slice(text.as_bytes());
    bytes
}

fn day_of(bytes: &[u8]) -> Option<Date> {
    let digits = std::str::from_utf8(bytes).ok().filter(|text| text.len() == 8 && text.is_ascii())?;
    let number = |part: &str| part.parse::<i16>().ok();
    let (month, day) = (number(&digits[4..6])?, number(&digits[6..])?);
    Date::new(number(&digits[..4])?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_what_it_was_made_of() {
        let (merchant, member) = (MerchantId::from_bytes([1; 16]), MemberId::from_bytes([2; 16]));
        let (id, at) = (MessageId::from_bytes([3; 16]), Timestamp::from_millisecond(1_700_000_000_123).unwrap());
        let (code, day) = (Code::new("welcome").unwrap(), jiff::civil::date(2026, 3, 18));
        let told = [
            (message_template(merchant, &code), MessageKey::Template),
            (message(merchant, id), MessageKey::Message(id)),
            (member_message(merchant, member, id), MessageKey::OfMember(member, id)),
            (waiting_message(merchant, member, id), MessageKey::Waiting(member, id)),
            (message_due(merchant, Channel::Sms, at, id), MessageKey::Due(Channel::Sms, at, id)),
            (message_connector(merchant, Channel::Push), MessageKey::Connector(Channel::Push)),
            (message_policy(merchant), MessageKey::Policy),
            (message_count(merchant, member, Channel::Email, day), MessageKey::Count(member, Channel::Email, day)),
            (automatic(merchant, "order-settled"), MessageKey::Automatic),
            (message_cursor(merchant), MessageKey::Cursor),
        ];
        for (key, expected) in told {
            assert_eq!(message_key(&key), Some(expected));
            assert!(message_records(merchant).contains(&key));
        }
        assert!(message_dues_until(merchant, Channel::Sms, at).contains(&message_due(merchant, Channel::Sms, at, id)));
        assert_eq!(
            message_key(super::super::webhook(merchant, crate::domain::WebhookId::from_bytes([1; 16])).as_slice()),
            None
        );
    }
}
