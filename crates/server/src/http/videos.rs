//! `POST /api/v1/videos`: hands a video in. What comes of it is a job like any other.

use super::{App, jobs, upload};
use crate::error::{Error, Kind};
use crate::params::{Pairs, ParamsSchema};
use crate::trace::Span;
use crate::video::{self, VideoParams, VideoParamsSchema};
use axum::extract::{Request, State};
use axum::response::Response;
use std::sync::Arc;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

/// Parameters of a look, and those of videos.
pub(super) struct Schema;

impl IntoParams for Schema {
    fn into_params(place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let photos = ["crop", "max_side", "format", "quality"];
        let look = ParamsSchema::into_params(&place).into_iter().filter(|one| !photos.contains(&one.name.as_str()));
        look.chain(VideoParamsSchema::into_params(&place)).collect()
    }
}

/// Hands a video in.
///
/// The body is the video, or a form with it in the field `file`. It is followed, fetched and deleted as a job; its result
/// answers requests for ranges. Length, size and time are limited: see `/api/v1/limits`.
#[utoipa::path(
    post, path = "/api/v1/videos", tag = "jobs", params(Schema),
    request_body(content(("video/*"), ("application/octet-stream"), (super::openapi::Form = "multipart/form-data"))),
    responses((status = 202, description = "It will be painted", body = jobs::Job,
        headers(("Location", description = "The address of the job")))),
)]
pub(super) async fn submit(State(app): State<Arc<App>>, request: Request) -> Result<Response, Error> {
    let span = jobs::upload_span(&request);
    span.told(take(app, request, &span).await)
}

async fn take(app: Arc<App>, request: Request, span: &Span) -> Result<Response, Error> {
    let origin = jobs::origin(&request, span)?;
    let pairs = upload::query_pairs(request.uri())?;
    let size = upload::Size { max_bytes: app.config.limits.max_video_bytes, smaller: "a shorter or smaller video" };
    let read = |pairs: &Pairs| VideoParams::read(pairs, app.painter_cache.studio());
    let upload::Upload { file, params, pairs, reserved } = upload::receive_as(&app, request, pairs, size, read).await?;
    let limits = app.config.limits.clone();
    let admitted = tokio::task::spawn_blocking(move || {
        let need_bytes = video::admit(&file, &params, &limits)?;
        Ok::<_, Error>((file, params.format, need_bytes))
    });
    let lost = |_| Error::new(Kind::Internal, "the video could not be looked at");
    let (file, format, need_bytes) = admitted.await.map_err(lost)??;
    if need_bytes > app.config.limits.max_memory_bytes {
        let detail =
            format!("painting it takes {need_bytes} bytes of memory, this service has less: send a smaller video");
        return Err(Error::new(Kind::TooLarge, detail));
    }
    let query = VideoParams::query(pairs)?;
    let answer = jobs::handed_in(&app, move |jobs| jobs.submit(file.into(), query, &format, need_bytes, origin)).await;
    drop(reserved);
    answer
}
