//! Configuration. One table says the name, default and meaning of every setting; flags, environment, TOML file and
//! `--print-config` are read from it.

use std::net::SocketAddr;
use std::path::PathBuf;

/// A setting as flags, environment and file know it.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The key in the file: `max_upload_bytes`. The flag is `--max-upload-bytes`, the variable `KAIGA_MAX_UPLOAD_BYTES`.
    pub name: &'static str,
    /// What it means, in a sentence or two.
    pub help: &'static str,
    /// Whether its value is a secret, which is never printed.
    pub secret: bool,
}

impl Setting {
    /// The name of its environment variable.
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.to_uppercase())
    }

    /// The name of its flag, without the dashes.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// The value it has where nobody gives one, as the file would say it; `None` if there is none.
    pub fn default_value(&self) -> Option<String> {
        let config = Config::default();
        config.show(self.name).or_else(|| config.limits.show(self.name))
    }
}

const PREFIX: &str = "KAIGA_";
/// Names the file of settings and so cannot stand in it.
const FILE_VARIABLE: &str = "KAIGA_CONFIG";

/// Something a setting can hold: from text and back.
trait Value: Sized {
    const SECRET: bool = false;
    fn read(text: &str) -> Result<Self, String>;
    /// As a value of TOML; `None` where nothing is set.
    fn show(&self) -> Option<String>;
}

macro_rules! whole_numbers {
    ($($type:ty),+) => {$(
        impl Value for $type {
            fn read(text: &str) -> Result<Self, String> {
                text.replace('_', "").parse().map_err(|_| format!("\"{text}\" is not a whole number from 0 to {}", Self::MAX))
            }
            fn show(&self) -> Option<String> {
                Some(self.to_string())
            }
        }
    )+};
}
whole_numbers!(u32, u64, usize);

impl Value for bool {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("\"{text}\" is neither true nor false"))
    }
    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

impl Value for SocketAddr {
    fn read(text: &str) -> Result<Self, String> {
        let complaint = || format!("\"{text}\" is no address and port: 127.0.0.1:8080, 0.0.0.0:8080, [::]:8080");
        text.parse().map_err(|_| complaint())
    }
    fn show(&self) -> Option<String> {
        Some(quoted(&self.to_string()))
    }
}

impl Value for PathBuf {
    fn read(text: &str) -> Result<Self, String> {
        Ok(text.into())
    }
    fn show(&self) -> Option<String> {
        Some(quoted(&self.to_string_lossy()))
    }
}

impl Value for String {
    fn read(text: &str) -> Result<Self, String> {
        Ok(text.into())
    }
    fn show(&self) -> Option<String> {
        Some(quoted(self))
    }
}

impl<T: Value> Value for Option<T> {
    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(None) } else { T::read(text).map(Some) }
    }
    fn show(&self) -> Option<String> {
        self.as_ref().and_then(T::show)
    }
}

/// How lines of the log are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Value for LogFormat {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("\"{text}\" is neither text nor json")),
        }
    }
    fn show(&self) -> Option<String> {
        Some(quoted(if *self == Self::Json { "json" } else { "text" }))
    }
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLevel(pub tracing::level_filters::LevelFilter);

impl Value for LogLevel {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| format!("\"{text}\" is none of error, warn, info, debug, trace, off"))
    }
    fn show(&self) -> Option<String> {
        Some(quoted(&self.0.to_string()))
    }
}

/// Secrets, comma-separated. Not printed, not logged.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(pub Vec<String>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "({} secrets)", self.0.len())
    }
}

impl Value for Secrets {
    const SECRET: bool = true;
    fn read(text: &str) -> Result<Self, String> {
        Ok(Self(text.split(',').map(str::trim).filter(|secret| !secret.is_empty()).map(str::to_owned).collect()))
    }
    fn show(&self) -> Option<String> {
        None
    }
}

macro_rules! settings {
    ($(#[$about:meta])* $name:ident { $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:expr,)+ }
     $(with $(#[$more_about:meta])* $nested:ident: $inner:ty)?) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $($(#[doc = $doc])+ pub $field: $type,)+
            $($(#[$more_about])* pub $nested: $inner,)?
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)+ $($nested: <$inner>::default(),)? }
            }
        }

        impl $name {
            const OWN: &[Setting] = &[$(Setting {
                name: stringify!($field),
                help: concat!($($doc),+),
                secret: <$type as Value>::SECRET,
            }),+];

            /// Whether there is such a setting.
            fn set(&mut self, name: &str, text: &str) -> Result<bool, String> {
                match name {
                    $(stringify!($field) => {
                        self.$field = Value::read(text)?;
                        Ok(true)
                    })+
                    _ => Ok(false),
                }
            }

            fn show(&self, name: &str) -> Option<String> {
                match name {
                    $(stringify!($field) => self.$field.show(),)+
                    _ => None,
                }
            }
        }
    };
}

settings! {
    /// What the service is allowed to take in and to spend.
    Limits {
        /// Bytes of an upload.
        max_upload_bytes: u64 = 25 << 20,
        /// Bytes of an uploaded video.
        max_video_bytes: u64 = 200 << 20,
        /// Seconds of a video that are painted.
        max_video_s: u64 = 300,
        /// Pixels of a photo.
        max_pixels: u64 = 50_000_000,
        /// Pixels of a photo's longer side.
        max_side_px: u32 = 30_000,
        /// Bytes of memory for uploads and pictures together, of all requests that are in the house at a time. A photo
        /// counts 24 bytes a pixel, so this must be at least 24 times max_pixels. Where the process may hold less (its control
        /// group's limit, the machine's memory), this and max_pixels are lowered to three quarters of that.
        max_memory_bytes: u64 = 2 << 30,
        /// Conversions that may wait for a painter; one more is told to come back later.
        queue_max: usize = 64,
        /// Jobs that may wait; one more is told to come back later.
        jobs_max: usize = 1000,
        /// Connections at a time.
        max_connections: usize = 8192,
        /// Connections of one client at a time; not counted with trust_forwarded, where all come through the proxy.
        connections_per_client: usize = 512,
        /// Requests that make work (POST), per client and minute; 0 is no limit.
        rate_per_minute: u32 = 240,
        /// How many of these may come at once.
        rate_burst: u32 = 60,
        /// Seconds for the header of a request to arrive.
        header_timeout_s: u64 = 10,
        /// Seconds for an upload to arrive.
        upload_timeout_s: u64 = 60,
        /// Seconds that a client may take nothing of an answer; then it is cut off.
        answer_timeout_s: u64 = 30,
        /// Seconds that a conversion waits for a painter.
        queue_timeout_s: u64 = 60,
        /// Seconds for decoding.
        decode_timeout_s: u64 = 30,
        /// Seconds for painting.
        paint_timeout_s: u64 = 120,
        /// Seconds for painting a video, with all that belongs to it.
        video_timeout_s: u64 = 3600,
        /// Live paintings at a time: clients whose camera's frames are painted as they come. 0 offers none.
        live_max: usize = 24,
        /// Live paintings of one client at a time.
        live_per_client: usize = 4,
        /// Seconds that a live painting may last; then the client begins again.
        live_s: u64 = 3600,
        /// Bytes of a frame.
        live_frame_bytes: u64 = 1 << 20,
        /// Seconds for encoding.
        encode_timeout_s: u64 = 30,
        /// Seconds that what is being painted gets to finish after SIGTERM; then jobs go back into the queue.
        drain_timeout_s: u64 = 30,
        /// Seconds that photo and painting of a job are kept, from its submission.
        result_ttl_s: u64 = 3600,
        /// Seconds after which the job of a process that gives no sign of life is taken over.
        lease_s: u64 = 30,
        /// How often a job is begun, should the process die over it each time.
        attempts_max: u32 = 2,
        /// How often a job is put off because its pictures cannot be reached: for 1 s, then twice as long each time, at most a
        /// minute. Then it fails.
        retries_max: u32 = 8,
        /// For rehearsals of a deployment: jobs are not painted, but take so many milliseconds and give the photo back. 0 paints.
        rehearse_ms: u64 = 0,
    }
}

settings! {
    /// Everything that can be set.
    Config {
        /// Address and port to listen on. Only this machine sees the default.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080)),
        /// Address and port of the metrics for Prometheus (GET /metrics); none by default.
        metrics_listen: Option<SocketAddr> = None,
        /// Folder of the jobs' database and, unless `pictures` says otherwise, their pictures. By default
        /// $STATE_DIRECTORY (systemd), else kaiga below $XDG_STATE_HOME or ~/.local/state.
        store: Option<PathBuf> = None,
        /// Where the jobs' pictures are: a folder, or s3://bucket/folder, gs://bucket/folder, az://container/folder. Credentials
        /// are taken from the usual AWS_, GOOGLE_ and AZURE_ variables. By default a folder in `store`.
        pictures: Option<String> = None,
        /// The broker that jobs are queued on, for many machines: nats://host:4222 or tls://host:4222 (NATS with JetStream;
        /// several, separated by commas). `pictures` must then be a place that all machines see. By default jobs are queued in a
        /// file in `store`.
        queue: Option<String> = None,
        /// File with the credentials for `queue`: a .creds file, the seed of an nkey, or user:password.
        queue_auth: Option<PathBuf> = None,
        /// File with the certificates (PEM) of who vouches for `queue`. By default those that the system trusts.
        queue_ca: Option<PathBuf> = None,
        /// Copies that the brokers of a cluster keep of the queue. Looked at when it is set up.
        queue_replicas: usize = 1,
        /// Folder of imported models, offered beside the styles. By default that of `kaiga import`: kaiga/models below
        /// $XDG_DATA_HOME or ~/.local/share.
        models: Option<PathBuf> = None,
        /// Painters: pictures worked on at a time; by default one for each core. 0 leaves jobs to `kaiga worker`, of which any
        /// number may run on the same store; one painter stays for what somebody waits for (previews, faces).
        workers: Option<usize> = None,
        /// Bearer tokens, comma-separated, any of which a request that makes work must carry; none by default.
        tokens: Secrets = Secrets::default(),
        /// Keys for signed URLs, comma-separated, each name:secret. Any may sign: add the new one, move the signers,
        /// remove the old one.
        sign_keys: Secrets = Secrets::default(),
        /// Names, comma-separated, under which browsers may ask for this service besides localhost. Looked at where it listens on
        /// a loopback address without trust_forwarded: else a web site could have its own name point here.
        hosts: Option<String> = None,
        /// The address that people reach this service by, `https://kaiga.example.org` for instance: pages that show a preview
        /// of a link want it whole.
        public_url: Option<String> = None,
        /// Take a client's address from the last entry of X-Forwarded-For: for a service behind one proxy that sets it.
        trust_forwarded: bool = false,
        /// Least important line of the log: error, warn, info, debug, trace, off.
        log: LogLevel = LogLevel(tracing::level_filters::LevelFilter::INFO),
        /// Lines of the log as text or json.
        log_format: LogFormat = LogFormat::Text,
        /// Serve the page from this folder instead of the one in the program: for designing it.
        web_dir: Option<PathBuf> = None,
    }
    with /// The limits.
    limits: Limits
}

/// All settings, those of the limits last.
pub fn all_settings() -> impl Iterator<Item = &'static Setting> {
    Config::OWN.iter().chain(Limits::OWN)
}

impl Limits {
    /// Lowers memory and pixels to what a process can keep that may hold `most_bytes`, a quarter of which is for all but
    /// pictures. Whether there was anything to lower.
    pub(crate) fn fit(&mut self, most_bytes: u64) -> bool {
        let bytes = most_bytes / 4 * 3;
        if self.max_memory_bytes <= bytes {
            return false;
        }
        self.max_memory_bytes = bytes;
        self.max_upload_bytes = self.max_upload_bytes.min(bytes / 4);
        self.max_video_bytes = self.max_video_bytes.min(bytes / 4);
        self.max_pixels = self.max_pixels.min((bytes - self.max_upload_bytes) / crate::BYTES_PER_PIXEL);
        true
    }
}

impl Config {
    /// From, each going before the one before: defaults, `file` (its name and its text), `environment`, `flags` (by the
    /// names of settings).
    ///
    /// # Errors
    /// A sentence that names the setting, where it was given, and what is wrong.
    pub fn read(
        file: Option<(&str, &str)>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &[(String, String)],
    ) -> Result<Self, String> {
        let mut config = Self::default();
        if let Some((name, text)) = file {
            config.read_file(text).map_err(|complaint| format!("{name}: {complaint}"))?;
        }
        for (variable, text) in environment {
            let Some(name) = variable.strip_prefix(PREFIX) else { continue };
            if variable == FILE_VARIABLE || injected_by_kubernetes(name) {
                continue;
            }
            config.set_known(&name.to_lowercase(), &text).map_err(|complaint| format!("{variable}: {complaint}"))?;
        }
        for (name, text) in flags {
            config.set_known(name, text).map_err(|complaint| format!("--{}: {complaint}", name.replace('_', "-")))?;
        }
        config.check()?;
        Ok(config)
    }

    fn read_file(&mut self, text: &str) -> Result<(), String> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
        for (name, value) in &table {
            match value.as_table() {
                Some(limits) if name == "limits" => {
                    for (name, value) in limits {
                        let known = self.limits.set(name, &plain(value)?).map_err(|c| format!("limits.{name}: {c}"))?;
                        if !known {
                            return Err(unknown(&format!("limits.{name}")));
                        }
                    }
                }
                _ => {
                    if Limits::OWN.iter().any(|setting| setting.name == name) {
                        return Err(format!("{name} belongs below [limits]"));
                    }
                    let text = plain(value).map_err(|c| format!("{name}: {c}"))?;
                    self.set_known(name, &text).map_err(|c| format!("{name}: {c}"))?;
                }
            }
        }
        Ok(())
    }

    fn set_known(&mut self, name: &str, text: &str) -> Result<(), String> {
        if self.set(name, text)? || self.limits.set(name, text)? { Ok(()) } else { Err(unknown(name)) }
    }

    /// What no single setting can see.
    fn check(&self) -> Result<(), String> {
        let limits = &self.limits;
        let need = limits.max_pixels.saturating_mul(crate::BYTES_PER_PIXEL).saturating_add(limits.max_upload_bytes);
        if limits.max_memory_bytes < need {
            return Err(format!(
                "max_memory_bytes is {}, but one photo of max_pixels and max_upload_bytes takes {need}: raise it, or \
                 lower those",
                limits.max_memory_bytes
            ));
        }
        let at_least_one = [
            ("queue_max", limits.queue_max as u64),
            ("jobs_max", limits.jobs_max as u64),
            ("max_connections", limits.max_connections as u64),
            ("connections_per_client", limits.connections_per_client as u64),
            ("max_upload_bytes", limits.max_upload_bytes),
            ("max_video_bytes", limits.max_video_bytes),
            ("max_video_s", limits.max_video_s),
            ("video_timeout_s", limits.video_timeout_s),
            ("live_per_client", limits.live_per_client as u64),
            ("live_s", limits.live_s),
            ("live_frame_bytes", limits.live_frame_bytes),
            ("lease_s", limits.lease_s),
            ("result_ttl_s", limits.result_ttl_s),
            ("attempts_max", u64::from(limits.attempts_max)),
            ("upload_timeout_s", limits.upload_timeout_s),
            ("header_timeout_s", limits.header_timeout_s),
            ("answer_timeout_s", limits.answer_timeout_s),
        ];
        for (name, value) in at_least_one {
            if value == 0 {
                return Err(format!("{name} is 0, it must be at least 1"));
            }
        }
        self.check_queue()?;
        if let Some(workers @ 1025..) = self.workers {
            return Err(format!("workers is {workers}, it goes from 0 to 1024"));
        }
        if self
            .sign_keys
            .0
            .iter()
            .any(|key| key.split_once(':').is_none_or(|(id, key)| id.is_empty() || key.len() < 16))
        {
            return Err("sign_keys: each is name:secret with a secret of at least 16 characters".into());
        }
        Ok(())
    }

    fn check_queue(&self) -> Result<(), String> {
        let Some(queue) = &self.queue else { return Ok(()) };
        for server in queue.split(',').map(str::trim) {
            let rest = server.strip_prefix("nats://").or_else(|| server.strip_prefix("tls://"));
            match rest {
                None => return Err("queue is nats://host:port or tls://host:port".into()),
                // It would be seen in lists of processes and in logs.
                Some(rest) if rest.contains('@') => {
                    return Err("queue: credentials belong into a file, which queue_auth names".into());
                }
                Some(_) => {}
            }
        }
        if self.pictures.is_none() {
            return Err("with queue, pictures must say where all machines find them: s3://bucket/folder, or a folder they share".into());
        }
        if !(1..=5).contains(&self.queue_replicas) {
            return Err(format!("queue_replicas is {}, it goes from 1 to 5", self.queue_replicas));
        }
        Ok(())
    }

    /// A TOML file with every setting, its meaning, its value here, its flag and its variable. Secrets are left out.
    pub fn documented(&self) -> String {
        let mut text = String::from(
            "# Settings of `kaiga serve`. A flag goes before the environment, that before the file (--config FILE).\n",
        );
        let mut section = |title: &str, settings: &[Setting], show: &dyn Fn(&str) -> Option<String>| {
            text += title;
            for setting in settings {
                text += "\n";
                for line in wrapped(setting.help.trim(), 116) {
                    text += &format!("# {line}\n");
                }
                text += &format!("# --{}, {}\n", setting.flag(), setting.variable());
                text += &match show(setting.name) {
                    Some(value) => format!("{} = {value}\n", setting.name),
                    None => format!("# {} = \"\"\n", setting.name),
                };
            }
        };
        section("", Self::OWN, &|name| self.show(name));
        section("\n[limits]\n", Limits::OWN, &|name| self.limits.show(name));
        text
    }

    /// The folder of the store.
    ///
    /// # Errors
    /// If none is named and the environment does not say where programs keep such things.
    pub fn store_folder(&self) -> Result<PathBuf, String> {
        if let Some(folder) = &self.store {
            return Ok(folder.clone());
        }
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let systemd = || variable("STATE_DIRECTORY");
        let user = || variable("XDG_STATE_HOME").map(|folder| folder.join("kaiga"));
        let home = || variable("HOME").map(|home| home.join(".local/state/kaiga"));
        systemd().or_else(user).or_else(home).ok_or_else(|| "name a folder for the jobs with --store".into())
    }

    /// Painters.
    pub fn workers(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.workers.map_or_else(cores, |workers| workers.max(1))
    }

    /// Whether the painters run jobs, too.
    pub fn runs_jobs(&self) -> bool {
        self.workers != Some(0)
    }
}

/// Kubernetes describes a service called "kaiga" to every pod in variables of these names.
fn injected_by_kubernetes(name: &str) -> bool {
    name == "PORT" || name.starts_with("PORT_") || name.starts_with("SERVICE_")
}

fn unknown(name: &str) -> String {
    format!("there is no setting \"{name}\" (kaiga serve --print-config lists them)")
}

fn plain(value: &toml::Value) -> Result<String, String> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Boolean(flag) => Ok(flag.to_string()),
        toml::Value::Array(values) => values.iter().map(plain).collect::<Result<Vec<_>, _>>().map(|all| all.join(",")),
        _ => Err("it must be a text, a whole number, true or false".into()),
    }
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        if lines.last().is_some_and(|line| !line.is_empty() && line.len() + 1 + word.len() > width) {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Config, String> {
        let owned =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect::<Vec<_>>();
        Config::read(Some(("kaiga.toml", file)), owned(environment), &owned(flags))
    }

    #[test]
    fn limits_fit_the_memory_there_is() {
        let mut config = Config::default();
        assert!(!config.limits.fit(3 << 30));
        assert_eq!(config, Config::default());
        for most_bytes in [2 << 30, 512 << 20, 64 << 20, 0] {
            assert!(config.limits.fit(most_bytes));
            let Limits { max_memory_bytes, max_pixels, max_upload_bytes, .. } = config.limits;
            assert_eq!(max_memory_bytes, most_bytes / 4 * 3);
            assert!(max_pixels * crate::BYTES_PER_PIXEL + max_upload_bytes <= max_memory_bytes);
        }
        config.limits = Limits::default();
        assert!(config.limits.fit(512 << 20));
        assert_eq!((config.limits.max_pixels, config.limits.max_upload_bytes), (15_684_949, 25 << 20));
    }

    #[test]
    fn flags_go_before_the_environment_and_that_before_the_file() {
        let file = "workers = 3\nlog = \"debug\"\ntokens = [\"a\", \"b\"]\n[limits]\nqueue_max = 7\njobs_max = 8";
        let config =
            read(file, &[("KAIGA_WORKERS", "4"), ("KAIGA_QUEUE_MAX", "9"), ("HOME", "x")], &[("workers", "5")]);
        let config = config.unwrap();
        assert_eq!((config.workers, config.limits.queue_max, config.limits.jobs_max), (Some(5), 9, 8));
        assert_eq!((config.tokens.0.len(), config.log.0), (2, tracing::level_filters::LevelFilter::DEBUG));
        assert_eq!(
            read("", &[("KAIGA_SERVICE_HOST", "10.0.0.1"), ("KAIGA_PORT", "tcp://x")], &[]),
            Ok(Config::default())
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (file, environment, flags, words) in [
            ("wokers = 3", ("A", ""), ("workers", "1"), "kaiga.toml: wokers: there is no setting"),
            ("[limits]\nx = 3", ("A", ""), ("workers", "1"), "limits.x"),
            ("queue_max = 3", ("A", ""), ("workers", "1"), "belongs below [limits]"),
            ("workers = 1.5", ("A", ""), ("workers", "1"), "whole number"),
            ("=", ("A", ""), ("workers", "1"), "kaiga.toml"),
            ("", ("KAIGA_WOKERS", "1"), ("workers", "1"), "KAIGA_WOKERS: there is no setting"),
            ("", ("A", ""), ("listen", "8080"), "--listen: \"8080\" is no address"),
            ("", ("A", ""), ("max_pixels", "900000000"), "max_memory_bytes is 2147483648, but"),
            ("", ("A", ""), ("queue_max", "0"), "at least 1"),
            ("", ("A", ""), ("sign_keys", "a:short"), "at least 16"),
            ("queue = \"nats://a:4222\"", ("A", ""), ("workers", "1"), "pictures must say where"),
            ("pictures = \"/x\"", ("KAIGA_QUEUE", "nats://me:hush@a"), ("workers", "1"), "queue_auth"),
            ("pictures = \"/x\"", ("KAIGA_QUEUE", "redis://a"), ("workers", "1"), "queue is nats://"),
        ] {
            let complaint = read(file, &[environment], &[flags]).expect_err(words);
            assert!(complaint.contains(words), "{complaint}");
        }
    }

    #[test]
    fn what_is_printed_can_be_read_and_keeps_secrets() {
        let config = read("", &[("KAIGA_TOKENS", "hush"), ("KAIGA_METRICS_LISTEN", "[::1]:9000")], &[]).unwrap();
        let printed = config.documented();
        assert!(!printed.contains("hush"), "{printed}");
        let again = read(&printed, &[("KAIGA_TOKENS", "hush")], &[]).unwrap();
        assert_eq!(again, config);
        for setting in all_settings() {
            assert!(printed.contains(&format!("--{}, {}\n", setting.flag(), setting.variable())), "{}", setting.name);
        }
    }
}
