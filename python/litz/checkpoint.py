"""A model's files opened and understood (configuration, Spec, which tensor is which weight) before a weight is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from struct import unpack
from typing import Any

from litz import _core
from litz.architectures import family as family_of
from litz.architectures import gguf
from litz.architectures.base import Family, Names
from litz.config import Config, Keys, read_json
from litz.errors import ConfigError, ModelNotFoundError, UnsupportedError
from litz.hub import ModelFiles
from litz.hub.paths import resolve_in
from litz.spec import Spec
from litz.weights import LoadReport, Source, plan

_INDEX = "model.safetensors.index.json"
# What arithmetic on a value of the wrong kind ends in: files may hold anything anywhere.
_WRONG_KIND = (TypeError, ValueError, OverflowError, ZeroDivisionError, AttributeError, KeyError)


@dataclass(frozen=True)
class Checkpoint:
    """Everything that loading needs; opening one maps files and reads headers, no more."""

    files: ModelFiles
    config: Config
    spec: Spec
    tensor_files: tuple[_core.TensorFile, ...]
    sources: tuple[Source, ...]
    report: LoadReport

    def stored_bytes(self) -> dict[str, int]:
        """Bytes of the weights by stored dtype; a tensor that serves several weights counts once."""
        used = {(part.file, part.tensor) for source in self.sources for part in source.parts}
        totals: dict[str, int] = {}
        for index, file in enumerate(self.tensor_files):
            for name, (dtype, _, nbytes) in file.tensors().items():
                if (index, name) in used:
                    totals[dtype] = totals.get(dtype, 0) + nbytes
        return totals


def read_config(files: ModelFiles) -> Config:
    """The configuration of a model's files, over its family's defaults."""
    if files.gguf is not None:
        return _gguf_config(_core.TensorFile(str(files.gguf)), files.gguf)
    path = files.find("config.json")
    if path is None:
        raise ModelNotFoundError(f"{files.source} has neither a config.json nor a GGUF file in {files.root}")
    return with_defaults(read_json(path), name=files.source)


def with_defaults(values: Mapping[str, Any], *, name: str) -> Config:
    """A multimodal model's text configuration stands for the whole: litz runs the text model."""
    text = values.get("text_config")
    if isinstance(text, dict):
        values = {**text, "model_type": values.get("model_type")}
    family = family_of(values.get("model_type"))
    return Config(values, defaults=family.defaults, name_or_path=name, aliases=family.aliases)


def _gguf_config(file: _core.TensorFile, path: Path) -> Config:
    def floats(name: str) -> list[float]:
        data = file.read_f32(name)
        return list(unpack(f"<{len(data) // 4}f", data))

    tensors = {name: shape for name, (_, shape, _) in file.tensors().items()}
    try:
        values = gguf.config(file.metadata(), tensors, floats=floats, where=str(path))
    except _WRONG_KIND as error:
        if isinstance(error, ConfigError | UnsupportedError):
            raise
        raise ConfigError(f"{path}: the header's keys are of the wrong kind: {error!r}") from error
    return with_defaults(values, name=str(path))


def open_checkpoint(files: ModelFiles, *, strict: bool = True, config: Config | None = None) -> Checkpoint:
    """Opens and checks a model: its configuration is read key by key, its tensors are matched one by one.

    `config` stands for the one in the files. `strict=False` lets unknown configuration keys pass with a warning.
    Raises ConfigError, WeightsError, UnsupportedError or FormatError, each naming what is wrong.
    """
    config = read_config(files) if config is None else config
    family = family_of(config["model_type"])
    where = str(files.gguf or files.root / "config.json")
    spec = read_spec(config, family, where=where, strict=strict)
    tensor_files = (_core.TensorFile(str(files.gguf)),) if files.gguf else _safetensors(files)
    stored = [{name: shape for name, (_, shape, _) in file.tensors().items()} for file in tensor_files]
    names: Names = gguf.names(family, stored[0]) if files.gguf else family.names
    sources, report = plan(spec, family, stored, names=names, where=files.source)
    return Checkpoint(files, config, spec, tensor_files, tuple(sources), report)


def read_spec(config: Config, family: Family, *, where: str, strict: bool = True) -> Spec:
    """The Spec of a configuration; every key of it must be read or known not to matter."""
    keys = Keys(config.written, family.defaults, where=where, aliases=family.aliases)
    keys.refuse("quantization_config", "load the unquantised model, or a GGUF file of it")
    try:
        spec = family.spec(keys)
    except _WRONG_KIND as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{where}: {error}") from error
    keys.finish(strict=strict)
    return spec


def _safetensors(files: ModelFiles) -> tuple[_core.TensorFile, ...]:
    index = files.find(_INDEX)
    if index is not None:
        shards = read_json(index).get("weight_map")
        if not isinstance(shards, dict) or not all(isinstance(name, str) for name in shards.values()):
            raise ConfigError(f"{index}: weight_map must map tensor names to file names")
        return tuple(_core.TensorFile(str(resolve_in(files.root, name))) for name in dict.fromkeys(shards.values()))
    single = files.find("model.safetensors")
    if single is not None:
        return (_core.TensorFile(str(single)),)
    if files.find("pytorch_model.bin") or files.find("pytorch_model.bin.index.json"):
        raise UnsupportedError(
            f"{files.source} has only pytorch_model.bin, a pickle that could run code; "
            f"litz reads safetensors and GGUF: convert it, or choose another revision"
        )
    raise ModelNotFoundError(f"{files.source} has no model.safetensors, no {_INDEX} and no GGUF file in {files.root}")
