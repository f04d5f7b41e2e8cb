//! The setting that names whom the operator trusts.

use std::str::FromStr;

use super::value::{Setting, quoted};
use crate::pack::{KeyTextError, VendorKey};

/// Public keys of vendors, separated by commas on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Vendors(pub(in crate::cli) Vec<VendorKey>);

impl FromStr for Vendors {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut known: Vec<VendorKey> = Vec::new();
        for one in text.split(',').map(str::trim).filter(|one| !one.is_empty()) {
            let next: VendorKey = one.parse().map_err(|error: KeyTextError| error.to_string())?;
            if let Some(earlier) = known.iter().find(|earlier| earlier.key.id() == next.key.id()) {
                let (id, vendor) = (next.key.id(), &earlier.vendor);
                return Err(format!("the key {id} is here twice, of `{vendor}` and of `{}`: leave one", next.vendor));
            }
            known.push(next);
        }
        Ok(Self(known))
    }
}

impl Setting for Vendors {
    fn expected() -> String {
        "vendors with their public keys, as `punchcard pack keygen` prints them".into()
    }

    fn toml(&self) -> String {
        let all: Vec<_> = self.0.iter().map(|one| quoted(&one.to_string())).collect();
        format!("[{}]", all.join(", "))
    }
}
