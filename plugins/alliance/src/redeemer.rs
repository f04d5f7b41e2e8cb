//! The side of the redeemer: what the till does with a code. Each asks the issuer's pack, and is kept together with what
//! that has done.

use punchcard_sdk::{agreements::question, prelude::*};

use crate::deal::{Deal, signed};
use crate::protocol::{Ask, Cancelled, Checked, EarnedThere, Redeemed};
use crate::rejection::Rejection;
use crate::statement::{self, Kind, Line};
use crate::storage;

/// What the till or the bank has done under a reference, so that it is done once.
#[derive(Serialize, Deserialize)]
struct Done {
    ask: Ask,
    answer: String,
}

/// Points that were redeemed here.
#[derive(Serialize, Deserialize)]
struct Redemption {
    alias: String,
    points: u64,
    value_minor: u64,
    reimbursed_minor: u64,
    cancelled: bool,
}

/// Shows what a code is good for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Check {
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "Agreement", "zh-CN": "联盟协议"}))]
    agreement: String,
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "Code", "zh-CN": "兑换码"}))]
    code: String,
}

impl Command for Check {
    const NAME: &'static str = "check";
    const TITLE: Text = Text::new("What a code is good for", "查询兑换码");
    type Output = Checked;

    fn run(self, ctx: &CallContext) -> Result<Checked, Refusal> {
        let deal = Deal::open(ctx, &self.agreement)?.redeeming(ctx)?;
        question(&deal.id, &Ask::Check { code: typed(&self.code) })
    }
}

/// Redeems a code: its value comes off the bill. The same reference with the same code gives the first result again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Redeem {
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "Agreement", "zh-CN": "联盟协议"}))]
    agreement: String,
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "Code", "zh-CN": "兑换码"}))]
    code: String,
    /// The till's own id for it: visible ASCII.
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[!-~]+$"), extend("x-title" = {"en": "Reference", "zh-CN": "外部编号"}))]
    reference: String,
}

impl Command for Redeem {
    const NAME: &'static str = "redeem";
    const TITLE: Text = Text::new("Redeem a code", "兑换");
    type Output = Redeemed;

    fn run(self, ctx: &CallContext) -> Result<Redeemed, Refusal> {
        let deal = Deal::open(ctx, &self.agreement)?.redeeming(ctx)?;
        let ask = Ask::Redeem { code: typed(&self.code), reference: self.reference.clone() };
        once(ctx, &deal, &self.reference, ask, |ask| {
            let done: Redeemed = question(&deal.id, ask)?;
            let Redeemed { redemption, alias, points, value_minor, reimbursed_minor } = done.clone();
            let line = Line {
                at: ctx.now,
                kind: Kind::Redeemed,
                due_minor: signed(ctx, reimbursed_minor)?,
                points,
                reference: self.reference.clone(),
                redemption: Some(redemption.clone()),
            };
            statement::write(ctx, &deal.id, &line)?;
            let kept = Redemption { alias, points, value_minor, reimbursed_minor, cancelled: false };
            kv::put_json(&storage::redemption(&deal.id, &redemption), &kept)?;
            Ok(done)
        })
    }
}

/// Takes a redemption back: the points return to the member, and the money to the issuer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cancel {
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "Agreement", "zh-CN": "联盟协议"}))]
    agreement: String,
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "Redemption", "zh-CN": "兑换记录"}))]
    redemption: String,
}

impl Command for Cancel {
    const NAME: &'static str = "cancel";
    const TITLE: Text = Text::new("Take a redemption back", "撤销兑换");
    type Output = Cancelled;

    fn run(self, ctx: &CallContext) -> Result<Cancelled, Refusal> {
        let deal = Deal::open(ctx, &self.agreement)?.redeeming(ctx)?;
        let key = storage::redemption(&deal.id, &self.redemption);
        let found = kv::get_json::<Redemption>(&key)?.ok_or_else(|| Rejection::UnknownRedemption.refusal(ctx))?;
        if found.cancelled {
            return Err(Rejection::AlreadyCancelled.refusal(ctx));
        }
        deal.owe(ctx, found.reimbursed_minor, "a redemption was taken back")?;
        let done: Cancelled = question(&deal.id, &Ask::Cancel { redemption: self.redemption.clone() })?;
        let line = Line {
            at: ctx.now,
            kind: Kind::Cancelled,
            due_minor: -signed(ctx, found.reimbursed_minor)?,
            points: found.points,
            reference: String::new(),
            redemption: Some(self.redemption),
        };
        statement::write(ctx, &deal.id, &line)?;
        kv::put_json(&key, &Redemption { cancelled: true, ..found })?;
        Ok(done)
    }
}

/// Gives the member of a code the points of a purchase here.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Earn {
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "Agreement", "zh-CN": "联盟协议"}))]
    agreement: String,
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "Code", "zh-CN": "会员码"}))]
    code: String,
    /// What was paid, in minor units.
    #[schemars(range(min = 1), extend("x-title" = {"en": "Paid", "zh-CN": "消费金额"}))]
    amount_minor: u64,
    /// The till's own id for it: visible ASCII.
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[!-~]+$"), extend("x-title" = {"en": "Reference", "zh-CN": "外部编号"}))]
    reference: String,
}

impl Command for Earn {
    const NAME: &'static str = "earn";
    const TITLE: Text = Text::new("Points for a purchase", "消费返积分");
    type Output = EarnedThere;

    fn run(self, ctx: &CallContext) -> Result<EarnedThere, Refusal> {
        let deal = Deal::open(ctx, &self.agreement)?.redeeming(ctx)?;
        let (amount_minor, reference) = (self.amount_minor, self.reference.clone());
        let ask = Ask::Earn { code: typed(&self.code), amount_minor, reference };
        once(ctx, &deal, &self.reference, ask, |ask| {
            let earned = deal.terms.earned(amount_minor).map_err(|no| no.refusal(ctx))?;
            deal.owe(ctx, earned.price_minor, "points for a purchase")?;
            let done: EarnedThere = question(&deal.id, ask)?;
            let line = Line {
                at: ctx.now,
                kind: Kind::Earned,
                due_minor: -signed(ctx, earned.price_minor)?,
                points: done.points,
                reference: self.reference.clone(),
                redemption: None,
            };
            statement::write(ctx, &deal.id, &line)?;
            Ok(done)
        })
    }
}

/// Does something once for a reference: the same again gives the first answer, something else is refused.
fn once<T: Serialize + serde::de::DeserializeOwned>(
    ctx: &CallContext,
    deal: &Deal,
    reference: &str,
    ask: Ask,
    run: impl FnOnce(&Ask) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let key = storage::reference(&deal.id, reference);
    let unreadable = |error: serde_json::Error| Refusal::failed("unreadable-value", error.to_string());
    if let Some(done) = kv::get_json::<Done>(&key)? {
        if done.ask != ask {
            return Err(Rejection::ReferenceReused.refusal(ctx));
        }
        return serde_json::from_str(&done.answer).map_err(unreadable);
    }
    let answer = run(&ask)?;
    kv::put_json(&key, &Done { ask, answer: serde_json::to_string(&answer).map_err(unreadable)? })?;
    Ok(answer)
}

/// A code as people type it: in small letters, with blanks, with the letters that it does not have.
fn typed(code: &str) -> String {
    let read = |letter: char| match letter.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    code.chars().filter(|letter| !matches!(letter, ' ' | '-')).map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        assert_eq!(typed("o1il-2abcz k"), "0111".to_owned() + "2ABCZK");
    }
}
