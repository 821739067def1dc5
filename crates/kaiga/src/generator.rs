//! The contract for generators: what paints sees a whole picture, then draws its parts. The shipped network stands behind
//! it, the classic one, and graphs of others.

mod classic;
mod graph;
mod light;

use crate::error::{Error, ErrorKind};
use crate::tiles::{Part, crop};
use engine::{Map, Pool};
use net::light::YCC_FROM_RGB;
use pixels::Image;
use pixels::space::Srgb8;
use rayon::prelude::*;
use std::sync::Arc;

pub(crate) use classic::Classic;
pub use graph::read as read_graph;
pub(crate) use graph::{painting as graph_painting, prepared as prepared_graph};
pub(crate) use light::Light;

/// Pictures up to this area are painted in one piece by networks that look at the whole: all that are painted at the usual
/// size.
const WHOLE_PX2: usize = 800_000;
/// Networks mirror what lies beyond the border, so a picture must have some pixels.
const LEAST_SIDE_PX: usize = 16;

/// A network that paints, with its weights. It may be shared between threads. Whatever it wants (range and layout of
/// numbers, sides divisible by some number, how far it looks around, statistics over the whole picture) is its own affair.
pub(crate) trait Generator: Send + Sync {
    /// What it makes of a whole picture before it draws a part of it.
    fn modulation(&self, picture: &Image<Srgb8>) -> Result<Modulation, Error>;

    /// Begins a picture. Without a modulation it looks at the picture itself.
    fn begin<'a>(
        &'a self,
        picture: &'a Image<Srgb8>,
        modulation: Option<&'a Modulation>,
    ) -> Result<Box<dyn Drawing + 'a>, Error>;

    /// How many numbers its modulations have.
    fn modulation_numbers(&self) -> usize;

    /// The size it is best given a picture of `width`×`height` in, px: that, or a smaller one of the same shape.
    fn fitting(&self, width: usize, height: usize) -> (usize, usize) {
        (width, height)
    }

    /// Whether it paints fills that may be laid flat; what a model of others paints is left as it is.
    fn paints_fills(&self) -> bool {
        false
    }

    /// The same generator, its weights shared, with memory for maps from `pool`.
    fn sharing(&self, pool: &Pool) -> Arc<dyn Generator>;
}

/// A picture that is being drawn.
pub(crate) trait Drawing: Sync {
    /// One part of it: Y −1..1, Cb, Cr, and ink 0..1 (0 where the generator knows no ink), H×W×4. Parts fit together as if
    /// the whole were drawn at once.
    fn draw(&self, part: Part) -> Result<Map, Error>;

    /// One part by itself, where that is less work: near its border it is drawn a little otherwise than in the whole.
    fn draw_alone(&self, part: Part) -> Result<Map, Error> {
        self.draw(part)
    }
}

/// Whether `modulation` is of this generator's kind.
///
/// # Errors
/// [`ErrorKind::Setting`] if it is not.
pub(crate) fn check(generator: &dyn Generator, modulation: &Modulation) -> Result<(), Error> {
    let (has, takes) = (modulation.numbers().len(), generator.modulation_numbers());
    if has == takes {
        return Ok(());
    }
    let message = format!("the modulation has {has} numbers, these models take {takes}: it belongs to others");
    Err(Error::new(ErrorKind::Setting, message))
}

/// What the global eye makes of a whole picture: how the drawer is to be modulated, so that exposure and mood are the
/// same in every part. It belongs to the look it was taken with.
///
/// Frames of a film that are painted one by one flicker with it; a mean over neighbouring frames does not.
#[derive(Clone, Debug, PartialEq)]
pub struct Modulation(Map);

impl Modulation {
    /// The scales and then the shifts of the drawer's coarsest channels; of a classic network, means and scales of its norms.
    pub fn numbers(&self) -> &[f32] {
        &self.0.data
    }

    /// The mean of some modulations with their weights, which need not sum to 1. One alone comes back as it is.
    ///
    /// # Errors
    /// [`ErrorKind::Setting`] if they have different lengths, a weight is negative or not finite, or all are 0.
    pub fn mean(weighted: &[(&Self, f32)]) -> Result<Self, Error> {
        let refused = |message: &str| Err(Error::new(ErrorKind::Setting, message));
        let sum: f32 = weighted.iter().map(|(_, weight)| weight).sum();
        if weighted.iter().any(|(_, weight)| !(weight.is_finite() && *weight >= 0.0)) || sum <= 0.0 {
            return refused("a mean of modulations takes weights of 0 or more, one of them above 0");
        }
        if weighted.windows(2).any(|pair| pair[0].0.0.shape() != pair[1].0.0.shape()) {
            return refused("modulations of different models have no mean");
        }
        let mut mean = Map::zeros(weighted[0].0.0.shape());
        for (modulation, weight) in weighted {
            mean.data.iter_mut().zip(modulation.numbers()).for_each(|(mean, number)| *mean += weight / sum * number);
        }
        Ok(Self(mean))
    }
}

/// A picture that was painted in one piece.
struct Painted(Map);

impl Drawing for Painted {
    fn draw(&self, part: Part) -> Result<Map, Error> {
        Ok(crop(&self.0, part.x, part.y, part.width, part.height))
    }
}

/// A size of the shape of `width`×`height` with an area of at most `most_px2`.
fn fitting(width: usize, height: usize, most_px2: usize) -> (usize, usize) {
    let scale = (most_px2 as f64 / (width as f64 * height as f64)).sqrt().min(1.0);
    let side = |side: usize| ((side as f64 * scale) as usize).max(1);
    (side(width), side(height))
}

/// RGB −1..1 as Y, Cb, Cr without ink.
fn luma_chroma(rgb: &Map) -> Map {
    let pixel = |rgb: &[f32; 3]| {
        let [y, cb, cr] = YCC_FROM_RGB.map(|row| row[0] * rgb[0] + row[1] * rgb[1] + row[2] * rgb[2]);
        [y, cb, cr, 0.0]
    };
    let pixels: Vec<[f32; 4]> = rgb.data.as_chunks::<3>().0.par_iter().with_min_len(4096).map(pixel).collect();
    Map::new(rgb.height, rgb.width, 4, pixels.into_flattened())
}

pub(crate) fn only(outputs: Result<Vec<Map>, net::Error>) -> Result<Map, Error> {
    let none = || Error::new(ErrorKind::Model, "the network has no output");
    outputs.map_err(unfit)?.pop().ok_or_else(none)
}

pub(crate) fn unfit(error: net::Error) -> Error {
    Error::new(ErrorKind::Model, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: &[f32]) -> Modulation {
        Modulation(Map::new(1, 1, numbers.len(), numbers.to_vec()))
    }

    #[test]
    fn a_mean_weighs_and_refuses_what_has_none() {
        let (a, b) = (of(&[1.0, -3.0]), of(&[5.0, 0.1]));
        assert_eq!(Modulation::mean(&[(&b, 0.7)]), Ok(b.clone()));
        let mean = Modulation::mean(&[(&a, 3.0), (&b, 1.0)]).unwrap();
        assert!((mean.numbers()[0] - 2.0).abs() < 1e-6 && (mean.numbers()[1] + 2.225).abs() < 1e-6, "{mean:?}");
        let refused = |weighted: &[(&Modulation, f32)]| Modulation::mean(weighted).map_err(|error| error.kind());
        let wrong = Err(ErrorKind::Setting);
        assert_eq!(refused(&[]), wrong);
        assert_eq!(refused(&[(&a, 0.0)]), wrong);
        assert_eq!(refused(&[(&a, 2.0), (&b, -1.0)]), wrong);
        assert_eq!(refused(&[(&a, f32::NAN)]), wrong);
        assert_eq!(refused(&[(&a, 1.0), (&of(&[1.0]), 1.0)]), wrong);
    }
}
