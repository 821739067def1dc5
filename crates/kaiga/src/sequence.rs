//! Frames of a film, painted one after the other so that they do not flicker.

mod faces;
mod history;
mod renewal;

use crate::error::Error;
use crate::generator::Modulation;
use crate::look::{Smoothing, Stability};
use crate::painter::{FollowedFace, Painter};
use crate::progress::Progress;
use faces::Faces;
use history::{Followed, Seen};
use net::Medium;
use pixels::Image;
use pixels::space::Srgb8;
use renewal::{Renewal, Shown};
use std::sync::Arc;

/// Paints successive frames of one film.
///
/// What the global eye makes of each is averaged over the frames before it, so that noise and small changes do not make
/// the whole picture flicker. What was painted before is followed along the motion of the source and kept where the source
/// is the same: lines do not boil, fills do not shimmer. Faces are followed too; they fade in and out. Where a new shot
/// begins all of this is forgotten.
///
/// A frame that is bit for bit the one before it is the same painting, and costs nothing.
///
/// ```
/// use kaiga::{Look, Sequence, Smoothing, Stability, Studio, unwatched};
/// let painter = Studio::embedded()?.prepare(&Look::default())?;
/// let mut sequence = Sequence::new(painter, Smoothing::default(), Stability::default());
/// for level in [100, 101, 99] {
///     let painted = sequence.paint(&pixels::Image::filled(48, 32, [level; 3]), &unwatched)?;
///     assert_eq!(painted.width(), 48);
/// }
/// sequence.cut();
/// # Ok::<(), kaiga::Error>(())
/// ```
pub struct Sequence {
    analyser: Analyser,
    blender: Blender,
    /// Whether the last frame was the first of a shot.
    begins: bool,
}

impl Sequence {
    /// Frames to be painted by `painter`.
    pub fn new(painter: Painter, smoothing: Smoothing, stability: Stability) -> Self {
        let (analyser, blender) = stages(painter, smoothing, stability);
        Self { analyser, blender, begins: false }
    }

    /// Paints the next frame. The first one, one of another size, and the first of a new shot count alone.
    ///
    /// # Errors
    /// As [`Painter::paint`]; the frame after one that was cancelled counts alone.
    pub fn paint(&mut self, frame: &Image<Srgb8>, progress: &Progress) -> Result<Image<Srgb8>, Error> {
        let analysed = self.analyser.analyse(Arc::new(frame.clone()), progress)?;
        let drawn = analysed.paint(&self.analyser.painter, progress).inspect_err(|_| self.cut())?;
        self.begins = drawn.begins_shot();
        Ok(Arc::unwrap_or_clone(self.blender.blend(drawn)))
    }

    /// Whether the frame painted last was the first of a shot.
    pub fn begins_shot(&self) -> bool {
        self.begins
    }

    /// A new shot begins, whatever it looks like: what came before is forgotten.
    pub fn cut(&mut self) {
        self.analyser.cut();
    }
}

/// What [`Sequence::paint`] does, in three stages that may run at the same time on successive frames: the first knows the
/// frames before it, the last knows the paintings before it, and between them [`Analysed::paint`] knows nothing but its
/// frame. Frames go through each stage in their order.
///
/// ```
/// use kaiga::{Look, Smoothing, Stability, Studio, stages, unwatched};
/// let painter = Studio::embedded()?.prepare(&Look::default())?;
/// let (mut analyser, mut blender) = stages(painter.clone(), Smoothing::default(), Stability::default());
/// let frame = std::sync::Arc::new(pixels::Image::filled(48, 32, [90; 3]));
/// let drawn = analyser.analyse(frame, &unwatched)?.paint(&painter, &unwatched)?;
/// assert!(drawn.begins_shot() && blender.blend(drawn).width() == 48);
/// # Ok::<(), kaiga::Error>(())
/// ```
pub fn stages(painter: Painter, smoothing: Smoothing, stability: Stability) -> (Analyser, Blender) {
    let rests = painter.medium == Medium::Screentone;
    (Analyser { painter, smoothing, stability, past: None }, Blender { rests, before: None })
}

/// Faces are looked for in every so many frames, and in every frame where one of them comes or goes.
const LOOKED_EVERY: u32 = 4;

/// The first stage: follows motion, mood and faces from frame to frame.
pub struct Analyser {
    painter: Painter,
    smoothing: Smoothing,
    stability: Stability,
    past: Option<Past>,
}

/// What is known of the frame before.
struct Past {
    frame: Arc<Image<Srgb8>>,
    /// The running mean since the last cut.
    modulation: Modulation,
    seen: Seen,
    shown: Shown,
    faces: Faces,
    /// Frames since faces were looked for.
    unlooked: u32,
}

impl Analyser {
    /// Looks at the next frame.
    ///
    /// # Errors
    /// As [`Painter::paint`]; a frame that was cancelled here does not count.
    pub fn analyse(&mut self, frame: Arc<Image<Srgb8>>, progress: &Progress) -> Result<Analysed, Error> {
        if let Some(past) = self.past.as_ref().filter(|past| past.frame == frame) {
            let (modulation, faces) = (past.modulation.clone(), past.faces.followed());
            return Ok(Analysed { frame, modulation, faces, before: None, begins_shot: false, repeats: true });
        }
        let size = (frame.width(), frame.height());
        let seen = Seen::new(&frame);
        let past = self.past.as_ref().filter(|past| (past.frame.width(), past.frame.height()) == size);
        let followed = past.map(|past| Followed::new(&seen, &past.seen)).filter(|followed| !followed.is_cut());
        let past = past.filter(|_| followed.is_some());
        let (faces, unlooked) = self.faces(&frame, past.zip(followed.as_ref()), progress)?;
        // Who comes or goes does so a little in each frame.
        let all = self.stability.get() == 0.0 || !faces.are_settled();
        let rests = self.painter.medium == Medium::Screentone;
        let (shown, renewal) = match past.zip(followed.as_ref()) {
            None => (Shown::whole(&seen), None),
            Some((past, followed)) => {
                let (shown, renewal) = past.shown.next(&seen, followed, self.stability, (rests, all), size);
                (shown, Some(renewal))
            }
        };
        let modulation = match past {
            // Parts fit what they are painted into.
            Some(past) if renewal.as_ref().is_some_and(|renewal| renewal.parts.is_some()) => past.modulation.clone(),
            Some(past) => {
                let (share, now) = (self.smoothing.get(), self.painter.modulation(&frame)?);
                Modulation::mean(&[(&past.modulation, share), (&now, 1.0 - share)])?
            }
            None => self.painter.modulation(&frame)?,
        };
        let (begins_shot, seen_faces) = (followed.is_none(), faces.followed());
        self.past =
            Some(Past { frame: Arc::clone(&frame), modulation: modulation.clone(), seen, shown, faces, unlooked });
        Ok(Analysed {
            frame,
            modulation,
            faces: seen_faces,
            before: followed.zip(renewal),
            begins_shot,
            repeats: false,
        })
    }

    /// The faces of a frame, and for how many frames they have not been looked for.
    fn faces(
        &self,
        frame: &Image<Srgb8>,
        past: Option<(&Past, &Followed)>,
        progress: &Progress,
    ) -> Result<(Faces, u32), Error> {
        let (Some((past, followed)), true) = (past, self.stability.get() > 0.0) else {
            return Ok((Faces::first(self.painter.seen_faces(frame, progress)?), 0));
        };
        let way = |p| followed.way(p, frame.width(), frame.height());
        let unlooked = past.unlooked + 1;
        if unlooked < LOOKED_EVERY && past.faces.are_settled() {
            let expected = self.painter.landmarked(frame, &past.faces.expected(way))?;
            return Ok((past.faces.next(expected, way), unlooked));
        }
        Ok((past.faces.next(self.painter.seen_faces(frame, progress)?, way), 0))
    }

    /// A new shot begins, whatever it looks like: what came before is forgotten.
    pub fn cut(&mut self) {
        self.past = None;
    }
}

/// Where shots begin, as [`Sequence`] sees it, of frames that nobody paints, which takes far less time.
#[derive(Default)]
pub struct Cuts(Option<((usize, usize), Seen)>);

impl Cuts {
    /// Whether the next frame is the first of a shot; the first of all is.
    pub fn begins_shot(&mut self, frame: &Image<Srgb8>) -> bool {
        let (size, seen) = ((frame.width(), frame.height()), Seen::new(frame));
        let before = self.0.as_ref().filter(|(before, _)| *before == size);
        let begins = before
            .is_none_or(|(_, before)| seen.is_coloured_otherwise_than(before) && Followed::new(&seen, before).is_cut());
        self.0 = Some((size, seen));
        begins
    }
}

/// A frame and what is known of it.
pub struct Analysed {
    frame: Arc<Image<Srgb8>>,
    modulation: Modulation,
    faces: Vec<FollowedFace>,
    /// The way to the frame before it, and what is kept of its painting.
    before: Option<(Followed, Renewal)>,
    begins_shot: bool,
    /// Whether it is the one before it once more.
    repeats: bool,
}

impl Analysed {
    /// The second stage: paints it for itself.
    ///
    /// # Errors
    /// As [`Painter::paint`].
    pub fn paint(self, painter: &Painter, progress: &Progress) -> Result<Drawn, Error> {
        if self.repeats {
            return Ok(Drawn(None));
        }
        self.drawn(painter, 1.0, progress)
    }

    /// The same for a frame of a transition, `share` (0..1) of the way from what is seen to the painting: lines come
    /// first, then colours. At 0 it is the frame itself, to the last bit.
    ///
    /// # Errors
    /// As [`Painter::paint`].
    pub fn paint_on_the_way(mut self, share: f32, painter: &Painter, progress: &Progress) -> Result<Drawn, Error> {
        if share >= 1.0 {
            return self.paint(painter, progress);
        }
        if share > 0.0 {
            // Nothing of it is as it was, so all of it is painted.
            if let Some((_, renewal)) = &mut self.before {
                renewal.parts = None;
            }
            return self.drawn(&painter.on_the_way(share), CALM_ON_THE_WAY, progress);
        }
        let image = Image::clone(&self.frame);
        Ok(Drawn(Some(Alone { image, before: None, begins_shot: self.begins_shot, calm: 0.0 })))
    }

    fn drawn(self, painter: &Painter, calm: f32, progress: &Progress) -> Result<Drawn, Error> {
        let parts = self.before.as_ref().and_then(|(_, renewal)| renewal.parts.as_deref());
        let image = painter.paint_frame(&self.frame, &self.faces, &self.modulation, parts, progress)?;
        Ok(Drawn(Some(Alone { image, before: self.before, begins_shot: self.begins_shot, calm })))
    }
}

/// How calm a transition is, in shares of the rest: it would lag behind itself.
const CALM_ON_THE_WAY: f32 = 0.5;

/// A frame painted for itself, with the way from it to the one before; nothing if it is the one before it.
pub struct Drawn(Option<Alone>);

struct Alone {
    image: Image<Srgb8>,
    before: Option<(Followed, Renewal)>,
    begins_shot: bool,
    /// How much of the painting before it may stay, in shares of what would.
    calm: f32,
}

impl Drawn {
    /// Whether it is the first of a shot.
    pub fn begins_shot(&self) -> bool {
        self.0.as_ref().is_some_and(|alone| alone.begins_shot)
    }
}

/// The last stage: keeps of the painting before what the source still shows.
pub struct Blender {
    /// Dots have their places on the page: they are kept where nothing moves, and never carried.
    rests: bool,
    before: Option<Arc<Image<Srgb8>>>,
}

impl Blender {
    /// The painting of the next frame.
    ///
    /// # Panics
    /// If frames come in another order than they were analysed in, and the first is one that repeats another.
    pub fn blend(&mut self, drawn: Drawn) -> Arc<Image<Srgb8>> {
        let painted = match (drawn.0, &self.before) {
            (None, before) => Arc::clone(before.as_ref().expect("what repeats a frame comes after it")),
            (Some(Alone { mut image, before: way, calm, .. }), before) => {
                if let (Some(before), Some((followed, Renewal { mut kept, .. }))) = (before, way) {
                    kept.iter_mut().for_each(|kept| *kept *= calm);
                    followed.keep(before, &mut image, &kept, self.rests);
                }
                Arc::new(image)
            }
        };
        self.before = Some(Arc::clone(&painted));
        painted
    }
}

#[cfg(all(test, feature = "bundled-models"))]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use crate::{Look, Studio, unwatched};
    use pixels::compare::mean_difference;

    /// A street of coloured houses, with noise that is another one in each frame.
    fn frame(number: usize, shift: usize) -> Image<Srgb8> {
        Image::from_fn(160, 96, |x, y| {
            let mut hash = (x + 1000 * y + 1_000_000 * number) as u32;
            for _ in 0..3 {
                hash = (hash ^ hash >> 15).wrapping_mul(0x2c1b_3c6d);
            }
            let (u, noise) = (x + shift, hash >> 24 & 7);
            let house = [[180, 90, 70], [90, 140, 190], [210, 190, 120]][u / 23 % 3];
            let window = u % 23 > 8 && u % 23 < 15 && y % 24 > 8;
            house.map(|v: u8| (if window { v / 3 } else { v }) + noise as u8)
        })
    }

    fn painted(stability: f32, frames: &[Image<Srgb8>]) -> Vec<Image<Srgb8>> {
        let painter = Studio::embedded().unwrap().prepare(&Look::default()).unwrap();
        let mut sequence = Sequence::new(painter, Smoothing::default(), Stability::new(stability).unwrap());
        frames.iter().map(|frame| sequence.paint(frame, &unwatched).unwrap()).collect()
    }

    #[test]
    fn noise_does_not_flicker_and_the_first_frame_is_nearly_as_a_photo() {
        let frames: Vec<_> = (0..6).map(|number| frame(number, 0)).collect();
        let flicker = |painted: &[Image<Srgb8>]| mean_difference(&painted[4], &painted[5]);
        let (alone, calm) = (painted(0.0, &frames), painted(0.8, &frames));
        assert!(flicker(&calm) < 0.5 * flicker(&alone), "{} {}", flicker(&calm), flicker(&alone));
        let photo = Studio::embedded().unwrap().prepare(&Look::default()).unwrap();
        let off = mean_difference(&calm[0], &photo.paint(&frames[0], &unwatched).unwrap());
        assert!(calm[0] == alone[0] && off < 6.0, "but for lighter outlines: {off}");
    }

    #[test]
    fn what_moves_stays_where_it_is_seen() {
        let frames: Vec<_> = (0..8).map(|number| frame(number, 2 * number)).collect();
        let (alone, calm) = (painted(0.0, &frames), painted(1.0, &frames));
        let smeared = mean_difference(&alone[7], &calm[7]);
        let stale = mean_difference(&alone[7], &alone[6]);
        assert!(smeared < 0.5 * stale, "{smeared} {stale}");
    }

    #[test]
    fn what_changes_is_painted_and_the_rest_is_carried() {
        let before = frame(0, 0);
        let mut after = before.clone();
        let ball = Image::filled(24, 24, [230, 40, 40]);
        after.paste(60, 40, &ball);
        let calm = painted(0.8, &[before.clone(), after.clone()]);
        assert!(calm[1].crop(100, 0, 60, 96) == calm[0].crop(100, 0, 60, 96), "carried to the last bit");
        let [whole, without] = [&after, &before].map(|frame| painted(0.0, std::slice::from_ref(frame)).remove(0));
        let off = |other: &Image<Srgb8>| mean_difference(&calm[1].crop(62, 42, 20, 20), &other.crop(62, 42, 20, 20));
        assert!(off(&whole) < 0.1 * off(&without), "{} {}", off(&whole), off(&without));
    }

    #[test]
    fn what_moves_is_not_carried_for_long() {
        // A small house that slides along a wall at rest; carried for ever, its borders would fray.
        let slid = |number: usize| {
            let mut wall = Image::filled(160, 96, [90, 140, 190]);
            wall.paste(20 + number, 30, &frame(0, 0).crop(20, 30, 40, 40));
            wall
        };
        let frames: Vec<_> = (0..9).map(slid).collect();
        let calm = painted(0.8, &frames);
        let whole = painted(0.0, &frames[8..]).remove(0);
        let house = |painting: &Image<Srgb8>| painting.crop(30, 34, 34, 32);
        let (off, stale) =
            (mean_difference(&house(&calm[8]), &house(&whole)), mean_difference(&house(&calm[7]), &house(&whole)));
        assert!(off < 0.6 * stale, "{off} {stale}");
    }

    #[test]
    fn a_new_shot_is_painted_as_if_nothing_had_been_before() {
        let other = Image::from_fn(160, 96, |x, y| [(x + y) as u8, 40, 200 - (y as u8)]);
        let frames = [frame(0, 0), frame(1, 0), other.clone(), frame(2, 0)];
        let painter = Studio::embedded().unwrap().prepare(&Look::default()).unwrap();
        let mut sequence = Sequence::new(painter.clone(), Smoothing::default(), Stability::default());
        let begins: Vec<bool> = frames
            .iter()
            .map(|frame| {
                let calm = sequence.paint(frame, &unwatched).unwrap();
                let mut alone = Sequence::new(painter.clone(), Smoothing::default(), Stability::default());
                assert!(!sequence.begins_shot() || calm == alone.paint(frame, &unwatched).unwrap());
                sequence.begins_shot()
            })
            .collect();
        assert_eq!(begins, [true, false, true, true]);
        let mut cuts = Cuts::default();
        assert_eq!(frames.map(|frame| cuts.begins_shot(&frame)).to_vec(), begins, "without painting, too");
    }

    #[test]
    fn the_same_frame_is_the_same_painting() {
        let frames = [frame(0, 0), frame(1, 0), frame(1, 0)];
        let painted = painted(0.8, &frames);
        assert!(painted[1] == painted[2] && painted[0] != painted[1]);
    }
}
