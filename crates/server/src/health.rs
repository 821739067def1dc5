//! Whether painting works: a picture was painted lately, if need be a small one that nobody asked for.

use kaiga::{Look, Studio, unwatched};
use pixels::Image;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// After so long without a painting a canary is painted.
const CANARY_EVERY: Duration = Duration::from_secs(30);
/// After so long without a painting something is wrong. Longer than the longest painting.
const WRONG_AFTER: Duration = Duration::from_secs(300);

/// What is known about painting.
#[derive(Default)]
pub(crate) struct Health(Mutex<State>);

#[derive(Default)]
struct State {
    last_painted: Option<Instant>,
    /// Somebody paints the canary now.
    canary_out: bool,
    /// The first canary's hash: all are the same, bit for bit, or something is broken.
    canary: Option<blake3::Hash>,
    trouble: Option<String>,
}

impl Health {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A picture was painted.
    pub(crate) fn painted(&self) {
        self.lock().last_painted = Some(Instant::now());
    }

    /// What is wrong, if something is.
    pub(crate) fn trouble(&self) -> Option<String> {
        let state = self.lock();
        match state.last_painted {
            _ if state.trouble.is_some() => state.trouble.clone(),
            None => Some("nothing has been painted yet".into()),
            Some(last) if last.elapsed() > WRONG_AFTER => {
                Some(format!("nothing has been painted for {} s", last.elapsed().as_secs()))
            }
            Some(_) => None,
        }
    }

    /// Paints the canary if it is time. Called by painters that have nothing else to do.
    pub(crate) fn canary(&self, studio: &Studio) {
        {
            let mut state = self.lock();
            let due = state.last_painted.is_none_or(|last| last.elapsed() > CANARY_EVERY) && !state.canary_out;
            if !due {
                return;
            }
            state.canary_out = true;
        }
        let result = crate::paint::caught(|| Ok(hash(studio)?));
        let mut state = self.lock();
        state.canary_out = false;
        state.trouble = match result {
            Ok(hash) if *state.canary.get_or_insert(hash) == hash => {
                state.last_painted = Some(Instant::now());
                None
            }
            Ok(_) => Some("the canary was painted differently than the time before: memory or model are broken".into()),
            Err(error) => Some(format!("the canary could not be painted: {}", error.detail)),
        };
        if let Some(trouble) = &state.trouble {
            tracing::error!("{trouble}");
        }
    }
}

/// Of a small painting with edges, colours and a gradient.
fn hash(studio: &Studio) -> Result<blake3::Hash, kaiga::Error> {
    let image =
        Image::from_fn(
            64,
            48,
            |x, y| if (x / 16 + y / 16) % 2 == 0 { [x as u8 * 4, 90, 60] } else { [40, y as u8 * 5, 200] },
        );
    let painting = studio.prepare(&Look::default())?.paint(&image, &unwatched)?;
    Ok(blake3::hash(painting.pixels().as_flattened()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canary_tells_whether_painting_works() {
        let (health, studio) = (Health::default(), Studio::embedded().unwrap());
        assert!(health.trouble().is_some_and(|trouble| trouble.contains("yet")));
        health.canary(&studio);
        assert_eq!(health.trouble(), None);
        health.lock().canary = Some(blake3::hash(b"another"));
        health.canary(&studio);
        assert_eq!(health.trouble(), None, "it is not time yet");
        health.lock().last_painted = None;
        health.canary(&studio);
        assert!(health.trouble().is_some_and(|trouble| trouble.contains("differently")));
    }
}
