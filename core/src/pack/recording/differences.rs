//! What two calls differ in: the recorded one, and the same as another revision makes it.

use std::collections::HashMap;

use serde_json::Value;

use super::{Outcome, Played, Recording};
use crate::pack::error::cut;

/// What a call changes: a writing host call that was answered well, or what it returned.
pub type Effect = String;

/// What a call differs in that another revision made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// How it ended and ends, when that is not the same: the code of a failure, or `ok`.
    pub outcome: Option<(String, String)>,
    /// Effects that it has no more.
    pub lost: Vec<Effect>,
    /// Effects that it did not have.
    pub gained: Vec<Effect>,
    /// Whether it has the same effects in another order.
    pub is_reordered: bool,
}

impl Differences {
    /// What a call differs in that was played to its end.
    pub(super) fn between(recorded: &Recording, played: &Played) -> Self {
        let (old, new) = (ending(&recorded.outcome), ending(&played.recording.outcome));
        let outcome = (old != new).then_some((old, new));
        let (old, new) = (effects(recorded), effects(&played.recording));
        let (lost, gained) = (without(&old, &new), without(&new, &old));
        let is_reordered = lost.is_empty() && gained.is_empty() && old != new;
        Self { outcome, lost: told(lost), gained: told(gained), is_reordered }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn ending(outcome: &Outcome) -> String {
    outcome.code().unwrap_or("ok").to_owned()
}

/// What a call changed, and what it returned. A call that failed has changed nothing.
fn effects(recording: &Recording) -> Vec<Effect> {
    if recording.outcome.code().is_some() {
        return Vec::new();
    }
    let written = recording.host_calls().into_iter().filter(|call| call.has_written).map(|call| call.to_string());
    let returned = match recording.ending() {
        Value::Object(mut ending) => ending.remove("returned").filter(|returned| !returned.is_null()),
        _ => None,
    };
    written.chain(returned.map(|returned| format!("returns {returned}"))).collect()
}

/// As much of effects as is told: they may be many, and long.
fn told(mut effects: Vec<Effect>) -> Vec<Effect> {
    const EFFECTS_MAX: usize = 50;
    const EFFECT_MAX_BYTES: usize = 1 << 10;
    let more = effects.len().saturating_sub(EFFECTS_MAX);
    effects.truncate(EFFECTS_MAX);
    for effect in effects.iter_mut().filter(|effect| effect.len() > EFFECT_MAX_BYTES) {
        *effect = format!("{}…", cut(effect, EFFECT_MAX_BYTES));
    }
    effects.extend((more > 0).then(|| format!("… and {more} more")));
    effects
}

/// Those of some texts that are not among others, each as often as it is there more often.
fn without(these: &[String], others: &[String]) -> Vec<String> {
    let mut left: HashMap<&str, usize> = HashMap::new();
    for other in others {
        *left.entry(other).or_default() += 1;
    }
    let rest = these.iter().filter(|one| match left.get_mut(one.as_str()) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    });
    rest.cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_twice_and_was_there_once_is_gained_once() {
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (old, new) = (texts(&["a", "b", "b"]), texts(&["b", "a", "a"]));
        assert_eq!((without(&old, &new), without(&new, &old)), (texts(&["b"]), texts(&["a"])));
    }
}
