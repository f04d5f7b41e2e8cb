//! A pack for tests of the host: its `behaviour` setting chooses what it does to the host that calls it.

use punchcard_sdk::{kv::Entry, prelude::*};

/// The unit that this pack issues, so that tests see whether an effect stayed.
const UNIT: &str = "scars";

/// What each harmful call leaves behind, if the host lets it.
const MARK: &str = "mark";

struct Hostile;

/// What this pack is asked to do.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    behaviour: Behaviour,
}

/// What happens in `quote` and `settled`.
#[derive(Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Behaviour {
    /// Writes a mark and gives a scar, as a good pack would.
    #[default]
    Behave,
    /// Never returns.
    Loop,
    /// Takes memory and writes to it until it gets no more, then traps.
    EatMemory,
    /// Recurses until the stack ends.
    Recurse,
    /// Calls the host for ever.
    Flood,
    /// Writes a mark, gives a scar and panics.
    TrapAfterWrite,
    /// Writes a mark, gives a scar and refuses.
    RefuseAfterWrite,
    /// Tries to give money, which it was not granted, and tells what the host said.
    WriteForeignUnit,
    /// Reaches an instruction that ends everything, after writing.
    Unreachable,
    /// Counts on memory that a call before this one has left.
    Remember,
    /// Stores a value of 32 KiB under ever new keys, until the host says no.
    FillStorage,
    /// Uses most of the fuel that it gets, and lets that be.
    Burn,
    /// Writes the same entry again and again.
    WriteOver,
    /// Writes as much as it may, and lets that be.
    WriteMuch,
    /// Reads an entry again and again.
    ReadMuch,
    /// Reads ever new entries, a hundred at once.
    ReadFlood,
    /// Stores a value that is one byte too long, and tells what the host said.
    LongValue,
    /// Uses a key that is one byte too long, and tells what the host said.
    LongKey,
    /// Asks for more keys at once than it may, and tells what the host said.
    GetTooMany,
    /// Scans for more than it may, and tells what the host said.
    ScanTooMuch,
    /// Hands the host a text of 100 MB.
    LongText,
    /// Logs a thousand lines of two thousand bytes.
    LogFlood,
    /// Decides as many earnings as it may.
    MostEarnings,
    /// Decides one earning more than it may.
    ManyEarnings,
    /// Decides a hundred thousand findings.
    ManyFindings,
    /// Explains itself with a megabyte.
    LongFinding,
    /// Earns more than there can be.
    EarnOverflow,
    /// Earns nothing.
    EarnNothing,
    /// Earns until a day that there is not.
    EarnUntilNever,
    /// Decides to give what nobody has declared.
    EarnUnknown,
    /// Spends what the buyer does not have, and tells what the host said.
    Overspend,
    /// Undoes what is not its own, and tells what the host said.
    ReverseForeign,
    /// Looks for somebody who is no member of the merchant, and tells what the host said.
    SeekStranger,
    /// Tells a fact though it has no grant for that, and tells what the host said.
    Emit,
    /// Sets a timer though nothing in it would be called, and tells what the host said.
    SetTimer,
    /// Puts a tag on each member who is changed, for another time each time, so that they are changed again.
    TagOnChange,
}

impl Pack for Hostile {
    fn manifest() -> Manifest {
        Manifest::new("hostile", env!("CARGO_PKG_VERSION"))
            .title(Text::new("Hostile", "恶意行业包"))
            .summary(Text::new("Does harm, for tests.", "用于测试的恶意行为。"))
            .unit(UNIT, Text::new("scars", "伤痕"))
            .grant(Capability::AssetsWriteOwnUnits, Text::new("to leave scars", "用于留下伤痕"))
            .grant(Capability::AssetsRead, Text::new("to look at scars", "用于查看伤痕"))
            .grant(Capability::EventsRead, Text::new("to hear of changes", "用于接收变更"))
            .grant(Capability::MembersTag, Text::new("to mark members", "用于标记会员"))
            .follows(&["member-changed"])
            .settings::<Settings>()
            .commands(Self::ALL)
    }
}

impl Checkout for Hostile {
    fn decide(_: &CallContext, order: &Order) -> Result<Decision, Refusal> {
        match settings::<Settings>()?.behaviour {
            Behaviour::Behave | Behaviour::TagOnChange => {
                kv::put(MARK, order.id.as_bytes())?;
                Ok(Decision {
                    earnings: order
                        .buyer
                        .iter()
                        .map(|_| Earning { unit: UNIT.to_owned(), amount: 1, expires: Expiry::Never })
                        .collect(),
                    findings: vec![Finding::applied("behave", "a scar for the buyer")],
                })
            }
            Behaviour::Loop => spin(),
            Behaviour::EatMemory => eat_memory(),
            Behaviour::Recurse => {
                let depth = recurse(1);
                Ok(found("recurse", format!("the stack did not end: {depth}")))
            }
            Behaviour::Flood => loop {
                // Whatever the host answers, it is asked again.
                let _ = kv::get(MARK);
            },
            Behaviour::TrapAfterWrite => {
                leave_a_mark(order)?;
                panic!("hostile: trapped on purpose, after writing");
            }
            Behaviour::RefuseAfterWrite => {
                leave_a_mark(order)?;
                Err(Refusal::refused("on-purpose", "refused on purpose, after writing"))
            }
            Behaviour::Unreachable => {
                leave_a_mark(order)?;
                unreachable()
            }
            Behaviour::Remember => Ok(found("remember", format!("call {} of this memory", remember()))),
            Behaviour::FillStorage => {
                let value = vec![7; 32 << 10];
                (0_u32..).try_for_each(|number| kv::put(&format!("fill-{number}"), &value))?;
                Ok(found("fill-storage", "there was no end".to_owned()))
            }
            Behaviour::Burn => Ok(found("burn", burn().to_string())),
            Behaviour::WriteOver => loop {
                kv::put(MARK, &[7; 32 << 10])?;
            },
            Behaviour::WriteMuch => {
                (0..90).try_for_each(|number| kv::put(&format!("much-{number}"), &[7; 32 << 10]))?;
                Ok(found("write-much", "written".to_owned()))
            }
            Behaviour::ReadMuch => {
                kv::put(MARK, &[7; 32 << 10])?;
                loop {
                    kv::get(MARK)?;
                }
            }
            Behaviour::ReadFlood => {
                for turn in 0_u32.. {
                    let keys: Vec<_> = (0..100).map(|number| format!("flood-{turn}-{number}")).collect();
                    kv::get_many(&keys)?;
                }
                Ok(found("read-flood", "there was no end".to_owned()))
            }
            Behaviour::LongValue => Ok(told("long-value", kv::put("k", &vec![7; (32 << 10) + 1]))),
            Behaviour::LongKey => Ok(told("long-key", kv::get(&"k".repeat(257)))),
            Behaviour::GetTooMany => Ok(told("get-too-many", kv::get_many(&vec!["k".to_owned(); 101]))),
            Behaviour::ScanTooMuch => Ok(told("scan-too-much", kv::scan("a", "z", kv::SCAN_MAX + 1))),
            Behaviour::LongText => {
                let text = String::from_utf8(vec![b'x'; 100 << 20]).unwrap_or_default();
                Ok(told("long-text", kv::put(&text, &[])))
            }
            Behaviour::LogFlood => {
                (0..1_000).for_each(|_| log::info(&"x".repeat(2_000)));
                Ok(found("log-flood", "logged".to_owned()))
            }
            Behaviour::MostEarnings => Ok(Decision { earnings: vec![earning(UNIT, 1); 20], findings: Vec::new() }),
            Behaviour::ManyEarnings => Ok(Decision { earnings: vec![earning(UNIT, 1); 21], findings: Vec::new() }),
            Behaviour::ManyFindings => {
                Ok(Decision { earnings: Vec::new(), findings: vec![Finding::applied("x", "x"); 100_000] })
            }
            Behaviour::LongFinding => Ok(found("long-finding", "面".repeat(350_000))),
            Behaviour::EarnOverflow => {
                Ok(Decision { earnings: vec![earning(UNIT, u64::MAX); 2], findings: Vec::new() })
            }
            Behaviour::EarnNothing => Ok(Decision { earnings: vec![earning(UNIT, 0)], findings: Vec::new() }),
            Behaviour::EarnUntilNever => {
                let expires = Expiry::EndOfDay(punchcard_sdk::LocalDate { year: 2026, month: 2, day: 31 });
                Ok(Decision { earnings: vec![Earning { expires, ..earning(UNIT, 1) }], findings: Vec::new() })
            }
            Behaviour::EarnUnknown => Ok(Decision { earnings: vec![earning("nothing", 1)], findings: Vec::new() }),
            Behaviour::Overspend => {
                let Credit { member, unit, reason, .. } = scar(order);
                Ok(told("overspend", assets::spend(&Debit { member, unit, amount: 1_000_000, reason })))
            }
            Behaviour::ReverseForeign => {
                let posting = format!("pst_{}", "0".repeat(32));
                Ok(told("reverse-foreign", assets::reverse(&posting, "mine")))
            }
            Behaviour::SeekStranger => {
                let credit = Credit { member: format!("mem_{}", "0".repeat(32)), ..scar(order) };
                Ok(told("seek-stranger", assets::earn(&credit)))
            }
            Behaviour::Emit => Ok(told(
                "emit",
                events::emit(&events::Fact { kind: "scar".to_owned(), member: None, data: "{}".to_owned() }),
            )),
            Behaviour::SetTimer => {
                let timer = Timer { name: "t".to_owned(), at: 0, payload: String::new(), store: None };
                Ok(told("set-timer", timers::set(&timer)))
            }
            Behaviour::WriteForeignUnit => {
                let told = assets::earn(&Credit { unit: "stored-value".to_owned(), ..scar(order) });
                let told = match told {
                    Ok(posting) => format!("earned by posting {posting}"),
                    Err(HostError::Denied(grant)) => format!("denied: {grant}"),
                    Err(other) => format!("{other:?}"),
                };
                Ok(found("write-foreign-unit", told))
            }
        }
    }
}

impl OnEvent for Hostile {
    fn handle(ctx: &CallContext, event: &Event) -> Result<(), Refusal> {
        if let (Behaviour::TagOnChange, Some(member)) = (settings::<Settings>()?.behaviour, &event.member) {
            members::tag(member, "marked", Expiry::At(ctx.now + 3_600_000 + event.sequence))?;
        }
        Ok(())
    }
}

fn found(rule: &str, explanation: String) -> Decision {
    Decision { earnings: Vec::new(), findings: vec![Finding::skipped(rule, explanation)] }
}

/// What the host said.
fn told<T>(rule: &str, said: Result<T, HostError>) -> Decision {
    found(rule, said.map_or_else(|error| format!("{error:?}"), |_| "it was done".to_owned()))
}

fn earning(unit: &str, amount: u64) -> Earning {
    Earning { unit: unit.to_owned(), amount, expires: Expiry::Never }
}

fn unreachable() -> ! {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    panic!("only as a pack");
}

/// How many calls this memory has seen.
fn remember() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static CALLS: AtomicU32 = AtomicU32::new(0);
    CALLS.fetch_add(1, Ordering::Relaxed) + 1
}

fn scar(order: &Order) -> Credit {
    Credit {
        member: order.buyer.as_ref().map_or_else(|| "nobody".to_owned(), |buyer| buyer.id.clone()),
        unit: UNIT.to_owned(),
        amount: 1,
        expires: Expiry::Never,
        reason: "hostile".to_owned(),
    }
}

fn leave_a_mark(order: &Order) -> Result<(), Refusal> {
    assets::earn(&scar(order))?;
    Ok(kv::put(MARK, order.id.as_bytes())?)
}

fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
}

fn burn() -> u64 {
    (0..3_000_000_u64).fold(0, |turns, _| std::hint::black_box(turns.wrapping_add(1)))
}

fn eat_memory() -> ! {
    const BITE: usize = 64 * 1024;
    let mut eaten = Vec::new();
    loop {
        // An allocation that the host refuses aborts.
        eaten.push(std::hint::black_box(vec![0xA5_u8; BITE]));
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

/// Shows what this pack has in its storage.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Peek {}

/// An entry of the storage, as text.
#[derive(Serialize)]
struct Kept {
    key: String,
    value: String,
}

impl Command for Peek {
    const NAME: &'static str = "peek";
    const TITLE: Text = Text::new("Look into the storage", "查看存储");
    type Output = Vec<Kept>;

    fn run(self, _: &CallContext) -> Result<Vec<Kept>, Refusal> {
        let entries = kv::scan("!", "~", kv::SCAN_MAX)?;
        let kept = |Entry { key, value }| Kept { key, value: String::from_utf8_lossy(&value).into_owned() };
        Ok(entries.into_iter().map(kept).collect())
    }
}

/// Answers with a text of so many bytes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Shout {
    bytes: usize,
}

impl Command for Shout {
    const NAME: &'static str = "shout";
    const TITLE: Text = Text::new("Answer at length", "冗长回答");
    type Output = String;

    fn run(self, _: &CallContext) -> Result<String, Refusal> {
        Ok("x".repeat(self.bytes))
    }
}

impl Commands for Hostile {
    const ALL: &'static [Operation] = &[Operation::of::<Peek>(), Operation::of::<Shout>()];
}

punchcard_sdk::pack!(Hostile: checkout, commands, on_event);
