//! Looks that were made ready lately: most pictures are painted in a look that another was painted in before.

use crate::metrics::Metrics;
use kaiga::{Error, Look, Painter, Studio};
use std::sync::{Arc, Mutex, PoisonError};

/// So many are kept. Each holds the weights of its styles, some MB, and no memory for pictures.
const KEPT: usize = 8;

/// A studio and the painters it made lately.
pub(crate) struct PainterCache {
    studio: Studio,
    metrics: Arc<Metrics>,
    /// Used last, kept longest: the end is next to go.
    recent: Mutex<Vec<Painter>>,
}

impl PainterCache {
    /// With none yet.
    pub(crate) fn new(studio: Studio, metrics: Arc<Metrics>) -> Self {
        Self { studio, metrics, recent: Mutex::default() }
    }

    /// The studio whose looks these are.
    pub(crate) fn studio(&self) -> &Studio {
        &self.studio
    }

    /// A painter for this look, to be dropped with the memory it painted in.
    ///
    /// # Errors
    /// As [`Studio::prepare`].
    pub(crate) fn painter(&self, look: &Look) -> Result<Painter, Error> {
        // Made while others wait, some milliseconds: they may want the same.
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let painter = match recent.iter().position(|painter| painter.look() == look) {
            Some(at) => recent.remove(at),
            None => {
                self.metrics.look_prepared();
                self.studio.prepare(look)?
            }
        };
        recent.insert(0, painter);
        recent.truncate(KEPT);
        Ok(recent[0].clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kaiga::Strength;

    #[test]
    fn the_looks_used_last_are_kept() {
        let cache = PainterCache::new(Studio::embedded().unwrap(), Arc::default());
        let look = |at: usize| Look { strength: Strength::new(at as f32 / 10.0).unwrap(), ..Look::default() };
        let prepared_for = |at: usize| {
            let before = cache.metrics.looks_prepared();
            assert_eq!(cache.painter(&look(at)).unwrap().look(), &look(at));
            cache.metrics.looks_prepared() - before
        };
        let first: Vec<_> = (0..KEPT).map(prepared_for).collect();
        assert_eq!(first, [1; KEPT]);
        assert_eq!([0, KEPT, 0, 1].map(prepared_for), [0, 1, 0, 1], "one too many: the one not used for longest goes");
        assert_eq!(cache.recent.lock().unwrap().len(), KEPT);
    }

    #[test]
    fn a_look_that_cannot_be_is_not_kept() {
        let cache = PainterCache::new(Studio::embedded().unwrap(), Arc::default());
        let look = Look { styles: kaiga::Mix::of("baroque"), ..Look::default() };
        assert!(cache.painter(&look).is_err() && cache.recent.lock().unwrap().is_empty());
    }
}
