//! Pre-orders for a bakery: slots with a capacity, deposits from stored value, pickup by code, a sheet for production. And an
//! evening price for what is left of the day's goods.
//!
//! All times are the store's wall clock: "24 hours before 10:00" is 10:00 of the day before, also when the clocks are
//! changed in between.

mod closing;
mod commands;
mod evening;
mod preorder;
mod rejection;
mod settings;
mod sheet;
mod slots;
mod storage;

use punchcard_sdk::prelude::*;

use commands::{Cancel, PickUp, Place, Sheet, Slots};
use settings::Settings;

/// Where deposits come from and go back to: money that the host keeps for every merchant.
const STORED_VALUE: &str = "stored-value";

/// The fact that nobody has picked up a pre-order on its day.
const MISSED: &str = "pickup-missed";

struct Bakery;

impl Pack for Bakery {
    fn manifest() -> Manifest {
        Manifest::new("bakery", env!("CARGO_PKG_VERSION"))
            .title(Text::new("Bakery pre-orders", "烘焙预订"))
            .summary(Text::new(
                "Members pre-order for a pickup slot, pay a deposit from stored value, and pick up with a code; evenings are cheaper.",
                "会员按取货时段预订，用储值支付定金，凭取货码取货；晚间可设优惠。",
            ))
            .grant(
                Capability::AssetsWrite(STORED_VALUE),
                Text::new("to take and return deposits", "用于收取和退还定金"),
            )
            .grant(Capability::MembersRead, Text::new("to take pre-orders of members only", "用于确认预订人是会员"))
            .grant(
                Capability::EventsEmit,
                Text::new("to tell of pre-orders that nobody picks up", "用于发布逾期未取事件"),
            )
            .grant(
                Capability::OrdersDiscount(50),
                Text::new("to make what is left cheaper in the evening", "用于晚间优惠减价"),
            )
            .emits(MISSED, Text::new("A pre-order was not picked up", "预订逾期未取"))
            .settings::<Settings>()
            .commands(Self::ALL)
    }
}

impl Pricing for Bakery {
    fn price(ctx: &CallContext, order: &Order) -> Result<Offer, Refusal> {
        Ok(evening::price(settings::<Settings>()?.evening.as_ref(), ctx, order))
    }
}

impl OnTimer for Bakery {
    fn fire(ctx: &CallContext, firing: &Firing) -> Result<(), Refusal> {
        closing::close(ctx, firing)
    }
}

impl Commands for Bakery {
    const ALL: &'static [Operation] = &[
        Operation::of::<Slots>(),
        Operation::of::<Place>(),
        Operation::of::<Cancel>(),
        Operation::of::<PickUp>(),
        Operation::of::<Sheet>(),
    ];
}

punchcard_sdk::pack!(Bakery: pricing, commands, on_timer);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_asks_for_what_the_pack_does() {
        let manifest: serde_json::Value = serde_json::from_str(&Bakery::manifest().to_json()).expect("it is JSON");
        assert_eq!(manifest["grants"][0]["grant"], "assets:write:stored-value");
        let names: Vec<_> = manifest["commands"].as_array().expect("a list").iter().map(|one| &one["name"]).collect();
        assert_eq!(names, ["slots", "place", "cancel", "pick-up", "sheet"]);
        assert_eq!(manifest["settings"]["additionalProperties"], false);
        assert_eq!(manifest["settings"]["properties"]["lead_hours"]["default"], 24);
    }
}
