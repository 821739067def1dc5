//! Colour spaces as types, and the ways between them.
//!
//! A way is a function on one pixel, named after what comes out (`lab_from_srgb`), for
//! [`Image::map`](crate::Image::map). Nothing here clips unless it says so: sRGB out of Lab may lie
//! outside 0..1 where the screen cannot show it.

/// A colour space: what the numbers of a pixel mean.
pub trait Space: Copy + std::fmt::Debug + PartialEq + Send + Sync + 'static {
    /// One pixel: an array of samples.
    type Pixel: Copy + std::fmt::Debug + PartialEq + Send + Sync + 'static;
}

/// A space whose samples are `f32`, so that linear filters can run over them as flat numbers.
pub trait FloatSpace: Space {
    /// Samples a pixel.
    const CHANNELS: usize;
    /// The pixel of zeros.
    const ZERO: Self::Pixel;
    /// The samples of the pixels, interleaved.
    fn samples(pixels: &[Self::Pixel]) -> &[f32];
    /// The samples of the pixels, interleaved, to be changed in place.
    fn samples_mut(pixels: &mut [Self::Pixel]) -> &mut [f32];
}

macro_rules! spaces {
    ($($(#[$doc:meta])* $name:ident: $pixel:ty;)*) => {
        $($(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name;
        impl Space for $name { type Pixel = $pixel; })*
    };
}

spaces! {
    /// sRGB (IEC 61966-2-1), gamma-coded, 8 bits: what files hold and screens show.
    Srgb8: [u8; 3];
    /// sRGB, gamma-coded, 0..1.
    Srgb: [f32; 3];
    /// Linear light with the sRGB primaries, 0..1.
    LinearRgb: [f32; 3];
    /// CIE L*a*b*, D65 white: L 0..100, a and b about −128..127.
    Lab: [f32; 3];
    /// Y'CbCr of JPEG (BT.601 weights, full range): Y 0..1, Cb and Cr −0.5..0.5.
    YCbCr: [f32; 3];
    /// One number a pixel, 0..1 where it is luma or a mask.
    Gray: f32;
    /// Opacity in 8 bits, 255 opaque.
    Alpha8: u8;
}

macro_rules! three_floats {
    ($($name:ident)*) => {
        $(impl FloatSpace for $name {
            const CHANNELS: usize = 3;
            const ZERO: [f32; 3] = [0.0; 3];
            fn samples(pixels: &[[f32; 3]]) -> &[f32] { pixels.as_flattened() }
            fn samples_mut(pixels: &mut [[f32; 3]]) -> &mut [f32] { pixels.as_flattened_mut() }
        })*
    };
}
three_floats! { Srgb LinearRgb Lab YCbCr }

impl FloatSpace for Gray {
    const CHANNELS: usize = 1;
    const ZERO: f32 = 0.0;
    fn samples(pixels: &[f32]) -> &[f32] {
        pixels
    }
    fn samples_mut(pixels: &mut [f32]) -> &mut [f32] {
        pixels
    }
}

/// Each of three channels made another. `map` of an array is a call for each of them that the compiler does not inline.
#[inline(always)]
fn each<A, B>([r, g, b]: [A; 3], channel: impl Fn(A) -> B) -> [B; 3] {
    [channel(r), channel(g), channel(b)]
}

/// 0..1 from 8 bits.
#[inline]
pub fn srgb_from_srgb8(pixel: [u8; 3]) -> [f32; 3] {
    each(pixel, |v| f32::from(v) / 255.0)
}

/// 8 bits from 0..1, clipped and rounded to the nearest level.
#[inline]
pub fn srgb8_from_srgb(pixel: [f32; 3]) -> [u8; 3] {
    each(pixel, |v| (v.clamp(0.0, 1.0) * 255.0 + 0.5) as u8)
}

/// Linear light of one gamma-coded sRGB sample (IEC 61966-2-1). Odd around zero.
pub fn linear_from_gamma(coded: f32) -> f32 {
    let v = coded.abs();
    let curve = ((v + 0.055) * (1.0 / 1.055)).max(1e-3);
    let root = fifth_root(curve);
    let light = if v <= 0.040_45 { v * (1.0 / 12.92) } else { curve * curve * root * root };
    light.copysign(coded)
}

/// Gamma-coded sRGB sample of linear light (IEC 61966-2-1). Odd around zero.
pub fn gamma_from_linear(light: f32) -> f32 {
    let v = light.abs();
    // v^(1/2.4) = v^(1/4) · v^(1/6): roots only, so that the compiler can vectorise it.
    let curve = v.sqrt().sqrt() * cube_root(v).sqrt();
    let coded = if v <= 0.003_130_8 { v * 12.92 } else { 1.055 * curve - 0.055 };
    coded.copysign(light)
}

/// Linear light from sRGB.
pub fn linear_from_srgb(pixel: [f32; 3]) -> [f32; 3] {
    each(pixel, linear_from_gamma)
}

/// sRGB from linear light.
pub fn srgb_from_linear(pixel: [f32; 3]) -> [f32; 3] {
    each(pixel, gamma_from_linear)
}

/// Linear light from 8-bit sRGB, by table.
pub fn linear_from_srgb8(pixel: [u8; 3]) -> [f32; 3] {
    static TABLE: std::sync::LazyLock<[f32; 256]> =
        std::sync::LazyLock::new(|| std::array::from_fn(|level| linear_from_gamma(level as f32 / 255.0)));
    each(pixel, |v| TABLE[usize::from(v)])
}

/// X and Z of the white point D65, for Y = 1 (those of OpenCV).
const WHITE: [f32; 2] = [0.950_456, 1.088_754];

/// CIE L*a*b* (D65) from linear light.
pub fn lab_from_linear([r, g, b]: [f32; 3]) -> [f32; 3] {
    let x = (0.412_453 * r + 0.357_58 * g + 0.180_423 * b) / WHITE[0];
    let y = 0.212_671 * r + 0.715_16 * g + 0.072_169 * b;
    let z = (0.019_334 * r + 0.119_193 * g + 0.950_227 * b) / WHITE[1];
    let f = |t: f32| if t > 0.008_856_452 { cube_root(t) } else { 7.787_037 * t + 16.0 / 116.0 };
    let (fx, fy, fz) = (f(x), f(y), f(z));
    [116.0 * fy - 16.0, 500.0 * (fx - fy), 200.0 * (fy - fz)]
}

/// Linear light from CIE L*a*b* (D65). Not clipped.
pub fn linear_from_lab([l, a, b]: [f32; 3]) -> [f32; 3] {
    let fy = (l + 16.0) / 116.0;
    let (fx, fz) = (fy + a / 500.0, fy - b / 200.0);
    let g = |f: f32| if f > 6.0 / 29.0 { f * f * f } else { (f - 16.0 / 116.0) / 7.787_037 };
    let (x, y, z) = (g(fx) * WHITE[0], g(fy), g(fz) * WHITE[1]);
    [
        3.240_479 * x - 1.537_15 * y - 0.498_535 * z,
        -0.969_256 * x + 1.875_991 * y + 0.041_556 * z,
        0.055_648 * x - 0.204_043 * y + 1.057_311 * z,
    ]
}

/// CIE L*a*b* (D65) from sRGB; equals `cv2.COLOR_RGB2LAB` on float pictures but for OpenCV's table.
pub fn lab_from_srgb(pixel: [f32; 3]) -> [f32; 3] {
    lab_from_linear(linear_from_srgb(pixel))
}

/// CIE L*a*b* (D65) from 8-bit sRGB.
pub fn lab_from_srgb8(pixel: [u8; 3]) -> [f32; 3] {
    lab_from_linear(linear_from_srgb8(pixel))
}

/// sRGB from CIE L*a*b* (D65). Not clipped: colours outside sRGB come out below 0 or above 1.
pub fn srgb_from_lab(pixel: [f32; 3]) -> [f32; 3] {
    srgb_from_linear(linear_from_lab(pixel))
}

/// Luma Y' of BT.601 from sRGB, gamma-coded like its input (`cv2.COLOR_RGB2GRAY`).
pub fn luma_from_srgb([r, g, b]: [f32; 3]) -> f32 {
    0.299 * r + 0.587 * g + 0.114 * b
}

/// Y'CbCr of JPEG (BT.601, full range) from sRGB.
pub fn ycbcr_from_srgb([r, g, b]: [f32; 3]) -> [f32; 3] {
    let y = luma_from_srgb([r, g, b]);
    [y, (b - y) / 1.772, (r - y) / 1.402]
}

/// sRGB from Y'CbCr of JPEG (BT.601, full range). Not clipped.
pub fn srgb_from_ycbcr([y, cb, cr]: [f32; 3]) -> [f32; 3] {
    let (r, b) = (y + 1.402 * cr, y + 1.772 * cb);
    [r, (y - 0.299 * r - 0.114 * b) / 0.587, b]
}

/// Cube root of a number that is not negative, to about 2 ulp, without a call into libm.
#[inline]
fn cube_root(v: f32) -> f32 {
    // A third of the exponent is a guess within 6 %; each of Halley's steps triples the digits.
    let mut root = f32::from_bits(v.to_bits() / 3 + 0x2a51_37a0);
    for _ in 0..2 {
        let cube = root * root * root;
        root *= (cube + 2.0 * v) / (2.0 * cube + v);
    }
    if v < 1e-30 { 0.0 } else { root }
}

/// Fifth root of a positive number, to about 2 ulp.
#[inline]
fn fifth_root(v: f32) -> f32 {
    let mut root = f32::from_bits(v.to_bits() / 5 + 0x32c9_b26a);
    for _ in 0..3 {
        let fourth = (root * root) * (root * root);
        root = 0.8 * root + 0.2 * v / fourth;
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colours() -> impl Iterator<Item = [f32; 3]> {
        (0..18 * 18 * 18).map(|i| [i % 18, i / 18 % 18, i / 324].map(|v| v as f32 / 17.0))
    }

    fn furthest(a: [f32; 3], b: [f32; 3]) -> f32 {
        (0..3).map(|c| (a[c] - b[c]).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn every_way_leads_back() {
        for srgb in colours() {
            assert!(furthest(srgb_from_linear(linear_from_srgb(srgb)), srgb) < 1e-6);
            assert!(
                furthest(srgb_from_lab(lab_from_srgb(srgb)), srgb) < 1e-4,
                "{srgb:?}: the matrices have six digits"
            );
            assert!(furthest(srgb_from_ycbcr(ycbcr_from_srgb(srgb)), srgb) < 1e-6);
        }
        for level in 0..=255 {
            assert_eq!(srgb8_from_srgb(srgb_from_srgb8([level; 3])), [level; 3]);
            assert_eq!(srgb8_from_srgb(srgb_from_lab(lab_from_srgb8([level; 3]))), [level; 3]);
        }
        assert_eq!(srgb8_from_srgb([-0.3, 1.7, 0.5]), [0, 255, 128]);
    }

    #[test]
    fn the_roots_are_those_of_libm() {
        for i in 1..=4000 {
            let v = i as f32 / 2000.0;
            let gamma = |l: f64| if l <= 0.003_130_8 { 12.92 * l } else { 1.055 * l.powf(1.0 / 2.4) - 0.055 };
            let linear = |c: f64| if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) };
            assert!((f64::from(gamma_from_linear(v)) - gamma(v.into())).abs() < 4e-7, "{v}");
            assert!((f64::from(linear_from_gamma(v)) / linear(v.into()) - 1.0).abs() < 6e-7, "{v}");
            assert!((f64::from(cube_root(v * 0.01)) / f64::from(v * 0.01).cbrt() - 1.0).abs() < 4e-7, "{v}");
        }
        assert_eq!(gamma_from_linear(0.0), 0.0);
    }

    #[test]
    fn known_colours_have_their_known_numbers() {
        assert!(furthest(lab_from_srgb([1.0, 0.0, 0.0]), [53.24, 80.09, 67.20]) < 0.03);
        assert!(furthest(lab_from_srgb([0.0, 0.0, 1.0]), [32.30, 79.19, -107.86]) < 0.03);
        assert!(furthest(lab_from_srgb([1.0; 3]), [100.0, 0.0, 0.0]) < 0.01);
        assert!(furthest(ycbcr_from_srgb([0.0, 0.0, 1.0]), [0.114, 0.5, -0.081_312]) < 1e-5);
    }
}
