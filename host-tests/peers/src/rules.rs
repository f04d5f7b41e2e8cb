//! The hook in Rust: what runs natively and what is the plugin of Extism.

use crate::basket::{Basket, Decision, Earning, Finding, Settings};

/// What a basket earns, and why.
pub(crate) fn decide(settings: &Settings, basket: &Basket) -> Decision {
    let mut findings = Vec::new();
    let mut find = |applied: bool, rule: &str, explanation: String| {
        findings.push(Finding { applied, rule: rule.to_owned(), explanation });
    };
    let (mut amount, mut excluded) = (0, false);
    for line in &basket.lines {
        if settings.excluded_categories.contains(&line.category) {
            excluded = true;
        } else {
            amount += line.amount;
        }
    }
    if excluded {
        find(true, "excluded-categories", "lines of excluded categories earn nothing".into());
    }
    if amount == 0 {
        find(false, "no-eligible-amount", "nothing in this order earns points".into());
        return Decision { earnings: Vec::new(), findings };
    }
    let mut candidates = Vec::new();
    for multiplier in settings.weekday_multipliers.iter().filter(|multiplier| multiplier.weekday == basket.weekday) {
        let percent = multiplier.percent;
        candidates.push(("weekday-multiplier", percent, format!("{percent}% of the points today")));
    }
    if candidates.is_empty() {
        find(false, "weekday-multiplier", "no multiplier today".into());
    }
    let of_today = candidates.len();
    for multiplier in settings.tag_multipliers.iter().filter(|multiplier| basket.tags.contains(&multiplier.tag)) {
        let percent = multiplier.percent;
        candidates.push(("tag-multiplier", percent, format!("{percent}% of the points for {}", multiplier.tag)));
    }
    if candidates.len() == of_today {
        find(false, "tag-multiplier", "no multiplier for the tags of this member".into());
    }
    let mut highest: Option<usize> = None;
    for (index, candidate) in candidates.iter().enumerate() {
        if highest.is_none_or(|highest| candidate.1 > candidates[highest].1) {
            highest = Some(index);
        }
    }
    let percent = highest.map_or(100, |highest| candidates[highest].1);
    for (index, (rule, _, mut explanation)) in candidates.into_iter().enumerate() {
        let applied = highest == Some(index);
        if !applied {
            explanation.push_str(", but another multiplier is higher");
        }
        find(applied, rule, explanation);
    }
    let points = amount * settings.points * percent / (settings.per_amount * 100);
    if points == 0 {
        find(false, "points", "the amount is too small for a point".into());
        return Decision { earnings: Vec::new(), findings };
    }
    find(true, "points", format!("{points} points for this order"));
    Decision { earnings: vec![Earning { unit: "points".into(), amount: points }], findings }
}
