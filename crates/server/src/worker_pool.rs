//! The painters: plain threads that take conversions from a bounded queue, and between them run errands (jobs, canaries).
//! Nothing is ever painted on the threads that answer requests.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Work that somebody waits for.
pub(crate) type Task = Box<dyn FnOnce() + Send>;

/// How long a painter without work rests before it looks for errands unasked.
const REST: Duration = Duration::from_secs(1);

/// A handle to the painters.
#[derive(Clone)]
pub(crate) struct WorkerPool(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    bell: Condvar,
    queue_max: usize,
}

#[derive(Default)]
struct State {
    tasks: VecDeque<Task>,
    /// Painters that shall look for errands now.
    nudges: usize,
    closed: bool,
}

/// Why a task was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// So many wait already.
    Full(usize),
    /// The pool is going home.
    Closed,
}

impl WorkerPool {
    /// Starts `painters` threads. After each task and whenever there is none, a painter runs one `errand`, which says
    /// whether there may be more; so neither conversions nor jobs starve.
    pub(crate) fn start(
        painters: usize,
        queue_max: usize,
        errand: impl Fn() -> bool + Send + Sync + 'static,
    ) -> std::io::Result<(Self, Vec<JoinHandle<()>>)> {
        let shared = Arc::new(Shared { state: Mutex::default(), bell: Condvar::new(), queue_max });
        let errand = Arc::new(errand);
        let threads = (0..painters)
            .map(|number| {
                let (shared, errand) = (Arc::clone(&shared), Arc::clone(&errand));
                std::thread::Builder::new().name(format!("painter-{number}")).spawn(move || shared.work(&*errand))
            })
            .collect::<Result<_, _>>()?;
        Ok((Self(shared), threads))
    }

    /// Puts a task at the end of the queue.
    ///
    /// # Errors
    /// If the queue is full or closed.
    pub(crate) fn submit(&self, task: Task) -> Result<(), Refused> {
        let mut state = self.0.lock();
        if state.closed {
            return Err(Refused::Closed);
        }
        if state.tasks.len() >= self.0.queue_max {
            return Err(Refused::Full(state.tasks.len()));
        }
        state.tasks.push_back(task);
        drop(state);
        self.0.bell.notify_one();
        Ok(())
    }

    /// Makes a resting painter look for errands now.
    pub(crate) fn nudge(&self) {
        self.0.lock().nudges += 1;
        self.0.bell.notify_one();
    }

    /// Tasks that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.0.lock().tasks.len()
    }

    /// Takes no more; what waits is still done, then the threads end.
    pub(crate) fn close(&self) {
        self.0.lock().closed = true;
        self.0.bell.notify_all();
    }
}

enum Turn {
    Task(Task),
    Errand,
    Home,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, errand: &dyn Fn() -> bool) {
        let mut more_errands = true;
        loop {
            let turn = self.next(more_errands);
            match turn {
                Turn::Home => return,
                Turn::Errand => {}
                // Tasks catch their own panics and answer; this is for what they leave behind.
                Turn::Task(task) => drop(catch_unwind(AssertUnwindSafe(task))),
            }
            more_errands = catch_unwind(AssertUnwindSafe(errand)).unwrap_or(false);
        }
    }

    fn next(&self, at_once: bool) -> Turn {
        let mut state = self.lock();
        let mut rested = at_once;
        loop {
            if let Some(task) = state.tasks.pop_front() {
                return Turn::Task(task);
            }
            if state.closed {
                return Turn::Home;
            }
            if state.nudges > 0 {
                state.nudges -= 1;
                return Turn::Errand;
            }
            if rested {
                return Turn::Errand;
            }
            let (woken, timeout) = self.bell.wait_timeout(state, REST).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            rested = timeout.timed_out();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    #[test]
    fn tasks_wait_in_a_bounded_queue_and_survive_panics() {
        let errands = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&errands);
        let (pool, threads) = WorkerPool::start(1, 2, move || {
            counted.fetch_add(1, Ordering::Relaxed);
            false
        })
        .unwrap();
        let (begun, has_begun) = mpsc::channel();
        let (go, gone) = mpsc::channel::<()>();
        let (done, finished) = mpsc::channel();
        pool.submit(Box::new(move || {
            begun.send(()).unwrap();
            gone.recv().unwrap();
            panic!("planned");
        }))
        .unwrap();
        has_begun.recv().unwrap();
        for number in 0..2 {
            let done = done.clone();
            pool.submit(Box::new(move || done.send(number).unwrap())).unwrap();
        }
        assert_eq!(pool.submit(Box::new(|| ())), Err(Refused::Full(2)));
        assert_eq!(pool.waiting(), 2);
        pool.close();
        assert_eq!(pool.submit(Box::new(|| ())), Err(Refused::Closed));
        go.send(()).unwrap();
        assert_eq!([finished.recv(), finished.recv()], [Ok(0), Ok(1)], "what waited is done, in order");
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(errands.load(Ordering::Relaxed) >= 3, "an errand after each task");
    }
}
