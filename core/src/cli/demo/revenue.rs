//! What the school's script ends with: revenue by month, and the proof that the books balance.

use serde_json::{Value, json};

use super::setup::Stage;
use super::summary::Proof;
use super::texts::Texts;
use crate::cli::Failure;
use crate::domain::Currency;
use crate::usecase::Host;

/// What a school has sold and what became of it.
pub(super) struct Revenue {
    merchant: String,
    currency: Currency,
    /// As the training pack tells them.
    months: Vec<Value>,
    proof: Proof,
}

impl Revenue {
    pub(super) fn read(host: &Host, stage: &Stage, months: &Value) -> Result<Self, Failure> {
        Ok(Self {
            merchant: stage.merchant.name.to_string(),
            currency: stage.merchant.currency,
            months: months.as_array().cloned().unwrap_or_default(),
            proof: Proof::read(host, stage.merchant.id)?,
        })
    }

    /// The books are sound, and what is deferred in the end is what was sold less what became of it.
    pub(super) fn books_balance(&self) -> bool {
        let sum = |figure: &str| self.months.iter().map(|month| minor(month, figure)).sum::<i64>();
        let owed = sum("sold") - sum("recognised") - sum("refunded") - sum("forfeited");
        self.proof.is_sound() && self.months.last().is_some_and(|last| minor(last, "deferred") == owed)
    }

    pub(super) fn print(&self, texts: &Texts) {
        println!();
        println!("{}", texts.say("summary", &[("merchant", self.merchant.clone())]));
        for month in &self.months {
            let show = |figure| self.currency.show(u64::try_from(minor(month, figure)).unwrap_or(0));
            let values = [
                ("month", month["month"].as_str().unwrap_or_default().to_owned()),
                ("sold", show("sold")),
                ("recognised", show("recognised")),
                ("refunded", show("refunded")),
                ("deferred", show("deferred")),
            ];
            println!("  {}", texts.say("revenue", &values));
        }
        self.proof.print(texts);
        if self.books_balance() {
            println!("  {}", texts.say("books-balance", &[]));
        }
    }

    pub(super) fn json(&self) -> Value {
        let month = |month: &Value| {
            json!({
                "month": month["month"],
                "sold_minor": minor(month, "sold"),
                "recognised_minor": minor(month, "recognised"),
                "refunded_minor": minor(month, "refunded"),
                "deferred_minor": minor(month, "deferred"),
            })
        };
        json!({
            "merchant": self.merchant,
            "months": self.months.iter().map(month).collect::<Vec<_>>(),
            "books_balance": self.books_balance(),
        })
    }
}

/// A month's figure in minor units.
fn minor(month: &Value, figure: &str) -> i64 {
    month[figure]["minor"].as_i64().unwrap_or(0)
}
