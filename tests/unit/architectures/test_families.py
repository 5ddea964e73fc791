"""What the classic families refuse by name, and the names of their configurations' keys."""

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

import litz
from litz.architectures import alibi, family
from litz.checkpoint import read_spec
from litz.config import Config
from litz.errors import ConfigError
from litz.spec import Alibi, Positions, Spec, attention

SMALL = {"vocab_size": 97, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}


def spec(model_type: str, **keys: Any) -> Spec:
    found = family(model_type)
    config = Config({**SMALL, **keys, "model_type": model_type}, defaults=found.defaults, aliases=found.aliases)
    return read_spec(config, found, where="config.json")


@pytest.mark.parametrize(
    ("model_type", "keys", "says"),
    [
        ("falcon", {"parallel_attn": True, "num_ln_in_parallel_attn": 2}, "num_ln_in_parallel_attn = 2"),
        ("falcon", {"new_decoder_architecture": True, "num_ln_in_parallel_attn": 3}, "num_ln_in_parallel_attn = 3"),
        ("falcon", {"new_decoder_architecture": True, "parallel_attn": False}, "needs parallel_attn = true"),
        ("falcon", {"multi_query": False, "num_kv_heads": 2}, "num_kv_heads = 2"),
        ("falcon", {"apply_residual_connection_post_layernorm": True}, "apply_residual_connection_post_layernorm"),
        ("falcon", {"ff_factor": 3}, "ff_factor = 3"),
        ("bloom", {"apply_residual_connection_post_layernorm": True}, "apply_residual_connection_post_layernorm"),
        ("bloom", {"slow_but_exact": True, "pretraining_tp": 4}, "slow_but_exact"),
        ("bloom", {"n_inner": 100}, "n_inner = 100, but every BLOOM of this width has 128"),
        ("opt", {"layer_norm_elementwise_affine": False}, "layer_norm_elementwise_affine"),
        ("opt", {"learned_embeddings": False}, "learned_embeddings"),
        ("opt", {"scale_embeddings": True}, "scale_embeddings"),
        ("stablelm", {"rotary_scaling_factor": 2.0}, "rotary_scaling_factor = 2.0"),
        ("stablelm", {"num_heads": 8}, "num_heads = 8"),
        ("gpt2", {"add_cross_attention": True}, "add_cross_attention"),
        ("gpt2", {"n_head": 5, "num_attention_heads": None}, "no multiple of n_head 5"),
        ("starcoder2", {"norm_type": "rms", "intermediate_size": 48}, 'norm_type = "rms"'),
        ("starcoder2", {"mlp_type": "glu", "intermediate_size": 48}, 'mlp_type = "glu"'),
        ("gpt_neox", {"num_key_value_heads": 2, "intermediate_size": 48}, "num_key_value_heads = 2"),
        ("cohere", {"logit_scale": None, "intermediate_size": 48}, "logit_scale must be a finite number"),
        ("phi", {"partial_rotary_factor": 0.4, "intermediate_size": 48}, "0.4 make 3 rotated dimensions"),
    ],
)
def test_what_no_model_of_the_family_does_is_refused_by_name(model_type: str, keys: dict, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        spec(model_type, **keys)


class TestAliases:
    def test_a_file_may_use_the_family_s_name_or_the_general_one(self) -> None:
        own = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "n_inner": 48}
        general = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
                   "max_position_embeddings": 64, "intermediate_size": 48}  # fmt: skip
        nothing = dict.fromkeys(SMALL.keys() - {"vocab_size"})
        assert spec("gpt2", **nothing, **own) == spec("gpt2", **general)

    def test_both_names_must_agree(self) -> None:
        assert spec("gpt2", n_embd=32).width == 32
        with pytest.raises(ConfigError, match="hidden_size = 32 and n_embd = 48 are two values for one thing"):
            spec("gpt2", n_embd=48)

    def test_an_error_names_the_key_as_the_file_does(self) -> None:
        with pytest.raises(ConfigError, match="n_positions must be an integer"):
            spec("gpt2", n_positions="many")

    def test_autoconfig_answers_to_both(self, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2", "n_embd": 48, "hidden_act": "relu"}))
        config = litz.AutoConfig.from_pretrained(tmp_path)
        assert (config.n_embd, config.hidden_size) == (48, 48)
        assert (config.n_layer, config.num_hidden_layers) == (12, 12)
        assert config["n_embd"] == 48
        assert "hidden_size" not in config.to_dict()

    def test_a_configuration_can_be_copied_and_pickled(self) -> None:
        config = Config({"model_type": "gpt2", "n_embd": 48}, aliases=family("gpt2").aliases)
        for twin in (copy.deepcopy(config), pickle.loads(pickle.dumps(config))):
            assert twin.to_dict() == config.to_dict()
            assert twin.hidden_size == 48

    def test_a_default_does_not_contradict_the_file_s_other_name(self) -> None:
        found = family("gpt2")
        config = Config({"model_type": "gpt2", "hidden_size": 48}, defaults=found.defaults, aliases=found.aliases)
        assert (config.n_embd, config.hidden_size) == (48, 48)
        assert "n_embd" not in config.to_dict()


class TestAlibi:
    def test_a_power_of_two_is_one_series(self) -> None:
        assert alibi.slopes(8) == tuple(2.0**-i for i in range(1, 9))

    def test_other_numbers_take_every_second_slope_of_the_next_power(self) -> None:
        assert alibi.slopes(6) == (2.0**-2, 2.0**-4, 2.0**-6, 2.0**-8, 2.0**-1, 2.0**-3)
        assert alibi.slopes(1) == (2.0**-8,)

    def test_falcon_rounds_them_to_bfloat16_and_divides_them_as_its_scores(self) -> None:
        made = spec("falcon", alibi=True, num_attention_heads=16, hidden_size=64, multi_query=False)
        mixer = attention(made.layers[0])
        assert mixer is not None
        assert isinstance(mixer.position_bias, Alibi)
        assert mixer.position_bias.slopes[0] == 0.70703125 / 2  # 2 ** -0.5 in eight bits, heads of four dimensions


def test_gpt2_may_divide_scores_by_the_layer_s_number() -> None:
    made = spec("gpt2", scale_attn_by_inverse_layer_idx=True)
    assert [mixer.scale for mixer in map(attention, made.layers) if mixer] == [8**-0.5, 8**-0.5 / 2]


def test_opt_keeps_two_rows_of_positions_in_front() -> None:
    made = spec("opt", max_position_embeddings=64)
    assert (made.main.stem.positions, made.context) == (Positions(66, offset=2), 64)


def test_an_embedding_as_wide_as_the_layers_needs_no_projection() -> None:
    assert spec("opt", word_embed_proj_dim=32).main.stem.project is None
    narrow = spec("opt", word_embed_proj_dim=24).main.stem
    assert (narrow.project, narrow.width) == ("first", 24)
