//! Random days of a school: whatever happens, each lot adds up, and the books of the pack, the ledger and the figures agree.

use host_tests::{Member, World};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::following::calls;
use crate::school::{School, of, pair};

const STUDENTS: [&str; 2] = ["tom", "ann"];
const SESSIONS: usize = 10;

/// Something that happens at the school.
#[derive(Clone, Debug)]
enum Operation {
    /// A package is sold, with an end so many days ahead or without, good for what is taught or for something else.
    Sell { student: usize, paid: u64, gift: u64, price_minor: u64, days: Option<u32>, is_good: bool },
    /// The attendance of one of the sessions up to today is marked.
    Attend { student: usize, session: usize, attendance: &'static str },
    /// It is taken back, and perhaps marked another way.
    Correct { student: usize, session: usize, attendance: Option<&'static str> },
    /// One of the student's packages is refunded.
    Refund { student: usize, package: usize },
    /// The next day comes.
    Sleep,
}

fn operation() -> impl Strategy<Value = Operation> {
    let (student, session) = (0..STUDENTS.len(), 0..SESSIONS);
    let attendance = prop_oneof![4 => Just("present"), 1 => Just("late"), 1 => Just("absent")];
    let days = prop_oneof![1 => Just(None), 3 => (0..12_u32).prop_map(Some)];
    prop_oneof![
        4 => (student.clone(), 0..200_u64, 0..100_u64, 0..100_000_u64, days, prop::bool::weighted(0.8)).prop_map(
            |(student, paid, gift, price_minor, days, is_good)| Operation::Sell { student, paid, gift, price_minor, days, is_good }
        ),
        8 => (student.clone(), session.clone(), attendance.clone())
            .prop_map(|(student, session, attendance)| Operation::Attend { student, session, attendance }),
        4 => (student.clone(), session, prop::option::of(attendance))
            .prop_map(|(student, session, attendance)| Operation::Correct { student, session, attendance }),
        1 => (student, 0..6_usize).prop_map(|(student, package)| Operation::Refund { student, package }),
        3 => Just(Operation::Sleep),
    ]
}

#[test]
fn the_books_of_packages_add_up_and_agree_with_the_ledger_whatever_happens() {
    let config = Config { cases: 10, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let operations = prop::collection::vec(operation(), 10..60);
    let result = runner.run(&operations, |operations| runtime.block_on(adds_up(operations)));
    if let Err(TestError::Fail(reason, operations)) = result {
        panic!("{reason}\nafter {operations:#?}");
    }
    result.unwrap();
}

async fn adds_up(operations: Vec<Operation>) -> Result<(), TestCaseError> {
    let school = School::open(World::new(), json!({ "leave_hours": 0 })).await;
    let parents = [school.student(STUDENTS[0]).await, school.student(STUDENTS[1]).await];
    let sessions: Vec<_> = (0..SESSIONS).map(|day| json!({ "date": date_of(day), "start": "16:00" })).collect();
    school.run("plan", json!({ "class": "piano-a", "sessions": sessions })).await.ok();
    let mut today = 0;
    let mut done = 0;
    for operation in operations {
        done += u32::from(play(&school, &parents, &mut today, operation).await);
        for (student, parent) in STUDENTS.iter().zip(&parents) {
            let packages = all_packages(&school, student).await;
            school.agree(&packages, parent);
            packages.iter().for_each(lots_add_up);
        }
    }
    prop_assert!(done > 0);
    // The last night books what has expired; then the figures are the sum of the packages.
    sleep(&school, &mut today).await;
    let mut packages = all_packages(&school, STUDENTS[0]).await;
    packages.extend(all_packages(&school, STUDENTS[1]).await);
    let months = school.done("revenue", json!({ "from": "2026-03", "to": "2026-12" })).await["months"].clone();
    let months = months.as_array().unwrap();
    for (figure, what) in
        [("sold", "sold"), ("recognised", "consumed"), ("refunded", "refunded"), ("forfeited", "forfeited")]
    {
        let figures = months.iter().map(|month| pair(&month[figure])).fold((0, 0), plus);
        prop_assert_eq!(figures, total(&packages, what), "{}", figure);
    }
    prop_assert_eq!(pair(&months[months.len() - 1]["deferred"]), total(&packages, "left"));
    Ok(())
}

/// Does it, and tells whether anything came of it. What can not be is refused by a rule of the trade.
async fn play(school: &School, parents: &[Member; 2], today: &mut u32, operation: Operation) -> bool {
    let reply = match operation {
        Operation::Sell { student, paid, gift, price_minor, days, is_good } => {
            let sale = json!({
                "member": parents[student].id,
                "student": STUDENTS[student],
                "paid_minutes": paid,
                "gift_minutes": gift,
                "price_minor": price_minor,
                "courses": if is_good { json!([]) } else { json!(["painting"]) },
                "valid_to": days.map(|days| date(*today + days)),
            });
            school.run("sell", sale).await
        }
        Operation::Attend { student, session, attendance } => {
            school.attend(&session_id(session), STUDENTS[student], attendance).await
        }
        Operation::Correct { student, session, attendance } => {
            let correct =
                json!({ "session": session_id(session), "student": STUDENTS[student], "attendance": attendance });
            school.run("correct", correct).await
        }
        Operation::Refund { student, package } => {
            let packages = all_packages(school, STUDENTS[student]).await;
            let Some(package) = packages.get(package) else { return false };
            school.run("refund", json!({ "package": package["package"] })).await
        }
        Operation::Sleep => {
            sleep(school, today).await;
            return false;
        }
    };
    if reply.status.is_success() {
        return true;
    }
    let problem = reply.problem();
    assert!(problem.status == 422 && problem.kind.starts_with("pack:"), "{problem}");
    assert_ne!(problem.kind, "pack:books-differ", "{problem}");
    false
}

async fn sleep(school: &School, today: &mut u32) {
    *today += 1;
    school.world.clock_at(&format!("{}T08:00:00+08:00", date(*today)));
    let round = calls(&school.world).await;
    assert_eq!(round.failed, 0);
}

/// So many days after the first one.
fn date(days: u32) -> String {
    let first = jiff::civil::date(2026, 3, 18);
    first.checked_add(jiff::Span::new().days(days)).unwrap().to_string()
}

/// The day of a session.
fn date_of(session: usize) -> String {
    date(u32::try_from(session).unwrap())
}

fn session_id(session: usize) -> String {
    format!("piano-a@{}T16:00", date_of(session))
}

async fn all_packages(school: &School, student: &str) -> Vec<Value> {
    let (mut packages, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = school.done("packages", json!({ "student": student, "after": after })).await;
        packages.extend(page["packages"].as_array().unwrap().clone());
        after = page["next"].clone();
        if after.is_null() {
            return packages;
        }
    }
}

/// Sold = consumed + refunded + forfeited + left, in minutes and in money; nothing is negative, and what is recognised is
/// not more than what was paid.
fn lots_add_up(package: &Value) {
    for lot in 0..package["lots"].as_array().unwrap().len() {
        let parts = ["consumed", "refunded", "forfeited", "left"].map(|what| of(package, lot, what));
        assert!(parts.iter().all(|(minutes, minor)| *minutes >= 0 && *minor >= 0), "{package}");
        assert_eq!(parts.into_iter().fold((0, 0), plus), of(package, lot, "sold"), "{package}");
        assert!(of(package, lot, "consumed").1 <= of(package, lot, "sold").1, "{package}");
    }
}

fn total(packages: &[Value], what: &str) -> (i64, i64) {
    let lots = packages.iter().flat_map(|package| package["lots"].as_array().unwrap());
    lots.map(|lot| pair(&lot[what])).fold((0, 0), plus)
}

fn plus((minutes, minor): (i64, i64), more: (i64, i64)) -> (i64, i64) {
    (minutes + more.0, minor + more.1)
}
