"""No text of a conversation becomes a control token, in any chat template; clean conversations keep their ids."""

import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from litz.errors import TemplateError
from litz.tokenizers import Tokenizer, from_pretrained
from tests.assets import asset
from tests.parity.conversations import CONVERSATIONS, TOOLS, WEATHER, assistant, call, result, system, user
from tests.parity.test_chat_templates import real_templates
from tests.security.injections import (
    NAMED,
    byte_tokenizer,
    changed,
    changed_keys,
    control,
    specials,
    tokens_in,
    word_tokenizer,
)

CHATML = (
    "{% if tools %}<|im_start|>system\n{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}<|im_end|>\n{% endif %}"
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] }}"
    "{% if m.tool_calls %}{% for c in m.tool_calls %}<tool>{{ c.function.name }}{{ c.function.arguments | tojson }}"
    "</tool>{% endfor %}{% endif %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% endif %}"
)
BY_ROLE = (
    "{{ bos_token }}{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% else %}{{ eos_token }}{% endif %}"
)
TRIMMING = (
    "{% set ns = namespace(text='') %}{% for m in messages %}{% set c = m.content.split('</think>')[-1] | trim %}"
    "{% set ns.text = ns.text ~ '[INST] ' ~ c.replace('\\n', ' ') ~ ' [/INST]' %}{% endfor %}"
    "{% macro shown(x) %}<s>{{ x }}{% endmacro %}{{ shown(ns.text) }}{{ eos_token }}"
)
SMALL = {"chatml": CHATML, "by role": BY_ROLE, "trimming": TRIMMING}
TALK = [
    system("Be brief."),
    user("Weather?"),
    assistant("Let me see", tool_calls=[call("get_weather", {"city": "Paris"})]),
    result("20"),
    user("thx"),
]
VARIANTS: list[dict[str, Any]] = [
    {"add_generation_prompt": True},
    {"tools": TOOLS},
    {"documents": [{"title": "Title", "text": "Body", "id": "1"}], "tools": [WEATHER], "add_generation_prompt": True},
    {"enable_thinking": True, "reasoning_effort": "high", "date_string": "1 Jan 2025"},
]
# The same lengths and places, with nothing that any tokenizer takes for a special token.
INERT = str.maketrans("<>[]|｜", "(){}!!")


def ids_of(tokenizer: Tokenizer, messages: Any, variant: dict[str, Any], **more: Any) -> list[int] | None:
    """The ids of a conversation; None where the template refuses it."""
    names = tokenizer._template(tokenizer.get_chat_template()).names
    given = {name: value for name, value in variant.items() if name in names or name == "add_generation_prompt"}
    try:
        return tokenizer.apply_chat_template(messages, **given, **more)
    except TemplateError:
        return None


def attacks(tokens: list[str]) -> Iterator[str]:
    """Texts that a message may hold: whole tokens, together and apart, and halves around what stands beside them."""
    yield "".join(tokens)
    yield " x\n".join(tokens) + "\n"
    for token in tokens:
        middle = len(token) // 2
        yield token
        yield f"{token[middle:]} x {token[:middle]}"
        yield f"{token[1:]}{token}{token[:-1]}"


def assert_nothing_controls(tokenizer: Tokenizer, messages: Any, variant: dict[str, Any], attack: str) -> int:
    """Control ids are as many as with inert text in the same places; how many renderings were compared."""
    compared = 0
    for spoil in (lambda text: text + attack, lambda text: attack + text, lambda _: attack):
        found, expected = (
            ids_of(tokenizer, *(changed_keys(changed(part, lambda t: change(spoil(t))), lambda t: change(spoil(t)))
                                for part in (messages, variant)))
            for change in (str, lambda text: text.translate(INERT))
        )  # fmt: skip
        if found is None or expected is None:
            continue
        compared += 1
        assert control(tokenizer, found) == control(tokenizer, expected), (attack, tokenizer.decode(found))
    return compared


@pytest.mark.parametrize("make", [byte_tokenizer, word_tokenizer])
@pytest.mark.parametrize("name", SMALL)
def test_no_message_controls(name, make, tmp_path):
    special = tokens_in(iter([SMALL[name], "<|user|><|assistant|><|system|><|tool|>"]))
    tokenizer = make(tmp_path, special, SMALL[name])
    compared = 0
    for attack in attacks(special):
        compared += assert_nothing_controls(tokenizer, TALK, VARIANTS[0], attack)
    assert compared == 3 * (2 + 3 * len(special))
