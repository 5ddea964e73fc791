"""Lists stay lists: generation, streaming and pipelines on them need neither numpy nor torch."""

import subprocess
import sys

import pytest

from tests.unit.tiny import tokenizer_json, write_model

BLOCKED = """
import sys
sys.modules["numpy"] = sys.modules["torch"] = None
from threading import Thread
from litz import AutoModelForCausalLM, AutoTokenizer, TextIteratorStreamer, TextStreamer, pipeline
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], threads=1)
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1], chat_template="{{ messages[0].content }}")
ids = [tokenizer.encode("hi")]
whole = model.generate(ids, max_new_tokens=8)
text = tokenizer.decode(whole[0][len(ids[0]):])
pipe = pipeline("text-generation", model=model, tokenizer=tokenizer, do_sample=False, max_new_tokens=8)
"""

CASES = {
    "stream": "assert [token.id for token in model.stream(ids, max_new_tokens=8)] == whole[0][len(ids[0]):]",
    "stream of several rows": (
        "rows = [token.row for token in model.stream([*ids, *ids], tokenizer=tokenizer, max_new_tokens=2)]\n"
        "assert sorted(rows) == [0, 0, 1, 1]"
    ),
    "TextStreamer": (
        "import io\nsys.stdout = io.StringIO()\n"
        "model.generate(ids, max_new_tokens=8, streamer=TextStreamer(tokenizer, skip_prompt=True))\n"
        "assert sys.stdout.getvalue() == text + '\\n'\nsys.stdout = sys.__stdout__"
    ),
    "TextIteratorStreamer": (
        "streamer = TextIteratorStreamer(tokenizer, skip_prompt=True, timeout=60)\n"
        "thread = Thread(target=lambda: model.generate(ids, max_new_tokens=8, streamer=streamer))\n"
        "thread.start()\nassert ''.join(streamer) == text\nthread.join()"
    ),
    "AsyncTextIteratorStreamer": (
        "import asyncio\nfrom litz import AsyncTextIteratorStreamer\n"
        "async def read():\n"
        "    streamer = AsyncTextIteratorStreamer(tokenizer, skip_prompt=True, timeout=60)\n"
        "    thread = Thread(target=lambda: model.generate(ids, max_new_tokens=8, streamer=streamer))\n"
        "    thread.start()\n"
        "    return ''.join([text async for text in streamer])\n"
        "assert asyncio.run(read()) == text"
    ),
    "a streamer in a pipeline": (
        "streamer = TextIteratorStreamer(tokenizer, skip_prompt=True, timeout=60)\n"
        "thread = Thread(target=lambda: pipe('hi', streamer=streamer))\n"
        "thread.start()\nassert ''.join(streamer) == text\nthread.join()"
    ),
    "a pipeline of a conversation": (
        "chat = [{'role': 'user', 'content': 'hi'}]\n"
        "plain = tokenizer.decode(whole[0][len(ids[0]):], skip_special_tokens=True)\n"
        "assert pipe(chat)[0]['generated_text'][-1]['content'] == plain"
    ),
    "the form that a streamer gets": (
        "class Kept:\n"
        "    seen = []\n"
        "    def put(self, value): self.seen.append(value)\n"
        "    def end(self): pass\n"
        "model.generate(ids, max_new_tokens=2, streamer=Kept())\n"
        "assert Kept.seen == [ids, *([id] for id in whole[0][len(ids[0]):][:2])]"
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = write_model(tmp_path_factory.mktemp("model"))
    (made / "tokenizer.json").write_bytes(tokenizer_json())
    return made


@pytest.mark.parametrize("case", CASES)
def test_it_works_where_numpy_is_not_installed(case, folder):
    command = [sys.executable, "-c", BLOCKED + CASES[case], str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_arrays_are_asked_for_by_name(folder):
    code = "try:\n    model(ids)\nexcept ImportError as error:\n    print(error)"
    done = subprocess.run([sys.executable, "-c", BLOCKED + code, str(folder)], capture_output=True, text=True)
    assert done.stdout == "numpy arrays need numpy: pip install numpy\n", done.stderr
