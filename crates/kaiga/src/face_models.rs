//! What reads faces for a studio and its painters, each loaded when it is first needed.

use crate::error::Error;
use crate::faces::{Detector, Landmarker, Segmenter};
use std::sync::{Arc, OnceLock};

type Shared<T> = Arc<OnceLock<Result<T, Error>>>;

/// The models of faces; a clone shares them.
#[derive(Clone, Default)]
pub(crate) struct FaceModels {
    detector: Shared<Detector>,
    landmarker: Shared<Option<Landmarker>>,
    segmenter: Shared<Option<Segmenter>>,
}

impl FaceModels {
    /// The detector; the one that comes with the library, if no other was given.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Model`] if none was given and none comes with the library.
    pub(crate) fn detector(&self) -> Result<&Detector, Error> {
        #[cfg(feature = "bundled-models")]
        let bundled = Detector::embedded;
        #[cfg(not(feature = "bundled-models"))]
        let bundled = || {
            let message = "there is no detector of faces: load one with Studio::use_detector, or turn faces off";
            Err(Error::new(crate::ErrorKind::Model, message))
        };
        self.detector.get_or_init(bundled).as_ref().map_err(Error::clone)
    }

    /// What finds landmarks; what comes with the library, if no other was given. Without it faces are not drawn.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Model`] if what comes with the library is broken, which would be a bug.
    pub(crate) fn landmarker(&self) -> Result<Option<&Landmarker>, Error> {
        #[cfg(feature = "bundled-models")]
        let bundled = || Landmarker::embedded().map(Some);
        #[cfg(not(feature = "bundled-models"))]
        let bundled = || Ok(None);
        self.landmarker.get_or_init(bundled).as_ref().map(Option::as_ref).map_err(Error::clone)
    }

    /// What tells people from what is behind them, likewise. Without it hair is not drawn.
    ///
    /// # Errors
    /// As [`FaceModels::landmarker`].
    pub(crate) fn segmenter(&self) -> Result<Option<&Segmenter>, Error> {
        #[cfg(feature = "bundled-models")]
        let bundled = || Segmenter::embedded().map(Some);
        #[cfg(not(feature = "bundled-models"))]
        let bundled = || Ok(None);
        self.segmenter.get_or_init(bundled).as_ref().map(Option::as_ref).map_err(Error::clone)
    }

    pub(crate) fn use_detector(&mut self, detector: Detector) {
        self.detector = Shared::new(Ok(detector).into());
    }

    pub(crate) fn use_landmarker(&mut self, landmarker: Landmarker) {
        self.landmarker = Shared::new(Ok(Some(landmarker)).into());
    }

    pub(crate) fn use_segmenter(&mut self, segmenter: Segmenter) {
        self.segmenter = Shared::new(Ok(Some(segmenter)).into());
    }
}
