"""The machine's limits, measured."""

from dataclasses import dataclass

from litz import _core

_GIGABYTE = 1 << 30


@dataclass(frozen=True)
class Limits:
    """The peak rates of so many threads: bytes and operations a second. A multiply-add counts two operations."""

    bandwidth: float
    """Bytes a second, read from a gigabyte of memory."""
    fma: float
    """Operations on float32."""
    bf16: float
    """Operations of the dot product of bfloats; 0 where the engine has none."""
    int8: float
    """Operations on bytes; 0 where the CPU has none."""

    def peak(self, dtype: str) -> float | None:
        """The operations that prompts are measured by, for weights of a stored dtype; None where none is known."""
        if dtype == "BF16" and self.bf16:
            return self.bf16
        return self.fma if dtype in ("F32", "F16", "BF16") else self.int8 or None

    def best(self, other: "Limits") -> "Limits":
        """The larger of two measurements, one by one: a measurement that another process slowed down is no limit."""
        return Limits(
            max(self.bandwidth, other.bandwidth), max(self.fma, other.fma),
            max(self.bf16, other.bf16), max(self.int8, other.int8),
        )  # fmt: skip

    def __str__(self) -> str:
        peaks = {"float32": self.fma, "bfloat16": self.bf16, "8 bits": self.int8}
        found = ", ".join(f"{name} {value / 1e9:.0f} GOP/s" for name, value in peaks.items() if value)
        return f"reads {self.bandwidth / 1e9:.1f} GB/s; {found}"


def limits(threads: int, *, rounds: int = 3) -> Limits:
    """Measures for about a second; the vectors are as wide as the kernels' form."""
    wide = _core.instructions().startswith("avx512")
    width = 512 if wide else 256
    return Limits(
        bandwidth=_core.read_bandwidth(threads, _GIGABYTE, rounds),
        fma=_core.fma_peak(threads, width, rounds),
        bf16=_core.bf16_peak(threads, rounds) if wide else 0.0,
        int8=_core.int8_peak(threads, width, rounds),
    )
