"""``hello``: who is there, whether it may be, and which version of the protocol both sides speak."""

from __future__ import annotations

from ..version import VERSION
from ..wire import limits
from ..wire.errors import CallError, Code
from ..wire.params_pool import Hello
from ..wire.token import is_same_token
from .desk import Desk, Handler, Now, Outcome
from .session import Session


class HelloMethod:
    """Answers ``hello``."""

    def __init__(self, desk: Desk, token: str | None) -> None:
        self._desk = desk
        self._token = token

    def table(self) -> dict[str, Handler]:
        """Return the handler by method."""
        return {"hello": self.hello}

    def hello(self, session: Session, params: Hello) -> Outcome:
        """Admit a peer that shows the token where one is needed, and agree on a version."""
        if not session.is_admitted:
            if self._token is None or params.token is None or not is_same_token(self._token, params.token):
                raise CallError(
                    Code.DENIED,
                    "no_token",
                    "That is not the pool's token; copy ~/.config/meted/token from the server, or set METED_TOKEN.",
                )
            session.admit()
        ours = limits.PROTOCOL
        if not params.protocol_min <= ours <= params.protocol_max:
            raise CallError(Code.VERSION, "version", _mismatch(params))
        return Now(
            {
                "protocol": ours,
                "program": "meted",
                "version": VERSION,
                "instance": self._desk.instance,
                "now_us": self._desk.clock(),
                "heartbeat_us": limits.HEARTBEAT_US,
                "read_only": self._desk.loop.read_only,
                "limits": {name: value for name, value in vars(limits).items() if name.isupper()},
            }
        )


def _mismatch(params: Hello) -> str:
    """Return why a peer and this server do not understand each other, and who has to be upgraded."""
    ours, least, most = limits.PROTOCOL, params.protocol_min, params.protocol_max
    them = f"{params.program!r} {params.version}"
    if least > most:
        return f"{them} says that it speaks versions {least} to {most} of the protocol, and there are none; mend it."
    theirs = f"version {least}" if least == most else f"versions {least} to {most}"
    behind = "that program" if most < ours else "the server"
    return f"This server speaks version {ours} of the protocol, {them} speaks {theirs}. Upgrade {behind}."
