"""Models of safetensors written as GGUF files: the same model, the same tokens, the same chat template."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

import litz
from litz import hub
from litz.convert import Description, describe
from litz.errors import ArgumentError, UnsupportedError
from litz.generation.gguf import special_tokens
from tests.parity.harness import tiny_tokenizers as tiny
from tests.parity.harness.decoders import VOCAB, Row, relative_error, save
from tests.parity.harness.fuzz_texts import CORPUS, texts
from tests.parity.harness.rows import ROWS
from tests.unit.tiny import tokenizer_json, write_model
from tests.unit.tokenizers.test_gguf import sentence_piece

ROOM = 800  # rows of the table, more than the tiny tokenizers have tokens
IDS = torch.tensor(np.random.default_rng(6).integers(3, VOCAB, size=(2, 24)))
WRITTEN = [
    "llama-2", "llama-3", "llama-linear", "llama-yarn", "llama-biased-tied", "llama-multi-query", "llama-odd-widths",
    "mistral-head-dim", "qwen2", "qwen2-yarn", "qwen3", "smollm3", "gemma", "gemma2", "gemma3",
    "gemma3-linear", "granite", "granite-biased-tied", "olmo2",
]  # fmt: skip
# Rows that a written form would lose something of, and what is said of it
LOST = {
    "llama-dynamic": "rope scaling 'dynamic'",
    "mistral-window": "sliding windows have no GGUF form",
    "qwen2-window": "sliding windows have no GGUF form",
    "gemma2-uncapped": "would be another model: towers.text.layers",
    "olmo2-biased-yarn": "biases of q, k, v, o have no GGUF form",
    "qwen3-tied-biased": "biases of q, k, v, o have no GGUF form",
}
BY_NAME = {row.name: row for row in ROWS}
OTHERS = [name for name in BY_NAME if name not in WRITTEN and name not in LOST]
# GGUF takes Gemma's attention scale and its windows for granted.
GRANTED = {"gemma2": {"query_pre_attn_scalar": 16}, "gemma3": {"query_pre_attn_scalar": 16}}


def folder_of(row: Row, folder: Path, *, dtype: torch.dtype = torch.float32) -> Path:
    """The reference model of a row with room for the tokens of a tiny tokenizer."""
    facts = next((facts for family, facts in GRANTED.items() if row.name.startswith(family)), {})
    model = replace(row, keys={**row.keys, **facts, "vocab_size": ROOM}).build()
    save(model.to(dtype), folder)
    (folder / "tokenizer.json").write_bytes(tokenizer_json())
    return folder


def written(folder: Path) -> tuple[Path, Description]:
    made = describe(hub.resolve(str(folder)))
    path = folder.with_suffix(".gguf")
    with path.open("wb") as file:
        made.write(file, advance=lambda done: None)
    return path, made


@pytest.mark.parametrize("name", WRITTEN)
def test_a_family_computes_from_the_written_file_what_it_computes_in_the_reference(name: str, tmp_path: Path) -> None:
    folder = folder_of(BY_NAME[name], tmp_path / "model")
    path, _ = written(folder)
    found = litz.AutoModelForCausalLM.from_pretrained(path, cache_dtype="float32")(IDS).logits
    own = litz.AutoModelForCausalLM.from_pretrained(folder, cache_dtype="float32")(IDS).logits
    permuted = gguf.GGUFReader(path).fields["general.architecture"].contents() in ("llama", "smollm3", "granite")
    assert relative_error(found, own) <= (3e-6 if permuted else 0.0)
    facts = next((facts for family, facts in GRANTED.items() if name.startswith(family)), {})
    reference = replace(BY_NAME[name], keys={**BY_NAME[name].keys, **facts, "vocab_size": ROOM}).build()
    with torch.no_grad():
        assert relative_error(found, reference.double()(IDS).logits) < 1e-4


@pytest.mark.parametrize("name", LOST)
def test_what_the_format_would_lose_stops_by_name(name: str, tmp_path: Path) -> None:
    folder = folder_of(BY_NAME[name], tmp_path / "model")
    with pytest.raises(UnsupportedError, match=LOST[name]):
        describe(hub.resolve(str(folder)))


@pytest.mark.parametrize("name", OTHERS[::4])
def test_other_families_are_refused_by_name(name: str, tmp_path: Path) -> None:
    folder = folder_of(BY_NAME[name], tmp_path / "model")
    kind = json.loads((folder / "config.json").read_text())["model_type"]
    with pytest.raises(UnsupportedError, match=f"does not write the family {kind} as GGUF, only llama, mistral"):
        describe(hub.resolve(str(folder)))


def test_gemma_with_another_scale_or_other_windows_is_refused(tmp_path: Path) -> None:
    gemma = BY_NAME["gemma3"]
    scaled = save(replace(gemma, keys={**gemma.keys, "vocab_size": ROOM}).build(), tmp_path / "scaled")
    (scaled / "tokenizer.json").write_bytes(tokenizer_json())
    place = r"towers\.text\.layers\[0\]\[0\]\.branches\[0\]\.body\.scale"
    with pytest.raises(UnsupportedError, match=rf"another model: {place} 0\.204124 becomes 0\.25"):
        describe(hub.resolve(str(scaled)))
    kinds = ["sliding_attention", "full_attention"] * 3 + ["full_attention"]
    folder = folder_of(replace(gemma, keys={**gemma.keys, "layer_types": kinds}), tmp_path / "model")
    with pytest.raises(UnsupportedError, match="5 of every 6"):
        describe(hub.resolve(str(folder)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_matrices_keep_their_floats_and_vectors_become_wide(dtype: torch.dtype, tmp_path: Path) -> None:
    path, _ = written(folder_of(BY_NAME["qwen2"], tmp_path / "model", dtype=dtype))
    kind = {torch.float16: "F16", torch.bfloat16: "BF16"}[dtype]
    reader = gguf.GGUFReader(path)
    for tensor in reader.tensors:
        assert tensor.tensor_type.name == ("F32" if len(tensor.shape) == 1 else kind), tensor.name
        assert tensor.data_offset % 32 == 0
    assert reader.fields["general.file_type"].contents() == {"F16": 1, "BF16": 32}[kind]


def with_tokenizer(tokenizer: Tokenizer | str, folder: Path, **side: Any) -> Path:
    """A tiny llama with this tokenizer beside it."""
    folder_of(BY_NAME["llama-2"], folder)
    text = tokenizer if isinstance(tokenizer, str) else tokenizer.to_str()
    (folder / "tokenizer.json").write_text(text)
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", **side}))
    return folder


NAMED = {"gpt2": "gpt-2", "smollm": "smollm", "qwen2": "qwen2"}


@pytest.mark.parametrize("name", [*NAMED, "gemma3", "metaspace-never-whole"])
def test_a_tokenizer_gives_the_same_ids(name: str, tmp_path: Path) -> None:
    tokenizer = {**tiny.BYTE_LEVEL, **tiny.SENTENCE_PIECE}[name]()
    folder = with_tokenizer(tokenizer, tmp_path / "model", bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    path, made = written(folder)
    assert not made.notes
    if name in NAMED:
        assert gguf.GGUFReader(path).fields["tokenizer.ggml.pre"].contents() == NAMED[name]
    one, two = (litz.AutoTokenizer.from_pretrained(source) for source in (folder, path))
    for text in [*CORPUS, *texts(seed=5, count=200)]:
        text = text.replace("▁", " ")
        assert one.encode(text) == two.encode(text), text
    assert (two.bos_token, two.eos_token, two.unk_token) == ("<s>", "</s>", "<unk>")


def test_a_marked_beginning_is_kept(tmp_path: Path) -> None:
    folder = with_tokenizer(tiny.SENTENCE_PIECE["legacy"](), tmp_path / "model", unk_token="<unk>", eos_token="</s>")
    path, _ = written(folder)
    assert gguf.GGUFReader(path).fields["tokenizer.ggml.add_space_prefix"].contents() is True
    one, two = (litz.AutoTokenizer.from_pretrained(source) for source in (folder, path))
    for text in CORPUS:
        text = text.replace("▁", " ").lstrip(" ")
        assert one.encode(text) == two.encode(text), text


def test_the_space_that_readers_add_is_said(tmp_path: Path) -> None:
    def newer(file: dict[str, Any]) -> None:
        mark = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": False}
        file |= {"normalizer": None, "pre_tokenizer": mark}

    tokenizer = tiny.edited(tiny.SENTENCE_PIECE["legacy"](), newer)
    _, made = written(with_tokenizer(tokenizer, tmp_path / "model", unk_token="<unk>", eos_token="</s>"))
    assert [note.partition(",")[0] for note in made.notes] == ["text that begins with a space gets one more before it"]


def test_a_vocabulary_of_sentencepiece_keeps_its_scores(tmp_path: Path) -> None:
    folder = with_tokenizer("{}", tmp_path / "model", bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    (folder / "tokenizer.json").unlink()
    own = {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(own))
    reference = sentence_piece(dummy_prefix=True)
    (folder / "tokenizer.model").write_bytes(reference.serialized_model_proto())
    path, _ = written(folder)
    pieces = gguf.GGUFReader(path).fields
    scores = pieces["tokenizer.ggml.scores"].contents()
    merged = [id for id in range(reference.get_piece_size()) if reference.get_score(id) < 0]
    assert merged
    made = [id for id in merged if len(reference.id_to_piece(id)) > 1]
    assert [scores[id] for id in made] == [reference.get_score(id) for id in made]
    for text in CORPUS:
        ids = litz.AutoTokenizer.from_pretrained(path).encode(text, add_special_tokens=False)
        assert ids == reference.encode(text)


def test_towers_of_other_modalities_are_left_out_and_said(tmp_path: Path) -> None:
    folder = folder_of(BY_NAME["gemma3"], tmp_path / "model")
    weights = load_file(folder / "model.safetensors") | {"vision_tower.patches.weight": torch.ones(2, 2)}
    save_file(weights, folder / "model.safetensors")
    path, made = written(folder)
    assert made.notes == ("left out, for the text model has no use for it: vision_tower.patches.weight",)
    assert not any("vision" in tensor.name for tensor in gguf.GGUFReader(path).tensors)


@pytest.mark.parametrize("name", ["gpt2-prefix-space", "no-split", "falcon", "lines"])
def test_splits_without_a_name_are_refused(name: str, tmp_path: Path) -> None:
    folder = with_tokenizer(tiny.BYTE_LEVEL[name](), tmp_path / "model")
    with pytest.raises(UnsupportedError, match="how its tokenizer splits text has no GGUF name"):
        describe(hub.resolve(str(folder)))


def test_other_models_of_tokens_are_refused(tmp_path: Path) -> None:
    words = Tokenizer(models.WordLevel({"a": 0, "<unk>": 1}, unk_token="<unk>"))
    words.pre_tokenizer, words.decoder = pre_tokenizers.Whitespace(), decoders.WordPiece()
    with pytest.raises(UnsupportedError, match="plain BPE tokenizers as GGUF, found WordLevel"):
        describe(hub.resolve(str(with_tokenizer(words, tmp_path / "words"))))
    random = tiny.edited(tiny.BYTE_LEVEL["gpt2"](), lambda file: file["model"].update(dropout=0.1))
    with pytest.raises(UnsupportedError, match="found BPE with dropout"):
        describe(hub.resolve(str(with_tokenizer(random, tmp_path / "random"))))


def test_a_tokenizer_that_a_reader_would_take_otherwise_is_refused(tmp_path: Path) -> None:
    """An added token that takes the spaces before it: the format has no such flag."""

    def strips(file: dict[str, Any]) -> None:
        file["added_tokens"][2]["lstrip"] = True

    folder = with_tokenizer(tiny.edited(tiny.BYTE_LEVEL["gpt2"](), strips), tmp_path / "model")
    with pytest.raises(UnsupportedError, match=r"in GGUF, its tokenizer would read '.* </s>"):
        describe(hub.resolve(str(folder)))


def test_scores_say_the_order_of_the_merges_and_refuse_one_that_they_cannot_say(tmp_path: Path) -> None:
    file = json.loads(tiny.SENTENCE_PIECE["gemma3"]().to_str())
    vocab, merges = file["model"]["vocab"], [tuple(merge) for merge in file["model"]["merges"]]
    pairs = ((token[:i], token[i:]) for token in vocab for i in range(1, len(token)))
    merges.append(next(pair for pair in pairs if pair not in merges and {*pair} < vocab.keys() and "".join(pair) in
                       {one + two for one, two in merges[:-1]}))  # fmt: skip
    file["model"]["merges"] = merges
    folder = with_tokenizer(json.dumps(file), tmp_path / "model", unk_token="<unk>")
    with pytest.raises(UnsupportedError, match=r"the merges of the token '.*' lie apart"):
        describe(hub.resolve(str(folder)))


def test_what_is_put_around_a_text_is_bos_and_eos_or_refused(tmp_path: Path) -> None:
    tokenizer = tiny.with_post_processor(tiny.BYTE_LEVEL["gpt2"](), "template")
    path, _ = written(with_tokenizer(tokenizer, tmp_path / "around", bos_token="<s>", eos_token="</s>"))
    assert litz.AutoTokenizer.from_pretrained(path).encode("a")[0] == 1
    folder = with_tokenizer(tokenizer, tmp_path / "other", bos_token="</s>")
    with pytest.raises(UnsupportedError, match=r"puts \[1\] around a text, and GGUF has bos only"):
        describe(hub.resolve(str(folder)))


def test_ends_of_an_answer_templates_and_rows_without_a_token_are_written(tmp_path: Path) -> None:
    templates = [{"name": "default", "template": "{{ messages }}"}, {"name": "tool_use", "template": "{{ tools }}"}]
    folder = with_tokenizer(tiny.BYTE_LEVEL["gpt2"](), tmp_path / "model", eos_token="</s>", chat_template=templates)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, 5, 7]}))
    path, _ = written(folder)
    assert special_tokens(path)["eos_token_id"] == [2, 5, 7]
    tokenizer = litz.AutoTokenizer.from_pretrained(path)
    assert tokenizer.chat_template == {"default": "{{ messages }}", "tool_use": "{{ tools }}"}
    assert tokenizer.convert_ids_to_tokens(ROOM - 1) == f"[PAD{ROOM - 1}]"
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, 5, 7, 8]}))
    with pytest.raises(UnsupportedError, match="4 tokens end an answer"):
        describe(hub.resolve(str(folder)))


def test_added_tokens_without_a_row_are_left_out_and_said(tmp_path: Path) -> None:
    tokenizer = json.loads(tokenizer_json())
    tokenizer["added_tokens"].append({**tokenizer["added_tokens"][-1], "id": ROOM, "content": "<image>"})
    vocab = tokenizer["model"]["vocab"]
    vocab |= {f"fill{id}": id for id in range(261, ROOM)}
    _, made = written(with_tokenizer(json.dumps(tokenizer), tmp_path / "model"))
    assert made.notes == ("left out, for the model has no rows for them: <image>",)
    vocab["beyond"] = ROOM + 1
    with pytest.raises(UnsupportedError, match=f"ids up to {ROOM + 1}, and the model only {ROOM} rows"):
        describe(hub.resolve(str(with_tokenizer(json.dumps(tokenizer), tmp_path / "larger"))))


def test_a_gguf_file_is_one_already(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    (folder / "tokenizer.json").write_bytes(tokenizer_json())
    path, _ = written(folder)
    with pytest.raises(ArgumentError, match="is a GGUF file already"):
        describe(hub.resolve(str(path)))
