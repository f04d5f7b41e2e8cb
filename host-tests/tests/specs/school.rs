//! A school for specs of the training pack: courses, a class, students, and what the ledger has of them.

use host_tests::{Member, Reply, World, pack};
use punchcard::domain::{Code, IdSource, MemberId, Source};
use punchcard::ledger::{Book, Terms};
use serde_json::{Value, json};

/// A world whose shop is a school with two campuses, piano and painting, and a class of piano on Saturdays.
pub(crate) struct School {
    pub(crate) world: World,
}

/// Saturday's lesson of the class, at ten.
pub(crate) const SATURDAY: &str = "piano-a@2026-03-21T10:00";
/// The one of the week after.
pub(crate) const NEXT_SATURDAY: &str = "piano-a@2026-03-28T10:00";
/// What packages are counted in.
pub(crate) const UNIT: &str = "course-minutes";

impl School {
    pub(crate) async fn open(world: World, settings: Value) -> Self {
        world.shop.enable(pack("training")).settings(settings).send().await.ok();
        let school = Self { world };
        for (course, title, minutes, guarded) in [("piano", "Piano", 60, true), ("painting", "Painting", 90, false)] {
            let course = json!({ "course": course, "title": title, "minutes": minutes, "guarded": guarded });
            school.run("define-course", course).await.ok();
        }
        school.open_class("piano-a", "piano", "301", "t-1").await;
        school.plan("piano-a", &["2026-03-21", "2026-03-28"], "10:00").await.ok();
        school
    }

    pub(crate) async fn new() -> Self {
        Self::open(World::new(), json!({})).await
    }

    /// Runs a command in the first campus.
    pub(crate) async fn run(&self, command: &str, input: Value) -> Reply {
        self.world.shop.command("training", command, input).send().await
    }

    pub(crate) async fn run_in(&self, store: usize, command: &str, input: Value) -> Reply {
        let body = json!({ "store": self.world.shop.store(store), "input": input });
        self.world.shop.post(&format!("/v1/packs/training/commands/{command}"), body).send().await
    }

    /// Runs a command that has to go well.
    pub(crate) async fn done(&self, command: &str, input: Value) -> Value {
        self.run(command, input).await.ok()["result"].clone()
    }

    pub(crate) async fn told(&self, command: &str, input: Value) -> String {
        self.run(command, input).await.problem().name()
    }

    pub(crate) async fn open_class(&self, class: &str, course: &str, room: &str, teacher: &str) -> Value {
        let class = json!({ "class": class, "course": course, "room": room, "teacher": teacher, "capacity": 2 });
        self.done("open-class", class).await
    }

    pub(crate) async fn plan(&self, class: &str, dates: &[&str], start: &str) -> Reply {
        let sessions: Vec<_> = dates.iter().map(|date| json!({ "date": date, "start": start })).collect();
        self.run("plan", json!({ "class": class, "sessions": sessions })).await
    }

    /// A member with the student of that name in the class of piano.
    pub(crate) async fn student(&self, name: &str) -> Member {
        let member = self.world.shop.member(&format!("parent-of-{name}")).enrol().await;
        self.done("enrol", json!({ "class": "piano-a", "member": member.id, "student": name })).await;
        member
    }

    /// Sells a package and tells its id.
    pub(crate) async fn sell(&self, member: &Member, student: &str, more: Value) -> String {
        let sold = self.done("sell", sale(member, student, more)).await;
        sold["package"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn attend(&self, session: &str, student: &str, attendance: &str) -> Reply {
        self.run("attend", json!({ "session": session, "student": student, "attendance": attendance })).await
    }

    pub(crate) async fn packages(&self, student: &str) -> Vec<Value> {
        self.done("packages", json!({ "student": student })).await["packages"].as_array().unwrap().clone()
    }

    /// The figures of March.
    pub(crate) async fn march(&self) -> Value {
        self.done("revenue", json!({ "from": "2026-03" })).await["months"][0].clone()
    }

    /// What the ledger has of a member, lot by lot, in the order of their ids.
    pub(crate) fn ledger_lots(&self, member: &Member) -> Vec<(String, u64)> {
        let host = self.world.running().host;
        let (merchant, now) = (self.world.shop.id, self.world.now());
        let lots = host.look(|tx| {
            let (mut ids, unit) = (IdSource::new(now, 0), Code::new(UNIT).unwrap());
            let terms = Terms { merchant, zone: jiff::tz::TimeZone::UTC, now, store: None, by: Source::Operator };
            let mut book = Book::new(tx, &mut ids, terms);
            book.spendable_lots(member.id.parse::<MemberId>().unwrap(), &unit, None, 1000)
        });
        let mut lots: Vec<_> = lots.unwrap().iter().map(|lot| (lot.id.to_string(), lot.remaining)).collect();
        lots.sort();
        lots
    }

    /// The pack's books of a student and the ledger's of their member are the same, lot by lot.
    #[track_caller]
    pub(crate) fn agree(&self, packages: &[Value], member: &Member) {
        let lots = packages.iter().flat_map(|package| package["lots"].as_array().unwrap());
        let left = lots.map(|lot| (lot["lot"].as_str().unwrap().to_owned(), lot["left"]["minutes"].as_u64().unwrap()));
        let mut left: Vec<_> = left.filter(|(_, minutes)| *minutes > 0).collect();
        left.sort();
        assert_eq!(left, self.ledger_lots(member));
    }
}

/// A package of ten hours for 2000.00, with these other terms.
pub(crate) fn sale(member: &Member, student: &str, more: Value) -> Value {
    let mut sale = json!({ "member": member.id, "student": student, "paid_minutes": 600, "price_minor": 200_000 });
    let Value::Object(more) = more else { panic!("terms are an object") };
    more.into_iter().for_each(|(field, value)| sale[field] = value);
    sale
}

/// Minutes and money of what became of a package's lot.
pub(crate) fn of(package: &Value, lot: usize, what: &str) -> (i64, i64) {
    pair(&package["lots"][lot][what])
}

pub(crate) fn pair(worth: &Value) -> (i64, i64) {
    (worth["minutes"].as_i64().unwrap(), worth["minor"].as_i64().unwrap())
}

/// The first fields of a taken part: kind, minutes, money.
pub(crate) fn taken(reply: &Value) -> Vec<(String, u64, u64)> {
    let parts = reply["taken"].as_array().unwrap().iter();
    let number = |value: &Value| value.as_u64().unwrap();
    parts
        .map(|part| (part["kind"].as_str().unwrap().into(), number(&part["minutes"]), number(&part["minor"])))
        .collect()
}
