"""The history of what was typed: kept, bounded, shared by processes, and readable when damaged."""

import multiprocessing
import os
import stat

import pytest

from litz.cli.chat import history
from litz.cli.chat.completion import candidates
from litz.cli.chat.history import History


@pytest.fixture
def kept(tmp_path):
    return History(tmp_path / "state" / "history")


def test_entries_of_several_lines_come_back_whole(kept):
    texts = ["one", "two\nlines", "你好 🙂", 'quotes " and \\', "broken \udc80"]
    for text in texts:
        kept.append(text)
    assert kept.entries() == [*texts[:-1], "broken ?"]


def test_nobody_else_can_read_it(kept):
    kept.append("secret")
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.path.parent.stat().st_mode) == 0o700
    os.chmod(kept.path, 0o644)
    kept.append("more")
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600


def test_damaged_lines_are_passed_over(kept):
    kept.append("before")
    with kept.path.open("ab") as file:
        file.write(b'\x00\xff\n{"a": 1}\n[[[[\n"cut o')
    kept.append("after")
    assert kept.entries() == ["before", "after"]


def test_it_is_bounded_and_keeps_the_newest(kept, monkeypatch):
    monkeypatch.setattr(history, "FILE_BYTES", 4000)
    for number in range(500):
        kept.append(f"entry {number} " + "x" * 50)
    assert kept.path.stat().st_size <= 4100
    assert kept.entries()[-1].startswith("entry 499 ")
    assert len(kept.entries()) > 20
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600
    assert [path.name for path in kept.path.parent.iterdir()] == ["history"]


def test_a_text_of_many_pages_is_not_kept(kept):
    kept.append("x" * (history.ENTRY_BYTES + 1))
    assert kept.entries() == []


def _append_many(path, name):
    history.FILE_BYTES = 20_000
    for number in range(200):
        History(path).append(f"{name} {number}")


def test_processes_that_write_at_once_lose_nothing_new(kept):
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_append_many, args=(kept.path, name)) for name in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = kept.entries()
    for name in "ab":
        own = [text for text in found if text.startswith(name)]
        assert own == [f"{name} {number}" for number in range(200 - len(own), 200)]
    assert len(found) == 400


# what Tab completes


def completed(line):
    return [line[: len(line) - found.replaces] + found.text for found in candidates(line)]


def test_commands_are_completed_with_room_for_what_they_take():
    assert completed("/und") == ["/undo"]
    assert completed("/sys") == ["/system "]
    assert completed("/nothing") == []
    assert {"/help", "/exit"} <= set(completed("/"))


@pytest.mark.parametrize("line", ["hello", "//etc", "/load a\nb", "", " /und", "/undo x"])
def test_nothing_else_is_completed(line):
    assert completed(line) == []


def test_what_a_command_takes_is_completed():
    assert completed("/set temp") == ["/set temperature "]
    assert completed("/set think o") == ["/set think on", "/set think off"]
    assert completed("/set seed d") == ["/set seed default"]
    assert completed("/params seed=1 repetition_") == ["/params seed=1 repetition_penalty="]
    assert completed("/show t") == ["/show template"]


def test_paths_are_completed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("a talk.json", "another.json", ".hidden", "bad\x1bname"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    assert completed("/load a") == ["/load a talk.json", "/load another.json"]
    assert completed("/save ") == ["/save a talk.json", "/save another.json", "/save folder/"]
    assert completed("/load ~/fo") == ["/load ~/folder/"]
    assert completed("/load .h") == ["/load .hidden"]
    assert completed("/load missing/x") == []
