//! The models at hand, and a look prepared from them.

use crate::error::{Error, ErrorKind};
use crate::face_models::FaceModels;
use crate::faces::{Detector, Face, Landmarker, Landmarks, Person, Segmenter};
use crate::generator::{Classic, Generator, Light, prepared_graph, unfit};
use crate::look::Look;
use crate::painter::Painter;
use crate::progress::{Progress, Steps};
use crate::styles::{Mix, Style};
use engine::Pool;
use net::{Arch, Body, Imported, Medium, Model, light};
use pixels::Image;
use pixels::space::Srgb8;
use std::sync::Arc;

/// The models that come with the library: file name and bytes, the base first.
#[cfg(feature = "bundled-models")]
pub const EMBEDDED: [models::File; models::GENERATOR.len()] = models::GENERATOR;

/// A place with everything at hand to paint photos: the networks' weights in every style. Make it once.
pub struct Studio {
    pub(crate) base: Model,
    /// Eye and drawer.
    pub(crate) networks: [Arch; 2],
    styles: Vec<net::Style>,
    /// Models that others made.
    imported: Vec<Imported>,
    face_models: FaceModels,
}

/// What a look is painted with.
pub(crate) struct Ingredients<'a> {
    pub(crate) whole: Source<'a>,
    faces: Source<'a>,
    pub(crate) medium: Medium,
}

/// What something is painted with.
#[derive(PartialEq)]
pub(crate) enum Source<'a> {
    /// Styles of the studio's base with their shares.
    Styles(Vec<(&'a net::Style, f32)>),
    /// A model of its own.
    Imported(&'a Imported),
}

impl Source<'_> {
    /// What it is drawn with.
    fn medium(&self) -> Result<Medium, Error> {
        match self {
            Self::Styles(styles) => {
                net::medium(styles).map_err(|error| Error::new(ErrorKind::Setting, error.to_string()))
            }
            Self::Imported(_) => Ok(Medium::Colour),
        }
    }
}

impl Studio {
    /// With the models that come with the library.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] if they are broken, which would be a bug.
    #[cfg(feature = "bundled-models")]
    pub fn embedded() -> Result<Self, Error> {
        let [(_, base), styles @ ..] = EMBEDDED;
        Self::from_bytes(base, &styles.map(|(_, style)| style))
    }

    /// With a base model and styles of your own: the bytes of their files. Faces are found with the detector that comes
    /// with the library; without the feature `bundled-models` [`Studio::use_detector`] says with which.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] if a file is broken, or a style does not belong to the base.
    pub fn from_bytes(base: &[u8], styles: &[&[u8]]) -> Result<Self, Error> {
        let base = Model::read(base).map_err(unfit)?;
        let networks = light::networks(&base.architecture).map_err(|_| {
            let message =
                format!("the base model is a {}, this version paints with {}", base.architecture, light::NAME);
            Error::new(ErrorKind::Model, message)
        })?;
        let face_models = FaceModels::default();
        let mut studio = Self { base, networks, styles: Vec::new(), imported: Vec::new(), face_models };
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
        self.imported.retain(|other| other.name != style.name);
        self.styles.retain(|other| other.name != style.name);
        self.styles.push(style);
        Ok(())
    }

    /// Adds a model that others made. It is named in a look as a style is, and cannot be mixed. A model of the same name is
    /// replaced. Returns what it is called.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] if its weights are not those of its network, or a style is called so already.
    pub fn add_imported(&mut self, model: Imported) -> Result<String, Error> {
        model.body.check().map_err(unfit)?;
        if self.styles.iter().any(|style| style.name == model.name) {
            let message = format!("there is a style \"{}\" already: import the model under another name", model.name);
            return Err(Error::new(ErrorKind::Model, message));
        }
        let name = model.name.clone();
        self.imported.retain(|other| other.name != name);
        self.imported.push(model);
        Ok(name)
    }

    /// Finds faces with another detector: the bytes of its file. Painters that are prepared already keep theirs.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] if the file is broken, or is no detector of faces.
    pub fn use_detector(&mut self, model: &[u8]) -> Result<(), Error> {
        self.face_models.use_detector(Detector::new(model)?);
        Ok(())
    }

    /// Finds landmarks with another model: the bytes of its file. Painters that are prepared already keep theirs.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] if the file is broken, or is no model of landmarks.
    pub fn use_landmarker(&mut self, model: &[u8]) -> Result<(), Error> {
        self.face_models.use_landmarker(Landmarker::new(model)?);
        Ok(())
    }

    /// Tells people from what is behind them with another model: the bytes of its file. Painters that are prepared already
    /// keep theirs.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] if the file is broken, or is no model of people.
    pub fn use_segmenter(&mut self, model: &[u8]) -> Result<(), Error> {
        self.face_models.use_segmenter(Segmenter::new(model)?);
        Ok(())
    }

    /// The styles one can paint in.
    pub fn styles(&self) -> Vec<Style> {
        self.styles.iter().map(Style::of).chain(self.imported.iter().map(Style::of_imported)).collect()
    }

    /// Whether this studio can paint so, without the work of preparing it.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownStyle`] if the look names a style that is not here; [`ErrorKind::Setting`] if its styles, or
    /// those of its faces, cannot be mixed because they are drawn with different things, or a setting does not go with
    /// what they are drawn with.
    pub fn check(&self, look: &Look) -> Result<(), Error> {
        self.ingredients(look).map(|_| ())
    }

    /// Makes a look ready: merges its styles and those of its faces, plans the networks. Do it once for all pictures
    /// that are painted so.
    ///
    /// # Errors
    /// As [`Studio::check`].
    pub fn prepare(&self, look: &Look) -> Result<Painter, Error> {
        let Ingredients { whole, faces, medium } = self.ingredients(look)?;
        let pool = Pool::default();
        let prepared = |source: &Source| -> Result<Arc<dyn Generator>, Error> {
            Ok(match source {
                Source::Styles(styles) => {
                    let weights = net::merge(&self.base, styles).map_err(unfit)?;
                    Arc::new(Light::new(&self.networks, &weights, &pool)?)
                }
                Source::Imported(model) => match &model.body {
                    Body::Classic { architecture, weights } => Arc::new(Classic::new(architecture, weights, &pool)?),
                    Body::Graph(graph) => prepared_graph(graph)?,
                },
            })
        };
        let generator = prepared(&whole)?;
        let alike = whole == faces || medium == Medium::Screentone || !look.minds_faces();
        let face_generator = if alike { Arc::clone(&generator) } else { prepared(&faces)? };
        let face_models = self.face_models.clone();
        Ok(Painter { look: look.clone(), medium, generator, face_generator, face_models })
    }

    /// The faces in a picture, largest first. `progress` has one part, and is asked again and again while it lasts.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] if `progress` said so; [`ErrorKind::Model`] if there is no detector, see
    /// [`Studio::from_bytes`].
    pub fn faces(&self, photo: &Image<Srgb8>, progress: &Progress) -> Result<Vec<Face>, Error> {
        let mut steps = Steps::start(progress, 1)?;
        let faces = self.face_models.detector()?.find(photo, &steps)?;
        steps.one_more()?;
        Ok(faces)
    }

    /// The dense landmarks of one of a picture's faces; `None` if its five landmarks are not those of a face.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] if there is no model of landmarks, see [`Studio::use_landmarker`].
    pub fn landmarks(&self, photo: &Image<Srgb8>, face: &Face) -> Result<Option<Landmarks>, Error> {
        let message = "there is no model of landmarks: load one with Studio::use_landmarker";
        let landmarker = self.face_models.landmarker()?.ok_or_else(|| Error::new(ErrorKind::Model, message))?;
        landmarker.find(photo, face)
    }

    /// The person with one of a picture's faces; `None` if its five landmarks are not those of a face.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] if there is no model of people, see [`Studio::use_segmenter`].
    pub fn person(&self, photo: &Image<Srgb8>, face: &Face) -> Result<Option<Person>, Error> {
        let message = "there is no model of people: load one with Studio::use_segmenter";
        let segmenter = self.face_models.segmenter()?.ok_or_else(|| Error::new(ErrorKind::Model, message))?;
        segmenter.find(photo, face)
    }

    /// What a look asks for, looked up and checked.
    pub(crate) fn ingredients(&self, look: &Look) -> Result<Ingredients<'_>, Error> {
        let (whole, faces) = (self.source(&look.styles)?, self.source(look.styles_of_faces())?);
        let (medium, face_medium) = (whole.medium()?, faces.medium()?);
        if face_medium != medium {
            let [medium, of_faces] = [medium, face_medium].map(Medium::name);
            let message = format!(
                "the picture is drawn in {medium}, the style of its faces in {of_faces}: they have to be the same"
            );
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
        Ok(Ingredients { whole, faces, medium })
    }

    /// What a mixture is painted with.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownStyle`] if one of its names is not here; [`ErrorKind::Setting`] if an imported model is to be
    /// mixed.
    fn source(&self, mix: &Mix) -> Result<Source<'_>, Error> {
        let imported = |name: &str| self.imported.iter().find(|model| model.name == name);
        match mix.shares() {
            [(name, _)] if imported(name).is_some() => Ok(Source::Imported(imported(name).expect("it was just found"))),
            shares => match shares.iter().find(|(name, _)| imported(name).is_some()) {
                Some((name, _)) => {
                    let message = format!("{name} is a model of its own and cannot be mixed: name it alone");
                    Err(Error::new(ErrorKind::Setting, message))
                }
                None => self.shares(mix).map(Source::Styles),
            },
        }
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

    fn unknown(&self, name: &str) -> Error {
        let styles = self.styles.iter().map(|style| style.name.as_str());
        let names: Vec<&str> = styles.chain(self.imported.iter().map(|model| model.name.as_str())).collect();
        let message = format!("there is no style \"{name}\"; there are {}", names.join(", "));
        Error::new(ErrorKind::UnknownStyle, message)
    }
}

/// Memory for the networks' maps, which painters may share: it holds what so many of them need that paint at a time, and
/// nothing for those that rest.
#[derive(Clone)]
pub struct Memory(Pool);

impl Memory {
    /// For so many pictures painted at a time.
    pub fn for_painters(painters: usize) -> Self {
        Self(Pool::keeping(painters))
    }
}

impl Painter {
    /// Shares the networks with this one, and `memory` with whoever else was given it.
    #[must_use]
    pub fn within(&self, Memory(pool): &Memory) -> Self {
        let generator = self.generator.sharing(pool);
        let alike = Arc::ptr_eq(&self.generator, &self.face_generator);
        let face_generator = if alike { Arc::clone(&generator) } else { self.face_generator.sharing(pool) };
        let (look, face_models) = (self.look.clone(), self.face_models.clone());
        Self { look, medium: self.medium, generator, face_generator, face_models }
    }
}

impl Clone for Painter {
    /// Shares the networks with the other and has memory for their maps of its own: for painting several pictures at a
    /// time, or for keeping a painter that is used now and then without keeping memory for a tile.
    fn clone(&self) -> Self {
        self.within(&Memory(Pool::default()))
    }
}

#[cfg(all(test, feature = "bundled-models"))]
mod tests {
    use super::*;

    #[test]
    fn a_clone_paints_the_same_with_the_same_weights() {
        let studio = Studio::embedded().unwrap();
        let photo = Image::from_fn(40, 30, |x, y| [x as u8 * 6, y as u8 * 8, 90]);
        for face_style in [None, Some(Mix::of("portrait"))] {
            let painter = studio.prepare(&Look { face_style: face_style.clone(), ..Look::default() }).unwrap();
            let clone = painter.clone();
            assert_eq!(Arc::ptr_eq(&clone.generator, &clone.face_generator), face_style.is_none());
            let paint = |painter: &Painter| painter.paint(&photo, &crate::unwatched).unwrap();
            assert!(paint(&painter) == paint(&clone));
            let memory = Memory::for_painters(1);
            let [one, other] = [painter.within(&memory), painter.within(&memory)];
            assert!(paint(&one) == paint(&other) && paint(&one) == paint(&painter));
        }
    }
}
