"""A vocabulary learnt from a corpus, with the results of the `tokenizers` library."""

import copy
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from litz import _core
from litz.errors import ArgumentError
from litz.tokenizers.backend import TokenizerBackend
from litz.tokenizers.defaults import Settings
from litz.tokenizers.special_tokens import STANDARD
from litz.tokenizers.training.corpus import Corpus, Report, feed
from litz.tokenizers.training.presets import Component, byte_alphabet, is_byte_level
from litz.tokenizers.training.trainers import (
    BpeTrainer,
    Trainer,
    UnigramTrainer,
    WordLevelTrainer,
    WordPieceTrainer,
    special_token,
)

MEMORY = 1 << 30
TRAINERS: dict[str, type[Trainer]] = {
    kind.model: kind for kind in (BpeTrainer, WordPieceTrainer, UnigramTrainer, WordLevelTrainer)
}


def learn(
    file: dict[str, Any],
    corpus: Corpus,
    trainer: Trainer,
    *,
    length: int | None = None,
    threads: int | None = None,
    memory: int = MEMORY,
) -> bytes:
    """A tokenizer.json with the vocabulary that the trainer finds; the ids of its post-processor follow."""
    report = Report(shown=trainer.show_progress)
    parts = (json.dumps(file[name]) for name in ("normalizer", "pre_tokenizer"))
    counter = _core.WordCounter(*parts, threads=threads, memory=memory)
    try:
        feed(counter, corpus, report, length=length)
        trained = json.loads(counter.train(json.dumps(trainer.settings()), report))
    finally:
        report.close()
    model = {**trainer.defaults, **file["model"]}
    for name in ("continuing_subword_prefix", "end_of_word_suffix"):
        if name in trainer.defaults and getattr(trainer, name) is not None:
            model[name] = getattr(trainer, name)
    vocab = trained["vocab"]
    ids = vocab if isinstance(vocab, dict) else {piece: id for id, (piece, _) in enumerate(vocab)}
    added: dict[str, dict[str, Any]] = {}
    for token in trainer.special_tokens:
        entry = special_token(token)
        next_id = max([len(ids), *(other["id"] + 1 for other in added.values())])
        added.setdefault(entry["content"], {"id": ids.get(entry["content"], next_id), **entry})
    known = {**ids, **{content: entry["id"] for content, entry in added.items()}}
    content = {
        **file,
        "added_tokens": sorted(added.values(), key=lambda entry: int(entry["id"])),
        "post_processor": _with_ids(file["post_processor"], known),
        "model": {**model, **trained},
    }
    return json.dumps(content, ensure_ascii=False).encode()


def _with_ids(post_processor: Component | None, ids: Mapping[str, int]) -> dict[str, Any] | None:
    """A post-processor whose tokens have the ids that they have now; a token that is not there is ArgumentError."""
    if post_processor is None:
        return None

    def id_of(token: str) -> int:
        if token not in ids:
            raise ArgumentError(f"the post-processor writes {token!r}, which is no token; add it to special_tokens")
        return ids[token]

    filled = copy.deepcopy(dict(post_processor))
    for entry in filled.get("special_tokens", {}).values():
        entry["ids"] = [id_of(token) for token in entry["tokens"]]
    for name in ("cls", "sep"):
        if name in filled:
            token, _ = filled[name]
            filled[name] = [token, id_of(token)]
    if "processors" in filled:
        filled["processors"] = [_with_ids(processor, ids) for processor in filled["processors"]]
    return filled


def learn_again(
    backend: TokenizerBackend,
    settings: Settings,
    texts: Iterable[Any],
    *,
    vocab_size: int,
    length: int | None,
    new_special_tokens: Sequence[Any],
    renamed: Mapping[str, str],
    show_progress: bool,
) -> tuple[_core.Tokenizer, Settings, bytes]:
    """A tokenizer's stages and settings with the vocabulary of another corpus; its tokenizer.json comes last."""
    file = json.loads(backend.to_json())
    model = file["model"]
    kind = TRAINERS[model.get("type") or "BPE"]
    new = [special_token(token) for token in new_special_tokens]
    special = [
        {**entry, "content": renamed.get(entry["content"], entry["content"])}
        for entry in file.pop("added_tokens")
        if entry["special"] or kind is UnigramTrainer
    ] + new
    options: dict[str, Any] = {"vocab_size": vocab_size, "show_progress": show_progress}
    if model.get("unk_id") is not None:
        unknown = model["vocab"][model["unk_id"]][0]
        options["unk_token"] = renamed.get(unknown, unknown)
    for name in ("continuing_subword_prefix", "end_of_word_suffix"):
        if kind is BpeTrainer and model.get(name) is not None:
            options[name] = model[name]
    if is_byte_level(file["pre_tokenizer"]) and kind is not WordLevelTrainer:
        options["initial_alphabet"] = byte_alphabet()
    named = {name: renamed.get(token, token) for name, token in settings.defaults.tokens.items()}
    present = {entry["content"] for entry in special}
    # A special token with a name stays a token, whatever the corpus holds.
    special += [special_token(token) for token in dict.fromkeys(named.values()) if token not in present]
    file["model"] = {name: value for name, value in model.items() if name not in ("vocab", "merges", "unk_id")}
    if file["model"].get("unk_token") in renamed:
        file["model"]["unk_token"] = renamed[file["model"]["unk_token"]]
    file["post_processor"] = _renamed(file["post_processor"], renamed)
    data = learn(file, texts, kind(special_tokens=special, **options), length=length)
    additional = [renamed.get(token, token) for token in settings.defaults.additional]
    additional += [entry["content"] for entry in new]
    defaults = replace(settings.defaults, tokens=named, additional=tuple(dict.fromkeys(additional)))
    left_out = {*STANDARD, *settings.defaults.tokens, "added_tokens_decoder", "additional_special_tokens"}
    left_out |= {"extra_special_tokens", "model_specific_special_tokens"}
    config = {name: value for name, value in settings.config.items() if name not in left_out}
    return _core.Tokenizer.from_json(data), replace(settings, defaults=defaults, config=config), data


def _renamed(post_processor: Any, renamed: Mapping[str, str]) -> Any:
    """A post-processor whose tokens have their new names; the keys of a template's tokens stay."""
    if post_processor is None:
        return None
    changed = copy.deepcopy(post_processor)
    for entry in changed.get("special_tokens", {}).values():
        entry["tokens"] = [renamed.get(token, token) for token in entry["tokens"]]
    for name in ("cls", "sep"):
        if name in changed:
            changed[name][0] = renamed.get(changed[name][0], changed[name][0])
    changed["processors"] = [_renamed(each, renamed) for each in changed.get("processors", ())]
    return changed if changed["processors"] else {k: v for k, v in changed.items() if k != "processors"}
