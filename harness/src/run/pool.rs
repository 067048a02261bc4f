// SPDX-License-Identifier: GPL-2.0-or-later
//! Threads that share a list of work, and one thread that hears of each piece as it ends.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use crate::error::Result;

/// Does `work` on each item, on `jobs` threads, each with a worker of its own; `done` is called on this thread, in the
/// order in which items end.
///
/// After the first error no further item is begun; what is under way ends first.
///
/// # Errors
///
/// The first error of `work` or `done`.
pub(super) fn parallel<T: Sync, W, R: Send>(
    jobs: usize,
    items: &[T],
    worker: impl Fn() -> W + Sync,
    work: impl Fn(&mut W, &T) -> Result<R> + Sync,
    done: impl FnMut(&T, R) -> Result<()>,
) -> Result<()> {
    let alone: Vec<&[T]> = items.iter().map(std::slice::from_ref).collect();
    in_batches(jobs, &alone, worker, work, done)
}

/// As [`parallel`], but items come in batches, and all of a batch are done by one worker, in their order.
///
/// # Errors
///
/// The first error of `work` or `done`.
pub(super) fn in_batches<T: Sync, W, R: Send>(
    jobs: usize,
    batches: &[&[T]],
    worker: impl Fn() -> W + Sync,
    work: impl Fn(&mut W, &T) -> Result<R> + Sync,
    mut done: impl FnMut(&T, R) -> Result<()>,
) -> Result<()> {
    let stopped = AtomicBool::new(false);
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let mut result = Ok(());
    thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, batches.len().max(1)) {
            let (sender, next, stopped, worker, work) = (sender.clone(), &next, &stopped, &worker, &work);
            scope.spawn(move || {
                let mut worker = worker();
                loop {
                    let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
                    for item in *batch {
                        if stopped.load(Ordering::Relaxed) {
                            return;
                        }
                        let outcome = work(&mut worker, item);
                        if outcome.is_err() {
                            stopped.store(true, Ordering::Relaxed);
                        }
                        if sender.send((item, outcome)).is_err() {
                            return;
                        }
                    }
                }
            });
        }
        drop(sender);
        for (item, outcome) in receiver {
            let outcome = outcome.and_then(|value| done(item, value));
            if outcome.is_err() && result.is_ok() {
                result = outcome;
                stopped.store(true, Ordering::Relaxed);
            }
        }
    });
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use std::collections::BTreeMap;
    use std::sync::atomic::AtomicU32;

    #[test]
    fn every_item_is_done_once() {
        let items: Vec<u32> = (0..100).collect();
        let mut seen = Vec::new();
        parallel(
            4,
            &items,
            || (),
            |(), n| Ok(n * 2),
            |n, twice| {
                assert_eq!(twice, n * 2);
                seen.push(*n);
                Ok(())
            },
        )
        .unwrap();
        seen.sort_unstable();
        assert_eq!(seen, items);
    }

    /// What a worker keeps is its own, and there are no more of them than threads.
    #[test]
    fn a_worker_goes_from_item_to_item_of_its_thread() {
        let items: Vec<u32> = (0..100).collect();
        let (made, mut most) = (AtomicU32::new(0), BTreeMap::new());
        let worker = || (made.fetch_add(1, Ordering::Relaxed), 0);
        let work = |(number, count): &mut (u32, u32), _: &u32| {
            *count += 1;
            Ok((*number, *count))
        };
        parallel(3, &items, worker, work, |_, (number, count)| {
            let before = most.insert(number, count).unwrap_or(0);
            assert_eq!(before + 1, count, "worker {number} has been exchanged");
            Ok(())
        })
        .unwrap();
        assert_eq!(made.load(Ordering::Relaxed), 3);
        assert_eq!(most.values().sum::<u32>(), 100);
    }

    #[test]
    fn an_error_ends_the_list_and_keeps_what_was_done() {
        let items: Vec<u32> = (0..1000).collect();
        let (begun, mut done) = (AtomicU32::new(0), 0);
        let work = |(): &mut (), n: &u32| {
            begun.fetch_add(1, Ordering::Relaxed);
            if *n == 3 {
                return Err(Error::infrastructure("no disk"));
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
            Ok(())
        };
        let error = parallel(
            2,
            &items,
            || (),
            work,
            |_, ()| {
                done += 1;
                Ok(())
            },
        );
        assert_eq!(error.unwrap_err().to_string(), "no disk");
        let begun = begun.load(Ordering::Relaxed);
        assert!(begun < 1000, "{begun} were begun");
        assert_eq!(done, begun - 1, "whatever else was begun is done");
    }
}
