//! Jobs: photos that are handed in, painted when there is time, and fetched later. They survive a restart.
//!
//! [`Jobs`] is the front door. What a queue is stands in [`queue`], the one in a file in [`sqlite`], the one on a broker in
//! [`nats`], the pictures are in a [`store`], [`worker::run_one`] runs one job, [`sweeper`] cleans up.

#[cfg(feature = "cluster")]
pub(crate) mod nats;
pub(crate) mod queue;
mod sqlite;
mod store;
pub(crate) mod sweeper;
#[cfg(test)]
mod tests;
pub(crate) mod worker;

#[cfg(all(test, feature = "cluster"))]
use nats::Nats;
pub(crate) use queue::{Class, Dispatch, Job, News, Origin, State, States};
pub(crate) use sqlite::Sqlite;
pub(crate) use store::{Store, objects};

use crate::config::Limits;
use crate::error::{Error, Kind};
use queue::{Entered, New, Terms};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::broadcast;

/// News of jobs that listeners may be behind by before they look the job up instead.
const NEWS_KEPT: usize = 1024;

/// How long a job that needs much memory is passed by for the sake of smaller ones.
const PASSED_BY: Duration = Duration::from_secs(30);

/// The time as the jobs have it, Unix ms.
pub(crate) type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The system's clock.
pub(crate) fn system_clock() -> Clock {
    Arc::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64))
}

/// The beginning of a job's name, for logs: the whole is the permission to see the job.
pub(crate) fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

/// Everything about jobs, for those who submit them and those who run them.
pub(crate) struct Jobs {
    pub(crate) states: Arc<dyn States>,
    pub(crate) dispatch: Arc<dyn Dispatch>,
    pub(crate) store: Store,
    pub(crate) limits: Limits,
    pub(crate) clock: Clock,
    /// How far the jobs are that this process runs or hears of: more recent than what the queue knows.
    live: Arc<Mutex<HashMap<String, News>>>,
    /// Names of jobs about which there are news.
    news: broadcast::Sender<String>,
    /// The last complaint of queue or store, if they have not worked since.
    trouble: Mutex<Option<String>>,
}

impl Jobs {
    pub(crate) fn new(
        queue: Arc<impl States + Dispatch + 'static>,
        store: Store,
        limits: Limits,
        clock: Clock,
    ) -> Self {
        let (states, dispatch) = (Arc::clone(&queue) as _, queue as _);
        let (news, _) = broadcast::channel(NEWS_KEPT);
        Self { states, dispatch, store, limits, clock, live: Arc::default(), news, trouble: Mutex::default() }
    }

    pub(crate) fn terms(&self) -> Terms {
        let Limits { lease_s, attempts_max, retries_max, .. } = self.limits;
        Terms { lease: Duration::from_secs(lease_s), attempts_max, retries_max }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        (self.clock)()
    }

    /// Takes a photo in; `params` is the query, `need_bytes` the memory it takes to paint it. A job that its origin has handed
    /// in before under the same name is the answer, whatever the photo. Blocks the thread.
    ///
    /// # Errors
    /// [`Kind::QueueFull`]; [`Kind::Unavailable`] if queue or store do not work.
    pub(crate) fn submit(
        &self,
        photo: bytes::Bytes,
        params: String,
        format: &str,
        need_bytes: u64,
        origin: Origin,
    ) -> Result<Job, Error> {
        let gone = || Error::new(Kind::Internal, "the job is gone already");
        let now_ms = self.now_ms();
        // Names are each tenant's own, and may be anything.
        let hash = |name: &String| blake3::hash(format!("{}\n{name}", origin.tenant).as_bytes()).to_hex().to_string();
        let origin = Origin { once: origin.once.as_ref().map(hash), ..origin };
        let new = New {
            origin,
            id: crate::random_name(),
            photo: Store::key(&photo),
            params,
            format: format.to_owned(),
            need_bytes,
            expires_ms: now_ms + self.limits.result_ttl_s as i64 * 1000,
        };
        match self.noted(self.states.enter(&new, self.limits.jobs_max, now_ms))? {
            Entered::New => {}
            Entered::Unfinished { id, photo: key } if Store::fits(&key, &blake3::hash(&photo)) => {
                return self.finish_entering(&id, &key, photo);
            }
            Entered::Before(id) | Entered::Unfinished { id, .. } => return self.job(&id)?.ok_or_else(gone),
        }
        // Entered first: whatever happens now, somebody knows that there may be a picture of that name.
        if let Err(error) = self.store.wait(self.store.put(&new.photo, photo)) {
            // If this fails too, the job's time will be over some day.
            let _ = self.states.cancel(&new.id);
            return self.noted(Err(error));
        }
        if !self.noted(self.states.ready(&new.id))? {
            // Cancelled while the photo was on its way.
            let _ = self.noted(self.store.wait(self.store.delete(&new.photo)));
        }
        self.job(&new.id)?.ok_or_else(gone)
    }

    /// Stores the photo of a job that somebody else has entered, who may have died over it. If not, both store the same.
    fn finish_entering(&self, id: &str, key: &str, photo: bytes::Bytes) -> Result<Job, Error> {
        self.noted(self.store.wait(self.store.put(key, photo)))?;
        self.noted(self.states.ready(id))?;
        let job = self.job(id)?;
        // It was cancelled, or somebody else was so much quicker that it is painted: nobody needs the photo any more.
        if job.as_ref().is_none_or(|job| matches!(job.state, State::Cancelled | State::Done)) {
            let _ = self.noted(self.store.wait(self.store.delete(key)));
        }
        job.ok_or_else(|| Error::new(Kind::Internal, "the job is gone already"))
    }

    /// A job as it stands now. Blocks the thread.
    pub(crate) fn job(&self, id: &str) -> Result<Option<Job>, Error> {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied();
        let job = self.noted(self.states.job(id))?;
        Ok(job.map(|job| match live {
            Some(news) if job.state == State::Running => Job { news, ..job },
            _ => job,
        }))
    }

    /// Cancels a job, whoever runs it, and deletes its pictures. `false` if there is no such job. Blocks the thread.
    pub(crate) fn delete(&self, id: &str) -> Result<bool, Error> {
        let known = self.noted(self.states.cancel(id))?;
        self.publish(id, None);
        self.take_out_garbage();
        Ok(known)
    }

    /// Names of jobs about which there are news, from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<String> {
        self.news.subscribe()
    }

    /// Deletes pictures that no job holds any more. What does not work now is tried again by the sweeper.
    pub(crate) fn take_out_garbage(&self) {
        let keys = self.noted(self.states.garbage()).unwrap_or_default();
        for key in keys {
            let deleted = self.store.wait(self.store.delete(&key)).and_then(|()| self.states.forget(&key));
            if self.noted(deleted).is_err() {
                return;
            }
        }
    }

    /// What is wrong with queue or store, if something is.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers a complaint of queue or store until they work again, and logs it once.
    pub(crate) fn noted<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &result
            && error.kind == Kind::Unavailable
        {
            let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
            if trouble.as_ref() != Some(&error.detail) {
                tracing::error!(detail = error.detail, "jobs are in trouble");
                *trouble = Some(error.detail.clone());
            }
        }
        result
    }

    /// Queue and store have been seen to work.
    pub(crate) fn works_again(&self) {
        if self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take().is_some() {
            tracing::info!("jobs work again");
        }
    }

    /// From now on `live` and `news` are about jobs of other processes, too.
    pub(crate) fn hear_others(&self) {
        let (live, news) = (Arc::clone(&self.live), self.news.clone());
        self.states.hear(Box::new(move |id, about| {
            set_live(&live, id, about);
            // Nobody may be listening.
            let _ = news.send(id.to_owned());
        }));
    }

    /// Tells everybody how far a job is that this process runs; `None` when it runs it no more.
    fn publish(&self, id: &str, about: Option<News>) {
        set_live(&self.live, id, about);
        self.tell(id);
        self.states.tell(id, about);
    }

    fn tell(&self, id: &str) {
        // Nobody may be listening.
        let _ = self.news.send(id.to_owned());
    }
}

/// Jobs whose end was never heard are forgotten when there are so many.
const LIVE_MAX: usize = 100_000;

fn set_live(live: &Mutex<HashMap<String, News>>, id: &str, news: Option<News>) {
    let mut live = live.lock().unwrap_or_else(PoisonError::into_inner);
    match news {
        Some(_) if live.len() >= LIVE_MAX => live.clear(),
        Some(news) => drop(live.insert(id.to_owned(), news)),
        None => drop(live.remove(id)),
    }
}
