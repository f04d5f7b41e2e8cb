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
}

impl Pack for Hostile {
    fn manifest() -> Manifest {
        Manifest::new("hostile", env!("CARGO_PKG_VERSION"))
            .title(Text::new("Hostile", "恶意行业包"))
            .summary(Text::new("Does harm, for tests.", "用于测试的恶意行为。"))
            .unit(UNIT, Text::new("scars", "伤痕"))
            .grant(Capability::AssetsWriteOwnUnits, Text::new("to leave scars", "用于留下伤痕"))
            .grant(Capability::AssetsRead, Text::new("to look at scars", "用于查看伤痕"))
            .settings::<Settings>()
            .commands(Self::ALL)
    }
}

impl Checkout for Hostile {
    fn decide(_: &CallContext, order: &Order) -> Result<Decision, Refusal> {
        match settings::<Settings>()?.behaviour {
            Behaviour::Behave => {
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

fn found(rule: &str, explanation: String) -> Decision {
    Decision { earnings: Vec::new(), findings: vec![Finding::skipped(rule, explanation)] }
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

impl Commands for Hostile {
    const ALL: &'static [Operation] = &[Operation::of::<Peek>()];
}

punchcard_sdk::pack!(Hostile: checkout, commands);
