//! The queue on a broker, NATS JetStream, for any number of machines (decision 21).
//!
//! A job is a document in a key-value bucket, which is changed by comparing revisions: that is its state, and what fences off late
//! attempts. For each job that waits or runs there is one message, its *ticket*, in a work-queue stream: who is handed
//! the ticket may begin the job; signs of life keep it, silence beyond the lease has it handed to another. A ticket is acknowledged
//! when the job is over. What falls between the two is harmless: a ticket of a job that is over is acknowledged and forgotten.

mod broker;
mod record;
mod shelf;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub(crate) use broker::Address;

use super::queue::{
    Attempt, Claim, Depth, Dispatch, Entered, Hear, Job, New, News, PutOff, States, Terms, back_off, given_up,
};
use crate::error::{Error, Kind};
use crate::paint::Stage;
use async_nats::jetstream::kv::{CreateErrorKind, UpdateErrorKind};
use async_nats::jetstream::message::{AckKind, Acker, PublishMessage};
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use async_nats::jetstream::{self, consumer::PullConsumer};
use broker::{Broker, DEAD, LANES, Trouble, WORK, lane_subject};
use futures_util::{StreamExt, TryStreamExt};
use record::{Record, Standing};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shelf::{Shelf, Waiting};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How long an answer is waited for: the broker may just be starting again.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long the end of a job is tried to be told, which cost a painting.
const PATIENCE_ENDING: Duration = Duration::from_secs(90);
/// A figure of the queue's length is good for so long.
const COUNT_EVERY: Duration = Duration::from_secs(1);
/// After all lanes were found empty they are not looked at for so long, unless there is a call.
const REST: Duration = Duration::from_secs(1);
/// How long a lane's answer is waited for.
const FETCH: Duration = Duration::from_secs(2);
/// So often a change is tried that others get in the way of.
const CHANGES: usize = 100;
/// Entries that are looked at in one sweep.
const SWEEP: usize = 1000;

/// What somebody does with the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Hands jobs in, answers for them, and deletes what is over. It may run jobs as well.
    Front,
    /// Only runs jobs.
    Worker,
}

/// A message in the stream of work.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Ticket {
    id: String,
    need_bytes: u64,
    created_ms: i64,
}

/// An entry in the stream of what is to be deleted.
#[derive(Debug, Serialize, Deserialize)]
struct Due {
    id: String,
    at_ms: i64,
}

/// How long the queue was.
#[derive(Default)]
struct Count {
    at: Option<Instant>,
    waiting: usize,
    running: usize,
    /// Of each lane: the last message that was handed out, and how many wait.
    lanes: HashMap<String, (u64, u64)>,
    /// Jobs that this process has handed in since.
    entered: usize,
}

/// The queue on a broker.
pub(crate) struct Nats {
    broker: Broker,
    part: Part,
    /// Tickets of the attempts that are made in this process, by token.
    held: Mutex<HashMap<String, Arc<Acker>>>,
    shelf: Arc<Shelf>,
    /// Pictures that nobody holds any more, with the job they were of.
    garbage: Mutex<HashMap<String, String>>,
    count: Mutex<Count>,
    /// Where the next look begins, so that lanes take turns.
    turn: [AtomicUsize; 2],
    /// Until when there is nothing to look for, and how many calls there were.
    rest: Arc<Mutex<(Option<Instant>, u64)>>,
    /// News on its way to other processes, in order.
    news: mpsc::UnboundedSender<(String, Value)>,
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Nats {
    /// Connects, and sets up what is not there yet. `memory_bytes` is all there is for pictures here. Must be called within a
    /// runtime.
    ///
    /// # Errors
    /// [`Kind::Unavailable`], with what the one who runs the service can do.
    pub(crate) async fn open(address: &Address, part: Part, memory_bytes: u64) -> Result<Self, Error> {
        let broker = Broker::open(address).await?;
        let shelf = Arc::new(Shelf::new(memory_bytes));
        shelf.keep_alive(address.lease / 3);
        let (news, mut told) = mpsc::unbounded_channel::<(String, Value)>();
        let client = broker.client.clone();
        tokio::spawn(async move {
            while let Some((id, about)) = told.recv().await {
                // What gets lost is found out later.
                let _ = client.publish(format!("kaiga.news.{id}"), about.to_string().into()).await;
            }
        });
        Ok(Self {
            broker,
            part,
            held: Mutex::default(),
            shelf,
            garbage: Mutex::default(),
            count: Mutex::default(),
            turn: Default::default(),
            rest: Arc::default(),
            news,
        })
    }

    /// The job as the broker's leader has it, with its revision.
    async fn read(&self, id: &str) -> Result<Option<(Record, u64)>, Trouble> {
        // Clients name jobs, and `*` would be any.
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Ok(None);
        }
        let key = format!("$KV.kaiga-jobs.{id}");
        match self.broker.jobs.stream.get_last_raw_message_by_subject(&key).await {
            Ok(message) if message.payload.is_empty() => Ok(None),
            Ok(message) => {
                let record = Record::read(&message.payload);
                let record = record.map_err(|detail| Trouble::Final(Error::new(Kind::Internal, detail)))?;
                Ok(Some((record, message.sequence)))
            }
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(Trouble::passing(error)),
        }
    }

    /// Changes a job as `f` says; `None` if there is no such job or `f` wants nothing changed.
    async fn change<T>(&self, id: &str, f: impl Fn(&mut Record) -> Option<T>) -> Result<Option<T>, Trouble> {
        for _ in 0..CHANGES {
            let Some((mut record, revision)) = self.read(id).await? else { return Ok(None) };
            let let_go_before = record.gone.len();
            let Some(value) = f(&mut record) else { return Ok(None) };
            match self.broker.jobs.update(id, record.bytes(), revision).await {
                Ok(_) => {
                    self.note_garbage(id, record.gone.get(let_go_before..).unwrap_or_default());
                    return Ok(Some(value));
                }
                Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => {}
                Err(error) => return Err(Trouble::passing(error)),
            }
        }
        Err(Trouble::Passing("a job is being changed by too many".into()))
    }

    fn note_garbage(&self, id: &str, keys: &[String]) {
        lock(&self.garbage).extend(keys.iter().map(|key| (key.clone(), id.to_owned())));
    }

    async fn publish(&self, subject: String, name: &str, body: &impl Serialize) -> Result<u64, Trouble> {
        let body = serde_json::to_vec(body).expect("it is plain data");
        let message = PublishMessage::build().payload(body.into()).message_id(name);
        let sent = self.broker.jetstream.send_publish(subject, message).await.map_err(Trouble::passing)?;
        sent.await.map(|receipt| receipt.sequence).map_err(Trouble::passing)
    }

    /// Puts a ticket into the job's lane, once for each `name`, and calls the workers.
    async fn hand_out(&self, id: &str, record: &Record, name: &str) -> Result<u64, Trouble> {
        let ticket = Ticket { id: id.to_owned(), need_bytes: record.need_bytes, created_ms: record.created_ms };
        let number = self.publish(lane_subject(record.batch, &record.tenant), name, &ticket).await?;
        self.call().await;
        Ok(number)
    }

    async fn call(&self) {
        wake(&self.rest);
        // Who does not hear it looks by itself, a second later.
        let _ = self.broker.client.publish("kaiga.call", Default::default()).await;
    }

    async fn counted(&self) -> Result<(), Trouble> {
        let fresh = |count: &Count| count.at.is_some_and(|at| at.elapsed() < COUNT_EVERY);
        if fresh(&lock(&self.count)) {
            return Ok(());
        }
        let about = self.broker.jetstream.request(format!("CONSUMER.LIST.{WORK}"), &json!({"offset": 0})).await;
        let about: Value = about.map_err(Trouble::passing)?;
        let mut count = Count { at: Some(Instant::now()), ..Count::default() };
        for lane in about["consumers"].as_array().into_iter().flatten() {
            let number = |value: &Value| value.as_u64().unwrap_or_default();
            let (waiting, running) = (number(&lane["num_pending"]), number(&lane["num_ack_pending"]));
            count.waiting += waiting as usize;
            count.running += running as usize;
            let subject = lane["config"]["filter_subject"].as_str().unwrap_or_default();
            count.lanes.insert(subject.to_owned(), (number(&lane["delivered"]["stream_seq"]), waiting));
        }
        *lock(&self.count) = count;
        Ok(())
    }

    /// At most so many wait before a job.
    fn position(&self, record: &Record) -> Option<usize> {
        let count = lock(&self.count);
        let (handed_out, _) = count.lanes.get(&lane_subject(record.batch, &record.tenant)).copied().unwrap_or_default();
        let before = record.ticket.map_or(usize::MAX, |ticket| ticket.saturating_sub(handed_out + 1) as usize);
        Some(before.min((count.waiting + count.entered).saturating_sub(1)))
    }

    /// A ticket from the lanes of a class, whose turn begins where the last one ended.
    async fn next_ticket(&self, class: usize) -> Result<Option<jetstream::Message>, Trouble> {
        let from = self.turn[class].load(Ordering::Relaxed);
        for lane in (from..from + LANES).map(|lane| lane % LANES) {
            if let Some(message) = fetch(&self.broker.lanes[class][lane]).await? {
                self.turn[class].store((lane + 1) % LANES, Ordering::Relaxed);
                return Ok(Some(message));
            }
        }
        Ok(None)
    }

    async fn next_waiting(&self) -> Result<Option<Waiting>, Trouble> {
        for class in 0..2 {
            if let Some(message) = self.next_ticket(class).await? {
                return Waiting::of(message).map(Some).map_err(Trouble::Final);
            }
        }
        Ok(None)
    }

    /// Begins the job of a ticket; `None` if there is nothing to begin.
    async fn begin(&self, waiting: &Waiting, terms: Terms) -> Result<Option<Claim>, Trouble> {
        let (id, token) = (&waiting.ticket.id, crate::random_name());
        let begun = self.change(id, |record| {
            let stale = record.ticket.is_some_and(|ticket| ticket != waiting.number);
            if record.standing.is_final() || stale || record.photo.is_none() {
                return None;
            }
            let again = record.standing == Standing::Running;
            if again && record.attempts >= terms.attempts_max {
                let times = terms.attempts_max;
                let detail = format!("the service stopped {times} times while it painted this picture");
                record.fail(&Error::new(Kind::Internal, detail));
                return Some((record.clone(), None));
            }
            record.begin(&token, waiting.number);
            Some((record.clone(), Some(again)))
        });
        let Some((record, begun)) = begun.await? else { return Ok(None) };
        let (job, attempt) = (super::short(id), record.attempts);
        let Some(again) = begun else {
            tracing::error!(job, attempt, "given up: the process died over it each time");
            self.bury(id, &record).await;
            return Ok(None);
        };
        if again {
            tracing::warn!(job, attempt, "taken over from a process that gives no sign of life");
        }
        let attempt = Attempt { id: id.clone(), token, number: record.attempts };
        let Record { photo, params, created_ms, trace, .. } = record;
        Ok(Some(Claim { attempt, photo: photo.unwrap_or_default(), params, created_ms, trace }))
    }

    /// Writes a dead letter. The job says that it is dead, too: a letter that is lost costs a line in a list.
    async fn bury(&self, id: &str, record: &Record) {
        let job = record.clone().job(id, None);
        let error = job.error.unwrap_or_else(|| Error::new(Kind::Internal, ""));
        let letter = json!({"id": id, "kind": error.kind.name(), "reason": error.detail, "attempts": record.attempts,
            "retries": record.retries, "created_ms": record.created_ms});
        let name = format!("{id}-{}", record.token.clone().unwrap_or_default());
        if self.publish(format!("kaiga.dead.{id}"), &name, &letter).await.is_err() {
            tracing::error!(job = super::short(id), reason = error.detail, "a dead letter could not be written");
        }
    }

    /// The ticket of an attempt, which ends here.
    fn take_ticket(&self, attempt: &Attempt) -> Option<Arc<Acker>> {
        lock(&self.held).remove(&attempt.token)
    }

    /// Acknowledges, or asks for another delivery. If that gets lost the ticket is handed out once more and found stale.
    fn settle(&self, acker: Option<Arc<Acker>>, kind: AckKind) {
        if let Some(acker) = acker {
            let _ = self.broker.wait(PATIENCE, async || acker.double_ack_with(kind).await.map_err(Trouble::passing));
        }
    }

    /// First entries of a kind in the stream of what is to be deleted.
    async fn first_due(&self, subject: &str) -> Result<Option<(u64, Due)>, Trouble> {
        match self.broker.expiry.get_first_raw_message_by_subject(subject, 1).await {
            Ok(message) => {
                let due = serde_json::from_slice(&message.payload);
                // What nobody can read is over.
                Ok(Some((message.sequence, due.unwrap_or(Due { id: String::new(), at_ms: 0 }))))
            }
            Err(error) if error.kind() == jetstream::stream::RawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(Trouble::passing(error)),
        }
    }

    /// Has `handle` deal with all entries whose time is over. Entries come in the order of their times.
    async fn sweep(
        &self,
        subject: &str,
        now_ms: i64,
        handle: impl AsyncFn(&Due) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        for _ in 0..SWEEP {
            let Some((number, due)) = self.first_due(subject).await? else { return Ok(()) };
            if due.at_ms > now_ms {
                return Ok(());
            }
            handle(&due).await?;
            // Another process may have been as quick.
            let _ = self.broker.expiry.delete_message(number).await;
        }
        Ok(())
    }

    /// A job's time is over: whether it had pictures.
    async fn over(&self, id: &str) -> Result<bool, Trouble> {
        let ended = self.change(id, |record| {
            let had = record.photo.is_some() || record.result.is_some();
            if !record.standing.is_final() {
                record.fail(&Error::new(Kind::TimedOut, "its time was over before it was painted"));
            }
            record.let_go_of_photo();
            record.let_go_of_result();
            Some((had, record.clone()))
        });
        let Some((had, record)) = ended.await? else { return Ok(false) };
        // Those whose deletion was never confirmed, by whomever.
        self.note_garbage(id, &record.gone);
        self.withdraw(&self.broker.work, record.ticket).await;
        // As long again it is remembered that there was such a job.
        let at_ms = record.expires_ms + (record.expires_ms - record.created_ms);
        self.publish("kaiga.expiry.forget".into(), &format!("{id}-forget"), &Due { id: id.to_owned(), at_ms }).await?;
        Ok(had)
    }

    /// Takes a message out of a stream, if it is there still.
    async fn withdraw(&self, stream: &Stream, number: Option<u64>) {
        if let Some(number) = number {
            let _ = stream.delete_message(number).await;
        }
    }

    /// Names of jobs: of those with a dead letter, or of all there are.
    async fn names(&self, dead: bool) -> Result<Vec<String>, Trouble> {
        if !dead {
            let names = self.broker.jobs.keys().await.map_err(Trouble::passing)?;
            return names.try_collect().await.map_err(Trouble::passing);
        }
        let all = json!({"subjects_filter": "kaiga.dead.*"});
        let about: Value =
            self.broker.jetstream.request(format!("STREAM.INFO.{DEAD}"), &all).await.map_err(Trouble::passing)?;
        let subjects = about["state"]["subjects"].as_object().into_iter().flatten();
        Ok(subjects.filter_map(|(subject, _)| Some(subject.strip_prefix("kaiga.dead.")?.to_owned())).collect())
    }

    async fn records(&self, dead: bool, most: usize) -> Result<Vec<(String, Record)>, Trouble> {
        let mut found = Vec::new();
        for id in self.names(dead).await? {
            let Some((record, _)) = self.read(&id).await? else { continue };
            if if dead { record.is_dead() } else { !record.standing.is_final() } {
                found.push((id, record));
            }
        }
        found.sort_by_key(|(_, record)| (record.created_ms, record.ticket));
        found.truncate(most);
        Ok(found)
    }
}

/// One message, if there is one now.
async fn fetch(lane: &PullConsumer) -> Result<Option<jetstream::Message>, Trouble> {
    let mut messages = lane.fetch().max_messages(1).messages().await.map_err(Trouble::passing)?;
    // The answer may never come, if the broker was just restarted.
    let message = tokio::time::timeout(FETCH, messages.next()).await.map_err(Trouble::passing)?;
    message.transpose().map_err(Trouble::passing)
}

/// There is something to look for.
fn wake(rest: &Mutex<(Option<Instant>, u64)>) {
    let mut rest = lock(rest);
    *rest = (None, rest.1 + 1);
}

impl States for Nats {
    fn enter(&self, new: &New, jobs_max: usize, now_ms: i64) -> Result<Entered, Error> {
        let entered = self.broker.wait(PATIENCE, async || {
            self.counted().await?;
            let waiting = {
                let count = lock(&self.count);
                count.waiting + count.entered
            };
            if let Some(name) = &new.origin.once
                && let Err(error) = self.broker.once.create(name, new.id.clone().into()).await
            {
                if error.kind() != CreateErrorKind::AlreadyExists {
                    return Err(Trouble::passing(error));
                }
                let before = self.broker.once.get(name).await.map_err(Trouble::passing)?.unwrap_or_default();
                let before = String::from_utf8_lossy(&before).into_owned();
                let found = if before == new.id { None } else { self.read(&before).await? };
                match found.map(|(record, _)| (record.standing, record.photo)) {
                    None | Some((Standing::Cancelled, _)) => {}
                    Some((Standing::Receiving, Some(photo))) => {
                        return Ok(Entered::Unfinished { id: before, photo });
                    }
                    Some(_) => return Ok(Entered::Before(before)),
                }
                // Whoever had it never got to enter the job, or could not store its photo, or did not want it any more.
                self.broker.once.put(name, new.id.clone().into()).await.map_err(Trouble::passing)?;
            }
            if waiting >= jobs_max {
                return Err(Trouble::Final(Error::passing(
                    Kind::QueueFull,
                    format!("{waiting} jobs wait already"),
                    10,
                )));
            }
            // First of all that there will be something to delete.
            let due = Due { id: new.id.clone(), at_ms: new.expires_ms };
            self.publish("kaiga.expiry.due".into(), &format!("{}-due", new.id), &due).await?;
            match self.broker.jobs.create(&new.id, Record::new(new, now_ms).bytes()).await {
                Ok(_) => Ok(Entered::New),
                // By us, and the answer was lost: nobody else knows the name.
                Err(error) if error.kind() == CreateErrorKind::AlreadyExists => Ok(Entered::New),
                Err(error) => Err(Trouble::passing(error)),
            }
        })?;
        if entered == Entered::New {
            lock(&self.count).entered += 1;
        }
        Ok(entered)
    }

    fn ready(&self, id: &str) -> Result<bool, Error> {
        self.broker.wait(PATIENCE, async || {
            let Some((record, _)) = self.read(id).await? else { return Ok(false) };
            if record.standing == Standing::Cancelled {
                return Ok(false);
            }
            // The ticket first: without one the job would wait for ever. Who is quick may begin it before it is marked as waiting.
            let ticket = self.hand_out(id, &record, id).await?;
            let marked = self.change(id, |record| {
                match record.standing {
                    Standing::Receiving => record.standing = Standing::Queued,
                    Standing::Cancelled => return None,
                    _ => return Some(()),
                }
                record.ticket = Some(ticket);
                Some(())
            });
            let marked = marked.await?.is_some();
            if !marked {
                self.withdraw(&self.broker.work, Some(ticket)).await;
            }
            Ok(marked)
        })
    }

    fn job(&self, id: &str) -> Result<Option<Job>, Error> {
        self.broker.wait(PATIENCE, async || {
            let Some((record, _)) = self.read(id).await? else { return Ok(None) };
            let waits = matches!(record.standing, Standing::Receiving | Standing::Queued);
            if waits {
                self.counted().await?;
            }
            let position = if waits { self.position(&record) } else { None };
            Ok(Some(record.job(id, position)))
        })
    }

    fn cancel(&self, id: &str) -> Result<bool, Error> {
        self.broker.wait(PATIENCE, async || {
            let cancelled = self.change(id, |record| {
                let waited = matches!(record.standing, Standing::Receiving | Standing::Queued);
                record.cancel();
                Some((waited, record.ticket))
            });
            let Some((waited, ticket)) = cancelled.await? else { return Ok(false) };
            if waited {
                self.withdraw(&self.broker.work, ticket).await;
            }
            // There may be a letter, if it was dead.
            let _ = self.broker.dead.purge().filter(format!("kaiga.dead.{id}")).await;
            Ok(true)
        })
    }

    fn expire(&self, now_ms: i64) -> Result<usize, Error> {
        if self.part == Part::Worker {
            return Ok(0);
        }
        let expired = AtomicUsize::new(0);
        self.broker.wait(PATIENCE_ENDING, async || {
            let over = async |due: &Due| {
                let had = self.over(&due.id).await?;
                expired.fetch_add(usize::from(had), Ordering::Relaxed);
                Ok(())
            };
            self.sweep("kaiga.expiry.due", now_ms, over).await?;
            let forget = async |due: &Due| {
                let all = self.broker.jobs.stream.purge().filter(format!("$KV.kaiga-jobs.{}", due.id));
                all.await.map(drop).map_err(Trouble::passing)
            };
            self.sweep("kaiga.expiry.forget", now_ms, forget).await
        })?;
        Ok(expired.into_inner())
    }

    fn garbage(&self) -> Result<Vec<String>, Error> {
        Ok(lock(&self.garbage).keys().take(SWEEP).cloned().collect())
    }

    fn forget(&self, key: &str) -> Result<(), Error> {
        let Some(id) = lock(&self.garbage).get(key).cloned() else { return Ok(()) };
        self.broker.wait(PATIENCE, async || {
            let deleted = self.change(&id, |record| {
                let at = record.gone.iter().position(|gone| gone == key)?;
                record.gone.remove(at);
                Some(())
            });
            deleted.await.map(drop)
        })?;
        lock(&self.garbage).remove(key);
        Ok(())
    }

    fn depth(&self, now_ms: i64) -> Result<Depth, Error> {
        self.broker.wait(PATIENCE, async || {
            self.counted().await?;
            let (waiting, running, lanes) = {
                let count = lock(&self.count);
                (count.waiting + count.entered, count.running, count.lanes.clone())
            };
            let mut oldest_ms = 0;
            for (subject, (handed_out, _)) in lanes {
                let first = self.broker.work.get_first_raw_message_by_subject(subject, handed_out + 1).await;
                let ticket = first.ok().and_then(|message| serde_json::from_slice::<Ticket>(&message.payload).ok());
                oldest_ms = ticket.map_or(oldest_ms, |ticket| oldest_ms.max(now_ms - ticket.created_ms));
            }
            Ok(Depth { waiting, running, oldest_ms })
        })
    }

    fn list(&self, dead: bool, most: usize) -> Result<Vec<Job>, Error> {
        let records = self.broker.wait(PATIENCE_ENDING, async || self.records(dead, most).await)?;
        Ok(records.into_iter().map(|(id, record)| record.job(&id, None)).collect())
    }

    fn replay(&self, id: &str) -> Result<bool, Error> {
        let name = format!("{id}-{}", crate::random_name());
        self.broker.wait(PATIENCE, async || {
            let replayed = self.change(id, |record| {
                // Waiting without a ticket: somebody died over the lines below.
                let lost = record.standing == Standing::Queued && record.ticket.is_none();
                (record.is_dead() || lost).then(|| {
                    record.replay();
                    record.clone()
                })
            });
            let Some(record) = replayed.await? else { return Ok(false) };
            let ticket = self.hand_out(id, &record, &name).await?;
            let mark =
                |record: &mut Record| (record.standing == Standing::Queued).then(|| record.ticket = Some(ticket));
            self.change(id, mark).await?;
            let _ = self.broker.dead.purge().filter(format!("kaiga.dead.{id}")).await;
            Ok(true)
        })
    }

    fn tell(&self, id: &str, news: Option<News>) {
        let about = news.map_or(
            Value::Null,
            |news| json!({"stage": news.stage.name(), "progress": news.progress, "size": news.size}),
        );
        // It fails at the very end only.
        let _ = self.news.send((id.to_owned(), about));
    }

    fn hear(&self, hear: Hear) {
        let client = self.broker.client.clone();
        self.broker.runtime.spawn(async move {
            let Ok(mut messages) = client.subscribe("kaiga.news.*").await else { return };
            while let Some(message) = messages.next().await {
                let Some(id) = message.subject.strip_prefix("kaiga.news.") else { continue };
                let about: Value = serde_json::from_slice(&message.payload).unwrap_or_default();
                let size = || {
                    let side = |at: usize| Some(about["size"][at].as_u64()? as usize);
                    side(0).zip(side(1))
                };
                let stage = about["stage"].as_str().and_then(Stage::from_name);
                let progress = about["progress"].as_f64().unwrap_or_default() as f32;
                hear(id, stage.map(|stage| News { stage, progress, size: size(), warning: None }));
            }
        });
    }
}

impl Dispatch for Nats {
    fn claim(&self, terms: Terms, room_bytes: u64, now_ms: i64) -> Result<Option<Claim>, Error> {
        let (found, aside) = self.shelf.look(room_bytes, now_ms);
        for waiting in aside {
            self.settle(Some(waiting.acker), AckKind::Nak(Some(shelf::ELSEWHERE)));
        }
        let mut found = match found {
            shelf::Found::Fits(waiting) => Some(waiting),
            // Memory is left to become free for the one that has waited too long.
            shelf::Found::Reserved => return Ok(None),
            shelf::Found::Nothing => None,
        };
        if found.is_none() && lock(&self.rest).0.is_some_and(|until| Instant::now() < until) {
            return Ok(None);
        }
        loop {
            let waiting = match found.take() {
                Some(waiting) => waiting,
                None => {
                    let calls = lock(&self.rest).1;
                    let Some(waiting) = self.broker.wait(PATIENCE, async || self.next_waiting().await)? else {
                        let mut rest = lock(&self.rest);
                        // Unless somebody called meanwhile.
                        if rest.1 == calls {
                            rest.0 = Some(Instant::now() + REST);
                        }
                        return Ok(None);
                    };
                    waiting
                }
            };
            if waiting.ticket.need_bytes > room_bytes {
                if let Some(waiting) = self.shelf.put(waiting) {
                    self.settle(Some(waiting.acker), AckKind::Nak(Some(shelf::ELSEWHERE)));
                    return Ok(None);
                }
                continue;
            }
            match self.broker.wait(PATIENCE, async || self.begin(&waiting, terms).await)? {
                Some(claim) => {
                    lock(&self.held).insert(claim.attempt.token.clone(), waiting.acker);
                    return Ok(Some(claim));
                }
                None => self.settle(Some(waiting.acker), AckKind::Ack),
            }
        }
    }

    fn on_call(&self, called: Box<dyn Fn() + Send + Sync>) {
        let (client, rest) = (self.broker.client.clone(), Arc::clone(&self.rest));
        self.broker.runtime.spawn(async move {
            // One process hears a call, whichever: a thousand would all look for one job.
            let Ok(mut calls) = client.queue_subscribe("kaiga.call", "workers".into()).await else { return };
            while calls.next().await.is_some() {
                wake(&rest);
                called();
            }
        });
    }

    fn heartbeat(&self, attempt: &Attempt, news: News, _: Terms, _: i64) -> Result<bool, Error> {
        let sign = lock(&self.held).get(&attempt.token).cloned();
        let held = self.broker.wait(PATIENCE, async || {
            if let Some(acker) = &sign {
                acker.ack_with(AckKind::Progress).await.map_err(Trouble::passing)?;
            }
            let told = self.change(&attempt.id, |record| record.is_held_by(attempt).then(|| record.tell(news)));
            told.await
        })?;
        if held.is_none() {
            self.lose(attempt)?;
        }
        Ok(held.is_some())
    }

    fn announce(&self, attempt: &Attempt, result: &str) -> Result<bool, Error> {
        let announced = self.broker.wait(PATIENCE, async || {
            let announced = self.change(&attempt.id, |record| {
                record.is_held_by(attempt).then(|| {
                    if record.result.as_deref() != Some(result) {
                        record.let_go_of_result();
                        record.result = Some(result.to_owned());
                    }
                })
            });
            announced.await
        })?;
        Ok(announced.is_some())
    }

    fn finish(&self, attempt: &Attempt, end: Result<News, Error>) -> Result<bool, Error> {
        let tries = AtomicUsize::new(0);
        let ended = self.broker.wait(PATIENCE_ENDING, async || {
            let again = tries.fetch_add(1, Ordering::Relaxed) > 0;
            let ended = self.change(&attempt.id, |record| {
                if again && record.was_ended_by(attempt) {
                    return Some(record.clone());
                }
                if !record.is_held_by(attempt) {
                    return None;
                }
                match &end {
                    Ok(news) => record.done(*news),
                    Err(error) => record.fail(error),
                }
                Some(record.clone())
            });
            ended.await
        })?;
        let Some(record) = ended else {
            self.lose(attempt)?;
            return Ok(false);
        };
        if record.is_dead() {
            self.broker.runtime.block_on(self.bury(&attempt.id, &record));
        }
        self.settle(self.take_ticket(attempt), AckKind::Ack);
        Ok(true)
    }

    fn give_back(&self, attempt: &Attempt) -> Result<bool, Error> {
        let back = self.broker.wait(PATIENCE, async || {
            let back = self.change(&attempt.id, |record| record.is_held_by(attempt).then(|| record.put_back()));
            back.await
        })?;
        if back.is_none() {
            self.lose(attempt)?;
            return Ok(false);
        }
        self.settle(self.take_ticket(attempt), AckKind::Nak(None));
        self.broker.runtime.block_on(self.call());
        Ok(true)
    }

    fn put_off(&self, attempt: &Attempt, why: Error, terms: Terms, _: i64) -> Result<PutOff, Error> {
        let put_off = self.broker.wait(PATIENCE_ENDING, async || {
            let put_off = self.change(&attempt.id, |record| {
                if !record.is_held_by(attempt) {
                    return None;
                }
                if record.retries >= terms.retries_max {
                    record.fail(&given_up(&why, record.retries));
                    return Some((PutOff::GivenUp, record.clone()));
                }
                record.put_back();
                record.retries += 1;
                Some((PutOff::For(back_off(record.retries)), record.clone()))
            });
            put_off.await
        })?;
        let outcome = put_off.as_ref().map_or(PutOff::Lost, |(put_off, _)| *put_off);
        match put_off {
            Some((PutOff::For(wait), _)) => self.settle(self.take_ticket(attempt), AckKind::Nak(Some(wait))),
            Some((_, record)) => {
                self.broker.runtime.block_on(self.bury(&attempt.id, &record));
                self.settle(self.take_ticket(attempt), AckKind::Ack);
            }
            None => self.lose(attempt)?,
        }
        Ok(outcome)
    }
}

impl Nats {
    /// The job is not this attempt's any more. If it is over, its ticket is worth nothing; else it is another's.
    fn lose(&self, attempt: &Attempt) -> Result<(), Error> {
        let Some(acker) = self.take_ticket(attempt) else { return Ok(()) };
        let over = self.broker.wait(PATIENCE, async || {
            Ok(self.read(&attempt.id).await?.is_none_or(|(record, _)| record.standing.is_final()))
        })?;
        if over {
            self.settle(Some(acker), AckKind::Ack);
        }
        Ok(())
    }
}
