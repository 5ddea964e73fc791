"""Writes a reference model as a GGUF file by the format's conventions: renamed keys and tensors, permuted q and k."""

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import transformers as hf

ARCHITECTURES = {"mistral": "llama", "gemma3_text": "gemma3"}
TENSORS = {
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.qkv_proj": "attn_qkv",
    "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm", "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up", "mlp.gate_up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip
SANDWICH = {"post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm",
            "post_feedforward_layernorm": "post_ffw_norm"}  # fmt: skip


def write(
    model: hf.PreTrainedModel, path: Path, *, kind: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.F32
) -> None:
    """All matrices as `kind`, everything else as float32."""
    c = model.config
    arch = ARCHITECTURES.get(c.model_type, c.model_type)
    writer = gguf.GGUFWriter(path, arch)
    _header(writer, c, arch)
    _ropes(writer, model, arch)
    for name, parameter in model.named_parameters():
        stem, _, suffix = name.rpartition(".")
        array = parameter.detach().numpy().astype(np.float32)
        if arch in ("llama", "smollm3") and stem.endswith(("q_proj", "k_proj")):
            array = _permuted(array, c.num_attention_heads if stem.endswith("q_proj") else c.num_key_value_heads)
        if arch.startswith("gemma") and stem.endswith("norm"):
            array = array + 1
        _add(writer, f"{_renamed(stem, arch)}.{suffix}", array, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add(writer: gguf.GGUFWriter, name: str, array: np.ndarray, kind: gguf.GGMLQuantizationType) -> None:
    if array.ndim == 1 or kind == gguf.GGMLQuantizationType.F32:
        writer.add_tensor(name, array)
    else:
        writer.add_tensor(name, gguf.quantize(array, kind), raw_dtype=kind)


def _renamed(stem: str, arch: str) -> str:
    if stem in TENSORS:
        return TENSORS[stem]
    _, _, layer, inner = stem.split(".", 3)
    names = TENSORS | (SANDWICH if arch in ("gemma2", "gemma3") else {"post_attention_layernorm": "ffn_norm"})
    return f"blk.{layer}.{names[inner]}"


def _permuted(array: np.ndarray, heads: int) -> np.ndarray:
    """Halves of each head interleaved, as the converter does for rotation by neighbours."""
    return array.reshape(heads, 2, -1, *array.shape[1:]).swapaxes(1, 2).reshape(array.shape)


def _header(writer: gguf.GGUFWriter, c: Any, arch: str) -> None:
    writer.add_context_length(c.max_position_embeddings)
    writer.add_embedding_length(c.hidden_size)
    writer.add_block_count(c.num_hidden_layers)
    writer.add_feed_forward_length(c.intermediate_size)
    writer.add_head_count(c.num_attention_heads)
    writer.add_head_count_kv(c.num_key_value_heads)
    writer.add_layer_norm_rms_eps(c.rms_norm_eps)
    if head_dim := getattr(c, "head_dim", None):
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    if getattr(c, "sliding_window", None):
        writer.add_sliding_window(c.sliding_window)
    if getattr(c, "attn_logit_softcapping", None):
        writer.add_attn_logit_softcapping(c.attn_logit_softcapping)
    if getattr(c, "final_logit_softcapping", None):
        writer.add_final_logit_softcapping(c.final_logit_softcapping)


def _ropes(writer: gguf.GGUFWriter, model: hf.PreTrainedModel, arch: str) -> None:
    rope = model.config.rope_parameters
    rope = rope.get("full_attention", rope)
    kind = rope["rope_type"]
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
