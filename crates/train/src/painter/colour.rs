//! Taste in colour, one pixel at a time.

use super::taste::Colour;

/// The chroma that no painting exceeds.
const CHROMA_LIMIT: f32 = 85.0;

impl Colour {
    /// The colour `[L 0..1, a, b]` to this taste; `skin` is its likelihood of being skin, 0..1.
    pub(super) fn of(&self, [l, a, b]: [f32; 3], skin: f32) -> [f32; 3] {
        let calm = 1.0 - 0.75 * skin;
        let chroma = (a * a + b * b).sqrt();
        let gain = self.gain + self.dull_gain * (-chroma / 45.0).exp() * calm;
        let (a, b) = (a * gain, b * gain + self.warmth * l);
        let green = (-a / 25.0).clamp(0.0, 1.0);
        let (l, b) = ((l + self.greens.l * green).clamp(0.0, 1.0), b + self.greens.b * green);
        let below = self.shadows.below;
        let dark = (below - l).clamp(0.0, below) / below * (1.0 - self.shadows.skin_guard * (1.0 - calm));
        let blue = (-b / 25.0).clamp(0.0, 1.0) * ((l - self.blues.above) * 4.0).clamp(0.0, 1.0);
        [l, a + self.shadows.a * dark + self.blues.a * blue, b + self.shadows.b * dark + self.blues.b * blue]
    }
}

/// Chroma limited softly: vivid, never burnt.
pub(super) fn limited([l, a, b]: [f32; 3]) -> [f32; 3] {
    let square = (a * a + b * b) / (CHROMA_LIMIT * CHROMA_LIMIT);
    let limit = 1.0 / (1.0 + square * square).sqrt().sqrt();
    [l, a * limit, b * limit]
}
