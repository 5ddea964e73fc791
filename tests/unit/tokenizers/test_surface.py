"""The public tokenizer: batches, special tokens, decoding, files; on a tokenizer of single bytes."""

import json
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from litz import AutoTokenizer, BatchEncoding
from litz.errors import ArgumentError, ConfigError, FormatError
from litz.tokenizers import Tokenizer, from_pretrained
from tests.unit import tiny

CONFIG = {
    "bos_token": "<bos>",
    "eos_token": {"__type": "AddedToken", "content": "<eos>", "special": True},
    "pad_token": "<pad>",
    "additional_special_tokens": ["<user>", "<assistant>"],
    "model_max_length": 12,
    "chat_template": "{% for m in messages %}{{ m.content }}{% endfor %}",
}
A, B, C = b"abc"


def folder(path: Path, *, drop: tuple[str, ...] = (), files: dict[str, object] | None = None, **config: object) -> Path:
    """A model's folder with a tokenizer and what the test changes in its files."""
    path.mkdir(exist_ok=True)
    (path / "tokenizer.json").write_text(tiny.tokenizer_json().decode())
    settings = {name: value for name, value in {**CONFIG, **config}.items() if name not in drop}
    (path / "tokenizer_config.json").write_text(json.dumps(settings))
    for name, content in (files or {}).items():
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.fixture
def tokenizer(tmp_path) -> Tokenizer:
    return from_pretrained(folder(tmp_path))


def test_one_text_gives_flat_lists(tokenizer):
    encoded = tokenizer("abc")
    assert isinstance(encoded, BatchEncoding)
    assert encoded == {"input_ids": [A, B, C], "attention_mask": [1, 1, 1]}
    assert encoded.input_ids is encoded["input_ids"]
    assert dict(**encoded) == encoded
    with pytest.raises(AttributeError, match=r"token_type_ids.*it has input_ids, attention_mask"):
        _ = encoded.token_type_ids


def test_several_texts_give_rows(tokenizer):
    assert tokenizer(["ab", "c"]).input_ids == [[A, B], [C]]
    assert tokenizer(("ab",)).input_ids == [[A, B]]
    assert tokenizer([]).input_ids == []


@pytest.mark.parametrize(("side", "rows"), [("right", [[A, B], [C, tiny.PAD]]), ("left", [[A, B], [tiny.PAD, C]])])
def test_padding_fills_on_the_side_asked_for(tokenizer, side, rows):
    encoded = tokenizer(["ab", "c"], padding=True, padding_side=side)
    assert encoded.input_ids == rows
    assert encoded.attention_mask == [[int(id != tiny.PAD) for id in row] for row in rows]
    tokenizer.padding_side = side
    assert tokenizer(["ab", "c"], padding="longest") == encoded


def test_padding_to_a_length(tokenizer):
    assert tokenizer("a", padding="max_length", max_length=3).input_ids == [A, tiny.PAD, tiny.PAD]
    assert len(tokenizer("a", padding="max_length").input_ids) == 12


def test_padding_without_a_pad_token_says_what_to_set(tmp_path):
    tokenizer = from_pretrained(folder(tmp_path, drop=("pad_token",)))
    assert tokenizer(["ab", "cd"], padding=True).input_ids == [[A, B], [C, 100]]
    with pytest.raises(ArgumentError, match=r"tokenizer\.pad_token = tokenizer\.eos_token"):
        tokenizer(["ab", "c"], padding=True)
    tokenizer.pad_token = tokenizer.eos_token
    assert tokenizer(["ab", "c"], padding=True).input_ids == [[A, B], [C, tiny.EOS]]


def test_tensors_are_batches(tokenizer):
    encoded = tokenizer("ab", return_tensors="np")
    assert encoded.input_ids.tolist() == [[A, B]]
    assert encoded.input_ids.dtype == np.int64
    assert tokenizer.encode("ab", return_tensors="np").shape == (1, 2)
    with pytest.raises(ArgumentError, match="padding=True"):
        tokenizer(["ab", "c"], return_tensors="np")
    with pytest.raises(ArgumentError, match="'tf'"):
        tokenizer("ab", return_tensors="tf")


def test_torch_tensors(tokenizer):
    torch = pytest.importorskip("torch")
    encoded = tokenizer(["ab", "c"], padding=True, return_tensors="pt").to("cpu")
    assert encoded.input_ids.dtype == torch.int64
    assert encoded.attention_mask.tolist() == [[1, 1], [1, 0]]
    with pytest.raises(ArgumentError, match="return_tensors='pt'"):
        tokenizer("ab").to("cuda")


def test_truncation_is_asked_for_or_does_not_happen(tokenizer):
    text = "abc" * 10
    assert len(tokenizer(text).input_ids) == 30
    assert tokenizer(text, truncation=True, max_length=2).input_ids == [A, B]
    assert len(tokenizer(text, truncation=True).input_ids) == 12
    tokenizer.truncation_side = "left"
    assert tokenizer(text, truncation=True, max_length=2).input_ids == [B, C]
    assert tokenizer(text, max_length=2).input_ids == [B, C]
    with pytest.raises(ArgumentError, match="max_length acts with truncation=True"):
        tokenizer(text, max_length=2, truncation=False)


def test_a_length_that_neither_cuts_nor_pads_is_said_once(tokenizer, caplog):
    for _ in range(2):
        assert tokenizer(["ab", "c"], padding=True, max_length=1).input_ids == [[A, B], [C, tiny.PAD]]
    assert ["max_length=1 cuts and pads nothing" in record.message for record in caplog.records] == [True]


def test_truncation_without_any_limit_cuts_nothing_and_says_so(tmp_path, caplog):
    tokenizer = from_pretrained(folder(tmp_path, model_max_length=int(1e30)))
    for _ in range(2):
        assert tokenizer("abc" * 99, truncation=True).input_ids == [A, B, C] * 99
    assert ["this tokenizer has no limit" in record.message for record in caplog.records] == [True]
    with pytest.raises(ArgumentError, match="needs max_length"):
        tokenizer("abc", padding="max_length")


def test_the_models_context_is_the_limit_of_a_tokenizer_without_one(tmp_path):
    config = {"model_type": "llama", "max_position_embeddings": 40}
    tokenizer = from_pretrained(folder(tmp_path, model_max_length=int(1e30), files={"config.json": config}))
    assert tokenizer.model_max_length == 40


def with_special_tokens(path: Path) -> Tokenizer:
    """<bos> before and <eos> after each text, and both between two."""
    file = json.loads(tiny.tokenizer_json())
    tokens = {"<bos>": tiny.BOS, "<eos>": tiny.EOS}
    file["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [special("<bos>"), {"Sequence": {"id": "A", "type_id": 0}}, special("<eos>")],
        "pair": [
            special("<bos>"),
            {"Sequence": {"id": "A", "type_id": 0}},
            special("<eos>"),
            {"Sequence": {"id": "B", "type_id": 1}},
        ],
        "special_tokens": {name: {"id": name, "ids": [id], "tokens": [name]} for name, id in tokens.items()},
    }
    folder(path)
    (path / "tokenizer.json").write_text(json.dumps(file))
    return from_pretrained(path)


def special(name: str) -> dict[str, object]:
    return {"SpecialToken": {"id": name, "type_id": 0}}


def test_special_tokens_stand_around_a_text(tmp_path):
    tokenizer = with_special_tokens(tmp_path)
    assert tokenizer("ab").input_ids == [tiny.BOS, A, B, tiny.EOS]
    assert tokenizer("ab", add_special_tokens=False).input_ids == [A, B]
    assert tokenizer("a", "b").input_ids == [tiny.BOS, A, tiny.EOS, B]
    assert tokenizer("abc", truncation=True, max_length=4).input_ids == [tiny.BOS, A, B, tiny.EOS]
    assert tokenizer("<bos>bc", truncation=True, max_length=4).input_ids == [tiny.BOS, tiny.BOS, B, tiny.EOS]
    with pytest.raises(ArgumentError, match="special tokens alone are 2"):
        tokenizer("abc", truncation=True, max_length=1)
    assert tokenizer("ab", "cab", truncation=True, max_length=5).input_ids == [tiny.BOS, A, tiny.EOS, C, A]


def test_token_type_ids_only_if_the_file_says_so(tmp_path):
    names = ["input_ids", "token_type_ids", "attention_mask"]
    tokenizer = from_pretrained(folder(tmp_path, model_input_names=names))
    assert list(tokenizer("ab")) == names
    assert tokenizer("ab").token_type_ids == [0, 0]
    assert list(tokenizer("ab", return_token_type_ids=False, return_attention_mask=False)) == ["input_ids"]


@pytest.mark.parametrize(
    "ids",
    [[A, B], (A, B), np.array([A, B]), {"input_ids": [A, B]}],
    ids=["list", "tuple", "array", "encoding"],
)
def test_decode_reads_what_holds_ids(tokenizer, ids):
    assert tokenizer.decode(ids) == "ab"


def test_decode_of_rows_gives_texts(tokenizer):
    assert tokenizer.decode([[A], [B, C]]) == ["a", "bc"]
    assert tokenizer.batch_decode([[A], [B, C]]) == ["a", "bc"]
    assert tokenizer.batch_decode([A, B]) == ["a", "b"]
    assert tokenizer.decode(A) == "a"
    assert tokenizer.decode([]) == ""
    assert tokenizer.decode([tiny.BOS, A], skip_special_tokens=True) == "a"
    for wrong in ([-1], ["a"], 1 << 40):
        with pytest.raises(ArgumentError, match="is no token id"):
            tokenizer.decode(wrong)


def test_spaces_before_punctuation_are_text_in_bpe(tmp_path, caplog):
    tokenizer = from_pretrained(folder(tmp_path, clean_up_tokenization_spaces=True))
    ids = list(b"x != y , z")
    assert tokenizer.decode(ids) == tokenizer.decode(ids, clean_up_tokenization_spaces=True) == "x != y , z"
    assert ["no effect on BPE" in record.message for record in caplog.records] == [True]
    forced = {"clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output": True}
    tokenizer = from_pretrained(folder(tmp_path, clean_up_tokenization_spaces=True, **forced))
    assert tokenizer.decode(ids) == "x!= y, z"


def test_tokens_and_ids(tokenizer):
    assert tokenizer.tokenize("ab<eos>") == ["a", "b", "<eos>"]
    assert tokenizer.convert_tokens_to_ids("a") == A
    assert tokenizer.convert_tokens_to_ids(["a", "nothing"]) == [A, None]
    assert tokenizer.convert_ids_to_tokens(A) == "a"
    assert tokenizer.convert_ids_to_tokens([A, tiny.EOS, 999]) == ["a", "<eos>", None]
    assert tokenizer.convert_ids_to_tokens([A, tiny.EOS], skip_special_tokens=True) == ["a"]
    assert tokenizer.convert_tokens_to_string(["a", "b"]) == "ab"
    assert (tokenizer.vocab_size, len(tokenizer)) == (256, tiny.VOCAB)
    assert tokenizer.get_vocab()["<pad>"] == tiny.PAD


def test_special_tokens_have_names(tokenizer):
    assert (tokenizer.bos_token, tokenizer.bos_token_id) == ("<bos>", tiny.BOS)
    assert (tokenizer.unk_token, tokenizer.unk_token_id) == (None, None)
    assert tokenizer.all_special_tokens == ["<bos>", "<eos>", "<pad>", "<user>", "<assistant>"]
    assert tokenizer.all_special_ids == [tiny.BOS, tiny.EOS, tiny.PAD, tiny.USER, tiny.ASSISTANT]
    tokenizer.pad_token_id = tiny.EOS
    assert tokenizer.pad_token == "<eos>"
    with pytest.raises(ArgumentError, match="'nope' is not in the vocabulary"):
        tokenizer.eos_token = "nope"


def test_the_files_around_a_tokenizer_must_agree(tmp_path):
    with pytest.raises(ConfigError, match=r"added_tokens.json gives the token '<eos>' the id 3"):
        from_pretrained(folder(tmp_path, files={"special_tokens_map.json": {}, "added_tokens.json": {"<eos>": 3}}))
    decoder = {"5": {"content": "<eos>"}}
    with pytest.raises(ConfigError, match=r"the token '<eos>' the id 5"):
        from_pretrained(folder(tmp_path, files={"added_tokens.json": {}}, added_tokens_decoder=decoder))
    with pytest.raises(FormatError, match="is not JSON"):
        from_pretrained(folder(tmp_path, files={"special_tokens_map.json": "{"}))
    with pytest.raises(
        ConfigError, match=r"tokenizer_config\.json: padding_side must be 'left' or 'right', found 'up'"
    ):
        from_pretrained(folder(tmp_path, files={"special_tokens_map.json": {}}, padding_side="up"))


def test_tokens_that_only_the_configuration_adds_are_added(tmp_path):
    decoder = {str(tiny.VOCAB): {"content": "<more>", "special": True}}
    tokenizer = from_pretrained(folder(tmp_path, added_tokens_decoder=decoder))
    assert tokenizer("a<more>").input_ids == [A, tiny.VOCAB]
    assert tokenizer.decode([A, tiny.VOCAB], skip_special_tokens=True) == "a"


def test_saved_and_loaded_it_is_the_same(tmp_path, tokenizer):
    tokenizer.pad_token = "<eos>"
    tokenizer.padding_side = "left"
    tokenizer.chat_template = {"default": "{{ messages }}\r\n", "rag": "{{ documents }}"}
    written = tokenizer.save_pretrained(tmp_path / "out")
    assert [Path(path).name for path in written] == [
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "chat_template.jinja",
        "rag.jinja",
    ]
    again = AutoTokenizer.from_pretrained(tmp_path / "out")
    for name in ("special_tokens_map", "padding_side", "chat_template", "model_max_length", "all_special_tokens"):
        assert getattr(again, name) == getattr(tokenizer, name)
    assert again("abc") == tokenizer("abc")


def test_a_templates_name_cannot_lead_out_of_the_folder(tmp_path, tokenizer):
    tokenizer.chat_template = {"default": "x", "../../evil": "y"}
    with pytest.raises(FormatError, match="must not climb"):
        tokenizer.save_pretrained(tmp_path / "out")
    assert not list(tmp_path.rglob("evil*"))


def test_options_of_loading(tmp_path):
    folder(tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path, trust_remote_code=True, padding_side="left").padding_side == "left"
    slow = from_pretrained(tmp_path, use_fast=False)
    assert (slow.is_fast, from_pretrained(tmp_path).is_fast) == (False, True)
    assert slow(["ab<eos>", "c"], padding=True) == from_pretrained(tmp_path)(["ab<eos>", "c"], padding=True)
    with pytest.raises(ArgumentError, match="padding_side must be 'left' or 'right', found 'middle'"):
        from_pretrained(tmp_path, padding_side="middle")


def test_what_it_is_shows(tokenizer, tmp_path):
    assert repr(tokenizer) == (
        f"Tokenizer({str(tmp_path)!r}: 261 tokens, bos='<bos>', eos='<eos>', pad='<pad>'; "
        "at most 12 tokens; with a chat template)"
    )


def test_one_tokenizer_serves_many_threads(tokenizer):
    texts = ["ab" * (n % 7 + 1) for n in range(200)]
    expected = [tokenizer(text, padding="max_length", max_length=20).input_ids for text in texts]
    wrong = []

    def work(seed: int) -> None:
        for n in range(200):
            place = (n * 7 + seed) % 200
            if tokenizer(texts[place], padding="max_length", max_length=20).input_ids != expected[place]:
                wrong.append(place)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_lists_need_neither_numpy_nor_torch(tmp_path):
    import subprocess

    code = (
        f"import sys; from litz import AutoTokenizer; t = AutoTokenizer.from_pretrained({str(folder(tmp_path))!r}); "
        "t(['ab', 'c'], padding=True); t.decode([97]); t.apply_chat_template([{'role': 'user', 'content': 'a'}]); "
        "print(*({'numpy', 'torch', 'jinja2', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "\n"
