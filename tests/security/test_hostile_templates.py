"""Hostile chat templates: each is refused with a TemplateError, in bounded work and memory, and reaches no Python."""

# ruff: noqa: E501

import json
import subprocess
import sys

import pytest

from litz._core import Template
from litz.errors import LitzError, TemplateError

ESCAPES = [
    "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "{{ cycler.__init__.__globals__.os }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ messages.__class__.__base__ }}",
    "{{ ''['__class__']['__mro__'] }}",
    "{{ (''|attr('__class__')).__mro__ }}",
    "{{ '{0.__class__.__mro__}'.format('') }}",
    "{{ '{0[__class__][x]}'.format('') }}",
    "{{ [''] | map(attribute='__class__.__mro__') | list }}",
    "{{ raise_exception.__globals__.x }}",
    "{{ strftime_now.__closure__.x }}",
    "{{ self.__init__.__globals__ }}",
    "{% macro m() %}{% endmacro %}{{ m.__call__.__func__ }}",
    "{% set ns = namespace(__class__=1) %}",
    "{% set ns = namespace() %}{% set ns.__x = 1 %}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{% extends 'x' %}",
    "{{ messages.append(1) }}",
    "{{ messages.clear() }}",
    "{{ messages[0].update({'role': 'system'}) }}",
]


def repeated(seed: str, step: str, end: str = "{{ n.x | length }}", *, times: int = 200) -> str:
    """A template that applies `step` to `n.x` again and again."""
    loop = f"{{% for i in range({times}) %}}{{% set n.x = {step} %}}{{% endfor %}}"
    return f"{{% set n = namespace(x={seed}) %}}{loop}{end}"


NESTED = ("[]", "[n.x, n.x]")
TWO_NESTED = (
    "{% set n = namespace(x=[1], y=[1]) %}"
    "{% for i in range(200) %}{% set n.x = [n.x, n.x] %}{% set n.y = [n.y, n.y] %}{% endfor %}"
)

EXHAUSTING = {
    "giant range": "{% for i in range(10 ** 9) %}{% endfor %}",
    "range as a list": "{{ range(10 ** 9) | list | length }}",
    "nested ranges": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "nested ranges that print": "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
    "repeated text": "{{ 'a' * 10 ** 9 }}",
    "repeated text, measured": "{{ ('a' * 10 ** 9) | length }}",
    "repeated repeats": "{% set a = 'a' * 10 ** 5 %}{% set b = a * 10 ** 5 %}{{ b }}",
    "repeated list": "{{ ([0] * 10 ** 9) | length }}",
    "repeated tuple": "{{ ((0,) * 10 ** 9) | length }}",
    "repeated, printed": "{{ [0] * 10 ** 7 }}",
    "repeated lists of lists": "{{ ([[0] * 99999] * 99999) | tojson }}",
    "power": "{{ 9 ** (9 ** 9) }}",
    "growing numbers": repeated("3", "n.x * n.x"),
    "slow divisions": "{% set a = 2 ** 65000 %}{% for i in range(99999) %}{{ a // 3 ** 20000 == 1 }}{% endfor %}",
    "slow remainders": "{% set a = 2 ** 65000 %}{% for i in range(99999) %}{{ a % 3 ** 20000 == 1 }}{% endfor %}",
    "slow digits": "{% set a = 10 ** 4299 %}{% for i in range(99999) %}{{ a|string == 'a' }}{% endfor %}",
    "slow translation": "{% set a = 'a' * 10 ** 6 %}{% for i in range(99999) %}{{ a.translate({98: 'c'}) == 'a' }}{% endfor %}",
    "tables of numbers": "{% for i in range(999) %}{{ dict.fromkeys(range(99999)) == i }}{% endfor %}",
    "wide expandtabs": "{{ ('\\t' * 10 ** 6).expandtabs(10 ** 6) }}",
    "nested fields": "{{ '{:{}}'.format('a', 10 ** 9) }}",
    "wide by argument": "{{ '%*d' % (10 ** 9, 1) }}",
    "long by argument": "{{ '%.*f' % (10 ** 9, 1) }}",
    "wide format": "{{ '%999999999d' % 1 }}",
    "wide replacement": "{{ '{:999999999}'.format(1) }}",
    "wide center": "{{ 'a'.center(10 ** 10) }}",
    "wide center filter": "{{ 'a' | center(10 ** 10) }}",
    "wide ljust": "{{ 'a'.ljust(10 ** 10) }}",
    "wide zfill": "{{ '1'.zfill(10 ** 10) }}",
    "wide indent": "{{ 'a\n' | indent(10 ** 10) }}",
    "wide tojson": "{{ {'a': [1]} | tojson(indent=10 ** 10) }}",
    "wide separators": "{{ range(9999) | list | tojson(separators=('a' * 10 ** 6, ':')) }}",
    "batches": "{{ [1] | batch(10 ** 10, 0) | list | length }}",
    "slices": "{{ [1] | slice(10 ** 10) | list | length }}",
    "expandtabs": "{{ '\t'.expandtabs(10 ** 10) }}",
    "replace grows": "{{ ('a' * 10 ** 4).replace('a', 'a' * 10 ** 6) }}",
    "join grows": "{{ ('a' * 10 ** 6).join(range(9999) | map('string')) }}",
    "join filter grows": "{{ range(9999) | join('a' * 10 ** 6) }}",
    "doubling text": repeated("'a'", "n.x ~ n.x"),
    "doubling text by +": repeated("'a'", "n.x + n.x"),
    "doubling lists": repeated("[1]", "n.x + n.x"),
    "doubling tuples": repeated("(1,)", "n.x + n.x"),
    "doubling by filter": repeated("'ab'", "n.x | replace('', n.x)"),
    "doubling by format": repeated("'a'", "'%s%s' % (n.x, n.x)"),
    "doubling nested, printed": repeated(*NESTED, "{{ n.x }}"),
    "doubling nested, as JSON": repeated(*NESTED, "{{ n.x | tojson }}"),
    "doubling nested, as text": repeated(*NESTED, "{{ n.x | string }}"),
    "doubling nested, joined": repeated(*NESTED, "{{ n.x | join }}"),
    "doubling nested, concatenated": repeated(*NESTED, "{{ n.x ~ '' }}"),
    "doubling nested, compared": TWO_NESTED + "{{ n.x == n.y }}",
    "doubling nested, searched": TWO_NESTED + "{{ n.x in [n.y] }}",
    "deep list": repeated("[]", "[n.x]", "{{ n.x }}", times=99999),
    "deep dict": repeated("{}", "{'a': n.x}", "{{ n.x | tojson }}", times=99999),
    "a namespace in itself": "{% set n = namespace() %}{% set n.x = n %}{{ n }}",
    "a namespace in itself, as text": "{% set n = namespace() %}{% set n.x = [n] %}{{ n ~ '' }}",
    "recursive macro": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "mutual macros": "{% macro f(g) %}{{ g(f) }}{% endmacro %}{{ f(f) }}",
    "branching macro": "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "growing macro": "{% macro f(n) %}{% if n %}{{ f(n - 1) ~ f(n - 1) }}{% else %}abcdefgh{% endif %}{% endmacro %}{{ f(40) }}",
    "recursive loop": "{% for x in [1] recursive %}{{ loop([x]) }}{% endfor %}",
    "recursive call block": "{% macro f() %}{% call f() %}{{ caller() }}{% endcall %}{% endmacro %}{{ f() }}",
    "sorting sorted": "{% for i in range(99999) %}{{ range(99999) | sort | first }}{% endfor %}",
    "uniqueness": "{% for i in range(999) %}{{ range(99999) | unique | list | length }}{% endfor %}",
    "slow search": "{% set a = 'a' * 10 ** 6 %}{% for i in range(99999) %}{{ (a ~ 'b') in a }}{% endfor %}",
    "slow lower": "{% set a = 'a' * 10 ** 6 %}{% for i in range(99999) %}{% if a.lower() == 'b' %}{% endif %}{% endfor %}",
    "slow length": "{% set a = 'é' * 10 ** 6 %}{% for i in range(99999) %}{% if a | length == 1 %}{% endif %}{% endfor %}",
    "slow index": "{% set a = 'é' * 10 ** 6 %}{% for i in range(99999) %}{% if a[-1] == 'b' %}{% endif %}{% endfor %}",
    "much output": "{% set a = 'a' * 10 ** 6 %}{% for i in range(99999) %}{{ a }}{% endfor %}",
    "deep parentheses": "{{ " + "(" * 9999 + "1" + ")" * 9999 + " }}",
    "deep lists": "{{ " + "[" * 9999 + "]" * 9999 + " }}",
    "many nots": "{{ " + "not " * 99999 + "1 }}",
    "many minuses": "{{ " + "-" * 99999 + "1 }}",
    "many additions": "{{ " + "1+" * 99999 + "1 }}",
    "many attributes": "{{ messages" + ".b" * 99999 + " }}",
    "many filters": "{{ 1" + "|string" * 99999 + " }}",
    "deep blocks": "{% if 1 %}" * 9999 + "{% endif %}" * 9999,
    "deep conditionals": "{{ " + "1 if 1 else " * 9999 + "1 }}",
    "huge source": "a" * (2 << 20),
}

CHAINS = {
    "slices": ("[1, 2]", "n.x[0:]"),
    "backward slices": ("[1, 2]", "n.x[::-1]"),
    "repeats": ("[1, 2]", "n.x * 1"),
    "reversals": ("[1, 2]", "n.x | reverse"),
    "reversed lists": ("[1, 2]", "[n.x] | reverse | list"),
    "batches": ("[1]", "n.x | batch(1) | list"),
    "namespaces": ("1", "namespace(y=n.x)"),
    "cyclers": ("1", "cycler(n.x)"),
    "joiners": ("1", "joiner(n.x)"),
    "tuples": ("1", "(n.x,)"),
    "items": ("1", "{'a': n.x}.items()"),
    "dictionaries": ("1", "dict(a=n.x)"),
    "methods": ("{}", "{'a': n.x}.get"),
}
ENDS = ["ok", "{{ n.x | length }}", "{{ n.x }}", "{{ n.x ~ 'a' }}", "{{ n.x | list | tojson }}", "{{ n.x == [n.x] }}"]

VARIABLES = json.dumps({"messages": [{"role": "user", "content": "Hi"}]})


@pytest.mark.parametrize("source", ESCAPES)
def test_nothing_behind_a_template_is_reached(source: str) -> None:
    with pytest.raises(TemplateError):
        Template(source).render(VARIABLES)


@pytest.mark.parametrize("source", ["{{ ''.__class__ }}", "{{ lipsum.__globals__ }}", "{{ messages[0].__class__ }}"])
def test_private_attributes_are_undefined(source: str) -> None:
    assert Template(source).render(VARIABLES)[0] == ""


CHILD = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
from litz._core import Template
from litz.errors import TemplateError
source, variables = json.load(sys.stdin)
try:
    text, *_ = Template(source).render(variables)
except TemplateError as error:
    print(error or "refused")
else:
    sys.exit(f"it rendered {len(text)} characters: {text[:80]!r}")
"""


def run(source: str) -> subprocess.CompletedProcess[str]:
    given = json.dumps([source, VARIABLES])
    return subprocess.run([sys.executable, "-c", CHILD], input=given, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", EXHAUSTING)
def test_exhausting_templates_fail_in_two_gigabytes_and_twenty_seconds(name: str) -> None:
    child = run(EXHAUSTING[name])
    assert child.returncode == 0, (child.returncode, child.stderr[-500:])
    assert child.stdout.strip()


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", CHAINS)
def test_long_chains_of_values_never_crash(name: str, end: str) -> None:
    seed, step = CHAINS[name]
    child = run(repeated(seed, step, end, times=99999))
    assert child.returncode in (0, 1), (child.returncode, child.stderr[-500:])
    assert child.returncode == 0 or child.stderr.startswith("it rendered"), child.stderr[-500:]


def test_deep_variables_are_refused() -> None:
    with pytest.raises(LitzError):
        Template("{{ x }}").render('{"x": ' + "[" * 99999 + "]" * 99999 + "}")
