"""GGUF headers: defaults for what the format leaves open, and what is refused by name."""

from typing import Any

import pytest

from litz.architectures import family, gguf
from litz.architectures.gguf_families import LAYER_NORM_EPSILON
from litz.errors import UnsupportedError

Shapes = dict[str, tuple[int, ...]]
EMBEDDING: Shapes = {"token_embd.weight": (97, 32), "output.weight": (97, 32)}
SIZES = {
    "block_count": 2, "context_length": 64, "embedding_length": 32, "feed_forward_length": 48,
    "attention.head_count": 4, "attention.head_count_kv": 4,
}  # fmt: skip


def read(arch: str, *tensors: str, **keys: Any) -> dict[str, Any]:
    """The configuration of a small header; `__` in a key stands for a dot."""
    own = needed(arch) | {key.replace("__", "."): value for key, value in keys.items()}
    header = {"general.architecture": arch, **{f"{arch}.{key}": value for key, value in own.items()}}
    shapes = {**EMBEDDING, **{f"blk.{i}.{tensor}": (32,) for i in range(2) for tensor in tensors}}
    return gguf.config(header, shapes, floats=lambda name: [1.0], where="model.gguf")


def needed(arch: str) -> dict[str, Any]:
    """The keys that no header of the architecture lacks."""
    norm = "layer_norm_epsilon" if arch in LAYER_NORM_EPSILON else "layer_norm_rms_epsilon"
    more = {"gptneox": {"use_parallel_residual": True}, "command-r": {"logit_scale": 0.5},
            "granite": {"logit_scale": 3.0}, "gemma3": {"attention.sliding_window": 7}}  # fmt: skip
    return {**SIZES, f"attention.{norm}": 1e-5, **more.get(arch, {})}


REFUSED = {
    "OLMo 3": lambda: read("olmo2", attention__sliding_window=7),
    "Falcon-RW": lambda: read("falcon", "ffn_norm.weight"),
    "ALiBi": lambda: read("falcon", "attn_qkv.bias"),
    "Granite without rotary": lambda: read("granite", rope__scaling__finetuned=False),
    "not causal": lambda: read("llama", attention__causal=False),
    "llama.feed_forward_length that differs": lambda: read("llama", feed_forward_length=[48, 64]),
    "llama.attention.head_count_kv that differs": lambda: read("llama", attention__head_count_kv=[4, 2]),
    "gemma3.rope.scaling.attn_factor": lambda: read("gemma3", rope__scaling__attn_factor=1.5),
    "a qwen2 with experts": lambda: read("qwen2", expert_count=4, expert_used_count=2),
    "keys of 8 and values of 16": lambda: read("qwen3", attention__key_length=8, attention__value_length=16),
    "grouped queries": lambda: read("gptneox", attention__head_count_kv=2),
    r"general.architecture. 'starcoder' is not implemented": lambda: read("starcoder"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_computed_is_refused_by_name(what: str) -> None:
    with pytest.raises(UnsupportedError, match=f"model.gguf: .*{what}"):
        REFUSED[what]()


def test_a_list_of_one_number_for_each_layer_is_that_number() -> None:
    assert read("llama", attention__head_count_kv=[2, 2])["num_key_value_heads"] == 2


def test_a_rotary_base_that_is_not_written_is_ten_thousand() -> None:
    assert read("stablelm")["rope_theta"] == 10000.0
    assert "rope_theta" not in read("gpt2")


def test_a_part_of_the_head_keeps_its_number_of_dimensions() -> None:
    for head in (44, 45, 46, 47, 49, 80, 96, 98, 256):  # 30 / 44 * 44 is less than 30
        for dim in range(2, head + 1, 2):
            keys = {"attention__key_length": head, "attention__value_length": head, "rope__dimension_count": dim}
            assert int(head * read("phi3", **keys).get("partial_rotary_factor", 1.0)) == dim


def test_the_rotated_part_is_the_whole_head_where_none_is_named() -> None:
    for arch in ("gptneox", "phi2", "stablelm"):
        assert read(arch)["partial_rotary_factor"] == 1.0


def test_the_activation_is_the_one_that_the_family_was_published_with() -> None:
    assert read("gptneox")["hidden_act"] == "gelu"
    assert read("gptneox", block_count=44)["hidden_act"] == "gelu_fast"  # GPT-NeoX 20B


def test_stablelm_is_parallel_where_it_has_one_norm() -> None:
    assert read("stablelm", use_parallel_residual=True)["use_parallel_residual"]
    assert not read("stablelm", "ffn_norm.weight", use_parallel_residual=True)["use_parallel_residual"]


def test_the_three_falcons_are_told_by_their_norms_and_key_heads() -> None:
    keys = ("new_decoder_architecture", "num_ln_in_parallel_attn", "num_kv_heads")
    assert [read("falcon", attention__head_count_kv=1).get(key) for key in keys] == [False, None, 1]
    assert [read("falcon", attention__head_count_kv=2).get(key) for key in keys] == [True, 1, 2]
    two_norms = read("falcon", "attn_norm_2.weight", attention__head_count_kv=2)
    assert [two_norms.get(key) for key in keys] == [True, 2, 2]


def test_granite_without_an_attention_scale_has_the_usual_one() -> None:
    assert read("granite", logit_scale=3.0)["attention_multiplier"] == 8**-0.5
    assert read("granite", logit_scale=3.0)["logits_scaling"] == 3.0


def test_llama_with_experts_is_mixtral() -> None:
    assert read("llama", expert_count=8, expert_used_count=2)["model_type"] == "mixtral"
    assert read("llama", expert_count=0, expert_used_count=0)["model_type"] == "llama"


def test_layers_without_a_router_are_dense() -> None:
    plain = {f"qwen3moe.{key}": value for key, value in needed("qwen3moe").items()}
    header = {"general.architecture": "qwen3moe", **plain,
              "qwen3moe.expert_count": 4, "qwen3moe.expert_used_count": 2}  # fmt: skip
    shapes = {**EMBEDDING, "blk.1.ffn_gate_inp.weight": (4, 32)}
    found = gguf.config(header, shapes, floats=lambda name: [], where="model.gguf")
    assert found["mlp_only_layers"] == [0]
    assert found["moe_intermediate_size"] == 24  # the feed-forward's width over the experts that are used


def test_probabilities_are_normalised_as_the_family_was_published() -> None:
    experts = {"expert_count": 4, "expert_used_count": 2}
    assert not read("qwen2moe", **experts)["norm_topk_prob"]
    assert read("qwen3moe", **experts)["norm_topk_prob"]
    assert read("qwen2moe", **experts, expert_weights_norm=True)["norm_topk_prob"]


def test_the_first_norm_is_the_feed_forward_s_where_there_is_a_second() -> None:
    plain = gguf.names(family("falcon"), EMBEDDING)
    two = gguf.names(family("falcon"), {**EMBEDDING, "blk.0.attn_norm_2.weight": (32,)})
    assert plain["blk.{i}.attn_norm"] == two["blk.{i}.attn_norm_2"] == "layers.{i}.attn_norm"
    assert two["blk.{i}.attn_norm"] == "layers.{i}.mlp_norm"
