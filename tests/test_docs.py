"""The documentation is true: its code runs, its commands exist, its limits are the code's, its links lead somewhere."""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import io
import re
import shlex
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import click
import pytest

from meted.adapters.cli.main import COMMANDS, meted

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LANGUAGES = {"python", "output", "text", "sh", "sql", "diff", "ini", "toml"}
FOLDERS = ("core", "adapters", "simulations", "tests", "examples", "benchmarks", "docs")


def each_page() -> pytest.MarkDecorator:
    """Run a test once for each page."""
    return pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose_of(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return FENCE.sub("", text_of(page))


def blocks(page: Path) -> list[tuple[str, str]]:
    """Return the fenced blocks of a page as (language, text)."""
    return FENCE.findall(text_of(page))


@each_page()
def test_code_runs_and_prints_what_it_says(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python blocks of a page are one program; an ``output`` block is what the block before it prints."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": page.stem}
    printed = ""
    for number, (language, body) in enumerate(blocks(page), 1):
        if language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile(body, f"{page.name}, block {number}", "exec"), names)
            printed = out.getvalue()
        elif language == "output":
            assert printed == body, f"{page.name}, block {number}"


@each_page()
def test_what_is_imported_stands_where_it_is_imported_from(page: Path) -> None:
    """Type checkers refuse a name that a module only imports itself, so whoever copies a block could not check it."""
    for language, body in blocks(page):
        for node in ast.walk(ast.parse(body)) if language == "python" else ():
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("meted."):
                module = importlib.import_module(str(node.module))
                for name in (alias.name for alias in node.names):
                    home = getattr(getattr(module, name), "__module__", module.__name__)
                    handed_on = f" as {name}" in inspect.getsource(module) or name in getattr(module, "__all__", ())
                    assert home == module.__name__ or handed_on or not home.startswith("meted."), (node.module, name)


@each_page()
def test_every_block_says_what_it_is(page: Path) -> None:
    assert {language for language, _ in blocks(page)} <= LANGUAGES


def commands_in(page: Path) -> Iterator[str]:
    """Yield what a page tells people to type that begins with ``meted``."""
    for language, body in blocks(page):
        if language == "sh":
            yield from (line.partition(" #")[0] for line in body.splitlines() if line.startswith("meted "))
    yield from re.findall(r"`(meted [a-z][^`]*)`", prose_of(page))


def resolve(words: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that ``words`` name, and the words that are left."""
    command: click.Command = meted
    while isinstance(command, click.Group) and words:
        inner = command.get_command(click.Context(command), words[0])
        assert inner is not None, f"there is no command {words[0]!r}"
        command, words = inner, words[1:]
    return command, words


@each_page()
def test_every_command_and_option_exists(page: Path) -> None:
    for line in commands_in(page):
        command, rest = resolve(shlex.split(line)[1:])
        assert not isinstance(command, click.Group) or not rest, line
        known = {name for parameter in command.params for name in parameter.opts}
        rest = rest[: rest.index("--")] if "--" in rest else rest  # what follows is somebody else's command
        assert {word for word in rest if word.startswith("--")} <= known, line


def test_every_command_is_in_the_documentation() -> None:
    said = {line.split()[1] for page in PAGES for line in commands_in(page)}
    assert said >= set(COMMANDS)


@each_page()
def test_every_option_that_is_named_exists(page: Path) -> None:
    known = {"--pip"}
    for name in COMMANDS:
        commands: list[click.Command] = [resolve([name])[0]]
        for command in commands:
            known |= {option for parameter in command.params for option in parameter.opts}
            if isinstance(command, click.Group):
                commands += command.commands.values()
    assert set(re.findall(r"`(--[a-z-]+)", prose_of(page))) <= known | {"--json"}


@each_page()
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose_of(page)):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        headings = {re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in _headings(found)}
        assert not anchor or anchor in headings, target


def _headings(page: Path) -> list[str]:
    return re.findall(r"^#+ (.*)$", text_of(page), re.MULTILINE) if page.suffix == ".md" else []


@each_page()
def test_every_path_that_is_named_exists(page: Path) -> None:
    for path in re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w/.-]*)`", prose_of(page)):
        assert (ROOT / path).exists(), path
    for language, body in blocks(page):
        if language == "diff":
            for path in re.findall(r"^--- ([\w/.]+)", body, re.MULTILINE):
                assert (ROOT / path).exists(), path


@each_page()
def test_the_project_speaks_of_itself_alone(page: Path) -> None:
    assert not re.search(r"/(?:work|tmp|home|root)/", text_of(page))


def test_every_page_is_in_the_index() -> None:
    index = text_of(ROOT / "docs/index.md")
    assert [page.name for page in PAGES[1:] if page.name != "index.md" and f"({page.name})" not in index] == []


def test_limits_are_those_of_the_code() -> None:
    page = text_of(ROOT / "docs/limits.md")
    sections = re.split(r"^## `([\w/]+)\.py`$", page, flags=re.MULTILINE)[1:]
    assert sections
    for path, body in zip(sections[::2], sections[1::2], strict=True):
        module = importlib.import_module(f"meted.{path.replace('/', '.')}")
        rows = re.findall(r"^\| `(\w+)` \| ([\d,]+) \|", body, re.MULTILINE)
        said = {name: int(value.replace(",", "")) for name, value in rows}
        assert said == {name: getattr(module, name, None) for name in said}, path
        if path == "core/limits":
            whole = {name: value for name, value in vars(module).items() if name.isupper() and value < 2**64}
            assert said == whole


def test_every_dependency_is_explained() -> None:
    import tomllib

    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    wanted = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    names = {re.split(r"[^\w.-]", requirement)[0] for requirement in wanted}
    assert names == set(re.findall(r"^\| ([\w.-]+) \| \w", text_of(ROOT / "docs/dependencies.md"), re.MULTILINE)) - {
        "package"
    }


def test_adding_an_event_shows_the_code_as_it_is() -> None:
    """The lines that its differences leave or take away are lines of the project, so that a reader finds them."""
    for language, body in blocks(ROOT / "docs/adding-an-event.md"):
        if language == "diff":
            source = ""
            for line in body.splitlines():
                if found := re.match(r"--- ([\w/.]+)", line):
                    source = text_of(ROOT / found[1])
                elif line[:1] in {" ", "-"} and line[1:].strip():
                    assert line[1:].strip() in source, line
