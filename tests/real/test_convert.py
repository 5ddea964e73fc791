"""Published tokenizers written as GGUF: the same ids, and for Gemma 3 the scores that its own file has."""

import json
import re
import shutil
from pathlib import Path

import pytest
import transformers as hf

import litz
from litz import hub
from litz._core import TensorFile
from litz.convert import describe
from tests.assets import asset
from tests.parity.harness.fuzz_texts import CORPUS, texts

pytestmark = pytest.mark.slow

SMALL = {
    "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": 16,
}  # fmt: skip
MODELS = {
    "llama2": (hf.LlamaConfig, 32000), "llama3_1": (hf.LlamaConfig, 128256), "mistral_nemo": (hf.MistralConfig, 131072),
    "qwen2_5": (hf.Qwen2Config, 151936), "qwen3": (hf.Qwen3Config, 151936), "gemma3": (hf.Gemma3TextConfig, 262144),
}  # fmt: skip


def written(name: str, folder: Path) -> tuple[Path, Path]:
    """A folder with this tokenizer and a tiny model, and its GGUF file."""
    config, rows = MODELS[name]
    own = {"query_pre_attn_scalar": 16} if name == "gemma3" else {"sliding_window": None} if "mistral" in name else {}
    keys = SMALL if name != "qwen2_5" else {key: value for key, value in SMALL.items() if key != "head_dim"}
    hf.AutoModelForCausalLM.from_config(config(**keys, **own, vocab_size=rows)).save_pretrained(folder)
    for file in asset(f"tokenizer-{name}").iterdir():
        shutil.copy(file, folder)
    path = folder.with_suffix(".gguf")
    with path.open("wb") as out:
        describe(hub.resolve(str(folder))).write(out, advance=lambda done: None)
    return folder, path


@pytest.mark.parametrize("name", MODELS)
def test_a_published_tokenizer_gives_the_same_ids(name: str, tmp_path: Path) -> None:
    folder, path = written(name, tmp_path / "model")
    one, two = (litz.AutoTokenizer.from_pretrained(source) for source in (folder, path))
    assert one.chat_template == two.chat_template
    for text in [*CORPUS, *texts(seed=9, count=400)]:
        # Readers take the mark for a space, and put one more before a space that begins a piece of text.
        text = re.sub(r"(^|<s>|</s>|<unk>)[ ▁]+", r"\1", text).replace("▁", " ")
        assert one.encode(text) == two.encode(text), text
    if one.chat_template:
        chat = [{"role": "user", "content": "Name three colours."}]
        assert one.apply_chat_template(chat) == two.apply_chat_template(chat)


def test_scores_are_those_of_the_published_file(tmp_path: Path) -> None:
    _, path = written("gemma3", tmp_path / "model")
    own, published = TensorFile(path), TensorFile(asset("gemma3-270m"))
    keys = ("tokens", "scores", "token_type")
    tokens, scores, _ = (own.metadata_array(f"tokenizer.ggml.{key}") for key in keys)
    others, expected, kinds = (published.metadata_array(f"tokenizer.ggml.{key}") for key in keys)
    assert tokens == others
    made = {first + second for first, second in _merges()}
    merged = [id for id, kind in enumerate(kinds) if kind == 1 and tokens[id] in made]
    assert len(merged) > 230_000
    assert [scores[id] for id in merged] == [expected[id] for id in merged]


def _merges() -> list[tuple[str, str]]:
    return json.loads((asset("tokenizer-gemma3") / "tokenizer.json").read_text())["model"]["merges"]
