"""Installs litz alone into a fresh environment, prints its weight, and fails above 60 MB or if torch came along."""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

LIMIT_MB = 60
REPOSITORY = Path(__file__).resolve().parent.parent


def megabytes(folder: Path) -> float:
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6


def main() -> int:
    with tempfile.TemporaryDirectory() as temporary:
        venv.create(temporary, with_pip=True)
        python = Path(temporary) / "bin" / "python"
        # Built by the interpreter that runs this: what it has compiled already is not compiled again.
        build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", temporary, str(REPOSITORY)]
        subprocess.run(build, check=True)
        wheel = next(Path(temporary).glob("litz-*.whl"))
        subprocess.run([python, "-m", "pip", "install", "-q", str(wheel)], check=True)
        subprocess.run([python, "-m", "pip", "uninstall", "-q", "-y", "setuptools", "pip"], check=True)
        packages = next(Path(temporary).glob("lib/python*/site-packages"))
        sizes = {
            entry.name: megabytes(entry) if entry.is_dir() else entry.stat().st_size / 1e6
            for entry in packages.iterdir()
        }
    for name, size in sorted(sizes.items(), key=lambda item: -item[1])[:8]:
        print(f"  {size:7.1f} MB  {name}")
    total = sum(sizes.values())
    print(f"{total:.1f} MB installed, of {LIMIT_MB}")
    return int(total > LIMIT_MB or any("torch" in name for name in sizes))


if __name__ == "__main__":
    sys.exit(main())
