"""Model configurations: `config.json` or a GGUF header as one dictionary, read key by key with nothing left unread."""

import json
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from pathlib import Path
from typing import Any, Literal

from litz.atomic_files import write_text
from litz.errors import ConfigError
from litz.nearest import nearest
from litz.numbers import integer, number, shown

# Keys that never change what a model computes when it runs: its training, its generation, what wrote the file.
_ANY = """_attn_implementation _attn_implementation_autoset _flash_attn_2_enabled _name_or_path activation_dropout
    architectures attention_dropout attention_probs_dropout_prob attn_implementation attn_pdrop auto_map bad_words_ids
    begin_suppress_tokens bos_token_id cache_implementation chunk_size_feed_forward decoder_start_token_id
    diversity_penalty do_sample dropout dtype early_stopping embd_pdrop embedding_dropout encoder_no_repeat_ngram_size
    eos_token_id exponential_decay_length_penalty finetuning_task flash_attn forced_bos_token_id forced_eos_token_id
    gradient_checkpointing hidden_dropout hidden_dropout_prob init_std initializer_range keep_rnn layerdrop
    length_penalty max_length max_window_layers min_length model_type name neftune_noise_alpha no_repeat_ngram_size
    num_beam_groups num_beams num_return_sequences output_attentions output_hidden_states output_scores prefix
    pretraining_tp pruned_heads remove_invalid_values repetition_penalty resid_pdrop residual_dropout return_dict
    return_dict_in_generate sep_token_id suppress_tokens task_specific_params temperature tf_legacy_loss tokenizer_class
    top_k top_p torch_dtype torchscript transformers.js_config transformers_version typical_p unk_token_id
    unsloth_fixed unsloth_version eos_token_ids use_bfloat16 use_cache use_flash_attn vocab_size_or_config_json_file"""
# Of a classifier: its training, and what its labels are called; how many there are is read with its head.
_LABELS = """classifier_dropout classifier_dropout_prob cross_attention_hidden_size id2label label2id num_labels
    pad_token_id problem_type summary_activation summary_first_dropout summary_last_dropout summary_proj_to_labels
    summary_type summary_use_proj"""
# Keys of other kinds of models, which every configuration of a decoder carries at their defaults.
_DECODER = f"{_LABELS} add_cross_attention is_decoder is_encoder_decoder type_vocab_size"
# What the programs that trained or converted published encoders left in their configurations.
_ENCODER = f"""{_LABELS} cls_token_id directionality down_scale_factor enable_recompute fuse gap_size
    initializer_cutoff_factor mask_token_id mlp_dropout net_structure_type num_memory_blocks output_past pooler_fc_size
    pooler_num_attention_heads pooler_num_fc_layers pooler_size_per_head pooler_type qa_dropout seq_classif_dropout
    reference_compile repad_logits_with_grad sinusoidal_pos_embds sparse_pred_ignore_index sparse_prediction
    tie_weights_"""

Kind = Literal["decoder", "encoder"]
# kind of model -> the keys that cannot matter for it; an encoder's readers look at labels, padding and token types
_IRRELEVANT: dict[Kind, frozenset[str]] = {
    "decoder": frozenset(f"{_ANY} {_DECODER}".split()), "encoder": frozenset(f"{_ANY} {_ENCODER}".split()),
}  # fmt: skip

# An unread key whose name holds one of these words may change the mathematics: loading stops and names it.
_MATHEMATICAL = tuple(
    """act alibi alpha attention attn beta bias cap conv dim embed eps expert factor head hidden interleave key lambda
    latent layer logit lora mask mlp moe multiplier norm offset parallel position qk quant query rank residual
    rope rotary router scal sink size state theta tie value width window""".split()
)


# Values that say what every model of a family without the key is.
_NEUTRAL: dict[str, Callable[[Any], bool]] = {
    "layer_types": lambda value: isinstance(value, list) and set(map(str, value)) == {"full_attention"},
    "partial_rotary_factor": lambda value: value == 1.0,
    "rotary_pct": lambda value: value == 1.0,
}

# Far beyond any model, and small enough that no file takes minutes to check.
_MOST = {"num_hidden_layers": 4096, "num_attention_heads": 65536, "num_key_value_heads": 65536, "head_dim": 65536}
_MOST_OF_ALL = 2**28  # the engine's limit
_MOST_LABELS = 2**20
FLOAT32 = 3.4e38  # what one holds


class Config(Mapping[str, Any]):
    """A model's configuration: attributes and items are the keys of its file, over the family's defaults.

    As attributes, `aliases` (general name to the family's own, as `hidden_size` to GPT-2's `n_embd`) work both ways.
    It is read-only data: nothing in it selects code.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        *,
        defaults: Mapping[str, Any] | None = None,
        name_or_path: str = "",
        aliases: Mapping[str, str] | None = None,
        spelled: Mapping[str, str] | None = None,
        kind: Kind = "decoder",
    ) -> None:
        self.kind = kind
        self.spelled = dict(spelled or {})  # what another format than config.json calls these keys, for errors
        self._values = dict(values)
        self._also = {**(aliases or {}), **{own: key for key, own in (aliases or {}).items()}}
        self._defaults = {k: v for k, v in (defaults or {}).items() if self._also.get(k) not in self._values}
        self.name_or_path = name_or_path

    def __getitem__(self, key: str) -> Any:
        if key in self._values:
            return self._values[key]
        return self._defaults[key]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._defaults, **self._values})

    def __len__(self) -> int:
        return len({**self._defaults, **self._values})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)  # copying looks it up before the object has attributes
        for key in (name, self._also.get(name, name)):
            if key in self:
                return self[key]
        near = nearest(name, self)
        hint = f"did you mean {near}?" if near else f"it has {', '.join(sorted(self))}"
        raise AttributeError(
            f"this {self._values.get('model_type', '')} configuration has no {name!r}; {hint}", obj=self
        )

    def __repr__(self) -> str:
        return f"Config({json.dumps(self.to_dict(), indent=2, ensure_ascii=False)})"

    @property
    def id2label(self) -> dict[int, str]:
        """What the outputs of a classifier are called: the file's names, or LABEL_0, LABEL_1 … where it has too few."""
        names = self.get("id2label")
        listed = names.items() if isinstance(names, Mapping) else ()
        named = {int(place): str(name) for place, name in listed if str(place).isdecimal()}
        asked = self.get("num_labels")
        count = len(named) or 2 if asked is None else integer(asked, "num_labels", most=_MOST_LABELS, error=ConfigError)
        return named if len(named) == count else {place: f"LABEL_{place}" for place in range(count)}

    @property
    def label2id(self) -> dict[str, int]:
        """Which output each label is."""
        return {name: place for place, name in self.id2label.items()}

    @property
    def num_labels(self) -> int:
        """How many outputs a classifier has; two where the file does not say, as transformers assumes."""
        return len(self.id2label)

    @property
    def written(self) -> Mapping[str, Any]:
        """What the file itself says, without the defaults."""
        return self._values

    def to_dict(self) -> dict[str, Any]:
        """A copy as a plain dictionary, defaults included."""
        return {**self._defaults, **self._values}

    def knows(self, key: str) -> bool:
        """Whether a model of this family may have the key: its family reads it, or it is known not to matter."""
        return key in self or self._also.get(key, key) in self or key in _IRRELEVANT[self.kind]

    def changed(self, values: Mapping[str, Any]) -> "Config":
        """The same with other values for some keys."""
        made = copy(self)
        own = {key: self._also.get(key, key) for key in values}
        kept = {key: value for key, value in self._values.items() if key not in {*own.values()}}
        made._values = {**kept, **values}
        return made

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes `config.json` into the folder, which is made if need be; FileAccessError says why it cannot."""
        write_text(Path(folder) / "config.json", json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n")


class Keys:
    """Reads a configuration's keys and records which: an unread key is an error or a warning.

    `aliases` maps the general name of a key to the family's own; files may use either, and both only if they agree.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        defaults: Mapping[str, Any],
        *,
        where: str,
        aliases: Mapping[str, str] | None = None,
        spelled: Mapping[str, str] | None = None,
        kind: Kind = "decoder",
    ) -> None:
        self._values = values
        self._irrelevant = _IRRELEVANT[kind]
        self._spelled = spelled or {}
        self._inner: dict[bool, dict[str, Any]] = {True: {}, False: {}}  # whether they matter -> keys inside values
        self._defaults = defaults
        self._aliases = aliases or {}
        self._read: set[str] = {"model_type"}
        self.where = where
        for key, own in self._aliases.items():
            if None not in (values.get(key), values.get(own)) and values[key] != values[own]:
                raise ConfigError(
                    f"{where}: {key} = {_short(values[key])} and {own} = {_short(values[own])} are two values "
                    f"for one thing"
                )

    def name(self, key: str) -> str:
        """What this file calls the key: its format's or its family's own name for it, where the file uses that one."""
        return self._spelled.get(key, self._own_name(key))

    def _own_name(self, key: str) -> str:
        own = self._aliases.get(key, key)
        return own if own in self._values and self._values.get(key) is None else key

    def get(self, key: str) -> Any:
        """The value, or the family's default where the file lacks the key; an explicit null is None."""
        name = self._own_name(key)
        self._read |= {key, self._aliases.get(key, key)}
        if name in self._values:
            return self._values[name]
        return self._defaults.get(key, self._defaults.get(self._aliases.get(key, key)))

    def given(self, key: str) -> bool:
        """Whether the file itself sets the key to something."""
        self._read |= {key, self._aliases.get(key, key)}
        return self._values.get(self._own_name(key)) is not None

    def size(self, key: str) -> int:
        """A positive integer of a size that a model can have; ConfigError if it is missing or anything else."""
        most = _MOST.get(key, _MOST_OF_ALL)
        return integer(self.get(key), self._label(key), least=1, most=most, error=ConfigError)

    def number(self, key: str, *, least: float = -math.inf, above: float | None = None) -> float:
        """A finite number that float32 holds, larger than `above` if that is given; ConfigError names anything else."""
        value = self.get(key)
        found = number(value, self._label(key), least=least, error=ConfigError)
        if abs(found) > FLOAT32:
            raise ConfigError(f"{self._label(key)} must be a number that float32 holds, found {shown(value)}")
        if above is not None and found <= above:
            raise ConfigError(f"{self._label(key)} must be larger than {above:g}, found {shown(value)}")
        return found

    def positive(self, key: str) -> float | None:
        """A number larger than 0; None where it is absent or null."""
        return None if self.get(key) is None else self.number(key, above=0.0)

    def count(self, key: str) -> int:
        """An integer from 0; ConfigError if it is missing or anything else."""
        return integer(self.get(key), self._label(key), error=ConfigError)

    def replaced(self, key: str, value: Any) -> "Keys":
        """The same reader, with another value under this key."""
        other = copy(self)  # what is read through either counts for both
        other._values = {**self._values, key: value}
        return other

    def each(self, key: str, *, layers: int, rest: bool = False) -> list[Any] | None:
        """A list with an entry for each of these layers, and, with `rest`, what follows; None where it is absent."""
        value = self.get(key)
        if value is not None and (not isinstance(value, list) or len(value) < layers):
            raise ConfigError(f"{self._label(key)} must be a list for {layers} layers, found {shown(value)}")
        return value if value is None or rest else value[:layers]

    def table(self, key: str) -> dict[str, Any]:
        """An object, empty where it is absent or null."""
        value = self.get(key)
        if value is not None and not isinstance(value, dict):
            raise ConfigError(f"{self._label(key)} must be an object, found {shown(value)}")
        return dict(value or {})

    def _label(self, key: str) -> str:
        return f"{self.where}: {self.name(key)}"

    def flag(self, key: str) -> bool:
        """A boolean; absent is False."""
        value = self.get(key)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise ConfigError(f"{self._label(key)} must be true or false, found {shown(value)}")
        return value

    def only(self, key: str, value: object, *, family: str) -> None:
        """Stops if the file sets the key to anything else: it says what every model of the family is."""
        if self.given(key) and self.get(key) != value:
            raise ConfigError(
                f"{self.where}: {self.name(key)} = {_short(self.get(key))}, but every {family} has {_short(value)}"
            )

    def refuse(self, key: str, why: str) -> None:
        """Stops if the key is set to anything but null, false or an empty value."""
        if value := self.get(key):
            raise ConfigError(f"{self._label(key)} = {shown(value)} is not supported: {why}")

    def leave(self, key: str, value: Any, *, matters: bool = True) -> None:
        """Adds a key from inside a value to the unread ones; one that may not matter is only named."""
        self._inner[matters][key] = value

    def ignore(self, *names: str) -> None:
        """Marks keys as read that cannot matter here."""
        self._read.update(names)

    def finish(self, *, strict: bool) -> None:
        """Accounts for every key: an unread one raises if it may change the mathematics, and is named otherwise."""
        left = {k: v for k, v in self._values.items() if k not in self._read and k not in self._irrelevant}
        left |= self._inner[True]
        left = {k: v for k, v in left.items() if v is not None and v is not False}
        left = {k: v for k, v in left.items() if k not in _NEUTRAL or not _NEUTRAL[k](v)}
        harmful = sorted(k for k in left if _may_matter(k, left[k]))
        if harmful and strict:
            listed = ", ".join(f"{self._spelled.get(k, k)} = {_short(left[k])}" for k in harmful)
            raise ConfigError(
                f"{self.where}: unknown keys that may change what the model computes: {listed}. "
                f"If you know that they do not, pass strict=False."
            )
        left |= self._inner[False]
        if left:
            warnings.warn(
                f"{self.where}: unknown keys, or keys without effect here, were ignored: {', '.join(sorted(left))}",
                stacklevel=2,
            )


def _may_matter(key: str, value: Any) -> bool:
    """Whether an unread key may change the mathematics; what a GGUF header says of its architecture does unless 0."""
    if key.startswith("gguf."):
        return bool(value != 0)
    return any(word in key.lower() for word in _MATHEMATICAL)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file that must hold one object; ConfigError says where it breaks."""
    try:
        data = json.loads(path.read_bytes())
    except ValueError as error:  # also of a number with more digits than Python reads
        raise ConfigError(f"{path} is not valid JSON: {error}") from error
    except RecursionError:
        raise ConfigError(f"{path} is nested too deeply to be a configuration") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{path} must hold a JSON object, found {type(data).__name__}")
    return data
