//! What came of a round of deliveries is recorded: in one transaction, after the network has had its say.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::plan_deliveries::{Chain, Letter, Message, Work};
use super::progress_of;
use super::queue::Queue;
use super::records::{
    ATTEMPTS_KEPT, AttemptRecord, DEAD_MAX, DeadLetter, MessageRef, Outcome, PauseReason, Progress, Waiting, Webhook,
    WebhookState,
};
use super::schedule::next_at;
use crate::domain::{Code, Event, WebhookId};
use crate::store::{StoreError, Tx, layout};
use crate::usecase::Act;

/// An attempt that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u32,
    /// What came of it.
    pub outcome: Outcome,
    /// How long the receiver asked not to be asked again.
    pub retry_after: Option<SignedDuration>,
}

/// What a round came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Attempts that went well.
    pub delivered: usize,
    /// Attempts that did not.
    pub failed: usize,
    /// Events that were given up.
    pub given_up: usize,
    /// Whether the webhook was paused.
    pub paused: bool,
}

/// Records what came of a round: `attempts` has, for each chain of the work, the attempts that were made, in order. What
/// was not attempted stays as it was. A webhook that is gone by now stays gone.
///
/// # Errors
/// The store's failures.
pub fn settle_deliveries(
    tx: &mut Tx,
    act: &mut Act<'_>,
    id: WebhookId,
    work: &Work,
    attempts: &[Vec<Attempt>],
) -> Result<Settled, StoreError> {
    let key = layout::webhook(act.merchant, id);
    let Some(mut webhook) = tx.load::<Webhook>(&key)? else { return Ok(Settled::default()) };
    let mut progress = progress_of(tx, act.merchant, id)?;
    let mut round =
        Round { settled: Settled::default(), through: progress.ahead.iter().copied().collect(), pause: None };
    round.through.extend(&work.unwanted);
    let mut queue = Queue { tx, merchant: act.merchant, webhook: id, progress: &mut progress };
    for (chain, attempts) in work.chains.iter().zip(attempts) {
        round.chain(&mut queue, act, chain, attempts)?;
        queue.arm(chain.subject, act.now)?;
    }
    for (subject, sequence) in &work.behind {
        queue.put(*subject, *sequence, &Waiting::default())?;
        queue.arm(*subject, act.now)?;
        round.through.insert(*sequence);
    }
    progress.advance(round.through);
    if webhook.previous.as_ref().is_some_and(|previous| previous.until <= act.now) {
        // Nobody is shown anything else by that, so the version stays.
        webhook.previous = None;
        tx.save(&key, &webhook)?;
    }
    if progress.dead >= DEAD_MAX {
        round.pause = round.pause.or(Some(PauseReason::DeadLettersFull));
    }
    if let Some(reason) = round.pause
        && webhook.state == WebhookState::Active
    {
        webhook.state = WebhookState::Paused { reason, at: act.now };
        webhook.version += 1;
        round.settled.paused = true;
        tx.save(&key, &webhook)?;
        let reason = Code::new(reason.name()).expect("the name of a reason is a code");
        act.tell(tx, &Event::WebhookPaused { webhook: id, reason, at: act.now })?;
    }
    tx.save(&layout::webhook_progress(act.merchant, id), &progress)?;
    Ok(round.settled)
}

/// A round while it is recorded.
struct Round {
    settled: Settled,
    /// Events after the cursor that are settled.
    through: BTreeSet<u64>,
    pause: Option<PauseReason>,
}

impl Round {
    fn chain(
        &mut self,
        queue: &mut Queue<'_>,
        act: &mut Act<'_>,
        chain: &Chain,
        attempts: &[Attempt],
    ) -> Result<(), StoreError> {
        let mut has_failed = false;
        for (index, letter) in chain.letters.iter().enumerate() {
            let sequence = letter.message.sequence();
            match attempts.get(index) {
                Some(attempt) => {
                    log(queue, act, letter, attempt)?;
                    if attempt.outcome.is_delivered() {
                        self.settled.delivered += 1;
                        queue.progress.succeeded_at = queue.progress.succeeded_at.max(Some(attempt.at));
                        queue.take(chain.subject, sequence)?;
                    } else {
                        has_failed = true;
                        self.failed(queue, act, chain, letter, attempt)?;
                    }
                }
                // What comes after one that has failed waits for it.
                None if has_failed && !chain.is_waiting => queue.put(chain.subject, sequence, &Waiting::default())?,
                None => continue,
            }
            if !chain.is_waiting {
                self.through.insert(sequence);
            }
        }
        Ok(())
    }

    fn failed(
        &mut self,
        queue: &mut Queue<'_>,
        act: &mut Act<'_>,
        chain: &Chain,
        letter: &Letter,
        attempt: &Attempt,
    ) -> Result<(), StoreError> {
        self.settled.failed += 1;
        let sequence = letter.message.sequence();
        let known = queue.get(chain.subject, sequence)?;
        if chain.is_waiting && known.is_none() {
            // Somebody has dropped it meanwhile.
            return Ok(());
        }
        let Message::Event(event) = &letter.message else {
            queue.take(chain.subject, sequence)?;
            return Ok(());
        };
        if matches!(attempt.outcome, Outcome::Answered(429 | 503))
            && let Some(asked) = attempt.retry_after
        {
            let until = act.now.checked_add(asked.min(super::RETRY_AFTER_MAX)).unwrap_or(Timestamp::MAX);
            queue.progress.rests_until = queue.progress.rests_until.max(Some(until));
        }
        let first_at = known.and_then(|known| known.first_at).unwrap_or(attempt.at);
        let attempts = letter.attempts.saturating_add(1);
        if attempt.outcome == Outcome::Answered(410) {
            self.pause = Some(PauseReason::Gone);
        }
        match next_at(act.now, attempts, act.ids.bits(), attempt.retry_after) {
            Some(next) => {
                let waiting =
                    Waiting { attempts, first_at: Some(first_at), not_before: Some(next), ..Waiting::default() };
                queue.put(chain.subject, sequence, &waiting)
            }
            None => {
                queue.take(chain.subject, sequence)?;
                let letter = DeadLetter {
                    sequence,
                    kind: event.kind(),
                    subject: chain.subject,
                    attempts,
                    first_at,
                    given_up_at: act.now,
                    outcome: attempt.outcome.clone(),
                };
                self.give_up(queue, act, &letter)
            }
        }
    }

    fn give_up(&mut self, queue: &mut Queue<'_>, act: &Act<'_>, letter: &DeadLetter) -> Result<(), StoreError> {
        let key = layout::webhook_dead(act.merchant, queue.webhook, letter.sequence);
        if queue.tx.get(&key)?.is_none() {
            queue.progress.dead = queue.progress.dead.saturating_add(1);
        }
        self.settled.given_up += 1;
        if queue.progress.succeeded_at.is_none_or(|at| at < letter.first_at) {
            self.pause = self.pause.or(Some(PauseReason::Failing));
        }
        queue.tx.save(&key, letter)
    }
}

impl Progress {
    /// Moves on through all that is settled without a gap; the rest is remembered.
    fn advance(&mut self, through: BTreeSet<u64>) {
        self.ahead.clear();
        for sequence in through {
            if self.ahead.is_empty() && sequence == self.cursor + 1 {
                self.cursor = sequence;
            } else if sequence > self.cursor {
                self.ahead.push(sequence);
            }
        }
    }
}

/// Remembers an attempt, and forgets the oldest.
fn log(queue: &mut Queue<'_>, act: &Act<'_>, letter: &Letter, attempt: &Attempt) -> Result<(), StoreError> {
    queue.progress.attempts += 1;
    let number = queue.progress.attempts;
    let message = match &letter.message {
        Message::Event(event) => MessageRef::Event(event.sequence),
        Message::Test { id, .. } => MessageRef::Test(*id),
    };
    let Attempt { at, took_ms, outcome, .. } = attempt.clone();
    let record = AttemptRecord { number, message, attempt: letter.attempts.saturating_add(1), at, took_ms, outcome };
    if let Some(oldest) = number.checked_sub(ATTEMPTS_KEPT) {
        queue.tx.delete(&layout::webhook_attempt(act.merchant, queue.webhook, oldest));
    }
    queue.tx.save(&layout::webhook_attempt(act.merchant, queue.webhook, number), &record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_moves_on_without_gaps_and_remembers_what_is_ahead() {
        let mut progress = Progress { cursor: 4, ..Progress::default() };
        progress.advance(BTreeSet::from([6, 7, 9]));
        assert_eq!((progress.cursor, progress.ahead.as_slice()), (4, &[6, 7, 9][..]));
        progress.advance(BTreeSet::from([5, 6, 7, 9]));
        assert_eq!((progress.cursor, progress.ahead.as_slice()), (7, &[9][..]));
        progress.advance(BTreeSet::from([8, 9]));
        assert_eq!((progress.cursor, progress.ahead.as_slice()), (9, &[][..]));
    }
}
