//! Jobs with planned failures: processes that die, disks that fill, clocks that jump.

mod sqlite;
mod store;
mod suite;

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

/// Where the queue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum On {
    File,
    Broker,
}

/// A workshop with one worker at a time, a disk and a clock of its own.
struct Workshop {
    bench: Bench,
    disk: Arc<Disk>,
    now_ms: Arc<AtomicI64>,
    /// Before the broker: what ends last can still talk to it.
    runtime: Runtime,
    folder: TempDir,
    on: On,
    #[cfg(feature = "cluster")]
    broker: Option<nats::testing::Server>,
}

impl Workshop {
    fn new(on: On, change: impl FnOnce(&mut Limits)) -> Self {
        let (runtime, folder) = (Runtime::new().unwrap(), tempfile::tempdir().unwrap());
        // The broker goes by the true time.
        let mut limits = Limits { lease_s: if on == On::File { 60 } else { 2 }, ..Limits::default() };
        change(&mut limits);
        let (disk, now_ms) = (Arc::new(Disk::default()), Arc::new(AtomicI64::new(1_700_000_000_000)));
        #[cfg(feature = "cluster")]
        let broker = (on == On::Broker).then(|| nats::testing::Server::start().expect("there is a nats-server"));
        let bench = bench(
            &runtime,
            &folder,
            #[cfg(feature = "cluster")]
            broker.as_ref(),
            &disk,
            &now_ms,
            limits,
        );
        Self {
            bench,
            disk,
            now_ms,
            runtime,
            folder,
            on,
            #[cfg(feature = "cluster")]
            broker,
        }
    }

    /// Another process on the same store.
    fn another(&self) -> Bench {
        bench(
            &self.runtime,
            &self.folder,
            #[cfg(feature = "cluster")]
            self.broker.as_ref(),
            &self.disk,
            &self.now_ms,
            self.bench.jobs.limits.clone(),
        )
    }

    fn submit(&self, photo: Vec<u8>) -> String {
        let origin = Origin::default();
        self.bench.jobs.submit(photo.into(), "max_side=8".into(), "png", 0, origin).unwrap().id
    }

    fn submit_from(&self, origin: Origin) -> String {
        self.bench.jobs.submit(picture(24, 16).into(), "max_side=8".into(), "png", 0, origin).unwrap().id
    }

    /// Begins the next job, for good.
    fn begin(&self) -> String {
        self.die_over_the_next().id
    }

    fn lease_s(&self) -> i64 {
        self.bench.jobs.limits.lease_s as i64
    }

    /// So long passes, by all clocks.
    fn pass(&self, seconds: i64) {
        self.later(seconds);
        if self.on == On::Broker {
            std::thread::sleep(Duration::from_secs(seconds as u64));
        }
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

fn bench(
    runtime: &Runtime,
    folder: &TempDir,
    #[cfg(feature = "cluster")] broker: Option<&nats::testing::Server>,
    disk: &Arc<Disk>,
    now_ms: &Arc<AtomicI64>,
    limits: Limits,
) -> Bench {
    let _within = runtime.enter();
    let store = Store::of(Arc::clone(disk) as _, Key::default(), "the disk".into());
    let (now_ms, budget) = (Arc::clone(now_ms), Budget::new(limits.max_memory_bytes));
    let clock: Clock = Arc::new(move || now_ms.load(Ordering::Relaxed));
    let in_file = || Arc::new(Sqlite::open(&folder.path().join("jobs.sqlite")).unwrap());
    #[cfg(feature = "cluster")]
    let jobs = match broker {
        Some(broker) => {
            let address = broker.address(Duration::from_secs(limits.lease_s));
            let queue = runtime.block_on(Nats::open(&address, nats::Part::Front, limits.max_memory_bytes));
            Jobs::new(Arc::new(queue.unwrap()), store, limits, clock)
        }
        None => Jobs::new(in_file(), store, limits, clock),
    };
    #[cfg(not(feature = "cluster"))]
    let jobs = Jobs::new(in_file(), store, limits, clock);
    let jobs = Arc::new(jobs);
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
