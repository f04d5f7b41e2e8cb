//! Which compiler makes the packs: the ways to one, the order in which they are tried, and how the choice is kept.
//!
//! Three ways lead to `wasm32-unknown-unknown`, tried in this order:
//! 1. the active compiler's own target, added by rustup when it is missing;
//! 2. Debian's packages of a compiler with its library's source, which live beside rustup's;
//! 3. the library's source that fits the active compiler (`rust-src`).
//!
//! A way counts only when it has compiled something. Knows the order and the rules; what is on this machine it asks
//! a [`Machine`].

use std::path::{Path, PathBuf};

use crate::Result;

/// The target of every pack.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// One way to a compiler for [`TARGET`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The active compiler with the target's ready-made library.
    Rustup,
    /// Debian's compiler, building the library from Debian's source package.
    Apt,
    /// The active compiler, building the library from the source that came with it.
    RustSrc,
}

impl Way {
    /// All ways, in the order in which they are tried.
    const ALL: [Self; 3] = [Self::Rustup, Self::Apt, Self::RustSrc];

    /// As `--via` and the kept choice call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rustup => "rustup",
            Self::Apt => "apt",
            Self::RustSrc => "rust-src",
        }
    }

    /// What the way is, for people.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Rustup => "the active compiler and its own wasm32-unknown-unknown target",
            Self::Apt => "Debian's compiler, with the standard library built from Debian's source",
            Self::RustSrc => "the active compiler, with the standard library built from its rust-src",
        }
    }

    /// What somebody could do so that this way works.
    fn remedy(self) -> &'static str {
        match self {
            Self::Rustup => "rustup target add wasm32-unknown-unknown",
            Self::Apt => "apt-get install rustc-web cargo-web rust-web-src lld, as root",
            Self::RustSrc => "rustup component add rust-src, or your system's package of the compiler's source",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.name() == name)
    }
}

/// Which ways may be taken: all in order, or one only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Via {
    /// What was chosen before if it still works, else the first way that works.
    #[default]
    Auto,
    /// This way or none.
    Only(Way),
}

impl Via {
    /// Reads the value of `--via`.
    pub(crate) fn parse(value: &str) -> Result<Self> {
        match value {
            "auto" => Ok(Self::Auto),
            name => Way::parse(name)
                .map(Self::Only)
                .ok_or_else(|| format!("`--via {name}` is not a way; there are auto, rustup, apt and rust-src")),
        }
    }

    fn ways(self) -> Vec<Way> {
        match self {
            Self::Auto => Way::ALL.to_vec(),
            Self::Only(way) => vec![way],
        }
    }
}

/// A compiler for [`TARGET`] on this machine: a way, and the linker where the compiler brings none that works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Toolchain {
    /// How to call the compiler.
    pub(crate) way: Way,
    /// `None`: the compiler's own.
    pub(crate) linker: Option<PathBuf>,
}

impl Toolchain {
    /// As it is kept between runs.
    pub(crate) fn to_text(&self) -> String {
        let linker = self.linker.as_deref().map(|path| format!("linker = {}\n", path.display())).unwrap_or_default();
        format!(
            "# Chosen by `cargo xtask setup`. Delete this file to choose anew.\nway = {}\n{linker}",
            self.way.name()
        )
    }

    /// Reads [`Self::to_text`]. Anything unexpected is no choice at all: it is then made anew.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let value = |key: &str| {
            let pairs = text.lines().filter_map(|line| line.split_once('='));
            pairs.filter(|(name, _)| name.trim() == key).map(|(_, value)| value.trim()).next()
        };
        Some(Self { way: Way::parse(value("way")?)?, linker: value("linker").map(|path| Path::new(path).to_owned()) })
    }

    /// In one line, for people.
    pub(crate) fn describe(&self) -> String {
        let linker = self.linker.as_deref().map(|path| format!(" (linker: {})", path.display())).unwrap_or_default();
        format!("{}{linker}", self.way.title())
    }
}

/// What choosing needs from the machine. The real one is [`crate::machine::ThisMachine`]; tests have a made-up one.
pub(crate) trait Machine {
    /// The toolchains of this way that seem to be there, best first. Looks, installs nothing.
    fn present(&mut self, way: Way) -> Vec<Toolchain>;
    /// Gets what the way needs. The error is the reason why it could not.
    fn install(&mut self, way: Way) -> Result;
    /// Compiles a small crate with it. The error is what the compiler said.
    fn probe(&mut self, toolchain: &Toolchain) -> Result;
    /// Tells whoever watches.
    fn say(&mut self, line: &str);
}

/// Finds a toolchain that compiles: `kept` if it still does, else by the ways of `via` in order, each first as it is
/// and then by installing what it needs. When none works the error lists every reason and every remedy.
pub(crate) fn choose(machine: &mut impl Machine, via: Via, kept: Option<Toolchain>) -> Result<Toolchain> {
    let ways = via.ways();
    if let Some(kept) = kept.filter(|kept| ways.contains(&kept.way)) {
        match machine.probe(&kept) {
            Ok(()) => {
                machine.say(&format!("wasm: as before, {}", kept.describe()));
                return Ok(kept);
            }
            Err(reason) => machine.say(&format!("wasm: what was chosen before no longer works: {reason}")),
        }
    }
    let mut reasons = Vec::new();
    for way in ways {
        match try_way(machine, way) {
            Ok(toolchain) => return Ok(toolchain),
            Err(reason) => {
                machine.say(&format!("wasm: not by {}: {reason}", way.name()));
                reasons.push((way, reason));
            }
        }
    }
    let mut message = format!("nothing here compiles for {TARGET}, which packs need");
    for (way, reason) in &reasons {
        message.push_str(&format!("\n  {}: {reason}\n    would help: {}", way.name(), way.remedy()));
    }
    message.push_str("\nInstall one of these, then run `cargo xtask setup` again.");
    Err(message)
}

fn try_way(machine: &mut impl Machine, way: Way) -> Result<Toolchain> {
    let missing = match first_that_compiles(machine, way) {
        Ok(Some(toolchain)) => {
            machine.say(&format!("wasm: already there: {}", toolchain.describe()));
            return Ok(toolchain);
        }
        Ok(None) => None,
        Err(reason) => Some(reason),
    };
    match (machine.install(way), missing) {
        (Ok(()), _) => {}
        (Err(cannot), None) => return Err(cannot),
        (Err(cannot), Some(reason)) => return Err(format!("{reason}; and {cannot}")),
    }
    let toolchain = first_that_compiles(machine, way)?.ok_or("what was installed brought no compiler for it")?;
    machine.say(&format!("wasm: ready: {}", toolchain.describe()));
    Ok(toolchain)
}

/// `None` when nothing is there to try; the last reason when something is there and nothing of it compiles.
fn first_that_compiles(machine: &mut impl Machine, way: Way) -> Result<Option<Toolchain>> {
    let mut last = None;
    for toolchain in machine.present(way) {
        match machine.probe(&toolchain) {
            Ok(()) => return Ok(Some(toolchain)),
            Err(reason) => last = Some(reason),
        }
    }
    last.map_or(Ok(None), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine as a test describes it; remembers what was asked of it.
    #[derive(Default)]
    struct Made {
        /// There from the start.
        there: Vec<Toolchain>,
        /// There after its way was installed.
        installable: Vec<Toolchain>,
        /// Looks right and does not compile.
        broken: Vec<Toolchain>,
        log: Vec<String>,
    }

    impl Machine for Made {
        fn present(&mut self, way: Way) -> Vec<Toolchain> {
            self.there.iter().filter(|toolchain| toolchain.way == way).cloned().collect()
        }

        fn install(&mut self, way: Way) -> Result {
            self.log.push(format!("install {}", way.name()));
            let (now, later): (Vec<_>, Vec<_>) = self.installable.drain(..).partition(|toolchain| toolchain.way == way);
            self.installable = later;
            if now.is_empty() {
                return Err(format!("no {}", way.name()));
            }
            self.there.extend(now);
            Ok(())
        }

        fn probe(&mut self, toolchain: &Toolchain) -> Result {
            let linker = toolchain.linker.as_deref().map(|path| format!(" {}", path.display())).unwrap_or_default();
            self.log.push(format!("probe {}{linker}", toolchain.way.name()));
            if self.there.contains(toolchain) && !self.broken.contains(toolchain) {
                Ok(())
            } else {
                Err("it does not compile".to_owned())
            }
        }

        fn say(&mut self, _line: &str) {}
    }

    fn own(way: Way) -> Toolchain {
        Toolchain { way, linker: None }
    }

    fn linked_by(way: Way, linker: &str) -> Toolchain {
        Toolchain { way, linker: Some(linker.into()) }
    }

    #[track_caller]
    fn check(mut machine: Made, via: Via, kept: Option<Toolchain>, chosen: &Toolchain, log: &[&str]) {
        assert_eq!(choose(&mut machine, via, kept).as_ref(), Ok(chosen));
        assert_eq!(machine.log, log);
    }

    #[test]
    fn the_first_way_that_compiles_is_taken_and_the_later_ones_are_left_alone() {
        let rustup = own(Way::Rustup);
        let there = Made { there: vec![rustup.clone(), own(Way::RustSrc)], ..Made::default() };
        check(there, Via::Auto, None, &rustup, &["probe rustup"]);

        let by_rustup = Made { installable: vec![rustup.clone()], ..Made::default() };
        check(by_rustup, Via::Auto, None, &rustup, &["install rustup", "probe rustup"]);

        let apt = linked_by(Way::Apt, "lld");
        let by_apt = Made { installable: vec![apt.clone()], ..Made::default() };
        check(by_apt, Via::Auto, None, &apt, &["install rustup", "install apt", "probe apt lld"]);

        let source = own(Way::RustSrc);
        let by_source = Made { there: vec![source.clone()], ..Made::default() };
        check(by_source, Via::Auto, None, &source, &["install rustup", "install apt", "probe rust-src"]);
    }

    #[test]
    fn a_way_that_is_asked_for_is_the_only_one_tried() {
        let source = own(Way::RustSrc);
        let machine = Made { there: vec![own(Way::Rustup), source.clone()], ..Made::default() };
        check(machine, Via::Only(Way::RustSrc), Some(own(Way::Rustup)), &source, &["probe rust-src"]);
    }

    #[test]
    fn what_is_there_but_does_not_compile_is_passed_over() {
        let (bad, good) = (linked_by(Way::Apt, "gcc-ld"), linked_by(Way::Apt, "rust-lld"));
        let machine = Made { there: vec![bad.clone(), good.clone()], broken: vec![bad], ..Made::default() };
        check(machine, Via::Only(Way::Apt), None, &good, &["probe apt gcc-ld", "probe apt rust-lld"]);
    }

    #[test]
    fn a_kept_choice_is_verified_and_a_stale_one_repairs_itself() {
        let (apt, rustup) = (linked_by(Way::Apt, "lld"), own(Way::Rustup));
        let works = Made { there: vec![rustup.clone(), apt.clone()], ..Made::default() };
        check(works, Via::Auto, Some(apt.clone()), &apt, &["probe apt lld"]);

        let stale = Made { there: vec![rustup.clone()], ..Made::default() };
        check(stale, Via::Auto, Some(apt), &rustup, &["probe apt lld", "probe rustup"]);
    }

    #[test]
    fn when_nothing_works_every_reason_and_remedy_is_said() {
        let mut machine = Made { there: vec![own(Way::Rustup)], broken: vec![own(Way::Rustup)], ..Made::default() };
        let message = choose(&mut machine, Via::Auto, None).unwrap_err();
        for part in [
            "nothing here compiles for wasm32-unknown-unknown",
            "rustup: it does not compile; and no rustup\n    would help: rustup target add wasm32-unknown-unknown",
            "apt: no apt\n    would help: apt-get install rustc-web cargo-web rust-web-src lld, as root",
            "rust-src: no rust-src\n    would help: rustup component add rust-src",
        ] {
            assert!(message.contains(part), "{part:?} is not in:\n{message}");
        }
    }

    #[test]
    fn the_kept_choice_survives_its_file_and_nonsense_is_no_choice() {
        for toolchain in [own(Way::Rustup), linked_by(Way::Apt, "/usr/lib/a b/rust-lld")] {
            assert_eq!(Toolchain::from_text(&toolchain.to_text()), Some(toolchain));
        }
        for nonsense in ["", "way = brew", "rustup", "linker = x"] {
            assert_eq!(Toolchain::from_text(nonsense), None, "{nonsense:?}");
        }
    }
}
