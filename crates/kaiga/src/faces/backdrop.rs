//! What is behind the person of an avatar.

use super::Person;
use crate::{Error, ErrorKind};
use pixels::Image;
use pixels::blur::gaussian;
use pixels::resize::{self, Filter};
use pixels::space::{Alpha8, Gray, Srgb, Srgb8, srgb_from_srgb8, srgb8_from_srgb};
use rayon::prelude::*;

/// What is behind a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backdrop {
    /// What the photo shows, painted.
    #[default]
    Keep,
    /// The same, out of focus.
    Soft,
    /// One colour, sRGB.
    Colour([u8; 3]),
    /// Nothing: the person is cut out.
    Nothing,
}

impl std::str::FromStr for Backdrop {
    type Err = Error;

    /// `keep`, `soft`, `none`, or a colour as style sheets have it (`pink`, `#ffd9e6`), which has to be opaque.
    ///
    /// # Errors
    /// [`ErrorKind::Setting`] for anything else.
    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "keep" => Ok(Self::Keep),
            "soft" => Ok(Self::Soft),
            "none" | "transparent" => Ok(Self::Nothing),
            _ => match csscolorparser::parse(text).map(|colour| colour.to_rgba8()) {
                Ok([r, g, b, 255]) => Ok(Self::Colour([r, g, b])),
                _ => {
                    let wanted =
                        "it must be keep, soft, none or an opaque colour as style sheets have it: pink, #ffd9e6";
                    Err(Error::new(ErrorKind::Setting, wanted))
                }
            },
        }
    }
}

/// How far out of focus, in longer sides of the picture.
const SOFT: f32 = 0.035;
/// Longest side at which that is made, px: there is nothing sharp in it.
const SOFT_PX: usize = 320;

impl Backdrop {
    /// Puts the person of `photo` in front of this in the painting, which is as large; gives the opacity where the person is
    /// cut out.
    ///
    /// # Panics
    /// If photo and painting differ in size.
    pub fn behind(self, person: &Person, photo: &Image<Srgb8>, painting: &mut Image<Srgb8>) -> Option<Image<Alpha8>> {
        let (width, height) = (painting.width(), painting.height());
        assert_eq!((photo.width(), photo.height()), (width, height), "a painting is as large as its photo");
        if self == Self::Keep {
            return None;
        }
        let mask = person.mask(photo);
        if self == Self::Nothing {
            return Some(mask.map::<Alpha8>(|share| (share * 255.0).round() as u8));
        }
        let behind: Box<dyn Fn(usize) -> [f32; 3] + Sync> = match self {
            Self::Colour(colour) => Box::new(move |_| srgb_from_srgb8(colour)),
            _ => {
                let soft = soft(painting, &mask);
                Box::new(move |i| soft.pixels()[i])
            }
        };
        painting.pixels_mut().par_iter_mut().enumerate().with_min_len(4096).for_each(|(i, pixel)| {
            let (person, behind, share) = (srgb_from_srgb8(*pixel), behind(i), mask.pixels()[i]);
            *pixel = srgb8_from_srgb([0, 1, 2].map(|c| behind[c] + share * (person[c] - behind[c])));
        });
        None
    }
}

/// The background out of focus, with nothing of the person in it.
fn soft(painting: &Image<Srgb8>, mask: &Image<Gray>) -> Image<Srgb> {
    let (width, height) = (painting.width(), painting.height());
    let shrink = (SOFT_PX as f32 / width.max(height) as f32).min(1.0);
    let [w, h] = [width, height].map(|side| ((side as f32 * shrink).round() as usize).max(1));
    let small = resize::to(painting, w, h, Filter::Area).map::<Srgb>(srgb_from_srgb8);
    let behind = resize::to(mask, w, h, Filter::Area).map::<Gray>(|share| (1.0 - share).powi(2) + 1e-4);
    let sigma = SOFT * w.max(h) as f32;
    let weight = gaussian(&behind, sigma);
    let channel = |c: usize| {
        let weighted = small.pixels().iter().zip(behind.pixels()).map(|(p, share)| p[c] * share).collect();
        gaussian(&Image::<Gray>::new(w, h, weighted), sigma)
    };
    let [r, g, b] = [channel(0), channel(1), channel(2)];
    let mean = |i: usize| [&r, &g, &b].map(|plane| plane.pixels()[i] / weight.pixels()[i]);
    resize::to(&Image::<Srgb>::new(w, h, (0..w * h).map(mean).collect()), width, height, Filter::Bilinear)
}

#[cfg(test)]
mod tests {
    use super::super::person::tests::person;
    use super::*;

    #[test]
    fn it_is_named_as_style_sheets_name_colours() {
        let read = |text: &str| text.parse::<Backdrop>().ok();
        assert_eq!(
            [read("keep"), read("soft"), read("none")].map(Option::unwrap),
            [Backdrop::Keep, Backdrop::Soft, Backdrop::Nothing]
        );
        assert_eq!(read("#ffd9e6"), Some(Backdrop::Colour([255, 217, 230])));
        assert_eq!(read("rgb(1, 2, 3)"), Some(Backdrop::Colour([1, 2, 3])));
        assert_eq!([read("beach"), read("#ffd9e680"), read("")], [None; 3]);
    }

    #[test]
    fn the_person_stays_and_what_is_behind_changes() {
        let is_person = |x: usize, y: usize| (x as f32 - 120.0).hypot(y as f32 - 120.0) < 60.0;
        let photo = Image::from_fn(240, 240, |x, y| match (is_person(x, y), (x / 6 + y / 6) % 2) {
            (true, _) => [220, 160, 130],
            (_, 0) => [20, 60, 40],
            _ => [40, 90, 160],
        });
        let who = person(240, |[x, y]| is_person(x as usize, y as usize));
        let behind = |backdrop: Backdrop| {
            let mut painting = photo.clone();
            let alpha = backdrop.behind(&who, &photo, &mut painting);
            (painting, alpha)
        };
        assert!(behind(Backdrop::Keep) == (photo.clone(), None));
        let (pink, alpha) = behind(Backdrop::Colour([255, 217, 230]));
        assert_eq!((pink.at(120, 120), pink.at(10, 10), alpha), ([220, 160, 130], [255, 217, 230], None));
        let (same, alpha) = behind(Backdrop::Nothing);
        let alpha = alpha.unwrap();
        assert_eq!((alpha.at(120, 120), alpha.at(10, 10)), (255, 0));
        assert!(same == photo);
        // Out of focus the squares run together, and nothing of the person is in them.
        let (soft, _) = behind(Backdrop::Soft);
        let [a, b] = [soft.at(9, 9), soft.at(15, 9)];
        assert!((0..3).all(|c| a[c].abs_diff(b[c]) < 6), "{a:?} {b:?}");
        assert!(soft.at(40, 120)[0] < 70, "{:?}", soft.at(40, 120));
    }
}
