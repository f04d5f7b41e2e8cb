//! One client: what it does, what was acknowledged to it, and what that has to come to.

use std::thread;
use std::time::{Duration, Instant};

use punchcard::clock::Entropy;
use punchcard::domain::STORED_VALUE;
use serde_json::{Value, json};

use super::{Fault, FaultKind, one_in};
use crate::premises::{Call, Premises};

/// How long a request is sent again before that is a fault.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long an impatient client waits for a reply, at most.
const IMPATIENCE_MICROS: u64 = 3_000;
/// Requests of earlier cycles that are kept, of each cycle, and how many of them are sent again in each.
const KEPT: usize = 4;
const KEPT_CHECKED: usize = 8;

/// Something to be done, with what has to come of it.
enum Deed {
    Enrol,
    /// For a member of the client's own, or for the one whom all share.
    Settle {
        whose: Option<usize>,
        points: i64,
    },
    Refund {
        whose: usize,
        order: String,
        points: i64,
    },
    Load {
        whose: usize,
        amount_minor: i64,
    },
    Redeem {
        whose: usize,
        points: i64,
    },
}

/// A request, and its reply if one came.
struct Sent {
    deed: Deed,
    call: Call,
    reply: Option<Value>,
}

/// A member of one client, and what has to be on their accounts.
struct Member {
    id: String,
    points: i64,
    stored_minor: i64,
    /// Orders that can be refunded, with the points that they have brought.
    orders: Vec<(String, i64)>,
    /// Whether anything was done since the accounts were compared.
    moved: bool,
}

impl Member {
    fn moves(&mut self, points: i64, stored_minor: i64) {
        self.points += points;
        self.stored_minor += stored_minor;
        self.moved = true;
    }
}

/// What became of a request.
enum Outcome {
    Done(Value),
    /// The connection has broken.
    Unknown,
    Wrong(String),
}

pub(super) struct Client {
    number: usize,
    dice: Entropy,
    shared: String,
    steps: u64,
    members: Vec<Member>,
    /// Sent since the last check.
    sent: Vec<Sent>,
    /// Some that were sent and acknowledged before.
    kept: Vec<(Call, Value)>,
    /// What this client's orders have brought to the member whom all share.
    pub(super) shared_points: i64,
    /// Members, orders and postings that there have to be because of this client.
    pub(super) tally: [u64; 3],
    /// How often it did not wait for the reply.
    pub(super) impatient: u64,
    pub(super) faults: Vec<Fault>,
}

impl Client {
    pub(super) fn new(number: usize, seed: u64, shared: &str) -> Self {
        Self {
            number,
            dice: Entropy::seeded(seed),
            shared: shared.to_owned(),
            steps: 0,
            members: Vec::new(),
            sent: Vec::new(),
            kept: Vec::new(),
            shared_points: 0,
            tally: [0; 3],
            impatient: 0,
            faults: Vec::new(),
        }
    }

    /// One thing after another, until the connection breaks.
    pub(super) fn work(&mut self, premises: &Premises, address: &str) {
        loop {
            let deed = self.choose();
            let call = self.call(premises, &deed);
            let patience = one_in(&self.dice, 16).then(|| Duration::from_micros(self.below(IMPATIENCE_MICROS) + 1));
            let reply = match self.get_through(premises, address, &call, patience) {
                Outcome::Done(reply) => Some(reply),
                Outcome::Unknown => None,
                Outcome::Wrong(what) => return self.fault(FaultKind::Broken, what),
            };
            if let Some(reply) = &reply {
                self.book(&deed, reply);
            }
            let over = reply.is_none();
            self.sent.push(Sent { deed, call, reply });
            if over {
                return;
            }
        }
    }

    /// How many requests were acknowledged since the last check, and how many were under way.
    pub(super) fn counts(&self) -> (u64, u64) {
        let acknowledged = self.sent.iter().filter(|sent| sent.reply.is_some()).count() as u64;
        (acknowledged, self.sent.len() as u64 - acknowledged)
    }

    /// The requests that were acknowledged since the last check.
    #[cfg(test)]
    pub(super) fn acknowledged(&self) -> impl Iterator<Item = &Call> {
        self.sent.iter().filter(|sent| sent.reply.is_some()).map(|sent| &sent.call)
    }

    /// What was acknowledged is there and is done only once; what was under way is done now if it was not before.
    pub(super) fn check(&mut self, premises: &Premises, address: &str) {
        let sent = std::mem::take(&mut self.sent);
        for Sent { deed, call, reply } in &sent {
            if let Some(reply) = reply
                && let Some(path) = self.lies_at(deed, reply)
                && let Err(fault) = found(premises, address, call, &path)
            {
                self.faults.push(fault);
            }
        }
        for Sent { deed, call, reply } in &sent {
            match self.get_through(premises, address, call, None) {
                Outcome::Done(again) => match reply {
                    None => self.book(deed, &again),
                    Some(first) => self.compare(call, first, &again),
                },
                Outcome::Unknown => self.fault(FaultKind::Broken, format!("{}: the connection broke", call.path)),
                Outcome::Wrong(what) => self.fault(FaultKind::Broken, what),
            }
        }
        self.check_kept(premises, address);
        self.check_moved_accounts(premises, address);
        let acknowledged = sent.into_iter().filter_map(|sent| Some((sent.call, sent.reply?)));
        self.kept.extend(acknowledged.take(KEPT));
    }

    /// The accounts of all members of this client.
    pub(super) fn check_all_accounts(&mut self, premises: &Premises, address: &str) {
        self.members.iter_mut().for_each(|member| member.moved = true);
        self.check_moved_accounts(premises, address);
    }

    /// The accounts of the members with whom something was done since they were last compared.
    fn check_moved_accounts(&mut self, premises: &Premises, address: &str) {
        for member in self.members.iter_mut().filter(|member| member.moved) {
            member.moved = false;
            let expected = [("points", member.points), (STORED_VALUE, member.stored_minor)];
            self.faults.extend(holds(premises, address, &member.id, &expected).err());
        }
    }

    /// Some of what was acknowledged in earlier cycles.
    fn check_kept(&mut self, premises: &Premises, address: &str) {
        for _ in 0..KEPT_CHECKED.min(self.kept.len()) {
            let (call, first) = self.kept[self.index(self.kept.len())].clone();
            match self.get_through(premises, address, &call, None) {
                Outcome::Done(again) => self.compare(&call, &first, &again),
                Outcome::Unknown => self.fault(FaultKind::Broken, format!("{}: the connection broke", call.path)),
                Outcome::Wrong(what) => self.fault(FaultKind::Broken, what),
            }
        }
    }

    fn compare(&mut self, call: &Call, first: &Value, again: &Value) {
        if first != again {
            let what = format!("{} was answered {first}, and sent again {again}", call.key);
            self.fault(FaultKind::Doubled, what);
        }
    }

    /// Where something acknowledged can be read, if it has a place of its own.
    fn lies_at(&self, deed: &Deed, reply: &Value) -> Option<String> {
        match deed {
            Deed::Enrol => Some(format!("/v1/members/{}", id(reply))),
            Deed::Settle { .. } => Some(format!("/v1/orders/{}", id(reply))),
            Deed::Refund { order, .. } => Some(format!("/v1/orders/{order}")),
            Deed::Load { .. } | Deed::Redeem { .. } => None,
        }
    }

    fn choose(&mut self) -> Deed {
        if self.members.is_empty() || one_in(&self.dice, 24) {
            return Deed::Enrol;
        }
        let whose = self.index(self.members.len());
        let member = &self.members[whose];
        match self.below(16) {
            0..3 => Deed::Load { whose, amount_minor: 1 + signed(self.below(100_000)) },
            3 if member.points > 0 => {
                let points = 1 + signed(self.below(member.points.unsigned_abs()));
                Deed::Redeem { whose, points }
            }
            4..6 if !member.orders.is_empty() => {
                let index = self.index(member.orders.len());
                let (order, points) = self.members[whose].orders.swap_remove(index);
                Deed::Refund { whose, order, points }
            }
            6 => Deed::Settle { whose: None, points: 1 + signed(self.below(50)) },
            _ => Deed::Settle { whose: Some(whose), points: 1 + signed(self.below(50)) },
        }
    }

    fn call(&mut self, premises: &Premises, deed: &Deed) -> Call {
        self.steps += 1;
        let key = format!("client-{}-{}", self.number, self.steps);
        let member = |whose: usize| &self.members[whose].id;
        match deed {
            Deed::Enrol => Call::post("/v1/members", &key, &json!({ "reference": key })),
            Deed::Settle { whose, points } => {
                // A point for every yuan, and what is left over earns nothing.
                let lines = [json!({ "sku": "bread", "quantity": 1, "amount_minor": points * 100 + 99 })];
                let member = whose.map_or(&self.shared, member);
                let body = json!({ "reference": key, "store": premises.store(), "member": member, "lines": lines });
                Call::post("/v1/orders", &key, &body)
            }
            Deed::Refund { order, .. } => Call::post(format!("/v1/orders/{order}/refund"), &key, &json!({})),
            Deed::Load { whose, amount_minor } => {
                let path = format!("/v1/members/{}/stored-value", member(*whose));
                Call::post(path, &key, &json!({ "amount_minor": amount_minor }))
            }
            Deed::Redeem { whose, points } => {
                let input = json!({ "member": member(*whose), "points": points, "for": "a mug" });
                let body = json!({ "store": premises.store(), "input": input });
                Call::post("/v1/packs/points/commands/redeem", &key, &body)
            }
        }
    }

    /// Sends a request until it is answered. With `patience` the first reply is waited for no longer than that.
    fn get_through(
        &mut self,
        premises: &Premises,
        address: &str,
        call: &Call,
        mut patience: Option<Duration>,
    ) -> Outcome {
        let began = Instant::now();
        let mut last = String::new();
        while began.elapsed() < PATIENCE {
            match premises.send_within(address, call, patience.unwrap_or(PATIENCE)) {
                Ok((200..300, reply)) => return Outcome::Done(reply),
                // Busy, or the first request with the key is not through yet.
                Ok((409 | 503, problem)) if is_to_be_sent_again(&problem) => {
                    last = problem.to_string();
                    thread::sleep(Duration::from_millis(2));
                }
                Ok((status, problem)) => return Outcome::Wrong(format!("{}: {status} {problem}", call.path)),
                Err(ureq::Error::Timeout(_)) if patience.take().is_some() => self.impatient += 1,
                Err(ureq::Error::Timeout(_)) => break,
                Err(_) => return Outcome::Unknown,
            }
        }
        Outcome::Wrong(format!("{}: no answer in {} s; the last was {last:?}", call.path, PATIENCE.as_secs()))
    }

    /// What something that is done has to come to.
    fn book(&mut self, deed: &Deed, reply: &Value) {
        let [members, orders, postings] = &mut self.tally;
        match *deed {
            Deed::Enrol => {
                *members += 1;
                self.members.push(Member {
                    id: id(reply),
                    points: 0,
                    stored_minor: 0,
                    orders: Vec::new(),
                    moved: true,
                });
                return;
            }
            Deed::Settle { whose: None, points } => {
                *orders += 1;
                self.shared_points += points;
            }
            Deed::Settle { whose: Some(whose), points } => {
                *orders += 1;
                self.members[whose].moves(points, 0);
                self.members[whose].orders.push((id(reply), points));
            }
            Deed::Refund { whose, points, .. } | Deed::Redeem { whose, points } => {
                self.members[whose].moves(-points, 0);
            }
            Deed::Load { whose, amount_minor } => self.members[whose].moves(0, amount_minor),
        }
        *postings += 1;
    }

    fn fault(&mut self, kind: FaultKind, what: impl Into<String>) {
        self.faults.push(Fault::new(kind, what));
    }

    fn below(&self, end: u64) -> u64 {
        self.dice.bits() % end
    }

    fn index(&self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("an index")
    }
}

/// Proves that a member has so much of each unit, debts taken off.
pub(super) fn holds(premises: &Premises, address: &str, member: &str, expected: &[(&str, i64)]) -> Result<(), Fault> {
    let assets = read(premises, address, &format!("/v1/members/{member}/assets"))?;
    let number = |asset: &Value, field: &str| asset[field].as_i64().unwrap_or(0);
    for (unit, expected) in expected {
        let of_unit = assets["assets"].as_array().into_iter().flatten().filter(|asset| asset["unit"] == *unit);
        let held: i64 = of_unit.map(|asset| number(asset, "available") - number(asset, "debt")).sum();
        if held != *expected {
            let kind = if held > *expected { FaultKind::Doubled } else { FaultKind::Lost };
            let what = format!("{member} has {held} {unit}, but everything done adds up to {expected}");
            return Err(Fault::new(kind, what));
        }
    }
    Ok(())
}

/// Proves that something acknowledged is there.
fn found(premises: &Premises, address: &str, call: &Call, path: &str) -> Result<(), Fault> {
    let read = read(premises, address, path)?;
    let refunded = call.path.ends_with("/refund");
    if refunded && read["state"] != "refunded" {
        return Err(Fault::new(FaultKind::Lost, format!("{} was acknowledged, but it is {read}", call.path)));
    }
    Ok(())
}

fn read(premises: &Premises, address: &str, path: &str) -> Result<Value, Fault> {
    match premises.send(address, &Call::get(path)) {
        Ok((200, value)) => Ok(value),
        Ok((404, problem)) => Err(Fault::new(FaultKind::Lost, format!("{path} is gone: {problem}"))),
        Ok((status, problem)) => Err(Fault::new(FaultKind::Broken, format!("{path}: {status} {problem}"))),
        Err(error) => Err(Fault::new(FaultKind::Broken, format!("{path}: {error}"))),
    }
}

fn is_to_be_sent_again(problem: &Value) -> bool {
    let kinds = ["request-in-flight", "busy", "too-busy"];
    kinds.iter().any(|kind| problem["type"] == format!("urn:punchcard:problem:{kind}"))
}

fn id(reply: &Value) -> String {
    reply["id"].as_str().unwrap_or_default().to_owned()
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).expect("a small number")
}
