//! The whole picture painted in one style: through the drawer part by part, finished part by part.

use crate::error::Error;
use crate::finish::{Manner, finish, finishing_tile, surroundings_px};
use crate::generator::{Generator, Modulation};
use crate::look::Look;
use crate::plan::working_size;
use crate::progress::Steps;
use crate::tiles::{Part, disjoint, parts};
use crate::upscale::{Canvas, REDRAWN_FROM_PX, Upscaler};
use engine::Map;
use net::Medium;
use pixels::Image;
use pixels::resize::{self, Filter};
use pixels::space::Srgb8;
use std::borrow::Cow;

/// What works on a painting at the size it was painted at, beside the picture: on all of it, or on the one part that is
/// all there is of the canvas.
pub(crate) type Lay<'a> = dyn Fn(&mut Canvas, &Image<Srgb8>, Option<Part>) + 'a;

/// What is painted around each part of a picture that is not painted as a whole, px of the size painted at: what is nearer to the
/// border of what is drawn differs visibly from the same place of the whole.
const AROUND_PX: usize = 28;

/// How a picture is painted as a whole: at which size, in which parts.
pub(crate) struct Whole {
    size: (usize, usize),
    working: (usize, usize),
    /// Drawn at the working size.
    drawn_parts: Vec<Part>,
    /// Finished at full size.
    full_parts: Vec<Part>,
    /// Whether these parts are all that is painted, with what is around them.
    is_partial: bool,
}

impl Whole {
    /// The plan for a picture of `width`×`height` that this generator paints.
    pub(crate) fn plan(width: usize, height: usize, look: &Look, generator: &dyn Generator) -> Self {
        let wanted = working_size(width, height, look.detail);
        let working = generator.fitting(wanted.0, wanted.1);
        let full_parts = parts(width, height, finishing_tile(look).side_px());
        let drawn_parts = if working == (width, height) {
            full_parts.clone()
        } else {
            parts(working.0, working.1, look.tile.side_px())
        };
        Self { size: (width, height), working, drawn_parts, full_parts, is_partial: false }
    }

    /// The plan for some parts of the picture, px, with no more of their surroundings than shows in them.
    pub(crate) fn only(self, parts: &[Part]) -> Self {
        Self { full_parts: disjoint(parts.to_vec()), is_partial: true, ..self }
    }

    /// What is drawn for a part that is painted by itself.
    fn drawn_for(&self, part: Part) -> Part {
        let (width, height) = self.working;
        let along = |at: usize, len: usize, full: usize| at as f64 * len as f64 / full as f64;
        let (x, y) = (along(part.x, width, self.size.0) as usize, along(part.y, height, self.size.1) as usize);
        let right = along(part.x + part.width, width, self.size.0).ceil() as usize;
        let bottom = along(part.y + part.height, height, self.size.1).ceil() as usize;
        Part { x, y, width: right.min(width) - x, height: bottom.min(height) - y }.grown(AROUND_PX, width, height)
    }

    /// The parts that progress is counted in.
    pub(crate) fn steps(&self) -> usize {
        let drawn_first = if self.working == self.size || self.is_partial { 0 } else { self.drawn_parts.len() };
        drawn_first + self.full_parts.len()
    }

    /// The picture at the size it is painted at.
    pub(crate) fn at_working_size<'a>(&self, photo_srgb: &'a Image<Srgb8>) -> Cow<'a, Image<Srgb8>> {
        if self.working == (photo_srgb.width(), photo_srgb.height()) {
            return Cow::Borrowed(photo_srgb);
        }
        Cow::Owned(resize::to(photo_srgb, self.working.0, self.working.1, Filter::Lanczos3))
    }

    /// By how much a side is enlarged after it was drawn; below 1 where a small picture is drawn larger.
    fn enlarged(&self, width: usize, height: usize) -> f32 {
        let area = |width: usize, height: usize| width as f32 * height as f32;
        (area(width, height) / area(self.working.0, self.working.1)).sqrt()
    }

    /// Paints it with the generator of styles that are drawn with `medium`. Without a `modulation` it looks itself. `lay`
    /// works on the painting before it is upscaled, beside the picture at the size it is painted at.
    pub(crate) fn paint(
        &self,
        photo_srgb: &Image<Srgb8>,
        (look, medium): (&Look, Medium),
        generator: &dyn Generator,
        modulation: Option<&Modulation>,
        lay: Option<&Lay>,
        steps: &mut Steps,
    ) -> Result<Image<Srgb8>, Error> {
        let (width, height) = (photo_srgb.width(), photo_srgb.height());
        let manner = Manner::of(medium, self.enlarged(width, height));
        let surroundings_px = surroundings_px(look, manner);
        let working_srgb = self.at_working_size(photo_srgb);
        let drawing = generator.begin(&working_srgb, modulation)?;
        let mut result = Image::filled(width, height, [0; 3]);
        let at_full_size = self.working == self.size;
        let mut finished = |painted: &dyn Fn(Part) -> Result<Map, Error>, steps: &mut Steps| {
            self.full_parts.iter().try_for_each(|&part| {
                let around = part.grown(surroundings_px, width, height);
                finish(&painted(around)?, around, part, photo_srgb, (look, manner), &mut result);
                steps.one_more()
            })
        };
        if self.is_partial {
            let painted = |around: Part| {
                let drawn = self.drawn_for(around);
                let mut canvas = Canvas::new(drawn.width, drawn.height);
                canvas.put(Part { x: 0, y: 0, ..drawn }, &drawing.draw_alone(drawn)?);
                if let Some(lay) = lay {
                    lay(&mut canvas, &working_srgb, Some(drawn));
                }
                let at = [drawn.x, drawn.y];
                Ok(Upscaler::of_part(canvas, at, self.working, (width, height), look.crisp).part(around))
            };
            finished(&painted, steps)?;
            return Ok(result);
        }
        if at_full_size && lay.is_none() {
            // Part by part: a picture painted finely may be too large to be held whole.
            let drawn = |around: Part| {
                if look.crisp.get() == 0.0 {
                    return drawing.draw(around);
                }
                let seen = around.grown(REDRAWN_FROM_PX, width, height);
                let mut canvas = Canvas::new(seen.width, seen.height);
                canvas.put(Part { x: 0, y: 0, ..seen }, &drawing.draw(seen)?);
                let inner = Part { x: around.x - seen.x, y: around.y - seen.y, ..around };
                Ok(Upscaler::new(canvas, (seen.width, seen.height), look.crisp).part(inner))
            };
            finished(&drawn, steps)?;
            return Ok(result);
        }
        let mut canvas = Canvas::new(self.working.0, self.working.1);
        for &part in &self.drawn_parts {
            canvas.put(part, &drawing.draw(part)?);
            if !at_full_size {
                steps.one_more()?;
            }
        }
        if let Some(lay) = lay {
            lay(&mut canvas, &working_srgb, None);
        }
        let upscaler = Upscaler::new(canvas, (width, height), look.crisp);
        finished(&|around| Ok(upscaler.part(around)), steps)?;
        Ok(result)
    }
}
