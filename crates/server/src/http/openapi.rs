//! The description of the interface for programs, made from the types that are sent.

use super::error::{Problem, words};
use crate::error::Kind;
use axum::Json;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use utoipa::{OpenApi, ToSchema};

/// A form with a photo.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only documents")]
pub(super) struct Form {
    /// The picture. The parameters may be text fields beside it.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

#[derive(OpenApi)]
#[openapi(
    info(title = "kaiga", description = "Photo in, anime-style painting out.", license(name = "MIT OR Apache-2.0")),
    paths(
        super::convert::convert,
        super::jobs::submit,
        super::videos::submit,
        super::live::live,
        super::jobs::look,
        super::jobs::events,
        super::jobs::result,
        super::jobs::delete,
        super::faces::avatar,
        super::faces::faces,
        super::styles::styles,
        super::styles::limits,
        super::health::healthz,
        super::health::readyz,
    ),
    components(schemas(Problem)),
    tags(
        (name = "painting", description = "A photo in, its painting out"),
        (name = "jobs", description = "Photos handed in now, paintings fetched later"),
        (name = "faces", description = "Where faces are, and avatars"),
        (name = "about", description = "What there is"),
        (name = "health", description = "For those who run the service"),
    ),
)]
struct Api;

/// What can go wrong with an upload, wherever there is one.
const UPLOAD: &[Kind] = &[
    Kind::Malformed,
    Kind::Unauthorized,
    Kind::Forbidden,
    Kind::SlowUpload,
    Kind::TooLarge,
    Kind::NotAPicture,
    Kind::BrokenPicture,
    Kind::Setting,
    Kind::RateLimited,
    Kind::QueueFull,
    Kind::TimedOut,
    Kind::Unavailable,
];

/// What can go wrong where; an error of ours can everywhere.
const FAULTS: &[(&str, &str, &[Kind])] = &[
    ("/api/v1/convert", "post", UPLOAD),
    ("/api/v1/jobs", "post", UPLOAD),
    ("/api/v1/videos", "post", UPLOAD),
    ("/api/v1/jobs/{id}", "get", &[Kind::Malformed, Kind::NotFound, Kind::Unavailable]),
    ("/api/v1/jobs/{id}", "delete", &[Kind::Malformed, Kind::NotFound, Kind::Unavailable]),
    ("/api/v1/jobs/{id}/events", "get", &[Kind::Malformed, Kind::NotFound, Kind::Unavailable]),
    (
        "/api/v1/jobs/{id}/result",
        "get",
        &[Kind::Malformed, Kind::NotFound, Kind::NotReady, Kind::Gone, Kind::Range, Kind::QueueFull, Kind::Unavailable],
    ),
    ("/api/v1/avatar", "post", UPLOAD),
    ("/api/v1/faces", "post", UPLOAD),
    ("/api/v1/live", "get", &[Kind::Malformed, Kind::RateLimited]),
    ("/readyz", "get", &[Kind::Unavailable]),
];

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut document = serde_json::to_value(Api::openapi()).expect("the description is plain data");
    document["info"]["version"] = json!(env!("CARGO_PKG_VERSION"));
    document["components"]["securitySchemes"] = json!({
        "token": {"type": "http", "scheme": "bearer"},
        "signature": {"type": "apiKey", "in": "query", "name": "signature"},
    });
    let paths = document["paths"].as_object_mut().expect("there are paths");
    for (path, operations) in paths {
        for (method, operation) in operations.as_object_mut().expect("a path has operations") {
            let known = FAULTS.iter().find(|(p, m, _)| p == path && m == method);
            let kinds = known.map_or(&[][..], |(_, _, kinds)| kinds);
            let mut by_status: BTreeMap<u16, Vec<Kind>> = BTreeMap::new();
            for kind in kinds.iter().chain([&Kind::Internal]) {
                by_status.entry(words(*kind).0).or_default().push(*kind);
            }
            for (status, kinds) in by_status {
                operation["responses"][status.to_string()] = problem(&kinds);
            }
            if kinds.contains(&Kind::Unauthorized) {
                // Either, or nothing where the service is open.
                operation["security"] = json!([{"token": []}, {"signature": []}, {}]);
            }
        }
    }
    document
});

fn problem(kinds: &[Kind]) -> Value {
    let description: Vec<String> = kinds.iter().map(|kind| format!("{} (`{}`)", words(*kind).1, kind.name())).collect();
    json!({
        "description": description.join("; "),
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    })
}

/// `GET /api/openapi.json`
pub(super) async fn openapi() -> Json<&'static Value> {
    Json(&DOCUMENT)
}
