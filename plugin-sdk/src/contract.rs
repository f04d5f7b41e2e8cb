//! What `wit/0.1.3/pack.wit` generates, one module for each world. Hidden: authors see it through the modules of the
//! crate root, and only `pack!` names it.
//!
//! Every export interface is a world of its own, so that a pack ends up with exactly the exports that it names. They
//! all share the types of [`imports`].

/// The host functions and the shared types.
pub mod imports {
    wit_bindgen::generate!({
        path: "../wit/0.1.3",
        world: "imports",
        generate_all,
        generate_unused_types: true,
        additional_derives: [PartialEq, Eq],
        additional_type_attributes: {
            "punchcard:pack/types@0.1.3/weekday": [
                #[derive(Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
                #[serde(rename_all = "lowercase")]
                #[schemars(inline)]
            ],
            "punchcard:pack/types@0.1.3/local-date": [#[derive(PartialOrd, Ord, Hash)]],
        },
    });
}

/// The export `describe`.
pub mod describing {
    wit_bindgen::generate!({
        path: "../wit/0.1.3",
        world: "describing",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_describe",
        default_bindings_module: "punchcard_sdk::contract::describing",
    });

    impl<T: crate::Pack> exports::punchcard::pack::describe::Guest for T {
        fn manifest() -> String {
            T::manifest().to_json()
        }
    }
}

/// The export `checkout`.
pub mod checking_out {
    wit_bindgen::generate!({
        path: "../wit/0.1.3",
        world: "checking-out",
        with: { "punchcard:pack/types@0.1.3": crate::contract::imports::punchcard::pack::types },
        pub_export_macro: true,
        export_macro_name: "export_checkout",
        default_bindings_module: "punchcard_sdk::contract::checking_out",
        additional_derives: [PartialEq, Eq],
    });

    use crate::{
        CallContext, Checkout, Refusal,
        order::{Decision, Order, Refund},
    };

    impl<T: Checkout> exports::punchcard::pack::checkout::Guest for T {
        fn quote(ctx: CallContext, order: Order) -> Result<Decision, Refusal> {
            crate::panics::report();
            T::quote(&ctx, &order)
        }

        fn settled(ctx: CallContext, order: Order) -> Result<Decision, Refusal> {
            crate::panics::report();
            T::settled(&ctx, &order)
        }

        fn refunded(ctx: CallContext, refund: Refund) -> Result<(), Refusal> {
            crate::panics::report();
            T::refunded(&ctx, &refund)
        }
    }
}

/// The export `pricing`.
pub mod pricing_orders {
    wit_bindgen::generate!({
        path: "../wit/0.1.3",
        world: "pricing-orders",
        with: { "punchcard:pack/types@0.1.3": crate::contract::imports::punchcard::pack::types },
        pub_export_macro: true,
        export_macro_name: "export_pricing",
        default_bindings_module: "punchcard_sdk::contract::pricing_orders",
        additional_derives: [PartialEq, Eq],
    });

    use crate::{
        CallContext, Pricing, Refusal,
        order::{Offer, Order},
    };

    impl<T: Pricing> exports::punchcard::pack::pricing::Guest for T {
        fn price(ctx: CallContext, order: Order) -> Result<Offer, Refusal> {
            crate::panics::report();
            T::price(&ctx, &order)
        }
    }
}

/// The export `commands`.
pub mod commanding {
    wit_bindgen::generate!({
        path: "../wit/0.1.3",
        world: "commanding",
        with: { "punchcard:pack/types@0.1.3": crate::contract::imports::punchcard::pack::types },
        pub_export_macro: true,
        export_macro_name: "export_commands",
        default_bindings_module: "punchcard_sdk::contract::commanding",
    });

    use crate::{CallContext, Commands, Refusal};

    impl<T: Commands> exports::punchcard::pack::commands::Guest for T {
        fn run(ctx: CallContext, command: String, input: String) -> Result<String, Refusal> {
            crate::panics::report();
            crate::command::dispatch(T::ALL, &ctx, &command, &input)
        }
    }
}

/// The export `on-event`.
pub mod following {
    wit_bindgen::generate!({
        path: "../wit/0.1.3",
        world: "following",
        with: { "punchcard:pack/types@0.1.3": crate::contract::imports::punchcard::pack::types },
        pub_export_macro: true,
        export_macro_name: "export_on_event",
        default_bindings_module: "punchcard_sdk::contract::following",
        additional_derives: [PartialEq, Eq],
    });

    use crate::{CallContext, OnEvent, Refusal, events::Event};

    impl<T: OnEvent> exports::punchcard::pack::on_event::Guest for T {
        fn handle(ctx: CallContext, event: Event) -> Result<(), Refusal> {
            crate::panics::report();
            T::handle(&ctx, &event)
        }
    }
}

/// The export `on-timer`.
pub mod timing {
    wit_bindgen::generate!({
        path: "../wit/0.1.3",
        world: "timing",
        with: { "punchcard:pack/types@0.1.3": crate::contract::imports::punchcard::pack::types },
        pub_export_macro: true,
        export_macro_name: "export_on_timer",
        default_bindings_module: "punchcard_sdk::contract::timing",
        additional_derives: [PartialEq, Eq],
    });

    use crate::{CallContext, OnTimer, Refusal, timers::Firing};

    impl<T: OnTimer> exports::punchcard::pack::on_timer::Guest for T {
        fn fire(ctx: CallContext, firing: Firing) -> Result<(), Refusal> {
            crate::panics::report();
            T::fire(&ctx, &firing)
        }
    }
}

/// The export `on-partner`.
pub mod partnering {
    wit_bindgen::generate!({
        path: "../wit/0.1.3",
        world: "partnering",
        with: { "punchcard:pack/types@0.1.3": crate::contract::imports::punchcard::pack::types },
        pub_export_macro: true,
        export_macro_name: "export_on_partner",
        default_bindings_module: "punchcard_sdk::contract::partnering",
        additional_derives: [PartialEq, Eq],
    });

    use crate::{CallContext, OnPartner, Refusal, agreements::Question};

    impl<T: OnPartner> exports::punchcard::pack::on_partner::Guest for T {
        fn answer(ctx: CallContext, question: Question) -> Result<String, Refusal> {
            crate::panics::report();
            T::answer(&ctx, &question)
        }
    }
}

/// The export `pages`.
pub mod showing {
    wit_bindgen::generate!({
        path: "../wit/0.1.3",
        world: "showing",
        with: { "punchcard:pack/types@0.1.3": crate::contract::imports::punchcard::pack::types },
        pub_export_macro: true,
        export_macro_name: "export_pages",
        default_bindings_module: "punchcard_sdk::contract::showing",
    });

    use crate::{CallContext, Pages, Refusal};

    impl<T: Pages> exports::punchcard::pack::pages::Guest for T {
        fn render(ctx: CallContext, page: String, query: String) -> Result<String, Refusal> {
            crate::panics::report();
            crate::page::dispatch(T::ALL, &ctx, &page, &query)
        }
    }
}

/// The export `lifecycle`.
pub mod living {
    wit_bindgen::generate!({
        path: "../wit/0.1.3",
        world: "living",
        with: { "punchcard:pack/types@0.1.3": crate::contract::imports::punchcard::pack::types },
        pub_export_macro: true,
        export_macro_name: "export_lifecycle",
        default_bindings_module: "punchcard_sdk::contract::living",
        additional_derives: [PartialEq, Eq],
    });

    use crate::{
        CallContext, Lifecycle, Refusal,
        lifecycle::{Migration, Progress},
    };

    impl<T: Lifecycle> exports::punchcard::pack::lifecycle::Guest for T {
        fn enabled(ctx: CallContext) -> Result<(), Refusal> {
            crate::panics::report();
            T::enabled(&ctx)
        }

        fn disabled(ctx: CallContext) -> Result<(), Refusal> {
            crate::panics::report();
            T::disabled(&ctx)
        }

        fn migrate(ctx: CallContext, migration: Migration) -> Result<Progress, Refusal> {
            crate::panics::report();
            T::migrate(&ctx, &migration)
        }
    }
}
