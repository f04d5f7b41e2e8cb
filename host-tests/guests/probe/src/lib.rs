//! A pack for tests of the host: its command calls the host functions that it is told, and tells what came of each.
//!
//! A function is named as in the contract, `interface.function`, and gets those of the arguments that it takes; what is
//! not given is empty. The pack's name and its unit are the same text, so that a test can make another pack of it by
//! writing another name of that length into its bytes.

use punchcard_sdk::{
    Limits,
    agreements::{Agreement, Obligation, Reply, Standing},
    assets::{Lot, Reservation},
    members::{ExternalId, Lead, Member, MemberContact, MemberProfile},
    messages::{Message, Obstacle, Outcome, Placeholder},
    orders::{OrderState, RecordedOrder},
    prelude::*,
    stores::Store,
};
use serde_json::{Map, Value, json};

/// The pack's name, and the unit that it declares.
const NAME: &str = "probe-one";

struct Probe;

impl Pack for Probe {
    fn manifest() -> Manifest {
        let why = Text::new("to be tried", "用于测试");
        Manifest::new(NAME, env!("CARGO_PKG_VERSION"))
            .title(Text::new("Probe", "探针"))
            .summary(Text::new("Calls host functions, for tests.", "用于测试宿主函数。"))
            .unit(NAME, Text::new("probes", "探针"))
            .grant(Capability::MembersRead, why)
            .grant(Capability::MembersContact, why)
            .grant(Capability::MembersTag, why)
            .grant(Capability::MembersTier, why)
            .grant(Capability::OrdersRead, why)
            .grant(Capability::MessagesSend, why)
            .grant(Capability::EventsEmit, why)
            .grant(Capability::AgreementsTransact, why)
            .terms::<Terms>()
            .grant(Capability::AssetsRead, why)
            .grant(Capability::AssetsWriteOwnUnits, why)
            .grant(Capability::AssetsWrite("five-off"), why)
            .emits("probed", Text::new("a function was tried", "已测试"))
            .limits(Limits { wall_max_ms: Some(5_000), ..Limits::default() })
            .commands(Self::ALL)
    }
}

/// Calls functions, one after another.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Call {
    steps: Vec<Step>,
    /// Refuse when all is done, so that nothing of it is kept.
    #[serde(default)]
    fail: bool,
}

/// A function with its arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Step {
    call: String,
    #[serde(default)]
    with: Map<String, Value>,
    /// How often, one after the other; what came of the last is told.
    #[serde(default = "once")]
    times: u32,
}

fn once() -> u32 {
    1
}

impl Step {
    fn text(&self, name: &str) -> String {
        self.maybe(name).unwrap_or_default()
    }

    fn maybe(&self, name: &str) -> Option<String> {
        self.with.get(name).and_then(Value::as_str).map(str::to_owned)
    }

    fn number(&self, name: &str) -> u64 {
        self.with.get(name).and_then(Value::as_u64).unwrap_or(0)
    }

    fn limit(&self) -> u32 {
        u32::try_from(self.number("limit")).unwrap_or(u32::MAX)
    }

    fn texts(&self, name: &str) -> Vec<String> {
        let given = self.with.get(name).and_then(Value::as_array).into_iter().flatten();
        given.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    fn until(&self) -> Expiry {
        self.with.get("until").and_then(Value::as_u64).map_or(Expiry::Never, Expiry::At)
    }

    fn lead(&self) -> Lead {
        let text = self.text("text");
        match self.text("kind").as_str() {
            "email" => Lead::Email(text),
            "card" => Lead::Card(text),
            "external" => Lead::External(ExternalId { system: self.text("system"), id: text }),
            _ => Lead::Phone(text),
        }
    }

    fn values(&self) -> Vec<Placeholder> {
        let given = self.with.get("values").and_then(Value::as_object).into_iter().flatten();
        given
            .map(|(name, value)| match value.as_i64() {
                Some(number) => Placeholder::number(name, number),
                None => Placeholder::text(name, value.as_str().unwrap_or_default()),
            })
            .collect()
    }

    /// Calls the function; none when it is not known here.
    fn run(&self) -> Option<Result<Value, HostError>> {
        let (member, unit, reason) = (self.text("member"), self.text("unit"), self.text("reason"));
        let amount = self.number("amount");
        Some(match self.call.as_str() {
            "members.get" => members::get(&member).map(|member| seen(&member)),
            "members.get-many" => members::get_many(&self.texts("members"))
                .map(|found| found.iter().map(|member| member.as_ref().map(seen)).collect()),
            "members.profile" => members::profile(&member).map(profile),
            "members.contact" => members::contact(&member).map(contact),
            "members.find-by" => members::find_by(&self.lead()).map(Value::from),
            "members.tag" => members::tag(&member, &self.text("tag"), self.until()).map(done),
            "members.untag" => members::untag(&member, &self.text("tag")).map(done),
            "members.set-tier" => {
                members::set_tier(&member, self.maybe("tier").as_deref(), self.until(), &reason).map(done)
            }
            "assets.balance-of" => assets::balance_of(&member, &unit)
                .map(|balance| json!({ "available": balance.available, "debt": balance.debt })),
            "assets.earn" => {
                assets::earn(&Credit { member, unit, amount, expires: self.until(), reason }).map(Value::from)
            }
            "assets.spend" => assets::spend(&Debit { member, unit, amount, reason }).map(Value::from),
            "assets.reverse" => assets::reverse(&self.text("posting"), &reason).map(Value::from),
            "assets.lots-of" => assets::lots_of(&member, &unit, self.maybe("after").as_deref(), self.limit())
                .map(|page| json!({ "lots": page.lots.iter().map(lot).collect::<Vec<_>>(), "next": page.next })),
            "assets.hold" => {
                let lapses_at = self.number("lapses_at");
                assets::hold(&Reservation { member, unit, amount, lapses_at, reason }).map(Value::from)
            }
            "assets.post-hold" => {
                let amount = self.with.get("amount").and_then(Value::as_u64);
                assets::post_hold(&self.text("hold"), amount, &reason).map(Value::from)
            }
            "assets.void-hold" => assets::void_hold(&self.text("hold"), &reason).map(Value::from),
            "orders.get" => orders::get(&self.text("order")).map(|order| recorded(&order)),
            "orders.orders-of" => orders::orders_of(&member, self.maybe("before").as_deref(), self.limit())
                .map(|found| found.iter().map(recorded).collect()),
            "stores.get" => stores::get(&self.text("store")).map(|found| store(&found)),
            "stores.all" => {
                stores::all(self.maybe("after").as_deref(), self.limit()).map(|found| found.iter().map(store).collect())
            }
            "messages.send" => {
                messages::send(&Message { member, template: self.text("template"), values: self.values() }).map(outcome)
            }
            "kv.get" => kv::get(&self.text("key")).map(Value::from),
            "kv.get-many" => kv::get_many(&self.texts("keys")).map(|found| json!(found)),
            "kv.put" => kv::put(&self.text("key"), self.text("value").as_bytes()).map(done),
            "kv.delete" => kv::delete(&self.text("key")).map(done),
            "kv.scan" => kv::scan(&self.text("start"), &self.text("end"), self.limit())
                .map(|found| found.into_iter().map(|entry| entry.key).collect()),
            // How many entries the SDK reads, page after page.
            "kv.scan-json" => kv::scan_json::<u32>(&self.text("start"), &self.text("end"))
                .map(|found| Value::from(found.len()))
                .map_err(|refusal| HostError::Unavailable(format!("{refusal:?}"))),
            "events.emit" => {
                let data = json!({ "of": reason }).to_string();
                events::emit(&events::Fact { kind: "probed".to_owned(), member: Some(member), data }).map(done)
            }
            "timers.set" => {
                let timer = Timer { name: self.text("key"), at: self.number("at"), payload: reason, store: None };
                timers::set(&timer).map(done)
            }
            "timers.get" => timers::get(&self.text("key")).map(|timer| json!(timer.map(|timer| timer.at))),
            "timers.cancel" => timers::cancel(&self.text("key")).map(Value::from),
            "agreements.get" => agreements::get(&self.text("agreement")).map(|found| agreement(&found)),
            "agreements.all" => agreements::all(self.maybe("after").as_deref(), self.limit())
                .map(|found| found.iter().map(agreement).collect()),
            "agreements.alias-of" => agreements::alias_of(&self.text("agreement"), &member).map(Value::from),
            "agreements.member-of" => {
                agreements::member_of(&self.text("agreement"), &self.text("alias")).map(|found| json!(found))
            }
            "agreements.ask" => {
                let question = self.with.get("question").cloned().unwrap_or(Value::Null);
                let question = question.as_str().map_or_else(|| question.to_string(), str::to_owned);
                agreements::ask(&self.text("agreement"), &question).map(|reply| match reply {
                    Reply::Answer(answer) => serde_json::from_str(&answer).unwrap_or(Value::Null),
                    Reply::Refused(problem) => json!({ "refused": problem.code, "message": problem.message }),
                })
            }
            "agreements.owe" => {
                let agreement = self.text("agreement");
                agreements::owe(&Obligation { agreement, amount, reason }).map(Value::from)
            }
            "settings.get" => Ok(settings::<Value>().map_or(Value::Null, |settings| settings)),
            "log.write" => {
                log::info(&self.text("line"));
                Ok(Value::Null)
            }
            _ => return None,
        })
    }
}

fn agreement(agreement: &Agreement) -> Value {
    let Agreement { id, partner, terms, proposed, since, until, in_force, balance } = agreement;
    let balance = match balance {
        Standing::Even => json!(0),
        Standing::Due(amount) => json!({ "due": amount }),
        Standing::Owed(amount) => json!({ "owed": amount }),
    };
    let terms = serde_json::from_str::<Value>(terms).unwrap_or(Value::Null);
    json!({
        "id": id, "partner": partner, "terms": terms, "proposed": proposed, "since": since, "until": until,
        "in_force": in_force, "balance": balance,
    })
}

fn done((): ()) -> Value {
    Value::Null
}

fn seen(member: &Member) -> Value {
    let Member { id, tags, enrolled_at, home_store } = member;
    json!({ "id": id, "tags": tags, "enrolled_at": enrolled_at, "home_store": home_store })
}

fn profile(profile: MemberProfile) -> Value {
    let MemberProfile { id, enrolled_at, home_store, channel, referrer, tier, tags, erased } = profile;
    let tier = tier.map(|tier| json!({ "code": tier.code, "since": tier.since, "until": tier.until }));
    let tags: Vec<_> = tags
        .into_iter()
        .map(|tag| json!({ "code": tag.code, "since": tag.since, "until": tag.until, "mine": tag.from_this_pack }))
        .collect();
    json!({
        "id": id, "enrolled_at": enrolled_at, "home_store": home_store, "channel": channel, "referrer": referrer,
        "tier": tier, "tags": tags, "erased": erased,
    })
}

fn contact(contact: MemberContact) -> Value {
    let MemberContact { name, phone, email, locale } = contact;
    json!({ "name": name, "phone": phone, "email": email, "locale": locale })
}

fn lot(lot: &Lot) -> Value {
    json!({ "left": lot.left, "earned_at": lot.earned_at, "expires_at": lot.expires_at })
}

fn recorded(order: &RecordedOrder) -> Value {
    let lines: Vec<_> = order
        .lines
        .iter()
        .map(|line| {
            json!({
                "sku": line.sku, "category": line.category, "quantity": line.quantity, "amount": line.amount,
                "refunded_quantity": line.refunded_quantity, "refunded_amount": line.refunded_amount,
            })
        })
        .collect();
    let payments: Vec<_> = order.payments.iter().map(|payment| json!([payment.method, payment.amount])).collect();
    let state = match order.state {
        OrderState::Settled => "settled",
        OrderState::PartlyRefunded => "partly-refunded",
        OrderState::Refunded => "refunded",
    };
    json!({
        "id": order.id, "reference": order.reference, "store": order.store, "member": order.member,
        "ordered_at": order.ordered_at, "currency": order.currency, "total": order.total, "refunded": order.refunded,
        "state": state, "lines": lines, "payments": payments,
    })
}

fn store(store: &Store) -> Value {
    let Store { id, code, name, time_zone } = store;
    json!({ "id": id, "code": code, "name": name, "time_zone": time_zone })
}

fn outcome(outcome: Outcome) -> Value {
    match outcome {
        Outcome::Queued(message) => json!({ "queued": message }),
        Outcome::Dropped(obstacle) => json!({ "dropped": match obstacle {
            Obstacle::NoConsent => "no-consent",
            Obstacle::Capped => "capped",
            Obstacle::NoAddress => "no-address",
            Obstacle::Erased => "erased",
            Obstacle::Expired => "expired",
        } }),
    }
}

/// What came of a call, by the names of the contract.
fn told(answer: Result<Value, HostError>) -> Value {
    match answer {
        Ok(value) => json!({ "ok": value }),
        Err(HostError::Denied(grant)) => json!({ "denied": grant }),
        Err(HostError::NotFound(what)) => json!({ "not-found": what }),
        Err(HostError::Invalid(what)) => json!({ "invalid": what }),
        Err(HostError::Insufficient(available)) => json!({ "insufficient": available }),
        Err(HostError::Limit(limit)) => json!({ "limit": limit }),
        Err(HostError::Unavailable(what)) => json!({ "unavailable": what }),
    }
}

impl Command for Call {
    const NAME: &'static str = "call";
    const TITLE: Text = Text::new("Call host functions", "调用宿主函数");
    type Output = Vec<Value>;

    fn run(self, _: &CallContext) -> Result<Vec<Value>, Refusal> {
        let mut answers = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            (1..step.times).for_each(|_| drop(step.run()));
            let answer = step.run();
            let unknown = || Refusal::not_found("unknown-function", format!("{} is not known here", step.call));
            answers.push(told(answer.ok_or_else(unknown)?));
        }
        if self.fail {
            return Err(Refusal::refused("on-purpose", format!("refused on purpose, after {}", json!(answers))));
        }
        Ok(answers)
    }
}

impl Commands for Probe {
    const ALL: &'static [Operation] = &[Operation::of::<Call>()];
}

/// What two merchants agree on.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema matters")]
struct Terms {
    /// Anything.
    rate: u32,
}

/// Does for a partner what it is asked, and tells what came of it.
impl OnPartner for Probe {
    fn answer(ctx: &CallContext, question: &Question) -> Result<String, Refusal> {
        match question.text.as_str() {
            "\"trap\"" => panic!("probe: trapped on purpose"),
            // Until the host ends it.
            "\"flood\"" => loop {
                kv::put("flood", &[7; 32 << 10])?;
            },
            // As much as it may, or nearly.
            "\"much\"" => {
                (0..90).try_for_each(|number| kv::put(&format!("much-{number}"), &[7; 32 << 10]))?;
                return agreements::answered(&json!({ "did": [] }));
            }
            _ => {}
        }
        let answers = question.read::<Call>()?.run(ctx)?;
        agreements::answered(&json!({ "merchant": ctx.merchant, "agreement": question.agreement, "did": answers }))
    }
}

/// So that it may set timers; what is due is of no interest.
impl OnTimer for Probe {
    fn fire(_: &CallContext, _: &Firing) -> Result<(), Refusal> {
        Ok(())
    }
}

punchcard_sdk::pack!(Probe: commands, on_timer, on_partner);
