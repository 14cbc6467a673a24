//! Many jobs, done side by side, their results in order.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// The threads worth having on this machine; 1 where there are none to be had (WebAssembly).
pub fn threads() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Does the jobs `0..count` on so many threads, this one included. The results are in order of the jobs, and the error is
/// that of the first job that fails, whatever the number of threads.
pub(super) fn in_order<T: Send, E: Send>(
    count: usize,
    threads: NonZeroUsize,
    job: impl Fn(usize) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let done = Mutex::new(BTreeMap::new());
    let work = || {
        // Jobs are taken in order: those before the first one that fails are all taken before it, and finished.
        while !failed.load(Ordering::SeqCst) {
            let n = next.fetch_add(1, Ordering::SeqCst);
            if n >= count {
                break;
            }
            let result = job(n);
            failed.fetch_or(result.is_err(), Ordering::SeqCst);
            done.lock().expect("nothing panics while it holds the lock").insert(n, result);
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads.get().min(count) {
            // A thread that cannot be had is work for the others.
            let _ = thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    let done = done.into_inner().expect("nothing panics while it holds the lock");
    done.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_results_are_in_order_and_the_error_is_the_first_whatever_the_number_of_threads() {
        let slow_at_first = |n: usize| {
            // Later jobs overtake earlier ones.
            for _ in 0..(100 - n.min(100)) {
                thread::yield_now();
            }
            if n % 40 == 39 { Err(n) } else { Ok(n * n) }
        };
        for threads in [1, 2, 7, 200].map(|n| NonZeroUsize::new(n).unwrap()) {
            let squares: Vec<usize> = (0..39).map(|n| n * n).collect();
            assert_eq!(in_order(39, threads, slow_at_first), Ok(squares));
            assert_eq!(in_order(100, threads, slow_at_first), Err(39));
            assert_eq!(in_order(0, threads, slow_at_first), Ok(Vec::new()));
        }
    }
}
