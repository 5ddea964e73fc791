"""The dtypes of weights: as files, torch and callers name them, and which of them a model can compute with."""

import warnings
from typing import Any

from litz.errors import UnsupportedError
from litz.numbers import shown

_TORCH_NAMES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
FLOATS = ("float32", "float16", "bfloat16")
_SHORT_NAMES = {"float": "float32", "half": "float16", "fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}


def stored_name(stored: str) -> str:
    """The name that libraries give to a dtype of files; that of a quantised one as it is."""
    return _TORCH_NAMES.get(stored, stored)


def asked_name(dtype: Any) -> str:
    """The name of a dtype of torch or numpy, or of a string."""
    name = dtype.__name__ if isinstance(dtype, type) else str(dtype)
    name = name.removeprefix("torch.")
    return _SHORT_NAMES.get(name, name)


def stays_as_stored(dtype: Any, stored: str) -> str:
    """The warning that another float dtype was asked for than the stored one."""
    return (
        f"dtype {asked_name(dtype)}: weights are not rounded; they stay {stored}, as stored, and the native engine "
        f"computes on them so (dtype='float32' at loading makes exact float32 copies)"
    )


def wants_float32(dtype: Any, stored: str) -> bool:
    """Whether to compute on float32 copies; a warning for another float dtype than the stored one."""
    name = "auto" if dtype is None else asked_name(dtype)
    if name == "float32":  # also where floats outweigh the quantised matrices
        return True
    if name in ("auto", stored_name(stored)):
        return False
    if name in FLOATS:
        # The caller of from_pretrained: that, load and load_options lie between.
        warnings.warn(stays_as_stored(dtype, stored_name(stored)), stacklevel=5)
        return False
    raise UnsupportedError(
        f"dtype {shown(dtype)}: this model is stored as {stored_name(stored)}, and the native engine computes "
        f"on weights as stored ('auto') or on exact float32 copies ('float32')"
    )
