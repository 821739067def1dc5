//! Where the pictures of jobs are, in a folder or a bucket. A key is random, so that no two jobs share a picture, and ends in the
//! BLAKE3 of the picture.

use crate::error::{Error, Kind};
use crate::private;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use object_store::path::Path as Key;
use object_store::{GetOptions, ObjectStore, ObjectStoreExt, PutPayload};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long a picture may take on its way to or from where it is kept.
const PATIENCE: Duration = Duration::from_secs(25);
/// How long a deletion may take: the queue is locked meanwhile.
const PATIENCE_DELETING: Duration = Duration::from_secs(5);

/// Pictures by their keys. [`ObjectStore`] is what a place for them must be.
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
    pub(crate) fn folder(path: &Path) -> Result<Self, Error> {
        let place = path.display().to_string();
        let refused = |error: String| {
            let detail = format!("cannot use {place} for pictures: {error}, or name another folder");
            Error::new(Kind::Unavailable, detail)
        };
        let ours = |name: &str| name.len() == 2 && name.chars().all(|digit| digit.is_ascii_hexdigit());
        private::folder(path, &ours).map_err(refused)?;
        let objects =
            object_store::local::LocalFileSystem::new_with_prefix(path).map_err(|e| refused(e.to_string()))?;
        remove_half_written(path);
        Ok(Self::of(Arc::new(objects.with_fsync(true)), Key::default(), place))
    }

    /// At an address: a folder, `file:///folder`, or if the program was built for it `s3://`, `gs://` or `az://` with a bucket and a
    /// folder in it.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] if the address cannot be understood or is of a kind that is not built in.
    pub(crate) fn at(address: &str) -> Result<Self, Error> {
        match address.strip_prefix("file://") {
            Some(folder) => Self::folder(Path::new(folder)),
            None if address.contains("://") => bucket(address),
            None => Self::folder(Path::new(address)),
        }
    }

    /// Any objects; tests plan failures with it.
    pub(crate) fn of(objects: Arc<dyn ObjectStore>, prefix: Key, place: String) -> Self {
        Self { objects, prefix, place, runtime: tokio::runtime::Handle::current() }
    }

    /// A key for a picture that is about to be put, like none before it; what is in the picture can be checked against it.
    pub(crate) fn key(bytes: &[u8]) -> String {
        format!("{}-{}", crate::random_name(), blake3::hash(bytes).to_hex())
    }

    /// Whether a picture of that hash was put under that key.
    pub(super) fn fits(key: &str, hash: &blake3::Hash) -> bool {
        // Keys were the hash alone once.
        key.rsplit('-').next() == Some(hash.to_hex().as_str())
    }

    fn path(&self, key: &str) -> Key {
        // Two digits apart, so that no folder gets too long.
        let parts = self.prefix.parts().chain([key.get(..2).unwrap_or_default().into(), key.into()]);
        parts.collect()
    }

    /// Puts a picture under its key; whole, or not at all.
    pub(crate) async fn put(&self, key: &str, bytes: Bytes) -> Result<(), Error> {
        let path = self.path(key);
        let put = self.objects.put(&path, PutPayload::from_bytes(bytes));
        self.answered("written", PATIENCE, put).await?.map(drop).map_err(|error| self.unavailable("written", &error))
    }

    /// A picture; `None` if there is none under that key.
    ///
    /// # Errors
    /// [`Kind::Internal`] if it is not what was put.
    pub(crate) async fn get(&self, key: &str) -> Result<Option<Bytes>, Error> {
        let read = async { self.objects.get(&self.path(key)).await?.bytes().await };
        let bytes = match self.answered("read", PATIENCE, read).await? {
            Ok(bytes) => bytes,
            Err(error) if is_none(&error) => return Ok(None),
            Err(error) => return Err(self.unavailable("read", &error)),
        };
        if Self::fits(key, &blake3::hash(&bytes)) {
            return Ok(Some(bytes));
        }
        Err(self.damaged(key))
    }

    fn damaged(&self, key: &str) -> Error {
        tracing::error!(key, place = self.place, "a stored picture is damaged: its hash is another");
        Error::new(Kind::Internal, "the stored picture is damaged")
    }

    /// A picture as it comes from where it is kept, with its size in bytes; `None` if there is none under that key. The last
    /// part comes only if the whole is what was put: of a damaged picture the stream breaks off.
    pub(crate) async fn open(
        &self,
        key: &str,
    ) -> Result<Option<(u64, BoxStream<'static, Result<Bytes, Error>>)>, Error> {
        let path = self.path(key);
        let found = match self.answered("read", PATIENCE, self.objects.get(&path)).await? {
            Ok(found) => found,
            Err(error) if is_none(&error) => return Ok(None),
            Err(error) => return Err(self.unavailable("read", &error)),
        };
        let bytes = found.meta.size;
        let reading = Reading {
            store: self.clone(),
            key: key.to_owned(),
            parts: found.into_stream(),
            hasher: blake3::Hasher::new(),
            held: None,
        };
        let parts = stream::try_unfold(Some(reading), |reading| async {
            match reading {
                Some(reading) => reading.next().await,
                None => Ok(None),
            }
        });
        Ok(Some((bytes, parts.boxed())))
    }

    /// How many bytes a picture has; `None` if there is none under that key.
    pub(crate) async fn bytes(&self, key: &str) -> Result<Option<u64>, Error> {
        let path = self.path(key);
        match self.answered("read", PATIENCE, self.objects.head(&path)).await? {
            Ok(about) => Ok(Some(about.size)),
            Err(error) if is_none(&error) => Ok(None),
            Err(error) => Err(self.unavailable("read", &error)),
        }
    }

    /// Some bytes of a picture; `None` if there is none under that key. They are not checked against its hash: that is of
    /// the whole.
    pub(crate) async fn part(
        &self,
        key: &str,
        range: std::ops::Range<u64>,
    ) -> Result<Option<BoxStream<'static, Result<Bytes, Error>>>, Error> {
        let (path, store) = (self.path(key), self.clone());
        let options = GetOptions { range: Some(range.into()), ..GetOptions::default() };
        match self.answered("read", PATIENCE, self.objects.get_opts(&path, options)).await? {
            Ok(found) => {
                let parts = found.into_stream();
                Ok(Some(parts.map(move |part| part.map_err(|error| store.unavailable("read", &error))).boxed()))
            }
            Err(error) if is_none(&error) => Ok(None),
            Err(error) => Err(self.unavailable("read", &error)),
        }
    }

    /// Deletes a picture, which may be gone already.
    pub(crate) async fn delete(&self, key: &str) -> Result<(), Error> {
        let path = self.path(key);
        match self.answered("deleted", PATIENCE_DELETING, self.objects.delete(&path)).await? {
            Ok(()) => Ok(()),
            Err(error) if is_none(&error) => Ok(()),
            Err(error) => Err(self.unavailable("deleted", &error)),
        }
    }

    /// Runs one of the above on a thread that may wait.
    pub(crate) fn wait<T>(&self, what: impl Future<Output = T>) -> T {
        self.runtime.block_on(what)
    }

    /// What `action` comes to, unless it takes too long.
    async fn answered<T>(&self, verb: &str, patience: Duration, action: impl Future<Output = T>) -> Result<T, Error> {
        tokio::time::timeout(patience, action).await.map_err(|_| {
            let detail = format!("pictures in {} cannot be {verb}: no answer for {} s", self.place, patience.as_secs());
            Error::passing(Kind::Unavailable, detail, 10)
        })
    }

    fn unavailable(&self, verb: &str, error: &object_store::Error) -> Error {
        let words = plainly(&cause(error));
        Error::passing(Kind::Unavailable, format!("pictures in {} cannot be {verb}: {words}", self.place), 10)
    }
}

/// A picture on its way out, one part behind what was read.
struct Reading {
    store: Store,
    key: String,
    parts: BoxStream<'static, object_store::Result<Bytes>>,
    hasher: blake3::Hasher,
    held: Option<Bytes>,
}

impl Reading {
    async fn next(mut self) -> Result<Option<(Bytes, Option<Self>)>, Error> {
        loop {
            let part = self.store.answered("read", PATIENCE, self.parts.next()).await?;
            match part.transpose().map_err(|error| self.store.unavailable("read", &error))? {
                Some(part) => {
                    self.hasher.update(&part);
                    if let Some(held) = self.held.replace(part) {
                        return Ok(Some((held, Some(self))));
                    }
                }
                None if Store::fits(&self.key, &self.hasher.finalize()) => {
                    return Ok(self.held.take().map(|last| (last, None)));
                }
                None => return Err(self.store.damaged(&self.key)),
            }
        }
    }
}

/// The innermost reason in its own words: the outer ones repeat names of files and addresses.
fn cause(error: &object_store::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// Whether there is no such picture, rather than no such bucket.
fn is_none(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { .. }) && !cause(error).contains("NoSuchBucket")
}

/// What went wrong and what to do about it. Of a bucket's answer, which may name access keys, only code and message.
fn plainly(cause: &str) -> String {
    const ADVICE: &[(&str, &str)] = &[
        ("No space left", "the disk is full: make room"),
        ("NoSuchBucket", "make the bucket, or name another"),
        ("InvalidAccessKeyId", "correct AWS_ACCESS_KEY_ID"),
        ("SignatureDoesNotMatch", "correct AWS_SECRET_ACCESS_KEY"),
        ("AccessDenied", "these credentials must be allowed to put, get and delete objects"),
        ("403 Forbidden", "correct the AWS_ credentials"),
        ("PermanentRedirect", "the bucket is in another region: set AWS_REGION"),
        ("incorrectly configured region", "set AWS_REGION to the bucket's"),
        ("scheme is not allowed", "AWS_ENDPOINT is without TLS: set AWS_ALLOW_HTTP=true if you mean it"),
    ];
    let element = |name: &str| {
        let (_, rest) = cause.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
    };
    let mut words = match (element("Code"), element("Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        _ => cause.to_owned(),
    };
    if let Some((_, advice)) = ADVICE.iter().find(|(sign, _)| cause.contains(sign)) {
        words = format!("{}; {advice}", words.trim_end_matches('.'));
    }
    words
}

/// Files that a process was writing when it was killed: they have a # in their names until they are whole.
fn remove_half_written(folder: &Path) {
    const OLD: Duration = Duration::from_secs(600);
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

/// Objects at an address as [`Store::at`] knows them, and the folder in them. Nothing is tried out. A folder is made.
///
/// # Errors
/// [`Kind::Unavailable`] if the address cannot be understood or is of a kind that is not built in.
pub(crate) fn objects(address: &str) -> Result<(Arc<dyn ObjectStore>, Key), Error> {
    let path = match address.strip_prefix("file://") {
        Some(folder) => folder,
        None if address.contains("://") => return in_cloud(address).map(|cloud| (cloud.objects, cloud.folder)),
        None => address,
    };
    let refused = |error: String| Error::new(Kind::Unavailable, format!("cannot use {path}: {error}"));
    std::fs::create_dir_all(path).map_err(|error| refused(error.to_string()))?;
    let objects =
        object_store::local::LocalFileSystem::new_with_prefix(path).map_err(|error| refused(error.to_string()))?;
    Ok((Arc::new(objects), Key::default()))
}

/// Objects in a bucket.
#[cfg_attr(not(feature = "cluster"), allow(dead_code, reason = "there are none"))]
struct Cloud {
    objects: Arc<dyn ObjectStore>,
    folder: Key,
    /// What may be amiss if it does not work.
    hint: &'static str,
}

fn bucket(address: &str) -> Result<Store, Error> {
    let Cloud { objects, folder, hint } = in_cloud(address)?;
    let store = Store::of(objects, folder, address.to_owned());
    // Wrong names and credentials shall be told now, to the one who typed them.
    let probe = async {
        let bytes = Bytes::from(crate::random_name());
        let key = Store::key(&bytes);
        store.put(&key, bytes).await?;
        store.get(&key).await?;
        store.delete(&key).await
    };
    // On a thread of its own, because this one may belong to the runtime.
    let worked = std::thread::scope(|scope| scope.spawn(|| store.wait(probe)).join());
    let failed = || Error::new(Kind::Unavailable, format!("the attempt to write to {address} failed"));
    match worked.map_err(|_| failed())? {
        Ok(()) => Ok(store),
        Err(error) if hint.is_empty() => Err(error),
        Err(error) => Err(Error { detail: format!("{} ({hint})", error.detail), ..error }),
    }
}

#[cfg(feature = "cluster")]
fn in_cloud(address: &str) -> Result<Cloud, Error> {
    use object_store::aws::AmazonS3ConfigKey;
    use object_store::{
        RetryConfig, aws::AmazonS3Builder, azure::MicrosoftAzureBuilder, gcp::GoogleCloudStorageBuilder,
    };
    let refused =
        |error: &str| Error::new(Kind::Unavailable, format!("cannot use {address} for pictures: {}", plainly(error)));
    let unknown = || refused("it must be a folder, or begin with s3://, gs:// or az://");
    let (scheme, name) = address.split_once("://").ok_or_else(unknown)?;
    let (bucket, folder) = name.split_once('/').unwrap_or((name, ""));
    if bucket.is_empty() {
        return Err(refused(&format!("the bucket's name is missing: {scheme}://bucket/folder")));
    }
    // Clients wait for it: what does not get over in these seconds is told.
    let retry = RetryConfig { max_retries: 4, retry_timeout: Duration::from_secs(15), ..Default::default() };
    let mut hint = "";
    let objects: object_store::Result<Arc<dyn ObjectStore>> = match scheme {
        "s3" => {
            let builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retry);
            if builder.get_config_value(&AmazonS3ConfigKey::AccessKeyId).is_none() {
                hint = "AWS_ACCESS_KEY_ID is not set, so the machine was asked for credentials";
            }
            builder.build().map(|objects| Arc::new(objects) as _)
        }
        "gs" => {
            let builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket).with_retry(retry);
            builder.build().map(|objects| Arc::new(objects) as _)
        }
        "az" => {
            let builder = MicrosoftAzureBuilder::from_env().with_container_name(bucket).with_retry(retry);
            builder.build().map(|objects| Arc::new(objects) as _)
        }
        _ => return Err(unknown()),
    };
    let objects = objects.map_err(|error| refused(&cause(&error)))?;
    Ok(Cloud { objects, folder: Key::from(folder), hint })
}

#[cfg(not(feature = "cluster"))]
fn in_cloud(address: &str) -> Result<Cloud, Error> {
    let detail =
        format!("pictures in {address}: this program was built without buckets (cargo build --features cluster)");
    Err(Error::new(Kind::Unavailable, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_told_in_words_that_help() {
        let answer = |code: &str, more: &str| {
            let body =
                format!("<?xml version=\"1.0\"?>\n<Error><Code>{code}</Code><Message>No.</Message>{more}</Error>");
            plainly(&format!("Server returned non-2xx status code: 403 Forbidden: {body}"))
        };
        let words = answer("InvalidAccessKeyId", "<AWSAccessKeyId>AKIA</AWSAccessKeyId>");
        assert_eq!(words, "InvalidAccessKeyId: No; correct AWS_ACCESS_KEY_ID");
        assert_eq!(answer("Odd", ""), "Odd: No; correct the AWS_ credentials");
        assert_eq!(plainly("Connection refused (os error 111)"), "Connection refused (os error 111)");
    }

    #[test]
    fn a_missing_bucket_is_no_missing_picture() {
        let not_found = |body: &str| object_store::Error::NotFound { path: "ab/abcd".into(), source: body.into() };
        assert!(is_none(&not_found("<Code>NoSuchKey</Code>")));
        assert!(!is_none(&not_found("<Code>NoSuchBucket</Code>")));
    }
}
