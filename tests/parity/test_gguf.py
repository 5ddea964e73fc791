"""GGUF files of every family and storage type against the transformers model that they were written from."""

from dataclasses import replace
from pathlib import Path

import gguf
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
WIDE = Row("wide", hf.LlamaConfig, {"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2})
Kind = gguf.GGMLQuantizationType


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


def random_blocks(kind: Kind, rows: int, cols: int, seed: int) -> np.ndarray:
    """Bytes of any kind with sane scales: for the kinds that the gguf package reads but cannot write."""
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    draw = np.random.default_rng(seed)
    blocks = draw.integers(0, 256, size=(rows, cols // elements, size), dtype=np.uint8)
    scale = np.float16(0.002).tobytes()
    for at in SCALES[kind]:
        blocks[..., at : at + 2] = np.frombuffer(scale, dtype=np.uint8)
    return blocks.reshape(rows, -1)


# where a block keeps its float16 scales
SCALES = {
    Kind.Q2_K: (80, 82),
    Kind.Q3_K: (108,),
    Kind.Q4_K: (0, 2),
    Kind.Q5_K: (0, 2),
    Kind.Q6_K: (208,),
    Kind.IQ4_NL: (0,),
}
WRITABLE = [Kind.F16, Kind.BF16, Kind.Q8_0, Kind.Q4_0, Kind.Q4_1, Kind.Q5_0, Kind.Q5_1]


def quantised(kind: Kind, folder: Path) -> tuple[Path, hf.PreTrainedModel]:
    """A file of that kind and the reference holding exactly its dequantised values."""
    model = WIDE.build()
    if kind not in WRITABLE:
        # The stored bytes are drawn, so the model takes their values instead of the other way round.
        original = gguf.quantize
        made: dict[int, np.ndarray] = {}

        def draw(array: np.ndarray, wanted: Kind) -> np.ndarray:
            return made.setdefault(len(made), random_blocks(wanted, *array.shape, seed=len(made)))

        gguf.quantize = draw
        try:
            write(model, folder / "model.gguf", kind=kind)
        finally:
            gguf.quantize = original
    else:
        write(model, folder / "model.gguf", kind=kind)
    _take_stored_values(model, folder / "model.gguf")
    return folder / "model.gguf", model


def _take_stored_values(model: hf.PreTrainedModel, path: Path) -> None:
    from tests.parity.gguf_writer import _permuted, _renamed

    stored = {t.name: gguf.dequantize(t.data, t.tensor_type).astype(np.float32) for t in gguf.GGUFReader(path).tensors}
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            stem, _, suffix = name.rpartition(".")
            values = stored[f"{_renamed(stem, 'llama')}.{suffix}"].reshape(parameter.shape)
            if stem.endswith(("q_proj", "k_proj")):  # back from neighbours to halves
                heads = (
                    model.config.num_attention_heads if stem.endswith("q_proj") else model.config.num_key_value_heads
                )
                order = _permuted(np.arange(len(values)), heads)
                values = values[np.argsort(order)]
            parameter.copy_(torch.from_numpy(values))


@pytest.mark.parametrize("kind", [*WRITABLE, *SCALES], ids=lambda kind: kind.name)
@pytest.mark.filterwarnings("ignore::RuntimeWarning:gguf")
def test_a_storage_type_dequantised_is_exact(kind: Kind, tmp_path: Path) -> None:
    path, reference = quantised(kind, tmp_path)
    with torch.no_grad():
        assert relative_error(load(path, dtype="float32")(IDS).logits, reference.double()(IDS).logits) < 1e-4


@pytest.mark.parametrize("kind", [*WRITABLE, *SCALES], ids=lambda kind: kind.name)
@pytest.mark.filterwarnings("ignore::RuntimeWarning:gguf")
def test_a_storage_type_computed_as_stored_stays_near_it(kind: Kind, tmp_path: Path) -> None:
    path, reference = quantised(kind, tmp_path)
    # Beside such weights activations are one byte: 1/254 of each block's largest, amplified by shaken layers.
    one_byte = (Kind.Q8_0, Kind.Q4_0, Kind.Q4_1, Kind.Q5_0, Kind.IQ4_NL)
    bound = 0.1 if kind in one_byte else 1e-4
    model = load(path)
    with torch.no_grad():
        assert relative_error(model(IDS).logits, reference.double()(IDS).logits) < bound
    native = {Kind.F16, Kind.BF16, Kind.Q8_0, Kind.Q4_0, Kind.Q4_1}
    assert bool(model.load_report.converted) == (kind not in native)
