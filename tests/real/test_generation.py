"""Generation with a real model and its tokenizer: streams, stop strings, batches and conversations."""

from threading import Thread
from typing import Any

import pytest

from litz import AutoModelForCausalLM, AutoTokenizer, TextIteratorStreamer, pipeline
from tests.assets import asset

pytestmark = pytest.mark.slow

SYSTEM = {"role": "system", "content": "You are a helpful assistant, answer in one sentence."}
CHATS = [
    [SYSTEM, {"role": "user", "content": "What is the capital of France?"}],
    [{"role": "system", "content": "Answer in one word."}, {"role": "user", "content": "2 + 2?"}],
    [{"role": "user", "content": "用一句话介绍你自己。"}],
]


@pytest.fixture(scope="module")
def model() -> Any:
    return AutoModelForCausalLM.from_pretrained(asset("smollm2"))


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(asset("smollm2"))


@pytest.fixture(scope="module")
def pipe(model: Any, tokenizer: Any) -> Any:
    return pipeline("text-generation", model=model, tokenizer=tokenizer, max_new_tokens=24, do_sample=False)


def test_the_model_ends_its_turn(pipe: Any) -> None:
    [result] = pipe(CHATS[0])
    assert "Paris" in result.text
    assert result.finish_reason == "eos"
    assert "<|im_end|>" not in result.text


@pytest.mark.parametrize("parameters", [{}, {"do_sample": True, "seed": 3, "temperature": 0.8}], ids=str)
def test_conversations_give_the_same_alone_and_in_a_batch(pipe: Any, parameters: dict[str, Any]) -> None:
    assert pipe(CHATS, **parameters) == [pipe(chat, **parameters) for chat in CHATS]


def test_a_longer_conversation_gives_what_it_gives_anew(pipe: Any) -> None:
    turn = [*pipe(CHATS[0])[0]["generated_text"], {"role": "user", "content": "And of Italy?"}]
    continued = pipe(turn)
    pipe("something else")
    assert pipe(turn) == continued


def test_the_streamed_text_is_the_text(model: Any, tokenizer: Any) -> None:
    inputs = tokenizer.apply_chat_template(CHATS[2], add_generation_prompt=True, return_tensors="np")
    streamer = TextIteratorStreamer(tokenizer, skip_prompt=True, skip_special_tokens=True, timeout=120)
    requested = {"input_ids": inputs, "max_new_tokens": 40, "do_sample": True, "seed": 1}
    thread = Thread(target=model.generate, kwargs={**requested, "streamer": streamer})
    thread.start()
    text = "".join(streamer)
    thread.join()
    out = model.generate(**requested)
    assert text == tokenizer.decode(out[0][inputs.shape[1] :], skip_special_tokens=True)
    assert text == "".join(token.text for token in model.stream(**requested, tokenizer=tokenizer))


@pytest.mark.parametrize("stop", ["<|im_end|>", "Paris"])
def test_a_stop_string_may_be_special_or_plain_and_is_not_in_the_text(model: Any, tokenizer: Any, stop: str) -> None:
    ids = tokenizer.apply_chat_template(CHATS[0], add_generation_prompt=True)
    requested = {"max_new_tokens": 24, "eos_token_id": None, "return_dict_in_generate": True}
    out = model.generate([ids], stop_strings=stop, tokenizer=tokenizer, **requested)
    assert out.finish_reasons == ["stop"]
    assert stop in tokenizer.decode(out.sequences[0][len(ids) :])
    assert stop not in out.text[0]
    assert out.text[0].startswith("The capital of France is")
