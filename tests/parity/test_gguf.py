"""GGUF files of every family against the transformers model that they were written from."""

from pathlib import Path

import numpy as np
import pytest
import torch

import litz
from tests.parity.harness.decoders import VOCAB, Row, relative_error
from tests.parity.harness.gguf_writer import write
from tests.parity.harness.rows import FAMILIES

IDS = torch.tensor(np.random.default_rng(6).integers(3, VOCAB, size=(2, 24)))
ROWS = [row for family in FAMILIES.values() for row in family.gguf_rows()]


def load(path: Path, **options: object) -> litz.NativeCausalLM:
    return litz.AutoModelForCausalLM.from_pretrained(path, cache_dtype="float32", **options)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_family_computes_from_gguf_what_it_computes_in_the_reference(row: Row, tmp_path: Path) -> None:
    model = row.build()
    write(model, tmp_path / "model.gguf")
    with torch.no_grad():
        assert relative_error(load(tmp_path / "model.gguf")(IDS).logits, model.double()(IDS).logits) < 1e-4
