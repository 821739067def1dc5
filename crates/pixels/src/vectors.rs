//! Loops in the widest vectors that the processor has. What is compiled for every x86-64 uses those of the first one.

/// Does the work with loops made for the processor it runs on. What it calls has to be inlined to have a part in it. Numbers come out the
/// same to the last bit: nothing is added in another order or fused.
#[inline]
pub fn widely<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}
