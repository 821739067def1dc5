//! A small house for tests: pictures, a service in a folder of its own, and answers read to the end.

use crate::config::Config;
use crate::serve::{House, open};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use pixels::codec::{self, Format};
use pixels::{Image, space::Srgb8};
use serde_json::Value;
use std::sync::atomic::Ordering;
use tempfile::TempDir;
use tower::ServiceExt;

/// A small colourful picture.
pub(crate) fn image(width: usize, height: usize) -> Image<Srgb8> {
    Image::from_fn(width, height, |x, y| [(x * 10) as u8, (y * 15) as u8, 128])
}

/// The same as the bytes of a file.
pub(crate) fn picture(width: usize, height: usize) -> Vec<u8> {
    codec::write(&image(width, height), None, Format::Png, 90).unwrap()
}

/// A service whose store is a folder of its own. Its painters go home when it is dropped.
pub(crate) struct Service {
    pub(crate) house: House,
    pub(crate) router: Router,
    _folder: TempDir,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.house.bench.closing.store(true, Ordering::Relaxed);
        self.house.app.pool.close();
    }
}

/// An answer, read to the end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The kind of its problem, if it is one.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16());
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        problem["type"].as_str().unwrap().trim_start_matches("/problems/").to_owned()
    }
}

impl Service {
    /// With the usual configuration but for `change`. Must be called within a runtime.
    pub(crate) fn start(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config { store: Some(folder.path().into()), workers: Some(2), ..Config::default() };
        config.limits.rate_per_minute = 0;
        change(&mut config);
        let house = open(config, true).unwrap();
        let router = crate::http::router(std::sync::Arc::clone(&house.app));
        Self { house, router, _folder: folder }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, uri: &str) -> Answer {
        self.send(Request::get(uri).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, uri: &str, body: impl Into<Body>) -> Answer {
        self.send(Request::post(uri).body(body.into()).unwrap()).await
    }

    /// Hands a photo in and gives the job's address.
    pub(crate) async fn submit(&self, query: &str, photo: Vec<u8>) -> String {
        let answer = self.post(&format!("/api/v1/jobs?{query}"), photo).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.header("location").to_owned()
    }

    /// Follows a job to its end: names and data of its events.
    pub(crate) async fn follow(&self, job: &str) -> Vec<(String, Value)> {
        let answer = self.get(&format!("{job}/events")).await;
        assert_eq!(answer.header("content-type"), "text/event-stream");
        let text = String::from_utf8(answer.body).unwrap();
        let events = text.split("\n\n").filter(|event| event.contains("data:"));
        let field = |event: &str, name: &str| {
            let line = event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.trim_start_matches(':').trim().to_owned()
        };
        events.map(|event| (field(event, "event"), serde_json::from_str(&field(event, "data")).unwrap())).collect()
    }
}
