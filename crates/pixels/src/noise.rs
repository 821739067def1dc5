//! Numbers without structure for tests, 0..1, the same every time.

/// By place.
pub(crate) fn at(x: usize, y: usize) -> f32 {
    ((x * 7919 + y * 104_729 + x * y * 31) % 1009) as f32 / 1009.0
}

/// One after the other.
pub(crate) fn numbers(seed: u32) -> impl FnMut() -> f32 {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    }
}
