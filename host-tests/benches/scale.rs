//! A merchant of a million members with two million lots, against one of a thousand: orders settled through the use
//! case with the points pack inline, by members chosen at random, in turn; how much memory that takes; how long the
//! next start takes after `kill -9` under load; how long checking everything takes; and how long it takes to build the
//! state anew from the journal alone.
//!
//! Every process that is measured does nothing else, and is this program again.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::print_stdout, reason = "a benchmark's figures go to standard output")]

#[path = "scale/parts.rs"]
mod parts;
mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use clap::Parser;
use parts::{Part, Place};
use punchcard::store::JOURNAL_DIR;
use support::{Figures, Flags, Measured, median};

const ROUNDS: usize = 5;
const CLIENTS: [usize; 2] = [1, 64];
const FEW: u64 = 1_000;
/// How often the serving process is killed, each time after another load.
const KILLS: [f64; 3] = [0.5, 3.0, 8.0];
const STATE_DIR: &str = "sled";
const MIB: f64 = 1_048_576.0;

/// The flags of this bench.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    flags: Flags,
    /// Members of the large merchant
    #[arg(long, default_value_t = 1_000_000)]
    members: u64,
    /// Memory for the store's cache, in MiB
    #[arg(long, default_value_t = 1024)]
    cache_mib: u64,
    /// Keep what is built in this directory, and use what was built there before
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// What this process is for, when the bench has started it
    #[arg(long, hide = true, value_enum, requires = "data")]
    part: Option<Part>,
}

fn main() -> ExitCode {
    let Options { flags, members, cache_mib, data, part } = Options::parse();
    let cache_bytes = cache_mib << 20;
    let place = |dir: &Path, members| Place { dir: dir.join(format!("members-{members}")), members, cache_bytes };
    if let (Some(part), Some(data)) = (part, &data) {
        place(data, members).run(part);
        return ExitCode::SUCCESS;
    }
    let seconds = flags.seconds;
    let mut figures = Figures::new(flags);
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let home = data.as_deref().unwrap_or(temporary.path());
    let (few, many) = (place(home, FEW), place(home, members));

    prepare(&few, &mut figures);
    prepare(&many, &mut figures);
    settle(&few, &many, seconds, &mut figures);
    restart(&many, &mut figures);
    check(&many, &mut figures);
    rebuild(&many, &mut figures);
    figures.finish()
}

/// Builds a directory, unless it is there, and tells its size.
fn prepare(place: &Place, figures: &mut Figures) {
    let Place { members, .. } = place;
    if !place.ids().exists() {
        if place.data().exists() {
            fs::remove_dir_all(place.data()).expect("what was built in part can be removed");
        }
        fs::create_dir_all(place.data()).expect("the directory can be made");
        let began = Instant::now();
        let mut building = Process::start(place, Part::Build);
        building.end();
        figures.tell(&format!("building {members} members"), began.elapsed().as_secs_f64(), "s");
    }
    for part in [JOURNAL_DIR, STATE_DIR] {
        let bytes = bytes_on_disk(&place.data().join(part));
        figures.tell(&format!("{part} of {members} members"), bytes as f64 / MIB, "MiB");
    }
}

/// The same load on both directories in turn, and the memory of the process with the large one.
fn settle(few: &Place, many: &Place, seconds: f64, figures: &mut Figures) {
    let began = Instant::now();
    let mut with_many = Process::start(many, Part::Serve);
    with_many.hear();
    figures.tell("opening after a clean stop", began.elapsed().as_secs_f64(), "s");
    with_many.hear();
    let mut with_few = Process::start(few, Part::Serve);
    with_few.hear();
    with_few.hear();
    figures.tell("memory before any load", with_many.memory("VmRSS"), "MiB");
    for clients in CLIENTS {
        let mut rounds = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            rounds.0.push(with_few.load(clients, seconds));
            rounds.1.push(with_many.load(clients, seconds));
        }
        let (of_few, of_many) = (Measured::median(&rounds.0), Measured::median(&rounds.1));
        for (members, measured) in [(few.members, &of_few), (many.members, &of_many)] {
            figures.tell(&format!("{members} members, {clients} clients"), measured.per_second, "a second");
            figures.tell(&format!("{members} members, {clients} clients, median"), measured.p50_us, "us");
            figures.tell(&format!("{members} members, {clients} clients, p99"), measured.p99_us, "us");
        }
        let (median, p99) = (of_many.p50_us / of_few.p50_us, of_many.p99_us / of_few.p99_us);
        figures.at_most(&format!("ratio of the medians, {clients} clients"), median, 1.3, "");
        figures.at_most(&format!("ratio of the p99s, {clients} clients"), p99, 1.3, "");
    }
    figures.tell("memory after the load", with_many.memory("VmRSS"), "MiB");
    figures.tell("memory after the load, with few members", with_few.memory("VmRSS"), "MiB");
    figures.at_most("memory at its most", with_many.memory("VmHWM"), memory_aim(many), "MiB");
    with_few.end();
    with_many.end();
}

/// Kills the serving process under load, and starts it again.
fn restart(place: &Place, figures: &mut Figures) {
    let mut times = Vec::new();
    for seconds in KILLS {
        let mut serving = Process::start(place, Part::Serve);
        serving.hear();
        serving.hear();
        serving.ask(CLIENTS[1], 2.0 * seconds);
        std::thread::sleep(Duration::from_secs_f64(seconds));
        serving.kill();
        let began = Instant::now();
        let mut again = Process::start(place, Part::Serve);
        again.hear();
        figures.tell(&format!("opening, killed {seconds} s into a load"), began.elapsed().as_secs_f64(), "s");
        again.hear();
        times.push(began.elapsed().as_secs_f64());
        again.end();
    }
    figures.tell("from kill -9 to the first order, median", median(times.clone()), "s");
    let slowest = times.into_iter().fold(0.0, f64::max);
    figures.at_most("from kill -9 to the first order, slowest", slowest, 5.0, "s");
}

/// Checks all of it.
fn check(place: &Place, figures: &mut Figures) {
    let mut checking = Process::start(place, Part::Verify);
    checking.hear();
    let began = Instant::now();
    let journal = checking.hear();
    figures.tell(&format!("checking {journal}"), began.elapsed().as_secs_f64(), "s");
    let all = checking.hear();
    figures.at_most(&format!("checking {all}"), began.elapsed().as_secs_f64(), 120.0, "s");
    figures.tell("memory at its most while checking", checking.memory("VmHWM"), "MiB");
    checking.end();
}

/// Builds the state anew.
fn rebuild(place: &Place, figures: &mut Figures) {
    fs::remove_dir_all(place.data().join(STATE_DIR)).expect("the state can be removed");
    let began = Instant::now();
    let mut serving = Process::start(place, Part::Serve);
    let opened = serving.hear_unless_too_large(memory_free() / 2.0);
    let seconds = if opened.is_ok() { began.elapsed().as_secs_f64() } else { f64::INFINITY };
    let mib = opened.err().unwrap_or_else(|| serving.memory("VmHWM"));
    figures.at_most("opening without the state", seconds, 120.0, "s");
    figures.at_most("memory at its most while building it", mib, memory_aim(place), "MiB");
    if seconds.is_finite() {
        serving.hear();
        serving.end();
    } else {
        // What is left is of no use to the next run.
        fs::remove_file(place.ids()).expect("the mark of a whole directory can be removed");
    }
    let bytes = bytes_on_disk(&place.data().join(STATE_DIR));
    figures.tell("the state as it was built anew", bytes as f64 / MIB, "MiB");
}

/// What a process that serves may take, in MiB.
fn memory_aim(place: &Place) -> f64 {
    2.5 * (place.cache_bytes as f64 / MIB) + 200.0
}

/// What the machine has left, in MiB.
fn memory_free() -> f64 {
    kib("/proc/meminfo", "MemAvailable").expect("the system tells it") / 1_024.0
}

/// A figure of a file in which the system tells of memory.
fn kib(file: &str, name: &str) -> Option<f64> {
    let told = fs::read_to_string(file).ok()?;
    let figure = told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    figure.trim().trim_end_matches(" kB").parse().ok()
}

/// This program again, for one part. Killed when it goes.
struct Process {
    child: Child,
    said: BufReader<ChildStdout>,
    told: Option<ChildStdin>,
}

impl Process {
    fn start(place: &Place, part: Part) -> Self {
        let this = std::env::current_exe().expect("this program has a path");
        let part = clap::ValueEnum::to_possible_value(&part).expect("every part has a name");
        let home = place.dir.parent().expect("a place lies in the home of all");
        let mut child = Command::new(this)
            .args(["--part", part.get_name(), "--members", &place.members.to_string()])
            .args(["--cache-mib", &(place.cache_bytes >> 20).to_string(), "--data"])
            .arg(home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started again");
        let said = BufReader::new(child.stdout.take().expect("its output is piped"));
        let told = child.stdin.take();
        Self { child, said, told }
    }

    /// The next thing that it says.
    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).expect("it can be heard");
        assert!(!line.is_empty(), "a part of the bench has ended early");
        line.trim_end().to_owned()
    }

    fn ask(&mut self, clients: usize, seconds: f64) {
        let told = self.told.as_mut().expect("it was not told to end");
        writeln!(told, "{clients} {seconds}").expect("it listens");
    }

    fn load(&mut self, clients: usize, seconds: f64) -> Measured {
        self.ask(clients, seconds);
        Measured::of_line(&self.hear())
    }

    /// A figure of its memory in MiB, as the system calls it.
    fn memory(&self, name: &str) -> f64 {
        kib(&format!("/proc/{}/status", self.child.id()), name).expect("the system tells it") / 1_024.0
    }

    /// The next thing that it says. When it takes more than so many MiB before, it is killed for the sake of everybody
    /// else on the machine; the error is how many they were.
    fn hear_unless_too_large(&mut self, mib_max: f64) -> Result<String, f64> {
        let Self { child, said, .. } = self;
        let status = format!("/proc/{}/status", child.id());
        let (tell, told) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let watching = scope.spawn(move || {
                // Until it has said something, and the other end is gone.
                while let Err(mpsc::RecvTimeoutError::Timeout) = told.recv_timeout(Duration::from_millis(100)) {
                    let mib = kib(&status, "VmRSS").unwrap_or(0.0) / 1_024.0;
                    if mib > mib_max {
                        child.kill().expect("our own child can be killed");
                        return Err(mib);
                    }
                }
                Ok(())
            });
            let mut line = String::new();
            said.read_line(&mut line).expect("it can be heard");
            drop(tell);
            watching.join().expect("watching does not panic")?;
            assert!(!line.is_empty(), "a part of the bench has ended early");
            Ok(line)
        })
    }

    /// Lets it come to its end.
    fn end(&mut self) {
        self.told = None;
        let status = self.child.wait().expect("our own child can be waited for");
        assert!(status.success(), "a part of the bench has failed: {status}");
    }

    fn kill(&mut self) {
        self.child.kill().expect("our own child can be killed");
        self.child.wait().expect("our own child can be waited for");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the files of a directory take up.
fn bytes_on_disk(dir: &Path) -> u64 {
    const BLOCK: u64 = 512;
    let entries = fs::read_dir(dir).expect("the directory can be listed");
    entries
        .map(|entry| {
            let entry = entry.expect("the directory can be listed");
            let metadata = entry.metadata().expect("a file has metadata");
            if metadata.is_dir() { bytes_on_disk(&entry.path()) } else { metadata.blocks() * BLOCK }
        })
        .sum()
}
