//! Taste in colour, one pixel at a time.

use pixels::warp::smooth_step;

use super::taste::Colour;

/// The chroma that no painting exceeds.
const CHROMA_LIMIT: f32 = 85.0;
/// A hue is turned by at most this share of the way, rad.
const MOST_TURN: f32 = 0.9;

impl Colour {
    /// The colour `[L 0..1, a, b]` to this taste, before shadows; `skin` is its likelihood of being skin, 0..1, `lit`
    /// −1..1 the side of a clump it lies on.
    pub(super) fn of(&self, [l, a, b]: [f32; 3], skin: f32, lit: f32) -> [f32; 3] {
        let grow = 1.0 + self.vivid * (-a.hypot(b) / 45.0).exp() * (1.0 - 0.75 * skin);
        let (a, b) = (a * grow, b * grow);
        let degrees = b.atan2(a).to_degrees();
        let not_violet = (-((degrees + 98.0) / 36.0).powi(4)).exp();
        let blue = (-b / 18.0).clamp(0.0, 1.0) * ((l - 0.25) / 0.25).clamp(0.0, 1.0) * not_violet;
        let green = (-a / 25.0).clamp(0.0, 1.0) * (b / 10.0 + 0.5).clamp(0.0, 1.0);

        let paper = 1.0 - 0.4 * skin;
        let (a, b) = (self.scale[0] * a + self.paper[0] * paper, self.scale[1] * b + self.paper[1] * l * paper);
        let (hue, chroma) = (turned(b.atan2(a), self.blues.turn * blue, self.blues.towards_degrees), a.hypot(b));
        let l = l * (1.0 - self.blues.deeper * blue * (chroma / 40.0).clamp(0.0, 1.0));
        let chroma = chroma * self.gain * (1.0 + self.blues.chroma * blue);
        let (a, b) = (chroma * hue.cos(), chroma * hue.sin());

        let bare = 1.0 - skin;
        let light = smooth_step(0.62, 0.92, l) * (1.0 - chroma / 40.0).clamp(0.0, 1.0) * bare;
        let grey = (-chroma / 14.0).exp() * bare;
        let side = if lit > 0.0 { self.lit } else { self.shaded };
        let leaf = side.map(|shift| shift * lit.abs() * (0.35 + 0.65 * green) * bare);
        let a = a + self.lights[0] * light + self.greens.a * green + self.greys[0] * grey + leaf[0];
        let b = b + self.lights[1] * light + self.greens.b * green + self.greys[1] * grey + leaf[1];
        let b = b + self.warmth * l;
        let a = a + self.rosy * (b / 30.0).clamp(0.0, 1.0) * ((l - 0.55) / 0.3).clamp(0.0, 1.0) * bare;
        [(l + self.greens.l * green).clamp(0.0, 1.0), a, b]
    }

    /// What the shadow of lightness `l` 0..1 adds to a and b; `skin` as above.
    pub(super) fn shadow(&self, l: f32, skin: f32) -> [f32; 2] {
        let shadow = smooth_step(0.42, 0.0, l) * (1.0 - 0.6 * skin);
        self.shadows.map(|shift| shift * shadow)
    }
}

/// The hue (rad) turned by the `share` of the way to a hue in degrees.
fn turned(hue: f32, share: f32, towards_degrees: f32) -> f32 {
    use std::f32::consts::{PI, TAU};
    let away = (hue - towards_degrees.to_radians() + PI).rem_euclid(TAU) - PI;
    hue - share * away.clamp(-MOST_TURN, MOST_TURN)
}

/// Chroma limited softly: vivid, never burnt.
pub(super) fn limited([l, a, b]: [f32; 3]) -> [f32; 3] {
    let square = (a * a + b * b) / (CHROMA_LIMIT * CHROMA_LIMIT);
    let limit = 1.0 / (1.0 + square * square).sqrt().sqrt();
    [l, a * limit, b * limit]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hues_turn_the_short_way_and_not_too_far() {
        let degrees = |hue: f32, share, towards| turned(hue.to_radians(), share, towards).to_degrees();
        assert!((degrees(-90.0, 0.5, -110.0) + 100.0).abs() < 1e-3);
        assert!((degrees(170.0, 1.0, -170.0) - 190.0).abs() < 1e-3);
        assert!(
            (degrees(90.0, 1.0, -90.0).abs() - (90.0 + MOST_TURN.to_degrees())).abs() < 1e-3
                || degrees(90.0, 1.0, -90.0) < 90.0
        );
        assert!((degrees(30.0, 0.0, -90.0) - 30.0).abs() < 1e-3);
    }

    #[test]
    fn chroma_is_limited_softly() {
        let chroma = |c: f32| limited([0.5, c, 0.0])[1];
        assert!((chroma(20.0) - 20.0).abs() < 0.1 && chroma(200.0) < CHROMA_LIMIT && chroma(70.0) > 60.0);
    }
}
