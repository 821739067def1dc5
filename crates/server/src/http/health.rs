//! Whether the service lives, whether it can paint, and its metrics.

use super::App;
use crate::error::{Error, Kind};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Says that the process lives.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, description = "It lives", body = String, content_type = "text/plain")))]
pub(super) async fn healthz() -> &'static str {
    "ok"
}

/// Says whether the service can do its work: it has painted lately (a canary, if nobody wanted anything), its store
/// answers, and it is not shutting down.
#[utoipa::path(get, path = "/readyz", tag = "health", responses((status = 200, description = "Send work", body = String, content_type = "text/plain")))]
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Result<&'static str, Error> {
    match app.trouble() {
        None => Ok("ready"),
        Some(trouble) => Err(Error::passing(Kind::Unavailable, trouble, 5)),
    }
}

/// `GET /metrics`, on an address of its own.
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let text = tokio::task::spawn_blocking(move || app.metrics.render(&app.gauges())).await.unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}
