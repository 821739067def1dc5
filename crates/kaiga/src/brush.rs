//! The networks, ready to paint one picture: the eye has seen it, the drawer knows the style.

use crate::error::{Error, ErrorKind};
use crate::tiles::{Part, signed};
use engine::{Map, Network};
use net::light::THUMBNAIL_PX;
use net::{Arch, Reach, Shape, Weights};
use pixels::Image;
use pixels::resize::{self, Filter};
use pixels::space::Srgb8;

/// The drawer in one style, in the mood of one picture.
pub(crate) struct Brush {
    drawer: Network,
    modulation: Map,
    /// How far around a pixel the drawer looks, px.
    pub(crate) reach_px: usize,
}

impl Brush {
    /// Shows the whole picture to the eye and readies the drawer of the light generator.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] if the weights are not those of eye and drawer.
    pub(crate) fn new([eye, drawer]: &[Arch; 2], weights: &Weights, photo: &Image<Srgb8>) -> Result<Self, Error> {
        let thumbnail = resize::to(photo, THUMBNAIL_PX, THUMBNAIL_PX, Filter::Bilinear);
        let thumbnail = signed(&thumbnail, Part { x: 0, y: 0, width: THUMBNAIL_PX, height: THUMBNAIL_PX });
        let eye = Network::new(eye, weights).map_err(unfit)?;
        let modulation = only(eye.run(&[&thumbnail]))?;
        let reach_px = reach_px(drawer, &modulation)?;
        Ok(Self { drawer: Network::new(drawer, weights).map_err(unfit)?, modulation, reach_px })
    }

    /// RGB −1..1, H×W×3 with sides divisible by [`net::light::GRAIN_PX`] → Y, Cb, Cr, ink, H×W×4.
    pub(crate) fn draw(&self, picture: &Map) -> Result<Map, Error> {
        only(self.drawer.run(&[picture, &self.modulation]))
    }
}

fn reach_px(drawer: &Arch, modulation: &Map) -> Result<usize, Error> {
    // Any size does that is a few times the reach.
    let shapes = [Shape::new(512, 512, 3), modulation.shape()];
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
