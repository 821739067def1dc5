//! Frames of a film, painted one after the other so that they do not flicker.

mod faces;
mod history;

use crate::error::Error;
use crate::generator::Modulation;
use crate::look::{Smoothing, Stability};
use crate::painter::Painter;
use crate::progress::Progress;
use faces::Faces;
use history::{Followed, Seen};
use net::Medium;
use pixels::Image;
use pixels::space::Srgb8;

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
/// let mut sequence = Sequence::new(&painter, Smoothing::default(), Stability::default());
/// for level in [100, 101, 99] {
///     let painted = sequence.paint(&pixels::Image::filled(48, 32, [level; 3]), &unwatched)?;
///     assert_eq!(painted.width(), 48);
/// }
/// sequence.cut();
/// # Ok::<(), kaiga::Error>(())
/// ```
pub struct Sequence<'a> {
    painter: &'a Painter,
    smoothing: Smoothing,
    stability: Stability,
    past: Option<Past>,
    /// Whether the last frame was the first of a shot.
    begins: bool,
}

/// What is kept of the frame before.
struct Past {
    frame: Image<Srgb8>,
    painted: Image<Srgb8>,
    /// The running mean since the last cut.
    modulation: Modulation,
    seen: Seen,
    faces: Faces,
}

impl<'a> Sequence<'a> {
    /// Frames to be painted by `painter`.
    pub fn new(painter: &'a Painter, smoothing: Smoothing, stability: Stability) -> Self {
        Self { painter, smoothing, stability, past: None, begins: false }
    }

    /// Paints the next frame. The first one, one of another size, and the first of a new shot count alone.
    ///
    /// # Errors
    /// As [`Painter::paint`]; a frame that was cancelled does not count.
    pub fn paint(&mut self, frame: &Image<Srgb8>, progress: &Progress) -> Result<Image<Srgb8>, Error> {
        if let Some(past) = self.past.as_ref().filter(|past| past.frame == *frame) {
            self.begins = false;
            return Ok(past.painted.clone());
        }
        let seen = Seen::new(frame);
        let same_size = |past: &&Past| (past.frame.width(), past.frame.height()) == (frame.width(), frame.height());
        let past = self.past.as_ref().filter(same_size);
        let followed = past.map(|past| Followed::new(&seen, &past.seen));
        let past = past.filter(|_| followed.as_ref().is_some_and(|followed| !followed.is_cut()));

        let mut modulation = self.painter.modulation(frame)?;
        if let Some(past) = past {
            let share = self.smoothing.get();
            modulation = Modulation::mean(&[(&past.modulation, share), (&modulation, 1.0 - share)])?;
        }
        let found = self.painter.seen_faces(frame, progress)?;
        let faces = match (past, &followed) {
            (Some(past), Some(followed)) if self.stability.get() > 0.0 => {
                let (width, height) = (frame.width(), frame.height());
                past.faces.next(found, |p| followed.way(p, width, height))
            }
            _ => Faces::first(found),
        };
        let mut painted = self.painter.paint_frame(frame, &faces.followed(), &modulation, progress)?;
        if let (Some(past), Some(followed)) = (past, followed)
            && self.stability.get() > 0.0
        {
            // Dots have their places on the page: they are kept where nothing moves, and never carried.
            let rests = self.painter.medium == Medium::Screentone;
            followed.keep(&past.painted, &mut painted, self.stability.get(), rests);
        }
        self.begins = past.is_none();
        self.past = Some(Past { frame: frame.clone(), painted: painted.clone(), modulation, seen, faces });
        Ok(painted)
    }

    /// Whether the frame painted last was the first of a shot.
    pub fn begins_shot(&self) -> bool {
        self.begins
    }

    /// A new shot begins, whatever it looks like: what came before is forgotten.
    pub fn cut(&mut self) {
        self.past = None;
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
        let mut sequence = Sequence::new(&painter, Smoothing::default(), Stability::new(stability).unwrap());
        frames.iter().map(|frame| sequence.paint(frame, &unwatched).unwrap()).collect()
    }

    #[test]
    fn noise_does_not_flicker_and_the_first_frame_is_as_a_photo() {
        let frames: Vec<_> = (0..6).map(|number| frame(number, 0)).collect();
        let flicker = |painted: &[Image<Srgb8>]| mean_difference(&painted[4], &painted[5]);
        let (alone, calm) = (painted(0.0, &frames), painted(0.8, &frames));
        assert!(flicker(&calm) < 0.5 * flicker(&alone), "{} {}", flicker(&calm), flicker(&alone));
        let photo = Studio::embedded().unwrap().prepare(&Look::default()).unwrap();
        assert!(calm[0] == photo.paint(&frames[0], &unwatched).unwrap());
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
    fn a_new_shot_is_painted_as_if_nothing_had_been_before() {
        let other = Image::from_fn(160, 96, |x, y| [(x + y) as u8, 40, 200 - (y as u8)]);
        let frames = [frame(0, 0), frame(1, 0), other.clone(), frame(2, 0)];
        let painter = Studio::embedded().unwrap().prepare(&Look::default()).unwrap();
        let mut sequence = Sequence::new(&painter, Smoothing::default(), Stability::default());
        let begins: Vec<bool> = frames
            .iter()
            .map(|frame| {
                let calm = sequence.paint(frame, &unwatched).unwrap();
                assert!(!sequence.begins_shot() || calm == painter.paint(frame, &unwatched).unwrap());
                sequence.begins_shot()
            })
            .collect();
        assert_eq!(begins, [true, false, true, true]);
    }

    #[test]
    fn the_same_frame_is_the_same_painting() {
        let frames = [frame(0, 0), frame(1, 0), frame(1, 0)];
        let painted = painted(0.8, &frames);
        assert!(painted[1] == painted[2] && painted[0] != painted[1]);
    }
}
