//! What Prometheus reads: counters, gauges and histograms in its text format (version 0.0.4).

use crate::error::Kind;
use crate::paint::Took;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper borders of the histograms' buckets, seconds.
const BUCKETS_S: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];

/// A part of a picture's way whose duration is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Waiting for a painter.
    Queue,
    /// Reading the photo.
    Decode,
    /// Painting.
    Paint,
    /// Writing the painting.
    Encode,
}

const PARTS: [(Part, &str); 4] =
    [(Part::Queue, "queue"), (Part::Decode, "decode"), (Part::Paint, "paint"), (Part::Encode, "encode")];

/// Counts what happens.
#[derive(Default)]
pub(crate) struct Metrics {
    /// By method, route and status.
    requests: Mutex<BTreeMap<(String, String, u16), u64>>,
    errors: Mutex<BTreeMap<Kind, u64>>,
    jobs: Mutex<BTreeMap<&'static str, u64>>,
    parts: [Histogram; 4],
    in_progress: AtomicU64,
    turned_away: AtomicU64,
    looks_prepared: AtomicU64,
}

#[derive(Default)]
struct Histogram {
    buckets: [AtomicU64; BUCKETS_S.len()],
    count: AtomicU64,
    sum_us: AtomicU64,
}

/// What is not counted but looked up when somebody asks: name, meaning, value.
pub(crate) type Gauge = (&'static str, &'static str, f64);

/// A picture is in progress as long as this lives.
pub(crate) struct InProgress<'a>(&'a AtomicU64);

impl Drop for InProgress<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    /// A request was answered. `route` is the pattern, not the path: there are few of them.
    pub(crate) fn answered(&self, method: &str, route: &str, status: u16) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((method.to_owned(), route.to_owned(), status)).or_default() += 1;
    }

    /// A request or a job failed.
    pub(crate) fn failed(&self, kind: Kind) {
        *self.errors.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default() += 1;
    }

    /// A connection was closed unheard: its client has too many.
    pub(crate) fn turned_away(&self) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }

    /// A look was made ready.
    pub(crate) fn look_prepared(&self) {
        self.looks_prepared.fetch_add(1, Ordering::Relaxed);
    }

    /// How often a look was made ready.
    pub(crate) fn looks_prepared(&self) -> u64 {
        self.looks_prepared.load(Ordering::Relaxed)
    }

    /// A job ended: done, failed, cancelled, returned.
    pub(crate) fn job(&self, outcome: &'static str) {
        *self.jobs.lock().unwrap_or_else(PoisonError::into_inner).entry(outcome).or_default() += 1;
    }

    /// A part of a picture's way took so long.
    pub(crate) fn took(&self, part: Part, time: Duration) {
        let histogram = &self.parts[PARTS.iter().position(|(other, _)| *other == part).unwrap_or_default()];
        for (bucket, border_s) in histogram.buckets.iter().zip(BUCKETS_S) {
            if time.as_secs_f64() <= border_s {
                bucket.fetch_add(1, Ordering::Relaxed);
            }
        }
        histogram.count.fetch_add(1, Ordering::Relaxed);
        histogram.sum_us.fetch_add(time.as_micros() as u64, Ordering::Relaxed);
    }

    /// A picture was painted, and the time went there.
    pub(crate) fn painted(&self, took: Took) {
        for (part, time) in [(Part::Decode, took.decoding), (Part::Paint, took.painting), (Part::Encode, took.encoding)]
        {
            self.took(part, time);
        }
    }

    /// A picture is begun.
    pub(crate) fn begun(&self) -> InProgress<'_> {
        self.in_progress.fetch_add(1, Ordering::Relaxed);
        InProgress(&self.in_progress)
    }

    /// How long a picture takes a painter on average, s; a guess while there was none.
    pub(crate) fn mean_paint_s(&self) -> f64 {
        let parts = || self.parts[1..].iter();
        let count = self.parts[2].count.load(Ordering::Relaxed);
        let sum_us: u64 = parts().map(|histogram| histogram.sum_us.load(Ordering::Relaxed)).sum();
        if count == 0 { 1.0 } else { sum_us as f64 / 1e6 / count as f64 }
    }

    /// Everything, as text.
    pub(crate) fn render(&self, gauges: &[Gauge]) -> String {
        let mut text = String::new();
        let head = |name: &str, kind: &str, help: &str| format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
        text += &head("kaiga_requests_total", "counter", "Requests answered.");
        for ((method, route, status), count) in &*self.requests.lock().unwrap_or_else(PoisonError::into_inner) {
            line(
                &mut text,
                format_args!(
                    "kaiga_requests_total{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}} {count}"
                ),
            );
        }
        text += &head("kaiga_errors_total", "counter", "Requests and jobs that failed, by the kind of their problem.");
        for (kind, count) in &*self.errors.lock().unwrap_or_else(PoisonError::into_inner) {
            line(&mut text, format_args!("kaiga_errors_total{{kind=\"{}\"}} {count}", kind.name()));
        }
        text += &head("kaiga_jobs_total", "counter", "Jobs that ended.");
        for (outcome, count) in &*self.jobs.lock().unwrap_or_else(PoisonError::into_inner) {
            line(&mut text, format_args!("kaiga_jobs_total{{outcome=\"{outcome}\"}} {count}"));
        }
        let turned_away = self.turned_away.load(Ordering::Relaxed);
        for (name, help, count) in [
            (
                "kaiga_connections_turned_away_total",
                "Connections closed unheard: their clients had too many.",
                turned_away,
            ),
            ("kaiga_looks_prepared_total", "Looks made ready: no picture of lately had them.", self.looks_prepared()),
        ] {
            text += &head(name, "counter", help);
            line(&mut text, format_args!("{name} {count}"));
        }
        text += &head("kaiga_part_seconds", "histogram", "Duration of the parts of a picture's way.");
        for (histogram, (_, part)) in self.parts.iter().zip(PARTS) {
            let count = histogram.count.load(Ordering::Relaxed);
            for (bucket, border_s) in histogram.buckets.iter().zip(BUCKETS_S) {
                let below = bucket.load(Ordering::Relaxed);
                line(&mut text, format_args!("kaiga_part_seconds_bucket{{part=\"{part}\",le=\"{border_s}\"}} {below}"));
            }
            let sum_s = histogram.sum_us.load(Ordering::Relaxed) as f64 / 1e6;
            line(&mut text, format_args!("kaiga_part_seconds_bucket{{part=\"{part}\",le=\"+Inf\"}} {count}"));
            line(&mut text, format_args!("kaiga_part_seconds_sum{{part=\"{part}\"}} {sum_s}"));
            line(&mut text, format_args!("kaiga_part_seconds_count{{part=\"{part}\"}} {count}"));
        }
        let in_progress = self.in_progress.load(Ordering::Relaxed) as f64;
        let own = [("kaiga_pictures_in_progress", "Pictures being worked on.", in_progress)];
        for (name, help, value) in own.iter().chain(gauges) {
            text += &head(name, "gauge", help);
            line(&mut text, format_args!("{name} {value}"));
        }
        text
    }
}

fn line(text: &mut String, words: std::fmt::Arguments) {
    // Writing into a string cannot fail.
    let _ = writeln!(text, "{words}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let metrics = Metrics::default();
        metrics.answered("POST", "/api/v1/convert", 200);
        metrics.answered("POST", "/api/v1/convert", 200);
        metrics.failed(Kind::QueueFull);
        metrics.took(Part::Paint, Duration::from_millis(30));
        let _picture = metrics.begun();
        let text = metrics.render(&[("kaiga_queue_depth", "Conversions that wait.", 3.0)]);
        for line in [
            "kaiga_requests_total{method=\"POST\",route=\"/api/v1/convert\",status=\"200\"} 2",
            "kaiga_errors_total{kind=\"queue-full\"} 1",
            "kaiga_part_seconds_bucket{part=\"paint\",le=\"0.025\"} 0",
            "kaiga_part_seconds_bucket{part=\"paint\",le=\"0.05\"} 1",
            "kaiga_part_seconds_bucket{part=\"paint\",le=\"+Inf\"} 1",
            "kaiga_part_seconds_sum{part=\"paint\"} 0.03",
            "kaiga_pictures_in_progress 1",
            "kaiga_queue_depth 3",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} in\n{text}");
        }
        assert!((metrics.mean_paint_s() - 0.03).abs() < 1e-9);
    }
}
