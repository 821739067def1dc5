//! What is done every few seconds: pictures whose time is over are deleted, a store in trouble is tried again, and jumps of
//! the clock are noticed.

use super::{Jobs, Store};
use std::time::{Duration, Instant};

/// A difference between the system's clock and time itself that is worth a line.
const JUMP_MS: i64 = 10_000;

/// After so long without trouble the store is tried all the same: `/readyz` shall know before a job does.
const PROBE_EVERY: Duration = Duration::from_secs(30);

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Swept {
    /// Jobs whose time was over.
    pub(crate) expired: usize,
    /// By how much the clock was set since the last time, ms.
    pub(crate) jump_ms: Option<i64>,
}

/// Sweeps again and again.
pub(crate) struct Sweeper {
    last: (i64, Instant),
    /// When the store was last seen to take pictures.
    probed: Instant,
}

impl Sweeper {
    pub(crate) fn new(jobs: &Jobs) -> Self {
        Self { last: (jobs.now_ms(), Instant::now()), probed: Instant::now() }
    }

    /// Sweeps once.
    pub(crate) fn step(&mut self, jobs: &Jobs) -> Swept {
        let now = (jobs.now_ms(), Instant::now());
        let jump_ms = now.0 - self.last.0 - now.1.duration_since(self.last.1).as_millis() as i64;
        self.last = now;
        let jump_ms = (jump_ms.abs() > JUMP_MS).then_some(jump_ms);
        if let Some(jump_ms) = jump_ms {
            tracing::warn!(
                jump_ms,
                "the system's clock was set: jobs may be begun a second time (they end once), and pictures are deleted by \
                 the new time"
            );
        }
        let expired = jobs.noted(jobs.states.expire(now.0));
        if let Ok(expired @ 1..) = expired {
            tracing::info!(jobs = expired, "pictures deleted: their time was over");
        }
        jobs.take_out_garbage();
        if jobs.trouble().is_some() || self.probed.elapsed() > PROBE_EVERY {
            self.probed = Instant::now();
            if probe(jobs) && expired.is_ok() {
                jobs.works_again();
            }
        }
        if jobs.trouble().is_none() {
            jobs.states.tend();
        }
        Swept { expired: expired.unwrap_or_default(), jump_ms }
    }
}

/// Whether the store takes pictures.
fn probe(jobs: &Jobs) -> bool {
    let bytes = format!("probe {}", std::process::id()).into_bytes();
    let key = Store::key(&bytes);
    let put_and_delete = async {
        jobs.store.put(&key, bytes.into()).await?;
        jobs.store.delete(&key).await
    };
    jobs.noted(jobs.store.wait(put_and_delete)).is_ok()
}

/// How often to sweep.
pub(crate) const EVERY: Duration = Duration::from_secs(5);
