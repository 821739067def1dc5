//! What a queue of jobs is: [`States`] for those who hand jobs in, [`Dispatch`] for those who run them.
//! [`Sqlite`](super::Sqlite), for one machine, and [`Nats`](super::Nats), for many, are both. Pictures are elsewhere, in a
//! [`Store`](super::Store).
//!
//! A job is begun by [`claim`](Dispatch::claim), which counts the attempt before anything else happens and gives out a
//! *lease* and an *attempt token*. Whoever holds the token keeps the lease alive with heartbeats and ends the job. When a
//! lease runs out the job is claimed again, and the old token is worth nothing: a job ends once, however many began it.
//!
//! Times are Unix milliseconds by the callers' clocks.

use crate::error::{Error, Kind};
use crate::paint::Stage;
use std::time::Duration;

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It waits, or its photo is just being stored.
    Queued,
    /// It was begun.
    Running,
    /// The painting is there.
    Done,
    /// There will be no painting; [`Job::error`] says why.
    Failed,
    /// Somebody deleted it.
    Cancelled,
}

impl State {
    /// As it is written in files and interfaces.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more will happen.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// A job as anybody may see it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Job {
    /// Its name, which is also the permission to see it.
    pub(crate) id: String,
    /// Where it stands.
    pub(crate) state: State,
    /// Where its photo is on its way.
    pub(crate) news: News,
    /// When it was submitted, Unix ms.
    pub(crate) created_ms: i64,
    /// When its pictures are deleted, Unix ms.
    pub(crate) expires_ms: i64,
    /// The painting in the store, while it is there, and the format of its file.
    pub(crate) result: Option<String>,
    /// Extension of the painting's file.
    pub(crate) format: String,
    /// Why it failed.
    pub(crate) error: Option<Error>,
    /// Jobs that wait before it; `None` unless it waits.
    pub(crate) position: Option<usize>,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct News {
    /// Where the photo is on its way.
    pub(crate) stage: Stage,
    /// 0..=1.
    pub(crate) progress: f32,
    /// Of the painting, px, once it is known.
    pub(crate) size: Option<(usize, usize)>,
    /// Why the painting may not be of the whole photo, by name, once it is painted.
    pub(crate) warning: Option<&'static str>,
}

impl Default for News {
    fn default() -> Self {
        Self { stage: Stage::Queued, progress: 0.0, size: None, warning: None }
    }
}

/// Whose turn it is: all jobs of the first class that wait are begun before any of the second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Class {
    /// Somebody waits for it.
    #[default]
    Interactive,
    /// One of many that shall be done some time.
    Batch,
}

/// Where a job comes from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    /// Tenants of one class take turns, however many jobs each of them has waiting.
    pub(crate) tenant: String,
    /// Whether somebody waits for it.
    pub(crate) class: Class,
    /// The client's name for it: a second job of that name is the first one. As a hash, once it is handed in.
    pub(crate) once: Option<String>,
    /// The span (W3C's `traceparent`) that spans about it hang at, if it is traced.
    pub(crate) trace: Option<String>,
}

/// What became of a job that was entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entered {
    /// It is there, and waits for its photo.
    New,
    /// It was there before, under this name.
    Before(String),
    /// It was there before, and still waits for its photo: whoever handed it in is about to store it, or has died.
    Unfinished {
        /// The job.
        id: String,
        /// The key its photo is waited for under.
        photo: String,
    },
}

/// A job to be entered.
#[derive(Clone, Debug)]
pub(crate) struct New {
    /// Its name.
    pub(crate) id: String,
    /// The photo's key in the store.
    pub(crate) photo: String,
    /// What is to be done, as a query.
    pub(crate) params: String,
    /// Extension of the painting's file.
    pub(crate) format: String,
    /// Memory it takes to run it, bytes.
    pub(crate) need_bytes: u64,
    /// When its pictures shall be deleted, Unix ms.
    pub(crate) expires_ms: i64,
    /// Where it comes from.
    pub(crate) origin: Origin,
}

/// The right to run a job, until the lease runs out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// The job.
    pub(crate) id: String,
    /// Known to nobody else.
    pub(crate) token: String,
    /// Which attempt this is, from 1.
    pub(crate) number: u32,
}

/// What a worker is given.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    /// The right to run it.
    pub(crate) attempt: Attempt,
    /// The photo's key in the store.
    pub(crate) photo: String,
    /// What is to be done, as a query.
    pub(crate) params: String,
    /// When it was handed in, Unix ms.
    pub(crate) created_ms: i64,
    /// As in [`Origin`].
    pub(crate) trace: Option<String>,
}

/// What became of a job that was put off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PutOff {
    /// It waits for so long before it is begun again.
    For(Duration),
    /// It was put off too often: it failed.
    GivenUp,
    /// The attempt was not the holder's any more.
    Lost,
}

/// How long a job waits after it was put off for the `nth` time, from 1: 1 s, twice as long each time, at most a minute.
pub(crate) fn back_off(nth: u32) -> Duration {
    Duration::from_secs(1 << (nth.max(1) - 1).min(6)).min(Duration::from_secs(60))
}

/// Whether a job that failed so is *dead*: not its picture was wrong, so its photo is kept for the operator, who may have
/// the job replayed.
pub(crate) fn is_dead(kind: Kind) -> bool {
    matches!(kind, Kind::Internal | Kind::TimedOut | Kind::Unavailable)
}

/// How long the queue is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Depth {
    /// Jobs that wait.
    pub(crate) waiting: usize,
    /// Jobs that were begun.
    pub(crate) running: usize,
    /// For how long the first of those that wait has waited, ms.
    pub(crate) oldest_ms: i64,
}

/// Terms of leases, the same for all who share a queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// After so long without a heartbeat a job is claimed again.
    pub(crate) lease: Duration,
    /// So often a job is begun.
    pub(crate) attempts_max: u32,
    /// So often a job is put off.
    pub(crate) retries_max: u32,
}

/// Whoever wants to hear what other processes tell of their jobs.
pub(crate) type Hear = Box<dyn Fn(&str, Option<News>) + Send + Sync>;

/// The state of jobs, for those who hand them in and ask about them. Shared by threads and processes; every method is one
/// transaction.
///
/// # Errors
/// [`Kind::Unavailable`](crate::error::Kind::Unavailable) if it cannot be reached or written, from every method.
pub(crate) trait States: Send + Sync {
    /// Enters a job whose photo is about to be stored; nobody runs it yet.
    ///
    /// # Errors
    /// [`Kind::QueueFull`](crate::error::Kind::QueueFull) if `jobs_max` jobs are waiting.
    fn enter(&self, new: &New, jobs_max: usize, now_ms: i64) -> Result<Entered, Error>;

    /// The photo is stored: from now on the job waits to be run. `false` if it has been cancelled meanwhile.
    fn ready(&self, id: &str) -> Result<bool, Error>;

    /// A job by its name.
    fn job(&self, id: &str) -> Result<Option<Job>, Error>;

    /// Ends a job, whoever runs it, and lets go of its pictures. `false` if there is no such job.
    fn cancel(&self, id: &str) -> Result<bool, Error>;

    /// Lets go of the pictures of jobs whose time is over, and forgets jobs whose time has long been over. Returns how
    /// many jobs' time was over.
    fn expire(&self, now_ms: i64) -> Result<usize, Error>;

    /// Keys of pictures that no job holds and that may still be stored.
    fn garbage(&self) -> Result<Vec<String>, Error>;

    /// The picture of that key is deleted.
    fn forget(&self, key: &str) -> Result<(), Error>;

    /// How many jobs there are.
    fn depth(&self, now_ms: i64) -> Result<Depth, Error>;

    /// Makes provision for bad days; called now and then.
    fn tend(&self) {}

    /// Jobs that are not over, or that are [dead](is_dead) and can be replayed; no more than `most`.
    fn list(&self, dead: bool, most: usize) -> Result<Vec<Job>, Error>;

    /// Has a dead job run again, as if it were new. `false` if there is none of that name.
    fn replay(&self, id: &str) -> Result<bool, Error>;

    /// Tells the other processes about a job this one runs; `None` when it runs it no more. They find out without, later.
    fn tell(&self, _id: &str, _news: Option<News>) {}

    /// Has `hear` called with what the others tell.
    fn hear(&self, _hear: Hear) {}
}

/// Who runs which job, for those who run them. `Ok(false)` means that the attempt is not the holder's any more.
///
/// # Errors
/// As [`States`].
pub(crate) trait Dispatch: Send + Sync {
    /// Begins a job: interactive ones before batches, tenants in turn, and of one tenant's the one that waits longest of those that need no more than `room_bytes` of memory, those whose lease ran out
    /// included. A job that needs more is passed by only for a while: then none is begun before it. Jobs that were begun
    /// too often fail here.
    fn claim(&self, terms: Terms, room_bytes: u64, now_ms: i64) -> Result<Option<Claim>, Error>;

    /// Has `called` called when there may be a job to begin. Those that poll need no call.
    fn on_call(&self, _called: Box<dyn Fn() + Send + Sync>) {}

    /// Keeps the lease and tells how far it is.
    fn heartbeat(&self, attempt: &Attempt, news: News, terms: Terms, now_ms: i64) -> Result<bool, Error>;

    /// Says under which key the painting is about to be stored, so that it is not lost if the process is.
    fn announce(&self, attempt: &Attempt, result: &str) -> Result<bool, Error>;

    /// Ends the job: with the painting announced, or failed. The photo is let go of, unless the job is [dead](is_dead).
    fn finish(&self, attempt: &Attempt, end: Result<News, Error>) -> Result<bool, Error>;

    /// Puts the job back where it was, as if it had not been begun.
    fn give_back(&self, attempt: &Attempt) -> Result<bool, Error>;

    /// Puts the job back to be begun after a [while](back_off), because of `why`, which is nobody's fault here. Is it put off
    /// too often it fails.
    fn put_off(&self, attempt: &Attempt, why: Error, terms: Terms, now_ms: i64) -> Result<PutOff, Error>;
}

/// The error of a job that was put off too often because of `why`.
pub(crate) fn given_up(why: &Error, times: u32) -> Error {
    let detail = match times {
        0 => why.detail.clone(),
        _ => format!("given up after {} tries: {}", times + 1, why.detail),
    };
    Error::new(Kind::Internal, detail)
}
