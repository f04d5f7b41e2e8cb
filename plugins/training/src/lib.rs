//! Courses of a school: classes and their sessions, packages of minutes, attendance, revenue.
//!
//! What a member has bought is course minutes in the host's ledger, a lot for the paid and one for the gift minutes of each
//! package; what they cost, what they are good for and what became of them is in the books of this pack. The two agree: each
//! movement is booked in both in one transaction, lot by lot.
//!
//! All times are the store's wall clock: "2 hours before 10:00" is 8:00, also when the clocks are changed in between.

mod attendance;
mod commands;
mod expiry;
mod figures;
mod lesson;
mod lot;
mod names;
mod office;
mod package;
mod prepaid;
mod rejection;
mod school;
mod session;
mod settings;
mod storage;
mod wallet;
mod worth;

use punchcard_sdk::{Limits, prelude::*};

use commands::{
    Attend, CancelSession, Correct, Day, DefineCourse, Enrol, History, Leave, OpenClass, Packages, Plan, Refund,
    Revenue, Sell, Withdraw,
};
use settings::Settings;

/// What packages are counted in.
const UNIT: &str = "course-minutes";

struct Training;

impl Pack for Training {
    fn manifest() -> Manifest {
        Manifest::new("training", env!("CARGO_PKG_VERSION"))
            .title(Text::new("Courses", "课程"))
            .summary(Text::new(
                "Students have packages of paid and gift minutes, which attendance of their classes consumes.",
                "学员购买课包，上课考勤按批次扣减正价与赠送课时，并确认收入。",
            ))
            .unit(UNIT, Text::new("course minutes", "课时（分钟）"))
            .grant(Capability::AssetsWriteOwnUnits, Text::new("to grant and take course minutes", "用于发放和扣减课时"))
            .grant(Capability::AssetsRead, Text::new("to know the lots of course minutes", "用于核对课时批次"))
            .grant(Capability::MembersRead, Text::new("to sell to members only", "用于确认购买人是会员"))
            .timer(
                expiry::NIGHTLY,
                Text::new("What has expired is forfeited", "到期课时作废"),
                Rule::Day { at: "00:05" },
            )
            .settings::<Settings>()
            .commands(Self::ALL)
            // A year's figures of a hundred stores.
            .limits(Limits { fuel_max: Some(500_000_000), wall_max_ms: Some(3_000), ..Limits::default() })
    }
}

impl OnTimer for Training {
    fn fire(ctx: &CallContext, firing: &Firing) -> Result<(), Refusal> {
        expiry::close(ctx, firing)
    }
}

impl Commands for Training {
    const ALL: &'static [Operation] = &[
        Operation::of::<DefineCourse>(),
        Operation::of::<OpenClass>(),
        Operation::of::<Plan>(),
        Operation::of::<CancelSession>(),
        Operation::of::<Sell>(),
        Operation::of::<Refund>(),
        Operation::of::<Enrol>(),
        Operation::of::<Withdraw>(),
        Operation::of::<Leave>(),
        Operation::of::<Attend>(),
        Operation::of::<Correct>(),
        Operation::of::<Day>(),
        Operation::of::<Packages>(),
        Operation::of::<History>(),
        Operation::of::<Revenue>(),
    ];
}

punchcard_sdk::pack!(Training: commands, on_timer);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_asks_for_what_the_pack_does() {
        let manifest: serde_json::Value = serde_json::from_str(&Training::manifest().to_json()).expect("it is JSON");
        assert_eq!(manifest["units"][0]["code"], "course-minutes");
        assert_eq!(manifest["timers"][0]["name"], "forfeit");
        let names: Vec<_> = manifest["commands"].as_array().expect("a list").iter().map(|one| &one["name"]).collect();
        assert_eq!(
            names,
            [
                "define-course",
                "open-class",
                "plan",
                "cancel-session",
                "sell",
                "refund",
                "enrol",
                "withdraw",
                "leave",
                "attend",
                "correct",
                "day",
                "packages",
                "history",
                "revenue"
            ]
        );
        assert_eq!(manifest["settings"]["properties"]["leave_hours"]["default"], 2);
    }
}
