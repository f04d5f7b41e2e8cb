//! `kill -9` of the binary under load, again and again: nothing acknowledged is lost, and nothing happens twice.
//!
//! Clients enrol members, settle and refund orders, load stored value and redeem points, each keeping what was
//! acknowledged and what it has to come to. At a random moment the server is killed; sometimes it is killed again while
//! it starts, and sometimes its state is taken away, so that it has to be built from the journal. Then everything
//! acknowledged is read back and sent again with its key, and what was under way is sent again until it is done.
//! Balances, `punchcard verify` and its counts say whether each thing has happened exactly once.
//!
//! That a machine without power loses nothing either, this can not show: `tests/specs/strace.rs` does.
#![expect(clippy::disallowed_methods, reason = "how long a start takes is about the machine, not about the domain")]

mod client;

use std::fmt;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use punchcard::clock::Entropy;
use serde_json::json;

use self::client::Client;
use crate::premises::{Call, Premises};
use crate::process::{Server, kill, started};

/// The load is killed after this time at the latest.
const LOAD_MAX: Duration = Duration::from_millis(1_500);
/// And not before this time.
const LOAD_MIN: Duration = Duration::from_millis(3);
/// A start is killed after this time at the latest.
const START_MAX: Duration = Duration::from_millis(300);
/// Of so many cycles one has its start killed too.
const START_KILLED_EVERY: u64 = 4;
/// Of so many cycles one loses its state.
const STATE_LOST_EVERY: u64 = 8;
/// The books are checked, right after a kill, every so many cycles.
const VERIFIED_EVERY: u32 = 10;
const STATE_DIR: &str = "sled";

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How often the server is killed under load.
    pub cycles: u32,
    /// How many clients there are.
    pub clients: usize,
    /// What all that is random follows from.
    pub seed: u64,
    /// No new cycle begins after so long.
    pub time_max: Option<Duration>,
}

/// What a promise was broken by.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Which promise.
    pub kind: FaultKind,
    /// What was seen.
    pub what: String,
}

/// The promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Something acknowledged is not there.
    Lost,
    /// Something has happened twice.
    Doubled,
    /// Anything else: an error where there is no reason for one, books that do not balance.
    Broken,
}

/// What has come of it.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was to be done.
    pub plan: Plan,
    /// How often the server was killed under load.
    pub cycles: u32,
    /// How often it was killed while it started.
    pub starts_killed: u32,
    /// Requests that were acknowledged under load.
    pub acknowledged: u64,
    /// Requests that were under way when the server was killed.
    pub under_way: u64,
    /// Replies that a client did not wait for, sending its request again.
    pub impatient: u64,
    /// How long the server took to listen again.
    pub restarts: Vec<Duration>,
    /// How long it took when it had lost its state.
    pub rebuilds: Vec<Duration>,
    /// What is wrong; nothing has to be.
    pub faults: Vec<Fault>,
}

impl Fault {
    fn new(kind: FaultKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into() }
    }
}

impl Report {
    fn count(&self, kind: FaultKind) -> usize {
        self.faults.iter().filter(|fault| fault.kind == kind).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { clients, seed, .. } = self.plan;
        writeln!(
            f,
            "killed {} times under {clients} clients, {} times while starting",
            self.cycles, self.starts_killed
        )?;
        writeln!(
            f,
            "acknowledged {}, of them sent again by an impatient client {}",
            self.acknowledged, self.impatient
        )?;
        writeln!(f, "under way when killed {}, all of them done once afterwards", self.under_way)?;
        for (kind, name) in [(FaultKind::Lost, "lost"), (FaultKind::Doubled, "doubled"), (FaultKind::Broken, "broken")]
        {
            writeln!(f, "{name:<8} {}", self.count(kind))?;
        }
        for (times, name) in [(&self.restarts, "restart"), (&self.rebuilds, "restart without the state")] {
            let mut times = times.clone();
            times.sort_unstable();
            if let (Some(median), Some(slowest)) = (times.get(times.len() / 2), times.last()) {
                let (median, slowest) = (median.as_secs_f64(), slowest.as_secs_f64());
                writeln!(f, "{name}: median {median:.2} s, slowest {slowest:.2} s, {} times", times.len())?;
            }
        }
        write!(f, "seed {seed}")?;
        self.faults.iter().try_for_each(|fault| write!(f, "\n{:?}: {}", fault.kind, fault.what))
    }
}

/// Does it, up to the first cycle with a fault; `progress` hears of each cycle. A data directory with a fault stays.
///
/// # Panics
/// When there is no binary, or it can not be started on an empty directory.
pub fn run(plan: Plan, mut progress: impl FnMut(&Report)) -> Report {
    let premises = Premises::new();
    let mut trial = Trial::begin(&premises, plan);
    let began = Instant::now();
    let in_time = || plan.time_max.is_none_or(|time_max| began.elapsed() < time_max);
    while trial.report.cycles < plan.cycles && in_time() && trial.report.faults.is_empty() {
        trial.cycle();
        progress(&trial.report);
    }
    let mut report = trial.end();
    if !report.faults.is_empty() {
        let kept = format!("the data directory is kept: {}", premises.keep().display());
        report.faults.push(Fault::new(FaultKind::Broken, kept));
    }
    report
}

/// A run under way.
struct Trial<'p> {
    premises: &'p Premises,
    dice: Entropy,
    /// None once it does not start any more.
    server: Option<Server>,
    clients: Vec<Client>,
    /// The member whom all clients have orders for.
    shared: String,
    report: Report,
}

impl<'p> Trial<'p> {
    fn begin(premises: &'p Premises, plan: Plan) -> Self {
        let server = Server::start(premises.path());
        premises.enable_points(&server);
        let enrol = Call::post("/v1/members", "enrol-shared", &json!({ "reference": "shared" }));
        let shared = premises.ask(&server, &enrol)["id"].as_str().expect("a member has an id").to_owned();
        let dice = Entropy::seeded(plan.seed);
        let clients = (0..plan.clients).map(|number| Client::new(number, dice.bits(), &shared)).collect();
        let report = Report {
            plan,
            cycles: 0,
            starts_killed: 0,
            acknowledged: 0,
            under_way: 0,
            impatient: 0,
            restarts: Vec::new(),
            rebuilds: Vec::new(),
            faults: Vec::new(),
        };
        Self { premises, dice, server: Some(server), clients, shared, report }
    }

    fn cycle(&mut self) {
        let Some(server) = self.server.take() else { return };
        self.report.cycles += 1;
        self.load_and_kill(server);
        if self.report.cycles.is_multiple_of(VERIFIED_EVERY) {
            self.verify(None);
        }
        let lost = one_in(&self.dice, STATE_LOST_EVERY);
        if lost && let Err(error) = fs::remove_dir_all(self.premises.path().join(STATE_DIR)) {
            return self.fault(FaultKind::Broken, format!("there is no state to be lost: {error}"));
        }
        self.restart(lost);
        self.check();
    }

    /// All clients at work until the server is killed. Early moments are more frequent than late ones.
    fn load_and_kill(&mut self, mut server: Server) {
        let late = fraction(&self.dice).powi(2);
        let moment = LOAD_MIN + (LOAD_MAX - LOAD_MIN).mul_f64(late);
        let (premises, address) = (self.premises, server.address().to_owned());
        thread::scope(|scope| {
            for client in &mut self.clients {
                let address = &address;
                scope.spawn(move || client.work(premises, address));
            }
            thread::sleep(moment);
            server.kill();
        });
        for client in &mut self.clients {
            let (acknowledged, under_way) = client.counts();
            self.report.acknowledged += acknowledged;
            self.report.under_way += under_way;
            self.report.impatient += std::mem::take(&mut client.impatient);
            self.report.faults.append(&mut client.faults);
        }
    }

    fn restart(&mut self, lost: bool) {
        while one_in(&self.dice, START_KILLED_EVERY) {
            let data = self.premises.path().to_str().expect("a temporary directory has a plain name");
            let mut starting = started(&["serve", "--listen", "127.0.0.1:0", "--data", data]);
            thread::sleep(START_MAX.mul_f64(fraction(&self.dice)));
            kill(&mut starting);
            self.report.starts_killed += 1;
        }
        let began = Instant::now();
        match Server::try_start(self.premises.path()) {
            Ok(server) => {
                let times = if lost { &mut self.report.rebuilds } else { &mut self.report.restarts };
                times.push(began.elapsed());
                self.server = Some(server);
            }
            Err(reason) => self.fault(FaultKind::Broken, reason),
        }
    }

    /// Everything that was acknowledged, and everything that was under way.
    fn check(&mut self) {
        self.each_client(Client::check);
        let expected = self.clients.iter().map(|client| client.shared_points).sum();
        if let Some(server) = self.server.as_ref().filter(|_| self.report.faults.is_empty()) {
            let held = client::holds(self.premises, server.address(), &self.shared, &[("points", expected)]);
            self.report.faults.extend(held.err());
        }
    }

    /// Lets all clients do something with the server at the same time.
    fn each_client(&mut self, act: impl Fn(&mut Client, &Premises, &str) + Sync) {
        let Some(server) = &self.server else { return };
        let (premises, address) = (self.premises, server.address());
        thread::scope(|scope| {
            for client in &mut self.clients {
                let act = &act;
                scope.spawn(move || act(client, premises, address));
            }
        });
        self.report.faults.extend(self.clients.iter_mut().flat_map(|client| client.faults.drain(..)));
    }

    /// All accounts, the last kill, and the books with everything that has to be in them.
    fn end(mut self) -> Report {
        self.each_client(Client::check_all_accounts);
        if let Some(mut server) = self.server.take() {
            server.kill();
            let tallies = self.clients.iter().map(|client| client.tally);
            let sum = tallies.fold([1, 0, 0], |sum, tally| std::array::from_fn(|index| sum[index] + tally[index]));
            self.verify(Some(sum));
        }
        self.report
    }

    /// Members, orders and postings are as many as they have to be, if that is known.
    fn verify(&mut self, expected: Option<[u64; 3]>) {
        let ran = self.premises.verify();
        if !ran.status.success() || !ran.stdout.ends_with("the books balance\n") {
            return self.fault(FaultKind::Broken, format!("the books do not balance: {}{}", ran.stdout, ran.stderr));
        }
        if let Some([members, orders, postings]) = expected {
            let counts = format!("{members} members, {orders} orders, {postings} postings");
            if !ran.stdout.contains(&counts) {
                self.fault(FaultKind::Broken, format!("there have to be {counts}, but there are: {}", ran.stdout));
            }
        }
    }

    fn fault(&mut self, kind: FaultKind, what: impl Into<String>) {
        self.report.faults.push(Fault::new(kind, what));
    }
}

/// Whether one of `many` sides of a die is up.
fn one_in(dice: &Entropy, many: u64) -> bool {
    dice.bits().is_multiple_of(many)
}

/// A number from 0 up to 1.
fn fraction(dice: &Entropy) -> f64 {
    (dice.bits() >> 11) as f64 / (1_u64 << 53) as f64
}

/// A trial that finds nothing proves nothing: here is something to be found.
#[cfg(test)]
mod tests {
    use super::*;

    fn killed(premises: &Premises) -> Trial<'_> {
        let mut trial = Trial::begin(premises, Plan { cycles: 1, clients: 2, seed: 1, time_max: None });
        // On a busy machine the server can be killed before it has done much.
        for _ in 0..20 {
            let server = trial.server.take().unwrap();
            trial.load_and_kill(server);
            if trial.report.acknowledged > 50 && loads(&trial).next().is_some() {
                return trial;
            }
            trial.restart(false);
        }
        panic!("{}", trial.report);
    }

    /// The loads of stored value that were acknowledged.
    fn loads<'a>(trial: &'a Trial<'_>) -> impl Iterator<Item = &'a Call> {
        trial.clients.iter().flat_map(Client::acknowledged).filter(|call| call.path.ends_with("/stored-value"))
    }

    #[test]
    fn an_acknowledged_request_that_is_gone_is_found() {
        let premises = Premises::new();
        let mut trial = killed(&premises);
        let journal = premises.path().join("journal");
        let segment = fs::read_dir(journal).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
        let bytes = fs::read(&segment).unwrap();
        // The last records go, as if they had never reached the disk, and with them what was built from them. What two
        // clients had under way and nobody acknowledged takes less than half of it.
        fs::write(&segment, &bytes[..bytes.len() - 16_000]).unwrap();
        fs::remove_dir_all(premises.path().join(STATE_DIR)).unwrap();
        trial.restart(true);
        trial.check();
        assert!(trial.report.count(FaultKind::Lost) > 0, "{}", trial.report);
    }

    #[test]
    fn a_request_that_was_done_twice_is_found() {
        let premises = Premises::new();
        let mut trial = killed(&premises);
        trial.restart(false);
        let address = trial.server.as_ref().unwrap().address().to_owned();
        let again = Call { key: "another".into(), ..loads(&trial).next().unwrap().clone() };
        premises.send(&address, &again).unwrap();
        trial.check();
        assert!(trial.report.count(FaultKind::Doubled) > 0, "{}", trial.report);
        let report = trial.end();
        assert!(report.faults.iter().any(|fault| fault.what.starts_with("there have to be")), "{report}");
    }
}
