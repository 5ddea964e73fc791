"""`litz info`: what a model is and what it will need, from its headers; no weight is read."""

import argparse
import os
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from litz.cli.console import clean
from litz.cli.options import number
from litz.hub.progress import size

if TYPE_CHECKING:
    from litz.checkpoint import Checkpoint
    from litz.spec import Spec

# Bytes a weight, once converted, of what no kernel reads as stored; at most four for the others.
_CONVERTED = {"Q5_0": 34 / 32, "IQ4_NL": 34 / 32}
_AS_STORED = {"F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("model", metavar="MODEL", nargs="?", help="a source as for chat (default: litz's own)")
    parser.add_argument("--context", type=number(int, 1), metavar="N", help="count the memory for this many tokens")
    parser.add_argument("--spec", action="store_true", help="print the Spec as JSON instead")
    parser.add_argument("--template", action="store_true", help="print the chat template instead")


def run(options: argparse.Namespace) -> int:
    """Print a table, the Spec or the template."""
    from litz import hub
    from litz.auto import AutoTokenizer
    from litz.checkpoint import open_checkpoint

    files = hub.resolve(options.model or hub.DEFAULT_MODEL)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        checkpoint = open_checkpoint(files, strict=False)
    for warning in caught:
        print(clean(f"litz: {warning.message}"), file=sys.stderr)
    if options.spec:
        import json

        print(json.dumps(checkpoint.spec.to_dict(), indent=1))
        return 0
    tokenizer = AutoTokenizer.from_pretrained(files.gguf or files.root)
    if options.template:
        print(clean(tokenizer.get_chat_template() if tokenizer.chat_template else ""))
        return 0
    rows = [*_model_rows(checkpoint), *_tokenizer_rows(tokenizer), *_memory_rows(checkpoint, options.context)]
    for name, text in rows:
        print(f"{name:<14}{clean(text)}")
    return 0


def _model_rows(checkpoint: "Checkpoint") -> Iterator[tuple[str, str]]:
    from litz.spec import parameters

    spec, files = checkpoint.spec, checkpoint.files
    yield "model", files.source
    yield "where", str(files.gguf or files.root)
    yield "family", f"{checkpoint.config['model_type']}, {len(spec.layers)} layers, width {spec.width}"
    yield from _layer_rows(spec)
    yield "vocabulary", f"{spec.vocab:,}{', tied head' if spec.tied_head else ''}"
    yield "context", f"{spec.context:,} tokens"
    yield "parameters", f"{parameters(spec):,}"
    stored = sorted(checkpoint.stored_bytes().items(), key=lambda item: -item[1])
    yield "weights", ", ".join(f"{dtype} {size(count)}" for dtype, count in stored)
    report = checkpoint.report
    for name in ("missing", "unexpected", "ignored"):
        if getattr(report, name, None):
            yield name, ", ".join(sorted(getattr(report, name))[:8])


def _layer_rows(spec: "Spec") -> Iterator[tuple[str, str]]:
    """One row for each kind of layer: most models have one, some alternate."""
    kinds = Counter((_mixer(layer.mixer, spec), _mlp(layer.feed_forward)) for layer in spec.layers)
    for (mixer, mlp), count in kinds.items():
        which = "" if len(kinds) == 1 else f"{count} layers: "
        yield "attention", which + mixer
        yield "feed-forward", which + mlp


def _mixer(mixer: Any, spec: "Spec") -> str:
    parts = [f"{mixer.heads} heads, {mixer.kv_heads} for keys and values, of {mixer.head_dim}"]
    parts.append(f"window {mixer.window}" if mixer.window else "")
    parts.append(f"rope over {spec.ropes[mixer.rope].dim}" if mixer.rope is not None else "no rope")
    parts.append("query and key norms" if mixer.qk_norm else "")
    parts.append("biases" if mixer.q_bias else "")
    parts.append(f"softcap {mixer.softcap:g}" if mixer.softcap else "")
    return ", ".join(part for part in parts if part)


def _mlp(mlp: Any) -> str:
    return f"{'gated ' if mlp.gated else ''}{mlp.activation}, width {mlp.width}"


def _tokenizer_rows(tokenizer: Any) -> Iterator[tuple[str, str]]:
    tokens = [(name, getattr(tokenizer, f"{name}_token", None)) for name in ("bos", "eos", "pad", "unk")]
    named = [
        f"{name} {token} ({getattr(tokenizer, f'{name}_token_id')})" for name, token in tokens if token is not None
    ]
    yield "special", ", ".join(named) or "none"
    template = tokenizer.get_chat_template() if tokenizer.chat_template else ""
    yield "template", f"{len(template):,} characters (--template shows it)" if template else "none: not a chat model"


def _memory_rows(checkpoint: "Checkpoint", tokens: int | None) -> Iterator[tuple[str, str]]:
    from litz import _core

    spec = checkpoint.spec
    tokens = min(tokens or spec.context, spec.context)
    mapped, converted = sum(checkpoint.stored_bytes().values()), _converted_bytes(checkpoint)
    cache, scratch = _core.kv_bytes(spec.to_json(), tokens), _core.scratch_bytes(spec.to_json())
    parts = [f"weights {size(mapped)} (mapped)", f"conversions up to {size(converted)}" if converted else ""]
    parts += [f"cache {size(cache)} for {tokens:,} tokens", f"work {size(scratch)}"]
    needed = mapped + converted + cache + scratch
    yield "memory", f"{size(needed)}: {', '.join(part for part in parts if part)}"
    available = available_memory()
    if available is not None:
        fits = "fits" if needed <= available else "does not fit: a smaller --context or a smaller model needs less"
        yield "available", f"{size(available)}, {fits}"


def _converted_bytes(checkpoint: "Checkpoint") -> int:
    """An upper bound of what conversions take at load."""
    used = {(part.file, part.tensor) for source in checkpoint.sources for part in source.parts}
    total = 0.0
    for index, file in enumerate(checkpoint.tensor_files):
        for name, (dtype, shape, _) in file.tensors().items():
            if (index, name) in used and dtype not in _AS_STORED:
                count = 1
                for length in shape:
                    count *= length
                total += count * _CONVERTED.get(dtype, 4)
    return int(total)


def available_memory() -> int | None:
    """Bytes that may still be taken, by the kernel and by this process's control group; None where neither says."""
    limits = []
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            fields = dict(line.split(":") for line in file)
        limits.append(int(fields["MemAvailable"].split()[0]) * 1024)
    except (OSError, KeyError, ValueError):
        try:
            limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
        except (ValueError, OSError, AttributeError):
            return None
    try:
        with (
            open("/sys/fs/cgroup/memory.max", encoding="ascii") as file,
            open("/sys/fs/cgroup/memory.current", encoding="ascii") as current,
        ):
            limits.append(max(0, int(file.read()) - int(current.read())))
    except (OSError, ValueError):  # no limit, or "max"
        pass
    return min(limits)
