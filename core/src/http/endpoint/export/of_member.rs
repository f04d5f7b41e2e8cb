//! `GET /v1/members/{member}/export`

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::super::change_pack::EntryOut;
use super::super::consents::ConsentOut;
use super::super::history::happening;
use super::super::member::MemberOut;
use super::super::notes::NoteOut;
use super::super::read_assets::AssetOut;
use super::super::read_member::known_here;
use super::super::tags_and_tier::TierChangeOut;
use super::kinds::with;
use super::text::line;
use super::{Parts, streamed};
use crate::domain::{Action, Actor, ChangeId, MemberId, NoteId};
use crate::http::caller::Caller;
use crate::http::path::Path;
use crate::http::{App, Problem};
use crate::ledger::merged_into;
use crate::store::{Key, StoreError, Tx};
use crate::usecase::pack_life::list_entries_about;
use crate::usecase::{self, Act, Host, Moment};

/// How many records one page has.
const PAGE: usize = 200;
/// How many entries of packs one page goes through.
const ENTRIES: usize = 500;

/// All that is known of one member, under way.
struct OfMember {
    member: MemberId,
    section: Section,
}

/// What is told next.
enum Section {
    Record,
    Tiers(Option<ChangeId>),
    Notes(Option<NoteId>),
    History(Option<Moment>),
    Packs(Option<Key>),
    End,
}

impl Parts for OfMember {
    fn record(&self, tx: &mut Tx, act: &mut Act<'_>) -> Result<(), StoreError> {
        usecase::record_disclosure(tx, act, self.member)
    }

    fn next_part(&mut self, host: &Host, actor: &Actor) -> Result<Option<Vec<u8>>, Problem> {
        if matches!(self.section, Section::End) {
            return Ok(None);
        }
        let (records, next) = host.view(actor, |tx, act| self.page(tx, act, actor))?;
        self.section = next;
        Ok(Some(records.iter().flat_map(line).collect()))
    }
}

impl OfMember {
    fn page(&self, tx: &mut Tx, act: &Act<'_>, actor: &Actor) -> Result<(Vec<Value>, Section), Problem> {
        let merchant = act.merchant;
        let member = known_here(tx, actor, self.member)?;
        Ok(match self.section {
            Section::Record => {
                let known = usecase::read_known(tx, act, member)?.ok_or_else(|| Problem::unknown_member(member))?;
                let record = MemberOut::new(known, actor, &act.local_now(tx)?);
                let assets = usecase::read_assets(tx, merchant, act.now, member)?;
                let consents = usecase::list_consents(tx, merchant, member, true, usize::MAX)?;
                let mut records = vec![json!({ "kind": "member", "member": record })];
                let assets = assets.into_iter().map(|asset| json!({ "kind": "asset", "asset": AssetOut::from(asset) }));
                records.extend(assets);
                let consents = consents.into_iter();
                records.extend(consents.map(|given| json!({ "kind": "consent", "consent": ConsentOut::from(given) })));
                (records, Section::Tiers(None))
            }
            Section::Tiers(before) => {
                let found = usecase::list_tier_changes(tx, merchant, member, before, PAGE)?;
                let last = found.last().filter(|_| found.len() == PAGE).map(|change| change.id);
                let next = last.map_or(Section::Notes(None), |last| Section::Tiers(Some(last)));
                let told = found.into_iter().map(|tier| json!({ "kind": "tier", "tier": TierChangeOut::from(tier) }));
                (told.collect(), next)
            }
            Section::Notes(before) => {
                let found = usecase::list_notes(tx, act, member, before, PAGE)?;
                let last = found.last().filter(|_| found.len() == PAGE).map(|note| note.id);
                let next = last.map_or(Section::History(None), |last| Section::Notes(Some(last)));
                let told = found.into_iter().map(|note| json!({ "kind": "note", "note": NoteOut::from(note) }));
                (told.collect(), next)
            }
            Section::History(before) => {
                let found = usecase::read_timeline(tx, act, member, before, PAGE, true)?;
                let last = found.last().filter(|_| found.len() == PAGE).map(|(moment, _)| *moment);
                let next = last.map_or(Section::Packs(None), |last| Section::History(Some(last)));
                (found.into_iter().map(|(_, seen)| json!(happening(seen, member))).collect(), next)
            }
            Section::Packs(ref after) => {
                let mut members = merged_into(tx, merchant, member)?;
                members.insert(member);
                let (found, next) = list_entries_about(tx, act, &members, after.as_deref(), ENTRIES)?;
                let told = found.into_iter().map(|(pack, entry)| {
                    json!({ "kind": "pack-entry", "pack-entry": with(&json!(EntryOut::from(entry)), json!({ "pack": pack })) })
                });
                (told.collect(), next.map_or(Section::End, |last| Section::Packs(Some(last))))
            }
            Section::End => (Vec::new(), Section::End),
        })
    }
}

/// All that is known of one member: a JSON document a line, each with its `kind`: `member`, with what is personal, then
/// each `asset`, `consent` with its receipt, `tier` that they were given and `note`, and everything that happened, the
/// newest first, as in the timeline: `order`, `posting`, `change`, `message`, `event`; at the end each `pack-entry`, what a
/// pack has stored that names them.
#[utoipa::path(get, path = "/v1/members/{member}/export", tag = "exchange",
    extensions(("x-needs" = json!("disclose"))), params(("member" = String, Path)),
    responses((status = 200, body = String, content_type = "application/x-ndjson"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(in crate::http::endpoint) async fn export_member(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<String>,
) -> Result<Response, Problem> {
    let member: MemberId = member.parse()?;
    let parts = OfMember { member, section: Section::Record };
    streamed(app, caller, Action::Disclose, parts, "application/x-ndjson", &format!("{member}.ndjson")).await
}
