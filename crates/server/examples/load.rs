//! Measures a running service: throughput of 512² conversions beside what the library does alone on this machine,
//! latency, and memory from beginning to end.
//!
//! ```bash
//! target/release/kaiga serve --listen 127.0.0.1:8099 --rate-per-minute 0 --queue-timeout-s 600 & pid=$!
//! cargo run --release -p server --example load -- 127.0.0.1:8099 $pid 1000 8 200
//! ```
//!
//! Arguments: address, process (for its memory), conversions, connections that ask at a time, silent connections that
//! begin a request and never finish it.
#![allow(clippy::print_stdout, reason = "it is for people")]

use kaiga::{Faces, Look, Studio, unwatched};
use pixels::codec::{self, Format};
use pixels::{Image, space::Srgb8};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How long the library alone is measured, before and after.
const ALONE: Duration = Duration::from_secs(8);

fn main() -> Result<(), Failure> {
    let typed: Vec<String> = std::env::args().skip(1).collect();
    let [address, process, count, connections, silent] = typed.as_slice() else {
        return Err("say: address, process, conversions, connections, silent connections".into());
    };
    let (count, connections, silent): (usize, usize, usize) = (count.parse()?, connections.parse()?, silent.parse()?);
    // Neither flat nor noise, as photos are.
    let image = Image::<Srgb8>::from_fn(512, 512, |x, y| {
        let wave =
            |a: usize, b: usize| (127.0 + 80.0 * ((a as f32) * 0.05).sin() + 40.0 * ((b as f32) * 0.21).cos()) as u8;
        [wave(x, y), wave(x + y, x), wave(y, x * 2)]
    });
    let photo = codec::write(&image, None, Format::Jpeg, 90)?;

    let before = alone(&photo)?;
    let silent: Vec<TcpStream> = (0..silent)
        .map(|_| {
            let mut stream = TcpStream::connect(address)?;
            stream.write_all(b"POST /api/v1/convert HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\nx")?;
            Ok(stream)
        })
        .collect::<Result<_, std::io::Error>>()?;
    let (next, times, memory) = (AtomicUsize::new(0), Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let start = Instant::now();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..connections)
            .map(|_| {
                scope.spawn(|| -> Result<(), Failure> {
                    let mut stream = BufReader::new(TcpStream::connect(address)?);
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= count {
                            return Ok(());
                        }
                        let start = Instant::now();
                        convert(&mut stream, &photo)?;
                        times.lock().expect("no client panics").push(start.elapsed());
                        if number.is_multiple_of((count / 10).max(1)) {
                            memory.lock().expect("no client panics").push((number, resident_mib(process)));
                        }
                    }
                })
            })
            .collect();
        clients.into_iter().try_for_each(|client| client.join().expect("no client panics"))
    })?;
    let seconds = start.elapsed().as_secs_f64();
    drop(silent);
    let after = alone(&photo)?;

    let mut times = times.into_inner().expect("no client panicked");
    times.sort();
    let percentile = |percent: usize| times[(times.len() - 1) * percent / 100].as_millis();
    let served = count as f64 / seconds;
    let [whole, paint] = [0, 1].map(|i| (before[i] + after[i]) / 2.0);
    println!(
        "service                     {served:.2} pictures/s, p50 {} ms, p99 {} ms",
        percentile(50),
        percentile(99)
    );
    println!("library, file to file       {whole:.2} pictures/s before and after ({:.2}, {:.2})", before[0], after[0]);
    println!("library, painting alone     {paint:.2} pictures/s");
    println!(
        "share                       {:.0} % of file to file, {:.0} % of painting alone",
        100.0 * served / whole,
        100.0 * served / paint
    );
    let memory = memory.into_inner().expect("no client panicked");
    let line: Vec<String> = memory.iter().map(|(number, mib)| format!("{number}: {mib}")).collect();
    println!("memory, MiB, by conversions {}", line.join("  "));
    Ok(())
}

/// Pictures a second: read, painted and written one after the other, each with all cores; and the painting alone.
fn alone(photo: &[u8]) -> Result<[f64; 2], Failure> {
    let studio = Studio::embedded()?;
    let look = Look { faces: Faces::Off, ..Look::default() };
    let (start, mut painting, mut count) = (Instant::now(), Duration::ZERO, 0.0);
    while start.elapsed() < ALONE {
        let photo = codec::read(photo, &codec::Limits::default())?;
        let begun = Instant::now();
        let painted = studio.paint(&photo, &look, &unwatched)?;
        painting += begun.elapsed();
        codec::write(&painted.image, None, Format::Jpeg, 90)?;
        count += 1.0;
    }
    Ok([count / start.elapsed().as_secs_f64(), count / painting.as_secs_f64()])
}

fn convert(stream: &mut BufReader<TcpStream>, photo: &[u8]) -> Result<(), Failure> {
    let length = photo.len();
    let head = format!(
        "POST /api/v1/convert?format=jpeg&quality=90&faces=off HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.get_mut().write_all(head.as_bytes())?;
    stream.get_mut().write_all(photo)?;
    let (mut status, mut length) = (String::new(), 0);
    stream.read_line(&mut status)?;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim().parse()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    if status.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(String::from_utf8_lossy(&body).into_owned().into()) }
}

/// What the process holds now; 0 where the system does not say.
fn resident_mib(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or_default() / 1024
}
