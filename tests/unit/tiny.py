"""A llama of a few thousand random weights and a tokenizer of single bytes: real ones, made in a moment."""

import json
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from litz import _core

SPECIAL = ["<bos>", "<eos>", "<pad>", "<user>", "<assistant>"]
BOS, EOS, PAD, USER, ASSISTANT = range(256, 261)
VOCAB = 261
CONTEXT = 96
# Leaves a generation with letters, digits and the like, none of which comes twice.
READABLE = {"suppress_tokens": [*range(33), *range(127, VOCAB)], "no_repeat_ngram_size": 1}
WIDTH, HIDDEN, HEADS, LAYERS = 32, 48, 4, 2


def write_model(folder: Path, *, generation_config: dict | None = None) -> Path:
    """A checkpoint folder; with 64 KiB of weights it is written in a moment."""
    config = {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "vocab_size": VOCAB,
        "hidden_size": WIDTH,
        "intermediate_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": 2,
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "tie_word_embeddings": False,
        "bos_token_id": BOS,
        "eos_token_id": EOS,
        "pad_token_id": PAD,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    if generation_config is not None:
        (folder / "generation_config.json").write_text(json.dumps(generation_config))
    _write_safetensors(folder / "model.safetensors", _weights())
    return folder


def _weights() -> dict[str, np.ndarray]:
    random = np.random.default_rng(7)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return random.normal(scale=1.5 * columns**-0.5, size=(rows, columns))

    weights = {
        "model.embed_tokens.weight": matrix(VOCAB, WIDTH) * 4,
        "lm_head.weight": matrix(VOCAB, WIDTH),
        "model.norm.weight": np.ones(WIDTH),
    }
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        weights |= {
            f"{prefix}input_layernorm.weight": np.ones(WIDTH),
            f"{prefix}post_attention_layernorm.weight": np.ones(WIDTH),
            f"{prefix}self_attn.q_proj.weight": matrix(WIDTH, WIDTH),
            f"{prefix}self_attn.k_proj.weight": matrix(WIDTH // 2, WIDTH),
            f"{prefix}self_attn.v_proj.weight": matrix(WIDTH // 2, WIDTH),
            f"{prefix}self_attn.o_proj.weight": matrix(WIDTH, WIDTH),
            f"{prefix}mlp.gate_proj.weight": matrix(HIDDEN, WIDTH),
            f"{prefix}mlp.up_proj.weight": matrix(HIDDEN, WIDTH),
            f"{prefix}mlp.down_proj.weight": matrix(WIDTH, HIDDEN),
        }
    return {name: weight.astype("<f4") for name, weight in weights.items()}


def _write_safetensors(path: Path, tensors: dict[str, np.ndarray]) -> None:
    header, offset = {}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": [offset, offset + tensor.nbytes]}
        offset += tensor.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(tensor.tobytes() for tensor in tensors.values()))


def tokenizer_json() -> bytes:
    """Every byte is a token, as byte-level tokenizers spell it; the special tokens follow."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    spelt = {byte: chr(byte) for byte in visible} | {byte: chr(256 + place) for place, byte in enumerate(hidden)}
    added = [
        {"id": 256 + place, "content": text, "special": True, "normalized": False, "single_word": False,
         "lstrip": False, "rstrip": False}
        for place, text in enumerate(SPECIAL)
    ]  # fmt: skip
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    model = {"type": "BPE", "vocab": {text: byte for byte, text in spelt.items()}, "merges": []}
    return json.dumps(
        {"version": "1.0", "added_tokens": added, "normalizer": None, "pre_tokenizer": byte_level,
         "post_processor": None, "decoder": byte_level, "model": model}
    ).encode()  # fmt: skip


@dataclass(frozen=True)
class TinyTokenizer:
    """The tokenizer's interface for the pipeline; a message is its role's token and its text."""

    _core: _core.Tokenizer

    def __call__(self, text, *, add_special_tokens=True):
        return {"input_ids": [BOS] * add_special_tokens + self._core.encode(text, False)}

    def decode(self, ids, *, skip_special_tokens=False):
        return self._core.decode(list(ids), skip_special_tokens)

    def apply_chat_template(self, messages, *, tokenize, add_generation_prompt, continue_final_message, tools=()):
        assert tokenize
        ids = [BOS] + [ASSISTANT] * len(tools)
        for message in messages:
            ids += [USER if message["role"] == "user" else ASSISTANT, *self._core.encode(message["content"], False)]
        return ids + [ASSISTANT] * add_generation_prompt


def tiny_tokenizer() -> TinyTokenizer:
    return TinyTokenizer(_core.Tokenizer.from_json(tokenizer_json()))
