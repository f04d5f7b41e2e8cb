//! Operations of a pack: one type for each, which is its input.

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use crate::{CallContext, Language, Refusal, Text, manifest::schema};

/// One operation of a pack. The implementing type is its input, and gives the schema that the host checks inputs against.
pub trait Command: DeserializeOwned + JsonSchema {
    /// The name that callers use: lower-case kebab.
    const NAME: &'static str;
    /// What people see.
    const TITLE: Text;
    /// What the caller gets, as JSON.
    type Output: Serialize;

    /// Does it. Everything that it wrote is kept when it returns `Ok`, and nothing otherwise.
    ///
    /// # Errors
    /// Whatever the pack refuses.
    fn run(self, ctx: &CallContext) -> Result<Self::Output, Refusal>;
}

/// The operations of a pack, both for its manifest and for being called.
pub trait Commands {
    /// Each command once: `&[Operation::of::<Redeem>(), Operation::of::<Grant>()]`.
    const ALL: &'static [Operation];
}

/// A [`Command`] without its type, so that commands fit in a list.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    pub(crate) name: &'static str,
    pub(crate) title: Text,
    pub(crate) input: fn() -> schemars::Schema,
    run: fn(&CallContext, &str) -> Result<String, Refusal>,
}

impl Operation {
    /// The operation that `C` describes.
    pub const fn of<C: Command>() -> Self {
        Self { name: C::NAME, title: C::TITLE, input: schema::<C>, run: run::<C> }
    }
}

fn run<C: Command>(ctx: &CallContext, input: &str) -> Result<String, Refusal> {
    let command = serde_json::from_str::<C>(input).map_err(|error| {
        let message = match Language::of(ctx) {
            Language::English => format!("the input of {} is not understood: {error}", C::NAME),
            Language::Chinese => format!("无法理解 {} 的输入：{error}", C::NAME),
        };
        Refusal::invalid("invalid-input", message)
    })?;
    let output = command.run(ctx)?;
    serde_json::to_string(&output).map_err(|error| {
        Refusal::failed("unreadable-output", format!("the result of {} is not JSON: {error}", C::NAME))
    })
}

/// Runs the command of that name.
pub(crate) fn dispatch(all: &[Operation], ctx: &CallContext, command: &str, input: &str) -> Result<String, Refusal> {
    match all.iter().find(|operation| operation.name == command) {
        Some(operation) => (operation.run)(ctx, input),
        None => Err(Refusal::not_found(
            "unknown-command",
            match Language::of(ctx) {
                Language::English => format!("there is no command {command}"),
                Language::Chinese => format!("没有名为 {command} 的操作"),
            },
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::testing;

    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Double {
        number: u32,
    }

    impl Command for Double {
        const NAME: &'static str = "double";
        const TITLE: Text = Text::new("Double", "加倍");
        type Output = u32;

        fn run(self, _: &CallContext) -> Result<u32, Refusal> {
            self.number.checked_mul(2).ok_or_else(|| Refusal::refused("too-large", "it does not fit"))
        }
    }

    const ALL: &[Operation] = &[Operation::of::<Double>()];

    #[track_caller]
    fn check(command: &str, input: &str, expected: Result<&str, &str>) {
        let reply = dispatch(ALL, &testing::context("2026-10-01", "10:00"), command, input);
        assert_eq!(reply.as_deref().map_err(|refusal| refusal.problem().code.as_str()), expected);
    }

    #[test]
    fn a_command_is_found_by_name_and_given_its_input() {
        check("double", r#"{"number":21}"#, Ok("42"));
        check("double", r#"{"number":4000000000}"#, Err("too-large"));
        check("double", r#"{"number":"21"}"#, Err("invalid-input"));
        check("double", r#"{"number":21,"more":1}"#, Err("invalid-input"));
        check("double", "", Err("invalid-input"));
        check("triple", r#"{"number":21}"#, Err("unknown-command"));
    }
}
