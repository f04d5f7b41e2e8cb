//! Who wants to hear that a log has grown hears it here, instead of looking again and again.
//!
//! It says *that* there is something new, never what: whoever hears it reads the log. So nothing is queued, and
//! somebody who is slow to listen costs no more than somebody who is quick.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::key::Key;

/// Those who listen: to one log, or to all.
#[derive(Default)]
pub(super) struct Growth {
    listeners: Mutex<Listeners>,
}

#[derive(Default)]
struct Listeners {
    of_one: HashMap<Key, Vec<Weak<Ear>>>,
    of_all: Vec<Weak<Ear>>,
}

/// What one listener has not been told yet.
#[derive(Default)]
struct Ear {
    grown: Mutex<BTreeSet<Key>>,
    called: Notify,
}

/// Hears that logs grow, until it goes.
pub struct LogListener {
    ear: Arc<Ear>,
}

impl LogListener {
    /// Waits until a log has grown since this was called last, or since the listener was made, and says which have.
    pub async fn grown(&self) -> BTreeSet<Key> {
        loop {
            let called = self.ear.called.notified();
            let grown = std::mem::take(&mut *self.ear.grown.lock());
            if !grown.is_empty() {
                return grown;
            }
            called.await;
        }
    }
}

impl Growth {
    /// A listener to one log, or to all.
    pub(super) fn listen(&self, log: Option<&[u8]>) -> LogListener {
        let ear = Arc::new(Ear::default());
        let mut listeners = self.listeners.lock();
        let place = match log {
            Some(log) => listeners.of_one.entry(log.to_vec()).or_default(),
            None => &mut listeners.of_all,
        };
        place.retain(|ear| ear.strong_count() > 0);
        place.push(Arc::downgrade(&ear));
        LogListener { ear }
    }

    /// Tells those who listen that a log has grown.
    pub(super) fn tell(&self, log: &[u8]) {
        let mut listeners = self.listeners.lock();
        let Listeners { of_one, of_all } = &mut *listeners;
        if let Some(of_this) = of_one.get_mut(log) {
            of_this.retain(|ear| call(ear, log));
            if of_this.is_empty() {
                of_one.remove(log);
            }
        }
        of_all.retain(|ear| call(ear, log));
    }
}

/// Calls a listener, if it is still there.
fn call(ear: &Weak<Ear>, log: &[u8]) -> bool {
    let Some(ear) = ear.upgrade() else { return false };
    ear.grown.lock().insert(log.to_vec());
    ear.called.notify_one();
    true
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::store::{Store, StoreError};

    fn heard(listener: &LogListener) -> Option<Vec<Key>> {
        match pin!(listener.grown()).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(grown) => Some(grown.into_iter().collect()),
            Poll::Pending => None,
        }
    }

    fn append(store: &Store, log: &[u8]) {
        store.write(|tx| tx.append(log, *b"entry")).expect("the engine in memory takes it");
    }

    #[test]
    fn a_listener_hears_of_its_log_once_and_of_no_other() {
        let store = Store::in_memory();
        let (one, all) = (store.listen(Some(b"one")), store.listen(None));
        assert_eq!(heard(&one), None);
        append(&store, b"one");
        append(&store, b"one");
        append(&store, b"two");
        assert_eq!(heard(&one), Some(vec![b"one".to_vec()]));
        assert_eq!(heard(&one), None);
        assert_eq!(heard(&all), Some(vec![b"one".to_vec(), b"two".to_vec()]));
    }

    #[test]
    fn what_was_not_committed_is_not_told() {
        let store = Store::in_memory();
        let all = store.listen(None);
        let refused = store.write(|tx| {
            tx.append(b"one", *b"entry")?;
            Err::<(), _>(StoreError::Conflict)
        });
        assert!(refused.is_err());
        store.write(|tx| tx.put(b"key", *b"value")).expect("the engine in memory takes it");
        assert_eq!(heard(&all), None);
    }

    #[test]
    fn who_was_asked_to_look_again_does() {
        let store = Store::in_memory();
        let one = store.listen(Some(b"one"));
        store.call(b"one");
        assert_eq!(heard(&one), Some(vec![b"one".to_vec()]));
    }

    #[test]
    fn listeners_that_have_gone_are_forgotten() {
        let growth = Growth::default();
        drop((growth.listen(Some(b"one")), growth.listen(None)));
        growth.tell(b"one");
        let listeners = growth.listeners.lock();
        assert!(listeners.of_one.is_empty() && listeners.of_all.is_empty());
    }
}
