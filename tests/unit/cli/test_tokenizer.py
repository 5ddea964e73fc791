"""`litz tokenizer`: what it shows, lists and encodes."""

import gzip
import io
import json
import sys
from array import array
from types import SimpleNamespace

import pytest

from litz.cli import main
from litz.tokenizers import from_pretrained
from tests.servers import isolate
from tests.unit import tiny

H, I = b"hi"  # noqa: E741


@pytest.fixture
def model(monkeypatch, tmp_path):
    isolate(monkeypatch, tmp_path)
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "tokenizer.json").write_bytes(tiny.tokenizer_json())
    (folder / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<bos>", "eos_token": "<eos>"}))
    return str(folder)


def run(*words):
    return main(["tokenizer", *words])


def stored(path, code="H"):
    return array(code, path.read_bytes()).tolist()


def test_show_lists_ids_places_and_bytes(model, capsys):
    assert run("show", model, "h 你<eos>\n") == 0
    assert capsys.readouterr().out.splitlines() == [
        "104  0-1  h",
        " 32  1-2  ·",
        "228  2-3  <E4>",
        "189  2-3  <BD>",
        "160  2-3  <A0>",
        "257  3-8  <eos>",
        " 10  8-9  \\n",
        "7 tokens for 9 characters, 1.29 a token",
    ]


def test_show_reads_standard_input_and_says_it_as_json(model, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"hi\n")))
    assert run("show", model, "--json", "--no-special") == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert shown["count"] == 2
    assert shown["tokens"][1] == {"id": I, "text": "i", "start": 1, "end": 2, "special": False}


def test_show_compares_tokenizers_in_columns_that_line_up(model, capsys, tmp_path):
    other = tmp_path / "pairs"
    other.mkdir()
    file = json.loads(tiny.tokenizer_json())
    file["model"]["merges"] = [["ä", "½"], ["ä½", "ł"]]
    file["model"]["vocab"] |= {"ä½": 261, "ä½ł": 262}
    (other / "tokenizer.json").write_text(json.dumps(file))
    assert run("show", model, "你i", "--compare", str(other)) == 0
    assert capsys.readouterr().out.splitlines()[:5] == [
        "tiny          pairs",
        "<E4>     228  你       262",
        "<BD>     189  i        105",
        "<A0>     160",
        "i        105",
    ]


def test_what_would_command_the_terminal_is_spelt(model, capsys):
    assert run("show", model, "\x1b[2J\u202e") == 0
    out = capsys.readouterr().out
    assert "<1B>" in out
    assert not {"\x1b", "\u202e"} & set(out)


@pytest.mark.parametrize(
    ("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colours_are_for_terminals_that_want_them(environment, coloured, model, capsys, monkeypatch):
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("litz.cli.tokenizer.show.sys", SimpleNamespace(stdout=SimpleNamespace(isatty=lambda: True)))
    assert run("show", model, "hi") == 0
    assert ("\033[30;46mh\033[0m" in capsys.readouterr().out) == coloured


def test_dump_lists_every_token(model, capsys, tmp_path):
    assert run("dump", model, "-o", str(tmp_path / "tokens.txt")) == 0
    lines = (tmp_path / "tokens.txt").read_text().splitlines()
    assert len(lines) == tiny.VOCAB
    assert lines[0] == "0\t<00>"
    assert [lines[10], lines[32], lines[0xE4], lines[tiny.EOS]] == ["10\t\\n", "32\t·", "228\t<E4>", "257\t<eos>"]
    assert capsys.readouterr().err == f"261 tokens in {tmp_path / 'tokens.txt'}\n"
    assert run("dump", model, "--json") == 0
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert listed[0xE4] == {"id": 228, "token": "ä", "text": "\ufffd", "bytes": "e4", "special": False}
    assert listed[tiny.EOS] == {"id": 257, "token": "<eos>", "text": "<eos>", "bytes": "3c656f733e", "special": True}


def test_encode_writes_lines_with_ends_and_places(model, capsys, tmp_path):
    text, out = tmp_path / "a.txt", tmp_path / "tokens.bin"
    text.write_bytes(b"hi\r\n\nh\n")
    assert run("encode", model, str(text), "-o", str(out), "--eos", "--offsets") == 0
    assert stored(out) == [H, I, tiny.EOS, H, tiny.EOS]
    assert stored(tmp_path / "tokens.bin.offsets", "q") == [0, 3, 5]
    listed = json.loads((tmp_path / "tokens.bin.json").read_text())
    assert listed == {
        "dtype": "uint16", "tokens": 5, "documents": 2, "vocabulary": 261, "tokenizer": model, "eos": tiny.EOS,
    }  # fmt: skip
    assert capsys.readouterr().err.startswith("2 documents, 5 tokens (uint16), 3 B of text in ")


def test_encode_reads_json_lines_whole_files_gzip_and_standard_input(model, tmp_path, monkeypatch):
    out = tmp_path / "tokens.bin"
    (tmp_path / "a.jsonl").write_text('{"body": "h"}\n\n{"body": "i", "text": 1}\n')
    assert run("encode", model, str(tmp_path / "a.jsonl"), "-o", str(out), "--field", "body", "--dtype", "uint32") == 0
    assert stored(out, "I") == [H, I]
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"h\ni"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"hh")))
    assert run("encode", model, str(tmp_path / "b.txt.gz"), "-", "-o", str(out), "--whole", "--offsets") == 0
    assert stored(out) == [H, 10, I, H, H]
    assert stored(tmp_path / "tokens.bin.offsets", "q") == [0, 3, 5]


def test_encode_in_many_batches_gives_the_ids_of_each_document(model, tmp_path, monkeypatch):
    monkeypatch.setattr("litz.cli.tokenizer.encode._BATCH", 50)
    lines = [f"line {number} 你" * (number % 7) for number in range(200)]
    (tmp_path / "a.txt").write_text("\n".join(lines))
    assert run("encode", model, str(tmp_path / "a.txt"), "-o", str(tmp_path / "t.bin")) == 0
    tokenizer = from_pretrained(model)
    assert stored(tmp_path / "t.bin") == [id for line in lines for id in tokenizer(line).input_ids]


@pytest.mark.parametrize(
    ("content", "more", "error"),
    [
        (b"{}\n", [], "a.jsonl:1: found no text 'text'"),
        (b'{"text": "h"}\n[1\n', [], "a.jsonl:2: not JSON"),
        (b'{"text": "h"}\n', ["--dtype", "uint16", "--eos", "-o", "-"], "-o names a file"),
    ],
)
def test_what_goes_wrong_leaves_no_file(content, more, error, model, capsys, tmp_path):
    (tmp_path / "a.jsonl").write_bytes(content)
    before = sorted(tmp_path.iterdir())
    assert run("encode", model, str(tmp_path / "a.jsonl"), "-o", str(tmp_path / "t.bin"), "--offsets", *more) == 1
    assert error in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_encode_names_what_is_missing(model, capsys, tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xff\n")
    (tmp_path / "tiny" / "tokenizer_config.json").write_text("{}")
    for words, error in (
        (["nothing.txt"], "No such file or directory: nothing.txt"),
        ([str(tmp_path / "a.txt")], "a.txt:1: not UTF-8"),
        (["a.parquet"], "pip install pyarrow" if "pyarrow" not in sys.modules else "a.parquet"),
        (["a.txt", "--eos"], "names no end-of-text token"),
    ):
        assert run("encode", model, "-o", str(tmp_path / "t.bin"), *words) == 1
        assert error in capsys.readouterr().err


def test_without_an_action_the_usage_is_wrong(capsys):
    assert run() == 2
    assert "usage: litz tokenizer" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["bpe", "wordpiece", "unigram", "wordlevel"])
def test_train_says_when_the_vocabulary_was_cut_short(kind, tmp_path, capsys):
    (tmp_path / "a.txt").write_text("a few words, a few more words\n" * 20)
    assert run("train", str(tmp_path / "a.txt"), "-o", str(tmp_path / "t"), "--kind", kind, "--vocab-size", "5000") == 0
    captured = capsys.readouterr()
    size = captured.out.split()[-2]
    assert captured.err.startswith(
        f"litz: the vocabulary has {size} tokens, not the 5,000 that were requested: the tex"
    )


def test_train_says_nothing_when_it_has_what_was_asked_for(tmp_path, capsys):
    (tmp_path / "a.txt").write_text("a few words, a few more words\n" * 20)
    assert run("train", str(tmp_path / "a.txt"), "-o", str(tmp_path / "t"), "--vocab-size", "260") == 0
    assert capsys.readouterr().err == ""


def test_train_writes_over_nothing_unless_it_is_told_to(tmp_path, capsys):
    (tmp_path / "a.txt").write_text("a few words, a few more words\n" * 20)
    words = ["train", str(tmp_path / "a.txt"), "-o", str(tmp_path / "t"), "--vocab-size"]
    assert run(*words, "260") == 0
    before = (tmp_path / "t" / "tokenizer.json").read_bytes()
    assert run(*words, "258") == 1
    assert "has a tokenizer.json already; --force writes over it" in capsys.readouterr().err
    assert (tmp_path / "t" / "tokenizer.json").read_bytes() == before
    assert run(*words, "258", "--force") == 0
    assert (tmp_path / "t" / "tokenizer.json").read_bytes() != before
    assert run("train", str(tmp_path / "a.txt"), "-o", str(tmp_path / "a.txt")) == 1
    assert "is a file; -o names a folder" in capsys.readouterr().err


def test_the_model_may_be_named_by_an_option(model, tmp_path, capsys):
    assert run("show", "-m", model, "h") == 0
    assert capsys.readouterr().out.splitlines()[0] == "104  0-1  h"
    (tmp_path / "a.txt").write_text("hi\n")
    assert run("encode", str(tmp_path / "a.txt"), "-m", model, "-o", str(tmp_path / "t.bin")) == 0
    assert stored(tmp_path / "t.bin") == list(b"hi")
    assert run("encode", model, "-o", str(tmp_path / "t.bin")) == 2
    assert run("dump", "-m", model) == 0


def test_an_output_that_cannot_be_written_is_named_and_nothing_temporary(model, tmp_path, capsys):
    assert run("dump", model, "-o", str(tmp_path / "nowhere" / "list.txt")) == 1
    assert capsys.readouterr().err == f"litz: No such file or directory: {tmp_path / 'nowhere' / 'list.txt'}\n"
