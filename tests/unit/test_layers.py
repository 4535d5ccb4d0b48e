"""Layers of the package: imports point downwards, and modules do not import each other in a circle."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import vibevoice_nb

ROOT = Path(vibevoice_nb.__file__).parent

LAYERS = [
    {"__main__"},
    {"cli"},
    {"training"},
    {"bench", "verify", "system"},
    {"web"},
    {"serve"},
    {"lab"},
    {"widgets"},
    {"project"},
    {"engine"},
    {"serve.requests", "serve.events", "serve.messages"},  # also used by the client, in `engine.remote`
    {"review"},
    {"export"},
    {"display"},
    {"voices"},
    {"audio"},
    {"script"},
    {"model", "nano"},
    {"machine"},
    {"files", "progress", "texts"},
    {"ranges"},
    {"errors", "_moved", "_version"},
]
"""Packages and modules from top to bottom; each imports those below it, and not those beside it."""

PUBLIC = {"", "widgets"}
"""Packages that import their names lazily, for users."""


def modules() -> dict[str, Path]:
    """Return all modules by name relative to the package; the package itself is ''."""
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(name: str, *, everywhere: bool) -> Iterator[str]:
    """Yield the modules of the package that a module imports: when it is loaded, or anywhere in its code."""
    path = MODULES[name]
    package = name.split(".") if path.name == "__init__.py" and name else name.split(".")[:-1]
    pending: list[ast.AST] = list(ast.parse(path.read_text("utf-8")).body)
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from targets(node, package)
        elif everywhere or not is_deferred(node):
            pending.extend(ast.iter_child_nodes(node))


def is_deferred(node: ast.AST) -> bool:
    """Return true for code that does not run when its module is loaded."""
    typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
    return typing_only or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))


def targets(node: ast.Import | ast.ImportFrom, package: list[str]) -> Iterator[str]:
    """Yield the modules of the package that an import statement loads."""
    if isinstance(node, ast.Import):
        bases = [(alias.name.split("."), [""]) for alias in node.names]
    else:
        above = ["vibevoice_nb", *package][: len(package) + 2 - node.level] if node.level else []
        bases = [(above + (node.module or "").split("."), [alias.name for alias in node.names])]
    for base, names in bases:
        base = [part for part in base if part]
        if base[0] == "vibevoice_nb":
            for name in names:
                inner = ".".join([*base[1:], *([name] if name else [])])
                yield inner if inner in MODULES else ".".join(base[1:])


def level(module: str) -> int:
    """Return the layer of a module: its own, or that of its package."""
    names = [module, module.split(".")[0]]
    return next(i for name in names for i, layer in enumerate(LAYERS) if name in layer)


def test_every_module_has_a_layer() -> None:
    assert {name.split(".")[0] for name in MODULES} - {""} == {
        name.split(".")[0] for name in set().union(*LAYERS)
    }


def test_imports_point_downwards() -> None:
    """Imports within functions and for type checking count as well."""
    upwards = {
        (name, target)
        for name in MODULES
        if name not in PUBLIC
        for target in imports(name, everywhere=True)
        if target and name.split(".")[0] != target.split(".")[0] and level(target) <= level(name)
    }
    assert sorted(upwards) == []


def test_no_module_is_imported_in_a_circle() -> None:
    """Imports when a module is loaded count; `static_order` raises CycleError with the circle."""
    graph = {name: set(imports(name, everywhere=False)) - {name, ""} for name in MODULES if name}
    list(graphlib.TopologicalSorter(graph).static_order())
