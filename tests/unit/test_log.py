"""The logger `litz`: what is read, found, fetched and loaded; nothing is shown unless requested, and no secret."""

import logging
import os
import subprocess
import sys
import textwrap

import pytest

from litz import AutoModelForCausalLM, AutoTokenizer, log
from litz.cli import main
from litz.errors import LitzError
from litz.hub import resolve
from tests.unit.tiny import BOS, tokenizer_json, write_model


@pytest.fixture
def folder(tmp_path):
    made = write_model(tmp_path / "model")
    (made / "tokenizer.json").write_bytes(tokenizer_json())
    return made


def lines(caplog, name, level):
    return [record.getMessage() for record in caplog.records if (record.name, record.levelname) == (name, level)]


def test_loading_is_told_at_info(folder, caplog):
    caplog.set_level(logging.INFO, "litz")
    AutoModelForCausalLM.from_pretrained(folder, threads=1, attn_implementation="flash_attention_2")
    AutoTokenizer.from_pretrained(folder)
    logged = "\n".join(lines(caplog, "litz.loading", "INFO"))
    assert f"{folder}: llama, described by {folder}" in logged
    assert "2 layers, 32,224 parameters as float32" in logged
    assert "tensors loaded" in logged
    assert " s: " in logged
    assert "attn_implementation='flash_attention_2' has no effect: every kernel here gives the same results" in logged
    (tokenizer,) = lines(caplog, "litz.tokenizers", "INFO")
    assert tokenizer.startswith("Tokenizer(")
    assert str(folder) in tokenizer
    assert not lines(caplog, "litz.loading", "DEBUG")


def test_more_is_told_at_debug(folder, caplog):
    caplog.set_level(logging.DEBUG, "litz")
    model = AutoModelForCausalLM.from_pretrained(folder, threads=1)
    model.generate([[BOS, 104]], max_new_tokens=2)
    assert any("1 threads" in line for line in lines(caplog, "litz.loading", "DEBUG"))
    (run,) = lines(caplog, "litz.generation", "DEBUG")
    assert "prompts of [2] tokens" in run
    assert '"max_new_tokens": 2' in run


def test_records_name_the_place_that_says_them(folder, caplog):
    caplog.set_level(logging.INFO, "litz")
    AutoModelForCausalLM.from_pretrained(folder, threads=1)
    assert {record.filename for record in caplog.records} == {"checkpoint.py", "native.py"}


def test_what_a_caller_is_notified_of_is_logged_too(caplog, tmp_path, monkeypatch):
    caplog.set_level(logging.INFO, "litz")
    logged = []
    both = log.heard(logged.append)
    both("fetching owner/name into the cache")
    assert logged == lines(caplog, "litz.hub", "INFO") == ["fetching owner/name into the cache"]


def test_no_token_is_ever_logged(caplog, tmp_path, monkeypatch):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_TOKEN", "hf_secret_of_the_environment")
    for source in ("owner/name", "https://user:password@example.org/owner/name"):
        with pytest.raises(LitzError):
            resolve(source, token="hf_secret_of_the_call", cache_dir=tmp_path)
    assert "secret" not in caplog.text
    assert "password" not in caplog.text


def run(code, **environment):
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})


def test_nothing_is_shown_and_logging_is_not_imported_unless_somebody_asks(folder):
    code = (
        "import sys, litz\n"
        f"litz.AutoModelForCausalLM.from_pretrained({str(folder)!r}, threads=1).generate([[1]], max_new_tokens=1)\n"
        f"litz.AutoTokenizer.from_pretrained({str(folder)!r})\n"
        "print('logging' in sys.modules)"
    )
    done = run(code)
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_the_command_shows_lines_on_stderr_when_asked(folder):
    code = f"import sys; from litz.cli import main; sys.exit(main(['info', {str(folder)!r}, *sys.argv[1:]]))"
    assert "litz.loading: " not in run(code).stderr
    assert "litz.loading: " in run(code, LITZ_LOG="info").stderr
    assert "litz.loading: " in run(code, LITZ_LOG="DEBUG").stderr
    assert "litz.loading: " not in run(code, LITZ_LOG="warning").stderr
    for flag in ("-v", "--verbose"):
        done = run(code.replace("*sys.argv[1:]", repr(flag)))
        assert "litz.loading: " in done.stderr
        assert "litz.loading: " not in done.stdout


@pytest.mark.parametrize(
    "words", [["-v", "tokenizer", "show"], ["tokenizer", "show", "-v"], ["tokenizer", "-v", "show"]], ids=" ".join
)
def test_the_flag_may_stand_anywhere(words, folder, capsys, monkeypatch):
    shown = []
    monkeypatch.setattr("litz.cli.command.configure", shown.append)
    assert main([*words, str(folder), "hi"]) == 0
    assert shown == [True]


def test_what_follows_two_dashes_is_no_flag(folder, capsys, monkeypatch):
    shown = []
    monkeypatch.setattr("litz.cli.command.configure", shown.append)
    assert main(["tokenizer", "show", str(folder), "--", "-v"]) == 0
    assert shown == [False]


def test_an_unknown_level_is_an_error(monkeypatch, capsys):
    monkeypatch.setenv("LITZ_LOG", "loud")
    assert main(["ls"]) == 1
    assert capsys.readouterr().err == "litz: LITZ_LOG=loud: choose one of debug, info, warning, error\n"


SLOW_LOGGING = """
import time

time.sleep(0.2)


class Logger:
    def info(self, text, *values, **_):
        print(text % values)


def getLogger(name):
    return Logger()
"""


def test_a_line_waits_where_another_thread_is_importing_logging(tmp_path):
    (tmp_path / "logging.py").write_text(SLOW_LOGGING)
    code = """
        import sys, threading
        from litz import log

        sys.path.insert(0, sys.argv[1])
        threading.Thread(target=__import__, args=("logging",)).start()
        while "logging" not in sys.modules:
            pass
        log.info("hub", "said %d", 1)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "said 1\n", "")
