//! A look made ready: its styles merged and its networks planned once, for any number of pictures.

use crate::error::Error;
use crate::faces::{Detector, Face, FaceRegion, Landmarker, Repainter, bent, give_landmarks, kept};
use crate::generator::{self, Generator, Modulation};
use crate::look::{Faces, Look};
use crate::progress::{Progress, Steps};
use crate::whole::Whole;
use net::Medium;
use pixels::Image;
use pixels::space::Srgb8;
use rayon::prelude::*;
use std::sync::{Arc, OnceLock};

/// The detector of a studio and its painters, made when a face is first looked for.
pub(crate) type SharedDetector = Arc<OnceLock<Result<Detector, Error>>>;

/// What finds landmarks for a studio and its painters, made when a face is first drawn.
pub(crate) type SharedLandmarker = Arc<OnceLock<Result<Option<Landmarker>, Error>>>;

/// Paints pictures in one [`Look`]. [`crate::Studio::prepare`] makes it; it needs the studio no more, and may be shared
/// between threads. Memory for the networks' maps is kept from picture to picture: that of one tile.
pub struct Painter {
    pub(crate) look: Look,
    pub(crate) medium: Medium,
    /// Of the look's styles.
    pub(crate) generator: Arc<dyn Generator>,
    /// Of the styles of faces.
    pub(crate) face_generator: Arc<dyn Generator>,
    pub(crate) detector: SharedDetector,
    pub(crate) landmarker: SharedLandmarker,
}

/// What is known of a picture before it is painted; what is `None` is found out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// Its faces: those of [`crate::Studio::faces`], or found by other means. Faces seen in profile, under about 20 px
    /// across or outside the picture are painted as the rest is.
    pub faces: Option<&'a [Face]>,
    /// What the global eye makes of it, see [`Painter::modulation`].
    pub modulation: Option<&'a Modulation>,
}

impl Painter {
    /// The look it paints in.
    pub fn look(&self) -> &Look {
        &self.look
    }

    /// Paints a picture, and its faces by themselves if the look says so; the painting has its size. The same picture
    /// makes the same bytes, whatever the number of threads and whatever was painted before.
    ///
    /// Memory stays bounded: beside the picture and the painting it holds one tile, what is painted at a smaller size,
    /// and one face. `progress` is asked while faces are looked for, between tiles and between faces whether to go on.
    ///
    /// ```
    /// use kaiga::{Look, Studio, unwatched};
    /// let painter = Studio::embedded()?.prepare(&Look::default())?;
    /// for level in [40, 160] {
    ///     let photo = pixels::Image::filled(48, 32, [level; 3]);
    ///     let painting = painter.paint(&photo, &unwatched)?;
    ///     assert_eq!((painting.width(), painting.height()), (48, 32));
    /// }
    /// # Ok::<(), kaiga::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::ErrorKind::Cancelled`] if `progress` said so; [`crate::ErrorKind::Model`] if faces are to be found and
    /// there is no detector, see [`crate::Studio::from_bytes`].
    pub fn paint(&self, photo: &Image<Srgb8>, progress: &Progress) -> Result<Image<Srgb8>, Error> {
        self.paint_with(photo, Known::default(), progress)
    }

    /// Paints a picture of which something is known already. What [`Painter::paint`] promises holds here too.
    ///
    /// # Errors
    /// As [`Painter::paint`]; [`crate::ErrorKind::Setting`] if the modulation belongs to other models.
    pub fn paint_with(&self, photo: &Image<Srgb8>, known: Known, progress: &Progress) -> Result<Image<Srgb8>, Error> {
        known.modulation.map_or(Ok(()), |modulation| generator::check(&*self.generator, modulation))?;
        let whole = self.plan(photo);
        let mut regions = self.regions(photo, known.faces.unwrap_or_default())?;
        let seeks_faces = known.faces.is_none() && self.look.minds_faces();
        let parts = if self.paints_faces_only() { 0 } else { whole.steps() };
        let expected = usize::from(seeks_faces) + parts + self.portraits(&regions).len();
        let mut steps = Steps::start(progress, expected)?;
        if seeks_faces {
            regions = self.regions(photo, &detector(&self.detector)?.find(photo, &steps)?)?;
            steps.expect(self.portraits(&regions).len());
            steps.one_more()?;
        }
        // Faces and what is around them are painted from the same bent photo, or contours would be seen twice.
        let bent = bent(photo, &regions);
        let bent_srgb = bent.as_ref().unwrap_or(photo);
        let look = &self.look;
        let mut result = if self.paints_faces_only() {
            bent_srgb.clone()
        } else {
            whole.paint(bent_srgb, (look, self.medium), &*self.generator, known.modulation, &mut steps)?
        };
        if look.faces == Faces::Only && !self.paints_faces_only() {
            result = kept(&result, bent_srgb, &regions);
        }
        let portraits = self.portraits(&regions);
        let repainter = Repainter::new(&*self.face_generator, [photo, bent_srgb], portraits, (look, self.medium));
        for region in portraits {
            repainter.repaint(region, &mut result)?;
            steps.one_more()?;
        }
        if self.medium == Medium::Screentone {
            // Their skin was painted with the rest.
            regions.iter().for_each(|region| repainter.draw(region, &mut result));
        }
        Ok(result)
    }

    /// What the global eye makes of a picture, to be averaged with that of others and given to [`Painter::paint_with`].
    /// Given back as it is, it changes nothing in a picture without faces; where faces are bent, `paint` shows the eye the
    /// bent photo.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Model`] if the networks do not fit each other, which would be a bug.
    pub fn modulation(&self, photo: &Image<Srgb8>) -> Result<Modulation, Error> {
        self.generator.modulation(&self.plan(photo).at_working_size(photo))
    }

    fn plan(&self, photo: &Image<Srgb8>) -> Whole {
        Whole::plan(photo.width(), photo.height(), &self.look)
    }

    /// Whether nothing but faces is painted. In screentone all is painted, and what is no face is taken back.
    fn paints_faces_only(&self) -> bool {
        self.look.faces == Faces::Only && self.medium == Medium::Colour
    }

    fn regions(&self, photo: &Image<Srgb8>, faces: &[Face]) -> Result<Vec<FaceRegion>, Error> {
        let faces = if self.look.minds_faces() { faces } else { &[] };
        let mut regions = FaceRegion::all(photo.width(), photo.height(), faces, &self.look);
        let asked = self.look.draw.get();
        if asked > 0.0
            && !regions.is_empty()
            && let Some(landmarker) = landmarker(&self.landmarker)?
        {
            let find = |region: &FaceRegion| landmarker.find(photo, &region.face);
            let landmarks = regions.par_iter().map(find).collect::<Result<Vec<_>, Error>>()?;
            give_landmarks(&mut regions, photo, landmarks, asked);
        }
        Ok(regions)
    }

    /// Those that are painted by themselves. Dots cannot be blended, and lines that were drawn larger would be lost: faces
    /// in screentone are painted with the rest.
    fn portraits<'a>(&self, regions: &'a [FaceRegion]) -> &'a [FaceRegion] {
        if self.medium == Medium::Colour { regions } else { &[] }
    }
}

/// What finds landmarks; what comes with the library, if no other was given. Without it faces are not drawn.
///
/// # Errors
/// [`crate::ErrorKind::Model`] if what comes with the library is broken, which would be a bug.
pub(crate) fn landmarker(shared: &SharedLandmarker) -> Result<Option<&Landmarker>, Error> {
    #[cfg(feature = "bundled-models")]
    let bundled = || Landmarker::embedded().map(Some);
    #[cfg(not(feature = "bundled-models"))]
    let bundled = || Ok(None);
    shared.get_or_init(bundled).as_ref().map(Option::as_ref).map_err(Error::clone)
}

/// The detector; the one that comes with the library, if no other was given.
///
/// # Errors
/// [`crate::ErrorKind::Model`] if none was given and none comes with the library.
pub(crate) fn detector(shared: &SharedDetector) -> Result<&Detector, Error> {
    #[cfg(feature = "bundled-models")]
    let bundled = Detector::embedded;
    #[cfg(not(feature = "bundled-models"))]
    let bundled = || {
        let message = "there is no detector of faces: load one with Studio::use_detector, or turn faces off";
        Err(Error::new(crate::ErrorKind::Model, message))
    };
    shared.get_or_init(bundled).as_ref().map_err(Error::clone)
}
