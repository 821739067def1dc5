//! From a configuration to a running service, and back to nothing on SIGTERM.

use crate::budget::Budget;
use crate::config::{Config, Limits};
use crate::connections::{self, Closing, Door};
use crate::health::Health;
use crate::http::{self, App};
use crate::jobs::sweeper::{self, Sweeper};
use crate::jobs::worker::{Bench, Outcome, run_one};
use crate::jobs::{Jobs, Sqlite, Store, system_clock};
use crate::memory;
use crate::metrics::Metrics;
use crate::painter_cache::PainterCache;
use crate::private;
use crate::trace;
use crate::worker_pool::WorkerPool;
use kaiga::Studio;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpListener;

/// What a process does.
pub enum Role {
    /// Answers requests at the configuration's address, which it tells once it does.
    Serve(Box<dyn FnOnce(SocketAddr)>),
    /// Runs jobs that others hand in on the same store.
    Work,
}

/// Does so until SIGTERM or Ctrl-C, then finishes what is begun.
///
/// # Errors
/// In a sentence: an address cannot be had, the store cannot be opened.
pub fn run(mut config: Config, role: Role) -> Result<(), String> {
    if matches!(role, Role::Work) && !config.runs_jobs() {
        return Err("a worker with 0 painters (workers) would do nothing".into());
    }
    crate::log::start(&config);
    let _sending = trace::start(if matches!(role, Role::Work) { "kaiga worker" } else { "kaiga serve" })?;
    let limits = &mut config.limits;
    if let Some(most_bytes) = memory::most_bytes().filter(|&most_bytes| limits.fit(most_bytes)) {
        let Limits { max_memory_bytes, max_pixels, max_upload_bytes, .. } = *limits;
        tracing::warn!(
            most_bytes,
            max_memory_bytes,
            max_pixels,
            max_upload_bytes,
            "limits lowered to the memory there is"
        );
    }
    if config.limits.rehearse_ms > 0 {
        tracing::warn!(
            ms = config.limits.rehearse_ms,
            "a rehearsal (rehearse_ms): jobs give their photos back unpainted"
        );
    }
    connections::raise_file_limit(config.limits.max_connections);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    let served = runtime.block_on(serve(config, role));
    runtime.shutdown_background();
    served
}

/// A service that is open: what requests need, what jobs need, and the painters.
pub(crate) struct House {
    pub(crate) app: Arc<App>,
    pub(crate) bench: Arc<Bench>,
    painters: Vec<JoinHandle<()>>,
}

impl House {
    /// Waits for the painters, who must have been told to go.
    pub(crate) fn go_home(self) {
        self.painters.into_iter().for_each(|painter| drop(painter.join()));
    }
}

/// Opens the store and starts the painters. Must be called within a runtime.
pub(crate) fn open(config: Config, is_front: bool) -> Result<House, String> {
    let jobs = Arc::new(open_jobs(&config, is_front)?);
    if is_front {
        jobs.hear_others();
    }
    let mut studio = Studio::embedded().map_err(|error| error.to_string())?;
    if let Some(folder) = config.models.clone().or_else(crate::models::default_folder) {
        let complaints = crate::models::add_all(&mut studio, &folder);
        complaints.iter().for_each(|complaint| tracing::warn!(%complaint, "an imported model is left out"));
    }
    let (health, metrics) = (Arc::new(Health::default()), Arc::new(Metrics::default()));
    let painter_cache = Arc::new(PainterCache::new(studio, Arc::clone(&metrics)));
    let budget = Budget::new(config.limits.max_memory_bytes);
    let bench = Arc::new(Bench {
        painter_cache: Arc::clone(&painter_cache),
        jobs: Arc::clone(&jobs),
        budget: Arc::clone(&budget),
        metrics: Arc::clone(&metrics),
        closing: AtomicBool::new(false),
        stop: AtomicBool::new(false),
    });
    let runs_jobs = config.runs_jobs();
    let errand = {
        let (bench, health) = (Arc::clone(&bench), Arc::clone(&health));
        move || {
            let outcome = if runs_jobs { run_one(&bench) } else { Outcome::Empty };
            if outcome == Outcome::Done {
                health.painted();
            }
            health.canary(bench.painter_cache.studio());
            // Who gave a job back for want of memory does not ask again at once.
            !matches!(outcome, Outcome::Empty | Outcome::GivenBack)
        }
    };
    let pool = WorkerPool::start(config.workers(), config.limits.queue_max, errand);
    let (pool, painters) = pool.map_err(|error| format!("cannot start the painters: {error}"))?;
    if runs_jobs {
        let pool = pool.clone();
        jobs.dispatch.on_call(Box::new(move || pool.nudge()));
    }
    let app = Arc::new(App::new(config, painter_cache, pool, budget, metrics, health, jobs)?);
    Ok(House { app, bench, painters })
}

/// Queue and store as the configuration says. Must be called within a runtime.
pub(crate) fn open_jobs(config: &Config, is_front: bool) -> Result<Jobs, String> {
    if let Some(url) = &config.queue {
        return on_broker(config, url, is_front);
    }
    let folder = config.store_folder()?;
    let ours = |name: &str| name.starts_with("jobs.") || name == "pictures";
    private::folder(&folder, &ours).map_err(|words| {
        format!("cannot use {} as the store: {words}, or name another with --store", folder.display())
    })?;
    let store = match &config.pictures {
        Some(address) => Store::at(address),
        None => Store::folder(&folder.join("pictures")),
    };
    let store = store.map_err(|error| error.detail)?;
    let database = folder.join("jobs.sqlite");
    private::file(&database).map_err(|words| format!("cannot use {}: {words}", database.display()))?;
    let queue = Sqlite::open(&database).map_err(|error| error.detail)?;
    Ok(Jobs::new(Arc::new(queue), store, config.limits.clone(), system_clock()))
}

#[cfg(feature = "cluster")]
fn on_broker(config: &Config, url: &str, is_front: bool) -> Result<Jobs, String> {
    use crate::jobs::nats::{Address, Nats, Part};
    let limits = &config.limits;
    let address = Address {
        url: url.to_owned(),
        auth: config.queue_auth.clone(),
        ca: config.queue_ca.clone(),
        replicas: config.queue_replicas,
        lease: Duration::from_secs(limits.lease_s),
        ttl: Duration::from_secs(limits.result_ttl_s),
    };
    let part = if is_front { Part::Front } else { Part::Worker };
    let store = Store::at(config.pictures.as_deref().unwrap_or_default()).map_err(|error| error.detail)?;
    let runtime = tokio::runtime::Handle::current();
    let open = || runtime.block_on(Nats::open(&address, part, limits.max_memory_bytes));
    // On a thread of its own, because this one may belong to the runtime.
    let queue = std::thread::scope(|scope| scope.spawn(open).join());
    let queue = queue.map_err(|_| "the attempt to reach the broker failed".to_owned())?;
    Ok(Jobs::new(Arc::new(queue.map_err(|error| error.detail)?), store, limits.clone(), system_clock()))
}

#[cfg(not(feature = "cluster"))]
fn on_broker(_: &Config, url: &str, _: bool) -> Result<Jobs, String> {
    Err(format!("queue {url}: this program was built without brokers (cargo build --features cluster)"))
}

async fn serve(config: Config, role: Role) -> Result<(), String> {
    let listener = match &role {
        Role::Serve(_) => Some(bind(config.listen, "listen").await?),
        Role::Work => None,
    };
    let metrics_listener = match config.metrics_listen {
        Some(address) => Some(bind(address, "metrics_listen").await?),
        None => None,
    };
    let drain_timeout = Duration::from_secs(config.limits.drain_timeout_s);
    let House { app, bench, painters } = open(config, matches!(role, Role::Serve(_)))?;
    let sweeping = {
        let jobs = Arc::clone(&bench.jobs);
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let sweep = move || {
            let mut sweeper = Sweeper::new(&jobs);
            while stopped.recv_timeout(sweeper::EVERY) == Err(RecvTimeoutError::Timeout) {
                sweeper.step(&jobs);
            }
        };
        let thread = std::thread::Builder::new().name("sweeper".into()).spawn(sweep);
        thread.map_err(|error| format!("cannot start the sweeper: {error}"))?;
        stop
    };
    if let Some(listener) = metrics_listener {
        let router = http::metrics_router(Arc::clone(&app));
        let door = Door::new(&app.config, Arc::clone(&app.metrics));
        tokio::spawn(async move { door.accept(listener, router, &Closing::new()).await });
    }
    // Whoever hears that we are there may tell us to go.
    let told_to_stop = stop_signal();
    let closing = Closing::new();
    let open_door = async {
        let (Some(listener), Role::Serve(listening)) = (listener, role) else {
            tracing::info!(version = env!("CARGO_PKG_VERSION"), painters = painters.len(), "working");
            return std::future::pending().await;
        };
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), painters = painters.len(), "listening");
        listening(address);
        let door = Door::new(&app.config, Arc::clone(&app.metrics));
        door.accept(listener, http::router(Arc::clone(&app)), &closing).await;
        Ok::<_, String>(())
    };
    tokio::select! {
        closed = open_door => closed?,
        name = told_to_stop => tracing::info!(signal = name, "shutting down: finishing what is begun"),
    }
    app.drain();
    drop(sweeping);
    // Nothing new is begun; what is being painted gets its time, then jobs go back into the queue.
    bench.closing.store(true, Ordering::Relaxed);
    app.pool.close();
    let deadline = tokio::time::Instant::now() + drain_timeout;
    let answered = async {
        closing.all_ended().await;
        app.live_over().await;
    };
    if tokio::time::timeout_at(deadline, answered).await.is_err() {
        tracing::warn!(seconds = drain_timeout.as_secs(), "some requests were not finished in time and are cut off");
    }
    let home = tokio::task::spawn_blocking(move || painters.into_iter().for_each(|painter| drop(painter.join())));
    tokio::pin!(home);
    if tokio::time::timeout_at(deadline, &mut home).await.is_err() {
        bench.stop.store(true, Ordering::Relaxed);
        tracing::warn!(seconds = drain_timeout.as_secs(), "jobs that were not finished in time go back into the queue");
        // One tile more. A painter that hangs is left behind; its lease runs out.
        let _ = tokio::time::timeout(Duration::from_secs(5), home).await;
    }
    tracing::info!("stopped");
    Ok(())
}

async fn bind(address: SocketAddr, setting: &str) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            let (any, flag) = (SocketAddr::new(address.ip(), 0), setting.replace('_', "-"));
            format!("cannot listen on {address} ({setting}): another program does. Stop it, or take another port; --{flag} {any} takes any that is free")
        }
        _ => format!("cannot listen on {address} ({setting}): {error}"),
    })
}

/// Hears signals from now on. Resolves when somebody wants us to stop; a second signal ends the process at once.
#[cfg(not(unix))]
fn stop_signal() -> impl Future<Output = &'static str> {
    async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "Ctrl+C cannot be heard: only the task manager stops this process");
            return std::future::pending().await;
        }
        tokio::spawn(async {
            let _ = tokio::signal::ctrl_c().await;
            tracing::warn!("stopped at once, by a second Ctrl+C");
            std::process::exit(130);
        });
        "Ctrl+C"
    }
}

/// Hears signals from now on. Resolves when somebody wants us to stop; a second signal ends the process at once.
#[cfg(unix)]
fn stop_signal() -> impl Future<Output = &'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async {
        let (mut terminate, mut interrupt) = match signals {
            (Ok(terminate), Ok(interrupt)) => (terminate, interrupt),
            (Err(error), _) | (_, Err(error)) => {
                tracing::error!(%error, "signals cannot be heard: only SIGKILL stops this process");
                return std::future::pending().await;
            }
        };
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::warn!("stopped at once, by a second signal");
            std::process::exit(130);
        });
        name
    }
}
