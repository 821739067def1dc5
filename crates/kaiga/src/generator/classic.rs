//! The classic network, AnimeGANv2's: RGB in, RGB out, with norms over the whole picture, see [`net::classic`].
//!
//! A picture up to [`WHOLE_PX2`] is painted in one piece, exactly as the network was trained to. Of a larger one the norms'
//! statistics are taken from the picture reduced, and frozen; what is left are convolutions, whose tiles fit together.

use super::{Drawing, Generator, LEAST_SIDE_PX, Modulation, Painted, WHOLE_PX2, fitting, luma_chroma, only, unfit};
use crate::error::{Error, ErrorKind};
use crate::tiles::{Part, crop, paint_part, parts, signed};
use engine::{Map, Network, Place, Pool};
use net::freeze::{Statistics, frozen, norms};
use net::light::GRAIN_PX;
use net::{Arch, Reach, Shape, Weights};
use pixels::Image;
use pixels::resize::{self, Filter};
use pixels::space::Srgb8;
use std::sync::Arc;

/// Side of the squares that larger ones are painted in, px: the network holds some 1.2 KB for each pixel.
const TILE_PX: usize = 512;
/// Resampling with corners aligned reaches a coarse pixel further than [`net::measure()`] says.
const CORNERS_PX: usize = 8;

/// A network that paints pictures as RGB −1..1, with its weights.
pub(crate) struct Classic {
    arch: Arch,
    weights: Arc<Weights>,
    network: Network,
    pool: Pool,
    /// How far around a pixel it looks when its norms are frozen, px.
    reach_px: usize,
}

impl Classic {
    /// Plans the network.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] if the weights are not those of the network, or its norms cannot be frozen.
    pub(crate) fn new(architecture: &str, weights: &Weights, pool: &Pool) -> Result<Self, Error> {
        let arch = net::imported::network(architecture).map_err(unfit)?;
        let network = Network::with_pool(&arch, weights, pool).map_err(unfit)?;
        let nothing = vec![Statistics { mean: 0.0, scale: 1.0 }; norms(&arch)];
        let (local, _) = frozen(&arch, weights, &nothing).map_err(unfit)?;
        let reach = net::measure(&local, &[Shape::new(512, 512, 3)]).map_err(unfit)?.reach[0];
        let Reach::Pixels(reach_px) = reach else {
            return Err(Error::new(ErrorKind::Model, "the network looks at the whole picture, it cannot be tiled"));
        };
        let (weights, pool) = (Arc::new(weights.clone()), pool.clone());
        let reach_px = reach_px + CORNERS_PX + network.further_px();
        Ok(Self { arch, weights, network, pool, reach_px })
    }

    /// The picture painted in one piece, and what the norms found.
    fn whole(&self, picture: &Image<Srgb8>) -> Result<(Map, Vec<Statistics>), Error> {
        let (width, height) = (picture.width(), picture.height());
        let padded = Part { x: 0, y: 0, width: width.max(LEAST_SIDE_PX), height: height.max(LEAST_SIDE_PX) };
        let (outputs, found) = self.network.run_with_statistics(&[&signed(picture, padded)]).map_err(unfit)?;
        Ok((crop(&only(Ok(outputs))?, 0, 0, width, height), found))
    }
}

impl Generator for Classic {
    fn modulation(&self, picture: &Image<Srgb8>) -> Result<Modulation, Error> {
        let area = picture.width() * picture.height();
        let (_, found) = if area <= WHOLE_PX2 {
            self.whole(picture)?
        } else {
            let (width, height) = fitting(picture.width(), picture.height(), WHOLE_PX2);
            self.whole(&resize::to(picture, width, height, Filter::Lanczos3))?
        };
        let numbers: Vec<f32> = found.iter().flat_map(|norm| [norm.mean, norm.scale]).collect();
        Ok(Modulation(Map::new(1, 1, numbers.len(), numbers)))
    }

    fn begin<'a>(
        &'a self,
        picture: &'a Image<Srgb8>,
        modulation: Option<&'a Modulation>,
    ) -> Result<Box<dyn Drawing + 'a>, Error> {
        if modulation.is_none() && picture.width() * picture.height() <= WHOLE_PX2 {
            return Ok(Box::new(Painted(luma_chroma(&self.whole(picture)?.0))));
        }
        let own = modulation.map_or_else(|| self.modulation(picture).map(Some), |_| Ok(None))?;
        let numbers = modulation.or(own.as_ref()).map_or(&[][..], Modulation::numbers);
        let found: Vec<Statistics> =
            numbers.as_chunks::<2>().0.iter().map(|&[mean, scale]| Statistics { mean, scale }).collect();
        let (arch, weights) = frozen(&self.arch, &self.weights, &found).map_err(unfit)?;
        let network = Network::with_pool(&arch, &weights, &self.pool).map_err(unfit)?;
        Ok(Box::new(Frozen { picture, network, reach_px: self.reach_px }))
    }

    fn modulation_numbers(&self) -> usize {
        2 * norms(&self.arch)
    }

    fn sharing(&self, pool: &Pool) -> Arc<dyn Generator> {
        let (network, weights) = (self.network.sharing(pool), Arc::clone(&self.weights));
        Arc::new(Self { arch: self.arch.clone(), weights, network, pool: pool.clone(), reach_px: self.reach_px })
    }
}

/// A picture whose statistics are known.
struct Frozen<'a> {
    picture: &'a Image<Srgb8>,
    network: Network,
    reach_px: usize,
}

impl Drawing for Frozen<'_> {
    fn draw(&self, part: Part) -> Result<Map, Error> {
        let [height, width] = [self.picture.height(), self.picture.width()].map(|side| side.next_multiple_of(GRAIN_PX));
        let draw = |tile: &Map, seen: Part| {
            let place = Place { whole: (height, width), at: (seen.y, seen.x) };
            only(self.network.run_part(&[tile], place)).map(|painted| luma_chroma(&painted))
        };
        let mut map = Map::zeros(Shape::new(part.height, part.width, 4));
        for square in parts(part.width, part.height, TILE_PX) {
            let there = Part { x: part.x + square.x, y: part.y + square.y, ..square };
            let painted = paint_part(self.picture, there, self.reach_px, draw)?;
            for (row, from) in painted.data.chunks_exact(square.width * 4).enumerate() {
                let start = ((square.y + row) * part.width + square.x) * 4;
                map.data[start..][..from.len()].copy_from_slice(from);
            }
        }
        Ok(map)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use net::Tensor;

    pub(in crate::generator) fn random_weights(architecture: &str) -> Weights {
        let mut state = 7_u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        let [arch] = &net::model::architecture(architecture).unwrap()[..] else { panic!("one network") };
        let tensor = |(name, shape): (String, Vec<usize>)| {
            let fan_in: usize = shape[1..].iter().product();
            let (size, mean) = match shape.len() {
                1 => (0.3, f32::from(u8::from(name.ends_with("weight")))),
                _ => ((2.0 / fan_in as f32).sqrt(), 0.0),
            };
            let data = (0..shape.iter().product()).map(|_| mean + random() * size).collect();
            (name, Tensor::new(&shape, data))
        };
        net::parameters(arch).unwrap().into_iter().map(tensor).collect()
    }

    fn photo(width: usize, height: usize) -> Image<Srgb8> {
        Image::from_fn(width, height, |x, y| [(x * 3 % 256) as u8, (y * 5 % 256) as u8, ((x * y) % 251) as u8])
    }

    #[test]
    fn tiles_with_frozen_norms_are_the_whole() {
        for architecture in ["classic-1", "classic-1/corners"] {
            let generator = Classic::new(architecture, &random_weights(architecture), &Pool::default()).unwrap();
            // Sides divisible by 16: nothing is padded, so that one piece and tiles see the same border.
            let picture = photo(256, 208);
            let all = Part { x: 0, y: 0, width: 256, height: 208 };
            let in_one_piece = generator.begin(&picture, None).unwrap().draw(all).unwrap();
            let modulation = generator.modulation(&picture).unwrap();
            assert_eq!(modulation.numbers().len(), generator.modulation_numbers());
            let frozen = generator.begin(&picture, Some(&modulation)).unwrap();
            let whole = frozen.draw(all).unwrap();
            let off = whole.data.iter().zip(&in_one_piece.data).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off < 1e-3, "{architecture}: {off}");
            for part in parts(256, 208, 128) {
                let expected = crop(&whole, part.x, part.y, part.width, part.height);
                assert_eq!(frozen.draw(part).unwrap(), expected, "{architecture}: {part:?}");
            }
        }
    }

    #[test]
    fn pictures_of_any_size_are_painted() {
        let generator =
            Classic::new("classic-1/corners", &random_weights("classic-1/corners"), &Pool::default()).unwrap();
        for (width, height) in [(1, 1), (3, 40), (33, 17)] {
            let picture = photo(width, height);
            let part = Part { x: 0, y: 0, width, height };
            let painted = generator.begin(&picture, None).unwrap().draw(part).unwrap();
            assert_eq!(painted.shape(), Shape::new(height, width, 4));
            assert!(painted.data.iter().all(|number| number.is_finite()));
        }
    }
}
