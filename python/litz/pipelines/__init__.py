"""pipeline(): a task and a model in, a callable out."""

import os
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Unpack

from litz.arguments import PIPELINE, check_arguments, check_device, names_of
from litz.arguments.mistaken import described, is_model
from litz.arguments.nearest import nearest
from litz.errors import ArgumentError, UnsupportedError
from litz.pipelines.text_generation import PipelineParameters, TextGenerationPipeline, refuse_unknown

if TYPE_CHECKING:
    from litz.models.native import NativeCausalLM
    from litz.tokenizers import Tokenizer

__all__ = ["TextGenerationPipeline", "pipeline"]

TASKS = {"text-generation": TextGenerationPipeline}


def pipeline(
    task: Literal["text-generation"] | None = None,
    model: "str | os.PathLike[str] | NativeCausalLM | None" = None,
    *,
    tokenizer: "str | os.PathLike[str] | Tokenizer | None" = None,
    revision: str | None = None,
    token: str | bool | None = None,
    device: Any = None,
    device_map: Any = None,
    dtype: Any = None,
    torch_dtype: Any = None,
    trust_remote_code: bool | None = None,
    use_fast: bool = True,
    model_kwargs: dict[str, Any] | None = None,
    config: Any = None,
    **parameters: Unpack[PipelineParameters],
) -> TextGenerationPipeline:
    """A pipeline for the task; `model` and `tokenizer` are loaded ones, or what `from_pretrained` takes.

    Without a model it is litz's default one; without a tokenizer, the model's. Parameters given here are the pipeline's
    defaults. `model_kwargs` go to the model's `from_pretrained`. `trust_remote_code` is accepted and never acted on:
    files are data.
    """
    if task is None and model is None:
        raise ArgumentError(f"pipeline() needs a task or a model; tasks: {', '.join(TASKS)}")
    if task is not None and task not in TASKS:
        _refuse_task(task)
    check_device(device)
    check_device(device_map, "device_map")
    loading: dict[str, Any] = {"revision": revision, "token": token}
    foreign = {name: value for name, value in parameters.items() if name in PIPELINE}
    check_arguments(foreign, PIPELINE, of="pipeline()")
    own: Any = {name: value for name, value in parameters.items() if name not in foreign}
    refuse_unknown(own, also=names_of(pipeline))
    if model is None or isinstance(model, (str, os.PathLike)):
        options = {"dtype": dtype, "torch_dtype": torch_dtype, "config": config, **loading, **(model_kwargs or {})}
        loaded = _load_model(model, **options)
    else:
        loaded = model
        _refuse_for_loaded(
            revision=revision, dtype=dtype, torch_dtype=torch_dtype, model_kwargs=model_kwargs, config=config
        )
    if not is_model(loaded):
        raise ArgumentError(f"model must be a loaded model, or the name or path of one, found {described(loaded)}")
    tokenizer = loaded.name_or_path if tokenizer is None else tokenizer
    if isinstance(tokenizer, (str, os.PathLike)):
        from litz.models.auto import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(tokenizer, use_fast=use_fast, **loading)
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
    """What would have to be known at loading has no effect on a loaded model; "auto" asks for nothing."""
    given = [name for name, value in options.items() if value is not None and value != "auto" and value != {}]
    if given:
        raise ArgumentError(f"{', '.join(given)}: the model is loaded already; pass it to from_pretrained instead")
