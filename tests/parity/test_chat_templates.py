"""Chat templates render to the byte what transformers' jinja2 renders, and fail where that fails."""

import datetime
import json
import re
import traceback
from typing import Any

import pytest

from litz._core import Template, TensorFile
from litz.errors import TemplateError
from tests.assets import asset
from tests.parity.harness.conversations import CONVERSATIONS, VARIABLES
from tests.parity.harness.small_templates import EXPRESSIONS, STATEMENTS

reference = pytest.importorskip("transformers.utils.chat_template_utils")

NOW = datetime.datetime(2026, 3, 5, 17, 5, 9, 123)
VALUES = {
    "none": None,
    "s": 'Héllo wörld\'s "x"',
    "e": "",
    "n": 7,
    "neg": -7,
    "f": 2.5,
    "big": 1e16,
    "small": 1.5e-7,
    "t": True,
    "l": [3, 1, 2],
    "ls": ["b", "A", "c"],
    "d": {"b": 1, "a": {"x": [1, 2]}, "items": 5, "get": 1},
    "m": [
        {"role": "user", "content": "hi", "n": 1},
        {"role": "assistant", "content": None, "n": 2},
        {"role": "user", "n": 1},
    ],
    "lines": "a\n\n b\r\nc\x0bd",
    "ctl": "a\x00\x1f\u200b\xa0é😀'",
}


class _Fixed(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


@pytest.fixture(autouse=True)
def fixed_clock(monkeypatch):
    monkeypatch.setattr(reference, "datetime", _Fixed)


def theirs(source: str, variables: dict[str, Any]) -> tuple[Any, ...]:
    """("text", text, ranges) or ("error", message or None where only Python has one, line)."""
    from jinja2.exceptions import TemplateError as JinjaError

    try:
        template = reference._compile_jinja_template(source)
        blocks, ranges = [], []
        with template.environment.activate_tracker(blocks, ranges):
            for block in template.generate(**variables):  # each must be there when the next is made
                blocks.append(block)  # noqa: PERF402
        return "text", "".join(blocks), ranges
    except Exception as error:
        line = getattr(error, "lineno", None)
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename in ("<template>", "<unknown>"):
                line = frame.lineno
        own = isinstance(error, JinjaError) and "raise_exception" in source
        return "error", str(error) if own else None, line


def ours(source: str, variables: dict[str, Any]) -> tuple[Any, ...]:
    try:
        text, ranges, _ = Template(source).render(json.dumps(variables), now=NOW)
        return "text", text, ranges
    except TemplateError as error:
        message, line = re.findall(r"(?s)^(.*) \(line (\d+) of the chat template\)$", str(error))[0]
        return "error", message, int(line)


def differences(source: str, variables: dict[str, Any]) -> str | None:
    expected, found = theirs(source, variables), ours(source, variables)
    if expected[0] != found[0] or (expected[0] == "text" and expected != found):
        return f"expected {expected}\nfound    {found}"
    if expected[0] == "error" and expected[1] not in (None, found[1]):
        return f"expected the message {expected[1]!r}\nfound {found[1]!r}"
    return None


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expressions(expression):
    assert differences("{{ %s }}" % expression, VALUES) is None  # noqa: UP031


@pytest.mark.parametrize("source", STATEMENTS)
def test_statements(source):
    assert differences(source, VALUES) is None


@pytest.mark.parametrize("code", [*"aAbBcdDeFHIjlmMnpRStTuUwWxXyYzZ%f", "-d", "-m", "-I", "-H", "-j"])
@pytest.mark.parametrize("day", ["2024-02-29T00:00:00", "2026-11-22T12:34:56.000789", "1999-01-03T23:59:59"])
def test_dates(code, day):
    now = datetime.datetime.fromisoformat(day)
    text, *_ = Template("{{ strftime_now(f) }}").render(json.dumps({"f": f"%{code}|"}), now=now)
    assert text == now.strftime(f"%{code}|")


@pytest.mark.parametrize("indent", [None, 0, 1, 4, "\t"])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_tojson(indent, ascii_only):
    floats = [0.1, 1.0, -0.0, 1e15, 1e16, 1e22, 1.5e-5, 5e-324, 1.7976931348623157e308, 123456789.12345678]
    value = {**VALUES, "floats": floats, "empty": [[], {}, ""], "ints": [0, -1, 2**63, 2**64 - 1]}
    source = "{{ value | tojson(ensure_ascii=ascii, indent=indent) }}"
    text, *_ = Template(source).render(json.dumps({"value": value, "ascii": ascii_only, "indent": indent}))
    assert text == json.dumps(value, ensure_ascii=ascii_only, indent=indent)


def test_floats_print_as_in_python():
    numbers = [k * 10.0**e for e in range(-20, 25) for k in (1.0, 1.5, 2 / 3, -123456789 / 7)]
    text, *_ = Template("{% for x in v %}{{ x }}\n{% endfor %}").render(json.dumps({"v": numbers}))
    assert text.split() == [str(number) for number in numbers]


def test_strings_print_as_in_python():
    characters = [chr(code) for code in (*range(0x250), 0x300, 0x2028, 0x3000, 0xE000, 0xFEFF, 0x1F600, 0xE0001)]
    text, *_ = Template("{{ v }}").render(json.dumps({"v": characters}))
    assert text == str(characters)


def real_templates() -> dict[str, str]:
    """Templates of real models: from llama.cpp's collection, tokenizer configurations and GGUF files."""
    found = {}
    models = asset("llama-models")
    for path in sorted((models / "templates").glob("*.jinja")):
        found[path.stem] = path.read_bytes().decode()
    for name in ("gemma3", "llama3_1", "qwen2_5", "qwen3"):
        config = json.loads((asset(f"tokenizer-{name}") / "tokenizer_config.json").read_bytes())
        found[f"tokenizer-{name}"] = config["chat_template"]
    for path in [*sorted(models.glob("*.gguf")), asset("smollm2")]:
        for key, value in TensorFile(path).metadata().items():
            if key.startswith("tokenizer.chat_template") and isinstance(value, str):
                found[f"{path.stem}:{key}"] = value
    return found


@pytest.mark.slow
def test_the_templates_of_real_models():
    templates = real_templates()
    assert len(templates) > 75
    failed = []
    for name, source in templates.items():
        for conversation, messages in CONVERSATIONS.items():
            for variant, variables in VARIABLES.items():
                difference = differences(source, {**variables, "messages": messages})
                if difference is not None:
                    failed.append(f"{name}, {conversation}, {variant}: {difference}")
    assert not failed, f"{len(failed)} differ:\n" + "\n".join(failed[:5])


@pytest.mark.slow
def test_what_errors_list_is_what_the_templates_of_real_models_read_from_outside():
    from jinja2 import meta

    from litz.tokenizers.chat.template_names import read_from_outside

    wrong = {}
    for name, source in real_templates().items():
        environment = reference._compile_jinja_template(source).environment
        # jinja2 also lists what a template sets in a branch; of that, errors list what every template is given.
        theirs = meta.find_undeclared_variables(environment.parse(source)) - {*environment.globals, "loop"}
        ours = set(read_from_outside(source, Template(source).names))
        given = theirs & {"messages", "tools", "documents", "add_generation_prompt"}
        if not given <= ours or ours - theirs - {"add_tokens"}:  # GigaChat sets that one in a branch and reads it
            wrong[name] = ours - theirs, given - ours
    assert not wrong


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gemma3", "llama3_1", "qwen2_5", "qwen3"])
def test_the_ids_of_conversations(name):
    from transformers import PreTrainedTokenizerFast

    from litz.tokenizers import from_pretrained

    folder = asset(f"tokenizer-{name}")
    config = json.loads((folder / "tokenizer_config.json").read_bytes())
    kept = ("bos_token", "eos_token", "pad_token", "unk_token", "chat_template", "padding_side", "model_max_length")
    settings = {key: value for key, value in config.items() if key in kept and value is not None}
    expected = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **settings)
    found = from_pretrained(folder)
    for own in ("bos_token", "eos_token_id", "pad_token_id", "vocab_size", "padding_side"):
        assert getattr(found, own) == getattr(expected, own), own
    assert len(found) == len(expected)
    talks = [CONVERSATIONS[kind] for kind in ("plain", "unicode", "turns")]
    if name == "gemma3":
        talks = talks[:2]
    for prompt in (False, True):
        for talk in talks:
            more = {"add_generation_prompt": prompt, "return_dict": False}
            # One of the talks has a special token in a message, which only the reference takes for one.
            ids = found.apply_chat_template(talk, trust_content=True, **more)
            assert ids == expected.apply_chat_template(talk, **more)
    if found.pad_token is None:
        found.pad_token = expected.pad_token = found.eos_token
    texts = ["Hello there, 你好", "", "a longer text of more words than that", "x != y , 'social'"]
    for more in ({"padding": True}, {"padding": "max_length", "max_length": 6, "truncation": True}):
        assert dict(found(texts, **more)) == {
            key: value for key, value in expected(texts, **more).items() if key != "token_type_ids"
        }
    rows = found(texts).input_ids
    assert found.decode(rows) == expected.decode(rows)
    assert found.decode(rows, skip_special_tokens=True) == expected.decode(rows, skip_special_tokens=True)
    assert found.convert_ids_to_tokens(rows[0]) == expected.convert_ids_to_tokens(rows[0])
