"""Where calls go that name no service: a block says so for all that is called in it (row P16).

A function that submits work need not be handed a pool or a client; it asks for :func:`default_service`, and whoever
calls it decides whether that is an embedded pool or a server. Blocks can be nested, and the inner one counts. Each
thread and each task has its own: a trio task goes on with what was the default where it was started, and what it puts
on top of that, nobody else sees.

PARK had one stack of services for the whole process. Here nothing is at the bottom: a program says once where its work
goes, so that none of it goes to some place that nobody has thought of.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from .client.remote import RemoteService
    from .local_service import LocalService

    Service = LocalService | RemoteService
    S = TypeVar("S", bound=Service)

_default: ContextVar[Service] = ContextVar("_default")


class NoService(LookupError):
    """A service was asked for where none is the default; the sentence says what to do."""

    def __init__(self) -> None:
        super().__init__("No service is the default here; put a block around the call: with use_service(pool): ...")


@contextmanager
def use_service(service: S) -> Iterator[S]:
    """Let a service be the default for what is called in the block; opening and closing it is up to the caller.

    Args:
        service: An embedded pool, or a blocking client of a server.
    """
    token = _default.set(service)
    try:
        yield service
    finally:
        _default.reset(token)


def default_service() -> Service:
    """Return the service of the innermost block around the call.

    Raises:
        NoService: There is no such block in this thread or task, nor was there one where it was started.
    """
    try:
        return _default.get()
    except LookupError:
        raise NoService from None
