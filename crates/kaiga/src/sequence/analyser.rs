//! The first stage: what is known of frames from the frames before them.

use super::between::Between;
use super::faces::Faces;
use super::history::{Followed, Seen};
use super::renewal::Shown;
use super::{Analysed, Group, InBetween, Key};
use crate::error::Error;
use crate::generator::Modulation;
use crate::look::{Smoothing, Stability};
use crate::painter::Painter;
use crate::progress::Progress;
use net::Medium;
use pixels::Image;
use pixels::space::Srgb8;
use rayon::prelude::*;
use std::sync::Arc;

/// Faces are looked for in every so many frames, and in every key frame while one of them comes or goes.
const LOOKED_EVERY: usize = 4;
/// Frames are carried between two key frames if this share of the later one is seen in the earlier one, 0..1.
const FOUND: f32 = 0.6;

/// The first stage: follows motion, mood and faces from frame to frame.
pub struct Analyser {
    pub(super) painter: Painter,
    smoothing: Smoothing,
    stability: Stability,
    past: Option<Past>,
}

/// What is known of the last key frame.
struct Past {
    frame: Arc<Image<Srgb8>>,
    /// The running mean since the last cut.
    modulation: Modulation,
    seen: Arc<Seen>,
    shown: Shown,
    faces: Faces,
    /// Frames since faces were looked for.
    unlooked: usize,
}

/// A frame and what motion is looked for in.
type Looked = (Arc<Image<Srgb8>>, Arc<Seen>);

impl Analyser {
    pub(super) fn new(painter: Painter, smoothing: Smoothing, stability: Stability) -> Self {
        Self { painter, smoothing, stability, past: None }
    }

    /// Looks at the next frames, the last of which shall be a key frame. More of them are where a shot begins, where too much moves to be carried,
    /// and wherever frames are not to be calm.
    ///
    /// # Errors
    /// As [`Painter::paint`]; frames that were cancelled here do not count.
    pub fn analyse(&mut self, frames: &[Arc<Image<Srgb8>>], progress: &Progress) -> Result<Analysed, Error> {
        let looked: Vec<Looked> =
            frames.par_iter().map(|frame| (Arc::clone(frame), Arc::new(Seen::new(frame)))).collect();
        let (mut groups, mut rest) = (Vec::new(), &looked[..]);
        while let Some(((first, seen), _)) = rest.split_first() {
            let repeats = self.past.as_ref().is_some_and(|past| past.frame == *first);
            let begins_shot = self.past.as_ref().is_none_or(|past| seen.begins_shot(&past.seen));
            let length = if repeats || begins_shot { 1 } else { self.length(rest) };
            let (group, left) = rest.split_at(length);
            groups.push(if repeats { Group::repeating() } else { self.group(group, begins_shot, progress)? });
            rest = left;
        }
        Ok(Analysed(groups))
    }

    /// How many of these frames there are up to the next key frame and with it.
    fn length(&self, frames: &[Looked]) -> usize {
        let is_carried = self.stability.get() > 0.0 && self.painter.medium != Medium::Screentone;
        let Some(past) = self.past.as_ref().filter(|_| is_carried) else { return 1 };
        let goes_on = |pair: &&[Looked]| !pair[1].1.begins_shot(&pair[0].1);
        let mut length = 1 + frames.windows(2).take_while(goes_on).count();
        while length > 1 && Followed::new(&frames[length - 1].1, &past.seen).found() < FOUND {
            length = length.div_ceil(2);
        }
        // What repeats a key frame costs nothing.
        1 + frames[..length].iter().position(|(frame, _)| *frame == frames[length - 1].0).unwrap_or(length - 1)
    }

    /// Looks at frames up to the next key frame.
    fn group(&mut self, frames: &[Looked], begins_shot: bool, progress: &Progress) -> Result<Group, Error> {
        let ((frame, seen), between) = frames.split_last().expect("a group has a key frame");
        let past = self.past.as_ref().filter(|_| !begins_shot);
        let between = match past {
            Some(past) => self.between(between, past, seen)?,
            None => Vec::new(),
        };
        let size = (frame.width(), frame.height());
        let followed = past.map(|past| Followed::new(seen, &past.seen));
        let (faces, unlooked) = self.faces(frame, past.zip(followed.as_ref()), frames.len(), progress)?;
        // Who comes or goes does so a little in each frame.
        let all = self.stability.get() == 0.0 || !faces.are_settled();
        let rests = self.painter.medium == Medium::Screentone;
        let (shown, renewal) = match past.zip(followed.as_ref()) {
            None => (Shown::whole(seen), None),
            Some((past, followed)) => {
                let (shown, renewal) = past.shown.next(seen, followed, self.stability, (rests, all), size);
                (shown, Some(renewal))
            }
        };
        let modulation = match past {
            // Parts fit what they are painted into.
            Some(past) if renewal.as_ref().is_some_and(|renewal| renewal.parts.is_some()) => past.modulation.clone(),
            Some(past) => {
                let share = self.smoothing.get().powi(frames.len() as i32);
                let now = self.painter.modulation(frame)?;
                Modulation::mean(&[(&past.modulation, share), (&now, 1.0 - share)])?
            }
            None => self.painter.modulation(frame)?,
        };
        let key = Key {
            frame: Arc::clone(frame),
            modulation: modulation.clone(),
            faces: faces.followed(),
            before: followed.zip(renewal),
            begins_shot,
        };
        let (frame, seen) = (Arc::clone(frame), Arc::clone(seen));
        self.past = Some(Past { frame, modulation, seen, shown, faces, unlooked });
        Ok(Group { between, key: Some(key) })
    }

    /// Frames between the last key frame and the next.
    fn between(&self, frames: &[Looked], past: &Past, next: &Seen) -> Result<Vec<InBetween>, Error> {
        // Frames that are the same are carried alike.
        let same = |i: usize| (0..i).find(|&j| frames[j..=i].windows(2).all(|pair| pair[0].0 == pair[1].0)).unwrap_or(i);
        let share = |i: usize| (same(i) + 1) as f32 / (frames.len() + 1) as f32;
        let looked = frames.par_iter().enumerate().map(|(i, (frame, seen))| {
            let size = (frame.width(), frame.height());
            let between = Between::new(seen, [&past.seen, next], share(i), size);
            let way = |p| between.way_back().way(p, frame.width(), frame.height());
            let expected = past.faces.expected(way);
            let is_painted = |parts: &[_]| self.painter.paints_faces_in(parts, frame, &expected);
            let faces = if between.parts.as_deref().is_none_or(is_painted) {
                past.faces.next(self.painter.landmarked(frame, &expected)?, way, i + 1).followed()
            } else {
                Vec::new()
            };
            Ok(InBetween { frame: Arc::clone(frame), modulation: past.modulation.clone(), faces, between })
        });
        looked.collect()
    }

    /// The faces of a key frame, `step` frames after the last one, and for how many frames they have not been looked for.
    fn faces(
        &self,
        frame: &Image<Srgb8>,
        past: Option<(&Past, &Followed)>,
        step: usize,
        progress: &Progress,
    ) -> Result<(Faces, usize), Error> {
        let (Some((past, followed)), true) = (past, self.stability.get() > 0.0) else {
            return Ok((Faces::first(self.painter.seen_faces(frame, progress)?), 0));
        };
        let way = |p| followed.way(p, frame.width(), frame.height());
        let unlooked = past.unlooked + step;
        if unlooked < LOOKED_EVERY && past.faces.are_settled() {
            let expected = self.painter.landmarked(frame, &past.faces.expected(way))?;
            return Ok((past.faces.next(expected, way, step), unlooked));
        }
        Ok((past.faces.next(self.painter.seen_faces(frame, progress)?, way, step), 0))
    }

    /// A new shot begins, whatever it looks like: what came before is forgotten.
    pub fn cut(&mut self) {
        self.past = None;
    }
}

/// Where shots begin, as [`Sequence`](super::Sequence) sees it, of frames that nobody paints, which takes far less time.
#[derive(Default)]
pub struct Cuts(Option<Seen>);

impl Cuts {
    /// Whether the next frame is the first of a shot; the first of all is.
    pub fn begins_shot(&mut self, frame: &Image<Srgb8>) -> bool {
        let seen = Seen::new(frame);
        let begins = self.0.as_ref().is_none_or(|before| seen.begins_shot(before));
        self.0 = Some(seen);
        begins
    }
}
