//! What Prometheus reads: counters, gauges and histograms in its text format (version 0.0.4).

use crate::error::Kind;
use crate::paint::Took;
use prometheus::core::Collector;
use prometheus::{
    Gauge as GaugeMetric, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};
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

impl Part {
    const ALL: [Self; 4] = [Self::Queue, Self::Decode, Self::Paint, Self::Encode];

    fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Decode => "decode",
            Self::Paint => "paint",
            Self::Encode => "encode",
        }
    }
}

/// Counts what happens.
pub(crate) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    errors: IntCounterVec,
    jobs: IntCounterVec,
    parts: HistogramVec,
    in_progress: IntGauge,
    turned_away: IntCounter,
    looks_prepared: IntCounter,
    live_frames: IntCounterVec,
}

/// What is not counted but looked up when somebody asks: name, meaning, value.
pub(crate) type Gauge = (&'static str, &'static str, f64);

/// A picture is in progress as long as this lives.
pub(crate) struct InProgress<'a>(&'a IntGauge);

impl Drop for InProgress<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let registry = Registry::new();
        let counters = |name, help, labels: &[&str]| kept(&registry, IntCounterVec::new(Opts::new(name, help), labels));
        let counter = |name, help| kept(&registry, IntCounter::new(name, help));
        let seconds = HistogramOpts::new("kaiga_part_seconds", "Duration of the parts of a picture's way.");
        let parts = kept(&registry, HistogramVec::new(seconds.buckets(BUCKETS_S.to_vec()), &["part"]));
        for part in Part::ALL {
            // There from the beginning, so that the first of its kind is seen as a change.
            let _ = parts.with_label_values(&[part.name()]);
        }
        Self {
            requests: counters("kaiga_requests_total", "Requests answered.", &["method", "route", "status"]),
            errors: counters(
                "kaiga_errors_total",
                "Requests and jobs that failed, by the kind of their problem.",
                &["kind"],
            ),
            jobs: counters("kaiga_jobs_total", "Jobs that ended.", &["outcome"]),
            parts,
            in_progress: kept(&registry, IntGauge::new("kaiga_pictures_in_progress", "Pictures being worked on.")),
            turned_away: counter(
                "kaiga_connections_turned_away_total",
                "Connections closed unheard: their clients had too many.",
            ),
            live_frames: counters(
                "kaiga_live_frames_total",
                "Frames of live paintings, painted or dropped for a newer one.",
                &["outcome"],
            ),
            looks_prepared: counter("kaiga_looks_prepared_total", "Looks made ready: no picture of lately had them."),
            registry,
        }
    }
}

/// Registers a metric.
fn kept<T: Collector + Clone + 'static>(registry: &Registry, metric: prometheus::Result<T>) -> T {
    let metric = metric.expect("names and labels are those of Prometheus");
    registry.register(Box::new(metric.clone())).expect("each name is there once");
    metric
}

impl Metrics {
    /// A request was answered. `route` is the pattern, not the path: there are few of them.
    pub(crate) fn answered(&self, method: &str, route: &str, status: u16) {
        self.requests.with_label_values(&[method, route, &status.to_string()]).inc();
    }

    /// A request or a job failed.
    pub(crate) fn failed(&self, kind: Kind) {
        self.errors.with_label_values(&[kind.name()]).inc();
    }

    /// A connection was closed unheard: its client has too many.
    pub(crate) fn turned_away(&self) {
        self.turned_away.inc();
    }

    /// A look was made ready.
    pub(crate) fn look_prepared(&self) {
        self.looks_prepared.inc();
    }

    /// How often a look was made ready.
    #[cfg(test)]
    pub(crate) fn looks_prepared(&self) -> u64 {
        self.looks_prepared.get()
    }

    /// So many frames of a live painting were painted, so many dropped.
    pub(crate) fn live_frames(&self, painted: u64, dropped: u64) {
        self.live_frames.with_label_values(&["painted"]).inc_by(painted);
        self.live_frames.with_label_values(&["dropped"]).inc_by(dropped);
    }

    /// A job ended: done, failed, cancelled, returned.
    pub(crate) fn job(&self, outcome: &'static str) {
        self.jobs.with_label_values(&[outcome]).inc();
    }

    /// A part of a picture's way took so long.
    pub(crate) fn took(&self, part: Part, time: Duration) {
        self.parts.with_label_values(&[part.name()]).observe(time.as_secs_f64());
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
        self.in_progress.inc();
        InProgress(&self.in_progress)
    }

    /// How long a picture takes a painter on average, s; a guess while there was none.
    pub(crate) fn mean_paint_s(&self) -> f64 {
        let part = |part: Part| self.parts.with_label_values(&[part.name()]);
        let count = part(Part::Paint).get_sample_count();
        let sum_s: f64 = [Part::Decode, Part::Paint, Part::Encode].map(|at| part(at).get_sample_sum()).iter().sum();
        if count == 0 { 1.0 } else { sum_s / count as f64 }
    }

    /// Everything, as text.
    pub(crate) fn render(&self, gauges: &[Gauge]) -> String {
        let asked = Registry::new();
        for (name, help, value) in gauges {
            kept(&asked, GaugeMetric::new(*name, *help)).set(*value);
        }
        let families = [self.registry.gather(), asked.gather()].concat();
        TextEncoder::new().encode_to_string(&families).expect("numbers and names are text")
    }
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
