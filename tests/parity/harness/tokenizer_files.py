"""Tokenizer files that combine every component at random, the same for the same seed.

The vocabularies are trained by the reference on a few lines; everything around them is drawn. A file is a JSON
object that the reference has read once, so that it is as the reference would write it.
"""

import base64
import io
import json
import random
from collections.abc import Callable
from functools import cache
from typing import Any

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from tests.parity.harness.fuzz_texts import CORPUS

File = dict[str, Any]
SPECIALS = ["<unk>", "<s>", "</s>", "[SEP]"]
SCHEMES = ["first", "never", "always"]
BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
REGEXES = [
    r"\s+",
    r"\p{L}+|\p{N}",
    r"[^\s\p{L}\p{N}]+",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|\w+",
    r"\d{1,3}(?=(?:\d{3})*\b)",
    r"\B.",
    r"[\p{Lu}\p{Lt}]?[\p{Ll}\p{M}]+|.",
    r"(?<=[a-z])(?=[A-Z])|_",
    r"\p{Han}|\p{Hiragana}+",
    r"[[:punct:]]",
    r"\S++",
    r"\n",
    r"[\p{Ll}&&[^aeiou]]+",
    r"^\s+|\s+$",
    r" ?[^(\s|[.,!?…。，、।۔،])]+",
    r"(?>a+)b?|\x{4F60}",
    r"l{2}|o{1,}|e*?x",
]
# Never empty: what an empty match puts before the text has no origin, and the reference fails over it later.
REPLACED = [r"\s{2,}", r"[aeiou]\b", r"\p{M}", r"(?i:HE)l", r"\d", r"[^\x00-\x7F]", r" +$", r"^\S"]


def _pattern(rng: random.Random, regexes: list[str]) -> File:
    if rng.random() < 0.3:
        return {"String": rng.choice([" ", "l", "lo", "▁", "é", ".", "世"])}
    return {"Regex": rng.choice(regexes)}


@cache
def charsmap() -> str:
    """A small map, compiled by SentencePiece from rules: replaced, lengthened, shortened, removed, composed."""
    import sentencepiece

    rules = {
        "A": "a",
        "é": "e",
        "e\u0301": "E",
        "ﬁ": "fi",
        "½": "1/2",
        "…": "...",
        "㌔": "キロ",
        "\u200b": "",
        "\x01": "",
    }
    rules |= {
        "\u3000": " ",
        "\u00a0": " ",
        "Ω": "ω",
        "Å": "å",
        "ｶﾞ": "ガ",
        "\t": " ",
        "1️⃣": "1",
        "a\u0308": "ä",
        "  ": " ",
    }
    lines = (f"{_hexadecimal(old)}\t{_hexadecimal(new)}\n" for old, new in rules.items())
    import tempfile
    from pathlib import Path

    model = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "rules.tsv"
        table.write_text("".join(lines), "utf-8")
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(CORPUS), model_writer=model, vocab_size=200, hard_vocab_limit=False,
            normalization_rule_tsv=str(table), minloglevel=2,
        )  # fmt: skip
    return base64.b64encode(_field(_field(model.getvalue(), 3), 2)).decode()


def _hexadecimal(text: str) -> str:
    return " ".join(f"{ord(char):X}" for char in text)


def _field(message: bytes, wanted: int) -> bytes:
    """The bytes of a field of a protocol buffer."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = varint()
        if key & 7 == 2:
            size = varint()
            if key >> 3 == wanted:
                return message[at : at + size]
            at += size
        elif key & 7 == 0:
            varint()
        else:
            at += 8 if key & 7 == 1 else 4
    raise ValueError(f"no field {wanted}")


def normalizer(rng: random.Random, depth: int = 0) -> File:
    """Any normalizer."""
    flag = lambda: rng.random() < 0.5  # noqa: E731
    kinds: list[Callable[[], File]] = [
        *(lambda kind=kind: {"type": kind} for kind in (
            "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "ByteLevel")),  # type: ignore[misc]
        lambda: {"type": "Strip", "strip_left": flag(), "strip_right": flag()},
        lambda: {"type": "Replace", "pattern": _pattern(rng, REPLACED), "content": rng.choice(["", "▁", " é", "x"])},
        lambda: {"type": "Prepend", "prepend": rng.choice(["▁", "»» ", "é"])},
        lambda: {"type": "Precompiled", "precompiled_charsmap": charsmap()},
        lambda: {
            "type": "BertNormalizer", "clean_text": flag(), "handle_chinese_chars": flag(),
            "strip_accents": rng.choice([None, True, False]), "lowercase": flag(),
        },
    ]  # fmt: skip
    if depth < 2 and rng.random() < 0.4:
        return {"type": "Sequence", "normalizers": [normalizer(rng, depth + 1) for _ in range(rng.choice([1, 2, 3]))]}
    return rng.choice(kinds)()


def pre_tokenizer(rng: random.Random, depth: int = 0) -> File:
    """Any pre-tokenizer."""
    flag = lambda: rng.random() < 0.5  # noqa: E731
    scheme = lambda: rng.choice(SCHEMES)  # noqa: E731
    behavior = lambda: rng.choice(BEHAVIORS)  # noqa: E731
    kinds: list[Callable[[], File]] = [
        *(lambda kind=kind: {"type": kind} for kind in (
            "Whitespace", "WhitespaceSplit", "BertPreTokenizer", "UnicodeScripts")),  # type: ignore[misc]
        lambda: {"type": "ByteLevel", "add_prefix_space": flag(), "trim_offsets": flag(), "use_regex": flag()},
        lambda: {"type": "Metaspace", "replacement": rng.choice("▁_"), "prepend_scheme": scheme(), "split": flag()},
        lambda: {"type": "Split", "pattern": _pattern(rng, REGEXES), "behavior": behavior(), "invert": flag()},
        lambda: {"type": "Split", "pattern": _pattern(rng, REGEXES), "behavior": behavior(), "invert": flag()},
        lambda: {"type": "Punctuation", "behavior": behavior()},
        lambda: {"type": "Digits", "individual_digits": flag()},
        lambda: {"type": "CharDelimiterSplit", "delimiter": rng.choice(" e▁。")},
        lambda: {"type": "FixedLength", "length": rng.choice([1, 2, 5])},
    ]  # fmt: skip
    if depth < 2 and rng.random() < 0.4:
        parts = [pre_tokenizer(rng, depth + 1) for _ in range(rng.choice([1, 2, 3]))]
        return {"type": "Sequence", "pretokenizers": parts}
    return rng.choice(kinds)()


@cache
def _trained(kind: str) -> str:
    """A vocabulary as JSON: of bytes in the byte alphabet, of marked words, of affixes, and so on."""
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    common = {"special_tokens": SPECIALS, "show_progress": False}
    bpe = {"vocab_size": 420, "max_token_length": 12, **common}
    pieces, model, trainer = {
        "bytes": (byte_level, models.BPE(), trainers.BpeTrainer(initial_alphabet=byte_level.alphabet(), **bpe)),
        "marks": (pre_tokenizers.Metaspace(), models.BPE(), trainers.BpeTrainer(**bpe)),
        "affixes": (
            pre_tokenizers.Whitespace(),
            models.BPE(continuing_subword_prefix="##", end_of_word_suffix="</w>"),
            trainers.BpeTrainer(continuing_subword_prefix="##", end_of_word_suffix="</w>", **bpe),
        ),
        "WordPiece": (
            pre_tokenizers.BertPreTokenizer(), models.WordPiece(unk_token="<unk>"),
            trainers.WordPieceTrainer(vocab_size=420, **common),
        ),
        "WordLevel": (
            pre_tokenizers.Whitespace(), models.WordLevel(unk_token="<unk>"),
            trainers.WordLevelTrainer(vocab_size=300, **common),
        ),
        "Unigram": (
            pre_tokenizers.Metaspace(), models.Unigram(),
            trainers.UnigramTrainer(vocab_size=300, unk_token="<unk>", **common),
        ),
    }[kind]  # fmt: skip
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pieces
    tokenizer.train_from_iterator(CORPUS, trainer)
    return json.dumps(json.loads(tokenizer.to_str())["model"])


def model(rng: random.Random) -> File:
    """Any model with settings that its vocabulary allows."""
    flag = lambda: rng.random() < 0.5  # noqa: E731
    kind = rng.choice(["bytes", "bytes", "marks", "marks", "affixes", "WordPiece", "WordLevel", "Unigram", "Unigram"])
    made: File = json.loads(_trained(kind))
    with_bytes = rng.choice([0, 0, 128, 256, 256])
    names = [f"<0x{byte:02X}>" for byte in range(256)][:with_bytes]
    if kind == "Unigram":
        made["vocab"] += [[name, -20.0 - at] for at, name in enumerate(names)]
        made["byte_fallback"] = flag()
    elif kind == "WordPiece":
        made["max_input_chars_per_word"] = rng.choice([1, 5, 100])
    elif kind != "WordLevel":
        for name in names:
            made["vocab"].setdefault(name, len(made["vocab"]))
        made |= {"fuse_unk": flag(), "byte_fallback": flag(), "ignore_merges": rng.random() < 0.3}
        made["unk_token"] = rng.choice([None, "<unk>", "<unk>"])
        made["dropout"] = rng.choice([None, None, None, 0.0, 1.0])
    return made


def post_processor(rng: random.Random) -> File | None:
    """Any post-processor, or none."""
    flag = lambda: rng.random() < 0.5  # noqa: E731
    pair = {"sep": ["</s>", 2], "cls": ["<s>", 1]}
    byte_level = {"type": "ByteLevel", "add_prefix_space": flag(), "trim_offsets": flag(), "use_regex": True}
    token = lambda name, type_id: {"SpecialToken": {"id": name, "type_id": type_id}}  # noqa: E731
    text = lambda name, type_id: {"Sequence": {"id": name, "type_id": type_id}}  # noqa: E731
    template = {
        "type": "TemplateProcessing",
        "single": rng.choice([[token("<s>", 0), text("A", 0)], [text("A", 3), token("eos", 2)], [text("A", 0)]]),
        "pair": rng.choice(
            [
                [token("<s>", 0), text("A", 0), token("eos", 0), text("B", 1), token("eos", 1)],
                [text("B", 1), text("A", 0), token("<s>", 4)],
            ]
        ),
        "special_tokens": {
            "<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]},
            "eos": {"id": "eos", "ids": [2, 3], "tokens": ["</s>", "[SEP]"]},
        },
    }
    roberta = {"type": "RobertaProcessing", **pair, "trim_offsets": flag(), "add_prefix_space": flag()}
    return rng.choice(
        [
            None, byte_level, template, template, {"type": "BertProcessing", **pair}, roberta,
            {"type": "Sequence", "processors": [byte_level, template]},
        ]
    )  # fmt: skip


def decoder(rng: random.Random, depth: int = 0) -> File | None:
    """Any decoder, or none."""
    flag = lambda: rng.random() < 0.5  # noqa: E731
    kinds: list[File | None] = [
        None if depth == 0 else {"type": "Fuse"},
        {"type": "Fuse"},
        {"type": "ByteFallback"},
        {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        {"type": "Metaspace", "replacement": "▁", "prepend_scheme": rng.choice(SCHEMES), "split": True},
        {"type": "WordPiece", "prefix": "##", "cleanup": flag()},
        {"type": "BPEDecoder", "suffix": "</w>"},
        {"type": "CTC", "pad_token": "<s>", "word_delimiter_token": rng.choice(["▁", "l"]), "cleanup": flag()},
        {"type": "Strip", "content": rng.choice(" e▁"), "start": rng.choice([0, 1, 2]), "stop": 0},
        {"type": "Replace", "pattern": _pattern(rng, REPLACED), "content": rng.choice(["", " ", "é"])},
    ]  # fmt: skip
    if depth == 0 and rng.random() < 0.6:
        return {"type": "Sequence", "decoders": [decoder(rng, 1) for _ in range(rng.choice([1, 2, 3, 4]))]}
    return rng.choice(kinds)


def added_tokens(rng: random.Random, vocab: Any) -> list[File]:
    """Tokens with any flags: of the vocabulary or new, one inside another, with white space, in capitals."""
    known = {token: id for id, (token, _) in enumerate(vocab)} if isinstance(vocab, list) else dict(vocab)
    names = [
        "<s>",
        "</s>",
        "<T>",
        "<T><U>",
        "Tok",
        "hello",
        " mon day",
        "É",
        "你",
        "<|x|>",
        "THE",
        "lo w",
        "..",
        "\n\n",
    ]
    chosen = [name for name in names if rng.random() < 0.4]
    tokens, free = [], max(known.values()) + 1
    for name in chosen:
        id = known.get(name)
        if id is None:
            id, free = free, free + 1
        flags = {flag: rng.random() < 0.3 for flag in ("single_word", "lstrip", "rstrip", "normalized", "special")}
        tokens.append({"id": id, "content": name, **flags})
    return sorted(tokens, key=lambda token: token["id"])


def file(seed: int) -> File | None:
    """A file, or None where the reference refuses what was drawn."""
    rng = random.Random(seed)
    made = model(rng)
    drawn = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added_tokens(rng, made["vocab"]),
        "normalizer": normalizer(rng) if rng.random() < 0.7 else None,
        "pre_tokenizer": pre_tokenizer(rng) if rng.random() < 0.9 else None,
        "post_processor": post_processor(rng),
        "decoder": decoder(rng),
        "model": made,
    }
    try:
        reference = Tokenizer.from_str(json.dumps({**drawn, "added_tokens": []}))
        shapes: set[str] = set()
        for token in drawn["added_tokens"]:
            # Of a token that is normalized to nothing, or to another, the reference says something at random.
            shape = reference.normalizer.normalize_str(token["content"]) if drawn["normalizer"] else token["content"]
            token["normalized"] = token["normalized"] and shape not in {"", *shapes}
            shapes.add(shape)
        return dict(json.loads(Tokenizer.from_str(json.dumps(drawn)).to_str()))
    except Exception:
        return None
