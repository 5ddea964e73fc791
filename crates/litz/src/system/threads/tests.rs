use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Pool, Region, Split};

/// Every piece checks that the whole phase before it is done, then counts itself.
struct Counted {
    pieces: Vec<usize>,
    done: Vec<AtomicUsize>,
    wrong: AtomicUsize,
    delay: fn(usize, usize, usize),
}

impl Counted {
    fn new(pieces: Vec<usize>, delay: fn(usize, usize, usize)) -> Arc<Self> {
        let done = pieces.iter().map(|_| AtomicUsize::new(0)).collect();
        Arc::new(Self { pieces, done, wrong: AtomicUsize::new(0), delay })
    }

    fn check(&self) {
        assert_eq!(self.wrong.load(Ordering::SeqCst), 0, "a piece began before the phase before it was done");
        let done: Vec<usize> = self.done.iter().map(|done| done.load(Ordering::SeqCst)).collect();
        assert_eq!(done, self.pieces, "every piece runs exactly once");
    }
}

impl Region for Counted {
    fn phases(&self) -> usize {
        self.pieces.len()
    }

    fn pieces(&self, phase: usize) -> usize {
        self.pieces[phase]
    }

    fn run(&self, phase: usize, piece: usize, worker: usize) {
        // Relaxed on purpose: the pool alone must make earlier phases visible.
        if phase > 0 && self.done[phase - 1].load(Ordering::Relaxed) != self.pieces[phase - 1] {
            self.wrong.fetch_add(1, Ordering::SeqCst);
        }
        (self.delay)(phase, piece, worker);
        self.done[phase].fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn every_piece_runs_once_after_the_phase_before_it() {
    for threads in [1, 2, 3, 7] {
        let pool = Pool::new(threads);
        for round in 0..1500 {
            let work =
                Counted::new((0..13).map(|phase| (round * 7 + phase * 5) % 11).collect(), |_, _, _| {});
            pool.run(work.clone()).unwrap();
            work.check();
        }
    }
}

#[test]
fn slow_workers_are_waited_for_and_sleep_in_between() {
    let delay = |phase, piece, worker| {
        if (phase * 5 + piece * 3 + worker) % 4 == 0 {
            std::thread::sleep(Duration::from_micros(400));
        }
    };
    let pool = Pool::new(3);
    for _ in 0..60 {
        let work = Counted::new(vec![1, 5, 2, 0, 9, 1], delay);
        pool.run(work.clone()).unwrap();
        work.check();
    }
}

#[test]
fn regions_without_work_return() {
    let pool = Pool::new(2);
    for pieces in [vec![], vec![0], vec![0, 0, 0]] {
        pool.run(Counted::new(pieces, |_, _, _| {})).unwrap();
    }
}

#[test]
fn a_panic_is_an_error_and_the_pool_lives_on() {
    for threads in [1, 2, 4] {
        let pool = Pool::new(threads);
        let broken = Counted::new(vec![3, 8, 3], |phase, piece, _| assert!(phase != 1 || piece != 5, "five"));
        let error = pool.run(broken).unwrap_err().to_string();
        assert!(error.contains("piece 5 of phase 1 panicked: five"), "{error}");
        let work = Counted::new(vec![5, 5], |_, _, _| {});
        pool.run(work.clone()).unwrap();
        work.check();
    }
}

#[test]
fn callers_at_the_same_time_do_not_wait_for_each_other() {
    let pool = Pool::new(2);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let work = Counted::new(vec![3, 1, 4, 1, 5], |_, _, _| {});
                    pool.run(work.clone()).unwrap();
                    work.check();
                }
            });
        }
    });
}

#[test]
fn the_work_is_released_soon_after_the_region() {
    let pool = Pool::new(2);
    let work = Counted::new(vec![4, 4], |_, _, _| {});
    pool.run(work.clone()).unwrap();
    let start = Instant::now();
    while Arc::strong_count(&work) > 1 {
        assert!(start.elapsed() < Duration::from_secs(20), "a worker keeps the region");
        std::thread::yield_now();
    }
}

#[test]
fn pieces_cover_the_units_once_whatever_the_threads() {
    for units in [0, 1, 7, 64, 100, 49152] {
        for threads in [1, 2, 5, 64] {
            let split = Split::new(units, 8, 40, threads);
            let mut next = 0;
            for piece in 0..split.pieces() {
                let range = split.range(piece);
                assert_eq!(range.start, next);
                assert!(!range.is_empty() && (range.end == units || range.end.is_multiple_of(8)));
                assert!(threads == 1 || range.len() <= 40);
                next = range.end;
            }
            assert_eq!(next, units);
        }
    }
}
