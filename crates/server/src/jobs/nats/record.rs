//! A job as it is kept on the broker: one JSON document under its name, changed by comparing revisions.

use crate::error::{Error, Kind};
use crate::jobs::queue::{Attempt, Class, Job, New, News, State};
use crate::paint::{Stage, warning_named};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Where a job stands; `Receiving` waits for its photo and is `queued` for everybody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Standing {
    Receiving,
    Queued,
    Running,
    Done,
    Failed,
    Cancelled,
}

impl Standing {
    pub(super) fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// Why a job failed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Fault {
    kind: String,
    detail: String,
}

/// Everything about a job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) standing: Standing,
    /// Keys of the pictures it holds.
    pub(super) photo: Option<String>,
    pub(super) result: Option<String>,
    /// Keys of pictures it has let go of and that may still be stored.
    pub(super) gone: Vec<String>,
    pub(super) params: String,
    format: String,
    stage: String,
    progress: f32,
    size: Option<(usize, usize)>,
    warning: Option<String>,
    fault: Option<Fault>,
    pub(super) attempts: u32,
    pub(super) retries: u32,
    /// That of the attempt which holds it, or has ended it.
    pub(super) token: Option<String>,
    pub(super) created_ms: i64,
    pub(super) expires_ms: i64,
    pub(super) need_bytes: u64,
    pub(super) tenant: String,
    pub(super) batch: bool,
    /// The message that stands for it in the stream of work; any other is worth nothing.
    pub(super) ticket: Option<u64>,
    /// Not there in jobs of versions before.
    #[serde(default)]
    pub(super) trace: Option<String>,
}

impl Record {
    pub(super) fn new(new: &New, now_ms: i64) -> Self {
        let news = News::default();
        Self {
            standing: Standing::Receiving,
            photo: Some(new.photo.clone()),
            result: None,
            gone: Vec::new(),
            params: new.params.clone(),
            format: new.format.clone(),
            stage: news.stage.name().to_owned(),
            progress: 0.0,
            size: None,
            warning: None,
            fault: None,
            attempts: 0,
            retries: 0,
            token: None,
            created_ms: now_ms,
            expires_ms: new.expires_ms,
            need_bytes: new.need_bytes,
            tenant: new.origin.tenant.clone(),
            batch: new.origin.class == Class::Batch,
            ticket: None,
            trace: new.origin.trace.clone(),
        }
    }

    /// # Errors
    /// If somebody else wrote it.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|error| format!("a job on the broker cannot be read: {error}"))
    }

    pub(super) fn bytes(&self) -> Bytes {
        serde_json::to_vec(self).expect("it is plain data").into()
    }

    pub(super) fn is_held_by(&self, attempt: &Attempt) -> bool {
        self.standing == Standing::Running && self.token.as_ref() == Some(&attempt.token)
    }

    /// Whether that attempt has ended it already: then the answer to the first try was lost on its way.
    pub(super) fn was_ended_by(&self, attempt: &Attempt) -> bool {
        self.standing.is_final() && self.token.as_ref() == Some(&attempt.token)
    }

    pub(super) fn begin(&mut self, token: &str, ticket: u64) {
        self.standing = Standing::Running;
        self.attempts += 1;
        self.token = Some(token.to_owned());
        self.ticket = Some(ticket);
        self.tell(News { stage: Stage::Decoding, ..News::default() });
    }

    pub(super) fn tell(&mut self, news: News) {
        self.stage = news.stage.name().to_owned();
        self.progress = news.progress;
        self.size = news.size;
        self.warning = news.warning.map(str::to_owned);
    }

    /// Back into the queue, as if it had not been begun.
    pub(super) fn put_back(&mut self) {
        self.standing = Standing::Queued;
        self.attempts = self.attempts.saturating_sub(1);
        self.token = None;
        self.tell(News::default());
    }

    pub(super) fn done(&mut self, news: News) {
        self.standing = Standing::Done;
        self.tell(news);
        self.let_go_of_photo();
    }

    /// The photo of one that is dead is kept.
    pub(super) fn fail(&mut self, error: &Error) {
        self.standing = Standing::Failed;
        self.fault = Some(Fault { kind: error.kind.name().to_owned(), detail: error.detail.clone() });
        if !crate::jobs::queue::is_dead(error.kind) {
            self.let_go_of_photo();
        }
        self.let_go_of_result();
    }

    pub(super) fn is_dead(&self) -> bool {
        self.standing == Standing::Failed && self.photo.is_some()
    }

    pub(super) fn let_go_of_photo(&mut self) {
        self.gone.extend(self.photo.take());
    }

    pub(super) fn let_go_of_result(&mut self) {
        self.gone.extend(self.result.take());
    }

    pub(super) fn cancel(&mut self) {
        self.standing = Standing::Cancelled;
        self.token = None;
        self.params.clear();
        self.let_go_of_photo();
        self.let_go_of_result();
    }

    pub(super) fn replay(&mut self) {
        self.standing = Standing::Queued;
        (self.attempts, self.retries, self.token, self.fault, self.ticket) = (0, 0, None, None, None);
        self.tell(News::default());
    }

    fn state(&self) -> State {
        match self.standing {
            Standing::Receiving | Standing::Queued => State::Queued,
            Standing::Running => State::Running,
            Standing::Done => State::Done,
            Standing::Failed => State::Failed,
            Standing::Cancelled => State::Cancelled,
        }
    }

    pub(super) fn job(self, id: &str, position: Option<usize>) -> Job {
        let state = self.state();
        let error =
            self.fault.map(|fault| Error::new(Kind::from_name(&fault.kind).unwrap_or(Kind::Internal), fault.detail));
        Job {
            id: id.to_owned(),
            state,
            news: News {
                stage: Stage::from_name(&self.stage).unwrap_or(Stage::Queued),
                progress: self.progress,
                size: self.size,
                warning: self.warning.as_deref().and_then(warning_named),
            },
            created_ms: self.created_ms,
            expires_ms: self.expires_ms,
            result: if state == State::Done { self.result } else { None },
            format: self.format,
            error,
            position: if state == State::Queued { position } else { None },
        }
    }
}
