//! A face painted by itself, upright and large enough for its strokes, and set back into the picture without a seam.

use super::align::Pose;
use super::drawing::{self, FaceStyle};
use super::face_region::{FaceRegion, MIDDLE, source};
use crate::error::Error;
use crate::finish::{Manner, at_strength, coloured, surroundings_px};
use crate::generator::Generator;
use crate::look::Look;
use crate::plan::working_size;
use crate::tiles::{Part, parts};
use crate::upscale::{Canvas, Upscaler};
use net::Medium;
use pixels::guided::guided;
use pixels::resize::{self, Filter};
use pixels::space::{Gray, Srgb, Srgb8, srgb_from_srgb8, srgb8_from_srgb};
use pixels::warp::{self, Point, Similarity};
use pixels::{Image, poisson};
use rayon::prelude::*;

/// Half the side of the square that is painted, in the face's unit: what is repainted, and what the drawer shall see
/// around it.
const WINDOW: f32 = 2.75;
/// The unit of a face when painted, px: a face about 290 px across, as in the portraits that were learnt from.
const UNIT_PX: f32 = 126.0;
/// The most, where the picture itself is painted finely: about 1000 px across. It bounds memory.
const MOST_UNIT_PX: f32 = 440.0;
/// Nothing is enlarged by more than this: there is nothing left to see.
const ENLARGED_AT_MOST: f32 = 5.0;
/// Side of the square finished at a time, px. Always the same: the painting must not depend on the look's tile.
const FINISHED_PX: usize = 512;
/// The longer side of the picture in which borders are evened out, px. What evens them is smooth.
const EVENED_PX: usize = 448;

/// A face that the rest of the picture shows at least so large is painted with it, in shares of [`UNIT_PX`], if it is turned
/// by no more than this, radians.
const LARGE: f32 = 0.75;
const UPRIGHT: f32 = 0.45;
/// The largest canvas that is kept in one piece for that, px².
const CANVAS_PX2: f32 = 4.0e6;

/// Px painted at for each px of a photo of `width`×`height`.
fn working_scale(width: usize, height: usize, look: &Look) -> f32 {
    working_size(width, height, look.detail).0 as f32 / width as f32
}

/// Whether a face is large and upright enough in the painting of a photo of `width`×`height` that painting it by itself
/// would change nothing.
pub(crate) fn is_painted_with_the_rest(pose: &Pose, (width, height): (usize, usize), look: &Look) -> bool {
    let scale = working_scale(width, height, look);
    let sizes = LARGE * UNIT_PX..=MOST_UNIT_PX;
    let canvas = scale * scale * width as f32 * height as f32;
    let [from, to] = [[0.0, 0.0], [1.0, 0.0]].map(|p| pose.to_photo.apply(p));
    let roll = (to[1] - from[1]).atan2(to[0] - from[0]);
    sizes.contains(&(scale * pose.unit_px)) && roll.abs() < UPRIGHT && canvas < CANVAS_PX2
}

/// Who paints faces, and how.
pub(crate) struct Repainter<'a> {
    /// Of the faces' style.
    generator: &'a dyn Generator,
    photo: &'a Image<Srgb8>,
    /// The photo with its faces bent: what is painted.
    bent: &'a Image<Srgb8>,
    regions: &'a [FaceRegion],
    look: &'a Look,
    /// How faces are drawn.
    style: FaceStyle,
    /// Px painted at for each px of the photo, in the rest of the picture.
    working_scale: f32,
}

impl<'a> Repainter<'a> {
    /// Paints the face `regions` of `photo` with the generator of the faces' style. `bent` is the photo with these faces bent.
    pub(crate) fn new(
        generator: &'a dyn Generator,
        [photo, bent]: [&'a Image<Srgb8>; 2],
        regions: &'a [FaceRegion],
        (look, medium): (&'a Look, Medium),
    ) -> Self {
        let working_scale = working_scale(photo.width(), photo.height(), look);
        let style = FaceStyle::of(look, medium);
        Self { generator, photo, bent, regions, look, style, working_scale }
    }

    /// Repaints one face of `picture`, which is the painting, or the photo, around it.
    pub(crate) fn repaint(&self, region: &FaceRegion, picture: &mut Image<Srgb8>) -> Result<(), Error> {
        let portrait = self.paint(region)?;
        set_in(region, &self.laid_down(region, &portrait, picture), picture);
        self.draw(region, picture);
        Ok(())
    }

    /// Draws the features of a face over the painting.
    pub(crate) fn draw(&self, region: &FaceRegion, picture: &mut Image<Srgb8>) {
        if let Some(drawn) = &region.drawn {
            let original =
                drawing::Original { photo: self.photo, face: &drawn.in_photo, person: drawn.person.as_ref() };
            let face = drawn.in_picture.by(self.look.strength.get().min(1.0));
            if let Some(person) = &drawn.person {
                drawing::lay_hair(picture, self.bent, &face, person, &self.style);
            }
            drawing::draw(picture, &face, &original, &self.style);
        }
    }

    /// Lays the skin of a face on the canvas of the whole picture, which shows `shown`.
    pub(crate) fn lay(&self, region: &FaceRegion, canvas: &mut Canvas, at: [usize; 2], shown: &Image<Srgb8>) {
        if let Some(drawn) = &region.drawn {
            let to_canvas = Similarity::scaled(self.working_scale, at.map(|v| -(v as f32)));
            let to_picture = to_canvas.inverse();
            let share = |place: Point| {
                let place = to_picture.apply(place);
                region.share(place) * drawn.of_person(place)
            };
            drawing::lay(canvas, &drawn.in_picture.placed(&to_canvas), &self.style, shown, share);
        }
    }

    /// The face painted upright.
    fn paint(&self, region: &FaceRegion) -> Result<Portrait, Error> {
        let face_px = region.pose.unit_px;
        // Never coarser than the rest of the picture.
        let wanted = UNIT_PX.max(self.working_scale * face_px).min(MOST_UNIT_PX);
        let unit_px = wanted.min(ENLARGED_AT_MOST * face_px);
        let side = (2.0 * WINDOW * unit_px).round() as usize;
        let to_canvas = Similarity::scaled(unit_px, [WINDOW * unit_px, (WINDOW - MIDDLE) * unit_px]);
        let to_face = to_canvas.inverse();
        let to_photo = to_face.then(&region.pose.to_photo);
        // Not of the bent photo: what is sampled once is sharper.
        let bend = |q: Point| source(self.regions, q);
        let upright = warp::window(self.photo, (side, side), &to_photo, 0.5 * face_px, bend).map(srgb8_from_srgb);

        let drawing = self.generator.begin(&upright, None)?;
        let mut canvas = Canvas::new(side, side);
        for part in parts(side, side, self.look.tile.side_px()) {
            canvas.put(part, &drawing.draw(part)?);
        }
        if let Some(drawn) = &region.drawn {
            let on_canvas = drawn.in_picture.placed(&region.pose.to_face.then(&to_canvas));
            drawing::lay(&mut canvas, &on_canvas, &self.style, &upright, |place| {
                drawn.of_person(to_photo.apply(place))
            });
        }
        // A face larger in the photo than painted is upscaled, as the rest of the picture is.
        let upscaled_side = side.max((side as f32 * face_px / unit_px).round() as usize);
        let enlarge = Similarity::scaled(upscaled_side as f32 / side as f32, [0.0; 2]);
        let from_photo = region.pose.to_face.then(&to_canvas).then(&enlarge);
        let upscaler = Upscaler::new(canvas, (upscaled_side, upscaled_side), self.look.crisp);
        Ok(Portrait { upscaler, upscaled_side, from_photo })
    }

    /// The portrait where it lies in the picture: all of the face's zone, finished as the look says. Where nothing is
    /// repainted it is the picture.
    fn laid_down(&self, region: &FaceRegion, portrait: &Portrait, picture: &Image<Srgb8>) -> Image<Srgb8> {
        let zone = region.zone;
        let mut patch = picture.crop(zone.x, zone.y, zone.width, zone.height);
        for part in parts(zone.width, zone.height, FINISHED_PX) {
            let part = Part { x: zone.x + part.x, y: zone.y + part.y, ..part };
            let around = part.grown(surroundings_px(self.look, Manner::Colour), picture.width(), picture.height());
            let finished = self.finished(portrait, around);
            for y in part.y..part.y + part.height {
                let from = &finished[(y - around.y) * around.width + part.x - around.x..][..part.width];
                let to = &mut patch.pixels_mut()[(y - zone.y) * zone.width + part.x - zone.x..][..part.width];
                for (x, (to, from)) in to.iter_mut().zip(from).enumerate() {
                    if region.share(centre(part.x + x, y)) > 0.0 {
                        *to = *from;
                    }
                }
            }
        }
        patch
    }

    /// The pixels of one part of the picture as the portrait has them.
    fn finished(&self, portrait: &Portrait, part: Part) -> Vec<[u8; 3]> {
        let look = self.look;
        let place = |i: usize| centre(part.x + i % part.width, part.y + i / part.width);
        let pixels = 0..part.width * part.height;
        let (painted, left_top) = portrait.colours(part, look);
        let widened = portrait.from_photo.scale();
        let of_portrait = |q: Point| {
            let [x, y] = portrait.from_photo.apply(q);
            warp::at(&painted, [x - left_top[0], y - left_top[1]], widened, |pixel| pixel)
        };
        let mut colours: Vec<[f32; 3]> =
            pixels.clone().into_par_iter().with_min_len(1024).map(|i| of_portrait(place(i))).collect();
        let bent = self.bent.crop(part.x, part.y, part.width, part.height);
        if let Some(settings) = look.guided {
            let input = Image::<Srgb>::new(part.width, part.height, colours);
            let guide = bent.map::<Srgb>(srgb_from_srgb8);
            colours = guided(&guide, &input, settings.radius_px(), settings.eps()).into_pixels();
        }
        let finish = |i: usize| {
            let painted = colours[i].map(|v| v.clamp(0.0, 1.0));
            srgb8_from_srgb(at_strength(srgb_from_srgb8(bent.pixels()[i]), painted, look.strength))
        };
        pixels.into_par_iter().with_min_len(1024).map(finish).collect()
    }
}

/// The centre of a pixel.
fn centre(x: usize, y: usize) -> Point {
    [x as f32 + 0.5, y as f32 + 0.5]
}

/// A face painted upright, and where it belongs.
struct Portrait {
    upscaler: Upscaler,
    /// Side of the square at the size it is upscaled to, px.
    upscaled_side: usize,
    /// From the picture's px to those of the upscaled square.
    from_photo: Similarity,
}

impl Portrait {
    /// The colours of the upscaled square where `part` of the picture lies in it, and the left upper corner of that.
    fn colours(&self, part: Part, look: &Look) -> (Image<Srgb>, Point) {
        let [left, top] = [part.x, part.y].map(|v| v as f32);
        let [right, bottom] = [part.x + part.width, part.y + part.height].map(|v| v as f32);
        let corners = [[left, top], [right, top], [left, bottom], [right, bottom]].map(|p| self.from_photo.apply(p));
        let reach = 2.0 * self.from_photo.scale().max(1.0) + 1.0;
        let span = |axis: usize| {
            let edge = self.upscaled_side as f32;
            let low = corners.iter().map(|p| p[axis]).fold(edge, f32::min) - reach;
            let high = corners.iter().map(|p| p[axis]).fold(0.0, f32::max) + reach;
            let low = low.clamp(0.0, edge - 1.0).floor();
            (low as usize, (high.clamp(low + 1.0, edge).ceil() - low) as usize)
        };
        let ((x, width), (y, height)) = (span(0), span(1));
        let upscaled = self.upscaler.part(Part { x, y, width, height });
        (coloured(&upscaled, look), [x as f32, y as f32])
    }
}

/// Blends the patch into the picture.
///
/// What Poisson blending takes away from the plain, feathered mixture is as smooth as the feather: it is found on a
/// small picture and interpolated (after Agarwala 2007), so that a face of any size costs the same.
fn set_in(region: &FaceRegion, patch: &Image<Srgb8>, picture: &mut Image<Srgb8>) {
    let zone = region.zone;
    let shrink = (EVENED_PX as f32 / zone.width.max(zone.height) as f32).min(1.0);
    let [width, height] = [zone.width, zone.height].map(|side| ((side as f32 * shrink).round() as usize).max(1));
    let [step_x, step_y] = [zone.width as f32 / width as f32, zone.height as f32 / height as f32];
    let small = |picture: &Image<Srgb8>| resize::to(picture, width, height, Filter::Area).map::<Srgb>(srgb_from_srgb8);
    let (ground, over) = (small(&picture.crop(zone.x, zone.y, zone.width, zone.height)), small(patch));
    let mask = Image::<Gray>::from_fn(width, height, |x, y| {
        let [x, y] = centre(x, y);
        region.share([zone.x as f32 + x * step_x, zone.y as f32 + y * step_y])
    });
    let blended = poisson::blend(&ground, &over, &mask);
    let taken = |i: usize| {
        let (ground, over, blended) = (ground.pixels()[i], over.pixels()[i], blended.pixels()[i]);
        [0, 1, 2].map(|c| ground[c] + mask.pixels()[i] * (over[c] - ground[c]) - blended[c])
    };
    let taken = Image::<Srgb>::new(width, height, (0..width * height).map(taken).collect());

    let picture_width = picture.width();
    let rows = picture.pixels_mut().par_chunks_mut(picture_width).skip(zone.y).take(zone.height).enumerate();
    rows.for_each(|(y, row)| {
        for (x, (to, &over)) in row[zone.x..][..zone.width].iter_mut().zip(patch.row(y)).enumerate() {
            let share = region.share(centre(zone.x + x, zone.y + y));
            if share == 0.0 {
                continue;
            }
            let [u, v] = centre(x, y);
            let taken = warp::at(&taken, [u / step_x, v / step_y], 1.0, |pixel| pixel);
            let (ground, over) = (srgb_from_srgb8(*to), srgb_from_srgb8(over));
            *to = srgb8_from_srgb([0, 1, 2].map(|c| ground[c] + share * (over[c] - ground[c]) - taken[c]));
        }
    });
}
