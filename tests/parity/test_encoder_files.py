"""Encoders as they are published: configurations with defaults and older keys, tensors with older names."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as hf
from safetensors.torch import load_file, save_file

import litz
from litz.architectures import family
from litz.checkpoint import open_checkpoint, read_spec
from litz.config import Config
from litz.errors import ConfigError, WeightsError
from litz.hub import resolve
from litz.spec import Spec
from tests.parity.harness.decoders import edit_config, relative_error, save
from tests.parity.harness.encoders import SMALL, Row, at_tokens, inputs, load
from tests.parity.harness.rows.encoders import FAMILIES, MODERN

TOLERANCE = 2e-5
TYPES = {name: made.config().model_type for name, made in FAMILIES.items()}


def spec_of(model_type: str, values: dict[str, Any], task: str | None = None) -> Spec:
    found = family(model_type)
    config = Config({**values, "model_type": model_type}, defaults=found.defaults, aliases=found.aliases)
    return read_spec(config, found, where="config.json", head=task)


@pytest.mark.parametrize("model_type", TYPES.values())
def test_defaults_are_those_of_the_reference(model_type: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    theirs, ours = hf.AutoConfig.from_pretrained(tmp_path), litz.AutoConfig.from_pretrained(tmp_path)
    assert {key: getattr(theirs, key) for key in ours} == ours.to_dict()
    for task in family(model_type).tasks:
        assert spec_of(model_type, {}, task) == spec_of(model_type, theirs.to_dict(), task)


@pytest.mark.parametrize("model_type", TYPES.values())
@pytest.mark.parametrize(
    ("key", "value"),
    [("is_decoder", True), ("add_cross_attention", True), ("is_encoder_decoder", True), ("hidden_multiplier", 2)],
)
def test_what_no_encoder_of_litz_does_is_refused_by_name(model_type: str, key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=key):
        spec_of(model_type, {key: value})


@pytest.mark.parametrize(
    ("model_type", "key", "value"),
    [
        ("bert", "position_embedding_type", "relative_key"),
        ("roberta", "position_embedding_type", "relative_key_query"),
        ("roberta", "pad_token_id", None),
        ("xlm-roberta", "position_embedding_type", "rotary"),
        ("albert", "inner_group_num", 2),
        ("electra", "summary_type", "mean"),
        ("mpnet", "relative_attention_num_buckets", 64),
        ("nomic_bert", "prenorm", True),
        ("nomic_bert", "rotary_emb_fraction", 0.5),
        ("modernbert", "rope_scaling", {"rope_type": "linear", "factor": 2.0}),
        ("ernie", "pool_act", "relu"),
    ],
)
def test_variants_that_no_published_model_is_are_refused_by_name(model_type: str, key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=key):
        spec_of(model_type, {key: value})


@pytest.mark.parametrize("model_type", ["eurobert", "modernbert"])
def test_a_pooling_that_the_family_lacks_is_refused_for_its_head_alone(model_type: str) -> None:
    with pytest.raises(ConfigError, match="classifier_pooling"):
        spec_of(model_type, {"classifier_pooling": "max"}, "sequence-classification")
    assert spec_of(model_type, {"classifier_pooling": "max"}, "masked-language-model").head


def test_the_number_of_labels_is_that_of_their_names() -> None:
    labels = {"0": "no", "1": "perhaps", "2": "yes"}
    assert spec_of("bert", {"id2label": labels}, "token-classification").head.outputs == 3
    assert spec_of("bert", {"num_labels": 4}, "token-classification").head.outputs == 4
    assert spec_of("bert", {"id2label": labels, "num_labels": 4}, "token-classification").head.outputs == 4


def change_tensors(folder: Path, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> None:
    path = folder / "model.safetensors"
    save_file({name: tensor.clone() for name, tensor in change(load_file(path)).items()}, path, {"format": "pt"})


def agrees(folder: Path, reference: hf.PreTrainedModel, task: str = "masked-language-model") -> None:
    given = inputs(reference.config, mask="right")
    with torch.no_grad():
        expected = reference.double()(**given).logits
    assert relative_error(at_tokens(load(folder, task)(**given).logits, given), at_tokens(expected, given)) < TOLERANCE


class TestOlderFiles:
    """What the Hub is full of, and transformers 5 no longer writes."""

    def test_gamma_and_beta_and_the_buffers_of_positions(self, tmp_path: Path) -> None:
        row = FAMILIES["bert"].rows[0]
        reference = row.build("masked-language-model")
        save(reference, tmp_path)

        def older(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            def name(new: str) -> str:
                return new.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")

            buffers = {"bert.embeddings.position_ids": torch.arange(64)[None]}
            return {name(new): tensor for new, tensor in tensors.items()} | buffers

        change_tensors(tmp_path, older)
        agrees(tmp_path, reference)

    def test_an_output_that_is_stored_beside_the_embedding(self, tmp_path: Path) -> None:
        reference = FAMILIES["roberta"].rows[0].build("masked-language-model")
        save(reference, tmp_path)

        def older(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            copies = {"lm_head.decoder.weight": tensors["roberta.embeddings.word_embeddings.weight"],
                      "lm_head.decoder.bias": tensors["lm_head.bias"]}  # fmt: skip
            return tensors | copies

        change_tensors(tmp_path, older)
        agrees(tmp_path, reference)

    def test_modernbert_s_bases_and_every_third_layer(self, tmp_path: Path) -> None:
        own = {"global_attn_every_n_layers": 2, "global_rope_theta": 9000.0, "local_rope_theta": 700.0}
        reference = Row("older", hf.ModernBertConfig, {**MODERN, **own}).build("masked-language-model")
        save(reference, tmp_path)
        edit_config(tmp_path, lambda c: [c.pop("layer_types"), c.pop("rope_parameters"), c.update(own)])
        agrees(tmp_path, reference)

    def test_nomic_bert_s_own_names_of_keys(self, tmp_path: Path) -> None:
        reference = FAMILIES["nomic_bert"].rows[0].build("token-classification")
        save(reference, tmp_path)
        renamed = family("nomic_bert").aliases

        def older(config: dict[str, Any]) -> None:
            for key, own in renamed.items():
                if key in config:
                    config[own] = config.pop(key)
            config |= {"activation_function": "swiglu", "rotary_emb_base": config.pop("rope_parameters")["rope_theta"],
                       "rotary_emb_fraction": 1.0, "fused_bias_fc": True, "prenorm": False, "qkv_proj_bias": False,
                       "pad_vocab_size_multiple": 64, "rotary_scaling_factor": None, "causal": False}  # fmt: skip
            del config["head_dim"]

        edit_config(tmp_path, older)
        agrees(tmp_path, reference, "token-classification")


class TestHeads:
    def test_tensors_of_other_heads_are_reported(self, tmp_path: Path) -> None:
        folder = save(hf.BertForPreTraining(hf.BertConfig(**SMALL)), tmp_path)
        masked = open_checkpoint(resolve(folder, want="model"), head="masked-language-model")
        assert {name.split(".")[1] for name in masked.report.unused} == {"pooler", "seq_relationship"}
        pooled = open_checkpoint(resolve(folder, want="model"), head="hidden-states")
        assert {name.split(".")[1] for name in pooled.report.unused} == {"predictions", "seq_relationship"}

    def test_a_pooler_is_there_where_the_files_have_one(self, tmp_path: Path) -> None:
        folder = save(hf.BertForMaskedLM(hf.BertConfig(**SMALL)), tmp_path)
        assert open_checkpoint(resolve(folder, want="model")).spec.head is None
        folder = save(hf.BertModel(hf.BertConfig(**SMALL)), tmp_path / "base")
        assert open_checkpoint(resolve(folder, want="model")).spec.head is not None

    @pytest.mark.parametrize("task", ["sequence-classification", "question-answering", "masked-language-model"])
    def test_a_head_that_the_files_lack_is_said(self, task: str, tmp_path: Path) -> None:
        folder = save(hf.BertModel(hf.BertConfig(**SMALL)), tmp_path)
        with pytest.raises(WeightsError, match=r"lack the head .*head\.bias .*no random weights"):
            open_checkpoint(resolve(folder, want="model"), head=task)
