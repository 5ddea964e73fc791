"""The public tokenizer: its methods check the names of their arguments and call functions for the rest."""

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Never, Self, Unpack, overload

from litz import hub, log
from litz.arguments import names_of, refuse_unknown
from litz.arguments.mistaken import check_source
from litz.errors import ArgumentError
from litz.hub.where import split, with_where_signature
from litz.tokenizers import decoding, tensors
from litz.tokenizers.base import TokenizerBase
from litz.tokenizers.call import batch, inputs, options, prepare
from litz.tokenizers.call import padding as pads
from litz.tokenizers.call.batch import Batch
from litz.tokenizers.call.inputs import Inputs
from litz.tokenizers.call.options import Options
from litz.tokenizers.call.truncation import Ids
from litz.tokenizers.encoding import BatchEncoding

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from litz.arguments.keywords import TokenizerOptions
    from litz.tokenizers.signatures import CallOptions, ChatOptions, Conversation, EncodeOptions, Tool


class Tokenizer(TokenizerBase):
    """Text to ids and back, and conversations by chat template.

    `pad_token`, `padding_side`, `chat_template` and the like are attributes that may be set; a name that is no setting
    is ArgumentError. `add_tokens` adds to the vocabulary. Calls are safe from several threads and after a fork; do not
    change it while others use it.
    """

    @classmethod
    @with_where_signature
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | os.PathLike[str], *, use_fast: bool = True,
        **options: "Unpack[TokenizerOptions]",
    ) -> Self:  # fmt: skip
        """The tokenizer of a model, as `AutoTokenizer.from_pretrained` gives it."""
        from litz.tokenizers.loading import building
        from litz.tokenizers.loading import files as loading

        check_source(pretrained_model_name_or_path, f"{cls.__name__}.from_pretrained")
        where, settings = split(options)
        passed = building.allowed(settings, names_of(Tokenizer.from_pretrained))
        if cls.reads_as is not None:
            passed["tokenizer_class"] = cls.reads_as
        files = hub.resolve(pretrained_model_name_or_path, want="tokenizer", **where)
        started = time.perf_counter()
        backend, found = loading.load(files, passed, cache_dir=where.get("cache_dir"), use_fast=use_fast)
        made = cls.of(backend, found, name_or_path=str(passed.get("name_or_path", files.source)))
        seconds = time.perf_counter() - started
        log.info("tokenizers", "%s in %.2f s from %s", made, seconds, files.gguf or files.root)
        return made

    # Text to ids

    @overload
    def __call__(
        self, text: str, text_pair: str | None = None, *, return_tensors: None = None, **options: "Unpack[CallOptions]"
    ) -> BatchEncoding[list[int]]: ...  # fmt: skip
    @overload
    def __call__(
        self, text: list[str] | tuple[str, ...] | list[tuple[str, str]],
        text_pair: list[str] | tuple[str, ...] | None = None, *, return_tensors: None = None,
        **options: "Unpack[CallOptions]",
    ) -> BatchEncoding[list[list[int]]]: ...  # fmt: skip
    @overload
    def __call__(
        self, text: str | Sequence[Any], text_pair: str | Sequence[Any] | None = None, *,
        is_split_into_words: bool = False, return_overflowing_tokens: bool = False, return_tensors: Literal["np"],
        **options: "Unpack[CallOptions]",
    ) -> BatchEncoding["NDArray[np.int64]"]: ...  # fmt: skip
    @overload
    def __call__(
        self, text: str | Sequence[Any], text_pair: str | Sequence[Any] | None = None, *,
        is_split_into_words: bool = False, return_overflowing_tokens: bool = False, return_tensors: Literal["pt"],
        **options: "Unpack[CallOptions]",
    ) -> BatchEncoding["torch.Tensor"]: ...  # fmt: skip
    @overload
    def __call__(
        self, text: str | Sequence[Any] | None = None, text_pair: str | Sequence[Any] | None = None, *,
        is_split_into_words: bool = False, return_overflowing_tokens: bool = False, return_tensors: str | None = None,
        **options: "Unpack[CallOptions]",
    ) -> BatchEncoding[Any]: ...  # fmt: skip
    def __call__(
        self, text: Any = None, text_pair: Any = None, text_target: Any = None, text_pair_target: Any = None,
        add_special_tokens: bool | None = None, padding: bool | str = False, truncation: bool | str | None = None,
        max_length: int | None = None, stride: int = 0, is_split_into_words: bool = False,
        pad_to_multiple_of: int | None = None, padding_side: str | None = None, return_tensors: str | None = None,
        return_token_type_ids: bool | None = None, return_attention_mask: bool | None = None,
        return_overflowing_tokens: bool = False, return_special_tokens_mask: bool = False,
        return_offsets_mapping: bool = False, return_length: bool = False, verbose: bool = True, *,
        split_special_tokens: bool | None = None, max_target_length: int | None = None,
        tokenizer_kwargs: Mapping[str, Any] | None = None, **unknown: Never,
    ) -> BatchEncoding[Any]:  # fmt: skip
        """The ids of one text or of several, with their attention mask and whatever else the arguments request.

        A text is a str; with `is_split_into_words` a list of them. `text_pair` gives each a second one, joined as the
        model expects; a list of pairs is the same. One text gives flat lists, or with `return_tensors` ("pt" or "np")
        a batch of one. Texts are truncated to `max_length`, or with `truncation=True` to the model's limit.
        `add_special_tokens` is true unless the text is a rendered chat, which has its own. `text_target` is encoded
        alike and becomes `labels`. `split_special_tokens` reads special tokens in the text as ordinary text.
        `tokenizer_kwargs` are arguments that override the others.
        """
        if unknown:
            refuse_unknown(unknown, of="the tokenizer", known=names_of(Tokenizer.__call__))
        if (
            text.__class__ is str and self._fast_path and text_pair is None and text_target is None
            and text_pair_target is None and add_special_tokens is None and padding is False and truncation is None
            and max_length is None and not stride and not is_split_into_words and pad_to_multiple_of is None
            and padding_side is None and return_tensors is None and return_token_type_ids is None
            and return_attention_mask is None and not return_overflowing_tokens and not return_special_tokens_mask
            and not return_offsets_mapping and not return_length and verbose and not split_special_tokens
            and max_target_length is None and tokenizer_kwargs is None
        ):  # fmt: skip
            return batch.single(self._core, text, self.model_max_length, self._warn)
        requested = Options(
            add_special_tokens, padding, truncation, max_length, stride, is_split_into_words, pad_to_multiple_of,
            padding_side, return_tensors, return_token_type_ids, return_attention_mask, return_overflowing_tokens,
            return_special_tokens_mask, return_offsets_mapping, return_length, verbose, split_special_tokens,
        )  # fmt: skip
        if tokenizer_kwargs is not None:
            requested = options.over(requested, tokenizer_kwargs)
        if text_target is None and text_pair_target is None and max_target_length is None and text is not None:
            return self._encoded(text, text_pair, requested)
        return self._with_labels(text, text_pair, text_target, text_pair_target, requested, max_target_length)

    encode_plus = batch_encode_plus = __call__

    def _encoded(self, text: Any, pair: Any, requested: Options) -> BatchEncoding:
        return batch.encode(
            self._batch(inputs.read(text, pair, requested.is_split_into_words), requested), warn=self._warn
        )

    def _batch(self, given: Inputs, requested: Options) -> Batch:
        plan = options.plan(self._defaults, requested, warn=self._warn)
        return batch.batch_of(self._core, self._defaults, inputs=given, plan=plan)

    def _with_labels(
        self, text: Any, pair: Any, target: Any, target_pair: Any, requested: Options, longest: int | None
    ) -> BatchEncoding:  # fmt: skip
        """The ids of a target as the labels of a text, if there is one."""
        if target is None:
            if text is None:
                raise ArgumentError("nothing to encode: pass text, text_target or both")
            raise ArgumentError("text_pair_target and max_target_length act with text_target only")
        labels = self._encoded(
            target, target_pair, requested if longest is None else replace(requested, max_length=longest)
        )
        if text is None:
            return labels
        encoding = self._encoded(text, pair, requested)
        encoding["labels"] = labels["input_ids"]
        return encoding

    @overload
    def encode(
        self, text: str | Sequence[str], text_pair: str | Sequence[str] | None = None, *, return_tensors: None = None,
        **options: "Unpack[EncodeOptions]",
    ) -> list[int]: ...  # fmt: skip
    @overload
    def encode(
        self, text: str | Sequence[str], text_pair: str | Sequence[str] | None = None, *, return_tensors: Literal["np"],
        **options: "Unpack[EncodeOptions]",
    ) -> "NDArray[np.int64]": ...  # fmt: skip
    @overload
    def encode(
        self, text: str | Sequence[str], text_pair: str | Sequence[str] | None = None, *, return_tensors: Literal["pt"],
        **options: "Unpack[EncodeOptions]",
    ) -> "torch.Tensor": ...  # fmt: skip
    @overload
    def encode(
        self, text: str | Sequence[str], text_pair: str | Sequence[str] | None = None, *,
        return_tensors: str | None = None, **options: "Unpack[EncodeOptions]",
    ) -> Any: ...  # fmt: skip
    def encode(
        self, text: Any, text_pair: Any = None, add_special_tokens: bool | None = None, padding: bool | str = False,
        truncation: bool | str | None = None, max_length: int | None = None, stride: int = 0,
        padding_side: str | None = None, return_tensors: str | None = None, *, is_split_into_words: bool = False,
        pad_to_multiple_of: int | None = None, split_special_tokens: bool | None = None, verbose: bool = True,
        **unknown: Never,
    ) -> Any:  # fmt: skip
        """The ids of one text: a list, or with `return_tensors` a (1, time) tensor."""
        if unknown:
            refuse_unknown(unknown, of="encode", known=names_of(Tokenizer.encode))
        if (
            text.__class__ is str and self._fast_path and text_pair is None and add_special_tokens is None
            and padding is False and truncation is None and max_length is None and not stride and padding_side is None
            and return_tensors is None and not is_split_into_words and pad_to_multiple_of is None
            and not split_special_tokens
        ):  # fmt: skip
            return self._core.encode(text)
        requested = Options(
            add_special_tokens, padding, truncation, max_length, stride, is_split_into_words, pad_to_multiple_of,
            padding_side, return_tensors, False, False, verbose=verbose, split_special_tokens=split_special_tokens,
        )  # fmt: skip
        hint = "; call the tokenizer itself"
        given = inputs.read_one(text, text_pair, is_split_into_words, method="encode", hint=hint)
        return batch.encode(self._batch(given, requested), warn=self._warn)["input_ids"]

    def tokenize(
        self, text: Any, pair: Any = None, add_special_tokens: bool = False, *,
        truncation: bool | str | None = None, max_length: int | None = None, is_split_into_words: bool = False,
        split_special_tokens: bool | None = None, **unknown: Never,
    ) -> list[str]:  # fmt: skip
        """The tokens of a text, or of two."""
        refuse_unknown(unknown, of="tokenize", known=names_of(Tokenizer.tokenize))
        requested = Options(
            add_special_tokens, truncation=truncation, max_length=max_length, is_split_into_words=is_split_into_words,
            split_special_tokens=split_special_tokens,
        )  # fmt: skip
        given = inputs.read_one(text, pair, is_split_into_words, method="tokenize")
        return self._batch(given, requested).encodings()[0].tokens

    def encode_batch_flat(self, texts: Sequence[str], add_special_tokens: bool | None = None) -> tuple[Any, Any]:
        """All ids in one numpy array (uint32), and where each text's begin (int64, one more than texts).

        The fastest way to the ids of many texts: no Python integers are made.
        """
        given = inputs.read(texts if isinstance(texts, str) else list(texts), None, False)
        if not given.several:
            raise ArgumentError("encode_batch_flat takes a list of texts, found one")
        return batch.flat(self._core, self._defaults, given.firsts, add_special_tokens)

    def pad(
        self, encoded_inputs: Mapping[str, Any] | Sequence[Mapping[str, Any]], padding: bool | str = True,
        max_length: int | None = None, pad_to_multiple_of: int | None = None, padding_side: str | None = None,
        return_attention_mask: bool | None = None, return_tensors: str | None = None, verbose: bool = True,
        **unknown: Never,
    ) -> BatchEncoding:  # fmt: skip
        """Encodings padded together: one dict of rows or a list of dicts, as data collators have them.

        Tensors come back as tensors. Entries that no tokenizer makes are returned unchanged.
        """
        refuse_unknown(unknown, of="pad", known=names_of(Tokenizer.pad))
        if verbose and max_length is not None and pads.padding_of(padding) == "longest":
            self._warn("max_length", "max_length has no effect on padding=True; pass padding='max_length'")
        return pads.pad(
            self._core, self._defaults, encoded_inputs, padding=padding, max_length=max_length,
            pad_to_multiple_of=pad_to_multiple_of, padding_side=padding_side,
            return_attention_mask=return_attention_mask, return_tensors=return_tensors,
        )  # fmt: skip

    # Texts that are ids already

    def build_inputs_with_special_tokens(self, token_ids_0: Ids, token_ids_1: Ids | None = None) -> Ids:
        """Ids with the special tokens around them, as the tokenizer's template has them."""
        return prepare.joined(self._core, *prepare.rows(token_ids_0, token_ids_1))[0]

    def create_token_type_ids_from_sequences(self, token_ids_0: Ids, token_ids_1: Ids | None = None) -> Ids:
        """The type ids of what `build_inputs_with_special_tokens` gives."""
        return prepare.joined(self._core, *prepare.rows(token_ids_0, token_ids_1))[1]

    def get_special_tokens_mask(
        self, token_ids_0: Ids, token_ids_1: Ids | None = None, already_has_special_tokens: bool = False
    ) -> list[int]:  # fmt: skip
        """1 for each special token of what `build_inputs_with_special_tokens` gives.

        With `already_has_special_tokens`, of the ids themselves: those in `all_special_ids`.
        """
        return prepare.special_mask(
            self._core, self._defaults, token_ids_0, token_ids_1, joined_before=already_has_special_tokens
        )

    def truncate_sequences(
        self, ids: Ids, pair_ids: Ids | None = None, num_tokens_to_remove: int = 0,
        truncation_strategy: str = "longest_first", stride: int = 0,
    ) -> tuple[Ids, Ids | None, Ids]:  # fmt: skip
        """The ids without the last `num_tokens_to_remove`, and the removed ones with `stride` ids before them.

        What two lists lose by longest_first is not returned: it is not one piece.
        """
        return prepare.truncated(
            self._defaults, ids, pair_ids, remove=num_tokens_to_remove, strategy=truncation_strategy, stride=stride
        )

    def prepare_for_model(
        self, ids: Ids, pair_ids: Ids | None = None, add_special_tokens: bool = True, padding: bool | str = False,
        truncation: bool | str | None = None, max_length: int | None = None, stride: int = 0,
        pad_to_multiple_of: int | None = None, padding_side: str | None = None, return_tensors: str | None = None,
        return_token_type_ids: bool | None = None, return_attention_mask: bool | None = None,
        return_overflowing_tokens: bool = False, return_special_tokens_mask: bool = False,
        return_length: bool = False, prepend_batch_axis: bool = False,
    ) -> BatchEncoding:  # fmt: skip
        """What a call gives, for a text that is ids already; overflowing tokens are one list, not pieces."""
        requested = Options(
            add_special_tokens, padding, truncation, max_length, stride, False, pad_to_multiple_of, padding_side,
            return_tensors, return_token_type_ids, return_attention_mask, return_overflowing_tokens,
            return_special_tokens_mask, False, return_length,
        )  # fmt: skip
        if prepend_batch_axis and return_tensors is None:
            raise ArgumentError("prepend_batch_axis acts with return_tensors only")
        return prepare.prepared(
            self._core, self._defaults, ids, pair_ids, requested, batch_axis=prepend_batch_axis, warn=self._warn
        )

    # Ids to text

    @overload
    def decode(
        self, token_ids: int | Sequence[int], skip_special_tokens: bool = False, *,
        clean_up_tokenization_spaces: bool | None = None, spaces_between_special_tokens: bool | None = None,
    ) -> str: ...  # fmt: skip
    @overload
    def decode(
        self, token_ids: Sequence[Sequence[int]], skip_special_tokens: bool = False, *,
        clean_up_tokenization_spaces: bool | None = None, spaces_between_special_tokens: bool | None = None,
    ) -> list[str]: ...  # fmt: skip
    @overload
    def decode(
        self, token_ids: Any, skip_special_tokens: bool = False, *, clean_up_tokenization_spaces: bool | None = None,
        spaces_between_special_tokens: bool | None = None, use_source_tokenizer: bool = False,
    ) -> Any: ...  # fmt: skip
    def decode(
        self, token_ids: Any, skip_special_tokens: bool = False, *, clean_up_tokenization_spaces: bool | None = None,
        spaces_between_special_tokens: bool | None = None, use_source_tokenizer: bool = False, **unknown: Never,
    ) -> Any:  # fmt: skip
        """The text of an id, a list, an array or a tensor; of several rows, a list of texts.

        `clean_up_tokenization_spaces` removes spaces before punctuation; without it, as the tokenizer was saved. In
        BPE such spaces are text: there it has no effect. Neither has `spaces_between_special_tokens`: what stands
        between tokens is the decoder's. `use_source_tokenizer` is for tokenizers of two languages.
        """
        if unknown:
            refuse_unknown(unknown, of="decode", known=names_of(Tokenizer.decode))
        if use_source_tokenizer:
            decoding.refuse_source_tokenizer()
        return decoding.decode(
            self._core, self._defaults, token_ids, skip_special=skip_special_tokens,
            clean=clean_up_tokenization_spaces, warn=self._warn,
        )  # fmt: skip

    def batch_decode(
        self, sequences: Any, skip_special_tokens: bool = False, clean_up_tokenization_spaces: bool | None = None, *,
        spaces_between_special_tokens: bool | None = None, use_source_tokenizer: bool = False, **unknown: Never,
    ) -> list[str]:  # fmt: skip
        """The text of each row; of a flat list of ids, the text of each id. The options are those of `decode`."""
        refuse_unknown(unknown, of="batch_decode", known=names_of(Tokenizer.batch_decode))
        if use_source_tokenizer:
            decoding.refuse_source_tokenizer()
        return decoding.decode_batch(
            self._core, self._defaults, sequences, skip_special=skip_special_tokens,
            clean=clean_up_tokenization_spaces, warn=self._warn,
        )  # fmt: skip

    def _cleans(self, requested: bool | None) -> bool:  # called by streamers
        return decoding.cleans(self._core, self._defaults, requested, self._warn)

    clean_up_tokenization = staticmethod(decoding.clean_up)

    # Conversations

    @overload
    def apply_chat_template(
        self, conversation: "Conversation", tools: "Sequence[Tool] | None" = None, *,
        tokenize: Literal[False], **options: "Unpack[ChatOptions]",
    ) -> str: ...  # fmt: skip
    @overload
    def apply_chat_template(
        self, conversation: "Sequence[Conversation]", tools: "Sequence[Tool] | None" = None, *,
        tokenize: Literal[False], **options: "Unpack[ChatOptions]",
    ) -> list[str]: ...  # fmt: skip
    @overload
    def apply_chat_template(
        self, conversation: "Conversation", tools: "Sequence[Tool] | None" = None, *,
        tokenize: Literal[True] = True, return_dict: Literal[False] = False, return_tensors: None = None,
        **options: "Unpack[ChatOptions]",
    ) -> list[int]: ...  # fmt: skip
    @overload
    def apply_chat_template(
        self, conversation: "Sequence[Conversation]", tools: "Sequence[Tool] | None" = None, *,
        tokenize: Literal[True] = True, return_dict: Literal[False] = False, return_tensors: None = None,
        **options: "Unpack[ChatOptions]",
    ) -> list[list[int]]: ...  # fmt: skip
    @overload
    def apply_chat_template(
        self, conversation: Any, tools: "Sequence[Tool] | None" = None, *,
        tokenize: Literal[True] = True, return_dict: Literal[True], return_assistant_tokens_mask: bool = False,
        return_tensors: Literal["pt"], **options: "Unpack[ChatOptions]",
    ) -> BatchEncoding["torch.Tensor"]: ...  # fmt: skip
    @overload
    def apply_chat_template(
        self, conversation: Any, tools: "Sequence[Tool] | None" = None, *,
        tokenize: Literal[True] = True, return_dict: Literal[True], return_assistant_tokens_mask: bool = False,
        return_tensors: Literal["np"], **options: "Unpack[ChatOptions]",
    ) -> BatchEncoding["NDArray[np.int64]"]: ...  # fmt: skip
    @overload
    def apply_chat_template(
        self, conversation: "Conversation", tools: "Sequence[Tool] | None" = None, *,
        tokenize: Literal[True] = True, return_dict: Literal[True], return_assistant_tokens_mask: bool = False,
        return_tensors: None = None, **options: "Unpack[ChatOptions]",
    ) -> BatchEncoding[list[int]]: ...  # fmt: skip
    @overload
    def apply_chat_template(
        self, conversation: Any, tools: "Sequence[Tool] | None" = None, *,
        tokenize: Literal[True] = True, return_dict: Literal[False] = False, return_tensors: Literal["pt"],
        **options: "Unpack[ChatOptions]",
    ) -> "torch.Tensor": ...  # fmt: skip
    @overload
    def apply_chat_template(
        self, conversation: Any, tools: "Sequence[Tool] | None" = None, *,
        tokenize: Literal[True] = True, return_dict: Literal[False] = False, return_tensors: Literal["np"],
        **options: "Unpack[ChatOptions]",
    ) -> "NDArray[np.int64]": ...  # fmt: skip
    @overload
    def apply_chat_template(
        self, conversation: Any, tools: "Sequence[Tool] | None" = None, *,
        tokenize: bool = True, return_dict: bool = False, return_assistant_tokens_mask: bool = False,
        return_tensors: str | None = None, **options: "Unpack[ChatOptions]",
    ) -> Any: ...  # fmt: skip
    def apply_chat_template(
        self, conversation: Any, tools: Sequence[Any] | None = None, *, documents: Sequence[Any] | None = None,
        chat_template: str | None = None, add_generation_prompt: bool = False,
        continue_final_message: bool | str = False, tokenize: bool = True, padding: bool | str = False,
        truncation: bool | str = False, max_length: int | None = None, return_tensors: str | None = None,
        return_dict: bool = False, return_assistant_tokens_mask: bool = False, trust_content: bool = False,
        sanitize_control_tokens: bool | None = None, tokenizer_kwargs: Mapping[str, Any] | None = None,
        **variables: Any,
    ) -> Any:  # fmt: skip
        """A conversation, or a list of them, in the form that the model was trained on.

        Returns ids: a list, or with `return_tensors` a (batch, time) tensor; with `return_dict=True` a BatchEncoding;
        with `tokenize=False` the text. `return_assistant_tokens_mask` adds `assistant_masks`: 1 for each token of which
        the template's generation blocks wrote a part. `tools` are functions with type hints and docstrings, or JSON
        schemas. `chat_template` is the name of one of the tokenizer's templates or a template itself. Other keywords
        are variables of the template, such as `enable_thinking`; one that the template does not read is ArgumentError.

        A special token is one only where the template wrote it: in a message, a tool or a document it is ordinary text.
        `trust_content=True` (or `sanitize_control_tokens=False`) takes special tokens from everywhere, as transformers
        does. `tokenizer_kwargs` are arguments of the call that makes ids.
        """
        from litz.tokenizers.chat import assistant_masks, render, templates

        conversations, several = render.conversations_of(conversation)
        if return_assistant_tokens_mask and not (tokenize and return_dict):
            raise ArgumentError("return_assistant_tokens_mask needs return_dict=True and tokenize=True")
        source = self.get_chat_template(chat_template, tools)
        template = self._template(source)
        if return_assistant_tokens_mask:
            assistant_masks.check_marks(template)
        requested = render.request(
            source, template, self.special_tokens_map, variables, tools=tools, documents=documents,
            add_generation_prompt=add_generation_prompt, continue_final_message=continue_final_message,
            trust_content=templates.trusts_content(trust_content, sanitize_control_tokens),
            arguments=names_of(Tokenizer.apply_chat_template),
        )  # fmt: skip
        rendered = [render.render(requested, messages) for messages in conversations]
        texts = [each.text for each in rendered]
        if not tokenize:
            templates.refuse_options_of_ids(
                padding=padding, truncation=truncation, max_length=max_length is not None,
                return_tensors=return_tensors is not None, return_dict=return_dict or bool(tokenizer_kwargs),
            )  # fmt: skip
            return texts if several else texts[0]
        call: Callable[..., BatchEncoding[Any]] = self
        out = call(
            texts if several else texts[0], add_special_tokens=False, padding=padding, truncation=truncation,
            max_length=max_length, return_tensors=return_tensors, tokenizer_kwargs=tokenizer_kwargs,
        )  # fmt: skip
        if return_assistant_tokens_mask:
            masks = tensors.of_rows(assistant_masks.masks(out, rendered), tensors.kind_of(return_tensors))
            out["assistant_masks"] = masks if several or return_tensors else masks[0]
        return out if return_dict else out["input_ids"]

    def get_chat_template(self, chat_template: str | None = None, tools: Sequence[Any] | None = None) -> str:
        """The template that a conversation would use: named, given, or the tokenizer's own."""
        from litz.tokenizers.chat import templates

        return templates.chosen(self.chat_template, chat_template, tools, name=self.name_or_path)

    # Training

    def train_new_from_iterator(
        self, text_iterator: Iterable[Any], vocab_size: int, length: int | None = None,
        new_special_tokens: Sequence[Any] | None = None, special_tokens_map: Mapping[str, str] | None = None, *,
        show_progress: bool = True,
    ) -> "Tokenizer":  # fmt: skip
        """A tokenizer like this one, with the vocabulary of another corpus: texts, or lists of texts.

        Its special tokens stay, renamed as `special_tokens_map` says. `length`, the number of texts, is for the
        progress bar. The corpus is streamed: see `litz.tokenizers.train` for its memory.
        """
        from litz.tokenizers.training.vocabulary import learn_again

        core, made, data = learn_again(
            self._core, self._settings(), text_iterator, vocab_size=vocab_size, length=length,
            new_special_tokens=new_special_tokens or (), renamed=special_tokens_map or {}, show_progress=show_progress,
        )  # fmt: skip
        return Tokenizer.of(core, made, json=data)
