//! Benefits across brands: members of the shop redeem their points at the rival, and both books say the same.

use host_tests::{Member, Shop, World, pack};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::agreements::name;
use crate::with_points;

/// The month in which worlds begin.
const MONTH: &str = "2026-03";

/// The shop's points are worth 5.00 for 100 at the rival, of which the shop pays 80 %; purchases there give 5 points for
/// each 10.00, for which the rival owes 0.20.
fn terms() -> Value {
    json!({
        "issuer": "proposer", "redeem": { "points": 100, "minor": 500 }, "reimbursed": 8_000,
        "earn": { "per_minor": 1_000, "points": 5, "price_minor": 20 },
    })
}

/// Two partners with an agreement in force, and a member of the shop with a thousand points who is linked.
struct Alliance {
    world: World,
    agreement: String,
    alice: Member,
}

impl Alliance {
    async fn new(terms: Value) -> Self {
        let world = World::new();
        with_points(&world.shop).await;
        for (shop, handle) in [(&world.shop, "shop"), (&world.rival, "rival")] {
            name(&world, shop, handle);
            shop.enable(pack("alliance")).send().await.ok();
        }
        let proposal = json!({ "pack": "alliance", "partner": "rival", "terms": terms, "credit_max_minor": 100_000 });
        let proposed = world.shop.post("/v1/agreements", proposal).new_key().send().await.created();
        let agreement = proposed["id"].as_str().unwrap().to_owned();
        let accept = world.rival.post(&format!("/v1/agreements/{agreement}/acceptance"), json!({}));
        accept.new_key().send().await.ok();
        let alice = world.shop.member("alice").enrol().await;
        alice.grant(1_000).await.ok();
        let it = Self { world, agreement, alice };
        it.at_shop("link", json!({ "member": it.alice.id, "consent": "2026-01" })).await.ok();
        it
    }

    async fn run(&self, shop: &Shop, command: &str, input: Value) -> host_tests::Reply {
        let mut input = input;
        input["agreement"] = json!(self.agreement);
        shop.command("alliance", command, input).send().await
    }

    async fn at_shop(&self, command: &str, input: Value) -> host_tests::Reply {
        self.run(&self.world.shop, command, input).await
    }

    async fn at_rival(&self, command: &str, input: Value) -> host_tests::Reply {
        self.run(&self.world.rival, command, input).await
    }

    /// A code for so many of the member's points.
    async fn code(&self, points: u64) -> String {
        let made = self.at_shop("authorise", json!({ "member": self.alice.id, "points": points })).await.ok();
        made["result"]["code"].as_str().unwrap().to_owned()
    }

    async fn redeem(&self, code: &str, reference: &str) -> Value {
        let done = self.at_rival("redeem", json!({ "code": code, "reference": reference })).await.ok();
        done["result"].clone()
    }

    async fn statement(&self, shop: &Shop) -> Value {
        self.run(shop, "statement", json!({ "month": MONTH })).await.ok()["result"].clone()
    }

    async fn balance(&self, shop: &Shop) -> i64 {
        let path = format!("/v1/agreements/{}", self.agreement);
        shop.get(&path).send().await.ok()["balance_minor"].as_i64().unwrap()
    }

    /// Both statements are the sums of their lines, the same seen from the other side, and what the books say.
    async fn agrees(&self) {
        let mut due = Vec::new();
        for shop in [&self.world.shop, &self.world.rival] {
            let statement = self.statement(shop).await;
            let lines = statement["lines"].as_array().unwrap();
            let sum: i64 = lines.iter().map(|line| line["due_minor"].as_i64().unwrap()).sum();
            assert_eq!(statement["totals"]["due_minor"], sum, "{statement}");
            assert_eq!(self.balance(shop).await, sum);
            due.push(sum);
        }
        assert_eq!(due[0], -due[1]);
        for shop in [&self.world.shop, &self.world.rival] {
            let compared = self.run(shop, "reconcile", json!({ "month": MONTH })).await.ok();
            assert_eq!(compared["result"]["same"], true, "{compared}");
        }
        self.world.books_balance();
    }
}

#[tokio::test]
async fn points_are_redeemed_at_the_partner_and_both_books_say_so() {
    let it = Alliance::new(terms()).await;
    let code = it.code(300).await;
    assert_eq!(it.alice.points().await, 700, "they are held");
    let checked = it.at_rival("check", json!({ "code": code.to_lowercase() })).await.ok();
    assert_eq!(checked["result"], json!({ "points": 300, "value_minor": 1_500 }));
    let done = it.redeem(&code, "till-1").await;
    assert_eq!((&done["value_minor"], &done["reimbursed_minor"]), (&json!(1_500), &json!(1_200)));
    assert_eq!((it.balance(&it.world.shop).await, it.balance(&it.world.rival).await), (-1_200, 1_200));
    assert_eq!(it.redeem(&code, "till-1").await, done, "the same again is the same");
    let twice = it.at_rival("redeem", json!({ "code": code, "reference": "till-2" })).await.problem();
    assert_eq!(twice.name(), "422 pack:code-used");
    it.agrees().await;

    let redemption = json!({ "redemption": done["redemption"] });
    it.at_rival("cancel", redemption.clone()).await.ok();
    assert_eq!((it.alice.points().await, it.balance(&it.world.shop).await), (1_000, 0));
    assert_eq!(it.at_rival("cancel", redemption).await.problem().name(), "422 pack:already-cancelled");

    let code = it.code(0).await;
    let earned = it.at_rival("earn", json!({ "code": code, "amount_minor": 2_999, "reference": "till-3" })).await.ok();
    assert_eq!((&earned["result"]["points"], it.alice.points().await), (&json!(10), 1_010));
    assert_eq!(earned["result"]["alias"], done["alias"], "the member is the same to the partner");
    assert_eq!(it.balance(&it.world.shop).await, 40);
    let paid = |amount: u64| json!({ "amount_minor": amount, "reference": "bank-1" });
    assert_eq!(it.at_shop("paid", paid(41)).await.problem().name(), "422 pack:not-due");
    assert_eq!(it.at_rival("paid", paid(1)).await.problem().name(), "422 pack:not-due", "who owes can not say so");
    it.at_shop("paid", paid(40)).await.ok();
    assert_eq!(it.balance(&it.world.rival).await, 0);
    it.agrees().await;
    let kinds = |statement: Value| -> Vec<String> {
        let lines = statement["lines"].as_array().unwrap().clone();
        lines.iter().map(|line| line["kind"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds(it.statement(&it.world.rival).await), ["redeemed", "cancelled", "earned", "paid"]);
}

#[tokio::test]
async fn a_partner_sees_an_alias_and_nothing_else() {
    let it = Alliance::new(terms()).await;
    let code = it.code(100).await;
    it.redeem(&code, "till-1").await;
    let rival = &it.world.rival;
    for path in ["/v1/packs/alliance/entries", "/v1/events", "/v1/changes", "/v1/agreements"] {
        let told = rival.get(path).send().await.ok().to_string();
        for hidden in [&it.alice.id, &it.world.shop.id.to_string(), &it.world.shop.store(0)] {
            assert!(!told.contains(hidden.as_str()), "{path} tells of {hidden}");
        }
    }
    let told = it.statement(rival).await.to_string();
    assert!(!told.contains("mem_"), "{told}");
}

#[tokio::test]
async fn a_code_is_used_once_by_whoever_comes_first() {
    let it = Alliance::new(terms()).await;
    let code = it.code(200).await;
    let tills = (0..8).map(|till| {
        let input = json!({ "agreement": it.agreement, "code": code, "reference": format!("till-{till}") });
        let request = it.world.rival.command("alliance", "redeem", input);
        tokio::spawn(request.send())
    });
    let tills: Vec<_> = tills.collect();
    let mut done = 0;
    for till in tills {
        done += usize::from(till.await.unwrap().status == 200);
    }
    assert_eq!((done, it.alice.points().await, it.balance(&it.world.rival).await), (1, 800, 800));
    it.agrees().await;
}

#[tokio::test]
async fn a_code_is_good_for_ten_minutes_and_while_the_member_agrees() {
    let it = Alliance::new(terms()).await;
    let code = it.code(300).await;
    it.world.clock_forward(SignedDuration::from_mins(10));
    let redeem = |code: String| it.at_rival("redeem", json!({ "code": code, "reference": "till-1" }));
    assert_eq!(redeem(code).await.problem().name(), "422 pack:code-expired");
    assert_eq!(it.alice.points().await, 1_000, "the points are free again");
    assert_eq!(redeem("0000000000".to_owned()).await.problem().name(), "422 pack:unknown-code");
    let code = it.code(300).await;
    it.at_shop("withdraw", json!({ "member": it.alice.id })).await.ok();
    assert_eq!(redeem(code).await.problem().name(), "422 pack:unknown-code");
    let again = it.at_shop("authorise", json!({ "member": it.alice.id, "points": 100 })).await.problem();
    assert_eq!(again.name(), "422 pack:not-linked");
    it.agrees().await;
}

#[tokio::test]
async fn what_the_terms_forbid_is_refused_with_why() {
    let mut capped = terms();
    capped["member_day_max"] = json!(300);
    capped["earn"] = Value::Null;
    let it = Alliance::new(capped).await;
    let authorise = |points: u64| it.at_shop("authorise", json!({ "member": it.alice.id, "points": points }));
    assert_eq!(authorise(150).await.problem().name(), "422 pack:no-multiple");
    assert_eq!(authorise(400).await.problem().name(), "422 pack:member-day-max");
    let [first, second] = [it.code(200).await, it.code(200).await];
    it.redeem(&first, "till-1").await;
    let over = it.at_rival("redeem", json!({ "code": second, "reference": "till-2" })).await.problem();
    assert_eq!(over.name(), "422 pack:member-day-max");
    let code = it.code(0).await;
    let earn = json!({ "code": code, "amount_minor": 2_000, "reference": "till-3" });
    assert_eq!(it.at_rival("earn", earn).await.problem().name(), "422 pack:no-earning");
    let by_rival = it.at_rival("authorise", json!({ "member": it.alice.id, "points": 100 })).await.problem();
    assert_eq!(by_rival.name(), "422 pack:not-the-issuer");
    let at_shop = it.at_shop("redeem", json!({ "code": second, "reference": "till-4" })).await.problem();
    assert_eq!(at_shop.name(), "422 pack:not-the-redeemer");
    let late = {
        it.world.clock_forward(SignedDuration::from_hours(24 * 8));
        let lines = it.statement(&it.world.rival).await;
        it.at_rival("cancel", json!({ "redemption": lines["lines"][0]["redemption"] })).await.problem()
    };
    assert_eq!(late.name(), "422 pack:too-late-to-cancel");
    it.agrees().await;
    let end = it.world.rival.post(&format!("/v1/agreements/{}/end", it.agreement), json!({})).new_key().send().await;
    end.ok();
    assert_eq!(authorise(100).await.problem().name(), "422 pack:agreement-not-in-force");
    let paid = it.at_rival("paid", json!({ "amount_minor": 800, "reference": "bank-1" })).await.ok();
    assert_eq!(paid["result"]["balance_minor"], 0, "what is owed is paid after the end, too");
}

#[tokio::test]
async fn whatever_is_done_both_books_say_the_same() {
    let it = Alliance::new(terms()).await;
    let (mut seed, mut redemptions, mut points) = (7_u64, Vec::new(), 1_000_i64);
    for step in 0..40 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let reference = format!("till-{step}");
        match (seed >> 33) % 4 {
            0 => {
                let code = it.code(100).await;
                redemptions.push(it.redeem(&code, &reference).await["redemption"].clone());
                points -= 100;
            }
            1 => {
                if let Some(redemption) = redemptions.pop() {
                    it.at_rival("cancel", json!({ "redemption": redemption })).await.ok();
                    points += 100;
                }
            }
            2 => {
                let code = it.code(0).await;
                let earn = json!({ "code": code, "amount_minor": 1_000 + seed % 5_000, "reference": reference });
                points += it.at_rival("earn", earn).await.ok()["result"]["points"].as_i64().unwrap();
            }
            _ => {
                let shop = if it.balance(&it.world.shop).await > 0 { &it.world.shop } else { &it.world.rival };
                let due = it.balance(shop).await;
                if due > 1 {
                    it.run(shop, "paid", json!({ "amount_minor": due / 2, "reference": reference })).await.ok();
                }
            }
        }
    }
    assert_eq!(i64::try_from(it.alice.points().await).unwrap(), points);
    it.agrees().await;
}

#[tokio::test]
async fn people_see_partners_and_statements() {
    let it = Alliance::new(terms()).await;
    let empty = it.world.rival.get("/v1/packs/alliance/pages/statement?query=%7B%7D").send().await.ok();
    assert_eq!(empty["page"]["blocks"][1]["rows"], json!([]));
    let code = it.code(300).await;
    it.redeem(&code, "till-1").await;
    for (shop, due) in [(&it.world.shop, -1_200), (&it.world.rival, 1_200)] {
        let partners = shop.get("/v1/packs/alliance/pages/partners").send().await.ok();
        let row = &partners["page"]["blocks"][0]["rows"][0];
        assert_eq!((&row[0]["page"]["page"], &row[3]), (&json!("statement"), &json!({ "money": due })));
        let statement = shop.get("/v1/packs/alliance/pages/statement").send().await.ok();
        assert_eq!(statement["page"]["blocks"][1]["rows"][0][3], json!({ "money": due }));
    }
}
