"""A model's files opened and understood (configuration, Spec, which tensor is which weight) before a weight is read."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from struct import unpack
from typing import Any

from litz import _core, log
from litz.architectures import family as family_of
from litz.architectures import gguf
from litz.architectures.base import Family
from litz.architectures.tasks import LANGUAGE_MODEL, names_for, task_of
from litz.config import Config, Keys, read_json
from litz.errors import ConfigError, LitzError, ModelNotFoundError, UnsupportedError
from litz.hub import ModelFiles
from litz.spec import Spec
from litz.weights import LoadReport, Source, StoredFile, plan


@dataclass(frozen=True)
class Checkpoint:
    """The input of loading; opening one maps files and reads headers, no more."""

    files: ModelFiles
    config: Config
    spec: Spec
    tensor_files: tuple[_core.TensorFile, ...]
    sources: tuple[Source, ...]
    report: LoadReport

    def stored_bytes(self) -> dict[str, int]:
        """Bytes of the weights by stored dtype; a tensor that serves several weights counts once."""
        parts = [part for source in self.sources for part in source.parts]
        apart = {place for part in parts if part.scales for place in ((part.file, part.tensor), part.scales)}
        used = apart | {(part.file, part.tensor) for part in parts}
        totals: dict[str, int] = {}
        for index, file in enumerate(self.tensor_files):
            for name, (dtype, _, nbytes) in file.tensors().items():
                if (index, name) in used:
                    kind = "MXFP4" if (index, name) in apart else dtype
                    totals[kind] = totals.get(kind, 0) + nbytes
        return totals

    def header(self) -> Mapping[str, Any]:
        """The metadata of a GGUF file without its long arrays; empty for other files."""
        return self.tensor_files[0].metadata() if self.files.gguf is not None else {}


def read_config(files: ModelFiles) -> Config:
    """The configuration of a model's files, over its family's defaults."""
    if files.gguf is not None:
        return _gguf_config(_core.TensorFile(str(files.gguf)), files.gguf)
    path = files.find("config.json")
    if path is None:
        raise ModelNotFoundError(f"{files.source} has neither a config.json nor a GGUF file in {files.root}")
    return with_defaults(read_json(path), name=files.source)


def with_defaults(values: Mapping[str, Any], *, name: str, spelled: Mapping[str, str] | None = None) -> Config:
    """A configuration over its family's defaults; of a multimodal model only the text configuration is used."""
    text = values.get("text_config")
    if isinstance(text, dict):
        values = {**text, "model_type": values.get("model_type")}
    family = family_of(values.get("model_type"))
    return Config(
        values, defaults=family.defaults, name_or_path=name, aliases=family.aliases, spelled=spelled, kind=family.kind
    )


def _gguf_config(file: _core.TensorFile, path: Path) -> Config:
    def floats(name: str) -> list[float]:
        data = file.read_f32(name)
        return list(unpack(f"<{len(data) // 4}f", data))

    tensors = {name: shape for name, (_, shape, _) in file.tensors().items()}
    metadata = file.metadata()
    values = gguf.config(metadata, tensors, floats=floats, where=str(path), long_arrays=file.long_arrays())
    return with_defaults(values, name=str(path), spelled=gguf.spelled(metadata.get("general.architecture")))


def open_checkpoint(
    files: ModelFiles, *, head: str | None = None, strict: bool = True, config: Config | None = None
) -> Checkpoint:
    """Opens and checks a model: its configuration is read key by key, its tensors are matched one by one.

    `head` is a task of the family's, a name of `models.heads.HEADS`; without it, the family's own. Tensors of other
    heads are reported, and not loaded. `config` stands for the one in the files. `strict=False` lets unknown
    configuration keys pass with a warning.
    Raises ConfigError, WeightsError, UnsupportedError or FormatError, each naming what is wrong.
    """
    config = read_config(files) if config is None else config
    family = family_of(config["model_type"])
    where = str(files.gguf or files.root / "config.json")
    log.info("loading", "%s: %s, described by %s", files.source, config["model_type"], where)
    asked = head
    head, task = task_of(family.tasks, head, model_type=config["model_type"])
    spec = read_spec(config, family, head=head, where=where, strict=strict)
    if asked == LANGUAGE_MODEL and spec.head is None:
        raise UnsupportedError(f"{files.source} reads both ways, so it writes no text: AutoModel has its hidden states")
    tensor_files = tuple(_core.TensorFile(str(path)) for path in files.weights())
    stored = [_stored(file) for file in tensor_files]
    names = names_for(gguf.names(family, stored[0].shapes) if files.gguf else family.names, family.tasks, head)

    def same(one: tuple[int, str], two: tuple[int, str]) -> bool:
        return tensor_files[one[0]].same(one[1], tensor_files[two[0]], two[1])

    mxfp4 = _is_mxfp4(config.get("quantization_config"))
    spec, sources, report = plan(
        spec, family, stored, names=names, where=files.source, same=same, mxfp4=mxfp4, optional_head=task.optional
    )
    return Checkpoint(files, config, spec, tensor_files, tuple(sources), report)


def _stored(file: _core.TensorFile) -> StoredFile:
    shapes = {name: shape for name, (_, shape, _) in file.tensors().items()}
    if file.format != "safetensors":
        return StoredFile(shapes)
    return StoredFile(shapes, {name: own for name, own in file.metadata().items() if own in shapes})


def _is_mxfp4(quantisation: Any) -> bool:
    """Whether matrices may be MXFP4, codes and scales apart; the tensors say which are."""
    return isinstance(quantisation, dict) and quantisation.get("quant_method") == "mxfp4"


def read_spec(config: Config, family: Family, *, where: str, head: str | None = None, strict: bool = True) -> Spec:
    """The Spec of a configuration, with the head of a task; every key must be read or known not to matter."""
    _, task = task_of(family.tasks, head, model_type=config["model_type"])
    keys = Keys(
        config.written, family.defaults, where=where, aliases=family.aliases, spelled=config.spelled, kind=family.kind
    )
    if not _is_mxfp4(keys.get("quantization_config")):
        keys.refuse("quantization_config", "load the unquantised model, or a GGUF file of it")
    try:
        spec = family.spec(keys)
        spec = replace(spec, head=task.head(keys, spec))
        _core.check_spec(spec.to_json())
    except ValueError as error:  # what a Spec refuses of itself
        if isinstance(error, LitzError):
            raise
        raise ConfigError(f"{where}: {error}") from error
    keys.finish(strict=strict)
    return spec
