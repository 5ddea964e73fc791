import gc
import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from litz.errors import ArgumentError, ContextError, UnsupportedError
from litz.generation import GenerationConfig, TextStreamer
from tests.unit.tiny import BOS, CONTEXT, EOS, PAD, READABLE, VOCAB, write_model

PROMPTS = [[BOS, 104, 105], [70], [97, 98, 99, 100, 101, 102, 103]]
SAMPLED = {"do_sample": True, "seed": 5, "temperature": 1.2, "top_p": 0.95, "max_new_tokens": 12}


def new_tokens(model, prompt, **parameters):
    return model.generate([prompt], **parameters)[0][len(prompt) :]


def test_greedy_takes_the_likeliest_token_at_every_step(tiny_model):
    ids = [BOS, 104, 105]
    for _ in range(5):
        ids.append(int(tiny_model([ids]).logits[0, -1].argmax()))
    assert tiny_model.generate([PROMPTS[0]], max_new_tokens=5) == [ids]


@pytest.mark.parametrize("parameters", [{"max_new_tokens": 12}, SAMPLED], ids=["greedy", "sampled"])
def test_a_prompt_gives_the_same_alone_and_in_a_batch(tiny_model, parameters):
    together = tiny_model.generate(PROMPTS, **parameters)
    assert together == [tiny_model.generate([prompt], **parameters)[0] for prompt in PROMPTS]


def test_padding_on_either_side_changes_nothing(tiny_model):
    width = max(map(len, PROMPTS))
    left = np.array([[PAD] * (width - len(prompt)) + prompt for prompt in PROMPTS])
    right = np.array([prompt + [PAD] * (width - len(prompt)) for prompt in PROMPTS])
    expected = [new_tokens(tiny_model, prompt, max_new_tokens=6) for prompt in PROMPTS]
    for ids in (left, right):
        for mask in ((ids != PAD).astype(int), ids != PAD, None):
            out = tiny_model.generate(ids, attention_mask=mask, max_new_tokens=6)
            assert out[:, width:].tolist() == expected
            assert (out[:, :width] == ids).all()


def test_the_result_has_the_form_of_the_input(tiny_model):
    torch = pytest.importorskip("torch")
    lists = tiny_model.generate([[70, 71]], max_new_tokens=3)
    array = tiny_model.generate(np.array([[70, 71]], dtype=np.int32), max_new_tokens=3)
    tensor = tiny_model.generate(torch.tensor([[70, 71]]), max_new_tokens=3)
    assert isinstance(array, np.ndarray)
    assert array.dtype == np.int64
    assert isinstance(tensor, torch.Tensor)
    assert tensor.dtype == torch.int64
    assert lists == array.tolist() == tensor.tolist()
    assert tiny_model.generate([70, 71], max_new_tokens=3) == lists


def test_a_tokenizers_output_brings_its_mask(tiny_model):
    inputs = {"input_ids": np.array([[PAD, 70], [71, 72]]), "attention_mask": np.array([[0, 1], [1, 1]])}
    expected = tiny_model.generate(**inputs, max_new_tokens=4)
    assert tiny_model.generate(inputs, max_new_tokens=4).tolist() == expected.tolist()
    assert expected[0, 2:].tolist() == new_tokens(tiny_model, [70], max_new_tokens=4)


def test_rows_that_end_earlier_are_padded_on_the_right(tiny_model):
    requested = {**READABLE, "max_new_tokens": 8, "pad_token_id": 9}
    longest = new_tokens(tiny_model, [70], **requested)
    out = tiny_model.generate(np.array([[70], [71]]), **requested, eos_token_id=longest[2])
    assert out[0].tolist() == [70, *longest[:3]] + [9] * (out.shape[1] - 4)
    assert out.shape[1] > 4


def test_without_input_ids_the_text_begins_with_bos(tiny_model):
    assert tiny_model.generate(max_new_tokens=3) == tiny_model.generate([[BOS]], max_new_tokens=3)
    with pytest.raises(ArgumentError, match="bos"):
        tiny_model.generate(bos_token_id=None)


def test_a_batch_whose_padding_may_be_text_is_refused_with_the_remedy(tiny_model):
    ids = [[EOS, 70], [71, 72]]
    with pytest.raises(ArgumentError, match="attention_mask=inputs"):
        tiny_model.generate(ids, pad_token_id=EOS, max_new_tokens=2)
    assert len(tiny_model.generate(ids, attention_mask=[[0, 1], [1, 1]], pad_token_id=EOS, max_new_tokens=2)) == 2
    assert len(tiny_model.generate([[EOS, 70]], pad_token_id=EOS, max_new_tokens=2)[0]) == 4
    assert len(tiny_model.generate([[70, 70], [71, 72]], pad_token_id=EOS, max_new_tokens=2)) == 2


@pytest.mark.parametrize(
    ("ids", "mask", "text"),
    [
        ("text", None, "encode it first"),
        ([[1.5]], None, r"1\.5"),
        ([[1, 2, 3]], [[1, 0, 1]], "zeros only before and after"),
        ([[1, 2]], [[0, 0]], "row 0"),
        ([[1, 2]], [[1]], "must agree"),
        ([[]], None, "prompt 0 has no tokens"),
        ([[VOCAB]], None, f"token {VOCAB}"),
    ],
)
def test_wrong_inputs_are_errors_that_say_what_was_found(tiny_model, ids, mask, text):
    with pytest.raises(ArgumentError, match=text):
        tiny_model.generate(ids, attention_mask=mask, max_new_tokens=2)


def test_the_context_is_a_limit_beside_any_other(tiny_model):
    requested = {"return_dict_in_generate": True, "eos_token_id": None, "max_new_tokens": 1000}
    out = tiny_model.generate([[70] * 80], **requested)
    assert len(out.sequences[0]) == CONTEXT
    assert (out.finish_reasons, out.context_limited) == (["length"], [True])
    with pytest.raises(ContextError, match=f"{CONTEXT + 1} tokens"):
        tiny_model.generate([[70] * (CONTEXT + 1)], max_new_tokens=1)


def test_max_length_counts_the_prompt(tiny_model):
    assert len(tiny_model.generate([[70] * 5], max_length=9)[0]) == 9
    with pytest.raises(ArgumentError, match="max_length is 5"):
        tiny_model.generate([[70] * 5], max_length=5)


def test_a_seed_repeats_and_no_seed_does_not(tiny_model):
    assert tiny_model.generate([[70]], **SAMPLED) == tiny_model.generate([[70]], **SAMPLED)
    assert tiny_model.generate([[70]], **SAMPLED) != tiny_model.generate([[70]], **{**SAMPLED, "seed": 6})
    free = {**SAMPLED, "seed": None}
    assert tiny_model.generate([[70]], **free) != tiny_model.generate([[70]], **free)


def test_continuations_follow_one_another(tiny_model):
    out = tiny_model.generate([[70], [71]], **SAMPLED, num_return_sequences=3)
    assert [row[0] for row in out] == [70, 70, 70, 71, 71, 71]
    assert len({tuple(row) for row in out}) == 6
    with pytest.raises(ArgumentError, match="num_return_sequences"):
        tiny_model.generate([[70]], num_return_sequences=2, max_new_tokens=1)


def test_every_parameter_that_acts_changes_the_result(tiny_model):
    greedy = {"max_new_tokens": 12}
    plain = new_tokens(tiny_model, PROMPTS[0], **greedy)
    changes = [
        {"repetition_penalty": 3.0},
        {"presence_penalty": 9.0},
        {"frequency_penalty": 9.0},
        {"no_repeat_ngram_size": 1},
        {"bad_words_ids": [plain[:1]]},
        {"sequence_bias": {(5,): 99.0}},
        {"suppress_tokens": plain[:1]},
        {"begin_suppress_tokens": plain[:1]},
        {"forced_eos_token_id": 7},
        {"eos_token_id": plain[3]},
        {"max_time": 1e-9},
    ]
    for change in changes:
        assert new_tokens(tiny_model, PROMPTS[0], **greedy, **change) != plain, change
    sampled = new_tokens(tiny_model, PROMPTS[0], **SAMPLED)
    for change in ({"top_k": 1}, {"top_p": 0.01}, {"min_p": 0.99}, {"typical_p": 0.01}, {"epsilon_cutoff": 0.99},
                   {"eta_cutoff": 0.99}, {"top_h": 0.01}, {"temperature": 0.01}):  # fmt: skip
        assert new_tokens(tiny_model, PROMPTS[0], **{**SAMPLED, **change}) != sampled, change


def test_a_stop_string_ends_its_row_alone_and_is_not_in_the_text(tiny_model, tokenizer):
    requested = {**READABLE, "max_new_tokens": 9, "return_dict_in_generate": True, "tokenizer": tokenizer}
    free = tiny_model.generate(PROMPTS, **requested)
    stop = free.text[1][3:5]
    out = tiny_model.generate(PROMPTS, **requested, stop_strings=["not in there", stop])
    assert out.finish_reasons[1] == "stop"
    assert out.text[1] == free.text[1][:3]
    assert out.sequences[1] == free.sequences[1][:6]
    for other in (0, 2):
        assert out.text[other] == free.text[other].partition(stop)[0]


def test_stop_strings_need_a_tokenizer_of_litz(tiny_model):
    with pytest.raises(ArgumentError, match="tokenizer"):
        tiny_model.generate([[70]], stop_strings="x", max_new_tokens=1)
    with pytest.raises(UnsupportedError, match="AutoTokenizer"):
        tiny_model.generate([[70]], stop_strings="x", tokenizer=object(), max_new_tokens=1)


def test_the_output_object_reads_as_items_and_attributes(tiny_model):
    out = tiny_model.generate([[70]], max_new_tokens=2, return_dict_in_generate=True)
    assert out["sequences"] is out.sequences is out[0]
    assert out.text is None
    with pytest.raises(KeyError, match="finish_reasons"):
        out["scores"]


def test_the_files_values_hold_and_the_callers_win(tmp_path):
    from litz.models.auto import AutoModelForCausalLM

    stored = {"max_new_tokens": 4, "eos_token_id": [EOS, 3], "temperature": 0.6, "do_sample": True}
    model = AutoModelForCausalLM.from_pretrained(write_model(tmp_path, generation_config=stored), threads=1)
    assert len(new_tokens(model, [70], eos_token_id=None)) == 4
    assert len(new_tokens(model, [70], max_new_tokens=6, eos_token_id=None)) == 6
    assert len(new_tokens(model, [70], max_length=9, eos_token_id=None)) == 8
    assert model.generation_config.bos_token_id == BOS
    greedy = model.generate([[70]], do_sample=False)
    assert greedy == model.generate([[70]], generation_config=GenerationConfig(do_sample=False))
    model.generation_config.max_new_tokens = 2
    assert len(new_tokens(model, [70], eos_token_id=None)) == 2


def test_stream_yields_what_generate_returns(tiny_model, tokenizer):
    expected = tiny_model.generate(PROMPTS, **SAMPLED, tokenizer=tokenizer, return_dict_in_generate=True)
    rows = [list(prompt) for prompt in PROMPTS]
    texts, reasons = [""] * 3, [None] * 3
    for token in tiny_model.stream(PROMPTS, **SAMPLED, tokenizer=tokenizer):
        rows[token.row].append(token.id)
        texts[token.row] += token.text
        reasons[token.row] = token.finish_reason
    assert (rows, texts, reasons) == (expected.sequences, expected.text, expected.finish_reasons)


def test_a_stream_checks_its_arguments_at_once_and_may_be_left(tiny_model):
    with pytest.raises(ArgumentError, match="top_p"):
        tiny_model.stream([[70]], top_p=0.5)
    stream = tiny_model.stream([[70]], max_new_tokens=5)
    next(stream)
    stream.close()
    assert len(tiny_model.generate([[70]], max_new_tokens=2)[0]) == 3


def test_a_conversation_continues_from_what_was_read(tiny_model):
    first = tiny_model.generate([[70, 71, 72]], max_new_tokens=5)[0]
    turn = [*first, 80, 81]
    again = tiny_model.generate([turn], max_new_tokens=5)[0]
    tiny_model.generate([[1]], max_new_tokens=1)
    assert tiny_model.generate([turn], max_new_tokens=5)[0] == again


def test_a_streamer_follows_one_row(tiny_model, tokenizer):
    with pytest.raises(UnsupportedError, match=r"model\.stream"):
        tiny_model.generate([[70], [71]], streamer=TextStreamer(tokenizer), max_new_tokens=2)


def test_an_interrupt_ends_the_run_and_the_model_goes_on(tiny_model):
    def interrupt(*_):
        raise KeyboardInterrupt

    usual = signal.signal(signal.SIGALRM, interrupt)
    gc.disable()  # an exception inside a callback of the collector would be lost
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(KeyboardInterrupt):
            tiny_model.generate([[70]] * 20_000, max_new_tokens=20, eos_token_id=None)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, usual)
        gc.enable()
    assert len(tiny_model.generate([[70]], max_new_tokens=2)[0]) == 3


def test_threads_may_share_a_model(tiny_model):
    prompts = [[70, 71, place] for place in range(1, 9)]
    expected = [tiny_model.generate([prompt], **SAMPLED) for prompt in prompts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda prompt: tiny_model.generate([prompt], **SAMPLED), prompts)) == expected


def test_a_sliding_context_goes_on_as_from_a_prompt_of_its_newest_half(tiny_model):
    prompt = [BOS, *range(65, 65 + 20)]
    together = tiny_model.generate([prompt, [70]], context="slide", max_new_tokens=2 * CONTEXT, eos_token_id=None)
    text = together[0]
    assert len(text) == len(prompt) + 2 * CONTEXT
    assert text == tiny_model.generate([prompt], context="slide", max_new_tokens=2 * CONTEXT, eos_token_id=None)[0]
    full = CONTEXT + 1  # the last token that fits was not read yet
    kept = text[full - CONTEXT // 2 : full]
    assert tiny_model.generate([kept], max_new_tokens=40, eos_token_id=None)[0] == text[full - CONTEXT // 2 : full + 40]


def test_a_prompt_beyond_the_context_is_refused_or_cut_to_its_newest_half(tiny_model):
    long = [65 + n % 50 for n in range(3 * CONTEXT)]
    with pytest.raises(ContextError, match="slide"):
        tiny_model.generate([long], max_new_tokens=5)
    kept = long[-(CONTEXT // 2) :]
    slid = tiny_model.generate([long], context="slide", max_new_tokens=5)[0]
    assert slid[: len(long)] == long
    assert slid[len(long) :] == new_tokens(tiny_model, kept, max_new_tokens=5)


def test_a_sliding_context_needs_a_limit_and_a_known_name(tiny_model):
    with pytest.raises(ArgumentError, match="max_new_tokens, max_length or max_time"):
        tiny_model.generate([[70]], context="slide")
    with pytest.raises(ArgumentError, match='"error" or "slide"'):
        tiny_model.generate([[70]], context="forget", max_new_tokens=1)
    assert tiny_model.explain_generation(context="slide", max_new_tokens=1)["context"].value == "slide"


def test_a_configuration_may_stand_second_as_in_transformers(tiny_model):
    config = GenerationConfig(max_new_tokens=3)
    assert tiny_model.generate([[70]], config) == tiny_model.generate([[70]], generation_config=config)
    with pytest.raises(ArgumentError, match="found list; pass anything else by its name, such as attention_mask="):
        tiny_model.generate([[70]], [[1]])
