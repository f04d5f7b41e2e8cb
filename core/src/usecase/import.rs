//! Rows of a file come in, many at a time, through the same use cases as one at a time.
//!
//! A batch of rows is spread over workers by what each is about, so that rows about one member keep their order, and
//! many share one sync of the journal. Each row is a transaction of its own and is known again by its own names: a
//! second run changes nothing, and one that was killed half-way goes on where it was.

use crate::domain::MerchantId;
use crate::store::{StoreError, Tx};

use super::{Act, Host};

/// How the rows of a file come in.
#[derive(Clone, Copy, Debug)]
pub struct ImportPlan {
    /// To which merchant.
    pub merchant: MerchantId,
    /// Whether it is only tried, each row by itself, and nothing kept.
    pub is_rehearsal: bool,
    /// How many rows at a time.
    pub workers: usize,
}

impl ImportPlan {
    /// Brings in one row, or tries it.
    ///
    /// # Errors
    /// What the use case refuses, and the store's failures.
    pub fn bring<T, E: From<StoreError>>(
        &self,
        host: &Host,
        use_case: impl FnMut(&mut Tx, &mut Act<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        if self.is_rehearsal {
            host.rehearse(self.merchant, None, use_case)
        } else {
            host.operate(self.merchant, use_case)
        }
    }

    /// Works through a batch: rows in the same lane one after the other. What comes of them is in their order.
    ///
    /// # Panics
    /// When `work` does.
    pub fn each<R: Sync, T: Send>(
        &self,
        rows: &[R],
        lane: impl Fn(&R) -> u64,
        work: impl Fn(&R) -> T + Sync,
    ) -> Vec<T> {
        let workers = self.workers.max(1);
        let mut lanes = vec![Vec::new(); workers];
        for (index, row) in rows.iter().enumerate() {
            let lane = lane(row) % workers as u64;
            lanes[usize::try_from(lane).unwrap_or(0)].push(index);
        }
        let work = &work;
        let mut done: Vec<(usize, T)> = std::thread::scope(|scope| {
            let busy = lanes.into_iter().filter(|lane| !lane.is_empty());
            let threads: Vec<_> = busy
                .map(|lane| scope.spawn(move || lane.into_iter().map(|index| (index, work(&rows[index]))).collect()))
                .collect();
            threads
                .into_iter()
                .flat_map(|thread| -> Vec<_> { thread.join().expect("a worker does not panic") })
                .collect()
        });
        done.sort_unstable_by_key(|(index, _)| *index);
        done.into_iter().map(|(_, done)| done).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn rows_in_one_lane_keep_their_order_and_results_that_of_the_rows() {
        let plan = ImportPlan { merchant: MerchantId::from_bytes([1; 16]), is_rehearsal: false, workers: 4 };
        let rows: Vec<u64> = (0..100).collect();
        let seen = Mutex::new(Vec::new());
        let done = plan.each(
            &rows,
            |row| row % 10,
            |row| {
                seen.lock().unwrap().push(*row);
                row * 2
            },
        );
        assert_eq!(done, rows.iter().map(|row| row * 2).collect::<Vec<_>>());
        let seen = seen.into_inner().unwrap();
        for lane in 0..10 {
            let of_lane: Vec<_> = seen.iter().filter(|row| *row % 10 == lane).collect();
            assert!(of_lane.is_sorted(), "{of_lane:?}");
        }
    }
}
