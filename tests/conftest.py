"""What every test may use: the shared traces, and the profiles of hypothesis.

``METED_HYPOTHESIS=deep`` looks longer and with new seeds; the default profile runs the same examples every time.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

TRACES = Path(__file__).resolve().parents[1] / "../shared/traces"

settings.register_profile("ci", derandomize=True, max_examples=50, deadline=None, database=None, print_blob=True)
settings.register_profile(
    "deep", max_examples=2_000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("METED_HYPOTHESIS", "ci"))


@pytest.fixture(scope="session")
def shared_traces() -> Path:
    """The folder of real traces beside the checkout; the project commits none, so a test is skipped without it."""
    if not TRACES.is_dir():
        pytest.skip(f"the folder of real traces is absent: {os.path.normpath(TRACES)}")
    return TRACES.resolve()
