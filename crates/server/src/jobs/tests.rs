//! Jobs with planned failures: processes that die, disks that fill, clocks that jump.

use super::queue::{Attempt, New, Terms};
use super::sweeper::Sweeper;
use super::worker::{Bench, Outcome, run_one};
use super::*;
use crate::budget::Budget;
use crate::metrics::Metrics;
use crate::painter_cache::PainterCache;
use crate::testing::picture;
use kaiga::Studio;
use object_store::memory::InMemory;
use object_store::path::Path as Key;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result as StoreResult,
};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Objects in memory, on a disk that can be full.
#[derive(Debug, Default)]
struct Disk {
    objects: InMemory,
    full: AtomicBool,
}

impl std::fmt::Display for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a disk")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Disk {
    async fn put_opts(&self, location: &Key, payload: PutPayload, opts: PutOptions) -> StoreResult<PutResult> {
        if self.full.load(Ordering::Relaxed) {
            // What the system says: ENOSPC.
            let source = Box::new(std::io::Error::from_raw_os_error(28));
            return Err(object_store::Error::Generic { store: "disk", source });
        }
        self.objects.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(&self, at: &Key, opts: PutMultipartOptions) -> StoreResult<Box<dyn MultipartUpload>> {
        self.objects.put_multipart_opts(at, opts).await
    }

    async fn get_opts(&self, location: &Key, options: GetOptions) -> StoreResult<GetResult> {
        self.objects.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: futures_util::stream::BoxStream<'static, StoreResult<Key>>,
    ) -> futures_util::stream::BoxStream<'static, StoreResult<Key>> {
        self.objects.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Key>) -> futures_util::stream::BoxStream<'static, StoreResult<ObjectMeta>> {
        self.objects.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Key>) -> StoreResult<ListResult> {
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Key, to: &Key, options: CopyOptions) -> StoreResult<()> {
        self.objects.copy_opts(from, to, options).await
    }
}

/// A workshop with one worker at a time, a disk and a clock of its own.
struct Workshop {
    bench: Bench,
    disk: Arc<Disk>,
    now_ms: Arc<AtomicI64>,
    runtime: Runtime,
    folder: TempDir,
}

const LEASE_S: u64 = 60;

impl Workshop {
    fn new(change: impl FnOnce(&mut Limits)) -> Self {
        let (runtime, folder) = (Runtime::new().unwrap(), tempfile::tempdir().unwrap());
        let mut limits = Limits { lease_s: LEASE_S, ..Limits::default() };
        change(&mut limits);
        let (disk, now_ms) = (Arc::new(Disk::default()), Arc::new(AtomicI64::new(1_700_000_000_000)));
        let bench = bench(&runtime, &folder, &disk, &now_ms, limits);
        Self { bench, disk, now_ms, runtime, folder }
    }

    /// Another process on the same store.
    fn another(&self) -> Bench {
        bench(&self.runtime, &self.folder, &self.disk, &self.now_ms, self.bench.jobs.limits.clone())
    }

    fn submit(&self, photo: Vec<u8>) -> String {
        self.bench.jobs.submit(photo.into(), "max_side=8".into(), "png", 0).unwrap().id
    }

    fn job(&self, id: &str) -> Job {
        self.bench.jobs.job(id).unwrap().unwrap()
    }

    fn later(&self, seconds: i64) {
        self.now_ms.fetch_add(seconds * 1000, Ordering::Relaxed);
    }

    /// Begins a job and dies.
    fn die_over_the_next(&self) -> Attempt {
        let jobs = &self.bench.jobs;
        jobs.dispatch.claim(jobs.terms(), u64::MAX, jobs.now_ms()).unwrap().unwrap().attempt
    }

    fn run_all(&self) -> Vec<Outcome> {
        std::iter::from_fn(|| Some(run_one(&self.bench)).filter(|outcome| *outcome != Outcome::Empty)).collect()
    }

    fn stored(&self) -> usize {
        use futures_util::StreamExt;
        self.runtime.block_on(self.disk.objects.list(None).count())
    }
}

fn bench(runtime: &Runtime, folder: &TempDir, disk: &Arc<Disk>, now_ms: &Arc<AtomicI64>, limits: Limits) -> Bench {
    let _within = runtime.enter();
    let store = Store::of(Arc::clone(disk) as _, Key::default(), "the disk".into());
    let queue = Arc::new(Sqlite::open(&folder.path().join("jobs.sqlite")).unwrap());
    let now_ms = Arc::clone(now_ms);
    let budget = Budget::new(limits.max_memory_bytes);
    let jobs = Arc::new(Jobs::new(queue, store, limits, Arc::new(move || now_ms.load(Ordering::Relaxed))));
    let metrics = Arc::new(Metrics::default());
    Bench {
        painter_cache: Arc::new(PainterCache::new(Studio::embedded().unwrap(), Arc::clone(&metrics))),
        jobs,
        budget,
        metrics,
        closing: AtomicBool::new(false),
        stop: AtomicBool::new(false),
    }
}

#[test]
fn jobs_run_in_order_and_end_with_a_painting_or_a_reason() {
    let shop = Workshop::new(|_| ());
    let mut cut = picture(24, 16);
    cut.truncate(60);
    let [one, broken, two] = [picture(24, 16), cut, picture(10, 30)].map(|photo| shop.submit(photo));
    assert_eq!((shop.job(&one).position, shop.job(&two).position, shop.stored()), (Some(0), Some(2), 3));
    assert_eq!(shop.run_all(), [Outcome::Done, Outcome::Failed(Kind::BrokenPicture), Outcome::Done]);
    let job = shop.job(&two);
    assert_eq!((job.state, job.news.size, job.news.progress, job.position), (State::Done, Some((3, 8)), 1.0, None));
    let painting = shop.bench.jobs.store.wait(shop.bench.jobs.store.get(&job.result.unwrap())).unwrap().unwrap();
    let painting = pixels::codec::read(&painting, &Default::default()).unwrap().image;
    assert_eq!((painting.width(), painting.height()), (3, 8));
    let job = shop.job(&broken);
    assert_eq!((job.state, job.error.map(|error| error.kind)), (State::Failed, Some(Kind::BrokenPicture)));
    assert_eq!(shop.stored(), 2, "photos are deleted as soon as nobody needs them");
}

#[test]
fn a_look_is_prepared_once_for_all_jobs_that_want_it() {
    let shop = Workshop::new(|_| ());
    for photo in [picture(24, 16), picture(10, 30)] {
        shop.submit(photo);
    }
    assert_eq!(shop.run_all(), [Outcome::Done, Outcome::Done]);
    assert_eq!(shop.bench.metrics.looks_prepared(), 1);
}

#[test]
fn a_job_whose_process_died_is_run_again_once() {
    let shop = Workshop::new(|_| ());
    let id = shop.submit(picture(24, 16));
    shop.die_over_the_next();
    assert_eq!(run_one(&shop.bench), Outcome::Empty, "the lease holds");
    shop.later(LEASE_S as i64 + 1);
    assert_eq!(run_one(&shop.bench), Outcome::Done);
    assert_eq!(shop.job(&id).state, State::Done);

    let id = shop.submit(picture(24, 16));
    for _ in 0..2 {
        shop.die_over_the_next();
        shop.later(LEASE_S as i64 + 1);
    }
    assert_eq!(run_one(&shop.bench), Outcome::Empty, "attempts are counted before they are made");
    let job = shop.job(&id);
    let error = job.error.unwrap();
    assert_eq!((job.state, error.kind), (State::Failed, Kind::Internal));
    assert_eq!(error.detail, "the service stopped 2 times while it painted this picture");
}

#[test]
fn a_job_begun_twice_ends_once() {
    let shop = Workshop::new(|_| ());
    let (id, queue) = (shop.submit(picture(24, 16)), &shop.bench.jobs.dispatch);
    let slow = shop.die_over_the_next();
    shop.later(LEASE_S as i64 + 1);
    let quick = shop.die_over_the_next();
    assert_eq!((slow.number, quick.number), (1, 2));
    let terms = shop.bench.jobs.terms();
    assert!(!queue.heartbeat(&slow, News::default(), terms, shop.bench.jobs.now_ms()).unwrap());
    assert!(!queue.announce(&slow, "painting").unwrap());
    assert!(!queue.finish(&slow, Ok(News::default())).unwrap());
    assert!(!queue.give_back(&slow).unwrap());
    assert!(queue.announce(&quick, "painting").unwrap() && queue.finish(&quick, Ok(News::default())).unwrap());
    assert!(!queue.finish(&quick, Err(Error::new(Kind::Internal, "late"))).unwrap());
    let job = shop.job(&id);
    assert_eq!((job.state, job.result.as_deref()), (State::Done, Some("painting")));
}

#[test]
fn two_processes_on_one_store_do_every_job_once() {
    let shop = Workshop::new(|_| ());
    let ids: Vec<String> = (0..24).map(|i| shop.submit(picture(8 + i, 8))).collect();
    let other = shop.another();
    let count = |bench: &Bench| {
        let outcomes = std::iter::from_fn(|| Some(run_one(bench)).filter(|outcome| *outcome != Outcome::Empty));
        outcomes.inspect(|outcome| assert_eq!(*outcome, Outcome::Done)).count()
    };
    let (mine, others) = std::thread::scope(|scope| {
        let others = scope.spawn(|| count(&other));
        (count(&shop.bench), others.join().unwrap())
    });
    assert_eq!(mine + others, ids.len());
    assert!(ids.iter().all(|id| shop.job(id).state == State::Done));
}

#[test]
fn a_full_disk_is_told_and_gets_over() {
    let shop = Workshop::new(|_| ());
    let before = shop.submit(picture(24, 16));
    shop.disk.full.store(true, Ordering::Relaxed);
    let refused = shop.bench.jobs.submit(picture(9, 9).into(), String::new(), "png", 0).unwrap_err();
    let words =
        "pictures in the disk cannot be written: No space left on device (os error 28); the disk is full: make room";
    assert_eq!((refused.kind, refused.detail.as_str()), (Kind::Unavailable, words));
    assert_eq!(shop.bench.jobs.trouble().as_deref(), Some(words));
    assert_eq!(
        shop.run_all(),
        [Outcome::Failed(Kind::Internal)],
        "the painting has no place; the one refused is not run"
    );
    assert!(shop.job(&before).error.unwrap().detail.contains("could not be stored"));
    let mut sweeper = Sweeper::new(&shop.bench.jobs);
    sweeper.step(&shop.bench.jobs);
    assert!(shop.bench.jobs.trouble().is_some(), "it is still full");
    shop.disk.full.store(false, Ordering::Relaxed);
    sweeper.step(&shop.bench.jobs);
    assert_eq!(shop.bench.jobs.trouble(), None);
    let id = shop.submit(picture(9, 9));
    assert_eq!(shop.run_all(), [Outcome::Done]);
    assert_eq!((shop.job(&id).state, shop.stored()), (State::Done, 1));
}

#[test]
fn the_clock_may_jump() {
    let shop = Workshop::new(|_| ());
    let mut sweeper = Sweeper::new(&shop.bench.jobs);
    let (id, ttl_s) = (shop.submit(picture(24, 16)), shop.bench.jobs.limits.result_ttl_s as i64);
    shop.die_over_the_next();
    shop.later(-86_400);
    assert_eq!(sweeper.step(&shop.bench.jobs).jump_ms.map(|ms| ms / 60_000), Some(-1440));
    assert_eq!(shop.run_all(), [Outcome::Done], "a lease of before the clock was set back is not waited for");
    shop.later(86_400 + ttl_s);
    assert_eq!(sweeper.step(&shop.bench.jobs).expired, 1);
    let job = shop.job(&id);
    assert_eq!((job.state, job.result, shop.stored()), (State::Done, None, 0), "deleted, and still known");
    shop.later(ttl_s);
    sweeper.step(&shop.bench.jobs);
    assert_eq!(shop.bench.jobs.job(&id), Ok(None));
}

#[test]
fn what_nobody_painted_in_time_fails() {
    let shop = Workshop::new(|_| ());
    let id = shop.submit(picture(24, 16));
    shop.later(shop.bench.jobs.limits.result_ttl_s as i64);
    Sweeper::new(&shop.bench.jobs).step(&shop.bench.jobs);
    assert_eq!(shop.job(&id).error.unwrap().kind, Kind::TimedOut);
    assert_eq!((shop.run_all(), shop.stored()), (vec![], 0));
}

#[test]
fn a_deleted_job_leaves_nothing_and_spares_others() {
    let shop = Workshop::new(|_| ());
    let [one, two] = [picture(24, 16), picture(24, 16)].map(|photo| shop.submit(photo));
    assert_eq!(shop.stored(), 2, "no two jobs share a picture");
    assert!(shop.bench.jobs.delete(&one).unwrap());
    assert_eq!((shop.job(&one).state, shop.stored()), (State::Cancelled, 1));
    assert_eq!(shop.run_all(), [Outcome::Done]);
    assert!(shop.bench.jobs.delete(&two).unwrap() && !shop.bench.jobs.delete("nobody").unwrap());
    assert_eq!((shop.job(&two).result, shop.stored()), (None, 0));
}

#[test]
fn a_job_deleted_while_it_is_painted_leaves_nothing() {
    let shop = Workshop::new(|_| ());
    let id = shop.submit(picture(24, 16));
    let mut news = shop.bench.jobs.listen();
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| {
            // The first news is that it is begun.
            assert_eq!(news.blocking_recv(), Ok(id.clone()));
            assert!(shop.bench.jobs.delete(&id).unwrap());
        });
        run_one(&shop.bench)
    });
    assert!(matches!(outcome, Outcome::Lost | Outcome::Done), "{outcome:?}");
    assert_eq!((shop.job(&id).state, shop.stored()), (State::Cancelled, 0));
}

#[test]
fn who_shuts_down_gives_back() {
    let shop = Workshop::new(|_| ());
    let id = shop.submit(picture(24, 16));
    shop.bench.stop.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        assert_eq!(run_one(&shop.bench), Outcome::GivenBack, "and it is not counted as an attempt");
    }
    shop.bench.closing.store(true, Ordering::Relaxed);
    assert_eq!(run_one(&shop.bench), Outcome::Empty);
    shop.bench.stop.store(false, Ordering::Relaxed);
    shop.bench.closing.store(false, Ordering::Relaxed);
    assert_eq!((run_one(&shop.bench), shop.job(&id).state), (Outcome::Done, State::Done));
}

#[test]
fn a_painting_that_takes_too_long_fails() {
    let shop = Workshop::new(|limits| limits.paint_timeout_s = 0);
    let id = shop.submit(picture(24, 16));
    assert_eq!(shop.run_all(), [Outcome::Failed(Kind::TimedOut)]);
    assert_eq!(shop.job(&id).error.unwrap().detail, "painting took longer than 0 s");
}

#[test]
fn the_queue_is_bounded() {
    let shop = Workshop::new(|limits| limits.jobs_max = 1);
    shop.submit(picture(24, 16));
    let refused = shop.bench.jobs.submit(picture(9, 9).into(), String::new(), "png", 0).unwrap_err();
    assert_eq!((refused.kind, refused.retry_after_s), (Kind::QueueFull, Some(10)));
    assert_eq!(shop.bench.jobs.states.depth(shop.bench.jobs.now_ms() + 500).unwrap().oldest_ms, 500);
}

#[test]
fn a_damaged_picture_in_the_store_is_noticed() {
    let shop = Workshop::new(|_| ());
    let id = shop.submit(picture(24, 16));
    let _ = shop.runtime.block_on(async {
        use futures_util::TryStreamExt;
        use object_store::ObjectStoreExt;
        let photo = shop.disk.objects.list(None).try_next().await.unwrap().unwrap().location;
        shop.disk.objects.put(&photo, PutPayload::from_static(b"other")).await
    });
    assert_eq!(shop.run_all(), [Outcome::Failed(Kind::Internal)]);
    assert_eq!(shop.job(&id).error.unwrap().detail, "the stored picture is damaged");
}

#[test]
fn a_picture_on_its_way_out_breaks_off_if_it_is_damaged() {
    use futures_util::StreamExt;
    use object_store::ObjectStoreExt;
    let shop = Workshop::new(|_| ());
    let (store, key) = (&shop.bench.jobs.store, Store::key(b"painting"));
    let read = || -> Vec<Result<bytes::Bytes, Error>> {
        store.wait(async { store.open(&key).await.unwrap().unwrap().1.collect().await })
    };
    store.wait(store.put(&key, "painting".into())).unwrap();
    assert_eq!(read(), [Ok("painting".into())]);
    let damaged = PutPayload::from_static(b"other");
    let _ = store.wait(async { shop.disk.objects.put(&Key::from(format!("{}/{key}", &key[..2])), damaged).await });
    assert_eq!(read().pop().unwrap().unwrap_err().kind, Kind::Internal);
}

#[test]
fn a_database_that_was_removed_is_noticed() {
    let shop = Workshop::new(|_| ());
    let mut sweeper = Sweeper::new(&shop.bench.jobs);
    std::fs::remove_file(shop.folder.path().join("jobs.sqlite")).unwrap();
    sweeper.step(&shop.bench.jobs);
    assert!(shop.bench.jobs.trouble().unwrap().contains("was removed"));
}

#[test]
fn a_file_that_is_no_database_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.sqlite");
    std::fs::write(&path, "this was a database before the disk failed".repeat(100)).unwrap();
    let words = Sqlite::open(&path).err().unwrap().detail;
    assert!(words.contains("is damaged (") && words.contains("move it away") && words.contains(".recover"), "{words}");

    // One that opens, and is damaged inside.
    std::fs::remove_file(&path).unwrap();
    let queue = Sqlite::open(&path).unwrap();
    for i in 0..200 {
        let new = New {
            id: format!("{i}"),
            photo: "x".repeat(64),
            params: "y".repeat(200),
            format: "png".into(),
            need_bytes: 0,
            expires_ms: 1,
        };
        queue.enter(&new, 1000, 0).unwrap();
    }
    drop(queue);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8192].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
    let words = Sqlite::open(&path).err().unwrap().detail;
    assert!(words.contains("is damaged ("), "{words}");
}

#[test]
fn a_store_that_cannot_be_written_is_told_with_what_to_do() {
    let words = Sqlite::open(std::path::Path::new("/proc/kaiga/jobs.sqlite")).err().unwrap().detail;
    assert!(words.contains("make it and its folder writable"), "{words}");
    let runtime = Runtime::new().unwrap();
    let _within = runtime.enter();
    let words = Store::folder(std::path::Path::new("/proc/kaiga")).err().unwrap().detail;
    assert!(words.starts_with("cannot use /proc/kaiga for pictures") && words.contains("make it writable"), "{words}");
}

#[test]
fn pictures_in_a_folder_are_whole_and_named_by_what_is_in_them() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), Runtime::new().unwrap());
    let _within = runtime.enter();
    let store = Store::folder(folder.path()).unwrap();
    let key = Store::key(b"painting");
    store.wait(store.put(&key, "painting".into())).unwrap();
    assert_eq!(std::fs::read(folder.path().join(&key[..2]).join(&key)).unwrap(), b"painting");
    assert_eq!(store.wait(store.get(&key)).unwrap().as_deref(), Some(&b"painting"[..]));
    for _ in 0..2 {
        store.wait(store.delete(&key)).unwrap();
        assert_eq!(store.wait(store.get(&key)), Ok(None));
    }
    assert!(Store::at("ftp://somewhere").is_err());
}

#[test]
fn a_job_that_needs_much_memory_does_not_hold_up_small_ones_and_gets_its_turn() {
    let shop = Workshop::new(|_| ());
    let jobs = &shop.bench.jobs;
    let submit = |need_bytes| jobs.submit(picture(24, 16).into(), String::new(), "png", need_bytes).unwrap().id;
    let [big, small, another] = [900, 100, 100].map(submit);
    let claim = |room| jobs.dispatch.claim(jobs.terms(), room, jobs.now_ms()).unwrap().map(|claim| claim.attempt.id);
    assert_eq!(claim(500), Some(small), "the big one is passed by");
    shop.later(31);
    assert_eq!(claim(500), None, "but not for ever: memory is left to become free");
    assert_eq!([claim(1000), claim(500)], [Some(big), Some(another)]);
}

#[test]
fn a_database_of_the_layout_before_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.sqlite");
    drop(Sqlite::open(&path).unwrap());
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(
        "ALTER TABLE jobs DROP COLUMN need_bytes; ALTER TABLE jobs DROP COLUMN warning; PRAGMA user_version = 1;",
    )
    .unwrap();
    drop(old);
    let queue = Sqlite::open(&path).unwrap();
    assert_eq!(queue.claim(Terms { lease: Duration::from_secs(1), attempts_max: 1 }, 0, 0).unwrap().map(drop), None);
}

#[test]
fn a_lease_is_kept_by_heartbeats() {
    let shop = Workshop::new(|_| ());
    shop.submit(picture(24, 16));
    let (attempt, jobs) = (shop.die_over_the_next(), &shop.bench.jobs);
    let terms = Terms { lease: Duration::from_secs(LEASE_S), attempts_max: 2 };
    for _ in 0..3 {
        shop.later(LEASE_S as i64 - 1);
        assert!(jobs.dispatch.heartbeat(&attempt, News::default(), terms, jobs.now_ms()).unwrap());
        assert_eq!(run_one(&shop.bench), Outcome::Empty);
    }
}
