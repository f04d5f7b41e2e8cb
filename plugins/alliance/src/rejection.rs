//! Every reason for which this pack says no, with its code and its texts.

use punchcard_sdk::{CallContext, Language, Refusal};

/// Why something can not be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    UnknownAgreement,
    NotInForce,
    NotIssuer,
    NotRedeemer,
    UnknownMember,
    NotLinked,
    UnknownCode,
    CodeUsed,
    CodeExpired,
    NoMultiple { points: u64, step: u64 },
    NotEnough { available: u64 },
    DayMax { left: u64 },
    MemberDayMax { left: u64 },
    NoEarning,
    TooLittle { per_minor: u64 },
    TooMuch,
    ReferenceReused,
    UnknownRedemption,
    AlreadyCancelled,
    TooLateToCancel { days: u32 },
    NotDue { due_minor: u64 },
    CreditUsedUp,
    WrongMonth,
    NotBooked,
}

impl Rejection {
    /// The stable code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::UnknownAgreement => "unknown-agreement",
            Self::NotInForce => "agreement-not-in-force",
            Self::NotIssuer => "not-the-issuer",
            Self::NotRedeemer => "not-the-redeemer",
            Self::UnknownMember => "unknown-member",
            Self::NotLinked => "not-linked",
            Self::UnknownCode => "unknown-code",
            Self::CodeUsed => "code-used",
            Self::CodeExpired => "code-expired",
            Self::NoMultiple { .. } => "no-multiple",
            Self::NotEnough { .. } => "not-enough-points",
            Self::DayMax { .. } => "day-max",
            Self::MemberDayMax { .. } => "member-day-max",
            Self::NoEarning => "no-earning",
            Self::TooLittle { .. } => "too-little",
            Self::TooMuch => "too-much",
            Self::ReferenceReused => "reference-reused",
            Self::UnknownRedemption => "unknown-redemption",
            Self::AlreadyCancelled => "already-cancelled",
            Self::TooLateToCancel { .. } => "too-late-to-cancel",
            Self::NotDue { .. } => "not-due",
            Self::CreditUsedUp => "credit-used-up",
            Self::WrongMonth => "wrong-month",
            Self::NotBooked => "not-booked",
        }
    }

    fn english(&self) -> String {
        match self {
            Self::UnknownAgreement => "there is no such agreement".to_owned(),
            Self::NotInForce => "the agreement is not in force".to_owned(),
            Self::NotIssuer => "under this agreement the points are the partner's, not yours".to_owned(),
            Self::NotRedeemer => {
                "under this agreement your points are redeemed at the partner, not theirs here".to_owned()
            }
            Self::UnknownMember => "there is no such member".to_owned(),
            Self::NotLinked => "the member has not agreed to be known to the partner".to_owned(),
            Self::UnknownCode => "there is no such code".to_owned(),
            Self::CodeUsed => "the code was used already".to_owned(),
            Self::CodeExpired => "the code is not good any more; the member gets a new one".to_owned(),
            Self::NoMultiple { points, step } => format!("points are redeemed in multiples of {step}, not {points}"),
            Self::NotEnough { available } => format!("the member has only {available} points"),
            Self::DayMax { left } => format!("today only {left} more points are redeemed here"),
            Self::MemberDayMax { left } => format!("today this member redeems only {left} more points"),
            Self::NoEarning => "the agreement gives no points for purchases".to_owned(),
            Self::TooLittle { per_minor } => format!("points are given for each {per_minor} minor units"),
            Self::TooMuch => "this is more than can be counted".to_owned(),
            Self::ReferenceReused => "this reference is that of something else".to_owned(),
            Self::UnknownRedemption => "there is no such redemption".to_owned(),
            Self::AlreadyCancelled => "it was taken back already".to_owned(),
            Self::TooLateToCancel { days } => format!("a redemption can be taken back for {days} days"),
            Self::NotDue { due_minor } => format!("the partner owes {due_minor}, in minor units"),
            Self::CreditUsedUp => "the agreement does not allow more to be owed: settle what is owed first".to_owned(),
            Self::WrongMonth => "a month is written as 2026-11".to_owned(),
            Self::NotBooked => "the books have not moved by what was said: nothing is noted".to_owned(),
        }
    }

    fn chinese(&self) -> String {
        match self {
            Self::UnknownAgreement => "没有该联盟协议".to_owned(),
            Self::NotInForce => "该协议未生效或已终止".to_owned(),
            Self::NotIssuer => "该协议下积分由伙伴发行".to_owned(),
            Self::NotRedeemer => "该协议下积分在伙伴处兑换".to_owned(),
            Self::UnknownMember => "没有该会员".to_owned(),
            Self::NotLinked => "会员尚未同意与该伙伴关联".to_owned(),
            Self::UnknownCode => "没有该兑换码".to_owned(),
            Self::CodeUsed => "兑换码已使用".to_owned(),
            Self::CodeExpired => "兑换码已失效，请会员重新获取".to_owned(),
            Self::NoMultiple { points, step } => format!("积分须按 {step} 的整数倍兑换，而非 {points}"),
            Self::NotEnough { available } => format!("会员仅有 {available} 积分"),
            Self::DayMax { left } => format!("今日此处仅可再兑换 {left} 积分"),
            Self::MemberDayMax { left } => format!("该会员今日仅可再兑换 {left} 积分"),
            Self::NoEarning => "该协议不含消费返积分".to_owned(),
            Self::TooLittle { per_minor } => format!("每满 {per_minor}（最小货币单位）返积分"),
            Self::TooMuch => "数额超出可计范围".to_owned(),
            Self::ReferenceReused => "该编号已用于其他业务".to_owned(),
            Self::UnknownRedemption => "没有该兑换记录".to_owned(),
            Self::AlreadyCancelled => "已撤销".to_owned(),
            Self::TooLateToCancel { days } => format!("兑换仅可在 {days} 天内撤销"),
            Self::NotDue { due_minor } => format!("伙伴应付 {due_minor}（最小货币单位）"),
            Self::CreditUsedUp => "已达协议授信上限，请先结算".to_owned(),
            Self::WrongMonth => "月份格式为 2026-11".to_owned(),
            Self::NotBooked => "账本与所述金额不符，未作记录".to_owned(),
        }
    }

    /// What the caller gets.
    pub(crate) fn refusal(&self, ctx: &CallContext) -> Refusal {
        let kind = match self {
            Self::UnknownAgreement | Self::UnknownMember | Self::UnknownCode | Self::UnknownRedemption => {
                Refusal::not_found
            }
            Self::NoMultiple { .. } | Self::TooMuch | Self::WrongMonth | Self::TooLittle { .. } => Refusal::invalid,
            _ => Refusal::refused,
        };
        let message = match Language::of(ctx) {
            Language::English => self.english(),
            Language::Chinese => self.chinese(),
        };
        kind(self.code(), message)
    }
}
