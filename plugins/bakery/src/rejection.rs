//! Every reason for which this pack says no, with its code and its texts.

use punchcard_sdk::{Clock, Language, LocalDate, Refusal};

/// Why something cannot be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    StoreRequired,
    UnknownMember { member: String },
    UnknownProduct { sku: String },
    UnknownSlot { date: LocalDate, start: Clock },
    TooLate { lead_hours: u32 },
    TooEarly { horizon_days: u32 },
    SlotFull { free: u64, needed: u64 },
    TooLarge,
    InsufficientStoredValue { available: u64, needed: u64 },
    ReferenceReused { reference: String },
    UnknownPreorder { preorder: String },
    AlreadyPickedUp { code: String },
    AlreadyCancelled { code: String },
    Missed { code: String },
    NoCodeLeft,
}

impl Rejection {
    /// The stable code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::StoreRequired => "store-required",
            Self::UnknownMember { .. } => "unknown-member",
            Self::UnknownProduct { .. } => "unknown-product",
            Self::UnknownSlot { .. } => "unknown-slot",
            Self::TooLate { .. } => "too-late",
            Self::TooEarly { .. } => "too-early",
            Self::SlotFull { .. } => "slot-full",
            Self::TooLarge => "too-large",
            Self::InsufficientStoredValue { .. } => "insufficient-stored-value",
            Self::ReferenceReused { .. } => "reference-reused",
            Self::UnknownPreorder { .. } => "unknown-preorder",
            Self::AlreadyPickedUp { .. } => "already-picked-up",
            Self::AlreadyCancelled { .. } => "already-cancelled",
            Self::Missed { .. } => "pickup-missed",
            Self::NoCodeLeft => "no-code-left",
        }
    }

    /// One sentence for people.
    pub(crate) fn message(&self, language: Language) -> String {
        match language {
            Language::English => self.english(),
            Language::Chinese => self.chinese(),
        }
    }

    fn english(&self) -> String {
        match self {
            Self::StoreRequired => "pre-orders belong to a store; name one".to_owned(),
            Self::UnknownMember { member } => format!("there is no member {member}"),
            Self::UnknownProduct { sku } => format!("{sku} cannot be pre-ordered"),
            Self::UnknownSlot { date, start } => format!("there is no slot at {start} on {date}"),
            Self::TooLate { lead_hours } => {
                format!("pre-orders are taken until {lead_hours} hours before their slot begins")
            }
            Self::TooEarly { horizon_days } => format!("pre-orders are taken at most {horizon_days} days ahead"),
            Self::SlotFull { free, needed } => {
                format!("the slot has {free} capacity units free and {needed} are needed")
            }
            Self::TooLarge => "the pre-order is too large".to_owned(),
            Self::InsufficientStoredValue { available, needed } => {
                format!("the deposit is {needed} and the stored value is {available}, in minor units")
            }
            Self::ReferenceReused { reference } => format!("{reference} is the reference of another pre-order"),
            Self::UnknownPreorder { preorder } => format!("this store has no pre-order {preorder}"),
            Self::AlreadyPickedUp { code } => format!("{code} was picked up already"),
            Self::AlreadyCancelled { code } => format!("{code} is cancelled"),
            Self::Missed { code } => format!("{code} was not picked up on its day"),
            Self::NoCodeLeft => "no pickup code is free on this day".to_owned(),
        }
    }

    fn chinese(&self) -> String {
        match self {
            Self::StoreRequired => "预订需要指定门店".to_owned(),
            Self::UnknownMember { member } => format!("没有会员 {member}"),
            Self::UnknownProduct { sku } => format!("{sku} 不可预订"),
            Self::UnknownSlot { date, start } => format!("{date} 没有 {start} 的取货时段"),
            Self::TooLate { lead_hours } => format!("需在取货时段开始前至少 {lead_hours} 小时预订"),
            Self::TooEarly { horizon_days } => format!("最多可提前 {horizon_days} 天预订"),
            Self::SlotFull { free, needed } => format!("该时段剩余产能 {free}，需要 {needed}"),
            Self::TooLarge => "预订数量或金额过大".to_owned(),
            Self::InsufficientStoredValue { available, needed } => {
                format!("定金 {needed}，储值余额 {available}（均为最小货币单位）")
            }
            Self::ReferenceReused { reference } => format!("编号 {reference} 已用于另一个预订"),
            Self::UnknownPreorder { preorder } => format!("本店没有预订 {preorder}"),
            Self::AlreadyPickedUp { code } => format!("{code} 已取货"),
            Self::AlreadyCancelled { code } => format!("{code} 已取消"),
            Self::Missed { code } => format!("{code} 逾期未取"),
            Self::NoCodeLeft => "当日取货码已用尽".to_owned(),
        }
    }

    /// What the caller gets.
    pub(crate) fn refusal(&self, language: Language) -> Refusal {
        let kind = match self {
            Self::StoreRequired | Self::TooLarge => Refusal::invalid,
            Self::UnknownMember { .. }
            | Self::UnknownProduct { .. }
            | Self::UnknownSlot { .. }
            | Self::UnknownPreorder { .. } => Refusal::not_found,
            Self::TooLate { .. }
            | Self::TooEarly { .. }
            | Self::SlotFull { .. }
            | Self::InsufficientStoredValue { .. }
            | Self::ReferenceReused { .. }
            | Self::AlreadyPickedUp { .. }
            | Self::AlreadyCancelled { .. }
            | Self::Missed { .. } => Refusal::refused,
            Self::NoCodeLeft => Refusal::failed,
        };
        kind(self.code(), self.message(language))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_stored_value_says_what_is_there_and_what_is_needed() {
        let rejection = Rejection::InsufficientStoredValue { available: 500, needed: 1200 };
        assert_eq!(
            rejection.refusal(Language::English),
            Refusal::refused(
                "insufficient-stored-value",
                "the deposit is 1200 and the stored value is 500, in minor units"
            )
        );
        assert_eq!(rejection.message(Language::Chinese), "定金 1200，储值余额 500（均为最小货币单位）");
    }
}
