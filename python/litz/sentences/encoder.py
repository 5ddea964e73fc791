"""`SentenceEncoder`: texts to vectors, as sentence-transformers computes them, on the native engine."""

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, overload

from litz import hub, log
from litz.arguments import names_of, refuse_unknown
from litz.arguments.mistaken import check_source, described
from litz.errors import ArgumentError
from litz.hub.progress import Progress
from litz.hub.where import WhereArguments
from litz.models.auto import AutoModel, AutoTokenizer
from litz.models.encoder import NativeEncoder
from litz.numbers import integer
from litz.sentences.modules import Recipe, read_recipe, recipe_of_gguf, transformer_folder
from litz.sentences.pooling import pooled

if TYPE_CHECKING:
    from litz.models.outputs import BaseModelOutputWithPooling
    from litz.sentences.pooling import Floats
    from litz.tokenizers import Tokenizer

_CHUNK = 1024  # texts that are tokenized at once: Ctrl-C waits no longer


class SentenceEncoder:
    """Computes one float32 vector for each text.

    A sentence-transformers folder says how: pooling, dense layers, normalisation, prompts, the longest text. A GGUF
    file says how to pool. Without either, a vector is the mean of the last hidden states, and is not normalised.
    """

    def __init__(
        self,
        model_or_path: "str | os.PathLike[str] | NativeEncoder[BaseModelOutputWithPooling]",
        *,
        tokenizer: "Tokenizer | None" = None,
        dtype: Any = None,
        threads: int | None = None,
        max_length: int | None = None,
        truncate_dim: int | None = None,
        **where: Unpack[WhereArguments],
    ) -> None:
        """`model_or_path`: a name, a path, or what AutoModel.from_pretrained gave.

        `tokenizer`: instead of the model's own. `dtype` and `threads`: as in AutoModel.from_pretrained. `max_length`:
        tokens after which texts are cut, instead of the folder's. `truncate_dim`: how many numbers of each vector to
        keep. `where`: where the model is, as in `hub.where.Where`. Raises what loading raises, and UnsupportedError
        for modules that litz does not run.
        """
        unknown = {name: value for name, value in where.items() if name not in WhereArguments.__annotations__}
        refuse_unknown(unknown, of="SentenceEncoder", known=[*names_of(type(self)), *WhereArguments.__annotations__])
        loaded = model_or_path if isinstance(model_or_path, NativeEncoder) else None
        if loaded is None:
            check_source(model_or_path, "SentenceEncoder")
        elif dtype is not None or threads is not None:
            raise ArgumentError("dtype and threads are those of the loaded model; leave them out")
        source = loaded.name_or_path if loaded is not None else model_or_path
        assert not isinstance(source, NativeEncoder)
        place = _Place.of(source, where)
        self.model = loaded or AutoModel.from_pretrained(place.encoder, dtype=dtype, threads=threads, **where)
        self.tokenizer = tokenizer or AutoTokenizer.from_pretrained(place.encoder, **where)
        self.recipe = place.recipe
        if not self.recipe.source:
            log.info("loading", "%s does not say how to pool: vectors are means of the last hidden states", source)
        self.max_length = self._limit(max_length)
        self.truncate_dim = truncate_dim if truncate_dim is not None else self.recipe.truncate_dim
        if self.truncate_dim is not None:
            integer(self.truncate_dim, "truncate_dim", least=1, most=self._whole_dimension())

    def __repr__(self) -> str:
        kind = " + ".join(self.recipe.modes) + (", normalised" if self.recipe.normalize else "")
        said = "" if self.recipe.source else " (by default)"
        return (
            f"SentenceEncoder({self.model.name_or_path!r}: {self.dimension} numbers, {kind}{said}, "
            f"at most {self.max_length} tokens)"
        )

    @property
    def dimension(self) -> int:
        """How many numbers a vector has."""
        return self.truncate_dim or self._whole_dimension()

    @property
    def prompts(self) -> dict[str, str]:
        """What may be put before every text, by name."""
        return dict(self.recipe.prompts)

    @overload
    def encode(
        self, texts: str, *, batch_size: int = 32, normalize: bool | None = None, prompt: str | None = None,
        prompt_name: str | None = None, truncate_dim: int | None = None, progress: bool = True,
    ) -> "Floats": ...  # fmt: skip
    @overload
    def encode(
        self, texts: Sequence[str], *, batch_size: int = 32, normalize: bool | None = None, prompt: str | None = None,
        prompt_name: str | None = None, truncate_dim: int | None = None, progress: bool = True,
    ) -> "Floats": ...  # fmt: skip
    def encode(
        self,
        texts: str | Sequence[str],
        *,
        batch_size: int = 32,
        normalize: bool | None = None,
        prompt: str | None = None,
        prompt_name: str | None = None,
        truncate_dim: int | None = None,
        progress: bool = True,
    ) -> "Floats":
        """The vectors of texts, (texts, dimension) float32, in their order; of one text, (dimension,).

        `batch_size`: how many texts are computed at once; it changes no bit. `normalize`: to length 1, or not; by
        default as the model says. `prompt` is put before every text; `prompt_name` names one of `prompts`; by default
        the model's own. `truncate_dim` keeps the first numbers of each vector, which is normalised after that.
        `progress`: a bar on a terminal, for what takes over a second. Texts of more than `max_length` tokens are cut,
        with a warning that counts them. Ctrl-C ends it between batches.
        """
        listed = self._checked([texts] if isinstance(texts, str) else texts)
        size = integer(batch_size, "batch_size", least=1)
        dimension = self.dimension
        if truncate_dim is not None:
            dimension = integer(truncate_dim, "truncate_dim", least=1, most=self._whole_dimension())
        before = self._prompt(prompt, prompt_name)
        whole = [before + text for text in listed]
        rows = self._tokenized([text.lower() for text in whole] if self.recipe.lower_case else whole)
        skip = 0 if self.recipe.include_prompt or not before else self._prompt_tokens(before)
        wants_unit = self.recipe.normalize if normalize is None else normalize
        made = self._vectors(rows, size, skip=skip, progress=progress)[:, :dimension]
        return _finished(made, unit=wants_unit)[0 if isinstance(texts, str) else slice(None)]

    def similarity(self, first: Any, second: Any) -> "Floats":
        """How alike vectors are, (n, m) float32 for (n, dimension) and (m, dimension); one vector counts as a row.

        The cosine of their angle, or the dot product where the model says so.
        """
        import numpy as np

        one, two = (np.atleast_2d(np.asarray(each, dtype=np.float32)) for each in (first, second))
        if one.ndim != 2 or two.ndim != 2 or one.shape[1] != two.shape[1]:
            raise ArgumentError(f"similarity takes vectors of one dimension, found {one.shape} and {two.shape}")
        if self.recipe.similarity == "cosine":
            one, two = _finished(one, unit=True), _finished(two, unit=True)
        alike: Floats = one @ two.T
        return alike

    def _checked(self, texts: Any) -> list[str]:
        if not isinstance(texts, (list, tuple)) and not hasattr(texts, "__iter__"):
            raise ArgumentError(f"encode takes a text or a list of texts, found {described(texts)}")
        listed = list(texts)
        for place, text in enumerate(listed):
            if not isinstance(text, str):
                raise ArgumentError(f"encode takes texts, found {described(text)} at place {place}")
        return listed

    def _limit(self, asked: int | None) -> int:
        """The most tokens of a text: what the caller, or else the folder and the tokenizer say, and the model holds."""
        context = self.model.spec.context
        if asked is not None:
            return integer(asked, "max_length", least=1, most=context)
        return min(self.recipe.max_length or self.tokenizer.model_max_length, context)

    def _whole_dimension(self) -> int:
        if self.recipe.dense:
            return int(self.recipe.dense[-1].weight.shape[0])
        return self.model.spec.width * len(self.recipe.modes)

    def _prompt(self, prompt: str | None, name: str | None) -> str:
        if prompt is not None and name is not None:
            raise ArgumentError(f"prompt and prompt_name={name!r} are two prompts; pass one of them")
        name = self.recipe.default_prompt if name is None and prompt is None else name
        if name is not None and name not in self.recipe.prompts:
            known = ", ".join(self.recipe.prompts) or "none"
            raise ArgumentError(f"prompt_name={name!r}: this model's prompts are {known}; pass the text as prompt=")
        return self.recipe.prompts[name] if name is not None else prompt or ""

    def _prompt_tokens(self, prompt: str) -> int:
        """How many tokens of a text are its prompt's, special ones in front included."""
        mask = self.tokenizer._core.encode_full(prompt).special_tokens_mask
        behind = next((count for count, special in enumerate(reversed(mask)) if not special), len(mask))
        return len(mask) - behind

    def _tokenized(self, texts: list[str]) -> list[list[int]]:
        """The ids of each text, cut to `max_length`; a warning says how many were."""
        rows, cut = list[list[int]](), 0
        for start in range(0, len(texts), _CHUNK):
            some = texts[start : start + _CHUNK]
            found = self.tokenizer(some, truncation=True, max_length=self.max_length).input_ids
            full = [text for text, row in zip(some, found, strict=True) if len(row) >= self.max_length]
            if full:
                cut += sum(len(row) > self.max_length for row in self.tokenizer(full, verbose=False).input_ids)
            rows += found
        if empty := [place for place, row in enumerate(rows) if not row]:
            raise ArgumentError(f"the text at place {empty[0]} has no tokens: {texts[empty[0]]!r}")
        if cut:
            texts_are = "1 text is" if cut == 1 else f"{cut} texts are"
            warnings.warn(f"{texts_are} longer than {self.max_length} tokens and cut there (max_length)", stacklevel=3)
        return rows

    def _vectors(self, rows: list[list[int]], size: int, *, skip: int, progress: bool) -> "Floats":
        """The vector of each row before it is truncated; the longest are computed first."""
        import numpy as np

        made = np.empty((len(rows), self._whole_dimension()), np.float32)
        order = sorted(range(len(rows)), key=lambda place: -len(rows[place]))
        total = sum(map(len, rows))
        bar = Progress("encoding", total, shown=lambda count: f"{count:,.0f} tokens") if progress else None
        done = 0
        try:
            for start in range(0, len(order), size):
                batch = order[start : start + size]
                data = self.model.token_states([rows[place] for place in batch])
                states = np.frombuffer(data, "<f4").reshape(-1, self.model.spec.width)
                lengths = [len(rows[place]) for place in batch]
                vectors = pooled(states, lengths, modes=self.recipe.modes, skip=skip)
                for dense in self.recipe.dense:
                    vectors = dense(vectors)
                made[batch] = vectors
                done += sum(lengths)
                if bar is not None:
                    bar.update(done)
        finally:
            if bar is not None:
                bar.close()
        return made


@dataclass(frozen=True)
class _Place:
    """What to load the encoder and its tokenizer from, and what is said there of vectors."""

    encoder: "str | os.PathLike[str]"
    recipe: Recipe

    @classmethod
    def of(cls, source: "str | os.PathLike[str]", where: WhereArguments) -> "_Place":
        if os.path.isdir(source):
            root = Path(source) / (where.get("subfolder") or "")
            inner = transformer_folder(root)
            if inner:  # a folder of its own for the encoder
                return cls(root / inner, read_recipe(root, inner=inner))
        files = hub.resolve(source, want="config", **where)
        return cls(source, read_recipe(files.root) if files.gguf is None else recipe_of_gguf(files.gguf))


def _finished(vectors: "Floats", *, unit: bool) -> "Floats":
    """The vectors in a memory of their own, of length 1 if asked for; one of zeros stays so."""
    import numpy as np

    if not unit:
        return np.ascontiguousarray(vectors)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    made: Floats = vectors / np.maximum(lengths, np.float32(1e-12))
    return made
