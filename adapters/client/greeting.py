"""What every client says first, and what it makes of the answer."""

from __future__ import annotations

from collections.abc import Mapping

from ..version import VERSION
from ..wire.address import Address, TcpAddress
from ..wire.convert import plain
from ..wire.errors import RemoteProtocolError
from ..wire.limits import PROTOCOL
from ..wire.params_pool import Hello
from ..wire.token import find_token


def hello_params(address: Address, program: str, token: str | None = None) -> dict[str, object]:
    """Return the parameters of ``hello``.

    Args:
        address: Where the server is. The user's own token goes to TCP addresses only: a Unix socket needs none, and
            whoever made the socket would learn it.
        program: Name of the calling program.
        token: The secret to show instead, wherever the server is.

    Raises:
        TokenError: If the user's token cannot be read.
    """
    if token is None and isinstance(address, TcpAddress):
        token = find_token()
    return plain(Hello(program, VERSION, PROTOCOL, PROTOCOL, token))


def check_hello(answer: object) -> Mapping[str, object]:
    """Return the answer to ``hello``.

    Raises:
        RemoteProtocolError: If it does not name a version of the protocol that this program speaks.
    """
    if isinstance(answer, dict) and answer.get("protocol") == PROTOCOL:
        return answer
    raise RemoteProtocolError("What answers there does not speak this protocol; look at the address.")
