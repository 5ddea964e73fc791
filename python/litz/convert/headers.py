"""The GGUF header of a model, family by family: the inverse of `architectures/gguf.py`."""

from dataclasses import dataclass
from pathlib import Path

from litz.architectures import family as family_of
from litz.architectures import gemma3
from litz.architectures.base import Family, rope_parameters
from litz.checkpoint import Checkpoint
from litz.config import Keys
from litz.convert import rope
from litz.convert.tensors import factors, tensors
from litz.convert.values import Entry, Tensor, number, real, text
from litz.errors import UnsupportedError
from litz.spec import Attention, LmHead, Mlp, Spec, TokenStem, attention, feed_forward


@dataclass(frozen=True)
class _Form:
    """How a family is written."""

    arch: str
    permuted: bool = False  # rows of q and k
    biases: tuple[str, ...] = ()  # those of attention and feed-forward that readers look for
    period: int = 0  # readers assume a window on all layers but the last of so many; 0: no windows
    theta: float = 10000.0  # of configurations without the key


_ALL = ("q", "k", "v", "o", "mlp")
_LLAMA = _Form("llama", permuted=True, biases=_ALL)
_GEMMA3 = _Form("gemma3", period=6)
_GRANITE = _Form("granite", permuted=True, biases=_ALL)
# model_type -> its form
FORMS = {
    "llama": _LLAMA, "mistral": _LLAMA, "smollm3": _Form("smollm3", permuted=True, theta=2000000.0),
    "qwen2": _Form("qwen2", biases=("q", "k", "v")), "qwen3": _Form("qwen3"), "gemma": _Form("gemma"),
    "gemma2": _Form("gemma2", period=2), "gemma3": _GEMMA3, "gemma3_text": _GEMMA3, "granite": _GRANITE,
    "olmo2": _Form("olmo2"),
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
    keys = _keys(checkpoint, family)
    if form is _GEMMA3:
        parameters, local = gemma3.parameters(keys)
        entries.append(real("gemma3.rope.freq_base_swa", float(local["rope_theta"])))
    else:
        parameters = rope_parameters(keys, theta=form.theta)
    head, context = _mixers(checkpoint.spec)[0].head_dim, checkpoint.spec.context
    entries += rope.entries(form.arch, parameters, dim=head, context=context, where=where)
    entries += _scales(checkpoint.spec, form)
    if form.period:
        entries += _windows(checkpoint.spec, form, where=where)
    made = tensors(checkpoint, family, permuted=form.permuted)
    divisors = rope.factors(parameters, head=head, context=context)
    return entries, made if divisors is None else [*made, factors(divisors)]


def _check(spec: Spec, form: _Form, *, where: str) -> None:
    """Refuses what the architecture's readers would ignore or fail to load."""
    mixers, dense = _mixers(spec), [feed_forward(layer) for layer in spec.layers]
    if not form.period and any(mixer.mask.window is not None for mixer in mixers):
        raise UnsupportedError(f"{where}: sliding windows have no GGUF form in the architecture {form.arch!r}")
    biases = {
        **{name: any(name in mixer.bias for mixer in mixers) for name in "qkvo"},
        "mlp": any(isinstance(body, Mlp) and body.bias for body in dense),
    }
    left = [name for name, there in biases.items() if there and name not in form.biases]
    if left:
        raise UnsupportedError(f"{where}: biases of {', '.join(left)} have no GGUF form in {form.arch!r}")


def _mixers(spec: Spec) -> list[Attention]:
    """The attention of each layer."""
    return [mixer for mixer in map(attention, spec.layers) if mixer]


def _common(checkpoint: Checkpoint, arch: str) -> list[Entry]:
    spec = checkpoint.spec
    mixer, dense = _mixers(spec)[0], feed_forward(spec.layers[0])
    norm = spec.main.norm
    assert dense is not None  # these families have both
    assert norm is not None
    sizes = {
        "block_count": len(spec.layers), "context_length": spec.context, "embedding_length": spec.width,
        "feed_forward_length": dense.width, "attention.head_count": mixer.heads,
        "attention.head_count_kv": mixer.kv_heads, "attention.key_length": mixer.head_dim,
        "attention.value_length": mixer.value_dim, "vocab_size": spec.vocab,
    }  # fmt: skip
    files = checkpoint.files
    name = files.root.resolve().name if Path(files.source).is_dir() else files.source.rpartition("/")[2]
    return [
        text("general.architecture", arch),
        text("general.type", "model"),
        text("general.name", name),
        *(number(f"{arch}.{key}", value) for key, value in sizes.items()),
        real(f"{arch}.attention.layer_norm_rms_epsilon", norm.eps),
    ]


def _keys(checkpoint: Checkpoint, family: Family) -> Keys:
    config = checkpoint.config
    return Keys(config.written, family.defaults, where=checkpoint.files.source, aliases=family.aliases)


def _scales(spec: Spec, form: _Form) -> list[Entry]:
    """Softcaps and multipliers; those of other families are their embedding's width and their head's size."""
    mixer, head, stem, arch = _mixers(spec)[0], spec.head, spec.main.stem, form.arch
    assert isinstance(head, LmHead)
    assert isinstance(stem, TokenStem)
    caps = {"attn_logit_softcapping": mixer.softcap, "final_logit_softcapping": head.softcap}
    made = [real(f"{arch}.{key}", cap) for key, cap in caps.items() if cap is not None]
    if form is _GRANITE:
        scales = {
            "attention.scale": mixer.scale, "embedding_scale": stem.scale,
            "residual_scale": spec.layers[0][0].branches[0].scale, "logit_scale": 1 / head.scale,
        }  # fmt: skip
        made += [real(f"{arch}.{key}", scale) for key, scale in scales.items()]
    return made


def _windows(spec: Spec, form: _Form, *, where: str) -> list[Entry]:
    """The width of the window. Which layers have one is no key that readers look for."""
    windows = [mixer.mask.window for mixer in _mixers(spec)]
    width = next((window for window in windows if window is not None), None)
    if width is None or windows != [width if (i + 1) % form.period else None for i in range(len(windows))]:
        raise UnsupportedError(
            f"{where}: layers that slide otherwise than {form.period - 1} of every {form.period} have no GGUF form in "
            f"{form.arch!r}"
        )
    assert isinstance(width, int)
    return [number(f"{form.arch}.attention.sliding_window", width)]
