"""A chat template gets a caller's values unchanged: numbers of any size, tuples, keys that are no texts."""
# ruff: noqa: E501

import dataclasses
import datetime
import enum
from typing import Any

import numpy as np
import pytest

from litz._core import Template
from litz.errors import ArgumentError, TemplateError
from litz.tokenizers.chat import values

reference = pytest.importorskip("transformers.utils.chat_template_utils")


BIG = [2**63 - 1, 2**63, 2**64, -(2**63) - 1, 2**127 - 1, -(2**127), 2**127, -(2**127) - 1, 10**21, 10**40, 3**2000]


class Unit(str, enum.Enum):  # noqa: UP042
    C = "celsius"


class Level(enum.IntEnum):
    HIGH = 3


@dataclasses.dataclass
class Place:
    name: str
    at: tuple[float, float]


def ours(source: str, value: Any) -> str:
    return Template(source).render({"v": values.plain(value)})[0]


def theirs(source: str, value: Any) -> str:
    return reference.render_jinja_template([[]], chat_template=source, v=value)[0][0]


VALUES = [
    None, True, False, 0, -1, *BIG, 1.0, -0.0, 1e22, 5e-324, float("inf"), float("-inf"), float("nan"), "é\U0001f600", "",
    (), (1,), (1, (2, "x")), [(1,)], {1: "a", 2.5: "b", None: "c", False: "d", (1, 2): "e", "k": (3,)}, {False: 0},
    Unit.C, {"unit": Unit.C, Unit.C: 1}, Level.HIGH, np.int64(2**62), np.float64(0.1), np.float32(0.5), np.bool_(False),
    np.str_("x"), Place("x", (1.0, 2.0)), datetime.date(2026, 1, 2), {1, 2}, b"bytes", object(), np.zeros(2),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: ascii(value).split(" at 0x")[0][:40])
def test_a_value_is_what_the_reference_shows(value):
    assert ours("{{ v }}|{{ [v] }}|{{ v is none }}|{{ v == v }}", value) == theirs(
        "{{ v }}|{{ [v] }}|{{ v is none }}|{{ v == v }}", value
    )


ARITHMETIC = [
    "v + 1", "v - 1", "1 - v", "-v", "v * v", "v // 7", "-v // 7", "v % 7", "v % -7", "v / 7", "7 / v", "v ** 2", "v ** -1",
    "2 ** (v % 99)", "v == v + 0", "v > 1e15", "v == 1e21", "v < v + 1", "1.5 < v", "v in [1, v]", "{v: 1}[v]",
    "'%d' % v", "'%+x' % v", "'%#o' % v", "'%50d' % v", "'%.60d' % v", "'%s' % v", "'%e' % v", "'{:,}'.format(v)",
    "'{:_x}'.format(v)", "'{:>60}'.format(v)", "'{:+.3e}'.format(v)", "'{:b}'.format(v)", "v|tojson", "{'a': v}|tojson",
    "v|abs", "v|int", "v|float", "v|string|int", "v|round", "v|round(-3)", "v|round(-20)", "v|round(1, 'floor')",
    "[v, 1]|sum", "[v, 1]|max", "[v, 1, -v]|sort", "v.bit_length()", "v.real", "v is odd", "v is divisibleby 2",
    "v is sameas v", "v and 1", "not v", "v ~ ''", "[1, 2][v]", "'abc'[v]", "'abc'[:v]", "'abc'[-v:]", "v|filesizeformat",
    "'abc'.replace('b', 'x', v)",
]  # fmt: skip


@pytest.mark.parametrize("expression", ARITHMETIC)
def test_whole_numbers_of_any_size_compute_as_in_python(expression):
    source = "{{ " + expression + " }}"
    for value in BIG:
        try:
            expected = theirs(source, value)
        except Exception:
            with pytest.raises(TemplateError):
                ours(source, value)
        else:
            assert ours(source, value) == expected, value


@pytest.mark.parametrize("number", [2**127, -(2**128), 10**50, 10**4299])
def test_a_template_may_write_large_numbers(number):
    assert ours("{{ %d }}|{{ %d - 1 == v - 1 }}" % (number, number), number) == f"{number}|True"  # noqa: UP031


@pytest.mark.parametrize(
    "source",
    [
        "{{ 10 ** 5000 }}",
        "{{ v ** v }}",
        "{{ (2 ** 60000) ** 2 }}",
        "{{ 2 ** 60000 * 2 ** 60000 }}",
        "{{ '%d' % (10 ** 4300) }}",
    ],
)
def test_what_is_too_large_is_refused_by_name(source):
    with pytest.raises(TemplateError, match=r"digits|bits"):
        ours(source, 2**70)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("\ud800", r"v cannot be given to a chat template: .* half of a surrogate pair"),
        ({"a": ["b", {"c": "x\udfff"}]}, r"v\.a\[1\]\.c cannot be given"),
    ],
)
def test_what_is_no_text_is_refused_with_its_place(value, why):
    with pytest.raises(ArgumentError, match=why):
        ours("{{ v }}", value)


def test_a_template_that_is_no_text_is_refused():
    with pytest.raises(ArgumentError, match=r"the source cannot be given to a chat template: .* surrogate pair"):
        Template("a\ud800")


@pytest.mark.parametrize(
    "source", ["{{ [] * 2 ** 62 }}", "{{ () * 2 ** 62 }}", "{{ '' * 2 ** 62 }}|{{ 'a' * -(2 ** 70) }}"]
)
def test_repeating_nothing_takes_no_time(source):
    try:
        expected = theirs(source, None)
    except Exception:
        with pytest.raises(TemplateError):
            ours(source, None)
    else:
        assert ours(source, None) == expected


def test_what_is_nested_too_deeply_is_refused():
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    circle: dict[str, Any] = {}
    circle["self"] = circle
    for value in (deep, circle):
        with pytest.raises(ArgumentError, match=r"nested|holds itself"):
            ours("{{ v }}", value)
    with pytest.raises(ArgumentError, match="holds itself"):
        Template("x").render({"v": circle})


def test_only_plain_data_goes_into_the_core():
    for value in ({1}, b"x", object()):
        with pytest.raises(ArgumentError, match=r"v\[0\] cannot be given to a chat template: a value of the type"):
            Template("x").render({"v": [value]})
    for wrong in ("[1]", 5, "{"):
        with pytest.raises(ArgumentError, match="the variables cannot be given"):
            Template("x").render(wrong)
