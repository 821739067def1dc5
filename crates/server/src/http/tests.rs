//! The HTTP interface as clients meet it: every endpoint, every kind of problem, and answers that keep to the description.

use super::*;
use crate::config::Secrets;
use crate::error::Kind;
use crate::testing::{Answer, Service, image, picture};
use axum::body::Body;
use pixels::codec::{self, Format};
use serde_json::Value;
use std::io::Read as _;
use std::time::Duration;

fn size(answer: &Answer) -> (usize, usize) {
    let image =
        codec::read(&answer.body, &Default::default()).unwrap_or_else(|error| panic!("{error}: {answer:?}")).image;
    (image.width(), image.height())
}

fn form(fields: &[(&str, &[u8])]) -> Request<Body> {
    let mut body = Vec::new();
    for (name, value) in fields {
        let file = if *name == "file" { "; filename=\"photo.png\"" } else { "" };
        body.extend(format!("--XX\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n").bytes());
        body.extend(*value);
        body.extend(b"\r\n");
    }
    body.extend(b"--XX--\r\n");
    let request = Request::post("/api/v1/convert").header("content-type", "multipart/form-data; boundary=XX");
    request.body(body.into()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_comes_back_as_a_painting() {
    let service = Service::start(|_| ());
    let answer = service.post("/api/v1/convert?format=jpeg&quality=80", picture(24, 16)).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type"), size(&answer)), (200, "image/jpeg", (24, 16)));
    let timing = answer.header("server-timing");
    assert!(
        ["queue;dur=", "decode;dur=", "paint;dur=", "encode;dur="].iter().all(|part| timing.contains(part)),
        "{timing}"
    );

    let as_form = service.send(form(&[("format", b"jpeg"), ("file", &picture(24, 16)), ("quality", b"80")])).await;
    assert_eq!(as_form.body, answer.body, "a form says the same as a query");

    let scaled = service.post("/api/v1/convert?max_side=12&crop=4,0,16&style=skyglow&faces=off", picture(24, 16)).await;
    assert_eq!((scaled.header("content-type"), size(&scaled)), ("image/png", (12, 12)));
    let avatar = service.post("/api/v1/avatar?size=40&format=webp&style=portrait", picture(24, 16)).await;
    assert_eq!((avatar.header("content-type"), size(&avatar)), ("image/webp", (40, 40)));
    let chosen = service.post("/api/v1/avatar?size=40&format=webp&style=portrait&crop=0,0,8", picture(24, 16)).await;
    assert_eq!(size(&chosen), (40, 40));
    assert_ne!(chosen.body, avatar.body, "the square that was asked for");
    let faces = service.post("/api/v1/faces", picture(24, 16)).await.json();
    assert_eq!((&faces["width"], &faces["faces"]), (&24.into(), &Value::Array(vec![])));
    assert_eq!(faces["crop"], serde_json::json!({"x": 4, "y": 0, "side": 16}));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_behind_the_person_of_an_avatar_can_be_chosen() {
    // Somebody who is drawn and painted.
    let portrait = include_bytes!("../../../kaiga/tests/golden/drawn-face.png").to_vec();
    let service = Service::start(|_| ());
    let photo = |answer: &Answer| codec::read(&answer.body, &Default::default()).unwrap();
    let avatar = async |query: &str| {
        service.post(&format!("/api/v1/avatar?size=96&crop=0,0,256&faces=off&{query}"), portrait.clone()).await
    };
    let kept = avatar("").await;
    let [corner, nose] = [(2, 2), (44, 47)];
    let at = |answer: &Answer, (x, y)| photo(answer).image.at(x, y);
    let pink = avatar("background=%23ffd9e6").await;
    assert_eq!((at(&pink, corner), at(&pink, nose)), ([255, 217, 230], at(&kept, nose)));
    assert_ne!(at(&kept, corner), [255, 217, 230]);
    let cut = photo(&avatar("background=none&format=webp").await).alpha.unwrap();
    assert_eq!((cut.at(2, 2), cut.at(44, 47)), (0, 255));
    let round = photo(&avatar("round=true").await).alpha.unwrap();
    assert_eq!((round.at(2, 2), round.at(44, 47), round.at(48, 2)), (0, 255, 255));
    for answer in [&kept, &pink] {
        assert_eq!(answer.header("kaiga-warning"), "");
        assert!(photo(answer).alpha.is_none());
    }

    let mut request = form(&[("size", b"40"), ("background", b"pink"), ("file", &picture(24, 16))]);
    *request.uri_mut() = "/api/v1/avatar".parse().unwrap();
    let nobody = service.send(request).await;
    assert_eq!((size(&nobody), nobody.header("kaiga-warning")), ((40, 40), "no-person"));
    let plain = service.post("/api/v1/avatar?size=40", picture(24, 16)).await;
    assert!(nobody.body == plain.body, "what is behind nobody is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_handed_in_again_under_its_name_is_the_same_job() {
    let service = Service::start(|config| config.tokens = Secrets(vec!["anna".into(), "bert".into()]));
    let submit = |token: &'static str, header: &'static str, value: &'static str| {
        let request = Request::post("/api/v1/jobs?faces=off").header("authorization", format!("Bearer {token}"));
        service.send(request.header(header, value).body(picture(24, 16).into()).unwrap())
    };
    let first = submit("anna", "idempotency-key", "holiday-17").await.header("location").to_owned();
    assert_eq!(submit("anna", "idempotency-key", "holiday-17").await.header("location"), first);
    assert_ne!(
        submit("bert", "idempotency-key", "holiday-17").await.header("location"),
        first,
        "names are each client's own"
    );
    assert_eq!(submit("anna", "priority", "u=7, i").await.status, 202);
    for (header, value) in [("priority", "u=8"), ("priority", "u=soon"), ("idempotency-key", "")] {
        let answer = submit("anna", header, value).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (400, "malformed"), "{header}: {value}");
    }
}

/// A model of others, all of whose weights are alike.
fn imported(name: &str) -> Vec<u8> {
    let architecture = "classic-1/corners".to_owned();
    let [network] = &net::model::architecture(&architecture).unwrap()[..] else { panic!("it is one network") };
    let tensor = |shape: &[usize]| net::Tensor::new(shape, vec![0.01; shape.iter().product()]);
    let weights = net::parameters(network).unwrap().into_iter().map(|(name, shape)| (name, tensor(&shape))).collect();
    let [name, licence, source, source_sha256] = [name, "Not for sale", "old.pt", "00"].map(str::to_owned);
    let body = kaiga::Body::Classic { architecture, weights };
    kaiga::Imported { name, body, licence, source, source_sha256 }.write().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_graph_is_one_of_the_styles_and_paints() {
    let [network] = &net::model::architecture("classic-1").unwrap()[..] else { panic!("it is one network") };
    let tensor = |shape: &[usize]| net::Tensor::new(shape, vec![0.01; shape.iter().product()]);
    let weights = net::parameters(network).unwrap().into_iter().map(|(name, shape)| (name, tensor(&shape))).collect();
    let onnx = net::onnx::write(network, &weights, &[net::Shape::new(16, 32, 3)]).unwrap();
    let body = kaiga::Body::Graph(kaiga::read_graph(onnx, &kaiga::Wishes::default()).unwrap());
    let [name, licence, source, source_sha256] = ["graph", "Not for sale", "graph.onnx", "00"].map(str::to_owned);
    let file = kaiga::Imported { name, body, licence, source, source_sha256 }.write().unwrap();
    let models = tempfile::tempdir().unwrap();
    std::fs::write(models.path().join("graph.safetensors"), file).unwrap();
    let service = Service::start(|config| config.models = Some(models.path().into()));
    let styles = service.get("/api/v1/styles").await.json();
    let style = styles["styles"].as_array().unwrap().iter().find(|style| style["name"] == "graph").unwrap();
    assert!(style["description"].as_str().unwrap().ends_with("graph.onnx. Not for sale"), "{style}");
    let answer = service.post("/api/v1/convert?style=graph", picture(24, 16)).await;
    assert_eq!((answer.status.as_u16(), size(&answer)), (200, (24, 16)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_model_is_one_of_the_styles() {
    let models = tempfile::tempdir().unwrap();
    std::fs::write(models.path().join("old.safetensors"), imported("old")).unwrap();
    std::fs::write(models.path().join("broken.safetensors"), b"no model").unwrap();
    let service = Service::start(|config| config.models = Some(models.path().into()));
    let styles = service.get("/api/v1/styles").await.json();
    let style = styles["styles"].as_array().unwrap().iter().find(|style| style["name"] == "old").unwrap();
    assert_eq!(style["licence"], "Not for sale");
    assert!(style["description"].as_str().unwrap().ends_with("Not for sale"), "the page shows descriptions: {style}");
    let answer = service.post("/api/v1/convert?style=old", picture(24, 16)).await;
    assert_eq!((answer.status.as_u16(), size(&answer)), (200, (24, 16)));
    let mixed = service.post("/api/v1/convert?style=old,meadow", picture(24, 16)).await;
    assert_eq!(mixed.problem(), "setting");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_should_know_first() {
    let service = Service::start(|_| ());
    let styles = service.get("/api/v1/styles").await.json();
    let names: Vec<&str> = styles["styles"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"meadow") && styles["default"] == "meadow", "{styles}");
    let limits = service.get("/api/v1/limits").await.json();
    assert_eq!((&limits["max_upload_bytes"], &limits["auth_required"]), (&26_214_400.into(), &false.into()));
    let read = limits["formats_in"].as_array().unwrap();
    assert_eq!(read.iter().any(|format| format == "image/avif"), cfg!(feature = "avif"), "{limits}");
    assert_eq!(service.get("/healthz").await.body, b"ok");
    for _ in 0..200 {
        if service.get("/readyz").await.status == 200 {
            service.house.app.drain();
            assert_eq!(service.get("/readyz").await.problem(), "unavailable");
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no canary was painted");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_client_error_has_its_problem() {
    let service = Service::start(|config| {
        (config.limits.max_pixels, config.limits.max_upload_bytes) = (10_000, 100_000);
    });
    let big = codec::write(&image(101, 100), None, Format::Jpeg, 50).unwrap();
    let mut cut = picture(24, 16);
    cut.truncate(60);
    for (uri, body, kind, words) in [
        ("/api/v1/convert?strenght=1", picture(4, 4), "malformed", "no parameter"),
        ("/api/v1/convert?strength=1&strength=1", picture(4, 4), "malformed", "twice"),
        ("/api/v1/convert?strength=2", picture(4, 4), "setting", "from 0 to 1.5"),
        ("/api/v1/convert?style=baroque", picture(4, 4), "setting", "there are meadow"),
        ("/api/v1/convert?crop=0,0,5", picture(4, 4), "setting", "beyond the picture of 4×4"),
        ("/api/v1/convert", vec![], "not-a-picture", "empty"),
        ("/api/v1/convert", b"%PDF-1.4".to_vec(), "not-a-picture", "PDF"),
        ("/api/v1/convert", cut, "broken-picture", "damaged"),
        ("/api/v1/convert", big, "too-large", "the limit is 0.01 Mpx"),
        ("/api/v1/convert", vec![0; 100_001], "too-large", "0.1 MiB"),
        ("/api/v1/avatar?size=31", picture(4, 4), "setting", "from 32 to 2048"),
        ("/api/v1/avatar?max_side=8", picture(4, 4), "malformed", "for convert"),
        ("/api/v1/avatar?crop=2,0,3", picture(4, 4), "setting", "beyond the picture"),
        ("/api/v1/faces?style=meadow", picture(4, 4), "malformed", "no parameters"),
        ("/api/v1/nothing", vec![], "not-found", "openapi.json"),
        ("/api/v1/styles", vec![], "method-not-allowed", "Allow"),
    ] {
        let answer = service.post(uri, body).await;
        assert_eq!(answer.problem(), kind, "{uri}: {answer:?}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(words), "{uri}: {detail}");
    }
    for (fields, words) in [
        (vec![("style", &b"meadow"[..])], "no field file"),
        (vec![("file", b"1"), ("file", b"2")], "twice"),
        (vec![("file", b"1"), ("style", b"\xff")], "UTF-8"),
        (vec![("file", b"1"), ("tyle", b"meadow")], "no parameter"),
    ] {
        let answer = service.send(form(&fields)).await;
        assert_eq!(answer.problem(), "malformed");
        assert!(answer.json()["detail"].as_str().unwrap().contains(words), "{words}: {answer:?}");
    }
    let odd =
        Request::post("/api/v1/convert").header("content-type", "multipart/form-data").body(Body::empty()).unwrap();
    assert_eq!(service.send(odd).await.problem(), "malformed");
    let answer = service.post("/api/v1/styles", vec![]).await;
    assert_eq!(answer.header("allow"), "GET,HEAD");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_around_the_parts_of_a_form_is_limited_too() {
    use futures_util::StreamExt;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let service = Service::start(|config| config.limits.max_upload_bytes = 100_000);
    let sent = Arc::new(AtomicUsize::new(0));
    let form_of = |chunk: &'static [u8]| {
        let sent = Arc::clone(&sent);
        // A client that sends as long as somebody reads.
        let chunks = futures_util::stream::repeat(bytes::Bytes::from_static(chunk)).take(10_000).map(move |chunk| {
            sent.fetch_add(chunk.len(), Ordering::Relaxed);
            Ok::<_, std::io::Error>(chunk)
        });
        let request = Request::post("/api/v1/convert").header("content-type", "Multipart/Form-Data; boundary=XX");
        request.header("expect", "100-continue").body(Body::from_stream(chunks)).unwrap()
    };
    for chunk in [&[b'x'; 1000][..], b"--XX\r\nx-header: y\r\n"] {
        sent.store(0, Ordering::Relaxed);
        let answer = service.send(form_of(chunk)).await;
        assert_eq!(answer.problem(), "too-large", "{answer:?}");
        assert!(sent.load(Ordering::Relaxed) < 200_000);
    }
    assert_eq!(service.house.app.budget.used(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_names_it_is_known_by_are_answered_on_a_loopback_address() {
    let asked = async |service: &Service, host: &str| {
        let request = Request::get("/api/v1/styles").header("host", host).body(Body::empty()).unwrap();
        service.send(request).await.status.as_u16()
    };
    let service = Service::start(|config| config.hosts = Some("desk.example, other.example".into()));
    for host in ["localhost:8080", "LOCALHOST", "127.0.0.1:8080", "[::1]:8080", "desk.example:80"] {
        assert_eq!(asked(&service, host).await, 200, "{host}");
    }
    for host in ["evil.example", "evil.example:8080", "192.168.0.7:8080", "localhost.evil.example"] {
        assert_eq!(asked(&service, host).await, 403, "{host}");
    }
    let behind_a_proxy = Service::start(|config| config.trust_forwarded = true);
    assert_eq!(asked(&behind_a_proxy, "paint.example.org").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_stops_is_not_waited_for() {
    let service = Service::start(|config| config.limits.upload_timeout_s = 1);
    let stuck = futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>();
    let answer = service.post("/api/v1/convert", Body::from_stream(stuck)).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (408, "slow-upload".into()));
    let broken = futures_util::stream::iter([Ok(bytes::Bytes::from_static(b"x")), Err(std::io::Error::other("gone"))]);
    assert_eq!(service.post("/api/v1/convert", Body::from_stream(broken)).await.problem(), "malformed");
    assert_eq!(service.house.app.budget.used(), 0, "what was promised to uploads is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_house_says_when_to_come_back() {
    let service = Service::start(|config| (config.workers, config.limits.queue_max) = (Some(1), 1));
    let (go, gone) = std::sync::mpsc::channel::<()>();
    service.house.app.pool.submit(Box::new(move || gone.recv().unwrap_or_default())).unwrap();
    while service.house.app.pool.waiting() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    service.house.app.pool.submit(Box::new(|| ())).unwrap();
    let answer = service.post("/api/v1/convert", picture(4, 4)).await;
    assert_eq!(
        (answer.status.as_u16(), answer.problem(), answer.header("retry-after")),
        (429, "queue-full".into(), "1")
    );
    assert_eq!(answer.json()["retry_after_s"], 1);
    go.send(()).unwrap();

    let tight = Service::start(|config| {
        (config.limits.max_pixels, config.limits.max_upload_bytes) = (1000, 1000);
        config.limits.max_memory_bytes = 25_000;
    });
    let mut all = tight.house.app.budget.reserve_nothing();
    assert!(all.grow(24_000));
    let answer = tight.post("/api/v1/convert", picture(8, 8)).await;
    assert_eq!(answer.problem(), "queue-full");
    assert!(answer.json()["detail"].as_str().unwrap().contains("memory"));
    drop(all);
    assert_eq!(tight.post("/api/v1/convert", picture(8, 8)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_counts_as_memory_until_it_is_taken() {
    let service = Service::start(|_| ());
    let budget = &service.house.app.budget;
    let request = Request::post("/api/v1/convert").body(Body::from(picture(24, 16))).unwrap();
    let answer = tower::ServiceExt::oneshot(service.router.clone(), request).await.unwrap();
    let bytes = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
    assert_eq!(budget.used(), bytes.len() as u64);
    drop(bytes);
    assert_eq!(budget.used(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_painting_of_a_job_is_handed_out_without_being_held() {
    let service = Service::start(|_| ());
    let job = service.submit("", picture(24, 16)).await;
    assert_eq!(service.follow(&job).await.last().unwrap().0, "done");
    let mut all = service.house.app.budget.reserve_nothing();
    all.exceed(service.house.app.config.limits.max_memory_bytes);
    let answer = service.get(&format!("{job}/result")).await;
    assert_eq!((answer.status.as_u16(), size(&answer)), (200, (24, 16)), "whatever memory there is");
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_that_take_too_long_are_stopped() {
    let painting = Service::start(|config| config.limits.paint_timeout_s = 0);
    let answer = painting.post("/api/v1/convert", picture(600, 600)).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (503, "timed-out".into()));
    assert!(answer.json()["detail"].as_str().unwrap().contains("painting took longer than 0 s"), "{answer:?}");

    let waiting = Service::start(|config| (config.workers, config.limits.queue_timeout_s) = (Some(1), 0));
    let (go, gone) = std::sync::mpsc::channel::<()>();
    waiting.house.app.pool.submit(Box::new(move || gone.recv().unwrap_or_default())).unwrap();
    let answer = waiting.post("/api/v1/convert", picture(4, 4)).await;
    assert!(answer.json()["detail"].as_str().unwrap().contains("waiting for a painter"), "{answer:?}");
    go.send(()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_painter_is_told_when_its_client_hangs_up() {
    use crate::paint::Watcher;
    let service = Service::start(|config| config.workers = Some(1));
    let app = &service.house.app;
    let (stopped, has_stopped) = std::sync::mpsc::channel();
    let (began, has_begun) = tokio::sync::oneshot::channel();
    let request = studio::on_a_painter(app, app.budget.reserve_nothing(), move |watched| {
        let _ = began.send(());
        while watched.part(0, 1).is_continue() {
            std::thread::sleep(Duration::from_millis(1));
        }
        stopped.send(()).map_err(|error| Error::new(Kind::Internal, error.to_string()))
    });
    let patience = async {
        has_begun.await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    tokio::select! {
        answer = request => panic!("it goes on as long as somebody waits: {answer:?}"),
        () = patience => {}
    }
    assert_eq!(has_stopped.recv_timeout(Duration::from_secs(30)), Ok(()));
    assert_eq!(service.post("/api/v1/convert", picture(4, 4)).await.status, 200, "the only painter is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn work_needs_a_token_where_there_is_one() {
    let service = Service::start(|config| {
        config.tokens = Secrets(vec!["hush".into()]);
        config.sign_keys = Secrets(vec!["k:0123456789abcdef".into()]);
    });
    for uri in ["/api/v1/convert", "/api/v1/jobs", "/api/v1/avatar", "/api/v1/faces"] {
        let answer = service.post(uri, picture(4, 4)).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (401, "unauthorized".into()));
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
        let with = Request::post(uri).header("authorization", "Bearer hush").body(picture(4, 4).into()).unwrap();
        assert!(service.send(with).await.status.is_success(), "{uri}");
    }
    let soon = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 600;
    let url = format!("/api/v1/convert?style=meadow&key=k&expires={soon}");
    let signed = format!("{url}&signature={}", sign("0123456789abcdef", "POST", &url));
    assert_eq!(service.post(&signed, picture(4, 4)).await.status, 200);
    let signed_form = |fields: &[(&str, &[u8])]| {
        let mut request = form(fields);
        *request.uri_mut() = signed.parse().unwrap();
        request
    };
    assert_eq!(service.send(signed_form(&[("file", &picture(4, 4))])).await.status, 200);
    let changed = service.send(signed_form(&[("file", &picture(4, 4)), ("format", b"jpeg")])).await;
    assert_eq!(changed.problem(), "forbidden", "a signature is for the query alone");
    let mut with_token = signed_form(&[("file", &picture(4, 4)), ("format", b"jpeg")]);
    with_token.headers_mut().insert("authorization", "Bearer hush".parse().unwrap());
    assert_eq!(service.send(with_token).await.status, 200);
    let url = "/api/v1/convert?key=k&expires=1";
    let old = format!("{url}&signature={}", sign("0123456789abcdef", "POST", url));
    assert_eq!(service.post(&old, picture(4, 4)).await.problem(), "forbidden");
    assert_eq!(service.get("/api/v1/limits").await.json()["auth_required"], true);
    let answer = service.get("/api/v1/styles").await;
    assert_eq!(answer.status, 200, "looking around is free");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_often_waits() {
    let service = Service::start(|config| (config.limits.rate_per_minute, config.limits.rate_burst) = (1, 1));
    assert_eq!(service.post("/api/v1/convert", picture(4, 4)).await.status, 200);
    let answer = service.post("/api/v1/convert", picture(4, 4)).await;
    assert_eq!((answer.problem(), answer.header("retry-after")), ("rate-limited".into(), "60"));
    assert_eq!(service.get("/api/v1/styles").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_are_told_to_be_careful() {
    let service = Service::start(|_| ());
    for uri in ["/api/v1/styles", "/healthz", "/nothing", "/", "/api/v1/jobs/x"] {
        let answer = service.get(uri).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{uri}");
        assert!(answer.header("content-security-policy").starts_with("default-src 'self';"), "{uri}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "CORS stays off");
        assert_eq!(answer.header("x-request-id").len(), 32);
    }
    let named = |id: &str| Request::get("/healthz").header("x-request-id", id).body(Body::empty()).unwrap();
    assert_eq!(service.send(named("trace-7.a_b")).await.header("x-request-id"), "trace-7.a_b");
    assert_eq!(service.send(named("a b")).await.header("x-request-id").len(), 32);
    let preflight = Request::options("/api/v1/convert").header("origin", "http://evil.example");
    let answer =
        service.send(preflight.header("access-control-request-method", "POST").body(Body::empty()).unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-methods")), (405, ""));
}

/// A JPEG with a place, a camera and a comment in it.
fn told_jpeg() -> Vec<u8> {
    let jpeg = codec::write(&image(24, 16), None, Format::Jpeg, 90).unwrap();
    let mut told = jpeg[..2].to_vec();
    let exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\x0a\0\0\0\x1a\0\0\0\0\0\0\0CAMERA-77\0";
    for (marker, payload) in
        [(0xe1, &exif[..]), (0xfe, b"GPS 48.2 N 16.4 E"), (0xe1, b"http://ns.adobe.com/xap/1.0/\0<x:GPS/>")]
    {
        told.extend([0xff, marker]);
        told.extend((payload.len() as u16 + 2).to_be_bytes());
        told.extend(payload);
    }
    told.extend(&jpeg[2..]);
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_the_photo_told_is_in_the_painting() {
    let service = Service::start(|_| ());
    let holds = |bytes: &[u8], words: &[u8]| bytes.windows(words.len()).any(|window| window == words);
    assert!(holds(&told_jpeg(), b"CAMERA-77") && holds(&told_jpeg(), b"GPS"));
    for format in ["jpeg", "png", "webp"] {
        let answer = service.post(&format!("/api/v1/convert?format={format}"), told_jpeg()).await;
        assert_eq!(size(&answer), (24, 16));
        for words in [&b"CAMERA"[..], b"GPS", b"Exif", b"EXIF", b"eXIf", b"ns.adobe"] {
            assert!(!holds(&answer.body, words), "{format} holds {}", String::from_utf8_lossy(words));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_followed_fetched_and_deleted() {
    let service = Service::start(|_| ());
    let job = service.submit("style=skyglow&format=jpeg", picture(24, 16)).await;
    let events = service.follow(&job).await;
    let (last, data) = events.last().unwrap();
    assert_eq!(last, "done", "{events:?}");
    assert!(events.iter().rev().skip(1).all(|(name, _)| name == "progress"), "{events:?}");
    assert_eq!((&data["progress"], &data["width"], &data["stage"]), (&1.0.into(), &24.into(), &"done".into()));
    assert_eq!(service.follow(&job).await.len(), 1, "who comes late is told the end");

    let result = data["result"].as_str().unwrap();
    let painting = service.get(result).await;
    assert_eq!((painting.header("content-type"), size(&painting)), ("image/jpeg", (24, 16)));
    assert_eq!(painting.header("content-disposition"), "");
    let file = service.get(&format!("{result}?download=1")).await;
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"kaiga.jpg\"");
    let direct = service.post("/api/v1/convert?style=skyglow&format=jpeg", picture(24, 16)).await;
    assert_eq!(painting.body, direct.body, "a job paints what a conversion paints");

    let delete = || Request::delete(&job).body(Body::empty()).unwrap();
    assert_eq!(service.send(delete()).await.status, 204);
    assert_eq!(service.get(&job).await.json()["state"], "cancelled");
    assert_eq!(service.get(result).await.problem(), "gone");
    assert_eq!(service.follow(&job).await[0].0, "cancelled");
    for uri in ["/api/v1/jobs/none", "/api/v1/jobs/none/events", "/api/v1/jobs/none/result"] {
        assert_eq!(service.get(uri).await.problem(), "not-found", "{uri}");
    }
    let none = Request::delete("/api/v1/jobs/none").body(Body::empty()).unwrap();
    assert_eq!(service.send(none).await.problem(), "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_says_why() {
    let service = Service::start(|_| ());
    let mut cut = picture(240, 160);
    cut.truncate(cut.len() / 2);
    let job = service.submit("", cut).await;
    let events = service.follow(&job).await;
    let (last, data) = events.last().unwrap();
    assert_eq!((last.as_str(), &data["error"]["type"]), ("failed", &"/problems/broken-picture".into()));
    let answer = service.get(&format!("{job}/result")).await;
    assert!(answer.problem() == "gone" && answer.json()["detail"].as_str().unwrap().contains("damaged"), "{answer:?}");
    assert_eq!(service.post("/api/v1/jobs", b"text".to_vec()).await.problem(), "not-a-picture");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_that_ends_early_is_painted_with_a_warning() {
    let service = Service::start(|_| ());
    let whole = codec::write(&image(96, 96), None, Format::Jpeg, 90).unwrap();
    for (photo, warning) in [(&whole[..whole.len() * 2 / 3], "truncated"), (&whole[..], "")] {
        let answer = service.post("/api/v1/convert?faces=off", photo.to_vec()).await;
        assert_eq!((answer.status.as_u16(), answer.header("kaiga-warning")), (200, warning));
        let job = service.submit("faces=off", photo.to_vec()).await;
        let (name, data) = service.follow(&job).await.pop().unwrap();
        assert_eq!((name.as_str(), data["warning"].as_str().unwrap_or_default()), ("done", warning));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_waits_is_not_ready() {
    let service = Service::start(|_| ());
    service.house.bench.closing.store(true, std::sync::atomic::Ordering::Relaxed);
    let jobs = [service.submit("", picture(24, 16)).await, service.submit("", picture(24, 16)).await];
    let job = service.get(&jobs[1]).await.json();
    assert_eq!((&job["state"], &job["stage"], &job["position"]), (&"queued".into(), &"queued".into(), &1.into()));
    let answer = service.get(&format!("{}/result", jobs[0])).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (409, "not-ready".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_comes_from_a_folder_or_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("parts")).unwrap();
    write("index.html", "<script type=module src=\"__ASSETS__/app.js\"></script>");
    write("app.js", "import './parts/a.js'; // __ASSETS__");
    write("parts/a.js", "");
    write("sw.js", "const base = '__ASSETS__'");
    write("icon-192.png", "png");
    write(".secret", "hush");
    let service = Service::start(|config| config.web_dir = Some(folder.path().into()));
    let index = service.get("/").await;
    assert_eq!(String::from_utf8_lossy(&index.body), "<script type=module src=\"/assets/dev/app.js\"></script>");
    assert_eq!((index.header("content-type"), index.header("cache-control")), ("text/html; charset=utf-8", "no-store"));
    let app = service.get("/assets/dev/app.js").await;
    assert!(app.header("content-type").starts_with("text/javascript") && app.body.ends_with(b"__ASSETS__"));
    assert_eq!(service.get("/assets/dev/parts/a.js").await.status, 200);
    assert_eq!(service.get("/sw.js").await.body, b"const base = '/assets/dev'");
    assert_eq!(service.get("/icon-192.png").await.header("content-type"), "image/png");
    let share = service.post("/share", b"photo".to_vec()).await;
    assert_eq!((share.status.as_u16(), share.header("location")), (303, "/#shared"));
    for uri in [
        "/assets/old/app.js",
        "/assets/dev/.secret",
        "/assets/dev/../Cargo.toml",
        "/assets/dev/%2e%2e/Cargo.toml",
        "/assets/dev/parts",
        "/assets/dev//etc/passwd",
        "/app.js",
        "/.secret",
    ] {
        assert_eq!(service.get(uri).await.problem(), "not-found", "{uri}");
    }
    // What is in the program depends on how it was built; it is there whole or not at all.
    let built_in = Service::start(|_| ());
    let index = built_in.get("/").await;
    if index.status == 200 {
        let text = String::from_utf8(index.body).unwrap();
        assert!(!text.contains("__ASSETS__"));
        let start = text.find("/assets/").expect("the page asks for its parts");
        let address: String = text[start..].chars().take_while(|c| !"\"' ".contains(*c)).collect();
        let part = built_in.get(&address).await;
        assert_eq!(part.header("cache-control"), "public, max-age=31536000, immutable", "{address}: {part:?}");
        let version = address.split('/').nth(2).unwrap();
        let settings = text.split_once("<script type=\"application/json\" id=\"settings\">").unwrap().1;
        let settings: serde_json::Value = serde_json::from_str(settings.split_once("</script>").unwrap().0).unwrap();
        let strength = serde_json::json!({"min": 0.0, "max": 1.5, "step": 0.05, "default": 1});
        assert_eq!((&settings["strength"], &settings["style"]["default"]), (&strength, &"meadow".into()));
        assert_eq!(settings["faces"]["words"], serde_json::json!(["on", "off", "only"]));
        assert!(settings.get("tile").is_none(), "the machine is not the client's");
        smaller_for_those_who_take_it(&built_in, "/").await;
        smaller_for_those_who_take_it(&built_in, &format!("/assets/{version}/app.js")).await;
        for (uri, absent) in [("app.js", "\nimport "), ("app.js", "\nexport "), ("page.css", "@import")] {
            let whole = built_in.get(&format!("/assets/{version}/{uri}")).await;
            let text = String::from_utf8(whole.body).unwrap();
            assert!(text.len() > 10_000 && !text.contains(absent), "{uri} is all there is");
        }
        assert_eq!(built_in.get(&format!("/assets/{version}/state.js")).await.status, 404, "it is in app.js");
    } else {
        assert_eq!(index.problem(), "not-found");
    }
}

/// A text comes compressed as the client takes it, and is the same text.
async fn smaller_for_those_who_take_it(service: &Service, uri: &str) {
    let ask = |accepted: &str| Request::get(uri).header("accept-encoding", accepted).body(Body::empty()).unwrap();
    let plain = service.get(uri).await;
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), ("", "accept-encoding"), "{uri}");
    for accepted in ["gzip, deflate, br", "gzip;q=0.8", "br;q=0, gzip"] {
        let answer = service.send(ask(accepted)).await;
        let mut text = Vec::new();
        let read = match answer.header("content-encoding") {
            "br" => brotli::Decompressor::new(&answer.body[..], 4096).read_to_end(&mut text),
            _ => flate2::read::GzDecoder::new(&answer.body[..]).read_to_end(&mut text),
        };
        assert!(read.is_ok() && text == plain.body, "{uri}, {accepted}");
        assert_eq!(answer.header("content-encoding") == "br", accepted.ends_with("br"), "{uri}, {accepted}");
        assert!(answer.body.len() * 2 < plain.body.len(), "{uri}, {accepted}");
    }
    assert_eq!(service.send(ask("br;q=0, identity")).await.body, plain.body, "{uri}");
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_have_an_address_of_their_own() {
    let service = Service::start(|_| ());
    service.post("/api/v1/convert", picture(24, 16)).await;
    service.post("/api/v1/convert?strength=9", picture(24, 16)).await;
    assert_eq!(service.get("/metrics").await.problem(), "not-found", "not where clients are");
    let metrics = metrics_router(Arc::clone(&service.house.app));
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let response = tower::ServiceExt::oneshot(metrics, request).await.unwrap();
    let bytes = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    for line in [
        "kaiga_requests_total{method=\"POST\",route=\"/api/v1/convert\",status=\"200\"} 1",
        "kaiga_errors_total{kind=\"setting\"} 1",
        "kaiga_part_seconds_count{part=\"queue\"} 1",
        "kaiga_jobs_oldest_seconds 0",
        "kaiga_queue_depth 0",
        "kaiga_pictures_in_progress 0",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} in\n{text}");
    }
}

/// Follows `$ref`.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).expect(reference),
        None => schema,
    }
}

/// What is wrong with `value` by a JSON schema, as far as ours go. What is not described is wrong.
fn wrong(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    let schema = resolved(document, schema);
    if let Some(all) = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array()) {
        return all
            .iter()
            .all(|one| wrong(document, one, value).is_some())
            .then(|| format!("{value} is none of {schema}"));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        return Some(format!("{value} is not in {schema}"));
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => kind.as_str().into_iter().collect(),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !(kinds.contains(&kind) || kind == "integer" && kinds.contains(&"number")) {
        return Some(format!("{value} is not of {schema}"));
    }
    let number = value.as_f64().unwrap_or_default();
    if schema["minimum"].as_f64().is_some_and(|least| number < least)
        || schema["maximum"].as_f64().is_some_and(|most| number > most)
    {
        return Some(format!("{value} is out of range"));
    }
    match value {
        Value::Array(items) => items.iter().find_map(|item| wrong(document, &schema["items"], item)),
        Value::Object(fields) => {
            let required = schema["required"].as_array().into_iter().flatten();
            let missing = required.filter_map(Value::as_str).find(|name| !fields.contains_key(*name));
            let of = |(name, value): (&String, &Value)| match schema["properties"].get(name) {
                Some(schema) => wrong(document, schema, value).map(|what| format!("{name}: {what}")),
                None => Some(format!("{name} is not described")),
            };
            missing.map(|name| format!("{name} is missing")).or_else(|| fields.iter().find_map(of))
        }
        _ => None,
    }
}

/// Panics unless the description has this answer.
fn conforms(document: &Value, method: &str, path: &str, answer: &Answer) {
    let operation = &document["paths"][path][method];
    assert!(operation.is_object(), "{method} {path} is not described");
    let response = &operation["responses"][answer.status.as_str()];
    assert!(response.is_object(), "{method} {path} does not describe {}: {answer:?}", answer.status);
    let Some(contents) = response["content"].as_object() else {
        return assert!(answer.body.is_empty(), "{method} {path}: a body that is not described");
    };
    let media_type = answer.header("content-type").split(';').next().unwrap();
    let content = contents.get(media_type).unwrap_or_else(|| panic!("{method} {path}: {media_type} is not described"));
    if media_type.ends_with("json") {
        assert_eq!(wrong(document, &content["schema"], &answer.json()), None, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_keep_to_the_description() {
    let service = Service::start(|_| ());
    let document = service.get("/api/openapi.json").await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let job = service.submit("", picture(24, 16)).await;
    service.follow(&job).await;
    let mut cut = picture(240, 160);
    cut.truncate(cut.len() / 2);
    let failed = service.submit("", cut).await;
    service.follow(&failed).await;
    let at = |rest: &str| format!("{job}{rest}");
    let gets = [
        ("/api/v1/styles", "/api/v1/styles".into()),
        ("/api/v1/limits", "/api/v1/limits".into()),
        ("/healthz", "/healthz".into()),
        ("/readyz", "/readyz".into()),
        ("/api/v1/jobs/{id}", at("")),
        ("/api/v1/jobs/{id}", failed.clone()),
        ("/api/v1/jobs/{id}", "/api/v1/jobs/none".into()),
        ("/api/v1/jobs/{id}/events", at("/events")),
        ("/api/v1/jobs/{id}/events", "/api/v1/jobs/none/events".into()),
        ("/api/v1/jobs/{id}/result", at("/result")),
        ("/api/v1/jobs/{id}/result", format!("{failed}/result")),
    ];
    let mut seen = std::collections::BTreeSet::new();
    for (path, uri) in gets {
        conforms(&document, "get", path, &service.get(&uri).await);
        seen.insert(("get".to_owned(), path.to_owned()));
    }
    for path in ["/api/v1/convert", "/api/v1/jobs", "/api/v1/avatar", "/api/v1/faces"] {
        for (query, body) in
            [("", picture(24, 16)), ("", vec![]), ("x=1", picture(4, 4)), ("strength=7", picture(4, 4))]
        {
            conforms(&document, "post", path, &service.post(&format!("{path}?{query}"), body).await);
        }
        seen.insert(("post".to_owned(), path.to_owned()));
    }
    for (query, body) in
        [("preset=draft", clip(1)), ("", picture(4, 4)), ("", vec![]), ("x=1", vec![]), ("end=x", vec![])]
    {
        conforms(&document, "post", "/api/v1/videos", &service.post(&format!("/api/v1/videos?{query}"), body).await);
    }
    seen.insert(("post".to_owned(), "/api/v1/videos".to_owned()));
    let ranges = Request::get(at("/result")).header("range", "bytes=0-9").body(Body::empty()).unwrap();
    conforms(&document, "get", "/api/v1/jobs/{id}/result", &service.send(ranges).await);
    let delete = |uri: &str| Request::delete(uri).body(Body::empty()).unwrap();
    conforms(&document, "delete", "/api/v1/jobs/{id}", &service.send(delete(&job)).await);
    conforms(&document, "delete", "/api/v1/jobs/{id}", &service.send(delete("/api/v1/jobs/none")).await);
    seen.insert(("delete".to_owned(), "/api/v1/jobs/{id}".to_owned()));
    let paths = document["paths"].as_object().unwrap().iter();
    let described = paths.flat_map(|(path, operations)| {
        operations.as_object().unwrap().keys().map(move |method| (method.clone(), path.clone()))
    });
    assert_eq!(described.collect::<std::collections::BTreeSet<_>>(), seen, "each operation is tried here");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_parameter_described_is_taken() {
    let service = Service::start(|_| ());
    let document = service.get("/api/openapi.json").await.json();
    for path in ["/api/v1/convert", "/api/v1/jobs"] {
        let parameters = document["paths"][path]["post"]["parameters"].as_array().unwrap();
        let in_query = |parameter: &&serde_json::Value| parameter["in"] == "query";
        let parameters: Vec<_> = parameters.iter().filter(in_query).collect();
        let mut names: Vec<&str> = parameters.iter().map(|parameter| parameter["name"].as_str().unwrap()).collect();
        let pairs: Vec<(String, String)> = parameters
            .iter()
            .map(|parameter| {
                let example = &parameter["example"];
                let text = example.as_str().map_or_else(|| example.to_string(), str::to_owned);
                (parameter["name"].as_str().unwrap().to_owned(), text)
            })
            .collect();
        let query = serde_urlencoded::to_string(&pairs).unwrap();
        let answer = service.post(&format!("{path}?{query}"), picture(24, 16)).await;
        assert!(answer.status.is_success(), "{query}: {answer:?}");
        let mut taken: Vec<&str> = crate::params::Params::names().collect();
        names.sort_unstable();
        taken.sort_unstable();
        assert_eq!(names, taken);
    }
}

/// A clip of so many seconds with a tone, five frames a second.
fn clip(seconds: u32) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    let [video, tone] = [
        format!("testsrc2=size=96x64:rate=5:duration={seconds}"),
        format!("sine=frequency=440:sample_rate=48000:duration={seconds}"),
    ];
    let made = std::process::Command::new("ffmpeg")
        .args([
            "-v", "error", "-f", "lavfi", "-i", &video, "-f", "lavfi", "-i", &tone, "-c:v", "libx264", "-c:a", "aac",
        ])
        .arg(&path)
        .status();
    assert!(made.expect("the tests of videos need ffmpeg").success());
    std::fs::read(path).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_is_handed_in_followed_and_fetched_in_ranges() {
    let service = Service::start(|_| ());
    let answer = service.post("/api/v1/videos?preset=draft&style=skyglow", clip(2)).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let job = answer.header("location").to_owned();
    let events = service.follow(&job).await;
    let (name, done) = events.last().unwrap();
    assert_eq!((name.as_str(), &done["state"]), ("done", &"done".into()), "{events:?}");
    assert!(events.iter().any(|(_, job)| (0.05..0.95).contains(&job["progress"].as_f64().unwrap())), "{events:?}");
    assert_eq!((&done["width"], &done["height"]), (&96.into(), &64.into()));

    let whole = service.get(&format!("{job}/result?download")).await;
    assert_eq!((whole.status.as_u16(), whole.header("content-type")), (200, "video/mp4"));
    assert_eq!(whole.header("content-disposition"), "attachment; filename=\"kaiga.mp4\"");
    assert_eq!((whole.header("accept-ranges"), &whole.body[4..8]), ("bytes", &b"ftyp"[..]));
    let bytes = whole.body.len();
    let ranged = |range: &str| {
        let request = Request::get(format!("{job}/result")).header("range", range).body(Body::empty()).unwrap();
        service.send(request)
    };
    for (range, start, end) in [
        ("bytes=0-1", 0, 2),
        ("bytes=100-", 100, bytes),
        ("bytes=-7", bytes - 7, bytes),
        ("bytes=5-99999999", 5, bytes),
    ] {
        let part = ranged(range).await;
        assert_eq!((part.status.as_u16(), &part.body[..]), (206, &whole.body[start..end]), "{range}");
        assert_eq!(part.header("content-range"), format!("bytes {start}-{}/{bytes}", end - 1));
    }
    let beyond = ranged("bytes=99999999-").await;
    assert_eq!((beyond.status.as_u16(), beyond.problem().as_str()), (416, "range"));
    for odd in ["bytes=9-2", "bytes=0-1,5-6", "lines=1-2", "bytes=x-"] {
        assert_eq!(ranged(odd).await.body.len(), bytes, "{odd}");
    }

    // It has its sound, and all of its frames.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("painted.mp4");
    std::fs::write(&path, &whole.body).unwrap();
    let probed = std::process::Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-show_entries", "stream=codec_type,nb_read_frames", "-of", "csv=p=0"])
        .arg(&path)
        .output()
        .unwrap();
    let said = String::from_utf8(probed.stdout).unwrap();
    assert!(said.contains("video,10") && said.contains("audio,"), "{said}");
    assert_eq!(service.send(Request::delete(&job).body(Body::empty()).unwrap()).await.status, 204);
    assert_eq!(service.get(&format!("{job}/result")).await.status, 410);
}

#[tokio::test(flavor = "multi_thread")]
async fn videos_have_limits_of_length_size_and_time() {
    let service = Service::start(|config| {
        let limits = &mut config.limits;
        (limits.max_video_s, limits.max_video_bytes, limits.video_timeout_s) = (2, 100_000, 3600);
        limits.max_pixels = 10_000;
    });
    let post = async |query: &str, body: Vec<u8>| service.post(&format!("/api/v1/videos?{query}"), body).await;
    let long = post("", clip(4)).await;
    assert_eq!((long.status.as_u16(), long.problem().as_str()), (413, "too-large"));
    assert!(long.json()["detail"].as_str().unwrap().contains("the limit is 2 s"), "{long:?}");
    assert_eq!(post("start=1&end=2&preset=draft", clip(4)).await.status, 202, "a part of it is short enough");
    let large = post("", vec![0; 100_001]).await;
    assert_eq!((large.status.as_u16(), large.problem().as_str()), (413, "too-large"));
    assert!(large.json()["detail"].as_str().unwrap().contains("video"), "{large:?}");
    let mut cut = clip(1);
    cut.truncate(300);
    for (body, words) in
        [(cut, "not a video"), (picture(9, 9), "picture"), (b"#EXTM3U\n/etc/passwd".to_vec(), "not a video")]
    {
        let answer = post("", body).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (415, "not-a-picture"), "{answer:?}");
        assert!(answer.json()["detail"].as_str().unwrap().contains(words), "{answer:?}");
    }

    let hasty = Service::start(|config| config.limits.video_timeout_s = 1);
    let answer = hasty.post("/api/v1/videos?preset=best", clip(60)).await;
    let events = hasty.follow(answer.header("location")).await;
    let (name, job) = events.last().unwrap();
    assert_eq!((name.as_str(), &job["error"]["type"]), ("failed", &"/problems/timed-out".into()), "{job}");
    let limits = service.get("/api/v1/limits").await.json();
    assert_eq!((&limits["max_video_s"], &limits["max_video_bytes"]), (&2.into(), &100_000.into()));
}

#[test]
fn every_kind_has_a_status_and_a_title() {
    for kind in Kind::ALL {
        let (status, title) = error::words(*kind);
        assert!((400..600).contains(&status) && !title.is_empty());
        assert_eq!(Kind::from_name(kind.name()), Some(*kind));
    }
}

/// The corpora of broken and odd pictures, where they lie beside the repository. Each file is answered with a painting or
/// a complaint about it, and the painters live on.
#[tokio::test(flavor = "multi_thread")]
async fn odd_files_are_painted_or_refused() {
    let Ok(folder) =
        std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpora")).canonicalize()
    else {
        return;
    };
    let service = Service::start(|config| {
        // Enough to see that each is answered; large ones are refused by their size.
        (config.limits.max_pixels, config.limits.max_upload_bytes) = (2_000_000, 3 << 20);
    });
    let (mut folders, mut painted, mut refused) = (vec![folder], 0, 0);
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let answer = service.post("/api/v1/convert?max_side=16&faces=off", std::fs::read(&path).unwrap()).await;
            let status = answer.status.as_u16();
            assert!(status == 200 || (400..429).contains(&status), "{}: {answer:?}", path.display());
            *(if status == 200 { &mut painted } else { &mut refused }) += 1;
        }
    }
    assert!(painted > 0 && refused > 0, "{painted} painted, {refused} refused");
    assert_eq!(service.house.app.budget.used(), 0);
}
