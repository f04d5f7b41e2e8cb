//! Balances and coupons of a file: what each row says of one.

use std::hash::{BuildHasher, RandomState};

use jiff::Timestamp;

use super::fields::{Fields, Known, Row};
use super::members::{CODE, external_id};
use super::rows::RawRow;
use super::{Item, Kind, Outcome};
use crate::domain::{Code, Label, Minor, Reference};
use crate::usecase::{AssetBrought, AssetRow, Holding, Host, ImportAssetError, ImportPlan, Owner, import_asset};

/// The fields of a balance.
pub(super) const BALANCES: Known = Known {
    names: &["reference", "member", "external_id", "unit", "amount", "expires_at", "reason"],
    needed: &["reference", "unit", "amount"],
    one_of: &["member", "external_id"],
    open: None,
};

/// The fields of coupons.
pub(super) const COUPONS: Known = Known {
    names: &["reference", "member", "external_id", "coupon", "count", "reason"],
    needed: &["reference", "coupon"],
    one_of: &["member", "external_id"],
    open: None,
};

/// Which of the two a file has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Balances,
    Coupons,
}

/// Balances or coupons that come in.
pub(super) struct Assets {
    pub(super) fields: Fields,
    pub(super) sort: Sort,
    pub(super) hashing: RandomState,
    pub(super) brought: u64,
    pub(super) known: u64,
}

impl Kind for Assets {
    type Row = AssetRow;
    type Done = AssetBrought;

    fn read(&mut self, raw: RawRow, items: &mut Vec<Item<AssetRow>>) {
        let read = self.fields.read(&raw).and_then(|row| self.asset(&row));
        items.push(match read {
            Ok(row) => Item::Row(row, vec![raw]),
            Err(fault) => Item::Wrong(vec![(raw, fault)]),
        });
    }

    fn finish(&mut self, _: &mut Vec<Item<AssetRow>>) {}

    fn lane(&self, row: &AssetRow) -> u64 {
        self.hashing.hash_one(&row.owner)
    }

    fn bring(&self, host: &Host, plan: &ImportPlan, row: &AssetRow) -> Outcome<AssetBrought> {
        let brought: Result<_, ImportAssetError> = plan.bring(host, |tx, act| import_asset(tx, act, row));
        match brought {
            Ok(done) => Outcome::Done(done),
            Err(error) => match error.of_the_store() {
                Some(error) => Outcome::Stopped(error.to_string()),
                None => Outcome::Refused(error.to_string()),
            },
        }
    }

    fn count(&mut self, done: AssetBrought) {
        if done.is_known { self.known += 1 } else { self.brought += 1 }
    }
}

impl Assets {
    fn asset(&self, row: &Row<'_>) -> Result<AssetRow, String> {
        let code = |text: String| Code::new(text).map_err(|_| CODE);
        let number = row.text("member", Reference::new)?.flatten();
        let external = row.text("external_id", |text| external_id(&text.into()))?.flatten();
        let owner = match (number, external) {
            (Some(number), None) => Owner::Number(number),
            (None, Some(external)) => Owner::External(external),
            (None, None) => return Err(row.fault("member", &"it is empty, and so is `external_id`")),
            (Some(_), Some(_)) => return Err(row.fault("member", &"say `member` or `external_id`, and not both")),
        };
        let (unit, what) = match self.sort {
            Sort::Balances => {
                let amount = row.needed("amount", |text| amount(&text))?;
                let expires_at = row.text("expires_at", |text| text.parse::<Timestamp>())?.flatten();
                (row.needed("unit", code)?, Holding::Balance { amount, expires_at })
            }
            Sort::Coupons => {
                let count = row.text("count", |text| amount(&text))?.flatten().unwrap_or(1);
                (row.needed("coupon", code)?, Holding::Coupons { count })
            }
        };
        let reference = row.needed("reference", Reference::new)?;
        let reason = row.text("reason", Label::new)?.flatten();
        Ok(AssetRow { reference, owner, unit, what, reason })
    }
}

fn amount(text: &str) -> Result<Minor, &'static str> {
    text.parse()
        .ok()
        .filter(|amount| *amount > 0)
        .ok_or("expected a whole number of 1 or more, in the unit's smallest part")
}
