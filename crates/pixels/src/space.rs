//! Colour spaces as types, and the ways between them.

/// A colour space: what the numbers of a pixel mean.
pub trait Space: Copy + std::fmt::Debug + PartialEq + Send + Sync + 'static {
    /// One pixel: an array of samples.
    type Pixel: Copy + std::fmt::Debug + PartialEq + Send + Sync + 'static;
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
