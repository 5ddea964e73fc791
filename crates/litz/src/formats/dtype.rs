//! The element types of both formats: their names, block sizes and codes.

use std::fmt;

/// One row a type: the variant, its name, the elements and bytes of a block, its code in GGUF.
macro_rules! dtypes {
    ($($variant:ident $name:literal ($elements:literal, $bytes:literal) $ggml:expr;)*) => {
        /// How a tensor's elements are stored.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum DType { $(#[doc = concat!("`", $name, "`: ", $elements, " elements in ", $bytes, " bytes.")] $variant,)* }

        impl DType {
            /// Every type that a file may hold.
            pub const ALL: &'static [DType] = &[$(DType::$variant,)*];

            /// The name that the formats themselves use, such as `F32`, `F8_E4M3` or `Q4_K`.
            pub fn name(self) -> &'static str {
                match self { $(DType::$variant => $name,)* }
            }

            /// The smallest stored unit as (elements, bytes); one element for all that is not packed.
            pub fn block(self) -> (usize, usize) {
                match self { $(DType::$variant => ($elements, $bytes),)* }
            }

            pub(crate) fn ggml(self) -> Option<u32> {
                match self { $(DType::$variant => $ggml,)* }
            }
        }
    };
}

dtypes! {
    F64 "F64" (1, 8) Some(28);
    F32 "F32" (1, 4) Some(0);
    F16 "F16" (1, 2) Some(1);
    BF16 "BF16" (1, 2) Some(30);
    F8E4M3 "F8_E4M3" (1, 1) None;
    F8E5M2 "F8_E5M2" (1, 1) None;
    F8E4M3FNUZ "F8_E4M3FNUZ" (1, 1) None;
    F8E5M2FNUZ "F8_E5M2FNUZ" (1, 1) None;
    F8E8M0 "F8_E8M0" (1, 1) None;
    F6E2M3 "F6_E2M3" (4, 3) None;
    F6E3M2 "F6_E3M2" (4, 3) None;
    F4 "F4" (2, 1) None;
    C64 "C64" (1, 8) None;
    I64 "I64" (1, 8) Some(27);
    I32 "I32" (1, 4) Some(26);
    I16 "I16" (1, 2) Some(25);
    I8 "I8" (1, 1) Some(24);
    U64 "U64" (1, 8) None;
    U32 "U32" (1, 4) None;
    U16 "U16" (1, 2) None;
    U8 "U8" (1, 1) None;
    Bool "BOOL" (1, 1) None;
    Q4_0 "Q4_0" (32, 18) Some(2);
    Q4_1 "Q4_1" (32, 20) Some(3);
    Q5_0 "Q5_0" (32, 22) Some(6);
    Q5_1 "Q5_1" (32, 24) Some(7);
    Q8_0 "Q8_0" (32, 34) Some(8);
    Q8_1 "Q8_1" (32, 40) Some(9);
    Q2K "Q2_K" (256, 84) Some(10);
    Q3K "Q3_K" (256, 110) Some(11);
    Q4K "Q4_K" (256, 144) Some(12);
    Q5K "Q5_K" (256, 176) Some(13);
    Q6K "Q6_K" (256, 210) Some(14);
    Q8K "Q8_K" (256, 292) Some(15);
    IQ2XXS "IQ2_XXS" (256, 66) Some(16);
    IQ2XS "IQ2_XS" (256, 74) Some(17);
    IQ3XXS "IQ3_XXS" (256, 98) Some(18);
    IQ1S "IQ1_S" (256, 50) Some(19);
    IQ4NL "IQ4_NL" (32, 18) Some(20);
    IQ3S "IQ3_S" (256, 110) Some(21);
    IQ2S "IQ2_S" (256, 82) Some(22);
    IQ4XS "IQ4_XS" (256, 136) Some(23);
    IQ1M "IQ1_M" (256, 56) Some(29);
    TQ1_0 "TQ1_0" (256, 54) Some(34);
    TQ2_0 "TQ2_0" (256, 66) Some(35);
    MXFP4 "MXFP4" (32, 17) Some(39);
    NVFP4 "NVFP4" (64, 36) Some(40);
    Q1_0 "Q1_0" (128, 18) Some(41);
}

impl DType {
    /// The bytes that this many elements take; `None` if they end inside a block or the size overflows.
    pub fn bytes_for(self, elements: usize) -> Option<usize> {
        let (block, bytes) = self.block();
        if !elements.is_multiple_of(block) {
            return None;
        }
        (elements / block).checked_mul(bytes)
    }

    /// The type with this name in a safetensors header; GGUF's own block types are none of that format.
    pub(super) fn from_safetensors(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|dtype| dtype.is_plain() && dtype.name() == name)
    }

    /// The type with this code in a GGUF header.
    pub(super) fn from_ggml(code: u32) -> Option<Self> {
        Self::ALL.iter().copied().find(|dtype| dtype.ggml() == Some(code))
    }

    /// Not a block of quantised values with their scales.
    pub(super) fn is_plain(self) -> bool {
        self.block().0 <= 4
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_are_unique_and_found_again() {
        for (i, &dtype) in DType::ALL.iter().enumerate() {
            assert!(DType::ALL[..i].iter().all(|other| other.name() != dtype.name()));
            match dtype.ggml() {
                Some(code) => assert_eq!(DType::from_ggml(code), Some(dtype)),
                None => assert!(dtype.is_plain()),
            }
            assert_eq!(DType::from_safetensors(dtype.name()), dtype.is_plain().then_some(dtype));
        }
        assert_eq!(DType::from_ggml(4), None);
        assert_eq!(DType::from_safetensors("F128"), None);
    }

    #[test]
    fn sizes_end_at_blocks_and_never_overflow() {
        assert_eq!(DType::Q4_1.bytes_for(64), Some(40));
        assert_eq!(DType::Q4_1.bytes_for(33), None);
        assert_eq!(DType::F4.bytes_for(6), Some(3));
        assert_eq!(DType::F6E2M3.bytes_for(8), Some(6));
        assert_eq!(DType::F6E2M3.bytes_for(6), None);
        assert_eq!(DType::F64.bytes_for(usize::MAX), None);
        assert_eq!(DType::F64.bytes_for(0), Some(0));
    }
}
