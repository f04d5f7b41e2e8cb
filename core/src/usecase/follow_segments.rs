//! The job that keeps the tags of segments on the members that are in them.
//!
//! It follows the merchant's log: whoever something happened to is looked at again. Once a day, in the merchant's time
//! zone, and after a segment was changed, it goes through all members in small steps, because days pass without an
//! event. How far it has come moves in the transaction of the tags, so that a crash loses nothing and repeats nothing.
//! Tills are not slowed down by it; a tag comes seconds after what it follows from.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::create_merchant::list_merchants;
use super::edit_member::change_member;
use super::known::{IdentityError, read_known};
use super::segments::{Asked, list_segments};
use super::{Act, Host, PublicEvent};
use crate::domain::{LoggedEvent, Member, MemberId, Segment, Source, Standing, Tag};
use crate::store::{Direction, Record, StoreError, Tx, decode, layout};

/// How far the job has come for a merchant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Progress {
    /// The last entry of the log that was followed.
    followed: u64,
    /// That it goes through all members, and the last one it has looked at.
    sweep: Option<Option<MemberId>>,
    /// The day of the merchant on which it last began to.
    swept_on: Option<Date>,
}

impl Record for Progress {
    const VERSION: u8 = 1;
    const NAME: &'static str = "progress of segments";
}

/// How many entries of the log, and how many members, one step looks at.
const STEP: usize = 100;

/// What one step has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Stepped {
    changed: usize,
    more: bool,
}

/// Why a member's tags could not be brought up.
#[derive(Debug, thiserror::Error)]
enum FollowError {
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Brings the tags of segments up to what members are, for all merchants. Returns how many members were changed. A
/// merchant whose tags can not be brought up is told in the log; the others go on.
///
/// # Errors
/// When the merchants can not be read.
pub fn follow_segments(host: &Host) -> Result<usize, StoreError> {
    let mut changed = 0;
    for merchant in host.look(list_merchants)? {
        loop {
            match host.operate(merchant.id, step) {
                Ok(stepped) => {
                    changed += stepped.changed;
                    if !stepped.more {
                        break;
                    }
                }
                Err(error) => {
                    tracing::error!(merchant = %merchant.id, "the tags of segments can not be brought up: {error}");
                    break;
                }
            }
        }
    }
    Ok(changed)
}

/// Has all members looked at again.
pub(super) fn sweep_again(tx: &mut Tx, act: &Act<'_>) -> Result<(), StoreError> {
    let key = layout::segment_progress(act.merchant);
    let head = tx.log_head(&layout::events(act.merchant))?.sequence;
    let before = tx.load::<Progress>(&key)?;
    let before = before.unwrap_or(Progress { followed: head, sweep: None, swept_on: None });
    tx.save(&key, &Progress { sweep: Some(None), ..before })
}

fn step(tx: &mut Tx, act: &mut Act<'_>) -> Result<Stepped, FollowError> {
    let key = layout::segment_progress(act.merchant);
    let Some(mut progress) = tx.load::<Progress>(&key)? else { return Ok(Stepped::default()) };
    let segments = list_segments(tx, act.merchant)?;
    let tagging: Vec<Segment> = segments.into_iter().filter(|segment| segment.tag.is_some()).collect();
    let before = progress.clone();
    let today = act.merchant(tx)?.time_zone.zone().to_datetime(act.now).date();
    if progress.sweep.is_none() && !tagging.is_empty() && progress.swept_on != Some(today) {
        progress.sweep = Some(None);
    }
    if progress.sweep == Some(None) {
        progress.swept_on = Some(today);
    }
    // With how many steps of packs led to what has happened to them: what comes of it is no new beginning.
    let mut members: BTreeMap<MemberId, u8> = BTreeMap::new();
    let log = layout::events(act.merchant);
    let entries = tx.log_scan(&log, progress.followed, STEP)?;
    let mut more = entries.len() == STEP;
    for (sequence, bytes) in entries {
        let LoggedEvent { event, depth } = decode(&log, &bytes)?;
        if let Some(member) = PublicEvent::of(sequence, event).member {
            let before = members.entry(member).or_default();
            *before = depth.max(*before);
        }
        progress.followed = sequence;
    }
    if let Some(after) = progress.sweep {
        let all = layout::members(act.merchant);
        let rest = after.map_or(all.clone(), |after| all.after(&layout::member(act.merchant, after)));
        let page = tx.scan(&rest, Direction::Forward, STEP)?;
        for (key, _) in &page {
            let member = layout::listed_member(key).ok_or_else(|| StoreError::corrupt("key of a member", key))?;
            members.entry(member).or_default();
        }
        progress.sweep = page.last().and_then(|(key, _)| layout::listed_member(key)).map(Some);
        more |= progress.sweep.is_some();
    }
    let mut changed = 0;
    for (member, depth) in members {
        act.depth = depth;
        changed += usize::from(look_at(tx, act, &tagging, member)?);
    }
    if progress != before {
        tx.save(&key, &progress)?;
    }
    Ok(Stepped { changed, more })
}

/// Puts the tags of segments on a member and takes them off, as the member is now. Tags that came another way stay as
/// they are.
fn look_at(tx: &mut Tx, act: &mut Act<'_>, tagging: &[Segment], id: MemberId) -> Result<bool, FollowError> {
    let Some(before) = read_known(tx, act, id)? else { return Ok(false) };
    if before.member.standing != Standing::Active {
        return Ok(false);
    }
    let zone = act.merchant(tx)?.time_zone.zone();
    let asked = Asked::of(tx, act, &before, tagging)?;
    let mut after = before.clone();
    let tags = &mut after.member.tags;
    tags.retain(|code, tag| {
        tag.source != Source::Rule || tagging.iter().any(|segment| segment.tag.as_ref() == Some(code))
    });
    for segment in tagging {
        let Some(code) = &segment.tag else { continue };
        let is_in = asked.is_in(segment, &before, act, &zone);
        let now = act.now;
        let ours =
            tags.get(code).is_none_or(|tag| tag.source == Source::Rule || tag.expires_at.is_some_and(|end| end <= now));
        match (is_in, ours) {
            (true, true) => {
                let is_on = tags.get(code).is_some_and(|tag| tag.source == Source::Rule);
                if !is_on && (tags.len() < Member::TAGS_MAX || tags.contains_key(code)) {
                    tags.insert(code.clone(), Tag { source: Source::Rule, at: now, expires_at: None });
                }
            }
            (false, true) => {
                if tags.get(code).is_some_and(|tag| tag.source == Source::Rule) {
                    tags.remove(code);
                }
            }
            (_, false) => {}
        }
    }
    if after == before {
        return Ok(false);
    }
    change_member::<FollowError>(tx, act, &before, after)?;
    Ok(true)
}
