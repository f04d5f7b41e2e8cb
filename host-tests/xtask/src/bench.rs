//! `bench`: builds everything and runs one benchmark.

use std::ffi::OsString;
use std::path::Path;

use crate::toolchain::Via;
use crate::{Result, args, host, packs, peers, run, workspace};

const HELP: &str = "\
Build everything and run one benchmark of host-tests/benches, or of host-tests/peers.

Usage: cargo xtask bench NAME [ARGS..]

  settle  orders settled from end to end, durably
  hook    one call into a pack, against the same hook natively and in mlua, rquickjs, rhai and extism; compiles these first
  http    orders settled over HTTP, against a bare axum on a sled batch with fdatasync
  hot     all orders on one member, against orders of many
  recording   orders settled while calls of packs are recorded, against the same without
  noisy   what a till waits while ten packs of another merchant do harm
  timers  a million timers of packs that wait against a few: looking, setting one more, firing one
  scale   a million members against a thousand: orders, memory, restart, verification, recovery

All further arguments go to the benchmark; every one knows these:

  --json FILE  write the figures here as well
  --check      fail when a figure is worse than it may be
";

/// The benchmark with a crate of its own.
const PEERS: &str = "hook";

pub(crate) fn main(args: Vec<OsString>) -> Result {
    if args::asks_for_help(&args) {
        run::print_help(HELP);
        return Ok(());
    }
    let known = benches(&workspace::root().join("host-tests/benches"));
    let mut args = args.into_iter();
    let name = args.next().ok_or_else(|| format!("which benchmark? there are: {}", known.join(", ")))?;
    if !known.iter().any(|bench| name == **bench) {
        let name = name.to_string_lossy();
        return Err(format!("there is no benchmark `{name}`; there are: {}", known.join(", ")));
    }
    let args = absolute_files(args.collect(), &std::env::current_dir().unwrap_or_default());
    packs::build(Via::Auto)?;
    if name == *PEERS {
        return peers::bench(args);
    }
    let mut command = workspace::cargo();
    // Of the whole workspace, though only one is wanted: see `host::build`.
    command.args(["bench", "--profile", "release", "--workspace", "--bench"]).arg(name).arg("--").args(args);
    run::run(host::tell(&mut command))
}

/// The benchmarks that are there.
fn benches(dir: &Path) -> Vec<String> {
    let files = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut names: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .chain([PEERS.to_owned()])
        .collect();
    names.sort();
    names
}

/// Flags whose value is a file or a directory.
const PATHS: [&str; 2] = ["--json", "--data"];

/// Makes the values of [`PATHS`] absolute: cargo runs a benchmark in its package's folder, not in ours.
fn absolute_files(mut args: Vec<OsString>, here: &Path) -> Vec<OsString> {
    let mut before = OsString::new();
    for arg in &mut args {
        let joined = arg.to_str().and_then(|arg| arg.split_once('=')).filter(|(flag, _)| PATHS.contains(flag));
        if PATHS.iter().any(|flag| before == **flag) {
            *arg = here.join(&*arg).into();
        } else if let Some((flag, path)) = joined {
            *arg = format!("{flag}={}", here.join(path).display()).into();
        }
        before.clone_from(arg);
    }
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_directories_are_meant_from_where_one_stands() {
        let args = ["--check", "--json", "a.json", "--json=b.json", "--data", "/c"].map(OsString::from).to_vec();
        let expected = ["--check", "--json", "/here/a.json", "--json=/here/b.json", "--data", "/c"];
        assert_eq!(absolute_files(args, Path::new("/here")), expected);
    }
}
