//! One function on many items, on threads that last as long as the call.

use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::{Error, Result};

/// What `work` makes of each item, in the order of the items, on up to `threads` threads.
///
/// A thread takes the next item whenever it is free, so how many there are never changes the result. After an error no
/// further item is begun, and the error of the earliest item is returned.
pub(crate) fn parallel_map<I: Send, R: Send>(
    items: impl IntoIterator<Item = I, IntoIter: ExactSizeIterator + Send>,
    threads: usize,
    work: impl Fn(I) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    parallel_map_with(&mut vec![(); threads.max(1)], items, |(), item| work(item))
}

/// As [`parallel_map`], with one thread for each of the states; `work` gets that of its thread.
pub(crate) fn parallel_map_with<S: Send, I: Send, R: Send>(
    states: &mut [S],
    items: impl IntoIterator<Item = I, IntoIter: ExactSizeIterator + Send>,
    work: impl Fn(&mut S, I) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let items = items.into_iter();
    let count = items.len();
    let queue = Mutex::new(Some(items.enumerate()));
    let take = || queue.lock().unwrap_or_else(PoisonError::into_inner).as_mut().and_then(Iterator::next);
    let run = |state: &mut S| {
        let mut done = Vec::new();
        while let Some((place, item)) = take() {
            let made = work(state, item);
            if made.is_err() {
                *queue.lock().unwrap_or_else(PoisonError::into_inner) = None;
            }
            done.push((place, made));
        }
        done
    };
    let run = &run;
    let mut states = states.iter_mut().take(count.max(1));
    let Some(own) = states.next() else {
        return Err(Error::Value("internal error, please report it: no thread to work on".into()));
    };
    let mut done = thread::scope(|scope| {
        // A system that refuses a thread leaves the work to those that there are.
        let start = |state| thread::Builder::new().spawn_scoped(scope, move || run(state)).ok();
        let started: Vec<_> = states.map_while(start).collect();
        let mut done = run(own);
        for thread in started {
            match thread.join() {
                Ok(other) => done.extend(other),
                Err(_) => {
                    return Err(Error::Value("internal error, please report it: a thread panicked".into()))
                }
            }
        }
        Ok(done)
    })?;
    done.sort_unstable_by_key(|&(place, _)| place);
    done.into_iter().map(|(_, made)| made).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        for threads in [0, 1, 3, 200] {
            let doubled = parallel_map(0..100, threads, |i| Ok(i * 2)).unwrap();
            assert!(doubled.into_iter().eq((0..100).map(|i| i * 2)));
        }
    }

    #[test]
    fn the_error_of_the_earliest_item_is_returned() {
        for threads in [1, 4] {
            let work = |i: usize| if i % 7 == 6 { Err(Error::Value(format!("item {i}"))) } else { Ok(()) };
            let error = parallel_map(0..50, threads, work).unwrap_err();
            assert_eq!(error.to_string(), "item 6");
        }
    }

    #[test]
    fn each_thread_keeps_its_state() {
        let mut sums = [0; 3];
        parallel_map_with(&mut sums, 1..11, |sum, i| {
            *sum += i;
            Ok(())
        })
        .unwrap();
        assert_eq!(sums.iter().sum::<i32>(), 55);
    }

    #[test]
    fn a_thread_that_panics_is_an_error() {
        let own = thread::current().id();
        let barrier = std::sync::Barrier::new(2);
        let work = |_: usize| {
            barrier.wait();
            assert_eq!(thread::current().id(), own);
            Ok(())
        };
        assert!(parallel_map(0..2, 2, work).unwrap_err().to_string().contains("panicked"));
    }
}
