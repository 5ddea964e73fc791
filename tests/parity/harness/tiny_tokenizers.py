"""Tiny tokenizers of every kind that litz reads, trained by the reference in this process."""

import json
from collections.abc import Callable
from itertools import product
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from tests.parity.harness.fuzz_texts import CORPUS

CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
TAIL = r"\s*[\r\n]+|\s+(?!\S)|\s+"
MIXED = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
KNOWN_SPLITS = {
    "llama3": rf"{CONTRACTION}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{TAIL}",
    "qwen2": rf"{CONTRACTION}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{TAIL}",
    "qwen35": rf"{CONTRACTION}|[^\r\n\p{{L}}\p{{N}}]?[\p{{L}}\p{{M}}]+|\p{{N}}"
    rf"| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*|{TAIL}",
    "minicpm": rf"{CONTRACTION}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}+| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{TAIL}",
    "tekken": rf"{MIXED}*[\p{{Ll}}\p{{Lm}}\p{{Lo}}\p{{M}}]+|{MIXED}+[\p{{Ll}}\p{{Lm}}\p{{Lo}}\p{{M}}]*|\p{{N}}"
    rf"| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{TAIL}",
    "lines": r"^\s+|\s+$|\d{1,3}(?=(?:\d{3})*\b)",
}
FLAGS = ("special", "lstrip", "rstrip", "single_word", "normalized")


def trained(normalizer: Any, pre_tokenizer: Any, decoder: Any, *, size: int = 420, **options: Any) -> Tokenizer:
    """A BPE tokenizer of these parts; `options` are the model's."""
    tokenizer = Tokenizer(models.BPE(**options))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    if decoder is not None:
        tokenizer.decoder = decoder
    affixes = {key: options[key] for key in ("continuing_subword_prefix", "end_of_word_suffix") if key in options}
    specials = ["<unk>", "<s>", "</s>"]
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=specials, show_progress=False, max_token_length=12, **affixes
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def edited(tokenizer: Tokenizer, edit: Callable[[dict[str, Any]], None]) -> Tokenizer:
    """The tokenizer after a change of its file."""
    file = json.loads(tokenizer.to_str())
    edit(file)
    return Tokenizer.from_str(json.dumps(file))


def byte_level(pre_tokenizer: Any, normalizer: Any = None, **options: Any) -> Tokenizer:
    """A byte-level tokenizer that has a token for every byte."""

    def add_bytes(file: dict[str, Any]) -> None:
        vocab = file["model"]["vocab"]
        for c in sorted(pre_tokenizers.ByteLevel.alphabet()):
            vocab.setdefault(c, len(vocab))

    return edited(trained(normalizer, pre_tokenizer, decoders.ByteLevel(), **options), add_bytes)


def split(name: str) -> Any:
    """A known split pattern, and bytes."""
    pattern = pre_tokenizers.Split(Regex(KNOWN_SPLITS[name]), "isolated")
    return pre_tokenizers.Sequence([pattern, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def sentence_piece(normalizer: Any, pre_tokenizer: Any, decoder: Any, *, bytes_too: bool = True) -> Tokenizer:
    """A SentencePiece-style tokenizer with byte fallback, with or without the byte tokens."""

    def add_bytes(file: dict[str, Any]) -> None:
        vocab = file["model"]["vocab"]
        if bytes_too:
            vocab.update({f"<0x{byte:02X}>": len(vocab) + byte for byte in range(256)})

    options = {"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True}
    return edited(trained(normalizer, pre_tokenizer, decoder, **options), add_bytes)


def legacy() -> tuple[Any, Any]:
    """Llama 2's normalizer and decoder."""
    marks = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    text = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    return marks, decoders.Sequence(text)


def metaspace(scheme: str, *, split: bool) -> Tokenizer:
    """The form without a normalizer."""
    decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme=scheme)])
    return sentence_piece(None, pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split), decoder)


def with_added(tokenizer: Tokenizer) -> Tokenizer:
    """Plus an added token for every combination of flags, some inside one another."""
    for i, flags in enumerate(product([False, True], repeat=len(FLAGS))):
        chosen = dict(zip(FLAGS, flags, strict=True))
        tokenizer.add_tokens([AddedToken(f"<T{i}>" if i % 2 else f"Tok{i}", **chosen)])
    tokenizer.add_tokens(["<T1><T3>", AddedToken(" mon day", normalized=False), AddedToken("É", normalized=True)])
    return tokenizer


ADDED_TEXTS = tuple([f"<T{i}>" if i % 2 else f"Tok{i}" for i in range(32)] + ["<T1><T3>", " mon day", "É", "e\u0301"])


def with_post_processor(tokenizer: Tokenizer, kind: str) -> Tokenizer:
    """With special tokens around."""
    tokens = [("<s>", 1), ("</s>", 2)]
    template = processors.TemplateProcessing("<s> $A", "<s> $A </s> <s> $B:1", tokens)
    tokenizer.post_processor = {
        "template": template,
        "sequence": processors.Sequence([processors.ByteLevel(trim_offsets=False), template]),
        "bert": processors.BertProcessing(("</s>", 2), ("<s>", 1)),
        "roberta": processors.RobertaProcessing(("</s>", 2), ("<s>", 1)),
        "byte-level": processors.ByteLevel(trim_offsets=True),
    }[kind]
    return tokenizer


FALCON = pre_tokenizers.Sequence(
    [
        pre_tokenizers.Punctuation("contiguous"),
        pre_tokenizers.ByteLevel(add_prefix_space=False),
        pre_tokenizers.Digits(individual_digits=False),
        pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated"),
    ]
)
SMOLLM = pre_tokenizers.Sequence(
    [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
)
BYTE_LEVEL: dict[str, Callable[[], Tokenizer]] = {
    "gpt2": lambda: byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False)),
    "gpt2-prefix-space": lambda: byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True)),
    "gpt2-whole-words": lambda: byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False), ignore_merges=True),
    "no-split": lambda: byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)),
    "smollm": lambda: byte_level(SMOLLM),
    "falcon": lambda: byte_level(FALCON),
    "byte-level-normalizer": lambda: byte_level(
        pre_tokenizers.Split(Regex(r"\p{N}|Ġ+"), "isolated"), normalizers.ByteLevel()
    ),
    **{name: lambda name=name: byte_level(split(name), normalizers.NFC()) for name in KNOWN_SPLITS},
}
SENTENCE_PIECE: dict[str, Callable[[], Tokenizer]] = {
    "legacy": lambda: sentence_piece(legacy()[0], None, legacy()[1]),
    "legacy-without-bytes": lambda: sentence_piece(legacy()[0], None, legacy()[1], bytes_too=False),
    "gemma3": lambda: sentence_piece(
        normalizers.Replace(" ", "▁"),
        pre_tokenizers.Split(" ", "merged_with_previous"),
        decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]),
    ),
    **{
        f"metaspace-{scheme}-{'split' if cut else 'whole'}": lambda scheme=scheme, cut=cut: metaspace(scheme, split=cut)
        for scheme, cut in product(["first", "always", "never"], [True, False])
    },
}
UNKNOWN = {"unk_token": "<unk>"}
PRE_TOKENIZERS: dict[str, Any] = {
    "whitespace": pre_tokenizers.Whitespace(),
    "whitespace-split": pre_tokenizers.WhitespaceSplit(),
    "bert": pre_tokenizers.BertPreTokenizer(),
    "delimiter": pre_tokenizers.CharDelimiterSplit("e"),
    "digits": pre_tokenizers.Digits(),
    "prefix-then-metaspace": pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]),
    **{
        f"{'not-' if invert else ''}{kind}-{behavior}": pre_tokenizers.Split(pattern, behavior, invert)
        for kind, pattern in {"literal": "l", "regex": Regex(r"\s+|[0-9]|$")}.items()
        for behavior in ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]
        for invert in [False, True]
    },
    **{
        f"punctuation-{behavior}": pre_tokenizers.Punctuation(behavior)
        for behavior in ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]
    },
}
NORMALIZERS: dict[str, Any] = {
    "nfc": normalizers.NFC(),
    "nfd": normalizers.NFD(),
    "nfkc": normalizers.NFKC(),
    "nfkd": normalizers.NFKD(),
    "lowercase": normalizers.Lowercase(),
    "strip": normalizers.Strip(),
    "strip-left": normalizers.Strip(left=True, right=False),
    "accents": normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()]),
    "replace": normalizers.Replace(Regex(r"\s{2,}|[aeiou]\b"), " é"),
    "sequence": normalizers.Sequence([normalizers.Sequence([normalizers.Prepend("»")]), normalizers.Lowercase()]),
}
DECODERS: dict[str, Any] = {
    "none": None,
    "fuse": decoders.Fuse(),
    "byte-level": decoders.ByteLevel(),
    "byte-fallback": decoders.ByteFallback(),
    "metaspace": decoders.Metaspace(),
    "strip-each": decoders.Strip("e", 1, 0),
    "strip-whole": decoders.Sequence([decoders.Fuse(), decoders.Strip("l", 2, 0)]),
    "replace-whole": decoders.Sequence([decoders.Fuse(), decoders.Replace(Regex("l+o?"), "L"), decoders.Fuse()]),
    "bytes-then-strip": decoders.Sequence([decoders.ByteFallback(), decoders.Strip("\ufffd", 1, 0), decoders.Fuse()]),
}
