"""What may be set on a tokenizer: each setting checked, and a name that is none an error."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from litz.errors import ArgumentError
from litz.numbers import integer, shown
from litz.tokenizers import surroundings
from litz.tokenizers.conversations import Conversations
from litz.tokenizers.known_keys import similar
from litz.tokenizers.settings import is_unlimited


def _side(value: Any, name: str) -> str:
    if value not in ("left", "right"):
        raise ArgumentError(f"{name} is {shown(value)}; expected 'left' or 'right'")
    return str(value)


def _limit(value: Any, name: str) -> int:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and is_unlimited(value) and value == value:
        return int(value) if value != float("inf") else int(1e30)
    return integer(value, name, least=1, most=10**20)


def _flag(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise ArgumentError(f"{name} must be True or False, found {shown(value)}")
    return value


# Settings that are read as they stand, with what checks them.
_CHECKED: dict[str, Callable[[Any, str], Any]] = {
    "padding_side": _side,
    "truncation_side": _side,
    "model_max_length": _limit,
    "pad_token_type_id": lambda value, name: integer(value, name),
    "clean_up_tokenization_spaces": _flag,
    "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output": _flag,
    "split_special_tokens": _flag,
}
_FREE = ("name_or_path", "chat_template", "verbose")
_AT_LOADING = ("add_prefix_space", "legacy", "do_lower_case", "strip_accents", "tokenize_chinese_chars")


class Attributes(Conversations):
    """The part of `Tokenizer` whose attributes are settings."""

    def _set_setting(self, name: str, value: Any) -> None:
        if name in _CHECKED:
            value = _CHECKED[name](value, name)
            object.__setattr__(self, name, value)
            if name == "split_special_tokens" and "_core" in self.__dict__:
                self._look()
        elif name[:1] == "_" or name in _FREE or hasattr(type(self), name):
            if _is_computed(getattr(type(self), name, None)):
                raise ArgumentError(f"{name} follows from the vocabulary and cannot be set")
            object.__setattr__(self, name, value)
        elif name in self._tokens:
            self._name(name, value)
        elif name.endswith("_id") and name[:-3] in self._tokens:
            self._name(name[:-3], None if value is None else self._known(value))
        elif type(self).__module__.partition(".")[0] != "litz":
            object.__setattr__(self, name, value)  # a subclass has what settings it likes
        else:
            raise ArgumentError(_refusal(self, name))

    def _get_named_token(self, name: str) -> Any:
        tokens = self.__dict__.get("_tokens", {})
        if name in tokens:
            return tokens[name]
        if name.endswith("_id") and name[:-3] in tokens:
            return self._id_of(name[:-3])
        raise AttributeError(f"this tokenizer has no {name!r}{similar(name, dir(type(self)))}")

    if not TYPE_CHECKING:  # or type checkers would take every name for one
        __setattr__ = _set_setting
        __getattr__ = _get_named_token

    @property
    def add_bos_token(self) -> bool:
        """Whether texts begin with `bos_token`; may be set."""
        return surroundings.has(self._core, self.bos_token_id, end=False)

    @add_bos_token.setter
    def add_bos_token(self, wanted: bool) -> None:
        self._surround("add_bos_token", wanted)

    @property
    def add_eos_token(self) -> bool:
        """Whether texts end with `eos_token`; may be set."""
        return surroundings.has(self._core, self.eos_token_id, end=True)

    @add_eos_token.setter
    def add_eos_token(self, wanted: bool) -> None:
        self._surround("add_eos_token", wanted)

    def _surround(self, name: str, wanted: bool) -> None:
        """Puts the token of one end around texts, or takes it away; the other end stays."""
        flags = {"add_bos_token": self.add_bos_token, "add_eos_token": self.add_eos_token}
        if flags[name] != _flag(wanted, name):
            self._put_around({**flags, name: wanted}, around=surroundings.ids_around(self._core))

    def update_post_processor(self) -> None:
        """Puts what `bos_token` and `eos_token` are now where tokens stand before and after texts."""
        before, after = surroundings.ids_around(self._core)
        if len(before) > 1 or len(after) > 1:
            raise ArgumentError("update_post_processor: more than one token stands before or after texts")
        self._put_around({"add_bos_token": bool(before), "add_eos_token": bool(after)}, around=([], []))

    def _put_around(self, flags: dict[str, bool], *, around: tuple[list[int], list[int]]) -> None:
        ends = []
        for flag in flags:
            token = flag.removeprefix("add_")
            content, id = self._tokens.get(token), self._id_of(token)
            if flags[flag] and (content is None or id is None):
                raise ArgumentError(f"{flag}=True needs a {token}: set tokenizer.{token} before")
            ends.append(None if content is None or id is None else (content, id))
        stages = json.loads(self._core.stages())
        wanted = (flags["add_bos_token"], flags["add_eos_token"])
        surroundings.check(self._core, around, bos=ends[0], eos=ends[1])
        post_processor = surroundings.changed(stages, bos=ends[0], eos=ends[1], wanted=wanted)
        self._use(self._core.with_stages(json.dumps({"post_processor": post_processor})))


def _refusal(tokenizer: Attributes, name: str) -> str:
    if name in _AT_LOADING:
        return f"{name} acts when the tokenizer is loaded: pass it to from_pretrained"
    settable = [attribute for attribute in dir(type(tokenizer)) if _is_settable(getattr(type(tokenizer), attribute))]
    known = [*_CHECKED, *_FREE, *settable]
    return f"{name!r} is no setting of a tokenizer{similar(name, known)}; those of a subclass are its own"


def _is_computed(attribute: Any) -> bool:
    return isinstance(attribute, property) and attribute.fset is None


def _is_settable(attribute: Any) -> bool:
    if isinstance(attribute, property):
        return attribute.fset is not None
    return hasattr(attribute, "__set__")
