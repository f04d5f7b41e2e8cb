//! What coupons take off baskets, as tables.

use super::*;

const STORE: StoreId = StoreId::from_bytes([1; 16]);
const OTHER_STORE: StoreId = StoreId::from_bytes([2; 16]);

fn label(text: &str) -> Label {
    Label::new(text).unwrap()
}

fn labels(texts: &[&str]) -> BTreeSet<Label> {
    texts.iter().map(|text| label(text)).collect()
}

fn code(text: &str) -> Code {
    Code::new(text).unwrap()
}

/// Two croissants for 24.00, a cake of the brand `Maison` for 80.00, three teas for 10.00.
fn basket() -> Vec<Line> {
    let line = |sku, category, brand: Option<&str>, quantity, amount_minor| Line {
        sku: label(sku),
        category: Some(label(category)),
        brand: brand.map(label),
        quantity,
        amount_minor,
    };
    vec![
        line("croissant", "pastry", None, 2, 2400),
        line("cake", "pastry", Some("Maison"), 1, 8000),
        line("tea", "drink", None, 3, 1000),
    ]
}

fn coupon(benefit: Benefit) -> CouponType {
    CouponType {
        unit: code("welcome"),
        title: label("Welcome"),
        benefit,
        threshold_minor: 0,
        scope: Scope::default(),
        validity: Validity::Days { days: 7 },
        per_member_max: None,
        total_max: None,
        stock: None,
        stacking_group: None,
        group_max: None,
        priority: 0,
        exclusive: false,
    }
}

fn amount(off_minor: Minor) -> CouponType {
    coupon(Benefit::Amount { off_minor })
}

fn percent(percent: u8, cap_minor: Option<Minor>) -> CouponType {
    coupon(Benefit::Percent { percent, cap_minor })
}

fn exchange(skus: &[&str]) -> CouponType {
    coupon(Benefit::Exchange { skus: labels(skus) })
}

#[track_caller]
fn check(coupon: &CouponType, expected: Result<&[Minor], Inapplicable>) {
    let lines = basket();
    let got = coupon.discount(STORE, &lines);
    match (&got, expected) {
        (Ok(discount), Ok(expected)) => {
            assert_eq!(discount.lines, expected);
            assert_eq!(discount.total_minor, expected.iter().sum::<Minor>());
            assert!(discount.lines.iter().zip(&lines).all(|(off, line)| *off <= line.amount_minor));
        }
        (Err(got), Err(expected)) => assert_eq!(*got, expected),
        (got, expected) => panic!("{got:?}, expected {expected:?}"),
    }
}

#[test]
fn an_amount_is_shared_out_over_the_lines_in_scope() {
    // 1000 of 11400: 210.5, 701.75, 87.7; the two missing units go to 87.7 and 701.75.
    check(&amount(1000), Ok(&[210, 702, 88]));
    check(&amount(1), Ok(&[0, 1, 0]));
    check(&amount(99_999), Ok(&[2400, 8000, 1000]));
    let pastry = Scope { categories: labels(&["pastry"]), ..Scope::default() };
    check(&CouponType { scope: pastry, ..amount(1000) }, Ok(&[231, 769, 0]));
}

#[test]
fn a_percentage_is_rounded_down_and_capped() {
    check(&percent(20, None), Ok(&[480, 1600, 200]));
    check(&percent(100, None), Ok(&[2400, 8000, 1000]));
    check(&percent(20, Some(500)), Ok(&[105, 351, 44]));
    let tea = Scope { skus: labels(&["tea"]), ..Scope::default() };
    check(&CouponType { scope: tea, ..percent(33, None) }, Ok(&[0, 0, 330]));
    // 3 percent of 24.00 and nothing else: 72; of 0.33 it would be less than a minor unit.
    let mut lines = basket();
    lines.truncate(1);
    lines[0].amount_minor = 34;
    assert_eq!(percent(3, None).discount(STORE, &lines).unwrap().total_minor, 1);
    lines[0].amount_minor = 33;
    assert_eq!(percent(3, None).discount(STORE, &lines), Err(Inapplicable::NothingLeft));
}

#[test]
fn a_gift_takes_nothing_off() {
    let coupon = coupon(Benefit::Gift { sku: label("macaron"), quantity: 2 });
    let discount = coupon.discount(STORE, &basket()).unwrap();
    assert_eq!((discount.total_minor, discount.gift), (0, Some((label("macaron"), 2))));
}

#[test]
fn an_exchange_takes_one_piece_of_the_dearest_off() {
    check(&exchange(&["croissant", "tea"]), Ok(&[1200, 0, 0]));
    // A third of 10.00 is rounded down.
    check(&exchange(&["tea"]), Ok(&[0, 0, 333]));
    check(&exchange(&["bagel"]), Err(Inapplicable::NothingInScope));
}

#[test]
fn coupons_count_on_what_the_ones_before_have_left() {
    let off = |coupons: &[CouponType]| {
        let found = discounts(&coupons.iter().collect::<Vec<_>>(), STORE, &basket())?;
        Ok(found.into_iter().map(|discount| discount.lines).collect::<Vec<_>>())
    };
    let croissant = exchange(&["croissant"]);
    // Two croissants are there: each is 12.00, and there is no third.
    let two = vec![croissant.clone(), croissant.clone()];
    assert_eq!(off(&two), Ok(vec![vec![1200, 0, 0], vec![1200, 0, 0]]));
    assert_eq!(off(&[two, vec![croissant.clone()]].concat()), Err((2, Inapplicable::NothingLeft)));
    // Three teas for 10.00: the last one is the dearest, and all of them cost 10.00.
    let tea = exchange(&["tea"]);
    assert_eq!(off(&vec![tea.clone(); 3]), Ok(vec![vec![0, 0, 333], vec![0, 0, 333], vec![0, 0, 334]]));
    // After 10 percent the remaining croissants are cheaper; the amount takes what is left of the basket and no more.
    let all = [percent(10, None), croissant, amount(99_999)];
    assert_eq!(off(&all), Ok(vec![vec![240, 800, 100], vec![1080, 0, 0], vec![1080, 7200, 900]]));
    assert_eq!(off(&[amount(99_999), percent(1, None)]), Err((1, Inapplicable::NothingLeft)));
}

#[test]
fn what_costs_nothing_is_not_worth_a_coupon() {
    let mut lines = basket();
    lines.iter_mut().for_each(|line| line.amount_minor = 0);
    for coupon in [amount(1), percent(50, None), exchange(&["tea"])] {
        assert_eq!(coupon.discount(STORE, &lines), Err(Inapplicable::NothingLeft));
    }
    let gift = coupon(Benefit::Gift { sku: label("macaron"), quantity: 1 });
    assert!(gift.discount(STORE, &lines).is_ok());
}

#[test]
fn why_a_coupon_gives_nothing_is_said_in_order() {
    let elsewhere = Scope { stores: [OTHER_STORE].into(), skus: labels(&["bagel"]), ..Scope::default() };
    check(&CouponType { scope: elsewhere, ..amount(1) }, Err(Inapplicable::OtherStore));
    let absent = Scope { skus: labels(&["bagel"]), ..Scope::default() };
    check(&CouponType { scope: absent, threshold_minor: 1, ..amount(1) }, Err(Inapplicable::NothingInScope));
    let brand = Scope { brands: labels(&["Maison"]), ..Scope::default() };
    let below = Inapplicable::BelowThreshold { needed: 8001, has: 8000 };
    check(&CouponType { scope: brand.clone(), threshold_minor: 8001, ..amount(1) }, Err(below));
    check(&CouponType { scope: brand, threshold_minor: 8000, ..amount(1) }, Ok(&[0, 1, 0]));
    let mixed = Scope { brands: labels(&["Maison"]), categories: labels(&["drink"]), ..Scope::default() };
    check(&CouponType { scope: mixed, ..amount(1) }, Err(Inapplicable::NothingInScope));
}

#[test]
fn of_one_stacking_group_a_basket_takes_one() {
    let of =
        |unit: &str, group: Option<&str>| CouponType { unit: code(unit), stacking_group: group.map(code), ..amount(1) };
    let (a, b, c, d) = (of("a", Some("sale")), of("b", Some("sale")), of("c", Some("birthday")), of("d", None));
    assert_eq!(check_stacking([&a, &c, &d, &d]), Ok(()));
    let refused = NotStackable::Group { group: code("sale"), max: 1, coupon: code("b") };
    assert_eq!(check_stacking([&a, &c, &b]), Err(refused));
    // The strictest of a group counts, wherever it stands.
    let (two, three) = (CouponType { group_max: Some(2), ..a.clone() }, CouponType { group_max: Some(3), ..b.clone() });
    assert_eq!(check_stacking([&two, &three]), Ok(()));
    assert!(check_stacking([&three, &three, &two]).is_err() && check_stacking([&three, &a]).is_err());
    let alone = CouponType { exclusive: true, ..d.clone() };
    let refused = NotStackable::Exclusive { coupon: code("d"), other: code("c") };
    assert_eq!(check_stacking([&c, &alone]), Err(refused.clone()));
    assert_eq!(check_stacking([&alone, &c]), Err(refused));
}

#[test]
fn coupons_count_by_priority_and_are_told_in_the_order_given() {
    let half = CouponType { priority: 5, ..percent(50, None) };
    let off = amount(1000);
    let totals = |coupons: &[&CouponType]| -> Vec<Minor> {
        discounts(coupons, STORE, &basket()).unwrap().iter().map(|discount| discount.total_minor).collect()
    };
    let total: Minor = basket().iter().map(|line| line.amount_minor).sum();
    assert_eq!(totals(&[&half, &off]), [(total - 1000) / 2, 1000]);
    assert_eq!(totals(&[&percent(50, None), &off]), [total / 2, 1000]);
}

#[test]
fn the_best_coupons_are_those_that_give_most_together() {
    let of = |unit: &str, off: Minor, group: Option<&str>, exclusive: bool| CouponType {
        unit: code(unit),
        stacking_group: group.map(code),
        exclusive,
        ..amount(off)
    };
    let (small, large, other) =
        (of("a", 100, Some("sale"), false), of("b", 300, Some("sale"), false), of("c", 50, None, false));
    let told = |coupons: &[&CouponType]| -> Vec<Result<Minor, Passed>> {
        let mut found = best(coupons, STORE, &basket());
        found.sort_by_key(|(place, _)| *place);
        found.into_iter().map(|(_, found)| found.map(|discount| discount.total_minor)).collect()
    };
    let full = |coupon: &str| Err(NotStackable::Group { group: code("sale"), max: 1, coupon: code(coupon) }.into());
    assert_eq!(told(&[&small, &large, &other]), [full("a"), Ok(300), Ok(50)]);
    // What comes first by priority counts first, even if it gives less.
    let first = CouponType { priority: 0, ..small.clone() };
    let later = CouponType { priority: 1, ..large.clone() };
    assert_eq!(told(&[&later, &first]), [full("b"), Ok(100)]);
    let alone = of("d", 340, None, true);
    assert_eq!(told(&[&large, &other, &alone]), [Ok(300), Ok(50), Err(Passed::Less)]);
    let more = of("d", 360, None, true);
    let not_with = |other: &str| Err(NotStackable::Exclusive { coupon: code("d"), other: code(other) }.into());
    assert_eq!(told(&[&large, &other, &more]), [not_with("b"), not_with("c"), Ok(360)]);
    // Named, each one counts in its turn.
    let named = in_turn(&[(&other, 1), (&more, 1)], STORE, &basket());
    assert!(named[0].1.is_ok() && named[1].1.is_err());
}

#[test]
fn what_counts_is_told_in_the_order_in_which_it_counts() {
    let late = CouponType { priority: 1, ..amount(5_000) };
    let (tenth, six) = (percent(10, None), amount(2_000));
    let given = [&late, &tenth, &six];
    let best = best(&given, STORE, &basket());
    assert_eq!(best.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [2, 1, 0]);
    let again: Vec<&CouponType> = best.iter().map(|(place, _)| given[*place]).collect();
    let expected: Vec<Discount> = best.into_iter().map(|(_, outcome)| outcome.unwrap()).collect();
    assert_eq!(discounts(&again, STORE, &basket()), Ok(expected));
}

#[test]
fn of_coupons_that_are_named_together_all_count_or_none() {
    let croissant = exchange(&["croissant"]);
    let told = |coupons: &[(&CouponType, u64)]| -> Vec<Result<Vec<Minor>, Passed>> {
        let found = in_turn(coupons, STORE, &basket()).into_iter();
        found.map(|(_, outcome)| outcome.map(|discount| discount.lines)).collect()
    };
    assert_eq!(told(&[(&croissant, 2)]), [Ok(vec![2_400, 0, 0])]);
    // There is no third croissant; the two are left for the next.
    let nothing_left = Err(Passed::from(Inapplicable::NothingLeft));
    assert_eq!(told(&[(&croissant, 3), (&croissant, 1)]), [nothing_left, Ok(vec![1_200, 0, 0])]);
    let off = amount(1);
    assert_eq!(told(&[(&off, 21), (&off, 20)]), [Err(Passed::TooMany), Ok(vec![0, 20, 0])]);
    let gift = coupon(Benefit::Gift { sku: label("macaron"), quantity: 2 });
    let gifts = in_turn(&[(&gift, 3)], STORE, &basket()).remove(0).1.unwrap();
    assert_eq!(gifts.gift, Some((label("macaron"), 6)));
}

#[test]
fn a_basket_takes_as_many_of_a_type_as_go_together() {
    let group = Some(code("sale"));
    for (coupon, expected) in [
        (amount(1), 20),
        (CouponType { exclusive: true, ..amount(1) }, 1),
        (CouponType { stacking_group: group.clone(), ..amount(1) }, 1),
        (CouponType { stacking_group: group.clone(), group_max: Some(3), ..amount(1) }, 3),
        (CouponType { stacking_group: group, group_max: Some(30), ..amount(1) }, 20),
    ] {
        assert_eq!(coupon.basket_max(), expected, "{coupon:?}");
    }
}

#[test]
fn days_end_at_midnight_in_the_merchants_zone() {
    let zone = TimeZone::get("America/New_York").unwrap();
    // Half past ten in the evening of October 31; the day after has 25 hours.
    let now: Timestamp = "2026-11-01T02:30:00Z".parse().unwrap();
    for (days, expected) in [(0, "2026-11-01T04:00:00Z"), (1, "2026-11-02T05:00:00Z"), (7, "2026-11-08T05:00:00Z")] {
        let coupon = CouponType { validity: Validity::Days { days }, ..amount(1) };
        assert_eq!(coupon.expires_at(now, &zone).unwrap().to_string(), expected, "{days}");
    }
}

#[test]
fn a_definition_is_refused_for_its_first_fault() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let fixed = Validity::Fixed { from: at(5), until: at(5) };
    for (coupon, expected) in [
        (amount(0), Err(CouponFault::GivesNothing)),
        (percent(0, None), Err(CouponFault::GivesNothing)),
        (percent(101, Some(0)), Err(CouponFault::GivesNothing)),
        (coupon(Benefit::Gift { sku: label("tea"), quantity: 0 }), Err(CouponFault::GivesNothing)),
        (exchange(&[]), Err(CouponFault::GivesNothing)),
        (percent(101, None), Err(CouponFault::PercentTooLarge(101))),
        (amount(Currency::AMOUNT_MAX + 1), Err(CouponFault::AmountTooLarge(Currency::AMOUNT_MAX + 1))),
        (CouponType { validity: fixed, ..amount(1) }, Err(CouponFault::EndsBeforeBegin { from: at(5), until: at(5) })),
        (CouponType { stock: Some(0), ..amount(1) }, Err(CouponFault::LimitZero)),
        (CouponType { stock: Some(1), ..amount(1) }, Ok(())),
    ] {
        assert_eq!(coupon.check(), expected, "{coupon:?}");
    }
}

#[test]
fn free_delivery_is_about_what_is_delivered_and_takes_off_what_that_costs() {
    let free = |cap_minor| {
        let benefit = Benefit::FreeDelivery { skus: [label("tea")].into(), cap_minor };
        CouponType { threshold_minor: 9_000, ..coupon(benefit) }
    };
    // 24.00 and 80.00 of goods are delivered for the 10.00 that stand for `tea` here.
    check(&free(None), Ok(&[0, 0, 1_000]));
    check(&free(Some(600)), Ok(&[0, 0, 600]));
    check(
        &CouponType { threshold_minor: 10_401, ..free(None) },
        Err(Inapplicable::BelowThreshold { needed: 10_401, has: 10_400 }),
    );
    let of_all = Benefit::FreeDelivery { skus: ["croissant", "cake", "tea"].map(label).into(), cap_minor: None };
    check(&coupon(of_all), Err(Inapplicable::NothingInScope));
    let elsewhere = Benefit::FreeDelivery { skus: [label("delivery")].into(), cap_minor: None };
    check(&coupon(elsewhere), Err(Inapplicable::NothingLeft));
}
