//! The shipped network: a global eye and a local drawer, see [`net::light`].

use super::{Drawing, Generator, Modulation, only, unfit};
use crate::error::{Error, ErrorKind};
use crate::tiles::{Part, paint_part, signed};
use engine::{Map, Network, Pool};
use net::light::THUMBNAIL_PX;
use net::{Arch, Reach, Shape, Weights};
use pixels::Image;
use pixels::resize::{self, Filter};
use pixels::space::Srgb8;
use std::borrow::Cow;
use std::sync::Arc;

/// Eye and drawer with the weights of one style or mixture.
pub(crate) struct Light {
    eye: Network,
    drawer: Network,
    /// How far around a pixel the drawer looks, px.
    reach_px: usize,
}

impl Light {
    /// Plans the networks; `weights` are packed into them and no longer needed.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] if the weights are not those of eye and drawer.
    pub(crate) fn new([eye, drawer]: &[Arch; 2], weights: &Weights, pool: &Pool) -> Result<Self, Error> {
        let planned = |arch: &Arch| Network::with_pool(arch, weights, pool).map_err(unfit);
        Ok(Self { eye: planned(eye)?, drawer: planned(drawer)?, reach_px: reach_px(drawer)? })
    }
}

impl Generator for Light {
    /// Shows the whole picture to the eye.
    fn modulation(&self, picture: &Image<Srgb8>) -> Result<Modulation, Error> {
        let thumbnail = resize::to(picture, THUMBNAIL_PX, THUMBNAIL_PX, Filter::Bilinear);
        let thumbnail = signed(&thumbnail, Part { x: 0, y: 0, width: THUMBNAIL_PX, height: THUMBNAIL_PX });
        only(self.eye.run(&[&thumbnail])).map(Modulation)
    }

    fn begin<'a>(
        &'a self,
        picture: &'a Image<Srgb8>,
        modulation: Option<&'a Modulation>,
    ) -> Result<Box<dyn Drawing + 'a>, Error> {
        let modulation = match modulation {
            Some(modulation) => Cow::Borrowed(modulation),
            None => Cow::Owned(self.modulation(picture)?),
        };
        Ok(Box::new(Seen { generator: self, picture, modulation }))
    }

    fn modulation_numbers(&self) -> usize {
        modulation_of(self.drawer.arch()).channels
    }

    fn paints_fills(&self) -> bool {
        true
    }

    fn sharing(&self, pool: &Pool) -> Arc<dyn Generator> {
        let (eye, drawer) = (self.eye.sharing(pool), self.drawer.sharing(pool));
        Arc::new(Self { eye, drawer, reach_px: self.reach_px })
    }
}

/// A picture that the eye has seen.
struct Seen<'a> {
    generator: &'a Light,
    picture: &'a Image<Srgb8>,
    modulation: Cow<'a, Modulation>,
}

impl Drawing for Seen<'_> {
    fn draw(&self, part: Part) -> Result<Map, Error> {
        self.drawn(part, self.generator.reach_px)
    }

    fn draw_alone(&self, part: Part) -> Result<Map, Error> {
        self.drawn(part, 0)
    }
}

impl Seen<'_> {
    /// A part, seen with `around_px` of its surroundings.
    fn drawn(&self, part: Part, around_px: usize) -> Result<Map, Error> {
        let drawer = &self.generator.drawer;
        let draw = |tile: &Map, _| only(drawer.run(&[tile, &self.modulation.0]));
        paint_part(self.picture, part, around_px, draw)
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
