"""Calls of an encoder: what is packed for the engine, and what comes back at which place, in the caller's kind."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from litz.errors import ArgumentError, ContextError, UnknownArgumentError, UnsupportedError
from litz.models.auto import AutoModel
from litz.models.encoder import NativeEncoder
from litz.spec import Attention, Branch, Dense, Mask, PooledHead, Positions, Spec, Sum, TokenHead, TokenStem, Tower
from litz.weights import LoadReport

WIDTH, LAYERS, LABELS, SKIP = 3, 2, 4, 1
ATTENTION = Attention(1, 1, WIDTH, WIDTH, 1.0, Mask(causal=False))


class Core:
    """Computes hidden states that say what was read: the id and the position of a token, and how many keys it sees."""

    threads = 1

    def __init__(self):
        self.calls = []

    def report(self):
        names = ("mapped", "packed", "bytes_mapped", "bytes_packed", "bytes_converted", "bytes_scratch")
        return '{"conversions": [], ' + ", ".join(f'"{name}": 0' for name in names) + "}"

    def encode(self, ids, lengths, *, positions, types, embeddings, keys, pooled, head, hidden):
        if ids is None:
            ids = np.frombuffer(embeddings, np.float32).reshape(-1, WIDTH)[:, 0]
        else:
            ids = np.frombuffer(ids, np.uint32)
        assert len(ids) == sum(lengths)
        counted = [place for length in lengths for place in range(length)]
        positions = counted if positions is None else np.frombuffer(positions, np.uint32)
        types = np.zeros(len(ids)) if types is None else np.frombuffer(types, np.uint32)
        seen = np.repeat(keys, lengths)
        made = np.stack([ids + 100 * types, positions, seen], axis=1).astype(np.float32)
        layers = [made * (1 + layer) for layer in range(LAYERS + 1)]
        self.calls.append((ids.tolist(), list(lengths), list(keys), hidden))
        starts = np.cumsum([0, *lengths[:-1]]) + (0 if pooled is None else np.array(pooled))
        found = {"none": b"", "last": layers[-1].tobytes(), "layers": np.stack(layers).tobytes()}[hidden]
        return self.head(made, starts) if head else b"", found


class PooledCore(Core):
    def head(self, made, starts):
        return np.pad(made[starts], ((0, 0), (0, LABELS - WIDTH))).tobytes()


class TokenCore(Core):
    def head(self, made, starts):
        return made[:, :2].tobytes()


class BareCore(Core):
    def head(self, made, starts):
        raise AssertionError("there is no head")


def model(core, *, task, head=None, positions=None, types=2):
    positions = positions or Positions(16)
    stem = TokenStem(50, WIDTH, positions=positions, types=types)
    tower = Tower(WIDTH, 12, stem, ((Sum((Branch("attn", ATTENTION),)),),) * LAYERS)
    checkpoint = SimpleNamespace(
        config={"model_type": "bert"}, spec=Spec({"text": tower}, head), report=LoadReport(0),
        files=SimpleNamespace(source="here"),
    )  # fmt: skip
    return NativeEncoder(core, checkpoint, task=task, dtype="float32")


def bare(**options):
    return model(BareCore(), task="hidden-states", **options)


IDS = [[5, 6, 7, 0], [8, 9, 0, 0]]
MASK = [[1, 1, 1, 0], [1, 1, 0, 0]]


def test_every_place_has_its_hidden_state_and_padding_sees_the_tokens():
    states = bare()(IDS, MASK).last_hidden_state / (1 + LAYERS)
    assert states[:, :, 0].tolist() == IDS
    assert states[:, :, 1].tolist() == [[0, 1, 2, 3]] * 2
    assert states[:, :, 2].tolist() == [[3] * 4, [2] * 4]


@pytest.mark.parametrize("mask", [[0, 0, 1, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 1, 1, 1]])
def test_masks_may_leave_out_any_place(mask):
    encoder = bare()
    states = encoder([[5, 6, 7, 8]], [mask]).last_hidden_state / (1 + LAYERS)
    assert states[0, :, 0].tolist() == [5, 6, 7, 8]
    assert states[0, :, 1].tolist() == [0, 1, 2, 3]
    ((ids, _, keys, _),) = encoder._core.calls
    assert sorted(ids[: keys[0]]) == [token for token, kept in zip([5, 6, 7, 8], mask, strict=True) if kept]


def test_positions_that_leave_padding_out_are_counted_by_the_ids():
    encoder = bare(positions=Positions(16, skip=SKIP))
    given = {"input_ids": [[SKIP, 5, 6, SKIP, 7]], "attention_mask": [[0, 1, 1, 0, 1]]}
    states = encoder(**given).last_hidden_state / (1 + LAYERS)
    assert states[0, :, 1].tolist() == [0, 1, 2, 3, 4]
    same = encoder(**given, position_ids=[[SKIP, SKIP + 1, SKIP + 2, SKIP, SKIP + 3]]).last_hidden_state
    assert (same == states * (1 + LAYERS)).all()
    with pytest.raises(UnsupportedError, match="counts its positions by the ids"):
        encoder(**given, position_ids=[[0, 1, 2, 3, 4]])
    with pytest.raises(UnsupportedError, match="counts its positions by the ids"):
        encoder(inputs_embeds=np.zeros((1, 2, WIDTH)))


def test_masked_tokens_that_count_as_positions_are_computed_for_a_pooled_head_too():
    head, positions = PooledHead("first", LABELS), Positions(16, skip=SKIP)
    encoder = model(PooledCore(), task="sequence-classification", head=head, positions=positions)
    encoder([[5, 6, 7, SKIP]], [[1, 0, 1, 0]])
    assert encoder._core.calls[-1] == ([5, 7, 6], [3], [2], "none")


@pytest.mark.parametrize("kind", [list, np.asarray, torch.tensor])
def test_vectors_stand_in_the_place_of_ids(kind):
    vectors = kind([[[5.0, 0, 0], [6.0, 0, 0]], [[0.5, 0, 0], [7.0, 0, 0]]])
    output = bare()(inputs_embeds=vectors, attention_mask=[[1, 1], [0, 1]]).last_hidden_state / (1 + LAYERS)
    assert output[:, :, 0].tolist() == [[5, 6], [0.5, 7]]
    assert output[:, :, 2].tolist() == [[2, 2], [1, 1]]
    assert isinstance(output, torch.Tensor if kind is torch.tensor else np.ndarray)
    with pytest.raises(ArgumentError, match=r"must be \(batch, time, 3\) floats, found \[2, 2, 2\]"):
        bare()(inputs_embeds=np.zeros((2, 2, 2)))
    with pytest.raises(ArgumentError, match="two inputs"):
        bare()(IDS, inputs_embeds=vectors)


def test_one_row_of_positions_serves_all_rows():
    states = bare()(IDS, position_ids=[[3, 2, 1, 0]]).last_hidden_state / (1 + LAYERS)
    assert states[:, :, 1].tolist() == [[3, 2, 1, 0]] * 2


@pytest.mark.parametrize("kind", [list, np.asarray, torch.tensor])
def test_results_are_of_the_kind_of_the_ids(kind):
    given = IDS if kind is list else kind(IDS)
    output = bare()(input_ids=given, attention_mask=MASK, token_type_ids=[[0, 0, 1, 0], [1, 0, 0, 0]])
    assert isinstance(output.last_hidden_state, torch.Tensor if kind is torch.tensor else np.ndarray)
    assert str(output.last_hidden_state.dtype).endswith("float32")
    assert output.last_hidden_state[0, 2, 0] == 107 * (1 + LAYERS)


def test_hidden_states_of_every_layer_come_with_the_last_ones():
    output = bare()(IDS, MASK, output_hidden_states=True)
    assert [states[0, 0, 0] for states in output.hidden_states] == [5, 10, 15]
    assert (output.hidden_states[-1] == output.last_hidden_state).all()
    assert list(output) == ["last_hidden_state", "hidden_states"]
    assert output.pooler_output is None


def test_a_pooled_head_computes_no_padding_but_what_it_reads():
    encoder = model(PooledCore(), task="sequence-classification", head=PooledHead("first", LABELS))
    assert encoder(IDS, MASK).logits.shape == (2, LABELS)
    assert encoder._core.calls[-1] == ([5, 6, 7, 8, 9], [3, 2], [3, 2], "none")
    assert encoder([[9, 5, 6]], [[0, 1, 1]]).logits[0, 0] == 9
    assert encoder._core.calls[-1] == ([5, 6, 9], [3], [2], "none")
    mean = model(PooledCore(), task="sequence-classification", head=PooledHead("mean", LABELS))
    mean([[0, 5, 6]], [[0, 1, 1]])
    assert mean._core.calls[-1] == ([5, 6], [2], [2], "none")


def test_the_pooler_of_hidden_states_is_an_output():
    head = PooledHead("first", None, Dense(LABELS, "tanh"))
    output = model(PooledCore(), task="hidden-states", head=head)(IDS, MASK)
    assert output.pooler_output.shape == (2, LABELS)
    assert output.last_hidden_state.shape == (2, 4, WIDTH)
    assert output[1] is output.pooler_output


def test_an_answer_has_two_scores_for_each_place():
    output = model(TokenCore(), task="question-answering", head=TokenHead(2))(torch.tensor(IDS), torch.tensor(MASK))
    assert output.start_logits.tolist() == IDS
    assert output.end_logits.tolist() == [[0, 1, 2, 3]] * 2
    assert output.start_logits.is_contiguous()


def test_choices_are_rows_of_a_question():
    encoder = model(PooledCore(), task="multiple-choice", head=PooledHead("first", 1))
    encoder._core.head = lambda made, starts: made[starts, 0].tobytes()
    ids = [[[5, 6], [7, 8], [9, 9]], [[1, 2], [3, 4], [5, 5]]]
    assert encoder(ids, [[[1, 1]] * 3] * 2).logits.tolist() == [[5, 7, 9], [1, 3, 5]]
    with pytest.raises(ArgumentError, match=r"\(batch, choices, time\): a list of choices"):
        encoder(IDS)
    with pytest.raises(ArgumentError, match="as many choices in every row"):
        encoder([[[5], [6]], [[7]]])


def test_a_tuple_is_returned_where_one_is_asked_for():
    (states,) = bare()(IDS, return_dict=False)
    assert states.shape == (2, 4, WIDTH)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"labels": [1, 2]}, UnsupportedError, "labels=.*belongs to training"),
        ({"input_ids": None, "inputs_embeds": "abc"}, ArgumentError, "expected an array of numbers"),
        ({"output_attentions": True}, UnsupportedError, "output_attentions=True"),
        ({"atention_mask": MASK}, UnknownArgumentError, "did you mean attention_mask"),
        ({"attention_mask": [[1, 1, 1, 1], [0, 0, 0, 0]]}, ArgumentError, "a row without a single token"),
        ({"attention_mask": [[1, 1], [1, 1]]}, ArgumentError, r"attention_mask are \[2, 2\], the inputs are \[2, 4\]"),
        ({"token_type_ids": [[0, 0, 2, 0]] * 2}, ArgumentError, "token_type_ids must be an integer from 0 to 1"),
        ({"position_ids": [[0, 1, 2, 12]]}, ArgumentError, "position_ids must be an integer from 0 to 11"),
        ({"input_ids": [[50]]}, ArgumentError, "holds 50, which is no token id"),
        ({"input_ids": [[5] * 13]}, ContextError, "rows of 13 tokens are longer than the model's 12"),
        ({"input_ids": [[5], [5, 6]]}, ArgumentError, "rows of one length"),
        ({"input_ids": None}, ArgumentError, "input_ids must be integers"),
    ],
)
def test_what_is_wrong_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        bare()(**{"input_ids": IDS, **arguments})


def test_a_model_without_token_types_takes_zeros_alone():
    encoder = bare(types=0)
    encoder(IDS, token_type_ids=[[0] * 4] * 2)
    with pytest.raises(ArgumentError, match="this model has no token types"):
        encoder(IDS, token_type_ids=[[0, 1, 0, 0]] * 2)


def test_a_loaded_encoder_where_a_name_is_meant_is_recognised():
    with pytest.raises(ArgumentError, match=r"found a loaded model \(NativeEncoder\); .*its name_or_path, 'here'"):
        AutoModel.from_pretrained(bare())
