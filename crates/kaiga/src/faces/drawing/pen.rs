//! Shapes: curves through landmarks, tapered strokes and areas, filled without jaggies by tiny-skia.

use pixels::Image;
use pixels::resize::cubic;
use pixels::space::Gray;
use pixels::warp::{Point, distance};
use tiny_skia::{
    BlendMode, Color, FillRule, GradientStop, LinearGradient, Mask, Paint, Path, PathBuilder, Pixmap, Shader,
    SpreadMode, Transform,
};

/// Places of a tapered stroke.
const STROKE_STEPS: usize = 48;

/// A point between two.
pub(super) fn mix(a: Point, b: Point, t: f32) -> Point {
    [0, 1].map(|axis| a[axis] + t * (b[axis] - a[axis]))
}

/// The mean of two curves.
pub(super) fn between(a: &[Point], b: &[Point], t: f32) -> Vec<Point> {
    a.iter().zip(b).map(|(&a, &b)| mix(a, b, t)).collect()
}

/// All points moved.
pub(super) fn shifted(points: &[Point], by: Point) -> Vec<Point> {
    points.iter().map(|p| [p[0] + by[0], p[1] + by[1]]).collect()
}

/// `count` places along the Catmull-Rom curve through `points`.
pub(super) fn spline(points: &[Point], count: usize) -> Vec<Point> {
    let last = points.len() - 1;
    let beyond = |end: Point, inner: Point| [0, 1].map(|axis| 2.0 * end[axis] - inner[axis]);
    let at = |i: isize| match i {
        -1 => beyond(points[0], points[1]),
        i if i as usize > last => beyond(points[last], points[last - 1]),
        i => points[i as usize],
    };
    let place = |step: usize| {
        let t = step as f32 / (count - 1) as f32 * last as f32;
        let i = (t as usize).min(last - 1) as isize;
        let u = t - i as f32;
        let [a, b, c, d] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
        let weights = [u + 1.0, u, 1.0 - u, 2.0 - u].map(|distance| cubic(0.0, f64::from(distance)) as f32);
        [0, 1].map(|axis| [a, b, c, d].iter().zip(weights).map(|(p, weight)| weight * p[axis]).sum())
    };
    (0..count).map(place).collect()
}

/// A colour 0..1 in sRGB and how much it covers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ink {
    pub(super) rgb: [f32; 3],
    pub(super) alpha: f32,
}

impl Ink {
    fn color(self) -> Color {
        let [r, g, b] = self.rgb.map(|v| v.clamp(0.0, 1.0));
        Color::from_rgba(r, g, b, self.alpha.clamp(0.0, 1.0)).unwrap_or(Color::TRANSPARENT)
    }
}

/// A closed outline.
pub(super) fn area(points: &[Point]) -> Option<Path> {
    let mut path = PathBuilder::new();
    path.move_to(points[0][0], points[0][1]);
    points[1..].iter().for_each(|p| path.line_to(p[0], p[1]));
    path.close();
    path.finish()
}

/// A stroke along the curve through `points`, `width` px wide at 0..1 of its length.
pub(super) fn tapered(points: &[Point], width: impl Fn(f32) -> f32) -> Option<Path> {
    let curve = spline(points, STROKE_STEPS);
    let side = |i: usize, sign: f32| {
        let (before, after) = (curve[i.saturating_sub(1)], curve[(i + 1).min(STROKE_STEPS - 1)]);
        let length = distance(before, after).max(1e-6);
        let half = sign * 0.5 * width(i as f32 / (STROKE_STEPS - 1) as f32) / length;
        [curve[i][0] - (after[1] - before[1]) * half, curve[i][1] + (after[0] - before[0]) * half]
    };
    let there = (0..STROKE_STEPS).map(|i| side(i, 1.0));
    area(&there.chain((0..STROKE_STEPS).rev().map(|i| side(i, -1.0))).collect::<Vec<_>>())
}

/// An ellipse, its own x axis turned by `turn` radians.
pub(super) fn ellipse(centre: Point, [rx, ry]: [f32; 2], turn: f32) -> Option<Path> {
    let (sin, cos) = turn.sin_cos();
    let place = |i: usize| {
        let (y, x) = (i as f32 / 64.0 * std::f32::consts::TAU).sin_cos();
        [centre[0] + cos * rx * x - sin * ry * y, centre[1] + sin * rx * x + cos * ry * y]
    };
    area(&(0..64).map(place).collect::<Vec<_>>())
}

/// What is drawn on.
pub(super) struct Pen<'a> {
    pub(super) pixmap: &'a mut Pixmap,
}

impl Pen<'_> {
    /// Fills a path, inside `clip` if there is one.
    pub(super) fn fill(&mut self, path: Option<Path>, ink: Ink, clip: Option<&Mask>) {
        self.paint(path, Shader::SolidColor(ink.color()), BlendMode::SourceOver, clip);
    }

    /// Leaves the share that `left` says of the red, green and blue inside a path.
    pub(super) fn darken(&mut self, path: Option<Path>, left: Ink) {
        self.paint(path, Shader::SolidColor(left.color()), BlendMode::Multiply, None);
    }

    /// Fills a path from the ink at `from` to the ink at `to`.
    pub(super) fn blend(&mut self, path: Option<Path>, [from, to]: [(Point, Ink); 2], clip: Option<&Mask>) {
        let point = |p: Point| tiny_skia::Point::from_xy(p[0], p[1]);
        let stops = vec![GradientStop::new(0.0, from.1.color()), GradientStop::new(1.0, to.1.color())];
        let gradient = LinearGradient::new(point(from.0), point(to.0), stops, SpreadMode::Pad, Transform::identity());
        if let Some(shader) = gradient {
            self.paint(path, shader, BlendMode::SourceOver, clip);
        }
    }

    fn paint(&mut self, path: Option<Path>, shader: Shader, blend_mode: BlendMode, clip: Option<&Mask>) {
        let Some(path) = path else { return };
        let paint = Paint { shader, blend_mode, anti_alias: true, ..Paint::default() };
        self.pixmap.fill_path(&path, &paint, FillRule::Winding, Transform::identity(), clip);
    }

    /// Where a path is, to draw inside of it.
    pub(super) fn clip(&self, path: Option<Path>) -> Option<Mask> {
        let mut mask = Mask::new(self.pixmap.width(), self.pixmap.height())?;
        mask.fill_path(&path?, FillRule::Winding, true, Transform::identity());
        Some(mask)
    }
}

/// What is drawn by `draw` on `width`×`height` px, 0..1.
pub(super) fn covered(width: usize, height: usize, draw: impl Fn(&mut Pen)) -> Image<Gray> {
    let Some(mut pixmap) = Pixmap::new(width as u32, height as u32) else {
        return Image::filled(width, height, 0.0);
    };
    draw(&mut Pen { pixmap: &mut pixmap });
    Image::new(width, height, pixmap.pixels().iter().map(|p| f32::from(p.alpha()) / 255.0).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spline_goes_through_its_points() {
        let points = [[0.0, 0.0], [10.0, 5.0], [20.0, 0.0]];
        let curve = spline(&points, 21);
        for (i, p) in points.iter().enumerate() {
            assert!(distance(curve[10 * i], *p) < 1e-4);
        }
    }

    #[test]
    fn a_stroke_is_as_wide_as_it_says() {
        let mut pixmap = Pixmap::new(60, 40).unwrap();
        let path = tapered(&[[5.0, 20.0], [55.0, 20.0]], |t| if t < 0.5 { 8.0 } else { 2.0 });
        Pen { pixmap: &mut pixmap }.fill(path, Ink { rgb: [0.0; 3], alpha: 1.0 }, None);
        let covered = |x: u32| (0..40).map(|y| f32::from(pixmap.pixel(x, y).unwrap().alpha()) / 255.0).sum::<f32>();
        assert!((covered(15) - 8.0).abs() < 0.3 && (covered(45) - 2.0).abs() < 0.3, "{} {}", covered(15), covered(45));
        assert_eq!(covered(2), 0.0);
    }
}
