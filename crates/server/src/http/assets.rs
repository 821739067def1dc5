//! The page: files of `web/` in the program, bundled and compressed when it was built (`build.rs`), or those of a folder,
//! as they lie there, while it is being designed.

use super::App;
use super::compress::{self, TEMPLATES};
use crate::error::{Error, Kind};
use crate::params::{as_json, settings};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use kaiga::{Setting, Values};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

/// A file of the page, and compressed if that makes it smaller.
struct Embedded {
    name: &'static str,
    plain: &'static [u8],
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

static EMBEDDED: &[Embedded] = &include!(concat!(env!("OUT_DIR"), "/web.rs"));

/// The settings of a look that a client may choose, by name: range and step of a slider, default.
static SETTINGS: LazyLock<String> = LazyLock::new(|| {
    let described = |setting: &'static Setting| {
        let mut value = match &setting.values {
            Values::Number { range, step } => json!({"min": range.start(), "max": range.end(), "step": step}),
            Values::Pixels(range) => json!({"min": range.start(), "max": range.end(), "step": 1}),
            Values::Words(words) => json!({"words": words}),
            Values::Styles => json!({}),
        };
        value["default"] = setting.default_value().map_or(Value::Null, |text| as_json(setting, &text));
        (setting.name.to_owned(), value)
    };
    Value::Object(settings().map(described).collect()).to_string()
});

/// A file as it is sent. However many take it however slowly, it is in memory once.
#[derive(Clone)]
struct File {
    plain: Bytes,
    brotli: Option<Bytes>,
    gzip: Option<Bytes>,
}

impl File {
    /// Compressed now: for what was not known when the program was built.
    fn compressed(plain: Vec<u8>) -> Self {
        let (brotli, gzip) = (compress::brotli(&plain), compress::gzip(&plain));
        Self { plain: plain.into(), brotli: Some(brotli.into()), gzip: Some(gzip.into()) }
    }

    /// The smallest that a client takes, and the name of how it is compressed.
    fn fit(&self, accepted: &str) -> (Bytes, Option<&'static str>) {
        let compressed = [("br", &self.brotli), ("gzip", &self.gzip)];
        let found = compressed
            .into_iter()
            .find_map(|(name, bytes)| Some((bytes.clone()?, name)).filter(|_| takes(accepted, name)));
        found.map_or((self.plain.clone(), None), |(bytes, name)| (bytes, Some(name)))
    }
}

/// Whether `Accept-Encoding` names a coding and does not refuse it (RFC 9110, 12.5.3).
fn takes(accepted: &str, coding: &str) -> bool {
    accepted.split(',').any(|entry| {
        let (name, weight) = entry.split_once(';').unwrap_or((entry, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|weight| weight.parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case(coding) && !refused
    })
}

/// Where the files of the page are.
pub(crate) struct Assets {
    /// `None` is the program itself.
    folder: Option<PathBuf>,
    version: String,
    origin: String,
    /// Those of the program, by name.
    files: BTreeMap<&'static str, File>,
}

impl Assets {
    /// Those of the program, or of a folder. `origin` is the address that the service is known by, or empty.
    pub(crate) fn new(folder: Option<PathBuf>, origin: &str) -> Self {
        let origin = origin.trim_end_matches('/').to_owned();
        let mut assets = Self { folder, version: "dev".to_owned(), origin, files: BTreeMap::new() };
        if assets.folder.is_none() {
            let mut hasher = blake3::Hasher::new();
            hasher.update(SETTINGS.as_bytes());
            for Embedded { name, plain, .. } in EMBEDDED {
                hasher.update(name.as_bytes()).update(&(plain.len() as u64).to_le_bytes()).update(plain);
            }
            hasher.finalize().to_hex()[..12].clone_into(&mut assets.version);
            assets.files = EMBEDDED.iter().map(|file| (file.name, assets.prepared(file))).collect();
        }
        assets
    }

    fn prepared(&self, file: &Embedded) -> File {
        if TEMPLATES.contains(&file.name) {
            return File::compressed(self.filled_in(file.plain));
        }
        let (brotli, gzip) = (file.brotli.map(Bytes::from_static), file.gzip.map(Bytes::from_static));
        File { plain: Bytes::from_static(file.plain), brotli, gzip }
    }

    /// In a template `__ASSETS__` becomes the address below which all files are, which changes with their contents,
    /// `__ORIGIN__` the address that the service is known by, and `__SETTINGS__` the settings of a look.
    fn filled_in(&self, template: &[u8]) -> Vec<u8> {
        let text = String::from_utf8_lossy(template);
        let text = text.replace("__ASSETS__", &format!("/assets/{}", self.version)).replace("__ORIGIN__", &self.origin);
        text.replace("__SETTINGS__", &SETTINGS).into_bytes()
    }

    /// A file by its name relative to the folder.
    fn find(&self, name: &str) -> Option<File> {
        let Some(folder) = &self.folder else { return self.files.get(name).cloned() };
        // Names of the page's files are plain; whatever else comes is somebody trying the doors.
        let plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', ':', '\0']);
        if !name.split('/').all(plain) {
            return None;
        }
        let bytes = std::fs::read(folder.join(name)).ok()?;
        let bytes = if TEMPLATES.contains(&name) { self.filled_in(&bytes) } else { bytes };
        Some(File { plain: bytes.into(), brotli: None, gzip: None })
    }

    fn file(&self, name: &str, request: &HeaderMap, cached: bool) -> Result<Response, Error> {
        let missing = || match name {
            "index.html" => {
                Error::new(Kind::NotFound, "this program was built without its page; the API is at /api/v1")
            }
            _ => Error::new(Kind::NotFound, "the page has no such file"),
        };
        let file = self.find(name).ok_or_else(missing)?;
        let accepted = request.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (body, coding) = file.fit(accepted);
        let caching = match (cached, &self.folder) {
            (true, None) => "public, max-age=31536000, immutable",
            (false, None) => "no-cache",
            (_, Some(_)) => "no-store",
        };
        let mut response =
            ([(header::CONTENT_TYPE, media_type(name)), (header::CACHE_CONTROL, caching)], body).into_response();
        let headers = response.headers_mut();
        if file.brotli.is_some() {
            headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        }
        if let Some(coding) = coding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        if !cached && name == "sw.js" {
            // The service worker sits at the root and works for all of it.
            headers.insert("service-worker-allowed", HeaderValue::from_static("/"));
        }
        Ok(response)
    }
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// `GET /`
pub(super) async fn index(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Error> {
    app.assets.file("index.html", &headers, false)
}

/// Files of the page that browsers look for at the root.
pub(super) async fn at_root(
    State(app): State<Arc<App>>,
    uri: axum::http::Uri,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let name = uri.path().trim_start_matches('/');
    let known = ["sw.js", "manifest.webmanifest", "favicon.ico", "robots.txt", "card.jpg"].contains(&name)
        || (name.starts_with("icon") && !name.contains('/'));
    if known {
        app.assets.file(name, &headers, false)
    } else {
        Err(super::error::error_of(axum::http::StatusCode::NOT_FOUND))
    }
}

/// `GET /assets/{version}/{name}`; another version is one that a page of before an update asks for.
pub(super) async fn versioned(
    State(app): State<Arc<App>>,
    Path((version, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    if version != app.assets.version {
        return Err(Error::new(Kind::NotFound, "the page has been updated: reload it"));
    }
    app.assets.file(&name, &headers, true)
}

/// `POST /share`: what is shared to the installed page. Its service worker takes the picture before it comes here; this
/// is the way of a browser whose worker has not started yet.
pub(super) async fn share() -> Redirect {
    Redirect::to("/#shared")
}
