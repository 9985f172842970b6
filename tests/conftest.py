"""What every test may use: the shared traces, and the profiles of hypothesis.

``METED_HYPOTHESIS=deep`` looks longer and with new seeds; the default profile runs the same examples every time.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

TRACES = Path(__file__).resolve().parents[1] / "../shared/traces"

settings.register_profile("ci", derandomize=True, max_examples=50, deadline=None, database=None, print_blob=True)
settings.register_profile(
    "deep", max_examples=2_000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("METED_HYPOTHESIS", "ci"))


def pytest_configure() -> None:
    """Let the programs that tests start hear all signals, also where the tests themselves run in the background.

    What a shell without job control starts in its background has SIGINT and SIGQUIT ignored (POSIX.1-2017, XCU 2.11),
    what `nohup` starts SIGHUP, and programs hand that on to what they start. A handler is not handed on, so whoever has
    one instead is as deaf as before, but for Ctrl-C.
    """
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else lambda *_: None)


@pytest.fixture(scope="session")
def shared_traces() -> Path:
    """The folder of real traces beside the checkout; the project commits none, so a test is skipped without it."""
    if not TRACES.is_dir():
        pytest.skip(f"the folder of real traces is absent: {os.path.normpath(TRACES)}")
    return TRACES.resolve()
