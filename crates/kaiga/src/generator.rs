//! The generator in one style, planned once: its eye looks at a whole picture, its drawer paints parts of it.

use crate::error::{Error, ErrorKind};
use crate::tiles::{Part, signed};
use engine::{Map, Network, Pool};
use net::light::THUMBNAIL_PX;
use net::{Arch, Reach, Shape, Weights};
use pixels::Image;
use pixels::resize::{self, Filter};
use pixels::space::Srgb8;

/// Eye and drawer with the weights of one style or mixture. It may be shared between threads.
pub(crate) struct Generator {
    eye: Network,
    drawer: Network,
    /// How far around a pixel the drawer looks, px.
    pub(crate) reach_px: usize,
}

impl Generator {
    /// Plans the networks; `weights` are packed into them and no longer needed.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] if the weights are not those of eye and drawer.
    pub(crate) fn new([eye, drawer]: &[Arch; 2], weights: &Weights, pool: &Pool) -> Result<Self, Error> {
        let planned = |arch: &Arch| Network::with_pool(arch, weights, pool).map_err(unfit);
        Ok(Self { eye: planned(eye)?, drawer: planned(drawer)?, reach_px: reach_px(drawer)? })
    }

    /// The same generator, its weights shared, with memory for maps from `pool`.
    pub(crate) fn sharing(&self, pool: &Pool) -> Self {
        Self { eye: self.eye.sharing(pool), drawer: self.drawer.sharing(pool), reach_px: self.reach_px }
    }

    /// Shows the whole picture to the eye.
    pub(crate) fn modulation(&self, picture: &Image<Srgb8>) -> Result<Modulation, Error> {
        let thumbnail = resize::to(picture, THUMBNAIL_PX, THUMBNAIL_PX, Filter::Bilinear);
        let thumbnail = signed(&thumbnail, Part { x: 0, y: 0, width: THUMBNAIL_PX, height: THUMBNAIL_PX });
        only(self.eye.run(&[&thumbnail])).map(Modulation)
    }

    /// RGB −1..1, H×W×3 with sides divisible by [`net::light::GRAIN_PX`] → Y, Cb, Cr, ink, H×W×4.
    pub(crate) fn draw(&self, picture: &Map, modulation: &Modulation) -> Result<Map, Error> {
        only(self.drawer.run(&[picture, &modulation.0]))
    }

    /// Whether `modulation` is of this generator's kind.
    ///
    /// # Errors
    /// [`ErrorKind::Setting`] if it is not.
    pub(crate) fn check(&self, modulation: &Modulation) -> Result<(), Error> {
        let (has, takes) = (modulation.numbers().len(), modulation_of(self.drawer.arch()).channels);
        if has == takes {
            return Ok(());
        }
        let message = format!("the modulation has {has} numbers, these models take {takes}: it belongs to others");
        Err(Error::new(ErrorKind::Setting, message))
    }
}

/// What the global eye makes of a whole picture: how the drawer is to be modulated, so that exposure and mood are the
/// same in every part. It belongs to the look it was taken with.
///
/// Frames of a film that are painted one by one flicker with it; a mean over neighbouring frames does not.
#[derive(Clone, Debug, PartialEq)]
pub struct Modulation(Map);

impl Modulation {
    /// The scales and then the shifts of the drawer's coarsest channels.
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

/// The shape of what modulates `drawer`.
fn modulation_of(drawer: &Arch) -> Shape {
    Shape::new(1, 1, drawer.inputs[1].1)
}

fn reach_px(drawer: &Arch) -> Result<usize, Error> {
    // Any size does that is a few times the reach.
    let shapes = [Shape::new(512, 512, 3), modulation_of(drawer)];
    match net::measure(drawer, &shapes).map_err(unfit)?.reach[0] {
        Reach::Pixels(reach_px) => Ok(reach_px),
        Reach::Whole => Err(Error::new(ErrorKind::Model, "the drawer looks at the whole picture, it cannot be tiled")),
    }
}

fn only(outputs: Result<Vec<Map>, net::Error>) -> Result<Map, Error> {
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
