"""What a GGUF header says of a model, family by family: the inverse of `architectures/gguf.py`."""

from dataclasses import dataclass
from typing import Any

from litz.architectures import family as family_of
from litz.architectures import gemma3
from litz.architectures.base import Family, rope_parameters
from litz.checkpoint import Checkpoint
from litz.config import Keys
from litz.convert import rope
from litz.convert.tensors import factors, tensors
from litz.convert.values import Entry, Tensor, number, real, text
from litz.errors import UnsupportedError
from litz.spec import Mlp, Spec

_GEMMA_PERIOD = 6  # readers take it for granted: every sixth layer sees everything


@dataclass(frozen=True)
class _Form:
    """How a family is written."""

    arch: str
    permuted: bool = False  # rows of q and k
    biases: tuple[str, ...] = ()  # those of attention and feed-forward that readers look for
    windows: bool = False


_LLAMA = _Form("llama", permuted=True, biases=("q", "k", "v", "o", "mlp"))
_GEMMA3 = _Form("gemma3", windows=True)
# model_type -> its form
FORMS = {
    "llama": _LLAMA, "mistral": _LLAMA, "qwen2": _Form("qwen2", biases=("q", "k", "v")), "qwen3": _Form("qwen3"),
    "gemma3": _GEMMA3, "gemma3_text": _GEMMA3,
}  # fmt: skip


def form_of(kind: str, *, where: str) -> _Form:
    """How a family is written; UnsupportedError names those that are."""
    form = FORMS.get(kind)
    if form is None:
        raise UnsupportedError(
            f"{where}: litz does not write the family {kind} as GGUF, only {', '.join(FORMS)}; take a GGUF file of it"
        )
    return form


def described(checkpoint: Checkpoint) -> tuple[list[Entry], list[Tensor]]:
    """The keys about the model, and its tensors. UnsupportedError names what GGUF, or litz, cannot write."""
    where, kind = checkpoint.files.source, checkpoint.config["model_type"]
    form = form_of(kind, where=where)
    _check(checkpoint.spec, form, where=f"{where} ({kind})")
    family = family_of(kind)
    entries = _common(checkpoint, form.arch)
    parameters = _rope_parameters(checkpoint, family)
    head, context = checkpoint.spec.layers[0].mixer.head_dim, checkpoint.spec.context
    entries += rope.entries(form.arch, parameters, dim=head, context=context, where=where)
    if form.windows:
        entries += _windows(checkpoint.spec, form.arch, where=where)
    if form is _GEMMA3:
        entries.append(real("gemma3.rope.freq_base_swa", _local_base(checkpoint, family)))
    made = tensors(checkpoint, family, permuted=form.permuted)
    divisors = rope.factors(parameters, head=head, context=context)
    return entries, made if divisors is None else [*made, factors(divisors)]


def _check(spec: Spec, form: _Form, *, where: str) -> None:
    """Stops at what the architecture's readers would pass over or not load."""
    mixers = [layer.mixer for layer in spec.layers]
    if not form.windows and any(mixer.window is not None for mixer in mixers):
        raise UnsupportedError(f"{where}: sliding windows have no GGUF form in the architecture {form.arch!r}")
    biases = {
        "q": any(mixer.q_bias for mixer in mixers), "k": any(mixer.k_bias for mixer in mixers),
        "v": any(mixer.v_bias for mixer in mixers), "o": any(mixer.o_bias for mixer in mixers),
        "mlp": any(isinstance(layer.feed_forward, Mlp) and layer.feed_forward.bias for layer in spec.layers),
    }  # fmt: skip
    left = [name for name, there in biases.items() if there and name not in form.biases]
    if left:
        raise UnsupportedError(f"{where}: biases of {', '.join(left)} have no GGUF form in {form.arch!r}")


def _common(checkpoint: Checkpoint, arch: str) -> list[Entry]:
    spec = checkpoint.spec
    first = spec.layers[0]
    sizes = {
        "block_count": len(spec.layers), "context_length": spec.context, "embedding_length": spec.width,
        "feed_forward_length": first.feed_forward.width, "attention.head_count": first.mixer.heads,
        "attention.head_count_kv": first.mixer.kv_heads, "attention.key_length": first.mixer.head_dim,
        "attention.value_length": first.mixer.value_dim, "vocab_size": spec.vocab,
    }  # fmt: skip
    name = checkpoint.files.source.rstrip("/").rpartition("/")[2]
    return [
        text("general.architecture", arch),
        text("general.type", "model"),
        text("general.name", name),
        *(number(f"{arch}.{key}", value) for key, value in sizes.items()),
        real(f"{arch}.attention.layer_norm_rms_epsilon", spec.norm.eps),
    ]


def _keys(checkpoint: Checkpoint, family: Family) -> Keys:
    config = checkpoint.config
    return Keys(config.written, family.defaults, where=checkpoint.files.source, aliases=family.aliases)


def _rope_parameters(checkpoint: Checkpoint, family: Family) -> dict[str, Any]:
    keys = _keys(checkpoint, family)
    return gemma3.parameters(keys)[0] if family is gemma3.FAMILY else rope_parameters(keys)


def _local_base(checkpoint: Checkpoint, family: Family) -> float:
    local = gemma3.parameters(_keys(checkpoint, family))[1]
    return float(local["rope_theta"])


def _windows(spec: Spec, arch: str, *, where: str) -> list[Entry]:
    """The width of the window. Which layers have one is no key that readers look for."""
    windows = [layer.mixer.window for layer in spec.layers]
    width = next((window for window in windows if window is not None), None)
    if width is None or windows != [width if (i + 1) % _GEMMA_PERIOD else None for i in range(len(windows))]:
        raise UnsupportedError(
            f"{where}: layers that slide otherwise than five of every {_GEMMA_PERIOD} have no GGUF form"
        )
    return [number(f"{arch}.attention.sliding_window", width)]
