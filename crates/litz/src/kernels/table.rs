//! One table of functions per instruction set, and `Kernels` that calls through it.

use std::ops::Range;

use super::attention::whole::{self, HeadRows, WholeQueries, WholeScratch, WholeSpec};
use super::attention::{AttendSpec, AttendState, KvLayout, Pages, Queries};
use super::isa::Isa;
use super::matmul::{self, Rows};
use super::pointwise::activation::Activation;
use super::pointwise::{activation, arithmetic, exp, norm, rope};
use super::quant::codes::CodeRowMut;
use super::quant::{pack, quantize};
use super::shared_slice::SharedSlice;
use super::simd::Portable;
#[cfg(target_arch = "x86_64")]
use super::simd::{Avx2, Avx512};
use super::views::{Activations, Matrix, OutView, WeightDType};
use super::{attention, convert};

/// The functions of one instruction set, each a generic kernel compiled for it, and their table.
macro_rules! table {
    ($isa:expr, $token:expr, $attribute:meta, $($name:ident = $path:path, ($($arg:ident: $ty:ty),*) $(-> $out:ty)?;)*) => {
        $(
            #[$attribute]
            unsafe fn $name($($arg: $ty),*) $(-> $out)? {
                // SAFETY: who calls through a table has the CPU for it and keeps the kernel's own conditions.
                #[allow(unused_unsafe)]
                unsafe { $path($token, $($arg),*) }
            }
        )*
        pub(in crate::kernels) const TABLE: Kernels = Kernels { isa: $isa, $($name,)* };
    };
}

/// Declares `Kernels`, with a field for each kernel, and its table for each instruction set.
macro_rules! tables {
    ($($name:ident = $path:path, ($($arg:ident: $ty:ty),*) $(-> $out:ty)?;)*) => {
        /// The kernels of one instruction set.
        #[derive(Debug)]
        pub struct Kernels {
            pub(super) isa: Isa,
            $(pub(super) $name: unsafe fn($($ty),*) $(-> $out)?,)*
        }

        pub(super) mod portable {
            use super::*;
            table! { Isa::Portable, Portable, inline, $($name = $path, ($($arg: $ty),*) $(-> $out)?;)* }
        }

        #[cfg(target_arch = "x86_64")]
        pub(super) mod avx2 {
            use super::*;
            table! {
                Isa::Avx2, Avx2::new(), target_feature(enable = "avx2,fma,f16c"),
                $($name = $path, ($($arg: $ty),*) $(-> $out)?;)*
            }
        }

        #[cfg(target_arch = "x86_64")]
        pub(super) mod avx512 {
            use super::*;
            table! {
                Isa::Avx512, Avx512::new(),
                target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c"),
                $($name = $path, ($($arg: $ty),*) $(-> $out)?;)*
            }
        }
    };
}

/// The AVX-512 kernels, and the dot product of bfloats besides.
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512_bf16 {
    use super::*;
    use crate::kernels::matmul::NativePairs;

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16,avx2,fma,f16c")]
    unsafe fn matmul_bf16(
        w: &Matrix<'_>,
        rows: Range<usize>,
        x: Rows,
        tokens: Range<usize>,
        y: &OutView<'_>,
    ) {
        // SAFETY: who calls through a table has the CPU for it and keeps the kernel's own conditions.
        unsafe { matmul::matmul_pairs::<_, NativePairs>(Avx512::new(), w, rows, x, tokens, y) }
    }

    pub(in crate::kernels) const TABLE: Kernels =
        Kernels { isa: Isa::Avx512Bf16, matmul_bf16, ..avx512::TABLE };
}

tables! {
    matmul = matmul::matmul, (w: &Matrix<'_>, rows: Range<usize>, x: &Activations<'_>, tokens: Range<usize>, y: &OutView<'_>);
    matmul_bf16 = matmul::matmul_bf16, (w: &Matrix<'_>, rows: Range<usize>, x: Rows, tokens: Range<usize>, y: &OutView<'_>);
    pack_group = pack::pack_group, (dtype: WeightDType, rows: &[&[u8]], out: &mut [u8]);
    quantize_row = quantize::quantize_row, (x: &[f32], row: &mut CodeRowMut<'_>);
    dequantize_row = convert::dequantize_row, (w: &Matrix<'_>, row: usize, out: &mut [f32]);
    f16_to_f32 = convert::f16_to_f32, (x: &[u16], out: &mut [f32]);
    bf16_to_f32 = convert::bf16_to_f32, (x: &[u16], out: &mut [f32]);
    f32_to_f16 = convert::f32_to_f16, (x: &[f32], out: &mut [u16]);
    f32_to_bf16 = convert::f32_to_bf16, (x: &[f32], out: &mut [u16]);
    rms_norm = norm::rms_norm, (x: *const f32, weight: &[f32], eps: f32, offset: f32, out: *mut f32);
    layer_norm = norm::layer_norm, (x: *const f32, weight: &[f32], bias: Option<&[f32]>, eps: f32, out: *mut f32);
    rope_half = rope::rope_half, (x: &mut [f32], cos: &[f32], sin: &[f32]);
    rope_interleaved = rope::rope_interleaved, (x: &mut [f32], cos: &[f32], sin: &[f32]);
    activate = activation::activate, (activation: Activation, x: &mut [f32]);
    gate = activation::gate, (activation: Activation, gate: &mut [f32], up: &[f32]);
    exp = exp::exp_in_place, (x: &mut [f32]);
    softcap = exp::softcap, (x: &mut [f32], cap: f32);
    add = arithmetic::add, (x: &mut [f32], y: &[f32]);
    scale = arithmetic::scale, (x: &mut [f32], factor: f32);
    axpy = arithmetic::axpy, (x: &mut [f32], factor: f32, y: &[f32]);
    argmax = arithmetic::argmax, (x: &[f32]) -> Option<usize>;
    store_kv = attention::store, (layout: KvLayout, page: *mut u8, slot: usize, key: &[f32], value: &[f32]);
    attend = attention::attend, (spec: &AttendSpec, queries: &Queries<'_>, pages: &Pages<'_>, state: &mut AttendState);
    pack_keys = whole::pack_keys, (head_dim: usize, keys: &HeadRows<'_>, panels: &mut [f32]);
    attend_whole = whole::attend, (spec: &WholeSpec, whole: &WholeQueries<'_>, scratch: &mut WholeScratch, out: (SharedSlice<'_, f32>, usize));
    merge = attention::merge, (state: &mut AttendState, later: &AttendState);
}
