//! Two weeks of a music school: a class, packages of minutes, lessons that take them, a correction, a refund.

use std::path::Path;

use jiff::civil::{Date, date};
use serde_json::{Value, json};

use super::revenue::Revenue;
use super::script::{Person, Script, ZONE, code_of, expect_refusal};
use super::setup::{Stage, label};
use super::texts::Texts;
use crate::cli::Failure;
use crate::describe::describe;
use crate::domain::{Currency, ZoneName};
use crate::usecase::{CreateMerchant, Host, NewStore};

const PACK: &str = "training";
const MONDAY: Date = date(2026, 3, 23);
const FIRST_LESSON: Date = date(2026, 3, 28);
const SECOND_LESSON: Date = date(2026, 4, 4);

/// Somebody who is taught. The pack knows them by the school's own reference only.
struct Student {
    name: &'static str,
    reference: &'static str,
}

const YU: Student = Student { name: "小雨 Yu", reference: "s-1001" };
const AN: Student = Student { name: "小安 An", reference: "s-1002" };

/// Plays the weeks.
pub(super) fn play(host: &Host, texts: &Texts, packs: &Path) -> Result<Revenue, Failure> {
    println!();
    let stage = open_school(host, texts, packs)?;
    println!();
    println!("{}", texts.say("term", &[]));
    let mut script = Script { host, texts, stage: &stage, day: MONDAY, time: "09:00" };
    let xu = script.term_begins()?;
    println!();
    println!("{}", texts.say("first-lesson", &[]));
    script.day = FIRST_LESSON;
    script.first_lesson()?;
    println!();
    println!("{}", texts.say("second-lesson", &[]));
    script.day = SECOND_LESSON;
    let months = script.second_lesson(&xu)?;
    Revenue::read(host, &stage, &months)
}

fn open_school(host: &Host, texts: &Texts, packs: &Path) -> Result<Stage, Failure> {
    let store = |code: &str, name: &str| NewStore { code: code_of(code), name: label(name) };
    let new = CreateMerchant {
        name: label("琴童音乐学校 Qintong Music School"),
        currency: Currency::new("CNY").map_err(|error| describe(&error))?,
        time_zone: ZoneName::new(ZONE)?,
        locale: label(&texts.say("locale", &[])),
        stores: vec![store("xuhui", "徐汇 Xuhui"), store("changning", "长宁 Changning")],
    };
    let stage = Stage::set(host, texts, &new)?;
    let settings = json!({ "leave_hours": 12, "prepaid_months_max": 3, "prepaid_hours_max": 60 });
    stage.enable(host, texts, packs, PACK, &stage.stores, settings)?;
    Ok(stage)
}

fn lesson_of(day: Date) -> String {
    format!("piano-a@{day}T10:00")
}

impl Script<'_> {
    /// Tells who will move away.
    fn term_begins(&mut self) -> Result<Person, Failure> {
        self.at("09:00");
        self.open_class()?;
        self.at("09:20");
        self.find_room_taken()?;
        self.at("14:00");
        let he = self.join("何 He", "parent-1", 0, false)?;
        self.sell("t-p1", &he, &YU, 600, 60, 200_000)?;
        // More than sixty hours by itself, so that it is too much also when the script is played again.
        self.find_too_much("t-p2", &he, &YU, 3_660)?;
        self.enrol("t-e1", &he, &YU)?;
        self.at("15:30");
        let xu = self.join("徐 Xu", "parent-2", 0, false)?;
        self.sell("t-p3", &xu, &AN, 300, 30, 99_999)?;
        self.enrol("t-e2", &xu, &AN)?;
        Ok(xu)
    }

    fn first_lesson(&mut self) -> Result<(), Failure> {
        self.at("10:05");
        self.attend("t-a1", &YU, FIRST_LESSON, "present")?;
        self.find_marked("t-a2", &YU, FIRST_LESSON)?;
        self.at("10:20");
        self.attend("t-a3", &AN, FIRST_LESSON, "absent")?;
        self.at("11:30");
        self.take_back("t-c1", &AN, FIRST_LESSON)
    }

    /// Ends with the figures of both months.
    fn second_lesson(&mut self, xu: &Person) -> Result<Value, Failure> {
        self.at("10:05");
        self.attend("t-a4", &YU, SECOND_LESSON, "late")?;
        self.attend("t-a5", &AN, SECOND_LESSON, "present")?;
        self.at("12:00");
        self.refund("t-r1", xu, &AN)?;
        let months = self.command("t-f1", PACK, "revenue", 0, json!({ "from": "2026-03", "to": "2026-04" }))??;
        Ok(months["months"].clone())
    }

    fn open_class(&self) -> Result<(), Failure> {
        let course = json!({ "course": "piano", "title": "钢琴 Piano", "minutes": 60 });
        self.command("t-k1", PACK, "define-course", 0, course)??;
        let class =
            json!({ "class": "piano-a", "course": "piano", "room": "301", "teacher": "teacher-7", "capacity": 8 });
        self.command("t-k2", PACK, "open-class", 0, class)??;
        let sessions = [FIRST_LESSON, SECOND_LESSON].map(|day| json!({ "date": day.to_string(), "start": "10:00" }));
        self.command("t-k3", PACK, "plan", 0, json!({ "class": "piano-a", "sessions": sessions }))??;
        self.tell("class-opened", &[("store", self.store(0).name.to_string())]);
        Ok(())
    }

    fn find_room_taken(&self) -> Result<(), Failure> {
        let class =
            json!({ "class": "piano-b", "course": "piano", "room": "301", "teacher": "teacher-8", "capacity": 8 });
        self.command("t-k4", PACK, "open-class", 0, class)??;
        let session = json!({ "date": FIRST_LESSON.to_string(), "start": "10:30" });
        let planned = self.command("t-k5", PACK, "plan", 0, json!({ "class": "piano-b", "sessions": [session] }))?;
        self.tell("room-taken", &[("message", expect_refusal(planned, "room-taken")?)]);
        Ok(())
    }

    fn sale(person: &Person, student: &Student, paid: u64, gift: u64, price_minor: u64) -> Value {
        json!({
            "member": person.id.to_string(),
            "student": student.reference,
            "courses": ["piano"],
            "paid_minutes": paid,
            "gift_minutes": gift,
            "price_minor": price_minor,
            "valid_to": "2026-06-22",
        })
    }

    fn sell(
        &self,
        key: &str,
        person: &Person,
        student: &Student,
        paid: u64,
        gift: u64,
        price_minor: u64,
    ) -> Result<(), Failure> {
        let sale = Self::sale(person, student, paid, gift, price_minor);
        self.command(key, PACK, "sell", 0, sale)??;
        let values = [
            ("name", person.name.to_owned()),
            ("student", student.name.to_owned()),
            ("paid", paid.to_string()),
            ("gift", gift.to_string()),
            ("price", self.money(price_minor)),
        ];
        self.tell("package-sold", &values);
        Ok(())
    }

    fn find_too_much(&self, key: &str, person: &Person, student: &Student, paid: u64) -> Result<(), Failure> {
        let sale = Self::sale(person, student, paid, 0, 1_000_000);
        let message = expect_refusal(self.command(key, PACK, "sell", 0, sale)?, "prepaid-too-much")?;
        let values = [("name", person.name.to_owned()), ("paid", paid.to_string()), ("message", message)];
        self.tell("prepaid-too-much", &values);
        Ok(())
    }

    fn enrol(&self, key: &str, person: &Person, student: &Student) -> Result<(), Failure> {
        let input = json!({ "class": "piano-a", "member": person.id.to_string(), "student": student.reference });
        let enrolled = self.command(key, PACK, "enrol", 0, input)??;
        let values = [
            ("student", student.name.to_owned()),
            ("enrolled", enrolled["enrolled"].to_string()),
            ("capacity", enrolled["capacity"].to_string()),
        ];
        self.tell("enrolled", &values);
        Ok(())
    }

    fn mark(&self, key: &str, student: &Student, day: Date, how: &str) -> Result<Result<Value, String>, Failure> {
        let input = json!({ "session": lesson_of(day), "student": student.reference, "attendance": how });
        Ok(match self.command(key, PACK, "attend", 0, input)? {
            Ok(marked) => Ok(marked),
            refused => Err(expect_refusal(refused, "already-marked")?),
        })
    }

    fn attend(&self, key: &str, student: &Student, day: Date, how: &str) -> Result<(), Failure> {
        let marked = self.mark(key, student, day, how)??;
        let values = [
            ("student", student.name.to_owned()),
            ("how", self.texts.say(how, &[])),
            ("minutes", marked["minutes"].to_string()),
            ("amount", self.money(marked["minor"].as_u64().unwrap_or(0))),
            ("left", marked["left_minutes"].to_string()),
        ];
        self.tell("attended", &values);
        Ok(())
    }

    fn find_marked(&self, key: &str, student: &Student, day: Date) -> Result<(), Failure> {
        let message = match self.mark(key, student, day, "present")? {
            Err(message) => message,
            Ok(marked) => return Err(format!("a lesson was marked twice: {marked}")),
        };
        self.tell("marked-twice", &[("student", student.name.to_owned()), ("message", message)]);
        Ok(())
    }

    fn take_back(&self, key: &str, student: &Student, day: Date) -> Result<(), Failure> {
        let input = json!({ "session": lesson_of(day), "student": student.reference, "reason": "on leave" });
        let corrected = self.command(key, PACK, "correct", 0, input)??;
        let values = [
            ("student", student.name.to_owned()),
            ("minutes", corrected["returned_minutes"].to_string()),
            ("amount", self.money(corrected["returned_minor"].as_u64().unwrap_or(0))),
        ];
        self.tell("corrected", &values);
        Ok(())
    }

    fn refund(&self, key: &str, person: &Person, student: &Student) -> Result<(), Failure> {
        let listed =
            self.command(&format!("{key}-list"), PACK, "packages", 0, json!({ "student": student.reference }))??;
        let package = &listed["packages"][0]["package"];
        let refunded = self.command(key, PACK, "refund", 0, json!({ "package": package }))??;
        let values = [
            ("name", person.name.to_owned()),
            ("amount", self.money(refunded["refunded_minor"].as_u64().unwrap_or(0))),
            ("minutes", refunded["refunded_minutes"].to_string()),
            ("gift", refunded["forfeited_minutes"].to_string()),
        ];
        self.tell("package-refunded", &values);
        Ok(())
    }
}
