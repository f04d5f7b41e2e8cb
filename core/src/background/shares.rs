//! How many things are under way at a time, in all and for each merchant, so that a busy merchant leaves room for others.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::MerchantId;

/// The shares. Clones are the same.
#[derive(Clone)]
pub(crate) struct Shares {
    of_merchant_max: usize,
    in_all: Arc<Semaphore>,
    of_merchants: Arc<Mutex<HashMap<MerchantId, Weak<Semaphore>>>>,
}

/// A share: given back when it goes.
pub(crate) struct Share {
    _own: Option<OwnedSemaphorePermit>,
    _in_all: Option<OwnedSemaphorePermit>,
}

impl Shares {
    pub(crate) fn new(of_merchant_max: usize, in_all_max: usize) -> Self {
        Self { of_merchant_max, in_all: Arc::new(Semaphore::new(in_all_max)), of_merchants: Arc::default() }
    }

    /// Waits until a merchant may have one more thing under way: its own place first, as who waits for that keeps nobody
    /// else from theirs.
    pub(crate) async fn take(&self, merchant: MerchantId) -> Share {
        // The semaphores are never closed, so that there is a permit.
        let own = self.of_merchant(merchant).acquire_owned().await.ok();
        let in_all = Arc::clone(&self.in_all).acquire_owned().await.ok();
        Share { _own: own, _in_all: in_all }
    }

    /// The same if there is a place for it at once.
    pub(crate) fn try_take(&self, merchant: MerchantId) -> Option<Share> {
        let own = self.of_merchant(merchant).try_acquire_owned().ok()?;
        let in_all = Arc::clone(&self.in_all).try_acquire_owned().ok()?;
        Some(Share { _own: Some(own), _in_all: Some(in_all) })
    }

    fn of_merchant(&self, merchant: MerchantId) -> Arc<Semaphore> {
        let mut of_merchants = self.of_merchants.lock();
        if let Some(places) = of_merchants.get(&merchant).and_then(Weak::upgrade) {
            return places;
        }
        of_merchants.retain(|_, places| places.strong_count() > 0);
        let places = Arc::new(Semaphore::new(self.of_merchant_max));
        of_merchants.insert(merchant, Arc::downgrade(&places));
        places
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::poll_immediate;

    use super::*;

    #[tokio::test]
    async fn a_merchant_takes_no_more_than_its_share_and_leaves_room_for_others() {
        let [ours, theirs] = [1, 2].map(|number| MerchantId::from_bytes([number; 16]));
        let shares = Shares::new(2, 3);
        let (first, second) = (shares.take(ours).await, shares.take(ours).await);
        assert!(poll_immediate(shares.take(ours)).await.is_none());
        let other = poll_immediate(shares.take(theirs)).await;
        assert!(other.is_some());
        assert!(poll_immediate(shares.take(theirs)).await.is_none(), "all are taken");
        assert!(shares.try_take(ours).is_none() && shares.try_take(theirs).is_none());
        drop(first);
        assert!(poll_immediate(shares.take(theirs)).await.is_some());
        drop((second, other));
        assert!(shares.try_take(theirs).is_some());
        assert!(poll_immediate(shares.take(ours)).await.is_some());
    }
}
