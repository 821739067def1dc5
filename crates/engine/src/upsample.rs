//! Bilinear resampling, row by row: whoever reads a resampled map need not have all of it made.

use net::Shape;

use crate::network::Place;
use crate::plain::bilinear_taps;
use crate::rows::{PAD, Rows};

/// Coarse columns mixed at once.
const SPAN: usize = 128;

/// A map seen at another size.
pub(crate) struct Upsampled<'a> {
    from: &'a Rows,
    /// Its shape at that size.
    pub(crate) shape: Shape,
    down: Axis,
    columns: Vec<(usize, usize, f32)>,
    align_corners: bool,
}

impl<'a> Upsampled<'a> {
    /// At the height and width of `like`. With a place, of a picture of whose first input the shape is given, taps are those of
    /// the whole.
    pub(crate) fn new(from: &'a Rows, like: Shape, align_corners: bool, place: Option<(Place, Shape)>) -> Self {
        let (small, large) = (from.shape, Shape::new(like.height, like.width, from.shape.channels));
        let [down, along] = match place {
            None => [Axis::whole(small.height, large.height), Axis::whole(small.width, large.width)],
            Some((Place { whole, at }, input)) => [
                Axis::part(small.height, large.height, input.height, whole.0, at.0),
                Axis::part(small.width, large.width, input.width, whole.1, at.1),
            ],
        };
        let columns = (0..large.width).map(|x| along.taps(x, align_corners)).collect();
        Self { from, shape: large, down, columns, align_corners }
    }

    /// Row `y` of channel `c` from column `first` on.
    pub(crate) fn line(&self, y: usize, c: usize, first: usize, to: &mut [f32]) {
        let (above, below, down) = self.down.taps(y, self.align_corners);
        let (above, below) = (self.from.plane(above, c), self.from.plane(below, c));
        let mut columns = &self.columns[first..first + to.len()];
        let mut to = to;
        // First down, then along: of the coarse columns there are fewer.
        while let Some(&(start, ..)) = columns.first() {
            let count = columns.partition_point(|&(_, right, _)| right < start + SPAN);
            let (now, later) = columns.split_at(count);
            let (made, rest) = to.split_at_mut(count);
            let end = now[count - 1].1 + 1;
            let mut mixed = [0.0; SPAN];
            for ((mixed, above), below) in mixed.iter_mut().zip(&above[start..end]).zip(&below[start..end]) {
                *mixed = above * (1.0 - down) + below * down;
            }
            for (to, &(left, right, share)) in made.iter_mut().zip(now) {
                *to = mixed[left - start] * (1.0 - share) + mixed[right - start] * share;
            }
            (columns, to) = (later, rest);
        }
    }

    /// All of it.
    pub(crate) fn fill(&self, out: &mut Rows) {
        let (stride, width) = (out.stride, out.shape.width);
        out.fill(|y, row| {
            for (c, plane) in row.chunks_exact_mut(stride).enumerate() {
                self.line(y, c, 0, &mut plane[PAD..][..width]);
            }
        });
    }
}

/// One axis of a resampling: sides of the part that is there, sides of the whole, and where the part begins, each of the
/// coarse and of the fine map.
struct Axis {
    small: usize,
    whole: [usize; 2],
    start: [usize; 2],
}

impl Axis {
    fn whole(small: usize, large: usize) -> Self {
        Self { small, whole: [small, large], start: [0; 2] }
    }

    /// Of a part whose first input has so many px, of the whole's, from there on.
    fn part(small: usize, large: usize, input: usize, whole: usize, start: usize) -> Self {
        Self {
            small,
            whole: [small, large].map(|side| whole * side / input),
            start: [small, large].map(|side| start * side / input),
        }
    }

    fn taps(&self, at: usize, align_corners: bool) -> (usize, usize, f32) {
        let (first, second, share) = bilinear_taps(self.start[1] + at, self.whole[0], self.whole[1], align_corners);
        // Beyond the part nothing is known; what is near its border is not used.
        let inside = |place: usize| place.saturating_sub(self.start[0]).min(self.small - 1);
        (inside(first), inside(second), share)
    }
}
