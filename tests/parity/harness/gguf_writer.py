"""Writes a reference model as a GGUF file by the format's conventions: renamed keys and tensors, rows in its order."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import transformers as hf

ARCHITECTURES = {
    "cohere": "command-r", "gemma3_text": "gemma3", "gpt_neox": "gptneox", "gpt_oss": "gpt-oss",
    "mistral": "llama", "mixtral": "llama",
    "phi": "phi2", "qwen2_moe": "qwen2moe", "qwen3_moe": "qwen3moe",
}  # fmt: skip
PERMUTED = ("granite", "llama", "smollm3")  # rotated by neighbours: rows of q and k are interleaved
OUTER = {
    "embed_tokens": "token_embd", "embed_in": "token_embd", "word_embeddings": "token_embd", "wte": "token_embd",
    "wpe": "position_embd", "embedding_norm": "token_embd_norm",
    "word_embeddings_layernorm": "token_embd_norm", "norm": "output_norm",
    "final_layernorm": "output_norm", "final_layer_norm": "output_norm", "ln_f": "output_norm", "lm_head": "output",
}  # fmt: skip
INNER = {
    "input_layernorm": "attn_norm", "ln_1": "attn_norm", "ln_mlp": "attn_norm", "ln_attn": "attn_norm_2",
    "post_attention_layernorm": "ffn_norm", "ln_2": "ffn_norm",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.qkv_proj": "attn_qkv", "attn.c_attn": "attn_qkv", "attention.query_key_value": "attn_qkv",
    "self_attention.query_key_value": "attn_qkv",
    "self_attn.o_proj": "attn_output", "self_attn.dense": "attn_output", "attn.c_proj": "attn_output",
    "attention.dense": "attn_output", "self_attention.dense": "attn_output",
    "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "self_attn.q_layernorm": "attn_q_norm", "self_attn.k_layernorm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.gate_up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down", "mlp.fc1": "ffn_up", "mlp.fc2": "ffn_down",
    "mlp.dense_h_to_4h": "ffn_up", "mlp.dense_4h_to_h": "ffn_down",
    "mlp.gate": "ffn_gate_inp", "mlp.experts.gate_proj": "ffn_gate_exps", "mlp.experts.up_proj": "ffn_up_exps",
    "mlp.experts.down_proj": "ffn_down_exps", "mlp.shared_expert_gate": "ffn_gate_inp_shexp",
    "mlp.shared_expert.gate_proj": "ffn_gate_shexp", "mlp.shared_expert.up_proj": "ffn_up_shexp",
    "mlp.shared_expert.down_proj": "ffn_down_shexp",
    "mlp.router": "ffn_gate_inp", "self_attn": "attn_sinks",
    "operator_norm": "attn_norm", "ffn_norm": "ffn_norm", "self_attn.out_proj": "attn_output",
    "conv.conv": "shortconv.conv", "conv.in_proj": "shortconv.in_proj", "conv.out_proj": "shortconv.out_proj",
    "feed_forward.w1": "ffn_gate", "feed_forward.w3": "ffn_up", "feed_forward.w2": "ffn_down",
}  # fmt: skip
# Norms after attention and feed-forward
POST = {"post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm",
        "post_feedforward_layernorm": "post_ffw_norm"}  # fmt: skip
RENAMED = {"gemma2": POST, "gemma3": POST, "gpt-oss": POST, "olmo2": POST}
Kind = gguf.GGMLQuantizationType
Tensors = Iterator[tuple[str, np.ndarray]]


def write(model: hf.PreTrainedModel, path: Path, *, kind: Kind = Kind.F32, dequantised: bool = False) -> None:
    """All matrices as `kind`, or as float32 with the values that `kind` would have kept; everything else as float32."""
    arch = ARCHITECTURES.get(model.config.model_type, model.config.model_type)
    writer = gguf.GGUFWriter(path, arch)
    _header(writer, model.config, arch)
    _ropes(writer, model)
    for name, array in _tensors(model, arch):
        _add(writer, name, array, kind, dequantised=dequantised)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add(writer: gguf.GGUFWriter, name: str, array: np.ndarray, kind: Kind, *, dequantised: bool) -> None:
    small = (
        array.ndim == 1
        or name.endswith(".bias")
        or any(word in name for word in ("norm", "position_embd", "ffn_gate_inp", "shortconv.conv"))
    )
    if small or kind == Kind.F32:
        writer.add_tensor(name, np.ascontiguousarray(array))
    elif dequantised:
        stored = gguf.quantize(array, kind)
        writer.add_tensor(name, gguf.dequantize(stored, kind).astype(np.float32).reshape(array.shape))
    else:
        writer.add_tensor(name, gguf.quantize(array, kind), raw_dtype=kind)


def _tensors(model: hf.PreTrainedModel, arch: str) -> Tensors:
    """(name in the file, values) of every parameter."""
    stacks: dict[str, list[np.ndarray]] = {}
    for name, parameter in model.named_parameters():
        array = parameter.detach().numpy().astype(np.float32)
        if head := re.fullmatch(r"(.*_layernorm)\.norms\.\d+\.weight", name):  # one tensor for all heads
            stacks.setdefault(f"{head[1]}.weight", []).append(array)
            continue
        if "experts." in name:
            yield from _experts(name, array) if arch != "gpt-oss" else _interleaved_experts(name, array)
            continue
        stem, _, suffix = name.rpartition(".")
        if suffix == "sinks":
            suffix = "weight"
        yield f"{renamed(stem, arch)}.{suffix}", _rows(array, stem, arch, model.config)
    for name, norms in stacks.items():
        stem, _, suffix = name.rpartition(".")
        yield f"{renamed(stem, arch)}.{suffix}", np.stack(norms)


def _experts(name: str, array: np.ndarray) -> Tensors:
    """(experts, rows, cols): gate and up are apart in the file."""
    if name.endswith("down_proj"):
        yield f"{renamed(name, '')}.weight", array
        return
    stem, half = name.removesuffix("gate_up_proj"), array.shape[1] // 2
    yield f"{renamed(stem + 'gate_proj', '')}.weight", array[:, :half]
    yield f"{renamed(stem + 'up_proj', '')}.weight", array[:, half:]


def _interleaved_experts(name: str, array: np.ndarray) -> Tensors:
    """(experts, cols, rows), or (experts, rows) of a bias; rows of gate and up take turns."""
    stem, suffix = (name.removesuffix("_bias"), "bias") if name.endswith("_bias") else (name, "weight")
    rows = array if suffix == "bias" else array.swapaxes(1, 2)
    if stem.endswith("down_proj"):
        yield f"{renamed(stem, '')}.{suffix}", rows
        return
    for half, part in enumerate(("gate", "up")):
        yield f"{renamed(stem.replace('gate_up', part), '')}.{suffix}", rows[:, half::2]


def _rows(array: np.ndarray, stem: str, arch: str, c: Any) -> np.ndarray:
    """The values in the order of rows that the file keeps."""
    if arch in PERMUTED and stem.endswith(("q_proj", "k_proj")):
        return permuted(array, c.num_attention_heads if stem.endswith("q_proj") else c.num_key_value_heads)
    if arch.startswith("gemma") and stem.endswith("norm"):
        return array + 1
    if arch == "gpt2" and array.ndim == 2 and ".c_" in stem:
        return array.T
    if stem.endswith("conv.conv"):
        return array[:, 0]
    if stem.endswith("query_key_value"):
        return _ungrouped(array, kv_heads=_falcon_kv_heads(c) if arch == "falcon" else c.num_attention_heads, c=c)
    return array


def permuted(array: np.ndarray, heads: int) -> np.ndarray:
    """Halves of each head interleaved, as the converter does for rotation by neighbours."""
    return array.reshape(heads, 2, -1, *array.shape[1:]).swapaxes(1, 2).reshape(array.shape)


def _ungrouped(array: np.ndarray, *, kv_heads: int, c: Any) -> np.ndarray:
    """Rows grouped by key head (its queries, its key, its value) as all queries, all keys, all values."""
    head = c.hidden_size // c.num_attention_heads
    groups = array.reshape(kv_heads, -1, head, *array.shape[1:])  # (kv_heads, queries + 2, head_dim, ...)
    parts = (groups[:, :-2], groups[:, -2:-1], groups[:, -1:])
    return np.concatenate([part.reshape(-1, *array.shape[1:]) for part in parts])


def _falcon_kv_heads(c: Any) -> int:
    return c.num_kv_heads if c.new_decoder_architecture else 1


def renamed(stem: str, arch: str) -> str:
    layer = re.fullmatch(r"(?:\w+\.)(?:layers|h)\.(\d+)\.(.+)", stem)
    if layer is None:
        return OUTER[stem.rpartition(".")[2]]
    return f"blk.{layer[1]}.{(INNER | RENAMED.get(arch, {}))[layer[2]]}"


def _header(writer: gguf.GGUFWriter, c: Any, arch: str) -> None:
    writer.add_context_length(getattr(c, "max_position_embeddings", c.hidden_size))
    writer.add_embedding_length(c.hidden_size)
    writer.add_block_count(c.num_hidden_layers)
    writer.add_feed_forward_length(_feed_forward(c))
    writer.add_head_count(c.num_attention_heads)
    if arch not in ("gpt2", "gptneox"):
        kv_heads = _falcon_kv_heads(c) if arch == "falcon" else getattr(c, "num_key_value_heads", None)
        if arch == "lfm2":
            writer.add_shortconv_l_cache(c.conv_L_cache)
            writer.add_head_count_kv([kv_heads if kind == "full_attention" else 0 for kind in c.layer_types])
        else:
            writer.add_head_count_kv(kv_heads or c.num_attention_heads)
    head_dim = getattr(c, "head_dim", None)
    if head_dim and arch not in ("granite", "falcon"):  # the converter leaves it out
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    for key in ("layer_norm_eps", "norm_epsilon", "layer_norm_epsilon"):
        if (eps := getattr(c, key, None)) is not None:
            writer.add_layer_norm_eps(eps)
    for key in ("rms_norm_eps", "norm_eps"):
        if (eps := getattr(c, key, None)) is not None:
            writer.add_layer_norm_rms_eps(eps)
    _limits(writer, c)
    _experts_header(writer, c, arch)
    if arch == "granite":
        writer.add_attention_scale(c.attention_multiplier)
        writer.add_embedding_scale(c.embedding_multiplier)
        writer.add_residual_scale(c.residual_multiplier)
        writer.add_logit_scale(c.logits_scaling)
    if arch == "command-r":
        writer.add_logit_scale(c.logit_scale)
        writer.add_rope_scaling_type(gguf.RopeScalingType.NONE)
    if arch in ("gptneox", "stablelm"):
        # StableLM's configurations seldom have the key, and the converter then writes true
        writer.add_parallel_residual(c.use_parallel_residual if arch == "gptneox" else True)
    if arch == "falcon":
        writer.add_tensor_data_layout("jploski")


def _limits(writer: gguf.GGUFWriter, c: Any) -> None:
    if getattr(c, "sliding_window", None):
        writer.add_sliding_window(c.sliding_window)
    if getattr(c, "attn_logit_softcapping", None):
        writer.add_attn_logit_softcapping(c.attn_logit_softcapping)
    if getattr(c, "final_logit_softcapping", None):
        writer.add_final_logit_softcapping(c.final_logit_softcapping)


def _feed_forward(c: Any) -> int:
    if getattr(c, "block_auto_adjust_ff_dim", False):
        width = int((c.block_ffn_dim_multiplier or 1.0) * (2 * c.intermediate_size // 3))
        return -(-width // c.block_multiple_of) * c.block_multiple_of
    for key in ("intermediate_size", "ffn_hidden_size", "n_inner"):
        if (width := getattr(c, key, None)) is not None:
            return int(width)
    return 4 * int(c.hidden_size)


def _experts_header(writer: gguf.GGUFWriter, c: Any, arch: str) -> None:
    if not (experts := getattr(c, "num_local_experts", None) or getattr(c, "num_experts", None)):
        return
    writer.add_expert_count(experts)
    writer.add_expert_used_count(c.num_experts_per_tok)
    if arch != "llama":
        writer.add_expert_feed_forward_length(getattr(c, "moe_intermediate_size", None) or c.intermediate_size)
    if arch == "qwen2moe":
        writer.add_expert_shared_feed_forward_length(c.shared_expert_intermediate_size)


def _ropes(writer: gguf.GGUFWriter, model: hf.PreTrainedModel) -> None:
    rope = getattr(model.config, "rope_parameters", None)
    if rope is None:
        return
    rope = rope.get("full_attention", rope)
    kind = rope["rope_type"]
    if model.config.model_type not in ("falcon", "gpt_neox", "phi", "stablelm"):  # these rely on 10,000
        writer.add_rope_freq_base(rope["rope_theta"])
    dim = getattr(model.config, "head_dim", None) or model.config.hidden_size // model.config.num_attention_heads
    writer.add_rope_dimension_count(int(dim * rope.get("partial_rotary_factor", 1.0)))
    if kind == "llama3":
        plain = rope["rope_theta"] ** (-np.arange(0, dim, 2) / dim)
        writer.add_tensor("rope_freqs.weight", (plain / model.model.rotary_emb.inv_freq.numpy()).astype(np.float32))
    elif kind == "longrope":
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
        writer.add_rope_scaling_attn_factors(model.model.rotary_emb.attention_scaling)
        for length in ("long", "short"):
            writer.add_tensor(f"rope_factors_{length}.weight", np.array(rope[f"{length}_factor"], dtype=np.float32))
    elif kind in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR if kind == "linear" else gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(rope["factor"])
        if kind == "yarn":
            writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
