//! Runs one job: claims it, paints, stores. Called again and again by the painters; tests call it until there is nothing
//! left.

use super::queue::{Attempt, Claim, News, PutOff, Terms};
use super::{Jobs, Store};
use crate::budget::Budget;
use crate::error::{Error, Kind};
use crate::metrics::Metrics;
use crate::paint::{BYTES_PER_PIXEL, PaintedFile, Stage, Took, Watcher, caught, codec_limits, paint};
use crate::painter_cache::PainterCache;
use crate::params::{Pairs, Params};
use crate::trace::Span;
use crate::video::{self, VideoParams};
use bytes::Bytes;
use pixels::codec::{self, Format};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// What became of a look into the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A job ended: its painting is stored.
    Done,
    /// A job ended without a painting.
    Failed(Kind),
    /// The job was taken away meanwhile: deleted, or claimed by another after the lease ran out.
    Lost,
    /// The job was put back: there is no memory for it now, or the service is shutting down.
    GivenBack,
    /// The job is tried again later: its pictures cannot be reached.
    PutOff,
    /// There is nothing to do, or the queue cannot be reached.
    Empty,
}

/// What a worker works with.
pub(crate) struct Bench {
    pub(crate) painter_cache: Arc<PainterCache>,
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) metrics: Arc<Metrics>,
    /// Once it is set, no job is begun.
    pub(crate) closing: AtomicBool,
    /// Once it is set, what is being painted is put back.
    pub(crate) stop: AtomicBool,
}

/// A heartbeat at least so often, so that other processes can tell how far a job is.
const NEWS_EVERY: Duration = Duration::from_secs(2);

/// Runs the job that has waited longest.
pub(crate) fn run_one(bench: &Bench) -> Outcome {
    if bench.closing.load(Ordering::Relaxed) {
        return Outcome::Empty;
    }
    let jobs = &bench.jobs;
    let claim = jobs.dispatch.claim(jobs.terms(), bench.budget.left(), jobs.now_ms());
    let Ok(Some(claim)) = jobs.noted(claim) else { return Outcome::Empty };
    let start = Instant::now();
    let parent = claim.trace.as_deref();
    drop(Span::since("wait", parent, claim.created_ms));
    let span = Span::begin("attempt", parent);
    span.note("kaiga.job", super::short(&claim.attempt.id).to_owned());
    span.note("kaiga.attempt", i64::from(claim.attempt.number));
    let run = Run::new(bench, &claim.attempt, span);
    run.publish();
    let end = std::thread::scope(|scope| {
        let heart = scope.spawn(|| run.beat());
        let end = run.span.told(run.whole(&claim));
        run.over();
        // It never panics; and if it did, the lease would tell.
        let _ = heart.join();
        end
    });
    let outcome = run.conclude(end);
    let (id, number, ms) = (&claim.attempt.id, claim.attempt.number, start.elapsed().as_millis() as u64);
    let job = super::short(id);
    run.span.note("kaiga.outcome", format!("{outcome:?}"));
    match &outcome {
        Outcome::Failed(kind) => tracing::warn!(job, attempt = number, ms, kind = kind.name(), "job failed"),
        outcome => tracing::info!(job, attempt = number, ms, ?outcome, "job"),
    }
    jobs.publish(id, None);
    jobs.take_out_garbage();
    outcome
}

/// One attempt at a job.
struct Run<'a> {
    bench: &'a Bench,
    attempt: &'a Attempt,
    span: Span,
    terms: Terms,
    state: Mutex<RunState>,
    bell: Condvar,
    /// The job is not ours any more.
    lost: AtomicBool,
    /// The key of the painting, once it is announced.
    kept: OnceLock<String>,
    /// A video is painted for longer than a photo.
    is_video: AtomicBool,
}

struct RunState {
    news: News,
    stage_since: Instant,
    over: bool,
}

impl<'a> Run<'a> {
    fn new(bench: &'a Bench, attempt: &'a Attempt, span: Span) -> Self {
        let news = News { stage: Stage::Decoding, ..News::default() };
        let state = Mutex::new(RunState { news, stage_since: Instant::now(), over: false });
        Self {
            bench,
            attempt,
            span,
            terms: bench.jobs.terms(),
            state,
            bell: Condvar::new(),
            lost: AtomicBool::new(false),
            kept: OnceLock::new(),
            is_video: AtomicBool::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, RunState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn over(&self) {
        self.state().over = true;
        self.bell.notify_all();
    }

    fn publish(&self) {
        self.bench.jobs.publish(&self.attempt.id, Some(self.state().news));
    }

    /// How long a stage may take.
    fn allowed(&self, stage: Stage) -> Option<Duration> {
        let limits = &self.bench.jobs.limits;
        match self.is_video.load(Ordering::Relaxed) {
            true => Some(Duration::from_secs(limits.video_timeout_s)),
            false => stage.allowed(limits),
        }
    }

    /// Whether the stage has taken longer than it may.
    fn overdue(&self, state: &RunState) -> bool {
        self.allowed(state.news.stage).is_some_and(|allowed| state.stage_since.elapsed() > allowed)
    }

    /// Keeps the lease until the attempt is over, is taken away, or hangs in something that does not ask whether to go on.
    fn beat(&self) {
        let every = (self.terms.lease / 3).min(NEWS_EVERY);
        let mut state = self.state();
        while !state.over {
            state = self.bell.wait_timeout(state, every).unwrap_or_else(PoisonError::into_inner).0;
            if state.over || self.overdue(&state) {
                continue;
            }
            let news = state.news;
            drop(state);
            let jobs = &self.bench.jobs;
            let held = jobs.noted(jobs.dispatch.heartbeat(self.attempt, news, self.terms, jobs.now_ms()));
            // What cannot be asked may still be ours; the token decides in the end.
            if held == Ok(false) {
                self.lost.store(true, Ordering::Relaxed);
            }
            state = self.state();
        }
    }

    fn go_on(&self) -> ControlFlow<Error> {
        if self.lost.load(Ordering::Relaxed) {
            return ControlFlow::Break(Error::new(Kind::Cancelled, "the job was taken away"));
        }
        if self.bench.stop.load(Ordering::Relaxed) {
            return ControlFlow::Break(Error::new(Kind::Unavailable, "the service is shutting down"));
        }
        let state = self.state();
        if self.overdue(&state) {
            let stage = state.news.stage;
            let allowed_s = self.allowed(stage).unwrap_or_default().as_secs();
            let detail = format!("{} took longer than {allowed_s} s", stage.name());
            return ControlFlow::Break(Error::new(Kind::TimedOut, detail));
        }
        ControlFlow::Continue(())
    }

    fn whole(&self, claim: &Claim) -> Result<(), Error> {
        caught(|| {
            let (jobs, bench) = (&self.bench.jobs, self.bench);
            let pairs: Pairs = serde_urlencoded::from_str(&claim.params)
                .map_err(|_| Error::new(Kind::Internal, "the stored params cannot be read"))?;
            let studio = bench.painter_cache.studio();
            let video = VideoParams::of_query(&pairs).map(|pairs| VideoParams::read(pairs, studio)).transpose()?;
            self.is_video.store(video.is_some(), Ordering::Relaxed);
            let fetching = self.span.part("fetch");
            let photo = fetching.told(jobs.noted(jobs.store.wait(jobs.store.get(&claim.photo))))?;
            drop(fetching);
            let photo = photo.ok_or_else(|| Error::new(Kind::Internal, "the stored photo is gone"))?;
            let need_bytes = match &video {
                Some(params) => video::admit(&photo, params, &jobs.limits)?,
                None => {
                    let (width, height) = codec::stored_size(&photo, &codec_limits(&jobs.limits))?;
                    photo.len() as u64 + width as u64 * height as u64 * BYTES_PER_PIXEL
                }
            };
            let mut reserved = bench.budget.reserve_nothing();
            if !reserved.grow(need_bytes) {
                return Err(Error::new(Kind::Unavailable, "there is no memory for this picture now"));
            }
            let in_progress = bench.metrics.begun();
            let painting = self.span.part("paint");
            let painted = match (&video, jobs.limits.rehearse_ms) {
                (Some(params), _) => video::paint(&bench.painter_cache, &jobs.limits, params, &photo, self),
                (None, rehearse_ms) => Params::read(&pairs, studio).and_then(|params| match rehearse_ms {
                    0 => paint(&bench.painter_cache, &jobs.limits, &params, &photo, self),
                    ms => rehearse(photo, Duration::from_millis(ms), params.format, self),
                }),
            };
            let painted = painting.told(painted)?;
            drop((in_progress, painting));
            self.keep(painted)
        })
    }

    /// Stores the painting.
    fn keep(&self, painted: PaintedFile) -> Result<(), Error> {
        let (jobs, storing) = (&self.bench.jobs, self.span.part("store"));
        self.bench.metrics.painted(painted.took);
        self.state().news.warning = painted.warning;
        let key = Store::key(&painted.bytes);
        if !jobs.noted(jobs.dispatch.announce(self.attempt, &key))? {
            return Err(Error::new(Kind::Cancelled, "the job was taken away"));
        }
        // Nothing was in it.
        let _ = self.kept.set(key.clone());
        let put = storing.told(jobs.noted(jobs.store.wait(jobs.store.put(&key, painted.bytes.into()))));
        put.map_err(|error| Error { detail: format!("the painting could not be stored: {}", error.detail), ..error })
    }

    /// Ends the attempt in the queue.
    fn conclude(&self, end: Result<(), Error>) -> Outcome {
        let (jobs, news) = (&self.bench.jobs, self.state().news);
        let done = |news: News| News { stage: Stage::Done, progress: 1.0, ..news };
        let (outcome, told) = match end {
            Ok(()) => (Outcome::Done, jobs.dispatch.finish(self.attempt, Ok(done(news)))),
            // What passes by itself is waited for.
            Err(error) if error.kind == Kind::Unavailable && error.retry_after_s.is_some() => {
                let put_off = jobs.dispatch.put_off(self.attempt, error, self.terms, jobs.now_ms());
                if put_off == Ok(PutOff::GivenUp) {
                    self.bench.metrics.failed(Kind::Internal);
                    (Outcome::Failed(Kind::Internal), Ok(true))
                } else {
                    (Outcome::PutOff, put_off.map(|put_off| put_off != PutOff::Lost))
                }
            }
            Err(error) if error.kind == Kind::Unavailable => {
                (Outcome::GivenBack, jobs.dispatch.give_back(self.attempt))
            }
            Err(error) if error.kind == Kind::Cancelled => return self.counted(Outcome::Lost),
            Err(error) => {
                self.bench.metrics.failed(error.kind);
                (Outcome::Failed(error.kind), jobs.dispatch.finish(self.attempt, Err(error)))
            }
        };
        match jobs.noted(told) {
            Ok(true) => self.counted(outcome),
            Ok(false) => {
                // The job was taken away while the painting was stored: nobody else knows that it is there.
                if let Some(key) = self.kept.get() {
                    let _ = jobs.noted(jobs.store.wait(jobs.store.delete(key)));
                }
                self.counted(Outcome::Lost)
            }
            // The lease runs out, and the job is run again.
            Err(_) => self.counted(Outcome::Lost),
        }
    }

    fn counted(&self, outcome: Outcome) -> Outcome {
        self.bench.metrics.job(match outcome {
            Outcome::Done => "done",
            Outcome::Failed(_) => "failed",
            Outcome::Lost => "lost",
            Outcome::GivenBack => "given-back",
            Outcome::PutOff => "put-off",
            Outcome::Empty => return outcome,
        });
        outcome
    }
}

/// Takes as long as it is told and gives the photo back.
fn rehearse(photo: Bytes, time: Duration, format: Format, watcher: &dyn Watcher) -> Result<PaintedFile, Error> {
    const PARTS: u32 = 10;
    let mut go_on = watcher.stage(Stage::Painting);
    for part in 0..PARTS {
        if let ControlFlow::Break(error) = go_on {
            return Err(error);
        }
        std::thread::sleep(time / PARTS);
        go_on = watcher.part(part as usize + 1, PARTS as usize);
    }
    Ok(PaintedFile {
        bytes: photo.to_vec(),
        media_type: format.media_type(),
        took: Took { painting: time, ..Took::default() },
        warning: None,
    })
}

impl Watcher for Run<'_> {
    fn stage(&self, stage: Stage) -> ControlFlow<Error> {
        let mut state = self.state();
        state.news.stage = stage;
        state.stage_since = Instant::now();
        drop(state);
        self.publish();
        self.go_on()
    }

    fn size(&self, width: usize, height: usize) {
        self.state().news.size = Some((width, height));
    }

    fn part(&self, done: usize, total: usize) -> ControlFlow<Error> {
        self.state().news.progress = done as f32 / total.max(1) as f32;
        self.publish();
        self.go_on()
    }
}
