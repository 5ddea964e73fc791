"""A model of safetensors as a GGUF file's keys and tensors, read back and compared before anything is written."""

import math
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from struct import unpack
from typing import Any, BinaryIO

from litz import _core
from litz.architectures import family as family_of
from litz.architectures import gguf
from litz.checkpoint import Checkpoint, open_checkpoint, read_config, read_spec, with_defaults
from litz.convert import headers, probes, vocabulary
from litz.convert.values import Entry, Tensor, number
from litz.errors import ArgumentError, UnsupportedError
from litz.export.gguf_file import GgufLayout, Row
from litz.generation import GenerationConfig
from litz.hub import ModelFiles
from litz.models.auto import AutoTokenizer
from litz.spec import Norm, Rope, Spec
from litz.tokenizers.loading import gguf_settings
from litz.tokenizers.tokenizer import Tokenizer

# general.file_type: the numbers of llama.cpp's llama_ftype
_FILE_TYPES = {"F32": 0, "F16": 1, "BF16": 32}
_SAME = 1e-6  # keys are in single precision


@dataclass(frozen=True)
class Description:
    """What the file will hold: keys in order (but for those that say how it is quantised), and tensors."""

    entries: tuple[Entry, ...]
    tensors: tuple[Tensor, ...]
    notes: tuple[str, ...] = ()  # properties of the tokenizer that the format loses

    def layout(self) -> GgufLayout:
        """Where everything of the file will be; its floats stay as they are stored."""
        matrices = Counter(tensor.dtype for tensor in self.tensors if len(tensor.shape) > 1)
        kind = number("general.file_type", _FILE_TYPES[matrices.most_common(1)[0][0]])
        every = (*self.entries, kind, number("general.quantization_version", 2))
        rows = (Row(tensor.name, tensor.dtype, tensor.shape, tensor.nbytes) for tensor in self.tensors)
        return GgufLayout({entry.key: entry.value for entry in every}, rows)

    def write(self, out: BinaryIO, *, advance: Callable[[int], None]) -> None:
        """Write the whole file, with one tensor at a time in memory; `advance` gets the bytes that are done."""
        layout = self.layout()
        layout.write(out, self._pieces(layout.tensors, advance))

    def _pieces(self, rows: Iterable[Row], advance: Callable[[int], None]) -> Iterator[tuple[Row, list[bytes]]]:
        done = 0
        for row, tensor in zip(rows, self.tensors, strict=True):
            yield row, [tensor.read()]
            done += row.nbytes
            advance(done)


def describe(files: ModelFiles) -> Description:
    """The model as GGUF. Only headers, vectors of rotary factors and the tokenizer are read.

    What would not be read back as the same model (Spec) with the same tokenizer (ids of probes, special tokens, chat
    template) is UnsupportedError, and so are families without a form; ArgumentError for a GGUF file.
    """
    if files.gguf is not None:
        raise ArgumentError(f"{files.gguf} is a GGUF file already")
    config = read_config(files)
    headers.form_of(config["model_type"], where=files.source)
    checkpoint = open_checkpoint(files, config=config)
    tokenizer = AutoTokenizer.from_pretrained(files.root)
    entries, tensors = headers.described(checkpoint)
    ends = _ends(files, checkpoint)
    entries += vocabulary.entries(tokenizer, size=checkpoint.spec.vocab, ends=ends, where=files.source)
    made = Description(tuple(entries), tuple(tensors))
    return replace(made, notes=tuple(_check(made, checkpoint, tokenizer)))


def _ends(files: ModelFiles, checkpoint: Checkpoint) -> list[int]:
    """The tokens that end an answer, as generation would take them."""
    path = files.find("generation_config.json")
    found = None if path is None else GenerationConfig.from_file(path).eos_token_id
    found = checkpoint.config.get("eos_token_id") if found is None else found
    return [found] if isinstance(found, int) else list(found or ())


def _check(made: Description, checkpoint: Checkpoint, tokenizer: Tokenizer) -> Iterator[str]:
    """Reads the header as any reader would, and compares; returns notes on what the format loses."""
    where = checkpoint.files.source
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "header.gguf"
        path.write_bytes(GgufLayout({entry.key: entry.value for entry in made.entries}, ()).header)
        file = _core.TensorFile(path)
        differing = list(_differences(expected(checkpoint.spec, made), _spec(file, made.tensors, where)))
        if differing:
            raise UnsupportedError(f"{where}: the GGUF form would be another model: {'; '.join(differing[:3])}")
        core = _core.Tokenizer.from_gguf(file)
        read = Tokenizer.of(core, gguf_settings.from_gguf(file, core), name_or_path=where)
        if unused := checkpoint.report.unused:
            more = f" and {len(unused) - 1} more tensors" if len(unused) > 1 else ""
            yield f"left out, for the text model has no use for it: {unused[0]}{more}"
        lost = vocabulary.beyond(tokenizer, checkpoint.spec.vocab)
        if lost:
            yield f"left out, for the model has no rows for them: {', '.join(lost)}"
        prefix = bool(file.metadata().get("tokenizer.ggml.add_space_prefix"))
        yield from probes.compare(tokenizer, read, prefix=prefix, where=where)


def expected(spec: Spec, made: Description) -> Spec:
    """The Spec of the file: norm weights include the offset, and permuted rows rotate in neighbouring pairs."""
    arch = next(entry.value[12:].decode() for entry in made.entries if entry.key == "general.architecture")
    permuted = any(form.arch == arch and form.permuted for form in headers.FORMS.values())
    towers = {name: _expected(tower, permuted=permuted) for name, tower in spec.towers.items()}
    return replace(spec, towers=towers)


def _expected(value: Any, *, permuted: bool) -> Any:
    """The same for one value inside the Spec."""
    if isinstance(value, Norm):
        return replace(value, offset=0.0)
    if isinstance(value, Rope):
        return replace(value, interleaved=permuted)
    if isinstance(value, tuple):
        return tuple(_expected(item, permuted=permuted) for item in value)
    if not is_dataclass(value) or isinstance(value, type):
        return value
    changes = {f.name: _expected(getattr(value, f.name), permuted=permuted) for f in fields(value) if f.init}
    return replace(value, **changes)


def _spec(file: _core.TensorFile, tensors: Sequence[Tensor], where: str) -> Spec:
    """The Spec that the header and these tensors say."""
    by_name = {tensor.name: tensor for tensor in tensors}

    def floats(name: str) -> list[float]:
        data = by_name[name].read()
        return list(unpack(f"<{len(data) // 4}f", data))

    shapes = {tensor.name: tensor.shape for tensor in tensors}
    metadata = file.metadata()
    values = gguf.config(metadata, shapes, floats=floats, where=where, long_arrays=file.long_arrays())
    config = with_defaults(values, name=where, spelled=gguf.spelled(metadata["general.architecture"]))
    return read_spec(config, family_of(config["model_type"]), where=where)


def _differences(one: Spec, two: Spec) -> Iterator[str]:
    yield from _unlike(one.to_dict(), two.to_dict(), "")


def _unlike(one: Any, two: Any, place: str) -> Iterator[str]:
    """Where two nested values differ, floats by more than single precision."""
    if isinstance(one, dict) and isinstance(two, dict):
        for key in dict.fromkeys((*one, *two)):
            yield from _unlike(one.get(key), two.get(key), f"{place}.{key}" if place else key)
    elif isinstance(one, list | tuple) and isinstance(two, list | tuple) and len(one) == len(two):
        for index, (first, second) in enumerate(zip(one, two, strict=True)):
            yield from _unlike(first, second, f"{place}[{index}]")
    elif isinstance(one, float) and isinstance(two, float):
        if not math.isclose(one, two, rel_tol=_SAME):
            yield f"{place} {one:g} becomes {two:g}"
    elif one != two:
        yield f"{place} {one!r:.40} becomes {two!r:.40}"
