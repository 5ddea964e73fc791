"""Every decoder family against transformers, live, on shaken weights: logits, greedy text, storage dtypes, layouts."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers as hf

import litz
from litz.architectures import MODEL_TYPES, family
from tests.parity.harness.decoders import CONTEXT, VOCAB, Row, edit_config, relative_error, save
from tests.parity.harness.rows import FAMILIES, ROWS, named

TOLERANCE = 1e-4
IDS = torch.tensor(np.random.default_rng(5).integers(3, VOCAB, size=(2, 24)))


@pytest.fixture(scope="module", params=ROWS, ids=lambda row: row.name)
def row(request: pytest.FixtureRequest) -> Row:
    return request.param


@pytest.fixture(scope="module")
def folder(row: Row, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(row.build(), tmp_path_factory.mktemp(row.name))


@pytest.fixture(scope="module")
def reference(row: Row) -> Iterator[hf.PreTrainedModel]:
    with torch.no_grad():
        yield row.build().double()


def load(folder: Path, **options: object) -> litz.NativeCausalLM:
    return litz.AutoModelForCausalLM.from_pretrained(folder, cache_dtype="float32", **options)


def test_every_family_has_rows() -> None:
    # RefinedWeb is Falcon under older keys: tests/parity/test_older_files.py.
    decoders = {file for name, file in MODEL_TYPES.items() if family(name).kind == "decoder"}
    assert set(FAMILIES) == decoders - {"refined_web"}


def test_logits_equal_the_reference_at_every_position(folder: Path, reference: hf.PreTrainedModel) -> None:
    assert relative_error(load(folder)(IDS).logits, reference(IDS).logits) < TOLERANCE


def test_hidden_states_of_every_layer_are_the_reference_s(folder: Path, reference: hf.PreTrainedModel) -> None:
    states = reference(IDS[:1], output_hidden_states=True).hidden_states
    core, ids = load(folder)._core, IDS[0].tolist()
    found = np.frombuffer(core.hidden_states(ids, True), np.float32).reshape(len(states), 1, len(ids), -1)
    for expected, state in zip(states, found, strict=True):
        if expected.shape == state.shape:  # OPT's last one is projected to the embedding's width
            assert relative_error(state.copy(), expected) < TOLERANCE
    assert core.hidden_states(ids, False) == found[-1].tobytes()


def test_greedy_text_is_the_reference_s_for_32_tokens(folder: Path, reference: hf.PreTrainedModel) -> None:
    prompt = IDS[:1, :9]
    expected = reference.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=32, do_sample=False,
                                  eos_token_id=None)  # fmt: skip
    found = load(folder).generate(prompt, max_new_tokens=32, do_sample=False, eos_token_id=[])
    assert found.tolist() == expected.tolist()


def test_a_prompt_alone_and_in_company_gives_the_same_text(folder: Path) -> None:
    model = load(folder)
    prompts = [IDS[0, :20].tolist(), IDS[1, :3].tolist(), IDS[1, 5:16].tolist()]
    options = {"max_new_tokens": 12, "do_sample": False, "eos_token_id": [], "pad_token_id": 0}
    together = model.generate(prompts, **options)
    for prompt, row in zip(prompts, together, strict=True):
        assert row[: len(prompt) + 12] == model.generate([prompt], **options)[0]


def test_a_prefix_has_the_logits_that_it_has_inside_the_whole(folder: Path, row: Row) -> None:
    model = load(folder)
    whole = model(IDS).logits
    # LongRoPE rotates every position of a sequence past its limit (16) differently: only such prefixes compare.
    for length in (17, 23) if row.name == "phi3-longrope-long" else (1, 2, 7, 23):
        assert torch.equal(model(IDS[:, :length]).logits, whole[:, :length])


def test_results_do_not_depend_on_the_thread_count(folder: Path) -> None:
    expected = load(folder, threads=1)(IDS).logits
    for threads in (2, 3, 5):
        assert torch.equal(load(folder, threads=threads)(IDS).logits, expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_checkpoints_compute_as_their_weights_in_full_precision(
    row: Row, dtype: torch.dtype, tmp_path: Path
) -> None:
    rounded = row.build().to(dtype)
    save(rounded, tmp_path)
    # Buffers too were rounded by .to(): only weights are stored, so the reference is built afresh from them.
    reference = row.build()
    reference.load_state_dict(rounded.state_dict(), strict=False)
    model = load(tmp_path)
    assert model.dtype == str(dtype).removeprefix("torch.")
    with torch.no_grad():
        assert relative_error(model(IDS).logits, reference.double()(IDS).logits) < TOLERANCE


def test_sharded_files_load_as_one(folder: Path, row: Row, tmp_path: Path) -> None:
    save(row.build(), tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    assert torch.equal(load(tmp_path)(IDS).logits, load(folder)(IDS).logits)


def test_numpy_in_means_numpy_out(folder: Path) -> None:
    model = load(folder)
    found = model(IDS.numpy()).logits
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.float32
    assert np.array_equal(found, model(IDS).logits.numpy())


def test_masked_positions_are_left_out_on_either_side(folder: Path) -> None:
    model = load(folder)
    ids, mask = IDS.clone(), torch.ones_like(IDS)
    mask[0, :4] = 0
    mask[1, 20:] = 0
    found = model(ids, attention_mask=mask).logits
    assert torch.equal(found[0, 4:], model(ids[:1, 4:]).logits[0])
    assert torch.equal(found[1, :20], model(ids[1:, :20]).logits[0])
    assert not found[0, :4].any()


class TestOlderConfigurations:
    """Keys of most files on the Hub, which transformers 5 no longer writes."""

    def agree(self, row: Row, folder: Path) -> None:
        with torch.no_grad():
            assert relative_error(load(folder)(IDS).logits, row.build().double()(IDS).logits) < TOLERANCE

    @pytest.mark.parametrize("name", ["llama-3", "llama-linear", "llama-yarn", "phi3-longrope-long", "smollm3"])
    def test_rope_theta_and_rope_scaling(self, name: str, tmp_path: Path) -> None:
        row = named(name)
        save(row.build(), tmp_path)

        def older(config: dict) -> None:
            rope = config.pop("rope_parameters")
            config["rope_theta"] = rope.pop("rope_theta")
            rope.pop("partial_rotary_factor", None)
            kind = rope.pop("rope_type")
            config["rope_scaling"] = None if kind == "default" else {"type": kind, **rope}

        edit_config(tmp_path, older)
        self.agree(row, tmp_path)

    def test_gemma3_local_base_frequency_and_window_pattern(self, tmp_path: Path) -> None:
        row = named("gemma3-linear")
        save(row.build(), tmp_path)

        def older(config: dict) -> None:
            del config["rope_parameters"], config["layer_types"]
            config |= {"rope_theta": 1e6, "rope_local_base_freq": 1e4, "sliding_window_pattern": 6,
                       "rope_scaling": {"rope_type": "linear", "factor": 8.0}}  # fmt: skip

        edit_config(tmp_path, older)
        self.agree(row, tmp_path)

    def test_qwen2_keeps_a_window_that_it_does_not_use(self, tmp_path: Path) -> None:
        row = named("qwen2")
        save(row.build(), tmp_path)
        edit_config(tmp_path, lambda c: c.update(sliding_window=7, use_sliding_window=False) or c.pop("layer_types"))
        self.agree(row, tmp_path)


def test_longrope_text_crosses_its_limit_as_the_reference_does(tmp_path: Path) -> None:
    row = named("phi3-longrope-long")
    save(row.build(), tmp_path)
    prompt = IDS[:1, :10]  # short frequencies; 16 is the limit
    with torch.no_grad():
        expected = row.build().generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=24,
                                        do_sample=False, eos_token_id=None)  # fmt: skip
    found = load(tmp_path).generate(prompt, max_new_tokens=24, do_sample=False, eos_token_id=[])
    assert found.tolist() == expected.tolist()


def test_the_context_is_a_limit_that_is_said(tmp_path: Path) -> None:
    save(ROWS[0].build(), tmp_path)
    with pytest.raises(litz.errors.ContextError, match=str(CONTEXT)):
        load(tmp_path)(torch.ones((1, CONTEXT + 1), dtype=torch.long))
