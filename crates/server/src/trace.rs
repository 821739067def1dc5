//! Traces: what happened to a picture and for how long, from the upload to the painting that is stored, whichever processes
//! had it. Spans go to an OpenTelemetry collector; without one nothing is recorded.
//!
//! Where a trace goes on is said as W3C has it (`traceparent`): a request brings it, the job keeps it, and whoever runs the
//! job hangs its spans there. They are made with OpenTelemetry's own interface and not through `tracing`, because a span like
//! the wait for a painter begins in another process than the one that sees it end.

use crate::error::Error;
use opentelemetry::trace::{SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer};
use opentelemetry::{Context, KeyValue, global};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Spans that have not been sent when the process ends are waited for so long.
#[cfg(feature = "cluster")]
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Sends spans as long as it lives, and the last of them when it goes.
pub(crate) struct Sending {
    #[cfg(feature = "cluster")]
    provider: Option<opentelemetry_sdk::trace::SdkTracerProvider>,
}

/// Starts sending spans, if the environment says where to (`OTEL_EXPORTER_OTLP_ENDPOINT`, by HTTP). `service` is what this
/// process is called unless `OTEL_SERVICE_NAME` says otherwise.
///
/// # Errors
/// In a sentence: the address is none, or this program was built without.
pub(crate) fn start(service: &'static str) -> Result<Sending, String> {
    let set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let asked = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"].iter().find(|name| set(name));
    sending(service, asked.copied())
}

#[cfg(feature = "cluster")]
fn sending(service: &'static str, asked: Option<&str>) -> Result<Sending, String> {
    let Some(variable) = asked else { return Ok(Sending { provider: None }) };
    let exporter = opentelemetry_otlp::SpanExporter::builder().with_http().build();
    let exporter = exporter.map_err(|error| format!("{variable}: spans cannot be sent there: {error}"))?;
    let named = std::env::var_os("OTEL_SERVICE_NAME").is_some();
    let resource = opentelemetry_sdk::Resource::builder();
    let resource = if named { resource } else { resource.with_service_name(service) };
    let about = [
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", crate::random_name()),
    ];
    let resource = resource.with_attributes(about).build();
    let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder();
    let provider = provider.with_batch_exporter(exporter).with_resource(resource).build();
    global::set_tracer_provider(provider.clone());
    Ok(Sending { provider: Some(provider) })
}

#[cfg(not(feature = "cluster"))]
fn sending(_: &'static str, asked: Option<&str>) -> Result<Sending, String> {
    match asked {
        None => Ok(Sending {}),
        Some(variable) => {
            Err(format!("{variable}: this program was built without traces (cargo build --features cluster)"))
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        #[cfg(feature = "cluster")]
        if let Some(provider) = self.provider.take()
            && let Err(error) = provider.shutdown_with_timeout(LAST_WORDS)
        {
            tracing::warn!(%error, "the last spans could not be sent");
        }
    }
}

/// Something that takes time. It ends when it is dropped.
pub(crate) struct Span(Context);

impl Span {
    /// Begins now, in the trace that `parent` (a `traceparent`) names, or as the first of one.
    pub(crate) fn begin(name: &'static str, parent: Option<&str>) -> Self {
        Self::within(name, &remote(parent), None)
    }

    /// Began at `since_ms`, Unix ms.
    pub(crate) fn since(name: &'static str, parent: Option<&str>, since_ms: i64) -> Self {
        let since = UNIX_EPOCH + Duration::from_millis(u64::try_from(since_ms).unwrap_or(0));
        // Clocks of machines differ; nothing began after now.
        Self::within(name, &remote(parent), Some(since.min(SystemTime::now())))
    }

    /// A part of this one, which begins now.
    pub(crate) fn part(&self, name: &'static str) -> Self {
        Self::within(name, &self.0, None)
    }

    fn within(name: &'static str, parent: &Context, since: Option<SystemTime>) -> Self {
        let tracer = global::tracer("kaiga");
        let builder = tracer.span_builder(name);
        let builder = match since {
            Some(since) => builder.with_start_time(since),
            None => builder,
        };
        let span = tracer.build_with_context(builder, parent);
        Self(parent.with_span(span))
    }

    /// Where others go on, as W3C's `traceparent`; nothing if nothing is recorded.
    pub(crate) fn traceparent(&self) -> Option<String> {
        let span = self.0.span();
        let context = span.span_context();
        let flags = context.trace_flags().to_u8();
        context.is_valid().then(|| format!("00-{}-{}-{flags:02x}", context.trace_id(), context.span_id()))
    }

    /// Says something of it.
    pub(crate) fn note(&self, name: &'static str, value: impl Into<opentelemetry::Value>) {
        self.0.span().set_attribute(KeyValue::new(name, value));
    }

    /// What came of it, if it was no good.
    pub(crate) fn told<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &result {
            self.note("error.type", error.kind.name());
            self.0.span().set_status(Status::error(error.detail.clone()));
        }
        result
    }
}

/// The span that a `traceparent` names. What is not one is none: a client's mistake in it is no reason to refuse a photo.
fn remote(parent: Option<&str>) -> Context {
    let context = parent.and_then(|parent| {
        let parts: Vec<&str> = parent.trim().split('-').collect();
        let hex = |text: &str, digits: usize| {
            text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        };
        // Later versions may say more behind these four.
        let [version, trace, span, flags, ..] = parts[..] else { return None };
        let whole = hex(version, 2) && hex(trace, 32) && hex(span, 16) && hex(flags, 2) && version != "ff";
        if !whole || version == "00" && parts.len() > 4 {
            return None;
        }
        let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
        let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
        Some(SpanContext::new(trace, span, flags, true, TraceState::default()))
    });
    match context.filter(SpanContext::is_valid) {
        Some(context) => Context::new().with_remote_span_context(context),
        None => Context::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_as_w3c_has_it() {
        let read = |text: &str| {
            let context = remote(Some(text));
            let span = context.span();
            let context = span.span_context();
            context
                .is_valid()
                .then(|| (context.trace_id().to_string(), context.span_id().to_string(), context.is_sampled()))
        };
        let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        let found = |sampled| Some((trace.to_owned(), span.to_owned(), sampled));
        assert_eq!(read(&format!("00-{trace}-{span}-01")), found(true));
        assert_eq!(read(&format!("00-{trace}-{span}-00")), found(false));
        assert_eq!(read(&format!("cc-{trace}-{span}-01-what-comes")), found(true));
        for wrong in [
            String::new(),
            format!("00-{trace}-{span}"),
            format!("00-{trace}-{span}-01-x"),
            format!("ff-{trace}-{span}-01"),
            format!("00-{}-{span}-01", trace.to_uppercase()),
            format!("00-{}-{span}-01", "0".repeat(32)),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00-{trace}-+0f067aa0ba902b7-01"),
        ] {
            assert_eq!(read(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn nothing_is_recorded_unless_somebody_asked() {
        let span = Span::begin("upload", None);
        assert_eq!((span.traceparent(), span.part("paint").traceparent()), (None, None));
    }
}
