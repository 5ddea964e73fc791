"""pipeline(): a task and a model in, a callable out."""

import os
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Unpack

from litz.arguments import check_arguments, check_device, names_of
from litz.arguments.mistaken import described, is_model
from litz.arguments.transformers import PIPELINE
from litz.errors import ArgumentError, UnsupportedError
from litz.hub.where import split, with_where_signature
from litz.nearest import nearest
from litz.pipelines.text_generation import PipelineOptions, TextGenerationPipeline, refuse_unknown

if TYPE_CHECKING:
    from litz.models.native import NativeCausalLM
    from litz.tokenizers import Tokenizer

__all__ = ["TextGenerationPipeline", "pipeline"]

TASKS = {"text-generation": TextGenerationPipeline}


@with_where_signature
def pipeline(
    task: Literal["text-generation"] | None = None,
    model: "str | os.PathLike[str] | NativeCausalLM | None" = None,
    *,
    tokenizer: "str | os.PathLike[str] | Tokenizer | None" = None,
    device: Any = None,
    device_map: Any = None,
    dtype: Any = None,
    torch_dtype: Any = None,
    use_fast: bool = True,
    model_kwargs: dict[str, Any] | None = None,
    config: Any = None,
    **options: Unpack[PipelineOptions],
) -> TextGenerationPipeline:
    """A pipeline for the task; `model` and `tokenizer` are loaded ones, or what `from_pretrained` takes.

    Without a model it is litz's default one; without a tokenizer, the model's. `options` say where they are, as in
    `hub.where.Where` (`gguf_file` and `subfolder`: where the model is), or are the pipeline's default parameters.
    `model_kwargs` go to the model's `from_pretrained`.
    """
    if task is None and model is None:
        raise ArgumentError(f"pipeline() needs a task or a model; tasks: {', '.join(TASKS)}")
    if task is not None and task not in TASKS:
        _refuse_task(task)
    check_device(device)
    check_device(device_map, "device_map")
    where, parameters = split(options)
    foreign = {name: value for name, value in parameters.items() if name in PIPELINE}
    check_arguments(foreign, PIPELINE, of="pipeline()")
    own: Any = {name: value for name, value in parameters.items() if name not in foreign}
    refuse_unknown(own, also=names_of(pipeline))
    if model is None or isinstance(model, (str, os.PathLike)):
        loading = {"dtype": dtype, "torch_dtype": torch_dtype, "config": config, **where, **(model_kwargs or {})}
        loaded = _load_model(model, **loading)
    else:
        loaded = model
        acting = {name: value for name, value in where.items() if name not in ("token", "trust_remote_code")}
        _refuse_for_loaded(dtype=dtype, torch_dtype=torch_dtype, model_kwargs=model_kwargs, config=config, **acting)
    if not is_model(loaded):
        raise ArgumentError(f"model must be a loaded model, or the name or path of one, found {described(loaded)}")
    if tokenizer is None or isinstance(tokenizer, (str, os.PathLike)):
        from litz.models.auto import AutoTokenizer

        if tokenizer is not None:  # one of another model
            where["gguf_file"] = where["subfolder"] = None
        tokenizer = AutoTokenizer.from_pretrained(tokenizer or loaded.name_or_path, use_fast=use_fast, **where)
    return TASKS[task or "text-generation"](loaded, tokenizer, **own)


def _refuse_task(task: Any) -> NoReturn:
    known = ", ".join(TASKS)
    if not isinstance(task, str):
        raise ArgumentError(
            f"the first argument of pipeline() is the task, found {described(task)}; "
            f'pass pipeline("text-generation", model=..., tokenizer=...)'
        )
    if near := nearest(task, TASKS, cutoff=0.9):
        raise ArgumentError(f"task {task!r}: did you mean {near!r}?")
    if "/" in task or ":" in task or os.path.exists(task):
        raise ArgumentError(f'{task!r} is no task but looks like a model: pass pipeline("text-generation", {task!r})')
    chats = "; text-generation also takes conversations" if task in ("chat", "conversational") else ""
    raise UnsupportedError(f"task {task!r} is not supported; litz has {known}{chats}")


def _load_model(model: Any, **options: Any) -> "NativeCausalLM":
    from litz.hub import DEFAULT_MODEL
    from litz.models.auto import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(DEFAULT_MODEL if model is None else model, **options)


def _refuse_for_loaded(**options: Any) -> None:
    """Refuses arguments of loading for a loaded model, on which they have no effect; "auto" is accepted."""
    given = [name for name, value in options.items() if value not in (None, False, "auto", {})]
    if given:
        raise ArgumentError(f"{', '.join(given)}: the model is loaded already; pass it to from_pretrained instead")
