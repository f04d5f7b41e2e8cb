//! What becomes known of a request while it is served, for its log line, its headers and its limits.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::rate::Standing;
use super::trace::Traced;
use crate::domain::{Actor, MerchantId, StaffId};

/// What becomes known of a request. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Trail(Arc<Known>);

#[derive(Default)]
struct Known {
    peer: Option<IpAddr>,
    actor: OnceLock<(MerchantId, StaffId)>,
    standing: OnceLock<Standing>,
    at_work: AtomicBool,
    traced: Option<Traced>,
}

impl Trail {
    /// That of a request that comes from this address, and may be traced.
    pub(super) fn new(peer: Option<IpAddr>, traced: Option<Traced>) -> Self {
        Self(Arc::new(Known { peer, traced, ..Known::default() }))
    }

    /// Its trace for a collector, if it has one.
    pub(super) fn traced(&self) -> Option<&Traced> {
        self.0.traced.as_ref()
    }

    /// Where the request comes from, if it has come over a network.
    pub(super) fn peer(&self) -> Option<IpAddr> {
        self.0.peer
    }

    /// The request has come whole, and its work begins.
    pub(super) fn goes_to_work(&self) {
        self.0.at_work.store(true, Ordering::Relaxed);
    }

    /// Whether its work has begun.
    pub(super) fn is_at_work(&self) -> bool {
        self.0.at_work.load(Ordering::Relaxed)
    }

    /// Who asks.
    pub(super) fn is_from(&self, actor: &Actor) {
        // A request has one key, so it is found out once.
        let _ = self.0.actor.set((actor.merchant, actor.staff));
    }

    /// The merchant and who of its staff asks, once they are known.
    pub(super) fn actor(&self) -> Option<(MerchantId, StaffId)> {
        self.0.actor.get().copied()
    }

    /// How the key stands.
    pub(super) fn stands(&self, standing: Standing) {
        let _ = self.0.standing.set(standing);
    }

    /// How the key stands, once it is known and when there is a limit.
    pub(super) fn standing(&self) -> Option<Standing> {
        self.0.standing.get().copied()
    }
}
