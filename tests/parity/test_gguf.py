"""GGUF files of every family against the transformers model that they were written from."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers as hf

import litz
from tests.parity.decoders import ROWS, VOCAB, Row, relative_error
from tests.parity.gguf_writer import write
from tests.parity.rows_classic import CLASSIC, FALCON_40B, SMALL
from tests.parity.rows_experts import EXPERTS

IDS = torch.tensor(np.random.default_rng(6).integers(3, VOCAB, size=(2, 24)))
# The format has no key for these: gemma2's softcaps have defaults, activations and GPT-2's scales are not written,
# windows are every layer's, dynamic scaling, Phi's norms of q and k, biases of Falcon and OPT are unknown to it.
WITHOUT_A_KEY = {
    "gemma2-uncapped", "llama-dynamic", "qwen2-window", "qwen2-moe-window-unbiased", "qwen3-moe-window-biased-tied",
    "phi-qk-norm",
    "gpt2-odd-feed-forward", "gpt2-by-layer", "gpt2-unscaled-untied", "neox-unbiased-tied",
    "falcon-7b-biased-untied", "falcon-11b", "falcon-rw", "falcon-rw-six-heads", "falcon-alibi-parallel",
    "falcon-rope-in-turn", *(row.name for row in CLASSIC if row.name.startswith("opt")),
}  # fmt: skip
INSTEAD = [
    Row("falcon-11b-unbiased", hf.FalconConfig, {**FALCON_40B, "num_ln_in_parallel_attn": 1}, plain=SMALL),
    Row("falcon-odd-feed-forward", hf.FalconConfig, {"ffn_hidden_size": 51}, plain=SMALL),
    Row("gpt2-odd-feed-forward-untied", hf.GPT2Config, {"n_inner": 51, "tie_word_embeddings": False}, plain=SMALL),
    Row("neox-unbiased-exact-gelu", hf.GPTNeoXConfig, {"attention_bias": False}, plain=SMALL | {"hidden_size": 64}),
]
FAMILIES = [*(row for row in [*ROWS, *CLASSIC, *EXPERTS] if row.name not in WITHOUT_A_KEY), *INSTEAD]

# What the format has no key for and every model of the family has: Gemma's attention scale is that of its head.
PUBLISHED = {
    "gemma": {"query_pre_attn_scalar": 16},
    "qwen2-moe": {"norm_topk_prob": False},
    "qwen3-moe": {"norm_topk_prob": True},
}


def published(row: Row) -> Row:
    """The row with what the format takes for granted."""
    facts = next((facts for family, facts in PUBLISHED.items() if row.name.startswith(family)), {})
    return replace(row, keys={**row.keys, **facts})


def load(path: Path, **options: object) -> litz.NativeCausalLM:
    return litz.AutoModelForCausalLM.from_pretrained(path, cache_dtype="float32", **options)


@pytest.mark.parametrize("row", FAMILIES, ids=lambda row: row.name)
def test_a_family_computes_from_gguf_what_it_computes_in_the_reference(row: Row, tmp_path: Path) -> None:
    model = published(row).build()
    write(model, tmp_path / "model.gguf")
    with torch.no_grad():
        assert relative_error(load(tmp_path / "model.gguf")(IDS).logits, model.double()(IDS).logits) < 1e-4
