"""What programs write, with the types that it has: every line is right for mypy --strict and pyright."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, assert_type

import numpy as np
import torch
from numpy.typing import NDArray

import litz
from litz import (
    AsyncTextIteratorStreamer,
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    BatchEncoding,
    CausalLMOutput,
    GenerationConfig,
    GPT2Tokenizer,
    NativeCausalLM,
    PreTrainedTokenizerBase,
    TextIteratorStreamer,
    TextStreamer,
    Tokenizer,
    errors,
    pipeline,
    set_seed,
)
from litz.generation import GenerationOutput, Token
from litz.models.outputs import BaseModelOutputWithPooling, SequenceClassifierOutput
from litz.pipelines import TextGenerationPipeline
from litz.pipelines.text_generation import Generated

MESSAGES = [{"role": "user", "content": "Hello"}]


def loads() -> None:
    assert_type(AutoConfig.from_pretrained("folder"), litz.Config)
    assert_type(AutoModelForCausalLM.from_pretrained("owner/name"), NativeCausalLM)
    assert_type(AutoTokenizer.from_pretrained(Path("folder")), Tokenizer)
    assert_type(GPT2Tokenizer.from_pretrained("folder"), GPT2Tokenizer)
    AutoModelForCausalLM.from_pretrained(
        "folder", dtype=torch.float32, device_map="cpu", threads=2, cache_dtype="q8_0", activations="fast",
        attn_implementation="sdpa", low_cpu_mem_usage=True, rms_norm_eps=1e-6, config={"model_type": "llama"},
    )  # fmt: skip
    AutoTokenizer.from_pretrained("folder", padding_side="left", pad_token="<pad>", use_fast=False)
    AutoConfig.from_pretrained("owner/name", revision="v2", cache_dir=Path("cache"), token=False, rope_theta=1e4)
    AutoTokenizer.from_pretrained("owner/name", local_files_only=True, subfolder="inner", trust_remote_code=True)
    AutoModelForCausalLM.from_pretrained("folder", gguf_file="m.gguf", revision=None, local_files_only=True)
    GenerationConfig.from_pretrained("folder", subfolder="inner", top_k=3)
    pipeline(model="owner/name", revision="v2", cache_dir="cache", max_new_tokens=3)


def encodes(tokenizer: Tokenizer, texts: list[str]) -> None:
    assert_type(tokenizer("text"), BatchEncoding[list[int]])
    assert_type(tokenizer("text", add_special_tokens=False).input_ids, list[int])
    assert_type(tokenizer(["one", "two"], padding=True)["attention_mask"], list[list[int]])
    assert_type(tokenizer(texts, padding="longest", return_tensors="np").input_ids, NDArray[np.int64])
    assert_type(tokenizer("text", return_tensors="pt")["input_ids"], torch.Tensor)
    assert_type(tokenizer("text", return_tensors="pt").to("cpu").input_ids, torch.Tensor)
    assert_type(tokenizer.encode("text"), list[int])
    assert_type(tokenizer.encode("text", return_tensors="pt"), torch.Tensor)
    assert_type(tokenizer.decode([1, 2], skip_special_tokens=True), str)
    assert_type(tokenizer.decode([[1], [2]]), list[str])
    assert_type(tokenizer.batch_decode([[1], [2]]), list[str])
    assert_type(tokenizer.eos_token_id, int | None)
    assert_type(tokenizer.pad_token, str | None)
    tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "left"
    assert_type(tokenizer.convert_tokens_to_ids("a"), int | None)
    assert_type(len(tokenizer), int)


def chats(tokenizer: Tokenizer, own: dict[str, Any]) -> None:
    assert_type(tokenizer.apply_chat_template(MESSAGES), list[int])
    assert_type(tokenizer.apply_chat_template([MESSAGES, MESSAGES]), list[list[int]])
    assert_type(tokenizer.apply_chat_template(MESSAGES, tokenize=False, add_generation_prompt=True), str)
    assert_type(tokenizer.apply_chat_template(MESSAGES, return_tensors="pt", enable_thinking=False), torch.Tensor)
    assert_type(
        tokenizer.apply_chat_template(MESSAGES, return_tensors="pt", return_dict=True), BatchEncoding[torch.Tensor]
    )
    tokenizer.apply_chat_template(MESSAGES, **own)  # variables that litz does not list


def generates(model: NativeCausalLM, tokenizer: Tokenizer) -> None:
    inputs = tokenizer("text", return_tensors="pt")
    assert_type(model.generate(**inputs, max_new_tokens=20), Any)
    assert_type(model.generate(inputs.input_ids, attention_mask=inputs.attention_mask, do_sample=True), torch.Tensor)
    assert_type(model.generate([[1, 2]], max_new_tokens=20, temperature=0.5, seed=3), list[list[int]])
    assert_type(model.generate([[1, 2]], return_dict_in_generate=True, tokenizer=tokenizer), GenerationOutput)
    assert_type(model.stream([[1, 2]], tokenizer=tokenizer, stop_strings=["\n"]), Generator[Token, None, None])
    for token in model.stream([[1, 2]]):
        assert_type(token.text, str | None)
    model.generate([[1]], streamer=TextStreamer(tokenizer, skip_prompt=True))
    assert_type(next(TextIteratorStreamer(tokenizer, timeout=1.0)), str)
    model.generate([[1]], streamer=AsyncTextIteratorStreamer(tokenizer))
    model.generate([[1]], generation_config=GenerationConfig(max_new_tokens=3, top_p=0.9))
    assert_type(model.generate([[1]], GenerationConfig(max_new_tokens=3)), list[list[int]])
    model.generation_config.max_new_tokens = 5


def computes(model: NativeCausalLM, ids: torch.Tensor) -> None:
    assert_type(model(ids), CausalLMOutput[torch.Tensor])
    assert_type(model(ids).logits[:, -1], torch.Tensor)
    assert_type(model([[1, 2]]).logits, NDArray[np.float32])
    assert_type(model(input_ids=ids, attention_mask=None), Any)
    assert_type(model.eval(), NativeCausalLM)
    assert_type(model.num_parameters(), int)


def pipes(model: NativeCausalLM, tokenizer: Tokenizer, texts: Iterator[str]) -> None:
    pipe = pipeline("text-generation", model=model, tokenizer=tokenizer, max_new_tokens=20, return_full_text=False)
    assert_type(pipe, TextGenerationPipeline)
    assert_type(pipe("text"), list[Generated])
    assert_type(pipe(MESSAGES, do_sample=False), list[Generated])
    assert_type(pipe(["one", "two"], batch_size=2), list[list[Generated]])
    assert_type(pipe([MESSAGES]), list[list[Generated]])
    assert_type(pipe(texts), Iterator[list[Generated]])
    assert_type(pipe("text")[0].finish_reason, str)
    assert_type(pipe.model, NativeCausalLM)
    assert_type(pipeline("text-generation").tokenizer, Tokenizer)
    pipeline(task="text-generation", model="owner/name", device="cpu", dtype="auto")


def takes_any_tokenizer(tokenizer: PreTrainedTokenizerBase) -> None:
    set_seed(1)
    try:
        tokenizer("text", max_length=4, truncation=True)
    except errors.ArgumentError as error:
        print(error, litz.__version__)


def reads_whole_sequences() -> None:
    model = litz.AutoModelForSequenceClassification.from_pretrained("folder", num_labels=3)
    assert_type(model([[1, 2]]), SequenceClassifierOutput[Any])
    hidden = litz.AutoModel.from_pretrained("folder")([[1, 2]], output_hidden_states=True)
    assert_type(hidden, BaseModelOutputWithPooling[Any])
