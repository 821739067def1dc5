//! Where the pictures of jobs are: named by what is in them (BLAKE3), in a folder or a bucket.

use crate::fault::{Fault, Kind};
use bytes::Bytes;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use std::path::Path;
use std::sync::Arc;

/// Pictures by their hash.
#[derive(Clone)]
pub(crate) struct Store {
    objects: Arc<dyn ObjectStore>,
    /// Below which everything is.
    prefix: Key,
    /// For messages.
    place: String,
    /// What waits for the objects on threads that are not asynchronous.
    runtime: tokio::runtime::Handle,
}

impl Store {
    /// In a folder, which is made. What is written is synced to the disk. Must be called within a runtime.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] if the folder cannot be had.
    pub(crate) fn folder(path: &Path) -> Result<Self, Fault> {
        let place = path.display().to_string();
        let refused = |error: String| {
            let detail = format!("cannot use {place} for pictures: {error}; make it writable, or name another folder");
            Fault::new(Kind::Unavailable, detail)
        };
        std::fs::create_dir_all(path).map_err(|error| refused(error.to_string()))?;
        let objects =
            object_store::local::LocalFileSystem::new_with_prefix(path).map_err(|e| refused(e.to_string()))?;
        remove_half_written(path);
        Ok(Self::of(Arc::new(objects.with_fsync(true)), Key::default(), place))
    }

    /// At an address: `s3://bucket/folder`, if the program was built for it.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] if the address cannot be understood or is of a kind that is not built in.
    pub(crate) fn at(address: &str) -> Result<Self, Fault> {
        if !address.contains("://") {
            return Self::folder(Path::new(address));
        }
        bucket(address)
    }

    /// Any objects; tests plan failures with it.
    pub(crate) fn of(objects: Arc<dyn ObjectStore>, prefix: Key, place: String) -> Self {
        Self { objects, prefix, place, runtime: tokio::runtime::Handle::current() }
    }

    /// The key of a picture, before it is put.
    pub(crate) fn key(bytes: &[u8]) -> String {
        blake3::hash(bytes).to_hex().to_string()
    }

    fn path(&self, key: &str) -> Key {
        // Two digits apart, so that no folder gets too long.
        let parts = self.prefix.parts().chain([key.get(..2).unwrap_or_default().into(), key.into()]);
        parts.collect()
    }

    /// Puts a picture under its key; whole, or not at all.
    pub(crate) async fn put(&self, key: &str, bytes: Bytes) -> Result<(), Fault> {
        let put = self.objects.put(&self.path(key), PutPayload::from_bytes(bytes)).await;
        put.map(drop).map_err(|error| self.unavailable("written", &error))
    }

    /// A picture; `None` if there is none under that key.
    ///
    /// # Errors
    /// [`Kind::Internal`] if it is not what was put.
    pub(crate) async fn get(&self, key: &str) -> Result<Option<Bytes>, Fault> {
        let read = async { self.objects.get(&self.path(key)).await?.bytes().await };
        let bytes = match read.await {
            Ok(bytes) => bytes,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(self.unavailable("read", &error)),
        };
        if Self::key(&bytes) == key {
            return Ok(Some(bytes));
        }
        tracing::error!(key, place = self.place, "a stored picture is damaged: its hash is another");
        Err(Fault::new(Kind::Internal, "the stored picture is damaged"))
    }

    /// Deletes a picture, which may be gone already.
    pub(crate) async fn delete(&self, key: &str) -> Result<(), Fault> {
        match self.objects.delete(&self.path(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.unavailable("deleted", &error)),
        }
    }

    /// Runs one of the above on a thread that may wait.
    pub(crate) fn wait<T>(&self, what: impl Future<Output = T>) -> T {
        self.runtime.block_on(what)
    }

    fn unavailable(&self, verb: &str, error: &object_store::Error) -> Fault {
        let mut words = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            words = cause.to_string();
            source = cause.source();
        }
        let advice = if words.contains("No space left") { "; the disk is full: make room" } else { "" };
        let detail = format!("pictures in {} cannot be {verb}: {words}{advice}", self.place);
        Fault::passing(Kind::Unavailable, detail, 10)
    }
}

/// Files that a process was writing when it was killed: they have a # in their names until they are whole.
fn remove_half_written(folder: &Path) {
    const OLD: std::time::Duration = std::time::Duration::from_secs(600);
    let entries = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
    for file in entries(folder).flat_map(|folder| entries(&folder.path()).collect::<Vec<_>>()) {
        // Another process may be writing the young ones.
        let age = file.metadata().and_then(|about| about.modified()).map(|time| time.elapsed().unwrap_or_default());
        if file.file_name().to_string_lossy().contains('#') && age.is_ok_and(|age| age > OLD) {
            // The next start tries again.
            let _ = std::fs::remove_file(file.path());
        }
    }
}

#[cfg(feature = "s3")]
fn bucket(address: &str) -> Result<Store, Fault> {
    let refused = |error: String| Fault::new(Kind::Unavailable, format!("pictures in {address}: {error}"));
    let name = address.strip_prefix("s3://").ok_or_else(|| refused("only s3:// is known".into()))?;
    let (bucket, folder) = name.split_once('/').unwrap_or((name, ""));
    let objects = object_store::aws::AmazonS3Builder::from_env().with_bucket_name(bucket).build();
    let objects = objects.map_err(|error| refused(error.to_string()))?;
    Ok(Store::of(Arc::new(objects), Key::from(folder), address.to_owned()))
}

#[cfg(not(feature = "s3"))]
fn bucket(address: &str) -> Result<Store, Fault> {
    let detail = format!("pictures in {address}: this program was built without s3 (cargo build --features s3)");
    Err(Fault::new(Kind::Unavailable, detail))
}
