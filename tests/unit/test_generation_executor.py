"""The same loop over the native engine and over Python objects that compute logits: `litz.generation.Executor`."""

import array
import gc
import threading
import weakref
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest

from litz import generation
from litz.errors import ArgumentError, ContextError
from litz.generation import GenerationConfig, SequenceStore, StatelessExecutor, TextIteratorStreamer
from tests.unit.tiny import BOS, CONTEXT, READABLE, VOCAB

PROMPTS = [[BOS, 104, 105], [70], [97 + n % 20 for n in range(70)]]
SAMPLED = {"do_sample": True, "seed": 5, "temperature": 1.2, "top_p": 0.95, "max_new_tokens": 12}
PENALTIES = {"repetition_penalty": 1.3, "frequency_penalty": 0.4, "presence_penalty": 0.2, "no_repeat_ngram_size": 3}


@dataclass
class Model:
    """A model with the interface of generation, and nothing else."""

    executor: object
    generation_config: GenerationConfig = field(default_factory=GenerationConfig)

    def generate(self, *args, **parameters):
        return generation.generate(self, *args, **parameters)


def last_logits(native, rows):
    """The native model's own logits of each row's last token."""
    last = [np.frombuffer(native._core.logits(row), "<f4").reshape(-1, VOCAB)[-1] for row in rows]
    return np.stack(last)


@pytest.fixture
def wrapped(tiny_model):
    executor = StatelessExecutor(lambda rows: last_logits(tiny_model, rows), vocab=VOCAB, context=CONTEXT)
    return Model(executor, tiny_model.generation_config)


@dataclass
class Counting:
    """Logits that depend on nothing but the last token; it records its calls."""

    vocab: int = 8
    context: int = 64
    snapshots: int = 1  # `rewind` reaches a multiple of these
    store: SequenceStore | None = None
    read: list = field(default_factory=list)
    answer: object = None

    def sequence(self):
        return []

    def step(self, tokens, sequences):
        self.read += [list(row) for row in tokens]
        for sequence, row in zip(sequences, tokens, strict=True):
            sequence.extend(row)
        if self.answer is not None:
            return self.answer
        logits = np.zeros((len(tokens), self.vocab), np.float32)
        logits[np.arange(len(tokens)), [(row[-1] + 1) % self.vocab for row in tokens]] = 1
        return logits

    def rewind(self, sequence, to):
        del sequence[to - to % self.snapshots :]
        return len(sequence)

    def fork(self, sequence):
        return list(sequence)


RUNS = {
    "greedy": {"max_new_tokens": 12},
    "sampled": SAMPLED,
    "penalties": {**SAMPLED, **PENALTIES},
    "greedy with penalties": {"max_new_tokens": 12, **PENALTIES},
    "several of a prompt": {**SAMPLED, "num_return_sequences": 3},
    "sliding context": {"max_new_tokens": CONTEXT, "context": "slide", "eos_token_id": None},
    "until the context is full": {"max_new_tokens": 2 * CONTEXT, "eos_token_id": None},
    "forced and forbidden": {"max_new_tokens": 9, "forced_eos_token_id": 7, "suppress_tokens": [70, 71, 72]},
}


@pytest.mark.parametrize("parameters", RUNS.values(), ids=RUNS)
def test_a_function_of_the_native_models_logits_gives_its_tokens(tiny_model, wrapped, tokenizer, parameters):
    requested = {**parameters, "tokenizer": tokenizer, "return_dict_in_generate": True}
    found, expected = wrapped.generate(PROMPTS, **requested), tiny_model.generate(PROMPTS, **requested)
    for name in ("sequences", "finish_reasons", "context_limited", "text"):
        assert found[name] == expected[name]


def test_stop_strings_end_it_at_the_same_token(tiny_model, wrapped, tokenizer):
    requested = {**READABLE, "max_new_tokens": 9, "return_dict_in_generate": True, "tokenizer": tokenizer}
    stop = tiny_model.generate(PROMPTS, **requested).text[1][3:5]
    found = wrapped.generate(PROMPTS, **requested, stop_strings=[stop])
    assert found == tiny_model.generate(PROMPTS, **requested, stop_strings=[stop])
    assert found.finish_reasons[1] == "stop"


def test_streams_streamers_and_padded_arrays_are_those_of_the_native_model(tiny_model, wrapped, tokenizer):
    requested = {**SAMPLED, "tokenizer": tokenizer}
    assert list(generation.stream(wrapped, PROMPTS, **requested)) == list(tiny_model.stream(PROMPTS, **requested))
    streamer = TextIteratorStreamer(tokenizer, skip_prompt=True)
    wrapped.generate([PROMPTS[0]], streamer=streamer, **SAMPLED)
    assert "".join(streamer) == tokenizer.decode(tiny_model.generate([PROMPTS[0]], **SAMPLED)[0][3:])
    ids, mask = np.array([[0, 70], [71, 72]]), np.array([[0, 1], [1, 1]])
    found = wrapped.generate(ids, attention_mask=mask, max_new_tokens=4)
    assert found.tolist() == tiny_model.generate(ids, attention_mask=mask, max_new_tokens=4).tolist()


def test_the_configuration_of_the_model_holds(wrapped):
    wrapped.generation_config = GenerationConfig(max_new_tokens=4, eos_token_id=None)
    assert len(wrapped.generate([[70]])[0]) == 5
    assert generation.explain_generation(wrapped)["max_new_tokens"].value == 4


def test_prompts_come_in_parts_without_padding_and_each_token_once():
    executor = Counting()
    out = Model(executor).generate([[1, 2, 3], [6]], max_length=5)
    assert out == [[1, 2, 3, 4, 5], [6, 7, 0, 1, 2]]
    assert executor.read == [[1, 2, 3], [6], [4], [7], [0], [1]]


def test_a_conversation_is_read_on_where_the_executor_has_a_store():
    for store, read in [(SequenceStore(), [[5, 0]]), (None, [[1, 2, 3, 4, 5, 0]])]:
        executor = Counting(store=store)
        Model(executor).generate([[1, 2, 3]], max_new_tokens=2)
        executor.read.clear()
        assert Model(executor).generate([[1, 2, 3, 4, 5, 0]], max_new_tokens=1)[0][-1] == 1
        assert executor.read == read


def test_what_cannot_be_reached_by_going_back_is_read_again():
    for snapshots, read in [(1, [6]), (2, [3, 6]), (50, [1, 2, 3, 6])]:
        executor = Counting(store=SequenceStore(), snapshots=snapshots)
        Model(executor).generate([[1, 2, 3, 4]], max_new_tokens=2)
        executor.read.clear()
        assert Model(executor).generate([[1, 2, 3, 6]], max_new_tokens=1)[0][-1] == 7
        assert executor.read == [read]


class StepError(Exception):
    pass


@pytest.mark.parametrize("method", ["step", "sequence", "fork", "rewind"])
def test_what_a_method_raises_arrives_as_it_is(monkeypatch, method):
    def fails(*_):
        raise StepError(method)

    executor = Counting()
    monkeypatch.setattr(executor, method, fails)
    with pytest.raises(StepError, match=method) as raised:
        Model(executor).generate([[1, 2]], max_new_tokens=2, do_sample=True, num_return_sequences=2)
    assert raised.traceback[-1].name == "fails"
    assert raised.value.__cause__ is None


def test_an_interrupt_in_a_step_is_an_interrupt():
    executor = StatelessExecutor(lambda rows: (_ for _ in ()).throw(KeyboardInterrupt), vocab=8, context=8)
    with pytest.raises(KeyboardInterrupt):
        Model(executor).generate([[1]], max_new_tokens=2)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (np.zeros((1, 8)), r"Counting.step returned float64, \(1, 8\); expected a buffer of float32, \(1, 8\)"),
        (np.zeros((1, 8), np.float16), r"float16, \(1, 8\)"),
        (np.zeros((1, 8), np.int64), r"int64, \(1, 8\)"),
        (np.zeros((1, 8), ">f4"), r'items of format ">f", \(1, 8\)'),
        (np.zeros((1, 9), np.float32), r"float32, \(1, 9\); expected a buffer of float32, \(1, 8\)"),
        (np.zeros(8, np.float32), r"float32, \(8,\)"),
        (np.zeros((1, 1, 8), np.float32), r"float32, \(1, 1, 8\)"),
        (np.zeros((1, 0), np.float32), r"float32, \(1, 0\)"),
        (bytes(32), r"uint8, \(32,\)"),
        ([[0.0] * 8], "which is no buffer"),
        (False, "False, which is no buffer"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_logits_of_another_kind_are_errors_that_say_what_was_found(answer, text):
    with pytest.raises(ArgumentError, match=text):
        Model(Counting(answer=answer)).generate([[1]], max_new_tokens=2)


def test_a_torch_tensor_is_an_error_that_says_how_to_return_it():
    tensor = SimpleNamespace(numpy=None)  # as a tensor, it has the method but no buffer
    with pytest.raises(ArgumentError, match=r"no buffer \(of a torch tensor, return logits\.detach\(\)"):
        Model(Counting(answer=tensor)).generate([[1]], max_new_tokens=2)


def test_any_buffer_will_do_strided_ones_too():
    wide = np.zeros((2, 16), np.float32)
    wide[:, 10] = 1
    flat = memoryview(array.array("f", wide[0, ::2])).cast("B").cast("f", (1, 8))
    for answer in (wide[:1, ::2], np.asfortranarray(wide[:1, ::2]), flat):
        assert Model(Counting(answer=answer)).generate([[1]], max_new_tokens=2) == [[1, 5, 5]]


@pytest.mark.parametrize(
    ("value", "text"), [(np.nan, "NaN, first for token 3"), (np.inf, "infinite"), (-np.inf, "no token is possible")]
)
def test_logits_that_are_no_numbers_are_errors_as_in_the_native_model(value, text):
    answer = np.full((1, 8), -np.inf if value == -np.inf else 0, np.float32)
    answer[0, 3] = value
    with pytest.raises(ArgumentError, match=text):
        Model(Counting(answer=answer)).generate([[1]], max_new_tokens=2)
    if value != -np.inf:
        out = Model(Counting(answer=answer)).generate([[1]], max_new_tokens=1, remove_invalid_values=True)
        assert out == [[1, 3 if value == np.inf else 0]]


@pytest.mark.parametrize("reached", [-1, 3, 2**70, "1", None, 1.5])
def test_a_rewind_must_say_how_many_tokens_are_left(monkeypatch, reached):
    executor = Counting()
    monkeypatch.setattr(executor, "rewind", lambda sequence, to: reached)
    with pytest.raises(ArgumentError, match=r"Counting\.rewind\(sequence, 2\) returned .*; expected .* 0 to 2"):
        Model(executor).generate([[1, 2, 3]], max_new_tokens=2, do_sample=True, num_return_sequences=2)


def test_what_is_no_executor_is_an_error_that_says_what_it_lacks(wrapped):
    with pytest.raises(ArgumentError, match=r"object computes no logits: it has no method sequence\(\)"):
        Model(object()).generate([[1]], max_new_tokens=1)
    for other in (object(), SimpleNamespace(generation_config=GenerationConfig()), Model(Counting(), {})):
        with pytest.raises(ArgumentError, match="must have an executor and a generation_config of litz"):
            generation.generate(other, [[1]], max_new_tokens=1)
    for vocab in (0, -1, "8", None, 2.5):
        with pytest.raises(ArgumentError, match=r"Counting\.vocab is .*; expected a whole number from 1"):
            Model(Counting(vocab=vocab)).generate([[1]], max_new_tokens=1)
    with pytest.raises(ArgumentError, match=r"Counting\.store is 3; expected a litz\.generation\.SequenceStore"):
        Model(Counting(store=3)).generate([[1]], max_new_tokens=1)
    with pytest.raises(ArgumentError, match="token 8"):
        Model(Counting()).generate([[8]], max_new_tokens=1)
    with pytest.raises(ContextError, match="65 tokens"):
        Model(Counting()).generate([[1] * 65], max_new_tokens=1)


def test_threads_may_share_an_executor_and_its_store():
    executor = Counting(store=SequenceStore(), context=512)
    expected = {start: [start, *((start + step) % 8 for step in range(10))] for start in range(4)}
    found: dict = {}

    def work(start):
        for _ in range(20):
            found.setdefault(start, []).append(Model(executor).generate([[start, start]], max_new_tokens=9)[0])

    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == {start: [expected[start]] * 20 for start in range(4)}


def test_a_run_keeps_nothing_of_an_executor():
    executor = Counting()
    gone = weakref.ref(executor)
    Model(executor).generate([[1]], max_new_tokens=2)
    del executor
    gc.collect()
    assert gone() is None
