"""The house: flat folders, one namespace, a wheel that runs, and a core that loads nothing it does not need."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("core", "adapters", "simulations")
HEAVY_MODULES = ("trio", "sqlite3", "click", "rich", "subprocess", "asyncio")

with (ROOT / "pyproject.toml").open("rb") as file:
    SETUPTOOLS = tomllib.load(file)["tool"]["setuptools"]


def run(*arguments: str | Path, cwd: Path, **environment: str) -> str:
    """Run a program and return what it prints; fail with all it printed if it fails."""
    done = subprocess.run(
        [str(argument) for argument in arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{arguments[0]} ended with exit code {done.returncode}:\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source archive as a user's pip would build it."""
    target = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", target, ROOT, cwd=target)
    (built,) = target.glob("meted-*.whl")
    return built


def test_the_packages_listed_are_the_folders() -> None:
    folders = {path.parent.relative_to(ROOT) for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")}
    assert sorted(SETUPTOOLS["packages"]) == sorted(".".join(["meted", *folder.parts]) for folder in folders)


def test_each_package_has_an_init_and_the_namespace_has_none() -> None:
    folders = {path.parent for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []
    assert not (ROOT / "meted").exists()
    assert not (ROOT / "__init__.py").exists()


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_folder_is_typed(folder: str) -> None:
    assert (ROOT / folder / "py.typed").is_file()
    assert SETUPTOOLS["package-data"][f"meted.{folder}"] == ["py.typed"]
    assert SETUPTOOLS["package-dir"][f"meted.{folder}"] == folder


def test_importing_the_core_loads_nothing_heavy(tmp_path: Path) -> None:
    program = f"import sys, meted.core; print(*sorted({set(HEAVY_MODULES)!r} & sys.modules.keys()))"
    assert run(sys.executable, "-c", program, cwd=tmp_path).split() == []


def test_the_simulator_loads_nothing_to_draw_with(tmp_path: Path) -> None:
    names = sorted(path.stem for path in (ROOT / "simulations").glob("*.py") if path.stem != "__init__")
    program = (
        f"import sys, {', '.join(f'meted.simulations.{name}' for name in names)}; print('matplotlib' in sys.modules)"
    )
    assert run(sys.executable, "-c", program, cwd=tmp_path).strip() == "False"


@pytest.mark.slow
def test_the_wheel_holds_the_modules_under_meted_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    modules = {path.relative_to(ROOT).as_posix() for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")}
    typed = {f"{folder}/py.typed" for folder in FOLDERS}
    assert {name for name in names if ".dist-info/" not in name} == {f"meted/{name}" for name in modules | typed}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


@pytest.mark.slow
def test_the_installed_wheel_runs(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    program = "import meted.core, meted.adapters.cli, meted.simulations; print(meted.core.__file__)"
    place = run(sys.executable, "-c", program, cwd=tmp_path, PYTHONPATH=str(site))
    assert Path(place.strip()) == site / "meted/core/__init__.py"
    help_text = run(sys.executable, "-m", "meted.adapters.cli", "--help", cwd=tmp_path, PYTHONPATH=str(site))
    assert "simulate" in help_text
