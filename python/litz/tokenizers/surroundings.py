"""The beginning and end tokens that a tokenizer puts around texts: whether it does, and how it is made to."""

import copy
from collections.abc import Mapping
from typing import Any

from litz.errors import ArgumentError
from litz.tokenizers.core import Core

Component = dict[str, Any]
Special = tuple[str, int] | None


def ids_around(core: Core) -> tuple[list[int], list[int]]:
    """The ids before and after one text."""
    slots = core.slots(False, True)
    place = next((at for at, (_, sequence, *_) in enumerate(slots) if sequence is not None), len(slots))
    before = [id for id, *_ in slots[:place] if id is not None]
    after = [id for id, *_ in slots[place + 1 :] if id is not None]
    return before, after


def has(core: Core, token: int | None, *, end: bool) -> bool:
    """Whether a text begins (or ends) with a token."""
    ids = ids_around(core)[end]
    return token is not None and bool(ids) and ids[-1 if end else 0] == token


def check(core: Core, around: tuple[list[int], list[int]], *, bos: Special, eos: Special) -> None:
    """ArgumentError where other tokens stand around texts, which a template of these two would lose."""
    before, after = around
    ids = {token[1] for token in (bos, eos) if token is not None}
    if not {*before, *after} <= ids or len(before) > 1 or len(after) > 1:
        names = ", ".join(repr(core.id_to_token(id)) for id in [*before, *after])
        raise ArgumentError(
            f"add_bos_token and add_eos_token cannot be set: this tokenizer's template puts {names} around texts"
        )


def changed(stages: Mapping[str, Any], *, bos: Special, eos: Special, wanted: tuple[bool, bool]) -> Component:
    """The post-processor with a beginning and an end as wanted; other stages of it stay."""
    template = _template(bos if wanted[0] else None, eos if wanted[1] else None)
    old = stages["post_processor"]
    parts = copy.deepcopy(old["processors"] if (old or {}).get("type") == "Sequence" else [old] if old else [])
    kept = [part for part in parts if part["type"] == "ByteLevel"]
    return {"type": "Sequence", "processors": [*kept, template]} if kept else template


def _template(before: Special, after: Special) -> Component:
    def special(token: Special, segment: int) -> list[Component]:
        return [] if token is None else [{"SpecialToken": {"id": token[0], "type_id": segment}}]

    def text(name: str, segment: int) -> list[Component]:
        return [*special(before, segment), {"Sequence": {"id": name, "type_id": segment}}, *special(after, segment)]

    tokens = {name: {"id": name, "ids": [id], "tokens": [name]} for name, id in filter(None, (before, after))}
    pair = [*text("A", 0), *text("B", 1)]
    return {"type": "TemplateProcessing", "single": text("A", 0), "pair": pair, "special_tokens": tokens}
