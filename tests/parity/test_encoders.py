"""Every encoder against transformers, live, on shaken weights: hidden states and heads under any mask."""

from pathlib import Path
from random import Random

import pytest
import torch
import transformers as hf

import litz
from litz.architectures import MODEL_TYPES, family
from tests.parity.harness.decoders import relative_error, save
from tests.parity.harness.encoders import (
    CLASSES,
    MASKS,
    TIME,
    Row,
    at_tokens,
    choices,
    inputs,
    load,
    numbers_of,
)
from tests.parity.harness.rows.encoders import EMBEDDING_GEMMA, FAMILIES, ROWS

TOLERANCE = 2e-5
SEEDS = 12
BOTH = [(row, task) for row in ROWS for task in row.all_tasks()]
Inputs = dict[str, torch.Tensor]


@pytest.fixture(scope="module", params=BOTH, ids=lambda both: f"{both[0].name}-{both[1]}")
def both(request: pytest.FixtureRequest) -> tuple[Row, str]:
    return request.param


@pytest.fixture(scope="module")
def folder(both: tuple[Row, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    row, task = both
    return save(row.build(task), tmp_path_factory.mktemp(row.name))


def shaped(given: Inputs, task: str) -> Inputs:
    return choices(given) if task == "multiple-choice" else given


def errors(model: object, reference: hf.PreTrainedModel, given: Inputs, task: str) -> dict[str, float]:
    """How far each number of the output is from the reference's; hidden states of every layer among them."""
    with torch.no_grad():
        expected = reference(**shaped(given, task), output_hidden_states=True)
    found = model(**shaped(given, task), output_hidden_states=True)
    assert len(found.hidden_states) == len(expected.hidden_states)
    pairs = {f"layer {i}": two for i, two in enumerate(zip(found.hidden_states, expected.hidden_states, strict=True))}
    for name in numbers_of(task):
        if expected.get(name) is not None:
            assert found[name].shape == expected[name].shape
            pairs[name] = found[name], expected[name]
        else:
            assert getattr(found, name) is None
    return {name: relative_error(at_tokens(one, given), at_tokens(two, given)) for name, (one, two) in pairs.items()}


def test_every_family_has_rows() -> None:
    encoders = {file for name, file in MODEL_TYPES.items() if family(name).kind == "encoder"}
    assert set(FAMILIES) == encoders


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_has_the_heads_that_it_has_in_transformers(name: str) -> None:
    config = FAMILIES[name].config
    theirs = {task for task, auto in CLASSES.items() if config in auto._model_mapping}
    assert set(family(config().model_type).tasks) == theirs


def test_heads_and_hidden_states_are_the_reference_s_under_any_mask(both: tuple[Row, str], folder: Path) -> None:
    row, task = both
    reference, model = row.build(task).double(), load(folder, task)
    for mask in MASKS:
        found = errors(model, reference, inputs(reference.config, mask=mask), task)
        assert max(found.values()) < TOLERANCE, (mask, found)


def test_a_row_has_the_same_bits_alone_and_in_company(both: tuple[Row, str], folder: Path) -> None:
    row, task = both
    model, given = load(folder, task, threads=2), inputs(row.made(task), mask="holes")
    together, other = model(**shaped(given, task)), load(folder, task, threads=1)
    for index in range(3):
        alone = other(**shaped({name: value[index : index + 1] for name, value in given.items()}, task))
        for name in numbers_of(task):
            if (whole := getattr(together, name)) is not None:
                part = whole[:, index] if task == "multiple-choice" else whole[index]
                assert torch.equal(part, alone[name][0] if task != "multiple-choice" else alone[name][:, 0])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("name", FAMILIES)
def test_half_precision_checkpoints_compute_as_their_weights_in_full_precision(
    name: str, dtype: torch.dtype, tmp_path: Path
) -> None:
    row, task = FAMILIES[name].rows[0], "masked-language-model"
    rounded, reference = row.build(task).to(dtype), row.build(task)
    reference.load_state_dict(rounded.state_dict(), strict=False)
    found = errors(load(save(rounded, tmp_path), task), reference.double(), inputs(reference.config, mask="left"), task)
    assert max(found.values()) < 10 * TOLERANCE, found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_model_with_a_head_gives_its_hidden_states(row: Row, tmp_path: Path) -> None:
    for task in row.all_tasks():
        reference = row.build(task)
        folder = save(reference, tmp_path / task)
        model = load(folder, "hidden-states")
        given = inputs(reference.config, mask="right")
        with torch.no_grad():
            base = reference if task == "hidden-states" else reference.base_model
            expected = base.double()(**given).last_hidden_state
        assert (
            relative_error(at_tokens(model(**given).last_hidden_state, given), at_tokens(expected, given)) < TOLERANCE
        )


@pytest.mark.parametrize("name", FAMILIES)
def test_any_configuration_computes_what_the_reference_computes(name: str, tmp_path: Path) -> None:
    wrong = []
    for seed in range(SEEDS):
        row, draw = FAMILIES[name].random_row(name, seed), Random(seed)
        task = draw.choice(row.all_tasks())
        model = load(save(row.build(task), tmp_path / str(seed)), task, threads=draw.choice([1, 2]))
        reference = row.build(task).double()
        given = inputs(reference.config, mask=draw.choice(MASKS), seed=seed, time=draw.choice([3, 11, TIME]))
        found = errors(model, reference, given, task)
        if max(found.values()) > 5 * TOLERANCE:
            wrong.append(f"seed {seed}: {task}, {found} with {row.keys}")
    assert not wrong, "\n".join(wrong)


def test_embedding_gemma_writes_no_text(tmp_path: Path) -> None:
    folder = save(EMBEDDING_GEMMA.build("hidden-states"), tmp_path)
    with pytest.raises(litz.errors.UnsupportedError, match="reads both ways"):
        litz.AutoModelForCausalLM.from_pretrained(folder)
