//! The page, and what browsers are told with it.

use super::*;
use std::io::Read as _;

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
