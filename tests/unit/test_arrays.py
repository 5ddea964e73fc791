"""numpy and torch are optional: what works without them, and the errors when they are missing."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from litz import arrays
from tests.parity.harness.decoders import save
from tests.parity.harness.rows import ROWS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(ROWS[0].build(), tmp_path_factory.mktemp("model"))


def without(libraries: tuple[str, ...], program: str) -> str:
    """What a program prints where importing these libraries fails."""
    blocked = "".join(f"sys.modules[{name!r}] = None; " for name in libraries)
    code = f"import sys; {blocked}\n{program}"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_lists_are_generated_from_without_either(folder: Path) -> None:
    program = f"""
import litz
model = litz.AutoModelForCausalLM.from_pretrained({str(folder)!r})
print(len(model.generate([[3, 4, 5]], max_new_tokens=4, eos_token_id=[])[0]))
"""
    assert without(("numpy", "torch"), program) == "7\n"


def test_what_is_missing_is_named_with_its_command(folder: Path) -> None:
    program = f"""
import litz
from litz.errors import MissingDependencyError
try:
    litz.AutoModelForCausalLM.from_pretrained({str(folder)!r})([[3, 4, 5]])
except MissingDependencyError as error:
    print(error)
"""
    assert "pip install numpy" in without(("numpy",), program)


def test_buffers_become_either_kind_without_a_copy() -> None:
    buffer = bytearray(np.arange(6, dtype=np.float32).tobytes())
    array, tensor = (arrays.floats(buffer, kind, shape=(2, 3)) for kind in ("numpy", "torch"))
    array[0, 0] = 9
    assert tensor[0, 0] == 9
    assert tensor.shape == torch.Size([2, 3])


@pytest.mark.parametrize(("kind", "dtype"), [("numpy", np.int64), ("torch", torch.int64)])
def test_integers_are_64_bits_wide(kind: arrays.Kind, dtype: object) -> None:
    made = arrays.integers([[1, 2], [3, 4]], kind)
    assert made.dtype == dtype
    assert made.tolist() == [[1, 2], [3, 4]]
    assert arrays.kind_of(made) == kind
