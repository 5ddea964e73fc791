"""GGUF files of every storage type: exact where dequantised, nearly so as stored; fast is off by its rounding."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import gguf
import numpy as np
import pytest
import torch
import transformers as hf

import litz
from tests.parity.harness.decoders import SMALL, VOCAB, Row, relative_error
from tests.parity.harness.gguf_writer import permuted, renamed, write
from tests.parity.harness.rows.experts import MIXTRAL, SHARED
from tests.parity.harness.rows.gpt import FALCON_40B

IDS = torch.tensor(np.random.default_rng(6).integers(3, VOCAB, size=(2, 24)))
SIZES = {"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2}
WIDE = Row("wide", hf.LlamaConfig, SIZES)
Kind = gguf.GGMLQuantizationType


def load(path: Path, **options: object) -> litz.NativeCausalLM:
    return litz.AutoModelForCausalLM.from_pretrained(path, cache_dtype="float32", **options)


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
WRITABLE = [Kind.F16, Kind.BF16, Kind.Q8_0, Kind.Q4_0, Kind.Q4_1, Kind.Q5_0, Kind.Q5_1, Kind.MXFP4]


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
    stored = {t.name: gguf.dequantize(t.data, t.tensor_type).astype(np.float32) for t in gguf.GGUFReader(path).tensors}
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            stem, _, suffix = name.rpartition(".")
            values = stored[f"{renamed(stem, 'llama')}.{suffix}"].reshape(parameter.shape)
            if stem.endswith(("q_proj", "k_proj")):  # back from neighbours to halves
                heads = (
                    model.config.num_attention_heads if stem.endswith("q_proj") else model.config.num_key_value_heads
                )
                order = permuted(np.arange(len(values)), heads)
                values = values[np.argsort(order)]
            parameter.copy_(torch.from_numpy(values))


def to_8_bits(x: torch.Tensor) -> torch.Tensor:
    """What fast quantised products take: 127 levels on either side of 0 for each 32 values, halves to even."""
    blocks = x.unflatten(-1, (-1, 32))
    step = blocks.abs().amax(-1, keepdim=True).clamp(min=1e-30) / 127
    return ((blocks / step).round() * step).flatten(-2)


def to_bfloat16(x: torch.Tensor) -> torch.Tensor:
    """What fast products of bfloat16 weights take, on a CPU that multiplies such pairs."""
    return x.bfloat16().to(x.dtype)


def as_it_is(x: torch.Tensor) -> torch.Tensor:
    return x


QUANTISED = [
    Kind.Q8_0, Kind.Q4_0, Kind.Q4_1, Kind.Q5_0, Kind.Q5_1, Kind.Q4_K, Kind.Q5_K, Kind.Q6_K, Kind.IQ4_NL, Kind.MXFP4,
]  # fmt: skip
# How fast inputs are rounded; the last two kinds have no kernel and are kept in a float format that holds their values.
ROUNDED: dict[Kind, Callable[[torch.Tensor], torch.Tensor]] = {
    Kind.F16: as_it_is, Kind.BF16: to_bfloat16, **dict.fromkeys(QUANTISED, to_8_bits),
    Kind.Q2_K: to_bfloat16, Kind.Q3_K: to_bfloat16,
}  # fmt: skip
CONVERTED = {Kind.Q2_K, Kind.Q3_K}


class Stored(NamedTuple):
    kind: Kind
    path: Path
    exact: torch.Tensor  # the reference's logits with exactly the stored values
    rounded: torch.Tensor  # and with the input of every product rounded as fast products take it


@pytest.fixture(scope="module", params=ROUNDED, ids=lambda kind: kind.name)
def stored(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    path, reference = quantised(request.param, tmp_path_factory.mktemp(request.param.name))
    reference.double()
    with torch.no_grad():
        exact = reference(IDS).logits
        for module in reference.modules():
            if isinstance(module, torch.nn.Linear):
                module.register_forward_pre_hook(lambda _, inputs: (ROUNDED[request.param](inputs[0]),))
        yield Stored(request.param, path, exact, reference(IDS).logits)


pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning:gguf")


def test_a_storage_type_dequantised_is_exact(stored: Stored) -> None:
    assert relative_error(load(stored.path, dtype="float32")(IDS).logits, stored.exact) < 1e-4


def test_full_float_activations_compute_what_dequantised_weights_do(stored: Stored) -> None:
    exact = load(stored.path, activations="f32")(IDS).logits
    assert torch.equal(exact, load(stored.path, dtype="float32")(IDS).logits)


def test_a_storage_type_computed_as_stored_is_nearly_exact(stored: Stored) -> None:
    # 16 bits over 256 columns are off by less than a fiftieth of what 8 bits over 32 are.
    explained = relative_error(stored.rounded, stored.exact) if ROUNDED[stored.kind] is to_8_bits else 0.0
    assert relative_error(load(stored.path)(IDS).logits, stored.exact) < explained / 50 + 1e-4


def test_fast_activations_are_off_by_their_rounding(stored: Stored) -> None:
    found = load(stored.path, activations="fast")(IDS).logits
    explained = relative_error(stored.rounded, stored.exact)
    assert relative_error(found, stored.exact) < 1.5 * explained + 1e-4
    if ROUNDED[stored.kind] is to_8_bits:  # the same, but for values that lie between two levels by less than a bit
        assert relative_error(found, stored.rounded) < 0.6 * explained


def test_what_has_no_kernel_is_reported(stored: Stored) -> None:
    assert bool(load(stored.path).load_report.converted) == (stored.kind in CONVERTED)


BLOCKS = {"hidden_size": 64, "intermediate_size": 96}
EXPERTS = {**BLOCKS, "moe_intermediate_size": 32, "shared_expert_intermediate_size": 64}
FUSED = [
    Row("mixtral", hf.MixtralConfig, {**MIXTRAL, **BLOCKS}),
    Row("qwen2-moe", hf.Qwen2MoeConfig, {**SHARED, **EXPERTS}),
    Row("gpt2", hf.GPT2Config, {"hidden_size": 64}, plain=SMALL),
    Row("falcon-40b", hf.FalconConfig, {**FALCON_40B, "hidden_size": 64}, plain=SMALL),
]


@pytest.mark.parametrize("kind", [Kind.Q8_0, Kind.Q4_0, Kind.Q5_1], ids=lambda kind: kind.name)
@pytest.mark.parametrize("row", FUSED, ids=lambda row: row.name)
def test_stacked_and_fused_tensors_are_cut_where_their_values_are(row: Row, kind: Kind, tmp_path: Path) -> None:
    model = row.build()
    write(model, tmp_path / "stored.gguf", kind=kind)
    write(model, tmp_path / "values.gguf", kind=kind, dequantised=True)
    found, expected = load(tmp_path / "stored.gguf", dtype="float32"), load(tmp_path / "values.gguf")
    assert torch.equal(found(IDS).logits, expected(IDS).logits)
