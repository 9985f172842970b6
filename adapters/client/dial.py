"""Dialling a server with a blocking socket; where none answers, what to do about it."""

from __future__ import annotations

import contextlib
import socket

from ..wire.address import Address, UnixAddress, default_address
from ..wire.errors import AddressError, Unreachable

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Hosts that are this machine."""


def _how_to_start(address: Address) -> str:
    """Return what starts a server at an address, for people."""
    if isinstance(address, UnixAddress):
        with contextlib.suppress(AddressError):  # the default one is not to be had; another was asked for
            if address == default_address():
                return "start one with: meted up"
    elif address.host not in LOOPBACK:
        return f"start one on that machine with: meted serve --listen tcp://0.0.0.0:{address.port}"
    return f"start one with: meted up --listen {address}"


def dial(address: Address, timeout_s: float) -> socket.socket:
    """Return a connected socket.

    Raises:
        Unreachable: If there is no server, in a sentence that says what to do.
    """
    try:
        if isinstance(address, UnixAddress):
            made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                made.settimeout(timeout_s)
                made.connect(address.path)
            except BaseException:
                made.close()
                raise
            return made
        made = socket.create_connection((address.host, address.port), timeout_s)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made
    except PermissionError as error:
        raise Unreachable(f"You may not connect to {address}; ask who runs the server there.") from error
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise Unreachable(f"No server runs at {address}; {_how_to_start(address)}") from error
    except (OSError, UnicodeError) as error:
        reason = str(error) if isinstance(error, UnicodeError) else error.strerror or str(error)
        raise Unreachable(f"The server at {address} cannot be reached ({reason}); look at the address.") from error
