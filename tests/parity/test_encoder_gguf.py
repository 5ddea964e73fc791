"""GGUF files of encoders against the transformers model that they were written from."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers as hf

from litz.checkpoint import open_checkpoint
from litz.hub import resolve
from tests.parity.harness.decoders import relative_error
from tests.parity.harness.encoders import SMALL, Row, at_tokens, inputs, load
from tests.parity.harness.gguf_encoders import write
from tests.parity.harness.gguf_writer import Kind
from tests.parity.harness.rows.encoders import EMBEDDING_GEMMA, FAMILIES

NAMES = ("bert", "roberta", "xlm_roberta", "nomic_bert", "jina_embeddings_v3", "eurobert", "modernbert")
# The format has no key for the scale of Gemma's attention: a head's size is taken for granted, as it is published.
GEMMA = replace(EMBEDDING_GEMMA, keys={**EMBEDDING_GEMMA.keys, "query_pre_attn_scalar": 16})
ROWS = [*(FAMILIES[name].rows[0] for name in NAMES), GEMMA]
TASK = "hidden-states"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("mask", ["none", "right"])
def test_a_family_computes_from_gguf_what_it_computes_in_the_reference(row: Row, mask: str, tmp_path: Path) -> None:
    model = row.build(TASK)
    found = load(write(model, tmp_path), TASK)
    given = inputs(model.config, mask=mask)
    with torch.no_grad():
        expected = model.double()(**given).last_hidden_state
    assert found.spec.head is None
    assert relative_error(at_tokens(found(**given).last_hidden_state, given), at_tokens(expected, given)) < 2e-5


def test_quantised_matrices_are_read(tmp_path: Path) -> None:
    row = Row("wide", hf.BertConfig, {**SMALL, "intermediate_size": 64})
    model = row.build(TASK)
    given = inputs(model.config, mask="right")
    with torch.no_grad():
        expected = model.double()(**given).last_hidden_state
    found = load(write(model.float(), tmp_path, kind=Kind.Q8_0), TASK)(**given).last_hidden_state
    assert relative_error(at_tokens(found, given), at_tokens(expected, given)) < 0.05


def test_the_spec_is_that_of_the_configuration(tmp_path: Path) -> None:
    row = Row("binary-epsilon", hf.BertConfig, {**SMALL, "layer_norm_eps": 2.0**-33})
    path = write(row.build(TASK), tmp_path)
    one, two = (open_checkpoint(resolve(str(at), want="model")).spec.towers for at in (path, tmp_path / "source"))
    assert one == two
