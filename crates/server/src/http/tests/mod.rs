//! The HTTP interface as clients meet it: every endpoint, every kind of problem, and answers that keep to the description.

mod description;
mod jobs;
mod live;
mod page;
mod videos;

use super::*;
use crate::config::Secrets;
use crate::error::Kind;
use crate::testing::{Answer, Service, image, picture};
use axum::body::Body;
use pixels::codec::{self, Format};
use serde_json::Value;
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
    let portrait = include_bytes!("../../../../kaiga/tests/golden/drawn-face.png").to_vec();
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
    let request = studio::on_a_painter(app, &app.pool, app.budget.reserve_nothing(), move |watched| {
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
