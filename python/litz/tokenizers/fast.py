"""The tokenizer that programs hold: the compiled core, and what the model's side files say around it."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from litz import _core
from litz.errors import ArgumentError, UnsupportedError
from litz.tokenizers import chat, encoding, saving
from litz.tokenizers.chat import ChatText
from litz.tokenizers.encoding import BatchEncoding, Rows
from litz.tokenizers.settings import NAMED, UNLIMITED, Settings, Side


class _Token:
    """`bos_token` and its like: a token of the vocabulary, or None."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name.removesuffix("_token")

    def __get__(self, tokenizer: "Tokenizer", owner: type) -> str | None:
        return tokenizer._tokens.get(self.name)

    def __set__(self, tokenizer: "Tokenizer", token: str | None) -> None:
        if token is None:
            tokenizer._tokens.pop(self.name, None)
            return
        if tokenizer._core.token_to_id(token) is None:
            raise ArgumentError(f"{token!r} is not in the vocabulary; {self.name}_token must be one of its tokens")
        tokenizer._tokens[self.name] = token


class _TokenId:
    """`bos_token_id` and its like."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name.removesuffix("_token_id")

    def __get__(self, tokenizer: "Tokenizer", owner: type) -> int | None:
        token = tokenizer._tokens.get(self.name)
        return None if token is None else tokenizer._core.token_to_id(token)

    def __set__(self, tokenizer: "Tokenizer", id: int | None) -> None:
        setattr(tokenizer, f"{self.name}_token", None if id is None else tokenizer._known(id))


class Tokenizer:
    """Text to ids and back, and conversations by chat template.

    The vocabulary never changes; `pad_token`, `padding_side`, `chat_template` and the like are attributes that may be
    set. Safe to use from several threads.
    """

    bos_token, eos_token, unk_token, sep_token = _Token(), _Token(), _Token(), _Token()
    pad_token, cls_token, mask_token = _Token(), _Token(), _Token()
    bos_token_id, eos_token_id, unk_token_id, sep_token_id = _TokenId(), _TokenId(), _TokenId(), _TokenId()
    pad_token_id, cls_token_id, mask_token_id = _TokenId(), _TokenId(), _TokenId()
    is_fast = True

    def __init__(
        self,
        core: _core.Tokenizer,
        settings: Settings,
        *,
        name_or_path: str = "",
        cleans: bool = False,
        json: bytes | None = None,
    ) -> None:
        self._core = core
        self._settings = settings
        self._json = json
        self._tokens: dict[str, str] = {}
        self._compiled: dict[str, _core.Template] = {}
        self.name_or_path = name_or_path
        self.chat_template = settings.chat_template
        self.padding_side: Side = settings.padding_side
        self.truncation_side: Side = settings.truncation_side
        self.model_max_length = settings.model_max_length
        self.clean_up_tokenization_spaces = cleans
        for name, token in settings.tokens.items():
            setattr(self, f"{name}_token", token)

    def __repr__(self) -> str:
        tokens = ", ".join(f"{name}={self._tokens[name]!r}" for name in NAMED if name in self._tokens)
        limit = "no limit" if self.model_max_length >= UNLIMITED else f"at most {self.model_max_length} tokens"
        template = "with" if self.chat_template else "without"
        return f"Tokenizer({self.name_or_path!r}: {len(self)} tokens, {tokens}; {limit}; {template} a chat template)"

    # The vocabulary

    @property
    def vocab_size(self) -> int:
        """How many tokens the model of the tokenizer has; `len(tokenizer)` counts the added ones too."""
        return self._core.vocab_size(with_added=False)

    def __len__(self) -> int:
        return self._core.vocab_size(with_added=True)

    def get_vocab(self) -> dict[str, int]:
        """Every token with its id."""
        return self._core.vocab()

    @property
    def special_tokens_map(self) -> dict[str, str | list[str]]:
        """The special tokens by the names that chat templates know them by."""
        named: dict[str, str | list[str]] = {f"{name}_token": token for name, token in self._tokens.items()}
        if self.additional_special_tokens:
            named["additional_special_tokens"] = self.additional_special_tokens
        return named

    @property
    def additional_special_tokens(self) -> list[str]:
        """Special tokens without a name of their own."""
        return list(self._settings.additional)

    @property
    def all_special_tokens(self) -> list[str]:
        """Every special token once, named ones first."""
        named = [self._tokens[name] for name in NAMED if name in self._tokens]
        return list(dict.fromkeys([*named, *self.additional_special_tokens]))

    @property
    def all_special_ids(self) -> list[int]:
        """The ids of `all_special_tokens`."""
        ids = (self._core.token_to_id(token) for token in self.all_special_tokens)
        return [id for id in ids if id is not None]

    def convert_tokens_to_ids(self, tokens: str | Sequence[str]) -> Any:
        """The id of a token, or of each of several; of an unknown one, that of `unk_token` (None without one)."""
        if isinstance(tokens, str):
            id = self._core.token_to_id(tokens)
            return self.unk_token_id if id is None else id
        return [self.convert_tokens_to_ids(token) for token in tokens]

    def convert_ids_to_tokens(self, ids: Any, skip_special_tokens: bool = False) -> Any:
        """The token of an id, or of each of several; None for an id that no token has."""
        ids = encoding.lists(ids)
        if isinstance(ids, int):
            return self._core.id_to_token(ids)
        skipped = self._special() if skip_special_tokens else frozenset()
        return [self._core.id_to_token(id) for id in ids if id not in skipped]

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """The text that tokens spell."""
        ids = [self._core.token_to_id(token) for token in tokens]
        if None in ids:
            raise ArgumentError(f"{tokens[ids.index(None)]!r} is not in the vocabulary")
        return self._core.decode([id for id in ids if id is not None])

    def _known(self, id: int) -> str:
        token = self._core.id_to_token(id)
        if token is None:
            raise ArgumentError(f"no token has the id {id}; there are {len(self)}")
        return token

    def _special(self) -> frozenset[int]:
        return frozenset(id for id, _, special, *_ in self._core.added_tokens() if special)

    # Text to ids

    def __call__(
        self,
        text: str | Sequence[str],
        text_pair: str | Sequence[str] | None = None,
        *,
        add_special_tokens: bool | None = None,
        padding: bool | str = False,
        truncation: bool | str = False,
        max_length: int | None = None,
        return_tensors: str | None = None,
        return_attention_mask: bool = True,
        return_token_type_ids: bool | None = None,
        padding_side: str | None = None,
    ) -> BatchEncoding:
        """The ids of one text or of several, with their attention mask.

        `add_special_tokens` is true unless the text is a rendered chat, which has its own. One text gives flat lists,
        or with `return_tensors` ("pt" or "np") a batch of one. Texts are cut to `max_length`, or to the model's limit,
        only with `truncation=True`. `text_pair` gives each text a second one, joined as the model expects.
        """
        single = isinstance(text, str)
        kind = encoding.kind_of(return_tensors)
        rows = self._rows(text, text_pair, add_special_tokens, self._cut(truncation, max_length, padding))
        type_ids = self._settings.type_ids if return_token_type_ids is None else return_token_type_ids
        if type_ids and text_pair is not None:
            raise UnsupportedError("token_type_ids of two texts are not implemented; pass return_token_type_ids=False")
        mask = [[1] * len(row) for row in rows]
        limit = self.model_max_length if self.model_max_length < UNLIMITED else None
        width = encoding.width_of(padding, max_length, rows, limit)
        if width is not None:
            side = self._side(padding_side)
            value = self._pad_id() if any(len(row) < width for row in rows) else 0
            rows = encoding.pad(rows, width, value=value, side=side)
            mask = encoding.pad(mask, width, value=0, side=side)
        elif padding_side is not None:
            raise ArgumentError("padding_side acts with padding only; pass padding=True")
        fields: dict[str, Rows] = {"input_ids": rows}
        if type_ids:
            fields["token_type_ids"] = [[0] * len(row) for row in rows]
        if return_attention_mask:
            fields["attention_mask"] = mask
        tensors = {name: encoding.as_tensor(value, kind) for name, value in fields.items()}
        return BatchEncoding({name: value[0] if single and kind is None else value for name, value in tensors.items()})

    def encode(
        self,
        text: str,
        text_pair: str | None = None,
        *,
        add_special_tokens: bool | None = None,
        padding: bool | str = False,
        truncation: bool | str = False,
        max_length: int | None = None,
        return_tensors: str | None = None,
    ) -> Any:
        """The ids of one text: a list, or with `return_tensors` a (1, time) tensor."""
        if not isinstance(text, str):
            raise ArgumentError(f"encode takes one text, found {type(text).__name__}; call the tokenizer itself")
        return self(
            text, text_pair, add_special_tokens=add_special_tokens, padding=padding, truncation=truncation,
            max_length=max_length, return_tensors=return_tensors, return_attention_mask=False,
            return_token_type_ids=False,
        )["input_ids"]  # fmt: skip

    def tokenize(self, text: str, *, add_special_tokens: bool = False) -> list[str]:
        """The tokens of a text."""
        return [self._known(id) for id in self._core.encode(text, add_special_tokens, chat.trusted(text))]

    def _rows(self, text: Any, text_pair: Any, add_special_tokens: bool | None, cut: int | None) -> Rows:
        texts = [text] if isinstance(text, str) else list(text)
        wrong = next((item for item in texts if not isinstance(item, str)), None)
        if wrong is not None:
            raise ArgumentError(f"expected text, or a list of texts; found {wrong!r:.80}")
        if text_pair is not None:
            return self._pairs(texts, text_pair, add_special_tokens is not False, cut)
        special = [
            not isinstance(item, ChatText) if add_special_tokens is None else add_special_tokens for item in texts
        ]
        if len(texts) > 1 and len(set(special)) == 1 and not any(isinstance(item, ChatText) for item in texts):
            rows = self._core.encode_batch([str(item) for item in texts], special[0])
        else:
            rows = [
                self._core.encode(str(item), extra, chat.trusted(item))
                for item, extra in zip(texts, special, strict=True)
            ]
        if cut is None:
            return rows
        return [
            encoding.truncate(row, self._around(str(item), row, extra), cut, self.truncation_side)
            for item, row, extra in zip(texts, rows, special, strict=True)
        ]

    def _pairs(self, texts: list[str], others: Any, special: bool, cut: int | None) -> Rows:
        others = [others] if isinstance(others, str) else list(others)
        if len(texts) != len(others):
            raise ArgumentError(f"text has {len(texts)} items and text_pair {len(others)}: they must agree")
        if cut is not None:
            raise UnsupportedError("truncation of two texts is not implemented; cut them before")
        return [self._core.encode_pair(str(a), str(b), special) for a, b in zip(texts, others, strict=True)]

    def _cut(self, truncation: bool | str, max_length: int | None, padding: bool | str) -> int | None:
        """The length that texts are cut to, None where they are not."""
        if truncation in (False, None, "do_not_truncate"):
            if max_length is not None and padding != "max_length":
                raise ArgumentError("max_length acts with truncation=True or padding='max_length'; pass one of them")
            return None
        if truncation not in (True, "longest_first", "only_first"):
            raise ArgumentError(f"truncation is {truncation!r}; expected True or False")
        if max_length is not None and max_length < 1:
            raise ArgumentError(f"max_length is {max_length}; expected a whole number from 1")
        if max_length is None and self.model_max_length >= UNLIMITED:
            raise ArgumentError("truncation=True needs max_length: this tokenizer has no limit of its own")
        return self.model_max_length if max_length is None else max_length

    def _around(self, text: str, row: list[int], special: bool) -> tuple[int, int]:
        """How many special tokens stand before and after a text's own."""
        if not special:
            return 0, 0
        own = self._core.encode(text, False)
        extra = len(row) - len(own)
        before = next((place for place in range(extra + 1) if row[place : place + len(own)] == own), 0)
        return before, extra - before

    def _side(self, side: str | None) -> str:
        if side is not None and side not in ("left", "right"):
            raise ArgumentError(f"padding_side is {side!r}; expected 'left' or 'right'")
        return side or self.padding_side

    def _pad_id(self) -> int:
        if self.pad_token_id is None:
            raise ArgumentError("padding needs a pad token; set tokenizer.pad_token = tokenizer.eos_token")
        return self.pad_token_id

    # Ids to text

    def decode(
        self, token_ids: Any, skip_special_tokens: bool = False, *, clean_up_tokenization_spaces: bool | None = None
    ) -> Any:
        """The text of an id, a list, an array or a tensor; of several rows, a list of texts.

        `clean_up_tokenization_spaces` removes spaces before punctuation; without it, as the tokenizer was saved.
        """
        ids = encoding.lists(token_ids)
        if isinstance(ids, list) and ids and isinstance(ids[0], list):
            return [self._text(row, skip_special_tokens, clean_up_tokenization_spaces) for row in ids]
        return self._text(ids, skip_special_tokens, clean_up_tokenization_spaces)

    def batch_decode(
        self, sequences: Any, skip_special_tokens: bool = False, *, clean_up_tokenization_spaces: bool | None = None
    ) -> list[str]:
        """The text of each row; of a flat list of ids, the text of each id."""
        rows = [[row] if isinstance(row, int) else row for row in encoding.lists(sequences)]
        return [self._text(row, skip_special_tokens, clean_up_tokenization_spaces) for row in rows]

    def _text(self, ids: Any, skip_special_tokens: bool, clean: bool | None) -> str:
        ids = [ids] if isinstance(ids, int) else ids
        wrong = next((id for id in ids if not isinstance(id, int) or not 0 <= id < 1 << 32), None)
        if wrong is not None:
            raise ArgumentError(f"{wrong!r} is no token id")
        text = self._core.decode(ids, skip_special_tokens)
        if not (self.clean_up_tokenization_spaces if clean is None else clean):
            return text
        for spaced in (" .", " ?", " !", " ,", " ' ", " n't", " 'm", " 's", " 've", " 're"):
            text = text.replace(spaced, spaced.strip())
        return text

    # Conversations

    def apply_chat_template(
        self,
        conversation: Any,
        tools: Sequence[Any] | None = None,
        *,
        documents: Sequence[Any] | None = None,
        chat_template: str | None = None,
        add_generation_prompt: bool = False,
        continue_final_message: bool | str = False,
        tokenize: bool = True,
        padding: bool | str = False,
        truncation: bool | str = False,
        max_length: int | None = None,
        return_tensors: str | None = None,
        return_dict: bool = False,
        return_assistant_tokens_mask: bool = False,
        trust_content: bool = False,
        **variables: Any,
    ) -> Any:
        """A conversation, or a list of them, as the model was taught to read it.

        Returns ids: a list, or with `return_tensors` a (batch, time) tensor; with `return_dict=True` a BatchEncoding;
        with `tokenize=False` the text. `tools` are functions with type hints and docstrings, or JSON schemas.
        `chat_template` is the name of one of the tokenizer's templates or a template itself. Other keywords are
        variables of the template, such as `enable_thinking`; one that the template does not read is ArgumentError.

        A special token is one only where the template wrote it: in a message, a tool or a document its text is
        ordinary text. `trust_content=True` takes special tokens from everywhere, as transformers does.
        """
        conversations, several = chat.conversations_of(conversation)
        if return_assistant_tokens_mask and not (tokenize and return_dict):
            raise ArgumentError("return_assistant_tokens_mask needs return_dict=True and tokenize=True")
        source = self.get_chat_template(chat_template, tools)
        template = self._template(source)
        if return_assistant_tokens_mask and not template.has_generation:
            raise ArgumentError(
                "return_assistant_tokens_mask: the chat template does not mark what the assistant says with "
                "{% generation %}; pass a chat_template that does"
            )
        asked = chat.request(
            source, template, self.special_tokens_map, variables, tools=tools, documents=documents,
            add_generation_prompt=add_generation_prompt, continue_final_message=continue_final_message,
            trust_content=trust_content,
        )  # fmt: skip
        rendered = [chat.render(asked, messages) for messages in conversations]
        texts = [each.text for each in rendered]
        if not tokenize:
            _only_for_ids(padding, truncation, max_length, return_tensors, return_dict)
            return texts if several else texts[0]
        out = self(
            texts if several else texts[0], add_special_tokens=False, padding=padding, truncation=truncation,
            max_length=max_length, return_tensors=return_tensors,
        )  # fmt: skip
        if return_assistant_tokens_mask:
            if padding or truncation:
                raise UnsupportedError("return_assistant_tokens_mask with padding or truncation is not implemented")
            rows = encoding.lists(out["input_ids"]) if several or return_tensors else [out["input_ids"]]
            masks = [chat.assistant_mask(self._core, row, each) for row, each in zip(rows, rendered, strict=True)]
            masks = encoding.as_tensor(masks, encoding.kind_of(return_tensors))
            out["assistant_masks"] = masks if several or return_tensors else masks[0]
        return out if return_dict else out["input_ids"]

    def get_chat_template(self, chat_template: str | None = None, tools: Sequence[Any] | None = None) -> str:
        """The template that a conversation would use: named, given, or the tokenizer's own."""
        named = self.chat_template
        if isinstance(named, Mapping):
            if chat_template is None:
                chat_template = "tool_use" if tools is not None and "tool_use" in named else "default"
                if chat_template not in named:
                    raise ArgumentError(f"no chat template is the default; choose one of {', '.join(sorted(named))}")
            return named.get(chat_template, chat_template)
        if chat_template is not None:
            return chat_template
        if named is None:
            raise ArgumentError(
                f"{self.name_or_path or 'this tokenizer'} has no chat template: it may be a base model, not made to "
                "chat; set tokenizer.chat_template or pass chat_template="
            )
        return named

    def _template(self, source: str) -> _core.Template:
        template = self._compiled.get(source)
        if template is None:
            template = _core.Template(source)
            # One conversation after another uses the same template: remembering the last is enough.
            self._compiled = {source: template}
        return template

    # Files

    def save_pretrained(self, save_directory: str | os.PathLike[str]) -> tuple[str, ...]:
        """Writes tokenizer.json, tokenizer_config.json and the chat templates; returns their paths."""
        if self._json is None:
            raise UnsupportedError("a tokenizer that came from a GGUF file cannot be saved as tokenizer.json yet")
        return saving.save(self, self._json, self._settings.config, save_directory)


def _only_for_ids(
    padding: bool | str, truncation: bool | str, max_length: int | None, return_tensors: Any, return_dict: bool
) -> None:
    passed = {
        "padding": padding,
        "truncation": truncation,
        "max_length": max_length is not None,
        "return_tensors": return_tensors is not None,
        "return_dict": return_dict,
    }
    idle = [name for name, value in passed.items() if value]
    if idle:
        raise ArgumentError(f"{' and '.join(idle)} would have no effect with tokenize=False, which returns text")
