//! Non-maximum suppression: of boxes that overlap, the surest stays.

/// How much two boxes overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// Area of the intersection over that of the union (IoU).
    Union,
    /// Area of the intersection over that of the smaller box: a box inside another one overlaps it fully.
    Smaller,
}

/// Overlap of two boxes (left, top, width, height), 0..1; 0 where one of them has no area.
pub fn overlap(a: [f32; 4], b: [f32; 4], how: Overlap) -> f32 {
    let side = |axis: usize| (a[axis] + a[axis + 2]).min(b[axis] + b[axis + 2]) - a[axis].max(b[axis]);
    let both = side(0).max(0.0) * side(1).max(0.0);
    let [area_a, area_b] = [a, b].map(|[_, _, width, height]| width * height);
    let whole = match how {
        Overlap::Union => area_a + area_b - both,
        Overlap::Smaller => area_a.min(area_b),
    };
    if both > 0.0 { both / whole } else { 0.0 }
}

/// IoU of two boxes (left, top, width, height), 0..1.
pub fn iou(a: [f32; 4], b: [f32; 4]) -> f32 {
    overlap(a, b, Overlap::Union)
}

/// Keeps the surest, then the surest of those that overlap no kept one by more than `most`, and so on: surest first.
/// `of` gives score and box (left, top, width, height). Equal scores go by the boxes' numbers, so that the order of
/// `found` does not matter.
pub fn suppress<T>(mut found: Vec<T>, most: f32, how: Overlap, of: impl Fn(&T) -> (f32, [f32; 4])) -> Vec<T> {
    found.sort_by(|a, b| {
        let ((score_a, box_a), (score_b, box_b)) = (of(a), of(b));
        let numbers = box_a.iter().zip(&box_b).map(|(a, b)| a.total_cmp(b));
        score_b.total_cmp(&score_a).then(numbers.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then))
    });
    let mut kept: Vec<T> = Vec::new();
    for one in found {
        if kept.iter().all(|other| overlap(of(other).1, of(&one).1, how) <= most) {
            kept.push(one);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of 0..1 that look random.
    fn noise(seed: u64) -> impl FnMut() -> f32 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 24) as f32
        }
    }

    fn boxes(seed: u64, count: usize) -> Vec<(f32, [f32; 4])> {
        let mut random = noise(seed);
        // Scores in steps, so that some are equal.
        let mut one = || ((random() * 8.0).floor() / 8.0, [random() * 60.0, random() * 60.0, random() * 30.0, 20.0]);
        (0..count).map(|_| one()).collect()
    }

    #[test]
    fn overlaps_by_hand() {
        let (a, b) = ([0.0, 0.0, 4.0, 4.0], [2.0, 1.0, 4.0, 2.0]);
        assert_eq!(iou(a, b), 4.0 / 20.0);
        assert_eq!(overlap(a, b, Overlap::Smaller), 4.0 / 8.0);
        assert_eq!(iou(a, a), 1.0);
        assert_eq!(iou(a, [4.0, 0.0, 4.0, 4.0]), 0.0);
        assert_eq!(overlap([1.0; 4], [1.0, 1.0, 0.0, 0.0], Overlap::Smaller), 0.0);
    }

    #[test]
    fn no_two_kept_overlap_and_every_dropped_one_overlaps_a_surer_one() {
        for seed in 0..50 {
            for how in [Overlap::Union, Overlap::Smaller] {
                let found = boxes(seed, 60);
                let kept = suppress(found.clone(), 0.3, how, |one| *one);
                for (i, a) in kept.iter().enumerate() {
                    assert!(kept[..i].iter().all(|b| overlap(a.1, b.1, how) <= 0.3), "seed {seed}");
                }
                for one in found.iter().filter(|one| !kept.contains(one)) {
                    let surer = kept.iter().any(|k| k.0 >= one.0 && overlap(k.1, one.1, how) > 0.3);
                    assert!(surer, "seed {seed}: {one:?}");
                }
                let best = found.iter().map(|one| one.0).fold(0.0, f32::max);
                assert_eq!(kept[0].0, best, "seed {seed}");
            }
        }
    }

    #[test]
    fn the_order_of_what_was_found_does_not_matter() {
        for seed in 0..50 {
            let mut found = boxes(seed, 40);
            let kept = suppress(found.clone(), 0.4, Overlap::Union, |one| *one);
            found.reverse();
            assert_eq!(suppress(found.clone(), 0.4, Overlap::Union, |one| *one), kept);
            found.sort_by(|a, b| a.1[0].total_cmp(&b.1[0]));
            assert_eq!(suppress(found, 0.4, Overlap::Union, |one| *one), kept);
        }
    }
}
