//! What the alliance's day ends with: the statements of both, and the proof that both books balance.

use serde_json::{Value, json};

use super::script::Script;
use super::summary::Proof;
use super::texts::Texts;
use crate::cli::Failure;
use crate::domain::{AgreementId, Currency};

/// The statements of two partners.
pub(super) struct Statements {
    currency: Currency,
    sides: Vec<Side>,
}

/// What one of the two says.
struct Side {
    merchant: String,
    /// As the alliance pack tells them.
    totals: Value,
    /// Whether the partner says the same.
    agrees: bool,
    proof: Proof,
}

impl Statements {
    pub(super) fn read(
        cafe: &Script<'_>,
        bakery: &Script<'_>,
        agreement: &AgreementId,
        month: &str,
    ) -> Result<Self, Failure> {
        let side = |script: &Script<'_>| {
            let (totals, agrees) = script.statement(agreement, month)?;
            let proof = Proof::read(script.host, script.stage.merchant.id)?;
            Ok::<_, Failure>(Side { merchant: script.stage.merchant.name.to_string(), totals, agrees, proof })
        };
        Ok(Self { currency: cafe.stage.merchant.currency, sides: vec![side(cafe)?, side(bakery)?] })
    }

    /// Both books are sound, both sides say the same, and what the one is owed the other owes.
    pub(super) fn books_balance(&self) -> bool {
        let sum: i64 = self.sides.iter().map(Side::due_minor).sum();
        sum == 0 && self.sides.iter().all(|side| side.agrees && side.proof.is_sound())
    }

    pub(super) fn print(&self, texts: &Texts) {
        println!();
        println!("{}", texts.say("statements", &[]));
        for side in &self.sides {
            let due = side.due_minor();
            let values = [
                ("merchant", side.merchant.clone()),
                ("lines", side.totals["lines"].to_string()),
                ("amount", self.currency.show(due.unsigned_abs())),
            ];
            println!("  {}", texts.say(if due < 0 { "owes-partner" } else { "is-owed" }, &values));
            side.proof.print(texts);
        }
        if self.books_balance() {
            println!("  {}", texts.say("both-agree", &[]));
        }
    }

    pub(super) fn json(&self) -> Value {
        let side = |side: &Side| json!({ "merchant": side.merchant, "totals": side.totals });
        json!({ "statements": self.sides.iter().map(side).collect::<Vec<_>>(), "books_balance": self.books_balance() })
    }
}

impl Side {
    fn due_minor(&self) -> i64 {
        self.totals["due_minor"].as_i64().unwrap_or(0)
    }
}
