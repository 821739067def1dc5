//! Frames in stages that run at the same time on successive ones: read and analysed, painted, blended and handed to the coder.
//! What is between two key frames goes through the stages with the later one.

use crate::clip::Clip;
use crate::decode::{Frame, Shape};
use crate::effects::divided;
use crate::encode::Extent;
use crate::error::{Error, ErrorKind};
use crate::paint::{Ending, Progress, Report, Took, Watch};
use crate::reel::Reel;
use crate::settings::{Settings, Span};
use crate::source::Source;
use kaiga::{Analysed, Analyser, Drawn, Painted, Painter, Smoothing, stages};
use pixels::Image;
use pixels::space::Srgb8;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

/// Frames before the one that a resumed run goes on with of which the first key frame and all after it are painted once more: so that it is as
/// calm as the rest.
const WARM_FRAMES: u64 = 24;
/// Frames that are held at a time, at most: one of them is a key frame.
const MOST_HELD: usize = 12;

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
    /// From a key frame to the next, s.
    key_every_s: f64,
    /// Frames that an earlier run painted.
    resumed: u64,
    /// When the first frame is shown, ticks.
    first: Option<i64>,
    last_at: Option<i64>,
    /// When the last one ends, s from the beginning of the result.
    end_s: f64,
    pub(crate) report: Report,
}

/// Frames in a stage.
struct Item<T> {
    frames: Vec<Held>,
    stage: T,
}

/// A frame that was read.
struct Held {
    at: i64,
    /// When the first frame is shown, ticks.
    first: i64,
    /// Whether an earlier run has written it.
    written: bool,
    /// Until it is analysed, or painted and shown beside its painting.
    image: Option<Arc<Image<Srgb8>>>,
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
            key_every_s: settings.preset.keys_per_s().map_or(0.0, |keys| 1.0 / keys),
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
            // Without a queue: what waits is as many frames as there are between two key frames.
            let (to_painter, analysed) = sync_channel(0);
            let (to_blender, drawn) = sync_channel(0);
            let (watches, ask) = (&watches, &ask);
            let (settings, every_s) = (self.settings, self.key_every_s);
            scope.spawn(move || {
                analyse(source, analyser, &clock, (settings, resumed, every_s), watches, ask, &to_painter)
            });
            scope.spawn(move || draw(painter, &clock, settings, watches, ask, &analysed, &to_blender));
            let ending = loop {
                let item = match drawn.recv() {
                    Err(_) => break Ok(Ending::Whole),
                    Ok(Err(Stop::Interrupted)) => break Ok(Ending::Interrupted),
                    Ok(Err(Stop::Failed(error))) => break Err(error),
                    Ok(Ok(item)) => item,
                };
                let begun = Instant::now();
                let painted = blender.blend(item.stage);
                self.report.took.blending += begun.elapsed().as_secs_f64();
                let handed_on = item.frames.into_iter().zip(painted).try_for_each(|(frame, painted)| {
                    self.hand_on(&frame, painted, reel, &clock)?;
                    done.store(self.report.frames, Ordering::Relaxed);
                    match watch(&progress()) {
                        ControlFlow::Break(()) => Err(Stop::Interrupted),
                        ControlFlow::Continue(()) => Ok(()),
                    }
                });
                match handed_on {
                    Ok(()) => {}
                    Err(Stop::Interrupted) => break Ok(Ending::Interrupted),
                    Err(Stop::Failed(error)) => break Err(error),
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

    /// Hands a painting to the coder, unless an earlier run has.
    fn hand_on(&mut self, frame: &Held, painted: Painted, reel: &mut Reel, clock: &Clock) -> Result<(), Stop> {
        self.note(clock, frame.at, frame.first);
        if frame.written {
            return Ok(());
        }
        let at = frame.at - frame.first;
        let image = match &frame.image {
            Some(image) => Arc::new(divided(image, &painted.image, clock.seconds(at))),
            None => painted.image,
        };
        reel.push(at, image).map_err(Stop::Failed)?;
        self.report.frames += 1;
        self.report.shots += u64::from(painted.begins_shot);
        Ok(())
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
    (settings, resumed, key_every_s): (&Settings, u64, f64),
    watches: &Watches,
    ask: &kaiga::Progress,
    send: &SyncSender<Sent<Analysed>>,
) {
    let mut hand_on = |mut frames: Vec<Held>| {
        let image = |frame: &mut Held| if settings.split { frame.image.clone() } else { frame.image.take() };
        let images: Vec<_> = frames.iter_mut().filter_map(image).collect();
        let analysed = timed(&watches.analysing, || analyser.analyse(&images, ask)).map_err(failed);
        let stopped = analysed.is_err();
        let sent = send.send(analysed.map(|stage| Item { frames, stage }));
        if stopped || sent.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let (mut first, mut slot, mut has_begun, mut held) = (None, None, false, Vec::new());
    for number in 0.. {
        let read = timed(&watches.decoding, || source.next());
        let is_wanted = |at: i64| settings.span.end_s.is_none_or(|end_s| clock.seconds(at) - clock.start_s < end_s);
        let Frame { image, at } = match read {
            Ok(Some(frame)) if is_wanted(frame.at) => frame,
            ended => {
                let handed_on = if held.is_empty() { ControlFlow::Continue(()) } else { hand_on(held) };
                if let (ControlFlow::Continue(()), Err(error)) = (handed_on, ended) {
                    let _ = send.send(Err(Stop::Failed(error)));
                }
                return;
            }
        };
        let first = *first.get_or_insert(at);
        // The first frame of each so many seconds is a key frame, whichever frame a run begins with.
        let this_slot = (clock.seconds(at - first) / key_every_s) as u64;
        let is_key = slot.replace(this_slot) != Some(this_slot) || key_every_s == 0.0;
        has_begun |= is_key && number + WARM_FRAMES >= resumed;
        if !has_begun {
            continue;
        }
        let melts = settings.transition.is_some_and(|way| way.share(clock.since_beginning(at), clock.last_s) < 1.0);
        // A frame that melts is painted by itself.
        if melts && !held.is_empty() && hand_on(std::mem::take(&mut held)).is_break() {
            return;
        }
        held.push(Held { at, first, written: number < resumed, image: Some(Arc::new(image)) });
        if (melts || is_key || held.len() == MOST_HELD) && hand_on(std::mem::take(&mut held)).is_break() {
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
        let drawn = item.and_then(|Item { frames, stage }| {
            let way = settings.transition.zip(frames.first());
            let share = way.map_or(1.0, |(way, frame)| way.share(clock.since_beginning(frame.at), clock.last_s));
            let drawn = timed(&watches.painting, || stage.paint_on_the_way(share, painter, ask));
            drawn.map(|stage| Item { frames, stage }).map_err(failed)
        });
        let stopped = drawn.is_err();
        if send.send(drawn).is_err() || stopped {
            return;
        }
    }
}
