"""A verb of a service, written once for two clients: one that is awaited, and one whose thread waits.

Both ask the server the same and read its answers alike; only how they wait differs, and that is in ``_ask``. So a verb
is an ``async def`` that waits for nothing else. The async client has it as it is. For the blocking client, whose
``_ask`` comes back with the answer at its first step, :class:`verb` takes that step and returns what comes out.

A new verb is written in two places: in one of the classes of verbs for both clients, and for the embedded pool, where
it does what it says.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, cast, overload

P = ParamSpec("P")
T = TypeVar("T")


class AsyncCaller:
    """A client whose verbs are awaited."""


class BlockingCaller:
    """A client whose verbs return when the answer is there; its ``_ask`` awaits nothing."""


class Verbs(ABC):
    """What verbs need of their client. It is one of the two kinds above, and a verb cannot tell which.

    Hence a verb does not call another one, which may have to be awaited or not: it asks for what it needs.
    """

    @abstractmethod
    async def _ask(self, method: str, /, **params: object) -> Any:
        """Call a method, and raise what the core refuses as the core would."""

    async def _ask_all(self, method: str, column: str, first: int | str, /, **params: object) -> list[Any]:
        """Call a method for page after page, and return all rows; they ascend in a column, from above ``first``."""
        rows: list[Any] = []
        while page := await self._ask(method, after=rows[-1][column] if rows else first, **params):
            rows.extend(page)  # one that is not full proves nothing: long rows take more room
        return rows


class verb(Generic[P, T]):
    """Decorates a verb: a method of the client that it is called on, awaited or not as that client's kind is."""

    def __init__(self, act: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]) -> None:
        """Take a verb as it is written."""

        @wraps(act)
        def at_once(caller: BlockingCaller, *args: P.args, **kwargs: P.kwargs) -> T:
            return _finish(act(caller, *args, **kwargs))

        self._awaited: Any = act
        self._at_once: Any = at_once

    @overload
    def __get__(self, caller: AsyncCaller, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    @overload
    def __get__(self, caller: BlockingCaller, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(
        self, caller: None, owner: type[AsyncCaller]
    ) -> Callable[Concatenate[AsyncCaller, P], Coroutine[Any, Any, T]]: ...
    @overload
    def __get__(self, caller: None, owner: type[BlockingCaller]) -> Callable[Concatenate[BlockingCaller, P], T]: ...
    def __get__(self, caller: object, owner: type) -> object:
        """Return the method of a client, or the function of its class, with the signature that was written."""
        function = self._at_once if issubclass(owner, BlockingCaller) else self._awaited
        return function.__get__(caller, owner)


def _finish(act: Coroutine[Any, Any, T]) -> T:
    """Run to its end what waits for nothing."""
    try:
        act.send(None)
    except StopIteration as end:
        return cast(T, end.value)
    act.close()
    raise AssertionError("A verb waited for something else than an answer; only the async client could do that.")
