//! The training pack over HTTP: packages, what lessons take of them, refunds, ends, revenue.

use host_tests::World;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::following::calls;
use crate::school::{NEXT_SATURDAY, SATURDAY, School, UNIT, of, pair, sale, taken};

#[tokio::test]
async fn a_lesson_takes_minutes_of_a_package_and_their_money_becomes_revenue() {
    let school = School::new().await;
    let parent = school.student("tom").await;
    school.sell(&parent, "tom", json!({ "paid_minutes": 90, "price_minor": 10_000, "gift_minutes": 60 })).await;
    assert_eq!(parent.holds(UNIT).await.available, 150);
    school.world.clock_at("2026-03-21T09:55:00+08:00");
    let first = school.attend(SATURDAY, "tom", "present").await.ok()["result"].clone();
    assert_eq!(taken(&first), [("paid".to_owned(), 60, 6_666)]);
    assert_eq!((&first["minutes"], &first["minor"], &first["left_minutes"]), (&json!(60), &json!(6_666), &json!(90)));
    school.world.clock_at("2026-03-28T10:20:00+08:00");
    let second = school.attend(NEXT_SATURDAY, "tom", "late").await.ok()["result"].clone();
    assert_eq!(taken(&second), [("paid".to_owned(), 30, 3_334), ("gift".to_owned(), 30, 0)]);
    assert_eq!(parent.holds(UNIT).await.available, 30);
    let march = school.march().await;
    assert_eq!((pair(&march["sold"]), pair(&march["recognised"])), ((150, 10_000), (120, 10_000)));
    assert_eq!((pair(&march["deferred"]), &march["month"]), ((30, 0), &json!("2026-03")));
    assert_eq!(march["stores"].as_array().unwrap().len(), 1);
    assert_eq!(march["stores"][0]["store"], school.world.shop.store(0));
    school.agree(&school.packages("tom").await, &parent);
}

#[tokio::test]
async fn an_attendance_that_is_taken_back_gives_to_the_very_lots_and_takes_the_revenue_back() {
    let school = School::new().await;
    let parent = school.student("tom").await;
    school.sell(&parent, "tom", json!({ "paid_minutes": 45, "price_minor": 10_000, "gift_minutes": 60 })).await;
    school.world.clock_at("2026-03-21T10:00:00+08:00");
    school.attend(SATURDAY, "tom", "present").await.ok();
    let correct = json!({ "session": SATURDAY, "student": "tom", "reason": "ill" });
    let corrected = school.done("correct", correct.clone()).await;
    assert_eq!((&corrected["returned_minutes"], &corrected["returned_minor"]), (&json!(60), &json!(10_000)));
    assert_eq!((&corrected["attendance"], &corrected["corrections"]), (&Value::Null, &json!(1)));
    let packages = school.packages("tom").await;
    assert_eq!((of(&packages[0], 0, "left"), of(&packages[0], 1, "left")), ((45, 10_000), (60, 0)));
    school.agree(&packages, &parent);
    let march = school.march().await;
    assert_eq!((pair(&march["recognised"]), pair(&march["deferred"])), ((0, 0), (105, 10_000)));
    assert_eq!(school.told("correct", correct).await, "422 pack:not-marked");
    // Once more, and then as an absence, which takes the same.
    school.attend(SATURDAY, "tom", "present").await.ok();
    let correct = json!({ "session": SATURDAY, "student": "tom", "attendance": "absent" });
    let corrected = school.done("correct", correct).await;
    assert_eq!((&corrected["attendance"], &corrected["minutes"]), (&json!("absent"), &json!(60)));
    assert_eq!(parent.holds(UNIT).await.available, 45);
    let history = school.done("history", json!({ "student": "tom" })).await;
    assert_eq!(history["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(history["sessions"][0]["corrections"], 2);
}

#[tokio::test]
async fn what_expires_soonest_goes_first_of_what_is_good_for_the_lesson() {
    let school = School::new().await;
    let parent = school.student("tom").await;
    let corner = school.world.shop.store(1);
    school.sell(&parent, "tom", json!({ "paid_minutes": 60, "price_minor": 100 })).await;
    school.sell(&parent, "tom", json!({ "paid_minutes": 60, "price_minor": 200, "valid_to": "2026-12-31" })).await;
    // These would come before, but are good for something else.
    for other in
        [json!({ "courses": ["painting"] }), json!({ "campuses": [corner] }), json!({ "valid_from": "2026-03-29" })]
    {
        let mut terms = json!({ "paid_minutes": 60, "price_minor": 900, "valid_to": "2026-04-30" });
        other.as_object().unwrap().iter().for_each(|(field, value)| terms[field] = value.clone());
        school.sell(&parent, "tom", terms).await;
    }
    school.sell(&parent, "tom", json!({ "paid_minutes": 30, "price_minor": 300, "valid_to": "2026-06-30" })).await;
    school.world.clock_at("2026-03-21T10:00:00+08:00");
    let reply = school.attend(SATURDAY, "tom", "present").await.ok();
    assert_eq!(taken(&reply["result"]), [("paid".to_owned(), 30, 300), ("paid".to_owned(), 30, 100)]);
    school.agree(&school.packages("tom").await, &parent);
    assert_eq!(parent.holds(UNIT).await.expires_next.unwrap().1, 60, "the others are untouched");
    school.done("correct", json!({ "session": SATURDAY, "student": "tom" })).await;
    school.agree(&school.packages("tom").await, &parent);
    assert_eq!(parent.holds(UNIT).await.available, 330);
    assert_eq!(parent.holds(UNIT).await.debt, 0);
}

#[tokio::test]
async fn what_nobody_sold_is_good_for_no_lesson() {
    let school = School::new().await;
    let parent = school.student("tom").await;
    school.sell(&parent, "tom", json!({ "courses": ["painting"] })).await;
    school.world.clock_at("2026-03-21T10:00:00+08:00");
    let before = school.world.state();
    let problem = school.attend(SATURDAY, "tom", "present").await.problem();
    assert_snapshot!(problem, @"422 pack:insufficient-minutes: the session takes 60 minutes and the student has 0 that are good for it");
    school.world.unchanged_since(&before);
}

#[tokio::test]
async fn no_more_is_prepaid_at_a_time_than_the_guard_allows() {
    let settings = json!({ "prepaid_months_max": 3, "prepaid_hours_max": 60 });
    let school = School::open(World::new(), settings).await;
    let parent = school.student("tom").await;
    let terms = |minutes: u64, valid_to: &str| json!({ "paid_minutes": minutes, "valid_to": valid_to });
    let too_long = school.run("sell", sale(&parent, "tom", terms(60, "2026-06-18"))).await.problem();
    assert_snapshot!(too_long, @"422 pack:prepaid-too-long: at most 3 months are prepaid at a time");
    assert_eq!(school.told("sell", sale(&parent, "tom", json!({}))).await, "422 pack:prepaid-too-long");
    school.sell(&parent, "tom", terms(3_000, "2026-06-17")).await;
    let too_much = school.run("sell", sale(&parent, "tom", terms(601, "2026-06-17"))).await.problem();
    assert_snapshot!(too_much, @"422 pack:prepaid-too-much: at most 60 hours are prepaid at a time, and 3000 minutes are left from before");
    school.sell(&parent, "tom", terms(600, "2026-06-17")).await;
    // What is not taught to minors only is not limited, and neither is what is given.
    let mut painting = terms(6_000, "2027-03-17");
    painting["courses"] = json!(["painting"]);
    school.sell(&parent, "tom", painting).await;
    school.sell(&parent, "tom", json!({ "paid_minutes": 0, "price_minor": 0, "gift_minutes": 600 })).await;
}

#[tokio::test]
async fn a_refund_is_what_was_paid_for_what_is_left_and_leaves_gifts_out() {
    let school = School::new().await;
    let parent = school.student("tom").await;
    let terms = json!({ "paid_minutes": 180, "price_minor": 10_000, "gift_minutes": 60 });
    let package = school.sell(&parent, "tom", terms).await;
    let other = school.sell(&parent, "tom", json!({ "valid_to": "2026-03-31" })).await;
    school.done("refund", json!({ "package": other })).await;
    school.world.clock_at("2026-03-21T10:00:00+08:00");
    school.attend(SATURDAY, "tom", "present").await.ok();
    let refund = json!({ "package": package });
    let refunded = school.done("refund", refund.clone()).await;
    assert_eq!((&refunded["refunded_minor"], &refunded["refunded_minutes"]), (&json!(6_667), &json!(120)));
    assert_eq!((&refunded["forfeited_minutes"], &refunded["state"]), (&json!(60), &json!("refunded")));
    assert_eq!(parent.holds(UNIT).await.available, 0);
    let march = school.march().await;
    assert_eq!((pair(&march["refunded"]), pair(&march["forfeited"])), ((720, 206_667), (60, 0)));
    assert_eq!((pair(&march["recognised"]), pair(&march["deferred"])), ((60, 3_333), (0, 0)));
    assert_eq!(school.told("refund", refund).await, "422 pack:package-refunded");
    // The money went by what had been consumed: that stands.
    assert_eq!(
        school.told("correct", json!({ "session": SATURDAY, "student": "tom" })).await,
        "422 pack:package-refunded"
    );
}

#[tokio::test]
async fn a_used_up_package_has_nothing_to_refund() {
    let school = School::new().await;
    let parent = school.student("tom").await;
    let package = school.sell(&parent, "tom", json!({ "paid_minutes": 60, "gift_minutes": 60 })).await;
    school.world.clock_at("2026-03-21T10:00:00+08:00");
    school.attend(SATURDAY, "tom", "present").await.ok();
    assert_eq!(school.told("refund", json!({ "package": package })).await, "422 pack:nothing-to-refund");
    assert_eq!(school.told("cancel-session", json!({ "session": SATURDAY })).await, "422 pack:session-attended");
}

#[tokio::test]
async fn what_has_expired_is_forfeited_at_night_and_what_returns_to_it_as_well() {
    let school = School::new().await;
    let parent = school.student("tom").await;
    let terms = json!({ "paid_minutes": 180, "price_minor": 10_000, "gift_minutes": 60, "valid_to": "2026-03-27" });
    let package = school.sell(&parent, "tom", terms).await;
    school.world.clock_at("2026-03-21T10:00:00+08:00");
    school.attend(SATURDAY, "tom", "present").await.ok();
    calls(&school.world).await;
    school.world.clock_at("2026-03-27T23:59:59+08:00");
    calls(&school.world).await;
    assert_eq!(parent.holds(UNIT).await.available, 180);
    school.world.clock_at("2026-03-28T00:00:00+08:00");
    // From the very instant, whether it is booked or not.
    let packages = school.packages("tom").await;
    assert_eq!((&packages[0]["state"], of(&packages[0], 0, "forfeited")), (&json!("expired"), (120, 6_667)));
    school.agree(&packages, &parent);
    assert_eq!(school.told("refund", json!({ "package": package })).await, "422 pack:nothing-to-refund");
    assert_eq!(school.attend(NEXT_SATURDAY, "tom", "present").await.problem().name(), "422 pack:insufficient-minutes");
    assert_eq!(pair(&school.march().await["forfeited"]), (0, 0));
    school.world.clock_at("2026-03-28T00:05:00+08:00");
    assert_eq!(calls(&school.world).await.done, 1);
    let march = school.march().await;
    assert_eq!((pair(&march["forfeited"]), pair(&march["deferred"])), ((180, 6_667), (0, 0)));
    assert_eq!(school.packages("tom").await, packages, "nothing looks another way");
    // A correction in the next month: that month's.
    school.world.clock_at("2026-04-02T10:00:00+08:00");
    school.done("correct", json!({ "session": SATURDAY, "student": "tom" })).await;
    let packages = school.packages("tom").await;
    assert_eq!((of(&packages[0], 0, "forfeited"), of(&packages[0], 0, "consumed")), ((180, 10_000), (0, 0)));
    school.agree(&packages, &parent);
    assert_eq!(school.march().await, march, "a month that is over does not change");
    let april = school.done("revenue", json!({ "from": "2026-04" })).await["months"][0].clone();
    assert_eq!((pair(&april["recognised"]), pair(&april["forfeited"])), ((-60, -3_333), (60, 3_333)));
    assert_eq!(pair(&april["deferred"]), (0, 0));
}

#[tokio::test]
async fn a_night_with_many_ends_is_closed_in_steps() {
    let school = School::new().await;
    calls(&school.world).await;
    let parent = school.world.shop.member("parent").enrol().await;
    for number in 0..120 {
        school.sell(&parent, &format!("s-{number}"), json!({ "valid_to": "2026-03-18" })).await;
    }
    school.world.clock_at("2026-03-19T00:05:00+08:00");
    for _ in 0..3 {
        assert_eq!(calls(&school.world).await.done, 1);
        school.world.clock_forward(jiff::SignedDuration::from_secs(1));
    }
    assert_eq!(pair(&school.march().await["forfeited"]), (120 * 600, 120 * 200_000));
    assert_eq!(calls(&school.world).await.done, 0);
}

#[tokio::test]
async fn deadlines_and_ends_are_those_of_the_wall_clock_when_clocks_are_changed() {
    // On 1 November clocks are put back in New York: the day has 25 hours.
    let school = School::open(World::in_zone("America/New_York"), json!({ "leave_hours": 24 })).await;
    let parent = school.student("tom").await;
    school.plan("piano-a", &["2026-11-01"], "10:00").await.ok();
    school.plan("piano-a", &["2026-11-01"], "22:30").await.ok();
    school.sell(&parent, "tom", json!({ "valid_to": "2026-11-01" })).await;
    let (morning, evening) = ("piano-a@2026-11-01T10:00", "piano-a@2026-11-01T22:30");
    // 24 hours on the clock are 25 on this night.
    school.world.clock_at("2026-10-31T10:01:00-04:00");
    let leave = json!({ "session": morning, "student": "tom" });
    assert_eq!(school.told("leave", leave.clone()).await, "422 pack:leave-too-late");
    school.world.clock_at("2026-10-31T10:00:00-04:00");
    school.done("leave", leave).await;
    school.world.clock_at("2026-11-01T23:59:59-05:00");
    school.attend(evening, "tom", "present").await.ok();
    assert_eq!(parent.holds(UNIT).await.available, 540);
    school.world.clock_at("2026-11-02T00:00:00-05:00");
    assert_eq!(parent.holds(UNIT).await.available, 0);
    let packages = school.packages("tom").await;
    assert_eq!(of(&packages[0], 0, "forfeited").0, 540);
    school.agree(&packages, &parent);
}

#[tokio::test]
async fn two_tills_consume_the_last_minutes_once() {
    let school = School::new().await;
    let parent = school.student("tom").await;
    school.sell(&parent, "tom", json!({ "paid_minutes": 60, "price_minor": 9_999 })).await;
    school.world.clock_at("2026-03-28T10:00:00+08:00");
    let attending = [SATURDAY, NEXT_SATURDAY].map(|session| {
        let (shop, input) =
            (school.world.shop.clone(), json!({ "session": session, "student": "tom", "attendance": "present" }));
        tokio::spawn(async move {
            loop {
                let reply = shop.command("training", "attend", input.clone()).send().await;
                if reply.status != 503 {
                    return if reply.status == 200 { "200 marked".to_owned() } else { reply.problem().name() };
                }
            }
        })
    });
    let mut told = Vec::new();
    for attending in attending {
        told.push(attending.await.unwrap());
    }
    told.sort();
    assert_eq!(told, ["200 marked", "422 pack:insufficient-minutes"]);
    let packages = school.packages("tom").await;
    assert_eq!((of(&packages[0], 0, "consumed"), of(&packages[0], 0, "left")), ((60, 9_999), (0, 0)));
    school.agree(&packages, &parent);
    assert_eq!(pair(&school.march().await["recognised"]), (60, 9_999));
}

#[tokio::test]
async fn what_somebody_took_of_the_minutes_by_hand_is_told_before_anything_is_done() {
    let school = School::new().await;
    let parent = school.student("tom").await;
    school.sell(&parent, "tom", json!({})).await;
    let adjustment = json!({ "unit": UNIT, "take": { "amount": 10 }, "reason": "a slip" });
    let path = format!("/v1/members/{}/adjustments", parent.id);
    school.world.shop.post(&path, adjustment).send().await.created();
    school.world.clock_at("2026-03-21T10:00:00+08:00");
    let before = school.world.state();
    let problem = school.attend(SATURDAY, "tom", "present").await.problem();
    assert_snapshot!(problem, @"422 pack:books-differ: the ledger holds other course minutes of mem_… than were sold; put that right first");
    school.world.unchanged_since(&before);
}
