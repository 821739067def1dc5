//! `POST /api/v1/convert`: a photo in, its painting out.

use super::App;
use super::studio::{Watched, on_a_painter};
use super::upload::{self, Upload};
use crate::error::Error;
use crate::paint::{PaintedFile, paint};
use crate::params::ParamsSchema;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::Duration;

/// Paints a photo while you wait.
///
/// The body is the picture itself (JPEG, PNG, WebP, GIF, TIFF, BMP or AVIF), or a form with the picture in the field `file`
/// and the parameters as text fields. The painting has the size of the photo; no metadata of the photo is in it.
#[utoipa::path(
    post, path = "/api/v1/convert", tag = "painting", params(ParamsSchema),
    request_body(content(("image/*"), ("application/octet-stream"), (super::openapi::Form = "multipart/form-data"))),
    responses((status = 200, description = "The painting", content(("image/png"), ("image/jpeg"), ("image/webp")),
        headers(("Server-Timing", description = "Where the time went: queue, decode, paint, encode; ms"),
            ("Kaiga-Warning", description = "truncated: the photo's file ended early, so a part of the picture may be missing")))),
)]
pub(super) async fn convert(State(app): State<Arc<App>>, request: Request) -> Result<Response, Error> {
    let upload = upload::receive(&app, request).await?;
    let upload = upload::admit(&app, upload).await?;
    let (painted, waited) = paint_upload(&app, upload).await?;
    Ok(picture(&app, painted, waited))
}

/// Paints an admitted upload on a painter, and counts where the time went.
async fn paint_upload(app: &Arc<App>, upload: Upload) -> Result<(PaintedFile, Duration), Error> {
    let Upload { file, params, reserved, .. } = upload;
    let work = {
        let app = Arc::clone(app);
        move |watched: &Watched| paint(&app.painter_cache, &app.config.limits, &params, &file, watched)
    };
    let (painted, waited) = on_a_painter(app, &app.pool, reserved, work).await?;
    count(app, &painted);
    Ok((painted, waited))
}

/// Notes that painting works, and where the time went.
pub(super) fn count(app: &App, painted: &PaintedFile) {
    app.health.painted();
    app.metrics.painted(painted.took);
}

/// The painting as an answer.
pub(super) fn picture(app: &App, painted: PaintedFile, waited: Duration) -> Response {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let took = painted.took;
    let timing = format!(
        "queue;dur={:.1}, decode;dur={:.1}, paint;dur={:.1}, encode;dur={:.1}",
        ms(waited),
        ms(took.decoding),
        ms(took.painting),
        ms(took.encoding)
    );
    let headers = [
        (header::CONTENT_TYPE, painted.media_type.to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (HeaderName::from_static("server-timing"), timing),
    ];
    let warning = painted.warning.map(|warning| [(HeaderName::from_static("kaiga-warning"), warning)]);
    let mut reserved = app.budget.reserve_nothing();
    reserved.exceed(painted.bytes.len() as u64);
    (headers, warning, Body::from(reserved.until_taken(painted.bytes))).into_response()
}
