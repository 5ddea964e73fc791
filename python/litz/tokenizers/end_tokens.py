"""`add_bos_token` and `add_eos_token`: the tokens that a post-processor puts before and after texts."""

import copy
import json
from collections.abc import Mapping
from typing import Any

from litz.errors import ArgumentError
from litz.tokenizers.backend import TokenizerBackend
from litz.tokenizers.defaults import Defaults, flag
from litz.tokenizers.special_tokens import id_of

Component = dict[str, Any]
Special = tuple[str, int] | None
NAMES = ("add_bos_token", "add_eos_token")


def ids_around(backend: TokenizerBackend) -> tuple[list[int], list[int]]:
    """The ids before and after one text."""
    slots = backend.slots(False, True)
    place = next((at for at, (_, sequence, *_) in enumerate(slots) if sequence is not None), len(slots))
    before = [id for id, *_ in slots[:place] if id is not None]
    after = [id for id, *_ in slots[place + 1 :] if id is not None]
    return before, after


def is_added(backend: TokenizerBackend, defaults: Defaults, name: str) -> bool:
    """Whether texts begin with `bos_token` ("add_bos_token") or end with `eos_token` ("add_eos_token")."""
    at_end = name == "add_eos_token"
    token, ids = id_of(backend, defaults, name.removeprefix("add_")), ids_around(backend)[at_end]
    return token is not None and bool(ids) and ids[-1 if at_end else 0] == token


def switched(backend: TokenizerBackend, defaults: Defaults, name: str, wanted: bool) -> TokenizerBackend:
    """A backend that adds the token of one end, or does not; the other end stays."""
    flags = {each: is_added(backend, defaults, each) for each in NAMES}
    if flags[name] == flag(wanted, name):
        return backend
    return _with_ends(backend, defaults, {**flags, name: wanted}, around=ids_around(backend))


def switched_as_passed(backend: TokenizerBackend, defaults: Defaults, passed: Mapping[str, Any]) -> TokenizerBackend:
    """A backend that adds the tokens of both ends as a caller's arguments say."""
    for name in NAMES:
        if passed.get(name) is not None:
            backend = switched(backend, defaults, name, passed[name])
    return backend


def updated(backend: TokenizerBackend, defaults: Defaults) -> TokenizerBackend:
    """A backend that adds what `bos_token` and `eos_token` are now, where tokens stand before and after texts."""
    before, after = ids_around(backend)
    if len(before) > 1 or len(after) > 1:
        raise ArgumentError("update_post_processor: more than one token stands before or after texts")
    return _with_ends(backend, defaults, dict(zip(NAMES, (bool(before), bool(after)), strict=True)), around=([], []))


def _with_ends(
    backend: TokenizerBackend, defaults: Defaults, flags: dict[str, bool], *, around: tuple[list[int], list[int]]
) -> TokenizerBackend:
    ends: list[Special] = []
    for name in NAMES:
        token = name.removeprefix("add_")
        content, id = defaults.tokens.get(token), id_of(backend, defaults, token)
        if flags[name] and (content is None or id is None):
            raise ArgumentError(f"{name}=True needs a {token}: set tokenizer.{token} before")
        ends.append(None if content is None or id is None else (content, id))
    bos, eos = ends
    _check(backend, around, bos=bos, eos=eos)
    old = json.loads(backend.stages())["post_processor"]
    template = _template(bos if flags[NAMES[0]] else None, eos if flags[NAMES[1]] else None)
    return backend.with_stages(json.dumps({"post_processor": _after_byte_level(old, template)}))


def _check(backend: TokenizerBackend, around: tuple[list[int], list[int]], *, bos: Special, eos: Special) -> None:
    """ArgumentError where other tokens stand around texts, which a template of these two would lose."""
    before, after = around
    ids = {token[1] for token in (bos, eos) if token is not None}
    if not {*before, *after} <= ids or len(before) > 1 or len(after) > 1:
        names = ", ".join(repr(backend.id_to_token(id)) for id in [*before, *after])
        raise ArgumentError(
            f"add_bos_token and add_eos_token cannot be set: this tokenizer's template puts {names} around texts"
        )


def _after_byte_level(old: Component | None, template: Component) -> Component:
    """A template after the byte-level stages of a post-processor, which stay."""
    old = old or {}
    parts = old["processors"] if old.get("type") == "Sequence" else [old]
    kept = [copy.deepcopy(part) for part in parts if part.get("type") == "ByteLevel"]
    return {"type": "Sequence", "processors": [*kept, template]} if kept else template


def _template(before: Special, after: Special) -> Component:
    def special(token: Special, segment: int) -> list[Component]:
        return [] if token is None else [{"SpecialToken": {"id": token[0], "type_id": segment}}]

    def text(name: str, segment: int) -> list[Component]:
        return [*special(before, segment), {"Sequence": {"id": name, "type_id": segment}}, *special(after, segment)]

    tokens = {name: {"id": name, "ids": [id], "tokens": [name]} for name, id in filter(None, (before, after))}
    pair = [*text("A", 0), *text("B", 1)]
    return {"type": "TemplateProcessing", "single": text("A", 0), "pair": pair, "special_tokens": tokens}
