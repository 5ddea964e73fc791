"""The native core: what `crates/litz-python` binds, typed."""

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal, final

from litz.generation.executor import Executor

__version__: str

@final
class TensorFile:
    """An open GGUF or safetensors file: mapped, validated once, then only looked up.

    Don't write to a file while it is open: truncating it ends this process when what is gone is read. Replacing it by
    renaming another over it is safe.
    """

    def __init__(self, path: str | os.PathLike[str], /) -> None: ...
    @property
    def format(self) -> str:
        """`gguf` or `safetensors`, decided by the header and never by the name."""
    @property
    def size(self) -> int:
        """The size of the file in bytes."""
    def metadata(self) -> dict[str, Any]:
        """Every key with its value, in the file's order; text that is not UTF-8 is bytes.

        Arrays of more than 4,096 items and arrays of arrays are left out: `metadata_array` reads those.
        """
    def long_arrays(self) -> dict[str, int]:
        """The number of items of every array that `metadata` leaves out."""
    def metadata_array(self, key: str, /) -> list[Any] | None:
        """One array in full; None if the file has no such key."""
    def metadata_keys(self) -> list[str]:
        """All keys in the file's order."""
    def metadata_bytes(self, key: str, /) -> bytes | None:
        """A value as a GGUF header stores it after its key: its type's code and its bytes; None without the key."""
    def find_texts(self, key: str, texts: list[str], /) -> list[int]:
        """Where in an array of texts any of `texts` stands, in the array's order; nothing if there is no such array."""
    def tensors(self) -> dict[str, tuple[str, tuple[int, ...], int]]:
        """dtype, shape (outermost first) and size in bytes by name, in the file's order."""
    def read(self, name: str, /) -> bytes:
        """A tensor's bytes as they are stored."""
    def same(self, name: str, other: TensorFile, other_name: str, /) -> bool:
        """Whether two tensors, of this file and of `other`, have one dtype, one shape and the same bytes."""
    def read_f32(self, name: str, /) -> bytes:
        """A tensor as little-endian F32, bit for bit as the reference of its format converts it."""
    def converted(self, name: str, dtype: str, first_row: int, rows: int, threads: int, /) -> bytes:
        """Rows of a tensor as another type, the same bytes with any number of threads; its own type is copied.

        A row is the innermost dimension. ArgumentError for numbers that the type cannot hold, such as NaN.
        """

# File, tensor, first row, rows, from one row to the next; file and tensor of scales that are stored apart
_Part = tuple[int, str, int, int, int, tuple[int, str] | None]

@final
class Model:
    """A loaded model. Safe to use from several threads."""

    @staticmethod
    def load(
        spec_json: str,
        files: list[TensorFile],
        sources: Sequence[tuple[str, Sequence[_Part], bool]],
        options_json: str,
        /,
    ) -> Model:
        """Maps or packs the weights, checked against the spec.

        A source is a canonical name, its parts (file, tensor, first row, rows), and whether they are stored (in, out).
        """
    @staticmethod
    def survey(
        spec_json: str,
        files: list[TensorFile],
        sources: Sequence[tuple[str, Sequence[_Part], bool]],
        options_json: str,
        /,
    ) -> str:
        """The report of a load that does not happen: what it would do and need at most. Reads no matrix."""
    def logits(self, ids: list[int], /) -> bytes:
        """The logits of every position, (time, vocab) little-endian float32."""
    def hidden_states(self, ids: list[int], every_layer: bool, /) -> bytes:
        """The hidden states after the final norm, (time, width), or those of every layer, (layers + 1, time, width):
        first what enters the layers, last what `every_layer=False` gives. Little-endian float32.
        """
    def encode(
        self,
        ids: bytes | None,
        lengths: Sequence[int],
        *,
        positions: bytes | None = None,
        types: bytes | None = None,
        tasks: bytes | None = None,
        embeddings: bytes | None = None,
        keys: Sequence[int] | None = None,
        pooled: Sequence[int] | None = None,
        head: bool = True,
        hidden: Literal["none", "last", "layers"] = "none",
    ) -> tuple[bytes, bytes]:
        """One pass over whole texts, which lie one after another: what the head gives, and hidden states.

        ids, positions, types and tasks are little-endian uint32, one for each row; `embeddings` (rows, width) float32
        stand in the place of ids. `lengths` has the rows of each text. Positions are 0.. unless given; they ascend
        among keys, and among the rest. `keys`: how many rows of each text, from the first on, are seen; the others
        only see. `pooled`: the row that heads pool by "first" and "last", unless it is row 0 and the last key.
        The head: (texts, outputs or width) of a PooledHead, (rows, outputs) of the others, empty unless `head`. Hidden
        states: (rows, width) after the final norm, with "layers" (layers + 1, rows, width) as `hidden_states` has them.
        Both little-endian float32. A model whose layers are causal and whose head is an LmHead raises UnsupportedError.
        """
    def report(self) -> str:
        """What loading did, as JSON: conversions (tensor, from, to), how many matrices are mapped, packed and copied,
        bytes_mapped, bytes_packed, bytes_converted (vectors and copies too) and bytes_scratch.
        """
    @property
    def threads(self) -> int:
        """How many threads work on a token."""
    @property
    def vocab(self) -> int:
        """How many logits a token has."""
    @property
    def context(self) -> int:
        """The longest sequence."""

@final
class SequenceStore:
    """The sequences of an executor that were used last, so that a prompt that continues one is not read again."""

    def __init__(self) -> None: ...

class Generation:
    """One run over several prompts. A row is prompt number times num_return_sequences plus the continuation's."""

    def __init__(
        self,
        executor: Model | Executor[Any],
        prompts: list[list[int]],
        params_json: str,
        tokenizer: Tokenizer | None = None,
        /,
    ) -> None: ...
    def advance(self, max_tokens: int) -> list[tuple[int, int, str | None]]:
        """(row, token, why it was the row's last): up to `max_tokens` of each row, fewer after a tenth of a second.

        Empty once all is done. Reasons: eos, stop, length, context, time.
        """
    def take_text(self, row: int) -> str:
        """The row's text that became final since the last call; needs the tokenizer."""
    def cancel(self) -> None:
        """Ends the run before its next token; from any thread."""

def generation_ranges() -> dict[str, tuple[int, int, bool] | tuple[float, float, bool]]:
    """Of each parameter that is a number: the least, the most, and whether the least itself is out of its range.

    Ints where only whole numbers are in it.
    """

def check_generation_params(params_json: str) -> None:
    """ArgumentError for parameters that no run would accept."""

def process_logits(logits: bytes, prompt_ids: list[int], generated_ids: list[int], params_json: str) -> bytes:
    """The float32 scores that a token is chosen by, after all processors and filters."""

def check_spec(spec_json: str, /) -> None:
    """Raise ConfigError if no model can be so."""

def kv_bytes(spec_json: str, tokens: int, cache_dtype: str = "f16", /) -> int:
    """The bytes that a sequence of `tokens` keeps, for a `cache_dtype` as the load options have it."""

def available_memory() -> tuple[int, str] | None:
    """Bytes of memory that this process may still take, and what limits them; None where the system does not say."""

def scratch_bytes(spec_json: str, /) -> int:
    """The bytes of working memory that a model of this spec needs besides its weights and sequences."""

def instructions() -> str:
    """The widest instructions that the kernels use here: what the CPU has, narrowed by `LITZ_CPU`."""

def available_instructions() -> list[str]:
    """Every name that `LITZ_CPU` may have on this CPU, narrowest first."""

def available_threads() -> int:
    """How many threads a model gets that asks for none: `LITZ_NUM_THREADS`, else the cores of this process."""

def read_bandwidth(threads: int, size: int, rounds: int, /) -> float:
    """Bytes a second that `threads` threads read together from `size` bytes of memory: the best of `rounds`."""

def fma_peak(threads: int, width: int, rounds: int, /) -> float:
    """Single-precision operations a second of `threads` threads with vectors of at most `width` bits."""

def bf16_peak(threads: int, rounds: int, /) -> float:
    """Operations a second of `threads` threads with the dot product of bfloats, 0 without it."""

def int8_peak(threads: int, width: int, rounds: int, /) -> float:
    """Operations a second on bytes of `threads` threads with vectors of at most `width` bits; 0 without them."""

def open_tokenizer(
    kind: str, paths: Sequence[str | os.PathLike[str]], options: str = "{}", cache: str | os.PathLike[str] | None = None
) -> Tokenizer:
    """Compiles the tokenizer that files describe, read without Python's help.

    `kind` is `json` (tokenizer.json), `vocab.txt`, `vocab.json` (with merges.txt), `sentencepiece`, `tiktoken`,
    `tekken` or `gguf`; `options` is what tokenizer_config.json says, as JSON, and `added_tokens`. In the folder
    `cache`, what a large tokenizer.json or GGUF file gives is kept for the next time.
    """

@final
class Tokenizer:
    """A compiled tokenizer: immutable, shared between threads without locks, and without the GIL while it works."""

    @staticmethod
    def from_json(data: bytes) -> Tokenizer:
        """Compiles a `tokenizer.json`; its `truncation` and `padding` are left to the caller.

        What litz does not implement is an UnsupportedError, and what is malformed a FormatError, each with its place.
        """
    @staticmethod
    def from_gguf(file: TensorFile) -> Tokenizer:
        """Compiles the tokenizer in a GGUF file's metadata."""
    def model_type(self) -> str:
        """`BPE`, `WordPiece`, `WordLevel` or `Unigram`."""
    def encode(
        self, text: str, add_special_tokens: bool = True, trusted: Sequence[tuple[int, int]] | None = None
    ) -> list[int]:
        """The ids of a text. Added tokens are recognised in it, special ones too.

        With `trusted` (ranges of the text's UTF-8 bytes, in order and apart), special ones only inside those.
        """
    def seed(self, seed: int) -> None:
        """Makes what BPE dropout draws from here on the same again, on one thread."""
    def encode_pair(self, first: str, second: str, add_special_tokens: bool = True) -> list[int]:
        """The ids of two texts, joined as the file's template for pairs says."""
    def encode_batch(
        self,
        texts: Sequence[str],
        add_special_tokens: bool = True,
        *,
        max_length: int | None = None,
        truncation_side: str = "right",
    ) -> list[list[int]]:
        """The ids of each text, over threads; long ones are cut to `max_length`, special tokens included."""
    def encode_flat(
        self,
        texts: Sequence[str],
        add_special_tokens: bool = True,
        *,
        max_length: int | None = None,
        truncation_side: str = "right",
    ) -> tuple[bytearray, bytearray]:
        """All ids as 32-bit integers, and where each text's begin as 64-bit ones, one more than texts."""
    def encode_padded(
        self,
        texts: Sequence[str],
        add_special_tokens: bool = True,
        *,
        pad_id: int = 0,
        padding_side: str = "right",
        width: int = 0,
        multiple_of: int = 0,
        max_length: int | None = None,
        truncation_side: str = "right",
    ) -> tuple[bytearray, bytearray, int]:
        """Rows of 64-bit ids, their mask, and how wide they are: at least `width`."""
    def encode_full(
        self,
        text: str | Sequence[str],
        pair: str | Sequence[str] | None = None,
        *,
        add_special_tokens: bool = True,
        max_length: int | None = None,
        stride: int = 0,
        strategy: str = "longest_first",
        truncation_side: str = "right",
        trusted: Sequence[tuple[int, int]] | None = None,
        overflow: bool = True,
    ) -> Encoding:
        """Everything that is known of a text's tokens, or of two texts'; a list is the words of a text.

        `overflow` is whether what is cut off is kept, as pieces.
        """
    def encode_full_batch(
        self,
        texts: Sequence[str | Sequence[str]],
        pairs: Sequence[str | Sequence[str]] | None = None,
        *,
        add_special_tokens: bool = True,
        max_length: int | None = None,
        stride: int = 0,
        strategy: str = "longest_first",
        truncation_side: str = "right",
        trusted: Sequence[Sequence[tuple[int, int]] | None] | None = None,
        overflow: bool = True,
    ) -> list[Encoding]:
        """The same for many texts, over threads."""
    def slots(
        self, pair: bool = False, add_special_tokens: bool = True
    ) -> list[tuple[int | None, int | None, int, bool]]:
        """(token id or None, text 0 or 1 or None, type id, counts as special) of each place around the texts."""
    def special_tokens_to_add(self, pair: bool = False) -> int:
        """How many tokens are put around one text, or around two."""
    def is_random(self) -> bool:
        """Whether the same text may become other tokens the next time."""
    def with_tokens(self, tokens: list[tuple[str, bool, bool, bool, bool, bool]]) -> tuple[Tokenizer, int]:
        """A tokenizer with more tokens, and how many changed: (content, special, lstrip, rstrip, single_word,
        normalized) of each.
        """
    def to_json(self) -> str:
        """A whole `tokenizer.json`."""
    def stages(self) -> str:
        """Its sections around the model, padding and truncation included, as one JSON object."""
    def with_stages(self, stages: str) -> Tokenizer:
        """A tokenizer with other sections around the model; those that the JSON object lacks stay."""
    def decode_tokens(self, tokens: list[str]) -> str:
        """The text that tokens spell, whether the vocabulary has them or not."""
    def decode(self, ids: list[int], skip_special_tokens: bool = False) -> str:
        """The text of ids; ids without a token are left out, bytes that are not UTF-8 become U+FFFD."""
    def decode_bytes(self, ids: list[int], skip_special_tokens: bool = False) -> bytes:
        """What the ids stand for, byte by byte."""
    def token_to_id(self, token: str) -> int | None: ...
    def id_to_token(self, id: int) -> str | None: ...
    def vocab_size(self, with_added: bool = True) -> int: ...
    def vocab(self) -> dict[str, int]:
        """Every token with its id, added ones included."""
    def added_tokens(self) -> list[tuple[int, str, bool, bool, bool, bool, bool]]:
        """(id, content, special, lstrip, rstrip, single_word, normalized) of each, by id."""
    def stream(self, skip_special_tokens: bool = False) -> DecodeStream:
        """Decodes ids as they come."""
    def __copy__(self) -> Tokenizer: ...
    def __deepcopy__(self, memo: dict[int, Any], /) -> Tokenizer: ...

@final
class Encoding:
    """What is known of a text's tokens, or of a piece that truncation cut off; lists are made at the first access."""

    @property
    def ids(self) -> list[int]: ...
    @property
    def type_ids(self) -> list[int]: ...
    @property
    def tokens(self) -> list[str]: ...
    @property
    def offsets(self) -> list[tuple[int, int]]:
        """Where each token lies in its text, in characters."""
    @property
    def word_ids(self) -> list[int | None]: ...
    @property
    def words(self) -> list[int | None]: ...
    @property
    def sequence_ids(self) -> list[int | None]: ...
    @property
    def special_tokens_mask(self) -> list[int]: ...
    @property
    def attention_mask(self) -> list[int]: ...
    @property
    def overflowing(self) -> list[Encoding]: ...
    @property
    def n_sequences(self) -> int: ...
    def __len__(self) -> int: ...
    def token_to_sequence(self, token: int) -> int | None: ...
    def token_to_chars(self, token: int) -> tuple[int, int] | None: ...
    def token_to_word(self, token: int) -> int | None: ...
    def char_to_token(self, char: int, sequence: int = 0) -> int | None: ...
    def char_to_word(self, char: int, sequence: int = 0) -> int | None: ...
    def word_to_tokens(self, word: int, sequence: int = 0) -> tuple[int, int] | None: ...
    def word_to_chars(self, word: int, sequence: int = 0) -> tuple[int, int] | None: ...
    def padded(
        self,
        width: int,
        *,
        pad_id: int,
        pad_type_id: int = 0,
        pad_token: str | None = None,
        padding_side: str = "right",
    ) -> Encoding:
        """The same with its overflowing pieces, filled up to `width` tokens."""

def encoding_matrix(encodings: list[Encoding], field: str) -> tuple[bytearray, int]:
    """One list of several encodings of one length as rows of 64-bit integers, and their length; offsets are pairs."""

@final
class WordCounter:
    """Counts the words of a corpus, and trains on them once."""

    def __init__(
        self, normalizer_json: str, pre_tokenizer_json: str, *, threads: int | None = None, memory: int
    ) -> None:
        """The words are those that these components of a tokenizer.json make; while they are counted they take at most
        `memory` bytes, and temporary files beyond that."""
    def feed(self, texts: list[str]) -> None:
        """Counts the words of texts."""
    def feed_file(self, path: str | os.PathLike[str], report: Callable[[str, int, int], None] | None = None) -> None:
        """Counts the words of a file whose lines, with their ends, are texts."""
    def train(self, settings_json: str, report: Callable[[str, int, int], None] | None = None) -> str:
        """The trained model as JSON; `report` is told a stage, what is done and of how much, and may raise."""

@final
class DecodeStream:
    """Text from ids that come one by one: put together, always what `decode` gives for all of them."""

    def push(self, id: int) -> str:
        """The text that is certain with this id; it may be empty."""
    def finish(self) -> str:
        """What was held back. The stream is at its beginning again."""

def character_class(pattern: str) -> list[tuple[int, int]]:
    """The code points of a class such as `\\p{L}`, as ranges that include their ends, in Unicode 16."""

@final
class Template:
    """A compiled chat template: immutable, safe to use from several threads."""

    def __init__(self, source: str, /) -> None:
        """Compiles a template; a mistake is TemplateError with its line."""
    def render(
        self, variables: dict[str, Any] | str, *, special: Sequence[str] = (), now: datetime | None = None
    ) -> tuple[str, list[tuple[int, int]], list[tuple[int, int]]]:
        """The text, the ranges of its generation blocks in characters, and those that the template wrote in bytes.

        `variables` are plain data (None, booleans, numbers, texts, lists, tuples, dicts), or a JSON object as text;
        what a template cannot be given is ArgumentError with its place, such as `messages[0].content`. `special` names
        the variables that are special tokens and count as the template's own; `now` is what strftime_now formats.
        """
    @property
    def names(self) -> list[str]:
        """Every name that the template reads."""
    @property
    def has_generation(self) -> bool:
        """Whether the template has a `{% generation %}` block."""
