//! A pack for tests of the host: it notes what it is called with after the fact, and its settings choose what goes wrong.

use punchcard_sdk::{kv::Entry, prelude::*};

/// The unit that this pack gives for each event of a member.
const UNIT: &str = "echoes";

/// What the names of timers begin with that tell a fact.
const LATER: &str = "later-";

struct Echo;

/// What this pack is asked to do.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// What goes wrong.
    fails: Fails,
    /// At whose events only, and at which timer; nothing is at all.
    fails_at: String,
    /// Tells a fact for each event that it hears.
    answers: bool,
    /// Sets a timer for each event that it hears, so many seconds later, and tells a fact when that fires.
    answers_after: Option<u64>,
}

/// How a call goes wrong.
#[derive(Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Fails {
    /// It does not.
    #[default]
    Never,
    /// It refuses, after writing.
    Refuses,
    /// It panics, after writing.
    Panics,
    /// It never returns.
    Loops,
    /// It sets the timer again that fires, for at once.
    Rearms,
}

impl Pack for Echo {
    fn manifest() -> Manifest {
        Manifest::new("echo", env!("CARGO_PKG_VERSION"))
            .title(Text::new("Echo", "回声"))
            .unit(UNIT, Text::new("echoes", "回声"))
            .grant(Capability::AssetsWriteOwnUnits, Text::new("to give echoes", "用于发放回声"))
            .grant(Capability::EventsRead, Text::new("to hear", "用于接收事件"))
            .grant(Capability::EventsEmit, Text::new("to answer", "用于发布事件"))
            .follows(&["member-enrolled", "order-settled", "echo:heard"])
            .emits("heard", Text::new("an event was heard", "已收到事件"))
            .timer("nightly", Text::new("Note that it is night", "记录夜间时刻"), Rule::Day { at: "02:00" })
            .settings::<Settings>()
            .commands(Self::ALL)
    }
}

impl OnEvent for Echo {
    fn handle(ctx: &CallContext, event: &Event) -> Result<(), Refusal> {
        let settings = settings::<Settings>()?;
        let whose = event.member.clone().unwrap_or_default();
        note(&format!("event-{:06}", event.sequence), &format!("{} {whose}", event.kind))?;
        if let Some(member) = event.member.clone().filter(|_| event.kind != "echo:heard") {
            let reason = event.kind.clone();
            assets::earn(&Credit { member, unit: UNIT.to_owned(), amount: 1, expires: Expiry::Never, reason })?;
        }
        if settings.answers {
            events::tell("heard", event.member.clone(), &serde_json::json!({ "of": event.sequence }))?;
        }
        if let Some(seconds) = settings.answers_after {
            let (name, at) = (format!("{LATER}{}", event.sequence), ctx.now + seconds * 1_000);
            timers::set(&Timer { name, at, payload: String::new(), store: None })?;
        }
        settings.go_wrong(&whose, None)
    }
}

impl OnTimer for Echo {
    fn fire(ctx: &CallContext, firing: &Firing) -> Result<(), Refusal> {
        let Firing { name, due, attempt, payload } = firing;
        note(&format!("timer-{name}-{due}"), &format!("{payload} at {} try {attempt}", ctx.now))?;
        if name.starts_with(LATER) {
            events::tell("heard", None, &serde_json::json!({ "of": name }))?;
        }
        settings::<Settings>()?.go_wrong(name, Some(ctx))
    }
}

impl Settings {
    fn go_wrong(&self, at: &str, timer: Option<&CallContext>) -> Result<(), Refusal> {
        if !self.fails_at.is_empty() && self.fails_at != at {
            return Ok(());
        }
        match (self.fails, timer) {
            (Fails::Never, _) | (Fails::Rearms, None) => Ok(()),
            (Fails::Refuses, _) => Err(Refusal::refused("not-today", "refused on purpose, after writing")),
            (Fails::Panics, _) => panic!("echo: trapped on purpose, after writing"),
            (Fails::Loops, _) => loop {
                std::hint::black_box(());
            },
            (Fails::Rearms, Some(ctx)) => {
                Ok(timers::set(&Timer { name: at.to_owned(), at: ctx.now, payload: "again".to_owned(), store: None })?)
            }
        }
    }
}

/// Notes something, and how often it was noted.
fn note(key: &str, what: &str) -> Result<(), Refusal> {
    let before = kv::get_json::<(String, u32)>(key)?.map_or(0, |(_, times)| times);
    kv::put_json(key, &(what, before + 1))
}

/// Shows what was noted.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Noted {
    /// What the keys begin with.
    prefix: String,
}

/// Something that was noted.
#[derive(Serialize)]
struct Note {
    key: String,
    what: String,
    times: u32,
}

impl Command for Noted {
    const NAME: &'static str = "noted";
    const TITLE: Text = Text::new("What was noted", "查看记录");
    type Output = Vec<Note>;

    fn run(self, _: &CallContext) -> Result<Vec<Note>, Refusal> {
        let entries = kv::scan(&self.prefix, &format!("{}~", self.prefix), kv::SCAN_MAX)?;
        let note = |Entry { key, value }| {
            let (what, times) = serde_json::from_slice(&value)
                .map_err(|error| Refusal::failed("unreadable-value", error.to_string()))?;
            Ok(Note { key, what, times })
        };
        entries.into_iter().map(note).collect()
    }
}

/// Sets a timer, or takes it back.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SetTimer {
    name: String,
    /// When, in milliseconds since 1970; nothing takes it back.
    at: Option<u64>,
}

/// What was set before.
#[derive(Serialize)]
struct WasSet {
    at: Option<u64>,
}

impl Command for SetTimer {
    const NAME: &'static str = "set-timer";
    const TITLE: Text = Text::new("Set a timer", "设置定时器");
    type Output = WasSet;

    fn run(self, ctx: &CallContext) -> Result<WasSet, Refusal> {
        let before = timers::get(&self.name)?.map(|timer| timer.at);
        match self.at {
            Some(at) => {
                timers::set(&Timer { payload: "set".to_owned(), name: self.name, at, store: ctx.store.clone() })?;
            }
            None => {
                timers::cancel(&self.name)?;
            }
        }
        Ok(WasSet { at: before })
    }
}

impl Commands for Echo {
    const ALL: &'static [Operation] = &[Operation::of::<Noted>(), Operation::of::<SetTimer>()];
}

punchcard_sdk::pack!(Echo: commands, on_event, on_timer);
