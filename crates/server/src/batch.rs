//! A folder or bucket of photos and videos becomes jobs, and another one holds their paintings.
//!
//! It may be interrupted at any point and started again. What is done is seen in three places, none of which is trusted alone: the
//! *manifest*, lines beside the paintings that say what became of each photo; the paintings themselves; and the queue, where a
//! photo's job has a name made of what is asked for, so that handing it in again finds the same job. Videos become several jobs,
//! `film`.

mod film;
mod place;

use crate::config::Config;
use crate::error::{Error, Kind};
use crate::jobs::{Class, Job, Jobs, Origin, State};
use crate::params::{Pairs, Params};
use crate::serve::{House, open};
use crate::trace::{self, Span};
use ::video::Preset;
use bytes::Bytes;
use object_store::ObjectMeta;
use pixels::codec::Format;
use place::Place;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Where the manifest lies among the paintings.
const MANIFEST: &str = ".kaiga-batch";
/// Lines of the manifest are written after so long, or when there are so many.
const WRITE_EVERY: Duration = Duration::from_secs(5);
const LINES: usize = 1000;
/// How long something that passes is waited for before a photo counts as failed.
const PATIENCE: Duration = Duration::from_secs(600);
/// A job is looked at unasked after so long.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often one is told how it goes.
const TELL_EVERY: Duration = Duration::from_millis(500);
/// Rates are of the last so many seconds.
const RATE_OVER: Duration = Duration::from_secs(30);

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Order {
    /// The photos and videos: a folder or the address of a bucket.
    pub input: String,
    /// Where the paintings go.
    pub output: String,
    /// Names and values as the HTTP interface has them.
    pub params: Vec<(String, String)>,
    /// How much time videos may take.
    pub preset: Preset,
    /// Photos, and pieces of a video, that are under way at a time.
    pub at_a_time: usize,
    /// Try those again that failed before.
    pub retry_failed: bool,
}

/// How it goes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Photos there are.
    pub total: usize,
    /// Those that had a painting, or had failed, before this run.
    pub before: usize,
    /// Painted in this run.
    pub done: usize,
    /// Failed in this run.
    pub failed: usize,
    /// Pieces of videos that were painted in this run, of those that videos have been cut into so far.
    pub pieces: (usize, usize),
    /// Pictures a second, over the last half minute.
    pub per_second: f64,
}

/// A line of the manifest.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Line {
    /// The photo, below the folder of the photos.
    photo: String,
    /// The painting, below that of the paintings; nothing if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    painting: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Of the photo, so that one that was changed since is painted anew.
    version: String,
    /// The job that painted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<String>,
}

/// Paints all photos, in this process or in workers on the same queue. `told` hears how it goes; setting `stop` ends it.
///
/// # Errors
/// In a sentence: what keeps it from beginning or going on. Photos that fail are counted, not errors.
pub fn batch(config: Config, order: &Order, stop: &AtomicBool, told: &mut dyn FnMut(&Tally)) -> Result<Tally, String> {
    crate::log::start(&config);
    let _sending = trace::start("kaiga batch")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    let within = runtime.enter();
    let (input, output) = (Place::of(&order.input)?, Place::of(&order.output)?);
    let house = open(config, true)?;
    let batch = Batch::begin(&house, order, input, output, runtime.handle().clone())?;
    let tally = batch.run(stop, told);
    house.bench.closing.store(true, Ordering::Relaxed);
    house.bench.stop.store(true, Ordering::Relaxed);
    house.app.pool.close();
    house.go_home();
    drop(within);
    runtime.shutdown_background();
    tally
}

/// A photo or video that is to be painted.
struct Todo {
    photo: String,
    painting: String,
    version: String,
}

/// What is done one after the other, by so many threads.
struct Lane {
    todo: Vec<Todo>,
    next: AtomicUsize,
    threads: usize,
}

impl Lane {
    fn new(todo: Vec<Todo>, threads: usize) -> Self {
        let threads = threads.min(todo.len());
        Self { todo, next: AtomicUsize::new(0), threads }
    }
}

/// A job as it is handed in, once or again.
struct Work<'a> {
    /// What it is called, beside how often it is handed in anew.
    name: String,
    query: String,
    format: &'a str,
    /// The file, and what it takes to paint it, bytes. Read when it is needed.
    read: &'a (dyn Fn() -> Result<(Bytes, u64), Error> + 'a),
    trace: Option<String>,
}

struct Batch<'a> {
    jobs: Arc<Jobs>,
    house: &'a House,
    order: &'a Order,
    query: String,
    format: &'static str,
    input: Place,
    output: Place,
    runtime: tokio::runtime::Handle,
    photos: Lane,
    films: Lane,
    before: Tally,
    done: AtomicUsize,
    failed: AtomicUsize,
    pieces: (AtomicUsize, AtomicUsize),
    /// Only one video is looked through at a time.
    looking: Mutex<()>,
    lines: Mutex<Vec<Line>>,
    /// Of this run's files.
    run: String,
    files: AtomicUsize,
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which painting belongs to a photo: names that differ stay different.
fn painting_of(photo: &str, format: Format) -> String {
    let extension = photo.rsplit_once('.').and_then(|(_, extension)| Format::from_extension(extension));
    if extension == Some(format) { photo.to_owned() } else { format!("{photo}.{}", format.extension()) }
}

fn version_of(about: &ObjectMeta) -> String {
    let tag = about.e_tag.as_deref().unwrap_or_default();
    format!("{}-{}-{tag}", about.size, about.last_modified.timestamp_millis())
}

impl<'a> Batch<'a> {
    /// Finds out what is to be done.
    fn begin(
        house: &'a House,
        order: &'a Order,
        input: Place,
        output: Place,
        runtime: tokio::runtime::Handle,
    ) -> Result<Self, String> {
        let pairs: Pairs = order.params.clone();
        let params = Params::read(&pairs, house.bench.painter_cache.studio()).map_err(|error| error.detail)?;
        let query = serde_urlencoded::to_string(&pairs).map_err(|error| error.to_string())?;
        let photos = runtime.block_on(input.list())?;
        let (paintings, manifest): (Vec<_>, Vec<_>) =
            runtime.block_on(output.list())?.into_iter().partition(|(name, _)| !name.starts_with(MANIFEST));
        let paintings: HashSet<String> = paintings.into_iter().map(|(name, _)| name).collect();
        let mut known: HashMap<String, Line> = HashMap::new();
        for (name, _) in manifest.iter().filter(|(name, _)| name.ends_with(".jsonl")) {
            let text = runtime.block_on(output.get(name))?;
            // The last line of a file that was cut off is made again.
            let lines = text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Line>(line).ok());
            known.extend(lines.map(|line| (line.photo.clone(), line)));
        }
        let (mut todo, mut films, mut total) = (Vec::new(), Vec::new(), 0);
        let mut lines = Vec::new();
        for (photo, about) in photos {
            let is_photo =
                photo.rsplit_once('.').and_then(|(_, extension)| Format::from_extension(extension)).is_some();
            let is_film = !is_photo && ::video::looks_like_video(Path::new(&photo));
            if !is_photo && !is_film || photo.starts_with(MANIFEST) {
                continue;
            }
            total += 1;
            let painting = if is_film { film::painting_of(&photo) } else { painting_of(&photo, params.format) };
            let version = version_of(&about);
            let line = known.get(&photo).filter(|line| line.version == version);
            let is_there = paintings.contains(&painting);
            let failed_before = line.is_some_and(|line| line.error.is_some());
            let changed_since = known.contains_key(&photo) && line.is_none();
            if is_there && !changed_since {
                if line.is_none_or(|line| line.error.is_some()) {
                    // Painted, and interrupted before it was written down.
                    lines.push(Line { photo, painting: Some(painting), error: None, version, job: None });
                }
            } else if !failed_before || order.retry_failed {
                let todo = if is_film { &mut films } else { &mut todo };
                todo.push(Todo { photo, painting, version });
            }
        }
        let before = Tally { total, before: total - todo.len() - films.len(), ..Tally::default() };
        Ok(Self {
            jobs: Arc::clone(&house.bench.jobs),
            house,
            order,
            query,
            format: params.format.extension(),
            input,
            output,
            runtime,
            photos: Lane::new(todo, order.at_a_time),
            films: Lane::new(films, film::AT_A_TIME),
            before,
            done: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
            pieces: Default::default(),
            looking: Mutex::default(),
            lines: Mutex::new(lines),
            run: crate::random_name(),
            files: AtomicUsize::new(0),
        })
    }

    fn run(&self, stop: &AtomicBool, told: &mut dyn FnMut(&Tally)) -> Result<Tally, String> {
        let (mut history, mut written) = (vec![(Instant::now(), 0)], Instant::now());
        told(&self.tally(&history));
        std::thread::scope(|scope| {
            let films = (0..self.films.threads).map(|_| scope.spawn(|| self.work(&self.films, Self::film, stop)));
            let photos = (0..self.photos.threads).map(|_| scope.spawn(|| self.work(&self.photos, Self::photo, stop)));
            let threads: Vec<_> = films.chain(photos).collect();
            while threads.iter().any(|thread| !thread.is_finished()) {
                std::thread::sleep(TELL_EVERY);
                history.push((Instant::now(), self.done.load(Ordering::Relaxed) + self.failed.load(Ordering::Relaxed)));
                history.retain(|(at, _)| at.elapsed() < RATE_OVER);
                told(&self.tally(&history));
                if written.elapsed() > WRITE_EVERY || lock(&self.lines).len() >= LINES {
                    written = Instant::now();
                    if let Err(error) = self.write_lines() {
                        tracing::error!(error, "the manifest cannot be written: it is tried again");
                    }
                }
            }
        });
        let written = self.write_lines();
        let tally = self.tally(&history);
        told(&tally);
        written.map(|()| tally).map_err(|error| format!("the manifest cannot be written: {error}"))
    }

    fn tally(&self, history: &[(Instant, usize)]) -> Tally {
        let (done, failed) = (self.done.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed));
        let rate = history.first().map_or(0.0, |(at, count)| {
            let seconds = at.elapsed().as_secs_f64();
            if seconds > 0.0 { (done + failed - count) as f64 / seconds } else { 0.0 }
        });
        let pieces = (self.pieces.0.load(Ordering::Relaxed), self.pieces.1.load(Ordering::Relaxed));
        Tally { done, failed, pieces, per_second: rate, ..self.before }
    }

    /// Puts the lines there are into a file of their own: an object can only be written whole.
    fn write_lines(&self) -> Result<(), String> {
        let lines = std::mem::take(&mut *lock(&self.lines));
        if lines.is_empty() {
            return Ok(());
        }
        let text: String =
            lines.iter().filter_map(|line| serde_json::to_string(line).ok()).map(|line| line + "\n").collect();
        // By time, so that a later run's lines count more.
        let at = crate::jobs::system_clock()();
        let name =
            format!("{MANIFEST}/{at:015}-{}-{:06}.jsonl", &self.run[..8], self.files.fetch_add(1, Ordering::Relaxed));
        let put = self.runtime.block_on(self.output.put(&name, text.into()));
        if put.is_err() {
            lock(&self.lines).extend(lines);
        }
        put
    }

    /// One after another, until there are none.
    fn work(&self, lane: &Lane, paint: fn(&Self, &Todo, &AtomicBool) -> Result<String, String>, stop: &AtomicBool) {
        while let Some(todo) = lane.todo.get(lane.next.fetch_add(1, Ordering::Relaxed)) {
            let painted = paint(self, todo, stop);
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let Todo { photo, painting, version } = todo;
            let line = Line { photo: photo.clone(), painting: None, error: None, version: version.clone(), job: None };
            let (count, line) = match painted {
                Ok(job) => (&self.done, Line { painting: Some(painting.clone()), job: Some(job), ..line }),
                Err(error) => (&self.failed, Line { error: Some(error), ..line }),
            };
            lock(&self.lines).push(line);
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The job that painted it.
    fn photo(&self, todo: &Todo, stop: &AtomicBool) -> Result<String, String> {
        let span = Span::begin("photo", None);
        let read = || {
            let photo = self.runtime.block_on(self.input.get(&todo.photo)).map_err(passing)?;
            let need_bytes = self.need_bytes(&photo);
            Ok((photo, need_bytes))
        };
        let work = Work {
            name: self.name(todo),
            query: self.query.clone(),
            format: self.format,
            read: &read,
            trace: span.traceparent(),
        };
        let job = self.hand_in(&work, 0, stop)?;
        let (id, painting) = self.painted(&work, job, stop)?;
        self.patiently(stop, || {
            self.runtime.block_on(self.output.put(&todo.painting, painting.clone())).map_err(passing)
        })?;
        self.done_with(&id);
        Ok(id)
    }

    /// Names what is asked for.
    fn name(&self, todo: &Todo) -> String {
        format!("{}\n{}\n{}\n{}", self.order.input, todo.photo, todo.version, self.query)
    }

    /// A job of its work, or the one that was handed in before under the same name and as often.
    fn hand_in(&self, work: &Work, again: usize, stop: &AtomicBool) -> Result<Job, String> {
        going_on(stop)?;
        let (file, need_bytes) = self.patiently(stop, work.read)?;
        let once = blake3::hash(format!("{}\n{again}", work.name).as_bytes()).to_hex().to_string();
        let job = self.patiently(stop, || {
            let (once, trace) = (Some(once.clone()), work.trace.clone());
            let origin = Origin { tenant: "batch".into(), class: Class::Batch, once, trace };
            self.jobs.submit(file.clone(), work.query.clone(), work.format, need_bytes, origin)
        });
        self.house.app.pool.nudge();
        job
    }

    /// What `job` or those after it paint, and which of them did.
    fn painted(&self, work: &Work, mut job: Job, stop: &AtomicBool) -> Result<(String, Bytes), String> {
        for again in 1..=100 {
            job = self.follow(job, stop)?;
            match (job.state, &job.result) {
                (State::Done, Some(key)) => {
                    let store = &self.jobs.store;
                    let painting = self.patiently(stop, || store.wait(store.get(key)))?;
                    return Ok((job.id, painting.ok_or_else(|| "its painting is gone".to_owned())?));
                }
                // Of a run before: its time is over, somebody deleted it, or it is to be tried again.
                (State::Done | State::Cancelled, _) => {}
                (State::Failed, _) if self.order.retry_failed && again == 1 => {}
                // Its time was over before anybody got round to it.
                (State::Failed, _) if job.expires_ms <= self.jobs.now_ms() => {}
                _ => return Err(job.error.map_or_else(|| "it failed".into(), |error| error.detail)),
            }
            job = self.hand_in(work, again, stop)?;
        }
        Err("its jobs were deleted again and again".into())
    }

    /// Nobody needs the job any more.
    fn done_with(&self, id: &str) {
        // If this does not work, its time will be over some day.
        let _ = self.jobs.delete(id);
    }

    fn need_bytes(&self, photo: &[u8]) -> u64 {
        let limits = crate::paint::codec_limits(&self.jobs.limits);
        let pixels =
            pixels::codec::stored_size(photo, &limits).map_or(0, |(width, height)| width as u64 * height as u64);
        photo.len() as u64 + pixels * crate::BYTES_PER_PIXEL
    }

    /// The job, when it is over.
    fn follow(&self, mut job: Job, stop: &AtomicBool) -> Result<Job, String> {
        let mut news = self.jobs.listen();
        while !job.state.is_final() {
            going_on(stop)?;
            self.runtime.block_on(async {
                // About it, or so many that some were missed.
                let about_it = async { while matches!(news.recv().await, Ok(id) if id != job.id) {} };
                let _ = tokio::time::timeout(LOOK_EVERY, about_it).await;
            });
            let id = job.id.clone();
            let found = self.patiently(stop, || self.jobs.job(&id))?;
            job = found.ok_or_else(|| "its job is gone".to_owned())?;
        }
        Ok(job)
    }

    /// Tries what may pass, for a while.
    fn patiently<T>(&self, stop: &AtomicBool, work: impl Fn() -> Result<T, Error>) -> Result<T, String> {
        let start = Instant::now();
        loop {
            let error = match work() {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            // Jobs that wait are no trouble: some day there is room for one more.
            let full = error.kind == Kind::QueueFull;
            let passes = full || error.retry_after_s.is_some() && start.elapsed() < PATIENCE;
            if !passes || stop.load(Ordering::Relaxed) {
                return Err(error.detail);
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    }
}

/// A run that is stopped leaves its jobs in the queue, where the next one finds them.
fn going_on(stop: &AtomicBool) -> Result<(), String> {
    if stop.load(Ordering::Relaxed) { Err("it was interrupted".into()) } else { Ok(()) }
}

/// A folder or bucket that cannot be reached may be reached later.
fn passing(detail: String) -> Error {
    Error::passing(Kind::Unavailable, detail, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn photos_of_different_names_have_paintings_of_different_names() {
        let names = ["a.jpg", "a.png", "a.jpeg", "b/a.jpg"].map(|photo| painting_of(photo, Format::Jpeg));
        assert_eq!(names, ["a.jpg", "a.png.jpg", "a.jpeg", "b/a.jpg"]);
    }
}
