//! An upload, read as it comes: to the limit, in time, and no further than there is memory for it.

use super::{App, guard};
use crate::budget::Reserved;
use crate::fault::{Fault, Kind};
use crate::order::{Order, Pairs};
use crate::paint::{BYTES_PER_PIXEL, codec_limits};
use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header;
use http_body_util::BodyExt;
use pixels::codec;
use std::time::Duration;

/// A form around the photo may take so many bytes more.
const FORM_BYTES: u64 = 64 << 10;

/// A photo and what is to be done with it.
pub(super) struct Upload {
    pub(super) file: Vec<u8>,
    pub(super) order: Order,
    /// What the order was read from.
    pub(super) pairs: Pairs,
    /// The memory of the file, to be kept as long as the file is.
    pub(super) reserved: Reserved,
}

/// Parameters of the query, without those of a signature.
pub(super) fn query_pairs(uri: &axum::http::Uri) -> Result<Pairs, Fault> {
    let mut pairs: Pairs = serde_urlencoded::from_str(uri.query().unwrap_or_default())
        .map_err(|_| Fault::new(Kind::Malformed, "the query cannot be understood"))?;
    pairs.retain(|(name, _)| !guard::SIGNING.contains(&name.as_str()));
    Ok(pairs)
}

/// Reads photo and order, the raw body or a form with the photo in the field `file`.
pub(super) async fn receive(app: &App, request: Request) -> Result<Upload, Fault> {
    let pairs = query_pairs(request.uri())?;
    receive_with(app, request, pairs).await
}

/// The same with the parameters of the query read already.
pub(super) async fn receive_with(app: &App, request: Request, mut pairs: Pairs) -> Result<Upload, Fault> {
    let max_bytes = app.config.limits.max_upload_bytes;
    let order = Order::read(&pairs, &app.studio)?;
    let is_form = text(&request, header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("multipart/form-data"));
    let announced = text(&request, header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| length > max_bytes + if is_form { FORM_BYTES } else { 0 }) {
        return Err(too_large(max_bytes));
    }
    let mut file = Growing { app, bytes: Vec::new(), reserved: app.budget.reserve_nothing() };
    let reading = async {
        if !is_form {
            file.all_of(request.into_body()).await?;
            return Ok(order);
        }
        file.file_of(request, &mut pairs).await?;
        Order::read(&pairs, &app.studio)
    };
    let seconds = app.config.limits.upload_timeout_s;
    let order = tokio::time::timeout(Duration::from_secs(seconds), reading)
        .await
        .unwrap_or_else(|_| Err(Fault::new(Kind::SlowUpload, format!("the upload took longer than {seconds} s"))))?;
    let Growing { bytes: file, reserved, .. } = file;
    Ok(Upload { file, order, pairs, reserved })
}

fn text(request: &Request, name: header::HeaderName) -> Option<&str> {
    request.headers().get(name)?.to_str().ok()
}

/// Checks the photo's header and reserves the memory its pixels will take.
pub(super) async fn admit(app: &App, mut upload: Upload) -> Result<Upload, Fault> {
    let limits = codec_limits(&app.config.limits);
    let checked = tokio::task::spawn_blocking(move || {
        let size = codec::stored_size(&upload.file, &limits)?;
        Ok::<_, Fault>((size, upload))
    });
    let ((width, height), checked) =
        checked.await.map_err(|_| Fault::new(Kind::Internal, "the picture could not be looked at"))??;
    upload = checked;
    if upload.reserved.grow(width as u64 * height as u64 * BYTES_PER_PIXEL) { Ok(upload) } else { Err(app.no_memory()) }
}

fn too_large(max_bytes: u64) -> Fault {
    let megabytes = max_bytes as f64 / f64::from(1 << 20);
    Fault::new(Kind::TooLarge, format!("the upload passes the limit of {megabytes:.1} MiB: send a smaller picture"))
}

/// The bytes of a file so far.
struct Growing<'a> {
    app: &'a App,
    bytes: Vec<u8>,
    reserved: Reserved,
}

impl Growing<'_> {
    fn add(&mut self, chunk: &[u8]) -> Result<(), Fault> {
        let max_bytes = self.app.config.limits.max_upload_bytes;
        if (self.bytes.len() + chunk.len()) as u64 > max_bytes {
            return Err(too_large(max_bytes));
        }
        if !self.reserved.grow(chunk.len() as u64) {
            return Err(self.app.no_memory());
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }

    async fn all_of(&mut self, mut body: Body) -> Result<(), Fault> {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Fault::new(Kind::Malformed, "the upload broke off"))?;
            if let Some(chunk) = frame.data_ref() {
                self.add(chunk)?;
            }
        }
        Ok(())
    }

    async fn file_of(&mut self, request: Request, pairs: &mut Pairs) -> Result<(), Fault> {
        let malformed = |what: String| Fault::new(Kind::Malformed, format!("the form cannot be read: {what}"));
        let mut form = Multipart::from_request(request, &()).await.map_err(|error| malformed(error.body_text()))?;
        let mut seen = false;
        let mut text_bytes = 0;
        while let Some(mut field) = form.next_field().await.map_err(|error| malformed(error.body_text()))? {
            let name = field.name().unwrap_or_default().to_owned();
            let mut text = Vec::new();
            if name == "file" && std::mem::replace(&mut seen, true) {
                return Err(malformed("the field file is there twice".into()));
            }
            while let Some(chunk) = field.chunk().await.map_err(|error| malformed(error.body_text()))? {
                if name == "file" {
                    self.add(&chunk)?;
                    continue;
                }
                text_bytes += chunk.len() as u64;
                if text_bytes > FORM_BYTES {
                    return Err(Fault::new(Kind::TooLarge, "the text fields of the form are too long"));
                }
                text.extend_from_slice(&chunk);
            }
            if name != "file" {
                let value = String::from_utf8(text).map_err(|_| malformed(format!("{name} is not UTF-8")))?;
                pairs.push((name, value));
            }
        }
        if seen { Ok(()) } else { Err(malformed("it has no field file with the picture".into())) }
    }
}
