//! Running other programs: what runs is said first, its output goes straight through, a failure becomes one sentence.

use std::process::{Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use crate::Result;

/// Says one line to whoever watches. Goes to standard error: standard output belongs to the programs that are run.
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}

/// Prints a help text to standard output, where a pager can have it.
#[expect(clippy::print_stdout, reason = "help that was asked for is this command's output")]
pub(crate) fn print_help(text: &str) {
    print!("{text}");
}

/// Measures how long a step takes.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "how long a build took is about this machine, not about the domain")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A duration as people say it: `4.2 s`, `3 min 07 s`.
pub(crate) fn spoken(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 60 {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    }
}

/// Says the command, runs it with this terminal, and waits. Not a success: an error that names it.
pub(crate) fn run(command: &mut Command) -> Result {
    announce(command);
    let status = command.stdin(Stdio::null()).status().map_err(|error| could_not_start(command, &error))?;
    judge(command, status)
}

/// Like [`run`], but gives up and stops the program after `limit`: for what may wait for a network that is not there.
pub(crate) fn run_within(command: &mut Command, limit: Duration) -> Result {
    announce(command);
    let mut child = command.stdin(Stdio::null()).spawn().map_err(|error| could_not_start(command, &error))?;
    let watch = Stopwatch::start();
    loop {
        if let Some(status) =
            child.try_wait().map_err(|error| format!("could not wait for `{}`: {error}", show(command)))?
        {
            return judge(command, status);
        }
        if watch.elapsed() > limit {
            // It may end by itself in this very moment; either way it is over after the wait.
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("`{}` was stopped: it did not finish in {}", show(command), spoken(limit)));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Runs a command quietly and gives back what it said. Only a command that cannot be started is an error.
pub(crate) fn output(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null()).output().map_err(|error| could_not_start(command, &error))
}

/// Runs a command quietly and gives back its trimmed standard output, if it can be started and succeeds.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = output(command).ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Becomes the program, where the system can do that: signals and the exit code are then its own.
#[cfg(unix)]
pub(crate) fn replace_by(command: &mut Command) -> Result {
    use std::os::unix::process::CommandExt as _;
    announce(command);
    let error = command.exec();
    Err(could_not_start(command, &error))
}

/// Runs the program in the foreground and ends with its exit code.
#[cfg(not(unix))]
pub(crate) fn replace_by(command: &mut Command) -> Result {
    announce(command);
    let status = command.status().map_err(|error| could_not_start(command, &error))?;
    std::process::exit(status.code().unwrap_or(1))
}

/// The command as one would type it, without the folders of the program.
pub(crate) fn show(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let mut line = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    for arg in command.get_args() {
        let arg = arg.to_string_lossy();
        line.push(' ');
        if arg.is_empty() || arg.contains(|c: char| c.is_whitespace() || "'\"$*|&;<>()".contains(c)) {
            line.push('\'');
            line.push_str(&arg.replace('\'', r"'\''"));
            line.push('\'');
        } else {
            line.push_str(&arg);
        }
    }
    line
}

fn announce(command: &Command) {
    say(&format!("$ {}", show(command)));
}

fn could_not_start(command: &Command, error: &std::io::Error) -> String {
    format!("could not start `{}`: {error}", command.get_program().to_string_lossy())
}

fn judge(command: &Command, status: ExitStatus) -> Result {
    if status.success() { Ok(()) } else { Err(format!("`{}` failed with {status}", show(command))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("/usr/bin/cargo");
        command.args(["test", "-p", "host-tests", "", "two words", "it's"]);
        assert_eq!(show(&command), r"cargo test -p host-tests '' 'two words' 'it'\''s'");
    }

    #[test]
    fn a_duration_is_said_in_seconds_and_from_a_minute_on_in_both() {
        assert_eq!(spoken(Duration::from_millis(4_240)), "4.2 s");
        assert_eq!(spoken(Duration::from_secs(187)), "3 min 07 s");
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_outlives_its_limit_is_stopped() {
        let error = run_within(Command::new("sleep").arg("60"), Duration::from_millis(100)).unwrap_err();
        assert_eq!(error, "`sleep 60` was stopped: it did not finish in 0.1 s");
    }

    #[cfg(unix)]
    #[test]
    fn a_failure_names_the_command_and_how_it_ended() {
        assert_eq!(run(&mut Command::new("false")).unwrap_err(), "`false` failed with exit status: 1");
    }
}
