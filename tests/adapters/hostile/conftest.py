"""One real server for all tests of a module: what one of them has done to it, the next ones suffer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..faults.pool import LivePool

JOBS = 200
"""Jobs that are there from the beginning, so that an answer with all of them is worth something."""


@pytest.fixture(scope="module")
def pool() -> Iterator[LivePool]:
    """A server without workers; at the end its state is the one that its log gives, and it has said nothing."""
    made = LivePool()
    try:
        made.start_server()
        with made.client() as client:
            for number in range(JOBS):
                client.call("submit", argv=("true",), hold=True, name=f"job {number}", tags={"kind": "x" * 100})
        yield made
        made.check_history()
    finally:
        made.close()
