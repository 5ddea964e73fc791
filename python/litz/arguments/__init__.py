"""Arguments of transformers' functions that litz does not act on: accepted where they ask for nothing, else refused."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any

from litz import log
from litz.errors import UnknownArgumentError, UnsupportedError
from litz.nearest import nearest
from litz.numbers import shown


@dataclass(frozen=True)
class Known:
    """One argument: the values that ask for nothing (None always does), or any value, and what to do instead."""

    advice: str
    neutral: tuple[Any, ...] = ()
    anything: bool = False

    def accepts(self, value: Any) -> bool:
        """Whether the value changes nothing."""
        try:
            return self.anything or value is None or value in self.neutral
        except (TypeError, ValueError, RuntimeError):  # an array compared with a number
            return False


_CPU_ONLY = "this release computes on the CPU alone: leave it out, or pass 'cpu' or 'auto'"


def without_effect(reason: str) -> Known:
    """An argument that is accepted with any value, for that reason."""
    return Known(reason, anything=True)


def check_arguments(
    given: Mapping[str, Any], known: Mapping[str, Known], *, of: str, others: Collection[str] = ()
) -> None:
    """UnsupportedError for a known argument that asks for something, UnknownArgumentError for an unknown one.

    `of` names the function; `others` are its own arguments, which a misspelt one may be meant to be.
    """
    for name, value in given.items():
        if name not in known:
            raise UnknownArgumentError(f"{of} got {name}={shown(value)}: {_nearest(name, [*others, *known])}")
        if not known[name].accepts(value):
            raise UnsupportedError(f"{of} got {name}={shown(value)}: {known[name].advice}")
        if value is not None:
            log.info("loading", "%s: %s=%s has no effect: %s", of, name, shown(value), known[name].advice)


def refuse_unknown(unknown: Mapping[str, Any], *, of: str, known: Collection[str]) -> None:
    """UnknownArgumentError for the first of the arguments that `of` does not have, with the nearest of the `known`."""
    for name, value in unknown.items():
        raise UnknownArgumentError(f"{of} got {name}={shown(value)}: {_nearest(name, known)}")


def names_of(function: Callable[..., Any]) -> list[str]:
    """The names of a function's own arguments, without those that gather others."""
    gathering = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    parameters = signature(function).parameters.values()
    return [each.name for each in parameters if each.kind not in gathering and each.name not in ("self", "cls")]


def _nearest(name: str, known: Collection[str]) -> str:
    near = nearest(name, known)
    return f"did you mean {near}?" if near else "litz knows no argument of that name"


def check_device(device: Any, name: str = "device") -> None:
    """Accepts what means the CPU, also of every part of a map; anything else is UnsupportedError."""
    for place in device.values() if isinstance(device, Mapping) else [device]:
        if place is not None and str(place).partition(":")[0] not in ("cpu", "auto", "-1"):
            raise UnsupportedError(f"{name}={shown(device)}: {_CPU_ONLY}")


_ONE_KERNEL = without_effect("every kernel here gives the same results")
_NO_DEVICES = without_effect("everything is on the CPU")
_ONE_PROCESS = Known("one process computes; leave it out")
_NO_QUANTIZATION = Known("load a GGUF file of the model, which holds quantised weights (`litz quantize` writes one)")
_NO_ADAPTERS = Known("adapters are not supported: merge them into the model first", ({}, "default"))

# from_pretrained of models.
LOADING: dict[str, Known] = {
    "device": Known(_CPU_ONLY, ("cpu", "auto", -1)),
    "attn_implementation": Known(
        "every kernel here gives the same results; leave it out, or pass the name of one of transformers'",
        ("eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention", "paged|eager", "paged|sdpa"),
    ),
    "experts_implementation": _ONE_KERNEL,
    "use_flash_attention_2": _ONE_KERNEL,
    "low_cpu_mem_usage": without_effect("weights stay mapped from their file"),
    "max_memory": _NO_DEVICES,
    "offload_folder": _NO_DEVICES,
    "offload_buffers": _NO_DEVICES,
    "offload_state_dict": _NO_DEVICES,
    "use_safetensors": Known("litz reads safetensors and GGUF, never pickles", (True,)),
    "weights_only": without_effect("nothing is unpickled"),
    "ignore_mismatched_sizes": Known("every weight must have its shape; leave it out", (False,)),
    "force_download": Known("delete the copy with `litz rm`, then load again", (False,)),
    "resume_download": without_effect("downloads are always resumed"),
    "proxies": Known("set HTTPS_PROXY instead", ({},)),
    "mirror": Known("set HF_ENDPOINT instead"),
    "tqdm_class": without_effect("litz shows its own progress"),
    "use_auth_token": Known("pass token= instead", (False,)),
    "code_revision": without_effect("no code of the repository is run"),
    "output_loading_info": Known("see model.load_report", (False,)),
    "return_unused_kwargs": Known("litz refuses what it does not use; leave it out", (False,)),
    "variant": Known("the files of the repository without a variant are read; leave it out"),
    "quantization_config": _NO_QUANTIZATION,
    "load_in_8bit": Known(_NO_QUANTIZATION.advice, (False,)),
    "load_in_4bit": Known(_NO_QUANTIZATION.advice, (False,)),
    "adapter_kwargs": _NO_ADAPTERS,
    "adapter_name": _NO_ADAPTERS,
    "distributed_config": _ONE_PROCESS,
    "device_mesh": _ONE_PROCESS,
    "tp_plan": _ONE_PROCESS,
    "tp_size": Known(_ONE_PROCESS.advice, (1,)),
    "use_kernels": Known("litz has its own kernels; leave it out", (False,)),
    "allow_all_kernels": Known("litz has its own kernels; leave it out", (False,)),
    "kernel_config": Known("litz has its own kernels; leave it out"),
    "fusion_config": Known("litz has its own kernels; leave it out", ({},)),
    "disable_mmap": Known("weights stay mapped from their file; leave it out", (False,)),
    "key_mapping": Known("weights must have the names of their family", ({},)),
    "state_dict": Known("save the weights as safetensors, and load that folder"),
}

# AutoConfig.from_pretrained.
CONFIGURATION: dict[str, Known] = {
    name: LOADING[name]
    for name in (
        "force_download", "resume_download", "proxies", "mirror", "use_auth_token", "code_revision",
        "return_unused_kwargs",
    )
}  # fmt: skip

_NOT_COMPUTED = "this release computes logits alone"
_POSITIONS = "positions follow from the attention mask; leave it out"

# Calling a model.
CALLING: dict[str, Known] = {
    "position_ids": Known(_POSITIONS),
    "cache_position": Known(_POSITIONS),
    "past_key_values": Known("pass the whole sequence; generate() caches by itself"),
    "inputs_embeds": Known("the native engine takes token ids"),
    "labels": Known(f"a loss is not computed: {_NOT_COMPUTED}; leave it out"),
    "use_cache": without_effect("no cache is returned, and the logits do not depend on it"),
    "token_type_ids": without_effect("decoders do not read it"),
    "output_attentions": Known(f"{_NOT_COMPUTED}; leave it out", (False,)),
    "output_hidden_states": Known(f"{_NOT_COMPUTED}; leave it out", (False,)),
    "output_router_logits": Known(f"{_NOT_COMPUTED}; leave it out", (False,)),
    "num_items_in_batch": without_effect("it scales a loss, which is not computed"),
    "is_causal": Known("decoders attend to what came before; leave it out", (True,)),
    "cu_seq_lens_q": Known("pass sequences as rows, with a mask"),
    "cu_seq_lens_k": Known("pass sequences as rows, with a mask"),
    "max_length_q": Known("pass sequences as rows, with a mask"),
    "max_length_k": Known("pass sequences as rows, with a mask"),
    "seq_idx": Known("pass sequences as rows, with a mask"),
}

# pipeline().
PIPELINE: dict[str, Known] = {
    name: Known("the text-generation pipeline reads texts and conversations; leave it out")
    for name in ("feature_extractor", "image_processor", "video_processor", "processor", "pipeline_class")
} | {
    "binary_output": Known("results are dictionaries; leave it out", (False,)),
    "num_workers": without_effect("inputs are read as they are needed"),
    "framework": Known("litz has its own engine; leave it out", ("pt",)),
}
