//! What has to hold of webhooks: that what waits is counted and comes to its turn, and that nothing is left of one that
//! was deleted.

use std::collections::BTreeMap;

use super::Check;
use crate::domain::{MerchantId, WebhookId};
use crate::store::layout::{self, WebhookKey};
use crate::store::{Direction, StoreError, decode, decode_own};
use crate::usecase::webhooks::{ATTEMPTS_KEPT, AttemptRecord, DeadLetter, Progress, Waiting, Webhook};

/// What was counted of a webhook.
#[derive(Default)]
struct Counted {
    progress: Option<Progress>,
    waiting: u32,
    dead: u32,
    attempts: u64,
}

impl<P: FnMut()> Check<'_, P> {
    /// Webhooks, their places in the log, their queues and dead letters.
    pub(super) fn webhooks(&mut self, id: MerchantId) -> Result<(), StoreError> {
        let mut counted: BTreeMap<WebhookId, Counted> = BTreeMap::new();
        self.gather(
            &layout::webhooks(id),
            |_, key, bytes| decode_own(key, bytes, |webhook: &Webhook| layout::webhook(id, webhook.id)),
            |_, webhook| {
                counted.insert(webhook.id, Counted::default());
            },
        )?;
        let mut orphans = Vec::new();
        self.gather(
            &layout::webhook_progresses(id),
            |_, key, bytes| {
                let known = layout::webhook_key(key);
                let (webhook, told) = known.ok_or_else(|| StoreError::corrupt("key of a webhook's record", key))?;
                match told {
                    WebhookKey::Progress => Ok((webhook, Some(decode::<Progress>(key, bytes)?))),
                    _ => {
                        decode_own(key, bytes, |attempt: &AttemptRecord| {
                            layout::webhook_attempt(id, webhook, attempt.number)
                        })?;
                        Ok((webhook, None))
                    }
                }
            },
            |_, (webhook, progress)| match counted.get_mut(&webhook) {
                Some(counted) => match progress {
                    Some(progress) => counted.progress = Some(progress),
                    None => counted.attempts += 1,
                },
                None => orphans.push(webhook),
            },
        )?;
        self.gather(
            &layout::webhook_deliveries(id),
            |tx, key, bytes| {
                let known = layout::webhook_key(key);
                let (webhook, told) = known.ok_or_else(|| StoreError::corrupt("key of a delivery", key))?;
                let contradiction = match told {
                    WebhookKey::Waiting(subject, sequence) => {
                        let waiting: Waiting = decode(key, bytes)?;
                        let queue = layout::webhook_waiting_of(id, webhook, subject);
                        let first = tx.scan(&queue, Direction::Forward, 1)?;
                        let is_first = first.first().is_some_and(|(first, _)| first == key);
                        let is_due = match waiting.due_at {
                            Some(at) => tx.get(&layout::webhook_due(id, webhook, at, subject, sequence))?.is_some(),
                            None => false,
                        };
                        (is_first != is_due).then_some("what waits at a webhook is not due in its turn")
                    }
                    WebhookKey::Due(at, subject, sequence) => {
                        let waiting = tx.load::<Waiting>(&layout::webhook_waiting(id, webhook, subject, sequence))?;
                        let is_so = waiting.is_some_and(|waiting| waiting.due_at == Some(at));
                        (!is_so).then_some("something is due at a webhook that does not wait for it")
                    }
                    _ => {
                        decode_own(key, bytes, |letter: &DeadLetter| {
                            layout::webhook_dead(id, webhook, letter.sequence)
                        })?;
                        None
                    }
                };
                Ok((webhook, told, contradiction))
            },
            |check, (webhook, told, contradiction)| {
                check.findings.extend(contradiction.map(|what| format!("{what}: {webhook}")));
                match (counted.get_mut(&webhook), told) {
                    (None, _) => orphans.push(webhook),
                    (Some(counted), WebhookKey::Waiting(..)) => counted.waiting += 1,
                    (Some(counted), WebhookKey::Dead(_)) => counted.dead += 1,
                    (Some(_), _) => {}
                }
            },
        )?;
        orphans.sort_unstable();
        orphans.dedup();
        self.findings
            .extend(orphans.iter().map(|webhook| format!("something is left of {webhook}, which is not there")));
        let head = self.store.read(|tx| tx.log_head(&layout::events(id)))?.sequence;
        for (webhook, counted) in counted {
            self.findings.extend(counted.contradictions(webhook, head));
        }
        Ok(())
    }
}

impl Counted {
    fn contradictions(&self, webhook: WebhookId, head: u64) -> Vec<String> {
        let Some(progress) = &self.progress else { return vec![format!("{webhook} has no place in the log")] };
        let mut found = Vec::new();
        let furthest = progress.ahead.last().copied().unwrap_or(progress.cursor);
        if !progress.ahead.is_sorted() || progress.ahead.first().is_some_and(|first| *first <= progress.cursor) {
            found.push(format!("what {webhook} has settled ahead of its place is not in order"));
        }
        if furthest > head {
            found.push(format!("{webhook} has come to event {furthest}, and there are {head}"));
        }
        let told = [("waiting events", progress.waiting, self.waiting), ("dead letters", progress.dead, self.dead)];
        let wrong = told.into_iter().filter(|(_, told, counted)| told != counted);
        found.extend(wrong.map(|(what, told, counted)| format!("{webhook} tells of {told} {what}, and has {counted}")));
        if self.attempts != progress.attempts.min(ATTEMPTS_KEPT) {
            found.push(format!("{webhook} has {} attempts on record, of {}", self.attempts, progress.attempts));
        }
        found
    }
}
