//! This machine: which compilers and linkers it has, how to get more, and whether one compiles.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::toolchain::{Machine, TARGET, Toolchain, Way};
use crate::{Result, run, workspace};

/// Where Debian's packages put their compiler.
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// How long rustup may look for its server. Downloading a target takes seconds where there is one.
const RUSTUP_LIMIT: Duration = Duration::from_secs(180);

/// The stack of a guest, in bytes. Small, so that stack, data and heap lie in the first pages and a fresh instance
/// touches few of them.
const STACK_BYTES: u32 = 32_768;

/// What is compiled to see whether a toolchain works: needs the allocator and a panic, like every pack.
const PROBE: &str = "\
//! Written by `cargo xtask setup`: compiled to see whether this machine can make packs.

/// Sums a growing list, so that the allocator and a panic are linked.
#[unsafe(no_mangle)]
pub extern \"C\" fn probe(count: u32) -> u64 {
    let list: Vec<u64> = (0..u64::from(count)).collect();
    assert!(list.len() < 1_000, \"too long\");
    list.iter().sum()
}
";

/// The machine that xtask runs on.
pub(crate) struct ThisMachine {
    /// Where packs, and with them the standard library, are compiled to.
    pub(crate) target_dir: PathBuf,
}

impl Machine for ThisMachine {
    fn present(&mut self, way: Way) -> Vec<Toolchain> {
        match way {
            Way::Rustup if has_own_target() => vec![Toolchain { way, linker: None }],
            Way::Apt if Path::new(DEBIAN_CARGO).exists() && has_source(DEBIAN_RUSTC.as_ref()) => {
                linkers().into_iter().map(|linker| Toolchain { way, linker: Some(linker) }).collect()
            }
            Way::RustSrc if has_source(&rustc()) => {
                let linkers = std::iter::once(None).chain(linkers().into_iter().map(Some));
                linkers.map(|linker| Toolchain { way, linker }).collect()
            }
            Way::Rustup | Way::Apt | Way::RustSrc => Vec::new(),
        }
    }

    fn install(&mut self, way: Way) -> Result {
        match way {
            Way::Rustup => rustup(&["target", "add", TARGET]),
            Way::Apt => install_debian(self),
            Way::RustSrc => rustup(&["component", "add", "rust-src"]),
        }
    }

    fn probe(&mut self, toolchain: &Toolchain) -> Result {
        let dir = workspace::target_dir().join("xtask/probe");
        let written = |error| format!("could not write the probe crate in {}: {error}", dir.display());
        std::fs::create_dir_all(dir.join("src")).map_err(written)?;
        std::fs::write(dir.join("Cargo.toml"), probe_manifest()?).map_err(written)?;
        // Written anew each time, so that cargo compiles and links it each time.
        std::fs::write(dir.join("src/lib.rs"), PROBE).map_err(written)?;

        if toolchain.way != Way::Rustup && !has_compiled_library(&self.target_dir) {
            self.say("wasm: compiling the standard library, once; this takes about a minute");
        }
        let mut command = build(toolchain, &self.target_dir, &dir);
        let output = run::output(&mut command)?;
        if !output.status.success() {
            return Err(reason(&String::from_utf8_lossy(&output.stderr)));
        }
        let module = module_dir(&self.target_dir).join("xtask_probe.wasm");
        let bytes = std::fs::read(&module).map_err(|error| format!("could not read {}: {error}", module.display()))?;
        if bytes.starts_with(b"\0asm") { Ok(()) } else { Err("what came out is not WebAssembly".to_owned()) }
    }

    fn say(&mut self, line: &str) {
        run::say(line);
    }
}

/// Where cargo leaves the compiled core modules.
pub(crate) fn module_dir(target_dir: &Path) -> PathBuf {
    target_dir.join(TARGET).join("pack")
}

/// `cargo build` for the target with this toolchain, for the crate or workspace in `dir`.
///
/// The flags are ours alone: whatever `RUSTFLAGS` say is meant for the host (a linker, a processor) and would break
/// or change packs. Paths of this machine stay out of the result, so that packs are alike wherever they are built.
pub(crate) fn build(toolchain: &Toolchain, target_dir: &Path, dir: &Path) -> Command {
    let mut command = match toolchain.way {
        Way::Apt => {
            let mut command = Command::new(DEBIAN_CARGO);
            command.env("RUSTC", DEBIAN_RUSTC);
            // What rustup and cargo told us about the active toolchain is not true of this one.
            for name in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTDOC", "LD_LIBRARY_PATH"] {
                command.env_remove(name);
            }
            command
        }
        Way::Rustup | Way::RustSrc => workspace::cargo(),
    };
    command.current_dir(dir).args(["build", "--profile", "pack", "--target", TARGET, "--target-dir"]).arg(target_dir);
    if toolchain.way != Way::Rustup {
        // Building the standard library is not stable yet; this is how a stable compiler is allowed to.
        command.env("RUSTC_BOOTSTRAP", "1").args(["-Z", "build-std=std,panic_abort"]);
    }
    if let Some(linker) = &toolchain.linker {
        command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
    }
    let mut flags = vec![format!("-Clink-arg=-zstack-size={STACK_BYTES}")];
    for (path, name) in [(cargo_home(), "/cargo"), (Some(workspace::root()), "/punchcard")] {
        flags.extend(path.map(|path| format!("--remap-path-prefix={}={name}", path.display())));
    }
    command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    command
}

/// The probe's manifest, with the edition and the profiles of the project, and the oldest compiler that packs ask for.
fn probe_manifest() -> Result<String> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|error| format!("could not read {}: {error}", path.display()))
    };
    let mut manifest = String::from("[package]\nname = \"xtask-probe\"\n");
    let sdk = read(&workspace::root().join("plugin-sdk/Cargo.toml"))?;
    manifest.extend(sdk.lines().filter(|line| line.starts_with("rust-version")).flat_map(|line| [line, "\n"]));
    let mut section = "";
    for line in read(&workspace::root().join("Cargo.toml"))?.lines() {
        if line.starts_with('[') {
            section = line;
        }
        let common = section == "[workspace.package]" && line.starts_with("edition");
        if common || section.starts_with("[profile.") {
            manifest.push_str(line);
            manifest.push('\n');
        }
    }
    // The crate types of a pack: then cargo takes the standard library compiled here for packs too.
    manifest.push_str("\n[lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n\n[workspace]\n");
    Ok(manifest)
}

/// Whether packs have been compiled here together with the standard library before.
fn has_compiled_library(target_dir: &Path) -> bool {
    let files = std::fs::read_dir(module_dir(target_dir).join("deps"));
    files.into_iter().flatten().flatten().any(|file| file.file_name().to_string_lossy().starts_with("libstd-"))
}

/// What a failed build complains of, in one line.
fn reason(stderr: &str) -> String {
    let mut lines =
        stderr.lines().skip_while(|line| !line.starts_with("error") || line.starts_with("error: could not compile"));
    match (lines.next(), lines.next()) {
        (Some(complaint), Some(detail)) if complaint.ends_with(':') => format!("{complaint} {}", detail.trim()),
        (Some(complaint), _) => complaint.to_owned(),
        (None, _) => stderr.lines().last().unwrap_or("the compiler failed without a word").to_owned(),
    }
}

fn rustc() -> PathBuf {
    std::env::var_os("RUSTC").map_or_else(|| "rustc".into(), PathBuf::from)
}

fn cargo_home() -> Option<PathBuf> {
    let home = || std::env::home_dir().map(|home| home.join(".cargo"));
    std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(home)
}

fn has_own_target() -> bool {
    let libraries = run::answer(Command::new(rustc()).args(["--print", "target-libdir", "--target", TARGET]));
    libraries.is_some_and(|dir| Path::new(&dir).is_dir())
}

fn sysroot(rustc: &Path) -> Option<PathBuf> {
    run::answer(Command::new(rustc).args(["--print", "sysroot"])).map(PathBuf::from)
}

/// Whether the source of the standard library lies where this compiler's cargo looks for it.
fn has_source(rustc: &Path) -> bool {
    sysroot(rustc).is_some_and(|sysroot| sysroot.join("lib/rustlib/src/rust/library/std/Cargo.toml").is_file())
}

/// What `rustc -vV` says after `key: `.
fn compiler_fact(rustc: &Path, key: &str) -> Option<String> {
    let facts = run::answer(Command::new(rustc).arg("-vV"))?;
    facts.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": ")).map(str::to_owned)
}

/// Linkers for wasm on this machine: of the active toolchain, of any other, and LLVM's own.
fn linkers() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut offer = |path: PathBuf| {
        if path.is_file() && !found.contains(&path) {
            found.push(path);
        }
    };
    for rustc in [rustc(), DEBIAN_RUSTC.into()] {
        if let (Some(sysroot), Some(host)) = (sysroot(&rustc), compiler_fact(&rustc, "host")) {
            offer(sysroot.join("lib/rustlib").join(host).join("bin/rust-lld"));
        }
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    for dir in std::env::split_paths(&path) {
        offer(dir.join("rust-lld"));
        offer(dir.join("wasm-ld"));
    }
    // Newest first: an older linker may not know what a newer compiler writes.
    let mut versioned: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.strip_prefix("llvm-")?.parse().ok()?;
            Some((version, entry.path().join("bin/wasm-ld")))
        })
        .collect();
    versioned.sort_by(|a, b| b.cmp(a));
    versioned.into_iter().for_each(|(_, path)| offer(path));
    found
}

fn rustup(args: &[&str]) -> Result {
    if run::answer(Command::new("rustup").arg("--version")).is_none() {
        return Err("there is no rustup".to_owned());
    }
    run::run_within(Command::new("rustup").args(args), RUSTUP_LIMIT)
}

fn install_debian(machine: &mut ThisMachine) -> Result {
    let apt = Apt::find()?;
    machine.say("wasm: installing Debian's compiler, its cargo and the source of its standard library");
    apt.install(&DEBIAN_PACKAGES)?;
    if linkers().is_empty() {
        let version = compiler_fact(DEBIAN_RUSTC.as_ref(), "LLVM version");
        let major = version.as_deref().and_then(|version| version.split('.').next());
        machine.say("wasm: installing LLVM's linker, as no Rust toolchain here brings one");
        apt.install(&[&major.map_or_else(|| "lld".to_owned(), |major| format!("lld-{major}"))])?;
    }
    Ok(())
}

/// Gets strace, by which a spec proves that replies wait for the disk. Without it that spec says that it is skipped, so
/// a machine that can not have it is told of and no more.
pub(crate) fn provide_strace() {
    if run::answer(Command::new("strace").arg("-V")).is_some() {
        return;
    }
    run::say("strace: installing it, for the spec that replies wait for the disk");
    if let Err(reason) = Apt::find().and_then(|apt| apt.install(&["strace"])) {
        run::say(&format!("strace: not installed, so one spec is skipped: {reason}"));
    }
}

/// Debian's installer, as we may use it.
struct Apt {
    sudo: bool,
}

impl Apt {
    fn find() -> Result<Self> {
        if run::answer(Command::new("apt-get").arg("--version")).is_none() {
            return Err("there is no apt-get".to_owned());
        }
        let root = run::answer(Command::new("id").arg("-u")).is_some_and(|id| id == "0");
        let sudo = !root && run::answer(Command::new("sudo").args(["-n", "true"])).is_some();
        if !root && !sudo {
            return Err("apt-get needs root, and `sudo -n` does not give it".to_owned());
        }
        Ok(Self { sudo })
    }

    /// Never removes anything: these packages stand beside rustup's compilers, and conflict with Debian's older one.
    fn install(&self, packages: &[&str]) -> Result {
        let options = ["install", "--yes", "-qq", "-o=Dpkg::Use-Pty=0", "--no-install-recommends", "--no-remove"];
        let args = [&options, packages].concat();
        self.run(&args).or_else(|_| self.run(&["update", "-qq"]).and_then(|()| self.run(&args)))
    }

    fn run(&self, args: &[&str]) -> Result {
        let mut command = Command::new(if self.sudo { "sudo" } else { "env" });
        command.args(if self.sudo { &["-n", "env"][..] } else { &[] });
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]).args(args);
        run::run(&mut command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_a_failed_build_is_its_first_complaint() {
        let stderr =
            "   Compiling x\nerror[E0463]: can't find crate for `core`\n  = note: y\nerror: could not compile `x`\n";
        assert_eq!(reason(stderr), "error[E0463]: can't find crate for `core`");
        assert_eq!(reason("error: too old for:\n  x 1.0\n"), "error: too old for: x 1.0");
        assert_eq!(reason("a\nlinker gone\n"), "linker gone");
        assert_eq!(reason(""), "the compiler failed without a word");
    }

    #[test]
    fn the_probe_is_compiled_like_a_pack() {
        let manifest = probe_manifest().unwrap();
        for part in
            ["\nedition = ", "\nrust-version = ", "\n[profile.pack]\n", "\n[profile.release]\n", "\n[workspace]\n"]
        {
            assert!(manifest.contains(part), "{part:?} is not in:\n{manifest}");
        }
        assert!(!manifest.contains("wasmtime ="), "{manifest}");
    }

    #[test]
    fn flags_for_the_host_do_not_reach_packs() {
        let toolchain = Toolchain { way: Way::Apt, linker: Some("lld".into()) };
        let command = build(&toolchain, Path::new("t"), Path::new("."));
        let value = |name: &str| {
            let mut envs = command.get_envs();
            envs.find(|(key, _)| *key == name).map(|(_, value)| value.map(|value| value.to_string_lossy().into_owned()))
        };
        let flags = value("CARGO_ENCODED_RUSTFLAGS").flatten().unwrap();
        assert!(flags.starts_with("-Clink-arg=-zstack-size=32768\x1f"), "{flags}");
        assert_eq!(value("RUSTUP_TOOLCHAIN"), Some(None));
        assert_eq!(value("RUSTC"), Some(Some("/usr/bin/rustc".to_owned())));
    }
}
