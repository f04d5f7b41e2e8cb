//! The binary itself, as its operator starts and kills it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::built;

/// What a command of the binary came to.
#[derive(Debug)]
pub struct Ran {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

impl Ran {
    /// What a command that went well has printed.
    ///
    /// # Panics
    /// When it did not go well.
    #[track_caller]
    pub fn ok(self) -> String {
        assert!(self.status.success(), "{self:?}");
        self.stdout
    }

    /// What a command that went wrong has complained about.
    ///
    /// # Panics
    /// When it went well.
    #[track_caller]
    pub fn failed(self) -> String {
        assert!(!self.status.success(), "{self:?}");
        self.stderr
    }
}

/// Runs a command of the binary to its end.
///
/// # Panics
/// When there is no binary.
pub fn punchcard(args: &[&str]) -> Ran {
    ran(&mut command(args))
}

/// Runs a command to its end.
///
/// # Panics
/// When there is no such program.
pub fn ran(command: &mut Command) -> Ran {
    let output = command.output().expect("the binary is built: `cargo xtask packs` does it");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the binary prints UTF-8");
    Ran { status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Starts a command of the binary that is going to be killed.
///
/// # Panics
/// When there is no binary.
pub fn started(args: &[&str]) -> Child {
    let mut command = command(args);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("the binary is built: `cargo xtask packs` does it")
}

/// A command of the binary.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(built::binary());
    command.args(args).stdin(Stdio::null()).env_remove("PUNCHCARD_LOG");
    command
}

/// The command that serves a data directory, on a port of its own.
///
/// # Panics
/// When the directory's name is no text.
pub fn serve_command(data: &Path) -> Command {
    let data = data.to_str().expect("a temporary directory has a plain name");
    let mut command = command(&["serve", "--log", "error", "--listen", "127.0.0.1:0", "--data", data]);
    // Specs and trials ask as often as they can with one key.
    command.args(["--requests-per-second", "0"]);
    // Their packs are those that were built here, which nobody has signed.
    command.args(["--unsigned-packs", "allow"]);
    command
}

/// The command that serves a data directory and delivers to private addresses as well.
///
/// # Panics
/// When the directory's name is no text.
pub fn serve_command_in_private(data: &Path) -> Command {
    let mut command = serve_command(data);
    command.env("PUNCHCARD_WEBHOOKS_PRIVATE", "allow");
    command
}

/// How long a server may take until it listens.
const START_PATIENCE: Duration = Duration::from_secs(300);

/// A server on a data directory, on a port of its own. It is killed when this goes.
pub struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// Starts it, and waits until it listens.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(data: &Path) -> Self {
        match Self::try_start(data) {
            Ok(server) => server,
            Err(reason) => panic!("{reason}"),
        }
    }

    /// Starts it, and waits until it listens.
    ///
    /// # Errors
    /// What it said instead, or that it said nothing for too long.
    ///
    /// # Panics
    /// When there is no binary.
    pub fn try_start(data: &Path) -> Result<Self, String> {
        Self::listening(&mut serve_command(data))
    }

    /// Starts a command that is a server, or runs one, and waits until it listens.
    ///
    /// # Errors
    /// As [`Server::try_start`].
    ///
    /// # Panics
    /// When there is no such program.
    pub fn listening(command: &mut Command) -> Result<Self, String> {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program is there");
        let stdout = child.stdout.take().expect("its output is piped");
        let mut server = Self { child, address: String::new() };
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(stdout).read_line(&mut line);
            // Nobody listens any more when it took too long.
            let _ = tell.send(read.map(|_| line));
        });
        let line = match told.recv_timeout(START_PATIENCE) {
            Ok(Ok(line)) => line,
            Ok(Err(error)) => return Err(format!("the server can not be heard: {error}")),
            Err(_) => return Err(format!("the server says nothing for {} s", START_PATIENCE.as_secs())),
        };
        let Some(address) = line.trim().strip_prefix("listening on ") else {
            return Err(format!("the server does not listen, and says {line:?}"));
        };
        address.clone_into(&mut server.address);
        Ok(server)
    }

    /// Where it listens, such as `http://127.0.0.1:34567`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// How much of its memory is resident, in bytes; 0 where the system does not tell.
    pub fn resident(&self) -> u64 {
        resident(&self.child.id().to_string())
    }

    /// `kill -9`. When this returns, the process is gone.
    ///
    /// # Panics
    /// When it can not be killed.
    pub fn kill(&mut self) {
        kill(&mut self.child);
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// When it does not in ten seconds.
    pub fn ended(mut self) -> ExitStatus {
        const PAUSE: Duration = Duration::from_millis(50);
        for _ in 0..200 {
            if let Some(status) = self.child.try_wait().expect("our own child can be waited for") {
                return status;
            }
            std::thread::sleep(PAUSE);
        }
        panic!("the server does not end");
    }

    /// Asks it to read its certificates again.
    ///
    /// # Panics
    /// When it can not be asked.
    pub fn hang_up(&self) {
        self.signal("-HUP");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args([signal, &id]).status().expect("there is a program `kill`");
        assert!(asked.success(), "the server can not be asked by {signal}");
    }

    /// Asks it to stop, as a service manager does, and waits until it has.
    ///
    /// # Panics
    /// When it can not be asked.
    pub fn stop(mut self) -> ExitStatus {
        self.signal("-TERM");
        self.child.wait().expect("our own child can be waited for")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How much memory of a process, `self` for this one, is resident, in bytes; 0 where the system does not tell.
pub fn resident(process: &str) -> u64 {
    const PAGE_BYTES: u64 = 4096;
    let told = fs::read_to_string(format!("/proc/{process}/statm")).unwrap_or_default();
    let pages = told.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * PAGE_BYTES
}

/// `kill -9`. When this returns, the process is gone.
///
/// # Panics
/// When it can not be killed.
pub fn kill(child: &mut Child) {
    child.kill().expect("our own child can be killed");
    child.wait().expect("our own child can be waited for");
}
