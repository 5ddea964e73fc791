"""Fails on import circles that are not listed here, and on listed ones that are gone.

    python scripts/circles.py [--list]

`--list` prints today's circles as this file lists them.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from imports import Circle, circles

ROOT = Path(__file__).parent.parent
# files -> why they may import each other
ALLOWED: dict[tuple[str, ...], str] = {
    (
        "python/litz/auto.py",
        "python/litz/overrides.py",
    ): "overrides makes an AutoConfig: take the reader as an argument",
    (
        "python/litz/cli/__init__.py",
        "python/litz/cli/command.py",
    ): "COMMANDS belongs into a file of its own",
    (
        "python/litz/cli/chat/line_editor.py",
        "python/litz/cli/chat/reader.py",
    ): "the reader opens the line editor, which takes a type of it",
    (
        "python/litz/generation/config.py",
        "python/litz/generation/files.py",
        "python/litz/generation/resolve.py",
    ): "resolve should take mappings, and config the checks",
    (
        "python/litz/hub/cache.py",
        "python/litz/hub/default.py",
        "python/litz/hub/download.py",
        "python/litz/hub/known.py",
        "python/litz/hub/packages.py",
        "python/litz/hub/sources.py",
    ): "DEFAULT_MODEL and PACKAGE belong into sources.py",
    (
        "python/litz/tokenizers/__init__.py",
        "python/litz/tokenizers/loading.py",
        "python/litz/tokenizers/tokenizer.py",
        "python/litz/tokenizers/training.py",
    ): "training should return the parts that Tokenizer wraps",
    (
        "python/litz/cli/chat/dialogue.py",
        "python/litz/cli/chat/facts.py",
        "python/litz/cli/chat/recorder.py",
        "python/litz/cli/chat/slash.py",
    ): "types only: commands are given the conversation that runs them",
    (
        "python/litz/tokenizers/__init__.py",
        "python/litz/tokenizers/loading.py",
        "python/litz/tokenizers/saving.py",
        "python/litz/tokenizers/tokenizer.py",
        "python/litz/tokenizers/training.py",
    ): "types only: helpers are given the whole tokenizer",
    (
        "python/litz/tokenizers/batches.py",
        "python/litz/tokenizers/calls.py",
        "python/litz/tokenizers/options.py",
        "python/litz/tokenizers/padding.py",
    ): "types only: helpers are given the whole tokenizer",
    (
        "crates/litz/src/chat/filters.rs",
        "crates/litz/src/chat/predicates.rs",
        "crates/litz/src/chat/sequences.rs",
    ): "names should come from tables",
    (
        "crates/litz/src/chat/globals.rs",
        "crates/litz/src/chat/interpreter.rs",
    ): "check_attribute belongs to the namespace",
    (
        "crates/litz/src/chat/lexer.rs",
        "crates/litz/src/chat/literals.rs",
    ): "kinds of tokens belong into a file of their own",
    (
        "crates/litz/src/chat/number_filters.rs",
        "crates/litz/src/chat/operators.rs",
        "crates/litz/src/chat/percent.rs",
    ): "arithmetic and formatting of numbers call each other",
    (
        "crates/litz/src/chat/value.rs",
        "crates/litz/src/chat/whole.rs",
    ): "an integer of any size is a value, and is made from one",
    (
        "crates/litz/src/engine/build.rs",
        "crates/litz/src/engine/core.rs",
        "crates/litz/src/engine/exec.rs",
        "crates/litz/src/engine/experts.rs",
        "crates/litz/src/engine/model.rs",
        "crates/litz/src/engine/program.rs",
        "crates/litz/src/engine/session.rs",
        "crates/litz/src/engine/state.rs",
        "crates/litz/src/engine/weights.rs",
        "crates/litz/src/engine/widths.rs",
    ): "impl blocks of one struct in several files",
    (
        "crates/litz/src/engine/cache.rs",
        "crates/litz/src/engine/shared.rs",
    ): "copying belongs to the cache",
    (
        "crates/litz/src/formats/dequantize.rs",
        "crates/litz/src/formats/dequantize_k.rs",
    ): "half_at belongs to the blocks",
    (
        "crates/litz/src/formats/quantize.rs",
        "crates/litz/src/formats/quantize_iq4.rs",
        "crates/litz/src/formats/quantize_k.rs",
    ): "shared block helpers belong below both",
    (
        "crates/litz/src/generation/processors.rs",
        "crates/litz/src/generation/sampler.rs",
    ): "History belongs into a file of its own",
    (
        "crates/litz/src/kernels/attention.rs",
        "crates/litz/src/kernels/attention/tile.rs",
        "crates/litz/src/kernels/codes.rs",
        "crates/litz/src/kernels/convert.rs",
        "crates/litz/src/kernels/matmul.rs",
        "crates/litz/src/kernels/matmul_float.rs",
        "crates/litz/src/kernels/matmul_panel.rs",
        "crates/litz/src/kernels/pack.rs",
        "crates/litz/src/kernels/quant/dequantize.rs",
        "crates/litz/src/kernels/quant/format.rs",
        "crates/litz/src/kernels/quant/mod.rs",
        "crates/litz/src/kernels/quant/stored.rs",
        "crates/litz/src/kernels/quantize.rs",
        "crates/litz/src/kernels/table.rs",
        "crates/litz/src/kernels/views.rs",
    ): "layout constants and slices belong below the kernels",
    (
        "crates/litz/src/tokenizer/align.rs",
        "crates/litz/src/tokenizer/encode.rs",
    ): "Input belongs into a file of its own",
    (
        "crates/litz/src/tokenizer/decoder/step.rs",
        "crates/litz/src/tokenizer/decoder/text.rs",
    ): "replace belongs to the texts",
    (
        "crates/litz/src/tokenizer/description.rs",
        "crates/litz/src/tokenizer/json.rs",
        "crates/litz/src/tokenizer/model/bpe.rs",
        "crates/litz/src/tokenizer/save.rs",
        "crates/litz/src/tokenizer/scan_json.rs",
    ): "reading and writing belong above the description",
    (
        "crates/litz/src/tokenizer/post_processor.rs",
        "crates/litz/src/tokenizer/slots.rs",
        "crates/litz/src/tokenizer/trim.rs",
    ): "the types of slots belong to the stage",
}


def described(circle: Circle) -> str:
    kind = "type-only imports" if circle.types_only else "imports"
    return f"{kind} in a circle: {', '.join(circle.files)}"


def findings(found: list[Circle]) -> list[str]:
    """What is wrong, in lines; the files of a listed circle may have become fewer, but not more."""
    fresh = [circle for circle in found if circle.files not in ALLOWED]
    gone = [files for files in ALLOWED if files not in {circle.files for circle in found}]
    return [
        *(f"{described(circle)}; move what both need into a file below them" for circle in fresh),
        *(f"no circle any more, take it off the list in {Path(__file__).name}: {', '.join(files)}" for files in gone),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print today's circles in this file's form")
    found = circles(ROOT)
    if parser.parse_args().list:
        for circle in found:
            reason = json.dumps(ALLOWED.get(circle.files, "to be cut"))
            print("    (" + "".join(f'\n        "{name}",' for name in circle.files) + f"\n    ): {reason},")
        return 0
    wrong = findings(found)
    print("\n".join(wrong) or f"no import circles but the {len(ALLOWED)} that are listed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
