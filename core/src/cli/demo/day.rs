//! A bakery's trading day.

use std::path::Path;

use jiff::Timestamp;
use jiff::civil::{Date, date};
use serde_json::{Value, json};

use super::script::{Person, Script, ZONE, code_of, expect_refusal, instant, reference_of, text};
use super::setup::{Stage, label};
use super::texts::Texts;
use crate::cli::Failure;
use crate::describe::describe;
use crate::domain::{Currency, Line, Order, PackResult, ZoneName};
use crate::usecase::{
    CreateMerchant, Host, LoadStoredValue, NewStore, QuoteLine, QuoteOrder, RefundOrder, SettleOrder, SoughtCoupons,
    find_order, load_stored_value, quote_order, read_assets, refund_order, settle_order,
};

const WEDNESDAY: Date = date(2026, 3, 18);
const SATURDAY: Date = date(2026, 3, 21);

/// When the day begins.
pub(super) fn begin() -> Timestamp {
    instant(WEDNESDAY, "07:00")
}

/// Plays the day.
pub(super) fn play(host: &Host, texts: &Texts, packs: &Path) -> Result<Stage, Failure> {
    let mut stage = open_merchant(host, texts, packs)?;
    println!();
    println!("{}", texts.say("morning", &[]));
    let mut day = Script { host, texts, stage: &stage, day: WEDNESDAY, time: "07:00" };
    let people = day.members_join()?;
    day.morning(&people)?;
    day.pre_orders(&people)?;
    day.afternoon(&people)?;
    day.evening(&people)?;
    println!();
    println!("{}", texts.say("saturday", &[]));
    day.day = SATURDAY;
    day.saturday(&people)?;
    let [lin, ..] = people;
    stage.example = (lin.reference.to_owned(), lin.id);
    Ok(stage)
}

fn open_merchant(host: &Host, texts: &Texts, packs: &Path) -> Result<Stage, Failure> {
    let store = |code: &str, name: &str| NewStore { code: code_of(code), name: label(name) };
    let new = CreateMerchant {
        name: label("麦香面包房 Maixiang Bakery"),
        currency: Currency::new("CNY").map_err(|error| describe(&error))?,
        time_zone: ZoneName::new(ZONE)?,
        locale: label(&texts.say("locale", &[])),
        stores: vec![
            store("xintiandi", "新天地 Xintiandi"),
            store("jingan", "静安 Jing'an"),
            store("pudong", "浦东 Pudong"),
        ],
    };
    let stage = Stage::set(host, texts, &new)?;
    let points = json!({
        "points": 1,
        "per_amount": 100,
        "weekday_multipliers": [{ "weekday": "wednesday", "percent": 200 }],
        "tag_multipliers": [{ "tag": "vip", "percent": 300 }],
        "expiry": { "months": 12 },
    });
    stage.enable(host, texts, packs, "points", &stage.stores, points)?;
    let bakery = json!({
        "slots": [
            { "start": "10:00", "end": "11:00", "capacity": 4 },
            { "start": "16:00", "end": "17:00", "capacity": 6 },
        ],
        "lead_hours": 24,
        "horizon_days": 14,
        "cancel_free_hours": 24,
        "deposit_percent": 30,
        "products": [
            { "sku": "birthday-cake", "title": "生日蛋糕 Birthday cake", "price_minor": 26800, "capacity_units": 2 },
            { "sku": "tiramisu", "title": "提拉米苏 Tiramisu", "price_minor": 12800 },
        ],
        "evening": { "start": "19:30", "percent": 30 },
    });
    // The third store has no oven: it sells, but takes no pre-orders.
    stage.enable(host, texts, packs, "bakery", &stage.stores[..2], bakery)?;
    Ok(stage)
}

/// What somebody buys of one thing, where, and for how much.
struct Sale<'s> {
    person: Option<&'s Person>,
    store: usize,
    sku: &'s str,
    quantity: u32,
    amount_minor: u64,
    /// What a quote said is to be paid, if it was asked.
    due_minor: Option<u64>,
}

impl Script<'_> {
    fn members_join(&mut self) -> Result<[Person; 6], Failure> {
        self.at("07:30");
        Ok([
            self.join("林 Lin", "card-1001", 0, false)?,
            self.join("王 Wang", "card-1002", 0, true)?,
            self.join("陈 Chen", "card-1003", 1, false)?,
            self.join("赵 Zhao", "card-1004", 1, false)?,
            self.join("孙 Sun", "card-1005", 2, false)?,
            self.join("周 Zhou", "card-1006", 2, false)?,
        ])
    }

    fn morning(&mut self, [lin, wang, _, _, sun, zhou]: &[Person; 6]) -> Result<(), Failure> {
        self.at("08:10");
        self.buy("m-1", Some(lin), 0, "croissants", "croissant", 2, 3600)?;
        self.buy("m-2", Some(wang), 0, "breakfast", "breakfast", 1, 4500)?;
        self.buy("m-3", None, 1, "bread", "rye-bread", 1, 2800)?;
        self.at("08:25");
        self.buy("m-4", Some(sun), 2, "breakfast", "breakfast", 1, 4500)?;
        self.buy("m-5", Some(zhou), 2, "bread", "rye-bread", 1, 2800)?;
        self.at("08:26");
        self.send_again("m-5", zhou, 2, "rye-bread", 1, 2800)
    }

    fn pre_orders(&mut self, [lin, wang, chen, zhao, _, _]: &[Person; 6]) -> Result<(), Failure> {
        self.at("10:00");
        for person in [lin, wang, chen, zhao] {
            self.load(person, 20_000)?;
        }
        self.show_slot(0)?;
        self.at("10:15");
        self.place("p-1", lin, 0, "cake", "birthday-cake")?;
        self.place("p-2", wang, 0, "tiramisu", "tiramisu")?;
        let chens = self.place("p-3", chen, 0, "tiramisu", "tiramisu")?;
        self.at("10:40");
        self.find_slot_full("p-4", zhao, 0, "cake", "birthday-cake")?;
        self.at("11:30");
        self.cancel("c-1", chen, 0, &chens)?;
        self.at("11:45");
        self.place("p-5", zhao, 0, "tiramisu", "tiramisu")?;
        Ok(())
    }

    fn afternoon(&mut self, [_, wang, _, _, sun, zhou]: &[Person; 6]) -> Result<(), Failure> {
        self.at("15:00");
        self.redeem("r-1", wang, 2, 100)?;
        self.redeem("r-2", sun, 2, 60)?;
        self.find_too_few("r-3", zhou, 2, 5_000)?;
        self.at("16:20");
        self.give_back("g-1", "m-4", sun, "breakfast")
    }

    fn evening(&mut self, [lin, ..]: &[Person; 6]) -> Result<(), Failure> {
        self.at("19:40");
        self.buy_at_quote("e-1", lin, 0, "bread", "rye-bread", 2, 5600)
    }

    fn saturday(&mut self, [lin, _, _, _, sun, _]: &[Person; 6]) -> Result<(), Failure> {
        self.at("10:05");
        self.pick_up("p-1", lin, 0)?;
        self.at("10:30");
        self.buy("s-1", Some(sun), 2, "bread", "rye-bread", 2, 5600)
    }

    fn load(&self, person: &Person, amount_minor: u64) -> Result<(), Failure> {
        let load = LoadStoredValue { member: person.id, amount_minor, bonus_minor: 0, store: None, reason: None };
        self.once(&format!("load-{}", person.reference), |tx, act| load_stored_value(tx, act, &load))?;
        self.tell("loaded", &[("name", person.name.to_owned()), ("amount", self.money(amount_minor))]);
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "a line of the script")]
    fn buy(
        &self,
        key: &str,
        person: Option<&Person>,
        store: usize,
        what: &str,
        sku: &str,
        quantity: u32,
        amount_minor: u64,
    ) -> Result<(), Failure> {
        let order = self.settle(key, key, &Sale { person, store, sku, quantity, amount_minor, due_minor: None })?;
        let mut values = vec![
            ("what", self.texts.say(what, &[])),
            ("amount", self.money(order.total_minor)),
            ("store", self.store(store).name.to_string()),
        ];
        match person {
            Some(person) => {
                values.push(("name", person.name.to_owned()));
                values.push(("points", points(&order).to_string()));
                self.tell("bought", &values);
            }
            None => self.tell("bought-alone", &values),
        }
        Ok(())
    }

    fn send_again(
        &self,
        reference: &str,
        person: &Person,
        store: usize,
        sku: &str,
        quantity: u32,
        amount_minor: u64,
    ) -> Result<(), Failure> {
        let again = format!("{reference}-again");
        let sale = Sale { person: Some(person), store, sku, quantity, amount_minor, due_minor: None };
        self.settle(&again, reference, &sale)?;
        let values = [("name", person.name.to_owned()), ("store", self.store(store).name.to_string())];
        self.tell("repeated", &values);
        Ok(())
    }

    /// Asks what it costs, which packs may make less, and sells it for that.
    #[expect(clippy::too_many_arguments, reason = "a line of the script")]
    fn buy_at_quote(
        &self,
        key: &str,
        person: &Person,
        store: usize,
        what: &str,
        sku: &str,
        quantity: u32,
        amount_minor: u64,
    ) -> Result<(), Failure> {
        let line =
            QuoteLine { sku: label(sku), category: None, brand: None, quantity, amount_minor: Some(amount_minor) };
        let basket = QuoteOrder {
            store: self.store(store).id,
            member: Some(person.id),
            lines: vec![line],
            coupons: SoughtCoupons::None,
            discounts: true,
        };
        let quote = self.host.act(&self.stage.actor, |tx, act| quote_order(tx, act, &basket));
        let quote = quote.map_err(|error| describe(&error))?;
        let due_minor = Some(quote.due_minor);
        let sale = Sale { person: Some(person), store, sku, quantity, amount_minor, due_minor };
        let order = self.settle(key, key, &sale)?;
        let values = [
            ("name", person.name.to_owned()),
            ("what", self.texts.say(what, &[])),
            ("amount", self.money(order.total_minor)),
            ("off", self.money(amount_minor - order.total_minor)),
            ("store", self.store(store).name.to_string()),
            ("points", points(&order).to_string()),
        ];
        self.tell("bought-cheaper", &values);
        Ok(())
    }

    fn settle(&self, key: &str, reference: &str, sale: &Sale<'_>) -> Result<Order, Failure> {
        let Sale { person, store, sku, quantity, amount_minor, due_minor } = *sale;
        let new = SettleOrder {
            reference: reference_of(reference),
            store: self.store(store).id,
            member: person.map(|person| person.id),
            served_by: None,
            ordered_at: None,
            currency: None,
            lines: vec![Line { sku: label(sku), category: None, brand: None, quantity, amount_minor }],
            due_minor,
            coupons: Vec::new(),
            payments: Vec::new(),
        };
        Ok(self.once(key, |tx, act| settle_order(tx, act, &new))?.order)
    }

    fn show_slot(&self, store: usize) -> Result<(), Failure> {
        let slots = self.command("show", "bakery", "slots", store, json!({ "date": SATURDAY.to_string() }))??;
        let slot = &slots["slots"][0];
        let values = [
            ("store", self.store(store).name.to_string()),
            ("free", slot["free"].to_string()),
            ("capacity", slot["capacity"].to_string()),
        ];
        self.tell("slots", &values);
        Ok(())
    }

    fn wish(person: &Person, key: &str, sku: &str) -> Value {
        json!({
            "member": person.id.to_string(),
            "date": SATURDAY.to_string(),
            "slot": "10:00",
            "lines": [{ "sku": sku, "quantity": 1 }],
            "reference": key,
        })
    }

    fn place(&self, key: &str, person: &Person, store: usize, what: &str, sku: &str) -> Result<Value, Failure> {
        let placed = self.command(key, "bakery", "place", store, Self::wish(person, key, sku))??;
        let values = [
            ("name", person.name.to_owned()),
            ("what", self.texts.say(what, &[])),
            ("store", self.store(store).name.to_string()),
            ("deposit", self.money(placed["deposit_minor"].as_u64().unwrap_or(0))),
            ("code", text(&placed["code"])),
        ];
        self.tell("placed", &values);
        Ok(placed)
    }

    fn find_slot_full(&self, key: &str, person: &Person, store: usize, what: &str, sku: &str) -> Result<(), Failure> {
        let refused = self.command(key, "bakery", "place", store, Self::wish(person, key, sku))?;
        let message = expect_refusal(refused, "slot-full")?;
        let values = [("name", person.name.to_owned()), ("what", self.texts.say(what, &[])), ("message", message)];
        self.tell("slot-full", &values);
        Ok(())
    }

    fn cancel(&self, key: &str, person: &Person, store: usize, placed: &Value) -> Result<(), Failure> {
        let cancelled = self.command(key, "bakery", "cancel", store, json!({ "preorder": placed["preorder"] }))??;
        let returned = self.money(cancelled["returned_minor"].as_u64().unwrap_or(0));
        self.tell("cancelled", &[("name", person.name.to_owned()), ("returned", returned)]);
        Ok(())
    }

    fn redeem(&self, key: &str, person: &Person, store: usize, points: u64) -> Result<(), Failure> {
        let gift = self.texts.say("gift-cup", &[]);
        let input = json!({ "member": person.id.to_string(), "points": points, "for": "cup" });
        let redeemed = self.command(key, "points", "redeem", store, input)??;
        let values = [
            ("name", person.name.to_owned()),
            ("points", points.to_string()),
            ("gift", gift),
            ("left", redeemed["left"].to_string()),
        ];
        self.tell("redeemed", &values);
        Ok(())
    }

    fn find_too_few(&self, key: &str, person: &Person, store: usize, points: u64) -> Result<(), Failure> {
        let input = json!({ "member": person.id.to_string(), "points": points, "for": "cup" });
        let message = expect_refusal(self.command(key, "points", "redeem", store, input)?, "insufficient-points")?;
        let values = [("name", person.name.to_owned()), ("points", points.to_string()), ("message", message)];
        self.tell("too-few", &values);
        Ok(())
    }

    fn give_back(&self, key: &str, settled: &str, person: &Person, what: &str) -> Result<(), Failure> {
        let order = self
            .host
            .look(|tx| find_order(tx, self.stage.merchant.id, &reference_of(settled)))
            .map_err(|error| describe(&error))?
            .ok_or("the order of the script is missing")?;
        let refund = RefundOrder { order, reason: Some(label("stale")), lines: None };
        let order = self.once(key, |tx, act| refund_order(tx, act, &refund))?.order;
        let values = [
            ("name", person.name.to_owned()),
            ("what", self.texts.say(what, &[])),
            ("amount", self.money(order.total_minor)),
            ("points", points(&order).to_string()),
        ];
        self.tell("refunded", &values);
        let now = self.host.clock.now();
        let assets = self
            .host
            .look(|tx| read_assets(tx, self.stage.merchant.id, now, person.id))
            .map_err(|error| describe(&error))?;
        let debt = assets.iter().map(|asset| asset.debt).sum::<u64>();
        if debt > 0 {
            self.tell("owes", &[("name", person.name.to_owned()), ("debt", debt.to_string())]);
        }
        Ok(())
    }

    fn pick_up(&self, placed: &str, person: &Person, store: usize) -> Result<(), Failure> {
        // The code stands in the first result, which the same key gives again.
        let first = self.command(placed, "bakery", "place", store, Self::wish(person, placed, "birthday-cake"))??;
        let code = text(&first["code"]);
        let input = json!({ "code": code, "date": SATURDAY.to_string() });
        let picked = self.command("u-1", "bakery", "pick-up", store, input.clone())??;
        let due = picked["balance_due_minor"].as_u64().unwrap_or(0);
        let values = [("name", person.name.to_owned()), ("code", code.clone()), ("due", self.money(due))];
        self.tell("picked-up", &values);
        let again = self.command("u-2", "bakery", "pick-up", store, input)?;
        let message = expect_refusal(again, "already-picked-up")?;
        self.tell("scanned-twice", &[("code", code), ("message", message)]);
        self.buy("s-0", Some(person), store, "cake", "birthday-cake", 1, due)
    }
}

fn points(order: &Order) -> u64 {
    let earned = order.outcomes.iter().map(|outcome| match &outcome.result {
        PackResult::Done { earned, .. } => earned.iter().map(|(_, amount)| amount).sum(),
        PackResult::Failed { .. } => 0,
    });
    earned.sum()
}
