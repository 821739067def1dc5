//! Frame after frame, in stages that run at the same time on successive frames: read and analysed, painted, blended and
//! handed to the coder.

use crate::clip::Clip;
use crate::decode::{Frame, Shape};
use crate::effects::divided;
use crate::encode::Extent;
use crate::error::{Error, ErrorKind};
use crate::paint::{Ending, Progress, Report, Took, Watch};
use crate::reel::Reel;
use crate::settings::{Settings, Span};
use crate::source::Source;
use kaiga::{Analysed, Analyser, Drawn, Painter, Smoothing, stages};
use pixels::Image;
use pixels::space::Srgb8;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

/// Frames before the one that a resumed run goes on with, which are painted once more: so that it is as calm as the rest.
const WARM_FRAMES: u64 = 12;

/// One video on its way.
pub(crate) struct Run<'a> {
    painter: &'a Painter,
    settings: &'a Settings,
    shape: Shape,
    /// Where the time of the file begins, s.
    start_s: f64,
    /// When the last frame is shown, s from the beginning of the part that is painted; endless if nobody knows.
    last_s: f64,
    expected: Option<u64>,
    /// Frames that an earlier run painted.
    resumed: u64,
    /// When the first frame is shown, ticks.
    first: Option<i64>,
    last_at: Option<i64>,
    /// When the last one ends, s from the beginning of the result.
    end_s: f64,
    pub(crate) report: Report,
}

/// A frame in a stage.
struct Item<T> {
    at: i64,
    /// When the first frame is shown, ticks.
    first: i64,
    /// Whether an earlier run has written it.
    written: bool,
    frame: Arc<Image<Srgb8>>,
    stage: T,
}

/// Why no frame follows.
enum Stop {
    Interrupted,
    Failed(Error),
}

type Sent<T> = Result<Item<T>, Stop>;

/// How long something took, added up over threads.
#[derive(Default)]
struct Watches {
    decoding: AtomicU64,
    analysing: AtomicU64,
    painting: AtomicU64,
}

fn timed<T>(sum: &AtomicU64, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    sum.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
    result
}

fn seconds(sum: &AtomicU64) -> f64 {
    sum.load(Ordering::Relaxed) as f64 * 1e-9
}

fn failed(error: kaiga::Error) -> Stop {
    match error.kind() {
        kaiga::ErrorKind::Cancelled => Stop::Interrupted,
        _ => Stop::Failed(Error::new(ErrorKind::Painting, error.to_string())),
    }
}

impl<'a> Run<'a> {
    /// # Errors
    /// [`ErrorKind::Setting`] if a transition is to be at an end that nobody knows.
    pub(crate) fn new(
        painter: &'a Painter,
        settings: &'a Settings,
        clip: &Clip,
        shape: Shape,
        resumed: u64,
    ) -> Result<Self, Error> {
        let Span { start_s, end_s } = settings.span;
        let rate = f64::from(clip.rate.0) / f64::from(clip.rate.1);
        let whole = settings.span == Span::default();
        let ends_s = clip.duration_s.map(|duration_s| end_s.map_or(duration_s, |end_s| end_s.min(duration_s)));
        let length_s = ends_s.or(end_s).map(|end_s| (end_s - start_s.unwrap_or(0.0)).max(0.0));
        let counted = length_s.map(|length_s| (length_s * rate).round() as u64);
        if length_s.is_none() && settings.transition.is_some_and(|transition| transition.needs_end()) {
            let message = "does not say how long it is: a transition at its end needs --end";
            return Err(Error::new(ErrorKind::Setting, message));
        }
        let (ending, took) = (Ending::Whole, Took::default());
        Ok(Self {
            painter,
            settings,
            shape,
            start_s: clip.start_s,
            last_s: length_s.map_or(f64::INFINITY, |length_s| length_s - 1.0 / rate),
            expected: if whole { clip.frames } else { counted },
            resumed,
            first: None,
            last_at: None,
            end_s: 0.0,
            report: Report { frames: resumed, resumed, shots: 0, ending, warnings: Vec::new(), took },
        })
    }

    /// Paints all frames of `source` into `reel`.
    ///
    /// # Errors
    /// Why it could not go on; what was painted before is in the reel.
    pub(crate) fn paint(&mut self, source: &mut Source, reel: &mut Reel, watch: &Watch) -> Result<Ending, Error> {
        let (start, done, watches) = (Instant::now(), AtomicU64::new(self.resumed), Watches::default());
        let (painter, settings, resumed, expected) = (self.painter, self.settings, self.resumed, self.expected);
        let progress = || Progress {
            done: done.load(Ordering::Relaxed),
            resumed,
            expected,
            took_s: start.elapsed().as_secs_f64(),
        };
        let ask = |_, _| watch(&progress());
        let (analyser, mut blender) = stages(painter.clone(), Smoothing::default(), settings.stability);
        let killer = source.killer();
        let clock = self.clock();
        let ending = thread::scope(|scope| {
            let (to_painter, analysed) = sync_channel(1);
            let (to_blender, drawn) = sync_channel(1);
            let (watches, ask) = (&watches, &ask);
            scope.spawn(move || analyse(source, analyser, &clock, (settings, resumed), watches, ask, &to_painter));
            scope.spawn(move || draw(painter, &clock, settings, watches, ask, &analysed, &to_blender));
            let ending = loop {
                let item = match drawn.recv() {
                    Err(_) => break Ok(Ending::Whole),
                    Ok(Err(Stop::Interrupted)) => break Ok(Ending::Interrupted),
                    Ok(Err(Stop::Failed(error))) => break Err(error),
                    Ok(Ok(item)) => item,
                };
                let begins = item.stage.begins_shot();
                let begun = Instant::now();
                let mut painted = blender.blend(item.stage);
                if settings.split {
                    painted = Arc::new(divided(&item.frame, &painted, clock.seconds(item.at - item.first)));
                }
                self.report.took.blending += begun.elapsed().as_secs_f64();
                self.note(&clock, item.at, item.first);
                if item.written {
                    continue;
                }
                if let Err(error) = reel.push(item.at - item.first, painted) {
                    break Err(error);
                }
                self.report.frames += 1;
                self.report.shots += u64::from(begins);
                done.store(self.report.frames, Ordering::Relaxed);
                if watch(&progress()) == ControlFlow::Break(()) {
                    break Ok(Ending::Interrupted);
                }
            };
            // Whoever still waits for a frame, or for somebody to take one, is told that nobody does.
            drop(drawn);
            if let (Some(killer), false) = (killer, matches!(ending, Ok(Ending::Whole))) {
                killer.kill();
            }
            ending
        });
        let took = &mut self.report.took;
        took.decoding = seconds(&watches.decoding);
        took.analysing = seconds(&watches.analysing);
        took.painting = seconds(&watches.painting);
        ending
    }

    /// When the last frame so far is shown, and how long.
    fn note(&mut self, clock: &Clock, at: i64, first: i64) {
        // It is shown as long as the one before it.
        let end_of = |step: i64| clock.seconds(at + step) - self.start_s - clock.begins_s;
        let step = self.last_at.map_or(0, |last| at - last);
        self.end_s = end_of(step);
        self.last_at = Some(at);
        self.first = Some(first);
    }

    fn clock(&self) -> Clock {
        let begins_s = self.settings.span.start_s.unwrap_or(0.0);
        Clock { tick: self.shape.tick, start_s: self.start_s, begins_s, last_s: self.last_s }
    }

    /// Which part of the source's sound goes with it.
    pub(crate) fn extent(&self, whole: bool) -> Extent {
        let span = self.settings.span;
        let clock = self.clock();
        let first_s = clock.since_beginning(self.first.unwrap_or(0)).max(0.0);
        let length_s = if whole { span.end_s.map(|end_s| end_s - clock.begins_s) } else { Some(self.end_s) };
        Extent { first_s, start_s: span.start_s, length_s }
    }
}

/// From ticks to seconds.
#[derive(Clone, Copy)]
struct Clock {
    tick: (u32, u32),
    start_s: f64,
    begins_s: f64,
    last_s: f64,
}

impl Clock {
    fn seconds(&self, ticks: i64) -> f64 {
        ticks as f64 * f64::from(self.tick.0) / f64::from(self.tick.1)
    }

    /// From the beginning of the part that is painted.
    fn since_beginning(&self, at: i64) -> f64 {
        self.seconds(at) - self.start_s - self.begins_s
    }
}

/// Reads frames and analyses them, until there are no more or nobody takes them.
fn analyse(
    source: &mut Source,
    mut analyser: Analyser,
    clock: &Clock,
    (settings, resumed): (&Settings, u64),
    watches: &Watches,
    ask: &kaiga::Progress,
    send: &SyncSender<Sent<Analysed>>,
) {
    let mut first = None;
    for number in 0.. {
        let Frame { image, at } = match timed(&watches.decoding, || source.next()) {
            Ok(Some(frame)) => frame,
            Ok(None) => return,
            Err(error) => {
                let _ = send.send(Err(Stop::Failed(error)));
                return;
            }
        };
        let at_s = clock.seconds(at) - clock.start_s;
        if settings.span.end_s.is_some_and(|end_s| at_s >= end_s) {
            return;
        }
        let first = *first.get_or_insert(at);
        if number + WARM_FRAMES < resumed {
            continue;
        }
        let frame = Arc::new(image);
        let analysed = timed(&watches.analysing, || analyser.analyse(Arc::clone(&frame), ask));
        let item = analysed.map_err(failed);
        let stopped = item.is_err();
        let written = number < resumed;
        let item = item.map(|stage| Item { at, first, written, frame, stage });
        if send.send(item).is_err() || stopped {
            return;
        }
    }
}

/// Paints what was analysed.
fn draw(
    painter: &Painter,
    clock: &Clock,
    settings: &Settings,
    watches: &Watches,
    ask: &kaiga::Progress,
    analysed: &Receiver<Sent<Analysed>>,
    send: &SyncSender<Sent<Drawn>>,
) {
    for item in analysed {
        let drawn = item.and_then(|Item { at, first, written, frame, stage }| {
            let transition = settings.transition;
            let share = transition.map_or(1.0, |way| way.share(clock.since_beginning(at), clock.last_s));
            let drawn = timed(&watches.painting, || stage.paint_on_the_way(share, painter, ask));
            drawn.map(|stage| Item { at, first, written, frame, stage }).map_err(failed)
        });
        let stopped = drawn.is_err();
        if send.send(drawn).is_err() || stopped {
            return;
        }
    }
}
