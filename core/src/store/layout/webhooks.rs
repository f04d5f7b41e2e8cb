//! The keys of webhooks: the webhooks themselves, how far each has come, what waits for another attempt, and what was
//! given up.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Key, KeyRange, MemberId, MerchantId, Name, OrderId, WebhookId, after, millis};

/// What events are kept in order for: those of one subject reach a webhook, or a pack, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Subject {
    /// A member.
    Member(MemberId),
    /// An order of nobody in particular.
    Order(OrderId),
    /// The merchant, for what is neither a member's nor an order's.
    Merchant,
    /// A test, which is nobody's.
    Test([u8; 16]),
}

impl Subject {
    pub(super) fn bytes(self) -> [u8; 17] {
        let (letter, id) = match self {
            Self::Member(member) => (b'm', *member.as_bytes()),
            Self::Order(order) => (b'o', *order.as_bytes()),
            Self::Merchant => (b'a', [0; 16]),
            Self::Test(id) => (b't', id),
        };
        let mut bytes = [letter; 17];
        bytes[1..].copy_from_slice(&id);
        bytes
    }

    /// In which of so many lanes it is worked on. The last byte of an id is random.
    pub fn lane(self, lanes: u8) -> u8 {
        let [.., last] = self.bytes();
        last.checked_rem(lanes).unwrap_or(0)
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (letter, id) = bytes.split_first()?;
        let id: [u8; 16] = id.try_into().ok()?;
        match letter {
            b'm' => Some(Self::Member(MemberId::from_bytes(id))),
            b'o' => Some(Self::Order(OrderId::from_bytes(id))),
            b'a' => (id == [0; 16]).then_some(Self::Merchant),
            b't' => Some(Self::Test(id)),
            _ => None,
        }
    }
}

/// A webhook.
pub fn webhook(merchant: MerchantId, webhook: WebhookId) -> Key {
    Name::of(b'W', merchant).bytes(webhook.as_bytes()).0
}

/// All webhooks of a merchant.
pub fn webhooks(merchant: MerchantId) -> KeyRange {
    Name::of(b'W', merchant).range()
}

/// How far a webhook has come in the log.
pub fn webhook_progress(merchant: MerchantId, webhook: WebhookId) -> Key {
    progress_part(merchant, webhook, b'c').0
}

/// An attempt to deliver, by its number.
pub fn webhook_attempt(merchant: MerchantId, webhook: WebhookId, number: u64) -> Key {
    progress_part(merchant, webhook, b'l').bytes(&number.to_be_bytes()).0
}

/// The attempts of a webhook that are remembered, oldest first.
pub fn webhook_attempts(merchant: MerchantId, webhook: WebhookId) -> KeyRange {
    progress_part(merchant, webhook, b'l').range()
}

/// All that says how far the webhooks of a merchant have come.
pub fn webhook_progresses(merchant: MerchantId) -> KeyRange {
    Name::of(b'G', merchant).range()
}

/// An event that waits for its turn at a webhook. A test has no number: 0.
pub fn webhook_waiting(merchant: MerchantId, webhook: WebhookId, subject: Subject, sequence: u64) -> Key {
    part(merchant, webhook, b'q').bytes(&subject.bytes()).bytes(&sequence.to_be_bytes()).0
}

/// All that waits at a webhook for one subject, in order.
pub fn webhook_waiting_of(merchant: MerchantId, webhook: WebhookId, subject: Subject) -> KeyRange {
    part(merchant, webhook, b'q').bytes(&subject.bytes()).range()
}

/// All that waits at a webhook.
pub fn webhook_waiting_all(merchant: MerchantId, webhook: WebhookId) -> KeyRange {
    part(merchant, webhook, b'q').range()
}

/// When the first of what waits for a subject is to be attempted.
pub fn webhook_due(merchant: MerchantId, webhook: WebhookId, at: Timestamp, subject: Subject, sequence: u64) -> Key {
    let name = part(merchant, webhook, b't').bytes(&millis(at).to_be_bytes());
    name.bytes(&subject.bytes()).bytes(&sequence.to_be_bytes()).0
}

/// All that is to be attempted at a webhook, soonest first.
pub fn webhook_dues(merchant: MerchantId, webhook: WebhookId) -> KeyRange {
    part(merchant, webhook, b't').range()
}

/// What is to be attempted at a webhook by `now`.
pub fn webhook_dues_until(merchant: MerchantId, webhook: WebhookId, now: Timestamp) -> KeyRange {
    let start = part(merchant, webhook, b't').0;
    KeyRange { start, end: part(merchant, webhook, b't').bytes(&after(now)).0 }
}

/// An event that was given up.
pub fn webhook_dead(merchant: MerchantId, webhook: WebhookId, sequence: u64) -> Key {
    part(merchant, webhook, b'x').bytes(&sequence.to_be_bytes()).0
}

/// All events that were given up, by their numbers.
pub fn webhook_dead_all(merchant: MerchantId, webhook: WebhookId) -> KeyRange {
    part(merchant, webhook, b'x').range()
}

/// All that waits or was given up at the webhooks of a merchant.
pub fn webhook_deliveries(merchant: MerchantId) -> KeyRange {
    Name::of(b'D', merchant).range()
}

/// What the keys of webhooks' records tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookKey {
    /// How far it has come.
    Progress,
    /// An attempt.
    Attempt(u64),
    /// What waits.
    Waiting(Subject, u64),
    /// When that is to be attempted.
    Due(Timestamp, Subject, u64),
    /// What was given up.
    Dead(u64),
}

/// What a key of the tables `G` and `D` is of.
pub fn webhook_key(key: &[u8]) -> Option<(WebhookId, WebhookKey)> {
    let (table, rest) = (key.first()?, key.get(17..)?);
    let (webhook, rest) = rest.split_first_chunk::<16>()?;
    let (part, rest) = rest.split_first()?;
    let number = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_be_bytes);
    let subject = |bytes: &[u8]| {
        let (subject, sequence) = bytes.split_at_checked(17)?;
        Some((Subject::from_bytes(subject)?, number(sequence)?))
    };
    let told = match (table, part) {
        (b'G', b'c') if rest.is_empty() => WebhookKey::Progress,
        (b'G', b'l') => WebhookKey::Attempt(number(rest)?),
        (b'D', b'q') => {
            let (subject, sequence) = subject(rest)?;
            WebhookKey::Waiting(subject, sequence)
        }
        (b'D', b't') => {
            let (at, rest) = rest.split_at_checked(8)?;
            let at = Timestamp::from_millisecond(i64::try_from(number(at)?).ok()?).ok()?;
            let (subject, sequence) = subject(rest)?;
            WebhookKey::Due(at, subject, sequence)
        }
        (b'D', b'x') => WebhookKey::Dead(number(rest)?),
        _ => return None,
    };
    Some((WebhookId::from_bytes(*webhook), told))
}

fn progress_part(merchant: MerchantId, webhook: WebhookId, part: u8) -> Name {
    Name::of(b'G', merchant).bytes(webhook.as_bytes()).bytes(&[part])
}

fn part(merchant: MerchantId, webhook: WebhookId, part: u8) -> Name {
    Name::of(b'D', merchant).bytes(webhook.as_bytes()).bytes(&[part])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_what_it_was_made_of() {
        let (merchant, webhook) = (MerchantId::from_bytes([1; 16]), WebhookId::from_bytes([2; 16]));
        let at = Timestamp::from_millisecond(1_700_000_000_123).unwrap();
        let subjects = [
            Subject::Member(MemberId::from_bytes([3; 16])),
            Subject::Order(OrderId::from_bytes([4; 16])),
            Subject::Merchant,
            Subject::Test([5; 16]),
        ];
        for subject in subjects {
            let key = webhook_waiting(merchant, webhook, subject, 7);
            assert_eq!(webhook_key(&key), Some((webhook, WebhookKey::Waiting(subject, 7))));
            assert!(webhook_waiting_of(merchant, webhook, subject).contains(&key));
            let key = webhook_due(merchant, webhook, at, subject, 7);
            assert_eq!(webhook_key(&key), Some((webhook, WebhookKey::Due(at, subject, 7))));
            assert!(webhook_dues_until(merchant, webhook, at).contains(&key));
        }
        let told = |key: Key| webhook_key(&key).map(|(_, told)| told);
        assert_eq!(told(webhook_dead(merchant, webhook, 8)), Some(WebhookKey::Dead(8)));
        assert_eq!(told(webhook_progress(merchant, webhook)), Some(WebhookKey::Progress));
        assert_eq!(told(webhook_attempt(merchant, webhook, 9)), Some(WebhookKey::Attempt(9)));
        assert_eq!(told(super::webhook(merchant, webhook)), None);
    }
}
