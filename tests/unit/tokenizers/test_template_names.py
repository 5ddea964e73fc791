"""The variables that a chat template reads from outside: as jinja2 finds them, and not those that it sets itself."""

import json

import pytest

from litz._core import Template
from litz.errors import UnknownArgumentError
from litz.tokenizers import Tokenizer
from litz.tokenizers.chat.template_names import read_from_outside
from tests.unit.tiny import tokenizer_json

CASES = {
    "{{ messages[0].content }}{{ tools }}": ["messages", "tools"],
    "{% for message in messages %}{{ loop.index }}{{ message.role }}{% endfor %}": ["messages"],
    "{% for key, value in table.items() %}{{ key }}={{ value }}{% endfor %}": ["table"],
    "{% set x = 1 %}{{ x }}": [],
    "{% set x = x or 1 %}{{ x }}": ["x"],
    "{% if x is not defined %}{% set x = none %}{% endif %}{{ x }}": ["x"],
    "{% set a, b = pair %}{{ a }}{{ b }}": ["pair"],
    "{% set text %}{{ messages }}{% endset %}{{ text }}": ["messages"],
    "{% set ns = namespace(found=false) %}{% set ns.found = true %}{{ ns.found }}": [],
    "{% set given.x = 1 %}": ["given"],
    "{% for m in m %}{{ m }}{% endfor %}": ["m"],
    "{%- macro show(item, level=1) -%}{{ item }}{{ level }}{{ depth }}{%- endmacro -%}{{ show(messages) }}": [
        "depth",
        "messages",
    ],
    "{% with a = outer %}{{ a }}{% endwith %}": ["outer"],
    "{# {{ hidden }} #}{{ 'x = y' }}{{ shown }}": ["shown"],
    "{{ raise_exception('no') if strict }}{{ strftime_now('%Y') }}": ["strict"],
    "{{ message.content }}{% for message in messages %}{% endfor %}": ["message", "messages"],
    "{{ f(x=1) }}{% set x = 2 %}{{ x }}": ["f"],
    "{% raw %}{{ literal }}{% endraw %}{{ real }}": ["real"],
    """{{ '}}' }}{{ "{% set x = 1 %}" }}{{ x }}""": ["x"],
    "hello": [],
}


@pytest.mark.parametrize("source", CASES)
def test_names_that_are_set_inside_are_left_out(source):
    assert read_from_outside(source, Template(source).names) == CASES[source]


@pytest.mark.parametrize("source", CASES)
def test_jinja_finds_the_same(source):
    jinja2 = pytest.importorskip("jinja2")
    from jinja2 import meta

    environment = jinja2.Environment()
    found = meta.find_undeclared_variables(environment.parse(source))
    assert sorted(found - {"raise_exception", "strftime_now", *environment.globals}) == CASES[source]


@pytest.fixture
def tokenizer(tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_bytes(tokenizer_json())
    template = (
        "{% set turns = messages[:2] %}{% for message in turns %}{{ message.content }}{% endfor %}"
        "{% if add_generation_prompt and enable_thinking %}!{% endif %}"
    )
    return Tokenizer(tokenizer_file=path, chat_template=template)


def test_an_unknown_variable_lists_what_the_template_reads_from_outside(tokenizer):
    chat = [{"role": "user", "content": "hi"}]
    with pytest.raises(
        UnknownArgumentError,
        match=r"does not read 'budget'; from outside it reads add_generation_prompt, enable_thinking, messages$",
    ):
        tokenizer.apply_chat_template(chat, budget=3)
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True, enable_thinking=True)
    assert text == "hi!"


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("enable_thinkin", "enable_thinking"),
        ("add_generation_promt", "add_generation_prompt"),
        ("tokenise", "tokenize"),
        ("return_tensor", "return_tensors"),
        ("tool", "tools"),
    ],
)
def test_a_misspelt_keyword_gets_the_nearest_of_the_template_and_of_the_method(tokenizer, name, near):
    with pytest.raises(UnknownArgumentError, match=rf"apply_chat_template got {name}=True, .*did you mean .*{near}"):
        tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], **{name: True})


def test_a_template_that_reads_nothing_says_so(tokenizer):
    with pytest.raises(UnknownArgumentError, match="from outside it reads nothing"):
        tokenizer.apply_chat_template([{"role": "user", "content": json.dumps({})}], chat_template="{{ 1 }}", odd=1)
