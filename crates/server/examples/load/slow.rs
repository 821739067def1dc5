//! Clients that keep a server waiting, in all the ways there are, and come back when they are cut off.

use socket2::{Domain, Socket, Type};
use std::fmt;
use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// So many come from one address of this machine (127.0.1.1, 127.0.1.2, …).
const PER_ADDRESS: usize = 400;

/// A way of being slow.
struct Way {
    name: &'static str,
    /// What is sent at once.
    first: &'static str,
    /// What is sent again and again, once a second.
    then: &'static str,
    /// Answers are not taken.
    deaf: bool,
}

const WAYS: [Way; 5] = [
    Way { name: "silent within a header", first: "POST /api/v1/convert HTTP/1.1\r\nhost:", then: "", deaf: false },
    Way { name: "a header byte by byte", first: "POST /api/v1/convert HTTP/1.1\r\nx-slow: ", then: "a", deaf: false },
    Way { name: "silent within an upload", first: UPLOAD, then: "", deaf: false },
    Way { name: "an upload byte by byte", first: UPLOAD, then: "x", deaf: false },
    // Whoever reads nothing has to ask for much.
    Way { name: "takes no answers", first: "", then: ANSWERS, deaf: true },
];
const UPLOAD: &str = "POST /api/v1/convert HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\nx";
const ANSWERS: &str = concat!(
    "GET /icon-512.png HTTP/1.1\r\nhost: localhost\r\n\r\nGET /icon-512.png HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "GET /icon-512.png HTTP/1.1\r\nhost: localhost\r\n\r\nGET /icon-512.png HTTP/1.1\r\nhost: localhost\r\n\r\n",
);

/// The clients, at work.
pub(crate) struct Clients {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Report>,
}

/// What became of them.
pub(crate) struct Report {
    open: usize,
    /// By their way.
    cut_off: [usize; WAYS.len()],
    refused: usize,
}

impl Clients {
    /// Starts `count` of them, the ways by turns.
    pub(crate) fn start(server: SocketAddr, count: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&stop);
        Self { stop, thread: std::thread::spawn(move || annoy(server, count, &until)) }
    }

    /// Ends them.
    pub(crate) fn stop(self) -> Report {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("slow clients do not panic")
    }
}

fn annoy(server: SocketAddr, count: usize, stop: &AtomicBool) -> Report {
    let mut clients: Vec<Option<TcpStream>> = (0..count).map(|_| None).collect();
    let mut report = Report { open: 0, cut_off: [0; WAYS.len()], refused: 0 };
    while !stop.load(Ordering::Relaxed) {
        for (number, client) in clients.iter_mut().enumerate() {
            let kind = number % WAYS.len();
            match client {
                None => match connect(server, number / PER_ADDRESS, WAYS[kind].first) {
                    Ok(stream) => *client = Some(stream),
                    Err(_) => report.refused += 1,
                },
                Some(stream) => {
                    if is_cut_off(stream, WAYS[kind].then, WAYS[kind].deaf) {
                        report.cut_off[kind] += 1;
                        *client = None;
                    }
                }
            }
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    report.open = clients.iter().flatten().count();
    report
}

fn connect(server: SocketAddr, address: usize, first: &str) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    let here = SocketAddr::from((Ipv4Addr::new(127, 0, 1, 1 + address as u8), 0));
    socket.bind(&here.into())?;
    socket.connect(&server.into())?;
    let mut stream = TcpStream::from(socket);
    stream.set_nonblocking(true)?;
    stream.write_all(first.as_bytes())?;
    Ok(stream)
}

/// Sends a little more; whether the server has had enough. `deaf` clients do not listen.
fn is_cut_off(stream: &mut TcpStream, more: &str, deaf: bool) -> bool {
    let goes_on = |error: std::io::Error| error.kind() == ErrorKind::WouldBlock;
    let told = stream.write(more.as_bytes());
    // Nothing is ever answered to the others but that it took too long.
    let heard = (!deaf).then(|| stream.peek(&mut [0]));
    told.is_err_and(|error| !goes_on(error))
        || heard.is_some_and(|heard| heard.map_or_else(|error| !goes_on(error), |_| true))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at the end, {} refused; cut off:", self.open, self.refused)?;
        for (way, times) in WAYS.iter().zip(self.cut_off) {
            write!(f, " {} {times},", way.name)?;
        }
        Ok(())
    }
}
