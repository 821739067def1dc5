//! What a client should know before it sends something: the styles and the limits.

use super::App;
use axum::Json;
use axum::extract::State;
use pixels::codec::Format;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// The styles one can have painted in.
#[derive(Serialize, ToSchema)]
pub(super) struct Styles {
    styles: Vec<Style>,
    /// The one that is taken where none is named.
    default: String,
}

/// A style.
#[derive(Serialize, ToSchema)]
pub(super) struct Style {
    /// What it is called in the parameter `style`.
    #[schema(example = "meadow")]
    name: String,
    /// What people who know the look call it.
    tags: Vec<String>,
    /// What it looks like, in a sentence.
    description: String,
    /// What it is drawn with: `colour`, or `screentone` (black ink on white paper, greys as dots). Only styles of one
    /// medium can be mixed.
    #[schema(example = "colour")]
    medium: String,
    /// Whose paintings it learnt from and must be named with it; may be empty.
    credit: String,
    /// Of an imported model: whose it is and what may be done with it; empty for the styles that come with kaiga.
    licence: String,
}

/// Lists the styles.
#[utoipa::path(get, path = "/api/v1/styles", tag = "about", responses((status = 200, description = "The styles", body = Styles)))]
pub(super) async fn styles(State(app): State<Arc<App>>) -> Json<Styles> {
    let style = |style: kaiga::Style| {
        let kaiga::Style { name, tags, description, medium, credit, licence } = style;
        Style { name, tags, description, medium: medium.name().to_owned(), credit, licence }
    };
    let styles = app.painter_cache.studio().styles().into_iter().map(style).collect();
    Json(Styles { styles, default: kaiga::Mix::default().to_string() })
}

/// What this service takes and keeps.
#[derive(Serialize, ToSchema)]
pub(super) struct Limits {
    /// Bytes of an upload.
    max_upload_bytes: u64,
    /// Bytes of an uploaded video.
    max_video_bytes: u64,
    /// Seconds of a video that are painted.
    max_video_s: u64,
    /// Pixels of a photo.
    max_pixels: u64,
    /// Live paintings at a time; 0 if there are none.
    live_max: usize,
    /// Seconds that photo and painting of a job are kept.
    result_ttl_s: u64,
    /// Whether requests that make work need a token or a signed URL.
    auth_required: bool,
    /// Media types of photos.
    formats_in: Vec<String>,
    /// Formats of paintings, as the parameter `format` takes them.
    formats_out: Vec<String>,
}

/// Says what this service takes and keeps.
#[utoipa::path(get, path = "/api/v1/limits", tag = "about", responses((status = 200, description = "The limits", body = Limits)))]
pub(super) async fn limits(State(app): State<Arc<App>>) -> Json<Limits> {
    let limits = &app.config.limits;
    Json(Limits {
        max_upload_bytes: limits.max_upload_bytes,
        max_video_bytes: limits.max_video_bytes,
        max_video_s: limits.max_video_s,
        max_pixels: limits.max_pixels,
        live_max: limits.live_max,
        result_ttl_s: limits.result_ttl_s,
        auth_required: app.guard.is_closed(),
        formats_in: Format::ALL.iter().map(|format| format.media_type().to_owned()).collect(),
        formats_out: ["png", "jpeg", "webp"].map(str::to_owned).to_vec(),
    })
}
