"""LFM2 beyond logits: prompts that go on from kept ones, published configurations, what no model of the family is."""

from pathlib import Path

import numpy as np
import pytest
import torch

import litz
from litz import hub
from litz.checkpoint import open_checkpoint
from litz.cli.info import _model_rows
from litz.errors import ConfigError
from tests.parity.harness.decoders import CONTEXT, VOCAB, edit_config, save
from tests.parity.harness.rows import named

IDS = np.random.default_rng(8).integers(3, VOCAB, size=CONTEXT).tolist()
OPTIONS = {"max_new_tokens": 6, "do_sample": False, "eos_token_id": [], "pad_token_id": 0}
# What LFM2-1.2B's file says besides, for a model of this width.
PUBLISHED = {
    "block_dim": 32, "block_ff_dim": 48, "block_mlp_init_scale": 1.0, "block_norm_eps": 1e-5,
    "block_out_init_scale": 1.0, "block_use_swiglu": True, "block_use_xavier_init": True, "conv_dim": 32,
    "conv_dim_out": 32, "conv_use_xavier_init": True, "num_heads": 4, "use_pos_enc": True, "tie_embedding": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(named("lfm2").build(), tmp_path_factory.mktemp("lfm2"))


def load(folder: Path) -> litz.NativeCausalLM:
    return litz.AutoModelForCausalLM.from_pretrained(folder, cache_dtype="float32")


@pytest.mark.parametrize("shared", [1, 12, 27, 30, 33, 36], ids=lambda shared: f"{shared}-of-36")
def test_a_prompt_that_leaves_a_kept_one_is_read_as_if_alone(folder: Path, shared: int) -> None:
    model = load(folder)
    first = model.generate([IDS[:30]], **OPTIONS)[0]
    prompt = [*first[:shared], *IDS[40:45]]
    assert model.generate([prompt], **OPTIONS) == load(folder).generate([prompt], **OPTIONS)


def test_several_continuations_of_one_prompt_are_those_of_the_prompt_alone(folder: Path) -> None:
    model = load(folder)
    options = {**OPTIONS, "do_sample": True, "seed": 3}
    together = model.generate([IDS[:20]], num_return_sequences=3, **options)
    assert len({tuple(row) for row in together}) > 1
    assert together == load(folder).generate([IDS[:20]], num_return_sequences=3, **options)


def test_the_keys_of_published_files_are_known(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())

    def published(config: dict) -> None:
        del config["layer_types"], config["intermediate_size"], config["tie_word_embeddings"]
        config.update(PUBLISHED, full_attn_idxs=[1])

    edit_config(tmp_path, published)
    ids = torch.tensor([IDS[:20]])
    assert torch.equal(load(tmp_path)(ids).logits, load(folder)(ids).logits)


def test_info_tells_both_kinds_of_layers(folder: Path) -> None:
    rows = list(_model_rows(open_checkpoint(hub.resolve(str(folder)))))
    assert ("convolution", "2 layers: over 3 positions, gated") in rows
    assert any(name == "attention" and text.startswith("1 layers: 4 heads") for name, text in rows)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"conv_dim": 48}, "conv_dim = 48"),
        ({"block_use_swiglu": False}, "block_use_swiglu = false"),
        ({"layer_types": ["conv", "full_attention", "sliding_attention"]}, "'conv' or 'full_attention'"),
        ({"conv_L_cache": 0}, "conv_L_cache"),
    ],
)
def test_what_no_model_of_the_family_does_is_refused_by_name(
    folder: Path, tmp_path: Path, keys: dict, says: str
) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    edit_config(tmp_path, lambda config: config.update(keys))
    with pytest.raises(ConfigError, match=says):
        load(tmp_path)
