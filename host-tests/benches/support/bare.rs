//! The least that a durable store on sled has to do.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc;

use punchcard::store::DurableOptions;

/// The least that a durable store on sled has to do: the group's bytes into a file, one `fdatasync`, one batch.
#[derive(Clone)]
pub(crate) struct Bare {
    queue: mpsc::Sender<(u64, Told)>,
}

/// What is done when a write is durable.
type Told = Box<dyn FnOnce() + Send>;

impl Bare {
    /// Opens one whose writes have so many keys and bytes, half of them spread over so many members.
    pub(crate) fn open(dir: &Path, keys: usize, bytes: usize, members: usize) -> Self {
        const GROUP_MAX: usize = 256;
        let db = sled::Config::new()
            .path(dir.join("sled"))
            .cache_capacity(DurableOptions::default().cache_bytes)
            .flush_every_ms(None)
            .mode(sled::Mode::HighThroughput)
            .open()
            .expect("sled opens");
        let mut file = File::create(dir.join("journal")).expect("a file");
        let (queue, waiting) = mpsc::channel::<(u64, Told)>();
        let value = vec![7_u8; (bytes / keys).saturating_sub(KEY_BYTES)];
        std::thread::spawn(move || {
            while let Ok(first) = waiting.recv() {
                let group: Vec<_> = std::iter::once(first).chain(waiting.try_iter().take(GROUP_MAX - 1)).collect();
                let mut batch = sled::Batch::default();
                let mut written = Vec::with_capacity(group.len() * bytes);
                for (number, _) in &group {
                    for table in 0..keys {
                        let key = key(table, *number, members);
                        written.extend_from_slice(&key);
                        written.extend_from_slice(&value);
                        batch.insert(key.as_slice(), value.as_slice());
                    }
                }
                file.write_all(&written).expect("the file is written");
                file.sync_data().expect("the file is synced");
                db.apply_batch(batch).expect("the batch is applied");
                for (_, done) in group {
                    done();
                }
            }
        });
        Self { queue }
    }

    /// Writes, and returns when it is durable.
    pub(crate) fn write(&self, number: u64) {
        let (done, wait) = mpsc::sync_channel(1);
        self.begin(number, move || done.send(()).expect("a client waits"));
        wait.recv().expect("the writer answers");
    }

    /// Writes, and tells when it is durable.
    pub(crate) fn begin(&self, number: u64, done: impl FnOnce() + Send + 'static) {
        self.queue.send((number, Box::new(done))).expect("the writer runs");
    }
}

const KEY_BYTES: usize = 41;

/// A key of a table: half of the tables grow at the end, as orders do; half are spread over members.
fn key(table: usize, number: u64, members: usize) -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    key[0] = u8::try_from(table).unwrap_or(u8::MAX);
    if table % 2 == 1 {
        let member = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % members as u64;
        key[17..25].copy_from_slice(&member.to_be_bytes());
    }
    key[33..].copy_from_slice(&number.to_be_bytes());
    key
}
