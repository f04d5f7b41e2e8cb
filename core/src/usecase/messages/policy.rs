//! The merchant says when members are left alone, and how much they are told.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};

use crate::domain::{Channel, MemberId, MerchantId, MessagePolicy};
use crate::store::{Direction, StoreError, Tx, layout};
use crate::usecase::Act;

/// How many days a week has, for caps.
const WEEK_DAYS: usize = 7;

/// Why a policy is not as somebody wants it.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Somebody else has changed it meanwhile.
    #[error("the policy has been changed meanwhile; read it again, and make the change on what it is now")]
    Changed,
    /// It is not possible.
    #[error("messages may wait for 1 to {max} hours, but {0} are given", max = MessagePolicy::VALID_HOURS_MAX)]
    ValidHours(u16),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The policy; what holds as long as nobody has set one, otherwise.
///
/// # Errors
/// The store's failures.
pub fn read_policy(tx: &mut Tx, merchant: MerchantId) -> Result<MessagePolicy, StoreError> {
    Ok(tx.load(&layout::message_policy(merchant))?.unwrap_or_default())
}

/// Sets the policy over the one of the expected version. It holds for what waits as well.
///
/// # Errors
/// The first refusal in the order of [`PolicyError`]'s variants.
pub fn set_policy(
    tx: &mut Tx,
    act: &mut Act<'_>,
    policy: &MessagePolicy,
    expected: u64,
) -> Result<MessagePolicy, PolicyError> {
    let before = read_policy(tx, act.merchant)?;
    if before.version != expected {
        return Err(PolicyError::Changed);
    }
    if !(1..=MessagePolicy::VALID_HOURS_MAX).contains(&policy.valid_hours) {
        return Err(PolicyError::ValidHours(policy.valid_hours));
    }
    let after = MessagePolicy { version: before.version + 1, ..policy.clone() };
    tx.save(&layout::message_policy(act.merchant), &after)?;
    act.record(tx, "message-policy", "policy", Some(&before), Some(&after))?;
    Ok(after)
}

/// How many messages that count for caps a member was sent on a channel: on this day, and on seven days with it.
pub(super) fn counted(
    tx: &mut Tx,
    merchant: MerchantId,
    member: MemberId,
    channel: Channel,
    today: Date,
) -> Result<(u64, u64), StoreError> {
    let first = week_begin(today);
    let (mut of_day, mut of_week) = (0, 0);
    // There is a record for each day of the last week only, and those of the future when a zone was changed.
    let range = layout::message_counts(merchant, member, channel);
    for (key, _) in tx.scan(&range, Direction::Forward, usize::MAX)? {
        let Some(layout::MessageKey::Count(_, _, day)) = layout::message_key(&key) else {
            return Err(StoreError::corrupt("key of a count of messages", &key));
        };
        let count = u64::try_from(tx.counter(&key)?).unwrap_or(0);
        of_day += if day == today { count } else { 0 };
        of_week += if day >= first { count } else { 0 };
    }
    Ok((of_day, of_week))
}

/// Counts a message, and forgets the days that do not count any more.
pub(super) fn count(
    tx: &mut Tx,
    merchant: MerchantId,
    member: MemberId,
    channel: Channel,
    today: Date,
) -> Result<(), StoreError> {
    let first = layout::message_count(merchant, member, channel, week_begin(today));
    let old = layout::message_counts(merchant, member, channel).before(&first);
    for (key, _) in tx.scan(&old, Direction::Forward, usize::MAX)? {
        tx.delete(&key);
    }
    tx.add(&layout::message_count(merchant, member, channel, today), 1)
}

fn week_begin(today: Date) -> Date {
    let days = i64::try_from(WEEK_DAYS).unwrap_or(7) - 1;
    today.checked_sub(days.days()).unwrap_or(today)
}

/// Whether so many messages are as many as a member may have.
pub(super) fn is_capped(policy: &MessagePolicy, channel: Channel, (of_day, of_week): (u64, u64)) -> bool {
    policy.caps.get(&channel).is_some_and(|cap| {
        cap.per_day.is_some_and(|max| of_day >= u64::from(max))
            || cap.per_week.is_some_and(|max| of_week >= u64::from(max))
    })
}

/// For how long a message that is queued at an instant is worth sending.
pub(super) fn expiry(policy: &MessagePolicy, from: Timestamp) -> Timestamp {
    from.checked_add(i64::from(policy.valid_hours).hours()).unwrap_or(Timestamp::MAX)
}
