//! The methods of `Kernels`: they check the sizes of their arguments and call through the table.

use std::ops::Range;

use super::attention::{
    AttendSpec, AttendState, HeadRows, KeyPanels, KvLayout, Pages, Queries, WholeQueries, WholeScratch,
    WholeSpec, PAGE,
};
use super::isa::Isa;
use super::layout::{BLOCK, GROUP};
use super::matmul::Rows;
use super::pointwise::activation::Activation;
use super::quant::codes::CodeRowMut;
use super::table::{self, Kernels};
use super::views::{Activations, Input, Matrix, OutView, WeightDType};
use crate::Result;

/// Every method panics if the sizes of its arguments don't fit together.
impl Kernels {
    /// The kernels for the widest instructions of this CPU, or for those that `LITZ_CPU` names.
    pub fn detect() -> Result<&'static Kernels> {
        Isa::detect().map(Kernels::supported)
    }

    /// The kernels for `isa`, which this CPU must have.
    pub fn new(isa: Isa) -> Result<&'static Kernels> {
        Isa::parse(isa.name()).map(Kernels::supported)
    }

    /// The one dispatch; every caller has checked that the CPU has `isa`.
    fn supported(isa: Isa) -> &'static Kernels {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => &table::avx2::TABLE,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => &table::avx512::TABLE,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Bf16 => &table::avx512_bf16::TABLE,
            _ => &table::portable::TABLE,
        }
    }

    /// The instruction set of these kernels.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// What these weights are multiplied with where speed counts more than the last digits: bfloats where the CPU has
    /// their dot product and the weights are bfloats, which take f32 as well.
    pub fn fast_input(&self, w: &Matrix<'_>) -> Input {
        match w.dtype() {
            WeightDType::BF16 if self.isa == Isa::Avx512Bf16 => Input::Bf16,
            _ => w.input(),
        }
    }

    /// `y[t][r] = dot(x[t], w[r])` for the given rows and tokens; writes nothing else.
    ///
    /// An element's bits don't depend on what else is in the ranges.
    pub fn matmul(
        &self,
        w: &Matrix<'_>,
        rows: Range<usize>,
        x: &Activations<'_>,
        tokens: Range<usize>,
        y: &mut OutView<'_>,
    ) {
        if rows.is_empty() || tokens.is_empty() {
            return;
        }
        assert!(rows.end <= w.rows(), "rows {rows:?} of {}", w.rows());
        let whole_groups = w.is_packed() && w.dtype() == WeightDType::F32;
        assert!(!whole_groups || rows.start.is_multiple_of(GROUP), "rows {rows:?} begin inside a group");
        x.check(w, tokens.end);
        y.check(&rows, tokens.end);
        // SAFETY: the CPU has the instructions, and x and y hold the tokens and rows.
        unsafe {
            match x {
                &Activations::Bf16 { values, stride } => {
                    (self.matmul_bf16)(w, rows, Rows::of(values, stride), tokens, y)
                }
                _ => (self.matmul)(w, rows, x, tokens, y),
            }
        }
    }

    /// Packs up to sixteen stored rows; what a group lacks is zeros. The values stay what they are.
    ///
    /// `out` is best aligned to 64 bytes. Panics if it is not `group_bytes` long, or the rows are not of one length.
    pub fn pack_group(&self, dtype: WeightDType, cols: usize, rows: &[&[u8]], out: &mut [u8]) {
        assert_eq!(Some(out.len()), dtype.group_bytes(cols), "a group of {cols} {dtype:?} columns");
        assert!(rows.len() <= GROUP && rows.iter().all(|row| Some(row.len()) == dtype.row_bytes(cols)));
        // SAFETY: the CPU has the instructions.
        unsafe { (self.pack_group)(dtype, rows, out) }
    }

    /// Fills a row of a `CodeBuffer` with codes of `x`, which is as long as the row or up to 31 shorter.
    ///
    /// A block's scale is max|x| over the greatest code, 127 or 32639; codes are rounded to nearest, halves to even.
    pub fn quantize_row(&self, x: &[f32], mut row: CodeRowMut<'_>) {
        assert_eq!(x.len().div_ceil(BLOCK), row.blocks(), "{} columns for another row", x.len());
        // SAFETY: the CPU has the instructions.
        unsafe { (self.quantize_row)(x, &mut row) }
    }

    /// `out = w[row]`, of any storage that is not packed, bit for bit as `formats::dequantize` has it.
    pub fn dequantize_row(&self, w: &Matrix<'_>, row: usize, out: &mut [f32]) {
        assert_eq!(out.len(), w.cols());
        // SAFETY: the CPU has the instructions.
        unsafe { (self.dequantize_row)(w, row, out) }
    }

    /// Halves to singles.
    pub fn f16_to_f32(&self, x: &[u16], out: &mut [f32]) {
        assert_eq!(x.len(), out.len());
        // SAFETY: the CPU has the instructions.
        unsafe { (self.f16_to_f32)(x, out) }
    }

    /// bfloats to singles.
    pub fn bf16_to_f32(&self, x: &[u16], out: &mut [f32]) {
        assert_eq!(x.len(), out.len());
        // SAFETY: the CPU has the instructions.
        unsafe { (self.bf16_to_f32)(x, out) }
    }

    /// Singles to halves, to nearest, ties to even.
    pub fn f32_to_f16(&self, x: &[f32], out: &mut [u16]) {
        assert_eq!(x.len(), out.len());
        // SAFETY: the CPU has the instructions.
        unsafe { (self.f32_to_f16)(x, out) }
    }

    /// Singles to bfloats, to nearest, ties to even.
    pub fn f32_to_bf16(&self, x: &[f32], out: &mut [u16]) {
        assert_eq!(x.len(), out.len());
        // SAFETY: the CPU has the instructions.
        unsafe { (self.f32_to_bf16)(x, out) }
    }

    /// `out = x / sqrt(mean(x^2) + eps) * (weight + offset)`.
    pub fn rms_norm(&self, x: &[f32], weight: &[f32], eps: f32, offset: f32, out: &mut [f32]) {
        assert!(x.len() == weight.len() && out.len() == weight.len());
        // SAFETY: the CPU has the instructions; all three have one length.
        unsafe { (self.rms_norm)(x.as_ptr(), weight, eps, offset, out.as_mut_ptr()) }
    }

    /// `rms_norm` with `out = x`.
    pub fn rms_norm_in_place(&self, x: &mut [f32], weight: &[f32], eps: f32, offset: f32) {
        assert_eq!(x.len(), weight.len());
        // SAFETY: the CPU has the instructions; both have one length.
        unsafe { (self.rms_norm)(x.as_ptr(), weight, eps, offset, x.as_mut_ptr()) }
    }

    /// `out = (x - mean) / sqrt(variance + eps) * weight + bias`.
    pub fn layer_norm(&self, x: &[f32], weight: &[f32], bias: Option<&[f32]>, eps: f32, out: &mut [f32]) {
        assert!(x.len() == weight.len() && out.len() == weight.len());
        assert!(bias.is_none_or(|bias| bias.len() == weight.len()));
        // SAFETY: the CPU has the instructions; all have one length.
        unsafe { (self.layer_norm)(x.as_ptr(), weight, bias, eps, out.as_mut_ptr()) }
    }

    /// `layer_norm` with `out = x`.
    pub fn layer_norm_in_place(&self, x: &mut [f32], weight: &[f32], bias: Option<&[f32]>, eps: f32) {
        assert!(x.len() == weight.len() && bias.is_none_or(|bias| bias.len() == weight.len()));
        // SAFETY: the CPU has the instructions; all have one length.
        unsafe { (self.layer_norm)(x.as_ptr(), weight, bias, eps, x.as_mut_ptr()) }
    }

    /// Rotates one head: pairs are `(x[i], x[i + dim / 2])`, `dim = 2 * cos.len()`; the rest of the head stays.
    pub fn rope_half(&self, x: &mut [f32], cos: &[f32], sin: &[f32]) {
        assert!(cos.len() == sin.len() && 2 * cos.len() <= x.len());
        // SAFETY: the CPU has the instructions.
        unsafe { (self.rope_half)(x, cos, sin) }
    }

    /// Rotates one head: pairs are `(x[2i], x[2i + 1])` for each `cos[i]`; the rest of the head stays.
    pub fn rope_interleaved(&self, x: &mut [f32], cos: &[f32], sin: &[f32]) {
        assert!(cos.len() == sin.len() && 2 * cos.len() <= x.len());
        // SAFETY: the CPU has the instructions.
        unsafe { (self.rope_interleaved)(x, cos, sin) }
    }

    /// `x = activation(x)`.
    pub fn activate(&self, activation: Activation, x: &mut [f32]) {
        // SAFETY: the CPU has the instructions.
        unsafe { (self.activate)(activation, x) }
    }

    /// `gate = activation(gate) * up`.
    pub fn gate(&self, activation: Activation, gate: &mut [f32], up: &[f32]) {
        assert_eq!(gate.len(), up.len());
        // SAFETY: the CPU has the instructions.
        unsafe { (self.gate)(activation, gate, up) }
    }

    /// `x = e^x`, within 2 ulp; subnormal results too.
    pub fn exp(&self, x: &mut [f32]) {
        // SAFETY: the CPU has the instructions.
        unsafe { (self.exp)(x) }
    }

    /// `x = cap * tanh(x / cap)`.
    pub fn softcap(&self, x: &mut [f32], cap: f32) {
        // SAFETY: the CPU has the instructions.
        unsafe { (self.softcap)(x, cap) }
    }

    /// `x += y`.
    pub fn add(&self, x: &mut [f32], y: &[f32]) {
        assert_eq!(x.len(), y.len());
        // SAFETY: the CPU has the instructions.
        unsafe { (self.add)(x, y) }
    }

    /// `x *= factor`.
    pub fn scale(&self, x: &mut [f32], factor: f32) {
        // SAFETY: the CPU has the instructions.
        unsafe { (self.scale)(x, factor) }
    }

    /// `x += factor * y`.
    pub fn axpy(&self, x: &mut [f32], factor: f32, y: &[f32]) {
        assert_eq!(x.len(), y.len());
        // SAFETY: the CPU has the instructions.
        unsafe { (self.axpy)(x, factor, y) }
    }

    /// Where the greatest element is first; NaN never wins, and with nothing else there is no answer.
    pub fn argmax(&self, x: &[f32]) -> Option<usize> {
        // SAFETY: the CPU has the instructions.
        unsafe { (self.argmax)(x) }
    }

    /// Writes the key and value of position `slot` of a page, as `KvLayout` describes.
    pub fn store_kv(&self, layout: KvLayout, page: &mut [u8], slot: usize, key: &[f32], value: &[f32]) {
        assert!(page.len() == layout.bytes() && slot < PAGE, "slot {slot} of {} bytes", page.len());
        assert!((key.len(), value.len()) == (layout.head_dim, layout.value_dim));
        // SAFETY: the CPU has the instructions; the sizes were checked above.
        unsafe { (self.store_kv)(layout, page.as_mut_ptr(), slot, key, value) }
    }

    /// Adds consecutive pages of one kv head to the running softmax of some queries.
    ///
    /// A query sees the keys up to its own position, within its window. Pages must come in the order of their positions;
    /// those that no query sees may be left out.
    pub fn attend(
        &self,
        spec: &AttendSpec,
        queries: &Queries<'_>,
        pages: &Pages<'_>,
        state: &mut AttendState,
    ) {
        state.check(pages, queries, spec);
        if queries.values.is_empty() {
            return;
        }
        // SAFETY: the CPU has the instructions; queries, pages and state were checked above.
        unsafe { (self.attend)(spec, queries, pages, state) }
    }

    /// Packs the keys of one head as `KeyPanels` has them.
    pub fn pack_keys(&self, head_dim: usize, keys: &HeadRows<'_>, panels: &mut [f32]) {
        assert!(keys.hold(head_dim) && panels.len() == KeyPanels::len_of(keys.count, head_dim));
        // SAFETY: the CPU has the instructions.
        unsafe { (self.pack_keys)(head_dim, keys, panels) }
    }

    /// The attention of one head's queries to all keys that they see, in the order of `y`'s rows; zeros if there are none.
    pub fn attend_whole(
        &self,
        spec: &WholeSpec,
        whole: &WholeQueries<'_>,
        scratch: &mut WholeScratch,
        y: &mut OutView<'_>,
    ) {
        whole.check(spec);
        if whole.queries.count == 0 {
            return;
        }
        y.check(&(0..spec.value_dim), whole.queries.count);
        // SAFETY: the CPU has the instructions; queries, keys, values and outputs were checked above.
        unsafe { (self.attend_whole)(spec, whole, scratch, (y.values, y.stride)) }
    }

    /// Merges the state of the same queries over later pages.
    pub fn merge(&self, state: &mut AttendState, later: &AttendState) {
        state.check_same(later);
        // SAFETY: the CPU has the instructions.
        unsafe { (self.merge)(state, later) }
    }
}
