//! The command line: `punchcard serve`, `demo`, `import`, `export`, `research`, `verify`, `snapshot`, `restore`, `compact`, `merchant`, `user`, `pack`.
#![expect(clippy::print_stdout, reason = "what a command has to say goes to standard output")]

mod backup;
mod caretaker;
mod client;
mod config;
mod data;
mod demo;
mod export;
mod import;
mod key;
mod merchant;
mod pack;
mod progress;
mod research;
mod serve;
mod telemetry;
mod user;
mod verify;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What goes wrong in a command: one text for people, with what would be right.
type Failure = String;

/// Punchcard: a membership platform. Members, assets and events in an embedded store; everything specific to a trade
/// in sandboxed packs.
#[derive(Parser)]
#[command(version, max_term_width = 120)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    log: config::LogGiven,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the HTTP interface on a data directory
    Serve(Box<serve::Serve>),
    /// Play a day of a bakery, a school and an alliance through the real use cases and packs, or bring in a file of orders
    Demo(demo::Demo),
    /// Bring in what was recorded elsewhere
    #[command(subcommand)]
    Import(import::Import),
    /// Take out all records of a kind
    Export(export::Export),
    /// Take out records for research: without anything personal, members under pseudonyms
    Research(research::Research),
    /// Check that a data directory is sound; with --deep, prove every promise of it
    Verify(verify::Verify),
    /// Write all that a data directory holds into one file in it, also while it is served
    Snapshot(backup::Snapshot),
    /// Make a data directory of what another one held: now, at a record, or at a moment
    Restore(backup::Restore),
    /// Build the state of a data directory anew, so that it takes no more room than it needs
    Compact(backup::Compact),
    /// Create merchants and their API keys
    #[command(subcommand)]
    Merchant(merchant::Merchant),
    /// Add people who sign in, and let them set new passwords
    #[command(subcommand)]
    User(user::User),
    /// Look after the master keys, which open what is personal
    #[command(subcommand)]
    Key(key::Key),
    /// Build, sign and check packs, make the keys of vendors, and make recorded calls again
    #[command(subcommand)]
    Pack(pack::Pack),
}

impl Command {
    fn run(self) -> Result<(), Failure> {
        match self {
            Self::Serve(command) => (*command).run(config::LogGiven::default()),
            Self::Demo(command) => command.run(),
            Self::Import(command) => command.run(),
            Self::Export(command) => command.run(),
            Self::Research(command) => command.run(),
            Self::Verify(command) => command.run(),
            Self::Snapshot(command) => command.run(),
            Self::Restore(command) => command.run(),
            Self::Compact(command) => command.run(),
            Self::Merchant(command) => command.run(),
            Self::User(command) => command.run(),
            Self::Key(command) => command.run(),
            Self::Pack(command) => command.run(),
        }
    }
}

/// Begins to log to standard error.
fn begin_log(log: &config::Log) {
    let builder = tracing_subscriber::fmt().with_env_filter(log.filter.env_filter()).with_writer(std::io::stderr);
    match log.format {
        config::Format::Text => builder.with_ansi(std::io::stderr().is_terminal()).init(),
        config::Format::Json => builder.json().flatten_event(true).with_span_list(false).init(),
    }
}

/// Runs the command line of the process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Serve(command) => (*command).run(cli.log),
        other => {
            begin_log(&cli.log.quieter().resolved());
            other.run()
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            #[expect(clippy::print_stderr, reason = "errors of a command go to standard error")]
            {
                eprintln!("error: {failure}");
            }
            ExitCode::FAILURE
        }
    }
}
