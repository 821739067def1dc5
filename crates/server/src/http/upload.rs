//! An upload, read as it comes: to the limit, in time, and no further than there is memory for it.

use super::App;
use super::guard::{self, Admission};
use crate::budget::Reserved;
use crate::error::{Error, Kind};
use crate::paint::{BYTES_PER_PIXEL, codec_limits};
use crate::params::{Pairs, Params};
use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header;
use futures_util::StreamExt;
use kaiga::Studio;
use pixels::codec;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A form around the photo may take so many bytes more.
const FORM_BYTES: u64 = 64 << 10;

/// A file and what is to be done with it.
pub(super) struct Upload<P = Params> {
    pub(super) file: Vec<u8>,
    pub(super) params: P,
    /// What the parameters were read from.
    pub(super) pairs: Pairs,
    /// The memory of the file, to be kept as long as the file is.
    pub(super) reserved: Reserved,
}

/// The parameters of the query, without those of a signature.
pub(super) fn query_pairs(uri: &axum::http::Uri) -> Result<Pairs, Error> {
    let mut pairs: Pairs = serde_urlencoded::from_str(uri.query().unwrap_or_default())
        .map_err(|_| Error::new(Kind::Malformed, "the query cannot be understood"))?;
    pairs.retain(|(name, _)| !guard::SIGNING.contains(&name.as_str()));
    Ok(pairs)
}

/// Reads photo and parameters, the raw body or a form with the photo in the field `file`.
pub(super) async fn receive(app: &App, request: Request) -> Result<Upload, Error> {
    receive_with(app, request, Params::read).await
}

/// The same with parameters of another kind, which `read` makes of names and values.
pub(super) async fn receive_with<P>(
    app: &App,
    request: Request,
    read: impl Fn(&[(String, String)], &Studio) -> Result<P, Error>,
) -> Result<Upload<P>, Error> {
    let size = Size { max_bytes: app.config.limits.max_upload_bytes, smaller: "a smaller picture" };
    let pairs = query_pairs(request.uri())?;
    receive_as(app, request, pairs, size, |pairs| read(pairs, app.painter_cache.studio())).await
}

/// How large an upload may be, and what to send if it is larger.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) max_bytes: u64,
    pub(super) smaller: &'static str,
}

/// The same for other files, whose parameters are read by `read`. They may take as long as a picture at the same rate.
pub(super) async fn receive_as<P>(
    app: &App,
    request: Request,
    mut pairs: Pairs,
    size: Size,
    read: impl Fn(&Pairs) -> Result<P, Error>,
) -> Result<Upload<P>, Error> {
    let max_bytes = size.max_bytes;
    let params = read(&pairs)?;
    let is_form = text(&request, header::CONTENT_TYPE)
        .is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("multipart/form-data"));
    let signed = request.extensions().get() == Some(&Admission::Signature);
    let announced = text(&request, header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| length > max_bytes + if is_form { FORM_BYTES } else { 0 }) {
        return Err(too_large(size));
    }
    let most_bytes = max_bytes + if is_form { FORM_BYTES } else { 0 };
    let meter = Arc::new(Mutex::new(Meter { reserved: app.budget.reserve_nothing(), left: most_bytes, refusal: None }));
    let request = request.map(|body| metered(body, app, size, &meter));
    let reading = async {
        if !is_form {
            return Ok((all_of(request.into_body()).await?, params));
        }
        let file = file_of(request, size, &mut pairs, signed).await?;
        Ok((file, read(&pairs)?))
    };
    let limits = &app.config.limits;
    let seconds = limits.upload_timeout_s * max_bytes.div_ceil(limits.max_upload_bytes).max(1);
    let received = tokio::time::timeout(Duration::from_secs(seconds), reading)
        .await
        .unwrap_or_else(|_| Err(Error::new(Kind::SlowUpload, format!("the upload took longer than {seconds} s"))));
    let mut meter = meter.lock().unwrap_or_else(PoisonError::into_inner);
    // Whoever read only saw the body break off.
    let (file, params) = received.map_err(|error| meter.refusal.take().unwrap_or(error))?;
    let reserved = std::mem::replace(&mut meter.reserved, app.budget.reserve_nothing());
    drop(meter);
    Ok(Upload { file, params, pairs, reserved })
}

fn text(request: &Request, name: header::HeaderName) -> Option<&str> {
    request.headers().get(name)?.to_str().ok()
}

/// Checks the photo's header and reserves the memory its pixels will take.
pub(super) async fn admit<P: Send + 'static>(app: &App, mut upload: Upload<P>) -> Result<Upload<P>, Error> {
    let limits = codec_limits(&app.config.limits);
    let checked = tokio::task::spawn_blocking(move || {
        let size = codec::stored_size(&upload.file, &limits)?;
        Ok::<_, Error>((size, upload))
    });
    let ((width, height), checked) =
        checked.await.map_err(|_| Error::new(Kind::Internal, "the picture could not be looked at"))??;
    upload = checked;
    if upload.reserved.grow(width as u64 * height as u64 * BYTES_PER_PIXEL) { Ok(upload) } else { Err(app.no_memory()) }
}

fn too_large(Size { max_bytes, smaller }: Size) -> Error {
    let megabytes = max_bytes as f64 / f64::from(1 << 20);
    Error::new(Kind::TooLarge, format!("the upload passes the limit of {megabytes:.1} MiB: send {smaller}"))
}

/// What an upload takes as it arrives, whoever buffers it: parts of a form and what stands around them too.
struct Meter {
    reserved: Reserved,
    /// Bytes that may still come.
    left: u64,
    /// Why no more was taken.
    refusal: Option<Error>,
}

/// `body`, which breaks off where its bytes pass the limit or there is no memory for them.
fn metered(body: Body, app: &App, size: Size, meter: &Arc<Mutex<Meter>>) -> Body {
    let no_memory = app.no_memory();
    let chunks = body.into_data_stream().map({
        let meter = Arc::clone(meter);
        move |chunk| {
            let chunk = chunk?;
            let (bytes, mut meter) = (chunk.len() as u64, meter.lock().unwrap_or_else(PoisonError::into_inner));
            let refusal = match meter.left.checked_sub(bytes) {
                None => Some(too_large(size)),
                Some(left) => {
                    meter.left = left;
                    (!meter.reserved.grow(bytes)).then(|| no_memory.clone())
                }
            };
            let refused = refusal.is_some();
            meter.refusal = meter.refusal.take().or(refusal);
            if refused { Err(axum::Error::new("refused")) } else { Ok(chunk) }
        }
    });
    Body::from_stream(chunks)
}

async fn all_of(body: Body) -> Result<Vec<u8>, Error> {
    let broke_off = |_| Error::new(Kind::Malformed, "the upload broke off");
    let mut chunks = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.next().await {
        bytes.extend_from_slice(&chunk.map_err(broke_off)?);
    }
    Ok(bytes)
}

/// The field `file` of a form; its text fields are added to `pairs`. What a signature was given for is not changed by them.
async fn file_of(request: Request, size: Size, pairs: &mut Pairs, signed: bool) -> Result<Vec<u8>, Error> {
    let malformed = |what: String| Error::new(Kind::Malformed, format!("the form cannot be read: {what}"));
    let mut form = Multipart::from_request(request, &()).await.map_err(|error| malformed(error.body_text()))?;
    let (mut file, mut text_bytes) = (None, 0);
    while let Some(mut field) = form.next_field().await.map_err(|error| malformed(error.body_text()))? {
        let name = field.name().unwrap_or_default().to_owned();
        let is_file = name == "file";
        if is_file && file.is_some() {
            return Err(malformed("the field file is there twice".into()));
        }
        if signed && !is_file {
            let detail = "a signed URL says all there is to say in its query: leave the form's other fields out";
            return Err(Error::new(Kind::Forbidden, detail));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = field.chunk().await.map_err(|error| malformed(error.body_text()))? {
            bytes.extend_from_slice(&chunk);
            if is_file && bytes.len() as u64 > size.max_bytes {
                return Err(too_large(size));
            }
            if !is_file && text_bytes + bytes.len() as u64 > FORM_BYTES {
                return Err(Error::new(Kind::TooLarge, "the text fields of the form are too long"));
            }
        }
        if is_file {
            file = Some(bytes);
        } else {
            text_bytes += bytes.len() as u64;
            let value = String::from_utf8(bytes).map_err(|_| malformed(format!("{name} is not UTF-8")))?;
            pairs.push((name, value));
        }
    }
    file.ok_or_else(|| malformed("it has no field file with the picture".into()))
}
