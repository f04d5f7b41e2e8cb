//! Benefits across brands: members of one merchant redeem their points at a partner, and earn them there.
//!
//! The **issuer** is whose points they are, the **redeemer** is where they are used. A member agrees to be known to the
//! partner by an alias, gets a code for an amount of points, which are held, and shows it at the partner's till. There the
//! pack of the redeemer asks the pack of the issuer, in one transaction: the points are spent, the issuer owes the redeemer
//! what the agreement says, and both note the same line in their statements. A line is taken back by its opposite.
//!
//! Statements are by calendar months in UTC, which both merchants share whatever their time zones are.

mod commands;
mod deal;
mod issuer;
mod pages;
mod protocol;
mod redeemer;
mod rejection;
mod settings;
mod statement;
mod storage;
mod terms;

use punchcard_sdk::prelude::*;

use pages::{Partners, StatementPage};
use settings::Settings;
use terms::Terms;

/// What members redeem and earn across brands.
const UNIT: &str = "points";

struct Alliance;

impl Pack for Alliance {
    fn manifest() -> Manifest {
        Manifest::new("alliance", env!("CARGO_PKG_VERSION"))
            .title(Text::new("Brand alliance", "异业联盟"))
            .summary(Text::new(
                "Members use their points at partners; what partners owe each other is in the books of both.",
                "会员可在联盟伙伴处使用积分；伙伴之间的应收应付同时记入双方账本。",
            ))
            .grant(Capability::AgreementsTransact, Text::new("to deal with partners", "用于与联盟伙伴往来"))
            .grant(
                Capability::AssetsWrite(UNIT),
                Text::new("to hold, spend and give points", "用于冻结、扣减和发放积分"),
            )
            .grant(Capability::MembersRead, Text::new("to link members only", "用于确认关联人是会员"))
            .terms::<Terms>()
            .settings::<Settings>()
            .commands(<Self as Commands>::ALL)
            .pages(<Self as Pages>::ALL)
    }
}

impl Commands for Alliance {
    const ALL: &'static [Operation] = &[
        Operation::of::<issuer::Link>(),
        Operation::of::<issuer::Withdraw>(),
        Operation::of::<issuer::Authorise>(),
        Operation::of::<redeemer::Check>(),
        Operation::of::<redeemer::Redeem>(),
        Operation::of::<redeemer::Cancel>(),
        Operation::of::<redeemer::Earn>(),
        Operation::of::<commands::Paid>(),
        Operation::of::<commands::ReadStatement>(),
        Operation::of::<commands::Reconcile>(),
    ];
}

impl Pages for Alliance {
    const ALL: &'static [View] = &[View::of::<Partners>(), View::of::<StatementPage>()];
}

impl OnPartner for Alliance {
    fn answer(ctx: &CallContext, question: &Question) -> Result<String, Refusal> {
        issuer::answer(ctx, question)
    }
}

punchcard_sdk::pack!(Alliance: commands, pages, on_partner);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_asks_for_what_the_pack_does() {
        let manifest: serde_json::Value = serde_json::from_str(&Alliance::manifest().to_json()).expect("it is JSON");
        assert_eq!(manifest["grants"][0]["grant"], "agreements:transact");
        assert_eq!(manifest["terms"]["properties"]["issuer"]["enum"], serde_json::json!(["proposer", "partner"]));
        assert_eq!(manifest["pages"][0]["name"], "partners");
        assert_eq!(manifest["settings"]["properties"]["code_minutes"]["default"], 10);
    }
}
