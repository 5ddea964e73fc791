"""Do two builds of litz compute the same bits?

    python benchmarks/checksums.py record FILE [--models MODEL ...]
    python benchmarks/checksums.py compare FILE [--only rows models tokens chats] [--forms avx2 ...] [--match TEXT]

`record` writes checksums of what the litz on PYTHONPATH computes, and its inputs into FILE.inputs; `compare`, with
another build, computes them again, says what differs, and exits with 1 if anything does. Both use litz's public names
only. The sections: `rows`, logits and generated ids of the parity harness's tiny models in every storage; `models`,
real models; `tokens`, ids, offsets and texts of real and tiny tokenizers; `chats`, rendered templates. Rows run
once for each form of the kernels that the CPU has, the others with the widest and a narrow one. To `record` into a FILE
that exists adds sections to it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

SECTIONS = ("rows", "models", "tokens", "chats")
CASES = Path(__file__).with_name("checksum_cases.py")
SHOWN = 40


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    record = commands.add_parser("record", help="write the checksums of this build")
    record.add_argument("--models", type=Path, nargs="*", default=[], help="more real models than those of the tests")
    compare = commands.add_parser("compare", help="compute them again and say what differs")
    compare.add_argument("--changed-only", action="store_true", help="say nothing of what is equal")
    for command in (record, compare):
        command.add_argument("file", type=Path)
        command.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS, help="sections")
        command.add_argument("--forms", nargs="+", help="forms of the kernels (default: all that the CPU has)")
        command.add_argument("--match", default="", help="only entries whose name contains this")
    return parser.parse_args()


def known_forms() -> list[str]:
    """Every form of the kernels that this CPU has, the widest last."""
    code = "import json; from litz import _core; print(json.dumps(_core.available_instructions()))"
    found: list[str] = json.loads(
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE).stdout
    )
    return found


def forms_of(section: str, forms: list[str]) -> list[str]:
    """Rows with every form, real models with the two that matter most, text with the portable one too."""
    if section == "rows":
        return forms
    other = forms[1] if section == "models" and len(forms) > 1 else forms[0]
    return sorted({other, forms[-1]}, key=forms.index)


def computed(section: str, form: str, inputs: Path, *, match: str, short: bool) -> dict[str, str]:
    """The checksums of a section, from a process of its own with an empty cache."""
    with tempfile.TemporaryDirectory() as home:
        result = Path(home) / "result.json"
        threads = os.environ.get("LITZ_NUM_THREADS", "2")
        environment = {**os.environ, "LITZ_CPU": form, "LITZ_HOME": f"{home}/litz", "LITZ_NUM_THREADS": threads}
        command = [sys.executable, str(CASES), section, str(inputs), str(result), "--match", match]
        subprocess.run([*command, *(["--short"] if short else [])], check=True, env=environment)
        found: dict[str, str] = json.loads(result.read_text())
        return found


def all_of(options: argparse.Namespace, inputs: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """(section and form, its checksums), one after the other."""
    known = known_forms()
    for section in options.only:
        for form in forms_of(section, known):
            if options.forms is None or form in options.forms:
                begun = time.perf_counter()
                short = form != known[-1]
                part = computed(section, form, inputs, match=options.match, short=short)
                print(f"{section} {form}: {len(part)} checksums in {time.perf_counter() - begun:.0f} s", flush=True)
                yield f"{section} {form}", part


def inputs_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.inputs")


def record(options: argparse.Namespace) -> int:
    inputs = inputs_of(options.file).absolute()
    if not (inputs / "manifest.json").is_file():
        import checksum_inputs

        inputs.mkdir()
        checksum_inputs.make(inputs, [path.absolute() for path in options.models])
    found = json.loads(options.file.read_text()) if options.file.is_file() else {}
    part = options.file.with_name(f"{options.file.name}.part")
    for name, checksums in all_of(options, inputs):
        found[name] = found.get(name, {}) | checksums
        part.write_text(json.dumps(found, indent=0))
        part.rename(options.file)
    return 0


def differences(expected: dict[str, str], found: dict[str, str], match: str) -> list[str]:
    names = [name for name in {**expected, **found} if match in name.partition(": ")[0]]
    return [
        f"{name}: was {expected.get(name, 'not there')}, is {found.get(name, 'not there')}"
        for name in names
        if expected.get(name) != found.get(name)
    ]


def compare(options: argparse.Namespace) -> int:
    inputs = inputs_of(options.file).absolute()
    if not (inputs / "manifest.json").is_file():
        raise SystemExit(f"{inputs} is not there: the checksums of {options.file} are of the models that it holds")
    expected = json.loads(options.file.read_text())
    failed = 0
    for name, found in all_of(options, inputs):
        if name not in expected:
            raise SystemExit(f"{options.file} has no checksums of {name}: record it on a CPU that has this form")
        apart = differences(expected[name], found, options.match)
        failed += len(apart)
        if apart or not options.changed_only:
            print(f"{name}: {len(apart)} differ of {len(found)}")
        print("".join(f"  {line}\n" for line in apart[:SHOWN]), end="")
    print(f"{failed} differences" if failed else "nothing differs")
    return 1 if failed else 0


if __name__ == "__main__":
    chosen = arguments()
    sys.exit(record(chosen) if chosen.command == "record" else compare(chosen))
