//! Objects below an address: a folder, or a part of a bucket.

use crate::jobs::objects;
use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::buffered::BufWriter;
use object_store::path::Path as Key;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload};
use std::path::Path;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

pub(super) struct Place {
    objects: Arc<dyn ObjectStore>,
    prefix: Key,
}

impl Place {
    pub(super) fn of(address: &str) -> Result<Self, String> {
        let (objects, prefix) = objects(address).map_err(|error| error.detail)?;
        Ok(Self { objects, prefix })
    }

    fn key(&self, name: &str) -> Key {
        // As listed, with what is special in it written out already.
        let name = Key::parse(name).unwrap_or_else(|_| Key::from(name));
        self.prefix.parts().chain(name.parts()).collect()
    }

    /// Names below the address.
    pub(super) async fn list(&self) -> Result<Vec<(String, ObjectMeta)>, String> {
        let mut found: Vec<(String, ObjectMeta)> = Vec::new();
        let mut all = self.objects.list(Some(&self.prefix));
        while let Some(about) = all.try_next().await.map_err(|error| error.to_string())? {
            let parts: Option<Vec<_>> = about.location.prefix_match(&self.prefix).map(Iterator::collect);
            if let Some(parts) = parts {
                found.push((parts.into_iter().collect::<Key>().to_string(), about));
            }
        }
        found.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(found)
    }

    pub(super) async fn get(&self, name: &str) -> Result<Bytes, String> {
        let found = self.objects.get(&self.key(name)).await.map_err(|error| error.to_string())?;
        found.bytes().await.map_err(|error| error.to_string())
    }

    pub(super) async fn put(&self, name: &str, bytes: Bytes) -> Result<(), String> {
        let put = self.objects.put(&self.key(name), PutPayload::from_bytes(bytes)).await;
        put.map(drop).map_err(|error| error.to_string())
    }

    pub(super) async fn delete(&self, name: &str) -> Result<(), String> {
        self.objects.delete(&self.key(name)).await.map_err(|error| error.to_string())
    }

    /// Writes an object into a file; `false` if there is no such object.
    pub(super) async fn fetch(&self, name: &str, to: &Path) -> Result<bool, String> {
        let mut parts = match self.objects.get(&self.key(name)).await {
            Ok(found) => found.into_stream(),
            Err(object_store::Error::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(error.to_string()),
        };
        let unwritable = |error: std::io::Error| format!("{}: {error}", to.display());
        let mut file = tokio::fs::File::create(to).await.map_err(unwritable)?;
        while let Some(part) = parts.try_next().await.map_err(|error| error.to_string())? {
            file.write_all(&part).await.map_err(unwritable)?;
        }
        file.flush().await.map_err(unwritable)?;
        Ok(true)
    }

    /// Makes an object of a file, a part at a time. It is there whole or not at all.
    pub(super) async fn send(&self, name: &str, from: &Path) -> Result<(), String> {
        let mut file = tokio::fs::File::open(from).await.map_err(|error| error.to_string())?;
        let mut object = BufWriter::new(Arc::clone(&self.objects), self.key(name));
        let sent = match tokio::io::copy(&mut file, &mut object).await {
            Ok(_) => object.shutdown().await,
            Err(error) => Err(error),
        };
        if sent.is_err() {
            // Parts that were sent already cost money where they lie; nothing can be done if this fails, too.
            let _ = object.abort().await;
        }
        sent.map_err(|error| error.to_string())
    }
}
