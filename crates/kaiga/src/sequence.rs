//! Frames of a film, painted one after the other without flicker of exposure and mood.

use crate::error::Error;
use crate::generator::Modulation;
use crate::look::Smoothing;
use crate::painter::{Known, Painter};
use crate::progress::Progress;
use pixels::Image;
use pixels::space::Srgb8;

/// Paints successive frames. What the global eye makes of each is averaged over the frames before it, so that noise and
/// small changes do not make the whole picture flicker; everything else is painted frame by frame.
///
/// ```
/// use kaiga::{Look, Sequence, Smoothing, Studio, unwatched};
/// let painter = Studio::embedded()?.prepare(&Look::default())?;
/// let mut sequence = Sequence::new(&painter, Smoothing::default());
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
    /// The running mean of the frames since the last cut.
    past: Option<Modulation>,
}

impl<'a> Sequence<'a> {
    /// Frames to be painted by `painter`.
    pub fn new(painter: &'a Painter, smoothing: Smoothing) -> Self {
        Self { painter, smoothing, past: None }
    }

    /// Paints the next frame. The first one, and the first after a [cut](Self::cut), counts alone.
    ///
    /// # Errors
    /// As [`Painter::paint`]; a frame that was cancelled does not count.
    pub fn paint(&mut self, frame: &Image<Srgb8>, progress: &Progress) -> Result<Image<Srgb8>, Error> {
        let mut modulation = self.painter.modulation(frame)?;
        if let Some(past) = &self.past {
            let share = self.smoothing.get();
            modulation = Modulation::mean(&[(past, share), (&modulation, 1.0 - share)])?;
        }
        let known = Known { modulation: Some(&modulation), ..Known::default() };
        let painted = self.painter.paint_with(frame, known, progress)?;
        self.past = Some(modulation);
        Ok(painted)
    }

    /// A new shot begins: what came before is forgotten.
    pub fn cut(&mut self) {
        self.past = None;
    }
}
