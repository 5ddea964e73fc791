"""transformers' own model as an executor: the tokens of its generate(), and of a seed those of the native model."""

from dataclasses import dataclass

import pytest
import torch

from litz import generation
from litz.generation import GenerationConfig, StatelessExecutor
from litz.models.auto import AutoModelForCausalLM
from tests.parity.harness.decoders import CONTEXT, VOCAB, save
from tests.parity.harness.rows import named
from tests.parity.test_generation import GREEDY, PROMPT

ROW = named("llama-3")
PROMPTS = [PROMPT, [7, 8, 9, *PROMPT, 12, 40], [4]]
SAMPLED = {"do_sample": True, "seed": 3, "temperature": 0.9, "top_k": 20, "top_p": 0.9, "max_new_tokens": 16}


@dataclass
class Model:
    executor: object
    generation_config: GenerationConfig


@pytest.fixture(scope="module")
def reference():
    made = ROW.build()
    made.generation_config.eos_token_id = made.generation_config.pad_token_id = None
    return made


@pytest.fixture(scope="module")
def native(reference, tmp_path_factory):
    folder = save(reference, tmp_path_factory.mktemp("model"))
    return AutoModelForCausalLM.from_pretrained(folder, cache_dtype="float32", threads=1)


@pytest.fixture
def seen():
    """The rows whose logits were requested, with those logits."""
    return []


@pytest.fixture
def model(reference, native, seen):
    @torch.no_grad()
    def logits(rows):
        last = torch.stack([reference(torch.tensor([row])).logits[0, -1] for row in rows]).float()
        seen.extend(zip([list(row) for row in rows], last, strict=True))
        return last.numpy()

    return Model(StatelessExecutor(logits, vocab=VOCAB, context=CONTEXT), native.generation_config)


def theirs(reference, prompt, parameters):
    ids = torch.tensor([prompt])
    passed = {"do_sample": False, "eos_token_id": None, "pad_token_id": 0, **parameters}
    return reference.generate(ids, attention_mask=torch.ones_like(ids), **passed).tolist()[0]


@pytest.mark.parametrize("parameters", GREEDY, ids=str)
def test_greedy_tokens_are_those_of_transformers_generate(reference, model, parameters):
    passed = {"eos_token_id": None, **parameters}
    found = generation.generate(model, PROMPTS, **passed)
    assert found == [theirs(reference, prompt, passed) for prompt in PROMPTS]


@pytest.mark.parametrize(
    "parameters",
    [
        SAMPLED,
        {**SAMPLED, "num_return_sequences": 3},
        {**SAMPLED, "repetition_penalty": 1.3, "no_repeat_ngram_size": 2, "frequency_penalty": 0.3},
        {**SAMPLED, "min_p": 0.05, "typical_p": 0.9, "eos_token_id": [11, 44], "min_new_tokens": 4},
    ],
    ids=str,
)
def test_the_draws_of_a_seed_are_those_of_the_native_model(native, model, seen, parameters):
    passed = {**parameters, "return_dict_in_generate": True}
    found, expected = generation.generate(model, PROMPTS, **passed), native.generate(PROMPTS, **passed)
    assert (found.sequences, found.finish_reasons) == (expected.sequences, expected.finish_reasons)
    for row, logits in seen[:: max(1, len(seen) // 8)]:
        mine = torch.tensor(native([row]).logits[0, -1])
        torch.testing.assert_close(mine, logits, rtol=2e-5, atol=2e-5 * float(logits.abs().max()))
