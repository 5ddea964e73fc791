"""`litz bench`: what it prints, and the cost of a token."""

import json
import math

import pytest

from litz.checkpoint import open_checkpoint
from litz.cli import main
from litz.hub import resolve
from litz.measure import Limits, work_of
from tests.unit.tiny import write_model

QUICK = ("--prompt", "3", "5", "--depth", "0", "2", "--new-tokens", "2", "--repeat", "1", "--threads", "1")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def known_limits(monkeypatch):
    """Limits that need no gigabyte of memory and no second of time."""
    found = Limits(bandwidth=1e12, fma=2e12, bf16=0.0, int8=0.0)
    monkeypatch.setattr("litz.measure.limits", lambda threads: found)
    return found


def test_each_test_is_a_row_with_its_share_of_the_limit(model, known_limits, capsys):
    assert main(["bench", str(model), *QUICK, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    work = work_of(open_checkpoint(resolve(model, want="model")))
    rows = {(row["test"], row["tokens"]): row for row in report["results"]}
    assert list(rows) == [("decode", 0), ("decode", 2), ("prefill", 3), ("prefill", 5)]
    decode, prefill = rows["decode", 2], rows["prefill", 5]
    assert math.isclose(decode["share"], decode["rate"] * work.read(2 + 1) / known_limits.bandwidth)
    assert math.isclose(prefill["share"], prefill["rate"] / 5 * work.prompt(5) / known_limits.fma)
    assert report["limits"]["1"]["fma"] == known_limits.fma
    assert report["peak_bytes"] > 0


def test_the_table_says_what_was_measured(model, known_limits, capsys):
    assert main(["bench", str(model), *QUICK]) == 0
    out = capsys.readouterr().out
    assert "reads 1000.0 GB/s; float32 2000 GOP/s\n" in out
    assert [line.split()[1:3] for line in out.splitlines()[-4:]] == [
        ["decode", "at"], ["decode", "at"], ["prefill", "3"], ["prefill", "5"],
    ]  # fmt: skip


def test_what_does_not_fit_into_the_context_is_refused(model, capsys):
    assert main(["bench", str(model), "--prompt", "4096"]) == 1
    assert "--prompt" in capsys.readouterr().err


def test_a_dtype_without_a_known_peak_has_no_share():
    limits = Limits(bandwidth=1.0, fma=2.0, bf16=0.0, int8=0.0)
    assert (limits.peak("F32"), limits.peak("BF16"), limits.peak("Q4_1")) == (2.0, 2.0, None)
    assert limits.best(Limits(3.0, 1.0, 4.0, 5.0)) == Limits(3.0, 2.0, 4.0, 5.0)
