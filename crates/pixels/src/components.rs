//! Connected components.

use crate::Image;
use crate::space::Gray;

/// The parts of `within` (rows of `width`) that hang together, corners included, as indices; the first of each is its uppermost.
pub fn components(within: &[bool], width: usize) -> Vec<Vec<usize>> {
    let height = within.len() / width.max(1);
    let mut left = within.to_vec();
    let mut parts = Vec::new();
    for start in 0..within.len() {
        if !std::mem::take(&mut left[start]) {
            continue;
        }
        let mut part = vec![start];
        let mut next = 0;
        while let Some(&at) = part.get(next) {
            for (dx, dy) in (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy))) {
                part.extend(neighbour(at, dx, dy, width, height).filter(|&at| std::mem::take(&mut left[at])));
            }
            next += 1;
        }
        parts.push(part);
    }
    parts
}

/// 1 in the parts of `within` that reach the upper border and are `least` (0..1) of the picture or more, else 0.
pub fn from_above(within: &[bool], width: usize, least: f64) -> Image<Gray> {
    let mut mask = Image::filled(width, within.len() / width.max(1), 0.0);
    for part in components(within, width) {
        // The first index of a part is its uppermost.
        if part[0] < width && part.len() as f64 >= least * within.len() as f64 {
            part.iter().for_each(|&at| mask.pixels_mut()[at] = 1.0);
        }
    }
    mask
}

/// The index of the pixel (`dx`, `dy`) beside the one at index `at`, if there is one.
pub(crate) fn neighbour(at: usize, dx: isize, dy: isize, width: usize, height: usize) -> Option<usize> {
    let (x, y) = ((at % width).checked_add_signed(dx)?, (at / width).checked_add_signed(dy)?);
    (x < width && y < height).then_some(y * width + x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_touches_at_a_corner_hangs_together() {
        let within = ["#..#", ".#..", "...#"].concat().bytes().map(|byte| byte == b'#').collect::<Vec<_>>();
        assert_eq!(components(&within, 4), [vec![0, 5], vec![3], vec![11]]);
    }
}
