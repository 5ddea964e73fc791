"""A tokenizer with other stages around its model is the one that a file with those stages describes."""

import itertools
import json
from typing import Any

import pytest

from litz import _core
from litz.errors import FormatError
from litz.tokenizers.python_backend import PythonTokenizer
from tests.parity.harness import tiny_tokenizers as tiny
from tests.parity.harness.fuzz_texts import texts

BASES = {
    "gpt2": lambda: tiny.BYTE_LEVEL["gpt2"](),
    "llama3": lambda: tiny.BYTE_LEVEL["llama3"](),
    "legacy": lambda: tiny.SENTENCE_PIECE["legacy"](),
    "metaspace": lambda: tiny.SENTENCE_PIECE["metaspace-first-split"](),
}


@pytest.fixture(scope="module")
def files() -> dict[str, dict[str, Any]]:
    return {name: json.loads(make().to_str()) for name, make in BASES.items()}


@pytest.mark.parametrize(("model", "around"), [*itertools.product(BASES, BASES)])
def test_stages_of_another_file(files, model, around):
    stages = {name: files[around][name] for name in ("normalizer", "pre_tokenizer", "decoder")}
    whole = {**files[model], **stages}
    core = _core.Tokenizer.from_json(json.dumps(files[model]).encode())
    changed, expected = core.with_stages(json.dumps(stages)), _core.Tokenizer.from_json(json.dumps(whole).encode())
    assert json.loads(changed.to_json()) == json.loads(expected.to_json())
    slow = PythonTokenizer(files[model]).with_stages(json.dumps(stages))
    for text in texts(60, 5):
        ids = changed.encode(text)
        assert ids == expected.encode(text) == slow.encode(text)
        assert changed.decode(ids) == expected.decode(ids) == slow.decode(ids)
    before = _core.Tokenizer.from_json(json.dumps(files[model]).encode())
    assert core.encode("a  b c") == before.encode("a  b c")


def test_stages_that_cannot_be_meant_are_refused(files):
    core = _core.Tokenizer.from_json(json.dumps(files["gpt2"]).encode())
    for stages, message in (
        ("[]", "stages"),
        ("{", "stages"),
        (json.dumps({"post_processor": {"type": "BertProcessing", "sep": ["x", 99999], "cls": ["y", 99998]}}), "99998"),
        (json.dumps({"normalizer": {"type": "Oracle"}}), "normalizer"),
    ):
        with pytest.raises((FormatError, NotImplementedError), match=message):
            core.with_stages(stages)
