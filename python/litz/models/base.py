"""The interface of a loaded model, whatever computes it: what it holds, and where and in which dtype it stays."""

import warnings
from typing import Any, Never, Self

from litz.arguments import check_device, refuse_unknown
from litz.checkpoint import Checkpoint
from litz.config import Config
from litz.errors import UnsupportedError
from litz.models.dtypes import FLOATS, asked_name, stays_as_stored
from litz.models.refused import WithoutWeights
from litz.numbers import shown
from litz.spec import Spec, parameters
from litz.weights import LoadReport


class Model(WithoutWeights):
    """A model that only infers, on the CPU. Its classes compute; the Auto classes make them."""

    device = "cpu"

    def __init__(self, checkpoint: Checkpoint, *, load_report: LoadReport, dtype: str) -> None:
        self.config: Config = checkpoint.config
        self.spec: Spec = checkpoint.spec
        self.load_report = load_report
        self.dtype = dtype
        self.name_or_path = checkpoint.files.source

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.name_or_path!r}: {self.config['model_type']}, "
            f"{len(self.spec.layers)} layers, {self.num_parameters():,} parameters as {self.dtype}, "
            f"context {self.spec.context})"
        )

    def num_parameters(self) -> int:
        """How many numbers the model holds; a tied head counts once."""
        return parameters(self.spec)

    def get_memory_footprint(self) -> int:
        """Bytes of the weights, those that stay in their file included; sequences and working memory are not."""
        report = self.load_report
        return report.bytes_mapped + report.bytes_packed + report.bytes_converted

    def eval(self) -> Self:
        """The native engine only infers: this is the model itself."""
        return self

    def train(self, mode: bool = True) -> Self:
        """The model itself for False; UnsupportedError for training."""
        if mode:
            raise UnsupportedError("train: the native engine only infers; call eval(), or train(False)")
        return self

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """The model itself for False; UnsupportedError for gradients."""
        if requires_grad:
            raise UnsupportedError("requires_grad_: the native engine computes no gradients; pass False")
        return self

    def to(self, device: Any = None, dtype: Any = None, **unknown: Never) -> Self:
        """The model itself for "cpu"; UnsupportedError for any other device, a warning for a dtype that it has not."""
        refuse_unknown(unknown, of="to", known=("device", "dtype"))
        if device is not None and asked_name(device) in FLOATS:
            device, dtype = None, device
        check_device(device)
        if dtype is not None and asked_name(dtype) not in (self.dtype, *FLOATS):
            raise UnsupportedError(f"dtype={shown(dtype)}: weights stay {self.dtype}, as stored")
        if dtype is not None and asked_name(dtype) != self.dtype:
            warnings.warn(stays_as_stored(dtype, self.dtype), stacklevel=2)
        return self

    def cpu(self) -> Self:
        """The model itself: it is there."""
        return self

    def half(self) -> Self:
        """The model itself, with a warning unless its weights are stored in float16."""
        return self.to(dtype="float16")

    def bfloat16(self) -> Self:
        """The model itself, with a warning unless its weights are stored in bfloat16."""
        return self.to(dtype="bfloat16")

    def float(self) -> Self:
        """The model itself, with a warning unless it computes on float32 weights."""
        return self.to(dtype="float32")
