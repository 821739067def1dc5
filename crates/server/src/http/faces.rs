//! Faces in photos: where they are, and a painted square of the main one.

use super::studio::{Watched, on_a_painter};
use super::upload::{self, Upload};
use super::{App, convert};
use crate::error::{Error, Kind};
use crate::paint::{Stage, Watcher, begin, codec_limits, paint_avatar};
use crate::params::{AvatarParams, AvatarSchema};
use axum::Json;
use axum::extract::{Request, State};
use axum::response::Response;
use kaiga::faces::avatar_crop;
use pixels::codec;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// The faces of a photo.
#[derive(Serialize, ToSchema)]
pub(super) struct Found {
    /// Columns of the upright photo, in whose pixels everything here is.
    width: usize,
    /// Rows of the upright photo.
    height: usize,
    /// The faces, the largest first.
    faces: Vec<Face>,
    /// The square that `avatar` takes: around the largest face, or without one the middle, of a tall photo the
    /// upper middle.
    crop: Crop,
}

/// A face.
#[derive(Serialize, ToSchema)]
pub(super) struct Face {
    /// Left, top, width, height, from the forehead to the chin; may reach beyond the photo.
    bounds: [f32; 4],
    /// The eye on the picture's left, the eye on its right, the tip of the nose, the corners of the mouth on the left and
    /// on the right.
    landmarks: [[f32; 2]; 5],
    /// How sure it is that this is a face, 0 to 1.
    score: f32,
}

/// A square.
#[derive(Serialize, ToSchema)]
pub(super) struct Crop {
    /// Left border.
    x: usize,
    /// Upper border.
    y: usize,
    /// Side.
    side: usize,
}

/// Finds the faces in a photo.
#[utoipa::path(
    post, path = "/api/v1/faces", tag = "faces",
    request_body(content(("image/*"), ("application/octet-stream"), (super::openapi::Form = "multipart/form-data"))),
    responses((status = 200, description = "The faces", body = Found)),
)]
pub(super) async fn faces(State(app): State<Arc<App>>, request: Request) -> Result<Json<Found>, Error> {
    let upload = upload::receive(&app, request).await?;
    if let Some((name, _)) = upload.pairs.first() {
        return Err(Error::new(Kind::Malformed, format!("looking for faces takes no parameters, but there is {name}")));
    }
    let Upload { file, reserved, .. } = upload::admit(&app, upload).await?;
    let work = {
        let app = Arc::clone(&app);
        move |watched: &Watched| {
            begin(watched, Stage::Decoding)?;
            let photo = codec::read(&file, &codec_limits(&app.config.limits))?;
            begin(watched, Stage::Painting)?;
            let progress = |done, total| watched.part(done, total).map_break(drop);
            let faces = app.painter_cache.studio().faces(&photo.image, &progress)?;
            let (width, height) = (photo.image.width(), photo.image.height());
            let kaiga::faces::Crop { x, y, side } = avatar_crop(width, height, &faces);
            let face = |face: &kaiga::faces::Face| {
                let kaiga::faces::Face { bounds, landmarks, score } = *face;
                Face { bounds, landmarks, score }
            };
            Ok(Found { width, height, faces: faces.iter().map(face).collect(), crop: Crop { x, y, side } })
        }
    };
    let (found, _) = on_a_painter(&app, &app.pool, reserved, work).await?;
    Ok(Json(found))
}

/// Paints a square of the main face, or the one that `crop` names, for an account or a card.
///
/// Not for ID photos, documents or medical pictures: a painted face is evidence of nothing.
#[utoipa::path(
    post, path = "/api/v1/avatar", tag = "faces", params(AvatarSchema),
    request_body(content(("image/*"), ("application/octet-stream"), (super::openapi::Form = "multipart/form-data"))),
    responses((status = 200, description = "The painting", content(("image/png"), ("image/jpeg"), ("image/webp")),
        headers(("Server-Timing", description = "Where the time went: queue, decode, paint, encode; ms"),
            ("Kaiga-Warning", description = "truncated: the photo's file ended early, so a part of the picture may be missing; \
                no-person: nobody was found who stands before the background, so it was kept")))),
)]
pub(super) async fn avatar(State(app): State<Arc<App>>, request: Request) -> Result<Response, Error> {
    let upload = upload::receive_with(&app, request, AvatarParams::read).await?;
    let Upload { file, params, reserved, .. } = upload::admit(&app, upload).await?;
    let work = {
        let app = Arc::clone(&app);
        move |watched: &Watched| paint_avatar(&app.painter_cache, &app.config.limits, &params, &file, watched)
    };
    let (painted, waited) = on_a_painter(&app, &app.pool, reserved, work).await?;
    convert::count(&app, &painted);
    Ok(convert::picture(&app, painted, waited))
}
