//! Photo in, painting out.

use crate::brush::unfit;
use crate::error::{Error, ErrorKind};
use crate::faces::{Detector, Face, Portraitist, Sitter, bent, kept};
use crate::look::{Faces, Look};
use crate::progress::{Progress, Steps};
use crate::styles::{Mix, Style};
use crate::whole::Whole;
use net::{Arch, Medium, Model, Weights, light};
use pixels::Image;
use pixels::codec::Photo;
use pixels::space::{Alpha8, Srgb8};
use std::sync::OnceLock;

/// The style of faces, where the look names none and is drawn as this one is.
const PORTRAIT: &str = "portrait";

/// The models that come with the library: file name and bytes, the base first.
pub const EMBEDDED: [(&str, &[u8]); 7] = [
    ("light-2.base.safetensors", include_bytes!("../../../models/light-2.base.safetensors")),
    ("meadow-2.safetensors", include_bytes!("../../../models/meadow-2.safetensors")),
    ("skyglow-2.safetensors", include_bytes!("../../../models/skyglow-2.safetensors")),
    ("storybook-3.safetensors", include_bytes!("../../../models/storybook-3.safetensors")),
    ("portrait-3.safetensors", include_bytes!("../../../models/portrait-3.safetensors")),
    ("cel-1.safetensors", include_bytes!("../../../models/cel-1.safetensors")),
    ("manga-1.safetensors", include_bytes!("../../../models/manga-1.safetensors")),
];

/// A place with everything at hand to paint photos: the networks' weights in every style. Make it once.
pub struct Studio {
    base: Model,
    /// Eye and drawer.
    networks: [Arch; 2],
    styles: Vec<net::Style>,
    /// Made when it is first asked.
    detector: OnceLock<Result<Detector, Error>>,
}

/// A finished painting, of the same size as its photo.
#[derive(Clone, Debug, PartialEq)]
pub struct Painting {
    /// The colours, sRGB.
    pub image: Image<Srgb8>,
    /// The opacity of the photo, unchanged; `None` where every pixel is opaque.
    pub alpha: Option<Image<Alpha8>>,
}

/// What a look is painted with: styles with their shares.
struct Ingredients<'a> {
    styles: Vec<(&'a net::Style, f32)>,
    face_styles: Vec<(&'a net::Style, f32)>,
    medium: Medium,
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
            let message =
                format!("the base model is a {}, this version paints with {}", base.architecture, light::NAME);
            Error::new(ErrorKind::Model, message)
        })?;
        let mut studio = Self { base, networks, styles: Vec::new(), detector: OnceLock::new() };
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

    /// Whether this studio can paint so: what [`Studio::paint`] would refuse before it has seen a photo.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownStyle`] if the look names a style that is not here; [`ErrorKind::Setting`] if its styles, or
    /// those of its faces, cannot be mixed because they are drawn with different things, or a setting does not go with
    /// what they are drawn with.
    pub fn check(&self, look: &Look) -> Result<(), Error> {
        self.ingredients(look).map(|_| ())
    }

    /// The faces in a photo, largest first.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] if the detector that comes with the library is broken, which would be a bug.
    pub fn faces(&self, photo: &Photo) -> Result<Vec<Face>, Error> {
        self.detector.get_or_init(Detector::embedded).as_ref().map_err(Error::clone)?.detect(&photo.image)
    }

    /// Paints a photo, and its faces by themselves if the look says so. The same photo and look make the same bytes,
    /// whatever the number of threads; so do all tiles, but for the rounding of the guided filter where it is on.
    ///
    /// Memory stays bounded: beside the photo and the painting it holds one tile, what is painted at a smaller
    /// size, and one face. `progress` is asked between tiles and between faces whether to go on.
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
    /// As [`Studio::check`]; [`ErrorKind::Cancelled`] if `progress` said so.
    pub fn paint(&self, photo: &Photo, look: &Look, progress: &Progress) -> Result<Painting, Error> {
        self.check(look)?;
        let nobody = look.faces == Faces::Off || look.strength.get() == 0.0;
        let faces = if nobody { Vec::new() } else { self.faces(photo)? };
        self.paint_with(photo, look, &faces, progress)
    }

    /// Paints a photo whose faces are known already: those of [`Studio::faces`], or found by other means. What
    /// [`Studio::paint`] promises holds here too. Faces seen in profile, under about 20 px across or outside the photo
    /// are painted as the rest is.
    ///
    /// # Errors
    /// As [`Studio::paint`].
    pub fn paint_with(
        &self,
        photo: &Photo,
        look: &Look,
        faces: &[Face],
        progress: &Progress,
    ) -> Result<Painting, Error> {
        let photo_srgb = &photo.image;
        let (width, height) = (photo_srgb.width(), photo_srgb.height());
        let Ingredients { styles, face_styles, medium } = self.ingredients(look)?;
        let whole = Whole::plan(width, height, look);
        let faces = if look.faces == Faces::Off { &[] } else { faces };
        let sitters = Sitter::all(width, height, faces, look);
        // Dots cannot be blended, and lines that were drawn larger would be lost: faces in screentone are painted with
        // the rest.
        let portraits = if medium == Medium::Colour { sitters.as_slice() } else { &[] };
        let only_portraits = look.faces == Faces::Only && medium == Medium::Colour;
        let parts = if only_portraits { 0 } else { whole.steps() };
        let mut steps = Steps::start(progress, parts + portraits.len())?;

        // Faces and what is around them are painted from the same bent photo, or contours would be seen twice.
        let bent = bent(photo_srgb, &sitters);
        let bent_srgb = bent.as_ref().unwrap_or(photo_srgb);
        let mut result = if only_portraits {
            bent_srgb.clone()
        } else {
            whole.paint(bent_srgb, look, &self.networks, (&self.merged(&styles)?, medium), &mut steps)?
        };
        if look.faces == Faces::Only && !only_portraits {
            result = kept(&result, bent_srgb, &sitters);
        }
        if !portraits.is_empty() {
            let weights = self.merged(&face_styles)?;
            let portraitist = Portraitist::new(&self.networks, &weights, [photo_srgb, bent_srgb], portraits, look);
            for sitter in portraits {
                portraitist.repaint(sitter, &mut result)?;
                steps.one_more()?;
            }
        }
        Ok(Painting { image: result, alpha: photo.alpha.clone() })
    }

    /// What a look asks for, looked up and checked.
    fn ingredients(&self, look: &Look) -> Result<Ingredients<'_>, Error> {
        let refused = |error: net::Error| Error::new(ErrorKind::Setting, error.to_string());
        let styles = self.shares(&look.styles)?;
        let medium = net::medium(&styles).map_err(refused)?;
        let face_styles = self.shares(&self.face_mix(look, medium))?;
        let face_medium = net::medium(&face_styles).map_err(refused)?;
        if face_medium != medium {
            let [whole, faces] = [medium, face_medium].map(Medium::name);
            let message =
                format!("the picture is drawn in {whole}, the style of its faces in {faces}: they have to be the same");
            return Err(Error::new(ErrorKind::Setting, message));
        }
        let own_face_style = look.face_style.as_ref().is_some_and(|mix| *mix != look.styles);
        if medium == Medium::Screentone && own_face_style {
            let message = "faces in screentone are painted with the rest: they have no style of their own";
            return Err(Error::new(ErrorKind::Setting, message));
        }
        if medium == Medium::Screentone && look.guided.is_some() {
            let message = "the guided filter would smear the dots of a screentone style: leave it off";
            return Err(Error::new(ErrorKind::Setting, message));
        }
        Ok(Ingredients { styles, face_styles, medium })
    }

    /// The styles of a mixture with their shares.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownStyle`] if one of them is not here.
    fn shares(&self, mix: &Mix) -> Result<Vec<(&net::Style, f32)>, Error> {
        let find = |(name, share): &(String, f32)| {
            let style = self.styles.iter().find(|style| style.name == *name);
            style.map(|style| (style, *share)).ok_or_else(|| self.unknown(name))
        };
        mix.shares().iter().map(find).collect()
    }

    fn merged(&self, shares: &[(&net::Style, f32)]) -> Result<Weights, Error> {
        net::merge(&self.base, shares).map_err(unfit)
    }

    /// What faces are painted in where the rest is drawn with `medium`.
    fn face_mix(&self, look: &Look, medium: Medium) -> Mix {
        let suits = |style: &net::Style| style.name == PORTRAIT && style.medium == medium;
        let portrait = || self.styles.iter().any(suits).then(|| Mix::of(PORTRAIT));
        look.face_style.clone().or_else(portrait).unwrap_or_else(|| look.styles.clone())
    }

    fn unknown(&self, name: &str) -> Error {
        let names: Vec<&str> = self.styles.iter().map(|style| style.name.as_str()).collect();
        let message = format!("there is no style \"{name}\"; there are {}", names.join(", "));
        Error::new(ErrorKind::UnknownStyle, message)
    }
}
