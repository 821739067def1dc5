//! Frames painted one after the other as they come, at a size that keeps up.

use super::pace::Pace;
use crate::error::{Error, ErrorKind};
use kaiga::{Crisp, Detail, Flat, Look, Painter, Sequence, Smoothing, Stability, unwatched};
use pixels::Image;
use pixels::resize::{self, Filter};
use pixels::space::Srgb8;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How a live painting goes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Live {
    /// Frames painted.
    pub painted: u64,
    /// Frames that came while another was painted, and were dropped.
    pub dropped: u64,
    /// Frames painted a second, lately.
    pub per_second: f64,
    /// From a frame's arrival until its painting is handed on, ms: the median and the 95th percentile, lately.
    pub latency_ms: [f64; 2],
    /// The size painted at now, px.
    pub painted_at: (usize, usize),
}

/// The look in which frames are painted live: at whatever size they come, fills and borders as the network paints them: the time
/// that laying and redrawing them takes shows more as a larger size.
#[must_use]
pub fn live_look(look: Look) -> Look {
    let (flat, crisp) = (Flat::new(0.0).unwrap_or_default(), Crisp::new(0.0).unwrap_or_default());
    Look { detail: Detail::new(1.0).unwrap_or_default(), flat, crisp, ..look }
}

/// Paints frames that somebody hands it one after the other, each at the size that so many frames a second leave time for.
pub struct Easel {
    sequence: Sequence,
    pace: Pace,
    told: Live,
    /// Of the last frames: when they were done, and after how many ms.
    lately: VecDeque<(Instant, f64)>,
}

impl Easel {
    /// Frames that figures are taken over.
    const LATELY: usize = 200;

    /// With a painter whose look should be a [`live_look`], for `per_second` frames a second.
    ///
    /// # Errors
    /// [`ErrorKind::Setting`] if `per_second` is not above 0 and at most 240.
    pub fn new(painter: Painter, per_second: f64, stability: Stability) -> Result<Self, Error> {
        if !(per_second > 0.0 && per_second <= 240.0) {
            return Err(Error::new(ErrorKind::Setting, "frames a second go from above 0 to 240"));
        }
        let sequence = Sequence::new(painter, Smoothing::default(), stability);
        let (pace, lately) = (Pace::new(per_second), VecDeque::new());
        Ok(Self { sequence, pace, told: Live::default(), lately })
    }

    /// One of `sharing` that are painted on at a time on this machine: it begins with a smaller size the more they are.
    #[must_use]
    pub fn one_of(mut self, sharing: usize) -> Self {
        self.pace.share(sharing);
        self
    }

    /// Goes on with another painter, at another pace, calmer or less so. What was painted before does not show through, and the
    /// size painted at stays as it was found to be good. `per_second` is from above 0 to 240.
    pub fn go_on_with(&mut self, painter: Painter, per_second: f64, stability: Stability) {
        self.sequence = Sequence::new(painter, Smoothing::default(), stability);
        self.pace.aim(per_second);
    }

    /// The painting of the newest frame, at the size painted at: its own, or a smaller one of the same shape.
    ///
    /// # Errors
    /// [`ErrorKind::Painting`].
    pub fn paint(&mut self, frame: &Image<Srgb8>) -> Result<Image<Srgb8>, Error> {
        let (w, h) = self.pace.size(frame.width(), frame.height());
        self.told.painted_at = (w, h);
        let small = resize::to(frame, w, h, Filter::Area);
        self.sequence.paint(&small, &unwatched).map_err(|error| Error::new(ErrorKind::Painting, error.to_string()))
    }

    /// The painting was handed on `after` its frame had come, `spent` of which went into painting it and sets the pace;
    /// `dropped` frames were not painted so far. Gives how it goes.
    pub fn handed_on(&mut self, after: Duration, spent: Duration, dropped: u64) -> &Live {
        self.pace.took(spent.as_secs_f64());
        let now = Instant::now();
        self.lately.push_back((now, 1000.0 * after.as_secs_f64()));
        if self.lately.len() > Self::LATELY {
            self.lately.pop_front();
        }
        let mut sorted: Vec<f64> = self.lately.iter().map(|(_, ms)| *ms).collect();
        sorted.sort_by(f64::total_cmp);
        let first = self.lately.front().map_or(now, |(done, _)| *done);
        let spans = (self.lately.len() - 1) as f64;
        self.told = Live {
            painted: self.told.painted + 1,
            dropped,
            per_second: spans / now.duration_since(first).as_secs_f64().max(1e-6),
            latency_ms: [0.5, 0.95].map(|share| sorted[(share * spans).round() as usize]),
            ..self.told
        };
        &self.told
    }

    /// How it goes.
    pub fn told(&self) -> &Live {
        &self.told
    }
}
