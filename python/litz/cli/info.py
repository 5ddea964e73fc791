"""`litz info`: describes a model and the memory it needs, from its headers; no weight is read."""

import argparse
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from litz.cli.arguments import names
from litz.cli.arguments.generation import number
from litz.cli.terminal.console import clean
from litz.hub.progress import size

if TYPE_CHECKING:
    from litz.checkpoint import Checkpoint
    from litz.hub import ModelFiles
    from litz.spec import Attention, Body, Layer, Spec
    from litz.weights import LoadReport


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("model", metavar="MODEL", nargs="?", help=names.MODEL_HELP)
    names.configure(parser)
    parser.add_argument("--context", type=number(int, 1), metavar="N", help="count the memory for this many tokens")
    parser.add_argument("--spec", action="store_true", help="print the Spec as JSON instead")
    parser.add_argument("--template", action="store_true", help="print the chat template instead")


def run(options: argparse.Namespace) -> int:
    """Print a table, the Spec or the template."""
    from litz.checkpoint import open_checkpoint
    from litz.models.auto import AutoTokenizer

    files = _on_this_machine(names.one_model(options.model, options.named))
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


def _on_this_machine(source: str) -> "ModelFiles":
    """The model's files; ModelNotFoundError, with the size of a known one, where they would have to be fetched."""
    from litz import hub
    from litz.errors import ModelNotFoundError
    from litz.hub.known import find_known
    from litz.hub.locations import offline_because

    requested = "" if offline_because() else "local_files_only=True"
    try:
        return hub.resolve(source, local_files_only=bool(requested))
    except ModelNotFoundError as error:
        if not requested or requested not in str(error):  # offline, or the path does not exist
            raise
        known = find_known(source)
        megabytes = f" ({known.megabytes:,} MB)" if known else ""
        raise ModelNotFoundError(
            f"{source} is not on this machine, and info fetches nothing: `litz pull {source}` does{megabytes}"
        ) from error


def _model_rows(checkpoint: "Checkpoint") -> Iterator[tuple[str, str]]:
    from litz.spec import parameters

    spec, files = checkpoint.spec, checkpoint.files
    yield "model", files.source
    yield "where", str(files.gguf or files.root)
    yield "family", f"{checkpoint.config['model_type']}, {len(spec.layers)} layers, width {spec.width}"
    yield from _layer_rows(spec)
    yield "vocabulary", f"{spec.vocab:,}{', tied head' if spec.is_tied else ''}"
    yield "context", f"{spec.context:,} tokens"
    yield "parameters", f"{parameters(spec):,}"
    stored = sorted(checkpoint.stored_bytes().items(), key=lambda item: -item[1])
    yield "weights", ", ".join(f"{dtype} {size(count)}" for dtype, count in stored)
    if unused := checkpoint.report.unused:
        yield "not needed", ", ".join(sorted(unused)[:8]) + (f" and {len(unused) - 8} more" if len(unused) > 8 else "")


def _layer_rows(spec: "Spec") -> Iterator[tuple[str, str]]:
    """Rows for each kind of layer: most models have one, some alternate."""
    from litz.spec import bodies

    learned = getattr(spec.main.stem, "positions", None) is not None
    kinds = Counter(tuple(_body(body, learned=learned) for body in bodies(layer)) for layer in spec.layers)
    for kind, count in kinds.items():
        which = "" if len(kinds) == 1 else f"{count} layers: "
        yield from ((name, which + text) for name, text in kind)
    yield from (("order", order) for order in sorted({_order(layer) for layer in spec.layers} - {""}))


def _order(layer: "Layer") -> str:
    """How branches and norms stand, where it is not one after the other behind its norm."""
    if any(len(total.branches) > 1 for total in layer):
        return "attention and feed-forward side by side"
    return "norms after each sum" if any(total.after for total in layer) else ""


def _body(body: "Body", *, learned: bool) -> tuple[str, str]:
    """The name and the text of a row."""
    match body.kind:
        case "attention":
            return "attention", _attention(body, learned=learned)
        case "conv":
            return "convolution", f"over {body.kernel} positions, gated{', biases' if body.bias else ''}"
        case "mlp":
            gated = "gated " if body.gated else ""
            return "feed-forward", f"{gated}{body.activation}, width {body.width}"
        case "moe":
            shared = f", and one for all of width {body.shared_width}" if body.shared_width else ""
            chosen = f"{body.router.top_k} of {body.experts} experts"
            return "feed-forward", f"{chosen}, gated {body.activation}, width {body.width}{shared}"
    return body.kind.replace("_", " "), ""


def _attention(mixer: "Attention", *, learned: bool) -> str:
    parts = [f"{mixer.heads} heads, {mixer.kv_heads} for keys and values, of {mixer.head_dim}"]
    parts.append("" if mixer.mask.causal else "both ways")
    parts.append(f"window {mixer.mask.window}" if mixer.mask.window else "")
    if mixer.rope is not None:
        parts.append(f"rope over {mixer.rope.dim}")
    elif mixer.position_bias is not None:
        parts.append(mixer.position_bias.kind)
    else:
        parts.append("learned positions" if learned else "no rope")
    parts.append("query and key norms" if mixer.q_norm else "")
    parts.append("biases" if mixer.bias else "")
    parts.append("sinks" if mixer.sinks else "")
    parts.append(f"softcap {mixer.softcap:g}" if mixer.softcap else "")
    return ", ".join(part for part in parts if part)


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
    from litz.models import native

    spec = checkpoint.spec
    tokens = min(tokens or spec.context, spec.context)
    report = native.survey(checkpoint)
    yield from _loading_rows(report)
    own = report.bytes_packed + report.bytes_converted
    cache = _core.kv_bytes(spec.to_json(), tokens, native.automatic_cache(checkpoint))
    parts = [f"weights {size(own)}", f"cache {size(cache)} for {tokens:,} tokens", f"work {size(report.bytes_scratch)}"]
    needed = own + cache + report.bytes_scratch
    mapped = f"; {size(report.bytes_mapped)} stay in the file" if report.mapped else ""
    yield "memory", f"{size(needed)}: {', '.join(parts)}{mapped}"
    available = _core.available_memory()
    if available is not None:
        left, limit = available
        fits = "fits" if needed <= left else "does not fit: a smaller --context or a smaller model needs less"
        yield "available", f"{size(left)} ({limit}), {fits}"


def _loading_rows(report: "LoadReport") -> Iterator[tuple[str, str]]:
    """What happens to the stored weights, and the activations that they are multiplied with."""
    kinds = Counter(report.converted.values())
    parts = [f"{report.mapped} mapped ({size(report.bytes_mapped)})" if report.mapped else ""]
    parts.append(f"{report.packed} packed ({size(report.bytes_packed)})" if report.packed else "")
    parts += [f"{count} converted, at most {kind}" for kind, count in kinds.items()]
    yield "loading", ", ".join(part for part in parts if part) + ", vectors as F32"
    rounded = "16 bits a number beside packed weights; activations='fast' rounds to 8 bits, 'f32' not at all"
    yield "activations", rounded if report.packed else "floats"
