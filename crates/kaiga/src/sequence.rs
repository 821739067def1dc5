//! Frames of a film, painted one after the other so that they do not flicker.

mod analyser;
mod between;
mod faces;
mod history;
mod renewal;

use crate::error::Error;
use crate::generator::Modulation;
use crate::look::{Smoothing, Stability};
use crate::painter::{FollowedFace, Painter};
use crate::progress::Progress;
pub use analyser::{Analyser, Cuts};
use between::Between;
use history::Followed;
use net::Medium;
use pixels::Image;
use pixels::flow::Cubic;
use pixels::space::Srgb8;
use renewal::Renewal;
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
        let analysed = self.analyser.analyse(&[Arc::new(frame.clone())], progress)?;
        let drawn = analysed.paint(&self.analyser.painter, progress).inspect_err(|_| self.cut())?;
        let Painted { image, begins_shot } = self.blender.blend(drawn).pop().expect("one frame makes one painting");
        self.begins = begins_shot;
        Ok(Arc::unwrap_or_clone(image))
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
/// frames before, the last knows the paintings before, and between them [`Analysed::paint`] knows nothing but its
/// frames. They go through each stage in their order.
///
/// Frames may be looked at some at a time. Then only the last of them is painted, a key frame; the others are in-betweens, whose painting
/// is carried from the key frames before and after them, and painted where neither shows what they show.
///
/// ```
/// use kaiga::{Look, Smoothing, Stability, Studio, stages, unwatched};
/// let painter = Studio::embedded()?.prepare(&Look::default())?;
/// let (mut analyser, mut blender) = stages(painter.clone(), Smoothing::default(), Stability::default());
/// let frames: Vec<_> = [90, 92, 94].map(|level| pixels::Image::filled(48, 32, [level; 3]).into()).into();
/// let drawn = analyser.analyse(&frames, &unwatched)?.paint(&painter, &unwatched)?;
/// let painted = blender.blend(drawn);
/// assert!(painted.len() == 3 && painted[0].begins_shot && !painted[2].begins_shot);
/// # Ok::<(), kaiga::Error>(())
/// ```
pub fn stages(painter: Painter, smoothing: Smoothing, stability: Stability) -> (Analyser, Blender) {
    let rests = painter.medium == Medium::Screentone;
    (Analyser::new(painter, smoothing, stability), Blender { rests, before: None })
}

/// What is known of some successive frames, see [`Analyser::analyse`].
pub struct Analysed(Vec<Group>);

/// A key frame, and the in-betweens before it.
struct Group {
    between: Vec<InBetween>,
    /// None if it repeats the key frame before it.
    key: Option<Key>,
}

/// What is known of a frame that is painted.
struct Key {
    frame: Arc<Image<Srgb8>>,
    modulation: Modulation,
    faces: Vec<FollowedFace>,
    /// The way to the key frame before it, and what is kept of its painting.
    before: Option<(Followed, Renewal)>,
    begins_shot: bool,
}

/// What is known of a frame that is carried.
struct InBetween {
    frame: Arc<Image<Srgb8>>,
    modulation: Modulation,
    /// Those that are painted.
    faces: Vec<FollowedFace>,
    between: Between,
}

impl Analysed {
    /// The second stage: paints what cannot be carried from other frames.
    ///
    /// # Errors
    /// As [`Painter::paint`].
    pub fn paint(self, painter: &Painter, progress: &Progress) -> Result<Drawn, Error> {
        self.drawn(painter, 1.0, progress)
    }

    /// The same for frames of a transition, `share` (0..1) of the way from what is seen to the painting: lines come
    /// first, then colours. At 0 they are the frames themselves, to the last bit.
    ///
    /// # Errors
    /// As [`Painter::paint`].
    ///
    /// # Panics
    /// If frames of a transition were analysed together.
    pub fn paint_on_the_way(mut self, share: f32, painter: &Painter, progress: &Progress) -> Result<Drawn, Error> {
        if share >= 1.0 {
            return self.paint(painter, progress);
        }
        let [Group { between, key }] = &mut self.0[..] else { panic!("each frame of a transition is a group") };
        assert!(between.is_empty(), "frames of a transition are all painted");
        let Some(key) = key else { return Ok(Drawn(vec![DrawnGroup::default()])) };
        if share > 0.0 {
            // Nothing of it is as it was, so all of it is painted.
            if let Some((_, renewal)) = &mut key.before {
                renewal.parts = None;
            }
            return self.drawn(&painter.on_the_way(share), CALM_ON_THE_WAY, progress);
        }
        let key = Alone { image: Image::clone(&key.frame), before: None, begins_shot: key.begins_shot, calm: 0.0 };
        Ok(Drawn(vec![DrawnGroup { between: Vec::new(), key: Some(key) }]))
    }

    fn drawn(self, painter: &Painter, calm: f32, progress: &Progress) -> Result<Drawn, Error> {
        let groups = self.0.into_iter().map(|group| group.drawn(painter, calm, progress));
        groups.collect::<Result<_, _>>().map(Drawn)
    }
}

impl Group {
    fn drawn(self, painter: &Painter, calm: f32, progress: &Progress) -> Result<DrawnGroup, Error> {
        let key = self.key.map(|Key { frame, modulation, faces, before, begins_shot }| {
            let parts = before.as_ref().and_then(|(_, renewal)| renewal.parts.as_deref());
            let image = painter.paint_frame(&frame, &faces, &modulation, parts, progress)?;
            Ok(Alone { image, before, begins_shot, calm })
        });
        let between = self.between.into_iter().map(|InBetween { frame, modulation, faces, between }| {
            let parts = between.parts.as_deref();
            if parts.is_some_and(<[_]>::is_empty) {
                return Ok((between, None));
            }
            let painted = painter.paint_frame(&frame, &faces, &modulation, parts, progress)?;
            Ok((between, Some(painted)))
        });
        let between = between.collect::<Result<_, Error>>()?;
        Ok(DrawnGroup { between, key: key.transpose()? })
    }
}

/// How calm a transition is, in shares of the rest: it would lag behind itself.
const CALM_ON_THE_WAY: f32 = 0.5;

/// Frames with what was painted of each, see [`Analysed::paint`].
pub struct Drawn(Vec<DrawnGroup>);

#[derive(Default)]
struct DrawnGroup {
    between: Vec<(Between, Option<Image<Srgb8>>)>,
    key: Option<Alone>,
}

/// A key frame painted for itself, with the way from it to the one before.
struct Alone {
    image: Image<Srgb8>,
    before: Option<(Followed, Renewal)>,
    begins_shot: bool,
    /// How much of the painting before it may stay, in shares of what would.
    calm: f32,
}

/// The painting of a frame.
pub struct Painted {
    /// The painting.
    pub image: Arc<Image<Srgb8>>,
    /// Whether the frame is the first of a shot.
    pub begins_shot: bool,
}

/// The last stage: keeps of the paintings before and after what the source shows.
pub struct Blender {
    /// Dots have their places on the page: they are kept where nothing moves, and never carried.
    rests: bool,
    /// The painting of the last key frame.
    before: Option<(Arc<Image<Srgb8>>, Cubic)>,
}

impl Blender {
    /// The paintings of the next frames, as many as were analysed together.
    ///
    /// # Panics
    /// If frames come in another order than they were analysed in, and the first is one that repeats another.
    pub fn blend(&mut self, drawn: Drawn) -> Vec<Painted> {
        drawn.0.into_iter().flat_map(|group| self.group(group)).collect()
    }

    fn group(&mut self, DrawnGroup { between, key }: DrawnGroup) -> Vec<Painted> {
        let Some(Alone { mut image, before: way, begins_shot, calm }) = key else {
            let (image, _) = self.before.as_ref().expect("what repeats a frame comes after it");
            return vec![Painted { image: Arc::clone(image), begins_shot: false }];
        };
        let before = self.before.take();
        if let (Some((_, before)), Some((followed, Renewal { mut kept, .. }))) = (&before, way) {
            kept.iter_mut().for_each(|kept| *kept *= calm);
            followed.keep(before, &mut image, &kept, self.rests);
        }
        let after = Cubic::new(&image);
        let image = Arc::new(image);
        let mut painted = Vec::with_capacity(between.len() + 1);
        if let Some((before_image, before)) = before {
            painted.extend(between.into_iter().map(|(between, painted)| {
                let painted = painted.unwrap_or_else(|| Image::clone(&before_image));
                Painted { image: Arc::new(between.carried([&before, &after], painted)), begins_shot: false }
            }));
        }
        self.before = Some((Arc::clone(&image), after));
        painted.push(Painted { image, begins_shot });
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

    /// The same frames analysed together, but for the first.
    fn painted_together(stability: f32, frames: &[Image<Srgb8>]) -> (Vec<Image<Srgb8>>, Vec<bool>) {
        let painter = Studio::embedded().unwrap().prepare(&Look::default()).unwrap();
        let (mut analyser, mut blender) =
            stages(painter.clone(), Smoothing::default(), Stability::new(stability).unwrap());
        let frames: Vec<_> = frames.iter().map(|frame| Arc::new(frame.clone())).collect();
        let mut painted = Vec::new();
        for frames in [&frames[..1], &frames[1..]] {
            let drawn = analyser.analyse(frames, &unwatched).unwrap().paint(&painter, &unwatched).unwrap();
            painted.extend(blender.blend(drawn));
        }
        painted.into_iter().map(|painted| (Arc::unwrap_or_clone(painted.image), painted.begins_shot)).unzip()
    }

    #[test]
    fn in_betweens_are_carried_to_where_they_are_seen_and_are_calm() {
        let frames: Vec<_> = (0..5).map(|number| frame(number, 2 * number)).collect();
        let (between, begins) = painted_together(0.8, &frames);
        assert_eq!(begins, [true, false, false, false, false]);
        let alone = painted(0.0, &frames);
        for i in 1..4 {
            let (off, stale) = (mean_difference(&between[i], &alone[i]), mean_difference(&alone[i - 1], &alone[i]));
            assert!(off < 0.6 * stale, "{i}: {off} {stale}");
        }
        let rest: Vec<_> = (0..5).map(|number| frame(number, 0)).collect();
        let flicker = |painted: &[Image<Srgb8>]| mean_difference(&painted[2], &painted[3]);
        let (calm, alone) = (flicker(&painted_together(0.8, &rest).0), flicker(&painted(0.0, &rest)));
        assert!(calm < 0.3 * alone, "{calm} {alone}");
    }

    #[test]
    fn what_an_in_between_alone_shows_is_painted() {
        let ground = frame(0, 0);
        let mut flash = ground.clone();
        flash.paste(60, 40, &Image::filled(24, 24, [230, 40, 40]));
        let (between, _) = painted_together(0.8, &[ground.clone(), ground.clone(), flash.clone(), frame(1, 0)]);
        let [whole, without] = [&flash, &ground].map(|frame| painted(0.0, std::slice::from_ref(frame)).remove(0));
        let off = |other: &Image<Srgb8>| mean_difference(&between[2].crop(62, 42, 20, 20), &other.crop(62, 42, 20, 20));
        assert!(off(&whole) < 0.1 * off(&without), "{} {}", off(&whole), off(&without));
        assert!(between[0] == between[1], "what repeats the key frame before it is its painting");
        assert!(mean_difference(&between[1], &between[3]) < 1.0, "and there is nothing left of it afterwards");
    }

    #[test]
    fn frames_that_are_the_same_are_carried_alike() {
        let frames = [0, 1, 1, 2, 2].map(|number| frame(number, number));
        let (painted, _) = painted_together(0.8, &frames);
        assert!(painted[1] == painted[2] && painted[3] == painted[4] && painted[2] != painted[3]);
    }

    #[test]
    fn nothing_is_carried_over_a_cut_nor_where_frames_are_not_to_be_calm() {
        let other = |number: usize| Image::from_fn(160, 96, move |x, y| [(x + y + number) as u8, 40, 200 - (y as u8)]);
        let frames = [frame(0, 0), frame(1, 0), frame(2, 0), other(0), other(1)];
        let (together, begins) = painted_together(0.8, &frames);
        assert_eq!(begins, [true, false, false, true, false]);
        assert!(together[3] == painted(0.8, &frames[3..4])[0]);
        assert!(painted_together(0.0, &frames).0 == painted(0.0, &frames));
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
