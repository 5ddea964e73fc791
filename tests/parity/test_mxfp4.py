"""gpt-oss with experts in MXFP4: codes and scales of safetensors as transformers reads them, and GGUF's blocks."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
import transformers as hf
from safetensors.torch import load_file, save_file
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

import litz
from litz import hub
from litz.checkpoint import open_checkpoint
from litz.cli.info import _model_rows
from litz.errors import ArgumentError, FormatError, WeightsError
from litz.export.job import Job
from litz.export.schemes import scheme_named
from tests.parity.harness.decoders import VOCAB, edit_config, relative_error, save
from tests.parity.harness.gguf_writer import write
from tests.parity.harness.rows import named

IDS = torch.tensor(np.random.default_rng(7).integers(3, VOCAB, size=(2, 24)))
BLOCK, CODES = 32, 16
Kind = gguf.GGMLQuantizationType
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning:gguf")


def load(path: Path, **options: object) -> litz.NativeCausalLM:
    return litz.AutoModelForCausalLM.from_pretrained(path, cache_dtype="float32", **options)


def reference() -> hf.PreTrainedModel:
    row = named("gpt-oss")
    return replace(row, keys={**row.keys, "hidden_size": 64, "intermediate_size": 96, "swiglu_limit": 7.0}).build()


def packed(model: hf.PreTrainedModel) -> dict[str, torch.Tensor]:
    """Random codes and scales for every expert, whose values the model takes: as transformers unpacks them."""
    draw, made = torch.Generator().manual_seed(3), dict[str, torch.Tensor]()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not name.endswith(("gate_up_proj", "down_proj")):
                continue
            experts, cols, rows = parameter.shape
            blocks = torch.randint(0, 256, (experts, rows, cols // BLOCK, CODES), generator=draw, dtype=torch.uint8)
            scales = torch.randint(120, 126, (experts, rows, cols // BLOCK), generator=draw, dtype=torch.uint8)
            values = convert_moe_packed_tensors(blocks, scales, dtype=torch.float32)
            parameter.copy_(values)
            made |= {f"{name}_blocks": blocks, f"{name}_scales": scales}
    return made


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path, hf.PreTrainedModel]]:
    """The model as it is published, and with the values of its codes as floats."""
    model = reference()
    tensors = packed(model)
    plain, stored = tmp_path_factory.mktemp("plain"), tmp_path_factory.mktemp("mxfp4")
    save(model, plain)
    save(model, stored)
    rewrite(stored, tensors)
    return stored, plain, model.double()


def rewrite(folder: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Puts codes and scales in the place of the experts' matrices, in two files: no scale lies beside its codes."""
    path = folder / "model.safetensors"
    kept = {name: value for name, value in load_file(path).items() if f"{name}_blocks" not in tensors}
    kept |= {name: value for name, value in tensors.items() if name.endswith("_blocks")}
    scales = {name: value for name, value in tensors.items() if name.endswith("_scales")}
    path.unlink()
    files = {"model-00001-of-00002.safetensors": kept, "model-00002-of-00002.safetensors": scales}
    for file, values in files.items():
        save_file(values, folder / file)
    index = {name: file for file, values in files.items() for name in values}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    edit_config(folder, lambda config: config.update(quantization_config={"quant_method": "mxfp4"}))


def test_codes_are_the_values_that_transformers_makes_of_them(
    folders: tuple[Path, Path, hf.PreTrainedModel],
) -> None:
    stored, plain, _ = folders
    assert torch.equal(load(stored, dtype="float32")(IDS).logits, load(plain)(IDS).logits)


def test_logits_are_the_reference_s_at_every_position(folders: tuple[Path, Path, hf.PreTrainedModel]) -> None:
    stored, _, model = folders
    with torch.no_grad():
        expected = model(IDS).logits
    found = load(stored)
    assert found.load_report.packed > 0
    assert not found.load_report.converted
    assert relative_error(found(IDS).logits, expected) < 1e-3  # activations of 16 bits
    assert relative_error(load(stored, activations="f32")(IDS).logits, expected) < 1e-4


def test_floats_of_activations_compute_what_dequantised_weights_do(
    folders: tuple[Path, Path, hf.PreTrainedModel],
) -> None:
    stored, _, _ = folders
    exact = load(stored, activations="f32")(IDS).logits
    assert torch.equal(exact, load(stored, dtype="float32")(IDS).logits)


def test_a_batch_is_what_its_sequences_are_alone(folders: tuple[Path, Path, hf.PreTrainedModel]) -> None:
    model = load(folders[0])
    together = model(IDS).logits
    for index in range(len(IDS)):
        assert torch.equal(model(IDS[index : index + 1]).logits[0], together[index])


def test_info_names_the_storage(folders: tuple[Path, Path, hf.PreTrainedModel]) -> None:
    rows = dict(_model_rows(open_checkpoint(hub.resolve(str(folders[0])))))
    assert "MXFP4" in rows["weights"]
    assert "U8" not in rows["weights"]


def test_without_the_word_of_the_configuration_codes_are_unexpected(
    folders: tuple[Path, Path, hf.PreTrainedModel], tmp_path: Path
) -> None:
    for path in folders[0].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    edit_config(tmp_path, lambda config: config.pop("quantization_config"))
    with pytest.raises(WeightsError, match="gate_up_proj_scales"):
        load(tmp_path)


def test_scales_of_another_type_are_refused(tmp_path: Path) -> None:
    model = reference()
    tensors = packed(model)
    save(model, tmp_path)
    rewrite(tmp_path, {name: t.char() if name.endswith("_scales") else t for name, t in tensors.items()})
    with pytest.raises(FormatError, match="no codes and scales of MXFP4"):
        load(tmp_path)


def test_gguf_holds_the_same_codes_in_blocks(tmp_path: Path) -> None:
    model = reference()
    write(model, tmp_path / "stored.gguf", kind=Kind.MXFP4)
    write(model, tmp_path / "values.gguf", kind=Kind.MXFP4, dequantised=True)
    found, expected = load(tmp_path / "stored.gguf", dtype="float32"), load(tmp_path / "values.gguf")
    assert torch.equal(found(IDS).logits, expected(IDS).logits)
    assert relative_error(load(tmp_path / "stored.gguf")(IDS).logits, expected(IDS).logits) < 1e-3


def test_quantising_keeps_the_codes_or_gives_their_values(tmp_path: Path) -> None:
    write(reference(), tmp_path / "stored.gguf", kind=Kind.MXFP4)
    stored = {tensor.name: tensor for tensor in gguf.GGUFReader(tmp_path / "stored.gguf").tensors}
    with (tmp_path / "floats.gguf").open("wb") as file:
        Job(tmp_path / "stored.gguf", scheme_named("F32")).write(file, advance=lambda done: None)
    for tensor in gguf.GGUFReader(tmp_path / "floats.gguf").tensors:
        own = stored[tensor.name]
        assert np.array_equal(tensor.data, gguf.dequantize(own.data, own.tensor_type)), tensor.name
    with pytest.raises(ArgumentError, match=r"would go from MXFP4 to Q8_0 and lose a second time"):
        Job(tmp_path / "stored.gguf", scheme_named("Q8_0"))
