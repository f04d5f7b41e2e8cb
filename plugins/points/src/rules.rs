//! What an order earns. Pure: settings, call and order in, decision out.

use punchcard_sdk::{
    CallContext, Language, Refusal, Text,
    order::{Decision, Earning, Finding, Order},
};

use crate::{
    UNIT,
    settings::{Combine, Rounding, Settings},
};

/// What an order earns, and which rules were looked at.
pub(crate) fn decide(settings: &Settings, ctx: &CallContext, order: &Order) -> Result<Decision, Refusal> {
    let language = Language::of(ctx);
    let mut findings = Vec::new();
    let Some(buyer) = &order.buyer else {
        let why = Text::new("no member, so nobody earns points", "未登记会员，不积分");
        return Ok(nothing(findings, Finding::skipped("no-buyer", why.wording(language))));
    };
    if order.total < settings.minimum_order_amount {
        let why = Text::new("the order is below the minimum amount for points", "订单未达到积分最低消费");
        return Ok(nothing(findings, Finding::skipped("minimum-order-amount", why.wording(language))));
    }
    let amount = eligible_amount(settings, order, language, &mut findings);
    if amount == 0 {
        let why = Text::new("nothing in this order earns points", "本单没有可积分的金额");
        return Ok(nothing(findings, Finding::skipped("no-eligible-amount", why.wording(language))));
    }

    let multiplier = multiplier(settings, ctx, &buyer.tags, language, &mut findings)?;
    let points = points(settings, amount, multiplier).ok_or_else(|| too_many(language))?;
    if points == 0 {
        let why = Text::new("the amount is too small for a point", "金额不足一个积分");
        return Ok(nothing(findings, Finding::skipped("points", why.wording(language))));
    }
    let expires = settings.expiry.from(ctx.local.date()).ok_or_else(|| {
        let why = Text::new("the points would expire beyond the calendar", "积分到期日超出日历范围");
        Refusal::failed("expiry-too-late", why.wording(language))
    })?;
    let explanation = match language {
        Language::English => format!("{points} points for this order"),
        Language::Chinese => format!("本单获得 {points} 积分"),
    };
    findings.push(Finding::applied("points", explanation));
    Ok(Decision { earnings: vec![Earning { unit: UNIT.to_owned(), amount: points, expires }], findings })
}

fn nothing(mut findings: Vec<Finding>, why: Finding) -> Decision {
    findings.push(why);
    Decision { earnings: Vec::new(), findings }
}

fn too_many(language: Language) -> Refusal {
    let why = Text::new(
        "the points for this order do not fit; the settings are too generous",
        "本单积分超出上限，请检查积分设置",
    );
    Refusal::refused("points-overflow", why.wording(language))
}

/// What the lines come to that are not of an excluded category.
fn eligible_amount(settings: &Settings, order: &Order, language: Language, findings: &mut Vec<Finding>) -> u128 {
    let mut excluded = false;
    let mut amount = 0;
    for line in &order.lines {
        if settings.excluded_categories.contains(&line.category) {
            excluded = true;
        } else {
            // Far fewer than 2^64 lines of less than 2^64 each.
            amount += u128::from(line.amount);
        }
    }
    if excluded {
        let why = Text::new("lines of excluded categories earn nothing", "部分品类不参与积分");
        findings.push(Finding::applied("excluded-categories", why.wording(language)));
    }
    amount
}

/// A fraction to multiply by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Multiplier {
    numerator: u128,
    denominator: u128,
}

impl Multiplier {
    const NONE: Self = Self { numerator: 1, denominator: 1 };

    fn percent(percent: u16) -> Self {
        Self { numerator: percent.into(), denominator: 100 }
    }

    fn then(self, other: Self) -> Option<Self> {
        Some(Self {
            numerator: self.numerator.checked_mul(other.numerator)?,
            denominator: self.denominator.checked_mul(other.denominator)?,
        })
    }
}

/// What the multipliers of today and of the buyer's tags come to.
fn multiplier(
    settings: &Settings,
    ctx: &CallContext,
    tags: &[String],
    language: Language,
    findings: &mut Vec<Finding>,
) -> Result<Multiplier, Refusal> {
    if settings.weekday_multipliers.is_empty() && settings.tag_multipliers.is_empty() {
        return Ok(Multiplier::NONE);
    }
    let today = settings.weekday_multipliers.iter().filter(|multiplier| multiplier.weekday == ctx.local.weekday);
    let of_tags = settings.tag_multipliers.iter().filter(|multiplier| tags.contains(&multiplier.tag));
    let candidates: Vec<Candidate<'_>> = today
        .map(|multiplier| Candidate { tag: None, percent: multiplier.percent })
        .chain(of_tags.map(|multiplier| Candidate { tag: Some(&multiplier.tag), percent: multiplier.percent }))
        .collect();

    // A rule that does not concern this order is told once, not once for each weekday and tag.
    if !settings.weekday_multipliers.is_empty() && !candidates.iter().any(|candidate| candidate.tag.is_none()) {
        let why = Text::new("no multiplier today", "今日无多倍积分");
        findings.push(Finding::skipped(WEEKDAY_RULE, why.wording(language)));
    }
    if !settings.tag_multipliers.is_empty() && !candidates.iter().any(|candidate| candidate.tag.is_some()) {
        let why = Text::new("no multiplier for the tags of this member", "会员标签无多倍积分");
        findings.push(Finding::skipped(TAG_RULE, why.wording(language)));
    }

    match settings.combine {
        Combine::Highest => {
            let Some(highest) = (0..candidates.len()).rev().max_by_key(|&index| candidates[index].percent) else {
                return Ok(Multiplier::NONE);
            };
            findings.extend(
                candidates.iter().enumerate().map(|(index, candidate)| candidate.finding(index == highest, language)),
            );
            Ok(Multiplier::percent(candidates[highest].percent))
        }
        Combine::Multiply => {
            findings.extend(candidates.iter().map(|candidate| candidate.finding(true, language)));
            candidates
                .iter()
                .try_fold(Multiplier::NONE, |product, candidate| product.then(Multiplier::percent(candidate.percent)))
                .ok_or_else(|| too_many(language))
        }
    }
}

const WEEKDAY_RULE: &str = "weekday-multiplier";
const TAG_RULE: &str = "tag-multiplier";

/// A multiplier that fits this order.
struct Candidate<'a> {
    /// Absent for the multiplier of the weekday.
    tag: Option<&'a str>,
    percent: u16,
}

impl Candidate<'_> {
    fn finding(&self, applied: bool, language: Language) -> Finding {
        let (rule, mut explanation) = match (self.tag, language) {
            (None, Language::English) => (WEEKDAY_RULE, format!("{}% of the points today", self.percent)),
            (None, Language::Chinese) => (WEEKDAY_RULE, format!("今日积分 {}%", self.percent)),
            (Some(tag), Language::English) => (TAG_RULE, format!("{}% of the points for {tag}", self.percent)),
            (Some(tag), Language::Chinese) => (TAG_RULE, format!("{tag} 积分 {}%", self.percent)),
        };
        if !applied {
            explanation.push_str(Text::new(", but another multiplier is higher", "，已有更高倍数").wording(language));
        }
        Finding { applied, rule: rule.to_owned(), explanation }
    }
}

/// The points for an amount, or nothing if they do not fit. Rounded once, at the end.
fn points(settings: &Settings, amount: u128, multiplier: Multiplier) -> Option<u64> {
    let numerator = amount.checked_mul(settings.points.into())?.checked_mul(multiplier.numerator)?;
    let denominator = u128::from(settings.per_amount.get()).checked_mul(multiplier.denominator)?;
    let (whole, rest) = (numerator / denominator, numerator % denominator);
    let round_up = match settings.rounding {
        Rounding::Down => false,
        Rounding::Nearest => rest >= denominator - rest,
        Rounding::Up => rest > 0,
    };
    whole.checked_add(round_up.into())?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use punchcard_sdk::{Expiry, testing};

    use super::*;

    fn settings(json: &str) -> Settings {
        serde_json::from_str(json).expect("they are settings")
    }

    /// What a member with the tags `vip` and `staff` earns on a Thursday.
    fn thursday(settings_json: &str, lines: &[(&str, u64)]) -> Result<Decision, Refusal> {
        let mut order = testing::order(lines);
        order.buyer.as_mut().expect("there is a buyer").tags = vec!["staff".to_owned(), "vip".to_owned()];
        decide(&settings(settings_json), &testing::context("2026-10-01", "10:00"), &order)
    }

    #[track_caller]
    fn earns(settings_json: &str, lines: &[(&str, u64)], points: u64) {
        let decision = thursday(settings_json, lines).expect("it is decided");
        let earned: u64 = decision.earnings.iter().map(|earning| earning.amount).sum();
        assert_eq!(earned, points, "{settings_json} {lines:?} {:?}", decision.findings);
        assert!(decision.earnings.iter().all(|earning| earning.amount > 0 && earning.unit == "points"));
        assert!(decision.findings.iter().all(|finding| finding.explanation.len() <= 512));
    }

    #[track_caller]
    fn finds(settings_json: &str, lines: &[(&str, u64)], rules: &[(&str, bool)]) {
        let decision = thursday(settings_json, lines).expect("it is decided");
        let found: Vec<_> = decision.findings.iter().map(|finding| (finding.rule.as_str(), finding.applied)).collect();
        assert_eq!(found, rules, "{settings_json} {lines:?}");
    }

    #[test]
    fn a_point_is_earned_for_every_hundred_minor_units() {
        earns("{}", &[("bread", 0)], 0);
        earns("{}", &[], 0);
        earns("{}", &[("bread", 99)], 0);
        earns("{}", &[("bread", 100)], 1);
        earns("{}", &[("bread", 199)], 1);
        earns("{}", &[("bread", 60), ("cake", 60)], 1);
        earns(r#"{"points":3,"per_amount":1000}"#, &[("bread", 2500)], 7);
        earns(r#"{"points":0}"#, &[("bread", 2500)], 0);
    }

    #[test]
    fn a_fraction_of_a_point_is_rounded_as_set() {
        for (amount, down, nearest, up) in
            [(100, 1, 1, 1), (149, 1, 1, 2), (150, 1, 2, 2), (199, 1, 2, 2), (1, 0, 0, 1)]
        {
            earns(r#"{"rounding":"down"}"#, &[("bread", amount)], down);
            earns(r#"{"rounding":"nearest"}"#, &[("bread", amount)], nearest);
            earns(r#"{"rounding":"up"}"#, &[("bread", amount)], up);
        }
        earns(r#"{"rounding":"nearest","per_amount":3}"#, &[("bread", 4)], 1);
        earns(r#"{"rounding":"nearest","per_amount":3}"#, &[("bread", 5)], 2);
    }

    #[test]
    fn excluded_categories_earn_nothing() {
        let excluded = r#"{"excluded_categories":["gift-cards"]}"#;
        earns(excluded, &[("gift-cards", 5000), ("bread", 300)], 3);
        earns(excluded, &[("gift-cards", 5000)], 0);
        finds(excluded, &[("gift-cards", 5000)], &[("excluded-categories", true), ("no-eligible-amount", false)]);
        finds(excluded, &[("bread", 300)], &[("points", true)]);
    }

    #[test]
    fn an_order_below_the_minimum_earns_nothing() {
        let minimum = r#"{"minimum_order_amount":2000}"#;
        earns(minimum, &[("bread", 1999)], 0);
        earns(minimum, &[("bread", 2000)], 20);
        finds(minimum, &[("bread", 1999)], &[("minimum-order-amount", false)]);
    }

    #[test]
    fn multipliers_apply_by_weekday_and_tag() {
        let thursday = r#"{"weekday_multipliers":[{"weekday":"thursday","percent":200}]}"#;
        earns(thursday, &[("bread", 1000)], 20);
        finds(thursday, &[("bread", 1000)], &[("weekday-multiplier", true), ("points", true)]);
        let friday = r#"{"weekday_multipliers":[{"weekday":"friday","percent":200}]}"#;
        earns(friday, &[("bread", 1000)], 10);
        finds(friday, &[("bread", 1000)], &[("weekday-multiplier", false), ("points", true)]);
        earns(r#"{"tag_multipliers":[{"tag":"vip","percent":150}]}"#, &[("bread", 1000)], 15);
        earns(r#"{"tag_multipliers":[{"tag":"new","percent":150}]}"#, &[("bread", 1000)], 10);
        earns(r#"{"tag_multipliers":[{"tag":"staff","percent":0}]}"#, &[("bread", 1000)], 0);
        finds(
            r#"{"tag_multipliers":[{"tag":"new","percent":150}]}"#,
            &[("bread", 1000)],
            &[("tag-multiplier", false), ("points", true)],
        );
    }

    #[test]
    fn several_multipliers_combine_as_set() {
        let several = r#""weekday_multipliers":[{"weekday":"thursday","percent":200}],
            "tag_multipliers":[{"tag":"vip","percent":150},{"tag":"staff","percent":50}]"#;
        let highest = format!(r#"{{{several},"combine":"highest"}}"#);
        earns(&highest, &[("bread", 1000)], 20);
        finds(
            &highest,
            &[("bread", 1000)],
            &[("weekday-multiplier", true), ("tag-multiplier", false), ("tag-multiplier", false), ("points", true)],
        );
        let multiply = format!(r#"{{{several},"combine":"multiply"}}"#);
        earns(&multiply, &[("bread", 1000)], 15);
        finds(
            &multiply,
            &[("bread", 1000)],
            &[("weekday-multiplier", true), ("tag-multiplier", true), ("tag-multiplier", true), ("points", true)],
        );
    }

    #[test]
    fn equal_multipliers_count_once() {
        let equal = r#"{"tag_multipliers":[{"tag":"vip","percent":200},{"tag":"staff","percent":200}]}"#;
        finds(equal, &[("bread", 1000)], &[("tag-multiplier", true), ("tag-multiplier", false), ("points", true)]);
    }

    #[test]
    fn rounding_comes_after_multiplying() {
        earns(r#"{"tag_multipliers":[{"tag":"vip","percent":150}]}"#, &[("bread", 199)], 2);
    }

    #[test]
    fn points_that_do_not_fit_are_refused() {
        earns(r#"{"per_amount":1}"#, &[("bread", u64::MAX)], u64::MAX);
        for json in [
            r#"{"per_amount":1,"points":2}"#,
            r#"{"per_amount":1,"points":4294967295,"combine":"multiply",
                "weekday_multipliers":[{"weekday":"thursday","percent":10000}],
                "tag_multipliers":[{"tag":"vip","percent":10000},{"tag":"staff","percent":10000}]}"#,
        ] {
            let refusal = thursday(json, &[("bread", u64::MAX)]).expect_err("it does not fit");
            assert_eq!(refusal.problem().code, "points-overflow");
        }
    }

    #[test]
    fn points_expire_as_set() {
        let decision = thursday(r#"{"expiry":{"months":1}}"#, &[("bread", 1000)]).expect("it is decided");
        assert_eq!(decision.earnings[0].expires, Expiry::EndOfDay("2026-11-01".parse().expect("a day")));
        let refusal =
            thursday(r#"{"expiry":{"days":4294967295}}"#, &[("bread", 1000)]).expect_err("it is beyond the calendar");
        assert_eq!(refusal.problem().code, "expiry-too-late");
    }

    #[test]
    fn an_order_without_a_member_earns_nothing_and_says_why() {
        let mut order = testing::order(&[("bread", 1000)]);
        order.buyer = None;
        let mut ctx = testing::context("2026-10-01", "10:00");
        ctx.locale = "zh-CN".to_owned();
        let decision = decide(&Settings::default(), &ctx, &order).expect("it is decided");
        assert_eq!(
            decision,
            Decision { earnings: vec![], findings: vec![Finding::skipped("no-buyer", "未登记会员，不积分")] }
        );
    }
}
