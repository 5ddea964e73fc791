"""The whole loop against transformers' generate(), and against itself: a continued conversation equals a new one."""

import random

import pytest
import torch

from litz.models.auto import AutoModelForCausalLM
from tests.parity.harness.decoders import Row, save
from tests.parity.harness.rows import ROWS, named

ROW = named("llama-3")
PROMPT = [1, 5, 9, 33, 12, 5, 9]
GREEDY = [
    {"max_new_tokens": 24},
    {"max_length": 20},
    {"max_new_tokens": 24, "repetition_penalty": 1.3},
    {"max_new_tokens": 24, "no_repeat_ngram_size": 2},
    {"max_new_tokens": 24, "bad_words_ids": [[11], [58, 49], [9, 33]]},
    {"max_new_tokens": 24, "sequence_bias": [[[44], 6.0], [[5, 31], -9.0]]},
    {"max_new_tokens": 24, "suppress_tokens": [11, 44, 85], "begin_suppress_tokens": [58]},
    {"max_new_tokens": 24, "eos_token_id": [11, 44]},
    {"max_new_tokens": 24, "eos_token_id": [11, 44], "min_new_tokens": 8},
    {"max_new_tokens": 24, "eos_token_id": [11, 44], "min_length": 12},
    {"max_new_tokens": 9, "forced_eos_token_id": 17},
    {"max_new_tokens": 40, "eos_token_id": 3, "exponential_decay_length_penalty": (4, 1.3)},
]


@pytest.fixture(scope="module")
def reference():
    return ROW.build()


@pytest.fixture(scope="module")
def folder(reference, tmp_path_factory):
    return save(reference, tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def model(folder):
    return AutoModelForCausalLM.from_pretrained(folder, cache_dtype="float32", threads=1)


@pytest.mark.parametrize("parameters", GREEDY, ids=str)
def test_greedy_tokens_are_transformers_tokens(reference, model, parameters):
    ids = torch.tensor([PROMPT])
    expected = reference.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, **parameters)
    assert model.generate(ids, **parameters).tolist() == expected.tolist()


def test_a_padded_batch_is_laid_out_as_transformers_does(reference, model):
    ids = torch.tensor([[0, 0, 0, *PROMPT], [7, 8, 9, *PROMPT], [0] * 9 + [4]])
    mask = (ids != 0).long()
    parameters = {"max_new_tokens": 12, "eos_token_id": [44, 11, 19], "pad_token_id": 0}
    expected = reference.generate(ids, attention_mask=mask, do_sample=False, **parameters)
    assert model.generate(ids, attention_mask=mask, **parameters).tolist() == expected.tolist()


def test_sampling_from_the_likeliest_token_is_greedy(reference, model):
    ids = torch.tensor([PROMPT])
    expected = reference.generate(ids, attention_mask=torch.ones_like(ids), do_sample=True, top_k=1, max_new_tokens=12)
    assert model.generate(ids, do_sample=True, top_k=1, max_new_tokens=12).tolist() == expected.tolist()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_continued_text_equals_a_new_one(row: Row, tmp_path):
    """What the last call read is used again: also with windows, or a rope that depends on the length."""
    folder = save(row.build(), tmp_path)

    def load():
        return AutoModelForCausalLM.from_pretrained(folder, threads=1)

    model, draw = load(), random.Random(3)
    for _ in range(4):
        text = model.generate([draw.choices(range(3, 97), k=draw.randint(1, 40))], max_new_tokens=6, eos_token_id=None)[
            0
        ]
        turn = text[: draw.randint(1, len(text))] + draw.choices(range(3, 97), k=draw.randint(1, 5))
        continued = model.generate([turn], max_new_tokens=6, eos_token_id=None)
        assert continued == load().generate([turn], max_new_tokens=6, eos_token_id=None)
