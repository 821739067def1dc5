//! A look made ready: its styles merged and its networks planned once, for any number of pictures.

use crate::error::Error;
use crate::face_models::FaceModels;
use crate::faces::{
    Face, FaceRegion, Landmarker, Landmarks, Repainter, bent, give_landmarks, is_painted_with_the_rest, kept,
};
use crate::fills::{self, FillStyle, Sky};
use crate::generator::{self, Generator, Modulation};
use crate::look::{Faces, Line, Look, Strength};
use crate::progress::{Progress, Steps};
use crate::tiles::Part;
use crate::upscale::Canvas;
use crate::whole::{Lay, Whole};
use net::Medium;
use pixels::Image;
use pixels::space::Srgb8;
use pixels::warp::smooth_step;
use rayon::prelude::*;
use std::sync::{Arc, OnceLock};

/// Paints pictures in one [`Look`]. [`crate::Studio::prepare`] makes it; it needs the studio no more, and may be shared
/// between threads. Memory for the networks' maps is kept from picture to picture: that of one tile.
pub struct Painter {
    pub(crate) look: Look,
    pub(crate) medium: Medium,
    /// Of the look's styles.
    pub(crate) generator: Arc<dyn Generator>,
    /// Of the styles of faces.
    pub(crate) face_generator: Arc<dyn Generator>,
    pub(crate) face_models: FaceModels,
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

/// A face that was followed over frames.
#[derive(Clone, Debug)]
pub(crate) struct FollowedFace {
    pub(crate) face: Face,
    /// What it is drawn by.
    pub(crate) landmarks: Option<Landmarks>,
    /// How far it is painted by itself, 0..1: faces come and go little by little.
    pub(crate) presence: f32,
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
        let expected = usize::from(seeks_faces) + self.parts(&whole) + self.portraits(photo, &regions).len();
        let mut steps = Steps::start(progress, expected)?;
        if seeks_faces {
            regions = self.regions(photo, &self.face_models.detector()?.find(photo, &steps)?)?;
            steps.expect(self.portraits(photo, &regions).len());
            steps.one_more()?;
        }
        self.paint_regions(photo, (&whole, self.fills()), &regions, known.modulation, &mut steps)
    }

    /// The same painter on the way from the photo (0) to its look (1): lines come first, then colours.
    pub(crate) fn on_the_way(&self, share: f32) -> Self {
        let colours = smooth_step(0.0, 1.0, share);
        // Ink is seen at the strength of the colours it lies on.
        let lines = smooth_step(0.0, 0.5, share) / colours.max(1e-3);
        let capped = |value: f32, most: f64| value.clamp(0.0, most as f32);
        let strength = Strength::new(capped(colours * self.look.strength.get(), *Strength::RANGE.end()));
        let line = Line::new(capped(lines * self.look.line.get(), *Line::RANGE.end()));
        let look = Look {
            strength: strength.unwrap_or(self.look.strength),
            line: line.unwrap_or(self.look.line),
            ..self.look.clone()
        };
        let (generator, face_generator) = (Arc::clone(&self.generator), Arc::clone(&self.face_generator));
        Self { look, medium: self.medium, generator, face_generator, face_models: self.face_models.clone() }
    }

    /// Paints a frame of a film, in which faces were followed: all of it or some `parts`, which are painted nearly as in the
    /// whole; what the rest of the result shows means nothing then.
    ///
    /// # Errors
    /// As [`Painter::paint`].
    pub(crate) fn paint_frame(
        &self,
        frame: &Image<Srgb8>,
        faces: &[FollowedFace],
        modulation: &Modulation,
        parts: Option<&[Part]>,
        progress: &Progress,
    ) -> Result<Image<Srgb8>, Error> {
        let mut regions = self.unfilled_regions(frame, &faces.iter().map(|seen| seen.face).collect::<Vec<_>>());
        let whole = match parts {
            None => self.plan(frame),
            Some(parts) => {
                // A face is painted as one.
                let parts = with_whole(parts, regions.iter().map(|region| region.zone));
                regions.retain(|region| parts.iter().any(|part| part.meets(region.zone)));
                self.plan(frame).only(&parts)
            }
        };
        let mut landmarks = Vec::new();
        for region in &mut regions {
            let seen = faces.iter().find(|seen| seen.face == region.face);
            region.fade(seen.map_or(1.0, |seen| seen.presence), &self.look);
            landmarks.push(seen.and_then(|seen| seen.landmarks.clone()));
        }
        give_landmarks(&mut regions, frame, landmarks, self.look.draw.get());
        let mut steps = Steps::start(progress, self.parts(&whole) + self.portraits(frame, &regions).len())?;
        let fills = self.fills().map(FillStyle::in_motion);
        self.paint_regions(frame, (&whole, fills), &regions, Some(modulation), &mut steps)
    }

    /// Whether painting these parts of a frame paints any of its faces.
    pub(crate) fn paints_faces_in(&self, parts: &[Part], frame: &Image<Srgb8>, faces: &[Face]) -> bool {
        self.unfilled_regions(frame, faces).iter().any(|region| parts.iter().any(|part| part.meets(region.zone)))
    }

    /// The faces of a frame with the landmarks they are drawn by, none where the look does not mind faces.
    ///
    /// # Errors
    /// As [`Painter::paint`].
    pub(crate) fn seen_faces(
        &self,
        frame: &Image<Srgb8>,
        progress: &Progress,
    ) -> Result<Vec<(Face, Option<Landmarks>)>, Error> {
        if !self.look.minds_faces() {
            return Ok(Vec::new());
        }
        let steps = Steps::start(progress, 1)?;
        self.landmarked(frame, &self.face_models.detector()?.find(frame, &steps)?)
    }

    /// Faces of a frame that are known already, with the landmarks they are drawn by.
    ///
    /// # Errors
    /// As [`Painter::paint`].
    pub(crate) fn landmarked(
        &self,
        frame: &Image<Srgb8>,
        faces: &[Face],
    ) -> Result<Vec<(Face, Option<Landmarks>)>, Error> {
        let landmarker = if self.look.draw.get() > 0.0 { self.face_models.landmarker()? } else { None };
        faces.par_iter().map(|face| aligned(landmarker, frame, face)).collect()
    }

    fn paint_regions(
        &self,
        photo: &Image<Srgb8>,
        (whole, fills): (&Whole, Option<FillStyle>),
        regions: &[FaceRegion],
        modulation: Option<&Modulation>,
        steps: &mut Steps,
    ) -> Result<Image<Srgb8>, Error> {
        // Faces and what is around them are painted from the same bent photo, or contours would be seen twice.
        let bent = bent(photo, regions);
        let bent_srgb = bent.as_ref().unwrap_or(photo);
        let look = &self.look;
        let portraits = self.portraits(photo, regions);
        let repainter = Repainter::new(&*self.face_generator, [photo, bent_srgb], regions, (look, self.medium));
        let with_the_rest = |region: &&FaceRegion| !self.is_portrait(photo, region);
        let sky = OnceLock::new();
        let lay = |canvas: &mut Canvas, shown: &Image<Srgb8>, alone: Option<Part>| {
            if let Some(style) = &fills {
                let scale = photo.width() as f32 / shown.width() as f32;
                // Skin has tones of its own, and faces have lines of theirs.
                let skin = |place| regions.iter().map(|region| region.share(place)).fold(0.0, f32::max);
                let beside = (shown, sky.get_or_init(|| Sky::of(shown)));
                fills::lay(canvas, beside, style, alone, |place| {
                    look.flat.get() * (1.0 - skin(place.map(|v| scale * v)))
                });
            }
            let scale = shown.width() as f32 / photo.width() as f32;
            let meets = |region: &&FaceRegion| alone.is_none_or(|part| part.meets(region.zone.scaled(scale)));
            let cropped = alone.map(|part| shown.crop(part.x, part.y, part.width, part.height));
            let at = alone.map_or([0; 2], |part| [part.x, part.y]);
            for region in regions.iter().filter(with_the_rest).filter(meets) {
                repainter.lay(region, canvas, at, cropped.as_ref().unwrap_or(shown));
            }
        };
        let lays_skin = self.medium == Medium::Colour && regions.iter().any(|region| with_the_rest(&region));
        let lay: Option<&Lay> = if lays_skin || fills.is_some() { Some(&lay) } else { None };
        let mut result = if self.paints_faces_only() {
            bent_srgb.clone()
        } else {
            whole.paint(bent_srgb, (look, self.medium), &*self.generator, modulation, lay, steps)?
        };
        if look.faces == Faces::Only && !self.paints_faces_only() {
            result = kept(&result, bent_srgb, regions);
        }
        for region in portraits {
            repainter.repaint(region, &mut result)?;
            steps.one_more()?;
        }
        regions.iter().filter(with_the_rest).for_each(|region| repainter.draw(region, &mut result));
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

    /// How fills are laid; none if they are left as they were painted.
    fn fills(&self) -> Option<FillStyle> {
        FillStyle::of(&self.look, self.medium).filter(|_| self.generator.paints_fills())
    }

    /// The parts of the picture that progress is counted in.
    fn parts(&self, whole: &Whole) -> usize {
        if self.paints_faces_only() { 0 } else { whole.steps() }
    }

    fn plan(&self, photo: &Image<Srgb8>) -> Whole {
        Whole::plan(photo.width(), photo.height(), &self.look, &*self.generator)
    }

    /// Whether nothing but faces is painted. In screentone all is painted, and what is no face is taken back.
    fn paints_faces_only(&self) -> bool {
        self.look.faces == Faces::Only && self.medium == Medium::Colour
    }

    /// Without what they are drawn by.
    fn unfilled_regions(&self, photo: &Image<Srgb8>, faces: &[Face]) -> Vec<FaceRegion> {
        let faces = if self.look.minds_faces() { faces } else { &[] };
        FaceRegion::all(photo.width(), photo.height(), faces, &self.look)
    }

    fn regions(&self, photo: &Image<Srgb8>, faces: &[Face]) -> Result<Vec<FaceRegion>, Error> {
        let regions = self.unfilled_regions(photo, faces);
        let asked = self.look.draw.get();
        let landmarker = if asked > 0.0 && !regions.is_empty() { self.face_models.landmarker()? } else { None };
        let Some(landmarker) = landmarker else { return Ok(regions) };
        let wanted = |face: &Face| regions.iter().any(|region| region.face == *face);
        let find = |face: &Face| aligned(wanted(face).then_some(landmarker), photo, face);
        let found = faces.par_iter().map(find).collect::<Result<Vec<_>, Error>>()?;
        let (faces, landmarks): (Vec<Face>, Vec<Option<Landmarks>>) = found.into_iter().unzip();
        let mut regions = self.unfilled_regions(photo, &faces);
        let place = |region: &FaceRegion| faces.iter().position(|face| *face == region.face);
        let landmarks = regions.iter().map(|region| landmarks[place(region)?].clone()).collect();
        give_landmarks(&mut regions, photo, landmarks, asked);
        self.give_people(&mut regions, photo)?;
        Ok(regions)
    }

    /// Says who the drawn faces are of. In screentone hair is black as it is.
    fn give_people(&self, regions: &mut [FaceRegion], photo: &Image<Srgb8>) -> Result<(), Error> {
        if self.medium == Medium::Screentone {
            return Ok(());
        }
        let Some(segmenter) = self.face_models.segmenter()? else { return Ok(()) };
        regions.par_iter_mut().try_for_each(|region| {
            if let Some(drawn) = &mut region.drawn {
                drawn.person = segmenter.find(photo, &region.face)?;
            }
            Ok(())
        })
    }

    /// Those that are painted by themselves.
    fn portraits<'a>(&self, photo: &Image<Srgb8>, regions: &'a [FaceRegion]) -> Vec<&'a FaceRegion> {
        regions.iter().filter(|region| self.is_portrait(photo, region)).collect()
    }

    /// Whether a face is painted by itself: if it has a style of its own, or is too small or turned too far for what the
    /// rest is painted with. In screentone none is: dots cannot be blended, and lines that were drawn larger would be lost.
    fn is_portrait(&self, photo: &Image<Srgb8>, region: &FaceRegion) -> bool {
        let alike = Arc::ptr_eq(&self.generator, &self.face_generator) && self.look.faces != Faces::Only;
        let size = (photo.width(), photo.height());
        self.medium == Medium::Colour && !(alike && is_painted_with_the_rest(&region.pose, size, &self.look))
    }
}

/// Parts that hold the whole of each zone that they meet.
fn with_whole(parts: &[Part], zones: impl Iterator<Item = Part>) -> Vec<Part> {
    let mut parts = parts.to_vec();
    for zone in zones {
        let (met, rest): (Vec<Part>, Vec<Part>) = parts.into_iter().partition(|part| part.meets(zone));
        parts = rest;
        parts.extend(met.into_iter().reduce(Part::around).map(|met| met.around(zone)));
    }
    parts
}

/// A face with its landmarks, if somebody looks for them, and placed by them where they know better.
fn aligned(
    landmarker: Option<&Landmarker>,
    photo: &Image<Srgb8>,
    face: &Face,
) -> Result<(Face, Option<Landmarks>), Error> {
    let landmarks = landmarker.map_or(Ok(None), |landmarker| landmarker.find(photo, face))?;
    Ok((landmarks.as_ref().map_or(*face, |landmarks| landmarks.aligned(face)), landmarks))
}
