//! The running host: what all use cases share, and how one is run.

use std::cell::{OnceCell, RefCell};
use std::collections::HashSet;
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use jiff::{Timestamp, Zoned};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Programme;
use super::keys::unreadable;
use super::pack_services::PackServices;
use super::recordings::{Afterwards, RecordingTerms, Recordings};
use crate::clock::{Clock, Entropy};
use crate::domain::{Actor, Code, Event, IdSource, LoggedEvent, Merchant, MerchantId, Reach, Reference, StoreId};
use crate::ledger::{Book, Terms};
use crate::pack::{Packs, Services, Trust};
use crate::store::{self, Key, Record, Store, StoreError, Tx, layout, whole};
use crate::vault::{Mark, MerchantKeys, Sealed, Vault};

/// The running host. Clones share it.
#[derive(Clone)]
pub struct Host {
    /// The store.
    pub store: Store,
    /// Which packs are enabled where, loaded and ready.
    pub programme: Arc<Programme>,
    /// The present.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
    /// The master keys of what is kept sealed.
    pub vault: Arc<Vault>,
    /// How far requests reach that merchants ask for, such as those to their webhooks.
    pub reach: Reach,
    /// The folder into which messages to members go instead of leaving, if the operator wants that.
    pub sink: Option<Arc<Path>>,
    /// What packs have done by the use cases.
    pub services: Arc<dyn Services>,
    /// Whose packs are taken: none, unless the operator says so.
    pub trust: Arc<Trust>,
    /// The calls of packs that were recorded.
    pub recordings: Arc<Recordings>,
    in_flight: Arc<Mutex<HashSet<(MerchantId, Reference)>>>,
}

/// One run of a use case: who acts, when, and where ids come from.
pub struct Act<'h> {
    /// For which merchant.
    pub merchant: MerchantId,
    /// Who acts; none for the operator at the command line, and for a pack.
    pub actor: Option<Actor>,
    /// The pack that acts, when it is one.
    pub(super) pack: Option<Code>,
    /// When.
    pub now: Timestamp,
    /// Where ids and random bits come from; the same again when the use case is retried.
    pub ids: IdSource,
    /// In which store it is done, once that is known: figures of assets are by store.
    pub(super) store: Option<StoreId>,
    /// How many handlings of events by packs have led to it, one after the other.
    pub(super) depth: u8,
    /// Which packs are enabled where.
    pub programme: &'h Programme,
    /// Whose packs are taken.
    pub(super) trust: &'h Trust,
    /// The master keys of what is kept sealed.
    pub(super) vault: &'h Vault,
    /// Randomness for keys and nonces, which have to be new each time; all else takes `ids`.
    pub(super) entropy: &'h Entropy,
    /// What packs have done by the use cases.
    pub(super) services: &'h Arc<dyn Services>,
    /// Where calls of packs are recorded, if they are.
    pub(super) recordings: Option<&'h Recordings>,
    /// What follows once the transaction is committed.
    pub(super) afterwards: RefCell<Afterwards>,
    /// Whether the transaction is one that may write.
    pub(super) may_write: bool,
    /// The merchant's record, once it is read.
    pub(super) record: OnceCell<Merchant>,
    /// The merchant's keys, once they are opened.
    pub(super) keys: OnceCell<MerchantKeys>,
}

/// How a rehearsal ends: as an error, so that nothing of it is kept.
enum Rehearsed<T> {
    Ended(T),
    Failed(StoreError),
}

impl<T> From<StoreError> for Rehearsed<T> {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

/// Why a use case with an idempotency key was not run, or what it refused.
#[derive(Debug, thiserror::Error)]
pub enum OnceError<E> {
    /// The use case refused.
    #[error(transparent)]
    Refused(E),
    /// The key was used for another request.
    #[error("this idempotency key was used before, with another request")]
    DifferentContent,
    /// The first request with this key is not finished.
    #[error("a request with this idempotency key is under way")]
    InFlight,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a use case with an idempotency key answers: it is kept, and given again when the request comes again.
pub trait Reply: Record {
    /// The key of the record that it is about, which is never removed: `punchcard verify --deep` looks for it. `None` for
    /// what may have done anything, such as a pack's command.
    fn about(&self, merchant: MerchantId) -> Option<Key>;

    /// Whether something personal may be in it: then it is kept sealed by the merchant's key.
    fn is_personal(&self) -> bool {
        false
    }
}

/// What an earlier request with an idempotency key did.
#[derive(Serialize, Deserialize)]
pub(super) struct Remembered {
    /// What the request was.
    content: Content,
    reply: KeptReply,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    at: Timestamp,
    /// The key of the record that the reply is about. Older records do not say so.
    pub(super) about: Option<Key>,
}

/// A reply, encoded as a record.
#[derive(Serialize, Deserialize)]
enum KeptReply {
    Open(Vec<u8>),
    /// Sealed by the merchant's key.
    Sealed(Sealed),
}

/// What is kept of a request's content, to know it again.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Content {
    /// The first half of its SHA-256, by older versions of the host.
    Digest([u8; 16]),
    /// Its mark under the merchant's key: a request may hold personal data that could be guessed from a digest.
    Mark(Mark),
}

impl Content {
    /// Of a request of today.
    fn of(keys: &MerchantKeys, content: &[u8]) -> Self {
        Self::Mark(keys.mark("request", content))
    }

    /// Whether it is that of this request.
    fn is(&self, keys: &MerchantKeys, content: &[u8]) -> bool {
        match self {
            Self::Digest(digest) => Sha256::digest(content).starts_with(digest),
            Self::Mark(_) => *self == Self::of(keys, content),
        }
    }
}

impl KeptReply {
    fn opened<T: Record>(&self, place: &[u8], keys: &MerchantKeys) -> Result<T, StoreError> {
        match self {
            Self::Open(plain) => store::decode(place, plain),
            Self::Sealed(sealed) => {
                let plain = keys.sealing().open(place, sealed).map_err(|error| unreadable(error, place))?;
                store::decode(place, &plain)
            }
        }
    }
}

impl Record for Remembered {
    const VERSION: u8 = 5;
    const NAME: &'static str = "idempotency record";

    /// Version 1 kept the reply without a version: it was the first one of each. Neither it nor version 2 said what the
    /// reply is about. Version 3 kept a digest of the request, as those before, and version 4 sealed no reply.
    fn from_older(version: u8, body: &[u8]) -> Option<Self> {
        let (content, reply, at, about) = match version {
            1 | 2 => {
                let (content, reply, at) = whole::<([u8; 16], Vec<u8>, i64)>(body)?;
                (content, reply, at, None)
            }
            3 => whole::<([u8; 16], Vec<u8>, i64, Option<Key>)>(body)?,
            4 => {
                let (content, reply, at, about) = whole::<(Content, Vec<u8>, i64, Option<Key>)>(body)?;
                let at = Timestamp::from_millisecond(at).ok()?;
                return Some(Self { content, reply: KeptReply::Open(reply), at, about });
            }
            _ => return None,
        };
        let at = Timestamp::from_millisecond(at).ok()?;
        let reply = if version == 1 { [&[1], reply.as_slice()].concat() } else { reply };
        Some(Self { content: Content::Digest(content), reply: KeptReply::Open(reply), at, about })
    }
}

impl Host {
    /// A host on a store.
    pub fn new(store: Store, packs: Packs, clock: Clock, entropy: Entropy, vault: Vault) -> Self {
        let (programme, vault) = (Arc::new(Programme::new(packs)), Arc::new(vault));
        let services = services(&programme, &vault, &entropy);
        let (reach, sink, trust, in_flight) = (Reach::Public, None, Arc::default(), Arc::default());
        let recordings = Arc::new(Recordings::in_memory(RecordingTerms::default()));
        Self { store, programme, clock, entropy, vault, reach, sink, services, trust, recordings, in_flight }
    }

    /// The same host, which records calls of packs there.
    #[must_use]
    pub fn recording_into(self, recordings: Recordings) -> Self {
        Self { recordings: Arc::new(recordings), ..self }
    }

    /// The same host with the loaded packs of another one.
    #[must_use]
    pub fn with_programme(self, programme: Arc<Programme>) -> Self {
        let services = services(&programme, &self.vault, &self.entropy);
        Self { programme, services, ..self }
    }

    /// The same host with another clock.
    pub fn with_clock(&self, clock: Clock) -> Self {
        Self { clock, ..self.clone() }
    }

    /// The same host, reaching this far.
    #[must_use]
    pub fn reaching(self, reach: Reach) -> Self {
        Self { reach, ..self }
    }

    /// The same host, which takes packs of those.
    #[must_use]
    pub fn trusting(self, trust: Trust) -> Self {
        Self { trust: Arc::new(trust), ..self }
    }

    /// Runs a use case in a transaction of its own.
    ///
    /// # Errors
    /// What the use case refuses, and the store's failures.
    pub fn act<T, E: From<StoreError>>(
        &self,
        actor: &Actor,
        use_case: impl FnMut(&mut Tx, &mut Act<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.run(actor.merchant, Some(actor), true, use_case)
    }

    /// Runs a use case for the operator, who needs no key.
    ///
    /// # Errors
    /// What the use case refuses, and the store's failures.
    pub fn operate<T, E: From<StoreError>>(
        &self,
        merchant: MerchantId,
        use_case: impl FnMut(&mut Tx, &mut Act<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.run(merchant, None, true, use_case)
    }

    /// Runs a use case for somebody, or the operator, and drops what it has written: what comes of it is what would
    /// happen.
    ///
    /// # Errors
    /// What the use case refuses, and the store's failures.
    pub fn rehearse<T, E: From<StoreError>>(
        &self,
        merchant: MerchantId,
        actor: Option<&Actor>,
        mut use_case: impl FnMut(&mut Tx, &mut Act<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let rehearsed: Result<Infallible, _> =
            self.run(merchant, actor, false, |tx, act| Err(Rehearsed::Ended(use_case(tx, act))));
        match rehearsed {
            Ok(never) => match never {},
            Err(Rehearsed::Ended(ended)) => ended,
            Err(Rehearsed::Failed(error)) => Err(error.into()),
        }
    }

    /// The same host, whose messages go into files of a folder.
    #[must_use]
    pub fn sinking_into(self, sink: Option<Arc<Path>>) -> Self {
        Self { sink, ..self }
    }

    fn run<T, E: From<StoreError>>(
        &self,
        merchant: MerchantId,
        actor: Option<&Actor>,
        is_for_good: bool,
        mut use_case: impl FnMut(&mut Tx, &mut Act<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let (now, seed) = (self.clock.now(), self.entropy.bits());
        // What is tried in vain, as another transaction came between, is not what happened.
        let mut afterwards = Afterwards::default();
        let done = self.store.write(|tx| {
            self.give_back(&mut afterwards);
            let mut act = self.begin(merchant, actor, now, seed, true);
            act.recordings = act.recordings.filter(|_| is_for_good);
            let done = use_case(tx, &mut act);
            afterwards = act.afterwards.into_inner();
            done
        });
        if done.is_err() {
            // What was refused has changed nothing; that a pack has failed is worth to be kept all the same.
            afterwards.erased.clear();
            afterwards.removed.clear();
        }
        if !is_for_good {
            afterwards.removed.clear();
        }
        self.note_calls(merchant, &mut afterwards);
        if is_for_good {
            self.recordings.note(merchant, afterwards);
        }
        done
    }

    /// Gives back the tries of a transaction that is run again.
    fn give_back(&self, afterwards: &mut Afterwards) {
        for (merchant, pack, now) in std::mem::take(afterwards).tries {
            self.programme.health.give_back(merchant, &pack, now);
        }
    }

    /// Counts the calls of packs that a transaction has made, and forgets how those did that it has removed.
    fn note_calls(&self, merchant: MerchantId, afterwards: &mut Afterwards) {
        for call in std::mem::take(&mut afterwards.calls) {
            self.programme.health.note(call);
        }
        for pack in &afterwards.removed {
            self.programme.health.forget(merchant, pack);
        }
    }

    /// Runs a use case that only reads, for somebody.
    ///
    /// # Errors
    /// What the use case refuses, and the store's failures.
    pub fn view<T, E: From<StoreError>>(
        &self,
        actor: &Actor,
        mut use_case: impl FnMut(&mut Tx, &mut Act<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let (now, seed) = (self.clock.now(), self.entropy.bits());
        let mut afterwards = Afterwards::default();
        let done = self.store.read(|tx| {
            self.give_back(&mut afterwards);
            let mut act = self.begin(actor.merchant, Some(actor), now, seed, false);
            let done = use_case(tx, &mut act);
            afterwards = act.afterwards.into_inner();
            done
        });
        self.note_calls(actor.merchant, &mut afterwards);
        self.recordings.note(actor.merchant, afterwards);
        done
    }

    fn begin(
        &self,
        merchant: MerchantId,
        actor: Option<&Actor>,
        now: Timestamp,
        seed: u64,
        may_write: bool,
    ) -> Act<'_> {
        Act {
            merchant,
            actor: actor.cloned(),
            pack: None,
            now,
            ids: IdSource::new(now, seed),
            store: None,
            depth: 0,
            programme: &self.programme,
            trust: &self.trust,
            vault: &self.vault,
            entropy: &self.entropy,
            services: &self.services,
            recordings: Some(&*self.recordings),
            afterwards: RefCell::default(),
            may_write,
            record: OnceCell::new(),
            keys: OnceCell::new(),
        }
    }

    /// Runs a use case that only reads.
    ///
    /// # Errors
    /// What the use case refuses, and the store's failures.
    pub fn look<T, E: From<StoreError>>(&self, use_case: impl FnMut(&mut Tx) -> Result<T, E>) -> Result<T, E> {
        self.store.read(use_case)
    }

    /// Runs a use case at most once for an idempotency key: the same key with the same `content` gives the first
    /// reply again, without running anything. A refusal is not remembered: nothing happened, so it may be tried again.
    ///
    /// # Errors
    /// See [`OnceError`].
    pub fn act_once<T: Reply, E: From<StoreError>>(
        &self,
        actor: &Actor,
        key: &Reference,
        content: &[u8],
        mut use_case: impl FnMut(&mut Tx, &mut Act<'_>) -> Result<T, E>,
    ) -> Result<T, OnceError<E>> {
        let _place = self.take_place(actor.merchant, key).ok_or(OnceError::InFlight)?;
        let record_key = layout::idempotency(actor.merchant, key);
        self.act(actor, |tx, act| {
            let keys = act.keys(tx)?;
            if let Some(earlier) = tx.load::<Remembered>(&record_key)? {
                if !earlier.content.is(&keys, content) {
                    return Err(OnceError::DifferentContent);
                }
                return Ok(earlier.reply.opened(&record_key, &keys)?);
            }
            let reply = use_case(tx, act).map_err(OnceError::Refused)?;
            let kept = match store::encode(&reply) {
                plain if reply.is_personal() => {
                    KeptReply::Sealed(keys.sealing().seal(act.entropy, &record_key, &plain))
                }
                plain => KeptReply::Open(plain),
            };
            let (content, about) = (Content::of(&keys, content), reply.about(act.merchant));
            tx.save(&record_key, &Remembered { content, reply: kept, at: act.now, about })?;
            Ok(reply)
        })
    }

    fn take_place(&self, merchant: MerchantId, key: &Reference) -> Option<Place> {
        let place = (merchant, key.clone());
        self.in_flight.lock().insert(place.clone()).then(|| Place { taken: Arc::clone(&self.in_flight), place })
    }
}

/// A place among the requests under way; given up when it goes.
struct Place {
    taken: Arc<Mutex<HashSet<(MerchantId, Reference)>>>,
    place: (MerchantId, Reference),
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken.lock().remove(&self.place);
    }
}

impl Act<'_> {
    /// The merchant's record.
    ///
    /// # Errors
    /// When it is missing, which is corruption: keys belong to merchants that exist.
    pub fn merchant(&self, tx: &mut Tx) -> Result<Merchant, StoreError> {
        if let Some(record) = self.record.get() {
            return Ok(record.clone());
        }
        let key = layout::merchant(self.merchant);
        let record = tx.load::<Merchant>(&key)?.ok_or_else(|| StoreError::corrupt("merchant (missing)", &key))?;
        Ok(self.record.get_or_init(|| record).clone())
    }

    /// When, by the clocks of the merchant.
    ///
    /// # Errors
    /// As [`Act::merchant`].
    pub fn local_now(&self, tx: &mut Tx) -> Result<Zoned, StoreError> {
        Ok(self.now.to_zoned(self.merchant(tx)?.time_zone.zone()))
    }

    /// Whether who acts may do so in all of these stores. The operator may, and so may the host by itself.
    pub(super) fn may_in<'s>(&self, stores: impl IntoIterator<Item = &'s StoreId>) -> bool {
        let Some(actor) = &self.actor else { return true };
        stores.into_iter().all(|store| actor.stores.has(*store))
    }

    /// Does what follows in a store, if one is said: figures of assets are by store. Answers a store that is not the
    /// merchant's.
    pub(super) fn enter(&mut self, tx: &mut Tx, store: Option<StoreId>) -> Result<Result<(), StoreId>, StoreError> {
        let Some(store) = store else { return Ok(Ok(())) };
        if !has_store(tx, self.merchant, store)? {
            return Ok(Err(store));
        }
        self.store = Some(store);
        Ok(Ok(()))
    }

    /// The merchant's ledger.
    ///
    /// # Errors
    /// As [`Act::merchant`].
    pub fn book<'a>(&'a mut self, tx: &'a mut Tx) -> Result<Book<'a>, StoreError> {
        let zone = self.merchant(tx)?.time_zone.zone();
        let terms = Terms { merchant: self.merchant, zone, now: self.now, store: self.store, by: self.source() };
        Ok(Book::new(tx, &mut self.ids, terms))
    }

    /// Adds an event to the merchant's log, and to the history of its member when nothing else tells it there.
    ///
    /// # Errors
    /// As [`Tx::append`].
    pub fn tell(&mut self, tx: &mut Tx, event: &Event) -> Result<(), StoreError> {
        self.tell_after(tx, event, self.depth)
    }

    /// The same for an event to which so many handlings of events by packs have led.
    pub(super) fn tell_after(&mut self, tx: &mut Tx, event: &Event, depth: u8) -> Result<(), StoreError> {
        let bytes = store::encode(event);
        if let Some(member) = event.of_history() {
            tx.put(&layout::member_event(self.merchant, member, self.ids.moment()), bytes.clone())?;
        }
        let entry = if depth == 0 { bytes } else { store::encode(&LoggedEvent { event: event.clone(), depth }) };
        tx.append(&layout::events(self.merchant), entry)
    }
}

fn services(programme: &Arc<Programme>, vault: &Arc<Vault>, entropy: &Entropy) -> Arc<dyn Services> {
    let (programme, vault) = (Arc::clone(programme), Arc::clone(vault));
    Arc::new(PackServices { programme, vault, entropy: entropy.clone() })
}

/// Whether a store is the merchant's.
pub(super) fn has_store(tx: &mut Tx, merchant: MerchantId, store: StoreId) -> Result<bool, StoreError> {
    Ok(tx.get(&layout::store(merchant, store))?.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usecase::Loaded;

    #[test]
    fn a_reply_that_version_1_kept_is_the_first_version_of_its_record() {
        let reply = Loaded { posting: crate::domain::PostingId::from_bytes([7; 16]), available_minor: 300 };
        let kept = postcard::to_stdvec(&reply).unwrap();
        let bytes = postcard::to_extend(&([5_u8; 16], kept, 9_000_i64), vec![1]).unwrap();
        let remembered: Remembered = store::decode(b"k", &bytes).unwrap();
        let expected = (Content::Digest([5; 16]), Timestamp::from_second(9).unwrap());
        assert_eq!((remembered.content, remembered.at), expected);
        assert_eq!(remembered.about, None);
        let KeptReply::Open(kept) = &remembered.reply else { panic!("version 1 sealed no reply") };
        assert_eq!(store::decode::<Loaded>(b"k", kept).unwrap(), reply);
    }

    #[test]
    fn a_reply_that_version_4_kept_is_open_and_the_same() {
        let content = Content::Digest([5; 16]);
        let bytes = postcard::to_extend(&(&content, b"reply".to_vec(), 9_000_i64, Some(b"about".to_vec())), vec![4]);
        let remembered: Remembered = store::decode(b"k", &bytes.unwrap()).unwrap();
        assert!(matches!(&remembered.reply, KeptReply::Open(kept) if kept == b"reply"));
        assert_eq!((remembered.content, remembered.about.as_deref()), (content, Some(b"about".as_slice())));
        assert_eq!(remembered.at, Timestamp::from_second(9).unwrap());
    }
}
