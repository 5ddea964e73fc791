"""What GGUF leaves unsaid of the encoders: the keys of `config.json` that the header lacks or calls otherwise.

A `bert` may be a RoBERTa: its table of positions begins behind the padding's rows then, so that both count from 0.
Poolers are not in the format; classifiers and the layers behind EmbeddingGemma's mean are known, and not loaded.
"""

from collections.abc import Callable

from litz.architectures import gguf_rope
from litz.architectures.gguf_families import Facts, Sizes, sliding
from litz.architectures.gguf_header import Header
from litz.architectures.names import Names


def _layer_normed(h: Header, s: Sizes) -> Facts:
    """BERT and what differs by its positions: a head for every query, and a table of types where there is one."""
    if s.kv_heads != s.heads:
        raise h.refuse(f"a {h.arch} with grouped queries ({h.arch}.attention.head_count_kv = {s.kv_heads})")
    types = h.shapes.get("token_types.weight", (0,))[0]
    return {"num_key_value_heads": None, "type_vocab_size": types}


def _bert(h: Header, s: Sizes) -> Facts:
    h.ignore_all("rope.")
    return _layer_normed(h, s)


def _nomic_bert(h: Header, s: Sizes) -> Facts:
    return _layer_normed(h, s) | {"model_type": "nomic_bert"}


def _jina_bert_v3(h: Header, s: Sizes) -> Facts:
    return _layer_normed(h, s) | {"model_type": "jina_embeddings_v3"}


def _eurobert(h: Header, s: Sizes) -> Facts:
    return {"attention_bias": h.has("attn_q.bias"), "mlp_bias": h.has("ffn_up.bias")}


def _gemma_embedding(h: Header, s: Sizes) -> Facts:
    """The window is the width of both sides together, as in `config.json`."""
    h.require("attention.sliding_window")
    base = gguf_rope.positive(h, "rope.freq_base_swa")
    return sliding(h, s) | {
        "model_type": "gemma3_text", "gguf_whole_norms": True, "query_pre_attn_scalar": s.head,
        "use_bidirectional_attention": True, "rope_local_base_freq": 10000.0 if base is None else base,
    }  # fmt: skip


def _modern_bert(h: Header, s: Sizes) -> Facts:
    """Every third layer sees everything, from the first on, unless the header has another period."""
    if h.text("rope.scaling.type") not in (None, "none"):
        raise h.refuse("a modern-bert with modern-bert.rope.scaling.type")
    h.neutral("rope.dimension_count", s.head)
    h.require("attention.sliding_window")
    return {
        "model_type": "modernbert", "num_key_value_heads": None, "norm_bias": h.has("ffn_norm.bias"),
        "attention_bias": h.has("attn_qkv.bias"), "mlp_bias": h.has("ffn_up.bias"),
        "local_attention": h.size("attention.sliding_window"),
        "global_attn_every_n_layers": h.size("attention.sliding_window_pattern"),
        "global_rope_theta": gguf_rope.positive(h, "rope.freq_base"),
        "local_rope_theta": gguf_rope.positive(h, "rope.freq_base_swa"),
    }  # fmt: skip


# GGUF architecture -> what its header leaves unsaid
FACTS: dict[str, Callable[[Header, Sizes], Facts]] = {
    "bert": _bert, "eurobert": _eurobert, "gemma-embedding": _gemma_embedding, "jina-bert-v3": _jina_bert_v3,
    "modern-bert": _modern_bert, "nomic-bert": _nomic_bert,
}  # fmt: skip
NAMES: Names = {
    "token_types": "types", "cls": None, "cls.output": None, "dense_2": None, "dense_3": None,
    "blk.{i}.attn_output_norm": "layers.{i}.attn_norm", "blk.{i}.layer_output_norm": "layers.{i}.mlp_norm",
}  # fmt: skip
