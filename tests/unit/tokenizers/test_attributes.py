"""The attributes, settings and constructors of a tokenizer."""

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer as Backend
from transformers import AutoTokenizer as Reference

import litz
from litz import AutoTokenizer, LlamaTokenizerFast, PreTrainedTokenizerFast
from litz.errors import ArgumentError, ConfigError, ModelNotFoundError
from tests.parity.harness.side_files import NAMES, byte_level, folder

BOS, EOS, A, B = 0, 1, 67, 68


def template(*before: str, after: tuple[str, ...] = (), ids: dict[str, int]) -> dict[str, Any]:
    def parts(name: str, kind: int) -> list[dict[str, Any]]:
        special = [[{"SpecialToken": {"id": token, "type_id": kind}} for token in side] for side in (before, after)]
        return [*special[0], {"Sequence": {"id": name, "type_id": kind}}, *special[1]]

    tokens = {token: {"id": token, "ids": [ids[token]], "tokens": [token]} for token in {*before, *after}}
    pair = [*parts("A", 0), *parts("B", 1)]
    return {"type": "TemplateProcessing", "single": parts("A", 0), "pair": pair, "special_tokens": tokens}


BEGIN = template("<s>", ids={"<s>": BOS})


def load(root: Path, *, post_processor: Any = None, fast: bool = True, **config: Any) -> Any:
    file = byte_level(post_processor=post_processor)
    folder(root, tokenizer__json=file, tokenizer_config__json={**NAMES, **config})
    return AutoTokenizer.from_pretrained(root, use_fast=fast)


@pytest.mark.parametrize("fast", [True, False])
def test_the_tokens_at_both_ends_are_settings(tmp_path, fast):
    tokenizer = load(tmp_path, post_processor=BEGIN, fast=fast)
    assert (tokenizer.add_bos_token, tokenizer.add_eos_token) == (True, False)
    tokenizer.add_eos_token = True
    assert tokenizer("ab")["input_ids"] == [BOS, A, B, EOS]
    assert tokenizer("a", "b")["input_ids"] == [BOS, A, EOS, BOS, B, EOS]
    assert tokenizer.num_special_tokens_to_add() == 2
    tokenizer.add_bos_token = False
    assert tokenizer("ab")["input_ids"] == [A, B, EOS]
    tokenizer.save_pretrained(tmp_path / "saved")
    again = AutoTokenizer.from_pretrained(tmp_path / "saved")
    assert again("ab")["input_ids"] == Reference.from_pretrained(tmp_path / "saved")("ab")["input_ids"] == [A, B, EOS]
    tokenizer.add_eos_token = False
    assert tokenizer("a", "b")["input_ids"] == [A, B]


def test_both_ends_are_those_of_the_reference(tmp_path):
    ours = load(tmp_path)
    theirs = Reference.from_pretrained(tmp_path)
    for tokenizer in (ours, theirs):
        tokenizer.add_bos_token = True
        tokenizer.add_eos_token = True
    assert dict(ours("a", "b", return_token_type_ids=True)) == dict(theirs("a", "b", return_token_type_ids=True))
    passed = AutoTokenizer.from_pretrained(tmp_path, add_bos_token=True, add_eos_token=True)
    assert passed("ab")["input_ids"] == theirs("ab")["input_ids"]


def test_what_is_beside_the_template_stays(tmp_path):
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    tokenizer = load(tmp_path, post_processor={"type": "Sequence", "processors": [level, BEGIN]})
    before = tokenizer("a b", return_offsets_mapping=True)["offset_mapping"]
    tokenizer.add_eos_token = True
    assert tokenizer("a b", return_offsets_mapping=True)["offset_mapping"] == [*before, (0, 0)]


def test_a_template_of_other_tokens_is_not_rewritten(tmp_path):
    around = template("</s>", after=("<unk>",), ids={"</s>": EOS, "<unk>": 2})
    tokenizer = load(tmp_path, post_processor=around)
    with pytest.raises(ArgumentError, match="template puts '</s>', '<unk>' around texts"):
        tokenizer.add_bos_token = True
    with pytest.raises(ArgumentError, match="needs a eos_token"):
        load(tmp_path, eos_token=None).add_eos_token = True


def test_another_beginning_is_put_around_texts_when_asked(tmp_path):
    tokenizer = load(tmp_path, post_processor=BEGIN)
    tokenizer.bos_token = "<unk>"
    assert tokenizer("a")["input_ids"] == [BOS, A]
    tokenizer.update_post_processor()
    assert tokenizer("a")["input_ids"] == [2, A]


def test_a_name_that_is_no_setting_is_refused_with_the_nearest_names(tmp_path):
    tokenizer = load(tmp_path)
    for name, near in {"pading_side": "padding_side", "add_eos": "add_eos_token", "pad_tokn": "pad_token"}.items():
        with pytest.raises(ArgumentError, match=f"'{name}' is no setting of a tokenizer; did you mean .*{near}"):
            setattr(tokenizer, name, "left")
    for name in ("add_prefix_space", "legacy", "do_lower_case"):
        with pytest.raises(ArgumentError, match=f"{name} acts when the tokenizer is loaded"):
            setattr(tokenizer, name, True)
    with pytest.raises(ArgumentError, match="vocab_size follows from the vocabulary"):
        tokenizer.vocab_size = 5
    with pytest.raises(AttributeError, match=r"'image_tokn'"):
        _ = tokenizer.image_tokn


WRONG = {"padding_side": "up", "truncation_side": 1, "model_max_length": 0, "pad_token_type_id": 2**64,
         "clean_up_tokenization_spaces": "no", "split_special_tokens": None, "pad_token": 5, "pad_token_id": 2**64,
         "eos_token": "nothing", "extra_special_tokens": "<s>", "model_input_names": [],
         "add_eos_token": 1}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_setting_of_the_wrong_kind_is_refused_and_changes_nothing(tmp_path, name):
    tokenizer = load(tmp_path)
    before = getattr(tokenizer, name)
    with pytest.raises(ArgumentError):
        setattr(tokenizer, name, WRONG[name])
    assert getattr(tokenizer, name) == before


def test_a_subclass_has_what_attributes_it_likes(tmp_path):
    class Mine(PreTrainedTokenizerFast):
        pass

    load(tmp_path)
    mine = Mine.from_pretrained(tmp_path)
    mine.colour = "red"
    assert (type(mine), mine.colour, mine("a")["input_ids"]) == (Mine, "red", [A])


def test_special_tokens_of_a_model_have_names(tmp_path):
    tokenizer = load(tmp_path, extra_special_tokens={"image_token": "<img>", "boi": "<unk>"}, audio_token="<audio>")
    assert (tokenizer.image_token, tokenizer.image_token_id, tokenizer.boi_id) == ("<img>", 260, 2)
    assert tokenizer.special_tokens_map == {
        "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "audio_token": "<audio>",
        "image_token": "<img>", "boi": "<unk>",
    }  # fmt: skip
    tokenizer.image_token = "</s>"
    tokenizer.boi_id = 0
    assert (tokenizer.image_token_id, tokenizer.boi) == (1, "<s>")
    tokenizer.save_pretrained(tmp_path / "saved")
    again = AutoTokenizer.from_pretrained(tmp_path / "saved")
    assert again.special_tokens_map == tokenizer.special_tokens_map
    for other in (copy.deepcopy(again), pickle.loads(pickle.dumps(again))):
        assert (other.audio_token, other("<audio>")["input_ids"]) == ("<audio>", [259])


def test_splitting_special_tokens_is_a_setting(tmp_path):
    tokenizer = load(tmp_path)
    tokenizer.split_special_tokens = True
    split = [A, 30, 85, 32]
    assert tokenizer("a<s>")["input_ids"] == tokenizer.encode("a<s>") == split
    assert tokenizer(["a<s>"])["input_ids"] == [split]
    assert tokenizer.encode_batch_flat(["a<s>"])[0].tolist() == split
    assert tokenizer("a<s>", split_special_tokens=False)["input_ids"] == [A, BOS]
    tokenizer.split_special_tokens = False
    assert tokenizer("a<s>")["input_ids"] == [A, BOS]


def test_a_tokenizer_is_made_of_a_file_or_an_object(tmp_path):
    load(tmp_path)
    path = tmp_path / "tokenizer.json"
    for given in ({"tokenizer_file": str(path)}, {"tokenizer_object": Backend.from_file(str(path))}):
        tokenizer = PreTrainedTokenizerFast(**given, bos_token="<s>", pad_token="[PAD]", padding_side="left")
        assert tokenizer(["a", "ab"], padding=True)["input_ids"] == [[259, A], [A, B]]
        assert (tokenizer.bos_token_id, tokenizer.eos_token, tokenizer.pad_token_id) == (BOS, None, 259)
        assert PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer)("a")["input_ids"] == [A]
    assert PreTrainedTokenizerFast(tokenizer_file=path, eos_token="</s>", add_eos_token=True)("a").input_ids == [A, EOS]
    with pytest.raises(ArgumentError, match="tokenizer_file or tokenizer_object"):
        PreTrainedTokenizerFast()
    with pytest.raises(ModelNotFoundError, match="nowhere"):
        PreTrainedTokenizerFast(tokenizer_file="nowhere.json")
    with pytest.raises(ArgumentError, match=r"padding_sid.*did you mean padding_side"):
        PreTrainedTokenizerFast(tokenizer_file=path, padding_sid="left")
    with pytest.raises(ArgumentError, match="pad_token must be a token"):
        PreTrainedTokenizerFast(tokenizer_file=path, pad_token=5)


def test_names_of_families_read_any_files_as_theirs(tmp_path):
    load(tmp_path)
    assert litz.GPT2TokenizerFast.from_pretrained(tmp_path, add_prefix_space=True).tokenize("a") == ["\u0120", "a"]
    assert isinstance(LlamaTokenizerFast.from_pretrained(tmp_path), PreTrainedTokenizerFast)


def test_what_it_is_made_of_can_be_seen(tmp_path):
    tokenizer = load(tmp_path, legacy=False)
    assert tokenizer.init_kwargs == {**NAMES, "legacy": False}
    tokenizer.init_kwargs["legacy"] = True
    assert tokenizer.init_kwargs["legacy"] is False
    (path,) = tokenizer.save_vocabulary(tmp_path / "out")
    assert json.loads(Path(path).read_bytes())["model"]["vocab"]["a"] == A
    assert tokenizer.backend_tokenizer.encode("a") == [A]


def test_a_folder_below_a_local_one(tmp_path):
    load(tmp_path / "inner")
    assert AutoTokenizer.from_pretrained(tmp_path, subfolder="inner")("a")["input_ids"] == [A]
    assert AutoTokenizer.from_pretrained(tmp_path / "inner", subfolder="")("a")["input_ids"] == [A]
    with pytest.raises(ModelNotFoundError, match="has no folder 'other'"):
        AutoTokenizer.from_pretrained(tmp_path, subfolder="other")


def test_one_warning_names_unknown_keys_and_their_file(tmp_path):
    with pytest.warns(UserWarning, match=r"tokenizer_config\.json: unknown keys were ignored: newer, other") as caught:
        load(tmp_path, other=1, newer="x", errors="replace", empty=None)
    assert len(caught) == 1
    folder(tmp_path, tokenizer_config__json=NAMES, special_tokens_map__json={"new_setting": 5})
    with pytest.warns(UserWarning, match=r"special_tokens_map\.json: .*new_setting"):
        AutoTokenizer.from_pretrained(tmp_path)


def test_a_map_that_does_not_count_and_differs_is_said(tmp_path):
    settings = {**NAMES, "added_tokens_decoder": {}, "pad_token": "</s>"}
    folder(tmp_path, tokenizer__json=byte_level(), tokenizer_config__json=settings)
    folder(tmp_path, special_tokens_map__json={"pad_token": "<unk>", "bos_token": {"content": "<s>"}})
    with pytest.warns(UserWarning, match=r"special_tokens_map\.json: pad_token differ"):
        assert AutoTokenizer.from_pretrained(tmp_path).pad_token == "</s>"


@pytest.mark.parametrize(("section", "value"), [
    ("padding", 5), ("padding", {"direction": "Up", "pad_token": "a"}), ("padding", {"pad_token": 5}),
    ("padding", {"pad_token": "a", "new": 1}), ("truncation", {"direction": "Middle"}), ("truncation", []),
])  # fmt: skip
def test_a_section_that_cannot_be_meant_is_named(tmp_path, section, value):
    folder(tmp_path, tokenizer__json=byte_level(**{section: value}), tokenizer_config__json=NAMES)
    with pytest.raises((ConfigError, litz.errors.FormatError), match=section):
        AutoTokenizer.from_pretrained(tmp_path)
