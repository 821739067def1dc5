//! The queue in a file, and bad days of its file.

use super::*;

#[test]
fn a_database_that_was_removed_is_noticed() {
    let shop = Workshop::new(On::File, |_| ());
    let mut sweeper = Sweeper::new(&shop.bench.jobs);
    std::fs::remove_file(shop.folder.path().join("jobs.sqlite")).unwrap();
    sweeper.step(&shop.bench.jobs);
    assert!(shop.bench.jobs.trouble().unwrap().contains("was removed"));
}

#[test]
fn a_file_that_is_no_database_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.sqlite");
    std::fs::write(&path, "this was a database before the disk failed".repeat(100)).unwrap();
    let words = Sqlite::open(&path).err().unwrap().detail;
    assert!(words.contains("is damaged (") && words.contains("move it away") && words.contains(".recover"), "{words}");

    // One that opens, and is damaged inside.
    std::fs::remove_file(&path).unwrap();
    let queue = Sqlite::open(&path).unwrap();
    for i in 0..200 {
        let new = New {
            id: format!("{i}"),
            photo: "x".repeat(64),
            params: "y".repeat(200),
            format: "png".into(),
            need_bytes: 0,
            expires_ms: 1,
            origin: Origin::default(),
        };
        queue.enter(&new, 1000, 0).unwrap();
    }
    drop(queue);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8192].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
    let words = Sqlite::open(&path).err().unwrap().detail;
    assert!(words.contains("is damaged ("), "{words}");
}

#[test]
fn databases_of_layouts_before_are_taken_over() {
    const TO_3: &str = "ALTER TABLE jobs DROP COLUMN trace; PRAGMA user_version = 3;";
    const TO_2: &str = "DROP INDEX jobs_once; DROP TABLE turns;
        ALTER TABLE jobs DROP COLUMN tenant; ALTER TABLE jobs DROP COLUMN batch; ALTER TABLE jobs DROP COLUMN once;
        ALTER TABLE jobs DROP COLUMN retries; PRAGMA user_version = 2;";
    const TO_1: &str =
        "ALTER TABLE jobs DROP COLUMN need_bytes; ALTER TABLE jobs DROP COLUMN warning; PRAGMA user_version = 1;";
    for back in [TO_3.to_owned(), format!("{TO_3}{TO_2}"), format!("{TO_3}{TO_2}{TO_1}")] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.sqlite");
        drop(Sqlite::open(&path).unwrap());
        rusqlite::Connection::open(&path).unwrap().execute_batch(&back).unwrap();
        let queue = Sqlite::open(&path).unwrap();
        let terms = Terms { lease: Duration::from_secs(1), attempts_max: 1, retries_max: 1 };
        assert_eq!(queue.claim(terms, 0, 0).unwrap().map(drop), None);
    }
}
