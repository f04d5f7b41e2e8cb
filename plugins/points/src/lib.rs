//! Points for what members spend, and what members and staff do with them.

mod commands;
mod rules;
mod settings;

use punchcard_sdk::prelude::*;

use commands::{Grant, Redeem};
use settings::Settings;

/// The unit that this pack issues.
const UNIT: &str = "points";

struct Points;

impl Pack for Points {
    fn manifest() -> Manifest {
        Manifest::new("points", env!("CARGO_PKG_VERSION"))
            .title(Text::new("Points", "积分"))
            .summary(Text::new(
                "Members earn points on what they spend, more on chosen weekdays and for chosen tags, and redeem them for gifts.",
                "会员消费得积分，指定星期和指定标签可多倍积分，积分可兑换礼品。",
            ))
            .unit(UNIT, Text::new("points", "积分"))
            .grant(Capability::AssetsWriteOwnUnits, Text::new("to give and take points", "用于发放和扣减积分"))
            .grant(Capability::AssetsRead, Text::new("to say how many points are left", "用于显示剩余积分"))
            .grant(Capability::MembersRead, Text::new("to multiply points for members with chosen tags", "用于按会员标签多倍积分"))
            .settings::<Settings>()
            .commands(Self::ALL)
    }
}

impl Checkout for Points {
    fn decide(ctx: &CallContext, order: &Order) -> Result<Decision, Refusal> {
        rules::decide(&settings()?, ctx, order)
    }
}

impl Commands for Points {
    const ALL: &'static [Operation] = &[Operation::of::<Redeem>(), Operation::of::<Grant>()];
}

punchcard_sdk::pack!(Points: checkout, commands);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_asks_for_what_the_pack_does() {
        let manifest: serde_json::Value = serde_json::from_str(&Points::manifest().to_json()).expect("it is JSON");
        assert_eq!(manifest["id"], "points");
        assert_eq!(manifest["units"][0]["code"], UNIT);
        assert_eq!(manifest["commands"][0]["name"], "redeem");
        assert_eq!(manifest["commands"][1]["name"], "grant");
        assert_eq!(manifest["settings"]["additionalProperties"], false);
        assert_eq!(manifest["settings"]["properties"]["per_amount"]["default"], 100);
        assert_eq!(manifest["settings"]["properties"]["per_amount"]["minimum"], 1);
    }
}
