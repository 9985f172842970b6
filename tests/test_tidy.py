"""Style as a test: sizes, docstrings, the purity of the core, integers only, and the arrows between the folders."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TypeGuard

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("core", "adapters", "simulations")
ALL_FOLDERS = (*FOLDERS, "tests", "benchmarks", "examples")
INTEGER_FOLDERS = ("core/decide", "core/reducers", "core/policy")

MAX_FUNCTION_LINES = 70
MAX_MODULE_LINES = 400

MAY_IMPORT = {"core": {"core"}, "adapters": {"core", "adapters"}, "simulations": {"core", "adapters", "simulations"}}
"""The arrows: simulations -> adapters -> core."""

PURE_MODULES = {
    "__future__",
    "abc",
    "attrs",
    "bisect",
    "cattrs",
    "collections",
    "contextlib",
    "dataclasses",
    "enum",
    "fractions",
    "functools",
    "hashlib",
    "heapq",
    "immutables",
    "itertools",
    "math",
    "msgpack",
    "msgspec",
    "operator",
    "re",
    "sortedcontainers",
    "string",
    "struct",
    "types",
    "typing",
    "unicodedata",
}
"""All that the core may import from outside. What joins must know no I/O, clock, dice, thread or process."""

IMPURE_BUILTINS = {"__import__", "breakpoint", "eval", "exec", "input", "open", "print"}

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def modules(*folders: str) -> list[str]:
    """Return the paths of all modules in ``folders``, relative to the root of the project, sorted."""
    found = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


@cache
def parse(module: str) -> ast.Module:
    """Return the syntax tree of a module given by its path."""
    return ast.parse((ROOT / module).read_text(encoding="utf-8"), filename=module)


def each_module(*folders: str) -> pytest.MarkDecorator:
    """Run a test once for each module of ``folders``."""
    return pytest.mark.parametrize("module", modules(*folders))


def expect_none(found: Iterable[str]) -> None:
    """Fail with the whole list of what was found, one a line."""
    lines = list(found)
    if lines:
        pytest.fail("\n".join(lines), pytrace=False)


def is_stub(node: ast.stmt) -> bool:
    """Whether ``node`` only repeats for a type checker what is defined elsewhere."""
    decorators = {ast.unparse(decorator).split(".")[-1] for decorator in getattr(node, "decorator_list", ())}
    return bool(decorators & {"overload", "override", "setter", "deleter"})


def is_float(node: ast.AST) -> TypeGuard[ast.expr | ast.AugAssign]:
    """Whether ``node`` is a float literal, the name ``float`` or a true division."""
    match node:
        case ast.Constant(value=float() | complex()) | ast.Name(id="float"):
            return True
        case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
            return True
        case _:
            return False


def public_definitions(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, Definition]]:
    """Yield the public classes, functions and methods below ``body``, with dotted names.

    Left out are overloads, overrides, property setters and whatever stands under ``if TYPE_CHECKING``.
    """
    for node in body:
        if isinstance(node, ast.If):
            if ast.unparse(node.test) != "TYPE_CHECKING":
                yield from public_definitions(node.body, prefix)
            yield from public_definitions(node.orelse, prefix)
        elif isinstance(node, Definition) and not node.name.startswith("_") and not is_stub(node):
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from public_definitions(node.body, f"{prefix}{node.name}.")


def resolve(module: str, node: ast.Import | ast.ImportFrom) -> list[str]:
    """Return the absolute names that an import statement of ``module`` asks for."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not node.level:
        stem = node.module or ""
    else:
        package = ["meted", *Path(module).parent.parts]
        outer = package[: len(package) - node.level + 1]
        stem = ".".join([*outer, node.module] if node.module else outer)
    # `from meted import core` and `from importlib import metadata` name a module after the keyword.
    return [f"{stem}.{alias.name}" for alias in node.names] if stem in {"meted", "importlib"} else [stem]


def imports(module: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the absolute name of every import of a module, wherever it stands."""
    for node in ast.walk(parse(module)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name in resolve(module, node):
                yield node.lineno, name


@each_module(*ALL_FOLDERS)
def test_a_module_has_a_docstring(module: str) -> None:
    assert ast.get_docstring(parse(module)), f"{module} has no docstring: say in a sentence what it is for"


@each_module(*ALL_FOLDERS)
def test_a_function_fits_on_a_screen(module: str) -> None:
    for node in ast.walk(parse(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            count = (node.end_lineno or node.lineno) - node.lineno + 1
            place = f"{module}:{node.lineno} {node.name}"
            assert count <= MAX_FUNCTION_LINES, f"{place} has {count} lines of at most {MAX_FUNCTION_LINES}"


@each_module(*FOLDERS)
def test_a_module_holds_one_idea(module: str) -> None:
    count = len((ROOT / module).read_text(encoding="utf-8").splitlines())
    assert count <= MAX_MODULE_LINES, f"{module} has {count} lines of at most {MAX_MODULE_LINES}: split it"


@each_module(*FOLDERS)
def test_what_is_public_has_a_docstring(module: str) -> None:
    found = public_definitions(parse(module).body)
    expect_none(f"{module}:{node.lineno} {name}" for name, node in found if not ast.get_docstring(node))


@each_module(*FOLDERS)
def test_arrows_point_one_way(module: str) -> None:
    """Simulations stand on adapters, adapters on the core, and the core on nothing of ours."""
    folder = module.split("/")[0]
    wrong = []
    for line, name in imports(module):
        top, _, rest = name.partition(".")
        if (top == "meted" and rest.split(".")[0] not in MAY_IMPORT[folder]) or top in ALL_FOLDERS:
            wrong.append(f"{module}:{line} {name}")
    expect_none(wrong)


@each_module(*FOLDERS)
def test_imports_are_relative_inside_a_folder_and_absolute_across(module: str) -> None:
    folder = module.split("/")[0]
    wrong = []
    for node in ast.walk(parse(module)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            relative = isinstance(node, ast.ImportFrom) and node.level > 0
            inside = [re.match(rf"meted\.{folder}\b", name) is not None for name in resolve(module, node)]
            if any(now != relative for now in inside):
                wrong.append(f"{module}:{node.lineno} {ast.unparse(node)}")
    expect_none(wrong)


@each_module("core")
def test_the_core_imports_only_what_is_pure(module: str) -> None:
    wrong = []
    for line, name in imports(module):
        parts = name.split(".")
        prefixes = {".".join(parts[: end + 1]) for end in range(len(parts))}
        if parts[0] != "meted" and not prefixes & PURE_MODULES:
            wrong.append(f"{module}:{line} {name}")
    expect_none(wrong)


@each_module("core")
def test_the_core_calls_nothing_impure(module: str) -> None:
    names = (node for node in ast.walk(parse(module)) if isinstance(node, ast.Name))
    expect_none(f"{module}:{node.lineno} {node.id}" for node in names if node.id in IMPURE_BUILTINS)


@each_module(*INTEGER_FOLDERS)
def test_decisions_use_integers_only(module: str) -> None:
    """No float literal, no ``float`` and no true division where a decision is made or stored."""
    expect_none(f"{module}:{node.lineno} {ast.unparse(node)}" for node in ast.walk(parse(module)) if is_float(node))


def test_modules_are_found() -> None:
    """The tests above run once a module, so they would pass if none were found."""
    assert "core/record.py" in modules(*FOLDERS)
    assert "tests/test_tidy.py" in modules(*ALL_FOLDERS)
