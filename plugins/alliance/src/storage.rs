//! Where things lie in the pack's storage. All of it is by agreement, so that a partner reaches nothing of another one's.
//!
//! | key | value |
//! |---|---|
//! | `link/AGREEMENT/MEMBER` | the member's consent |
//! | `code/AGREEMENT/CODE` | a code that was given to a member |
//! | `redemption/AGREEMENT/ID` | points that were redeemed |
//! | `reference/AGREEMENT/REFERENCE` | what was done under that reference of a till or bank |
//! | `line/AGREEMENT/MONTH/NUMBER` | a line of the statement |
//! | `totals/AGREEMENT/MONTH` | what the month comes to |
//! | `balance/AGREEMENT` | the sum of all lines, which is what the host's books say |
//! | `day/AGREEMENT/DAY` | points that were redeemed on the day |
//! | `day/AGREEMENT/DAY/MEMBER` | points that the member has redeemed on the day |

use punchcard_sdk::LocalDate;

pub(crate) fn link(agreement: &str, member: &str) -> String {
    format!("link/{agreement}/{member}")
}

pub(crate) fn code(agreement: &str, code: &str) -> String {
    format!("code/{agreement}/{code}")
}

pub(crate) fn redemption(agreement: &str, id: &str) -> String {
    format!("redemption/{agreement}/{id}")
}

pub(crate) fn reference(agreement: &str, reference: &str) -> String {
    format!("reference/{agreement}/{reference}")
}

pub(crate) fn line(agreement: &str, month: &str, number: u64) -> String {
    format!("line/{agreement}/{month}/{number:012}")
}

pub(crate) fn totals(agreement: &str, month: &str) -> String {
    format!("totals/{agreement}/{month}")
}

pub(crate) fn balance(agreement: &str) -> String {
    format!("balance/{agreement}")
}

pub(crate) fn of_day(agreement: &str, day: LocalDate) -> String {
    format!("day/{agreement}/{day}")
}

pub(crate) fn of_member_and_day(agreement: &str, day: LocalDate, member: &str) -> String {
    format!("day/{agreement}/{day}/{member}")
}
