//! Faces followed from frame to frame: their places are steadied, and they come and go little by little.

use crate::faces::{Face, Landmarks};
use crate::painter::FollowedFace;
use pixels::warp::{Point, distance};
use std::f32::consts::TAU;

/// A face comes, and goes, in so many frames.
const FADE_FRAMES: f32 = 6.0;
/// The same face is at most so far from where it was expected, in widths of it.
const NEAR: f32 = 0.45;
/// … and has at least this share of its size, and at most the inverse.
const ALIKE: f32 = 0.6;
/// The 1€ filter (Casiez, Roussel and Vogel 2012): the cutoff of what rests, in cycles a frame, and how much it rises for
/// each width of the eyes' distance a frame. A lid that shuts passes at once, a tremor does not.
const REST_CUTOFF: f32 = 0.05;
const SPEED_GAIN: f32 = 7.0;

/// The faces of a frame.
pub(super) struct Faces(Vec<Track>);

#[derive(Clone)]
struct Track {
    face: Face,
    landmarks: Option<Landmarks>,
    presence: f32,
    /// Whether it was there in the frame; those that were not fade.
    found: bool,
}

impl Faces {
    /// Those of the first frame of a shot are there at once.
    pub(super) fn first(found: Vec<(Face, Option<Landmarks>)>) -> Self {
        Self(found.into_iter().map(|(face, landmarks)| Track { face, landmarks, presence: 1.0, found: true }).collect())
    }

    /// Whether all of them were found and none is still coming: then they may be expected where the motion leads.
    pub(super) fn are_settled(&self) -> bool {
        self.0.iter().all(|track| track.found && track.presence >= 1.0)
    }

    /// Where they are in the next frame, by its motion alone.
    pub(super) fn expected(&self, way: impl Fn(Point) -> Point) -> Vec<Face> {
        self.0.iter().map(|track| led(&track.face, way(middle(&track.face)))).collect()
    }

    /// Those of the frame `step` frames later, in which these were found. `way` says how far a place went since, px.
    pub(super) fn next(
        &self,
        found: Vec<(Face, Option<Landmarks>)>,
        way: impl Fn(Point) -> Point,
        step: usize,
    ) -> Self {
        let step = step as f32;
        let mut old: Vec<Option<&Track>> = self.0.iter().map(Some).collect();
        let mut tracks = Vec::with_capacity(found.len());
        for (face, landmarks) in found {
            let [dx, dy] = way(middle(&face));
            let off = |track: &Track| {
                let [x, y] = middle(&track.face);
                distance([x + dx, y + dy], middle(&face)) / face.bounds[2].max(1.0)
            };
            let alike = |track: &Track| {
                let size = track.face.bounds[2] / face.bounds[2].max(1e-3);
                off(track) < NEAR && (ALIKE..=1.0 / ALIKE).contains(&size)
            };
            let nearest = (0..old.len())
                .filter(|&i| old[i].is_some_and(alike))
                .min_by(|&a, &b| old[a].map_or(f32::MAX, off).total_cmp(&old[b].map_or(f32::MAX, off)));
            let track = match nearest.and_then(|i| old[i].take()) {
                Some(before) => before.went_on(face, landmarks, &way, step),
                None => Track { face, landmarks, presence: (step / FADE_FRAMES).min(1.0), found: true },
            };
            tracks.push(track);
        }
        // Those that were not found go with the picture while they fade.
        tracks.extend(old.into_iter().flatten().filter_map(|track| track.fading(&way, step)));
        Self(tracks)
    }

    /// As they are painted.
    pub(super) fn followed(&self) -> Vec<FollowedFace> {
        let followed = |track: &Track| {
            let Track { face, landmarks, presence, .. } = track.clone();
            FollowedFace { face, landmarks, presence }
        };
        self.0.iter().map(followed).collect()
    }
}

impl Track {
    fn went_on(&self, face: Face, landmarks: Option<Landmarks>, way: &impl Fn(Point) -> Point, step: f32) -> Self {
        let unit = distance(face.landmarks[0], face.landmarks[1]).max(1.0);
        let five = std::array::from_fn(|i| steadied(self.face.landmarks[i], face.landmarks[i], (unit, step), way));
        let landmarks = match (&self.landmarks, landmarks) {
            (Some(before), Some(now)) => {
                let mut before = before.points().iter();
                Some(now.moved(|p| before.next().map_or(p, |&was| steadied(was, p, (unit, step), way))))
            }
            (_, now) => now,
        };
        let presence = (self.presence + step / FADE_FRAMES).min(1.0);
        Self { face: Face { landmarks: five, ..face }, landmarks, presence, found: true }
    }

    fn fading(&self, way: &impl Fn(Point) -> Point, step: f32) -> Option<Self> {
        let presence = self.presence - step / FADE_FRAMES;
        let [dx, dy] = way(middle(&self.face));
        let face = led(&self.face, [dx, dy]);
        let landmarks = self.landmarks.as_ref().map(|landmarks| landmarks.moved(|[x, y]| [x + dx, y + dy]));
        (presence > 1e-3).then_some(Self { face, landmarks, presence, found: false })
    }
}

/// A face so many px further.
fn led(face: &Face, [dx, dy]: Point) -> Face {
    let [left, top, width, height] = face.bounds;
    let landmarks = face.landmarks.map(|[x, y]| [x + dx, y + dy]);
    Face { bounds: [left + dx, top + dy, width, height], landmarks, ..*face }
}

/// Where a landmark is that `was` there `step` frames before and is found at `now`: led by the motion of the picture, and corrected the
/// faster, the further it is off, in `unit` px.
fn steadied(was: Point, now: Point, (unit, step): (f32, f32), way: &impl Fn(Point) -> Point) -> Point {
    let [dx, dy] = way(now);
    let led = [was[0] + dx, was[1] + dy];
    // A step's cycles: those of its frames.
    let cutoff = step * REST_CUTOFF + SPEED_GAIN * distance(led, now) / unit;
    let share = 1.0 / (1.0 + 1.0 / (TAU * cutoff));
    [0, 1].map(|axis| led[axis] + share * (now[axis] - led[axis]))
}

fn middle(face: &Face) -> Point {
    let [left, top, width, height] = face.bounds;
    [left + 0.5 * width, top + 0.5 * height]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(x: f32, y: f32) -> (Face, Option<Landmarks>) {
        let landmarks = [[30.0, 40.0], [70.0, 40.0], [50.0, 60.0], [35.0, 80.0], [65.0, 80.0]];
        let landmarks = landmarks.map(|[u, v]| [u + x, v + y]);
        (Face { bounds: [x, y, 100.0, 120.0], landmarks, score: 0.99 }, None)
    }

    fn still(_: Point) -> Point {
        [0.0; 2]
    }

    #[test]
    fn faces_come_and_go_little_by_little_and_are_there_at_once_in_a_new_shot() {
        let mut faces = Faces::first(vec![face(0.0, 0.0)]);
        assert_eq!(faces.followed()[0].presence, 1.0);
        faces = faces.next(vec![face(1.0, 0.0), face(300.0, 0.0)], still, 1);
        let presences: Vec<f32> = faces.followed().iter().map(|seen| seen.presence).collect();
        assert_eq!(presences, [1.0, 1.0 / FADE_FRAMES]);
        let mut seen = Vec::new();
        for _ in 0..8 {
            faces = faces.next(vec![face(300.0, 0.0)], |_| [2.0, 0.0], 1);
            seen.push(faces.followed());
        }
        let first = &seen[0].iter().find(|seen| seen.face.bounds[0] < 100.0).expect("it fades");
        assert!((first.presence - 5.0 / 6.0).abs() < 1e-6 && first.face.bounds[0] == 3.0, "it goes with the picture");
        assert_eq!((seen[7].len(), seen[7][0].presence), (1, 1.0));
        let steps = seen.iter().filter(|seen| seen.len() == 2).count();
        assert_eq!(steps, 5, "and is gone after as many frames");
    }

    #[test]
    fn settled_faces_are_expected_where_the_motion_leads() {
        let faces = Faces::first(vec![face(0.0, 0.0)]);
        assert!(faces.are_settled());
        let expected = faces.expected(|_| [3.0, -2.0]);
        assert_eq!((expected[0].bounds, expected[0].landmarks[2]), ([3.0, -2.0, 100.0, 120.0], [53.0, 58.0]));
        assert!(!faces.next(vec![], still, 1).are_settled(), "one is gone");
        let faces = faces.next(vec![face(0.0, 0.0), face(300.0, 0.0)], still, 1);
        assert!(!faces.are_settled(), "one is coming");
    }

    #[test]
    fn a_tremor_is_stilled_and_a_lid_that_shuts_is_followed() {
        let tremor = |i: usize| if i.is_multiple_of(2) { 0.4 } else { -0.4 };
        let mut at = [50.0, 0.0];
        let mut wander = 0.0f32;
        for i in 0..40 {
            at = steadied(at, [50.0 + tremor(i), 0.0], (40.0, 1.0), &still);
            if i > 10 {
                wander = wander.max((at[0] - 50.0).abs());
            }
        }
        assert!(wander < 0.16, "{wander}");
        // Four px of forty, in two frames.
        let mut lid = [0.0, 0.0];
        for y in [2.0, 4.0, 4.0] {
            lid = steadied(lid, [0.0, y], (40.0, 1.0), &still);
        }
        assert!(lid[1] > 3.0, "{lid:?}");
    }

    #[test]
    fn a_head_that_moves_with_the_picture_does_not_lag() {
        let mut at = [0.0, 0.0];
        for i in 1..10 {
            at = steadied(at, [5.0 * i as f32, 0.0], (40.0, 1.0), &|_| [5.0, 0.0]);
        }
        assert!((at[0] - 45.0).abs() < 1e-3, "{at:?}");
    }
}
