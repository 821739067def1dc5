//! Live paintings, as clients with a WebSocket meet them.

use super::*;
use crate::connections::{Closing, Door};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Has the service listen.
async fn listening(service: &Service) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (app, router) = (Arc::clone(&service.house.app), service.router.clone());
    let door = Door::new(&app.config, Arc::clone(&app.metrics));
    tokio::spawn(async move { door.accept(listener, router, &Closing::new()).await });
    address
}

struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    async fn connect(address: SocketAddr, origin: Option<&str>) -> Self {
        let mut request = format!("ws://{address}/api/v1/live").into_client_request().unwrap();
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        Self(tokio_tungstenite::connect_async(request).await.unwrap().0)
    }

    /// One that was let in.
    async fn begin(address: SocketAddr, wishes: Value) -> Self {
        let mut client = Self::connect(address, None).await;
        client.say(wishes).await;
        let ready = client.told().await;
        assert_eq!((&ready["type"], &ready["max_frame_pixels"]), (&"ready".into(), &921_600.into()), "{ready}");
        client
    }

    async fn say(&mut self, object: Value) {
        self.0.send(Message::Text(object.to_string().into())).await.unwrap();
    }

    async fn show(&mut self, number: u32, file: &[u8]) {
        let message = [&number.to_be_bytes(), file].concat();
        self.0.send(Message::Binary(message.into())).await.unwrap();
    }

    async fn next(&mut self) -> Message {
        let next = tokio::time::timeout(Duration::from_secs(60), self.0.next()).await;
        next.expect("something comes").expect("it is not over").unwrap()
    }

    async fn told(&mut self) -> Value {
        match self.next().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The next painting with its number, whatever is told meanwhile.
    async fn painting(&mut self) -> (u32, Bytes) {
        loop {
            match self.next().await {
                Message::Binary(message) => {
                    let (number, file) = message.split_at(4);
                    return (u32::from_be_bytes(number.try_into().unwrap()), Bytes::copy_from_slice(file));
                }
                Message::Text(text) => assert!(text.contains("\"figures\""), "{text}"),
                other => panic!("{other:?}"),
            }
        }
    }

    /// The problem it ends with, and the code it is closed with.
    async fn end(&mut self) -> (Value, CloseCode) {
        let mut problem = Value::Null;
        loop {
            match self.next().await {
                Message::Text(text) if text.contains("/problems/") => problem = serde_json::from_str(&text).unwrap(),
                Message::Close(close) => return (problem, close.unwrap().code),
                _ => {}
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_comes_back_painted_in_the_look_of_now() {
    let service = Service::start(|_| ());
    let address = listening(&service).await;
    let mut client = Client::begin(address, json!({"style": "skyglow", "line": 0.5, "faces": "off", "fps": 30})).await;
    client.show(7, &picture(24, 16)).await;
    let (number, first) = client.painting().await;
    let same = "detail=1&flat=0&crisp=0&faces=off&format=jpeg&quality=85&line=0.5";
    let convert =
        async |style: &str| service.post(&format!("/api/v1/convert?{same}&style={style}"), picture(24, 16)).await.body;
    assert!(number == 7 && first == convert("skyglow").await, "the first is painted as a photo");

    client.say(json!({"style": "cel", "line": 0.5, "faces": "off"})).await;
    client.show(8, &picture(24, 16)).await;
    let (number, second) = client.painting().await;
    assert!(number == 8 && second == convert("cel").await, "nothing of the look before shows through");

    client.show(9, &codec::write(&image(40, 30), None, Format::WebP, 90).unwrap()).await;
    let (_, third) = client.painting().await;
    let size = codec::read(&third, &Default::default()).unwrap().image;
    assert_eq!((size.width(), size.height()), (40, 30), "whatever size the next has");

    for number in 10.. {
        client.show(number, &picture(24, 16)).await;
        if let Message::Text(text) = client.next().await {
            let figures: Value = serde_json::from_str(&text).unwrap();
            assert!(
                figures["painted"].as_u64() > Some(3) && figures["latency_ms"][1].as_f64() > Some(0.0),
                "{figures}"
            );
            break;
        }
    }
    client.0.close(None).await.unwrap();
    service.house.app.live_over().await;
    assert_eq!(service.house.app.budget.used(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_frame_is_painted_and_what_came_meanwhile_is_dropped() {
    let service = Service::start(|config| config.workers = Some(1));
    let address = listening(&service).await;
    let mut client = Client::begin(address, json!({"faces": "off"})).await;
    let (go, gone) = std::sync::mpsc::channel::<()>();
    service.house.app.live.pool.submit(Box::new(move || gone.recv().unwrap_or_default())).unwrap();
    for number in 0..20 {
        client.show(number, &picture(24, 16)).await;
    }
    // All have been read, at the pace that they are read at.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    go.send(()).unwrap();
    assert_eq!([client.painting().await.0, client.painting().await.0], [0, 19]);
    let metrics = service.house.app.metrics.clone();
    client.0.close(None).await.unwrap();
    service.house.app.live_over().await;
    let told = metrics.render(&[]);
    for line in ["kaiga_live_frames_total{outcome=\"painted\"} 2", "kaiga_live_frames_total{outcome=\"dropped\"} 18"] {
        assert!(told.contains(line), "{line} in\n{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_move_it_is_is_said_before_it_is_over() {
    let service = Service::start(|config| {
        (config.limits.live_frame_bytes, config.limits.upload_timeout_s, config.limits.live_max) = (20_000, 1, 1);
    });
    let address = listening(&service).await;
    let end = async |mut client: Client| {
        let (problem, code) = client.end().await;
        service.house.app.live_over().await;
        (
            problem["type"].as_str().unwrap_or_default().replace("/problems/", ""),
            u16::from(code),
            problem["detail"].clone(),
        )
    };
    for (first, kind, words) in [
        ("{", "malformed", "JSON object"),
        ("[1]", "malformed", "JSON object"),
        ("{\"style\": [1]}", "malformed", "texts, numbers"),
        ("{\"crop\": \"0,0,9\"}", "malformed", "for photos"),
        ("{\"token\": 1}", "malformed", "token"),
        ("{\"style\": \"baroque\"}", "setting", "no style"),
        ("{\"fps\": 99}", "setting", "from 1 to 30"),
    ] {
        let mut client = Client::connect(address, None).await;
        client.0.send(Message::Text(first.into())).await.unwrap();
        let (problem, code, detail) = end(client).await;
        assert!(
            (problem.as_str(), code) == (kind, 1008) && detail.as_str().unwrap().contains(words),
            "{first}: {detail}"
        );
    }
    let mut early = Client::connect(address, None).await;
    early.show(1, &picture(4, 4)).await;
    assert_eq!(end(early).await.0, "malformed");
    let mut noise = 1_u32;
    let mut random = |length| {
        std::iter::repeat_with(|| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 24) as u8
        })
        .take(length)
        .collect::<Vec<u8>>()
    };
    let large = codec::write(&pixels::Image::filled(1300, 720, [90, 120, 60]), None, Format::Jpeg, 5).unwrap();
    assert!(large.len() < 20_000, "it is refused for its pixels");
    for (frame, kind, code) in [
        (random(30_000), "too-large", 1009),
        (random(100), "not-a-picture", 1008),
        (large, "too-large", 1009),
        (picture(24, 16)[..60].to_vec(), "broken-picture", 1008),
        (vec![], "malformed", 1008),
    ] {
        let mut client = Client::begin(address, json!({})).await;
        client.show(1, &frame).await;
        let (problem, closed, detail) = end(client).await;
        assert_eq!((problem.as_str(), closed), (kind, code), "{detail}");
    }
    let quiet = Client::begin(address, json!({})).await;
    let mut second = Client::connect(address, None).await;
    assert_eq!(second.end().await.0["type"], "/problems/queue-full", "there is one place");
    let (problem, _, detail) = end(quiet).await;
    assert!(problem == "timed-out" && detail.as_str().unwrap().contains("no frame came for 1 s"), "{detail}");

    let mut other = Client::connect(address, Some("http://evil.example")).await;
    other.say(json!({})).await;
    assert_eq!(end(other).await.0, "forbidden");
    let mut own = Client::connect(address, Some(&format!("http://{address}"))).await;
    own.say(json!({})).await;
    assert_eq!(own.told().await["type"], "ready");
    assert_eq!(service.house.app.budget.used(), need_bytes(&service));
}

fn need_bytes(service: &Service) -> u64 {
    3 * service.house.app.config.limits.live_frame_bytes + 1280 * 720 * crate::BYTES_PER_PIXEL
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_in_the_first_message_and_clients_have_their_share_of_places() {
    let service = Service::start(|config| {
        config.tokens = Secrets(vec!["hush".into()]);
        (config.limits.live_per_client, config.limits.live_s) = (2, 1);
    });
    let address = listening(&service).await;
    for wishes in [json!({}), json!({"token": "other"}), json!({"token": ""})] {
        let mut client = Client::connect(address, None).await;
        client.say(wishes).await;
        assert_eq!(client.end().await.0["type"], "/problems/unauthorized");
    }
    service.house.app.live_over().await;
    let mut one = Client::begin(address, json!({"token": "hush"})).await;
    let _two = Client::begin(address, json!({"token": "hush"})).await;
    let mut three = Client::connect(address, None).await;
    let (problem, code) = three.end().await;
    assert!(problem["type"] == "/problems/queue-full" && code == CloseCode::Again, "{problem}");
    let (problem, code) = one.end().await;
    assert!(problem["type"] == "/problems/timed-out" && code == CloseCode::Again, "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_clients_get_as_much_each_and_leave_jobs_their_turn() {
    const CLIENTS: usize = 6;
    let service = Service::start(|config| {
        (config.workers, config.limits.live_per_client) = (Some(1), CLIENTS);
    });
    let address = listening(&service).await;
    let over = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let over = Arc::clone(&over);
            tokio::spawn(async move {
                let mut client = Client::begin(address, json!({"faces": "off"})).await;
                let mut painted = 0;
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    client.show(painted, &picture(96, 64)).await;
                    client.painting().await;
                    painted += 1;
                }
                painted
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let job = service.submit("faces=off", picture(24, 16)).await;
    assert_eq!(service.follow(&job).await.pop().unwrap().0, "done");
    assert_eq!(service.post("/api/v1/convert?faces=off", picture(24, 16)).await.status, 200);
    tokio::time::sleep(Duration::from_secs(1)).await;
    over.store(true, std::sync::atomic::Ordering::Relaxed);
    let mut painted = Vec::new();
    for client in clients {
        painted.push(client.await.unwrap());
    }
    painted.sort_unstable();
    assert!(painted[0] >= 2 && 2 * painted[0] >= painted[CLIENTS - 1], "{painted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_stops_says_so_and_waits_for_the_last() {
    let service = Service::start(|_| ());
    let address = listening(&service).await;
    let mut client = Client::begin(address, json!({})).await;
    client.show(1, &picture(24, 16)).await;
    client.painting().await;
    service.house.app.drain();
    let (problem, code) = client.end().await;
    assert!(problem["type"] == "/problems/unavailable" && code == CloseCode::Away, "{problem}");
    tokio::time::timeout(Duration::from_secs(10), service.house.app.live_over()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_address_has_the_look_that_was_signed() {
    let service = Service::start(|config| config.sign_keys = Secrets(vec!["key:0123456789abcdef".into()]));
    let address = listening(&service).await;
    let expires = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 600;
    let path = format!("/api/v1/live?style=cel&faces=off&key=key&expires={expires}");
    let signature = sign("0123456789abcdef", "GET", &path);
    let connect = async || {
        let request = format!("ws://{address}{path}&signature={signature}").into_client_request().unwrap();
        Client(tokio_tungstenite::connect_async(request).await.unwrap().0)
    };
    let mut client = connect().await;
    client.say(json!({})).await;
    assert_eq!(client.told().await["type"], "ready");
    client.show(1, &picture(24, 16)).await;
    assert_eq!(client.painting().await.0, 1);
    client.say(json!({"style": "meadow"})).await;
    assert_eq!(client.end().await.0["type"], "/problems/forbidden");
    let mut other = connect().await;
    other.say(json!({"style": "meadow"})).await;
    assert_eq!(other.end().await.0["type"], "/problems/forbidden");
}
