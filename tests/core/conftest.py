"""Every test of the core ends with a check of the invariants of all the worlds it made."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .helper import OPEN_WORLDS, World


@pytest.fixture(autouse=True)
def checked_worlds() -> Iterator[None]:
    """Check the invariants of what a test leaves behind."""
    OPEN_WORLDS.clear()
    yield
    for world in OPEN_WORLDS:
        world.check()
    OPEN_WORLDS.clear()


@pytest.fixture
def world() -> World:
    """A world under the default policy."""
    return World()
