//! The page: files of `web/` in the program, or of a folder while it is being designed.

use super::App;
use crate::error::{Error, Kind};
use crate::params::{as_json, settings};
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use kaiga::{Setting, Values};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

static EMBEDDED: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/web.rs"));

/// In these files `__ASSETS__` becomes the address below which all files are, which changes with their contents, and
/// `__SETTINGS__` the settings of a look.
const TEMPLATES: [&str; 4] = ["index.html", "sw.js", "manifest.webmanifest", "settings.js"];

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

/// Where the files of the page are.
pub(crate) struct Assets {
    /// `None` is the program itself.
    folder: Option<PathBuf>,
    version: String,
}

impl Assets {
    /// Those of the program, or of a folder.
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        let version = match folder {
            Some(_) => "dev".to_owned(),
            None => {
                let mut hasher = blake3::Hasher::new();
                hasher.update(SETTINGS.as_bytes());
                for (name, bytes) in EMBEDDED {
                    hasher.update(name.as_bytes()).update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
                }
                hasher.finalize().to_hex()[..12].to_owned()
            }
        };
        Self { folder, version }
    }

    /// A file by its name relative to the folder.
    fn bytes(&self, name: &str) -> Option<Cow<'static, [u8]>> {
        // Names of the page's files are plain; whatever else comes is somebody trying the doors.
        let plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', ':', '\0']);
        if !name.split('/').all(plain) {
            return None;
        }
        match &self.folder {
            Some(folder) => std::fs::read(folder.join(name)).ok().map(Cow::Owned),
            None => EMBEDDED.iter().find(|(other, _)| *other == name).map(|(_, bytes)| Cow::Borrowed(*bytes)),
        }
    }

    fn file(&self, name: &str, cached: bool) -> Result<Response, Error> {
        let missing = || match name {
            "index.html" => {
                Error::new(Kind::NotFound, "this program was built without its page; the API is at /api/v1")
            }
            _ => Error::new(Kind::NotFound, "the page has no such file"),
        };
        let mut bytes = self.bytes(name).ok_or_else(missing)?;
        if TEMPLATES.contains(&name) {
            let text = String::from_utf8_lossy(&bytes);
            let text = text.replace("__ASSETS__", &format!("/assets/{}", self.version));
            bytes = Cow::Owned(text.replace("__SETTINGS__", &SETTINGS).into_bytes());
        }
        let caching = match (cached, &self.folder) {
            (true, None) => "public, max-age=31536000, immutable",
            (false, None) => "no-cache",
            (_, Some(_)) => "no-store",
        };
        let mut headers = [(header::CONTENT_TYPE, media_type(name)), (header::CACHE_CONTROL, caching)].into_response();
        if !cached && name == "sw.js" {
            // The service worker sits at the root and works for all of it.
            headers.headers_mut().insert("service-worker-allowed", header::HeaderValue::from_static("/"));
        }
        // However many take the page however slowly, it is in memory once.
        let body = match bytes {
            Cow::Borrowed(bytes) => bytes::Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        };
        *headers.body_mut() = axum::body::Body::from(body);
        Ok(headers)
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
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// `GET /`
pub(super) async fn index(State(app): State<Arc<App>>) -> Result<Response, Error> {
    app.assets.file("index.html", false)
}

/// Files of the page that browsers look for at the root.
pub(super) async fn at_root(State(app): State<Arc<App>>, uri: axum::http::Uri) -> Result<Response, Error> {
    let name = uri.path().trim_start_matches('/');
    let known = ["sw.js", "manifest.webmanifest", "favicon.ico", "robots.txt"].contains(&name)
        || (name.starts_with("icon") && !name.contains('/'));
    if known { app.assets.file(name, false) } else { Err(super::error::error_of(axum::http::StatusCode::NOT_FOUND)) }
}

/// `GET /assets/{version}/{name}`; another version is one that a page of before an update asks for.
pub(super) async fn versioned(
    State(app): State<Arc<App>>,
    Path((version, name)): Path<(String, String)>,
) -> Result<Response, Error> {
    if version != app.assets.version {
        return Err(Error::new(Kind::NotFound, "the page has been updated: reload it"));
    }
    app.assets.file(&name, true)
}

/// `POST /share`: what is shared to the installed page. Its service worker takes the picture before it comes here; this
/// is the way of a browser whose worker has not started yet.
pub(super) async fn share() -> Redirect {
    Redirect::to("/#shared")
}
