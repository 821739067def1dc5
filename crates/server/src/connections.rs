//! Connections: how many at a time, how many of them one client's, and how long each may keep us waiting.

use crate::config::{Config, Limits};
use crate::metrics::Metrics;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

/// The other end of the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub SocketAddr);

/// Tells connections that the service stops, and knows when the last has ended.
pub(crate) struct Closing(watch::Sender<bool>);

impl Closing {
    /// Of a service that goes on.
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Connections at rest are closed, others get to answer what they were asked. Resolves when the last has ended.
    pub(crate) async fn all_ended(self) {
        self.0.send_replace(true);
        self.0.closed().await;
    }
}

/// Lets connections in.
pub(crate) struct Door {
    limits: Limits,
    metrics: Arc<Metrics>,
    /// Not counted behind a proxy, through which everybody comes.
    clients: Option<Arc<Clients>>,
}

impl Door {
    /// With the limits of the configuration.
    pub(crate) fn new(config: &Config, metrics: Arc<Metrics>) -> Self {
        let clients = (!config.trust_forwarded).then(|| Arc::new(Clients::new(config.limits.connections_per_client)));
        Self { limits: config.limits.clone(), metrics, clients }
    }

    /// Answers connections for ever. Clients that send a header or take an answer too slowly are cut off.
    pub(crate) async fn accept(&self, listener: TcpListener, router: Router, closing: &Closing) {
        let places = Arc::new(Semaphore::new(self.limits.max_connections));
        loop {
            let place = Arc::clone(&places).acquire_owned().await;
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of files, or the client has gone already. Neither is helped by asking again at once.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let entered = match &self.clients {
                None => None,
                Some(clients) => match clients.enter(peer.ip()) {
                    Some(entered) => Some(entered),
                    None => {
                        self.metrics.turned_away();
                        continue;
                    }
                },
            };
            let service = router.clone().map_request(move |mut request: hyper::Request<hyper::body::Incoming>| {
                request.extensions_mut().insert(Peer(peer));
                request.map(axum::body::Body::new)
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(self.limits.header_timeout_s))
                .serve_connection(TokioIo::new(self.paced(stream)), TowerToHyperService::new(service))
                .with_upgrades();
            let mut stopping = closing.0.subscribe();
            tokio::spawn(async move {
                let mut connection = pin!(connection);
                let stopped = async { stopping.wait_for(|stop| *stop).await.is_ok() };
                // Clients that hang up are none of our errors.
                tokio::select! {
                    _ = connection.as_mut() => {}
                    _ = stopped => {
                        connection.as_mut().graceful_shutdown();
                        let _ = connection.await;
                    }
                }
                drop((place, entered, stopping));
            });
        }
    }

    /// A stream whose writes fail once the client has taken nothing for too long.
    fn paced(&self, stream: TcpStream) -> std::pin::Pin<Box<TimeoutStream<TcpStream>>> {
        // Small answers shall not wait for more.
        let _ = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(Duration::from_secs(self.limits.answer_timeout_s)));
        Box::pin(stream)
    }
}

/// Who counts as one client: an address; of IPv6, where one has many, a network of 64 bits.
pub(crate) fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        address => address,
    }
}

/// Counts the connections of each client, or whatever else one may have so many of.
pub(crate) struct Clients {
    max: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection of this client is open as long as this lives.
pub(crate) struct Entered {
    clients: Arc<Clients>,
    client: IpAddr,
}

impl Clients {
    /// At most so many of each.
    pub(crate) fn new(max: usize) -> Self {
        Self { max, open: Mutex::default() }
    }

    /// `None` if the client has too many connections already.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Entered> {
        let client = client(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(client).or_default();
        if *count >= self.max {
            return None;
        }
        *count += 1;
        Some(Entered { clients: Arc::clone(self), client })
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut open = self.clients.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.client);
            }
        }
    }
}

/// Each connection is an open file, and the usual soft limit is 1024.
#[cfg(unix)]
pub(crate) fn raise_file_limit(max_connections: usize) {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = max_connections as u64 + 256;
    let possible = limit.maximum.unwrap_or(u64::MAX).min(wanted);
    if limit.current.is_some_and(|current| current < possible) {
        limit.current = Some(possible);
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "the limit of open files could not be raised");
        }
    }
    if possible < wanted {
        tracing::warn!(limit = possible, "fewer open files are allowed than max_connections needs");
    }
}

/// Here open files are not limited.
#[cfg(not(unix))]
pub(crate) fn raise_file_limit(_max_connections: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_so_many_connections_and_no_more() {
        let clients = Arc::new(Clients::new(2));
        let enter = |address: &str| clients.enter(address.parse().unwrap());
        let (one, two) = (enter("2001:db8::1"), enter("2001:db8::2"));
        assert!(one.is_some() && two.is_some() && enter("2001:db8::3").is_none(), "one network of 64 bits");
        let other = enter("10.0.0.1");
        assert!(other.is_some() && enter("::ffff:10.0.0.1").is_some_and(|entered| entered.client.is_ipv4()));
        drop(one);
        assert!(enter("2001:db8::3").is_some());
        drop((two, other));
        assert!(clients.open.lock().unwrap().is_empty());
    }
}
