"""Training: from a corpus to a tokenizer, with the results of the `tokenizers` library."""

import copy
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from litz import _core
from litz.errors import ArgumentError
from litz.tokenizers import presets
from litz.tokenizers.corpus import Corpus, Report, feed
from litz.tokenizers.named_tokens import STANDARD
from litz.tokenizers.presets import Component, byte_alphabet, is_byte_level
from litz.tokenizers.settings import Settings
from litz.tokenizers.trainers import (
    BpeTrainer,
    Trainer,
    UnigramTrainer,
    WordLevelTrainer,
    WordPieceTrainer,
    special_token,
)

if TYPE_CHECKING:
    from litz.tokenizers import Tokenizer

__all__ = [
    "BpeTrainer", "UnigramTrainer", "WordLevelTrainer", "WordPieceTrainer", "byte_alphabet", "train",
    "train_new_from_iterator",
]  # fmt: skip

MEMORY = 1 << 30
TRAINERS: dict[str, type[Trainer]] = {
    kind.model: kind for kind in (BpeTrainer, WordPieceTrainer, UnigramTrainer, WordLevelTrainer)
}


def train(
    corpus: Corpus,
    trainer: Trainer,
    *,
    preset: str | None = None,
    normalizer: Component | None = None,
    pre_tokenizer: Component | None = None,
    decoder: Component | None = None,
    post_processor: Component | None = None,
    model: Mapping[str, Any] | None = None,
    length: int | None = None,
    threads: int | None = None,
    memory: int = MEMORY,
) -> "Tokenizer":
    """A tokenizer trained on a corpus: texts, lists of texts, or paths of files whose lines are texts.

    Components are written as in tokenizer.json; `preset` ("gpt2", "llama3", "bert" or "sentencepiece") gives those
    that are not passed, and every byte a token where words are bytes. `model` holds settings of the model itself, such
    as `unk_token`. The corpus is streamed: words that are being counted take at most `memory` bytes and go to temporary
    files beyond that; each different word once, and what the trainer makes of it, must fit besides. The result depends
    on neither `memory` nor `threads`.
    """
    from litz.tokenizers import Tokenizer

    around = presets.preset(preset) if preset is not None else presets.Preset()
    if preset is not None and around.byte_level and not getattr(trainer, "initial_alphabet", True):
        trainer = replace(trainer, initial_alphabet=byte_alphabet())  # type: ignore[call-arg]  # those that have one
    file: dict[str, Any] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": around.normalizer if normalizer is None else normalizer,
        "pre_tokenizer": around.pre_tokenizer if pre_tokenizer is None else pre_tokenizer,
        "post_processor": around.post_processor if post_processor is None else post_processor,
        "decoder": around.decoder if decoder is None else decoder,
        "model": {"type": trainer.model, **(model or {})},
    }
    data = fill(file, corpus, trainer, length=length, threads=threads, memory=memory)
    return Tokenizer.of(_core.Tokenizer.from_json(data), Settings(), json=data)


def fill(
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
    told = {**trainer.defaults, **file["model"]}
    for name in ("continuing_subword_prefix", "end_of_word_suffix"):
        if name in trainer.defaults and getattr(trainer, name) is not None:
            told[name] = getattr(trainer, name)
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
        "model": {**told, **trained},
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


def train_new_from_iterator(
    tokenizer: "Tokenizer",
    text_iterator: Iterable[Any],
    vocab_size: int,
    *,
    length: int | None = None,
    new_special_tokens: Sequence[Any] | None = None,
    special_tokens_map: Mapping[str, str] | None = None,
    show_progress: bool = True,
) -> "Tokenizer":
    """A tokenizer like another one, with the vocabulary of a new corpus; its class method says more."""
    renamed = special_tokens_map or {}
    file = json.loads(tokenizer._core.to_json())
    model = file["model"]
    kind = TRAINERS[model.get("type") or "BPE"]
    special = [
        {**entry, "content": renamed.get(entry["content"], entry["content"])}
        for entry in file.pop("added_tokens")
        if entry["special"] or kind is UnigramTrainer
    ]
    special += [special_token(token) for token in new_special_tokens or ()]
    told: dict[str, Any] = {"vocab_size": vocab_size, "show_progress": show_progress}
    if model.get("unk_id") is not None:
        unknown = model["vocab"][model["unk_id"]][0]
        told["unk_token"] = renamed.get(unknown, unknown)
    for name in ("continuing_subword_prefix", "end_of_word_suffix"):
        if kind is BpeTrainer and model.get(name) is not None:
            told[name] = model[name]
    if is_byte_level(file["pre_tokenizer"]) and kind is not WordLevelTrainer:
        told["initial_alphabet"] = byte_alphabet()
    named = {name: renamed.get(token, token) for name, token in tokenizer._tokens.items()}
    present = {entry["content"] for entry in special}
    # A token that programs know by name stays one, whatever the corpus holds.
    special += [special_token(token) for token in dict.fromkeys(named.values()) if token not in present]
    file["model"] = {name: value for name, value in model.items() if name not in ("vocab", "merges", "unk_id")}
    if file["model"].get("unk_token") in renamed:
        file["model"]["unk_token"] = renamed[file["model"]["unk_token"]]
    file["post_processor"] = _renamed(file["post_processor"], renamed)
    data = fill(file, text_iterator, kind(special_tokens=special, **told), length=length)
    return _like(
        tokenizer, data, named, renamed, [special_token(token)["content"] for token in new_special_tokens or ()]
    )


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


def _like(
    tokenizer: "Tokenizer", data: bytes, named: Mapping[str, str], renamed: Mapping[str, str], new: Sequence[str]
) -> "Tokenizer":
    from litz.tokenizers import Tokenizer

    old = tokenizer._settings
    additional = [renamed.get(token, token) for token in tokenizer.additional_special_tokens]
    left_out = {"added_tokens_decoder", "additional_special_tokens", "extra_special_tokens"}
    left_out |= {*STANDARD, *tokenizer._tokens, "model_specific_special_tokens"}
    settings = replace(
        old,
        tokens=dict(named),
        additional=tuple(dict.fromkeys([*additional, *new])),
        chat_template=tokenizer.chat_template,
        padding_side=tokenizer.padding_side,
        truncation_side=tokenizer.truncation_side,
        model_max_length=tokenizer.model_max_length,
        clean_up=tokenizer.clean_up_tokenization_spaces,
        split_special_tokens=tokenizer.split_special_tokens,
        input_names=tuple(tokenizer.model_input_names),
        config={name: value for name, value in old.config.items() if name not in left_out},
    )
    return Tokenizer.of(_core.Tokenizer.from_json(data), settings, json=data)
