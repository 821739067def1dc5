//! Where pictures are kept.

use super::*;

#[test]
fn a_picture_on_its_way_out_breaks_off_if_it_is_damaged() {
    use futures_util::StreamExt;
    use object_store::ObjectStoreExt;
    let shop = Workshop::new(On::File, |_| ());
    let (store, key) = (&shop.bench.jobs.store, Store::key(b"painting"));
    let read = || -> Vec<Result<bytes::Bytes, Error>> {
        store.wait(async { store.open(&key).await.unwrap().unwrap().1.collect().await })
    };
    store.wait(store.put(&key, "painting".into())).unwrap();
    assert_eq!(read(), [Ok("painting".into())]);
    let damaged = PutPayload::from_static(b"other");
    let _ = store.wait(async { shop.disk.objects.put(&Key::from(format!("{}/{key}", &key[..2])), damaged).await });
    assert_eq!(read().pop().unwrap().unwrap_err().kind, Kind::Internal);
}

#[test]
fn a_store_that_cannot_be_written_is_told_with_what_to_do() {
    let words = Sqlite::open(std::path::Path::new("/proc/kaiga/jobs.sqlite")).err().unwrap().detail;
    assert!(words.contains("make it and its folder writable"), "{words}");
    let runtime = Runtime::new().unwrap();
    let _within = runtime.enter();
    let words = Store::folder(std::path::Path::new("/proc/kaiga")).err().unwrap().detail;
    assert!(words.starts_with("cannot use /proc/kaiga for pictures") && words.contains("make it writable"), "{words}");
}

#[test]
fn pictures_in_a_folder_are_whole_and_named_by_what_is_in_them() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), Runtime::new().unwrap());
    let _within = runtime.enter();
    let store = Store::folder(folder.path()).unwrap();
    let key = Store::key(b"painting");
    store.wait(store.put(&key, "painting".into())).unwrap();
    assert_eq!(std::fs::read(folder.path().join(&key[..2]).join(&key)).unwrap(), b"painting");
    assert_eq!(store.wait(store.get(&key)).unwrap().as_deref(), Some(&b"painting"[..]));
    for _ in 0..2 {
        store.wait(store.delete(&key)).unwrap();
        assert_eq!(store.wait(store.get(&key)), Ok(None));
    }
    assert!(Store::at("ftp://somewhere").is_err());
}
