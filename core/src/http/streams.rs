//! How many streams may be open, and how they end when the host does.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::Problem;
use crate::domain::MerchantId;

/// The most streams of one merchant.
pub(super) const OF_MERCHANT_MAX: usize = 16;
/// The most streams of all merchants together.
const OF_HOST_MAX: usize = 256;

/// The streams that are open.
#[derive(Clone)]
pub(super) struct Streams {
    open: Arc<Mutex<HashMap<MerchantId, usize>>>,
    closing: Arc<watch::Sender<bool>>,
}

impl Default for Streams {
    fn default() -> Self {
        Self { open: Arc::default(), closing: Arc::new(watch::channel(false).0) }
    }
}

/// The place of an open stream; given up when it goes.
pub(super) struct StreamPlace {
    streams: Streams,
    merchant: MerchantId,
    closing: watch::Receiver<bool>,
}

impl Streams {
    /// Takes a place for one more.
    pub(super) fn open(&self, merchant: MerchantId) -> Result<StreamPlace, Problem> {
        let mut open = self.open.lock();
        if open.get(&merchant).is_some_and(|count| *count >= OF_MERCHANT_MAX) {
            return Err(Problem::too_many_streams(OF_MERCHANT_MAX));
        }
        if open.values().sum::<usize>() >= OF_HOST_MAX || *self.closing.borrow() {
            return Err(Problem::no_stream_left());
        }
        *open.entry(merchant).or_default() += 1;
        Ok(StreamPlace { streams: self.clone(), merchant, closing: self.closing.subscribe() })
    }

    /// Has all of them end, and lets no more begin.
    pub(super) fn close(&self) {
        self.closing.send_replace(true);
    }
}

impl StreamPlace {
    /// Waits until the host ends.
    pub(super) async fn closing(&mut self) {
        // An error says that the host is gone altogether.
        let _ = self.closing.wait_for(|closing| *closing).await;
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        let mut open = self.streams.open.lock();
        if let Some(count) = open.get_mut(&self.merchant) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.merchant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merchant_has_so_many_places_and_the_host_has_so_many() {
        let streams = Streams::default();
        let merchant = |number: u8| MerchantId::from_bytes([number; 16]);
        let mut places: Vec<_> = (0..OF_MERCHANT_MAX).map(|_| streams.open(merchant(0)).unwrap()).collect();
        assert!(!streams.open(merchant(0)).err().unwrap().passes());
        places.pop();
        places.push(streams.open(merchant(0)).unwrap());
        for number in 1..16 {
            places.extend((0..OF_MERCHANT_MAX).map(|_| streams.open(merchant(number)).unwrap()));
        }
        assert!(streams.open(merchant(16)).err().unwrap().passes());
        drop(places);
        assert!(streams.open.lock().is_empty());
    }

    #[test]
    fn no_stream_begins_when_the_host_ends() {
        let streams = Streams::default();
        streams.close();
        assert!(streams.open(MerchantId::from_bytes([0; 16])).is_err());
    }
}
