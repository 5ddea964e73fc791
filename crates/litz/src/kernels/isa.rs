//! Which instructions the kernels may use: what the CPU has, narrowed by `LITZ_CPU`.

use crate::{Error, Result};

/// An instruction set that the kernels exist for, from the narrowest to the widest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    /// Plain Rust, for every machine.
    Portable,
    /// x86-64 with AVX2, FMA and F16C.
    Avx2,
    /// x86-64 with AVX-512 F, BW, DQ, VL and VNNI besides.
    Avx512,
    /// The same with AVX-512 BF16, the dot product of bfloats: used only where fast activations are requested.
    Avx512Bf16,
}

impl Isa {
    /// All of them, narrowest first.
    pub const ALL: [Isa; 4] = [Isa::Portable, Isa::Avx2, Isa::Avx512, Isa::Avx512Bf16];

    /// The name that `LITZ_CPU` takes.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
            Isa::Avx512Bf16 => "avx512bf16",
        }
    }

    /// The widest that this CPU has, or what `LITZ_CPU` names.
    pub fn detect() -> Result<Isa> {
        match std::env::var("LITZ_CPU") {
            Ok(name) if !name.is_empty() => Isa::parse(&name),
            _ => Ok(Isa::widest()),
        }
    }

    /// The instruction set called `name`, if this CPU has it.
    pub fn parse(name: &str) -> Result<Isa> {
        let names = Isa::ALL.map(Isa::name).join(", ");
        let found = Isa::ALL.into_iter().find(|isa| isa.name() == name);
        let isa = found.ok_or_else(|| {
            Error::Value(format!("LITZ_CPU is {name:?}, expected one of {names}; unset it for the widest"))
        })?;
        if !isa.is_available() {
            let have = Isa::widest().name();
            return Err(Error::Unsupported(format!(
                "LITZ_CPU asks for {name}, but this CPU has {have} at most"
            )));
        }
        Ok(isa)
    }

    /// Whether this CPU has it.
    pub fn is_available(self) -> bool {
        match self {
            Isa::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
                    && is_x86_feature_detected!("f16c")
            }
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => {
                Isa::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512vnni")
            }
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Bf16 => Isa::Avx512.is_available() && is_x86_feature_detected!("avx512bf16"),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    fn widest() -> Isa {
        Isa::ALL.into_iter().rev().find(|isa| isa.is_available()).unwrap_or(Isa::Portable)
    }
}
