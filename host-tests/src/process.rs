//! The binary itself, as its operator starts and kills it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

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
    let output = command(args).output().expect("the binary is built: `cargo xtask packs` does it");
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

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(built::binary());
    command.args(args).stdin(Stdio::null()).env_remove("PUNCHCARD_LOG");
    command
}

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
        let data = data.to_str().expect("a temporary directory has a plain name");
        let mut command = command(&["serve", "--log", "error", "--listen", "127.0.0.1:0", "--data", data]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the binary is built");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output is piped");
        BufReader::new(stdout).read_line(&mut line).expect("the server says something");
        let address = line.trim().strip_prefix("listening on ").map(str::to_owned);
        Self { child, address: address.unwrap_or_else(|| panic!("the server does not listen: {line:?}")) }
    }

    /// Where it listens, such as `http://127.0.0.1:34567`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `kill -9`. When this returns, the process is gone.
    ///
    /// # Panics
    /// When it can not be killed.
    pub fn kill(&mut self) {
        kill(&mut self.child);
    }

    /// Asks it to stop, as a service manager does, and waits until it has.
    ///
    /// # Panics
    /// When it can not be asked.
    pub fn stop(mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status().expect("there is a program `kill`");
        assert!(asked.success(), "the server can not be asked to stop");
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

/// `kill -9`. When this returns, the process is gone.
///
/// # Panics
/// When it can not be killed.
pub fn kill(child: &mut Child) {
    child.kill().expect("our own child can be killed");
    child.wait().expect("our own child can be waited for");
}
