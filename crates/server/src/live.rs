//! Frames of a camera, painted as they come: what a client may wish for, and what a painter does with one frame.

use crate::error::{Error, Kind};
use crate::painter_cache::PainterCache;
use crate::params::{Pairs, Params};
use crate::video::stability;
use ::video::{Easel, Live, live_look};
use kaiga::{Memory, Stability};
use pixels::codec::{self, Format};
use std::time::Duration;

/// Pixels of a frame, at most: those of 1280×720.
pub(crate) const FRAME_PX: u64 = 1280 * 720;
/// Of the painted frames.
const JPEG_QUALITY: u8 = 85;
const FPS: std::ops::RangeInclusive<f64> = 1.0..=30.0;
const USUAL_FPS: f64 = 15.0;

/// How frames shall be painted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LiveParams {
    look: kaiga::Look,
    stability: Stability,
    per_second: f64,
}

impl LiveParams {
    /// From names and values: those of a look, `stability` and `fps`. An empty value counts as absent.
    ///
    /// # Errors
    /// As [`Params::read`].
    pub(crate) fn read(pairs: &[(String, String)], studio: &kaiga::Studio) -> Result<Self, Error> {
        if let Some((name, _)) =
            pairs.iter().find(|(name, _)| ["crop", "max_side", "format", "quality"].contains(&name.as_str()))
        {
            return Err(Error::new(Kind::Malformed, format!("{name} is for photos: leave it off")));
        }
        let is_own = |(name, _): &(String, String)| ["stability", "fps"].contains(&name.as_str());
        let (own, look): (Pairs, Pairs) = pairs.iter().cloned().partition(is_own);
        let mut params = Self {
            look: live_look(Params::read(&look, studio)?.look),
            stability: Stability::default(),
            per_second: USUAL_FPS,
        };
        for (name, value) in own.iter().filter(|(_, value)| !value.is_empty()) {
            match name.as_str() {
                "stability" => params.stability = stability(value)?,
                _ => {
                    let number = value.parse().ok().filter(|number| FPS.contains(number));
                    let wrong = || Error::new(Kind::Setting, "fps goes from 1 to 30");
                    params.per_second = number.ok_or_else(wrong)?;
                }
            }
        }
        Ok(params)
    }
}

/// What one client's frames are painted on, one after the other.
pub(crate) struct Desk {
    easel: Option<Easel>,
    params: LiveParams,
    /// Whether `params` are not yet those of the easel.
    changed: bool,
    memory: Memory,
}

impl Desk {
    /// Shares `memory` with all others.
    pub(crate) fn new(params: LiveParams, memory: Memory) -> Self {
        Self { easel: None, params, changed: false, memory }
    }

    /// From the next frame on.
    pub(crate) fn change(&mut self, params: LiveParams) {
        self.changed |= params != self.params;
        self.params = params;
    }

    /// The painting of a frame's file (JPEG, PNG, WebP …), a JPEG at the size it was painted at. So many desks share the machine.
    ///
    /// # Errors
    /// What the codec has against the file; [`Kind::Setting`] if the look cannot be had.
    pub(crate) fn paint(
        &mut self,
        cache: &PainterCache,
        file: &[u8],
        limits: &codec::Limits,
        sharing: usize,
    ) -> Result<Vec<u8>, Error> {
        let frame = codec::read(file, limits)?.image;
        let LiveParams { look, stability, per_second } = &self.params;
        let easel = match &mut self.easel {
            Some(easel) => {
                if self.changed {
                    easel.go_on_with(cache.painter(look)?.within(&self.memory), *per_second, *stability);
                }
                easel
            }
            place => {
                let painter = cache.painter(look)?.within(&self.memory);
                place.insert(Easel::new(painter, *per_second, *stability).map_err(internal)?.one_of(sharing))
            }
        };
        self.changed = false;
        let painted = easel.paint(&frame).map_err(internal)?;
        Ok(codec::write(&painted, None, Format::Jpeg, JPEG_QUALITY)?)
    }

    /// A painting was handed on; see [`Easel::handed_on`].
    pub(crate) fn handed_on(&mut self, after: Duration, spent: Duration, dropped: u64) -> Live {
        self.easel.as_mut().map(|easel| *easel.handed_on(after, spent, dropped)).unwrap_or_default()
    }
}

fn internal(error: ::video::Error) -> Error {
    Error::new(Kind::Internal, format!("the frame {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_those_of_a_look_and_of_what_runs() {
        let studio = kaiga::Studio::embedded().unwrap();
        let read = |query: &str| {
            let pairs: Pairs = serde_urlencoded::from_str(query).unwrap();
            LiveParams::read(&pairs, &studio)
        };
        let params = read("style=cel&stability=0.5&fps=24&strength=").unwrap();
        assert_eq!((params.stability.get(), params.per_second, params.look.detail.get()), (0.5, 24.0, 1.0));
        for (query, words) in [
            ("crop=0,0,9", "for photos"),
            ("fps=0.5", "from 1 to 30"),
            ("fps=x", "from 1 to 30"),
            ("stability=2", "stability"),
            ("colour=1", "no parameter"),
            ("style=baroque", "no style"),
        ] {
            let error = read(query).unwrap_err();
            assert!(error.detail.contains(words), "{query}: {error:?}");
        }
    }
}
