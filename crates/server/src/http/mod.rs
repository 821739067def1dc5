//! The HTTP interface: what is where, and what holds for every request.

mod assets;
mod compress;
mod convert;
mod drain_body;
mod error;
mod faces;
mod guard;
mod health;
mod jobs;
mod live;
mod openapi;
mod studio;
mod styles;
#[cfg(test)]
mod tests;
mod upload;
mod videos;

pub use guard::sign;

use crate::budget::Budget;
use crate::config::Config;
use crate::error::{Error, Kind};
use crate::health::Health;
use crate::jobs::Jobs;
use crate::memory;
use crate::metrics::{Gauge, Metrics};
use crate::painter_cache::PainterCache;
use crate::worker_pool::WorkerPool;
use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;

/// Everything that requests need.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) painter_cache: Arc<PainterCache>,
    pub(crate) pool: WorkerPool,
    pub(crate) budget: Arc<Budget>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: Arc<Health>,
    pub(crate) jobs: Arc<Jobs>,
    guard: guard::Guard,
    rate: guard::RateLimit,
    assets: assets::Assets,
    live: live::Rooms,
    /// Set once, when the service is told to stop.
    draining: watch::Sender<bool>,
}

impl App {
    /// With its parts, which the painters share.
    ///
    /// # Errors
    /// If the system gives no threads.
    pub(crate) fn new(
        config: Config,
        painter_cache: Arc<PainterCache>,
        pool: WorkerPool,
        budget: Arc<Budget>,
        metrics: Arc<Metrics>,
        health: Arc<Health>,
        jobs: Arc<Jobs>,
    ) -> Result<Self, String> {
        let (guard, rate) = (guard::Guard::new(&config), guard::RateLimit::new(&config));
        let assets = assets::Assets::new(config.web_dir.clone(), config.public_url.as_deref().unwrap_or_default());
        let live = live::Rooms::new(&config)?;
        Ok(Self {
            config,
            painter_cache,
            pool,
            budget,
            metrics,
            health,
            guard,
            rate,
            assets,
            live,
            jobs,
            draining: watch::Sender::new(false),
        })
    }

    /// From now on `/readyz` says no; streams of events end, and live paintings.
    pub(crate) fn drain(&self) {
        self.draining.send_replace(true);
        self.live.close();
    }

    /// Resolves when no live painting is under way any more.
    pub(crate) async fn live_over(&self) {
        self.live.all_over().await;
    }

    /// Why no work should be sent here now, if so.
    fn trouble(&self) -> Option<String> {
        if *self.draining.borrow() {
            return Some("the service is shutting down".into());
        }
        self.health.trouble().or_else(|| self.jobs.trouble())
    }

    /// What metrics are looked up when somebody asks.
    fn gauges(&self) -> Vec<Gauge> {
        // Without its store the service still has figures.
        let depth = self.jobs.states.depth(self.jobs.now_ms()).unwrap_or_default();
        vec![
            ("kaiga_jobs_waiting", "Jobs that wait for a painter.", depth.waiting as f64),
            ("kaiga_jobs_running", "Jobs being run, by all processes on this store.", depth.running as f64),
            (
                "kaiga_jobs_oldest_seconds",
                "For how long the oldest waiting job has waited.",
                depth.oldest_ms as f64 / 1e3,
            ),
            ("kaiga_queue_depth", "Conversions that wait for a painter.", self.pool.waiting() as f64),
            ("kaiga_live_sessions", "Live paintings under way.", self.live.open() as f64),
            ("kaiga_memory_reserved_bytes", "Memory promised to uploads and pictures.", self.budget.used() as f64),
            ("kaiga_memory_peak_bytes", "Most memory the process ever held.", memory::peak_bytes() as f64),
            ("kaiga_ready", "Whether /readyz says yes.", f64::from(u8::from(self.trouble().is_none()))),
        ]
    }

    fn full(&self, waiting: usize, of_what: &str) -> Error {
        let wait_s = (waiting as f64 * self.metrics.mean_paint_s() / self.config.workers() as f64).ceil();
        Error::passing(Kind::QueueFull, format!("{waiting} {of_what} wait already"), wait_s.clamp(1.0, 60.0) as u64)
    }

    fn no_memory(&self) -> Error {
        let wait_s = (self.metrics.mean_paint_s() * 2.0).ceil().clamp(1.0, 60.0);
        let detail = "pictures being painted and answers being taken have all the memory there is for them";
        Error::passing(Kind::QueueFull, detail, wait_s as u64)
    }
}

/// The interface.
pub(crate) fn router(app: Arc<App>) -> Router {
    let work = Router::new()
        .route("/api/v1/convert", post(convert::convert))
        .route("/api/v1/jobs", post(jobs::submit))
        .route("/api/v1/videos", post(videos::submit))
        .route("/api/v1/avatar", post(faces::avatar))
        .route("/api/v1/faces", post(faces::faces))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&app), admit));
    Router::new()
        .merge(work)
        .route("/api/v1/jobs/{id}", get(jobs::look).delete(jobs::delete))
        .route("/api/v1/jobs/{id}/events", get(jobs::events))
        .route("/api/v1/jobs/{id}/result", get(jobs::result))
        .route("/api/v1/live", get(live::live))
        .route("/api/v1/styles", get(styles::styles))
        .route("/api/v1/limits", get(styles::limits))
        .route("/api/openapi.json", get(openapi::openapi))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/", get(assets::index))
        .route("/assets/{version}/{*name}", get(assets::versioned))
        .route("/share", post(assets::share))
        .fallback(assets::at_root)
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::map_request(drain_body::drain_body))
        .layer(CatchPanicLayer::custom(|_| {
            error::error_of(axum::http::StatusCode::INTERNAL_SERVER_ERROR).into_response()
        }))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), finish))
        .with_state(app)
}

/// The metrics, for an address of their own.
pub(crate) fn metrics_router(app: Arc<App>) -> Router {
    Router::new().route("/metrics", get(health::metrics)).with_state(app)
}

/// Lets those in who may ask for work.
async fn admit(State(app): State<Arc<App>>, request: Request, next: Next) -> Result<Response, Error> {
    let (mut parts, body) = request.into_parts();
    app.rate.admit(&parts)?;
    let admission = app.guard.admit(&parts)?;
    let tenant = app.guard.tenant(&parts, admission, &app.rate);
    parts.extensions.insert(admission);
    parts.extensions.insert(tenant);
    Ok(next.run(Request::from_parts(parts, body)).await)
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What browsers shall not do with what comes from here, however it got here.
const SECURITY: [(&str, &str); 6] = [
    (
        "content-security-policy",
        // Addresses of pictures that somebody pastes are fetched by the browser, where that site lets it.
        "default-src 'self'; connect-src 'self' https: http: data:; img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("permissions-policy", "camera=(self), microphone=(), geolocation=()"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// The outermost layer: names the request, writes the problem document if there is one, counts, logs.
async fn finish(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let (method, path) = (request.method().clone(), loggable(request.uri().path()));
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let id = request_id(&request);
    let mut response = match guard::known_host(&app.config, &request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    let mut failed = None;
    if response.status().is_client_error() || response.status().is_server_error() {
        let error = response.extensions_mut().remove::<Error>().unwrap_or_else(|| error::error_of(response.status()));
        app.metrics.failed(error.kind);
        response = error::document(&error, &id, response);
        failed = Some(error);
    }
    let headers = response.headers_mut();
    for (name, value) in SECURITY {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    let status = response.status().as_u16();
    let known =
        [Method::GET, Method::HEAD, Method::POST, Method::DELETE, Method::PUT, Method::OPTIONS].contains(&method);
    app.metrics.answered(if known { method.as_str() } else { "other" }, &route, status);
    let ms = start.elapsed().as_millis() as u64;
    match failed {
        // That it is not ready is the answer to the question; what ails it has been logged.
        Some(error) if status >= 500 && route != "/readyz" => {
            tracing::error!(request_id = id, %method, path, status, ms, kind = error.kind.name(), detail = error.detail, "failed");
        }
        Some(error) => {
            tracing::info!(request_id = id, %method, path, status, ms, kind = error.kind.name(), detail = error.detail, "refused");
        }
        None if route.starts_with("/api/") => tracing::info!(request_id = id, %method, path, status, ms, "answered"),
        None => tracing::debug!(request_id = id, %method, path, status, ms, "answered"),
    }
    response
}

/// A path for the log. Of a job's name, which is the permission to see the job, only the beginning.
fn loggable(path: &str) -> String {
    let Some(job) = path.strip_prefix("/api/v1/jobs/") else { return path.to_owned() };
    let (id, rest) = job.find('/').map_or((job, ""), |at| job.split_at(at));
    format!("/api/v1/jobs/{}{rest}", crate::jobs::short(id))
}

/// The client's name for the request if it is a plain one, else one of ours.
fn request_id(request: &Request) -> String {
    let plain =
        |id: &&str| (1..=64).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let given = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(plain);
    given.map_or_else(crate::random_name, str::to_owned)
}
