//! A broker for tests: Debian's nats-server, in a folder of its own.

use super::Address;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Killed when it is dropped.
pub(crate) struct Server {
    process: Child,
    port: u16,
    pub(crate) folder: TempDir,
}

impl Server {
    /// `None` where there is no nats-server: $NATS_SERVER, or the one in the path. If that variable is set, there must be one.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(|_| String::new(), &[])
    }

    /// With lines of configuration, which may name files in the folder, and variables they refer to.
    pub(crate) fn start_with(lines: impl FnOnce(&Path) -> String, variables: &[(&str, &str)]) -> Option<Self> {
        let named = std::env::var_os("NATS_SERVER");
        let program = named.clone().unwrap_or_else(|| "nats-server".into());
        if Command::new(&program).arg("--version").stdout(Stdio::null()).status().is_err() {
            assert!(named.is_none(), "there is no {}", program.display());
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = folder.path().join("nats.conf");
        std::fs::write(&config, lines(folder.path())).unwrap();
        let mut command = Command::new(program);
        command.args(["-a", "127.0.0.1", "-js", "-p", &port.to_string()]).envs(variables.iter().copied());
        command.arg("-sd").arg(folder.path()).arg("-c").arg(&config);
        let mut process = command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let start = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert_eq!(process.try_wait().unwrap(), None, "nats-server does not like its configuration");
            assert!(start.elapsed() < Duration::from_secs(20), "nats-server does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(Self { process, port, folder })
    }

    /// How it is reached.
    pub(crate) fn address(&self, lease: Duration) -> Address {
        let url = format!("nats://localhost:{}", self.port);
        Address { url, auth: None, ca: None, replicas: 1, lease, ttl: Duration::from_secs(3600) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether there is a broker to test with; says so if not.
pub(crate) fn is_there() -> bool {
    let there = Server::start().is_some();
    if !there {
        eprintln!("not tested: there is no nats-server (apt-get install nats-server)");
    }
    there
}
