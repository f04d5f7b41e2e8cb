//! A pack for tests of the host: each of its exports does the harm that the call names, and none when it names none, so that
//! good calls and bad ones take turns and the pack never rests.

use punchcard_sdk::{Limits, prelude::*};

struct Harms;

impl Pack for Harms {
    fn manifest() -> Manifest {
        // More fuel than any harm but the loop uses, and as much memory as any pack gets.
        let limits = Limits {
            fuel_max: Some(20_000_000),
            memory_max_bytes: Some(64 << 20),
            wall_max_ms: Some(5_000),
            host_calls_max: Some(1_000),
        };
        Manifest::new("harms", env!("CARGO_PKG_VERSION"))
            .title(Text::new("Harms", "危害"))
            .summary(Text::new("Does the harm that a call names, for tests.", "按调用所指定的方式造成危害，用于测试。"))
            .grant(Capability::EventsRead, Text::new("to be told what harm to do", "用于接收要造成的危害"))
            .follows(&["member-enrolled", "behaviour-noted"])
            .limits(limits)
            .commands(<Self as Commands>::ALL)
            .pages(<Self as Pages>::ALL)
    }
}

/// Does harm, if there is one of that name.
fn harm(name: &str) -> Result<(), Refusal> {
    match name {
        "loop" => loop {
            std::hint::black_box(());
        },
        "eat-memory" => eat_memory(),
        "recurse" => Err(Refusal::failed("no-end", format!("the stack did not end: {}", recurse(1)))),
        "flood" => loop {
            // Whatever the host answers, it is asked again.
            let _ = kv::get("flood");
        },
        "fill" => Ok((0_u32..).try_for_each(|number| kv::put(&format!("fill-{number}"), &[7; 32 << 10]))?),
        "trap" => panic!("harms: trapped on purpose"),
        _ => Ok(()),
    }
}

/// Takes page after page, and touches each, until the host gives no more.
fn eat_memory() -> ! {
    let mut eaten = Vec::new();
    loop {
        let mut page = Vec::with_capacity(4096);
        page.extend([0xA5_u8]);
        // An allocation that the host refuses aborts.
        eaten.push(std::hint::black_box(page));
    }
}

/// Goes down without using the stack that the module keeps in its memory, so that only the host can end it.
#[inline(never)]
fn recurse(depth: u64) -> u64 {
    if depth == 0 {
        return 0;
    }
    recurse(depth.wrapping_add(1)).rotate_left(1) ^ depth
}

/// By what is sold.
impl Checkout for Harms {
    fn decide(_: &CallContext, order: &Order) -> Result<Decision, Refusal> {
        order.lines.iter().try_for_each(|line| harm(&line.sku))?;
        Ok(Decision { earnings: Vec::new(), findings: Vec::new() })
    }
}

/// What an event tells, if it is of a behaviour.
#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    behaviour: String,
}

/// By what a member was seen to do.
impl OnEvent for Harms {
    fn handle(_: &CallContext, event: &Event) -> Result<(), Refusal> {
        harm(&event.data::<Told>()?.behaviour)
    }
}

/// By what the timer was set with.
impl OnTimer for Harms {
    fn fire(_: &CallContext, firing: &Firing) -> Result<(), Refusal> {
        harm(&firing.payload)
    }
}

/// Sets a timer for each harm, due at once and in their order; those of an earlier time are replaced.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SetTimers {
    harms: Vec<String>,
}

impl Command for SetTimers {
    const NAME: &'static str = "set-timers";
    const TITLE: Text = Text::new("Set timers", "设置定时器");
    type Output = ();

    fn run(self, ctx: &CallContext) -> Result<(), Refusal> {
        for (number, payload) in self.harms.into_iter().enumerate() {
            timers::set(&Timer { name: format!("{number:03}"), at: ctx.now, payload, store: None })?;
        }
        Ok(())
    }
}

impl Commands for Harms {
    const ALL: &'static [Operation] = &[Operation::of::<SetTimers>()];
}

/// By what is asked.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Harmful {
    harm: String,
}

impl PageView for Harmful {
    const NAME: &'static str = "harmful";
    const TITLE: Text = Text::new("Harmful", "有害页面");

    fn render(self, _: &CallContext) -> Result<Page, Refusal> {
        harm(&self.harm)?;
        Ok(Page::new("Harmless"))
    }
}

impl Pages for Harms {
    const ALL: &'static [View] = &[View::of::<Harmful>()];
}

punchcard_sdk::pack!(Harms: checkout, commands, on_event, on_timer, pages);
