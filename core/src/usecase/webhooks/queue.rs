//! What waits at a webhook: for each subject a queue, whose first entry has an instant.

use jiff::Timestamp;

use super::records::{Progress, Waiting};
use crate::domain::{MerchantId, WebhookId};
use crate::store::layout::{self, Subject, WebhookKey};
use crate::store::{Direction, StoreError, Tx};

/// The queues of a webhook, with its progress, which counts them.
pub(super) struct Queue<'a> {
    pub(super) tx: &'a mut Tx,
    pub(super) merchant: MerchantId,
    pub(super) webhook: WebhookId,
    pub(super) progress: &'a mut Progress,
}

impl Queue<'_> {
    /// Whether anything waits for a subject.
    pub(super) fn has(tx: &mut Tx, merchant: MerchantId, id: WebhookId, subject: Subject) -> Result<bool, StoreError> {
        let range = layout::webhook_waiting_of(merchant, id, subject);
        Ok(!tx.scan(&range, Direction::Forward, 1)?.is_empty())
    }

    /// What waits at this place.
    pub(super) fn get(&mut self, subject: Subject, sequence: u64) -> Result<Option<Waiting>, StoreError> {
        self.tx.load(&layout::webhook_waiting(self.merchant, self.webhook, subject, sequence))
    }

    /// Puts something there, in place of what was there.
    pub(super) fn put(&mut self, subject: Subject, sequence: u64, waiting: &Waiting) -> Result<(), StoreError> {
        self.take(subject, sequence)?;
        self.progress.waiting = self.progress.waiting.saturating_add(1);
        let key = layout::webhook_waiting(self.merchant, self.webhook, subject, sequence);
        self.tx.save(&key, &Waiting { due_at: None, ..waiting.clone() })
    }

    /// Takes out what is there. Whether anything was.
    pub(super) fn take(&mut self, subject: Subject, sequence: u64) -> Result<bool, StoreError> {
        let Some(waiting) = self.get(subject, sequence)? else { return Ok(false) };
        self.disarm(subject, sequence, &waiting);
        self.tx.delete(&layout::webhook_waiting(self.merchant, self.webhook, subject, sequence));
        self.progress.waiting = self.progress.waiting.saturating_sub(1);
        Ok(true)
    }

    fn disarm(&mut self, subject: Subject, sequence: u64, waiting: &Waiting) {
        if let Some(at) = waiting.due_at {
            self.tx.delete(&layout::webhook_due(self.merchant, self.webhook, at, subject, sequence));
        }
    }

    /// Sees to it that the first of a subject has an instant, not before `now`, and no other has.
    pub(super) fn arm(&mut self, subject: Subject, now: Timestamp) -> Result<(), StoreError> {
        let range = layout::webhook_waiting_of(self.merchant, self.webhook, subject);
        let first_two = self.tx.load_scan::<Waiting>(&range, Direction::Forward, 2)?;
        for (index, (key, waiting)) in first_two.into_iter().enumerate() {
            let Some((_, WebhookKey::Waiting(_, sequence))) = layout::webhook_key(&key) else {
                return Err(StoreError::corrupt("key of a waiting event", &key));
            };
            let due_at = match (index, waiting.due_at) {
                (0, None) => Some(waiting.not_before.unwrap_or(now)),
                (1.., Some(_)) => None,
                _ => continue,
            };
            self.disarm(subject, sequence, &waiting);
            if let Some(at) = due_at {
                self.tx.put(&layout::webhook_due(self.merchant, self.webhook, at, subject, sequence), [])?;
            }
            self.tx.save(&key, &Waiting { due_at, ..waiting })?;
        }
        Ok(())
    }
}
