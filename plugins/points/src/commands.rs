//! What members and staff do with points.

use std::num::NonZeroU64;

use punchcard_sdk::prelude::*;

use crate::{UNIT, settings::Settings};

/// Spends points on a gift.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Redeem {
    /// Who pays.
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "Member", "zh-CN": "会员"}))]
    member: String,
    /// How many points it takes.
    #[schemars(extend("x-title" = {"en": "Points", "zh-CN": "积分数"}))]
    points: NonZeroU64,
    /// What the member gets for them.
    #[serde(rename = "for")]
    #[schemars(length(min = 1, max = 128), extend("x-title" = {"en": "For", "zh-CN": "兑换内容"}))]
    gift: String,
}

/// What a command did.
#[derive(Debug, Serialize)]
pub(crate) struct Posted {
    /// The posting in the ledger.
    posting: String,
    /// How many points it moved.
    points: u64,
    /// How many points the member can spend now.
    left: u64,
}

impl Command for Redeem {
    const NAME: &'static str = "redeem";
    const TITLE: Text = Text::new("Redeem points", "兑换积分");
    type Output = Posted;

    fn run(self, ctx: &CallContext) -> Result<Posted, Refusal> {
        let language = Language::of(ctx);
        let points = self.points.get();
        fits(&self.gift, language)?;
        let debit = Debit { member: self.member, unit: UNIT.to_owned(), amount: points, reason: self.gift };
        let posting = assets::spend(&debit).map_err(|error| match error {
            HostError::Insufficient(available) => too_few(points, available, language),
            other => explained(other, &debit.member, language),
        })?;
        let left = left(&debit.member, language)?;
        Ok(Posted { posting, points, left })
    }
}

/// Gives points that no order earned, with the expiry that orders have.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grant {
    /// Who gets them.
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "Member", "zh-CN": "会员"}))]
    member: String,
    /// How many.
    #[schemars(extend("x-title" = {"en": "Points", "zh-CN": "积分数"}))]
    points: NonZeroU64,
    /// Why, for the statement.
    #[schemars(length(min = 1, max = 128), extend("x-title" = {"en": "Reason", "zh-CN": "原因"}))]
    reason: String,
}

impl Command for Grant {
    const NAME: &'static str = "grant";
    const TITLE: Text = Text::new("Grant points", "赠送积分");
    type Output = Posted;

    fn run(self, ctx: &CallContext) -> Result<Posted, Refusal> {
        let language = Language::of(ctx);
        let points = self.points.get();
        fits(&self.reason, language)?;
        let expires = settings::<Settings>()?.expiry.from(ctx.local.date()).ok_or_else(|| {
            let why = Text::new("the points would expire beyond the calendar", "积分到期日超出日历范围");
            Refusal::failed("expiry-too-late", why.wording(language))
        })?;
        let credit =
            Credit { member: self.member, unit: UNIT.to_owned(), amount: points, expires, reason: self.reason };
        let posting = assets::earn(&credit).map_err(|error| explained(error, &credit.member, language))?;
        let left = left(&credit.member, language)?;
        Ok(Posted { posting, points, left })
    }
}

fn left(member: &str, language: Language) -> Result<u64, Refusal> {
    match assets::balance_of(member, UNIT) {
        Ok(balance) => Ok(balance.available),
        Err(error) => Err(explained(error, member, language)),
    }
}

/// The most bytes of text that a posting keeps.
const REASON_BYTES_MAX: usize = 128;

fn fits(reason: &str, language: Language) -> Result<(), Refusal> {
    if reason.len() <= REASON_BYTES_MAX {
        return Ok(());
    }
    let why = match language {
        Language::English => format!("the text has {} bytes, more than {REASON_BYTES_MAX}", reason.len()),
        Language::Chinese => format!("文字过长：{} 字节，上限 {REASON_BYTES_MAX} 字节", reason.len()),
    };
    Err(Refusal::invalid("text-too-long", why))
}

fn too_few(points: u64, available: u64, language: Language) -> Refusal {
    let why = match language {
        Language::English => format!("the member has {available} points and {points} are needed"),
        Language::Chinese => format!("会员现有 {available} 积分，需要 {points} 积分"),
    };
    Refusal::refused("insufficient-points", why)
}

fn explained(error: HostError, member: &str, language: Language) -> Refusal {
    match error {
        HostError::NotFound(_) => Refusal::not_found(
            "unknown-member",
            match language {
                Language::English => format!("there is no member {member}"),
                Language::Chinese => format!("没有会员 {member}"),
            },
        ),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_read_and_nonsense_is_not() {
        let redeem: Redeem =
            serde_json::from_str(r#"{"member":"alice","points":100,"for":"a mug"}"#).expect("it is an input");
        assert_eq!((redeem.member.as_str(), redeem.points.get(), redeem.gift.as_str()), ("alice", 100, "a mug"));
        for input in [
            r#"{"member":"alice","points":0,"for":"a mug"}"#,
            r#"{"member":"alice","points":-5,"for":"a mug"}"#,
            r#"{"member":"alice","points":5}"#,
            r#"{"member":"alice","points":5,"for":"a mug","also":1}"#,
        ] {
            assert!(serde_json::from_str::<Redeem>(input).is_err(), "{input}");
        }
    }

    #[test]
    fn a_reason_is_limited_in_bytes() {
        assert_eq!(fits(&"x".repeat(128), Language::English), Ok(()));
        let refusal = fits(&"杯".repeat(43), Language::Chinese).expect_err("it has 129 bytes");
        assert_eq!(refusal, Refusal::invalid("text-too-long", "文字过长：129 字节，上限 128 字节"));
    }

    #[test]
    fn too_few_points_are_told() {
        assert_eq!(
            too_few(100, 30, Language::English),
            Refusal::refused("insufficient-points", "the member has 30 points and 100 are needed")
        );
    }
}
