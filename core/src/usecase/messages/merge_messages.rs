//! Messages to a member who turned out to be another one.

use super::records::Message;
use crate::domain::{Channel, MemberId};
use crate::store::layout::{self, MessageKey};
use crate::store::{Direction, StoreError, Tx};
use crate::usecase::Act;
use crate::usecase::keys::unreadable;

/// Makes messages to one member those to another one: in their lists, for their caps, and with values that the other one's
/// key has sealed.
pub(in crate::usecase) fn merge_messages(
    tx: &mut Tx,
    act: &Act<'_>,
    gone: MemberId,
    survivor: MemberId,
) -> Result<(), StoreError> {
    let merchant = act.merchant;
    for (key, _) in tx.scan(&layout::messages_of(merchant, gone), Direction::Forward, usize::MAX)? {
        let Some(MessageKey::OfMember(_, id)) = layout::message_key(&key) else {
            return Err(StoreError::corrupt("key of a member's message", &key));
        };
        let place = layout::message(merchant, id);
        let message = tx.load::<Message>(&place)?;
        let mut message = message.ok_or_else(|| StoreError::corrupt("message (missing)", &place))?;
        message.member = survivor;
        if let Some(values) = &message.values
            && let Some(old) = act.member_key(tx, gone)?
        {
            let plain = old.open(&place, values).map_err(|error| unreadable(error, &place))?;
            message.values = Some(act.member_key_or_new(tx, survivor)?.seal(act.entropy, &place, &plain));
        }
        tx.save(&place, &message)?;
    }
    tx.move_range(&layout::messages_of(merchant, gone), &layout::messages_of(merchant, survivor))?;
    tx.move_range(&layout::messages_waiting_of(merchant, gone), &layout::messages_waiting_of(merchant, survivor))?;
    for channel in Channel::ALL {
        let (from, to) =
            (layout::message_counts(merchant, gone, channel), layout::message_counts(merchant, survivor, channel));
        tx.add_range(&from, &to)?;
    }
    Ok(())
}
