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
/// … and if at most this share of a frame is in neither, 0..1.
const LOST: f32 = 0.004;

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
    /// As [`Painter::paint`]; of frames that were cancelled here those before the next key frame do not count.
    pub fn analyse(&mut self, frames: &[Arc<Image<Srgb8>>], progress: &Progress) -> Result<Analysed, Error> {
        let looked: Vec<Looked> =
            frames.par_iter().map(|frame| (Arc::clone(frame), Arc::new(Seen::new(frame)))).collect();
        let (mut groups, mut rest) = (Vec::new(), &looked[..]);
        while let Some(((first, seen), after)) = rest.split_first() {
            let past = self.past.as_ref();
            if past.is_some_and(|past| past.frame == *first) {
                groups.push(Group { between: Vec::new(), key: None });
                rest = after;
            } else if let Some(past) = past.filter(|past| !seen.begins_shot(&past.seen)) {
                let (followed, between) = self.followed(rest, past);
                let (group, after) = rest.split_at(between.len() + 1);
                let between = self.between(group, between, past)?;
                let key = self.key(&group[group.len() - 1], Some(followed), group.len(), progress)?;
                groups.push(Group { between, key: Some(key) });
                rest = after;
            } else {
                self.past = None;
                groups.push(Group { between: Vec::new(), key: Some(self.key(&rest[0], None, 1, progress)?) });
                rest = after;
            }
        }
        Ok(Analysed(groups))
    }

    /// The way from the next key frame to the last one, and the in-betweens, as many of these frames as can be carried.
    fn followed(&self, frames: &[Looked], past: &Past) -> (Followed, Vec<Between>) {
        let is_carried = self.stability.get() > 0.0 && !self.rests();
        let goes_on = |pair: &&[Looked]| !pair[1].1.begins_shot(&pair[0].1);
        let mut length = if is_carried { 1 + frames.windows(2).take_while(goes_on).count() } else { 1 };
        loop {
            // What repeats a key frame costs nothing.
            let repeated = frames[..length].iter().position(|(frame, _)| *frame == frames[length - 1].0);
            length = repeated.map_or(length, |first| first + 1);
            let (between, next) = (&frames[..length - 1], &frames[length - 1].1);
            let followed = Followed::new(next, &past.seen);
            if length == 1 {
                return (followed, Vec::new());
            }
            if followed.found() > FOUND {
                // Frames that are the same are carried alike.
                let same = |i: usize| (0..i).rev().take_while(|&j| between[j].0 == between[i].0).last().unwrap_or(i);
                let share = |i: usize| (same(i) + 1) as f32 / length as f32;
                let carried = |(i, (frame, seen)): (usize, &Looked)| {
                    Between::new(seen, [&past.seen, next], share(i), (frame.width(), frame.height()))
                };
                let between: Vec<Between> = between.par_iter().enumerate().map(carried).collect();
                let lost = between.iter().map(|between| between.lost).fold(0.0, f32::max);
                if lost < LOST {
                    return (followed, between);
                }
            }
            length = length.div_ceil(2);
        }
    }

    /// Looks at a key frame, `step` frames after the last one, to which it is `followed`.
    fn key(
        &mut self,
        (frame, seen): &Looked,
        followed: Option<Followed>,
        step: usize,
        progress: &Progress,
    ) -> Result<Key, Error> {
        let (past, size) = (self.past.as_ref(), (frame.width(), frame.height()));
        let (faces, unlooked) = self.faces(frame, past.zip(followed.as_ref()), step, progress)?;
        // Who comes or goes does so a little in each frame.
        let all = self.stability.get() == 0.0 || !faces.are_settled();
        let (shown, renewal) = match past.zip(followed.as_ref()) {
            None => (Shown::whole(seen), None),
            Some((past, followed)) => {
                let (shown, renewal) = past.shown.next(seen, followed, self.stability, (self.rests(), all), size);
                (shown, Some(renewal))
            }
        };
        let modulation = match past {
            // Parts fit what they are painted into.
            Some(past) if renewal.as_ref().is_some_and(|renewal| renewal.parts.is_some()) => past.modulation.clone(),
            Some(past) => {
                let share = self.smoothing.get().powi(step as i32);
                let now = self.painter.modulation(frame)?;
                Modulation::mean(&[(&past.modulation, share), (&now, 1.0 - share)])?
            }
            None => self.painter.modulation(frame)?,
        };
        let key = Key {
            frame: Arc::clone(frame),
            modulation: modulation.clone(),
            faces: faces.followed(),
            begins_shot: followed.is_none(),
            before: followed.zip(renewal),
        };
        let (frame, seen) = (Arc::clone(frame), Arc::clone(seen));
        self.past = Some(Past { frame, modulation, seen, shown, faces, unlooked });
        Ok(key)
    }

    /// In-betweens with what is painted of them: their faces, if those are.
    fn between(&self, frames: &[Looked], between: Vec<Between>, past: &Past) -> Result<Vec<InBetween>, Error> {
        let looked = frames.par_iter().zip(between).enumerate().map(|(i, ((frame, _), between))| {
            let way = |p| between.way_back().of(p, frame.width(), frame.height());
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
        let way = |p| followed.way().of(p, frame.width(), frame.height());
        let unlooked = past.unlooked + step;
        if unlooked < LOOKED_EVERY && past.faces.are_settled() {
            let expected = self.painter.landmarked(frame, &past.faces.expected(way))?;
            return Ok((past.faces.next(expected, way, step), unlooked));
        }
        Ok((past.faces.next(self.painter.seen_faces(frame, progress)?, way, step), 0))
    }

    /// Whether paintings cannot be carried: dots have their places on the page.
    fn rests(&self) -> bool {
        self.painter.medium == Medium::Screentone
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
