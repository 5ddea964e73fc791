"""`litz embed` and `litz similar`: a vector a line, whole files or none, and the best lines first."""

import io
import json
import sys
import warnings
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pytest

import litz.sentences
from litz.cli import main
from tests.servers import isolate

TEXTS = ["one", "", "three ✓", "\u001b[31mred"]


class Encoder:
    """A vector says how long its text is."""

    prompts = MappingProxyType({"query": "q"})
    recipe = SimpleNamespace(source="modules.json")
    model = SimpleNamespace(name_or_path="m")

    def __init__(self, source, **options):
        type(self).made = source, options

    def encode(self, texts, **options):
        type(self).asked = options
        if any("long" in text for text in texts):
            warnings.warn("1 text is longer than 3 tokens and cut there (max_length)", stacklevel=2)
        return np.array([[len(text), 1] for text in texts], np.float32)

    def similarity(self, first, second):
        return first[:, :1] @ second[:, :1].T


@pytest.fixture(autouse=True)
def texts(monkeypatch, tmp_path):
    isolate(monkeypatch, tmp_path)
    monkeypatch.setattr(litz.sentences, "SentenceEncoder", Encoder)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m").mkdir()
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    return tmp_path / "texts.txt"


def test_an_array_has_a_row_for_each_line(tmp_path, capsys):
    assert main(["embed", "m", "texts.txt", "-o", "v.npy"]) == 0
    made = np.load(tmp_path / "v.npy")
    assert made.dtype == np.float32
    assert made[:, 0].tolist() == [len(text) for text in TEXTS]
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "4 texts, 2 numbers each" in captured.err


def test_json_lines_hold_text_and_vector(tmp_path, capsys, monkeypatch):
    expected = [{"text": text, "vector": [len(text), 1]} for text in TEXTS]
    assert main(["embed", "m", "texts.txt", "-o", "v.jsonl"]) == 0
    assert [json.loads(line) for line in (tmp_path / "v.jsonl").read_text("utf-8").splitlines()] == expected
    stream = SimpleNamespace(buffer=io.BytesIO("\r\n".join(TEXTS).encode()))
    monkeypatch.setattr(sys, "stdin", stream)
    assert main(["embed", "m", "-"]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == expected


def test_options_reach_the_encoder():
    arguments = ["--prompt-name", "query", "--no-normalize", "--batch-size", "7", "--dim", "1", "-t", "2"]
    assert main(["embed", "m", "texts.txt", "-o", "v.npy", *arguments, "--max-length", "5"]) == 0
    assert Encoder.made == ("m", {"threads": 2, "max_length": 5, "truncate_dim": 1})
    assert Encoder.asked == {"batch_size": 7, "normalize": False, "prompt": None, "prompt_name": "query"}


def test_texts_of_json_lines_are_a_member(tmp_path, capsys):
    (tmp_path / "t.jsonl").write_text('{"body": "ab"}\n{"body": "c"}\n')
    assert main(["embed", "m", "t.jsonl", "--field", "body"]) == 0
    assert [json.loads(line)["text"] for line in capsys.readouterr().out.splitlines()] == ["ab", "c"]
    assert main(["embed", "m", "t.jsonl"]) == 1
    assert "t.jsonl:1 has no text under 'text'; --field names another member" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["texts.txt", "-o", "v.bin"], "-o v.bin must end in .npy or .jsonl"),
        (["texts.txt", "-o", "no/v.npy"], "there is no folder no"),
        (["gone.txt"], "cannot read gone.txt: No such file"),
        (["latin.txt"], "latin.txt is no UTF-8 text: byte 0 is 0xe9"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, arguments, message, capsys):
    (tmp_path / "latin.txt").write_bytes(b"\xe9t\xe9")
    assert main(["embed", "m", *arguments]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_failure_leaves_no_file(tmp_path, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "save", interrupted)
    assert main(["embed", "m", "texts.txt", "-o", "v.npy"]) == 130
    assert not [each.name for each in tmp_path.iterdir() if "v.npy" in each.name]


def test_what_was_cut_is_said(tmp_path, capsys):
    (tmp_path / "texts.txt").write_text("long\n")
    assert main(["embed", "m", "texts.txt", "-o", "v.npy"]) == 0
    assert "litz: 1 text is longer than 3 tokens and cut there (max_length)\n" in capsys.readouterr().err


def test_the_default_of_plain_encoders_is_said(capsys, monkeypatch):
    monkeypatch.setattr(Encoder, "recipe", SimpleNamespace(source=""))
    assert main(["embed", "m", "texts.txt", "-o", "v.npy"]) == 0
    assert "m does not say how to pool: vectors are means of the last hidden states" in capsys.readouterr().err


def test_similar_lines_come_first(capsys):
    assert main(["similar", "m", "ab", "texts.txt", "-n", "2"]) == 0
    assert capsys.readouterr().out == "16.0000  4  [31mred\n14.0000  3  three ✓\n"
    assert main(["similar", "m", "ab", "texts.txt", "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["line"] for each in found] == [4, 3, 1, 2]
    assert found[0] == {"score": 16.0, "line": 4, "text": TEXTS[3]}
    assert Encoder.asked["prompt_name"] is None
