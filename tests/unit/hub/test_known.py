"""Short names, and GGUF files by their quantisation: what each means, and the error for an unknown one."""

import re

import pytest

from litz.errors import ArgumentError, ModelNotFoundError, UnsupportedError
from litz.hub import DEFAULT_MODEL, cached, known_source, remove, resolve
from litz.hub.gguf_names import choose_quantised, quantised
from litz.hub.known import EMBEDDED, KNOWN, find_known, nearest_known
from litz.hub.lookalikes import looks_like_a_name
from litz.hub.sources import HubSource, PathSource, parse
from tests.servers import isolate, write_snapshot
from tests.unit.hub.test_download import fetch, hub_with

QWEN = "Qwen/Qwen3-0.6B-GGUF"


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path):
    isolate(monkeypatch, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")


def test_the_table_is_in_order():
    names = [row.name for row in KNOWN]
    assert len(set(names)) == len(names)
    for row in KNOWN:
        assert re.fullmatch(r"[a-z][a-z0-9.-]*:[a-z0-9.-]+", row.name)
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", row.repo)
        assert row.quantisation.lower() in row.file.lower()
        assert row.file.endswith(".gguf")
        assert 50 < row.megabytes < 50_000
    for family in {row.family for row in KNOWN}:
        assert sum(row.usual for row in KNOWN if row.family == family) == 1


def test_a_short_name_is_a_file_of_a_repository():
    assert known_source("qwen3:0.6b") == f"{QWEN}:Qwen3-0.6B-Q8_0.gguf"
    assert known_source("QWEN3:0.6B") == known_source("qwen3:0.6b")
    assert known_source("smollm2:135m") == known_source("smollm2") == DEFAULT_MODEL
    assert known_source("gemma3") == known_source("gemma3:1b") == known_source("gemma3:latest")
    assert known_source("gemma4") is None
    assert parse("qwen3:0.6b") == HubSource(QWEN, "Qwen3-0.6B-Q8_0.gguf")


def test_what_is_on_disk_wins_over_a_short_name(tmp_path):
    (tmp_path / "qwen3").mkdir()
    assert isinstance(parse("qwen3"), PathSource)


def test_an_unknown_size_of_a_known_family_lists_the_sizes():
    with pytest.raises(ModelNotFoundError, match=r"no model 'gemma3:2b'; there are gemma3:270m, gemma3:1b, gemma3:4b"):
        parse("gemma3:2b")
    with pytest.raises(ModelNotFoundError, match=r"no model 'mistral:8b'; there is mistral:7b"):
        parse("mistral:8b")


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("qwen33", "qwen3"), ("llama-3.2-1b", "llama3.2:1b"), ("gema3", "gemma3"), ("Qwen3-0.6B", "qwen3:0.6b")],
)
def test_a_near_miss_is_answered_without_asking_the_hub(wrong, meant):
    assert nearest_known(wrong) == meant
    with pytest.raises(ModelNotFoundError, match=f"no model '{wrong}'; did you mean {meant}"):
        resolve(wrong)


@pytest.mark.parametrize("word", ["gpt2", "bert-base-uncased", "distilgpt2", "t5-small", "hello"])
def test_repositories_without_an_owner_are_no_near_misses(word):
    assert parse(word) == HubSource(word)


@pytest.mark.parametrize(
    "word", ["gemma", "Llama", "qwen-3", "gpt2", "gemma4", "llama3:8b", "phi:latest", "x:7b-q4_0", "yi-6b-chat"]
)
def test_words_that_look_like_names(word):
    assert looks_like_a_name(word)


@pytest.mark.parametrize(
    "word",
    ["hello", "Hi", "why?", "你好", "1+1=", "42", "10:30", "note:this", "C++", "h2o", "covid-19", "web3", "mp3", "R2D2",
     "Hi!", "gamma", "smile", "mistrial", "re:invent", "python3", "HTTP/2", "utf-8", "i18n", "options"],
)  # fmt: skip
def test_words_that_are_prompts(word):
    assert not looks_like_a_name(word)
    assert find_known(word) is None


def test_a_family_alone_is_said_to_mean_one_of_it(tmp_path):
    write_snapshot(tmp_path / "hub", {"qwen2.5-1.5b-instruct-q4_k_m.gguf": b"GGUF"}, "Qwen/Qwen2.5-1.5B-Instruct-GGUF")
    said = []
    assert resolve("qwen2.5", notify=said.append).gguf.read_bytes() == b"GGUF"
    assert said == [
        "qwen2.5 means qwen2.5:1.5b: Qwen/Qwen2.5-1.5B-Instruct-GGUF:qwen2.5-1.5b-instruct-q4_k_m.gguf (1.1 GB)"
    ]
    assert resolve("qwen2.5:1.5b", notify=said.append).gguf is not None
    assert len(said) == 1


def test_a_cached_model_is_removed_by_its_short_name(tmp_path):
    write_snapshot(tmp_path / "hub", {"Qwen3-0.6B-Q8_0.gguf": b"GGUF8", "Qwen3-0.6B-Q4_0.gguf": b"GGUF"}, QWEN)
    assert remove("qwen3:0.6b") == 5, "the other file of the repository stays"
    with pytest.raises(ModelNotFoundError, match=r"there is Qwen3-0\.6B-Q4_0\.gguf"):
        remove("qwen3:0.6b")
    assert remove(f"{QWEN}:q4_0") >= 4
    assert cached() == []
    with pytest.raises(ModelNotFoundError, match=EMBEDDED):
        remove(EMBEDDED)


NAMES = ["m-Q4_K_M.gguf", "m-Q4_K_S.gguf", "m.f16.gguf", "m-BF16.gguf", "m-UD-Q6_K.gguf", "mmproj-m-Q8_0.gguf"]


@pytest.mark.parametrize(
    ("requested", "found"),
    [("Q4_K_M", NAMES[0]), ("q4_k_m", NAMES[0]), ("F16", NAMES[2]), ("bf16", NAMES[3]), ("UD-Q6_K", NAMES[4])],
)
def test_a_file_by_its_quantisation(requested, found):
    assert choose_quantised(NAMES, requested, "owner/name") == found


def test_a_quantisation_that_is_not_there_lists_what_is():
    with pytest.raises(ModelNotFoundError, match=r"owner/name has no Q8_0 file; it has m-BF16\.gguf, m-Q4_K_M\.gguf"):
        choose_quantised(NAMES, "Q8_0", "owner/name")


def test_several_files_of_a_quantisation_are_the_users_choice():
    with pytest.raises(ModelNotFoundError, match=r"2 Q4_0 files: a-Q4_0\.gguf, b-Q4_0\.gguf; name one"):
        choose_quantised(["a-Q4_0.gguf", "b-Q4_0.gguf"], "Q4_0", "owner/name")


def test_parts_of_a_split_file_are_not_the_model():
    parts = ["q/m-Q4_0-00001-of-00002.gguf", "q/m-Q4_0-00002-of-00002.gguf"]
    assert quantised(parts, "Q4_0") == parts
    with pytest.raises(UnsupportedError, match="Q4_0 comes in 2 parts"):
        choose_quantised(parts, "Q4_0", "owner/name")


@pytest.mark.parametrize("text", ["owner/name:", "owner/name:main", "owner/name:Q", "name:Q4_0"])
def test_what_is_no_quantisation(text):
    with pytest.raises(ArgumentError, match="names no model"):
        parse(text)


def test_a_quantisation_in_the_cache_needs_no_network(tmp_path, monkeypatch):
    files = {name: b"GGUF" + name.encode() for name in NAMES}
    folder = write_snapshot(tmp_path / "hub", files)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert resolve("owner/name:q4_k_m").gguf == folder / "m-Q4_K_M.gguf"
    with pytest.raises(ModelNotFoundError, match=r"Q5_0 file; there is m-BF16.*HF_HUB_OFFLINE=1 forbids"):
        resolve("owner/name:Q5_0")
    with pytest.raises(ModelNotFoundError, match="owner/other:Q4_0 is not in"):
        resolve("owner/other:Q4_0")
    with pytest.raises(ArgumentError, match="name two different files"):
        resolve("owner/name:Q4_0", gguf_file="m-Q4_K_M.gguf")


def test_a_quantisation_is_picked_from_what_the_hub_lists(monkeypatch):
    with hub_with(monkeypatch, {"q/m.Q4_0.gguf": b"GGUF4", "m.Q8_0.gguf": b"GGUF8", "config.json": b"{}"}) as server:
        assert fetch("owner/name:Q4_0")[1:] == ["m.Q4_0.gguf", ["q/m.Q4_0.gguf"]]
        assert "has no Q2_K file; it has m.Q8_0.gguf, q/m.Q4_0.gguf" in fetch("owner/name:Q2_K")
        before = len(server.requests)
        assert fetch("owner/name:Q4_0")[1] == "m.Q4_0.gguf"
        assert len(server.requests) == before
