"""`litz log` and its recorder: nothing is lost, nothing is kept without a request, damage is reported."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from litz.cli import chat as chat_command
from litz.cli import main
from litz.cli.engine import Engine
from litz.cli.log import database as log_file
from litz.cli.log import places
from litz.cli.log.database import LogFile, Snapshot
from litz.cli.terminal import piped
from litz.errors import ArgumentError, FileAccessError, FormatError
from litz.hub import DEFAULT_MODEL
from tests.fakes import FakeModel, FakeTokenizer


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    """A state folder of this test's own."""
    monkeypatch.setenv("LITZ_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "state"


@pytest.fixture
def chat(monkeypatch):
    """Run `litz chat …` with these answers; the engine."""

    def run(*arguments, scripts=(["an answer"],), code=0):
        made = []

        def load(source, *, threads, context, exact, parameters):
            made.append(Engine(FakeTokenizer(), FakeModel(*scripts), parameters))
            made[0].source = source
            return made[0]

        monkeypatch.setattr(chat_command, "load", load)
        monkeypatch.setattr(piped, "read_beside_prompt", lambda: ("", None))
        assert main(["chat", *arguments]) == code
        return made[0] if made else None

    return run


@pytest.fixture
def log(capsys):
    """Run `litz log …`; what it printed."""

    def run(*arguments, code=0):
        capsys.readouterr()
        assert main(["log", *arguments]) == code
        captured = capsys.readouterr()
        return captured.err if code else captured.out

    return run


def snapshot(*contents, model="toy", system=""):
    turns = [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(contents)]
    return Snapshot.of(model, system, turns, parameters={})


def contents(entry):
    return [turn[1] for turn in entry.snapshot.turns]


# what is logged


def test_nothing_is_logged_unless_it_is_asked_for(chat, log, home):
    chat("Hi")
    assert not home.exists()
    assert "no conversation is logged yet; `litz log status`" in log("list", code=1)
    assert "logging off" in log("status")
    assert not home.exists()


def test_single_answers_are_logged_from_on_to_off(chat, log, home):
    log("on")
    chat("owner/name", "What is blue?", "--system", "Be brief.", "--temperature", "0.5")
    chat("Not this.", "--no-log")
    log("off")
    chat("Not this either.")
    shown = log("show")
    assert shown.startswith("# Conversation 1, 20")
    assert shown.endswith(
        'Model: owner/name\n\nParameters: {"do_sample": true, "temperature": 0.5}\n\n## System\n\nBe brief.\n\n'
        "## User\n\nWhat is blue?\n\n## Assistant\n\nan answer\n"
    )
    assert len(log("list").splitlines()) == 1
    assert "logging off" in log("status")
    assert "1 conversations, undamaged" in log("status")


def test_one_run_can_ask_for_the_log(chat, log):
    chat("This one.", "--log")
    assert "This one." in log("list")


def test_the_log_is_for_its_owner(chat, log, home):
    log("on")
    chat("Hi")
    assert home.stat().st_mode & 0o777 == 0o700
    assert [file.stat().st_mode & 0o777 for file in sorted(home.iterdir())] == [0o600, 0o600]
    assert log("path") == f"{home / 'log.db'}\n"


def test_an_answer_that_was_stopped_is_logged_as_far_as_it_came(chat, log):
    chat("Hi", "--log", scripts=(["half", None],), code=130)
    assert json.loads(log("show", "--json"))["messages"][-1] == {"role": "assistant", "content": "half"}


def test_a_log_that_cannot_be_written_costs_the_log_and_not_the_answer(chat, home, capsys):
    home.mkdir(parents=True)
    (home / "log.db").write_bytes(b"not a database, but long enough to be looked at" * 10)
    before = (home / "log.db").read_bytes()
    chat("Hi", "--log")
    captured = capsys.readouterr()
    assert captured.out == "an answer\n"
    assert "no longer logged" in captured.err
    assert "is damaged" in captured.err
    assert (home / "log.db").read_bytes() == before


def test_a_folder_that_cannot_be_made_is_said(chat, home, capsys):
    home.parent.write_text("a file where the folder would be")
    chat("Hi", "--log")
    captured = capsys.readouterr()
    assert captured.out == "an answer\n"
    assert f"(this conversation is not logged: File exists: {home.parent})" in captured.err


# listing, searching, showing, removing


def test_the_list_has_the_latest_first(log, home):
    log("on")
    file = LogFile(home / "log.db")
    for text in ("first", "second\nline", "third"):
        file.keep(snapshot(text, "an answer", model="owner/name:m.gguf"))
    lines = log("list", "-n", "2").splitlines()
    assert [line.split()[0] for line in lines] == ["3", "2"]
    assert lines[1].endswith("2 messages  second line  [name:m.gguf]")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["FRANCE"], {1, 3}),
        (["france", "PARIS"], {1}),
        (["capital of"], {1}),
        (["法国"], {2}),
        (["国"], {2}),
        (["éTÉ"], {3}),
        (["pirate"], {3}),
        (["100%"], {3}),
        (["_"], set()),
        (["nothing"], set()),
    ],
)
def test_words_are_found_in_any_language_and_case(words, found, log, home):
    log("on")
    file = LogFile(home / "log.db")
    file.keep(snapshot("What is the capital of France?", "Paris."))
    file.keep(snapshot("法国的首都是哪里？", "巴黎。"))
    file.keep(snapshot("L'ÉTÉ en France", "100%", system="You are a pirate."))
    assert {line.id for line in file.search(words)} == found
    shown = log("search", *words, code=0 if found else 1)
    assert len(shown.splitlines()) == max(len(found), 1)


def test_the_search_shows_what_is_around_the_words(log, home):
    log("on")
    LogFile(home / "log.db").keep(snapshot("Hi", "x " * 500 + "the needle is here" + " y" * 500))
    assert "x the needle is here y" in log("search", "Needle")


def test_a_shown_conversation_can_be_resumed(chat, log, tmp_path):
    chat("Hi", "--log")
    (tmp_path / "c.json").write_text(log("show", "1", "--json"), encoding="utf-8")
    engine = chat("And?", "--resume", str(tmp_path / "c.json"))
    assert [message["content"] for message in engine.tokenizer.seen[0]] == ["Hi", "an answer", "And?"]


def test_what_is_shown_cannot_command_the_terminal(log, home):
    log("on")
    LogFile(home / "log.db").keep(snapshot("\x1b[2J\x9b31m", "x"))
    for arguments in (["show"], ["list"], ["show", "--json"], ["search", "2J"]):
        assert not {"\x1b", "\x9b"} & set(log(*arguments))
    assert json.loads(log("show", "--json"))["messages"][0]["content"] == "\x1b[2J\x9b31m"


def test_what_is_removed_is_gone_from_the_file(log, home):
    log("on")
    file = LogFile(home / "log.db")
    for text in ("first", "a secret of mine", "third"):
        file.keep(snapshot(text))
    assert "no conversation 9, 12 in the log" in log("rm", "2", "9", "12", code=1)
    assert "a secret" in log("show", "2")
    assert log("rm", "2", "1", "2") == "removed 2, 1\n"
    assert "no conversation 2" in log("show", "2", code=1)
    assert b"a secret" not in (home / "log.db").read_bytes()
    assert "third" in log("show", "3")


def test_wrong_numbers_are_usage_errors(log):
    for arguments in (["show", "x"], ["show", "0"], ["rm"], ["list", "-n", "0"], ["search"], ["nonsense"], []):
        log(*arguments, code=2)


# going on


def test_a_chat_goes_on_with_the_latest_or_a_named_conversation(chat, log):
    log("on")
    chat("owner/a", "first", "--system", "Be brief.")
    chat("owner/b", "second")
    engine = chat("-c", "And then?")
    assert engine.source == "owner/b"
    assert [message["content"] for message in engine.tokenizer.seen[0]] == ["second", "an answer", "And then?"]
    engine = chat("-c", "1", "And then?")
    assert engine.source == "owner/a"
    assert [message["content"] for message in engine.tokenizer.seen[0]] == [
        "Be brief.",
        "first",
        "an answer",
        "And then?",
    ]
    assert len(log("list").splitlines()) == 2
    assert contents(LogFile(places.log_path()).entry(1)) == ["first", "an answer", "And then?", "an answer"]


@pytest.mark.parametrize(
    ("arguments", "model", "prompt"),
    [
        (["-c", "What?"], "owner/a", "What?"),
        (["What?", "-c"], "owner/a", "What?"),
        (["What?", "-c", "1"], "owner/a", "What?"),
        (["owner/b", "What?", "-c"], "owner/b", "What?"),
        (["owner/b", "-c", "What?"], "owner/b", "What?"),
        (["owner/b", "-c", "1", "What?"], "owner/b", "What?"),
        (["-m", "owner/b", "-c", "1", "What?"], "owner/b", "What?"),
        (["-c", "-p", "7"], "owner/a", "7"),
        (["-c", "owner/b", "What?"], "owner/b", "What?"),
        (["--continue", "1", "owner/b", "What?"], "owner/b", "What?"),
        (["-c", "1", "--system", "New.", "What?"], "owner/a", "What?"),
    ],
)
def test_the_word_after_c_is_a_number_or_a_word_like_others(arguments, model, prompt, chat, log):
    log("on")
    chat("owner/a", "first")
    engine = chat(*arguments)
    assert engine.source == model
    assert engine.tokenizer.seen[0][-1]["content"] == prompt
    assert engine.tokenizer.seen[0][0]["content"] == ("New." if "--system" in arguments else "first")


def test_going_on_without_the_log_is_said(chat, log, capsys):
    chat("first", "--log")
    chat("second", "-c")
    assert "the log is off: what follows is not kept" in capsys.readouterr().err
    assert contents(LogFile(places.log_path()).entry(1)) == ["first", "an answer"]
    chat("third", "-c", "--log")
    assert contents(LogFile(places.log_path()).entry(1))[2:] == ["third", "an answer"]


def test_there_must_be_something_to_go_on_with(chat, log, capsys, tmp_path):
    chat("Hi", "-c", code=1)
    assert "no conversation is logged yet" in capsys.readouterr().err
    chat("Hi", "--log")
    chat("Hi", "-c", "7", code=1)
    assert "no conversation 7 in the log; `litz log list` lists them" in capsys.readouterr().err
    chat("Hi", "-c", "1", "--resume", str(tmp_path), code=2)


def test_without_a_model_named_anywhere_it_is_the_default(chat, log):
    assert chat("Hi", "--log").source == DEFAULT_MODEL
    assert chat("Hi", "-c").source == DEFAULT_MODEL


def test_a_model_in_a_folder_is_found_again_from_elsewhere(chat, log, monkeypatch, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "m.gguf").touch()
    monkeypatch.chdir(tmp_path / "models")
    chat("m.gguf", "Hi", "--log")
    monkeypatch.chdir(tmp_path)
    assert chat("-c", "Hi").source == str(tmp_path / "models" / "m.gguf")


# the file


def test_a_conversation_is_one_entry_however_it_changes(home):
    places.make_state_folder()
    file = LogFile(home / "log.db")
    place = file.keep(snapshot("a", "b"))
    place = file.keep(snapshot("a", "b", "c", "d"), place)
    place = file.keep(snapshot("a", "other"), place)
    assert contents(file.entry()) == ["a", "other"]
    assert (place.id, place.revision, file.check()) == (1, 3, 1)
    assert file.keep(snapshot(), place) is None
    assert file.check() == 0


def test_who_finds_his_conversation_changed_writes_another(home):
    places.make_state_folder()
    file = LogFile(home / "log.db")
    start = file.keep(snapshot("a", "b"))
    file.keep(snapshot("a", "b", "left"), start)
    place = file.keep(snapshot("a", "b", "right"), start)
    assert contents(file.entry(1)) == ["a", "b", "left"]
    assert contents(file.entry(place.id)) == ["a", "b", "right"]
    file.remove([1, place.id])
    assert file.keep(snapshot("a", "b", "right", "c"), place).id == 3


WRITER = """
import sys
from pathlib import Path
from litz.cli.log.database import LogFile, Snapshot
file, name = LogFile(Path(sys.argv[1])), sys.argv[2]
for conversation in range(5):
    place, turns = None, []
    for turn in range(8):
        turns.append({"role": "user", "content": f"{name} {conversation} {turn}"})
        place = file.keep(Snapshot.of("toy", "", turns, parameters={}), place)
"""


def test_several_processes_write_at_once_and_nothing_is_lost(home):
    places.make_state_folder()
    path = home / "log.db"  # made by whoever is first
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name]) for name in ("a", "b", "c")]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0]
    file = LogFile(path)
    assert file.check() == 15
    found = sorted(contents(file.entry(line.id)) for line in file.lines())
    assert found == [[f"{name} {c} {turn}" for turn in range(8)] for name in "abc" for c in range(5)]


def test_a_log_of_an_older_litz_is_brought_up_and_one_of_a_newer_refused(home, monkeypatch):
    places.make_state_folder()
    file = LogFile(home / "log.db")
    file.keep(snapshot("old"))
    released = log_file.MIGRATIONS
    monkeypatch.setattr(log_file, "MIGRATIONS", (*released, ("ALTER TABLE conversations ADD COLUMN title TEXT",)))
    assert contents(file.entry()) == ["old"]
    with closing(sqlite3.connect(file.path)) as database:
        assert database.execute("SELECT title FROM conversations").fetchall() == [(None,)]
    monkeypatch.setattr(log_file, "MIGRATIONS", released)
    with pytest.raises(FormatError, match=r"newer litz \(schema 2, this one has 1\)"):
        file.entry()


def test_a_migration_that_fails_changes_nothing(home, monkeypatch):
    places.make_state_folder()
    file = LogFile(home / "log.db")
    file.keep(snapshot("old"))
    broken = ("CREATE TABLE more (id INTEGER)", "nonsense")
    with monkeypatch.context() as patch:
        patch.setattr(log_file, "MIGRATIONS", (*log_file.MIGRATIONS, broken))
        with pytest.raises(FileAccessError, match="nonsense"):
            file.entry()
    assert contents(file.entry()) == ["old"]


def test_the_database_of_another_program_is_left_alone(home):
    places.make_state_folder()
    with closing(sqlite3.connect(home / "log.db")) as database:
        database.execute("CREATE TABLE notes (text)")
    with pytest.raises(FormatError, match="another program"):
        LogFile(home / "log.db").keep(snapshot("a"))


def test_damage_is_said_and_left_as_it_is(home, log):
    places.make_state_folder()
    file = LogFile(home / "log.db")
    for _ in range(50):
        file.keep(snapshot("a" * 500, "b" * 500))
    whole = file.path.read_bytes()
    foreign, torn = b"nonsense" * 2000, whole[:8192] + b"\xff" * 9000
    for damaged, actions in ((foreign, ("list", "status", "show")), (torn, ("status",))):
        file.path.write_bytes(damaged)
        for action in actions:
            shown = log(action, code=1)
            assert "is damaged" in shown
            assert "it was left as it is: move it away" in shown
        assert file.path.read_bytes() == damaged


def test_who_waits_in_vain_for_another_writer_is_told(home, monkeypatch):
    places.make_state_folder()
    file = LogFile(home / "log.db")
    file.keep(snapshot("a"))
    monkeypatch.setattr(log_file, "TIMEOUT", 0.05)
    with closing(sqlite3.connect(file.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(FileAccessError, match="another process has been writing"):
            file.keep(snapshot("b"))


def test_numbers_are_not_given_twice(home):
    places.make_state_folder()
    file = LogFile(home / "log.db")
    assert file.keep(snapshot("a")).id == 1
    file.remove([1])
    assert file.keep(snapshot("b")).id == 2
    with pytest.raises(ArgumentError, match="no conversation 1"):
        file.entry(1)
