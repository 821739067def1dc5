//! `kaiga serve`: the service and the page.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use server::Role;
use server::config::{Config, all_settings};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

/// How long a service may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(5);

/// What to do with the settings.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wish {
    /// Serve until told to stop.
    Serve,
    /// Print them.
    Print,
    /// Ask the service that runs with them how it is.
    Check,
}

/// What was typed. The flags are the settings of the service; they have one definition, `server::config`.
#[derive(Debug)]
pub(crate) struct Typed {
    file: Option<PathBuf>,
    wish: Wish,
    /// In place of the address and of the port in the setting `listen`.
    host: Option<IpAddr>,
    port: Option<u16>,
    /// By the names of settings.
    flags: Vec<(String, String)>,
}

/// The same for those who only run jobs and listen nowhere: without an address and a port.
#[derive(Debug)]
pub(crate) struct TypedWorker(pub(crate) Typed);

/// The same for those who only look at the queue.
#[derive(Debug)]
pub(crate) struct TypedStore(pub(crate) Typed);

/// The settings that say where the queue is.
const OF_STORE: [&str; 6] = ["config", "store", "pictures", "queue", "queue_auth", "queue_ca"];

/// Where to listen, in the words people have for it.
fn places() -> [Arg; 2] {
    let part_of_listen = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).conflicts_with("listen").help(help)
    };
    [
        part_of_listen("host", "ADDRESS", "Listen on this address: localhost, 0.0.0.0, :: [default: that of --listen]")
            .value_parser(host),
        part_of_listen("port", "PORT", "Listen on this port; 0 takes a free one [default: that of --listen]")
            .value_parser(clap::value_parser!(u16)),
    ]
}

/// The settings, and what to do with them.
fn settings() -> impl Iterator<Item = Arg> {
    let own = [
        Arg::new("config")
            .long("config")
            .value_name("FILE")
            .help("Read settings from this TOML file [env: KAIGA_CONFIG]"),
        Arg::new("print-config")
            .long("print-config")
            .action(ArgAction::SetTrue)
            .help("Print all settings with what they mean and what they are here, as a TOML file, and stop"),
        Arg::new("check")
            .long("check")
            .action(ArgAction::SetTrue)
            .conflicts_with("print-config")
            .help("Ask the service that runs with these settings whether it is ready, and stop: status 0 if it is"),
    ];
    let setting = |setting: &server::config::Setting| {
        // The first sentence: --print-config says the rest.
        let help = setting.help.trim().split_inclusive(". ").next().unwrap_or_default().trim_end();
        let help = match setting.default_value() {
            Some(value) => format!("{help} [default: {}]", value.trim_matches('"')),
            None => help.to_owned(),
        };
        // clap keeps names for as long as the program runs.
        let flag: &'static str = setting.flag().leak();
        Arg::new(setting.name).long(flag).value_name("VALUE").help(help)
    };
    own.into_iter().chain(all_settings().map(setting))
}

impl Args for Typed {
    fn augment_args(command: Command) -> Command {
        command.args(places()).args(settings())
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl Args for TypedWorker {
    fn augment_args(command: Command) -> Command {
        command.args(settings())
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl Args for TypedStore {
    fn augment_args(command: Command) -> Command {
        let of_store = |setting: &Arg| OF_STORE.iter().any(|name| setting.get_id() == *name);
        command.args(settings().filter(of_store))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for TypedStore {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self(Typed::settings(matches)))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl FromArgMatches for TypedWorker {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self(Typed::settings(matches)))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl FromArgMatches for Typed {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let (host, port) = (matches.get_one("host").copied(), matches.get_one("port").copied());
        Ok(Self { host, port, ..Self::settings(matches) })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Typed {
    /// Without where to listen.
    fn settings(matches: &ArgMatches) -> Self {
        // Not every command has all of them.
        let value = |name: &str| matches.try_get_one::<String>(name).ok().flatten();
        let is_set = |name: &str| matches.try_get_one::<bool>(name).ok().flatten() == Some(&true);
        let flag = |setting: &server::config::Setting| Some((setting.name.to_owned(), value(setting.name)?.clone()));
        let wish = match (is_set("print-config"), is_set("check")) {
            (true, _) => Wish::Print,
            (_, true) => Wish::Check,
            _ => Wish::Serve,
        };
        Self {
            file: value("config").map(PathBuf::from),
            wish,
            host: None,
            port: None,
            flags: all_settings().filter_map(flag).collect(),
        }
    }

    /// What to do, and the configuration.
    ///
    /// # Errors
    /// The complaint about the settings, in a sentence.
    pub(crate) fn meant(self) -> Result<(Wish, Config), String> {
        let file = self.file.or_else(|| std::env::var_os("KAIGA_CONFIG").map(PathBuf::from));
        let file = match file {
            None => None,
            Some(path) => {
                let text = std::fs::read_to_string(&path);
                let text = text.map_err(|error| format!("{}: {}", path.display(), crate::photo::plainly(&error)))?;
                Some((path.display().to_string(), text))
            }
        };
        let environment =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let file = file.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
        let mut config = Config::read(file, environment, &self.flags)?;
        if let Some(ip) = self.host {
            config.listen.set_ip(ip);
        }
        if let Some(port) = self.port {
            config.listen.set_port(port);
        }
        Ok((self.wish, config))
    }
}

/// An address as people type it.
fn host(text: &str) -> Result<IpAddr, String> {
    match text {
        "localhost" => Ok(Ipv4Addr::LOCALHOST.into()),
        _ => {
            let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
            bare.parse().map_err(|_| "it must be localhost or an IP address: 127.0.0.1, 0.0.0.0, ::".into())
        }
    }
}

/// Serves until told to stop.
///
/// # Errors
/// Why it cannot.
pub(crate) fn serve(config: Config) -> Result<(), String> {
    let listening = |address| crate::out::line(&format!("kaiga is at http://{address}"));
    server::run(config, Role::Serve(Box::new(listening)))
}

/// Runs jobs until told to stop.
///
/// # Errors
/// Why it cannot.
pub(crate) fn work(config: Config) -> Result<(), String> {
    server::run(config, Role::Work)
}

/// Asks the service at the address of `config` whether it is ready: for `HEALTHCHECK`, where there is no curl.
///
/// # Errors
/// Why it is not, in a sentence.
pub(crate) fn check(config: &Config) -> Result<String, String> {
    // Who listens on all addresses listens on the local one.
    let ip = match config.listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let address = SocketAddr::new(ip, config.listen.port());
    let answer = ask(address).map_err(|error| format!("no answer at {address}: {error}"))?;
    if answer.starts_with("HTTP/1.1 200 ") {
        return Ok(format!("{address} is ready"));
    }
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let problem: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let detail = problem["detail"].as_str().or(answer.lines().next()).unwrap_or_default();
    Err(format!("{address} is not ready: {detail}"))
}

fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let request = format!("GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    // Whatever answers there: an answer is short.
    stream.take(1 << 16).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
