"""Chat templates render byte for byte what transformers' jinja2 environment renders, or fail where it fails."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from transformers.utils import chat_template_utils
from transformers.utils.chat_template_utils import _compile_jinja_template, _render_with_assistant_indices

from litz._core import Template
from litz.errors import LitzError
from tests.assets import asset
from tests.parity.conversations import CONVERSATIONS, TOKENS, VARIABLES
from tests.parity.small_templates import FAILING, LINES, SMALL, VALUES

NOON = datetime(2026, 3, 5, 12, 4, 9, 7)
Outcome = tuple[str, list[tuple[int, int]]] | None


class Noon(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return NOON


@pytest.fixture(autouse=True)
def _noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_template_utils, "datetime", Noon)


def expected(source: str, variables: dict[str, Any]) -> Outcome:
    """What transformers renders, and its generation ranges; None when it fails."""
    given = {"messages": None, "tools": None, "documents": None, "add_generation_prompt": False} | variables
    try:
        return _render_with_assistant_indices(_compile_jinja_template(source), **given)
    except Exception:
        return None


def rendered(source: str, variables: dict[str, Any]) -> Outcome:
    """What litz renders; None when it fails with an error of its own."""
    given = {"messages": None, "tools": None, "documents": None, "add_generation_prompt": False} | variables
    try:
        return Template(source).render(json.dumps(given), now=NOON)
    except LitzError:
        return None


@pytest.mark.parametrize("name", SMALL)
def test_small_templates_render_as_in_transformers(name: str) -> None:
    reference = expected(SMALL[name], VALUES)
    assert reference is not None
    assert rendered(SMALL[name], VALUES) == reference


@pytest.mark.parametrize("source", FAILING)
def test_what_fails_in_transformers_fails_here(source: str) -> None:
    assert expected(source, VALUES) is None
    assert rendered(source, VALUES) is None


@pytest.mark.parametrize(("source", "line", "words"), LINES)
def test_errors_name_their_line(source: str, line: int, words: str) -> None:
    with pytest.raises(LitzError, match=words) as caught:
        Template(source).render(json.dumps(VALUES), now=NOON)
    assert f"line {line}" in str(caught.value)


def templates() -> list[Path]:
    return sorted((asset("llama-models") / "templates").glob("*.jinja"))


@pytest.mark.slow
def test_published_templates_render_as_in_transformers() -> None:
    sources = templates()
    assert len(sources) >= 70
    different = []
    for path in sources:
        source = path.read_text(encoding="utf-8")
        for conversation, messages in CONVERSATIONS.items():
            for options, variables in VARIABLES.items():
                given = TOKENS | variables | {"messages": messages}
                if rendered(source, given) != expected(source, given):
                    different.append(f"{path.stem}: {conversation}, {options}")
    assert different == []
