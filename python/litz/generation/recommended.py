"""Recommended sampling of well-known models: the settings of their cards, which a GGUF file lacks.

`litz chat` and the text-generation pipeline use them where neither the caller nor the model's files say anything;
`generate` and `stream` do not use them: they are greedy.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from litz.generation.config import GenerationConfig
from litz.hub import ModelFiles


@dataclass(frozen=True)
class Sampling:
    """Settings under transformers' names; None is what the card leaves open."""

    temperature: float
    top_p: float
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None


@dataclass(frozen=True)
class Recommended:
    """One row: the names that it has, and how to sample from it."""

    pattern: str  # of the whole name, in lower case and with "-" for all that is neither a letter nor a digit
    source: str  # where the numbers are from
    sampling: Sampling
    without_thinking: Sampling | None = None  # for models that think unless thinking is switched off

    def config(self, *, thinking: bool = True) -> GenerationConfig:
        """The row as a configuration whose `source` says where its values are from."""
        chosen = self.sampling if thinking or self.without_thinking is None else self.without_thinking
        return GenerationConfig(do_sample=True, source=self.source, **asdict(chosen))


# Where neither the files nor a row of this table say how to sample: the default of transformers' pipelines.
DEFAULT_SAMPLING: Mapping[str, Any] = {"do_sample": True, "temperature": 0.7}

_SIZE = r"-\d+(-\d+)?[bm]"  # "-135m", "-0-6b"
_QWEN3_PLAIN = Sampling(temperature=0.7, top_p=0.8, top_k=20, min_p=0.0)
_QWEN3_THINKING = Sampling(temperature=0.6, top_p=0.95, top_k=20, min_p=0.0)

RECOMMENDATIONS = (
    # The file of the embedded default names the run that trained it, and not "instruct". Its card says 0.2 and 0.9,
    # with which it loops twice as often and answers some questions in English in French.
    Recommended(
        r"smollm2-135m-(instruct|8k-lc100k-mix1-ep2).*",
        "measured for SmolLM2-135M-Instruct (docs/log.md)",
        Sampling(temperature=0.2, top_p=0.5, repetition_penalty=1.05),
    ),
    Recommended(rf"smollm2{_SIZE}-instruct.*", "the model card of SmolLM2", Sampling(temperature=0.2, top_p=0.9)),
    Recommended(r"smollm3(?!.*base).*", "the model card of SmolLM3", Sampling(temperature=0.6, top_p=0.95)),
    Recommended(r"qwen3-.*-instruct-2507.*", "the model card of Qwen3-Instruct-2507", _QWEN3_PLAIN),
    Recommended(r"qwen3-.*-thinking-2507.*", "the model card of Qwen3-Thinking-2507", _QWEN3_THINKING),
    Recommended(
        rf"qwen3{_SIZE}(-a\d+b)?(?!.*-(base|coder|embedding|reranker)\b).*",
        "the model card of Qwen3",
        _QWEN3_THINKING,
        _QWEN3_PLAIN,
    ),
    Recommended(
        r"qwen2-5-(0-5|1-5)b-instruct.*",
        "generation_config.json of Qwen2.5",
        Sampling(temperature=0.7, top_p=0.8, top_k=20, repetition_penalty=1.1),
    ),
    Recommended(
        rf"qwen2-5{_SIZE}-instruct.*",
        "generation_config.json of Qwen2.5",
        Sampling(temperature=0.7, top_p=0.8, top_k=20, repetition_penalty=1.05),
    ),
    Recommended(
        rf"gemma-3{_SIZE}(?!-pt).*",
        "generation_config.json of Gemma 3",
        Sampling(temperature=1.0, top_p=0.95, top_k=64),
    ),
    Recommended(
        rf"(meta-)?llama-3(-[123])?{_SIZE}-instruct.*",
        "generation_config.json of Llama 3",
        Sampling(temperature=0.6, top_p=0.9),
    ),
    Recommended(
        r"deepseek-r1-distill-.*", "the model card of DeepSeek-R1-Distill", Sampling(temperature=0.6, top_p=0.95)
    ),
    Recommended(
        r"tinyllama-1-1b-chat.*", "the model card of TinyLlama", Sampling(temperature=0.7, top_p=0.95, top_k=50)
    ),
)


def recommended(names: Iterable[str]) -> Recommended | None:
    """The first row that matches one of these names, the first name first; None for an unknown model."""
    for name in names:
        plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        for row in RECOMMENDATIONS:
            if re.fullmatch(row.pattern, plain):
                return row
    return None


def names_of(files: ModelFiles, header: Mapping[str, Any]) -> list[str]:
    """The names of a model: by its GGUF header and file, else by its repository or folder."""
    if files.gguf is None:
        repositories = [part for part in files.root.parts if part.startswith("models--")]
        return [repositories[-1].split("--")[-1] if repositories else Path(files.source).name]
    fields = [header.get(f"general.{key}") for key in ("basename", "size_label", "finetune")]
    parts = [part for part in fields if isinstance(part, str) and part]
    name = header.get("general.name")
    return ["-".join(parts), *([name] if isinstance(name, str) else []), files.gguf.stem]


class _Model(Protocol):
    generation_config: GenerationConfig
    recommended: Recommended | None


def recommended_configs(model: _Model, *, thinking: bool = True, sampling: bool = True) -> list[GenerationConfig]:
    """What the table says of a model; nothing where the model's own files say how to sample."""
    own = model.generation_config
    if not sampling:  # greedy is requested, and no row may change it
        return []
    silent = all(getattr(own, name) is None for name in ("do_sample", "temperature", "top_p", "top_k", "min_p"))
    return [model.recommended.config(thinking=thinking)] if silent and model.recommended is not None else []
