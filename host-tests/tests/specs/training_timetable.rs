//! The training pack over HTTP: classes, sessions, leave and attendance, lists, and what is refused.

use host_tests::World;
use insta::{assert_json_snapshot, assert_snapshot};
use serde_json::{Value, json};

use crate::merges::merge;
use crate::school::{NEXT_SATURDAY, SATURDAY, School, UNIT, of, sale};

#[tokio::test]
async fn absence_takes_minutes_by_the_policy_and_leave_none() {
    for (deducts, left) in [(true, 540), (false, 600)] {
        let school = School::open(World::new(), json!({ "absence_deducts": deducts })).await;
        let parent = school.student("tom").await;
        school.sell(&parent, "tom", json!({})).await;
        school.done("leave", json!({ "session": NEXT_SATURDAY, "student": "tom" })).await;
        school.world.clock_at("2026-03-21T12:00:00+08:00");
        school.attend(SATURDAY, "tom", "absent").await.ok();
        assert_eq!(parent.holds(UNIT).await.available, left);
    }
}

#[tokio::test]
async fn leave_is_taken_before_its_deadline_only() {
    let school = School::open(World::new(), json!({ "leave_hours": 12 })).await;
    school.student("tom").await;
    let leave = json!({ "session": SATURDAY, "student": "tom" });
    school.world.clock_at("2026-03-20T22:01:00+08:00");
    let problem = school.run("leave", leave.clone()).await.problem();
    assert_snapshot!(problem, @"422 pack:leave-too-late: leave is taken until 12 hours before the session begins");
    assert_eq!(school.attend(SATURDAY, "tom", "leave").await.problem().name(), "422 pack:leave-too-late");
    school.world.clock_at("2026-03-20T22:00:00+08:00");
    school.done("leave", leave.clone()).await;
    let again = school.run("leave", leave).await.problem();
    assert_snapshot!(again, @"422 pack:already-marked: the attendance is marked already: leave; correct it instead");
}

#[tokio::test]
async fn a_student_attends_a_session_once() {
    let school = School::new().await;
    let parent = school.student("tom").await;
    school.sell(&parent, "tom", json!({})).await;
    assert_eq!(school.attend(SATURDAY, "tom", "present").await.problem().name(), "422 pack:too-early");
    school.world.clock_at("2026-03-21T10:00:00+08:00");
    let input = json!({ "session": SATURDAY, "student": "tom", "attendance": "present" });
    let ask = || school.world.shop.command("training", "attend", input.clone()).key("till-7").send();
    let first = ask().await.ok();
    assert_eq!(ask().await.ok(), first, "the same key is the same attendance");
    assert_eq!(school.attend(SATURDAY, "tom", "present").await.problem().name(), "422 pack:already-marked");
    assert_eq!(parent.holds(UNIT).await.available, 540);
}

#[tokio::test]
async fn rooms_and_teachers_are_not_booked_twice() {
    let school = School::new().await;
    school.open_class("piano-b", "piano", "301", "t-2").await;
    school.open_class("painting-a", "painting", "302", "t-1").await;
    let before = school.world.state();
    let problem = school.plan("piano-b", &["2026-03-22", "2026-03-21"], "10:30").await.problem();
    assert_snapshot!(problem, @"422 pack:room-taken: piano-b@2026-03-21T10:30 can not be in room 301, which piano-a has then");
    let problem = school.plan("painting-a", &["2026-03-21"], "09:00").await.problem();
    assert_snapshot!(problem, @"422 pack:teacher-taken: painting-a@2026-03-21T09:00 can not have teacher t-1, who has piano-a then");
    assert_eq!(school.plan("piano-a", &["2026-03-21"], "10:00").await.problem().name(), "422 pack:session-exists");
    assert_eq!(school.plan("piano-a", &["2026-03-21"], "23:30").await.problem().name(), "422 pack:session-too-long");
    school.world.unchanged_since(&before);
    school.plan("piano-b", &["2026-03-21"], "11:00").await.ok();
    school.plan("painting-a", &["2026-03-21"], "08:30").await.ok();
    // What is cancelled gives room and teacher back.
    school.done("cancel-session", json!({ "session": SATURDAY })).await;
    school.plan("piano-b", &["2026-03-21"], "10:00").await.ok();
    assert_eq!(school.attend(SATURDAY, "tom", "present").await.problem().name(), "422 pack:session-cancelled");
}

#[tokio::test]
async fn a_class_has_no_more_students_than_its_capacity() {
    let school = School::new().await;
    school.student("tom").await;
    let parent = school.student("ann").await;
    let third = json!({ "class": "piano-a", "member": parent.id, "student": "bob" });
    let problem = school.run("enrol", third.clone()).await.problem();
    assert_snapshot!(problem, @"422 pack:class-full: the class has its 2 students");
    let again = json!({ "class": "piano-a", "member": parent.id, "student": "ann" });
    assert_eq!(school.told("enrol", again).await, "422 pack:already-enrolled");
    school.done("withdraw", json!({ "class": "piano-a", "student": "ann" })).await;
    assert_eq!(school.done("enrol", third).await["enrolled"], 2);
}

#[tokio::test]
async fn what_is_not_there_is_refused_for_its_reason() {
    let school = School::new().await;
    let parent = school.student("tom").await;
    let other = school.world.shop.member("other").enrol().await;
    let nobody = "mem_00000000000000000000000000000000";
    for (command, input, expected) in [
        (
            "open-class",
            json!({ "class": "a", "course": "go", "room": "1", "teacher": "t", "capacity": 1 }),
            "404 pack:unknown-course",
        ),
        (
            "open-class",
            json!({ "class": "piano-a", "course": "piano", "room": "1", "teacher": "t", "capacity": 1 }),
            "422 pack:class-exists",
        ),
        (
            "plan",
            json!({ "class": "go", "sessions": [{ "date": "2026-03-21", "start": "10:00" }] }),
            "404 pack:unknown-class",
        ),
        ("enrol", json!({ "class": "piano-a", "member": nobody }), "404 pack:unknown-member"),
        ("enrol", json!({ "class": "piano-a", "member": other.id, "student": "tom" }), "422 pack:student-of-another"),
        ("withdraw", json!({ "class": "piano-a", "student": "ann" }), "422 pack:not-enrolled"),
        ("sell", sale(&other, "tom", json!({})), "422 pack:student-of-another"),
        ("sell", sale(&parent, "tom", json!({ "courses": ["go"] })), "404 pack:unknown-course"),
        ("sell", sale(&parent, "tom", json!({ "campuses": ["sto_1"] })), "404 pack:unknown-campus"),
        ("sell", sale(&parent, "tom", json!({ "valid_to": "2026-03-17" })), "422 pack:validity-over"),
        (
            "sell",
            sale(&parent, "tom", json!({ "paid_minutes": 0, "gift_minutes": 9 })),
            "422 pack:price-without-minutes",
        ),
        ("sell", sale(&parent, "tom", json!({ "paid_minutes": 0, "price_minor": 0 })), "422 pack:nothing-sold"),
        ("sell", sale(&parent, "tom", json!({ "price_minor": -1 })), "422 wrong-input"),
        ("sell", sale(&parent, "t/m", json!({})), "422 wrong-input"),
        ("attend", json!({ "session": SATURDAY, "student": "ann", "attendance": "present" }), "422 pack:not-enrolled"),
        (
            "attend",
            json!({ "session": "piano-a@2026-03-22T10:00", "student": "tom", "attendance": "present" }),
            "404 pack:unknown-session",
        ),
        (
            "attend",
            json!({ "session": "../piano-a", "student": "tom", "attendance": "present" }),
            "404 pack:unknown-session",
        ),
        ("attend", json!({ "session": SATURDAY, "student": "tom", "attendance": "there" }), "422 wrong-input"),
        ("correct", json!({ "session": SATURDAY, "student": "tom" }), "422 pack:not-marked"),
        ("refund", json!({ "package": "P1" }), "404 pack:unknown-package"),
        ("refund", json!({ "package": "../course" }), "404 pack:unknown-package"),
        ("packages", json!({ "student": "ann" }), "404 pack:unknown-student"),
        ("revenue", json!({ "from": "2026-03", "to": "2026-02" }), "422 pack:wrong-months"),
        ("revenue", json!({ "from": "2026-13" }), "422 wrong-input"),
    ] {
        let problem = school.run(command, input.clone()).await.problem();
        assert_eq!(problem.name(), expected, "{command} {input}: {problem}");
    }
    let session = json!({ "session": SATURDAY, "student": "tom", "attendance": "present" });
    assert_eq!(school.run_in(1, "attend", session).await.problem().name(), "404 pack:unknown-session");
    let nowhere = json!({ "input": { "class": "piano-a", "member": parent.id } });
    let problem = school.world.shop.post("/v1/packs/training/commands/enrol", nowhere).send().await.problem();
    assert_eq!(problem.name(), "422 pack:store-required");
}

#[tokio::test]
async fn a_days_sessions_are_listed_with_their_students_and_in_pages() {
    let school = School::new().await;
    let parent = school.student("tom").await;
    school.student("ann").await;
    school.sell(&parent, "tom", json!({})).await;
    school.plan("piano-a", &["2026-03-21"], "14:00").await.ok();
    school.world.clock_at("2026-03-21T10:00:00+08:00");
    school.attend(SATURDAY, "tom", "present").await.ok();
    let first = school.done("day", json!({ "limit": 1 })).await;
    assert_json_snapshot!(first, @r#"
    {
      "date": "2026-03-21",
      "next": "10:00/piano-a",
      "sessions": [
        {
          "cancelled": false,
          "class": "piano-a",
          "course": "piano",
          "date": "2026-03-21",
          "end": "11:00",
          "minutes": 60,
          "room": "301",
          "session": "piano-a@2026-03-21T10:00",
          "start": "10:00",
          "students": [
            {
              "attendance": null,
              "student": "ann"
            },
            {
              "attendance": "present",
              "student": "tom"
            }
          ],
          "teacher": "t-1"
        }
      ]
    }
    "#);
    let second = school.done("day", json!({ "limit": 1, "after": first["next"] })).await;
    assert_eq!(second["sessions"][0]["session"], "piano-a@2026-03-21T14:00");
    let last = school.done("day", json!({ "limit": 1, "after": second["next"] })).await;
    assert_eq!((last["sessions"].as_array().unwrap().len(), &last["next"]), (0, &Value::Null));
    school.world.clock_at("2026-03-28T10:00:00+08:00");
    school.attend(NEXT_SATURDAY, "tom", "present").await.ok();
    let latest = school.done("history", json!({ "student": "tom", "limit": 1 })).await;
    assert_eq!(latest["sessions"][0]["session"], NEXT_SATURDAY);
    let before = school.done("history", json!({ "student": "tom", "limit": 1, "after": latest["next"] })).await;
    assert_eq!(before["sessions"][0]["session"], SATURDAY);
    school.sell(&parent, "tom", json!({ "price_minor": 7 })).await;
    let page = school.done("packages", json!({ "student": "tom", "limit": 1 })).await;
    assert_eq!(of(&page["packages"][0], 0, "sold"), (600, 7), "the last one first");
    let page = school.done("packages", json!({ "student": "tom", "limit": 1, "after": page["next"] })).await;
    assert_eq!(of(&page["packages"][0], 0, "sold"), (600, 200_000));
}

#[tokio::test]
async fn students_stay_who_they_are_when_their_guardians_become_one() {
    let school = School::new().await;
    let (gone, survivor) = (school.student("tom").await, school.student("ann").await);
    school.sell(&gone, "tom", json!({ "valid_to": "2026-12-31" })).await;
    school.sell(&survivor, "ann", json!({ "valid_to": "2026-06-30" })).await;
    merge(&school.world.shop, &survivor, &gone).await.ok();
    school.world.clock_forward(jiff::SignedDuration::from_secs(1));
    school.sell(&survivor, "tom", json!({ "paid_minutes": 30, "price_minor": 30 })).await;
    school.world.clock_at("2026-03-21T10:00:00+08:00");
    school.attend(SATURDAY, "tom", "present").await.ok();
    let mut packages = school.packages("tom").await;
    assert_eq!(of(&packages[1], 0, "left").0, 540, "of the other student nothing is taken");
    packages.extend(school.packages("ann").await);
    school.agree(&packages, &survivor);
}
