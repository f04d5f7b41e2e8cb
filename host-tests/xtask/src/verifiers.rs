//! Programs in other languages that check what the host sends: the official ones of the standards that it follows.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::{host, run, workspace};

/// How long each step of the installation may take.
const LIMIT: Duration = Duration::from_secs(300);

/// By what specs find the Python that has them.
const VARIABLE: &str = "PUNCHCARD_VERIFIER_PYTHON";

/// The Python that has the verifiers, in an environment of its own; installed if they are not there yet in the versions
/// that are asked for.
///
/// # Errors
/// Why they cannot be had on this machine.
pub(crate) fn provide(may_install: bool) -> Result<PathBuf, String> {
    let wanted_at = workspace::root().join("host-tests/verifiers/requirements.txt");
    let wanted = std::fs::read_to_string(&wanted_at).map_err(|error| format!("{}: {error}", wanted_at.display()))?;
    let dir = workspace::target_dir().join("xtask/verifiers");
    let (python, installed) = (in_environment(&dir), dir.join("installed.txt"));
    if std::fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    if !may_install {
        return Err("the verifiers are not installed".to_owned());
    }
    let system = ["python3", "python"].into_iter().find(|name| run::answer(Command::new(name).arg("-V")).is_some());
    let system = system.ok_or("there is no Python")?;
    run::say("verifiers: installing the official ones of Standard Webhooks and CloudEvents, for a spec");
    run::run_within(Command::new(system).args(["-m", "venv", "--clear"]).arg(&dir), LIMIT)?;
    let mut install = Command::new(&python);
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary=:all:",
    ]);
    run::run_within(install.arg("--requirement").arg(&wanted_at), LIMIT)?;
    std::fs::write(&installed, wanted).map_err(|error| format!("{}: {error}", installed.display()))?;
    Ok(python)
}

/// Gets them, if that is possible. Without them one spec says that it is skipped, so a machine that can not have them is
/// told of and no more.
pub(crate) fn provide_or_say() {
    if let Err(reason) = provide(true) {
        run::say(&format!("verifiers: not installed, so one spec is skipped: {reason}"));
    }
}

/// Tells specs where the verifiers are, if they are installed.
pub(crate) fn tell(command: &mut Command) -> &mut Command {
    host::tell(command);
    match provide(false) {
        Ok(python) => command.env(VARIABLE, python),
        Err(_) => command.env_remove(VARIABLE),
    }
}

fn in_environment(dir: &Path) -> PathBuf {
    dir.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" })
}
