import copy

import pytest

from litz.errors import ArgumentError, ContextError, UnsupportedError
from litz.generation import TextIteratorStreamer
from litz.pipelines import TextGenerationPipeline, pipeline
from tests.unit.tiny import ASSISTANT, BOS, CONTEXT, EOS, READABLE, USER

CHAT = [{"role": "user", "content": "hi"}]
GREEDY = {"do_sample": False, "max_new_tokens": 8}


@pytest.fixture
def pipe(tiny_model, tokenizer):
    return pipeline("text-generation", model=tiny_model, tokenizer=tokenizer, **GREEDY)


def continuation(model, tokenizer, ids, **parameters):
    out = model.generate([ids], **{**GREEDY, **parameters})
    return tokenizer.decode(out[0][len(ids) :], skip_special_tokens=True)


def test_a_string_gives_its_continuation(pipe, tiny_model, tokenizer):
    new = continuation(tiny_model, tokenizer, [BOS, 104, 105])
    assert pipe("hi") == [{"generated_text": "hi" + new}]
    assert pipe("hi", return_full_text=False) == [{"generated_text": new}]


def test_a_list_of_strings_is_a_batch_with_one_list_a_string(pipe):
    texts = ["hi", "a longer text", "x"]
    assert pipe(texts) == [pipe(text) for text in texts]
    assert pipe(["hi"]) == [pipe("hi")]
    assert pipe(("hi", "x")) == [pipe("hi"), pipe("x")]
    assert pipe([]) == []
    assert pipe(texts, batch_size=2) == pipe(texts)


def test_messages_give_the_conversation_with_the_answer_added(pipe, tiny_model, tokenizer):
    before = copy.deepcopy(CHAT)
    new = continuation(tiny_model, tokenizer, [BOS, USER, 104, 105, ASSISTANT])
    out = pipe(CHAT)
    assert out == [{"generated_text": [*CHAT, {"role": "assistant", "content": new}]}]
    assert pipe(CHAT, return_full_text=False) == [{"generated_text": new}]
    out[0]["generated_text"][0]["content"] = "changed"
    assert before == CHAT


def test_a_list_of_conversations_is_a_batch(pipe):
    other = [{"role": "system", "content": "be"}, {"role": "user", "content": "hello"}]
    assert pipe([CHAT, other]) == [pipe(CHAT), pipe(other)]


def test_a_final_assistant_message_is_continued(pipe, tiny_model, tokenizer):
    chat = [*CHAT, {"role": "assistant", "content": "we"}]
    new = continuation(tiny_model, tokenizer, [BOS, USER, 104, 105, ASSISTANT, 119, 101])
    assert pipe(chat)[0]["generated_text"] == [*CHAT, {"role": "assistant", "content": "we" + new}]
    added = pipe(chat, continue_final_message=False)[0]["generated_text"]
    assert added[:2] == chat
    assert added[2]["role"] == "assistant"


def test_anything_else_that_can_be_looped_over_is_read_as_needed(pipe):
    read = []

    def texts():
        for text in ("hi", "x", "y"):
            read.append(text)
            yield text

    results = pipe(texts())
    assert read == []
    assert next(results) == pipe("hi")
    assert read == ["hi"]
    assert list(results) == [pipe("x"), pipe("y")]
    assert list(pipe(chat for chat in [CHAT])) == [pipe(CHAT)]


def test_results_know_the_new_text_and_why_it_ended(pipe):
    [result] = pipe("hi")
    assert "hi" + result.text == result["generated_text"]
    assert (result.finish_reason, result.context_limited) == ("length", False)
    assert pipe(CHAT)[0].text == pipe(CHAT)[0]["generated_text"][-1]["content"]


def test_parameters_of_the_call_beat_those_of_the_pipeline_beat_the_defaults(pipe, tiny_model, tokenizer):
    assert len(pipe("hi", max_new_tokens=3, return_tensors=True)[0]["generated_token_ids"]) == 6
    assert len(pipe("hi", max_length=5, return_tensors=True)[0]["generated_token_ids"]) == 5
    plain = pipeline("text-generation", model=tiny_model, tokenizer=tokenizer)
    assert plain("hi", seed=1, max_new_tokens=9) != plain("hi", seed=2, max_new_tokens=9)
    assert plain("hi", seed=1, max_new_tokens=9) == plain("hi", seed=1, max_new_tokens=9, temperature=0.7)
    assert plain("hi", eos_token_id=None)[0].context_limited
    assert pipe("hi", do_sample=True, seed=1, num_return_sequences=3)[2].finish_reason == "length"


def test_several_results_of_several_prompts_stay_together(pipe):
    out = pipe(["hi", "x"], do_sample=True, seed=4, num_return_sequences=2)
    assert [len(results) for results in out] == [2, 2]
    assert [text["generated_text"][0] for results in out for text in results] == ["h", "h", "x", "x"]
    assert out[0] == pipe("hi", do_sample=True, seed=4, num_return_sequences=2)


def test_the_usual_arguments_are_accepted(pipe, tiny_model, tokenizer):
    assert pipe(CHAT, pad_token_id=EOS) == pipe(CHAT)
    made = pipeline(
        task="text-generation", model=tiny_model, tokenizer=tokenizer, return_full_text=False, device="cpu",
        device_map="auto", torch_dtype="auto", trust_remote_code=True, **GREEDY,
    )  # fmt: skip
    assert made("hi") == pipe("hi", return_full_text=False)
    assert made.tokenizer is tokenizer
    assert made.model is tiny_model
    assert str(made.device) == "cpu"
    assert isinstance(pipeline(model=tiny_model, tokenizer=tokenizer), TextGenerationPipeline)


def test_prefix_special_tokens_and_tools_reach_the_tokenizer(pipe):
    ids = pipe("i", prefix="h", return_tensors=True)[0]["generated_token_ids"]
    assert ids == pipe("hi", return_tensors=True)[0]["generated_token_ids"]
    assert pipe("hi", add_special_tokens=False, return_tensors=True)[0]["generated_token_ids"][0] == 104
    assert pipe(CHAT, tools=[print], return_tensors=True)[0]["generated_token_ids"][:2] == [BOS, ASSISTANT]


def test_a_stop_sequence_ends_the_text_and_stays_in_it(pipe):
    requested = {**READABLE, "return_full_text": False}
    free = pipe("hi", **requested)[0]["generated_text"]
    [result] = pipe("hi", **requested, stop_sequence=free[3])
    assert result.finish_reason == "stop"
    assert result["generated_text"] == free[:4]


def test_a_streamer_gets_the_text(pipe, tokenizer):
    streamer = TextIteratorStreamer(tokenizer, skip_prompt=True, skip_special_tokens=True)
    [result] = pipe("hi", streamer=streamer)
    assert "".join(streamer) == result.text
    with pytest.raises(UnsupportedError, match="one sequence"):
        pipe(["hi", "x"], streamer=streamer)


@pytest.mark.parametrize(
    ("inputs", "parameters", "error", "text"),
    [
        (3, {}, ArgumentError, "found 3"),
        ([3], {}, ArgumentError, "found 3"),
        ([{"content": "no role"}], {}, ArgumentError, "message 0"),
        (["hi", None], {}, ArgumentError, "found None"),
        ("hi", {"return_full_text": True, "return_tensors": True}, ArgumentError, "exclude each other"),
        ("hi", {"top_p": 0.5}, ArgumentError, "top_p=0.5.*pipeline argument"),
        ("hi", {"max_new_token": 5}, ArgumentError, "did you mean max_new_tokens"),
        ("hi", {"truncation": True}, UnsupportedError, "never cuts"),
        ("hi", {"batch_size": 0}, ArgumentError, "batch_size"),
        ("x" * (CONTEXT + 1), {}, ContextError, "context"),
    ],
)
def test_errors_say_what_was_found_and_what_to_do(pipe, inputs, parameters, error, text):
    with pytest.raises(error, match=text):
        pipe(inputs, **parameters)


def test_the_factory_names_its_tasks_and_what_it_cannot_do(tiny_model, tokenizer):
    loaded = {"model": tiny_model, "tokenizer": tokenizer}
    with pytest.raises(UnsupportedError, match="text-generation"):
        pipeline("sentiment-analysis", **loaded)
    with pytest.raises(ArgumentError, match="task or a model"):
        pipeline()
    for gpu in ({"device": 0}, {"device": "cuda:0"}, {"device_map": "cuda"}, {"device_map": {"": "mps"}}):
        with pytest.raises(UnsupportedError, match="CPU alone"):
            pipeline("text-generation", **loaded, **gpu)
    with pytest.raises(ArgumentError, match="loaded already"):
        pipeline("text-generation", **loaded, torch_dtype="float32")
