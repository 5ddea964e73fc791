//! How a model is loaded.

use serde::Deserialize;

use super::state::CacheDType;
use crate::kernels::{CodeWidth, Input, Kernels, Matrix};

/// What weights are multiplied with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActivationDType {
    /// Codes of 16 bits beside quantised weights, which are packed for it; single precision beside floats.
    #[default]
    Auto,
    /// Codes of 8 bits beside quantised weights, and bfloats beside bfloats where the CPU multiplies them.
    Fast,
    /// Single precision: as if the weights were dequantised.
    F32,
}

impl ActivationDType {
    /// The codes that quantised weights are multiplied with.
    pub(super) fn codes(self) -> CodeWidth {
        match self {
            ActivationDType::Fast => CodeWidth::Bits8,
            ActivationDType::Auto | ActivationDType::F32 => CodeWidth::Bits16,
        }
    }

    /// In which form a matrix takes its input: the same on every CPU, unless speed was asked for.
    pub(super) fn input(self, kernels: &Kernels, weight: &Matrix<'_>) -> Input {
        match self {
            ActivationDType::Fast => kernels.fast_input(weight),
            ActivationDType::Auto | ActivationDType::F32 => weight.input(),
        }
    }
}

/// How to load.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoadOptions {
    /// Threads, unless `LITZ_NUM_THREADS` says otherwise; `None`: the cores that this process may use.
    pub threads: Option<usize>,
    /// Keep all matrices as f32.
    pub dequantize: bool,
    /// How keys and values are kept.
    pub cache: CacheDType,
    /// What quantised weights are multiplied with.
    pub activations: ActivationDType,
    /// The most tokens that are processed at once; results do not depend on it.
    pub chunk: usize,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            threads: None,
            dequantize: false,
            cache: CacheDType::F16,
            activations: ActivationDType::Auto,
            chunk: 256,
        }
    }
}
