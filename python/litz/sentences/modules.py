"""The modules of a sentence-transformers folder, read as data: pooling, dense layers, normalisation, prompts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litz import _core
from litz.config import read_json
from litz.errors import ConfigError, FormatError, UnsupportedError
from litz.hub.paths import resolve_in
from litz.numbers import integer, shown
from litz.sentences.pooling import MODES

if TYPE_CHECKING:
    from litz.sentences.pooling import Floats

_OLDER_MODES = {
    "pooling_mode_cls_token": "cls", "pooling_mode_max_tokens": "max", "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens", "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}  # fmt: skip
_GGUF_MODES = {1: "mean", 2: "cls", 3: "lasttoken"}
_ACTIVATIONS = ("Identity", "Tanh", "ReLU")
_SIMILARITIES = ("cosine", "dot")


@dataclass(frozen=True)
class Dense:
    """`activation(weight @ x + bias)`; the weight is (outputs, inputs)."""

    weight: "Floats"
    bias: "Floats | None"
    activation: str

    def __call__(self, vectors: "Floats") -> "Floats":
        """(rows, inputs) to (rows, outputs)."""
        made = vectors @ self.weight.T
        return activate(made if self.bias is None else made + self.bias, self.activation)


@dataclass(frozen=True)
class Recipe:
    """How the hidden states of a text become its vector."""

    modes: tuple[str, ...] = ("mean",)
    include_prompt: bool = True  # whether a prompt's tokens are pooled too
    dense: tuple[Dense, ...] = ()
    normalize: bool = False
    max_length: int | None = None
    lower_case: bool = False
    prompts: Mapping[str, str] = field(default_factory=dict)
    default_prompt: str | None = None
    truncate_dim: int | None = None
    similarity: str = "cosine"
    source: str = ""  # the file that says so; empty: nothing does, and means are taken


def activate(values: "Floats", name: str) -> "Floats":
    """The activation of that name, in the float32 of its input."""
    import numpy as np

    if name == "Tanh":
        return np.tanh(values)
    if name == "ReLU":
        return np.maximum(values, 0)
    return values


def transformer_folder(root: Path) -> str:
    """The folder, inside of `root`, of the module that holds the encoder; "" is `root` itself."""
    found = [path for kind, path in _listed(root) if kind == "Transformer"]
    return found[0] if found else ""


def read_recipe(root: Path, *, inner: str = "") -> Recipe:
    """What the folder says; mean pooling where it has no modules.json. `inner` is the encoder's folder inside of it.

    Raises UnsupportedError for modules that litz does not run, ConfigError or FormatError for what is wrong.
    """
    modules = _listed(root)
    limits = _optional(root, f"{inner}/sentence_bert_config.json" if inner else "sentence_bert_config.json")
    settings = _optional(root, "config_sentence_transformers.json")
    where = str(root / "modules.json")
    steps = _steps(root, [module for module in modules if module[0] != "Transformer"], where=where)
    longest, shorter = limits.get("max_seq_length"), settings.get("truncate_dim")
    similarity = settings.get("similarity_fn_name") or "cosine"
    if similarity not in _SIMILARITIES:
        raise UnsupportedError(f"{root}: similarity_fn_name {shown(similarity)}; litz has {', '.join(_SIMILARITIES)}")
    prompts = settings.get("prompts") or {}
    if not isinstance(prompts, dict) or not all(isinstance(text, str) for text in prompts.values()):
        raise ConfigError(f"{root}: prompts must be texts by name, found {shown(prompts)}")
    default = settings.get("default_prompt_name")
    if default is not None and default not in prompts:
        raise ConfigError(
            f"{root}: default_prompt_name {shown(default)} is none of {', '.join(prompts) or 'no prompts'}"
        )
    return Recipe(
        **steps, prompts=prompts, default_prompt=default, similarity=similarity, source=where if modules else "",
        lower_case=bool(limits.get("do_lower_case")),
        max_length=None if longest is None else integer(longest, "max_seq_length", least=1, error=ConfigError),
        truncate_dim=None if shorter is None else integer(shorter, "truncate_dim", least=1, error=ConfigError),
    )  # fmt: skip


def recipe_of_gguf(path: Path) -> Recipe:
    """What the header of a GGUF file says of pooling; the mean where it does not say."""
    metadata = _core.TensorFile(str(path)).metadata()
    kind = metadata.get(f"{metadata.get('general.architecture')}.pooling_type")
    if kind is None or kind == 0:
        return Recipe()
    if kind not in _GGUF_MODES:
        raise UnsupportedError(f"{path}: pooling_type {shown(kind)}; litz knows 1 (mean), 2 (cls) and 3 (last)")
    return Recipe(modes=(_GGUF_MODES[kind],), source=str(path))


def _listed(root: Path) -> list[tuple[str, str]]:
    """(kind, folder) of each module, in order; nothing without modules.json."""
    path = root / "modules.json"
    if not path.is_file():
        return []
    try:
        modules = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path} is not valid JSON: {error}") from error
    kinds = list[tuple[str, str]]()
    for module in modules if isinstance(modules, list) else [modules]:
        kind, folder = (module.get("type"), module.get("path")) if isinstance(module, dict) else (None, None)
        if not isinstance(kind, str) or not isinstance(folder, str):
            raise FormatError(f"{path}: a module is {shown(module)}, expected an object with type and path")
        kinds.append((kind.rpartition(".")[2], folder))
    return kinds


def _steps(root: Path, modules: list[tuple[str, str]], *, where: str) -> dict[str, Any]:
    """What follows the encoder: one pooling, then dense layers, then normalisation."""
    found: dict[str, Any] = {"dense": (), "normalize": False}
    for kind, folder in modules:
        if found["normalize"] or (kind == "Dense" and "modes" not in found) or (kind == "Pooling" and "modes" in found):
            raise UnsupportedError(f"{where}: {kind} stands where litz does not expect it: pooling, dense, normalize")
        if kind == "Pooling":
            found |= _pooling(root, folder)
        elif kind == "Dense":
            found["dense"] += (_dense(root, folder),)
        elif kind == "Normalize":
            found["normalize"] = True
        elif kind != "Dropout":
            raise UnsupportedError(
                f"{where}: litz has no module {kind!r}; it runs Transformer, Pooling, Dense, Normalize"
            )
    return found


def _pooling(root: Path, folder: str) -> dict[str, Any]:
    path, config = _config(root, folder)
    modes = config.get("pooling_mode") or [mode for key, mode in _OLDER_MODES.items() if config.get(key)] or "mean"
    modes = (modes,) if isinstance(modes, str) else tuple(modes)
    if unknown := [mode for mode in modes if mode not in MODES]:
        raise UnsupportedError(f"{path}: pooling by {shown(unknown[0])}; litz knows {', '.join(MODES)}")
    return {"modes": modes, "include_prompt": bool(config.get("include_prompt", True))}


def _dense(root: Path, folder: str) -> Dense:
    path, config = _config(root, folder)
    name = str(config.get("activation_function") or "Identity").rpartition(".")[2]
    if name not in _ACTIVATIONS or config.get("module_input_name", "sentence_embedding") != "sentence_embedding":
        raise UnsupportedError(
            f"{path}: a dense layer with {name}; litz knows {', '.join(_ACTIVATIONS)} of whole texts"
        )
    weights = resolve_in(root, f"{folder}/model.safetensors")
    if not weights.is_file():
        from litz.pickles import as_safetensors

        weights = as_safetensors(resolve_in(root, f"{folder}/pytorch_model.bin"))
    file = _core.TensorFile(str(weights))
    shape = (config.get("out_features"), config.get("in_features"))
    wanted = {"linear.weight": shape, **({"linear.bias": shape[:1]} if config.get("bias", True) else {})}
    held = {tensor: size for tensor, (_, size, _) in file.tensors().items()}
    if held != wanted:
        raise FormatError(f"{weights} holds {shown(held)}, expected {shown(wanted)}, as {path} says")
    import numpy as np

    made = {tensor: np.frombuffer(file.read_f32(tensor), "<f4").reshape(size) for tensor, size in held.items()}
    return Dense(made["linear.weight"], made.get("linear.bias"), name)


def _config(root: Path, folder: str) -> tuple[Path, dict[str, Any]]:
    path = resolve_in(root, f"{folder}/config.json")
    if not path.is_file():
        raise FormatError(f"{root / 'modules.json'} names {folder!r}, and there is no {path}: the folder is not whole")
    return path, read_json(path)


def _optional(root: Path, name: str) -> dict[str, Any]:
    path = resolve_in(root, name)
    return read_json(path) if path.is_file() else {}
