//! Deliveries against a model: whatever fails, stops or crashes, every event arrives, and those of a subject in order.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::clock::{Clock, Entropy};
use crate::domain::{Currency, Event, IdSource, Label, LoggedEvent, MemberId, OrderId, Reach, WebhookUrl, ZoneName};
use crate::pack::Packs;
use crate::store::layout::Subject;
use crate::store::{Direction, Key, Store};
use crate::usecase::{CreateMerchant, Host, create_merchant, verify};
use crate::vault::Vault;

const STEPS: usize = 250;

/// A merchant with one webhook, and what is known to have become of its events.
struct Model {
    host: Host,
    merchant: MerchantId,
    webhook: WebhookId,
    chance: IdSource,
    subjects: Vec<Subject>,
    arrived: BTreeSet<u64>,
    dead: BTreeSet<u64>,
    dropped: BTreeSet<u64>,
}

impl Model {
    fn new(seed: u64) -> Self {
        let clock = Clock::standing_at("2026-03-18T00:00:00Z".parse().unwrap());
        let host = Host::new(
            Store::in_memory(),
            Packs::new().unwrap(),
            clock.clone(),
            Entropy::seeded(seed),
            Vault::seeded(1),
        );
        let merchant = IdSource::new(clock.now(), seed).merchant();
        let new = CreateMerchant {
            name: Label::new("Bakery").unwrap(),
            currency: Currency::new("CNY").unwrap(),
            time_zone: ZoneName::new("Asia/Shanghai").unwrap(),
            locale: Label::new("en").unwrap(),
            stores: Vec::new(),
        };
        host.operate(merchant, |tx, act| create_merchant(tx, act, &new)).unwrap();
        let new = CreateWebhook {
            url: WebhookUrl::new("https://example.com/").unwrap(),
            kinds: BTreeSet::new(),
            description: None,
            secret: Secret::new([7; 32]),
            reach: Reach::Public,
        };
        let webhook = host.operate(merchant, |tx, act| create_webhook(tx, act, &new)).unwrap().webhook;
        let chance = IdSource::new(clock.now(), seed ^ 0x5eed);
        let sets = [BTreeSet::new(), BTreeSet::new(), BTreeSet::new()];
        let [arrived, dead, dropped] = sets;
        Self { host, merchant, webhook, chance, subjects: Vec::new(), arrived, dead, dropped }
    }

    /// A number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.chance.bits() % end
    }

    fn forward(&self, by: SignedDuration) {
        self.host.clock.set(self.host.clock.now().checked_add(by).unwrap());
    }

    fn tell(&mut self) {
        let number = u8::try_from(self.below(5)).unwrap();
        let (member, order) = (MemberId::from_bytes([number; 16]), OrderId::from_bytes([number; 16]));
        let at = self.host.clock.now();
        let event = match number {
            0 => Event::OrderSettled { order, member: None, at },
            _ => Event::MemberEnrolled { member, store: None, at },
        };
        self.host.operate(self.merchant, |tx, act| act.tell(tx, &event)).unwrap();
        self.look_at_log();
    }

    /// Subjects of events that have come since; the host itself tells of pauses.
    fn look_at_log(&mut self) {
        let (log, after) = (layout::events(self.merchant), self.subjects.len() as u64);
        let entries = self.host.look(|tx| tx.log_scan(&log, after, usize::MAX)).unwrap();
        for (sequence, value) in entries {
            let event = crate::store::decode::<LoggedEvent>(&log, &value).unwrap().event;
            let event = crate::usecase::PublicEvent::of(sequence, event);
            self.subjects.push(event.subject());
        }
    }

    fn plan(&self) -> Plan {
        let now = self.host.clock.now();
        self.host.look(|tx| plan_deliveries(tx, &self.host.vault, self.merchant, self.webhook, now)).unwrap()
    }

    /// The receiver has it: all before it of its subject are through, or were given up.
    fn arrives(&mut self, sequence: u64) {
        let subject = self.subjects[usize::try_from(sequence).unwrap() - 1];
        for (before, of) in (1..sequence).zip(&self.subjects) {
            let is_through = [&self.arrived, &self.dead, &self.dropped].iter().any(|set| set.contains(&before));
            assert!(*of != subject || is_through, "{sequence} comes before {before}, and both are of {subject:?}");
        }
        self.arrived.insert(sequence);
    }

    /// One round, in which `failing` of a hundred attempts fail, and which is cut off or lost now and then.
    fn round(&mut self, failing: u64) -> bool {
        let Plan::Work(work) = self.plan() else { return false };
        let now = self.host.clock.now();
        let mut all = Vec::new();
        for chain in &work.chains {
            let mut attempts = Vec::new();
            for letter in &chain.letters {
                if failing > 0 && self.below(20) == 0 {
                    break;
                }
                let outcome = match self.below(100) {
                    part if part >= failing => Outcome::Answered(204),
                    0 => Outcome::Answered(410),
                    _ => Outcome::TimedOut,
                };
                let is_delivered = outcome.is_delivered();
                let retry_after = (self.below(10) == 0).then(|| SignedDuration::from_secs(90));
                attempts.push(Attempt { at: now, took_ms: 3, outcome, retry_after });
                if !is_delivered {
                    break;
                }
                if let Message::Event(event) = &letter.message {
                    self.arrives(event.sequence);
                }
            }
            all.push(attempts);
        }
        if failing > 0 && self.below(10) == 0 {
            // A crash: nothing of this is recorded.
            return true;
        }
        let settled =
            self.host.operate(self.merchant, |tx, act| settle_deliveries(tx, act, self.webhook, &work, &all)).unwrap();
        assert!(failing > 0 || settled.failed == 0);
        self.look_at_log();
        self.dead = self.dead_letters().into_iter().collect();
        true
    }

    fn dead_letters(&self) -> Vec<u64> {
        let letters = self.host.look(|tx| list_dead_letters(tx, self.merchant, self.webhook, 0, usize::MAX)).unwrap();
        letters.into_iter().map(|letter| letter.sequence).collect()
    }

    fn resume(&self) {
        self.host
            .operate(self.merchant, |tx, act| {
                let (webhook, _) = read_webhook(tx, self.merchant, self.webhook)?.expect("it is there");
                let change = ChangeWebhook {
                    webhook: self.webhook,
                    version: webhook.version,
                    url: None,
                    kinds: None,
                    description: None,
                    paused: Some(false),
                    reach: Reach::Public,
                };
                change_webhook(tx, act, &change)
            })
            .unwrap();
    }

    fn resend_all(&mut self) {
        let since = Timestamp::UNIX_EPOCH;
        let again = |tx: &mut Tx, act: &mut crate::usecase::Act<'_>| resend_dead_letters(tx, act, self.webhook, since);
        let count = self.host.operate(self.merchant, again).unwrap().count;
        assert_eq!(count as usize, self.dead.len());
        // They are on their way again, and whatever is behind them waits.
        for sequence in std::mem::take(&mut self.dead) {
            self.arrived.remove(&sequence);
        }
    }

    fn drop_one(&mut self) {
        let Some(sequence) = self.dead.pop_first() else { return };
        let drop = |tx: &mut Tx, act: &mut crate::usecase::Act<'_>| drop_dead_letter(tx, act, self.webhook, sequence);
        self.host.operate(self.merchant, drop).unwrap();
        self.dropped.insert(sequence);
    }

    fn is_sound(&self) {
        let verified = verify(&self.host.store, Some(&self.host.vault), || {}).unwrap();
        assert!(verified.is_sound(), "{:?}", verified.findings());
    }
}

#[test]
fn whatever_fails_every_event_arrives_and_those_of_a_subject_in_order() {
    for seed in 0..12 {
        let mut model = Model::new(seed);
        let failing = [10, 40, 95][usize::try_from(seed % 3).unwrap()];
        for _ in 0..STEPS {
            match model.below(12) {
                0..=3 => (0..model.below(8)).for_each(|_| model.tell()),
                4..=8 => {
                    model.round(failing);
                }
                9 => {
                    let wait = i64::try_from(model.below(50_000)).unwrap();
                    model.forward(SignedDuration::from_secs(wait));
                }
                10 => model.resume(),
                _ if model.below(4) == 0 => model.drop_one(),
                _ if model.below(3) == 0 => model.resend_all(),
                _ => {}
            }
        }
        model.is_sound();
        model.resend_all();
        for _ in 0..1000 {
            model.resume();
            if !model.round(0) {
                // Longer than any attempt waits for.
                model.forward(SignedDuration::from_hours(14));
                if !model.round(0) {
                    break;
                }
            }
        }
        model.is_sound();
        let log: BTreeSet<u64> = (1..=model.subjects.len() as u64).collect();
        let through: BTreeSet<u64> = model.arrived.union(&model.dropped).copied().collect();
        assert_eq!(through, log, "seed {seed}");
        let (_, progress) = model.host.look(|tx| read_webhook(tx, model.merchant, model.webhook)).unwrap().unwrap();
        assert_eq!((progress.waiting, progress.dead, progress.ahead.len()), (0, 0, 0), "seed {seed}");
        assert_eq!(progress.cursor, model.subjects.len() as u64);
    }
}

#[test]
fn a_webhook_to_which_nothing_comes_through_keeps_a_bounded_number_of_records() {
    let mut model = Model::new(99);
    for number in 0..3000_u32 {
        let mut bytes = [9; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        let at = model.host.clock.now();
        let event = Event::MemberEnrolled { member: MemberId::from_bytes(bytes), store: None, at };
        model.host.operate(model.merchant, |tx, act| act.tell(tx, &event)).unwrap();
    }
    model.look_at_log();
    let mut rounds = 0;
    while model.plan() != (Plan::Idle { until: None, lag: 0 }) && rounds < 300 {
        let Plan::Work(work) = model.plan() else { break };
        let attempt = Attempt { at: model.host.clock.now(), took_ms: 1, outcome: Outcome::TimedOut, retry_after: None };
        let attempts = vec![vec![attempt]; work.chains.len()];
        let settle = |tx: &mut Tx, act: &mut crate::usecase::Act<'_>| {
            settle_deliveries(tx, act, model.webhook, &work, &attempts)
        };
        model.host.operate(model.merchant, settle).unwrap();
        rounds += 1;
    }
    let (_, progress) = model.host.look(|tx| read_webhook(tx, model.merchant, model.webhook)).unwrap().unwrap();
    assert!((WAITING_MAX..WAITING_MAX + 256).contains(&progress.waiting), "{progress:?}");
    assert!(matches!(model.plan(), Plan::Idle { until: Some(_), lag } if lag > 1000));
    model.is_sound();
}

#[test]
fn what_is_changed_behind_the_hosts_back_is_found() {
    let mut model = Model::new(5);
    (0..40).for_each(|_| model.tell());
    for _ in 0..10 {
        model.round(60);
    }
    model.is_sound();
    let (merchant, webhook) = (model.merchant, model.webhook);
    let first = |range| {
        let found = model.host.look(|tx| tx.scan(&range, Direction::Forward, 1)).unwrap();
        found.into_iter().next().expect("something waits").0
    };
    let expected: BTreeMap<Key, &str> = BTreeMap::from([
        (first(layout::webhook_dues(merchant, webhook)), "what waits at a webhook is not due in its turn"),
        (first(layout::webhook_waiting_all(merchant, webhook)), "something is due at a webhook that does not wait"),
        (layout::webhook_progress(merchant, webhook), "has no place in the log"),
        (layout::webhook(merchant, webhook), "something is left of"),
        (first(layout::webhook_attempts(merchant, webhook)), "attempts on record"),
    ]);
    for (key, finding) in expected {
        let before = model.host.look(|tx| tx.get(&key)).unwrap().expect("it is there");
        model
            .host
            .store
            .write::<_, StoreError>(|tx| {
                tx.delete(&key);
                Ok(())
            })
            .unwrap();
        let findings = verify(&model.host.store, Some(&model.host.vault), || {}).unwrap().findings();
        assert!(findings.iter().any(|found| found.contains(finding)), "{finding}: {findings:?}");
        model.host.store.write(|tx| tx.put(&key, before.clone())).unwrap();
        model.is_sound();
    }
}
