"""The cost of a token: the bytes that decoding reads and the operations of a prompt."""

import math
from dataclasses import dataclass

from litz import _core
from litz.checkpoint import Checkpoint
from litz.spec import attention, weights

_EMBEDDINGS = ("token_embd.weight", "model.embed_tokens.weight")


@dataclass(frozen=True)
class Work:
    """The cost of a model's tokens, from its files and its Spec."""

    dtypes: dict[str, int]
    """Bytes by stored dtype, most first."""
    weights: int
    """Bytes of the weights that every token reads: all but an embedding that is only looked up."""
    kv: int
    """Bytes of f16 keys and values for each position."""
    products: int
    """Operations of the layers' matrices for one token; a multiply-add counts two."""
    head: int
    """Operations of the head for one token."""
    attention: int
    """Operations of attention for one token and each position that it sees."""
    stored: int
    """Bytes of the files."""

    @property
    def dtype(self) -> str:
        """The dtype that most bytes are stored in."""
        return next(iter(self.dtypes))

    def read(self, depth: float) -> float:
        """Bytes that one token at this depth reads."""
        return self.weights + self.kv * depth

    def prompt(self, tokens: int) -> float:
        """Operations of a prompt: causal attention, and the head for the last token only."""
        return tokens * (self.products + self.attention * (tokens + 1) / 2) + self.head


def work_of(checkpoint: Checkpoint) -> Work:
    """The cost of a token of this model. Of a mixture of experts all matrices count, not only the routed ones."""
    spec = checkpoint.spec
    matrices = {name: math.prod(shape) for name, shape in weights(spec) if len(shape) == 2}
    dtypes = dict(sorted(checkpoint.stored_bytes().items(), key=lambda item: -item[1]))
    embedding = 0
    for file in checkpoint.tensor_files:
        tensors = file.tensors()
        embedding += sum(tensors[name][2] for name in _EMBEDDINGS if name in tensors)
    mixers = [mixer for mixer in map(attention, spec.layers) if mixer]
    return Work(
        dtypes=dtypes,
        weights=sum(dtypes.values()) - (0 if spec.is_tied else embedding),
        kv=_core.kv_bytes(spec.to_json(), 64) // 64,
        products=2 * sum(count for name, count in matrices.items() if name.startswith("layers.")),
        head=2 * spec.vocab * spec.width,
        attention=sum(2 * mixer.heads * (mixer.head_dim + mixer.value_dim) for mixer in mixers),
        stored=sum(file.size for file in checkpoint.tensor_files),
    )
