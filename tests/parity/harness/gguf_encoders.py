"""Writes a reference encoder as a GGUF file by the format's conventions: renamed keys and tensors, without a pooler."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import transformers as hf
from safetensors.numpy import load_file

from tests.parity.harness.gguf_writer import INNER, POST, Kind, _add

ARCHITECTURES = {
    "bert": "bert", "eurobert": "eurobert", "gemma3_text": "gemma-embedding", "jina_embeddings_v3": "jina-bert-v3",
    "modernbert": "modern-bert", "nomic_bert": "nomic-bert", "roberta": "bert", "xlm-roberta": "bert",
}  # fmt: skip
OUTER = {
    "embeddings.word_embeddings": "token_embd", "embeddings.position_embeddings": "position_embd",
    "embeddings.token_type_embeddings": "token_types", "embeddings.LayerNorm": "token_embd_norm",
    "emb_ln": "token_embd_norm", "embed_tokens": "token_embd", "norm": "output_norm",
    "embeddings.tok_embeddings": "token_embd", "embeddings.norm": "token_embd_norm", "final_norm": "output_norm",
}  # fmt: skip
LAYER = {
    "attention.self.query": "attn_q", "attention.self.key": "attn_k", "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output", "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up", "output.dense": "ffn_down", "output.LayerNorm": "layer_output_norm",
    "attn.Wqkv": "attn_qkv", "mixer.Wqkv": "attn_qkv", "attn.out_proj": "attn_output",
    "mixer.out_proj": "attn_output", "norm1": "attn_output_norm", "norm2": "layer_output_norm",
    "attn.Wo": "attn_output", "mlp_norm": "ffn_norm", "attn_norm": "attn_norm", "mlp.Wi": "ffn_up",
    "mlp.Wo": "ffn_down", "mlp.fc1": "ffn_up", "mlp.fc11": "ffn_up", "mlp.fc12": "ffn_gate", "mlp.fc2": "ffn_down",
}  # fmt: skip


def write(model: hf.PreTrainedModel, folder: Path, *, kind: Kind = Kind.F32) -> Path:
    """`model.gguf` of a model without a head, its matrices as `kind`."""
    c = model.config
    arch = ARCHITECTURES[c.model_type]
    path = folder / "model.gguf"
    writer = gguf.GGUFWriter(path, arch)
    _header(writer, c, arch)
    model.save_pretrained(folder / "source")
    for name, array in _tensors(load_file(folder / "source" / "model.safetensors"), c, arch):
        _add(writer, name, array, Kind.F32 if "types" in name else kind, dequantised=False)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _header(writer: gguf.GGUFWriter, c: Any, arch: str) -> None:
    writer.add_context_length(c.max_position_embeddings - _rows_before(c))
    writer.add_embedding_length(c.hidden_size)
    writer.add_block_count(c.num_hidden_layers)
    writer.add_feed_forward_length(c.intermediate_size)
    writer.add_head_count(c.num_attention_heads)
    if (kv_heads := getattr(c, "num_key_value_heads", None)) is not None:
        writer.add_head_count_kv(kv_heads)
    if arch in ("eurobert", "gemma-embedding"):
        writer.add_layer_norm_rms_eps(c.rms_norm_eps)
        writer.add_key_length(c.head_dim)
        writer.add_value_length(c.head_dim)
    else:
        writer.add_layer_norm_eps(c.norm_eps if arch == "modern-bert" else c.layer_norm_eps)
    if arch == "modern-bert":
        writer.add_sliding_window(c.local_attention)
        writer.add_rope_scaling_type(gguf.RopeScalingType.NONE)
    if arch == "gemma-embedding":
        writer.add_sliding_window((c.sliding_window - 1) * 2)  # the width of both sides together
    if arch in ("gemma-embedding", "modern-bert"):
        writer.add_rope_freq_base(c.rope_parameters["full_attention"]["rope_theta"])
        writer.add_float32(f"{arch}.rope.freq_base_swa", c.rope_parameters["sliding_attention"]["rope_theta"])
    elif getattr(c, "rope_parameters", None):
        writer.add_rope_freq_base(c.rope_parameters["rope_theta"])
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)


def _rows_before(c: Any) -> int:
    return c.pad_token_id + 1 if "roberta" in c.model_type else 0


def _tensors(stored: dict[str, np.ndarray], c: Any, arch: str) -> Iterator[tuple[str, np.ndarray]]:
    for name, array in stored.items():
        stem, _, suffix = name.removeprefix("model.").rpartition(".")
        if stem.startswith("pooler"):
            continue
        layer = re.fullmatch(r"(?:encoder\.)?layers?\.(\d+)\.(.+)", stem)
        inner = {**INNER, **LAYER, **(POST if arch == "gemma-embedding" else {})}
        target = OUTER[stem] if layer is None else f"blk.{layer[1]}.{inner[layer[2]]}"
        if target == "position_embd":
            array = array[_rows_before(c) :]
        whole = arch == "gemma-embedding" and target.endswith("norm")
        yield f"{target}.{suffix}", array.astype(np.float32) + whole
