"""Checkpoints of the classic families as the Hub holds them: older keys, other prefixes, masks stored as tensors."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.parity.harness.decoders import Row, edit_config, relative_error, save
from tests.parity.harness.rows import named
from tests.parity.test_decoders import IDS, TOLERANCE, load


def rename(folder: Path, change: Callable[[str], str], **extra: torch.Tensor) -> None:
    path = folder / "model.safetensors"
    tensors = {change(name): tensor for name, tensor in load_file(path).items()}
    save_file({**tensors, **extra}, path, metadata={"format": "pt"})


def agree(row: Row, folder: Path) -> None:
    with torch.no_grad():
        assert relative_error(load(folder)(IDS).logits, row.build().double()(IDS).logits) < TOLERANCE


def without(prefix: str) -> Callable[[str], str]:
    return lambda name: name.removeprefix(prefix)


def flat_rope(config: dict[str, Any], share: str = "partial_rotary_factor", theta: str = "rope_theta") -> None:
    """`rope_parameters` as the keys of before transformers 5."""
    rope = config.pop("rope_parameters")
    config[theta] = rope["rope_theta"]
    if "partial_rotary_factor" in rope:
        config[share] = rope["partial_rotary_factor"]
    if rope["rope_type"] != "default":
        config["rope_scaling"] = {"type": rope["rope_type"], "factor": rope["factor"]}


def test_gpt2_without_prefix_and_with_its_masks(tmp_path: Path) -> None:
    row = named("gpt2-plain")
    save(row.build(), tmp_path)
    mask = torch.ones(1, 1, 64, 64, dtype=torch.uint8).tril()
    masks = {f"h.{i}.attn.{name}": mask.clone() for i in range(3) for name in ("bias", "masked_bias")}
    rename(tmp_path, without("transformer."), **masks)

    def older(config: dict[str, Any]) -> None:
        for key in ("scale_attn_weights", "scale_attn_by_inverse_layer_idx", "reorder_and_upcast_attn", "n_inner",
                    "add_cross_attention", "tie_word_embeddings"):  # fmt: skip
            del config[key]
        config["n_ctx"] = 64

    edit_config(tmp_path, older)
    agree(row, tmp_path)


@pytest.mark.parametrize("name", ["neox-parallel", "neox-linear"])
def test_gpt_neox_with_its_masks_and_frequencies_and_rotary_pct(name: str, tmp_path: Path) -> None:
    row = named(name)
    save(row.build(), tmp_path)
    of_layer = {
        "bias": torch.ones(1, 1, 64, 64, dtype=torch.bool).tril(),
        "masked_bias": torch.tensor(-1e9),
        "rotary_emb.inv_freq": torch.ones(2),
    }
    buffers = {f"gpt_neox.layers.{i}.attention.{k}": v.clone() for i in range(3) for k, v in of_layer.items()}
    rename(tmp_path, str, **buffers)
    edit_config(tmp_path, lambda c: flat_rope(c, "rotary_pct", "rotary_emb_base") or c.pop("attention_bias"))
    agree(row, tmp_path)


def test_gpt_neox_s_head_under_its_newer_name(tmp_path: Path) -> None:
    row = named("neox-parallel")
    save(row.build(), tmp_path)
    rename(tmp_path, lambda name: name.replace("embed_out", "lm_head"))
    agree(row, tmp_path)


def test_bloom_without_prefix_and_with_the_keys_of_its_training(tmp_path: Path) -> None:
    row = named("bloom-four-heads")
    save(row.build(), tmp_path)
    rename(tmp_path, without("transformer."))

    def older(config: dict[str, Any]) -> None:
        config["n_embed"], config["num_attention_heads"] = config.pop("hidden_size"), config.pop("n_head")
        config |= {"attention_softmax_in_fp32": True, "bias_dropout_fusion": True, "masked_softmax_fusion": True,
                   "n_inner": None, "offset_alibi": 100, "seq_length": 2048, "skip_bias_add": True,
                   "skip_bias_add_qkv": False, "unk_token_id": 0}  # fmt: skip

    edit_config(tmp_path, older)
    agree(row, tmp_path)


@pytest.mark.parametrize(("name", "model_type"), [("falcon-7b", "RefinedWebModel"), ("falcon-40b", "RefinedWeb")])
def test_falcon_as_refined_web(name: str, model_type: str, tmp_path: Path) -> None:
    row = named(name)
    save(row.build(), tmp_path)

    def older(config: dict[str, Any]) -> None:
        config["model_type"] = model_type
        config["n_head"], config["n_layer"] = config.pop("num_attention_heads"), config.pop("num_hidden_layers")
        heads = config.pop("num_kv_heads")
        if model_type == "RefinedWeb":
            config["n_head_kv"] = heads
        for key in ("activation", "ffn_hidden_size", "new_decoder_architecture", "num_ln_in_parallel_attn",
                    "rope_parameters", "tie_word_embeddings"):  # fmt: skip
            config.pop(key, None)

    edit_config(tmp_path, older)
    agree(row, tmp_path)


@pytest.mark.parametrize("name", ["opt-pre-norm", "opt-350m"])
def test_opt_without_prefix(name: str, tmp_path: Path) -> None:
    row = named(name)
    save(row.build(), tmp_path)
    rename(tmp_path, without("model."))

    def older(config: dict[str, Any]) -> None:
        del config["enable_bias"], config["layer_norm_elementwise_affine"], config["tie_word_embeddings"]
        config |= {"activation_dropout": 0.0, "prefix": "</s>"}

    edit_config(tmp_path, older)
    agree(row, tmp_path)


def test_starcoder2_with_the_keys_of_its_training(tmp_path: Path) -> None:
    row = named("starcoder2-window")
    save(row.build(), tmp_path)

    def older(config: dict[str, Any]) -> None:
        flat_rope(config)
        config |= {"activation_function": "gelu", "attention_softmax_in_fp32": True, "layer_norm_epsilon": 1e-5,
                   "mlp_type": "default", "norm_type": "layer_norm", "scale_attention_softmax_in_fp32": True,
                   "scale_attn_weights": True}  # fmt: skip
        del config["tie_word_embeddings"]

    edit_config(tmp_path, older)
    agree(row, tmp_path)


@pytest.mark.parametrize("name", ["stablelm", "stablelm-biased-half", "cohere", "phi", "phi-2", "granite",
                                  "falcon-rope-in-turn"])  # fmt: skip
def test_rope_theta_and_partial_rotary_factor_beside_each_other(name: str, tmp_path: Path) -> None:
    row = named(name)
    save(row.build(), tmp_path)
    edit_config(tmp_path, flat_rope)
    agree(row, tmp_path)
