"""Decoders that classify or answer questions, and their hidden states, against transformers on shaken weights."""

from pathlib import Path

import pytest
import torch
import transformers as hf

from litz.errors import UnsupportedError
from tests.parity.harness.decoders import Row, relative_error, save, shake
from tests.parity.harness.encoders import CLASSES, LABELS, at_tokens, load, numbers_of
from tests.parity.harness.rows import FAMILIES

TOLERANCE = 1e-4
TASKS = ("hidden-states", "sequence-classification", "token-classification", "question-answering")
# What no pass over whole texts computes yet.
REFUSED = {"gpt_oss": "attention sinks in a model that encodes whole texts", "lfm2": "short convolutions in a model"}
BOTH = [
    (family.rows[0], task)
    for name, family in FAMILIES.items()
    for task in TASKS
    if name not in REFUSED and family.config in CLASSES[task]._model_mapping
]


def build(row: Row, task: str) -> hf.PreTrainedModel:
    torch.manual_seed(0)
    labels = {"num_labels": LABELS[task]} if task in LABELS else {}
    config = row.config(**{**row.plain, **row.keys, **labels})
    how = {"attn_implementation": row.attention, "experts_implementation": "eager"}
    return shake(CLASSES[task].from_config(config, **how)).eval()


@pytest.mark.parametrize(("row", "task"), BOTH, ids=lambda value: getattr(value, "name", value))
def test_a_decoder_with_another_head_computes_what_the_reference_computes(row: Row, task: str, tmp_path: Path) -> None:
    reference = build(row, task)
    folder = save(reference, tmp_path)
    draw = torch.Generator().manual_seed(3)
    ids = torch.randint(3, reference.config.vocab_size, (2, 18), generator=draw)
    mask = torch.ones_like(ids)
    ids[1, 15:], mask[1, 15:] = reference.config.pad_token_id, 0  # fewer than a window: all have a key
    given = {"input_ids": ids, "attention_mask": mask}
    with torch.no_grad():
        expected = reference.double()(**given)
    found = load(folder, task)(**given)
    for name in numbers_of(task):
        if expected.get(name) is not None:
            assert relative_error(at_tokens(found[name], given), at_tokens(expected[name], given)) < TOLERANCE


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_pass_over_whole_texts_computes_is_refused_by_name(name: str, tmp_path: Path) -> None:
    folder = save(build(FAMILIES[name].rows[0], "hidden-states"), tmp_path)
    with pytest.raises(UnsupportedError, match=REFUSED[name]):
        load(folder, "hidden-states")
