//! The broker: the connection, what is set up on it, and how long is waited for its answers.

use crate::error::{Error, Kind};
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::{Config as StreamConfig, DiscardPolicy, RetentionPolicy, Stream};
use async_nats::jetstream::{self, Context, kv};
use async_nats::{Client, ConnectOptions, Event};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout_at};

/// Lanes of each class. A tenant has one, several tenants may share one, and lanes take turns.
pub(super) const LANES: usize = 8;
/// The stream of work: one message for each job that waits or runs.
pub(super) const WORK: &str = "kaiga-work";
/// The stream of dead letters: one for each job that failed through no fault of its picture.
pub(super) const DEAD: &str = "kaiga-dead";
/// The stream of what is to be deleted, and when.
const EXPIRY: &str = "kaiga-expiry";
/// The bucket of jobs.
const JOBS: &str = "kaiga-jobs";
/// The bucket of names that clients gave their jobs.
const ONCE: &str = "kaiga-once";
/// Copies of a dead letter or a client's name are kept for so long at most.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long is waited for one answer.
const ANSWER: Duration = Duration::from_secs(5);
/// How long is waited before asking again.
const AGAIN: Duration = Duration::from_millis(200);

/// Where the broker is and how it is talked to.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    /// `nats://host:port` or `tls://host:port`, several separated by commas.
    pub(crate) url: String,
    /// A file with credentials: a `.creds` file, the seed of an nkey, or `user:password`.
    pub(crate) auth: Option<PathBuf>,
    /// Certificates, in PEM, of who vouches for the broker.
    pub(crate) ca: Option<PathBuf>,
    /// Copies that the broker keeps, for streams that are made now.
    pub(crate) replicas: usize,
    /// After so long without a sign of life a job is given to another.
    pub(crate) lease: Duration,
    /// How long jobs are remembered.
    pub(crate) ttl: Duration,
}

/// Why something could not be done on the broker.
pub(super) enum Trouble {
    /// It may work the next time.
    Passing(String),
    /// It will not.
    Final(Error),
}

impl Trouble {
    pub(super) fn passing(error: impl std::fmt::Display) -> Self {
        Self::Passing(error.to_string())
    }
}

/// A connection, and everything that is set up.
pub(super) struct Broker {
    pub(super) client: Client,
    pub(super) jetstream: Context,
    pub(super) jobs: kv::Store,
    pub(super) once: kv::Store,
    pub(super) work: Stream,
    pub(super) dead: Stream,
    pub(super) expiry: Stream,
    /// Interactive lanes, then those of batches.
    pub(super) lanes: [Vec<PullConsumer>; 2],
    pub(super) runtime: Handle,
    place: String,
}

impl Broker {
    /// # Errors
    /// [`Kind::Unavailable`], with what the one who runs the service can do.
    pub(super) async fn open(address: &Address) -> Result<Self, Error> {
        let place = address.url.clone();
        let refused = |what: String| Error::new(Kind::Unavailable, format!("cannot use {place} as the queue: {what}"));
        let client = connect(address).await.map_err(refused)?;
        let mut jetstream = jetstream::new(client.clone());
        jetstream.set_timeout(ANSWER);
        let set_up = SetUp { jetstream: &jetstream, replicas: address.replicas };
        let made = async {
            let work = StreamConfig {
                name: WORK.into(),
                subjects: vec!["kaiga.work.>".into()],
                retention: RetentionPolicy::WorkQueue,
                ..Default::default()
            };
            let dead = StreamConfig {
                name: DEAD.into(),
                subjects: vec!["kaiga.dead.*".into()],
                max_messages_per_subject: 1,
                max_age: LONGEST,
                ..Default::default()
            };
            let expiry =
                StreamConfig { name: EXPIRY.into(), subjects: vec!["kaiga.expiry.*".into()], ..Default::default() };
            let work = set_up.stream(work).await?;
            let lanes =
                [set_up.lanes(&work, "i", address.lease).await?, set_up.lanes(&work, "b", address.lease).await?];
            Ok::<_, String>(Self {
                jobs: set_up.bucket(JOBS, Duration::ZERO).await?,
                once: set_up.bucket(ONCE, address.ttl * 2).await?,
                work,
                dead: set_up.stream(dead).await?,
                expiry: set_up.stream(expiry).await?,
                lanes,
                client: client.clone(),
                jetstream: jetstream.clone(),
                runtime: Handle::current(),
                place: place.clone(),
            })
        };
        made.await.map_err(|what| refused(with_advice(what)))
    }

    /// What `work` comes to, which is tried until it works, for as long as `patience`; so it must do no harm when it is done
    /// twice. Blocks the thread.
    pub(super) fn wait<T>(&self, patience: Duration, work: impl AsyncFn() -> Result<T, Trouble>) -> Result<T, Error> {
        let deadline = Instant::now() + patience;
        self.runtime.block_on(async {
            loop {
                let complaint = match timeout_at(deadline, work()).await {
                    Ok(Ok(done)) => return Ok(done),
                    Ok(Err(Trouble::Final(error))) => return Err(error),
                    Ok(Err(Trouble::Passing(complaint))) if Instant::now() + AGAIN >= deadline => complaint,
                    Ok(Err(Trouble::Passing(_))) => {
                        sleep(AGAIN).await;
                        continue;
                    }
                    Err(_) => format!("no answer for {} s", patience.as_secs()),
                };
                let detail = format!("the queue at {}: {complaint}", self.place);
                return Err(Error::passing(Kind::Unavailable, detail, 5));
            }
        })
    }
}

/// The subject of a lane's messages.
pub(super) fn lane_subject(batch: bool, tenant: &str) -> String {
    let lane = blake3::hash(tenant.as_bytes()).as_bytes()[0] as usize % LANES;
    format!("kaiga.work.{}.{lane}", if batch { "b" } else { "i" })
}

/// Looks for what is there and makes what is not: who may only look needs nothing made.
struct SetUp<'a> {
    jetstream: &'a Context,
    replicas: usize,
}

impl SetUp<'_> {
    async fn stream(&self, config: StreamConfig) -> Result<Stream, String> {
        if let Ok(stream) = self.jetstream.get_stream(&config.name).await {
            return Ok(stream);
        }
        let config = StreamConfig { num_replicas: self.replicas, ..config };
        let name = config.name.clone();
        let error = match self.jetstream.create_stream(config).await {
            Ok(stream) => return Ok(stream),
            Err(error) => error,
        };
        // Another process may just be making it: brokers say then that there is one on the same subjects.
        sleep(AGAIN).await;
        self.jetstream.get_stream(&name).await.map_err(|_| format!("stream {name}: {error}"))
    }

    async fn bucket(&self, name: &str, max_age: Duration) -> Result<kv::Store, String> {
        if let Ok(bucket) = self.jetstream.get_key_value(name).await {
            return Ok(bucket);
        }
        // By hand: the client first asks the account for limits that brokers before 2.10 do not tell.
        let config = StreamConfig {
            name: format!("KV_{name}"),
            subjects: vec![format!("$KV.{name}.>")],
            max_messages_per_subject: 1,
            max_age,
            discard: DiscardPolicy::New,
            allow_rollup: true,
            deny_delete: true,
            allow_direct: true,
            ..Default::default()
        };
        self.stream(config).await?;
        self.jetstream.get_key_value(name).await.map_err(|error| format!("bucket {name}: {error}"))
    }

    async fn lanes(&self, work: &Stream, class: &str, lease: Duration) -> Result<Vec<PullConsumer>, String> {
        let mut lanes = Vec::new();
        for lane in 0..LANES {
            let name = format!("{class}{lane}");
            let found = work.get_consumer::<pull::Config>(&name).await.ok();
            if let Some(consumer) = found.filter(|consumer| consumer.cached_info().config.ack_wait == lease) {
                lanes.push(consumer);
                continue;
            }
            let config = pull::Config {
                durable_name: Some(name.clone()),
                filter_subject: format!("kaiga.work.{class}.{lane}"),
                ack_policy: AckPolicy::Explicit,
                ack_wait: lease,
                // Attempts are counted in the job: a delivery is not yet one.
                max_deliver: -1,
                max_ack_pending: 50_000,
                ..Default::default()
            };
            lanes.push(work.create_consumer(config).await.map_err(|error| format!("consumer {name}: {error}"))?);
        }
        Ok(lanes)
    }
}

async fn connect(address: &Address) -> Result<Client, String> {
    let options = ConnectOptions::new()
        .name("kaiga")
        .custom_inbox_prefix("_INBOX.kaiga")
        .connection_timeout(ANSWER)
        .request_timeout(Some(ANSWER))
        .ping_interval(Duration::from_secs(10))
        .max_reconnects(None)
        .reconnect_delay_callback(|tries| Duration::from_millis((tries as u64 * 100).min(2000)))
        .event_callback(|event| async move {
            match event {
                Event::Connected => tracing::info!("connected to the broker"),
                Event::Disconnected => tracing::warn!("the connection to the broker is lost: it is tried again"),
                event => tracing::debug!(%event, "broker"),
            }
        });
    let options = match &address.ca {
        Some(path) => options.add_root_certificates(path.clone()),
        None => options,
    };
    let options = match &address.auth {
        Some(path) => with_auth(options, path)?,
        None => options,
    };
    let servers: Vec<&str> = address.url.split(',').map(str::trim).collect();
    options.connect(servers).await.map_err(|error| with_advice(cause(&error)))
}

/// The secret is told by what it looks like; nothing of it gets into a message.
fn with_auth(options: ConnectOptions, path: &Path) -> Result<ConnectOptions, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let text = text.trim();
    if text.contains("BEGIN NATS USER JWT") {
        return options.credentials(text).map_err(|_| format!("{} is no whole .creds file", path.display()));
    }
    if let Some((user, password)) = text.split_once(':') {
        return Ok(options.user_and_password(user.to_owned(), password.to_owned()));
    }
    if text.starts_with("SU") && !text.contains(char::is_whitespace) {
        return Ok(options.nkey(text.to_owned()));
    }
    Err(format!("{} holds neither a .creds file, nor the seed of a user's nkey, nor user:password", path.display()))
}

fn cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error} ({})", cause(source)),
        None => error.to_string(),
    }
}

fn with_advice(what: String) -> String {
    const ADVICE: &[(&str, &str)] = &[
        ("authorization violation", "correct the file queue_auth names"),
        ("refused", "start the broker, or correct queue"),
        ("UnknownIssuer", "name the certificate of who vouches for it with queue_ca"),
        ("not enabled", "start the broker with JetStream: nats-server -js"),
        ("timed out", "is JetStream on (nats-server -js), and may this user do that?"),
    ];
    match ADVICE.iter().find(|(sign, _)| what.to_lowercase().contains(&sign.to_lowercase())) {
        Some((_, advice)) => format!("{what}; {advice}"),
        None => what,
    }
}
