//! Tickets of jobs that need more memory than there is now. Smaller jobs pass them by for a while; then memory is left to become
//! free for them.

use super::{Ticket, lock};
use crate::error::{Error, Kind};
use crate::jobs::PASSED_BY;
use async_nats::jetstream::message::{AckKind, Acker};
use async_nats::jetstream::{self};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

/// So many are kept; the next goes back to the broker, for another machine.
const MOST: usize = 4;
/// A machine that cannot begin a job for so long lets others try.
const LONGEST: Duration = Duration::from_secs(90);
/// After so long a job that does not fit here is handed out again, with luck to another.
pub(super) const ELSEWHERE: Duration = Duration::from_secs(2);

/// A ticket that was handed to this process.
pub(super) struct Waiting {
    pub(super) ticket: Ticket,
    /// Its number in the stream.
    pub(super) number: u64,
    pub(super) acker: Arc<Acker>,
    since: Instant,
}

impl Waiting {
    /// # Errors
    /// If it is no ticket of ours.
    pub(super) fn of(message: jetstream::Message) -> Result<Self, Error> {
        let unread =
            |what: String| Error::new(Kind::Internal, format!("a message on the broker cannot be read: {what}"));
        let number = message.info().map_err(|error| unread(error.to_string()))?.stream_sequence;
        let ticket = serde_json::from_slice(&message.payload).map_err(|error| unread(error.to_string()))?;
        Ok(Self { ticket, number, acker: Arc::new(message.split().1), since: Instant::now() })
    }
}

/// What there is on the shelf.
pub(super) enum Found {
    Fits(Waiting),
    /// One has waited for so long that nothing else is begun.
    Reserved,
    Nothing,
}

pub(super) struct Shelf {
    waiting: Mutex<Vec<Waiting>>,
    /// All the memory there is for pictures in this process.
    memory_bytes: u64,
}

impl Shelf {
    pub(super) fn new(memory_bytes: u64) -> Self {
        Self { waiting: Mutex::default(), memory_bytes }
    }

    /// Tells the broker again and again that the tickets are not lost, as long as the shelf is there.
    pub(super) fn keep_alive(self: &Arc<Self>, every: Duration) {
        let shelf: Weak<Self> = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                let Some(shelf) = shelf.upgrade() else { return };
                let ackers: Vec<Arc<Acker>> =
                    lock(&shelf.waiting).iter().map(|waiting| waiting.acker.clone()).collect();
                for acker in ackers {
                    // If it gets lost, the ticket is handed to another.
                    let _ = acker.ack_with(AckKind::Progress).await;
                }
            }
        });
    }

    /// The first that fits, and those that shall be tried elsewhere.
    pub(super) fn look(&self, room_bytes: u64, now_ms: i64) -> (Found, Vec<Waiting>) {
        let mut waiting = lock(&self.waiting);
        let aside = waiting.extract_if(.., |waiting| waiting.since.elapsed() > LONGEST).collect();
        if let Some(at) = waiting.iter().position(|waiting| waiting.ticket.need_bytes <= room_bytes) {
            return (Found::Fits(waiting.remove(at)), aside);
        }
        let patience_ms = now_ms - PASSED_BY.as_millis() as i64;
        let reserved = waiting.iter().any(|waiting| waiting.ticket.created_ms < patience_ms);
        (if reserved { Found::Reserved } else { Found::Nothing }, aside)
    }

    /// Keeps a ticket for later, or gives it back if it will never fit or there are too many.
    pub(super) fn put(&self, one: Waiting) -> Option<Waiting> {
        let mut waiting = lock(&self.waiting);
        if one.ticket.need_bytes > self.memory_bytes || waiting.len() >= MOST {
            return Some(one);
        }
        waiting.push(one);
        None
    }
}
