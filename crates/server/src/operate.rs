//! What the operator does with the queue: looking at jobs, and having dead ones run again or dropped.

use crate::config::Config;
use crate::jobs::{self, Jobs};
use crate::serve::open_jobs;

/// Jobs that are listed at most.
const MOST: usize = 10_000;

/// A job, for people and programs.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Line {
    /// Its name, which is also the permission to see it.
    pub id: String,
    /// `queued`, `running`, `failed`.
    pub state: &'static str,
    /// When it was handed in, Unix ms.
    pub created_ms: i64,
    /// When its pictures are deleted, Unix ms.
    pub expires_ms: i64,
    /// How far it is, 0 to 1.
    pub progress: f32,
    /// Why it failed.
    pub reason: Option<String>,
}

/// Which jobs are meant.
#[derive(Clone, Debug)]
pub enum Which {
    /// Those of these names.
    These(Vec<String>),
    /// All that are dead.
    AllDead,
}

/// Jobs that wait or run; with `dead` those that failed through no fault of their pictures.
///
/// # Errors
/// In a sentence: the queue cannot be reached.
pub fn list(config: &Config, dead: bool) -> Result<Vec<Line>, String> {
    with_jobs(config, |jobs| {
        let listed = jobs.states.list(dead, MOST).map_err(|error| error.detail)?;
        Ok(listed.into_iter().map(line).collect())
    })
}

/// Has dead jobs run again as if they were new. Returns how many, and the names of those that are not dead.
///
/// # Errors
/// In a sentence: the queue cannot be reached.
pub fn replay(config: &Config, which: &Which) -> Result<(usize, Vec<String>), String> {
    each(config, which, |jobs, id| jobs.states.replay(id).map_err(|error| error.detail))
}

/// Deletes jobs, whatever their state, with their pictures. Returns how many, and the names that no job has.
///
/// # Errors
/// In a sentence: the queue cannot be reached.
pub fn drop(config: &Config, which: &Which) -> Result<(usize, Vec<String>), String> {
    each(config, which, |jobs, id| jobs.delete(id).map_err(|error| error.detail))
}

fn each(
    config: &Config,
    which: &Which,
    action: impl Fn(&Jobs, &str) -> Result<bool, String> + Send,
) -> Result<(usize, Vec<String>), String> {
    with_jobs(config, |jobs| {
        let ids = match which {
            Which::These(ids) => ids.clone(),
            Which::AllDead => {
                let dead = jobs.states.list(true, MOST).map_err(|error| error.detail)?;
                dead.into_iter().map(|job| job.id).collect()
            }
        };
        let mut left = Vec::new();
        let count = ids.len();
        for id in ids {
            if !action(jobs, &id)? {
                left.push(id);
            }
        }
        Ok((count - left.len(), left))
    })
}

/// On a thread that may wait, with a runtime that runs meanwhile.
fn with_jobs<T>(config: &Config, work: impl FnOnce(&Jobs) -> Result<T, String>) -> Result<T, String> {
    crate::log::start(config);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    let jobs = {
        let _within = runtime.enter();
        open_jobs(config, true)?
    };
    let done = work(&jobs);
    runtime.shutdown_background();
    done
}

fn line(job: jobs::Job) -> Line {
    Line {
        id: job.id,
        state: job.state.name(),
        created_ms: job.created_ms,
        expires_ms: job.expires_ms,
        progress: job.news.progress,
        reason: job.error.map(|error| error.to_string()),
    }
}
