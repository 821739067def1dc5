//! `/api/v1/jobs`: hand a photo in, follow it, fetch the painting, delete both.

use super::error::Problem;
use super::guard::Tenant;
use super::{App, upload};
use crate::error::{Error, Kind};
use crate::jobs::{self, Class, Jobs, Origin};
use crate::paint;
use crate::params::ParamsSchema;
use crate::trace::Span;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat};
use futures_util::stream::{self, Stream, TryStreamExt};
use pixels::codec::Format;
use serde::Serialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;
use utoipa::ToSchema;

/// A job.
#[derive(Serialize, ToSchema)]
pub(crate) struct Job {
    /// Its name, which nobody can guess: who knows it may see, follow and delete the job.
    id: String,
    state: JobState,
    /// How far it is, 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    progress: f32,
    stage: Stage,
    /// When it was handed in.
    #[schema(format = DateTime)]
    created_at: String,
    /// When photo and painting are deleted.
    #[schema(format = DateTime)]
    expires_at: String,
    /// Of the painting, px, once it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<usize>,
    /// Of the painting, px, once it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<usize>,
    /// `truncated`: the photo's file ended early, so a part of the picture may be missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'static str>,
    /// Where the painting is, once it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Problem>,
    /// Jobs that wait before it, while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<usize>,
}

/// Where a job stands.
#[derive(Serialize, ToSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(super) enum JobState {
    Queued,
    Running,
    Done,
    Failed,
    Cancelled,
}

/// Where its photo is on its way.
#[derive(Serialize, ToSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(super) enum Stage {
    Queued,
    Decoding,
    Painting,
    Encoding,
    Done,
}

impl Job {
    fn of(job: &jobs::Job) -> Self {
        let time =
            |ms| DateTime::from_timestamp_millis(ms).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true);
        let (width, height) = job.news.size.unzip();
        Self {
            id: job.id.clone(),
            state: match job.state {
                jobs::State::Queued => JobState::Queued,
                jobs::State::Running => JobState::Running,
                jobs::State::Done => JobState::Done,
                jobs::State::Failed => JobState::Failed,
                jobs::State::Cancelled => JobState::Cancelled,
            },
            progress: job.news.progress,
            stage: match job.news.stage {
                paint::Stage::Queued => Stage::Queued,
                paint::Stage::Decoding => Stage::Decoding,
                paint::Stage::Painting => Stage::Painting,
                paint::Stage::Encoding => Stage::Encoding,
                paint::Stage::Done => Stage::Done,
            },
            created_at: time(job.created_ms),
            expires_at: time(job.expires_ms),
            width,
            height,
            warning: job.news.warning,
            result: job.result.as_ref().map(|_| format!("/api/v1/jobs/{}/result", job.id)),
            error: job.error.as_ref().map(|error| Problem::of(error, &job.id)),
            position: job.position,
        }
    }
}

/// Queue and store block: their work is done where blocking is allowed.
async fn blocking<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&Jobs) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let jobs = Arc::clone(&app.jobs);
    let done = tokio::task::spawn_blocking(move || work(&jobs)).await;
    done.unwrap_or_else(|_| Err(Error::new(Kind::Internal, "the jobs could not be asked")))
}

async fn find(app: &App, id: String) -> Result<jobs::Job, Error> {
    let unknown = || Error::new(Kind::NotFound, "there is no such job; its time may be over");
    blocking(app, move |jobs| jobs.job(&id)).await?.ok_or_else(unknown)
}

/// Hands a photo in.
///
/// Body and parameters are those of convert. The answer comes at once; the painting is at `result` later.
#[utoipa::path(
    post, path = "/api/v1/jobs", tag = "jobs",
    params(
        ParamsSchema,
        ("Idempotency-Key" = Option<String>, Header, description = "The client's name for the job: who hands it in again under the same name, because the answer was lost, gets the same job."),
        ("Priority" = Option<String>, Header, description = "RFC 9218: `u=4` to `u=7` for jobs that nobody waits for. They are begun when no other waits."),
    ),
    request_body(content(("image/*"), ("application/octet-stream"), (super::openapi::Form = "multipart/form-data"))),
    responses((status = 202, description = "It will be painted", body = Job,
        headers(("Location", description = "The address of the job")))),
)]
pub(super) async fn submit(State(app): State<Arc<App>>, request: Request) -> Result<Response, Error> {
    let span = upload_span(&request);
    span.told(take(app, request, &span).await)
}

async fn take(app: Arc<App>, request: Request, span: &Span) -> Result<Response, Error> {
    let origin = origin(&request, span)?;
    let upload = upload::receive(&app, request).await?;
    // Pictures that are refused by their header are refused now; the memory of the others is needed later.
    let upload = upload::admit(&app, upload).await?;
    let upload::Upload { file, params, mut pairs, reserved } = upload;
    pairs.retain(|(_, value)| !value.is_empty());
    let query = serde_urlencoded::to_string(&pairs).map_err(|error| Error::new(Kind::Internal, error.to_string()))?;
    let submit =
        move |jobs: &Jobs| jobs.submit(file.into(), query, params.format.extension(), reserved.bytes(), origin);
    handed_in(&app, submit).await
}

/// The answer to somebody whose job was taken in.
pub(super) async fn handed_in(
    app: &App,
    submit: impl FnOnce(&Jobs) -> Result<jobs::Job, Error> + Send + 'static,
) -> Result<Response, Error> {
    let job = blocking(app, submit).await?;
    app.pool.nudge();
    let location = format!("/api/v1/jobs/{}", job.id);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(Job::of(&job))).into_response())
}

/// The longest name that a client may give a job, bytes.
const ONCE_BYTES: usize = 255;

/// The span of a request that hands something in, in its client's trace if it has one.
pub(super) fn upload_span(request: &Request) -> Span {
    Span::begin("upload", request.headers().get("traceparent").and_then(|value| value.to_str().ok()))
}

/// Where a job comes from, by its request; what becomes of it is told below `span`.
///
/// # Errors
/// [`Kind::Malformed`] if a header cannot be understood.
pub(super) fn origin(request: &Request, span: &Span) -> Result<Origin, Error> {
    let header = |name: &str| {
        let value = request.headers().get(name)?;
        Some(value.to_str().map_err(|_| Error::new(Kind::Malformed, format!("the header {name} is not plain text"))))
    };
    let once = header("idempotency-key").transpose()?;
    if once.is_some_and(|name| name.is_empty() || name.len() > ONCE_BYTES) {
        return Err(Error::new(Kind::Malformed, format!("an Idempotency-Key has 1 to {ONCE_BYTES} characters")));
    }
    // RFC 9218: 0 is most urgent, 3 is usual.
    let priority = header("priority").transpose()?.unwrap_or_default();
    let urgency = priority.split(',').find_map(|part| part.trim().strip_prefix("u="));
    let urgency = urgency.map_or(Ok(3), |text| text.parse::<u8>().ok().filter(|urgency| *urgency <= 7).ok_or(()));
    let urgency = urgency.map_err(|()| Error::new(Kind::Malformed, "the urgency in Priority goes from u=0 to u=7"))?;
    Ok(Origin {
        tenant: request.extensions().get::<Tenant>().map(|tenant| tenant.0.clone()).unwrap_or_default(),
        class: if urgency > 3 { Class::Batch } else { Class::Interactive },
        once: once.map(str::to_owned),
        trace: span.traceparent(),
    })
}

/// Says how a job stands.
#[utoipa::path(
    get, path = "/api/v1/jobs/{id}", tag = "jobs", params(("id" = String, Path, description = "The job")),
    responses((status = 200, description = "The job", body = Job)),
)]
pub(super) async fn look(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Response, Error> {
    let job = find(&app, id).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(Job::of(&job))).into_response())
}

/// Which part of a result is asked for: one range of bytes, or all of it. What we do not understand asks for all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Whole,
    From(u64, Option<u64>),
    Last(u64),
}

impl Asked {
    fn read(header: &str) -> Self {
        let range = header.trim().strip_prefix("bytes=").and_then(|range| range.trim().split_once('-'));
        let number = |text: &str| text.trim().parse::<u64>();
        match range.map(|(first, last)| (first.trim(), last.trim())) {
            Some(("", last)) => number(last).map_or(Self::Whole, Self::Last),
            Some((first, "")) => number(first).map_or(Self::Whole, |first| Self::From(first, None)),
            Some((first, last)) => match (number(first), number(last)) {
                (Ok(first), Ok(last)) if first <= last => Self::From(first, Some(last)),
                _ => Self::Whole,
            },
            None => Self::Whole,
        }
    }

    /// The range in a file of so many bytes; `None` if it is empty.
    fn of(self, bytes: u64) -> Option<std::ops::Range<u64>> {
        let range = match self {
            Self::Whole => 0..bytes,
            Self::From(first, last) => first..last.map_or(bytes, |last| last.saturating_add(1).min(bytes)),
            Self::Last(count) => bytes.saturating_sub(count)..bytes,
        };
        (range.start < range.end).then_some(range)
    }
}

/// The painting of a job; a range of it, if the header `Range` asks for one.
#[utoipa::path(
    get, path = "/api/v1/jobs/{id}/result", tag = "jobs",
    params(
        ("id" = String, Path, description = "The job"),
        ("download" = Option<String>, Query, description = "If it is there, browsers save the file."),
    ),
    responses(
        (status = 200, description = "The painting", content(("image/png"), ("image/jpeg"), ("image/webp"),
            ("image/gif"), ("video/mp4"), ("video/webm"), ("video/quicktime"), ("video/x-matroska"))),
        (status = 206, description = "The range asked for", content(("image/png"), ("image/jpeg"), ("image/webp"),
            ("image/gif"), ("video/mp4"), ("video/webm"), ("video/quicktime"), ("video/x-matroska"))),
    ),
)]
pub(super) async fn result(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    uri: axum::http::Uri,
    request_headers: axum::http::HeaderMap,
) -> Result<Response, Error> {
    let job = find(&app, id).await?;
    let gone = |detail: String| Error::new(Kind::Gone, detail);
    match job.state {
        jobs::State::Queued | jobs::State::Running => {
            return Err(Error::passing(Kind::NotReady, "the painting is not finished yet: follow the job", 1));
        }
        jobs::State::Cancelled => return Err(gone("the job was deleted".into())),
        jobs::State::Failed => {
            let why = job.error.map_or_else(String::new, |error| error.detail);
            return Err(gone(format!("there is no painting, the job failed: {why}")));
        }
        jobs::State::Done => {}
    }
    let over = || gone("the painting was deleted: its time is over".into());
    let key = job.result.ok_or_else(over)?;
    let photo = || Format::from_extension(&job.format).unwrap_or(Format::Png).media_type();
    let media_type = crate::video::media_type(&job.format).unwrap_or_else(photo);
    let asked = request_headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let mut response = match asked.map_or(Asked::Whole, Asked::read) {
        Asked::Whole => {
            let (bytes, parts) = app.jobs.noted(app.jobs.store.open(&key).await)?.ok_or_else(over)?;
            // A part at a time: nobody's painting is held in memory for as long as a slow client takes.
            let parts = parts.map_err(|error| std::io::Error::other(error.detail));
            ([(header::CONTENT_LENGTH, bytes.to_string())], Body::from_stream(parts)).into_response()
        }
        asked => {
            let bytes = app.jobs.noted(app.jobs.store.bytes(&key).await)?.ok_or_else(over)?;
            let range = asked.of(bytes).ok_or_else(|| {
                Error::new(Kind::Range, format!("it has {bytes} bytes, the range begins behind them"))
            })?;
            let parts = app.jobs.noted(app.jobs.store.part(&key, range.clone()).await)?.ok_or_else(over)?;
            let parts = parts.map_err(|error| std::io::Error::other(error.detail));
            let headers = [
                (header::CONTENT_LENGTH, (range.end - range.start).to_string()),
                (header::CONTENT_RANGE, format!("bytes {}-{}/{bytes}", range.start, range.end - 1)),
            ];
            (StatusCode::PARTIAL_CONTENT, headers, Body::from_stream(parts)).into_response()
        }
    };
    for (name, value) in [
        (header::CONTENT_TYPE, media_type),
        (header::CACHE_CONTROL, "private, no-store"),
        (header::ACCEPT_RANGES, "bytes"),
    ] {
        response.headers_mut().insert(name, axum::http::HeaderValue::from_static(value));
    }
    if upload::query_pairs(&uri)?.iter().any(|(name, _)| name == "download") {
        let file = format!("attachment; filename=\"kaiga.{}\"", job.format);
        if let Ok(value) = file.parse() {
            response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
        }
    }
    Ok(response)
}

/// Cancels a job if it is not finished, and deletes photo and painting now.
#[utoipa::path(
    delete, path = "/api/v1/jobs/{id}", tag = "jobs", params(("id" = String, Path, description = "The job")),
    responses((status = 204, description = "They are deleted")),
)]
pub(super) async fn delete(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<StatusCode, Error> {
    match blocking(&app, move |jobs| jobs.delete(&id)).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Error::new(Kind::NotFound, "there is no such job; its time may be over")),
    }
}

/// Follows a job: an event `progress` for each part painted, then `done`, `failed` or `cancelled`. The data is the job.
///
/// Whoever was cut off just asks again.
#[utoipa::path(
    get, path = "/api/v1/jobs/{id}/events", tag = "jobs", params(("id" = String, Path, description = "The job")),
    responses((status = 200, description = "Server-sent events", content(("text/event-stream")))),
)]
pub(super) async fn events(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Error> {
    // Listening before looking: nothing falls between.
    let news = app.jobs.listen();
    find(&app, id.clone()).await?;
    let follower = Follower { app, id, news, told: String::new(), over: false };
    let events = stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok(event), follower))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

/// Other processes do not tell us; so often the job is looked up unasked.
const LOOK_EVERY: Duration = Duration::from_secs(1);

struct Follower {
    app: Arc<App>,
    id: String,
    news: broadcast::Receiver<String>,
    told: String,
    over: bool,
}

impl Follower {
    async fn next(&mut self) -> Option<Event> {
        while !self.over {
            // Once the job cannot be looked up any more, the stream ends, and the client asks again.
            let job = find(&self.app, self.id.clone()).await.ok()?;
            let data = serde_json::to_string(&Job::of(&job)).ok()?;
            self.over = job.state.is_final();
            if self.over {
                return Some(Event::default().event(job.state.name()).data(data));
            }
            if data != self.told {
                self.told.clone_from(&data);
                return Some(Event::default().event("progress").data(data));
            }
            self.wait().await?;
        }
        None
    }

    /// Until there may be news; `None` if the service is shutting down.
    async fn wait(&mut self) -> Option<()> {
        let mut draining = self.app.draining.subscribe();
        let news = async {
            loop {
                match self.news.recv().await {
                    Ok(id) if id != self.id => {}
                    // About us, or so many that we missed some.
                    _ => return,
                }
            }
        };
        let closing = async { drop(draining.wait_for(|draining| *draining).await) };
        tokio::select! {
            () = news => Some(()),
            () = tokio::time::sleep(LOOK_EVERY) => Some(()),
            () = closing => None,
        }
    }
}
