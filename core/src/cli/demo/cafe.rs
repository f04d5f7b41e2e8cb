//! A Sunday on which two brands work together: a member of a café redeems points at the bakery, and both books say so.

use std::path::Path;

use jiff::civil::{Date, date};
use serde_json::{Value, json};

use super::script::{Person, Script, ZONE, code_of, expect_refusal, reference_of, text};
use super::setup::{Stage, label};
use super::statements::Statements;
use super::texts::Texts;
use crate::cli::Failure;
use crate::describe::describe;
use crate::domain::{AgreementId, Currency, Line, ZoneName};
use crate::usecase::agreements::{ProposeAgreement, accept_agreement, propose_agreement};
use crate::usecase::users::put_handle;
use crate::usecase::{CreateMerchant, Host, NewStore, SettleOrder, settle_order};

const PACK: &str = "alliance";
const SUNDAY: Date = date(2026, 4, 5);
const MONTH: &str = "2026-04";

/// Plays the day: the café is whose points they are, the bakery where they are redeemed.
pub(super) fn play(host: &Host, texts: &Texts, packs: &Path, bakery: &Stage) -> Result<Statements, Failure> {
    println!();
    let cafe = open_cafe(host, texts, packs)?;
    bakery.enable(host, texts, packs, PACK, &bakery.stores, json!({}))?;
    println!();
    println!("{}", texts.say("sunday", &[]));
    let script = |stage| Script { host, texts, stage, day: SUNDAY, time: "09:00" };
    let (mut cafe, mut bakery) = (script(&cafe), script(bakery));
    cafe.at("09:00");
    let agreement = agree(&cafe, &bakery)?;
    cafe.at("09:30");
    let zhou = cafe.join("周 Zhou", "cafe-1", 0, false)?;
    cafe.buy_beans(&zhou)?;
    cafe.at("10:00");
    cafe.link(&agreement, &zhou)?;
    cafe.at("10:15");
    let code = cafe.authorise("a-c2", &agreement, &zhou, 200)?;
    bakery.at("10:20");
    bakery.redeem_code(&agreement, &zhou, &code)?;
    bakery.at("10:25");
    bakery.find_code_used(&agreement, &code)?;
    cafe.at("10:30");
    let code = cafe.authorise("a-c5", &agreement, &zhou, 0)?;
    bakery.at("10:35");
    bakery.earn(&agreement, &zhou, &code)?;
    bakery.at("18:00");
    bakery.note_payment(&agreement)?;
    Statements::read(&cafe, &bakery, &agreement, MONTH)
}

fn open_cafe(host: &Host, texts: &Texts, packs: &Path) -> Result<Stage, Failure> {
    let new = CreateMerchant {
        name: label("街角咖啡 Corner Café"),
        currency: Currency::new("CNY").map_err(|error| describe(&error))?,
        time_zone: ZoneName::new(ZONE)?,
        locale: label(&texts.say("locale", &[])),
        stores: vec![NewStore { code: code_of("corner"), name: label("街角 Corner") }],
    };
    let stage = Stage::set(host, texts, &new)?;
    stage.enable(host, texts, packs, "points", &stage.stores, json!({ "points": 1, "per_amount": 100 }))?;
    stage.enable(host, texts, packs, PACK, &stage.stores, json!({}))?;
    Ok(stage)
}

/// The café proposes an agreement, and the bakery accepts it.
fn agree(cafe: &Script<'_>, bakery: &Script<'_>) -> Result<AgreementId, Failure> {
    for (script, handle) in [(cafe, "corner-cafe"), (bakery, "maixiang")] {
        let handle = code_of(handle);
        script
            .host
            .act(&script.stage.actor, |tx, act| put_handle(tx, act, &handle))
            .map_err(|error| describe(&error))?;
    }
    let proposal = ProposeAgreement {
        pack: code_of(PACK),
        partner: code_of("maixiang"),
        terms: json!({
            "issuer": "proposer",
            "redeem": { "points": 100, "minor": 1_000 },
            "reimbursed": 8_000,
            "earn": { "per_minor": 1_000, "points": 10, "price_minor": 50 },
        }),
        credit_max_minor: Some(100_000),
        until: None,
    };
    let agreement = cafe.once("a-p1", |tx, act| propose_agreement(tx, act, &proposal))?.id;
    bakery.once("a-p2", |tx, act| accept_agreement(tx, act, agreement))?;
    let names = |script: &Script<'_>| script.stage.merchant.name.to_string();
    cafe.tell("agreed", &[("issuer", names(cafe)), ("redeemer", names(bakery))]);
    Ok(agreement)
}

impl Script<'_> {
    fn buy_beans(&self, person: &Person) -> Result<(), Failure> {
        let line = Line { sku: label("beans"), category: None, brand: None, quantity: 2, amount_minor: 32_000 };
        let order = SettleOrder {
            reference: reference_of("cafe-till-1"),
            store: self.store(0).id,
            member: Some(person.id),
            served_by: None,
            ordered_at: None,
            currency: None,
            lines: vec![line],
            due_minor: None,
            coupons: Vec::new(),
            payments: Vec::new(),
        };
        let settled = self.once("a-o1", |tx, act| settle_order(tx, act, &order))?;
        let amount = self.money(settled.order.total_minor);
        self.tell("bought-beans", &[("name", person.name.to_owned()), ("amount", amount)]);
        Ok(())
    }

    /// Runs a command of the pack under the agreement.
    fn under(&self, key: &str, agreement: &AgreementId, command: &str, mut input: Value) -> Result<Value, Failure> {
        input["agreement"] = json!(agreement.to_string());
        Ok(self.command(key, PACK, command, 0, input)??)
    }

    fn link(&self, agreement: &AgreementId, person: &Person) -> Result<(), Failure> {
        let consent = json!({ "member": person.id.to_string(), "consent": "2026-01" });
        let linked = self.under("a-c1", agreement, "link", consent)?;
        self.tell("linked", &[("name", person.name.to_owned()), ("partner", text(&linked["partner"]))]);
        Ok(())
    }

    fn authorise(&self, key: &str, agreement: &AgreementId, person: &Person, points: u64) -> Result<String, Failure> {
        let wanted = json!({ "member": person.id.to_string(), "points": points });
        let made = self.under(key, agreement, "authorise", wanted)?;
        let code = text(&made["code"]);
        let id = if points == 0 { "member-code" } else { "points-code" };
        let values = [("name", person.name.to_owned()), ("code", code.clone()), ("points", points.to_string())];
        self.tell(id, &values);
        Ok(code)
    }

    fn redeem_code(&self, agreement: &AgreementId, person: &Person, code: &str) -> Result<(), Failure> {
        let done = self.under("a-b1", agreement, "redeem", json!({ "code": code, "reference": "bakery-a1" }))?;
        let money = |field: &str| self.money(done[field].as_u64().unwrap_or(0));
        let values = [
            ("name", person.name.to_owned()),
            ("store", self.store(0).name.to_string()),
            ("points", done["points"].to_string()),
            ("value", money("value_minor")),
            ("reimbursed", money("reimbursed_minor")),
        ];
        self.tell("redeemed-there", &values);
        Ok(())
    }

    fn find_code_used(&self, agreement: &AgreementId, code: &str) -> Result<(), Failure> {
        let again = json!({ "agreement": agreement.to_string(), "code": code, "reference": "bakery-a2" });
        let message = expect_refusal(self.command("a-b2", PACK, "redeem", 0, again)?, "code-used")?;
        self.tell("code-used", &[("message", message)]);
        Ok(())
    }

    fn earn(&self, agreement: &AgreementId, person: &Person, code: &str) -> Result<(), Failure> {
        let purchase = json!({ "code": code, "amount_minor": 8_600, "reference": "bakery-a3" });
        let done = self.under("a-b3", agreement, "earn", purchase)?;
        let values = [
            ("name", person.name.to_owned()),
            ("amount", self.money(8_600)),
            ("points", done["points"].to_string()),
            ("price", self.money(done["price_minor"].as_u64().unwrap_or(0))),
        ];
        self.tell("earned-there", &values);
        Ok(())
    }

    fn note_payment(&self, agreement: &AgreementId) -> Result<(), Failure> {
        let paid = json!({ "amount_minor": 1_000, "reference": "bank-77" });
        let left = self.under("a-b4", agreement, "paid", paid)?;
        let left = left["balance_minor"].as_u64().unwrap_or(0);
        self.tell("partner-paid", &[("amount", self.money(1_000)), ("left", self.money(left))]);
        Ok(())
    }

    /// What this side's statement of a month says, and whether the partner's says the same.
    pub(super) fn statement(&self, agreement: &AgreementId, month: &str) -> Result<(Value, bool), Failure> {
        let asked = |name: &str| format!("a-s{name}-{}", self.stage.merchant.id);
        let of_month = json!({ "month": month });
        let statement = self.under(&asked("1"), agreement, "statement", of_month.clone())?;
        let compared = self.under(&asked("2"), agreement, "reconcile", of_month)?;
        Ok((statement["totals"].clone(), compared["same"] == true))
    }
}
