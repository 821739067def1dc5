//! `GET /api/v1/live`: a camera's frames in, painted frames out, over a WebSocket. The newest frame is painted; what came
//! meanwhile is dropped, so that nothing queues anywhere.

use super::App;
use super::error::Problem;
use super::guard::Admission;
use super::studio::on_a_painter;
use super::upload;
use crate::config::{Config, Limits};
use crate::connections::{Clients, Entered};
use crate::error::{Error, Kind};
use crate::live::{Desk, FRAME_PX, LiveParams};
use crate::paint::{BYTES_PER_PIXEL, codec_limits};
use crate::params::Pairs;
use crate::worker_pool::WorkerPool;
use ::video::Live;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use kaiga::Memory;
use pixels::codec;
use rayon::{ThreadPool, ThreadPoolBuilder};
use serde::Serialize;
use serde_json::{Map, Value};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// More than so many messages a second are not read: who sends faster finds the line full.
const LEAST_APART: Duration = Duration::from_millis(16);
/// After a painter could not be had, the next frame is tried so much later.
const REST: Duration = Duration::from_millis(200);
const FIGURES_EVERY: Duration = Duration::from_secs(1);
/// How long a client is waited for that is told why it is over.
const FAREWELL: Duration = Duration::from_secs(5);
/// What a frame's file begins with: its number, which its painting has, too.
const NUMBER_BYTES: usize = 4;

/// What live paintings share: painters of their own, who run no errands, and threads of their own for them. Frames and photos
/// then have the machine's cores in equal parts, whoever comes with how much; on the same threads each step of a frame would
/// wait for one of a photo.
pub(super) struct Rooms {
    pub(super) pool: WorkerPool,
    threads: Arc<ThreadPool>,
    memory: Memory,
    places: Arc<Semaphore>,
    clients: Arc<Clients>,
    max: usize,
}

/// One of the places, as long as this lives.
struct Seat {
    _place: OwnedSemaphorePermit,
    _entered: Option<Entered>,
}

impl Drop for Rooms {
    fn drop(&mut self) {
        self.close();
    }
}

impl Rooms {
    /// As many as the configuration says.
    ///
    /// # Errors
    /// If the system gives no threads.
    pub(super) fn new(config: &Config) -> Result<Self, String> {
        let max = config.limits.live_max.min(Semaphore::MAX_PERMITS);
        let painters = if max == 0 { 0 } else { config.workers() };
        let failed = |error: &dyn std::fmt::Display| format!("cannot start the painters of what is live: {error}");
        let (pool, _) = WorkerPool::start(painters, max, || false).map_err(|error| failed(&error))?;
        let threads = ThreadPoolBuilder::new().thread_name(|number| format!("live-{number}")).build();
        let threads = Arc::new(threads.map_err(|error| failed(&error))?);
        Ok(Self {
            pool,
            threads,
            memory: Memory::for_painters(config.workers()),
            places: Arc::new(Semaphore::new(max)),
            clients: Arc::new(Clients::new(config.limits.live_per_client)),
            max,
        })
    }

    /// Takes no more frames.
    pub(super) fn close(&self) {
        self.pool.close();
    }

    /// How many are being painted.
    pub(super) fn open(&self) -> usize {
        self.max - self.places.available_permits()
    }

    /// Resolves when the last has ended.
    pub(super) async fn all_over(&self) {
        let all = u32::try_from(self.max).unwrap_or(u32::MAX);
        drop(self.places.acquire_many(all).await);
    }

    fn enter(&self, client: Option<IpAddr>) -> Result<Seat, Error> {
        if self.max == 0 {
            return Err(Error::new(Kind::Unavailable, "this service paints nothing live (live_max is 0)"));
        }
        let entered = match client.map(|client| self.clients.enter(client)) {
            Some(None) => {
                return Err(Error::passing(Kind::QueueFull, "you have as many live paintings as one may have", 30));
            }
            Some(entered) => entered,
            None => None,
        };
        let full =
            |_| Error::passing(Kind::QueueFull, format!("{} live paintings are under way already", self.max), 30);
        Ok(Seat { _place: Arc::clone(&self.places).try_acquire_owned().map_err(full)?, _entered: entered })
    }
}

/// Paints a camera's frames as they come, over a WebSocket.
///
/// The first message is a JSON object with the parameters of a look, `fps` (1 to 30, how many frames a second to aim at, 15),
/// `stability` (0 to 1, 0.8) and, where the service asks for one, `token`; it is answered with an object of the type `ready`.
/// Another such object changes them. A frame is a binary message: its number (32 bits, big-endian), then its file. So is its
/// painting, a JPEG at the size it was painted at, smaller where the machine would not keep up otherwise. Only the newest frame
/// is painted, those that came meanwhile are dropped. An object of the type `figures` comes every second. A problem comes as
/// the object that other addresses answer with, then the socket is closed.
#[utoipa::path(
    get, path = "/api/v1/live", tag = "painting",
    responses((status = 101, description = "The WebSocket is open")),
)]
pub(super) async fn live(State(app): State<Arc<App>>, request: Request) -> Result<Response, Error> {
    let (mut parts, _) = request.into_parts();
    app.rate.admit(&parts)?;
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &app).await.map_err(|_| {
        Error::new(Kind::Malformed, "this address speaks WebSocket (RFC 6455): ask with Connection: Upgrade")
    })?;
    let seat = app.live.enter(app.rate.client(&parts));
    let most_bytes = NUMBER_BYTES + usize::try_from(app.config.limits.live_frame_bytes).unwrap_or(usize::MAX / 2);
    let upgrade = upgrade.max_message_size(most_bytes).max_frame_size(most_bytes);
    Ok(upgrade.on_upgrade(move |socket| session(app, parts, seat, socket)))
}

/// One client, from the first message to the last.
async fn session(app: Arc<App>, parts: Parts, seat: Result<Seat, Error>, mut socket: WebSocket) {
    let (start, id) = (Instant::now(), crate::random_name());
    let mut told = Live::default();
    let ended = match &seat {
        Ok(_) => paint_all(&app, parts, &mut socket, &mut told).await,
        Err(error) => Err(error.clone()),
    };
    app.metrics.live_frames(told.painted, told.dropped);
    let (seconds, painted, dropped) = (start.elapsed().as_secs_f64(), told.painted, told.dropped);
    let close = match ended {
        Ok(()) => {
            tracing::info!(request_id = id, seconds, painted, dropped, "live ended");
            CloseFrame { code: close_code::NORMAL, reason: Utf8Bytes::default() }
        }
        Err(error) => {
            app.metrics.failed(error.kind);
            tracing::info!(
                request_id = id,
                seconds,
                painted,
                dropped,
                kind = error.kind.name(),
                detail = error.detail,
                "live ended"
            );
            let _ = tokio::time::timeout(FAREWELL, socket.send(json(&Problem::of(&error, &id)))).await;
            CloseFrame { code: code(error.kind), reason: error.kind.name().into() }
        }
    };
    let _ = tokio::time::timeout(FAREWELL, socket.send(Message::Close(Some(close)))).await;
    drop(seat);
}

/// What kinds of problems are called where WebSockets are closed (RFC 6455, section 7.4).
fn code(kind: Kind) -> u16 {
    match kind {
        Kind::TooLarge => close_code::SIZE,
        Kind::QueueFull | Kind::RateLimited | Kind::TimedOut => close_code::AGAIN,
        Kind::Unavailable => close_code::AWAY,
        Kind::Internal => close_code::ERROR,
        _ => close_code::POLICY,
    }
}

fn json(value: &impl Serialize) -> Message {
    Message::Text(serde_json::to_string(value).unwrap_or_default().into())
}

/// What is said first.
#[derive(Serialize)]
#[serde(tag = "type", rename = "ready")]
struct Ready {
    /// Bytes of a frame's file.
    max_frame_bytes: u64,
    /// Pixels of a frame.
    max_frame_pixels: u64,
    /// Seconds until it is over.
    max_s: u64,
}

/// How it goes.
#[derive(Serialize)]
#[serde(tag = "type", rename = "figures")]
struct Figures {
    painted: u64,
    dropped: u64,
    /// Frames painted a second, lately.
    fps: f64,
    /// From a frame's arrival here until its painting was sent, lately: the median and the 95th percentile.
    latency_ms: [f64; 2],
    painted_at: [usize; 2],
}

impl Figures {
    fn of(live: &Live) -> Self {
        let round = |value: f64| (10.0 * value).round() / 10.0;
        let Live { painted, dropped, per_second, latency_ms, painted_at: (width, height) } = *live;
        Self {
            painted,
            dropped,
            fps: round(per_second),
            latency_ms: latency_ms.map(round),
            painted_at: [width, height],
        }
    }
}

/// Lets the client in, then paints until it goes, has had its time, or the service stops.
async fn paint_all(app: &Arc<App>, mut parts: Parts, socket: &mut WebSocket, told: &mut Live) -> Result<(), Error> {
    let limits = &app.config.limits;
    let first = tokio::time::timeout(Duration::from_secs(limits.header_timeout_s), first_text(socket)).await;
    let silent = |_| Error::new(Kind::TimedOut, format!("no first message came for {} s", limits.header_timeout_s));
    let Some(text) = first.map_err(silent)?? else { return Ok(()) };
    let mut wishes = object(&text)?;
    let token = match wishes.remove("token") {
        None | Some(Value::Null) => None,
        Some(Value::String(token)) => Some(token).filter(|token| !token.is_empty()),
        Some(_) => return Err(Error::new(Kind::Malformed, "token is a text")),
    };
    let signed = app.guard.admit_socket(&app.config, &mut parts, token.as_deref())? == Admission::Signature;
    if signed && !wishes.is_empty() {
        return Err(beyond_the_signature());
    }
    let studio = app.painter_cache.studio();
    let params = LiveParams::read(&[upload::query_pairs(&parts.uri)?, pairs(wishes)?].concat(), studio)?;
    let mut reserved = app.budget.reserve_nothing();
    if !reserved.grow(need_bytes(limits)) {
        return Err(app.no_memory());
    }
    let ready = Ready { max_frame_bytes: limits.live_frame_bytes, max_frame_pixels: FRAME_PX, max_s: limits.live_s };
    if socket.send(json(&ready)).await.is_err() {
        return Ok(());
    }
    let mut draining = app.draining.subscribe();
    let inbox = Inbox::default();
    let desk = Arc::new(Mutex::new(Desk::new(params, app.live.memory.clone())));
    let (mut sink, mut stream) = socket.split();
    let ended = tokio::select! {
        ended = read(&mut stream, &inbox, app, signed) => ended,
        ended = paint(&mut sink, &inbox, &desk, app, told) => ended,
        _ = async { draining.wait_for(|draining| *draining).await.is_ok() } => {
            Err(Error::passing(Kind::Unavailable, "the service is shutting down", 5))
        }
        () = tokio::time::sleep(Duration::from_secs(limits.live_s)) => {
            Err(Error::new(Kind::TimedOut, format!("a live painting lasts {} s at most: begin again", limits.live_s)))
        }
    };
    told.dropped = inbox.lock().dropped;
    drop(reserved);
    ended
}

fn beyond_the_signature() -> Error {
    let detail = "a signed URL says all there is to say in its query: begin with {}, and change nothing";
    Error::new(Kind::Forbidden, detail)
}

/// What comes in, what waits, what is painted, and a frame as a photo of its size.
fn need_bytes(limits: &Limits) -> u64 {
    3 * limits.live_frame_bytes + FRAME_PX * BYTES_PER_PIXEL
}

/// `None` if the client goes before it has said anything.
async fn first_text(socket: &mut WebSocket) -> Result<Option<Utf8Bytes>, Error> {
    loop {
        match socket.recv().await {
            Some(Ok(Message::Text(text))) => return Ok(Some(text)),
            Some(Ok(Message::Binary(_))) => {
                let detail = "the first message is a JSON object with the look; frames come after it is answered";
                return Err(Error::new(Kind::Malformed, detail));
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(None),
        }
    }
}

fn object(text: &str) -> Result<Map<String, Value>, Error> {
    serde_json::from_str(text).map_err(|_| Error::new(Kind::Malformed, "a text message is a JSON object"))
}

/// An object as the names and values of a query.
fn pairs(object: Map<String, Value>) -> Result<Pairs, Error> {
    let pair = |(name, value): (String, Value)| match value {
        Value::String(text) => Ok((name, text)),
        Value::Number(number) => Ok((name, number.to_string())),
        Value::Bool(flag) => Ok((name, flag.to_string())),
        _ => Err(Error::new(Kind::Malformed, "parameters are texts, numbers, true or false")),
    };
    object.into_iter().map(pair).collect()
}

/// The newest frame and the newest wishes.
#[derive(Default)]
struct Inbox {
    state: Mutex<Waiting>,
    bell: Notify,
}

#[derive(Default)]
struct Waiting {
    frame: Option<Frame>,
    params: Option<LiveParams>,
    dropped: u64,
}

struct Frame {
    /// With its number before it.
    message: Bytes,
    came: Instant,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take(&self) -> (Frame, Option<LiveParams>) {
        loop {
            {
                let mut waiting = self.lock();
                if let Some(frame) = waiting.frame.take() {
                    return (frame, waiting.params.take());
                }
            }
            self.bell.notified().await;
        }
    }
}

/// Reads what the client sends, until it goes.
async fn read(stream: &mut SplitStream<&mut WebSocket>, inbox: &Inbox, app: &App, signed: bool) -> Result<(), Error> {
    let limits = &app.config.limits;
    let quiet = Duration::from_secs(limits.upload_timeout_s);
    let mut last_frame = Instant::now();
    let mut next = tokio::time::Instant::now();
    loop {
        tokio::time::sleep_until(next).await;
        let message = tokio::time::timeout(quiet.saturating_sub(last_frame.elapsed()), stream.next()).await;
        next = tokio::time::Instant::now() + LEAST_APART;
        let none_came = |_| Error::new(Kind::TimedOut, format!("no frame came for {} s", limits.upload_timeout_s));
        match message.map_err(none_came)? {
            Some(Ok(Message::Binary(message))) => {
                if message.len() <= NUMBER_BYTES {
                    return Err(Error::new(
                        Kind::Malformed,
                        "a frame is its number (32 bits, big-endian), then its file",
                    ));
                }
                last_frame = Instant::now();
                let mut waiting = inbox.lock();
                let older = waiting.frame.replace(Frame { message, came: last_frame });
                waiting.dropped += u64::from(older.is_some());
                drop(waiting);
                inbox.bell.notify_one();
            }
            Some(Ok(Message::Text(_))) if signed => return Err(beyond_the_signature()),
            Some(Ok(Message::Text(text))) => {
                let params = LiveParams::read(&pairs(object(&text)?)?, app.painter_cache.studio())?;
                inbox.lock().params = Some(params);
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Err(error)) if is_too_large(&error) => {
                let kib = limits.live_frame_bytes >> 10;
                return Err(Error::new(
                    Kind::TooLarge,
                    format!("a frame passes the limit of {kib} KiB: send smaller ones"),
                ));
            }
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(()),
        }
    }
}

/// Whether a message was refused for its size. The framework hides its cause, which only has words.
fn is_too_large(error: &axum::Error) -> bool {
    error.to_string().contains("too long")
}

/// Has the newest frame painted and sends its painting, again and again.
async fn paint(
    sink: &mut SplitSink<&mut WebSocket, Message>,
    inbox: &Inbox,
    desk: &Arc<Mutex<Desk>>,
    app: &Arc<App>,
    told: &mut Live,
) -> Result<(), Error> {
    let mut figures_due = Instant::now() + FIGURES_EVERY;
    loop {
        let (Frame { message, came }, params) = inbox.take().await;
        if let Some(params) = params {
            lock(desk).change(params);
        }
        let start = Instant::now();
        let work = {
            let (app, desk, file) = (Arc::clone(app), Arc::clone(desk), message.slice(NUMBER_BYTES..));
            move |_: &_| {
                let limits = frame_limits(&app.config.limits);
                app.live.threads.install(|| lock(&desk).paint(&app.painter_cache, &file, &limits, app.live.open()))
            }
        };
        let painted = match on_a_painter(app, &app.live.pool, app.budget.reserve_nothing(), work).await {
            Ok((painted, _)) => painted,
            Err(error) if error.kind == Kind::QueueFull => {
                inbox.lock().dropped += 1;
                tokio::time::sleep(REST).await;
                continue;
            }
            Err(error) => return Err(error),
        };
        let spent = start.elapsed();
        let painting = [&message[..NUMBER_BYTES], &painted].concat();
        if sink.send(Message::Binary(painting.into())).await.is_err() {
            return Ok(());
        }
        let dropped = inbox.lock().dropped;
        *told = lock(desk).handed_on(came.elapsed(), spent, dropped);
        if figures_due <= Instant::now() {
            figures_due = Instant::now() + FIGURES_EVERY;
            if sink.send(json(&Figures::of(told))).await.is_err() {
                return Ok(());
            }
        }
    }
}

fn lock(desk: &Mutex<Desk>) -> MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

fn frame_limits(limits: &Limits) -> codec::Limits {
    codec::Limits {
        max_pixels: FRAME_PX.min(limits.max_pixels),
        max_file_bytes: limits.live_frame_bytes,
        max_memory_bytes: FRAME_PX * BYTES_PER_PIXEL,
        ..codec_limits(limits)
    }
}
