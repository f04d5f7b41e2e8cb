//! Files that are brought in by `punchcard import`, with a few things wrong. Whatever comes of it, the command says so, and the
//! data directory is sound when all is over.

use std::path::Path;

use punchcard::domain::IdSource;

use crate::fuzz_packs::{below, mutated};
use crate::premises::Premises;
use crate::process::{Ran, punchcard};

/// What is brought in, in which form, and what is in the file.
const FILES: [(&str, &str, &str); 6] = [
    ("members", "csv", include_str!("rows/members.csv")),
    ("members", "ndjson", include_str!("rows/members.ndjson")),
    ("orders", "csv", include_str!("rows/orders.csv")),
    ("orders", "ndjson", include_str!("rows/orders.ndjson")),
    ("balances", "csv", include_str!("rows/balances.csv")),
    ("coupons", "csv", include_str!("rows/coupons.csv")),
];

/// A merchant to whom rows are brought.
pub(super) struct Rows(Premises);

impl Rows {
    pub(super) fn new() -> Self {
        Self(Premises::new())
    }

    /// Brings a file in, or tries what would come of it; whether something was told as wrong.
    pub(super) fn bring(&self, random: &mut IdSource, scratch: &Path) -> Result<bool, String> {
        let (kind, format, text) = FILES[below(random, FILES.len())];
        let file = scratch.join("rows-of-last");
        std::fs::write(&file, mutated(random, text.as_bytes()))
            .map_err(|error| format!("{}: {error}", file.display()))?;
        let (Some(data), Some(file)) = (self.0.path().to_str(), file.to_str()) else {
            return Err("a temporary directory has a plain name".to_owned());
        };
        let mut args = vec!["import", kind, "--data", data, "--format", format];
        args.extend((kind == "members").then_some("--update"));
        args.extend(random.bits().is_multiple_of(2).then_some("--dry-run"));
        args.push(file);
        let Ran { status, stderr, .. } = punchcard(&args);
        match status.code() {
            Some(0) => Ok(false),
            Some(1) => Ok(true),
            _ => Err(format!("punchcard {} ends with {status}: {stderr}", args.join(" "))),
        }
    }

    /// Whether all that came in is sound.
    pub(super) fn verify(&self) -> Result<(), String> {
        let Ran { status, stdout, stderr } = self.0.verify();
        if status.success() { Ok(()) } else { Err(format!("rows that came in leave this: {stdout}{stderr}")) }
    }
}
