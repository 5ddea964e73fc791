"""The native engine behind the model interface that people know: CPU inference without torch."""

import json
import time
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Never, TypedDict, Unpack, overload

from litz import _core, arrays, generation, log
from litz.absent import WithoutWeights
from litz.arguments import CALLING, check_arguments, check_device, refuse_unknown
from litz.checkpoint import Checkpoint
from litz.config import Config
from litz.errors import ArgumentError, UnsupportedError
from litz.generation.inputs import checked_ids
from litz.generation.recommended import Recommended, names_of, recommended
from litz.mistaken import not_ids
from litz.numbers import integer, shown
from litz.outputs import CausalLMOutput
from litz.spec import Spec, parameters
from litz.weights import LoadReport

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

# Other names go to the engine as they are.
_CACHE_DTYPES = {"float16": "f16", "float32": "f32"}
_ACTIVATIONS = {"auto": "auto", "fast": "fast", "f32": "f32", "float32": "f32"}


class CallingOptions(TypedDict, total=False):
    """What a call of a model takes besides ids and mask."""

    logits_to_keep: Any
    token_type_ids: Any
    use_cache: bool | None
    output_attentions: Literal[False] | None
    output_hidden_states: Literal[False] | None


class NativeCausalLM(WithoutWeights):
    """A causal language model on the CPU; floats stay mapped from their file, quantised weights are packed.

    Made by `AutoModelForCausalLM.from_pretrained`. Safe to use from several threads.
    """

    device = "cpu"
    generate = generation.generate
    stream = generation.stream
    explain_generation = generation.explain_generation

    def __init__(
        self, core: _core.Model, checkpoint: Checkpoint, *, generation_config: generation.GenerationConfig, dtype: str
    ) -> None:
        self._core = core
        self.config: Config = checkpoint.config
        self.spec: Spec = checkpoint.spec
        self.load_report: LoadReport = checkpoint.report.with_memory(core.report())
        self.generation_config = generation_config
        self.recommended: Recommended | None = recommended(names_of(checkpoint.files, checkpoint.header()))
        self.dtype = dtype
        self.name_or_path = checkpoint.files.source

    def __repr__(self) -> str:
        return (
            f"NativeCausalLM({self.name_or_path!r}: {self.config['model_type']}, {len(self.spec.layers)} layers, "
            f"{self.num_parameters():,} parameters as {self.dtype}, context {self.spec.context})"
        )

    def num_parameters(self) -> int:
        """How many numbers the model holds; a tied head counts once."""
        return parameters(self.spec)

    def get_memory_footprint(self) -> int:
        """Bytes of the weights, those that stay in their file included; sequences and working memory are not."""
        report = self.load_report
        return report.bytes_mapped + report.bytes_packed + report.bytes_converted

    @property
    def executor(self) -> _core.Model:
        """What computes its logits for generation."""
        return self._core

    @property
    def threads(self) -> int:
        """How many threads work on a token."""
        return self._core.threads

    def can_generate(self) -> bool:
        """Every causal language model can."""
        return True

    def eval(self) -> "NativeCausalLM":
        """The native engine only infers: this is the model itself."""
        return self

    def train(self, mode: bool = True) -> "NativeCausalLM":
        """The model itself for False; UnsupportedError for training."""
        if mode:
            raise UnsupportedError("train: the native engine only infers; call eval(), or train(False)")
        return self

    def requires_grad_(self, requires_grad: bool = True) -> "NativeCausalLM":
        """The model itself for False; UnsupportedError for gradients."""
        if requires_grad:
            raise UnsupportedError("requires_grad_: the native engine computes no gradients; pass False")
        return self

    def to(self, device: Any = None, dtype: Any = None, **unknown: Never) -> "NativeCausalLM":
        """The model itself for "cpu"; UnsupportedError for any other device, a warning for a dtype that it has not."""
        refuse_unknown(unknown, of="to", known=("device", "dtype"))
        if device is not None and _dtype_asked(device) in _DTYPES:
            device, dtype = None, device
        check_device(device)
        if dtype is not None and _dtype_asked(dtype) not in (self.dtype, *_DTYPES):
            raise UnsupportedError(f"dtype={shown(dtype)}: weights stay {self.dtype}, as stored")
        if dtype is not None and _dtype_asked(dtype) != self.dtype:
            warnings.warn(_stays(dtype, self.dtype), stacklevel=2)
        return self

    def cpu(self) -> "NativeCausalLM":
        """The model itself: it is there."""
        return self

    def half(self) -> "NativeCausalLM":
        """The model itself, with a warning unless its weights are stored in float16."""
        return self.to(dtype="float16")

    def bfloat16(self) -> "NativeCausalLM":
        """The model itself, with a warning unless its weights are stored in bfloat16."""
        return self.to(dtype="bfloat16")

    def float(self) -> "NativeCausalLM":
        """The model itself, with a warning unless it computes on float32 weights."""
        return self.to(dtype="float32")

    @overload  # by position, so that `**inputs` matches the last one alone
    def __call__(
        self,
        input_ids: Sequence[Sequence[int]],
        /,
        attention_mask: Any = None,
        *,
        return_dict: Literal[True] | None = None,
        **others: Unpack[CallingOptions],
    ) -> CausalLMOutput["NDArray[np.float32]"]: ...
    @overload
    def __call__(
        self,
        input_ids: "NDArray[Any]",
        /,
        attention_mask: Any = None,
        *,
        return_dict: Literal[True] | None = None,
        **others: Unpack[CallingOptions],
    ) -> CausalLMOutput["NDArray[np.float32]"]: ...
    @overload
    def __call__(
        self,
        input_ids: "torch.Tensor",
        /,
        attention_mask: Any = None,
        *,
        return_dict: Literal[True] | None = None,
        **others: Unpack[CallingOptions],
    ) -> CausalLMOutput["torch.Tensor"]: ...
    @overload
    def __call__(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        *,
        return_dict: bool | None = None,
        **others: Unpack[CallingOptions],
    ) -> Any: ...
    def __call__(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        *,
        logits_to_keep: Any = 0,
        return_dict: bool | None = None,
        **others: Any,
    ) -> Any:
        """Scores of the next token at every position, (batch, time, vocab) float32, as a CausalLMOutput.

        `input_ids` is (batch, time): lists, a numpy array or a torch tensor; the logits are torch for torch, else
        numpy. Positions that the mask leaves out are not computed: their logits are zeros. `logits_to_keep`: only the
        last so many positions, or those of a list. `return_dict=False` gives a tuple. `others` are transformers'
        further arguments: each asks for nothing, or is UnsupportedError.
        """
        check_arguments(others, CALLING, of="the model", others=("input_ids", "attention_mask"))
        generation.check_token_types(self, others.get("token_type_ids"))
        rows = [checked_ids(row, vocab=self.spec.vocab) for row in _batch(input_ids, "input_ids")]
        kept = [[True] * len(row) for row in rows]
        if attention_mask is not None:
            kept = [[bool(item) for item in row] for row in _batch(attention_mask, "attention_mask")]
        shape = (len(rows), len(rows[0]), self.spec.vocab)
        if [len(row) for row in kept] != [len(row) for row in rows]:
            found = [len(kept), len(kept[0])]
            raise ArgumentError(f"attention_mask is {found}, input_ids are {list(shape[:2])}: they must agree")
        places = _places(logits_to_keep, shape[1])
        buffer = bytearray()
        for row, keep in zip(rows, kept, strict=True):
            buffer += self._row_logits(row, keep)
        logits = arrays.floats(buffer, arrays.kind_of(input_ids), shape=shape)
        output = CausalLMOutput(logits=logits if places is None else logits[:, places])
        return output if return_dict is None or return_dict else output.to_tuple()

    forward = __call__

    def _row_logits(self, row: list[int], keep: list[bool]) -> bytes:
        """One row's scores, (time, vocab) float32, zeros where it is padding."""
        if not any(keep):
            raise ArgumentError("attention_mask leaves a row without a single token")
        logits = self._core.logits([token for token, kept in zip(row, keep, strict=True) if kept])
        if all(keep):
            return logits
        width = 4 * self.spec.vocab
        places = iter(range(0, len(logits), width))
        return b"".join(logits[(at := next(places)) : at + width] if kept else bytes(width) for kept in keep)


def _batch(value: Any, name: str) -> list[list[int]]:
    """(batch, time) integers as lists; ArgumentError says what was found instead."""
    if wrong := not_ids(value, name):
        raise ArgumentError(f"{name} must be integers of shape (batch, time), {wrong}")
    rows = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(rows, (list, tuple)) and rows and not any(isinstance(row, (list, tuple)) for row in rows):
        raise ArgumentError(f"{name} must be integers of shape (batch, time), found one row; put it into a list")
    if not isinstance(rows, (list, tuple)) or not rows or not all(isinstance(row, (list, tuple)) for row in rows):
        raise ArgumentError(f"{name} must be integers of shape (batch, time), found {_found(value)}")
    if len({len(row) for row in rows}) > 1:
        raise ArgumentError(f"{name} must be (batch, time) with rows of one length; pad them and pass the mask")
    whole = name == "attention_mask" or all(hasattr(item, "__index__") for row in rows for item in row)
    if not rows[0] or not whole or any(isinstance(item, (list, tuple)) for row in rows for item in row):
        raise ArgumentError(f"{name} must be integers of shape (batch, time), found {_found(value)}")
    return [list(row) for row in rows]


def _places(logits_to_keep: Any, time: int) -> Any:
    """Which positions to keep, as an index of arrays: None is all of them."""
    if hasattr(logits_to_keep, "tolist"):
        logits_to_keep = logits_to_keep.tolist()
    if isinstance(logits_to_keep, (list, tuple)):
        return [integer(place, "logits_to_keep", least=-time, most=time - 1) for place in logits_to_keep]
    count = integer(logits_to_keep, "logits_to_keep")
    return slice(-count, None) if count else None


def _found(value: Any) -> str:
    if hasattr(value, "shape"):
        return f"{getattr(value, 'dtype', type(value).__name__)} {list(value.shape)}"
    return shown(value)


def load(
    checkpoint: Checkpoint,
    *,
    dtype: Any = None,
    threads: int | None = None,
    cache_dtype: Any = "auto",
    activations: str = "auto",
) -> NativeCausalLM:
    """Loads a checkpoint's weights into the native engine: floats stay mapped, quantised matrices are packed.

    `dtype`: None or "auto" keeps every weight as stored; so do float16 and bfloat16, with a warning where that is not
    the stored one; float32 computes with the exact dequantised values, at four bytes a weight. `cache_dtype`, the form
    of the KV cache: "auto" (float32 where the weights are float32, else float16), float16, float32 or q8_0 (8 bits, and
    a scale for 32 numbers). `activations`, what weights are multiplied with: "auto" is codes of 16 bits beside
    quantised weights and floats beside floats, alike on every CPU; "fast" is codes of 8 bits, and bfloats beside
    bfloats where the CPU multiplies them; "f32" is floats beside all. Raises InsufficientMemoryError, with the numbers,
    before anything is packed that cannot fit.
    """
    options, name = load_options(
        checkpoint, dtype=dtype, threads=threads, cache_dtype=cache_dtype, activations=activations
    )
    started = time.perf_counter()
    core = _core.Model.load(checkpoint.spec.to_json(), list(checkpoint.tensor_files), checkpoint.sources, options)
    defaults = generation.GenerationConfig.for_model(checkpoint.files, checkpoint.config)
    model = NativeCausalLM(core, checkpoint, generation_config=defaults, dtype=name)
    seconds = time.perf_counter() - started
    log.info("loading", "%r in %.2f s: %s", model, seconds, model.load_report)
    log.debug("loading", "%d threads with %s, options %s", core.threads, _core.instructions(), options)
    return model


def survey(checkpoint: Checkpoint, *, cache_dtype: str = "auto", activations: str = "auto") -> LoadReport:
    """What loading would do, and need at most; no matrix is read."""
    options, _ = load_options(checkpoint, cache_dtype=cache_dtype, activations=activations)
    spec, files = checkpoint.spec.to_json(), list(checkpoint.tensor_files)
    return checkpoint.report.with_memory(_core.Model.survey(spec, files, checkpoint.sources, options))


def automatic_cache(checkpoint: Checkpoint) -> str:
    """The engine's name for the cache of weights as stored: as wide as they are, so that it does not round more."""
    stored = checkpoint.stored_bytes()
    return "f32" if max(stored, key=lambda name: stored[name]) == "F32" else "f16"


def load_options(
    checkpoint: Checkpoint,
    *,
    dtype: Any = None,
    threads: int | None = None,
    cache_dtype: Any = "auto",
    activations: str = "auto",
) -> tuple[str, str]:
    """The engine's options as JSON, and the dtype that the model will say it has; ArgumentError for what is unknown."""
    stored = checkpoint.stored_bytes()
    main = max(stored, key=lambda name: stored[name])
    whole = _as_float32(dtype, main) and set(stored) != {"F32"}
    asked = str(cache_dtype).removeprefix("torch.")
    cache = _CACHE_DTYPES.get(asked, asked)
    if cache == "auto":
        cache = "f32" if whole else automatic_cache(checkpoint)
    _core.kv_bytes(checkpoint.spec.to_json(), 0, cache)  # names the known ones if this is none
    if not isinstance(activations, str) or activations not in _ACTIVATIONS:
        raise ArgumentError(f"activations {activations!r}: choose 'auto', 'fast' or 'f32'")
    if threads is not None:
        threads = integer(threads, "threads", least=1, most=65536)
    options = {"threads": threads, "dequantize": whole, "cache": cache, "activations": _ACTIVATIONS[activations]}
    return json.dumps(options), "float32" if whole else _dtype_name(main)


_TORCH_NAMES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_DTYPES = ("float32", "float16", "bfloat16")
_SHORT_DTYPES = {"float": "float32", "half": "float16", "fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}


def _dtype_name(stored: str) -> str:
    return _TORCH_NAMES.get(stored, stored)


def _dtype_asked(dtype: Any) -> str:
    """The name of a dtype of torch or numpy, or of a string."""
    name = dtype.__name__ if isinstance(dtype, type) else str(dtype)
    name = name.removeprefix("torch.")
    return _SHORT_DTYPES.get(name, name)


def _stays(dtype: Any, stored: str) -> str:
    return (
        f"dtype {_dtype_asked(dtype)}: weights are not rounded; they stay {stored}, as stored, and the native engine "
        f"computes on them so (dtype='float32' at loading makes exact float32 copies)"
    )


def _as_float32(dtype: Any, stored: str) -> bool:
    """Whether to compute on float32 copies; a warning for another float dtype than the stored one."""
    name = "auto" if dtype is None else _dtype_asked(dtype)
    if name == "float32":  # also where floats outweigh the quantised matrices
        return True
    if name in ("auto", _dtype_name(stored)):
        return False
    if name in _DTYPES:
        warnings.warn(_stays(dtype, _dtype_name(stored)), stacklevel=5)  # where from_pretrained is called
        return False
    raise UnsupportedError(
        f"dtype {shown(dtype)}: this model is stored as {_dtype_name(stored)}, and the native engine computes "
        f"on weights as stored ('auto') or on exact float32 copies ('float32')"
    )
