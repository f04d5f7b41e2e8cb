//! The side of the issuer: members are linked and get codes; the partner's questions are answered.

use punchcard_sdk::{agreements::answered, assets::Reservation, prelude::*};

use crate::UNIT;
use crate::deal::{Deal, signed};
use crate::protocol::{Ask, Cancelled, Checked, EarnedThere, Noted, Redeemed, Told};
use crate::rejection::Rejection;
use crate::settings::Settings;
use crate::statement::{self, Kind, Line, day};
use crate::storage;
use crate::terms::{Earned, Worth};

/// A member's consent to be known to the partner.
#[derive(Debug, Serialize, Deserialize)]
struct Consent {
    /// When it was given, in milliseconds since 1970.
    given_at: u64,
    /// Which text they have agreed to.
    text: String,
    withdrawn_at: Option<u64>,
}

/// A code that was given to a member.
#[derive(Debug, Serialize, Deserialize)]
struct Code {
    member: String,
    /// Held for it; none only tells who the member is.
    points: u64,
    hold: Option<String>,
    good_until: u64,
    used: bool,
}

/// Points that were redeemed at the partner.
#[derive(Debug, Serialize, Deserialize)]
struct Redemption {
    member: String,
    points: u64,
    value_minor: u64,
    reimbursed_minor: u64,
    posting: String,
    at: u64,
    cancelled: bool,
}

/// Links a member to the partner: they have agreed to be known there by an alias.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Link {
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "Agreement", "zh-CN": "联盟协议"}))]
    agreement: String,
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "Member", "zh-CN": "会员"}))]
    member: String,
    /// Which text they have agreed to, such as its version.
    #[schemars(length(min = 1, max = 128), extend("x-title" = {"en": "Text they agreed to", "zh-CN": "同意的条款"}))]
    consent: String,
}

/// That a member is linked.
#[derive(Debug, Serialize)]
pub(crate) struct Linked {
    /// The partner's name: for whom the consent is.
    partner: String,
    given_at: u64,
}

impl Command for Link {
    const NAME: &'static str = "link";
    const TITLE: Text = Text::new("Link a member to a partner", "会员关联联盟伙伴");
    type Output = Linked;

    fn run(self, ctx: &CallContext) -> Result<Linked, Refusal> {
        let deal = Deal::open(ctx, &self.agreement)?.issuing(ctx)?;
        let member = member(ctx, &self.member)?;
        let key = storage::link(&deal.id, &member);
        let given = kv::get_json::<Consent>(&key)?.filter(|consent| consent.withdrawn_at.is_none());
        let consent = given.unwrap_or(Consent { given_at: ctx.now, text: self.consent, withdrawn_at: None });
        kv::put_json(&key, &consent)?;
        Ok(Linked { partner: deal.partner, given_at: consent.given_at })
    }
}

/// Takes a member's consent back: no new code is given, and the partner learns nothing more.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Withdraw {
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "Agreement", "zh-CN": "联盟协议"}))]
    agreement: String,
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "Member", "zh-CN": "会员"}))]
    member: String,
}

/// That a member is not linked any more.
#[derive(Debug, Serialize)]
pub(crate) struct Withdrawn {
    withdrawn_at: u64,
}

impl Command for Withdraw {
    const NAME: &'static str = "withdraw";
    const TITLE: Text = Text::new("Withdraw a member's consent", "撤回关联同意");
    type Output = Withdrawn;

    fn run(self, ctx: &CallContext) -> Result<Withdrawn, Refusal> {
        let deal = Deal::open(ctx, &self.agreement)?;
        let member = member(ctx, &self.member)?;
        let consent = linked(ctx, &deal, &member)?;
        kv::put_json(&storage::link(&deal.id, &member), &Consent { withdrawn_at: Some(ctx.now), ..consent })?;
        Ok(Withdrawn { withdrawn_at: ctx.now })
    }
}

/// Gives a member a code for the partner's till; its points are held.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Authorise {
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "Agreement", "zh-CN": "联盟协议"}))]
    agreement: String,
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "Member", "zh-CN": "会员"}))]
    member: String,
    /// How many; none for a code that only tells who earns points at the partner.
    #[schemars(extend("x-title" = {"en": "Points", "zh-CN": "积分"}))]
    points: u64,
}

/// A code.
#[derive(Debug, Serialize)]
pub(crate) struct Authorised {
    code: String,
    points: u64,
    /// What they are worth at the partner's till.
    value_minor: u64,
    /// In milliseconds since 1970.
    good_until: u64,
}

impl Command for Authorise {
    const NAME: &'static str = "authorise";
    const TITLE: Text = Text::new("A code for the partner's till", "生成兑换码");
    type Output = Authorised;

    fn run(self, ctx: &CallContext) -> Result<Authorised, Refusal> {
        let deal = Deal::open(ctx, &self.agreement)?.issuing(ctx)?;
        let member = member(ctx, &self.member)?;
        linked(ctx, &deal, &member)?;
        let good_until = ctx.now + u64::from(settings::<Settings>()?.code_minutes) * 60_000;
        let (value_minor, hold) = match self.points {
            0 => (0, None),
            points => {
                let worth = deal.terms.worth(points).map_err(|no| no.refusal(ctx))?;
                check_caps(ctx, &deal, &member, points)?;
                let reservation = Reservation {
                    member: member.clone(),
                    unit: UNIT.to_owned(),
                    amount: points,
                    lapses_at: good_until,
                    reason: String::new(),
                };
                let hold = assets::hold(&reservation).map_err(|error| match error {
                    HostError::Insufficient(available) => Rejection::NotEnough { available }.refusal(ctx),
                    other => other.into(),
                })?;
                (worth.value_minor, Some(hold))
            }
        };
        let code = code_of(ctx.seed);
        kv::put_json(
            &storage::code(&deal.id, &code),
            &Code { member, points: self.points, hold, good_until, used: false },
        )?;
        Ok(Authorised { code, points: self.points, value_minor, good_until })
    }
}

/// Answers the partner's pack. Who asks is another merchant: all that it says is a claim.
pub(crate) fn answer(ctx: &CallContext, question: &Question) -> Result<String, Refusal> {
    let deal = Deal::open(ctx, &question.agreement)?;
    match question.read::<Ask>()? {
        Ask::Check { code } => answered(&check(ctx, &deal.issuing(ctx)?, &code)?),
        Ask::Redeem { code, reference } => answered(&redeem(ctx, &deal.issuing(ctx)?, &code, reference)?),
        Ask::Cancel { redemption } => answered(&cancel(ctx, &deal.issuing(ctx)?, &redemption)?),
        Ask::Earn { code, amount_minor, reference } => {
            answered(&earn(ctx, &deal.issuing(ctx)?, &code, amount_minor, reference)?)
        }
        Ask::Paid { amount_minor, reference } => {
            let due_minor = signed(ctx, amount_minor)?;
            let line = Line { at: ctx.now, kind: Kind::Paid, due_minor, points: 0, reference, redemption: None };
            statement::write(ctx, &deal.id, &line)?;
            answered(&Noted {})
        }
        Ask::Totals { month } => {
            let month = statement::read_month(ctx, &month)?;
            answered(&Told { totals: statement::totals(&deal.id, &month)? })
        }
    }
}

fn check(ctx: &CallContext, deal: &Deal, code: &str) -> Result<Checked, Refusal> {
    let code = good_code(ctx, deal, code)?;
    let value_minor = match code.points {
        0 => 0,
        points => deal.terms.worth(points).map_err(|no| no.refusal(ctx))?.value_minor,
    };
    Ok(Checked { points: code.points, value_minor })
}

fn redeem(ctx: &CallContext, deal: &Deal, name: &str, reference: String) -> Result<Redeemed, Refusal> {
    let code = good_code(ctx, deal, name)?;
    let hold = code.hold.as_ref().ok_or_else(|| Rejection::UnknownCode.refusal(ctx))?;
    let Worth { value_minor, reimbursed_minor } = deal.terms.worth(code.points).map_err(|no| no.refusal(ctx))?;
    check_caps(ctx, deal, &code.member, code.points)?;
    let posting = assets::post_hold(hold, None, "redeemed at a partner").map_err(|error| match error {
        HostError::Invalid(_) | HostError::NotFound(_) => Rejection::CodeExpired.refusal(ctx),
        other => other.into(),
    })?;
    count(ctx, deal, &code.member, |so_far| so_far.saturating_add(code.points))?;
    deal.owe(ctx, reimbursed_minor, "points redeemed")?;
    let redemption = format!("rdm-{name}");
    let kept = Redemption {
        member: code.member.clone(),
        points: code.points,
        value_minor,
        reimbursed_minor,
        posting,
        at: ctx.now,
        cancelled: false,
    };
    kv::put_json(&storage::redemption(&deal.id, &redemption), &kept)?;
    let line = Line {
        at: ctx.now,
        kind: Kind::Redeemed,
        due_minor: -signed(ctx, reimbursed_minor)?,
        points: code.points,
        reference,
        redemption: Some(redemption.clone()),
    };
    statement::write(ctx, &deal.id, &line)?;
    let alias = agreements::alias_of(&deal.id, &code.member)?;
    let points = code.points;
    kv::put_json(&storage::code(&deal.id, name), &Code { used: true, ..code })?;
    Ok(Redeemed { redemption, alias, points, value_minor, reimbursed_minor })
}

/// Gives the points back to the very lots. The partner has booked before it asks that it gives the money back.
fn cancel(ctx: &CallContext, deal: &Deal, id: &str) -> Result<Cancelled, Refusal> {
    let key = storage::redemption(&deal.id, id);
    let found = kv::get_json::<Redemption>(&key)?.ok_or_else(|| Rejection::UnknownRedemption.refusal(ctx))?;
    if found.cancelled {
        return Err(Rejection::AlreadyCancelled.refusal(ctx));
    }
    let days = deal.terms.cancel_days;
    if ctx.now.saturating_sub(found.at) > u64::from(days) * 86_400_000 {
        return Err(Rejection::TooLateToCancel { days }.refusal(ctx));
    }
    assets::reverse(&found.posting, "a redemption at a partner was taken back")?;
    if day(found.at) == day(ctx.now) {
        count(ctx, deal, &found.member, |so_far| so_far.saturating_sub(found.points))?;
    }
    let line = Line {
        at: ctx.now,
        kind: Kind::Cancelled,
        due_minor: signed(ctx, found.reimbursed_minor)?,
        points: found.points,
        reference: String::new(),
        redemption: Some(id.to_owned()),
    };
    statement::write(ctx, &deal.id, &line)?;
    let (points, reimbursed_minor) = (found.points, found.reimbursed_minor);
    kv::put_json(&key, &Redemption { cancelled: true, ..found })?;
    Ok(Cancelled { points, reimbursed_minor })
}

/// Gives the member of a code points. The partner has booked before it asks what it owes for them.
fn earn(
    ctx: &CallContext,
    deal: &Deal,
    name: &str,
    amount_minor: u64,
    reference: String,
) -> Result<EarnedThere, Refusal> {
    let code = good_code(ctx, deal, name)?;
    if code.points > 0 {
        return Err(Rejection::UnknownCode.refusal(ctx));
    }
    let Earned { points, price_minor } = deal.terms.earned(amount_minor).map_err(|no| no.refusal(ctx))?;
    let (member, unit) = (code.member.clone(), UNIT.to_owned());
    let reason = "earned at a partner".to_owned();
    assets::earn(&Credit { member, unit, amount: points, expires: Expiry::Never, reason })?;
    let line = Line {
        at: ctx.now,
        kind: Kind::Earned,
        due_minor: signed(ctx, price_minor)?,
        points,
        reference,
        redemption: None,
    };
    statement::write(ctx, &deal.id, &line)?;
    let alias = agreements::alias_of(&deal.id, &code.member)?;
    kv::put_json(&storage::code(&deal.id, name), &Code { used: true, ..code })?;
    Ok(EarnedThere { alias, points, price_minor })
}

/// The id of a member, as they are now.
fn member(ctx: &CallContext, member: &str) -> Result<String, Refusal> {
    match members::get(member) {
        Ok(member) => Ok(member.id),
        Err(HostError::NotFound(_)) => Err(Rejection::UnknownMember.refusal(ctx)),
        Err(error) => Err(error.into()),
    }
}

fn linked(ctx: &CallContext, deal: &Deal, member: &str) -> Result<Consent, Refusal> {
    let consent = kv::get_json::<Consent>(&storage::link(&deal.id, member))?;
    consent.filter(|consent| consent.withdrawn_at.is_none()).ok_or_else(|| Rejection::NotLinked.refusal(ctx))
}

/// A code that can be used; whose consent was withdrawn meanwhile is nobody's.
fn good_code(ctx: &CallContext, deal: &Deal, name: &str) -> Result<Code, Refusal> {
    let unknown = || Rejection::UnknownCode.refusal(ctx);
    if name.len() != CODE_LENGTH || !name.bytes().all(|byte| ALPHABET.contains(&byte)) {
        return Err(unknown());
    }
    let code = kv::get_json::<Code>(&storage::code(&deal.id, name))?.ok_or_else(unknown)?;
    linked(ctx, deal, &code.member).map_err(|_| unknown())?;
    if code.used {
        return Err(Rejection::CodeUsed.refusal(ctx));
    }
    if code.good_until <= ctx.now {
        return Err(Rejection::CodeExpired.refusal(ctx));
    }
    Ok(code)
}

/// Sees that a member may redeem so many points today.
fn check_caps(ctx: &CallContext, deal: &Deal, member: &str, points: u64) -> Result<(), Refusal> {
    let today = day(ctx.now);
    let of_all = (deal.terms.day_max, storage::of_day(&deal.id, today));
    let of_member = (deal.terms.member_day_max, storage::of_member_and_day(&deal.id, today, member));
    for ((most, key), no) in [
        (of_all, (|left| Rejection::DayMax { left }) as fn(u64) -> Rejection),
        (of_member, |left| Rejection::MemberDayMax { left }),
    ] {
        let Some(most) = most else { continue };
        let left = most.saturating_sub(kv::get_json(&key)?.unwrap_or(0));
        if points > left {
            return Err(no(left).refusal(ctx));
        }
    }
    Ok(())
}

/// Moves what was redeemed today, of all and of a member.
fn count(ctx: &CallContext, deal: &Deal, member: &str, then: impl Fn(u64) -> u64) -> Result<(), Refusal> {
    let today = day(ctx.now);
    for key in [storage::of_day(&deal.id, today), storage::of_member_and_day(&deal.id, today, member)] {
        kv::put_json(&key, &then(kv::get_json(&key)?.unwrap_or(0)))?;
    }
    Ok(())
}

/// Letters and digits that are not mistaken for each other (Crockford's Base32).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CODE_LENGTH: usize = 10;

/// A code of 50 random bits.
fn code_of(seed: u64) -> String {
    let digit = |place: usize| char::from(ALPHABET[usize::try_from((seed >> (5 * place)) & 31).unwrap_or(0)]);
    (0..CODE_LENGTH).map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_ten_characters_that_follow_from_the_seed() {
        assert_eq!(code_of(0), "0000000000");
        assert_eq!(code_of(u64::MAX), "ZZZZZZZZZZ");
        assert_ne!(code_of(1), code_of(2));
    }
}
