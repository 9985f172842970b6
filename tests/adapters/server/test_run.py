"""What a server does before it says that it is ready."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from meted.adapters.server.app import Server
from meted.adapters.server.run import serve
from meted.adapters.wire.address import Address, UnixAddress
from meted.core.usage import logarithms


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory with a short name, as that of a socket must be; the process is as before afterwards."""
    before_s = sys.getswitchinterval()
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)
    sys.setswitchinterval(before_s)


def test_the_logarithms_are_made_before_anybody_could_wait_for_them(place: Path) -> None:
    logarithms.cache_clear()
    made: list[int] = []

    def ready(_: list[Address], server: Server) -> None:
        made.append(logarithms.cache_info().currsize)
        server.stop()

    serve(place / "data", [UnixAddress(str(place / "s"))], "meted", ready)
    assert made == [1]


@pytest.mark.parametrize("taken", [True, False])
def test_a_server_removes_its_own_socket_and_no_other(place: Path, *, taken: bool) -> None:
    path = place / "s"

    def ready(_: list[Address], server: Server) -> None:
        if taken:  # somebody removed the file, and another server listens there since
            path.rename(place / "away")
            path.write_text("another's")
        server.stop()

    serve(place / "data", [UnixAddress(str(path))], "meted", ready)
    assert path.exists() is taken
