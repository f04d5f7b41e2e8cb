//! What a demonstration ends with: counts from the figures, and the proof that the books balance.

use jiff::civil::Date;
use serde_json::{Value, json};

use super::setup::Stage;
use super::texts::Texts;
use crate::cli::{Failure, verify};
use crate::describe::describe;
use crate::domain::{Code, Currency, MerchantId};
use crate::ledger::House;
use crate::store::StoreError;
use crate::store::layout::Side;
use crate::usecase::{Figure, Figures, Host, MerchantReport, house_total, read_figures};

/// Counts and the result of the checks.
pub(super) struct Summary {
    merchant: String,
    currency: Currency,
    stores: Vec<(String, i64, i64)>,
    figures: Figures,
    points_issued: i64,
    proof: Proof,
}

/// What was proved of a merchant's books.
pub(super) struct Proof {
    report: MerchantReport,
}

impl Proof {
    /// Reads and checks all that there is of the merchant.
    pub(super) fn read(host: &Host, merchant: MerchantId) -> Result<Self, Failure> {
        let checked = verify::check(&host.store, Some(&host.vault))?;
        let report = checked.merchants.into_iter().find(|report| report.merchant.id == merchant);
        Ok(Self { report: report.ok_or("the merchant is gone")? })
    }

    pub(super) fn is_sound(&self) -> bool {
        self.report.is_sound()
    }

    /// Prints what was looked at, and what contradicts something.
    pub(super) fn print(&self, texts: &Texts) {
        let audit = &self.report.audit;
        let values = [
            ("postings", audit.postings.to_string()),
            ("transfers", audit.transfers.to_string()),
            ("accounts", audit.accounts.to_string()),
            ("lots", audit.lots.to_string()),
        ];
        println!("  {}", texts.say("checked", &values));
        for finding in self.report.findings() {
            println!("  ! {finding}");
        }
    }
}

impl Summary {
    pub(super) fn read(host: &Host, stage: &Stage) -> Result<Self, Failure> {
        let merchant = stage.merchant.id;
        let points = Code::new("points").map_err(|error| describe(&error))?;
        let all_days = (Date::constant(1, 1, 1), Date::constant(9998, 12, 31));
        let (figures, points_issued) = host
            .look(|tx| {
                let figures = read_figures(tx, merchant, all_days, None)?;
                Ok::<_, StoreError>((figures, house_total(tx, merchant, House::Issued, Side::Debits, &points)?))
            })
            .map_err(|error| describe(&error))?;
        let proof = Proof::read(host, merchant)?;
        let of =
            |store, figure| figures.stores.get(&Some(store)).and_then(|all| all.get(&figure)).copied().unwrap_or(0);
        let stores = stage
            .stores
            .iter()
            .map(|store| (store.name.to_string(), of(store.id, Figure::Orders), of(store.id, Figure::RevenueMinor)))
            .collect();
        Ok(Self {
            merchant: stage.merchant.name.to_string(),
            currency: stage.merchant.currency,
            stores,
            figures,
            points_issued,
            proof,
        })
    }

    pub(super) fn books_balance(&self) -> bool {
        let counted = |figure| u64::try_from(self.figures.total(figure)).ok();
        self.proof.is_sound()
            && counted(Figure::Orders) == Some(self.proof.report.orders)
            && counted(Figure::MembersNew) == Some(self.proof.report.members)
    }

    fn show(&self, minor: i64) -> String {
        self.currency.show(u64::try_from(minor).unwrap_or(0))
    }

    pub(super) fn print(&self, texts: &Texts) {
        println!();
        println!("{}", texts.say("summary", &[("merchant", self.merchant.clone())]));
        for (store, orders, revenue) in &self.stores {
            let values = [("store", store.clone()), ("orders", orders.to_string()), ("revenue", self.show(*revenue))];
            println!("  {}", texts.say("per-store", &values));
        }
        let total = |figure| self.figures.total(figure);
        let values = [
            ("members", self.proof.report.members.to_string()),
            ("orders", total(Figure::Orders).to_string()),
            ("total", self.show(total(Figure::RevenueMinor))),
            ("refunds", total(Figure::Refunds).to_string()),
            ("refunded", self.show(total(Figure::RefundedMinor))),
            ("points", self.points_issued.to_string()),
        ];
        println!("  {}", texts.say("counts", &values));
        self.proof.print(texts);
        if self.books_balance() {
            println!("  {}", texts.say("books-balance", &[]));
        }
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "merchant": self.merchant,
            "currency": self.currency.code(),
            "members": self.proof.report.members,
            "orders": self.figures.total(Figure::Orders),
            "order_total_minor": self.figures.total(Figure::RevenueMinor),
            "refunds": self.figures.total(Figure::Refunds),
            "refunded_minor": self.figures.total(Figure::RefundedMinor),
            "points_issued": self.points_issued,
            "postings": self.proof.report.audit.postings,
            "lots": self.proof.report.audit.lots,
            "books_balance": self.books_balance(),
        })
    }
}
