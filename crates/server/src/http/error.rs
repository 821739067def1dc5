//! Errors as problem documents (RFC 9457): which status and title each kind of error has.

use crate::error::{Error, Kind};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An error, as RFC 9457 has it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Problem {
    /// `/problems/` and the kind of the problem, which programs may rely on.
    #[serde(rename = "type")]
    #[schema(example = "/problems/broken-picture")]
    pub(crate) kind: String,
    /// The kind in words.
    pub(crate) title: String,
    /// The HTTP status.
    pub(crate) status: u16,
    /// What happened here and what to do, in a sentence.
    pub(crate) detail: String,
    /// The request in the log.
    pub(crate) request_id: String,
    /// After how many seconds to try again, where that would help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after_s: Option<u64>,
}

impl Problem {
    /// What a client sees of an error.
    pub(crate) fn of(error: &Error, request_id: &str) -> Self {
        let (status, title) = words(error.kind);
        Self {
            kind: format!("/problems/{}", error.kind.name()),
            title: title.into(),
            status,
            detail: error.detail.clone(),
            request_id: request_id.into(),
            retry_after_s: error.retry_after_s,
        }
    }
}

/// Status and title.
pub(crate) fn words(kind: Kind) -> (u16, &'static str) {
    match kind {
        Kind::Malformed => (400, "The request cannot be understood"),
        Kind::Unauthorized => (401, "A token or a signature is missing or wrong"),
        Kind::Forbidden => (403, "This is not allowed"),
        Kind::NotFound => (404, "There is no such thing"),
        Kind::MethodNotAllowed => (405, "This cannot be done here"),
        Kind::SlowUpload => (408, "The upload took too long"),
        Kind::NotReady => (409, "The painting is not finished yet"),
        Kind::Gone => (410, "The painting has been deleted"),
        Kind::TooLarge => (413, "The picture is too large"),
        Kind::NotAPicture => (415, "This is no picture we read"),
        Kind::BrokenPicture => (422, "The picture is damaged"),
        Kind::Range => (416, "This range lies beyond the end"),
        Kind::Setting => (422, "A setting is out of its range"),
        Kind::RateLimited => (429, "Too many requests from you"),
        Kind::QueueFull => (429, "The house is full"),
        Kind::Cancelled => (499, "Cancelled"),
        Kind::Internal => (500, "An error of ours"),
        Kind::TimedOut => (503, "It took too long"),
        Kind::Unavailable => (503, "Not now"),
    }
}

/// The error waits in the extensions of the response: the outermost layer, which knows the request's name, writes the
/// document.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(words(self.kind).0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// What the framework refused by itself.
pub(crate) fn error_of(status: StatusCode) -> Error {
    let (kind, detail) = match status.as_u16() {
        404 => (Kind::NotFound, "there is nothing at this address; /api/openapi.json lists what there is"),
        405 => (Kind::MethodNotAllowed, "this address knows other methods; the Allow header lists them"),
        413 => (Kind::TooLarge, "the request is too large"),
        400..=499 => (Kind::Malformed, "the request cannot be understood"),
        _ => (Kind::Internal, "an error of the program; its log says more"),
    };
    Error::new(kind, detail)
}

/// The problem document of an error. Headers that `refused` has already (Allow) are kept.
pub(crate) fn document(error: &Error, request_id: &str, refused: Response) -> Response {
    let problem = Problem::of(error, request_id);
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, axum::Json(&problem)).into_response();
    for (name, value) in refused.headers() {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            response.headers_mut().insert(name, value.clone());
        }
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = error.retry_after_s {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if error.kind == Kind::Unauthorized {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"kaiga\""));
    }
    response
}
