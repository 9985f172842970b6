"""What was found by attacking the simulator's commands: each test is the smallest case of a fault that there was."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from meted.simulations.errors import SimulationError
from meted.simulations.running.result_file import ResultFile
from meted.simulations.whole_file import write_text

SLOW_CLICK = """
import sys, time
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "click":
            print("loading", flush=True)
            time.sleep(60)
sys.meta_path.insert(0, Slow())
import meted.adapters.cli
"""


def test_results_are_not_looked_for_in_a_device_without_end() -> None:
    with pytest.raises(SimulationError, match="no plain file"):
        ResultFile(os.devnull)


def test_ctrl_c_while_the_command_is_loaded_leaves_no_traceback() -> None:
    command = [sys.executable, "-c", SLOW_CLICK]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "loading\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert not said


def test_a_file_that_the_disk_has_no_room_for_is_as_it_was(tmp_path: Path) -> None:
    """Half of a report under its name would look like one."""
    page = tmp_path / "page.html"
    page.write_text("before")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(SimulationError, match="give another file with --html"):
            write_text("--html", str(page), "x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    assert page.read_text() == "before"
