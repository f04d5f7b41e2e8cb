//! The command line: `punchcard serve`, `demo`, `import`, `verify`, `snapshot`, `restore`, `compact`, `merchant`, `pack`.
#![expect(clippy::print_stdout, reason = "what a command has to say goes to standard output")]

mod backup;
mod caretaker;
mod data;
mod demo;
mod import;
mod key;
mod merchant;
mod orders_file;
mod pack;
mod progress;
mod serve;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// What goes wrong in a command: one text for people, with what would be right.
type Failure = String;

/// Punchcard: a membership platform. Members, assets and events in an embedded store; everything specific to a trade
/// in sandboxed packs.
#[derive(Parser)]
#[command(version, max_term_width = 120)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// What to log to standard error: a level, or levels by module, such as `info,pack=debug`.
    #[arg(long, global = true, env = "PUNCHCARD_LOG", value_name = "FILTER")]
    log: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the HTTP interface on a data directory
    Serve(serve::Serve),
    /// Play a bakery's trading day through the real use cases and packs, or bring in a file of orders
    Demo(demo::Demo),
    /// Bring in what was recorded elsewhere
    #[command(subcommand)]
    Import(import::Import),
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
    /// Look after the master keys, which open what is personal
    #[command(subcommand)]
    Key(key::Key),
    /// Build and check packs
    #[command(subcommand)]
    Pack(pack::Pack),
}

/// Runs the command line of the process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let default = if matches!(cli.command, Command::Serve(_)) { "info" } else { "warn" };
    let filter = EnvFilter::try_new(cli.log.as_deref().unwrap_or(default));
    let done = match filter {
        Ok(filter) => {
            tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
            match cli.command {
                Command::Serve(command) => command.run(),
                Command::Demo(command) => command.run(),
                Command::Import(command) => command.run(),
                Command::Verify(command) => command.run(),
                Command::Snapshot(command) => command.run(),
                Command::Restore(command) => command.run(),
                Command::Compact(command) => command.run(),
                Command::Merchant(command) => command.run(),
                Command::Key(command) => command.run(),
                Command::Pack(command) => command.run(),
            }
        }
        Err(error) => Err(format!("--log: {error}")),
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
