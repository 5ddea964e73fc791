"""Any method, filter, test, operator or format on any value: the text of jinja2, or a TemplateError."""
# ruff: noqa: E501

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litz._core import Template
from litz.errors import TemplateError

reference = pytest.importorskip("transformers.utils.chat_template_utils")

TEXTS = [
    "", "a", "abc", "A b\u00a0C", " x  y ", "\t1\t22\n333\t", "ΑΣ ας", "Straße", "ﬁ", "<b>&'\"", "%s", "%d %s %(a)s", "{}",
    "{0} {a}", "x\r\ny\x0bz\x1c", "5", "²", "٣٤", "-12", "1_000", "0x1F", "1e5", "inf", "é", "e\u0301", "ǅ", "ab-cd ef",
    "100%", "{{}}", "a.b,c,,d", "日本語", "\U0001f600", "\u2028", "hello world foo bar" * 4, "İ", "<", "\x7f\x00", "ʕ",
]  # fmt: skip
SMALL = st.integers(-12, 12)
NUMBERS = st.one_of(
    SMALL, st.booleans(), st.integers(-(10**45), 10**45), st.floats(), st.sampled_from([2.5, -0.5, 1e16])
)
# Characters that the running Python does not know may be known to us.
WORDS = st.text(st.characters(exclude_categories=("Cs", "Cn")), max_size=8)
PLAIN = st.one_of(st.none(), st.sampled_from(TEXTS), WORDS, SMALL, NUMBERS)
KEYS = st.sampled_from(["a", "b", "0", 1, 2.0, None, True, (1, 2), 97])
VALUES = st.one_of(
    PLAIN,
    st.lists(PLAIN, max_size=3),
    st.tuples(PLAIN, PLAIN),
    st.dictionaries(KEYS, st.one_of(PLAIN, st.lists(PLAIN, max_size=2)), max_size=3),
)

METHODS = """capitalize casefold center count encode endswith expandtabs find format format_map index isalnum isalpha isascii
isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle isupper join ljust lower lstrip maketrans
partition removeprefix removesuffix replace rfind rindex rjust rpartition rsplit rstrip split splitlines startswith strip
swapcase title translate upper zfill keys values items get copy bit_length bit_count conjugate as_integer_ratio is_integer
fromkeys real imag numerator denominator start""".split()
FILTERS = """abs attr batch capitalize center d default dictsort e escape filesizeformat first float forceescape format
groupby indent int items join last length list lower max min replace reverse round safe select slice sort string sum title
tojson trim truncate unique upper urlencode wordcount xmlattr wordwrap pprint striptags urlize""".split()
TESTS = """odd even divisibleby defined none boolean integer float lower upper string mapping number sequence iterable
callable sameas escaped in eq ne gt ge lt le""".split()
OPERATORS = ["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", "<=", "in", "not in", "and", "or"]
# Which object it is, and what is no text.
UNCOMPARABLE = re.compile(
    r"0x[0-9a-f]{6,}|<\w+ object|<built-in|<bound|<generator|<itertools|<list_reverse|<reversed|<dict_"
)


@st.composite
def expressions(draw: st.DrawFn) -> str:
    """An expression on the variables v, w and x."""
    subject = draw(st.sampled_from(["v", "v", "(v|string)", "(v|string|safe)", "undef"]))
    arguments = ", ".join(draw(st.lists(st.sampled_from(["w", "x", "1", "'a'", "(w|string)"]), max_size=3)))
    match draw(st.sampled_from("mmfftoi")):
        case "m":
            name = draw(st.sampled_from(METHODS))
            return f"{subject}.{name}" + draw(st.sampled_from([f"({arguments})", f"({arguments})", ""]))
        case "f":
            return f"{subject}|{draw(st.sampled_from(FILTERS))}({arguments})" + draw(st.sampled_from(["", "|list"]))
        case "t":
            return f"{subject} is {draw(st.sampled_from(TESTS))}({arguments})"
        case "o":
            return f"{subject} {draw(st.sampled_from(OPERATORS))} w"
    return f"{subject}[{draw(st.sampled_from(['w', ':w', 'w:', '::2', '::-1']))}]"


@st.composite
def percent_formats(draw: st.DrawFn) -> str:
    one = st.builds(
        "%{}{}{}{}{}".format,
        st.sampled_from(["", "", "(a)"]), st.text("-+ 0#", max_size=2), st.sampled_from(["", "7", "*"]),
        st.sampled_from(["", ".0", ".3", ".", ".*"]), st.sampled_from(list("sradiouxXeEfFgGc%lhq")),
    )  # fmt: skip
    return "".join(draw(st.lists(st.one_of(one, st.sampled_from(["a", "é", "<", "%%"])), max_size=3)))


@st.composite
def brace_formats(draw: st.DrawFn) -> str:
    spec = st.builds(
        "{}{}{}{}{}{}{}{}".format,
        st.sampled_from(["", "<", "^", ">", "=", "x<", "*^", "0="]), st.sampled_from(["", "+", "-", " "]),
        st.sampled_from(["", "", "z"]), st.sampled_from(["", "#"]), st.sampled_from(["", "0", "9", "012", "{1}"]),
        st.sampled_from(["", ",", "_"]), st.sampled_from(["", ".0", ".3"]), st.sampled_from(["", *"sdxXobceEfFgGn%"]),
    )  # fmt: skip
    field = st.builds(
        "{{{}{}{}}}".format,
        st.sampled_from(["", "", "0", "1", "a", "a[0]", "0.real", "0[a]", "²", "٠", "9", "b", "a.b[c]", "{"]),
        st.sampled_from(["", "", "!r", "!s", "!a", "!", "!x"]), st.one_of(st.just(""), spec.map(":{}".format)),
    )  # fmt: skip
    return "".join(draw(st.lists(st.one_of(field, st.sampled_from(["a", "é", "<", "{{", "}}", "}"])), max_size=3)))


def differs(source: str, variables: dict[str, Any]) -> str | None:
    """What is wrong; a refusal never is."""
    try:
        found, *_ = Template(source).render(variables)
    except TemplateError as error:
        return None if str(error).strip() else "a refusal without a word"
    try:
        expected = reference._compile_jinja_template(source).render(**variables)
    except Exception as error:
        return f"{source} of {variables}: {found!r}, where the reference fails: {error}"
    if found == expected or UNCOMPARABLE.search(expected):
        return None
    return f"{source} of {variables}: {found!r}, expected {expected!r}"


QUICK = settings(max_examples=400, derandomize=True, deadline=None, database=None)


@QUICK
@given(expressions(), VALUES, VALUES, VALUES)
def test_expressions(expression, v, w, x):
    assert differs("{{ " + expression + " }}", {"v": v, "w": w, "x": x}) is None


@QUICK
@given(percent_formats(), VALUES, VALUES, st.sampled_from(["w", "(w,)", "(w, x)", "{'a': w}", "undef"]), st.booleans())
def test_formats_with_percent(form, w, x, given, safe):
    source = "{{ " + ("(f|safe)" if safe else "f") + " % " + given + " }}"
    assert differs(source, {"f": form, "w": w, "x": x}) is None


@QUICK
@given(brace_formats(), VALUES, SMALL, VALUES, st.booleans(), st.booleans())
def test_formats_with_braces(form, w, x, a, safe, mapped):
    call = ".format_map({'a': a, 'b': w})" if mapped else ".format(w, x, a=a)"
    source = "{{ " + ("(f|safe)" if safe else "f") + call + " }}"
    assert differs(source, {"f": form, "w": w, "x": x, "a": a}) is None


@QUICK
@given(NUMBERS, NUMBERS, st.sampled_from(["+", "-", "*", "/", "//", "%", "<", "==", "<=", ">"]), st.integers(-30, 30))
def test_arithmetic(v, w, operator, n):
    source = "{{ v " + operator + " w }} {{ v|round(n) }} {{ -v }} {{ v|abs }} {{ '%d' % v }} {{ '%.3g' % v }}"
    for part in source.split(" {{"):
        assert differs("{{" + part.removeprefix("{{"), {"v": v, "w": w, "n": n}) is None


@settings(QUICK, max_examples=150)
@given(WORDS, st.text("abΣσß \t\n-x", max_size=12), st.sampled_from(METHODS[:46]), st.integers(-2, 9))
def test_methods_of_any_text(v, w, method, n):
    for call in ("()", "(w)", "(n)", "(w, n)", "(n, 'x')", "(w, v)"):
        assert differs("{{ v." + method + call + " }}", {"v": v, "w": w, "n": n}) is None
        assert differs("{{ (w ~ v)." + method + call + " }}", {"v": v, "w": w[:2], "n": n}) is None
