//! What is known of recordings, in memory: for each pack and merchant the last that went well and the last that failed.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use super::{RecordingSummary, RecordingTerms, lost};
use crate::domain::{Code, MemberId, MerchantId, RecordingId};
use crate::pack::Recording;

/// A recording that is kept.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) summary: RecordingSummary,
    pub(super) body: Body,
}

/// Where a recording is.
#[derive(Clone)]
pub(super) enum Body {
    /// In memory, and nowhere else.
    Memory(Arc<Recording>),
    /// In a file, which these members' keys have sealed.
    File(PathBuf, Arc<BTreeSet<MemberId>>),
}

impl Kept {
    pub(super) fn new(summary: RecordingSummary, recording: Recording) -> Self {
        Self { summary, body: Body::Memory(Arc::new(recording)) }
    }

    fn size(&self) -> usize {
        match &self.body {
            Body::Memory(recording) => recording.size(),
            Body::File(..) => 0,
        }
    }

    fn names_any(&self, members: &BTreeSet<MemberId>) -> bool {
        match &self.body {
            Body::Memory(recording) => !recording.ids_of::<MemberId>(MemberId::PREFIX).is_disjoint(members),
            Body::File(_, named) => !named.is_disjoint(members),
        }
    }
}

type Place = (MerchantId, Code);

/// The recordings of all packs and merchants.
#[derive(Default)]
pub(super) struct Rings {
    rings: HashMap<Place, Ring>,
    /// Bytes in memory.
    bytes: usize,
    /// In which order those came that are in memory: first those that went well, then those that failed.
    order: [BTreeMap<RecordingId, Place>; 2],
    /// Files that are not wanted any more.
    unwanted: Vec<PathBuf>,
    /// Merchants of whom members were erased, so that their files are to be looked through.
    erased: BTreeMap<MerchantId, BTreeSet<MemberId>>,
}

#[derive(Default)]
struct Ring {
    /// Those that went well, and those that failed; the oldest first.
    kept: [VecDeque<Kept>; 2],
    /// Whether what is in files is among them.
    is_loaded: bool,
}

impl Rings {
    /// Keeps one more; the oldest go for it.
    pub(super) fn add(&mut self, kept: Kept, terms: &RecordingTerms, has_files: bool) {
        let side = usize::from(kept.summary.has_failed);
        let place = (kept.summary.merchant, kept.summary.pack.clone());
        self.bytes = self.bytes.saturating_add(kept.size());
        self.order[side].insert(kept.summary.id, place.clone());
        let ring = self.rings.entry(place.clone()).or_default();
        ring.is_loaded |= !has_files;
        ring.kept[side].push_back(kept);
        self.trim(&place, terms);
        while self.bytes > terms.bytes_max {
            let Some((side, (id, place))) =
                self.order.iter_mut().enumerate().find_map(|(side, order)| Some((side, order.pop_first()?)))
            else {
                break;
            };
            let ring = self.rings.get_mut(&place).map(|ring| &mut ring.kept[side]);
            if let Some(gone) = ring.and_then(|ring| {
                let at = ring.iter().position(|kept| kept.summary.id == id)?;
                ring.remove(at)
            }) {
                lost("no-memory", 1);
                self.let_go(gone);
            }
        }
    }

    fn trim(&mut self, place: &Place, terms: &RecordingTerms) {
        let Some(ring) = self.rings.get_mut(place) else { return };
        let mut gone = Vec::new();
        for (kept, most) in ring.kept.iter_mut().zip([terms.window, terms.failed]) {
            let too_many = kept.len().saturating_sub(most);
            gone.extend(kept.drain(..too_many));
        }
        gone.into_iter().for_each(|kept| self.let_go(kept));
    }

    fn let_go(&mut self, kept: Kept) {
        self.bytes = self.bytes.saturating_sub(kept.size());
        self.order[usize::from(kept.summary.has_failed)].remove(&kept.summary.id);
        if let Body::File(path, _) = kept.body {
            self.unwanted.push(path);
        }
    }

    pub(super) fn is_loaded(&self, merchant: MerchantId, pack: &Code) -> bool {
        self.rings.get(&(merchant, pack.clone())).is_some_and(|ring| ring.is_loaded)
    }

    /// Adds what was found in files.
    pub(super) fn load(&mut self, merchant: MerchantId, pack: &Code, found: Vec<Kept>, terms: &RecordingTerms) {
        let place = (merchant, pack.clone());
        let ring = self.rings.entry(place.clone()).or_default();
        if std::mem::replace(&mut ring.is_loaded, true) {
            return;
        }
        for kept in found {
            let side = &mut ring.kept[usize::from(kept.summary.has_failed)];
            if !side.iter().any(|known| known.summary.id == kept.summary.id) {
                side.push_back(kept);
            }
        }
        for side in &mut ring.kept {
            side.make_contiguous().sort_by_key(|kept| kept.summary.id);
        }
        self.trim(&place, terms);
    }

    /// All of a pack at a merchant, the newest first.
    pub(super) fn list(&self, merchant: MerchantId, pack: &Code) -> Vec<Kept> {
        let ring = self.rings.get(&(merchant, pack.clone()));
        let mut kept: Vec<_> = ring.into_iter().flat_map(|ring| ring.kept.iter().flatten().cloned()).collect();
        kept.sort_by_key(|kept| std::cmp::Reverse(kept.summary.id));
        kept
    }

    /// Those that are in memory only, of all packs and merchants.
    pub(super) fn unwritten(&self, failed_only: bool) -> Vec<Kept> {
        let sides = if failed_only { &self.order[1..] } else { &self.order[..] };
        let places: BTreeSet<_> = sides.iter().flat_map(BTreeMap::values).collect();
        let rings = places.into_iter().filter_map(|place| self.rings.get(place));
        let all = rings.flat_map(|ring| ring.kept.iter().skip(usize::from(failed_only)).flatten());
        all.filter(|kept| matches!(kept.body, Body::Memory(_))).cloned().collect()
    }

    /// One has come into a file, or can not; gives the file back when nobody wants it any more.
    pub(super) fn written(&mut self, summary: &RecordingSummary, file: Option<(PathBuf, BTreeSet<MemberId>)>) {
        let side = usize::from(summary.has_failed);
        let place = (summary.merchant, summary.pack.clone());
        let ring = self.rings.get_mut(&place).map(|ring| &mut ring.kept[side]);
        let at = ring.as_ref().and_then(|ring| ring.iter().position(|kept| kept.summary.id == summary.id));
        match (ring.zip(at), file) {
            (Some((ring, at)), Some((path, members))) => {
                self.bytes = self.bytes.saturating_sub(ring[at].size());
                ring[at].body = Body::File(path, Arc::new(members));
                self.order[side].remove(&summary.id);
            }
            (Some((ring, at)), None) => {
                if let Some(gone) = ring.remove(at) {
                    self.let_go(gone);
                }
            }
            (None, Some((path, _))) => self.unwanted.push(path),
            (None, None) => {}
        }
    }

    /// Drops all that names these members.
    pub(super) fn forget(&mut self, merchant: MerchantId, members: &BTreeSet<MemberId>) {
        self.erased.entry(merchant).or_default().extend(members);
        self.drop_naming(merchant, members);
    }

    /// Drops what names members of a merchant.
    pub(super) fn drop_naming(&mut self, merchant: MerchantId, members: &BTreeSet<MemberId>) {
        self.drop_where(|kept| kept.summary.merchant == merchant && kept.names_any(members));
    }

    /// Drops what is older.
    pub(super) fn drop_before(&mut self, at: Timestamp) {
        self.drop_where(|kept| kept.summary.at < at);
    }

    /// Drops what is of a pack.
    pub(super) fn drop_pack(&mut self, merchant: MerchantId, pack: &Code) {
        self.drop_where(|kept| kept.summary.merchant == merchant && kept.summary.pack == *pack);
    }

    /// Drops one.
    pub(super) fn drop_one(&mut self, id: RecordingId) {
        self.drop_where(|kept| kept.summary.id == id);
    }

    fn drop_where(&mut self, is_to_go: impl Fn(&Kept) -> bool) {
        let mut gone = Vec::new();
        for side in self.rings.values_mut().flat_map(|ring| &mut ring.kept) {
            let (go, stay) = std::mem::take(side).into_iter().partition::<Vec<_>, _>(|kept| is_to_go(kept));
            *side = stay.into();
            gone.extend(go);
        }
        gone.into_iter().for_each(|kept| self.let_go(kept));
    }

    /// The files that are not wanted any more, once.
    pub(super) fn take_unwanted(&mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.unwanted)
    }

    /// The members who were erased since this was asked last, by merchant.
    pub(super) fn take_erased(&mut self) -> BTreeMap<MerchantId, BTreeSet<MemberId>> {
        std::mem::take(&mut self.erased)
    }
}
