"""GenerationConfig: default generation parameters, of a model's files or of its user."""

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

from litz.arguments.mistaken import check_source
from litz.atomic_files import write_text
from litz.config import read_json
from litz.errors import ConfigError, UnknownArgumentError, UnsupportedError
from litz.generation.parameters import PARAMETERS, Biases, PretrainedOptions, Tokens
from litz.generation.resolve import check, hint_for
from litz.hub.where import split, with_where_signature
from litz.numbers import shown

if TYPE_CHECKING:
    from litz.config import Config
    from litz.hub import ModelFiles

FILE = "generation_config.json"
# Written by every version of transformers; they have no effect on generation.
_PROVENANCE = ("transformers_version", "_from_model_config", "_commit_hash", "_original_object_hash")
_BESIDES = ("unknown", "source")
_SPECIAL_TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id")


@dataclass
class GenerationConfig:
    """Defaults for generation, with transformers' names; None means not set.

    A value given to `generate` wins over one of a GenerationConfig given to it, that one over the model's own. What a
    file holds beyond these names is kept in `unknown`, shown and saved again; it has no effect.
    """

    max_new_tokens: int | None = None
    max_length: int | None = None
    min_new_tokens: int | None = None
    min_length: int | None = None
    max_time: float | None = None
    stop_strings: str | Sequence[str] | None = None
    context: Literal["error", "slide"] | None = None
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
    use_mtp: bool | None = None
    is_assistant: bool | None = None
    assistant_early_exit: int | None = None
    speculation_type: str | None = None
    watermarking_config: Any = None
    dola_layers: Any = None
    constraints: Any = None
    force_words_ids: Any = None
    cache_config: Any = None
    max_cache_len: int | None = None
    compile_config: Any = None
    disable_compile: bool | None = None
    continuous_batching_config: Any = None
    prefill_chunk_size: int | None = None
    low_memory: bool | None = None
    decoder_start_token_id: Tokens | None = None
    num_assistant_tokens: int | None = None
    num_assistant_tokens_schedule: str | None = None
    assistant_confidence_threshold: float | None = None
    assistant_lookbehind: int | None = None
    target_lookbehind: int | None = None
    assistant_ensemble_weight: float | None = None
    max_matching_ngram_size: int | None = None
    unknown: dict[str, Any] = field(default_factory=dict)
    source: str = field(default="", compare=False)  # the file that it was read from

    def __new__(cls, *_: Any, **values: Any) -> "GenerationConfig":  # noqa: D102
        for name in values:
            if name not in PARAMETERS and name not in _BESIDES:
                raise UnknownArgumentError(f"GenerationConfig has no {name!r}; {hint_for(name)}")
        return super().__new__(cls)

    def _set_known(self, name: str, value: Any) -> None:
        if name not in PARAMETERS and name not in _BESIDES:
            raise AttributeError(f"GenerationConfig has no {name!r}; {hint_for(name)}")
        object.__setattr__(self, name, value)

    if not TYPE_CHECKING:  # or type checkers would accept every name
        __setattr__ = _set_known

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name)
            raise AttributeError(f"GenerationConfig has no {name!r}; {hint_for(name)}", obj=self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "GenerationConfig":
        """A configuration of these values; unknown names go to `unknown`."""
        known = {name: value for name, value in values.items() if name in PARAMETERS}
        rest = {name: value for name, value in values.items() if name not in PARAMETERS and name not in _PROVENANCE}
        return cls(**known, unknown=rest)

    @classmethod
    @with_where_signature
    def from_pretrained(
        cls,
        pretrained_model_name: str | os.PathLike[str],
        config_file_name: str | None = None,
        **options: Unpack[PretrainedOptions],
    ) -> "GenerationConfig":
        """Reads `generation_config.json` of a model, or of a folder that holds nothing else.

        `options` say where the model is, as in `hub.where.Where`, or win over the file's parameter of that name;
        another name is ArgumentError. A model without the file raises ModelNotFoundError.
        """
        from litz.generation.files import find

        check_source(pretrained_model_name, "GenerationConfig.from_pretrained")
        where, values = split(options)
        for name in values:
            if name not in PARAMETERS:
                raise UnknownArgumentError(f"{name}: no generation parameter, and no argument here; {hint_for(name)}")
        made = cls.from_file(find(pretrained_model_name, config_file_name or FILE, **where))
        made.update(**values)
        return made

    @classmethod
    def from_file(cls, path: Path) -> "GenerationConfig":
        """The configuration that a file holds; one warning names unknown keys."""
        made = cls.from_dict(read_json(path))
        made.source = str(path)
        if made.unknown:
            names = ", ".join(sorted(made.unknown))
            warnings.warn(f"{path}: unknown keys have no effect: {names}", stacklevel=2)
        return made

    @classmethod
    def from_model_config(cls, model_config: "Config | Mapping[str, Any]") -> "GenerationConfig":
        """The generation parameters among a model configuration's keys: where older models have them."""
        written: Any = getattr(model_config, "written", model_config)
        values: Mapping[str, Any] = written if isinstance(written, Mapping) else written.to_dict()
        return cls(**{name: values[name] for name in PARAMETERS if values.get(name) is not None})

    @classmethod
    def for_model(cls, files: "ModelFiles", config: "Config") -> "GenerationConfig":
        """The parameters in a model's files; None where they have none.

        Without a `generation_config.json` the parameters in `config.json` count, as in transformers.
        """
        from litz.generation.gguf import special_tokens

        if files.gguf is not None:
            return cls.from_dict(special_tokens(files.gguf))
        path = files.find(FILE)
        if path is None:
            made = cls.from_model_config(config)
            made.source = str(files.root / "config.json")
            return made
        made = cls.from_file(path)
        for name in _SPECIAL_TOKENS:
            if getattr(made, name) is None:
                setattr(made, name, config.get(name))
        return made

    def save_pretrained(
        self,
        save_directory: str | os.PathLike[str],
        config_file_name: str | None = None,
        *,
        push_to_hub: bool = False,
    ) -> None:
        """Writes all values that are set, the unknown ones included, into the folder, which is made if need be."""
        if push_to_hub:
            self.push_to_hub()
        self.to_json_file(Path(save_directory) / (config_file_name or FILE))

    def push_to_hub(self, *_: Any) -> None:
        """UnsupportedError: litz uploads nothing."""
        raise UnsupportedError("push_to_hub: litz uploads nothing; save_pretrained, and upload the folder yourself")

    def to_json_file(self, json_file_path: str | os.PathLike[str], use_diff: bool = True) -> None:
        """Writes `to_json_string` into a file, atomically."""
        write_text(Path(json_file_path), self.to_json_string(use_diff))

    def to_json_string(self, use_diff: bool = True) -> str:
        """JSON of all values that are set; `use_diff=False` writes null for the others, too.

        Tuples as keys become [[ids], number] pairs. ConfigError names a value that JSON cannot hold.
        """
        values = self.to_dict() if use_diff else {**dict.fromkeys(PARAMETERS), **self.to_dict()}
        biases = values.get("sequence_bias")
        if isinstance(biases, Mapping):
            values["sequence_bias"] = [[list(tokens), bias] for tokens, bias in biases.items()]
        try:
            return json.dumps(values, indent=2, ensure_ascii=False, default=_plain) + "\n"
        except (TypeError, ValueError, RecursionError) as error:
            raise ConfigError(f"this GenerationConfig cannot be written as JSON: {error}") from error

    def to_diff_dict(self) -> dict[str, Any]:
        """The same as `to_dict`: no value is set by default."""
        return self.to_dict()

    def to_dict(self) -> dict[str, Any]:
        """All values that are set, the unknown ones included."""
        named = {name: getattr(self, name) for name in PARAMETERS if getattr(self, name) is not None}
        return {**named, **self.unknown}

    def update(self, *, defaults_only: bool = False, **values: Any) -> dict[str, Any]:
        """Sets the values with known names, checks the result, and returns the other values.

        `defaults_only` sets what is not set yet. A value out of its range raises, and nothing is changed.
        """
        named = {name: value for name, value in values.items() if name in PARAMETERS}
        if defaults_only:
            named = {name: value for name, value in named.items() if getattr(self, name) is None}
        before = {name: getattr(self, name) for name in named}
        self._set(named)
        try:
            self.validate()
        except BaseException:
            self._set(before)
            raise
        return {name: value for name, value in values.items() if name not in PARAMETERS}

    def _set(self, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            setattr(self, name, value)

    def validate(self) -> None:
        """ArgumentError for a value out of its range, UnsupportedError for what litz does not do."""
        check(named(self))

    def __repr__(self) -> str:
        return f"GenerationConfig({json.dumps(self.to_dict(), indent=2, ensure_ascii=False, default=str)})"


def named(config: GenerationConfig | None) -> dict[str, Any]:
    """The values that a configuration sets, without unknown ones."""
    if config is None:
        return {}
    return {name: value for name, value in config.to_dict().items() if name in PARAMETERS}


def _plain(value: Any) -> Any:
    """Arrays and sets for JSON."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{shown(value)} is no JSON value")
