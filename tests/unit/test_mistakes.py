"""Wrong kinds of arguments, misspelt names, and what this release cannot do: each error says so."""

import pytest

import litz
from litz import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    GPT2Tokenizer,
    NativeCausalLM,
    TextIteratorStreamer,
    TextStreamer,
    Tokenizer,
    pipeline,
)
from litz.errors import ArgumentError, LitzError, UnknownArgumentError, UnsupportedError
from tests.unit.tiny import BOS, tokenizer_json, write_model

CHAT = [{"role": "user", "content": "hi"}]
IDS = [[BOS, 104, 105]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = write_model(tmp_path_factory.mktemp("model"))
    (made / "tokenizer.json").write_bytes(tokenizer_json())
    return made


@pytest.fixture(scope="module")
def model(folder):
    return AutoModelForCausalLM.from_pretrained(folder, threads=1)


@pytest.fixture(scope="module")
def tokenizer(folder):
    return AutoTokenizer.from_pretrained(folder, chat_template="{{ messages[0].content }}", bos_token="<bos>")


@pytest.fixture(scope="module")
def pipe(model, tokenizer):
    return pipeline("text-generation", model=model, tokenizer=tokenizer, max_new_tokens=2, do_sample=False)


# Arguments of the wrong kind


@pytest.mark.parametrize(
    "load",
    [AutoModelForCausalLM, AutoTokenizer, AutoConfig, GenerationConfig, GPT2Tokenizer, Tokenizer],
    ids=lambda load: load.__name__,
)
def test_what_is_loaded_is_no_name_to_load(load, model, tokenizer, pipe, folder):
    name = load.__name__
    for loaded, problem in (
        (model, r"found a loaded model \(NativeCausalLM\).*pass its name_or_path, "),
        (tokenizer, r"found a tokenizer \(Tokenizer\).*pass its name_or_path, "),
        (model.config, r"found a configuration \(Config\); a configuration goes to config="),
        (pipe, r"found a pipeline \(TextGenerationPipeline\); its model and its tokenizer are pipe.model"),
        (3, "found 3$"),
        (None, "found None$"),
        ([str(folder)], r"found \['"),
    ):
        with pytest.raises(
            ArgumentError, match=rf"^{name}.from_pretrained takes the name or path of a model, {problem}"
        ):
            load.from_pretrained(loaded)


def test_what_is_loaded_already_may_be_used_as_it_is(model, tokenizer):
    with pytest.raises(ArgumentError, match="use it as it is"):
        AutoModelForCausalLM.from_pretrained(model)
    with pytest.raises(ArgumentError, match="use it as it is"):
        AutoTokenizer.from_pretrained(tokenizer)
    with pytest.raises(ArgumentError, match=r"\(NativeCausalLM\); pass"):
        AutoTokenizer.from_pretrained(model)


def test_a_model_of_another_library_is_no_name_either():
    class LlamaForCausalLM:
        name_or_path = ""

        def generate(self):
            pass

    with pytest.raises(ArgumentError, match=r"a loaded model \(LlamaForCausalLM\).*the name that it was loaded from"):
        AutoTokenizer.from_pretrained(LlamaForCausalLM())


@pytest.mark.parametrize("read", ["__call__", "generate", "stream"])
def test_a_model_reads_ids_and_says_what_else_it_was_given(read, model, tokenizer):
    for given, problem in (
        ("text", r"found 'text', which is text; encode it first: \[tokenizer.encode\(text\)\]"),
        (["one", "two"], "which is text; encode it first"),
        (CHAT, "found a conversation; pass .tokenizer.apply_chat_template"),
        (CHAT[0], "found a message"),
        (tokenizer, r"found a tokenizer \(Tokenizer\); pass what it makes"),
        (model, r"found a loaded model \(NativeCausalLM\)"),
        (3.5, "found 3.5"),
    ):
        with pytest.raises(ArgumentError, match=f"^input_ids must be .*{problem}"):
            getattr(model, read)(given)


def test_a_call_of_the_model_says_how_to_pass_what_a_tokenizer_returns(model, tokenizer):
    with pytest.raises(ArgumentError, match=r"a tokenizer returns \(BatchEncoding\); unpack it: model\(\*\*inputs"):
        model(tokenizer(["hi"]))
    with pytest.raises(ArgumentError, match=r"found None; pass ids, such as \[tokenizer.encode\(text\)\]"):
        model()
    with pytest.raises(ArgumentError, match="found one row; put it into a list"):
        model(tokenizer("hi")["input_ids"])
    assert model(**tokenizer(["hi"])).logits.shape[1] == 2


def test_a_tokenizer_reads_texts_and_says_what_else_it_was_given(tokenizer, model):
    for given, problem in (
        (model, r"found a loaded model \(NativeCausalLM\)$"),
        (tokenizer, r"found a tokenizer \(Tokenizer\)$"),
        (CHAT, "found a message; pass conversations to apply_chat_template"),
        (3, "found 3$"),
        (b"hi", "found b'hi'$"),
    ):
        for call in (tokenizer, tokenizer.encode, tokenizer.tokenize):
            with pytest.raises(ArgumentError, match=f"^expected text, or a list of texts; {problem}"):
                call(given)
    with pytest.raises(ArgumentError, match=r"decode takes ids, found a loaded model"):
        tokenizer.decode(model)


def test_a_conversation_is_a_list_of_messages(tokenizer, model):
    for given, problem in (
        ("hi", r"found 'hi'; pass \[\{'role': 'user', 'content': 'hi'\}\]"),
        (CHAT[0], "found a message; put it into a list"),
        (model, "found a loaded model"),
        ([], r"found \[\]"),
    ):
        with pytest.raises(ArgumentError, match=f"^expected a list of messages, {problem}"):
            tokenizer.apply_chat_template(given)


def test_a_pipeline_begins_with_its_task(model, tokenizer, folder):
    for task, problem in (
        (model, r"is the task, found a loaded model .*pass pipeline\(\"text-generation\", model=..."),
        (tokenizer, "is the task, found a tokenizer"),
        ("text-generatoin", "did you mean 'text-generation'"),
        ("owner/model", r"looks like a model: pass pipeline\(\"text-generation\", 'owner/model'\)"),
        (str(folder), "looks like a model"),
        ("chat", "not supported; litz has text-generation; text-generation also takes conversations"),
        ("fill-mask", "not supported; litz has text-generation$"),
    ):
        with pytest.raises((ArgumentError, UnsupportedError), match=problem):
            pipeline(task)


def test_a_pipeline_knows_a_model_from_a_tokenizer(model, tokenizer, pipe):
    for arguments, problem in (
        ({"model": tokenizer, "tokenizer": tokenizer}, "^model must be a loaded model, .* found a tokenizer"),
        ({"model": 3}, "^model must be a loaded model, .* found 3"),
        ({"model": model.config}, "^model must be a loaded model, .* found a configuration"),
        ({"model": AutoModelForCausalLM}, "^model must be .* found the class AutoModelForCausalLM"),
        ({"model": model, "tokenizer": model}, "^tokenizer must be a tokenizer, found a loaded model"),
    ):
        with pytest.raises(ArgumentError, match=problem):
            pipeline("text-generation", **arguments)
    for inputs, problem in (
        (model, "found a loaded model"),
        (None, "found None"),
        (b"hi", "found b'hi'"),
        (CHAT[0], "found a message; put it into a list"),
        (tokenizer("hi"), "found what a tokenizer returns"),
    ):
        with pytest.raises(ArgumentError, match=f"^text_inputs must be .*{problem}"):
            pipe(inputs)


def test_streamers_and_generation_say_what_was_passed_for_a_tokenizer_or_a_streamer(model, tokenizer):
    for streamer in (TextStreamer, TextIteratorStreamer):
        with pytest.raises(ArgumentError, match="a streamer needs a tokenizer, found a loaded model"):
            streamer(model)
    with pytest.raises(ArgumentError, match=r"streamer must have put\(\) and end\(\), found a tokenizer"):
        model.generate(IDS, streamer=tokenizer, max_new_tokens=1)
    with pytest.raises(ArgumentError, match=r"found the class TextStreamer; pass litz\.TextStreamer"):
        model.generate(IDS, streamer=TextStreamer, max_new_tokens=1)
    with pytest.raises(UnsupportedError, match="tokenizer must be one of litz, found 'gpt2'"):
        model.generate(IDS, tokenizer="gpt2", max_new_tokens=1)
    with pytest.raises(ArgumentError, match="tokenizer must be a tokenizer, found a loaded model"):
        model.generate(IDS, tokenizer=model, max_new_tokens=1)
    with pytest.raises(ArgumentError, match=r"found dict; litz.GenerationConfig.from_dict\(config\) makes one"):
        model.generate(IDS, generation_config={"max_new_tokens": 3})


def test_classes_that_make_nothing_say_what_does():
    for call, problem in (
        (lambda: AutoModelForCausalLM("x"), "AutoModelForCausalLM.from_pretrained"),
        (lambda: AutoTokenizer(), "AutoTokenizer.from_pretrained"),
        (lambda: AutoModelForCausalLM.from_config(None), "makes no random weights: use from_pretrained"),
        (lambda: AutoConfig.register("x", None), "known families are built in"),
        (lambda: NativeCausalLM.from_pretrained("x"), "call AutoModelForCausalLM.from_pretrained"),
    ):
        with pytest.raises((ArgumentError, UnsupportedError), match=problem):
            call()


# Unknown names


@pytest.mark.parametrize(
    ("call", "name", "near"),
    [
        ("AutoModelForCausalLM.from_pretrained(folder, {}=1)", "revison", "revision"),
        ("AutoModelForCausalLM.from_pretrained(folder, {}=1)", "thread", "threads"),
        ("AutoModelForCausalLM.from_pretrained(folder, {}='auto')", "torch_dtyp", "torch_dtype"),
        ("AutoModelForCausalLM.from_pretrained(folder, {}=1)", "rope_thetta", "rope_theta"),
        ("AutoConfig.from_pretrained(folder, {}=1)", "local_file_only", "local_files_only"),
        ("AutoTokenizer.from_pretrained(folder, {}=1)", "use_fsat", "use_fast"),
        ("AutoTokenizer.from_pretrained(folder, {}='left')", "paddingside", "padding_side"),
        ("AutoTokenizer.from_pretrained(folder, {}='cpu')", "device_map", "AutoModelForCausalLM.from_pretrained"),
        ("GenerationConfig.from_pretrained(folder, {}=1)", "max_new_token", "max_new_tokens"),
        ("GenerationConfig({}=3)", "max_new_token", "max_new_tokens"),
        ("model.generate(IDS, {}=3)", "max_new_token", "max_new_tokens"),
        ("model.generate(IDS, {}=3)", "max_tokens", "call it max_new_tokens"),
        ("model.generate(IDS, {}='x')", "stop", "call it stop_strings"),
        ("model.generate(IDS, {}=3)", "n", "call it num_return_sequences"),
        ("model.generate({}='hi')", "prompt", "call it input_ids"),
        ("model.stream(IDS, {}=3)", "temprature", "temperature"),
        ("model.explain_generation({}=3)", "topk", "top_k"),
        ("model(IDS, {}=IDS)", "attention_maks", "attention_mask"),
        ("model({}=IDS)", "input_id", "input_ids"),
        ("model.to({}='float16')", "dtyp", "dtype"),
        ("pipeline('text-generation', model, {}=tokenizer)", "tokeniser", "tokenizer"),
        ("pipeline('text-generation', model, {}=1)", "max_new_token", "max_new_tokens"),
        ("pipeline('text-generation', model, {}=1)", "divice", "device"),
        ("pipe('hi', {}=False)", "retrun_full_text", "return_full_text"),
        ("pipe('hi', {}=3)", "max_lenght", "max_length"),
        ("pipe({}='hi')", "prompt", "without a name"),
        ("pipe('hi', {}=tokenizer)", "tokenizer", "pass it to pipeline"),
        ("tokenizer('hi', {}=True)", "paddin", "padding"),
        ("tokenizer('hi', {}='pt')", "return_tensor", "return_tensors"),
        ("tokenizer.encode('hi', {}=False)", "add_special_token", "add_special_tokens"),
        ("tokenizer.tokenize('hi', {}=False)", "add_special_token", "add_special_tokens"),
        ("tokenizer.decode([1], {}=True)", "skip_special_token", "skip_special_tokens"),
        ("tokenizer.batch_decode([[1]], {}=True)", "skip_special_token", "skip_special_tokens"),
        ("tokenizer.pad([{{'input_ids': [1]}}], {}=True)", "paddin", "padding"),
        ("tokenizer.apply_chat_template(CHAT, {}=True)", "add_generation_promt", "add_generation_prompt"),
        ("TextStreamer(tokenizer, {}=True)", "skip_promt", "skip_prompt"),
        ("TextIteratorStreamer(tokenizer, {}=1)", "time_out", "timeout"),
    ],
)
def test_an_unknown_argument_gets_the_nearest_name(call, name, near, folder, model, tokenizer, pipe):
    names = {**globals(), "folder": folder, "model": model, "tokenizer": tokenizer, "pipe": pipe}
    with pytest.raises(UnknownArgumentError, match=rf"\b{name}\b.*\b{near}") as raised:
        eval(call.format(name), names)
    assert isinstance(raised.value, TypeError)
    assert "\n" not in str(raised.value)


def test_an_unknown_attribute_gets_the_nearest_name(model, tokenizer):
    for call, problem in (
        (lambda: model.generat, "a loaded model has no 'generat': did you mean generate?"),
        (lambda: model.config.hidden_sze, "no 'hidden_sze'; did you mean hidden_size?"),
        (lambda: GenerationConfig().max_new_token, "no 'max_new_token'; did you mean max_new_tokens?"),
        (lambda: model.hf_quantizer, "a loaded model has no 'hf_quantizer': this release does not have it"),
        (lambda: tokenizer.pad_tokn, "no 'pad_tokn'; did you mean .*pad_token"),
        (lambda: tokenizer("hi").input_idz, "no 'input_idz' in this encoding; it has input_ids, attention_mask"),
        (lambda: setattr(GenerationConfig(), "max_new_token", 3), "no 'max_new_token'; did you mean max_new_tokens?"),
    ):
        with pytest.raises(AttributeError, match=problem.replace("?", r"\?")):
            call()
    with pytest.raises(KeyError, match="no 'input_idz' in this encoding; it has input_ids"):
        tokenizer("hi")["input_idz"]
    assert not hasattr(model, "generat")


# What this release cannot do


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "mps", 0, 1, "balanced", {"": "cuda"}, {"a": "cpu", "b": 0}])
def test_there_is_only_the_cpu(device, folder, model, tokenizer):
    problem = "this release computes on the CPU alone: leave it out, or pass 'cpu' or 'auto'"
    for call in (
        lambda: AutoModelForCausalLM.from_pretrained(folder, device_map=device),
        lambda: AutoModelForCausalLM.from_pretrained(folder, device=device),
        lambda: pipeline("text-generation", model, device=device),
        lambda: pipeline("text-generation", model, device_map=device),
        lambda: model.to(device),
        lambda: model.to(device=device),
    ):
        with pytest.raises(UnsupportedError, match=problem):
            call()


@pytest.mark.parametrize("device", [None, "cpu", "auto", -1, {"": "cpu"}])
def test_what_means_the_cpu_is_accepted(device, folder, model, tokenizer):
    AutoModelForCausalLM.from_pretrained(folder, device_map=device, threads=1)
    pipeline("text-generation", model, tokenizer=tokenizer, device=device)
    assert model.to(device) is model


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"load_in_4bit": True}, "load a GGUF file"),
        ({"load_in_8bit": True}, "load a GGUF file"),
        ({"quantization_config": {"bits": 4}}, "load a GGUF file"),
        ({"dtype": "int8"}, "stored as float32"),
        ({"dtype": "float8_e4m3fn"}, "stored as float32"),
        ({"backend": "torch"}, "this release has the native one"),
    ],
)
def test_what_loading_cannot_do_says_what_there_is(options, problem, folder):
    with pytest.raises(UnsupportedError, match=problem):
        AutoModelForCausalLM.from_pretrained(folder, **options)


def test_weights_keep_their_dtype(model):
    with pytest.raises(UnsupportedError, match="dtype='int8': weights stay float32"):
        model.to(dtype="int8")
    with pytest.warns(UserWarning, match="weights are not rounded"):
        assert model.to("float16") is model


def test_every_attention_implementation_gives_the_same(folder, model):
    for name in ("eager", "sdpa", "flash_attention_2"):
        other = AutoModelForCausalLM.from_pretrained(folder, attn_implementation=name, threads=1)
        assert other(IDS).logits.tolist() == model(IDS).logits.tolist()


def test_an_error_never_names_a_temporary_file(tmp_path, model, tokenizer):
    blocked = tmp_path / "file"
    blocked.write_text("")
    for save in (GenerationConfig(top_k=3).save_pretrained, model.config.save_pretrained, tokenizer.save_pretrained):
        with pytest.raises(LitzError, match=f"^cannot write .*{tmp_path}/file") as raised:
            save(blocked)
        assert ".tmp" not in str(raised.value)
        assert "partial" not in str(raised.value)
    assert isinstance(raised.value, OSError)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_errors_are_one_line_whatever_they_show(folder):
    class Config:
        def __repr__(self):
            return "Config {\n  'bits': 4\n}"

    with pytest.raises(UnsupportedError, match=r"quantization_config=Config \{ 'bits': 4 \}: load a GGUF"):
        AutoModelForCausalLM.from_pretrained(folder, quantization_config=Config())


def test_unknown_arguments_are_errors_of_litz_and_of_python():
    assert issubclass(litz.errors.UnknownArgumentError, (ArgumentError, TypeError))
