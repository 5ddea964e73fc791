"""What families with experts share: which layers have them, and what their tensors are called."""

from collections.abc import Callable

from litz.architectures.base import LLAMA, activation_of
from litz.architectures.names import Experts, Names, layer_names, layer_table
from litz.config import Keys
from litz.errors import ConfigError
from litz.numbers import shown
from litz.spec import Mlp, Moe, Router

EACH = "moe.experts.{e}"

# How transformers 5 holds them, and writes them on request: all experts in two tensors.
STACKED: Names = layer_names(
    mlp__gate="moe.router",
    mlp__experts__gate_up_proj=Experts(f"{EACH}.gate.weight", f"{EACH}.up.weight"),
    mlp__experts__down_proj=Experts(f"{EACH}.down.weight"),
)


def gated(own: str, target: str, *, gate: str = "gate_proj", up: str = "up_proj", down: str = "down_proj") -> Names:
    """The three matrices of a gated feed-forward in each layer, and what the file calls them."""
    parts = {gate: "gate", up: "up", down: "down"}
    return layer_table(f"model.layers.{{i}}.{own}.", {name: f"{target}.{part}" for name, part in parts.items()})


# Qwen's names: one tensor an expert, and an expert that sees every token.
QWEN_EXPERTS: Names = {
    **LLAMA, **STACKED, **gated("mlp.experts.{e}", EACH),
    **gated("mlp.shared_expert", "moe.shared"), **layer_names(mlp__shared_expert_gate="moe.shared_gate"),
}  # fmt: skip


def routed(c: Keys, *, width: str, normalize: bool) -> Moe:
    """The routed experts of a layer; `width` is the key that holds the size of one."""
    # training only
    c.ignore("router_aux_loss_coef", "output_router_logits", "router_jitter_noise")
    experts, top_k = _count(c), c.size("num_experts_per_tok")
    if experts > 1024:
        name = c.name("num_local_experts" if c.given("num_local_experts") else "num_experts")
        raise ConfigError(f"{c.where}: {name} must be an integer from 1 to 1024, found {experts}")
    if top_k > experts:
        name = c.name("num_experts_per_tok")
        raise ConfigError(f"{c.where}: the best {top_k} of {experts} experts cannot be chosen ({name})")
    return Moe(experts, c.size(width), Router(top_k, normalize=normalize), activation_of(c, "hidden_act"))


def _count(c: Keys) -> int:
    """`num_experts`, which transformers 5 writes as `num_local_experts` for some families."""
    given = [key for key in ("num_experts", "num_local_experts") if c.given(key)]
    if len({c.size(key) for key in given}) > 1:
        raise ConfigError(f"{c.where}: num_experts {c.get(given[0])} and num_local_experts {c.get(given[1])} disagree")
    return c.size(given[0] if given else "num_experts")


def sparse_layers(c: Keys) -> Callable[[int], bool]:
    """Which layers have experts: every `decoder_sparse_step`-th, but for those in `mlp_only_layers`."""
    step, dense = c.size("decoder_sparse_step"), c.each("mlp_only_layers", layers=0, rest=True) or []
    if not all(isinstance(i, int) and not isinstance(i, bool) for i in dense):
        raise ConfigError(f"{c.where}: mlp_only_layers must be a list of layers, found {shown(dense)}")
    return lambda i: i not in dense and (i + 1) % step == 0


# Far beyond any model: each is three tensors to look for.
_MOST_EXPERTS = 2**17


def sparse(c: Keys, experts: Moe, *, where: Callable[[int], bool] = lambda i: True) -> Callable[[int, Mlp], Mlp | Moe]:
    """Experts as the feed-forward of these layers."""
    layers = c.size("num_hidden_layers")
    if experts.experts * layers > _MOST_EXPERTS:
        raise ConfigError(
            f"{c.where}: {experts.experts} experts in each of {layers} layers are more than any model has"
        )
    return lambda i, mlp: experts if where(i) else mlp
