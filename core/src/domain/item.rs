//! The catalogue: what a merchant sells, as far as baskets, coupons and packs need it.

use serde::{Deserialize, Serialize};

use super::{Label, Line, Minor};

/// Something that a merchant sells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The merchant's name for it.
    pub sku: Label,
    /// What people call it.
    pub name: Label,
    /// Its category: lines that name none are of this one.
    pub category: Option<Label>,
    /// Its brand: lines that name none are of this one.
    pub brand: Option<Label>,
    /// What one costs.
    pub price_minor: Option<Minor>,
    /// What one costs a member.
    pub member_price_minor: Option<Minor>,
    /// How often the record was changed since it was made; names its state.
    pub version: u64,
}

impl Item {
    /// What one costs whom: a member's price counts for members only.
    pub fn price(&self, is_member: bool) -> Option<Minor> {
        self.member_price_minor.filter(|_| is_member).or(self.price_minor)
    }

    /// Says of a line what it does not say itself.
    pub fn complete(&self, line: &mut Line) {
        line.category = line.category.take().or_else(|| self.category.clone());
        line.brand = line.brand.take().or_else(|| self.brand.clone());
    }
}
