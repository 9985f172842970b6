"""A pool of real processes for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .pool import LivePool


@pytest.fixture
def pool() -> Iterator[LivePool]:
    """A directory with no process yet; whatever is started there is gone after the test, or the test fails."""
    made = LivePool()
    try:
        yield made
    finally:
        made.close()
