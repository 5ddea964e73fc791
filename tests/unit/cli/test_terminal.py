"""The command in a real terminal: keys, streams, colours, broken pipes; the model is a script."""

import hashlib
import json
import os
import re
import subprocess
import sys
import time

import pytest

from tests.servers import isolate, model_hub, write_snapshot

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX", allow_module_level=True)

from tests.terminals import Terminal, program


@pytest.fixture
def terminal(tmp_path):
    started = []

    def start(*arguments, **keywords):
        started.append(Terminal(*arguments, **{"LITZ_HOME": str(tmp_path / "litz"), **keywords}))
        return started[-1]

    yield start
    for one in started:
        one.release()


def test_a_conversation_with_interruption_and_end(terminal):
    screen = terminal(program([["slow ", *[0.05, "word "] * 400], ["the end"]], "chat"))
    screen.until(">>>")
    screen.send("tell me\n")
    screen.until("word word ")
    screen.send("\x03")
    screen.until("(stopped)")
    screen.until(">>>")
    screen.send("and now?\n")
    screen.until("the end")
    screen.until(">>>")
    screen.send("\x04")
    assert screen.close() == 0
    assert "Traceback" not in screen.seen


def test_ctrl_c_while_loading_leaves(terminal):
    slow = """
        def load(*_, **__):
            print("loading", flush=True)
            time.sleep(60)
        chat.load = load
    """
    screen = terminal(program([[]], "chat", before=slow))
    screen.until("loading")
    screen.send("\x03")
    assert screen.close() == 130
    assert "Traceback" not in screen.seen


@pytest.mark.parametrize(("environ", "dimmed"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colour_is_the_terminals_wish(environ, dimmed, terminal):
    screen = terminal(program([["hello"]], "chat"), **{"NO_COLOR": "", **environ})
    screen.until(">>>")
    screen.send("/exit\n")
    assert screen.close() == 0
    assert ("\x1b[2m" in screen.seen) is dimmed


def test_with_the_answer_in_a_pipe_prompts_stay_on_the_terminal(terminal, tmp_path):
    with open(tmp_path / "out", "w+") as out:
        screen = terminal(program([["hello"]], "chat"), stdout=out)
        screen.until(">>>")
        screen.send("hi\n")
        screen.until(">>>")
        screen.send("\x04")
        assert screen.close() == 0
    assert (tmp_path / "out").read_text() == "hello\n"


def test_in_pipes_there_is_the_answer_and_nothing_else():
    done = subprocess.run(program([["hel", "lo"]], "chat"), input="hi", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello\n", "")


def test_what_is_no_text_in_a_pipe_is_an_error():
    done = subprocess.run(program([["x"]], "chat"), input=b"\xff\xfe", capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"litz: standard input is no UTF-8 text: byte 0 is 0xff\n"


def test_a_prompt_does_not_wait_for_a_pipe_that_stays_silent():
    reader, writer = os.pipe()
    command = program([["hello"]], "chat", "hi", before="from litz.cli.terminal import piped; piped.SILENCE = 0.1")
    done = subprocess.run(command, stdin=reader, capture_output=True, text=True, check=False, timeout=60)
    os.close(reader)
    os.close(writer)
    assert (done.returncode, done.stdout) == (0, "hello\n")
    assert "said nothing" in done.stderr


def test_a_pipe_that_breaks_is_quiet():
    process = subprocess.Popen(
        program([["word ", 0.01] * 3000], "chat", "hi"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) == 141


def test_a_terminal_that_lacks_characters_gets_question_marks():
    done = subprocess.run(
        program([["é中"]], "chat", "hi"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
    )
    assert (done.returncode, done.stdout) == (0, b"\xe9?\n")


def test_arguments_are_utf8_whatever_the_locale_says():
    code = "import sys; from litz.cli import command; print(ascii(command._utf8(sys.argv[1])))"
    command = [sys.executable, "-c", code]
    environ = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([*command, "你好".encode()], capture_output=True, text=True, check=True, env=environ)
    assert done.stdout == "'\\u4f60\\u597d'\n"


PROGRESS = """
import time
from litz.hub.progress import Progress
bar = Progress("model", 2_000_000)
for step in range(30):
    bar.update(step * 60_000)
    time.sleep(0.05)
bar.close()
print("after")
"""


def test_a_progress_bar_for_what_takes_over_a_second(terminal):
    screen = terminal([sys.executable, "-c", PROGRESS])
    shown = screen.until("after")
    assert screen.close() == 0
    assert re.search(r"model  \[#+\.+\]  \d\d %  1\.\d MB of 2\.0 MB  1\.\d MB/s  \d s left", shown)
    assert re.search(r"\r {20,}\r", shown), "the line was not cleared"


def test_a_progress_bar_that_finishes_stays_full(terminal):
    screen = terminal([sys.executable, "-c", PROGRESS.replace("bar.close()", "bar.finish(); bar.close()")])
    shown = screen.until("after")
    assert screen.close() == 0
    assert re.search(r"\rmodel  \[#{20}\] 100 %  2\.0 MB of 2\.0 MB  1\.\d MB/s *\r\nafter", shown)


def test_the_bar_of_a_download_ends_at_100_percent(terminal, monkeypatch, tmp_path):
    isolate(monkeypatch, tmp_path)
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    shards = {f"model-0000{number}-of-00002.safetensors": bytes([number]) * 300_000 for number in (1, 2)}
    index = json.dumps({"weight_map": {name[:7] + str(place): name for place, name in enumerate(shards)}}).encode()
    half = write_snapshot(tmp_path / "hub", {}, ref=None).parent.parent / "blobs"
    half.mkdir(parents=True)
    (half / f"{hashlib.sha256(shards['model-00001-of-00002.safetensors']).hexdigest()}.incomplete").write_bytes(b"x")

    def slowly(file, content):
        for start in range(0, len(content), 30_000):
            file.write(content[start : start + 30_000])
            file.flush()
            time.sleep(0.08 if len(content) > 30_000 else 0)

    with model_hub({"config.json": b"{}", "model.safetensors.index.json": index, **shards}) as server:
        server.write = slowly
        screen = terminal([sys.executable, "-m", "litz", "pull", "owner/name"], HF_ENDPOINT=server.url)
        assert screen.close() == 0
    bars = re.findall(r"owner/name  \[[#.]+\] +(\d+) %  (\S+ kB) of 600 kB", screen.seen)
    assert len(bars) > 2
    assert bars[-1] == ("100", "600 kB")
    assert sorted(int(share) for share, _ in bars) == [int(share) for share, _ in bars]


def test_no_progress_bar_in_a_pipe():
    done = subprocess.run([sys.executable, "-c", PROGRESS], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("after\n", "")
