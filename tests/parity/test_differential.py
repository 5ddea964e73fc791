"""slow == fast == reference in all that they say of texts and ids, on real and on generated tokenizer files.

`LITZ_DIFFERENTIAL_STRINGS` is how many strings the slow tests compare in all, half of them on real tokenizers.
"""

import json
import os
import random
from itertools import islice

import pytest
from tokenizers import Tokenizer as Reference

from tests.parity.harness import tiny_tokenizers as tiny
from tests.parity.harness import tokenizer_files
from tests.parity.harness.differential import Trio
from tests.parity.harness.fuzz_texts import id_lists
from tests.parity.harness.real_tokenizers import REAL
from tests.parity.harness.texts import texts

STRINGS = int(os.environ.get("LITZ_DIFFERENTIAL_STRINGS", "24000"))
BATCHES = 8
# A file of the generator is worth this many strings.
FILE = 40
SHOWN = 5


def apart(reference: Reference, count: int, seed: int, extra: tuple[str, ...] = ()) -> list[str]:
    """The first few differences on so many strings, and on a third as many lists of ids."""
    trio = Trio(reference)
    inputs = list(texts(count, seed, extra))
    found = list(islice(trio.encode_apart(inputs, seed), SHOWN))
    reference.no_truncation()
    encoded = [reference.encode(text).ids for text in random.Random(seed).sample(inputs, count // 6)]
    found += islice(trio.decode_apart([*encoded, *id_lists(reference.get_vocab(), count // 6, seed)]), SHOWN)
    return found


def generated_apart(seeds: range) -> list[str]:
    """The first few differences on the generated files of these seeds, each with its seed."""
    found: list[str] = []
    for seed in seeds:
        file = tokenizer_files.file(seed)
        if file is not None:
            contents = tuple(token["content"] for token in file["added_tokens"])
            reference = Reference.from_str(json.dumps(file))
            found += [f"file {seed}: {text}" for text in apart(reference, FILE, seed, contents)]
        if len(found) >= SHOWN:
            break
    return found


def test_generated_tokenizers_agree() -> None:
    assert generated_apart(range(12)) == []


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(BATCHES))
def test_many_generated_tokenizers_agree(batch: int) -> None:
    count = max(1, STRINGS // 2 // FILE // BATCHES)
    assert generated_apart(range(1000 + batch * count, 1000 + (batch + 1) * count)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_a_real_tokenizer_agrees(name: str) -> None:
    reference = REAL[name]()
    added = list(reference.get_added_tokens_decoder().values())
    contents = tuple(token.content for token in [*added[:12], *added[-12:]])
    assert apart(reference, max(6, STRINGS // 2 // len(REAL)), 1, contents) == []


@pytest.mark.parametrize("base", ["BYTE_LEVEL/gpt2", "SENTENCE_PIECE/legacy", "SENTENCE_PIECE/metaspace-first-split"])
def test_what_is_trusted_means_the_same_to_both_of_ours(base: str) -> None:
    family, name = base.split("/")
    trio = Trio(tiny.with_added(getattr(tiny, family)[name]()))
    rng = random.Random(5)
    for text in texts(150, 5, tiny.ADDED_TEXTS):
        size = len(text.encode())
        edges = sorted(rng.sample(range(size + 1), k=min(size + 1, rng.choice([0, 2, 4])) // 2 * 2))
        trusted = list(zip(edges[::2], edges[1::2], strict=True))
        slow, fast = (trio.ours[kind].encode(text, True, trusted) for kind in ("slow", "fast"))
        assert slow == fast, (text, trusted)
