"""The command ``meted``: found at once, and every error ends as one sentence."""

from __future__ import annotations

import errno
import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from meted.adapters.cli.funnel import Funnel
from meted.adapters.cli.main import COMMANDS, meted
from meted.adapters.cli.progress import ProgressBar
from meted.adapters.cli.serve import read_log
from meted.adapters.embedded import Pool
from meted.adapters.log import SQLiteLog
from meted.adapters.recovery import read_state
from meted.core.policy.meted import Meted


def python(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program in an interpreter of its own."""
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def failing(error: BaseException) -> Funnel:
    """A group with a command that raises ``error``."""
    group = Funnel("meted")

    @group.command("fail")
    def fail() -> None:
        click.echo("so far")
        raise error

    return group


def test_help_lists_the_commands_and_loads_none() -> None:
    modules = sorted(target.partition(":")[0] for target, _ in COMMANDS.values())
    program = f"""
import sys
from meted.adapters.cli import main
sys.argv = ["meted", "--help"]
try:
    main()
finally:
    print(*({{"rich", "sqlite3", *{modules!r}}} & sys.modules.keys()), file=sys.stderr)
"""
    done = python(program)
    assert done.returncode == 0
    assert all(name in done.stdout for name in COMMANDS)
    assert done.stderr.strip() == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_is_there(name: str) -> None:
    result = CliRunner().invoke(meted, [name, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.stdout


@pytest.mark.parametrize(("target", "help_text"), COMMANDS.values())
def test_the_table_says_what_the_command_says(target: str, help_text: str) -> None:
    module, _, attribute = target.partition(":")
    command = getattr(importlib.import_module(module), attribute)
    assert command.get_short_help_str(limit=200) == help_text


def test_the_version_is_told() -> None:
    result = CliRunner().invoke(meted, ["--version"])
    assert (result.exit_code, result.stdout.split()[0]) == (0, "meted")


@pytest.mark.parametrize("arguments", [[], ["log"]])
def test_no_command_at_all_is_misuse_and_shows_the_help_page(arguments: list[str]) -> None:
    result = CliRunner().invoke(meted, arguments, prog_name="meted")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == CliRunner().invoke(meted, [*arguments, "--help"], prog_name="meted").stdout
    assert "\nCommands:\n" in result.stderr


def test_an_unknown_command_is_misuse() -> None:
    result = CliRunner().invoke(meted, ["lug"], prog_name="meted")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: No such command 'lug'.")
    assert result.stderr.endswith("Try 'meted --help'.\n")


def test_a_refusal_is_a_sentence() -> None:
    result = CliRunner().invoke(failing(click.ClickException("It is not\nto be.")), ["fail"])
    assert (result.exit_code, result.stderr) == (1, "Error: It is not to be.\n")


def test_a_fault_is_a_sentence_and_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    result = CliRunner().invoke(failing(ZeroDivisionError("oh")), ["fail"])
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    (report,) = tmp_path.iterdir()
    assert f"a fault of the program; please report it with the file {report}." in result.stderr
    assert "ZeroDivisionError: oh" in report.read_text()
    assert report.stat().st_mode & 0o777 == 0o600


def test_a_fault_without_room_for_a_file_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    result = CliRunner().invoke(failing(ZeroDivisionError("oh")), ["fail"])
    assert result.exit_code == 1
    assert result.stderr.endswith("and what it said: oh\n")


def test_what_the_system_refuses_is_a_sentence() -> None:
    error = OSError(errno.ENOSPC, "No space left on device", "/some/file")
    result = CliRunner().invoke(failing(error), ["fail"])
    assert (result.exit_code, result.stderr) == (1, "Error: /some/file: No space left on device.\n")


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (click.Abort(), 130), (EOFError(), 1)])
def test_an_interruption_is_no_fault(error: BaseException, code: int) -> None:
    result = CliRunner().invoke(failing(error), ["fail"])
    assert (result.exit_code, result.stderr.strip()) == (code, "")


def test_outside_standalone_mode_errors_pass() -> None:
    with pytest.raises(click.ClickException):
        failing(click.ClickException("no")).main(["fail"], standalone_mode=False)


def test_an_exit_code_of_a_command_is_that_of_the_program() -> None:
    group = Funnel("meted")

    @group.command("leave")
    @click.pass_context
    def leave(ctx: click.Context) -> None:
        ctx.exit(7)

    assert CliRunner().invoke(group, ["leave"]).exit_code == 7


WRITER = """
import click
from meted.adapters.cli.funnel import Funnel
group = Funnel("meted")
@group.command("talk")
def talk():
    while True:
        print("x" * 1000)
group.main(["talk"])
"""


def test_a_reader_that_goes_away_is_no_fault() -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as talker:
        assert talker.stdout is not None
        assert talker.stderr is not None
        talker.stdout.readline()
        talker.stdout.close()
        assert talker.stderr.read() == b""
    assert talker.returncode == 1


SLEEPER = """
import time
from meted.adapters.cli.funnel import Funnel
group = Funnel("meted")
@group.command("sleep")
def sleep():
    print("ready", flush=True)
    time.sleep(60)
group.main(["sleep"])
"""


def test_ctrl_c_ends_without_a_word() -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEPER], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as sleeper:
        assert sleeper.stdout is not None
        assert sleeper.stderr is not None
        sleeper.stdout.readline()
        os.kill(sleeper.pid, signal.SIGINT)
        assert sleeper.stderr.read().strip() == b""
    assert sleeper.returncode == 130


def test_the_module_is_the_command() -> None:
    command = [sys.executable, "-m", "meted.adapters.cli", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("meted ")


def test_a_progress_bar_shows_only_what_takes_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with ProgressBar("Quick") as bar:
        bar(1, 2)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with ProgressBar("Quick") as bar:
        bar(1, 2)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("meted.adapters.cli.progress.QUIET_S", -1.0)
    with ProgressBar("Slow") as bar:
        bar(1, 2)
        bar(2, 2)
    assert "Slow" in capsys.readouterr().err


def test_a_server_shows_how_far_it_has_read_a_long_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with Pool.open(tmp_path / "pool") as pool:
        pool.domain("lab")
        pool.snapshot()
        for _ in range(3):
            pool.submit("lab")
    with SQLiteLog.open(tmp_path / "pool", read_only=True) as log:
        told: list[tuple[int, int]] = []
        whole = read_state(log, from_snapshot=False, progress=lambda done, total: told.append((done, total)))
        assert (told[0][0], told[-1]) == (1, (log.head.seq, log.head.seq))
        assert told == sorted(set(told))
        monkeypatch.setattr("sys.stderr.isatty", lambda: True)
        monkeypatch.setattr("meted.adapters.cli.progress.QUIET_S", -1.0)
        assert read_log(log, Meted()).state == whole.state
    assert "Reading the log" in capsys.readouterr().err
