"""One matrix or two: what the configuration says of head and embeddings, and what the file holds, as transformers."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers as hf
from safetensors.torch import load_file, save_file

import litz
from litz.errors import WeightsError
from tests.parity.harness.decoders import relative_error, save
from tests.parity.harness.rows import ROWS, named

EMBED, HEAD = "model.embed_tokens.weight", "lm_head.weight"
IDS = torch.arange(3, 9)[None]
Tensors = dict[str, torch.Tensor]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model whose configuration ties head and embeddings."""
    return save(named("qwen3-tied-biased").build(), tmp_path)


def store(folder: Path, change: Callable[[Tensors], object], **metadata: str) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    tensors = {name: tensor.contiguous().clone() for name, tensor in tensors.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt", **metadata})


def load(folder: Path) -> litz.NativeCausalLM:
    return litz.AutoModelForCausalLM.from_pretrained(folder, cache_dtype="float32")


def agrees(folder: Path) -> bool:
    """Whether the reference computes the same from this folder."""
    reference = hf.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64)
    with torch.no_grad():
        return relative_error(load(folder)(IDS).logits, reference(IDS).logits) < 1e-4


def test_a_head_with_numbers_of_its_own_is_used_and_named(folder: Path) -> None:
    store(folder, lambda t: t.update({HEAD: t[EMBED].flip(0)}))
    with pytest.warns(UserWarning, match=r"lm_head\.weight differs from model\.embed_tokens\.weight"):
        assert agrees(folder)


def test_one_number_makes_a_difference(folder: Path) -> None:
    store(folder, lambda t: t.update({HEAD: t[EMBED] + torch.eye(*t[EMBED].shape) * 1e-3}))
    with pytest.warns(UserWarning, match="differs"):
        assert agrees(folder)


@pytest.mark.filterwarnings("error:.*configuration ties")
def test_a_true_copy_is_not_needed(folder: Path) -> None:
    store(folder, lambda t: t.update({HEAD: t[EMBED]}))
    assert load(folder).load_report.unused == (HEAD,)
    assert agrees(folder)


@pytest.mark.filterwarnings("error:.*configuration ties")
@pytest.mark.parametrize("metadata", [{}, {EMBED: HEAD}, {"extra.weight": HEAD}, {EMBED: "elsewhere"}])
def test_the_one_matrix_may_have_the_name_of_the_head(folder: Path, metadata: dict[str, str]) -> None:
    expected = load(folder)(IDS).logits
    store(folder, lambda t: t.update({HEAD: t.pop(EMBED)}), **metadata)
    assert torch.equal(load(folder)(IDS).logits, expected)
    assert agrees(folder)


def test_an_untied_head_that_is_missing_is_an_error(tmp_path: Path) -> None:
    save(ROWS[0].build(), tmp_path)
    store(tmp_path, lambda t: t.pop(HEAD))
    with pytest.raises(WeightsError, match=r"missing tensor for head\.weight"):
        load(tmp_path)


def test_metadata_name_the_one_tensor_that_is_stored_for_two(tmp_path: Path) -> None:
    save(ROWS[0].build(), tmp_path)
    store(tmp_path, lambda t: t.update({HEAD: t[EMBED]}))
    expected = load(tmp_path)(IDS).logits
    store(tmp_path, lambda t: t.pop(EMBED), **{EMBED: HEAD})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(load(tmp_path)(IDS).logits, expected)


def test_copies_in_other_shards_are_compared_too(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    parts = ({HEAD: tensors[EMBED].flip(0)}, tensors)
    names = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    for name, part in zip(names, parts, strict=True):
        save_file(part, folder / name, metadata={"format": "pt"})
    (folder / "model.safetensors").unlink()
    where = {tensor: name for name, part in zip(names, parts, strict=True) for tensor in part}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))
    with pytest.warns(UserWarning, match="differs"):
        assert agrees(folder)
