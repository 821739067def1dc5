//! Vectors of f32 on whatever CPU this is: AVX-512, AVX2 with FMA, or plain arrays that the compiler vectorises as
//! well as the target allows (NEON, SSE2, WebAssembly). The only unsafe code of the project is here and in
//! [`crate::gemm`].
//!
//! Every operation acts on each lane alone, so a number comes out the same in whichever lane it lies.
#![allow(unsafe_code)]

/// The most lanes any kind of vector has; rows are padded to a multiple of it.
pub(crate) const LANES_MAX: usize = 16;

/// Vectors of one kind. A value of an implementing type proves that the CPU has the instructions.
pub(crate) trait Simd: Copy {
    /// Numbers in a vector.
    const LANES: usize;
    /// Vectors side by side in a tile of the matrix product: as many as the registers hold six rows of, 2 or 4.
    const TILE: usize;
    type V: Copy;

    fn splat(self, x: f32) -> Self::V;
    /// The first numbers of the slice. Panics if there are too few.
    fn load(self, from: &[f32]) -> Self::V;
    /// To the first places of the slice. Panics if there are too few.
    fn store(self, to: &mut [f32], v: Self::V);
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a·b + c`, rounded once where the CPU can.
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// Adds the low bits of `t` to the exponent of `p`: `p · 2ⁿ` for `t = n + 1.5·2²³`.
    fn scale(self, p: Self::V, t: Self::V) -> Self::V;

    /// eˣ to about 1e-7 of itself for x of −87..88; beyond, the value at the end (Cody & Waite 1980, the polynomial
    /// of Cephes).
    #[inline(always)]
    fn exp(self, x: Self::V) -> Self::V {
        let magic = self.splat(12_582_912.0);
        let x = self.max(self.min(x, self.splat(88.0)), self.splat(-87.0));
        let t = self.fma(x, self.splat(std::f32::consts::LOG2_E), magic);
        let n = self.sub(t, magic);
        let r = self.fma(n, self.splat(-0.693_359_4), x);
        let r = self.fma(n, self.splat(2.121_944_4e-4), r);
        let mut p = self.splat(1.987_569_1e-4);
        for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
            p = self.fma(p, r, self.splat(c));
        }
        let p = self.add(self.fma(p, self.mul(r, r), r), self.splat(1.0));
        self.scale(p, t)
    }
}

/// Something to be computed with whichever vectors there are. `run` must be `#[inline(always)]`.
pub(crate) trait Vectorized {
    fn run<S: Simd>(self, simd: S);
}

/// Which vectors are used. Nobody but [`Level::available`] makes one, so a value proves that the CPU was seen to have
/// the instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Level {
    /// All this CPU can do, the best first.
    pub(crate) fn available() -> Vec<Self> {
        let mut levels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let fma = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if fma && is_x86_feature_detected!("avx512f") {
                levels.push(Self(Kind::Avx512));
            }
            if fma {
                levels.push(Self(Kind::Avx2));
            }
        }
        levels.push(Self(Kind::Portable));
        levels
    }

    pub(crate) fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "AVX-512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "AVX2 and FMA",
            Kind::Portable if cfg!(target_arch = "aarch64") => "NEON by the compiler",
            Kind::Portable => "portable",
        }
    }

    /// Does the work.
    pub(crate) fn run(self, work: impl Vectorized) {
        match self.0 {
            // SAFETY: `available` is the only maker of a level, and saw that the CPU has the features.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { x86::avx512(work) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { x86::avx2(work) },
            Kind::Portable => work.run(Portable),
        }
    }
}

/// Arrays of eight.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

macro_rules! lanewise {
    ($name:ident($($arg:ident),*): $result:expr) => {
        #[inline(always)]
        fn $name(self, $($arg: [f32; 8]),*) -> [f32; 8] {
            let mut out = [0.0; 8];
            for i in 0..8 {
                let ($($arg,)*) = ($($arg[i],)*);
                out[i] = $result;
            }
            out
        }
    };
}

impl Simd for Portable {
    const LANES: usize = 8;
    const TILE: usize = 2;
    type V = [f32; 8];

    #[inline(always)]
    fn splat(self, x: f32) -> [f32; 8] {
        [x; 8]
    }
    #[inline(always)]
    fn load(self, from: &[f32]) -> [f32; 8] {
        let mut v = [0.0; 8];
        v.copy_from_slice(&from[..8]);
        v
    }
    #[inline(always)]
    fn store(self, to: &mut [f32], v: [f32; 8]) {
        to[..8].copy_from_slice(&v);
    }
    lanewise!(add(a, b): a + b);
    lanewise!(sub(a, b): a - b);
    lanewise!(mul(a, b): a * b);
    lanewise!(div(a, b): a / b);
    lanewise!(max(a, b): if a > b { a } else { b });
    lanewise!(min(a, b): if a < b { a } else { b });
    // Not `f32::mul_add`: without the instruction that is a slow library call. aarch64 always has it.
    lanewise!(fma(a, b, c): if cfg!(target_arch = "aarch64") { a.mul_add(b, c) } else { a * b + c });
    lanewise!(scale(p, t): f32::from_bits(p.to_bits().wrapping_add(t.to_bits() << 23)));
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Simd, Vectorized};

    /// Vectors of 16 by AVX-512.
    #[derive(Clone, Copy)]
    pub(super) struct Avx512(());

    /// Vectors of 8 by AVX2 and FMA.
    #[derive(Clone, Copy)]
    pub(super) struct Avx2(());

    #[target_feature(enable = "avx512f,avx2,fma")]
    pub(super) fn avx512(work: impl Vectorized) {
        work.run(Avx512(()));
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn avx2(work: impl Vectorized) {
        work.run(Avx2(()));
    }

    macro_rules! x86 {
        ($name:ident, $lanes:literal, $tile:literal, $vector:ty, $set1:ident, $loadu:ident, $storeu:ident, $add:ident,
         $sub:ident, $mul:ident, $div:ident, $max:ident, $min:ident, $fma:ident, $bits:ident, $float:ident, $shift:ident, $iadd:ident) => {
            // SAFETY, for every block below: a value of this type is made only in the function above whose target
            // features are those of the instructions. Loads and stores stay within a slice of the vector's length.
            impl Simd for $name {
                const LANES: usize = $lanes;
                const TILE: usize = $tile;
                type V = $vector;

                #[inline(always)]
                fn splat(self, x: f32) -> $vector {
                    // SAFETY: see above.
                    unsafe { $set1(x) }
                }
                #[inline(always)]
                fn load(self, from: &[f32]) -> $vector {
                    let from = &from[..$lanes];
                    // SAFETY: see above.
                    unsafe { $loadu(from.as_ptr()) }
                }
                #[inline(always)]
                fn store(self, to: &mut [f32], v: $vector) {
                    let to = &mut to[..$lanes];
                    // SAFETY: see above.
                    unsafe { $storeu(to.as_mut_ptr(), v) }
                }
                #[inline(always)]
                fn add(self, a: $vector, b: $vector) -> $vector {
                    // SAFETY: see above.
                    unsafe { $add(a, b) }
                }
                #[inline(always)]
                fn sub(self, a: $vector, b: $vector) -> $vector {
                    // SAFETY: see above.
                    unsafe { $sub(a, b) }
                }
                #[inline(always)]
                fn mul(self, a: $vector, b: $vector) -> $vector {
                    // SAFETY: see above.
                    unsafe { $mul(a, b) }
                }
                #[inline(always)]
                fn div(self, a: $vector, b: $vector) -> $vector {
                    // SAFETY: see above.
                    unsafe { $div(a, b) }
                }
                #[inline(always)]
                fn max(self, a: $vector, b: $vector) -> $vector {
                    // SAFETY: see above.
                    unsafe { $max(a, b) }
                }
                #[inline(always)]
                fn min(self, a: $vector, b: $vector) -> $vector {
                    // SAFETY: see above.
                    unsafe { $min(a, b) }
                }
                #[inline(always)]
                fn fma(self, a: $vector, b: $vector, c: $vector) -> $vector {
                    // SAFETY: see above.
                    unsafe { $fma(a, b, c) }
                }
                #[inline(always)]
                fn scale(self, p: $vector, t: $vector) -> $vector {
                    // SAFETY: see above.
                    unsafe { $float($iadd($bits(p), $shift::<23>($bits(t)))) }
                }
            }
        };
    }
    x86!(
        Avx512,
        16,
        4,
        __m512,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_add_ps,
        _mm512_sub_ps,
        _mm512_mul_ps,
        _mm512_div_ps,
        _mm512_max_ps,
        _mm512_min_ps,
        _mm512_fmadd_ps,
        _mm512_castps_si512,
        _mm512_castsi512_ps,
        _mm512_slli_epi32,
        _mm512_add_epi32
    );
    x86!(
        Avx2,
        8,
        2,
        __m256,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_add_ps,
        _mm256_sub_ps,
        _mm256_mul_ps,
        _mm256_div_ps,
        _mm256_max_ps,
        _mm256_min_ps,
        _mm256_fmadd_ps,
        _mm256_castps_si256,
        _mm256_castsi256_ps,
        _mm256_slli_epi32,
        _mm256_add_epi32
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Exp<'a>(&'a mut [f32]);
    impl Vectorized for Exp<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            for part in self.0.chunks_exact_mut(S::LANES) {
                let v = s.exp(s.load(part));
                s.store(part, v);
            }
        }
    }

    #[test]
    fn exp_is_exp_on_every_level() {
        let xs: Vec<f32> = (0..1600).map(|i| i as f32 * 0.109 - 87.0).collect();
        for level in Level::available() {
            let mut ys = xs.clone();
            level.run(Exp(&mut ys));
            for (x, y) in xs.iter().zip(&ys) {
                assert!((y / x.exp() - 1.0).abs() < 4e-7, "{level:?}: exp({x}) is {y}, not {}", x.exp());
            }
        }
    }
}
