//! Reading a command's arguments: flags that every command knows, and what to say about the others.

use std::ffi::OsString;

use lexopt::{Arg, ValueExt as _};

use crate::Result;
use crate::toolchain::Via;

/// What a command line said, before the command looks at it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Given {
    /// `--help` stood somewhere: nothing else counts.
    pub(crate) help: bool,
    /// The value of `--via`.
    pub(crate) via: Via,
    /// The switches that the command knows and that were there, without their dashes.
    pub(crate) switches: Vec<String>,
    /// What stood without a flag.
    pub(crate) words: Vec<String>,
    /// Everything after `--`, untouched.
    pub(crate) rest: Vec<OsString>,
}

/// What a command takes beside `--help`.
pub(crate) struct Takes {
    /// The command's name, for messages.
    pub(crate) command: &'static str,
    /// Whether `--via WAY` is known.
    pub(crate) via: bool,
    /// Switches without a value.
    pub(crate) switches: &'static [&'static str],
    /// What a word without a flag means, when words are taken.
    pub(crate) words: bool,
    /// Whether `-- ARGS..` is taken.
    pub(crate) rest: bool,
}

impl Takes {
    /// Reads `args`; an error names the argument that is not understood and where the right ones are listed.
    pub(crate) fn read(&self, args: Vec<OsString>) -> Result<Given> {
        let mut given = Given::default();
        let mut args = args.into_iter();
        let own: Vec<_> = args.by_ref().take_while(|arg| arg != "--").collect();
        given.rest = args.collect();
        if !self.rest && !given.rest.is_empty() {
            return Err(self.refuse("--"));
        }
        let mut parser = lexopt::Parser::from_args(own);
        while let Some(arg) = parser.next().map_err(|error| self.explain(&error))? {
            match arg {
                Arg::Long("help") | Arg::Short('h') => given.help = true,
                Arg::Long("via") if self.via => {
                    let value =
                        parser.value().and_then(lexopt::ValueExt::string).map_err(|error| self.explain(&error))?;
                    given.via = Via::parse(&value)?;
                }
                Arg::Long(name) if self.switches.contains(&name) => given.switches.push(name.to_owned()),
                Arg::Value(word) if self.words => {
                    given.words.push(word.string().map_err(|error| self.explain(&error))?);
                }
                Arg::Long(name) => return Err(self.refuse(&format!("--{name}"))),
                Arg::Short(name) => return Err(self.refuse(&format!("-{name}"))),
                Arg::Value(word) => return Err(self.refuse(&word.to_string_lossy())),
            }
        }
        Ok(given)
    }

    fn refuse(&self, what: &str) -> String {
        let command = self.command;
        format!("`{command}` does not know `{what}`; `cargo xtask {command} --help` lists what it takes")
    }

    fn explain(&self, error: &lexopt::Error) -> String {
        let command = self.command;
        format!("{error}; `cargo xtask {command} --help` shows how")
    }
}

/// Whether the first argument asks for help. For commands that pass the others on unread.
pub(crate) fn asks_for_help(args: &[OsString]) -> bool {
    args.first().is_some_and(|arg| arg == "--help" || arg == "-h" || arg == "help")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKS: Takes = Takes { command: "packs", via: true, switches: &["check"], words: false, rest: false };
    const TEST: Takes = Takes { command: "test", via: false, switches: &[], words: true, rest: true };

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn flags_take_their_value_with_a_space_or_an_equals_sign() {
        for line in ["--via apt --check", "--check --via=apt"] {
            let given = PACKS.read(words(line)).unwrap();
            assert_eq!((given.via, given.switches), (Via::parse("apt").unwrap(), vec!["check".to_owned()]), "{line}");
        }
    }

    #[test]
    fn what_is_not_known_is_named_and_the_help_is_pointed_to() {
        #[track_caller]
        fn check(takes: &Takes, line: &str, message: &str) {
            assert_eq!(takes.read(words(line)).unwrap_err(), message);
        }
        check(&PACKS, "--fast", "`packs` does not know `--fast`; `cargo xtask packs --help` lists what it takes");
        check(&PACKS, "bakery", "`packs` does not know `bakery`; `cargo xtask packs --help` lists what it takes");
        check(&PACKS, "-x", "`packs` does not know `-x`; `cargo xtask packs --help` lists what it takes");
        check(&PACKS, "-- x", "`packs` does not know `--`; `cargo xtask packs --help` lists what it takes");
        check(&PACKS, "--via", "missing argument for option '--via'; `cargo xtask packs --help` shows how");
        check(
            &PACKS,
            "--check=1",
            "unexpected argument for option '--check': \"1\"; `cargo xtask packs --help` shows how",
        );
        check(&PACKS, "--via brew", "`--via brew` is not a way; there are auto, rustup, apt and rust-src");
    }

    #[test]
    fn words_come_before_the_dashes_and_the_rest_is_untouched() {
        let given = TEST.read(words("coupon hold -- --nocapture -h")).unwrap();
        assert_eq!(given.words, ["coupon", "hold"]);
        assert_eq!(given.rest, ["--nocapture", "-h"]);
        assert!(!given.help);
    }

    #[test]
    fn help_is_seen_anywhere_or_first_where_arguments_are_passed_on() {
        assert!(PACKS.read(words("--check --help")).unwrap().help);
        assert!(asks_for_help(&words("--help --once")));
        assert!(!asks_for_help(&words("--once --help")));
        assert!(!asks_for_help(&[]));
    }
}
