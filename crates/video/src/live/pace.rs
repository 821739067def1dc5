//! At which size frames are painted so that the painting keeps up with what comes.

use pixels::resize::area_size;

/// Chooses the size painted at so that so many frames a second are reached, and changes it seldom: each change is seen.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    /// Time for a frame, s.
    wanted_s: f64,
    /// Each step has three quarters of the area of the one before it.
    step: u32,
    /// How long frames take lately, s.
    taken_s: f64,
    frames: u32,
    /// After it was found too slow, a larger size is tried again only after so many frames.
    patience: u32,
}

impl Pace {
    /// The largest area painted at, px²: that of photos.
    const LARGEST_PX2: f64 = 0.524e6;
    /// The smallest is some of these steps below.
    const STEPS: u32 = 9;
    const STEP: f64 = 0.75;
    /// Frames between two changes, at least, and where it is far too slow.
    const REST: u32 = 8;
    const HURRY: u32 = 4;

    /// For so many frames a second.
    pub(super) fn new(per_second: f64) -> Self {
        let mut pace = Self { wanted_s: 1.0, step: 3, taken_s: 0.0, frames: 0, patience: 60 };
        pace.aim(per_second);
        pace
    }

    /// Begins as small as leaves `sharing` of its kind their part of the machine.
    pub(super) fn share(&mut self, sharing: usize) {
        let steps = ((sharing.max(1) as f64).ln() / (1.0 / Self::STEP).ln()).ceil() as u32;
        self.step = (self.step + steps).min(Self::STEPS);
    }

    /// From now on for so many frames a second.
    pub(super) fn aim(&mut self, per_second: f64) {
        self.wanted_s = 1.0 / per_second.max(0.1);
    }

    /// The size at which a frame of `width`×`height` px is painted.
    pub(super) fn size(&self, width: usize, height: usize) -> (usize, usize) {
        let area = (Self::LARGEST_PX2 * Self::STEP.powi(self.step as i32)) as usize;
        if width * height <= area { (width, height) } else { area_size(width, height, area) }
    }

    /// A frame took so long, s.
    pub(super) fn took(&mut self, seconds: f64) {
        self.frames += 1;
        self.taken_s = match self.frames {
            // The first of a size finds nothing ready.
            1 => 0.0,
            2 => seconds,
            _ => 0.75 * self.taken_s + 0.25 * seconds,
        };
        // By how many steps the area is too large.
        let steps = ((self.taken_s / self.wanted_s).ln() / (1.0 / Self::STEP).ln()).ceil().max(0.0) as u32;
        let rest = if steps > 2 { Self::HURRY } else { Self::REST };
        if steps > 0 && self.frames >= rest && self.step < Self::STEPS {
            self.change((self.step + steps).min(Self::STEPS));
            self.patience = (2 * self.patience).min(2000);
        } else if self.taken_s < 0.6 * self.wanted_s && self.frames >= self.patience && self.step > 0 {
            self.change(self.step - 1);
        }
    }

    fn change(&mut self, step: u32) {
        (self.step, self.frames) = (step, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_follows_the_time_it_takes_and_comes_to_rest() {
        // A machine that needs so many seconds for a Mpx.
        let settled = |seconds_a_mpx: f64| {
            let mut pace = Pace::new(15.0);
            let mut sizes = Vec::new();
            for _ in 0..4000 {
                let (w, h) = pace.size(1280, 720);
                sizes.push((w, h));
                pace.took((w * h) as f64 * 1e-6 * seconds_a_mpx);
            }
            let changes = sizes[2000..].windows(2).filter(|pair| pair[0] != pair[1]).count();
            let (w, h) = sizes[3999];
            (w * h, changes)
        };
        let (slow, changes) = settled(0.6);
        assert!((60_000..115_000).contains(&slow) && changes <= 4, "{slow} {changes}");
        let (fast, changes) = settled(0.05);
        assert!(fast > 500_000 && changes == 0, "{fast} {changes}");
        assert_eq!(Pace::new(15.0).size(64, 48), (64, 48), "nothing is enlarged");
    }

    #[test]
    fn what_is_far_too_slow_is_made_small_at_once() {
        let mut pace = Pace::new(15.0);
        [9.0, 0.05, 0.05, 0.05, 0.05].into_iter().for_each(|seconds| pace.took(seconds));
        let (w, h) = pace.size(1280, 720);
        assert!(w * h > 200_000, "one slow frame at the beginning is none: {w}×{h}");
        let mut one_of_many = Pace::new(15.0);
        one_of_many.share(1);
        assert_eq!(one_of_many.step, Pace::new(15.0).step);
        one_of_many.share(20);
        assert_eq!(one_of_many.step, Pace::STEPS);
        (0..4).for_each(|_| pace.took(5.0));
        let (w, h) = pace.size(1280, 720);
        assert!(w * h < 45_000, "{w}×{h}");
    }
}
