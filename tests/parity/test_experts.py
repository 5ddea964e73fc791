"""Models with experts: the forms in which their tensors are stored, and the keys that say how many there are."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

import litz
from litz.architectures import family
from litz.checkpoint import open_checkpoint, read_config, read_spec
from litz.hub import resolve
from litz.spec import Moe, Spec, feed_forward
from tests.parity.harness.decoders import VOCAB, Row, edit_config, save
from tests.parity.harness.rows import EXPERTS, named

IDS = torch.tensor(np.random.default_rng(8).integers(3, VOCAB, size=(2, 20)))


def load(path: Path, **options: object) -> litz.NativeCausalLM:
    return litz.AutoModelForCausalLM.from_pretrained(path, cache_dtype="float32", **options)


def spec_of(folder: Path) -> Spec:
    return open_checkpoint(resolve(str(folder))).spec


@pytest.mark.parametrize("row", EXPERTS, ids=lambda row: row.name)
def test_all_experts_in_one_tensor_are_what_a_tensor_for_each_is(row: Row, tmp_path: Path) -> None:
    model = row.build()
    save(model, tmp_path / "each")
    save(model, tmp_path / "stacked", save_original_format=False)
    assert torch.equal(load(tmp_path / "stacked")(IDS).logits, load(tmp_path / "each")(IDS).logits)


@pytest.mark.parametrize("name", ["mixtral", "qwen2-moe", "qwen3-moe-normalised"])
def test_the_number_of_experts_has_two_names(name: str, tmp_path: Path) -> None:
    save(named(name).build(), tmp_path)
    expected = spec_of(tmp_path)

    def rename(config: dict, key: str) -> None:
        config[key] = config.pop("num_experts", None) or config.pop("num_local_experts")

    for key in ("num_experts", "num_local_experts"):
        edit_config(tmp_path, partial(rename, key=key))
        assert spec_of(tmp_path) == expected


def test_two_numbers_of_experts_must_agree(tmp_path: Path) -> None:
    save(named("qwen2-moe").build(), tmp_path)
    edit_config(tmp_path, lambda config: config.update(num_local_experts=5))
    with pytest.raises(litz.errors.ConfigError, match="num_experts 6 and num_local_experts 5 disagree"):
        spec_of(tmp_path)


def test_more_experts_than_there_are_cannot_be_chosen(tmp_path: Path) -> None:
    save(named("mixtral").build(), tmp_path)
    edit_config(tmp_path, lambda config: config.update(num_experts_per_tok=6))
    with pytest.raises(litz.errors.ConfigError, match="best 6 of 5 experts"):
        spec_of(tmp_path)


def test_more_experts_than_any_model_has_are_refused_at_once(tmp_path: Path) -> None:
    save(named("mixtral").build(), tmp_path)
    edit_config(tmp_path, lambda config: config.update(num_local_experts=1024, num_hidden_layers=4096))
    with pytest.raises(litz.errors.ConfigError, match="1024 experts in each of 4096 layers"):
        spec_of(tmp_path)


def test_an_expert_that_is_missing_is_named(tmp_path: Path) -> None:
    save(named("mixtral").build(), tmp_path)
    edit_config(tmp_path, lambda config: config.update(num_local_experts=6))
    with pytest.raises(litz.errors.WeightsError, match=r"layers\.0\.moe\.experts\.5\.gate\.weight"):
        load(tmp_path)


def test_dense_layers_are_those_between_the_steps_and_those_that_are_listed(tmp_path: Path) -> None:
    save(named("qwen3-moe-every-second").build(), tmp_path)
    for listed, sparse in (([], [False, True, False]), ([1], [False, False, False])):
        config = json.loads((tmp_path / "config.json").read_text())
        (tmp_path / "config.json").write_text(json.dumps({**config, "mlp_only_layers": listed}))
        found = read_spec(read_config(resolve(str(tmp_path))), family("qwen3_moe"), where="config.json")
        assert [isinstance(feed_forward(layer), Moe) for layer in found.layers] == sparse
