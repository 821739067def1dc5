//! One trace of a picture that two processes had, as a collector receives it.

use super::{Service, Worker, kaiga, picture, within};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};

/// A span as it is received; names are hexadecimal, times Unix ns.
#[derive(Clone, Debug)]
struct Received {
    service: String,
    name: String,
    trace: String,
    id: String,
    parent: String,
    time_ns: (u64, u64),
    outcome: Option<String>,
}

/// A collector: its address, and what it was sent.
fn collector() -> (String, Arc<Mutex<Vec<Received>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, spans) = (format!("http://{}", listener.local_addr().unwrap()), Arc::new(Mutex::new(Vec::new())));
    let received = Arc::clone(&spans);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let body = request(&mut stream.unwrap());
            received.lock().unwrap().extend(read(&ExportTraceServiceRequest::decode(&*body).unwrap()));
        }
    });
    (address, spans)
}

/// The body of a request, which is answered.
fn request(stream: &mut TcpStream) -> Vec<u8> {
    let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut part).unwrap();
        assert!(count > 0, "the request breaks off");
        bytes.extend(&part[..count]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
        assert!(
            head.starts_with("post /v1/traces ") && head.contains("content-type: application/x-protobuf"),
            "{head}"
        );
        let length: usize =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
        if bytes.len() - end - 4 == length {
            write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").unwrap();
            return bytes.split_off(end + 4);
        }
    }
}

fn read(sent: &ExportTraceServiceRequest) -> Vec<Received> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let text = |value: &Option<Value>| match value {
        Some(Value::StringValue(text)) => text.clone(),
        other => panic!("no text: {other:?}"),
    };
    let mut spans = Vec::new();
    for resource in &sent.resource_spans {
        let about = &resource.resource.as_ref().unwrap().attributes;
        let service = about.iter().find(|one| one.key == "service.name").and_then(|one| one.value.as_ref()).unwrap();
        for span in resource.scope_spans.iter().flat_map(|scope| &scope.spans) {
            let outcome = span.attributes.iter().find(|one| one.key == "kaiga.outcome");
            spans.push(Received {
                service: text(&service.value),
                name: span.name.clone(),
                trace: hex(&span.trace_id),
                id: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
                time_ns: (span.start_time_unix_nano, span.end_time_unix_nano),
                outcome: outcome.map(|one| text(&one.value.as_ref().unwrap().value)),
            });
        }
    }
    spans
}

#[test]
fn a_trace_goes_from_the_upload_through_the_worker_to_the_stored_painting() {
    let store = tempfile::tempdir().unwrap();
    let (address, spans) = collector();
    let traced = |mut command: Command| {
        command.envs([("OTEL_EXPORTER_OTLP_ENDPOINT", &*address), ("OTEL_BSP_SCHEDULE_DELAY", "100")]);
        command
    };
    let service = Service::started_by(traced(kaiga()), store.path(), &["--workers", "0"]);
    let (trace, client) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let headers = format!("traceparent: 00-{trace}-{client}-01\r\n");
    let (status, head, _) = service.send_with("POST", "/api/v1/jobs?format=png&faces=off", &headers, &picture(1));
    assert_eq!(status, 202, "{head}");
    let job = head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap();
    let _worker = Worker::started_by(traced(Command::new(env!("CARGO_BIN_EXE_kaiga"))), store.path());
    within(60, "the job is done", || service.state(job) == "done");
    within(20, "all spans are sent", || spans.lock().unwrap().iter().any(|span| span.name == "attempt"));
    within(20, "all spans are sent", || spans.lock().unwrap().iter().any(|span| span.name == "upload"));

    let spans = spans.lock().unwrap().clone();
    assert!(spans.iter().all(|span| span.trace == trace), "one trace, the client's: {spans:?}");
    let by_name: HashMap<&str, &Received> = spans.iter().map(|span| (&*span.name, span)).collect();
    assert_eq!(by_name.len(), spans.len(), "each once: {spans:?}");
    let [upload, wait, attempt, fetch, paint, keep] =
        ["upload", "wait", "attempt", "fetch", "paint", "store"].map(|name| by_name[name]);
    assert_eq!((&*upload.service, &*upload.parent), ("kaiga serve", client));
    for (span, parent) in [(wait, upload), (attempt, upload), (fetch, attempt), (paint, attempt), (keep, attempt)] {
        assert_eq!((&*span.service, &span.parent), ("kaiga worker", &parent.id), "{span:?}");
    }
    assert_eq!(attempt.outcome.as_deref(), Some("Done"));
    // The wait is counted from when the job was entered, which the upload's process did; in whole milliseconds.
    assert!(wait.time_ns.0 + 1_000_000 > upload.time_ns.0, "{spans:?}");
    let order = [wait, fetch, paint, keep];
    assert!(order.windows(2).all(|pair| pair[0].time_ns.1 <= pair[1].time_ns.0), "{spans:?}");
    assert!(order.iter().all(|span| span.time_ns.0 <= span.time_ns.1) && keep.time_ns.1 <= attempt.time_ns.1);
}

#[test]
fn a_collector_that_is_no_address_is_told() {
    let store = tempfile::tempdir().unwrap();
    let mut command = kaiga();
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "collector at home").arg("--store").arg(store.path());
    let words = super::complaint(&mut command, 1);
    assert!(words.contains("OTEL_EXPORTER_OTLP_ENDPOINT: spans cannot be sent there"), "{words}");
}
