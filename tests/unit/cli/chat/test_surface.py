"""Conversations through a tokenizer: what a chat template is given, what comes back, and what is refused."""

import dataclasses
import json
from enum import Enum
from typing import Any, Literal, Optional

import pytest

from litz.errors import ArgumentError, TemplateError
from litz.tokenizers import Tokenizer, from_pretrained, get_json_schema
from tests.unit import tiny

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{{ '<user>' if m.role == 'user' else '<assistant>' }}"
    "{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
SPOKEN = (
    "{% if m.role == 'user' %}{{ m.content }}{% else %}{% generation %}{{ m.content }}{% endgeneration %}{% endif %}"
)
HI = [{"role": "user", "content": "hi"}]
TALK = [*HI, {"role": "assistant", "content": "yo"}]
H, I = b"hi"  # noqa: E741


@pytest.fixture
def tokenizer(tmp_path) -> Tokenizer:
    return load(tmp_path, TEMPLATE)


def load(path, template: Any) -> Tokenizer:
    tokens = {"bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>"}
    (path / "tokenizer.json").write_bytes(tiny.tokenizer_json())
    (path / "tokenizer_config.json").write_text(json.dumps({**tokens, "chat_template": template}))
    return from_pretrained(path)


def text(tokenizer: Tokenizer, messages: Any, **more: Any) -> str:
    return tokenizer.apply_chat_template(messages, tokenize=False, **more)


def test_a_conversation_becomes_ids(tokenizer):
    ids = tokenizer.apply_chat_template(HI, add_generation_prompt=True)
    assert ids == [tiny.BOS, tiny.USER, H, I, tiny.ASSISTANT]
    assert text(tokenizer, HI, add_generation_prompt=True) == "<bos><user>hi<assistant>"
    assert text(tokenizer, HI) == "<bos><user>hi"


def test_the_forms_of_the_result(tokenizer):
    encoded = tokenizer.apply_chat_template(HI, return_dict=True)
    assert encoded == {"input_ids": [tiny.BOS, tiny.USER, H, I], "attention_mask": [1, 1, 1, 1]}
    assert tokenizer.apply_chat_template(HI, return_tensors="np").shape == (1, 4)
    rows = tokenizer.apply_chat_template([HI, TALK], padding=True, return_tensors="np", return_dict=True)
    assert rows.input_ids.shape == (2, 7)
    assert rows.attention_mask.sum(axis=1).tolist() == [4, 7]
    assert text(tokenizer, [HI, TALK]) == ["<bos><user>hi", "<bos><user>hi<assistant>yo"]
    assert tokenizer.apply_chat_template(TALK, truncation=True, max_length=3) == [tiny.BOS, tiny.USER, H]


def test_rendered_text_gets_no_second_bos(tmp_path):
    file = json.loads(tiny.tokenizer_json())
    bos = {"SpecialToken": {"id": "<bos>", "type_id": 0}}
    file["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [bos, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [bos, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<bos>": {"id": "<bos>", "ids": [tiny.BOS], "tokens": ["<bos>"]}},
    }
    load(tmp_path, TEMPLATE)
    (tmp_path / "tokenizer.json").write_text(json.dumps(file))
    tokenizer = from_pretrained(tmp_path)
    assert tokenizer("hi").input_ids == [tiny.BOS, H, I]
    rendered = text(tokenizer, HI)
    assert tokenizer.apply_chat_template(HI) == tokenizer(rendered).input_ids == [tiny.BOS, tiny.USER, H, I]
    assert tokenizer([rendered, "hi"]).input_ids == [[tiny.BOS, tiny.USER, H, I], [tiny.BOS, H, I]]
    assert tokenizer(rendered, add_special_tokens=True).input_ids[:2] == [tiny.BOS, tiny.BOS]


def test_the_assistant_mask_covers_what_the_assistant_says(tokenizer):
    talk = [*HI, {"role": "assistant", "content": "yé"}]
    encoded = tokenizer.apply_chat_template(
        talk,
        return_dict=True,
        return_assistant_tokens_mask=True,
        chat_template=(
            "{% for m in messages %}{% if m.role == 'user' %}<user>{{ m.content }}{% else %}<assistant>"
            "{% generation %}{{ m.content }}{% endgeneration %}<eos>{% endif %}{% endfor %}"
        ),
    )
    assert encoded.input_ids == [tiny.USER, H, I, tiny.ASSISTANT, *"yé".encode(), tiny.EOS]
    assert encoded.assistant_masks == [0, 0, 0, 0, 1, 1, 1, 0]
    with pytest.raises(ArgumentError, match=r"does not mark .* \{% generation %\}"):
        tokenizer.apply_chat_template(
            talk, return_dict=True, return_assistant_tokens_mask=True, chat_template="{{ messages }}"
        )
    with pytest.raises(ArgumentError, match="return_dict=True"):
        tokenizer.apply_chat_template(talk, return_assistant_tokens_mask=True)


def test_the_assistant_mask_is_cut_and_padded_with_the_ids(tokenizer):
    tokenizer.chat_template = TEMPLATE.replace("{% generation %}{{ m.content }}{% endgeneration %}", SPOKEN)
    more = {"return_dict": True, "return_assistant_tokens_mask": True, "padding": True}
    encoded = tokenizer.apply_chat_template([TALK, HI], **more)
    assert encoded.assistant_masks == [[0, 0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 0, 0, 0]]
    assert encoded.attention_mask == [[1] * 7, [1] * 4 + [0] * 3]
    encoded = tokenizer.apply_chat_template([TALK, HI], truncation=True, max_length=6, return_tensors="np", **more)
    assert encoded.assistant_masks.tolist() == [[0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0]]
    tokenizer.padding_side = tokenizer.truncation_side = "left"
    encoded = tokenizer.apply_chat_template([HI, TALK], truncation=True, max_length=6, **more)
    assert encoded.input_ids == [
        [tiny.PAD, tiny.PAD, tiny.BOS, tiny.USER, H, I],
        [tiny.USER, H, I, tiny.ASSISTANT, *b"yo"],
    ]
    assert encoded.assistant_masks == [[0] * 6, [0, 0, 0, 0, 1, 1]]


def test_the_assistant_mask_knows_where_tokens_lie_that_do_not_spell_the_text(tmp_path):
    file = json.loads(tiny.tokenizer_json())
    file["normalizer"] = {"type": "Lowercase"}
    file["pre_tokenizer"] = {"type": "WhitespaceSplit"}
    file["model"] = {"type": "WordLevel", "vocab": {"<unk>": 0, "yes": 1, "no": 2}, "unk_token": "<unk>"}
    file["added_tokens"], file["decoder"] = [], None
    (tmp_path / "tokenizer.json").write_bytes(json.dumps(file).encode())
    (tmp_path / "tokenizer_config.json").write_text("{}")
    encoded = from_pretrained(tmp_path).apply_chat_template(
        [{"role": "user", "content": "É YES"}, {"role": "assistant", "content": "No 😀 yes"}],
        chat_template=f"{{% for m in messages %}}{{{{ m.role }}}}: {SPOKEN} {{% endfor %}}",
        return_dict=True,
        return_assistant_tokens_mask=True,
    )
    assert encoded.input_ids == [0, 0, 1, 0, 2, 0, 1]
    assert encoded.assistant_masks == [0, 0, 0, 0, 1, 1, 1]


def test_the_last_message_can_be_left_open(tokenizer):
    tokenizer.chat_template = TEMPLATE.replace("{% endgeneration %}", "{% endgeneration %}<eos>")
    assert text(tokenizer, TALK, continue_final_message=True) == "<bos><user>hi<eos><assistant>yo"
    parts = [{"role": "user", "content": [{"type": "text", "text": "one "}]}]
    shown = "{% for m in messages %}{% for p in m.content %}{{ p.text }}{% endfor %}<eos>{% endfor %}"
    assert text(tokenizer, parts, continue_final_message=True, chat_template=shown) == "one "
    trimmed = "{% for m in messages %}{{ m.content | trim }}<eos>{% endfor %}"
    spaced = [{"role": "assistant", "content": "yo  "}]
    assert text(tokenizer, spaced, continue_final_message=True, chat_template=trimmed) == "yo"
    assert parts == [{"role": "user", "content": [{"type": "text", "text": "one "}]}]
    with pytest.raises(ArgumentError, match="pass one"):
        text(tokenizer, TALK, continue_final_message=True, add_generation_prompt=True)
    with pytest.raises(ArgumentError, match="does not show the last message"):
        text(tokenizer, TALK, continue_final_message=True, chat_template="{{ messages[0].content }}")
    with pytest.raises(ArgumentError, match="no 'thinking' to go on with"):
        text(tokenizer, TALK, continue_final_message="thinking")


def test_what_would_have_no_effect_is_refused(tokenizer):
    with pytest.raises(ArgumentError, match=r"does not read 'enable_thinking'; from outside it reads .*messages"):
        text(tokenizer, HI, enable_thinking=False)
    with pytest.raises(ArgumentError, match="does not read tools"):
        text(tokenizer, HI, tools=[{"type": "function"}])
    with pytest.raises(ArgumentError, match="does not read documents"):
        text(tokenizer, HI, documents=[{"title": "a"}])
    with pytest.raises(ArgumentError, match="padding and return_tensors would have no effect"):
        text(tokenizer, HI, padding=True, return_tensors="np")
    for nothing in ([], "hi", None):
        with pytest.raises(ArgumentError, match="expected a list of messages"):
            text(tokenizer, nothing)


def test_variables_reach_the_template(tokenizer):
    template = "{{ enable_thinking }}{{ eos_token }}{{ tools }}{{ documents }}{{ add_generation_prompt }}"
    shown = text(tokenizer, HI, chat_template=template, enable_thinking=False, eos_token="!")
    assert shown == "False!NoneNoneFalse"


def test_named_templates(tmp_path):
    named = [{"name": "default", "template": "D"}, {"name": "tool_use", "template": "T{{ tools | length }}"}]
    tokenizer = load(tmp_path, named)
    assert text(tokenizer, HI) == "D"
    assert text(tokenizer, HI, tools=[{"name": "f"}]) == "T1"
    assert text(tokenizer, HI, chat_template="tool_use", tools=[]) == "T0"
    assert text(tokenizer, HI, chat_template="{{ messages[0].role }}") == "user"
    tokenizer.chat_template = {"rag": "R"}
    with pytest.raises(ArgumentError, match="choose one of rag"):
        text(tokenizer, HI)


def test_files_come_before_the_configuration(tmp_path):
    load(tmp_path, "from the configuration")
    (tmp_path / "chat_template.jinja").write_bytes(b"a\r\n{{ messages[0].role }}\n\n")
    (tmp_path / "additional_chat_templates").mkdir()
    (tmp_path / "additional_chat_templates" / "rag.jinja").write_text("R")
    tokenizer = from_pretrained(tmp_path)
    assert text(tokenizer, HI) == "a\nuser\n"
    assert text(tokenizer, HI, chat_template="rag") == "R"


def test_a_template_that_fails_is_an_error_with_its_line(tokenizer):
    tokenizer.chat_template = "{% if messages[0].role != 'system' %}\n{{ raise_exception('no system') }}{% endif %}"
    with pytest.raises(TemplateError, match=r"^no system \(line 2 of the chat template\)$"):
        text(tokenizer, HI)
    tokenizer.chat_template = "{% for %}"
    with pytest.raises(TemplateError, match="line 1"):
        text(tokenizer, HI)


def test_a_tokenizer_without_a_template_says_so(tokenizer):
    tokenizer.chat_template = None
    with pytest.raises(ArgumentError, match="has no chat template: it may be a base model"):
        text(tokenizer, HI)


@dataclasses.dataclass
class Message:
    role: str
    content: str
    name: str | None = None


class Dumped:
    def model_dump(self) -> dict[str, Any]:
        return {"role": "user", "content": b"bytes"}


def test_messages_are_plain_data(tokenizer):
    shown = "{{ messages }}"
    assert text(tokenizer, [Message("user", "hi")], chat_template=shown) == "[{'role': 'user', 'content': 'hi'}]"
    assert text(tokenizer, [Dumped()], chat_template=shown) == "[{'role': 'user', 'content': '<bytes>'}]"
    given = [{"role": "assistant", "content": None, "reasoning": "r", "n": (1, 2.0, True)}]
    expected = (
        "[{'thinking': 'r', 'role': 'assistant', 'reasoning': 'r', 'n': (1, 2.0, True), 'reasoning_content': 'r'}]"
    )
    assert text(tokenizer, given, chat_template=shown) == expected
    assert given == [{"role": "assistant", "content": None, "reasoning": "r", "n": (1, 2.0, True)}]
    for wrong in ("hi", 5):
        with pytest.raises(ArgumentError, match="message 0 must be a dict"):
            text(tokenizer, [wrong])
    holds_itself: list[Any] = []
    holds_itself.append(holds_itself)
    for wrong, why in (("\ud800", "half of a surrogate pair"), (holds_itself, "holds itself")):
        with pytest.raises(ArgumentError, match=why):
            text(tokenizer, [{"role": "user", "content": wrong}])


class Unit(Enum):
    C = "celsius"
    F = "fahrenheit"


def weather(
    city: str,
    days: int = 1,
    unit: Unit = Unit.C,
    detail: Literal["low", "high", 3] = "low",
    tags: list[str] | None = None,
    where: tuple[float, float] | None = None,
    limits: dict[str, int | float] = {},  # noqa: B006
    mixed: Optional[list[int] | str] = None,  # noqa: UP045
    anything: Any = None,
    flag: bool = False,
) -> list[dict[str, str]]:
    """
    Tells the weather.

    Over two paragraphs.

    Args:
        city: The city,
            with its country: "Paris, France"
        days: How many days
        unit: Which unit
        detail: How much
        tags: Some tags (choices: ["a ", "b"])
        where: Latitude and longitude

        limits: Limits by name
        mixed: One or several
        anything: Anything at all
        flag: Whether

    Returns:
        A day's weather each.

    Raises:
        ValueError: never
    """
    return []


class Toolbox:
    def add(self, a: float, b: float):
        """Adds.

        Args:
            a: One
            b: Another
        """
        return a + b


def short(x: int) -> complex:
    """Only this.
    Args:
      x: A number
    """
    return x


def nothing() -> None:
    """Does nothing at all."""


@pytest.mark.parametrize("function", [weather, Toolbox().add, short, nothing])
def test_functions_have_the_schema_that_transformers_gives_them(function):
    reference = pytest.importorskip("transformers.utils.chat_template_utils")
    expected = reference.get_json_schema(function)
    assert get_json_schema(function) == expected
    assert json.dumps(get_json_schema(function)) == json.dumps(expected)


def test_functions_become_tools(tokenizer):
    shown = text(tokenizer, HI, tools=[short, {"name": "f"}], chat_template="{{ tools | tojson }}")
    assert json.loads(shown) == [get_json_schema(short), {"name": "f"}]
    with pytest.raises(ArgumentError, match="a tool is a function or a JSON schema"):
        text(tokenizer, HI, tools=["short"], chat_template="{{ tools }}")


def no_docstring(x: int): ...


def no_hint(x):
    """D.

    Args:
        x: X
    """


def not_described(x: int):
    """D."""


def no_schema(x: complex):
    """D.

    Args:
        x: X
    """


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (no_docstring, "no_docstring has no docstring"),
        (no_hint, "'x' of no_hint has no type hint"),
        (not_described, "not_described does not describe the argument 'x'"),
        (no_schema, "<class 'complex'> has no JSON schema"),
    ],
)
def test_a_function_without_a_schema_says_what_is_missing(function, message):
    with pytest.raises(ArgumentError, match=message):
        get_json_schema(function)
