"""Executors that other packages bring: found by name, made with what the config says and a logger (rows G01, N28)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from meted.adapters.cli.worker import known_executor
from meted.adapters.executors import plugins
from meted.adapters.executors.contract import UnitToRun
from meted.adapters.executors.plugins import PluginError, check_name, make
from meted.adapters.executors.process import ProcessExecutor
from meted.core.spec import Spec

EXAMPLE = Path(__file__).resolve().parents[3] / "examples/executor-plugin"
CODE = (EXAMPLE / "meted_prefix.py").read_text(encoding="utf-8")
NICE = {"words": ["/usr/bin/env", "SAID=hello"]}

Installer = Callable[..., None]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path, like one that packages are installed to; what was imported from it is forgotten."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def install(site: Path, package: str, module: str, code: str, entry: str) -> None:
    """Put a package into a folder as an installer does: its code, its metadata and its entry points."""
    (site / f"{module}.py").write_text(code, encoding="utf-8")
    info = site / f"{package.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[{plugins.GROUP}]\n{entry}\n", encoding="utf-8")


def install_example(site: Path) -> None:
    """Install the example, with the entry point that its own pyproject.toml names."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ((name, target),) = project["entry-points"][plugins.GROUP].items()
    install(site, project["name"], "meted_prefix", CODE, f"{name} = {target}")


def test_the_one_that_is_built_in_needs_nothing(tmp_path: Path) -> None:
    check_name("process")
    assert isinstance(make("process", tmp_path, {}), ProcessExecutor)
    with pytest.raises(PluginError, match=r"can be told nothing; remove \[executors\.process\]"):
        make("process", tmp_path, {"a": 1})


def test_another_package_brings_one(site: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    install_example(site)
    check_name("prefix")
    assert "meted_prefix" not in sys.modules, "nothing is imported before it is needed"
    with caplog.at_level("INFO", plugins.GROUP):
        executor = make("prefix", tmp_path / "worker", NICE)
    assert [(one.name, one.getMessage()) for one in caplog.records] == [
        ("meted.executors.prefix", "Each command runs behind: /usr/bin/env SAID=hello")
    ]

    async def run() -> bytes | None:
        executor.open()
        try:
            unit = UnitToRun(1, 0, 1, 1, Spec(("sh", "-c", "echo $SAID"), cwd="/"))
            return (await executor.run(unit)).result
        finally:
            executor.close()

    assert trio.run(run) == b"hello\n"


def test_an_unknown_name_is_refused_with_those_that_there_are(site: Path) -> None:
    install_example(site)
    with pytest.raises(PluginError) as error:
        check_name("prefx")
    assert str(error.value).startswith("There is no executor 'prefx'; there are: prefix, process. Install the package")
    assert str(error.value).endswith("Did you mean 'prefix'?")


def test_two_packages_cannot_bring_the_same_name(site: Path) -> None:
    install_example(site)
    install(site, "other", "other_prefix", "", "prefix = other_prefix:make")
    with pytest.raises(PluginError, match="in the packages meted-prefix, other; remove all but one"):
        check_name("prefix")


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("import no_such_module_at_all", "cannot be loaded: ModuleNotFoundError: No module named 'no_such_module_at"),
        ("def make(setup): return 3", "is no executor: it has no open, close, run, kill"),
        ("make = 3", "cannot be loaded: TypeError: 'int' object is not callable."),
        ("def make(setup): raise ValueError('be nice')", "does not take what it is told: be nice."),
        ("def make(setup): raise KeyError", "cannot be loaded: KeyError: it does not say why."),
    ],
)
def test_one_that_is_broken_is_a_sentence(site: Path, tmp_path: Path, code: str, sentence: str) -> None:
    install(site, "broken", "broken_executor", code, "broken = broken_executor:make")
    with pytest.raises(PluginError) as error:
        make("broken", tmp_path, {})
    assert str(error.value).startswith(f"The executor 'broken' of the package broken {sentence}")


@pytest.mark.parametrize("config", [{}, {"words": "nice"}, {"words": [3]}, {"words": ["nice"], "level": 3}])
def test_the_example_checks_what_it_is_told(site: Path, tmp_path: Path, config: dict[str, object]) -> None:
    install_example(site)
    with pytest.raises(PluginError, match="does not take what it is told: "):
        make("prefix", tmp_path, config)


# As a user has it: a config file, a worker, a job
# ---------------------------------------------------------------------------------------------------------


@contextmanager
def pool(tmp_path: Path, site: Path, config: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """A server with one worker, started by ``meted up`` with a config file; yields what it says, and how to ask it."""
    (tmp_path / "meted").mkdir()
    (tmp_path / "meted/config.toml").write_text(config, encoding="utf-8")
    path = os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH", ""))))
    environment = {**os.environ, "PYTHONPATH": path, "XDG_CONFIG_HOME": str(tmp_path)}
    environment["METED_SERVER"] = f"unix:{tmp_path}/s"
    told = tmp_path / "told"
    command = [*METED, "up", "--data", str(tmp_path / "data"), "--listen", environment["METED_SERVER"]]
    with told.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file, env=environment) as process:
        try:
            while b"listens at" not in told.read_bytes():
                assert process.poll() is None, told.read_text()
                time.sleep(0.02)
            yield told, environment
        finally:
            process.terminate()
            process.wait(60)


METED = (sys.executable, "-m", "meted.adapters.cli")


@pytest.mark.slow
def test_a_worker_runs_units_by_it(tmp_path: Path, site: Path) -> None:
    install_example(site)
    config = 'executor = "prefix"\n[executors.prefix]\nwords = ["/usr/bin/env", "SAID=a secret"]\n'
    with pool(tmp_path, site, config) as (told, environment):
        submit = [*METED, "submit", "--wait", "--", "sh", "-c", "echo $SAID"]
        done = subprocess.run(submit, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        job = done.stdout.strip()
        said = subprocess.run([*METED, "logs", job], env=environment, capture_output=True, text=True, check=True)
        assert said.stdout == "a secret\n"
        workers = subprocess.run([*METED, "workers", "--json"], env=environment, capture_output=True, check=True)
        (worker,) = json.loads(workers.stdout)
        assert worker["labels"]["executor"] == "prefix"
        assert "meted.executors.prefix: INFO: Each command runs behind:" in told.read_text()


def worker(tmp_path: Path, site: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run ``meted worker`` to its end, without a server."""
    path = os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH", ""))))
    environment = {**os.environ, "PYTHONPATH": path, "XDG_CONFIG_HOME": str(tmp_path)}
    command = [*METED, "worker", "--server", f"unix:{tmp_path}/none", "--dir", str(tmp_path / "w"), *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.slow
def test_a_worker_that_cannot_make_it_says_so_and_ends(tmp_path: Path, site: Path) -> None:
    install_example(site)
    unknown = worker(tmp_path, site, "--executor", "docker")
    assert unknown.returncode == 2
    assert "There is no executor 'docker'; there are: prefix, process." in unknown.stderr
    untold = worker(tmp_path, site, "--executor", "prefix")
    assert untold.returncode == 1
    assert "does not take what it is told: say what goes before each command" in untold.stderr
    assert "Traceback" not in untold.stderr
    assert "Traceback" in (tmp_path / "w/fault.txt").read_text(), "whoever writes one wants to know where"


def test_the_command_line_refuses_an_unknown_one_at_once() -> None:
    import click

    with pytest.raises(click.UsageError, match="There is no executor 'docker'; there are: process"):
        known_executor("docker")


BARE = """
from meted.adapters.executors.simulated import Behaviour, SimulatedExecutor

def make(setup):
    return SimulatedExecutor(lambda job, index, attempt: Behaviour(600_000_000), frozenset())
"""


@pytest.mark.slow
def test_users_are_told_what_it_lacks(tmp_path: Path, site: Path) -> None:
    """Row G08."""
    install(site, "bare", "bare_executor", BARE, "bare = bare_executor:make")
    with pool(tmp_path, site, 'executor = "bare"\n') as (_, environment):

        def meted(*arguments: str) -> subprocess.CompletedProcess[str]:
            command = [*METED, *arguments]
            return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

        limited = meted("submit", "--wait", "--limit", "cpu_s=1", "--", "true")
        assert limited.returncode == 1
        assert 'unit 0: the executor "bare" of the worker cannot hold a unit to limits (cpu_s): ' in limited.stderr
        assert '"exit": 257' in meted("show", "1", "--units", "--json").stdout
        meted("submit", "--", "true")
        while json.loads(meted("show", "2", "--json").stdout)["state"] != "running":
            time.sleep(0.05)
        logs = meted("logs", "2")
        assert (logs.returncode, logs.stdout) == (1, "")
        assert 'The executor "bare" of worker 1 (' in logs.stderr
        cancel = meted("cancel", "2")
        assert cancel.returncode == 0
        assert cancel.stderr.startswith("What runs of job 2 on worker 1 goes on to its end: the executor there cannot")
        goes_on = 'goes on to its end: the executor "bare" there cannot end a unit.'
        assert goes_on in meted("explain", "2").stdout
        assert goes_on in json.loads(meted("show", "2", "--json").stdout)["reason"]
        assert goes_on in meted("show", "2").stdout.replace("\n", " ")
