"""Presets: a model, a system prompt and parameters under a name; every key acts or is refused."""

import pytest

from litz.cli import chat as chat_command
from litz.cli import main
from litz.cli.chat import presets
from litz.cli.engine import Engine
from litz.cli.terminal import piped
from litz.errors import ArgumentError, FormatError
from litz.hub import DEFAULT_MODEL
from tests.fakes import FakeModel, FakeTokenizer

WHOLE = """
model = "owner/name:Q4_K_M"
system = "Be brief."

[parameters]
temperature = 0.2
top-p = 0.9
max_new_tokens = 100
stop = ["###", "\\n\\n"]
think = false

[template_variables]
language = "en"
"""


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    """A configuration folder of this test's own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("LITZ_HOME", str(tmp_path / "home"))
    (tmp_path / "litz" / "presets").mkdir(parents=True)
    return tmp_path / "litz" / "presets"


@pytest.fixture
def chat(monkeypatch):
    """Run `litz chat …`; the engine that it loaded."""

    def run(*arguments, code=0):
        made = []

        def load(source, *, threads, context, exact, parameters):
            made.append(Engine(FakeTokenizer(), FakeModel(["an answer"]), parameters))
            made[0].source = source
            return made[0]

        monkeypatch.setattr(chat_command, "load", load)
        monkeypatch.setattr(piped, "read_beside_prompt", lambda: ("", None))
        assert main(["chat", *arguments]) == code
        return made[0] if made else None

    return run


def test_a_preset_is_read_whole(folder):
    (folder / "brief.toml").write_text(WHOLE, encoding="utf-8")
    read = presets.read(presets.find("brief"))
    assert read.model == "owner/name:Q4_K_M"
    assert read.system == "Be brief."
    assert read.template_variables == {"language": "en"}
    assert read.think is False
    assert read.parameters == {
        "temperature": 0.2, "top_p": 0.9, "max_new_tokens": 100, "stop_strings": ["###", "\n\n"], "do_sample": True,
    }  # fmt: skip
    assert presets.read(presets.find(str(folder / "brief.toml"))) == read


def test_the_command_line_counts_before_the_preset(folder, chat):
    (folder / "brief.toml").write_text(WHOLE.replace("think = false", "").partition("[template")[0], encoding="utf-8")
    engine = chat("--preset", "brief", "What?")
    assert engine.source == "owner/name:Q4_K_M"
    assert engine.tokenizer.seen[0] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What?"},
    ]
    assert engine.parameters["temperature"] == 0.2
    engine = chat("--preset", "brief", "owner/other", "What?", "--system", "Be long.", "--temperature", "0.9")
    assert (engine.source, engine.tokenizer.seen[0][0]["content"]) == ("owner/other", "Be long.")
    assert (engine.parameters["temperature"], engine.parameters["top_p"]) == (0.9, 0.9)
    engine = chat("--preset", "brief", "What?", "--greedy")
    assert engine.parameters == {"max_new_tokens": 100, "stop_strings": ["###", "\n\n"], "do_sample": False}


def test_an_empty_preset_changes_nothing(folder, chat):
    (folder / "empty.toml").write_text("")
    engine = chat("--preset", "empty", "Hi")
    assert (engine.source, engine.parameters, engine.template_variables) == (DEFAULT_MODEL, {}, {})


def test_a_preset_counts_before_the_conversation_that_goes_on(folder, chat):
    (folder / "other.toml").write_text('model = "owner/b"\nsystem = "B."')
    chat("owner/a", "first", "--system", "A.", "--log")
    engine = chat("-c", "--no-log", "--preset", "other", "And?")
    assert (engine.source, engine.tokenizer.seen[0][0]["content"]) == ("owner/b", "B.")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("modle = 'x'", "has 'modle': did you mean model?"),
        ("zzz = 1", "has 'zzz'; a preset may have model, system, parameters, template_variables"),
        ("temperature = 1", r"has 'temperature': it belongs into \[parameters\]"),
        ("model = 5", "model must be a text, found 5"),
        ("parameters = 5", "parameters must be a table, found 5"),
        ("[parameters]\ntemprature = 1", r"\[parameters\]: no parameter 'temprature'; did you mean temperature"),
        ("[parameters]\ntemperature = -1", "temperature: '-1': expected a number, at least 0"),
        ("[parameters]\ntemperature = 'hot'", "temperature = 'hot': expected a number"),
        ("[parameters]\ntemperature = true", "temperature = True: expected a number"),
        ("[parameters]\ntemperature = nan", "expected a number, at least 0"),
        ("[parameters]\ntop_k = 1.5", "expected a whole number"),
        ("[parameters]\ngreedy = 1", "greedy = 1: expected true or false"),
        ("[parameters]\nstop = ['']", "a list of texts, none empty"),
        ("[parameters]\nsystem = 'x'", "it stands above the tables"),
        ("[parameters]\ncontext = 5", "litz chat --context N"),
        ("model = ", "is no TOML: "),
    ],
)
def test_every_key_and_value_is_checked(content, found, folder):
    (folder / "x.toml").write_text(content)
    with pytest.raises(FormatError, match=found):
        presets.read(folder / "x.toml")


def test_a_wrong_name_lists_those_that_there_are(folder):
    with pytest.raises(ArgumentError, match=r"no preset 'brief'; there is none yet: write NAME.toml in .*litz/presets"):
        presets.find("brief")
    for name in ("brief", "pirate"):
        (folder / f"{name}.toml").write_text("")
    with pytest.raises(ArgumentError, match=r"no preset 'breif'; did you mean brief\? there are brief, pirate in "):
        presets.find("breif")
    with pytest.raises(ArgumentError, match="no preset file 'brief"):
        presets.find("./brief.toml")


def test_a_preset_that_is_wrong_is_an_error_before_a_model_is_loaded(folder, chat, capsys):
    (folder / "x.toml").write_text("modle = 'x'")
    assert chat("--preset", "x", "Hi", code=1) is None
    assert "did you mean model?" in capsys.readouterr().err


def test_variables_that_the_template_does_not_read_are_an_error_at_once(folder, chat, capsys):
    for table, found in {
        "template_variables]\nlanguage = 'en'": "does not read 'language'",
        "template_variables]\ntokenize = true": "litz's own to give",
        "parameters]\nthink = true": "no switch for thinking",
    }.items():
        (folder / "x.toml").write_text(f"[{table}")
        assert chat("--preset", "x", "Hi", code=1).model.calls == []
        assert found in capsys.readouterr().err


def test_presets_are_listed_shown_and_found(folder, capsys):
    assert main(["preset", "ls"]) == 0
    assert f"no presets in {folder}" in capsys.readouterr().err
    (folder / "brief.toml").write_text(WHOLE, encoding="utf-8")
    (folder / "wrong.toml").write_text("modle = 1")
    assert main(["preset", "ls"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert listed[0].startswith("brief  owner/name:Q4_K_M; Be brief.; temperature=0.2; ")
    assert listed[1].startswith("wrong  wrong: ")
    assert main(["preset", "show", "brief"]) == 0
    assert capsys.readouterr().out == WHOLE
    assert main(["preset", "show", "wrong"]) == 1
    assert main(["preset", "path"]) == main(["preset", "path", "brief"]) == 0
    assert capsys.readouterr().out == f"{folder}\n{folder / 'brief.toml'}\n"
