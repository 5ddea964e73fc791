"""Sentence vectors: what the folder's modules say is done, in the order of the texts, and nothing is cut silently."""

import json
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from litz.errors import ArgumentError, ConfigError, FormatError, UnknownArgumentError, UnsupportedError
from litz.sentences import SentenceEncoder, encoder
from litz.sentences.modules import read_recipe, transformer_folder
from litz.sentences.pooling import MODES, pooled
from tests.builders import TEXT, U32, Gguf, entry, text, u32

WIDTH, CONTEXT = 2, 8
KINDS = {"Transformer": "", "Pooling": "1_Pooling", "Dense": "2_Dense", "Normalize": "3_Normalize"}


def letters(text):
    return [ord(letter) - 96 if letter.isalpha() else 0 for letter in text]


class Tokenizer:
    """A letter is a token."""

    model_max_length = 100
    _core = SimpleNamespace(
        encode_full=lambda text: SimpleNamespace(special_tokens_mask=[0] * len(text)),
    )

    def __call__(self, texts, truncation=False, max_length=None, verbose=True):
        return SimpleNamespace(input_ids=[letters(text)[: max_length if truncation else None] for text in texts])


class Model:
    """A token's state is (id, 1)."""

    name_or_path = "here"
    spec = SimpleNamespace(width=WIDTH, context=CONTEXT)

    def __init__(self):
        self.batches = []

    def token_states(self, rows):
        self.batches.append([len(row) for row in rows])
        return np.array([[token, 1] for row in rows for token in row], np.float32).tobytes()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setattr(encoder.AutoModel, "from_pretrained", lambda *_, **__: Model())
    monkeypatch.setattr(encoder.AutoTokenizer, "from_pretrained", lambda *_, **__: Tokenizer())
    return tmp_path


def write(folder, *kinds, files=None, prefix="sentence_transformers.models."):
    modules = [{"idx": place, "type": f"{prefix}{kind}", "path": KINDS[kind]} for place, kind in enumerate(kinds)]
    (folder / "modules.json").write_text(json.dumps(modules))
    for name, content in (files or {}).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    return folder


def write_dense(folder, weight, *, bias=None, activation="torch.nn.modules.linear.Identity"):
    weight = np.array(weight, np.float32)
    tensors = {"linear.weight": weight} | ({} if bias is None else {"linear.bias": np.array(bias, np.float32)})
    config = {"in_features": weight.shape[1], "out_features": weight.shape[0], "bias": bias is not None}
    (folder / "2_Dense").mkdir(exist_ok=True)
    (folder / "2_Dense/config.json").write_text(json.dumps({**config, "activation_function": activation}))
    save_file(tensors, folder / "2_Dense/model.safetensors")


POOLING = {"1_Pooling/config.json": {"word_embedding_dimension": WIDTH, "pooling_mode_mean_tokens": True}}


def test_without_modules_a_vector_is_the_mean_of_the_hidden_states(folder):
    made = SentenceEncoder(folder)
    assert made.encode("ac").tolist() == [2, 1]
    assert "mean (by default)" in repr(made)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("cls", 3),
        ("max", 5),
        ("mean", 3),
        ("mean_sqrt_len_tokens", 9 / 3**0.5),
        ("weightedmean", 16 / 6),
        ("lasttoken", 1),
    ],
)
def test_every_pooling(mode, expected):
    states = np.array([[9], [3], [5], [1], [7]], np.float32)
    assert pooled(states, [1, 3, 1], modes=(mode,))[:, 0] == pytest.approx([9, expected, 7])
    assert set(MODES) == {"cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"}


@pytest.mark.parametrize("prefix", ["sentence_transformers.models.", "sentence_transformers.base.modules.pooling."])
@pytest.mark.parametrize("config", [{"pooling_mode": ["max", "cls"]}, {"pooling_mode_max_tokens": True}, {}])
def test_the_pooling_of_older_and_newer_folders(folder, prefix, config):
    write(folder, "Transformer", "Pooling", files={"1_Pooling/config.json": config}, prefix=prefix)
    modes = {"pooling_mode": ("max", "cls"), "pooling_mode_max_tokens": ("max",)}.get(next(iter(config), ""), ("mean",))
    assert SentenceEncoder(folder).recipe.modes == modes
    assert SentenceEncoder(folder).dimension == WIDTH * len(modes)


def test_dense_layers_and_normalisation_follow(folder):
    write(folder, "Transformer", "Pooling", "Dense", "Normalize", files=POOLING)
    write_dense(folder, [[1, 0], [0, 2], [1, 1]], bias=[0, 1, 0], activation="torch.nn.modules.activation.Tanh")
    vector = SentenceEncoder(folder).encode("ac")
    expected = np.tanh([2, 3, 3])
    assert vector == pytest.approx(expected / np.linalg.norm(expected))
    assert SentenceEncoder(folder).encode("ac", normalize=False) == pytest.approx(expected)
    assert np.linalg.norm(SentenceEncoder(folder, truncate_dim=2).encode("ac")) == pytest.approx(1)


def test_a_dense_layer_may_be_a_pickle(folder, monkeypatch):
    monkeypatch.setenv("LITZ_HOME", str(folder / "home"))
    write(folder, "Transformer", "Pooling", "Dense", files=POOLING)
    write_dense(folder, [[0, 3]])
    (folder / "2_Dense/model.safetensors").unlink()
    torch.save({"linear.weight": torch.tensor([[0.0, 3.0]])}, folder / "2_Dense/pytorch_model.bin")
    assert SentenceEncoder(folder).encode("ac").tolist() == [3]


def test_texts_are_in_order_and_the_longest_are_computed_first(folder):
    made = SentenceEncoder(folder)
    texts = ["a", "bbb", "cc", "dddd", "e"]
    assert made.encode(texts, batch_size=2)[:, 0].tolist() == [1, 2, 3, 4, 5]
    assert made.model.batches == [[4, 3], [2, 1], [1]]
    assert made.encode(texts, batch_size=100).dtype == np.float32
    assert made.encode([]).shape == (0, WIDTH)
    assert made.encode(tuple(texts)).shape == (5, WIDTH)


def test_truncated_vectors_are_normalised_again(folder):
    write(folder, "Transformer", "Pooling", "Normalize", files=POOLING)
    assert SentenceEncoder(folder).encode(["ac"], truncate_dim=1).tolist() == [[1]]
    with pytest.raises(ArgumentError, match="truncate_dim must be an integer from 1 to 2"):
        SentenceEncoder(folder, truncate_dim=3)
    settings = {"config_sentence_transformers.json": {"truncate_dim": 1}}
    assert SentenceEncoder(write(folder, "Transformer", "Pooling", files={**POOLING, **settings})).dimension == 1


def test_prompts_by_name_by_text_and_by_default(folder):
    settings = {"prompts": {"query": "bb", "document": ""}, "default_prompt_name": "query"}
    write(folder, "Transformer", "Pooling", files={**POOLING, "config_sentence_transformers.json": settings})
    made = SentenceEncoder(folder)
    assert made.prompts == settings["prompts"]
    assert made.encode("h")[0] == 4
    assert made.encode("h", prompt_name="document")[0] == 8
    assert made.encode("h", prompt="d")[0] == 6
    assert made.encode("h", prompt="")[0] == 8
    with pytest.raises(ArgumentError, match="this model's prompts are query, document"):
        made.encode("h", prompt_name="qery")
    with pytest.raises(ArgumentError, match="two prompts"):
        made.encode("h", prompt="d", prompt_name="query")


def test_a_prompt_may_be_left_out_of_the_pooling(folder):
    write(folder, "Transformer", "Pooling", files={"1_Pooling/config.json": {"include_prompt": False}})
    assert SentenceEncoder(folder).encode("hj", prompt="bb")[0] == 9


def test_what_is_too_long_is_cut_with_a_count(folder):
    write(folder, "Transformer", "Pooling", files={**POOLING, "sentence_bert_config.json": {"max_seq_length": 3}})
    made = SentenceEncoder(folder)
    with pytest.warns(UserWarning, match="2 texts are longer than 3 tokens and cut there"):
        assert made.encode(["bbbb", "ccc", "ddddd"])[:, 0].tolist() == [2, 3, 4]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made.encode(["bbb"])
    assert SentenceEncoder(folder, max_length=5).max_length == 5
    with pytest.raises(ArgumentError, match="max_length must be an integer from 1 to 8"):
        SentenceEncoder(folder, max_length=9)


def test_texts_may_be_lower_cased(folder):
    write(folder, "Transformer", "Pooling", files={**POOLING, "sentence_bert_config.json": {"do_lower_case": True}})
    assert SentenceEncoder(folder).encode("B", prompt="D")[0] == 3


def test_the_encoder_may_lie_in_a_folder_of_its_own(folder):
    modules = [{"type": "sentence_transformers.models.Transformer", "path": "0_Transformer"}]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "0_Transformer").mkdir()
    (folder / "0_Transformer/sentence_bert_config.json").write_text('{"max_seq_length": 2}')
    assert transformer_folder(folder) == "0_Transformer"
    assert SentenceEncoder(folder).max_length == 2


@pytest.mark.parametrize(("kind", "modes"), [(1, ("mean",)), (2, ("cls",)), (3, ("lasttoken",)), (0, ("mean",))])
def test_a_gguf_file_says_how_to_pool_and_what_lies_beside_it_does_not(folder, kind, modes):
    write(folder, "Transformer", "Pooling", files={"1_Pooling/config.json": {"pooling_mode": "max"}})
    entries = [entry("general.architecture", TEXT, text("bert")), entry("bert.pooling_type", U32, u32(kind))]
    (folder / "m.gguf").write_bytes(Gguf(entries).build())
    made = SentenceEncoder(folder / "m.gguf")
    assert made.recipe.modes == modes
    assert bool(made.recipe.source) == (kind != 0)
    entries[1] = entry("bert.pooling_type", U32, u32(4))
    (folder / "m.gguf").write_bytes(Gguf(entries).build())
    with pytest.raises(UnsupportedError, match="pooling_type 4"):
        SentenceEncoder(folder / "m.gguf")


def test_a_misspelt_argument_is_named(folder):
    with pytest.raises(UnknownArgumentError, match=r"did you mean max_length\?"):
        SentenceEncoder(folder, max_lenght=3)


def test_similarity_is_the_cosine_or_the_dot_product(folder):
    made = SentenceEncoder(folder)
    assert made.similarity([3.0, 0.0], [[1.0, 0.0], [0.0, 2.0], [-1.0, 0.0]]).tolist() == [[1, 0, -1]]
    settings = {"config_sentence_transformers.json": {"similarity_fn_name": "dot"}}
    write(folder, "Transformer", "Pooling", files={**POOLING, **settings})
    assert SentenceEncoder(folder).similarity([3.0, 0.0], [2.0, 1.0]).tolist() == [[6]]
    with pytest.raises(ArgumentError, match="vectors of one dimension"):
        made.similarity([1.0], [1.0, 2.0])


@pytest.mark.parametrize("texts", [5, None, ["a", 5], [["a", "b"]], [b"a"]])
def test_what_is_no_text_is_named(folder, texts):
    with pytest.raises(ArgumentError, match="encode takes "):
        SentenceEncoder(folder).encode(texts)


def test_a_text_without_tokens_is_named(folder):
    with pytest.raises(ArgumentError, match="the text at place 1 has no tokens: ''"):
        SentenceEncoder(folder).encode(["a", ""])


@pytest.mark.parametrize(
    ("files", "error", "message"),
    [
        ({"modules.json": {"a": 1}}, FormatError, "expected an object with type and path"),
        ({"modules.json": [{"type": "a.LSTM", "path": "1"}]}, UnsupportedError, "no module 'LSTM'"),
        ({"modules.json": [{"type": "a.Dense", "path": "1"}]}, UnsupportedError, "Dense stands where"),
        ({"modules.json": [{"type": "a.Pooling", "path": "../x"}]}, FormatError, r"must not climb"),
        ({"modules.json": [{"type": "a.Pooling", "path": "1"}]}, FormatError, "the folder is not whole"),
        ({"config_sentence_transformers.json": {"similarity_fn_name": "x"}}, UnsupportedError, "cosine, dot"),
        ({"config_sentence_transformers.json": {"default_prompt_name": "x"}}, ConfigError, "none of no prompts"),
        ({"config_sentence_transformers.json": {"prompts": {"a": 1}}}, ConfigError, "must be texts by name"),
        ({"sentence_bert_config.json": {"max_seq_length": "x"}}, ConfigError, "max_seq_length must be an integer"),
    ],
)
def test_folders_that_say_something_else_are_refused(tmp_path, files, error, message):
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    with pytest.raises(error, match=message):
        read_recipe(tmp_path)


def test_unknown_poolings_activations_and_shapes_are_refused(folder):
    write(folder, "Transformer", "Pooling", files={"1_Pooling/config.json": {"pooling_mode": "median"}})
    with pytest.raises(UnsupportedError, match="pooling by 'median'"):
        read_recipe(folder)
    write(folder, "Transformer", "Pooling", "Dense", files=POOLING)
    write_dense(folder, [[1, 0]], activation="evil.module.Function")
    with pytest.raises(UnsupportedError, match="a dense layer with Function; litz knows"):
        read_recipe(folder)
    write_dense(folder, [[1, 0]])
    config = {"in_features": 3, "out_features": 1, "bias": False}
    (folder / "2_Dense/config.json").write_text(json.dumps(config))
    with pytest.raises(FormatError, match=r"expected .*3"):
        read_recipe(folder)
