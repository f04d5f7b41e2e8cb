//! A host of its own, with two merchants.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::Location;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use axum::Router;
use jiff::{SignedDuration, Timestamp};
use punchcard::clock::{Clock, Entropy};
use punchcard::domain::{Code, Currency, IdSource, Label, Reach, Role, ZoneName};
use punchcard::http;
use punchcard::pack::{Packs, Trust};
use punchcard::store::{Direction, DurableEngine, DurableOptions, KeyRange, Store};
use punchcard::usecase::{
    self, CreateMerchant, Host, IssuedKey, KeyError, NewKey, NewStore, Programme, Recordings, create_merchant,
    issue_api_key, list_stores, users::SessionTerms,
};
use tempfile::TempDir;

use crate::Shop;
use punchcard::vault::Vault;

/// When every world begins: a Wednesday, eight in the morning in Shanghai.
const BEGIN: &str = "2026-03-18T08:00:00+08:00";

/// Where the merchants of a world live unless it says otherwise.
const SHANGHAI: &str = "Asia/Shanghai";

/// A host with two merchants: the shop that a spec is about, and its rival.
pub struct World {
    pub(crate) inner: Arc<Inner>,
    /// The shop: a bakery in Shanghai that takes yuan and speaks English, with the stores `main` and `corner`.
    pub shop: Shop,
    /// Another merchant of the same host, with one store.
    pub rival: Shop,
}

/// What the handles on a world share.
pub(crate) struct Inner {
    dir: TempDir,
    clock: Clock,
    entropy: Entropy,
    settings: http::Settings,
    running: Mutex<Option<Running>>,
    keys: AtomicU64,
    reach: Mutex<Reach>,
    trust: Mutex<Trust>,
}

/// A host that is running, with its interface.
#[derive(Clone)]
pub struct Running {
    /// The host.
    pub host: Host,
    /// Its interface.
    pub router: Router,
}

/// All keys and values of a store.
#[derive(PartialEq, Eq)]
pub struct State(BTreeMap<Vec<u8>, Vec<u8>>);

impl World {
    /// A new world. Where a spec asks for it decides its randomness, so that a spec has the same ids each time.
    /// It is one for development: packs need no signature.
    #[track_caller]
    pub fn new() -> Self {
        Self::with_limits(|_| {})
    }

    /// A new world whose interface has other limits than those that no spec meets.
    #[track_caller]
    pub fn with_limits(change: impl FnOnce(&mut http::Settings)) -> Self {
        let mut settings = settings();
        change(&mut settings);
        Self::made(&settings, SHANGHAI)
    }

    /// A new world whose merchants live by the clocks of another time zone, such as `America/New_York`.
    #[track_caller]
    pub fn in_zone(zone: &str) -> Self {
        Self::made(&settings(), zone)
    }

    #[track_caller]
    fn made(settings: &http::Settings, zone: &str) -> Self {
        let dir = tempfile::tempdir().expect("there is room for a data directory");
        let clock = Clock::standing_at(instant(BEGIN));
        let entropy = Entropy::seeded(seed(Location::caller()));
        let running = Running::start(dir.path(), &clock, &entropy, settings, Some(programme()));
        let settings = settings.clone();
        let (running, reach) = (Mutex::new(Some(running)), Mutex::new(Reach::Public));
        let trust = Mutex::new(Trust::development());
        let inner = Inner { dir, clock, entropy, settings, running, keys: AtomicU64::new(1), reach, trust };
        let inner = Arc::new(inner);
        let shop = settle(&inner, "Maixiang Bakery", &["main", "corner"], zone);
        let rival = settle(&inner, "Rival Bakery", &["main"], zone);
        Self { inner, shop, rival }
    }

    /// One more merchant of this host, with one store.
    pub fn another(&self, name: &str) -> Shop {
        settle(&self.inner, name, &["main"], SHANGHAI)
    }

    /// Moves the clock to an instant, such as `2026-03-18T09:30:00+08:00`.
    pub fn clock_at(&self, text: &str) {
        self.inner.clock.set(instant(text));
    }

    /// The present.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// The limits of its interface.
    pub fn settings(&self) -> &http::Settings {
        &self.inner.settings
    }

    /// The host and its interface.
    pub fn running(&self) -> Running {
        self.inner.running()
    }

    /// Closes the host and opens a new one on the same directory: nothing is in memory that was there before.
    ///
    /// # Panics
    /// When the store can not be closed or opened.
    pub fn restart(&self) {
        let mut running = self.inner.running.lock().expect("no spec panics while it restarts its host");
        if let Some(Running { host, router }) = running.take() {
            host.store.close().expect("the store closes");
            drop((host, router));
        }
        let Inner { dir, clock, entropy, settings, reach, trust, .. } = &*self.inner;
        let reach = *reach.lock().expect("nothing panics in here");
        let trust = trust.lock().expect("nothing panics in here").clone();
        let host = Running::start(dir.path(), clock, entropy, settings, None).host.reaching(reach).trusting(trust);
        *running = Some(Running { router: http::router(host.clone(), settings), host });
    }

    /// Lets the host reach so far, also after it is restarted.
    ///
    /// # Panics
    /// When a spec has panicked while it restarted its host.
    pub fn reaches(&self, reach: Reach) {
        *self.inner.reach.lock().expect("nothing panics in here") = reach;
        self.change(|host| host.reaching(reach));
    }

    /// Has the host record calls of packs there.
    ///
    /// # Panics
    /// When a spec has panicked while it restarted its host.
    pub fn records_into(&self, recordings: Recordings) {
        self.change(|host| host.recording_into(recordings));
    }

    /// Lets the host take packs of those, also after it is restarted.
    ///
    /// # Panics
    /// When a spec has panicked while it restarted its host.
    pub fn trusts(&self, trust: Trust) {
        *self.inner.trust.lock().expect("nothing panics in here") = trust.clone();
        self.change(|host| host.trusting(trust));
    }

    fn change(&self, change: impl FnOnce(Host) -> Host) {
        let mut running = self.inner.running.lock().expect("no spec panics while it restarts its host");
        if let Some(Running { host, .. }) = running.take() {
            let host = change(host);
            *running = Some(Running { router: http::router(host.clone(), &self.inner.settings), host });
        }
    }

    /// Moves the clock forward.
    ///
    /// # Panics
    /// When that is beyond all time.
    pub fn clock_forward(&self, by: SignedDuration) {
        self.inner.clock.set(self.now().checked_add(by).expect("a spec ends before time does"));
    }

    /// Everything that is in the store.
    pub fn state(&self) -> State {
        let found = self
            .running()
            .host
            .look(|tx| tx.scan(&KeyRange::prefix(&[]), Direction::Forward, usize::MAX))
            .expect("the store can be read");
        State(found.into_iter().collect())
    }

    /// Proves that nothing in the store has changed since then.
    ///
    /// # Panics
    /// When something has.
    #[track_caller]
    pub fn unchanged_since(&self, before: &State) {
        let changed = self.state().differs_from(before);
        assert!(changed.is_empty(), "these keys have changed: {changed:#?}");
    }

    /// Proves that the books balance, as `punchcard verify` does.
    ///
    /// # Panics
    /// When they do not.
    #[track_caller]
    pub fn books_balance(&self) {
        let verified = {
            let host = self.running().host;
            usecase::verify(&host.store, Some(&host.vault), || {})
        }
        .expect("the store can be read");
        assert!(verified.is_sound(), "the books do not balance: {:?}", verified.findings());
    }
}

impl Default for World {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.books_balance();
        }
    }
}

impl Inner {
    pub(crate) fn running(&self) -> Running {
        self.running.lock().expect("no spec panics while it restarts its host").clone().expect("a host is running")
    }

    /// An idempotency key that was not used yet.
    pub(crate) fn new_key(&self) -> String {
        format!("spec-{}", self.keys.fetch_add(1, Ordering::Relaxed))
    }
}

impl Running {
    /// A host on a data directory. Without a programme it loads its packs from the store.
    fn start(
        dir: &Path,
        clock: &Clock,
        entropy: &Entropy,
        settings: &http::Settings,
        programme: Option<Arc<Programme>>,
    ) -> Self {
        let (store, vault) = (open_store(dir), Vault::seeded(1));
        let host = Host::new(store, packs().clone(), clock.clone(), entropy.clone(), vault);
        let mut host = host.trusting(Trust::development());
        if let Some(programme) = programme {
            host = host.with_programme(programme);
        }
        Self { router: http::router(host.clone(), settings), host }
    }
}

impl State {
    /// How many keys have this part.
    pub fn keys_with(&self, part: &[u8]) -> usize {
        self.0.keys().filter(|key| key.windows(part.len()).any(|window| window == part)).count()
    }

    /// What is kept under keys that have this part.
    #[must_use]
    pub fn with(mut self, part: &[u8]) -> Self {
        self.0.retain(|key, _| key.windows(part.len()).any(|window| window == part));
        self
    }

    /// The keys at which the two differ.
    pub fn differs_from(&self, other: &Self) -> BTreeSet<String> {
        let keys: BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        let changed = keys.into_iter().filter(|key| self.0.get(*key) != other.0.get(*key));
        changed.map(|key| key.escape_ascii().to_string()).collect()
    }
}

/// Limits that no spec meets unless it is about them.
fn settings() -> http::Settings {
    http::Settings {
        body_bytes_max: 1 << 20,
        requests_max: 512,
        workers: 128,
        connections_max: 64,
        header_time_max: Duration::from_secs(60),
        request_time_max: Duration::from_secs(60),
        shutdown_time_max: Duration::from_secs(60),
        forwarded_from: Vec::new(),
        key_rate: None,
        failed_key_rate: None,
        failed_sign_in_rate: None,
        failed_user_rate: None,
        sessions: SessionTerms { idle: SignedDuration::from_mins(60), whole: SignedDuration::from_hours(12) },
        secure_cookies: false,
        traced: false,
    }
}

/// The store in a data directory, as the binary opens it.
///
/// # Panics
/// When it can not be opened.
pub fn open_store(dir: &Path) -> Store {
    let engine = DurableEngine::open(dir, &DurableOptions::default()).expect("the data directory can be opened");
    Store::new(Arc::new(engine))
}

/// The runtime of packs, one for all worlds of the process.
fn packs() -> &'static Packs {
    static PACKS: OnceLock<Packs> = OnceLock::new();
    PACKS.get_or_init(|| Packs::new().expect("packs can be run on this machine"))
}

/// The loaded packs, shared by the worlds of the process: merchants of different worlds have different ids.
fn programme() -> Arc<Programme> {
    static PROGRAMME: OnceLock<Arc<Programme>> = OnceLock::new();
    let make =
        || Host::new(Store::in_memory(), packs().clone(), Clock::System, Entropy::System, Vault::seeded(1)).programme;
    Arc::clone(PROGRAMME.get_or_init(make))
}

/// Randomness that follows from the place in a spec, and is no other world's.
fn seed(place: &Location<'_>) -> u64 {
    static TAKEN: Mutex<BTreeSet<u64>> = Mutex::new(BTreeSet::new());
    let mut hasher = DefaultHasher::new();
    (place.file(), place.line(), place.column()).hash(&mut hasher);
    let mut seed = hasher.finish();
    let mut taken = TAKEN.lock().expect("nothing panics in here");
    while !taken.insert(seed) {
        seed = seed.wrapping_mul(3).wrapping_add(1);
    }
    seed
}

/// The instant of a text in a spec.
fn instant(text: &str) -> Timestamp {
    text.parse().expect("an instant of a spec is well-formed")
}

/// A merchant comes to the host.
fn settle(inner: &Arc<Inner>, name: &str, stores: &[&str], zone: &str) -> Shop {
    let Running { host, .. } = inner.running();
    let code = |text: &str| Code::new(text).expect("a code of the helper is well-formed");
    let label = |text: &str| Label::new(text).expect("a name of the helper is well-formed");
    let new = CreateMerchant {
        name: label(name),
        currency: Currency::new("CNY").expect("there are yuan"),
        time_zone: ZoneName::new(zone).expect("a time zone of a spec exists"),
        locale: label("en"),
        stores: stores.iter().map(|store| NewStore { code: code(store), name: label(store) }).collect(),
    };
    let id = IdSource::new(host.clock.now(), host.entropy.bits()).merchant();
    let secrets = Role::ALL.map(|role| (role, IssuedKey::entropy(&host.entropy)));
    let keys = host
        .operate(id, |tx, act| {
            create_merchant(tx, act, &new)?;
            let issued = secrets.map(|(role, secret)| {
                let issued = issue_api_key(tx, act, &NewKey::of(role), secret)?;
                Ok((role, issued.secret))
            });
            issued.into_iter().collect::<Result<_, KeyError>>()
        })
        .expect("a merchant can be created");
    let mut made = host.look(|tx| list_stores(tx, id)).expect("the store can be read");
    made.sort_by_key(|made| stores.iter().position(|code| *code == made.code.as_str()));
    let stores = made.into_iter().map(|store| store.id).collect();
    Shop::new(Arc::clone(inner), id, stores, keys)
}
