"""Hundreds of random configurations of every family, from fixed seeds, against the reference in float64."""

from pathlib import Path
from random import Random

import pytest
import torch

import litz
from tests.parity.harness.decoders import Row, relative_error, save
from tests.parity.harness.draws import CONTEXT
from tests.parity.harness.rows import FAMILIES

SEEDS = 14
TOLERANCE = 1e-4


def logits_error(row: Row, model: litz.NativeCausalLM, ids: torch.Tensor) -> float:
    with torch.no_grad():
        return relative_error(model(ids).logits, row.build().double()(ids).logits)


def batch_differs(model: litz.NativeCausalLM, prompts: list[list[int]]) -> bool:
    """Whether any of these prompts, read and continued as one batch, continues otherwise than by its own logits."""
    together = model.generate(prompts, max_new_tokens=4, do_sample=False, eos_token_id=[], pad_token_id=0)
    for prompt, row in zip(prompts, together, strict=True):
        text = row[: len(prompt) + 4]
        best = model(torch.tensor([text])).logits[0].argmax(-1).tolist()
        if best[len(prompt) - 1 : -1] != text[len(prompt) :]:
            return True
    return False


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_any_configuration_computes_what_the_reference_computes(name: str, tmp_path: Path) -> None:
    wrong = []
    for seed in range(SEEDS):
        row, draw = FAMILIES[name].random_row(name, seed), Random(seed)
        folder = save(row.build(), tmp_path / str(seed))
        model = litz.AutoModelForCausalLM.from_pretrained(folder, cache_dtype="float32", threads=draw.choice([1, 2]))
        lengths = [draw.randint(12, CONTEXT - 4), 3, draw.randint(3, 12)]  # LongRoPE changes its mind after two
        prompts = [[draw.randrange(1, row.keys["vocab_size"]) for _ in range(length)] for length in lengths]
        if (error := logits_error(row, model, torch.tensor(prompts[:1]))) > TOLERANCE:
            wrong.append(f"seed {seed}: error {error:.1e} with {row.keys}")
        if batch_differs(model, prompts):
            wrong.append(f"seed {seed}: the batch differs from its rows, with {row.keys}")
    assert not wrong, "\n".join(wrong)
