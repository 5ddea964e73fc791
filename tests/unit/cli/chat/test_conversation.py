"""Conversations in files: saved, loaded in the usual forms, and refused with the place that is wrong."""

import json

import pytest

from litz.cli.chat.conversation import Conversation, load
from litz.cli.chat.dialogue import Chat
from litz.cli.chat.slash import Slash
from litz.cli.engine import Engine
from litz.cli.terminal.console import Console
from litz.errors import FormatError
from tests.fakes import FakeModel, FakeTokenizer


@pytest.fixture
def session():
    model = FakeModel(["one"], ["two"], ["three"])
    chat = Chat(Engine(FakeTokenizer(), model, {}), Conversation(), Console(), model="toy")
    chat.say("first")
    chat.say("second")
    return chat, Slash(chat)


def turns(chat):
    return [(turn["role"], turn["content"]) for turn in chat.conversation.turns]


def test_save_and_load(session, tmp_path):
    chat, slash = session
    slash.run("/system 要简短。")
    slash.run(f"/save {tmp_path}/c.json")
    saved = chat.conversation.messages()
    assert json.loads((tmp_path / "c.json").read_text(encoding="utf-8")) == {"model": "toy", "messages": saved}
    slash.run("/system none")
    slash.run("/reset")
    slash.run(f"/load {tmp_path}/c.json")
    assert chat.conversation.messages() == saved
    slash.run(f"/save {tmp_path}/c.json")


def test_save_overwrites_no_other_file(session, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FormatError, match="no saved conversation"):
        session[1].run(f"/save {tmp_path}/notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", "expected a JSON object with 'messages'"),
        ("[]", "expected a JSON object with 'messages'"),
        ("{}", "expected a JSON object with 'messages'"),
        ('{"messages": [', "expected a JSON object with 'messages'"),
        ("[" * 100_000, "nested too deeply"),
        ('{"messages": [{"role": "user"}]}', "message 1 has no content"),
        ('{"messages": [{"role": "root", "content": ""}]}', "message 1 has the role 'root': expected system, user or"),
        ('[{"role": "user", "content": "a"}, 5]', "message 2 is a number: expected an object"),
        ('[{"role": "user", "content": "a"}, {"content": "b"}]', "message 2 has no role"),
        ('[{"role": "user", "content": 5}]', "message 1 has a number as content"),
        ('[{"role": "user", "content": [{"type": "image_url"}]}]', "message 1: part 1 is of type 'image_url'"),
        ('[{"role": "assistant", "content": null, "tool_calls": [1]}]', "message 1 has tool_calls"),
        ('{"role": "user", "content": "a"}\n{"role": "user", "content"}\n', "line 2 is no JSON"),
    ],
)
def test_what_is_no_conversation_is_not_loaded(content, found, tmp_path):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(FormatError, match=found):
        load(tmp_path / "x.json")


PARTS = '[{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]'


@pytest.mark.parametrize(
    "content",
    [
        '[{"role": "user", "content": "ab"}]',
        '{"messages": [{"role": "user", "content": "ab", "name": "x"}]}',
        '{"role": "user", "content": "ab"}',
        '{"role": "user", "content": "ab"}\n\n',
        f'[{{"role": "user", "content": {PARTS}}}]',
    ],
)
def test_messages_are_loaded_in_the_forms_that_people_have(content, tmp_path):
    (tmp_path / "x.json").write_text(content)
    assert load(tmp_path / "x.json").messages() == [{"role": "user", "content": "ab"}]


def test_json_lines_of_messages_are_loaded(tmp_path):
    lines = ['{"role": "developer", "content": "Be brief."}', "", '{"role": "user", "content": "你好"}']
    (tmp_path / "x.jsonl").write_text("\n".join(lines), encoding="utf-8-sig")
    loaded = load(tmp_path / "x.jsonl")
    assert (loaded.system, loaded.turns) == ("Be brief.", [{"role": "user", "content": "你好"}])


def test_reasoning_is_saved_and_loaded(tmp_path):
    turn = {"role": "assistant", "content": "4", "reasoning_content": "2 and 2"}
    Conversation(turns=[turn]).save(tmp_path / "x.json", "toy")
    assert load(tmp_path / "x.json").turns == [turn]


def test_a_saved_conversation_is_for_its_owner(session, tmp_path):
    session[1].run(f"/save {tmp_path}/my file.json")
    session[1].run(f"/save '{tmp_path}/my file.json'")
    assert (tmp_path / "my file.json").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["my file.json"]


def test_loading_shows_where_the_conversation_was(session, tmp_path, capsys):
    chat, slash = session
    messages = [
        {"role": role, "content": f"{role} {n} " + "x" * 400} for n in range(3) for role in ("user", "assistant")
    ]
    (tmp_path / "c.json").write_text(json.dumps({"model": "other", "messages": [*messages, messages[0]]}))
    slash.run(f"/load {tmp_path}/c.json")
    shown = capsys.readouterr().err
    assert shown.startswith("(7 messages, the last of them:)\nassistant 1 x")
    assert ">>> user 2" in shown
    assert "x…" in shown
    assert "/retry" in shown
    assert "other" in shown
    slash.run("/retry")
    assert turns(chat)[-1] == ("assistant", "three")
