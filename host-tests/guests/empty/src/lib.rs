//! A pack that decides nothing of every order: what a call of it costs is not its own work.

use punchcard_sdk::prelude::*;

struct Empty;

impl Pack for Empty {
    fn manifest() -> Manifest {
        Manifest::new("empty", env!("CARGO_PKG_VERSION")).title(Text::new("Empty", "空"))
    }
}

impl Checkout for Empty {
    fn decide(_: &CallContext, _: &Order) -> Result<Decision, Refusal> {
        Ok(Decision { earnings: Vec::new(), findings: Vec::new() })
    }
}

punchcard_sdk::pack!(Empty: checkout);
