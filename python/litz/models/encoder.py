"""Models that read whole sequences at once: hidden states, and what a head makes of them, on the native engine."""

import time
from collections.abc import Sequence
from typing import Any, Generic, Literal, TypedDict, TypeVar, Unpack, overload

from litz import _core, arrays, log
from litz.architectures.tasks import CHOICE, HIDDEN_STATES
from litz.arguments import check_arguments
from litz.arguments.transformers import ENCODING
from litz.checkpoint import Checkpoint
from litz.errors import UnsupportedError
from litz.models.base import Model
from litz.models.encoding import States, encode, is_causal
from litz.models.heads import HEADS
from litz.models.native import load_options
from litz.models.outputs import ModelOutput
from litz.models.packing import Padding, flattened, pack, pack_rows, read_batch
from litz.models.results import Results
from litz.spec import PooledHead

Output = TypeVar("Output", bound=ModelOutput, covariant=True)
_INPUTS = ("input_ids", "attention_mask", "token_type_ids", "position_ids", "inputs_embeds")


class EncodingOptions(TypedDict, total=False):
    """What a call of an encoder takes besides its inputs; each must ask for nothing."""

    labels: Any
    use_cache: bool | None
    output_attentions: Literal[False] | None


class NativeEncoder(Model, Generic[Output]):
    """A model that is not generated from, on the CPU: an encoder with any head, or a decoder's hidden states.

    Made by AutoModel and the AutoModelFor… classes of its heads. Safe to use from several threads.
    """

    def __init__(self, core: _core.Model, checkpoint: Checkpoint, *, task: str, dtype: str) -> None:
        super().__init__(checkpoint, load_report=checkpoint.report.with_memory(core.report()), dtype=dtype)
        self._core = core
        self.task = task  # a name of `models.heads.HEADS`
        make = HEADS[task].made_of
        assert make is not None, f"models for {task} make their own results"
        self._make = make

    @property
    def threads(self) -> int:
        """How many threads compute."""
        return self._core.threads

    @property
    def executor(self) -> _core.Model:
        """The native engine's model."""
        return self._core

    def can_generate(self) -> bool:
        """No: AutoModelForCausalLM loads models that can."""
        return False

    @overload
    def __call__(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        position_ids: Any = None,
        inputs_embeds: Any = None,
        *,
        output_hidden_states: bool | None = None,
        return_dict: Literal[True] | None = None,
        **others: Unpack[EncodingOptions],
    ) -> Output: ...
    @overload
    def __call__(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        position_ids: Any = None,
        inputs_embeds: Any = None,
        *,
        output_hidden_states: bool | None = None,
        return_dict: bool,
        **others: Unpack[EncodingOptions],
    ) -> Any: ...
    def __call__(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        position_ids: Any = None,
        inputs_embeds: Any = None,
        *,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        **others: Any,
    ) -> Any:
        """What the model's head says of every sequence or token: float32, torch for torch, else numpy.

        All inputs are (batch, time) integers: lists, numpy or torch; for multiple choice (batch, choices, time).
        `inputs_embeds`, (batch, time, width) floats, stands in the place of ids. The mask may leave out any places:
        those are computed as transformers does, from the rest of their row; where a decoder is read, they are zeros.
        `output_hidden_states` adds those of the embeddings and of every layer. `return_dict=False` gives a tuple.
        `others` are transformers' further arguments: each asks for nothing, or is UnsupportedError. Raises
        ArgumentError, or ContextError for rows that are too long.
        """
        check_arguments(others, ENCODING, of="the model", others=(*_INPUTS, "output_hidden_states", "return_dict"))
        inputs = {
            "input_ids": input_ids, "attention_mask": attention_mask, "token_type_ids": token_type_ids,
            "position_ids": position_ids,
        }  # fmt: skip
        choices, given_as = None, input_ids if inputs_embeds is None else inputs_embeds
        if self.task == CHOICE:
            if inputs_embeds is not None:
                raise UnsupportedError("inputs_embeds: choices are read as ids; pass input_ids")
            for name, value in inputs.items():
                inputs[name], choices = flattened(value, choices, name)
        given = read_batch(**inputs, inputs_embeds=inputs_embeds, spec=self.spec)
        every_layer = bool(output_hidden_states)
        packed = pack(given, self.spec, padding=self._padding(every_layer))
        states: States = "layers" if every_layer else "last" if self.task == HIDDEN_STATES else "none"
        encoded = encode(self._core, self.spec, packed, states=states)
        results = Results(
            self.spec, packed, encoded, arrays.kind_of(given_as), time=given.shape[1], choices=choices,
            every_layer=every_layer,
        )  # fmt: skip
        output = self._make(results)
        return output if return_dict is None or return_dict else output.to_tuple()

    forward = __call__

    def token_states(self, rows: Sequence[Sequence[int]]) -> bytes:
        """The last hidden states of rows of ids without padding, one after the other: (tokens, width) float32."""
        return encode(self._core, self.spec, pack_rows(rows), head=False, states="last").states

    def _padding(self, every_layer: bool) -> Padding:
        """Which padding has a result of its own: all of it, unless a vector for the whole row is all that is made."""
        head = self.spec.head
        if is_causal(self.spec):
            return "none"
        if isinstance(head, PooledHead) and HEADS[self.task].pooled and not every_layer:
            return "first" if head.pool == "first" else "none"
        return "all"


def load(
    checkpoint: Checkpoint, task: str, *, dtype: Any = None, threads: int | None = None, activations: str = "auto"
) -> NativeEncoder[Any]:
    """Loads a checkpoint that was opened for the task; arguments and errors as in `models.native.load`."""
    options, name = load_options(checkpoint, dtype=dtype, threads=threads, activations=activations)
    started = time.perf_counter()
    core = _core.Model.load(checkpoint.spec.to_json(), list(checkpoint.tensor_files), checkpoint.sources, options)
    model = NativeEncoder[Any](core, checkpoint, task=task, dtype=name)
    log.info("loading", "%r in %.2f s: %s", model, time.perf_counter() - started, model.load_report)
    return model
