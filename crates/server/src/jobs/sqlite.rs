//! The queue in an SQLite file (write-ahead log, synced), which several processes on one machine may share.

use super::PASSED_BY;
use super::queue::{
    Attempt, Claim, Class, Depth, Dispatch, Entered, Job, New, News, PutOff, State, States, Terms, back_off, given_up,
    is_dead,
};
use crate::error::{Error, Kind};
use crate::paint::{Stage, warning_named};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The layout of the file. A job in the state `receiving` waits for its photo; the names of the others are [`State`]'s.
const SCHEMA: &str = "
    CREATE TABLE jobs (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL,
        photo TEXT,
        result TEXT,
        parameters TEXT NOT NULL,
        format TEXT NOT NULL,
        stage TEXT NOT NULL DEFAULT 'queued',
        progress REAL NOT NULL DEFAULT 0,
        width INTEGER,
        height INTEGER,
        fault TEXT,
        detail TEXT,
        attempts INTEGER NOT NULL DEFAULT 0,
        token TEXT,
        leased_until_ms INTEGER,
        created_ms INTEGER NOT NULL,
        expires_ms INTEGER NOT NULL,
        need_bytes INTEGER NOT NULL DEFAULT 0,
        warning TEXT,
        tenant TEXT NOT NULL DEFAULT '',
        batch INTEGER NOT NULL DEFAULT 0,
        once TEXT,
        retries INTEGER NOT NULL DEFAULT 0,
        trace TEXT
    ) STRICT;
    CREATE UNIQUE INDEX jobs_once ON jobs (once) WHERE once IS NOT NULL;
    CREATE TABLE turns (tenant TEXT PRIMARY KEY, turn INTEGER NOT NULL) STRICT;
    CREATE INDEX jobs_by_state ON jobs (state, number);
    CREATE INDEX jobs_by_photo ON jobs (photo) WHERE photo IS NOT NULL;
    CREATE INDEX jobs_by_result ON jobs (result) WHERE result IS NOT NULL;
    CREATE TABLE garbage (key TEXT PRIMARY KEY) STRICT;
    PRAGMA user_version = 4;";
const VERSION: i64 = 4;
/// From the layouts before.
const FROM_1: &str = "ALTER TABLE jobs ADD COLUMN need_bytes INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN warning TEXT; PRAGMA user_version = 2;";
const FROM_2: &str = "ALTER TABLE jobs ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
    ALTER TABLE jobs ADD COLUMN batch INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN once TEXT;
    ALTER TABLE jobs ADD COLUMN retries INTEGER NOT NULL DEFAULT 0;
    CREATE UNIQUE INDEX jobs_once ON jobs (once) WHERE once IS NOT NULL;
    CREATE TABLE turns (tenant TEXT PRIMARY KEY, turn INTEGER NOT NULL) STRICT;
    PRAGMA user_version = 3;";
const FROM_3: &str = "ALTER TABLE jobs ADD COLUMN trace TEXT; PRAGMA user_version = 4;";

/// Bytes kept free for the day the disk is full: what frees room needs some itself.
const RESERVE_BYTES: usize = 1 << 20;
/// Pages after which the write-ahead log goes into the file, so that it never holds a large part of a small disk.
const CHECKPOINT_PAGES: i64 = 64;
/// How long a transaction waits for those of other threads and processes.
const BUSY: Duration = Duration::from_secs(10);
/// A lease that ends later than so many leases from now was given before the clock was set back.
const LEASES_AHEAD: i64 = 10;

/// The queue in a file.
pub(crate) struct Sqlite {
    connection: Mutex<Connection>,
    /// Of its own: who asks how a job stands does not wait for those who write.
    reader: Mutex<Connection>,
    path: PathBuf,
}

impl Sqlite {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// [`Kind::Unavailable`], with what the one who runs the service can do.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        match Self::open_once(path) {
            // Opening needs room, too.
            Err(_) if give_up_reserve(path) => Self::open_once(path),
            opened => opened,
        }
    }

    fn open_once(path: &Path) -> Result<Self, Error> {
        let unavailable = |error: rusqlite::Error| Error::new(Kind::Unavailable, words(&error, path));
        let connection = Connection::open(path).map_err(unavailable)?;
        connection.busy_timeout(BUSY).map_err(unavailable)?;
        let prepare = || -> rusqlite::Result<Result<(), String>> {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
            let health: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            if health != "ok" {
                return Ok(Err(damaged(path, &health)));
            }
            // Two processes may come here at once.
            connection.execute_batch("BEGIN IMMEDIATE")?;
            let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
            match version {
                0 => connection.execute_batch(SCHEMA)?,
                1 => connection.execute_batch(&format!("{FROM_1}{FROM_2}{FROM_3}"))?,
                2 => connection.execute_batch(&format!("{FROM_2}{FROM_3}"))?,
                3 => connection.execute_batch(FROM_3)?,
                _ => {}
            }
            connection.execute_batch("COMMIT")?;
            Ok(match version {
                0..=VERSION => Ok(()),
                newer => Err(format!("{} was made by another version of kaiga (layout {newer})", path.display())),
            })
        };
        prepare().map_err(unavailable)?.map_err(|detail| Error::new(Kind::Unavailable, detail))?;
        let reader = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(unavailable)?;
        reader.busy_timeout(BUSY).map_err(unavailable)?;
        Ok(Self { connection: Mutex::new(connection), reader: Mutex::new(reader), path: path.into() })
    }

    fn transaction<T>(&self, mut work: impl FnMut(&Transaction) -> rusqlite::Result<T>) -> Result<T, Error> {
        self.still_there()?;
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        run(&mut connection, &mut work).map_err(|error| Error::passing(Kind::Unavailable, words(&error, &self.path), 5))
    }

    /// Whoever holds a file open goes on writing into it when its name is gone, and everything is lost in the end.
    fn still_there(&self) -> Result<(), Error> {
        if self.path.exists() {
            return Ok(());
        }
        let detail = format!("{} was removed: start the service again, which makes a new one", self.path.display());
        Err(Error::passing(Kind::Unavailable, detail, 5))
    }

    /// A [`transaction`](Self::transaction) that frees room or keeps what is begun: on a full disk the reserve is given up
    /// for it.
    fn urgent_transaction<T>(&self, mut work: impl FnMut(&Transaction) -> rusqlite::Result<T>) -> Result<T, Error> {
        self.transaction(&mut work).or_else(|error| {
            if !give_up_reserve(&self.path) {
                return Err(error);
            }
            tracing::warn!(path = %self.path.display(), "the disk is full: the reserve was given up");
            self.transaction(&mut work)
        })
    }

    /// Reads need no lock of the file.
    fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        self.still_there()?;
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        work(&reader).map_err(|error| Error::passing(Kind::Unavailable, words(&error, &self.path), 5))
    }
}

fn run<T>(
    connection: &mut Connection,
    work: &mut impl FnMut(&Transaction) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    // Immediate: what is read is still true when it is written.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let result = work(&transaction)?;
    transaction.commit()?;
    Ok(result)
}

fn reserve_of(path: &Path) -> PathBuf {
    path.with_extension("reserve")
}

/// Frees the reserve, if it is there and the disk is full.
fn give_up_reserve(path: &Path) -> bool {
    let reserve = reserve_of(path);
    // Only a disk that cannot take a few bytes is full: the reserve is for no other trouble.
    let probe = path.with_extension("probe");
    let full = std::fs::write(&probe, [0; 8192]).is_err_and(|error| error.kind() == ErrorKind::StorageFull);
    let _ = std::fs::remove_file(&probe);
    full && std::fs::remove_file(reserve).is_ok()
}

/// Takes the reserve where there is none and room for it.
fn take_reserve(path: &Path) -> std::io::Result<()> {
    let reserve = reserve_of(path);
    if reserve.exists() {
        return Ok(());
    }
    let part = path.with_extension("reserve-part");
    let taken = std::fs::write(&part, vec![0; RESERVE_BYTES]).and_then(|()| std::fs::rename(&part, &reserve));
    taken.or_else(|error| {
        let _ = std::fs::remove_file(&part);
        // Two may come here at once: one of them has taken it.
        if reserve.exists() { Ok(()) } else { Err(error) }
    })
}

/// What happened and what to do, for the one who runs the service.
fn words(error: &rusqlite::Error, path: &Path) -> String {
    use rusqlite::ErrorCode;
    let file = path.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => damaged(path, &error.to_string()),
        Some(ErrorCode::DiskFull) => format!("the disk is full: {file} cannot be written; make room"),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            format!("{file} cannot be written ({error}): make it and its folder writable, or name another with --store")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            format!("{file} is locked by another program for longer than {} s", BUSY.as_secs())
        }
        _ => format!("{file}: {error}"),
    }
}

fn damaged(path: &Path, how: &str) -> String {
    format!(
        "the database of jobs {0} is damaged ({how}): move it away together with {0}-wal and {0}-shm and start again; \
         the jobs in it are lost unless `sqlite3 {0} .recover` saves them",
        path.display()
    )
}

/// The columns that hold keys of pictures.
const PICTURES: &[&str] = &["photo", "result"];

/// Lets go of the pictures in those columns of the jobs `which`, for the sweeper.
fn let_go(
    transaction: &Transaction,
    columns: &[&str],
    which: &str,
    parameters: &[&dyn rusqlite::ToSql],
) -> rusqlite::Result<()> {
    for column in columns {
        let keep =
            format!("INSERT OR IGNORE INTO garbage SELECT {column} FROM jobs WHERE {column} IS NOT NULL AND {which}");
        transaction.execute(&keep, parameters)?;
        transaction.execute(&format!("UPDATE jobs SET {column} = NULL WHERE {which}"), parameters)?;
    }
    Ok(())
}

/// A job as [`job`] reads it.
const JOBS: &str = "SELECT id, state, stage, progress, width, height, created_ms, expires_ms, result, format, fault, detail,
    (SELECT count(*) FROM jobs AS other WHERE other.state = 'queued' AND other.number < jobs.number), warning FROM jobs";
/// Failed through no fault of its picture: its photo was kept.
const DEAD: &str = "state = 'failed' AND photo IS NOT NULL";
/// `running`, held by that attempt.
const HELD: &str = "id = ?1 AND token = ?2 AND state = 'running'";

impl States for Sqlite {
    fn enter(&self, new: &New, jobs_max: usize, now_ms: i64) -> Result<Entered, Error> {
        let New { id, photo, params, format, need_bytes, expires_ms, origin } = new;
        // Given up for what frees room: new jobs would take that room, and nothing could be deleted any more.
        if take_reserve(&self.path).is_err_and(|error| error.kind() == ErrorKind::StorageFull) {
            let detail = format!("the disk is full: there is no room beside {}; make room", self.path.display());
            return Err(Error::passing(Kind::Unavailable, detail, 5));
        }
        let entered = self.transaction(|transaction| {
            let before = "SELECT id, CASE WHEN state = 'receiving' THEN photo END FROM jobs WHERE once = ?1";
            let before = transaction.query_row(before, [&origin.once], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            if let Some((id, photo)) = before {
                return Ok(Ok(match photo {
                    Some(photo) => Entered::Unfinished { id, photo },
                    None => Entered::Before(id),
                }));
            }
            let count = "SELECT count(*) FROM jobs WHERE state IN ('queued', 'receiving')";
            let waiting: usize = transaction.query_row(count, [], |row| row.get(0))?;
            if waiting >= jobs_max {
                return Ok(Err(waiting));
            }
            let batch = origin.class == Class::Batch;
            transaction.execute(
                "INSERT INTO jobs (id, state, photo, parameters, format, created_ms, expires_ms, need_bytes, tenant, batch, once, trace)
                 VALUES (?1, 'receiving', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                params![
                    id,
                    photo,
                    params,
                    format,
                    now_ms,
                    expires_ms,
                    *need_bytes as i64,
                    origin.tenant,
                    batch,
                    origin.once,
                    origin.trace
                ],
            )?;
            Ok(Ok(Entered::New))
        })?;
        entered.map_err(|waiting| Error::passing(Kind::QueueFull, format!("{waiting} jobs wait already"), 10))
    }

    fn ready(&self, id: &str) -> Result<bool, Error> {
        self.transaction(|transaction| {
            let set = "UPDATE jobs SET state = 'queued' WHERE id = ?1 AND state = 'receiving'";
            Ok(transaction.execute(set, [id])? == 1)
        })
    }

    fn job(&self, id: &str) -> Result<Option<Job>, Error> {
        self.read(|connection| {
            connection.prepare_cached(&format!("{JOBS} WHERE id = ?1"))?.query_row([id], job).optional()
        })
    }

    fn list(&self, dead: bool, most: usize) -> Result<Vec<Job>, Error> {
        let which = if dead { DEAD } else { "state IN ('receiving', 'queued', 'running')" };
        self.read(|connection| {
            let all = format!("{JOBS} WHERE {which} ORDER BY number LIMIT ?1");
            connection.prepare_cached(&all)?.query_map([most], job)?.collect()
        })
    }

    fn replay(&self, id: &str) -> Result<bool, Error> {
        let set = format!(
            "UPDATE jobs SET state = 'queued', stage = 'queued', progress = 0, attempts = 0, retries = 0, \
             leased_until_ms = NULL, fault = NULL, detail = NULL WHERE id = ?1 AND {DEAD}"
        );
        self.transaction(|transaction| Ok(transaction.execute(&set, [id])? == 1))
    }

    fn cancel(&self, id: &str) -> Result<bool, Error> {
        self.urgent_transaction(|transaction| {
            let_go(transaction, PICTURES, "id = ?1", &[&id])?;
            let set = "UPDATE jobs SET state = 'cancelled', token = NULL, parameters = '', once = NULL WHERE id = ?1";
            Ok(transaction.execute(set, [id])? == 1)
        })
    }

    fn expire(&self, now_ms: i64) -> Result<usize, Error> {
        self.urgent_transaction(|transaction| {
            let over = "expires_ms <= ?1 AND (photo IS NOT NULL OR result IS NOT NULL)";
            let count = format!("SELECT count(*) FROM jobs WHERE {over}");
            let expired = transaction.query_row(&count, [now_ms], |row| row.get(0))?;
            if expired > 0 {
                transaction.execute(
                    "UPDATE jobs SET state = 'failed', token = NULL, fault = ?2, detail = 'its time was over before it was painted'
                     WHERE expires_ms <= ?1 AND state IN ('receiving', 'queued', 'running')",
                    params![now_ms, Kind::TimedOut.name()],
                )?;
                let_go(transaction, PICTURES, "expires_ms <= ?1", &[&now_ms])?;
            }
            // As long again it is remembered that there was such a job.
            transaction.execute("DELETE FROM jobs WHERE expires_ms + (expires_ms - created_ms) <= ?1", [now_ms])?;
            transaction.execute("DELETE FROM turns WHERE tenant NOT IN (SELECT tenant FROM jobs)", [])?;
            Ok(expired)
        })
    }

    fn garbage(&self) -> Result<Vec<String>, Error> {
        self.read(|connection| {
            // Jobs of the layout before may share pictures.
            let all = "SELECT key FROM garbage WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE photo = key)
                       AND NOT EXISTS (SELECT 1 FROM jobs WHERE result = key) LIMIT 1000";
            connection.prepare_cached(all)?.query_map([], |row| row.get(0))?.collect()
        })
    }

    fn forget(&self, key: &str) -> Result<(), Error> {
        self.urgent_transaction(|transaction| transaction.execute("DELETE FROM garbage WHERE key = ?1", [key]))?;
        Ok(())
    }

    fn depth(&self, now_ms: i64) -> Result<Depth, Error> {
        self.read(|connection| {
            let all = "SELECT count(*) FILTER (WHERE state IN ('queued', 'receiving')), count(*) FILTER (WHERE state = 'running'),
                       min(created_ms) FILTER (WHERE state = 'queued') FROM jobs WHERE state IN ('queued', 'receiving', 'running')";
            connection.prepare_cached(all)?.query_row([], |row| {
                let oldest: Option<i64> = row.get(2)?;
                let oldest_ms = oldest.map_or(0, |created_ms| (now_ms - created_ms).max(0));
                Ok(Depth { waiting: row.get(0)?, running: row.get(1)?, oldest_ms })
            })
        })
    }

    fn tend(&self) {
        // On a full disk the next sweep tries again.
        let _ = take_reserve(&self.path);
    }
}

impl Dispatch for Sqlite {
    fn claim(&self, terms: Terms, room_bytes: u64, now_ms: i64) -> Result<Option<Claim>, Error> {
        let lease_ms = terms.lease.as_millis() as i64;
        let too_late_ms = now_ms + lease_ms.saturating_mul(LEASES_AHEAD);
        // One that was put off has its time in the same column.
        let due = "(leased_until_ms IS NULL OR leased_until_ms < ?1 OR leased_until_ms > ?2)";
        let lost = "state = 'running' AND (leased_until_ms < ?1 OR leased_until_ms > ?2)";
        self.transaction(|transaction| {
            let given_up = format!("{lost} AND attempts >= ?3");
            let detail = format!("the service stopped {} times while it painted this picture", terms.attempts_max);
            let window = params![now_ms, too_late_ms, terms.attempts_max];
            let stuck: Vec<String> = transaction
                .prepare(&format!("SELECT id FROM jobs WHERE {given_up}"))?
                .query_map(window, |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            for id in stuck {
                tracing::error!(
                    job = super::short(&id),
                    attempts = terms.attempts_max,
                    "given up: the process died over it each time"
                );
                transaction.execute(
                    "UPDATE jobs SET state = 'failed', token = NULL, fault = ?2, detail = ?3 WHERE id = ?1",
                    params![id, Kind::Internal.name(), detail],
                )?;
                let_go(transaction, &["result"], "id = ?1", &[&id])?;
            }
            // The first that fits; of those before it none may have been passed by for too long.
            let next = format!(
                "SELECT id, photo, parameters, attempts, state, tenant, created_ms, trace FROM jobs AS this
                 WHERE ((state = 'queued' AND {due}) OR ({lost})) AND photo IS NOT NULL AND need_bytes <= ?3 AND NOT EXISTS (
                     SELECT 1 FROM jobs AS other WHERE other.state = 'queued' AND other.number < this.number
                     AND other.need_bytes > ?3 AND other.created_ms < ?4)
                 ORDER BY batch, (SELECT turn FROM turns WHERE turns.tenant = this.tenant), number LIMIT 1"
            );
            let room = i64::try_from(room_bytes).unwrap_or(i64::MAX);
            let patience_ms = now_ms - PASSED_BY.as_millis() as i64;
            let found = transaction.query_row(&next, params![now_ms, too_late_ms, room, patience_ms], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get(1)?,
                    row.get(2)?,
                    row.get::<_, u32>(3)?,
                    row.get::<_, String>(4)?,
                    row.get::<_, String>(5)?,
                    row.get(6)?,
                    row.get(7)?,
                ))
            });
            let Some((id, photo, params, attempts, state, tenant, created_ms, trace)) = found.optional()? else {
                return Ok(None);
            };
            if state == "running" {
                tracing::warn!(
                    job = super::short(&id),
                    attempt = attempts + 1,
                    "taken over from a process that gives no sign of life"
                );
            }
            let attempt = Attempt { id, token: crate::random_name(), number: attempts + 1 };
            transaction.execute(
                "UPDATE jobs SET state = 'running', attempts = ?2, token = ?3, leased_until_ms = ?4, stage = 'decoding',
                 progress = 0 WHERE id = ?1",
                params![attempt.id, attempt.number, attempt.token, now_ms + lease_ms],
            )?;
            transaction.execute(
                "INSERT INTO turns SELECT ?1, coalesce(max(turn), 0) + 1 FROM turns WHERE true
                 ON CONFLICT (tenant) DO UPDATE SET turn = excluded.turn",
                [tenant],
            )?;
            Ok(Some(Claim { attempt, photo, params, created_ms, trace }))
        })
    }

    fn heartbeat(&self, attempt: &Attempt, news: News, terms: Terms, now_ms: i64) -> Result<bool, Error> {
        let (width, height) = news.size.unzip();
        let until_ms = now_ms + terms.lease.as_millis() as i64;
        let set = format!(
            "UPDATE jobs SET leased_until_ms = ?3, stage = ?4, progress = ?5, width = ?6, height = ?7 WHERE {HELD}"
        );
        self.urgent_transaction(|transaction| {
            let with = params![attempt.id, attempt.token, until_ms, news.stage.name(), news.progress, width, height];
            Ok(transaction.execute(&set, with)? == 1)
        })
    }

    fn announce(&self, attempt: &Attempt, result: &str) -> Result<bool, Error> {
        self.transaction(|transaction| {
            // That of an attempt before, if it was another.
            let other = format!("{HELD} AND result IS NOT ?3");
            let with: [&dyn rusqlite::ToSql; 3] = [&attempt.id, &attempt.token, &result];
            let_go(transaction, &["result"], &other, &with)?;
            Ok(transaction.execute(&format!("UPDATE jobs SET result = ?3 WHERE {HELD}"), &with[..])? == 1)
        })
    }

    fn finish(&self, attempt: &Attempt, end: Result<News, Error>) -> Result<bool, Error> {
        self.urgent_transaction(|transaction| {
            let changed = match &end {
                Ok(news) => {
                    let with: [&dyn rusqlite::ToSql; 2] = [&attempt.id, &attempt.token];
                    let_go(transaction, &["photo"], HELD, &with)?;
                    let (width, height) = news.size.unzip();
                    let set = format!(
                        "UPDATE jobs SET state = 'done', token = NULL, stage = 'done', progress = 1, width = ?3, \
                         height = ?4, warning = ?5 WHERE {HELD}"
                    );
                    transaction.execute(&set, params![attempt.id, attempt.token, width, height, news.warning])?
                }
                Err(error) => fail(transaction, attempt, error)?,
            };
            Ok(changed == 1)
        })
    }

    fn give_back(&self, attempt: &Attempt) -> Result<bool, Error> {
        let set = format!(
            "UPDATE jobs SET state = 'queued', token = NULL, stage = 'queued', progress = 0, attempts = attempts - 1, \
             leased_until_ms = NULL WHERE {HELD}"
        );
        self.urgent_transaction(|transaction| Ok(transaction.execute(&set, params![attempt.id, attempt.token])? == 1))
    }

    fn put_off(&self, attempt: &Attempt, why: Error, terms: Terms, now_ms: i64) -> Result<PutOff, Error> {
        self.urgent_transaction(|transaction| {
            let retries = format!("SELECT retries FROM jobs WHERE {HELD}");
            let held = [&attempt.id, &attempt.token];
            let retries: Option<u32> = transaction.query_row(&retries, held, |row| row.get(0)).optional()?;
            let Some(retries) = retries else { return Ok(PutOff::Lost) };
            if retries >= terms.retries_max {
                fail(transaction, attempt, &given_up(&why, retries))?;
                return Ok(PutOff::GivenUp);
            }
            let wait = back_off(retries + 1);
            let set = format!(
                "UPDATE jobs SET state = 'queued', token = NULL, stage = 'queued', progress = 0, attempts = attempts - 1, \
                 retries = retries + 1, leased_until_ms = ?3 WHERE {HELD}"
            );
            transaction.execute(&set, params![attempt.id, attempt.token, now_ms + wait.as_millis() as i64])?;
            Ok(PutOff::For(wait))
        })
    }
}

/// Ends the job as failed. The photo of one that is dead is kept.
fn fail(transaction: &Transaction, attempt: &Attempt, error: &Error) -> rusqlite::Result<usize> {
    let with: [&dyn rusqlite::ToSql; 2] = [&attempt.id, &attempt.token];
    let_go(transaction, if is_dead(error.kind) { &["result"] } else { PICTURES }, HELD, &with)?;
    let set = format!("UPDATE jobs SET state = 'failed', token = NULL, fault = ?3, detail = ?4 WHERE {HELD}");
    transaction.execute(&set, params![attempt.id, attempt.token, error.kind.name(), error.detail])
}

fn job(row: &Row) -> rusqlite::Result<Job> {
    let (state, stage): (String, String) = (row.get(1)?, row.get(2)?);
    let state = match state.as_str() {
        "running" => State::Running,
        "done" => State::Done,
        "failed" => State::Failed,
        "cancelled" => State::Cancelled,
        _ => State::Queued,
    };
    let size = row.get::<_, Option<usize>>(4)?.zip(row.get(5)?);
    let warning = row.get::<_, Option<String>>(13)?.and_then(|name| warning_named(&name));
    let error = row.get::<_, Option<String>>(10)?.map(|kind| {
        let kind = Kind::from_name(&kind).unwrap_or(Kind::Internal);
        Ok::<_, rusqlite::Error>(Error::new(kind, row.get::<_, Option<String>>(11)?.unwrap_or_default()))
    });
    Ok(Job {
        id: row.get(0)?,
        state,
        news: News { stage: Stage::from_name(&stage).unwrap_or(Stage::Queued), progress: row.get(3)?, size, warning },
        created_ms: row.get(6)?,
        expires_ms: row.get(7)?,
        result: if state == State::Done { row.get(8)? } else { None },
        format: row.get(9)?,
        error: error.transpose()?,
        position: if state == State::Queued { Some(row.get(12)?) } else { None },
    })
}
