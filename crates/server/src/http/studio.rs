//! Work that a request waits for: handed to a painter, watched part by part, and stopped when nobody waits any more.

use super::App;
use crate::budget::Reserved;
use crate::error::{Error, Kind};
use crate::metrics::Part;
use crate::paint::{Stage, Watcher, caught};
use crate::worker_pool::{Refused, WorkerPool};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};

/// The painter's side of the conversation.
pub(super) struct Watched {
    cancelled: AtomicBool,
    stage: watch::Sender<Stage>,
}

impl Watched {
    fn go_on(&self) -> ControlFlow<Error> {
        // Who asked has gone, so nobody reads this.
        let over = || Error::new(Kind::Cancelled, "the client has gone");
        if self.cancelled.load(Ordering::Relaxed) { ControlFlow::Break(over()) } else { ControlFlow::Continue(()) }
    }
}

impl Watcher for Watched {
    fn stage(&self, stage: Stage) -> ControlFlow<Error> {
        self.stage.send_replace(stage);
        self.go_on()
    }

    fn part(&self, _done: usize, _total: usize) -> ControlFlow<Error> {
        self.go_on()
    }
}

/// Dropped when the answer is there, when a part took too long, and when the client hangs up.
struct CancelOnDrop(Arc<Watched>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
    }
}

/// Runs `work` on a painter of `pool`. Gives its result and how long it waited for the painter. `reserved` is given back when the
/// painter is done with it, also if nobody waits any more.
///
/// # Errors
/// Those of `work`; [`Kind::QueueFull`]; [`Kind::TimedOut`] if a part took longer than it may.
pub(super) async fn on_a_painter<T: Send + 'static>(
    app: &Arc<App>,
    pool: &WorkerPool,
    reserved: Reserved,
    work: impl FnOnce(&Watched) -> Result<T, Error> + Send + 'static,
) -> Result<(T, Duration), Error> {
    let (stage, mut stages) = watch::channel(Stage::Queued);
    let watched = Arc::new(Watched { cancelled: AtomicBool::new(false), stage });
    let guard = CancelOnDrop(Arc::clone(&watched));
    let (answer, mut answered) = oneshot::channel();
    let submitted = Instant::now();
    let task = {
        let app = Arc::clone(app);
        move || {
            if watched.go_on().is_break() {
                return;
            }
            let waited = submitted.elapsed();
            app.metrics.took(Part::Queue, waited);
            let in_progress = app.metrics.begun();
            let result = caught(|| work(&watched)).map(|result| (result, waited));
            // Who has the answer finds the memory free.
            drop((in_progress, reserved));
            // The client may have gone.
            let _ = answer.send(result);
        }
    };
    pool.submit(Box::new(task)).map_err(|refused| match refused {
        Refused::Full(waiting) => app.full(waiting, "conversions"),
        Refused::Closed => Error::passing(Kind::Unavailable, "the service is shutting down", 5),
    })?;
    let deadline = |stage: Stage| {
        let allowed = stage.allowed(&app.config.limits).unwrap_or(Duration::from_secs(3600));
        tokio::time::Instant::now() + allowed
    };
    let mut now = (Stage::Queued, deadline(Stage::Queued));
    let result = loop {
        tokio::select! {
            answer = &mut answered => {
                let gone = |_| Err(Error::new(Kind::Internal, "the painter gave no answer"));
                break answer.unwrap_or_else(gone);
            }
            Ok(()) = stages.changed() => {
                let stage = *stages.borrow_and_update();
                now = (stage, deadline(stage));
            }
            () = tokio::time::sleep_until(now.1) => {
                let allowed_s = now.0.allowed(&app.config.limits).unwrap_or_default().as_secs();
                let what = if now.0 == Stage::Queued { "waiting for a painter".to_owned() } else { now.0.name().to_owned() };
                break Err(Error::new(Kind::TimedOut, format!("{what} took longer than {allowed_s} s")));
            }
        }
    };
    drop(guard);
    result
}
