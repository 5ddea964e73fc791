"""Nothing loads silently wrong: each tensor and each configuration key is accounted for, or loading stops."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import litz
from litz.errors import ConfigError, FormatError, ModelNotFoundError, UnsupportedError, WeightsError
from tests.parity.harness.decoders import edit_config, save
from tests.parity.harness.rows import ROWS, named

TENSOR = "model.layers.1.self_attn.k_proj.weight"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save(ROWS[0].build(), tmp_path)


def load(folder: Path, **options: object) -> litz.NativeCausalLM:
    return litz.AutoModelForCausalLM.from_pretrained(folder, **options)


def edit_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


class TestTensors:
    def test_a_missing_one_is_named(self, folder: Path) -> None:
        edit_weights(folder, lambda t: t.pop(TENSOR))
        with pytest.raises(WeightsError, match=r"missing tensor for layers\.1\.attn\.k\.weight \[16, 32\]"):
            load(folder)

    def test_every_single_one_is_missed(self, folder: Path) -> None:
        whole = load_file(folder / "model.safetensors")
        for name in whole:
            save_file({k: v for k, v in whole.items() if k != name}, folder / "model.safetensors")
            with pytest.raises(WeightsError, match="missing tensor"):
                load(folder)

    def test_a_renamed_one_is_both_missing_and_unexpected(self, folder: Path) -> None:
        edit_weights(folder, lambda t: t.update({"model.layers.1.self_attn.kk.weight": t.pop(TENSOR)}))
        with pytest.raises(
            WeightsError, match=r"(?s)unexpected tensor model\.layers\.1\.self_attn\.kk.*missing tensor"
        ):
            load(folder)

    def test_an_unexpected_bias_is_named(self, folder: Path) -> None:
        edit_weights(folder, lambda t: t.update({TENSOR.replace("weight", "bias"): torch.zeros(16)}))
        with pytest.raises(WeightsError, match=r"unexpected tensor .*k_proj\.bias .*no layers\.1\.attn\.k\.bias"):
            load(folder)

    def test_a_layer_too_many_is_named(self, folder: Path) -> None:
        edit_weights(folder, lambda t: t.update({TENSOR.replace(".1.", ".3."): torch.zeros(16, 32)}))
        with pytest.raises(WeightsError, match=r"unexpected tensor model\.layers\.3\."):
            load(folder)

    def test_a_wrong_shape_is_named_with_the_right_one(self, folder: Path) -> None:
        edit_weights(folder, lambda t: t.update({TENSOR: torch.zeros(16, 31)}))
        with pytest.raises(
            WeightsError, match=r"wrong shape of .*k_proj\.weight: found \[16, 31\], expected \[16, 32\]"
        ):
            load(folder)

    def test_integers_are_no_weights(self, folder: Path) -> None:
        edit_weights(folder, lambda t: t.update({TENSOR: torch.zeros(16, 32, dtype=torch.int32)}))
        with pytest.raises((UnsupportedError, FormatError), match="I32"):
            load(folder)

    def test_buffers_of_older_files_are_known_and_not_needed(self, folder: Path) -> None:
        name = "model.layers.0.self_attn.rotary_emb.inv_freq"
        edit_weights(folder, lambda t: t.update({name: torch.zeros(4)}))
        assert load(folder).load_report.unused == (name,)

    def test_a_file_saved_from_the_base_model_of_a_tied_one_loads(self, tmp_path: Path) -> None:
        row = named("qwen3-tied-biased")
        save(row.build(), tmp_path)
        expected = load(tmp_path)(torch.arange(3, 9)[None]).logits
        edit_weights(tmp_path, lambda t: [t.update({k.removeprefix("model."): t.pop(k)}) for k in list(t)])
        assert torch.equal(load(tmp_path)(torch.arange(3, 9)[None]).logits, expected)

    @pytest.mark.parametrize("shards_are_there", [True, False])
    def test_an_index_of_an_earlier_save_beside_a_whole_file_counts_for_nothing(
        self, folder: Path, shards_are_there: bool
    ) -> None:
        expected = load(folder)(torch.arange(3, 9)[None]).logits
        tensors = load_file(folder / "model.safetensors")
        index = {"weight_map": dict.fromkeys(tensors, "model-00001-of-00001.safetensors")}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
        if shards_are_there:
            save_file({k: v * 2 for k, v in tensors.items()}, folder / "model-00001-of-00001.safetensors")
        assert torch.equal(load(folder)(torch.arange(3, 9)[None]).logits, expected)

    def test_a_missing_shard_is_an_error_that_says_so(self, tmp_path: Path) -> None:
        save(ROWS[0].build(), tmp_path, max_shard_size="20KB")
        next(iter(tmp_path.glob("*.safetensors"))).unlink()
        with pytest.raises((ModelNotFoundError, litz.errors.FileAccessError), match="model-00"):
            load(tmp_path)

    def test_pickles_give_the_same_model(self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        expected = load(folder)(torch.arange(3, 9)[None]).logits
        monkeypatch.setenv("LITZ_HOME", str(tmp_path / "home"))
        torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
        assert torch.equal(load(folder)(torch.arange(3, 9)[None]).logits, expected)


class TestConfiguration:
    @pytest.mark.parametrize("key", ["use_alibi", "router_scale", "attention_sinks", "mlp_variant", "residual_mult"])
    def test_an_unknown_key_that_may_change_the_mathematics_stops_loading(self, folder: Path, key: str) -> None:
        edit_config(folder, lambda c: c.update({key: 3}))
        with pytest.raises(ConfigError, match=f"{key} = 3"):
            load(folder)

    def test_it_passes_with_a_warning_if_the_caller_says_so(self, folder: Path) -> None:
        edit_config(folder, lambda c: c.update(use_alibi=3))
        with pytest.warns(UserWarning, match="use_alibi"):
            load(folder, strict=False)

    @pytest.mark.parametrize("value", [None, False])
    def test_a_feature_that_is_off_is_no_feature(self, folder: Path, value: object) -> None:
        edit_config(folder, lambda c: c.update(use_alibi=value))
        assert load(folder).spec.width == 32

    def test_an_unknown_harmless_key_is_named(self, folder: Path) -> None:
        edit_config(folder, lambda c: c.update(favourite_colour="blue"))
        with pytest.warns(UserWarning, match="favourite_colour"):
            load(folder)

    def test_an_unknown_architecture_is_named_with_the_known_ones(self, folder: Path) -> None:
        edit_config(folder, lambda c: c.update(model_type="perceptron"))
        with pytest.raises(UnsupportedError, match=r"'perceptron'.*llama"):
            load(folder)

    @pytest.mark.parametrize("model_type", ["../llama", "litz.errors", "base", "__init__", 7, None, ["llama"]])
    def test_a_model_type_selects_no_code(self, folder: Path, model_type: object) -> None:
        edit_config(folder, lambda c: c.update(model_type=model_type))
        with pytest.raises(UnsupportedError, match="model_type"):
            load(folder)

    @pytest.mark.parametrize(
        ("key", "value"),
        [("hidden_size", 0), ("hidden_size", "32"), ("num_hidden_layers", -1), ("num_attention_heads", 5),
         ("num_key_value_heads", 3), ("hidden_act", "step"), ("rms_norm_eps", "small"), ("vocab_size", 10**30)],
    )  # fmt: skip
    def test_an_impossible_value_is_named(self, folder: Path, key: str, value: object) -> None:
        edit_config(folder, lambda c: c.update({key: value}))
        with pytest.raises((ConfigError, WeightsError), match=r"hidden_size|num_|hidden_act|eps|vocab_size|heads"):
            load(folder)

    def test_an_unknown_rope_scaling_is_named(self, folder: Path) -> None:
        edit_config(folder, lambda c: c.update(rope_parameters={"rope_type": "spiral", "rope_theta": 1e4}))
        with pytest.raises(UnsupportedError, match="'spiral'"):
            load(folder)

    def test_a_scaling_without_its_numbers_is_an_error(self, folder: Path) -> None:
        edit_config(folder, lambda c: c.update(rope_parameters={"rope_type": "llama3", "rope_theta": 1e4}))
        with pytest.raises(ConfigError, match="'factor'"):
            load(folder)

    def test_a_quantised_checkpoint_is_refused_by_name(self, folder: Path) -> None:
        edit_config(folder, lambda c: c.update(quantization_config={"quant_method": "gptq"}))
        with pytest.raises(ConfigError, match="quantization_config"):
            load(folder)

    def test_broken_json_says_where(self, folder: Path) -> None:
        (folder / "config.json").write_text('{"model_type": "llama",')
        with pytest.raises(ConfigError, match="line 1"):
            load(folder)

    def test_a_folder_without_a_model_says_what_is_missing(self, tmp_path: Path) -> None:
        with pytest.raises(ModelNotFoundError, match=r"config\.json"):
            load(tmp_path)

    def test_the_configuration_can_be_saved_and_read_again(self, folder: Path, tmp_path: Path) -> None:
        config = litz.AutoConfig.from_pretrained(folder)
        config.save_pretrained(tmp_path / "copy")
        again = litz.AutoConfig.from_pretrained(tmp_path / "copy")
        assert again.to_dict() == config.to_dict()
        assert again.hidden_size == 32
        assert json.loads((tmp_path / "copy" / "config.json").read_text())["model_type"] == "llama"


class TestArguments:
    def test_a_gpu_is_refused(self, folder: Path) -> None:
        with pytest.raises(UnsupportedError, match="cuda"):
            load(folder, device_map="cuda")

    def test_conflicting_dtypes_are_an_error(self, folder: Path) -> None:
        with pytest.raises(litz.errors.ArgumentError, match="torch_dtype"):
            load(folder, dtype="float32", torch_dtype="bfloat16")

    @pytest.mark.parametrize("dtype", [None, "auto", "float32", torch.float32])
    def test_the_stored_dtype_has_many_names(self, folder: Path, dtype: object) -> None:
        assert load(folder, torch_dtype=dtype).dtype == "float32"

    @pytest.mark.parametrize("dtype", [torch.float16, "float16", "half", torch.bfloat16, "bfloat16"])
    def test_a_float_dtype_that_is_not_stored_is_a_warning(self, folder: Path, dtype: object) -> None:
        with pytest.warns(UserWarning, match="float16.*stay float32"):
            assert load(folder, dtype=dtype).dtype == "float32"

    @pytest.mark.parametrize("dtype", [torch.float64, torch.int8, "float8_e4m3fn", "qwertz"])
    def test_any_other_dtype_is_refused(self, folder: Path, dtype: object) -> None:
        with pytest.raises(UnsupportedError, match="float32"):
            load(folder, dtype=dtype)

    @pytest.mark.parametrize("threads", [0, -3])
    def test_threads_start_at_one(self, folder: Path, threads: int) -> None:
        with pytest.raises(litz.errors.ArgumentError, match="threads"):
            load(folder, threads=threads)
