"""GenerationConfig: the parameters that a model's maker, or its user, wants as defaults."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litz.errors import ConfigError, ModelNotFoundError
from litz.generation.parameters import Biases, Tokens

if TYPE_CHECKING:
    from litz.config import Config
    from litz.hub import ModelFiles

FILE = "generation_config.json"
# Written by every version of transformers; they say nothing about generation.
_PROVENANCE = ("transformers_version", "_from_model_config", "_commit_hash", "_original_object_hash")


@dataclass
class GenerationConfig:
    """Defaults for generation, with transformers' names; None means not set.

    A value given to `generate` wins over one of a GenerationConfig given to it, that one over the model's own. What a
    file holds beyond these names is kept in `unknown`, shown, saved again, and never acts.
    """

    max_new_tokens: int | None = None
    max_length: int | None = None
    min_new_tokens: int | None = None
    min_length: int | None = None
    max_time: float | None = None
    stop_strings: str | Sequence[str] | None = None
    context: str | None = None
    do_sample: bool | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    top_h: float | None = None
    typical_p: float | None = None
    epsilon_cutoff: float | None = None
    eta_cutoff: float | None = None
    seed: int | None = None
    num_return_sequences: int | None = None
    repetition_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    no_repeat_ngram_size: int | None = None
    bad_words_ids: Sequence[Sequence[int]] | None = None
    sequence_bias: Biases | None = None
    suppress_tokens: Tokens | None = None
    begin_suppress_tokens: Tokens | None = None
    forced_bos_token_id: int | None = None
    forced_eos_token_id: Tokens | None = None
    exponential_decay_length_penalty: tuple[int, float] | None = None
    remove_invalid_values: bool | None = None
    renormalize_logits: bool | None = None
    eos_token_id: Tokens | None = None
    bos_token_id: int | None = None
    pad_token_id: int | None = None
    return_dict_in_generate: bool | None = None
    num_beams: int | None = None
    num_beam_groups: int | None = None
    length_penalty: float | None = None
    early_stopping: bool | str | None = None
    diversity_penalty: float | None = None
    penalty_alpha: float | None = None
    guidance_scale: float | None = None
    encoder_repetition_penalty: float | None = None
    encoder_no_repeat_ngram_size: int | None = None
    token_healing: bool | None = None
    prompt_lookup_num_tokens: int | None = None
    use_cache: bool | None = None
    cache_implementation: str | None = None
    output_scores: bool | None = None
    output_logits: bool | None = None
    output_attentions: bool | None = None
    output_hidden_states: bool | None = None
    unknown: dict[str, Any] = field(default_factory=dict)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in _NAMES and name != "unknown":
            raise AttributeError(f"GenerationConfig has no {name!r}; it has {', '.join(_NAMES)}")
        object.__setattr__(self, name, value)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "GenerationConfig":
        """A configuration of these values; names that litz does not know go to `unknown`."""
        known = {name: value for name, value in values.items() if name in _NAMES}
        rest = {name: value for name, value in values.items() if name not in _NAMES and name not in _PROVENANCE}
        return cls(**known, unknown=rest)

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name: str | os.PathLike[str],
        *,
        config_file_name: str = FILE,
        revision: str | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        local_files_only: bool = False,
        token: str | bool | None = None,
    ) -> "GenerationConfig":
        """Reads a model's `generation_config.json`; a model without one raises ModelNotFoundError."""
        from litz import hub

        files = hub.resolve(
            pretrained_model_name,
            revision=revision,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
            token=token,
            want="config",
        )
        path = files.find(config_file_name)
        if path is None:
            raise ModelNotFoundError(f"{files.source} has no {config_file_name} in {files.root}")
        return cls.from_dict(_read(path))

    @classmethod
    def for_model(cls, files: "ModelFiles", config: "Config") -> "GenerationConfig":
        """What a model's files say: its `generation_config.json` and special tokens; None where they are silent."""
        from litz.generation.gguf import special_tokens

        if files.gguf is not None:
            return cls.from_dict(special_tokens(files.gguf))
        path = files.find(FILE)
        made = cls() if path is None else cls.from_dict(_read(path))
        for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
            if getattr(made, name) is None:
                setattr(made, name, config.get(name))
        return made

    def save_pretrained(self, save_directory: str | os.PathLike[str], *, config_file_name: str = FILE) -> None:
        """Writes all values that are set, the unknown ones included, into the folder, which is made if need be."""
        target = Path(save_directory)
        target.mkdir(parents=True, exist_ok=True)
        partial = target / f"{config_file_name}.partial"
        partial.write_text(json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        partial.replace(target / config_file_name)

    def to_dict(self) -> dict[str, Any]:
        """All values that are set, the unknown ones included."""
        named = {name: getattr(self, name) for name in _NAMES if getattr(self, name) is not None}
        return {**named, **self.unknown}

    def update(self, **values: Any) -> dict[str, Any]:
        """Sets the values that it has a name for, checks the result, and returns the others."""
        for name in values.keys() & set(_NAMES):
            setattr(self, name, values[name])
        self.validate()
        return {name: value for name, value in values.items() if name not in _NAMES}

    def validate(self) -> None:
        """ArgumentError for a value out of its range, UnsupportedError for what litz does not do."""
        from litz.generation.resolve import check

        check(self)

    def __repr__(self) -> str:
        return f"GenerationConfig({json.dumps(self.to_dict(), indent=2, ensure_ascii=False, default=str)})"


_NAMES = tuple(item.name for item in fields(GenerationConfig) if item.name != "unknown")


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ConfigError(f"{path} is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must hold an object, found {type(values).__name__}")
    return values
