//! Measures a running service: throughput of 512² conversions beside what the library does alone on this machine,
//! latency, and memory from beginning to end, while slow clients do their worst.
//!
//! ```bash
//! ulimit -n 20000
//! target/release/kaiga serve --listen 127.0.0.1:8099 --rate-per-minute 0 & pid=$!
//! cargo run --release -p server --example load -- 127.0.0.1:8099 $pid 1000 8 2000
//! ```
//!
//! Arguments: address, process (for its memory), conversions, connections that ask at a time (more than queue and painters
//! take are told to come back, and do), slow clients.
#![allow(clippy::print_stdout, reason = "it is for people")]

mod slow;

use kaiga::{Faces, Look, Studio, unwatched};
use pixels::codec::{self, Format};
use pixels::{Image, space::Srgb8};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How long the library alone is measured, before and after.
const ALONE: Duration = Duration::from_secs(8);
/// Memory is looked at so often.
const LOOKS: usize = 100;

fn main() -> Result<(), Failure> {
    let typed: Vec<String> = std::env::args().skip(1).collect();
    let [address, process, count, connections, slow] = typed.as_slice() else {
        return Err("say: address, process, conversions, connections, slow clients".into());
    };
    let (count, connections, slow): (usize, usize, usize) = (count.parse()?, connections.parse()?, slow.parse()?);
    let photo = photo()?;

    let before = alone(&photo)?;
    let slow = slow::Clients::start(address.parse()?, slow);
    let round = Round { address, process, photo: &photo, count, next: AtomicUsize::new(0), seen: Mutex::default() };
    let start = Instant::now();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..connections).map(|_| scope.spawn(|| round.client())).collect();
        clients.into_iter().try_for_each(|client| client.join().expect("no client panics"))
    })?;
    let seconds = start.elapsed().as_secs_f64();
    let slow = slow.stop();
    let after = alone(&photo)?;

    let Seen { mut times, memory, refused } = round.seen.into_inner().expect("no client panicked");
    times.sort();
    let percentile = |percent: usize| times[(times.len() - 1) * percent / 100].as_millis();
    let served = count as f64 / seconds;
    let [whole, paint] = [0, 1].map(|i| (before[i] + after[i]) / 2.0);
    let (p50, p99, last) = (percentile(50), percentile(99), percentile(100));
    println!("service                     {served:.2} pictures/s, p50 {p50} ms, p99 {p99} ms, longest {last} ms");
    println!("told to come back           {refused} times (429)");
    println!("library, file to file       {whole:.2} pictures/s before and after ({:.2}, {:.2})", before[0], after[0]);
    println!("library, painting alone     {paint:.2} pictures/s");
    let [of_whole, of_paint] = [whole, paint].map(|alone| 100.0 * served / alone);
    println!("share                       {of_whole:.0} % of file to file, {of_paint:.0} % of painting alone");
    let line: Vec<String> = memory.iter().step_by(LOOKS / 10).map(|(number, mib)| format!("{number}: {mib}")).collect();
    println!("memory, MiB, by conversions {}", line.join("  "));
    // Until a fifth is done, buffers and caches grow to what they need.
    let settled: Vec<_> = memory.iter().filter(|(number, _)| *number >= count / 5).copied().collect();
    println!("its slope after a fifth     {:+.2} MiB per 1000 conversions", 1000.0 * slope(&settled));
    println!("slow clients                {slow}");
    Ok(())
}

/// A picture that is neither flat nor noise, as photos are.
fn photo() -> Result<Vec<u8>, Failure> {
    let image = Image::<Srgb8>::from_fn(512, 512, |x, y| {
        let wave =
            |a: usize, b: usize| (127.0 + 80.0 * ((a as f32) * 0.05).sin() + 40.0 * ((b as f32) * 0.21).cos()) as u8;
        [wave(x, y), wave(x + y, x), wave(y, x * 2)]
    });
    Ok(codec::write(&image, None, Format::Jpeg, 90)?)
}

/// Pictures a second: read, painted and written one after the other, each with all cores; and the painting alone.
fn alone(photo: &[u8]) -> Result<[f64; 2], Failure> {
    let studio = Studio::embedded()?;
    let painter = studio.prepare(&Look { faces: Faces::Off, ..Look::default() })?;
    let (start, mut painting, mut count) = (Instant::now(), Duration::ZERO, 0.0);
    while start.elapsed() < ALONE {
        let photo = codec::read(photo, &codec::Limits::default())?;
        let begun = Instant::now();
        let painted = painter.paint(&photo.image, &unwatched)?;
        painting += begun.elapsed();
        codec::write(&painted, None, Format::Jpeg, 90)?;
        count += 1.0;
    }
    Ok([count / start.elapsed().as_secs_f64(), count / painting.as_secs_f64()])
}

/// `count` conversions, shared out among clients.
struct Round<'a> {
    address: &'a str,
    process: &'a str,
    photo: &'a [u8],
    count: usize,
    next: AtomicUsize,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    times: Vec<Duration>,
    /// After so many conversions, MiB.
    memory: Vec<(usize, u64)>,
    refused: usize,
}

/// What every conversion must answer: the first one's painting.
static PAINTING: OnceLock<Vec<u8>> = OnceLock::new();

impl Round<'_> {
    fn client(&self) -> Result<(), Failure> {
        let mut stream = BufReader::new(TcpStream::connect(self.address)?);
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.count {
                return Ok(());
            }
            let time = self.convert(&mut stream)?;
            let mut seen = self.seen.lock().expect("no client panics");
            seen.times.push(time);
            if number.is_multiple_of((self.count / LOOKS).max(1)) {
                seen.memory.push((number, resident_mib(self.process)));
            }
        }
    }

    /// One conversion, asked for until it is taken; how long the one that was taken took.
    fn convert(&self, stream: &mut BufReader<TcpStream>) -> Result<Duration, Failure> {
        loop {
            let start = Instant::now();
            let Answer { status, retry_after_s, body } = ask(stream, self.photo)?;
            match status.as_str() {
                "200" if *PAINTING.get_or_init(|| body.clone()) == body => return Ok(start.elapsed()),
                "200" => return Err("a painting is another than the first".into()),
                "429" => {
                    self.seen.lock().expect("no client panics").refused += 1;
                    std::thread::sleep(Duration::from_secs(retry_after_s));
                    // Connections that wait are closed after a while.
                    *stream = BufReader::new(TcpStream::connect(self.address)?);
                }
                _ => return Err(String::from_utf8_lossy(&body).into_owned().into()),
            }
        }
    }
}

struct Answer {
    status: String,
    retry_after_s: u64,
    body: Vec<u8>,
}

fn ask(stream: &mut BufReader<TcpStream>, photo: &[u8]) -> Result<Answer, Failure> {
    let length = photo.len();
    let head = format!(
        "POST /api/v1/convert?format=jpeg&quality=90&faces=off HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.get_mut().write_all(head.as_bytes())?;
    stream.get_mut().write_all(photo)?;
    let (mut line, mut length, mut retry_after_s) = (String::new(), 0, 0);
    stream.read_line(&mut line)?;
    let status = line.split(' ').nth(1).unwrap_or_default().to_owned();
    while !line.trim().is_empty() {
        line.clear();
        stream.read_line(&mut line)?;
        if let Some((name, value)) = line.split_once(": ") {
            match name {
                "content-length" => length = value.trim().parse()?,
                "retry-after" => retry_after_s = value.trim().parse()?,
                _ => {}
            }
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Answer { status, retry_after_s, body })
}

/// What the process holds now; 0 where the system does not say.
fn resident_mib(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or_default() / 1024
}

/// Of the straight line that fits best (least squares).
fn slope(points: &[(usize, u64)]) -> f64 {
    let mean = |of: &dyn Fn(&(usize, u64)) -> f64| points.iter().map(of).sum::<f64>() / points.len().max(1) as f64;
    let (x, y) = (mean(&|point| point.0 as f64), mean(&|point| point.1 as f64));
    let spread = mean(&|point| (point.0 as f64 - x).powi(2));
    if spread == 0.0 { 0.0 } else { mean(&|point| (point.0 as f64 - x) * (point.1 as f64 - y)) / spread }
}
