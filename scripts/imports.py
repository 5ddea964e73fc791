"""Which file of a tree imports which: the Python package, and each crate. Circles are the strongly connected files."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

Graph = dict[str, set[str]]
PYTHON = Path("python/litz")
CRATES = (Path("crates/litz/src"), Path("crates/litz-python/src"))


@dataclass(frozen=True)
class Circle:
    """Files of which each imports every other, directly or not."""

    files: tuple[str, ...]
    types_only: bool = False  # whether it is smaller, or none, without the imports that only type checkers read


def circles(root: Path) -> list[Circle]:
    """Every circle of the package and of the crates, files as paths from the root."""
    whole, running = python_graph(root), python_graph(root, types=False)
    at_runtime = set(components(running))
    found = [Circle(files) for files in sorted(at_runtime)]
    found += [Circle(files, types_only=True) for files in components(whole) if files not in at_runtime]
    for crate in CRATES:
        found += [Circle(files) for files in components(rust_graph(root / crate, root))]
    return found


def components(graph: Graph) -> list[tuple[str, ...]]:
    """Strongly connected components of more than one file, sorted: Tarjan's algorithm."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[tuple[str, ...]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            at = stack.index(node)
            members = stack[at:]
            del stack[at:]
            if len(members) > 1:
                found.append(tuple(sorted(members)))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return sorted(found)


def python_graph(root: Path, *, types: bool = True) -> Graph:
    """Imports inside functions count; those under TYPE_CHECKING do where `types` says so.

    A name that a package only re-exports counts as its own module's.
    """
    files = {_module(path.relative_to(root / PYTHON.parent)): path for path in sorted((root / PYTHON).rglob("*.py"))}
    files.pop(PYTHON.name, None)  # re-exports everything
    trees = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in files.items()}
    exports = {name: _re_exported(trees[name]) for name, path in files.items() if path.name == "__init__.py"}
    graph: Graph = {}
    for module, tree in trees.items():
        names = set(_imported(tree, types=types)) - set(exports.get(module, {}).values())
        targets = {_python_definition(name, files, exports) for name in names} - {None, module}
        graph[str(files[module].relative_to(root))] = {str(files[name].relative_to(root)) for name in targets if name}
    return graph


def _module(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _re_exported(tree: ast.Module) -> dict[str, str]:
    """The names that a package imports and does not use itself."""
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    named = {(alias.asname or alias.name): f"{node.module}.{alias.name}" for node in imports for alias in node.names}
    return {name: path for name, path in named.items() if name not in used}


def _python_definition(name: str, files: dict[str, Path], exports: dict[str, dict[str, str]]) -> str | None:
    """The module of `package.module` or `package.module.name`, found through the packages that only re-export it."""
    for _ in range(8):
        if name in files:
            return name
        module, _, last = name.rpartition(".")
        if module not in files:
            return None
        if last not in exports.get(module, {}):
            return module
        name = exports[module][last]
    return None


def _imported(node: ast.AST, *, types: bool) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            for part in (child.body if types else []) + child.orelse:
                yield from _imported(ast.Module([part], []), types=types)
        elif isinstance(child, ast.ImportFrom) and child.module:
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        elif isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        else:
            yield from _imported(child, types=types)


@dataclass(frozen=True)
class _Crate:
    """The modules of a crate by path, with the text of each (without its tests) and what it re-exports."""

    files: dict[tuple[str, ...], Path]
    texts: dict[tuple[str, ...], str]
    exports: dict[tuple[str, ...], dict[str, tuple[str, ...]]]


def rust_graph(source: Path, root: Path) -> Graph:
    """`use` and paths in the code, tests left out.

    What a module only re-exports counts as its own module's. What stands in the module around (`super`) is the folder's
    own vocabulary: using it makes no circle.
    """
    crate = _read_crate(source)
    graph: Graph = {}
    for module, text in crate.texts.items():
        own = re.sub(r"(?ms)^\s*pub(\([^)]*\))? use .*?;", "", text)
        targets = {_definition(path, crate) for path in _paths(own, module, crate)}
        graph[str(crate.files[module].relative_to(root))] = {
            str(crate.files[target].relative_to(root))
            for target in targets
            if target is not None and module[: len(target)] != target
        }
    return graph


def _read_crate(source: Path) -> _Crate:
    files: dict[tuple[str, ...], Path] = {}
    for path in sorted(source.rglob("*.rs")):
        parts = path.relative_to(source).with_suffix("").parts
        if "tests" not in parts:
            files[() if parts == ("lib",) else parts[:-1] if parts[-1] == "mod" else parts] = path
    texts = {module: _code(path.read_text(encoding="utf-8")) for module, path in files.items()}
    crate = _Crate(files, texts, {})
    for module, text in texts.items():
        given = crate.exports.setdefault(module, {})
        for use in re.findall(r"(?ms)^\s*pub(?:\([^)]*\))? use (.*?);", text):
            given.update({path[-1]: path for path in _absolute(use, module, crate)})
    return crate


def _code(text: str) -> str:
    """Without comments, strings, and the tests at the end."""
    text = re.sub(r"//[^\n]*", "", text)
    text = re.sub(r'"(?:\\.|[^"\\])*"', '""', text)
    return re.split(r"#\[cfg\(test\)\]\s*mod \w+ \{", text)[0]


def _paths(text: str, module: tuple[str, ...], crate: _Crate) -> Iterator[tuple[str, ...]]:
    for use in re.findall(r"(?ms)^\s*use (.*?);", text):
        yield from _absolute(use, module, crate)
    for path in re.findall(r"\b(?:crate|super|self)(?:::\w+)+", re.sub(r"(?ms)^\s*use .*?;", "", text)):
        yield from _absolute(path, module, crate)


def _absolute(use: str, module: tuple[str, ...], crate: _Crate) -> Iterator[tuple[str, ...]]:
    """The paths of a `use` tree from the crate's root; those of other crates are left out."""
    for path in _flat(re.sub(r"\s+", " ", use)):
        parts = [part.partition(" as ")[0].strip() for part in path.split("::")]
        base = list(module)
        if parts[0] == "crate":
            base = []
        elif parts[0] == "super":
            while parts[1:] and parts[1] == "super":
                base, parts = base[:-1], parts[1:]
            base = base[:-1]
        elif parts[0] != "self":
            if (*module, parts[0]) not in crate.files:
                continue
            parts = ["self", *parts]
        yield (*base, *parts[1:])


def _flat(tree: str) -> Iterator[str]:
    """`a::{b, c::{d, e}}` as `a::b`, `a::c::d`, `a::c::e`."""
    head, brace, rest = tree.strip().partition("{")
    if not brace:
        yield head.strip()
        return
    depth, part = 0, ""
    for char in rest[: rest.rindex("}")]:
        if char == "," and depth == 0:
            yield from (f"{head.strip()}{inner}" for inner in _flat(part) if part.strip())
            part = ""
            continue
        depth += (char == "{") - (char == "}")
        part += char
    if part.strip():
        yield from (f"{head.strip()}{inner}" for inner in _flat(part))


def _definition(path: tuple[str, ...], crate: _Crate) -> tuple[str, ...] | None:
    """The module that defines what the path names, found through the modules that only re-export it."""
    for _ in range(8):
        at = next((path[:n] for n in range(len(path), -1, -1) if path[:n] in crate.files), None)
        if at is None or at == path:
            return at
        name = path[len(at)]
        given = crate.exports.get(at, {})
        if name not in given or given[name] == path:
            return at
        path = (*given[name], *path[len(at) + 1 :])
    return None
