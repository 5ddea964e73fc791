"""Mistakes that type checkers find: each line says which error mypy, and which pyright, must give there."""

import litz
from litz import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    NativeCausalLM,
    TextStreamer,
    Tokenizer,
    pipeline,
)

MESSAGES = [{"role": "user", "content": "Hello"}]


def imports() -> None:
    from litz import AutoModelForTelepathy  # expect: mypy[attr-defined] pyright[reportAttributeAccessIssue]

    print(AutoModelForTelepathy, litz.Trainer)  # expect: mypy[attr-defined] pyright[reportAttributeAccessIssue]


def loads(model: NativeCausalLM, tokenizer: Tokenizer) -> None:
    AutoModelForCausalLM.from_pretrained("x", dytpe="auto")  # expect: mypy[call-arg] pyright[reportCallIssue]
    AutoModelForCausalLM.from_pretrained("x", threads="2")  # expect: mypy[arg-type] pyright[reportArgumentType]
    AutoModelForCausalLM.from_pretrained("x", activations="exact")  # expect: mypy[arg-type] pyright[reportArgumentType]
    AutoModelForCausalLM.from_pretrained(model)  # expect: mypy[arg-type] pyright[reportArgumentType]
    AutoModelForCausalLM.from_pretrained()  # expect: mypy[call-arg] pyright[reportCallIssue]
    AutoTokenizer.from_pretrained("x", paddding_side="left")  # expect: mypy[call-arg] pyright[reportCallIssue]
    AutoTokenizer.from_pretrained("x", padding_side="lef")  # expect: mypy[arg-type] pyright[reportArgumentType]
    AutoTokenizer.from_pretrained("x", device_map="cpu")  # expect: mypy[call-arg] pyright[reportCallIssue]
    AutoConfig.from_pretrained("x", revision=2)  # expect: mypy[arg-type] pyright[reportArgumentType]
    AutoConfig.from_pretrained("x", local_file_only=True)  # expect: mypy[call-arg] pyright[reportCallIssue]
    GenerationConfig.from_pretrained("x", cache_dirs="y")  # expect: mypy[call-arg] pyright[reportCallIssue]
    AutoTokenizer.from_pretrained(tokenizer)  # expect: mypy[arg-type] pyright[reportArgumentType]


def generates(model: NativeCausalLM, tokenizer: Tokenizer) -> None:
    ids = [[1, 2]]
    model.generate(ids, max_new_token=3)  # expect: mypy[call-overload] pyright[reportCallIssue]
    model.generate(input_ids=ids, max_new_token=3)  # expect: mypy[call-overload] pyright[reportCallIssue]
    model.generate(ids, max_new_tokens="3")  # expect: mypy[call-overload] pyright[reportArgumentType,reportCallIssue]
    model.generate(ids, temprature=0.3)  # expect: mypy[call-overload] pyright[reportCallIssue]
    model.generate(ids, streamer=tokenizer)  # expect: mypy[call-overload] pyright[reportArgumentType,reportCallIssue]
    model.stream(ids, max_new_token=3)  # expect: mypy[call-arg] pyright[reportCallIssue]
    model.stream(ids, top_k=0.5)  # expect: mypy[arg-type] pyright[reportArgumentType]
    model.generat(ids)  # expect: mypy[attr-defined] pyright[reportAttributeAccessIssue]
    model(ids, attention_maks=None)  # expect: mypy[call-overload] pyright[reportCallIssue]
    TextStreamer(tokenizer, skip_promt=True)  # expect: mypy[arg-type] pyright[reportArgumentType]
    TextStreamer(model)  # expect: mypy[arg-type] pyright[reportArgumentType]
    GenerationConfig(max_new_token=3)  # expect: mypy[call-arg] pyright[reportCallIssue]
    GenerationConfig(max_new_tokens="3")  # expect: mypy[arg-type] pyright[reportArgumentType]
    model.generation_config.max_new_token = 3  # expect: mypy[attr-defined] pyright[reportAttributeAccessIssue]
    model.explain_generation(tempreature=1.0)  # expect: mypy[call-arg] pyright[reportCallIssue]


def encodes(tokenizer: Tokenizer, model: NativeCausalLM) -> None:
    tokenizer("text", paddin=True)  # expect: mypy[call-overload] pyright[reportCallIssue]
    tokenizer("text", padding="longst")  # expect: mypy[call-overload] pyright[reportArgumentType,reportCallIssue]
    tokenizer(model)  # expect: mypy[call-overload] pyright[reportArgumentType,reportCallIssue]
    tokenizer("text").input_idz  # noqa: B018  # expect: mypy[attr-defined] pyright[reportAttributeAccessIssue]
    tokenizer.encode("text", add_special_token=False)  # expect: mypy[call-overload] pyright[reportCallIssue]
    tokenizer.decode([1], skip_special_token=True)  # expect: mypy[call-overload] pyright[reportCallIssue]
    tokenizer.decode([1]).uper()  # expect: mypy[attr-defined] pyright[reportAttributeAccessIssue]
    tokenizer.pad_tokn = "x"  # expect: mypy[attr-defined] pyright[reportAttributeAccessIssue]
    tokenizer.padding_side = "lef"  # expect: mypy[assignment] pyright[reportAttributeAccessIssue]
    chat = tokenizer.apply_chat_template
    chat(MESSAGES, add_generation_promt=True)  # expect: mypy[call-overload] pyright[reportCallIssue]
    chat(MESSAGES, tokenise=False)  # expect: mypy[call-overload] pyright[reportCallIssue]
    chat(MESSAGES, enable_thinking="no")  # expect: mypy[call-overload] pyright[reportArgumentType,reportCallIssue]


def pipes(model: NativeCausalLM, tokenizer: Tokenizer) -> None:
    pipeline(model)  # expect: mypy[arg-type] pyright[reportArgumentType]
    pipeline("text-generatoin", model)  # expect: mypy[arg-type] pyright[reportArgumentType]
    pipeline("text-generation", tokenizer)  # expect: mypy[arg-type] pyright[reportArgumentType]
    pipeline("text-generation", model, max_new_token=3)  # expect: mypy[call-arg] pyright[reportCallIssue]
    pipeline("text-generation", model, tokeniser=tokenizer)  # expect: mypy[call-arg] pyright[reportCallIssue]
    pipe = pipeline("text-generation", model)
    pipe("text", retrun_full_text=False)  # expect: mypy[call-overload] pyright[reportCallIssue]
    pipe("text", max_new_tokens="3")  # expect: mypy[call-overload] pyright[reportArgumentType,reportCallIssue]
    pipe("text")[0].finish_raeson  # noqa: B018  # expect: mypy[attr-defined] pyright[reportAttributeAccessIssue]
