"""What `scripts/circles.py` finds: files that import each other, in the package and in a crate."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def circles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The circles of a tree with these files, each as its files' last names."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import imports

    def found(files: dict[str, str]) -> list[tuple[tuple[str, ...], bool]]:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return [(tuple(Path(name).name for name in c.files), c.types_only) for c in imports.circles(tmp_path)]

    yield found
    del sys.modules["imports"]


PACKAGE, CRATE = "python/litz", "crates/litz/src"


def test_two_modules_that_import_each_other_are_a_circle_also_inside_a_function(circles):
    files = {f"{PACKAGE}/a.py": "from litz.b import x\n", f"{PACKAGE}/b.py": "def f():\n    from litz import a\n"}
    assert circles(files) == [(("a.py", "b.py"), False)]


def test_imports_that_only_type_checkers_read_are_told_apart(circles):
    lazy = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from litz.a import y\n"
    assert circles({f"{PACKAGE}/a.py": "from litz.b import x\n", f"{PACKAGE}/b.py": lazy}) == [(("a.py", "b.py"), True)]


def test_a_name_that_a_package_gives_on_counts_as_its_own_module_s(circles):
    files = {
        f"{PACKAGE}/p/__init__.py": "from litz.p.low import x as x\nfrom litz.p.high import z as z\n",
        f"{PACKAGE}/p/low.py": "x = 1\n",
        f"{PACKAGE}/p/high.py": "from litz.p import x\nz = x\n",
    }
    assert circles(files) == []
    assert circles(files | {f"{PACKAGE}/p/low.py": "from litz.p import z\n"}) == [(("high.py", "low.py"), False)]


def test_siblings_in_rust_are_found_through_use_trees_and_paths_in_the_code(circles):
    files = {
        f"{CRATE}/lib.rs": "mod a;\nmod b;\n",
        f"{CRATE}/a.rs": "use crate::{b::{self, X}, c};\n",
        f"{CRATE}/b.rs": "fn f() { crate::a::g() }\n",
    }
    assert circles(files) == [(("a.rs", "b.rs"), False)]


def test_rust_tests_and_the_module_around_make_no_circle(circles):
    files = {
        f"{CRATE}/lib.rs": "mod folder;\n",
        f"{CRATE}/folder/mod.rs": "mod a;\nuse a::X;\npub struct Y;\n",
        f"{CRATE}/folder/a.rs": "use super::Y;\n#[cfg(test)]\nmod tests {\n    use crate::folder::b;\n}\n",
        f"{CRATE}/folder/b.rs": "use super::a::X;\n",
    }
    assert circles(files) == []
