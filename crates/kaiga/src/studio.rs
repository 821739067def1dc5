//! Photo in, painting out.

use crate::brush::{Brush, unfit};
use crate::error::{Error, ErrorKind};
use crate::finish::{finish, finishing_tile, surroundings_px};
use crate::lift::Strokes;
use crate::look::Look;
use crate::plan::working_size;
use crate::progress::{Progress, Steps};
use crate::styles::{Mix, Style};
use crate::tiles::{paint_part, parts};
use net::{Arch, Model, Weights, light};
use pixels::Image;
use pixels::codec::Photo;
use pixels::resize::{self, Filter};
use pixels::space::{Alpha8, Srgb8};

/// The models that come with the library: file name and bytes, the base first.
pub const EMBEDDED: [(&str, &[u8]); 5] = [
    ("light-1.base.safetensors", include_bytes!("../../../models/light-1.base.safetensors")),
    ("meadow-1.safetensors", include_bytes!("../../../models/meadow-1.safetensors")),
    ("skyglow-1.safetensors", include_bytes!("../../../models/skyglow-1.safetensors")),
    ("storybook-2.safetensors", include_bytes!("../../../models/storybook-2.safetensors")),
    ("portrait-1.safetensors", include_bytes!("../../../models/portrait-1.safetensors")),
];

/// A place with everything at hand to paint photos: the networks' weights in every style. Make it once.
pub struct Studio {
    base: Model,
    /// Eye and drawer.
    networks: [Arch; 2],
    styles: Vec<net::Style>,
}

/// A finished painting, of the same size as its photo.
#[derive(Clone, Debug, PartialEq)]
pub struct Painting {
    /// The colours, sRGB.
    pub image: Image<Srgb8>,
    /// The opacity of the photo, unchanged; `None` where every pixel is opaque.
    pub alpha: Option<Image<Alpha8>>,
}

impl Studio {
    /// With the models that come with the library.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] if they are broken, which would be a bug.
    pub fn embedded() -> Result<Self, Error> {
        let [(_, base), styles @ ..] = EMBEDDED;
        Self::new(base, &styles.map(|(_, style)| style))
    }

    /// With a base model and styles of your own: the bytes of their files.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] if a file is broken, or a style does not belong to the base.
    pub fn new(base: &[u8], styles: &[&[u8]]) -> Result<Self, Error> {
        let base = Model::read(base).map_err(unfit)?;
        let networks = light::networks(&base.architecture).map_err(|_| {
            let message = format!("the base model is a {}, this version paints with light-1", base.architecture);
            Error::new(ErrorKind::Model, message)
        })?;
        let mut studio = Self { base, networks, styles: Vec::new() };
        for bytes in styles {
            studio.add_style(bytes)?;
        }
        Ok(studio)
    }

    /// Adds one style: the bytes of its file. A style of the same name is replaced. Returns what it is called.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] if the file is broken, or does not belong to the base.
    pub fn add_style(&mut self, bytes: &[u8]) -> Result<String, Error> {
        let style = net::Style::read(bytes).map_err(unfit)?;
        let name = style.name.clone();
        self.add(style)?;
        Ok(name)
    }

    /// Adds one style under a name of your own.
    ///
    /// # Errors
    /// As [`Studio::add_style`].
    pub fn add_style_as(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.add(net::Style { name: name.to_owned(), ..net::Style::read(bytes).map_err(unfit)? })
    }

    fn add(&mut self, style: net::Style) -> Result<(), Error> {
        // Merging is what can fail later: better now.
        net::merge(&self.base, &[(&style, 1.0)]).map_err(unfit)?;
        self.styles.retain(|other| other.name != style.name);
        self.styles.push(style);
        Ok(())
    }

    /// The styles one can paint in.
    pub fn styles(&self) -> Vec<Style> {
        self.styles.iter().map(Style::of).collect()
    }

    /// Paints a photo. The same photo and look make the same bytes, whatever the number of threads; so do all tiles,
    /// but for the rounding of the guided filter where it is on.
    ///
    /// Memory stays bounded: beside the photo and the painting it holds one tile, and what is painted at a smaller
    /// size. `progress` is asked between tiles whether to go on.
    ///
    /// ```
    /// use kaiga::{Look, Studio, unwatched};
    /// # let jpeg = pixels::codec::write(&pixels::Image::filled(48, 32, [90; 3]), None, pixels::codec::Format::Jpeg, 90)?;
    /// let photo = pixels::codec::read(&jpeg, &Default::default())?;
    /// let painting = Studio::embedded()?.paint(&photo, &Look::default(), &unwatched)?;
    /// assert_eq!(painting.image.width(), photo.image.width());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::UnknownStyle`] if the look names a style that is not here, [`ErrorKind::Cancelled`] if
    /// `progress` said so.
    pub fn paint(&self, photo: &Photo, look: &Look, progress: &Progress) -> Result<Painting, Error> {
        let weights = self.weights(&look.styles)?;
        let photo_srgb = &photo.image;
        let (width, height) = (photo_srgb.width(), photo_srgb.height());
        let (working_width, working_height) = working_size(width, height, look.detail);
        let at_full_size = (working_width, working_height) == (width, height);

        let full_parts = parts(width, height, finishing_tile(look).side_px());
        let mut result = Image::filled(width, height, [0; 3]);

        if at_full_size {
            let mut steps = Steps::start(progress, full_parts.len())?;
            let brush = Brush::new(&self.networks, &weights, photo_srgb)?;
            for part in full_parts {
                let around = part.grown(surroundings_px(look), width, height);
                let painted = paint_part(photo_srgb, around, brush.reach_px, |tile| brush.draw(tile))?;
                finish(&painted, around, part, photo_srgb, look, &mut result);
                steps.one_more()?;
            }
        } else {
            let working_parts = parts(working_width, working_height, look.tile.side_px());
            let mut steps = Steps::start(progress, working_parts.len() + full_parts.len())?;
            let working_srgb = resize::to(photo_srgb, working_width, working_height, Filter::Lanczos3);
            let brush = Brush::new(&self.networks, &weights, &working_srgb)?;
            let mut strokes = Strokes::new(working_width, working_height);
            for part in working_parts {
                let painted = paint_part(&working_srgb, part, brush.reach_px, |tile| brush.draw(tile))?;
                strokes.put(part, &painted);
                steps.one_more()?;
            }
            for part in full_parts {
                let around = part.grown(surroundings_px(look), width, height);
                let painted = strokes.lift(width, height, around);
                finish(&painted, around, part, photo_srgb, look, &mut result);
                steps.one_more()?;
            }
        }
        Ok(Painting { image: result, alpha: photo.alpha.clone() })
    }

    /// The weights of a mixture of styles.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownStyle`] if one of them is not here.
    fn weights(&self, mix: &Mix) -> Result<Weights, Error> {
        let find = |(name, share): &(String, f32)| {
            let style = self.styles.iter().find(|style| style.name == *name);
            style.map(|style| (style, *share)).ok_or_else(|| self.unknown(name))
        };
        let shares = mix.shares().iter().map(find).collect::<Result<Vec<_>, _>>()?;
        net::merge(&self.base, &shares).map_err(unfit)
    }

    fn unknown(&self, name: &str) -> Error {
        let names: Vec<&str> = self.styles.iter().map(|style| style.name.as_str()).collect();
        let message = format!("there is no style \"{name}\"; there are {}", names.join(", "));
        Error::new(ErrorKind::UnknownStyle, message)
    }
}
