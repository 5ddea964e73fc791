"""Which model a command line means: words, -m, LITZ_MODEL, `litz default`, and the error for a wrong name."""

import json
import stat
import sys

import pytest

from litz.cli import generate as generate_command
from litz.cli import main
from litz.cli.arguments.names import one_model, split_words
from litz.cli.command import UsageError
from litz.cli.engine import Engine
from litz.errors import FormatError, ModelNotFoundError
from litz.hub import DEFAULT_MODEL
from litz.hub.chosen import chosen_model
from tests.fakes import FakeModel, FakeTokenizer
from tests.servers import isolate, write_snapshot


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return isolate(monkeypatch, tmp_path)


@pytest.mark.parametrize(
    ("words", "options", "expected"),
    [
        (["gemma3"], {}, ("gemma3", None)),
        (["qwen3:0.6b"], {}, ("qwen3:0.6b", None)),
        (["owner/name:Q4_K_M"], {}, ("owner/name:Q4_K_M", None)),
        (["hello"], {}, (DEFAULT_MODEL, "hello")),
        (["why?"], {}, (DEFAULT_MODEL, "why?")),
        (["你好"], {}, (DEFAULT_MODEL, "你好")),
        ([], {"named": "gemma3"}, ("gemma3", None)),
        (["gemma3"], {"named": "qwen3"}, ("qwen3", "gemma3")),
        (["gemma3", "Hi"], {"named": "gemma3"}, ("gemma3", "Hi")),
        ([], {"prompt": "gemma3"}, (DEFAULT_MODEL, "gemma3")),
        (["qwen3"], {"prompt": "gemma3"}, ("qwen3", "gemma3")),
        ([], {"prompt": "Hi", "named": "a/b"}, ("a/b", "Hi")),
    ],
)
def test_which_word_is_the_model_and_which_the_prompt(words, options, expected):
    assert split_words(words, **options) == expected


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (["hello", "world"], {}),
        (["a/b", "Hi"], {"named": "c/d"}),
        (["a/b"], {"named": "c/d", "prompt": "Hi"}),
        (["a/b", "Hi"], {"prompt": "Ho"}),
        (["a", "b", "c"], {}),
    ],
)
def test_two_models_or_two_prompts_are_a_usage_error(words, options):
    with pytest.raises(UsageError):
        split_words(words, **options)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("qwen33", "did you mean qwen3? `litz ls --known` lists short names. As a prompt: litz chat -p qwen33"),
        ("llama", "did you mean llama3.2"),
        ("gpt2", "is no short name (`litz ls --known` lists them). As a repository of the Hub: -m gpt2. As a prompt:"),
    ],
)
def test_a_name_gone_wrong_is_never_a_prompt(word, said):
    with pytest.raises(ModelNotFoundError) as caught:
        split_words([word])
    assert said in str(caught.value)


def test_a_cached_model_may_be_named_without_its_owner(tmp_path):
    write_snapshot(tmp_path / "hub", {"m.gguf": b"GGUF"}, repo="owner/Tiny-Chat")
    assert split_words(["tiny-chat"]) == ("owner/Tiny-Chat", None)
    assert split_words(["Tiny-Chat", "Hi"]) == ("owner/Tiny-Chat", "Hi")
    assert one_model(None, "tiny-chat") == "owner/Tiny-Chat"
    write_snapshot(tmp_path / "hub", {"m.gguf": b"GGUF"}, repo="other/Tiny-Chat")
    with pytest.raises(ModelNotFoundError, match="could be other/Tiny-Chat or owner/Tiny-Chat"):
        split_words(["tiny-chat"])


def test_what_comes_first(monkeypatch, capsys):
    assert chosen_model().source == DEFAULT_MODEL
    assert main(["default", "qwen3:0.6b"]) == 0
    assert capsys.readouterr().out == "qwen3:0.6b (`litz default`)\n"
    assert (chosen_model().source, chosen_model().why) == ("qwen3:0.6b", "litz default")
    assert main(["default", "gemma3"]) == 0
    assert capsys.readouterr().out == "gemma3:1b (`litz default`)\n", "one of the family, whatever comes to it"
    assert main(["default", "QWEN3:0.6b"]) == 0
    assert capsys.readouterr().out == "qwen3:0.6b (`litz default`)\n"
    monkeypatch.setenv("LITZ_MODEL", "owner/name")
    assert (chosen_model().source, chosen_model().why) == ("owner/name", "LITZ_MODEL")
    assert main(["default"]) == 0
    assert capsys.readouterr().out == "owner/name (LITZ_MODEL; `litz default` says qwen3:0.6b)\n"
    assert (chosen_model("a/b").source, chosen_model("a/b").why) == ("a/b", "named")
    monkeypatch.setenv("LITZ_MODEL", "")
    assert main(["env"]) == 0
    assert "default model     qwen3:0.6b (`litz default`)\n" in capsys.readouterr().out
    assert main(["default", "--unset"]) == 0
    assert capsys.readouterr().out == f"{DEFAULT_MODEL} (embedded default)\n"


def test_the_settings_are_mine_alone_and_whole(home, tmp_path):
    (tmp_path / "model").mkdir()
    assert main(["default", "model"]) == 0
    path = home / "settings.json"
    assert json.loads(path.read_text()) == {"model": str(tmp_path / "model")}, "the same from every folder"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in home.iterdir()] == ["settings.json"]


@pytest.mark.parametrize("wrong", ["qwen33", "no model", "./nowhere", "gemma3:2b"])
def test_what_names_no_model_is_not_kept(wrong, home, capsys):
    assert main(["default", wrong]) == 1
    assert capsys.readouterr().err.startswith("litz: ")
    assert not (home / "settings.json").exists()
    assert main(["default", "a/b", "--unset"]) == 2


def test_a_damaged_settings_file_is_said_and_can_be_removed(home, capsys):
    home.mkdir()
    (home / "settings.json").write_text("{")
    with pytest.raises(FormatError, match="litz default --unset"):
        chosen_model()
    assert main(["env"]) == 0
    assert "is no settings file" in capsys.readouterr().out
    assert main(["default", "--unset"]) == 0


def test_an_error_says_who_named_the_model(monkeypatch, capsys):
    monkeypatch.setenv("LITZ_OFFLINE", "1")
    for gone in ("qwen3:0.6b", "qwen3:0.7b", "owner/gone"):
        monkeypatch.setenv("LITZ_MODEL", gone)
        assert main(["chat", "-p", "Hi"]) == 1
        assert capsys.readouterr().err.endswith("(LITZ_MODEL names it)\n")
    assert main(["chat", "-m", "other/gone", "-p", "Hi"]) == 1
    assert "LITZ_MODEL" not in capsys.readouterr().err


def test_known_models_are_listed_with_their_size_and_whether_they_are_here(tmp_path, capsys):
    write_snapshot(tmp_path / "hub", {"Qwen3-0.6B-Q8_0.gguf": b"GGUF"}, "Qwen/Qwen3-0.6B-GGUF")
    assert main(["ls", "--known"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "qwen3:0.6b         639 MB  Q8_0    cached  Qwen/Qwen3-0.6B-GGUF" in lines
    assert "qwen3:4b           2.5 GB  Q4_K_M          Qwen/Qwen3-4B-GGUF" in lines
    assert sum("cached" in line for line in lines) == 1
    assert main(["ls", "--known", "--names"]) == 0
    assert "qwen3:0.6b" in capsys.readouterr().out.splitlines()
    assert main(["ls", "--names"]) == 0
    assert capsys.readouterr().out == "Qwen/Qwen3-0.6B-GGUF\n"
    assert main(["ls", "--names", "--paths"]) == 2


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["tolkenizer"], "did you mean litz tokenizer?"),
        (["run", "qwen3"], "did you mean litz chat?"),
        (["chat", "--temprature", "1", "Hi"], "did you mean --temperature?"),
        (["chat", "Hi", "--sytem=x"], "did you mean --system?"),
        (["tokenizer", "shwo"], "did you mean show?"),
        (["tokenizer", "show", "--jsn", "x"], "did you mean --json?"),
        (["completion", "fsh"], "did you mean fish?"),
        (["tell me a joke"], "litz chat PROMPT"),
        (["-m", "qwen3"], "litz chat -m"),
    ],
)
def test_what_was_perhaps_meant(words, meant, capsys):
    assert main(words) == 2
    assert meant in capsys.readouterr().err


def test_help_of_a_command_by_either_order(capsys):
    for words in (["help", "pull"], ["pull", "--help"]):
        assert main(words) == 0
        assert capsys.readouterr().out.startswith("usage: litz pull")


def test_options_may_stand_between_the_words(monkeypatch, capsys):
    engine = Engine(FakeTokenizer(), FakeModel([" b"]), {})
    loaded = []
    monkeypatch.setattr(generate_command, "load", lambda source, **_: loaded.append(source) or engine)
    assert main(["generate", "owner/name", "--max-new-tokens", "3", "a"]) == 0
    assert loaded == ["owner/name"]
    assert capsys.readouterr().out == " b\n"


@pytest.mark.parametrize(
    ("words", "text", "prompt"),
    [
        (["Say:"], "x y\n", "Say:\n\nx y"),
        ([""], "x\n", "x"),
        (["--", "-x"], "", "-x"),
        (["Say:\n"], "", "Say:\n"),
        ([], "x y\n", "x y"),
        (["Say:"], "", "Say:"),
        (["-p", "gemma3"], "", "gemma3"),
    ],
)
def test_generate_takes_what_is_piped_in_as_chat_does(words, text, prompt, tmp_path, monkeypatch):
    (tmp_path / "in.txt").write_text(text)
    engine = Engine(FakeTokenizer(), FakeModel([" b"]), {})
    seen = []
    monkeypatch.setattr(engine, "complete", lambda text: seen.append(text) or iter([]))
    monkeypatch.setattr(generate_command, "load", lambda *_, **__: engine)
    with (tmp_path / "in.txt").open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert main(["generate", *words]) == 0
    assert seen == [prompt]


@pytest.mark.parametrize("command", ["chat", "generate"])
def test_the_help_says_what_a_pipe_means(command, capsys):
    assert main([command, "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "what is piped in follows PROMPT after an empty line; without PROMPT it is the prompt" in said
