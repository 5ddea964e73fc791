"""Settings of trainers, by the names that the `tokenizers` library gives them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from litz.errors import ArgumentError

_FLAGS = ("single_word", "lstrip", "rstrip", "normalized")


def special_token(token: Any) -> dict[str, Any]:
    """An entry of tokenizer.json's `added_tokens`, without its id, of a str, a mapping or an AddedToken."""
    if isinstance(token, str):
        token = {"content": token}
    elif not isinstance(token, Mapping):
        names = ("content", *_FLAGS)
        token = {name: getattr(token, name) for name in names if hasattr(token, name)}
    if not isinstance(token.get("content"), str) or not token["content"]:
        raise ArgumentError(f"a special token is a text of at least one character, found {token!r:.80}")
    return {"content": token["content"], **{flag: bool(token.get(flag, False)) for flag in _FLAGS}, "special": True}


@dataclass(frozen=True, kw_only=True)
class Trainer:
    """The settings that all trainers share; use one of the four below."""

    vocab_size: int = 30000
    show_progress: bool = True
    special_tokens: Sequence[Any] = ()  # str, AddedToken, or mappings with `content`

    model: ClassVar[str]
    defaults: ClassVar[Mapping[str, Any]]

    def __post_init__(self) -> None:
        if isinstance(self.vocab_size, bool) or not isinstance(self.vocab_size, int) or self.vocab_size < 0:
            raise ArgumentError(f"vocab_size is {self.vocab_size!r}; expected a whole number from 0")
        if isinstance(self.special_tokens, str):
            raise ArgumentError("special_tokens is one text; expected a list of tokens")
        for token in self.special_tokens:
            special_token(token)

    def settings(self) -> dict[str, Any]:
        """The settings as the core reads them."""
        settings = asdict(self)
        del settings["show_progress"]
        settings["special_tokens"] = [special_token(token)["content"] for token in self.special_tokens]
        if "initial_alphabet" in settings:
            # Of a longer text, the first character counts.
            settings["initial_alphabet"] = [text[0] for text in settings["initial_alphabet"] if text]
        return {"type": self.model, **settings}


@dataclass(frozen=True, kw_only=True)
class BpeTrainer(Trainer):
    """Byte-pair encoding: the most frequent pair of tokens becomes one, until the vocabulary is full."""

    min_frequency: int = 0
    limit_alphabet: int | None = None
    initial_alphabet: Sequence[str] = ()
    continuing_subword_prefix: str | None = None
    end_of_word_suffix: str | None = None
    max_token_length: int | None = None

    model: ClassVar[str] = "BPE"
    defaults: ClassVar[Mapping[str, Any]] = {
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
    }


@dataclass(frozen=True, kw_only=True)
class WordPieceTrainer(Trainer):
    """WordPiece: trained like BPE, with a prefix on what continues a word; the merges are not kept."""

    min_frequency: int = 0
    limit_alphabet: int | None = None
    initial_alphabet: Sequence[str] = ()
    continuing_subword_prefix: str | None = "##"
    end_of_word_suffix: str | None = None

    model: ClassVar[str] = "WordPiece"
    defaults: ClassVar[Mapping[str, Any]] = {
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
    }


@dataclass(frozen=True, kw_only=True)
class WordLevelTrainer(Trainer):
    """WordLevel: the most frequent words, equally frequent ones by their text."""

    min_frequency: int = 0

    model: ClassVar[str] = "WordLevel"
    defaults: ClassVar[Mapping[str, Any]] = {"unk_token": "<unk>"}


@dataclass(frozen=True, kw_only=True)
class UnigramTrainer(Trainer):
    """Unigram: pieces with probabilities, by expectation maximisation and pruning.

    `seed_size` is how many pieces it begins with. Sums run in a fixed order, so the result is always the same; the
    `tokenizers` library sums in a random one, and its scores differ in their last digits from run to run.
    """

    vocab_size: int = 8000
    initial_alphabet: Sequence[str] = ()
    shrinking_factor: float = 0.75
    unk_token: str | None = None
    max_piece_length: int = 16
    n_sub_iterations: int = 2
    seed_size: int = 1_000_000

    model: ClassVar[str] = "Unigram"
    defaults: ClassVar[Mapping[str, Any]] = {"byte_fallback": False}
