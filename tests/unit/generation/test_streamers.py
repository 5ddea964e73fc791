import asyncio
from queue import Empty
from threading import Thread

import pytest

from litz import AutoTokenizer
from litz.errors import ArgumentError
from litz.generation import BaseStreamer, TextIteratorStreamer, TextStreamer
from litz.generation.async_streamer import AsyncTextIteratorStreamer
from tests.parity.harness.side_files import byte_level, flagged, folder
from tests.unit.tiny import BOS, USER

PROMPT = [BOS, 104, 105]


class Collecting(TextStreamer):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.pieces = []

    def on_finalized_text(self, text, stream_end=False):
        self.pieces.append((text, stream_end))

    def text(self):
        return "".join(text for text, _ in self.pieces)


class OnlyDecodes:
    """A tokenizer that is not one of litz."""

    def __init__(self, tokenizer):
        self.decode = tokenizer.decode


def feed(streamer, ids):
    for token in ids:
        streamer.put([token])
    streamer.end()
    return streamer


@pytest.mark.parametrize("foreign", [False, True])
def test_the_pieces_are_the_text_and_no_character_is_cut(tokenizer, foreign):
    text = "naïve 模型 🤖 done"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    streamer = feed(Collecting(OnlyDecodes(tokenizer) if foreign else tokenizer), ids)
    assert streamer.text() == text
    assert all("\N{REPLACEMENT CHARACTER}" not in piece for piece, _ in streamer.pieces)
    assert [end for _, end in streamer.pieces] == [False] * len(ids) + [True]


def test_bytes_that_never_become_a_character_are_shown_at_the_end(tokenizer):
    ids = tokenizer("a🤖", add_special_tokens=False)["input_ids"][:3]
    assert feed(Collecting(tokenizer), ids).text() == tokenizer.decode(ids)


def test_special_tokens_and_the_prompt_are_left_out_on_request(tiny_model, tokenizer):
    for options, start in [({}, tokenizer.decode(PROMPT)), ({"skip_prompt": True}, "")]:
        streamer = Collecting(tokenizer, **options)
        out = tiny_model.generate([PROMPT], max_new_tokens=6, streamer=streamer)
        assert streamer.text() == start + tokenizer.decode(out[0][len(PROMPT) :])
    assert feed(Collecting(tokenizer, skip_special_tokens=True), [65, USER, 66]).text() == "AB"
    assert feed(Collecting(tokenizer), [65, USER, 66]).text() == "A<user>B"


def test_a_streamer_can_be_used_again(tiny_model, tokenizer):
    streamer = Collecting(tokenizer, skip_prompt=True)
    tiny_model.generate([PROMPT], max_new_tokens=4, streamer=streamer)
    first, streamer.pieces = streamer.text(), []
    tiny_model.generate([PROMPT], max_new_tokens=4, streamer=streamer)
    assert streamer.text() == first


def test_the_text_streamer_prints(tiny_model, tokenizer, capsys):
    out = tiny_model.generate([PROMPT], max_new_tokens=5, streamer=TextStreamer(tokenizer, skip_prompt=True))
    assert capsys.readouterr().out == tokenizer.decode(out[0][3:]) + "\n"


def test_a_text_streamer_follows_one_sequence(tokenizer):
    with pytest.raises(ArgumentError, match="one sequence"):
        TextStreamer(tokenizer).put([[1], [2]])


def test_a_users_streamer_gets_the_prompt_each_token_and_the_end(tiny_model):
    torch = pytest.importorskip("torch")
    seen = []

    class Custom(BaseStreamer):
        def put(self, value):
            seen.append((type(value), tuple(value.shape), value.tolist()))

        def end(self):
            seen.append("end")

    out = tiny_model.generate(torch.tensor([PROMPT]), max_new_tokens=2, streamer=Custom())
    assert seen == [
        (torch.Tensor, (1, 3), [PROMPT]),
        *((torch.Tensor, (1,), [token]) for token in out[0, 3:].tolist()),
        "end",
    ]


def test_the_iterator_gives_the_text_of_another_thread(tiny_model, tokenizer):
    streamer = TextIteratorStreamer(tokenizer, skip_prompt=True, timeout=60)
    arguments = {"input_ids": [PROMPT], "streamer": streamer, "max_new_tokens": 12}
    thread = Thread(target=tiny_model.generate, kwargs=arguments)
    thread.start()
    text = "".join(streamer)
    thread.join()
    assert text == tokenizer.decode(tiny_model.generate([PROMPT], max_new_tokens=12)[0][3:])


@pytest.mark.parametrize("parameters", [{"top_p": 0.5}, {"max_length": 2}, {"input_ids": [[999]]}])
def test_an_error_in_the_thread_reaches_who_reads(tiny_model, tokenizer, parameters):
    streamer = TextIteratorStreamer(tokenizer, timeout=60)

    def work():
        with pytest.raises(ArgumentError):
            tiny_model.generate(**{"input_ids": [PROMPT], "streamer": streamer, **parameters})

    thread = Thread(target=work)
    thread.start()
    with pytest.raises(ArgumentError):
        list(streamer)
    thread.join()


def test_waiting_too_long_is_an_error(tokenizer):
    with pytest.raises(Empty, match=r"0\.01 s"):
        next(TextIteratorStreamer(tokenizer, timeout=0.01))


def test_the_async_iterator_gives_the_same_text(tiny_model, tokenizer):
    async def read():
        streamer = AsyncTextIteratorStreamer(tokenizer, skip_prompt=True, timeout=60)
        work = asyncio.to_thread(tiny_model.generate, [PROMPT], streamer=streamer, max_new_tokens=8)
        task = asyncio.create_task(work)
        text = "".join([piece async for piece in streamer])
        await task
        return text

    assert asyncio.run(read()) == tokenizer.decode(tiny_model.generate([PROMPT], max_new_tokens=8)[0][3:])


def test_the_async_iterator_tells_of_errors_and_timeouts(tiny_model, tokenizer):
    async def fail():
        streamer = AsyncTextIteratorStreamer(tokenizer)
        task = asyncio.create_task(asyncio.to_thread(tiny_model.generate, [PROMPT], streamer=streamer, top_k=3))
        with pytest.raises(ArgumentError, match="top_k"):
            await anext(streamer)
        with pytest.raises(ArgumentError, match="top_k"):
            await task

    async def wait():
        with pytest.raises(TimeoutError):
            await anext(AsyncTextIteratorStreamer(tokenizer, timeout=0.01))

    asyncio.run(fail())
    asyncio.run(wait())


def test_the_options_of_decode_are_those_of_the_stream(tmp_path):
    words = ["[UNK]", "do", "n", "##'t", "n't", ".", ",", "it", "##s", "is", "[SEP]"]
    pieces = {"type": "WordPiece", "vocab": {word: id for id, word in enumerate(words)}, "unk_token": "[UNK]"}
    file = {
        **byte_level(), "added_tokens": [flagged(10, "[SEP]")], "pre_tokenizer": {"type": "Whitespace"},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": False},
        "model": {**pieces, "continuing_subword_prefix": "##", "max_input_chars_per_word": 100},
    }  # fmt: skip
    folder(tmp_path, tokenizer__json=file, tokenizer_config__json={"sep_token": "[SEP]"})
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    ids = [7, 8, 5, 1, 4, 6, 9, 5, 10]
    for options in (
        {"clean_up_tokenization_spaces": True},
        {"clean_up_tokenization_spaces": True, "skip_special_tokens": True},
        {"clean_up_tokenization_spaces": False, "spaces_between_special_tokens": False},
        {},
    ):
        streamer = Collecting(tokenizer, skip_prompt=True, **options)
        streamer.put([[1, 2]])
        for id in ids:
            streamer.put([id])
        streamer.end()
        assert streamer.text() == tokenizer.decode(ids, **options)
    assert tokenizer.decode(ids, clean_up_tokenization_spaces=True) == "its. don't, is. [SEP]"
