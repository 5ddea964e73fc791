//! One table of functions per instruction set, and `Kernels` that calls through it.

use std::ops::Range;

use super::attention::{AttendSpec, AttendState, KvPage};
use super::isa::Isa;
use super::lanes::Portable;
use super::views::{Activations, Matrix, OutView, Q8RowMut};
use super::{activation, arithmetic, attention, convert, exp, matmul, norm, quantize, rope, Activation};

/// Declares `Kernels`, a field of it per kernel, and an instance per instruction set.
///
/// A field is unsafe to call for two reasons: the CPU must have the instructions, and the kernel may have conditions of its own.
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
            $(
                unsafe fn $name($($arg: $ty),*) $(-> $out)? {
                    // SAFETY: the caller keeps the kernel's conditions.
                    #[allow(unused_unsafe)]
                    unsafe { $path(Portable, $($arg),*) }
                }
            )*
            pub(in super::super) static TABLE: Kernels = Kernels { isa: Isa::Portable, $($name,)* };
        }
    };
}

tables! {
    matmul = matmul::matmul, (w: &Matrix<'_>, rows: Range<usize>, x: &Activations<'_>, tokens: Range<usize>, y: &OutView<'_>);
    quantize_row = quantize::quantize_row, (x: &[f32], row: &mut Q8RowMut<'_>);
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
    attend = attention::attend, (spec: &AttendSpec, q: &[f32], page: KvPage<'_>, visible: &[Range<usize>], state: &mut AttendState);
}
