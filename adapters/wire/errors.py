"""What can go wrong between two peers: one class a kind, one English sentence each."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum


class Code(IntEnum):
    """The kinds of error that a call is answered with."""

    UNKNOWN_METHOD = 100
    """There is no such method, or not for this peer; the sentence lists those that there are."""
    BAD_SHAPE = 101
    """The parameters are no array of at most one map, or an argument is unknown or missing."""
    REFUSED = 102
    """A value is not right, or the pool refuses; ``reason`` says which."""
    VERSION = 103
    """The two sides have no version of the protocol in common."""
    FAILED = 104
    """The server could not do it, through no fault of the caller; nothing was acknowledged."""
    BUSY = 105
    """Too many calls are not answered yet; wait for answers first."""
    DENIED = 108
    """The caller has not shown that it may do that."""


SUPERSEDED = "superseded"
"""Reason for a worker's old connection: it has made a newer one."""


class WireError(Exception):
    """Something is wrong between two peers; ``str(error)`` is one sentence that says what."""


class CallError(WireError):
    """A call was refused or failed; the connection lives on.

    Attributes:
        code: One of :class:`Code`, or a number that only a newer peer knows.
        reason: A stable word for programs.
        sentence: What to do, for people.
    """

    def __init__(self, code: int, reason: str, sentence: str) -> None:
        super().__init__(code, reason, sentence)
        self.code = code
        self.reason = reason
        self.sentence = sentence

    def __str__(self) -> str:
        return self.sentence

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CallError) and self.args == other.args

    def __hash__(self) -> int:
        return hash(self.args)

    def to_plain(self) -> dict[str, int | str]:
        """Return the map that stands in a response."""
        return {"code": int(self.code), "reason": self.reason, "sentence": self.sentence}

    @classmethod
    def from_plain(cls, plain: object) -> CallError:
        """Return the error in a response's map; members that only a newer peer knows are passed over.

        Raises:
            ValueError: If it is no such map.
        """
        if isinstance(plain, Mapping):
            match plain.get("code"), plain.get("reason"), plain.get("sentence"):
                case int(code), str(reason), str(sentence) if type(code) is int:
                    return cls(code, reason, sentence)
        raise ValueError("an error must be a map of code, reason and sentence")


class ProtocolError(WireError):
    """The rules of the protocol were broken."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the rules; nothing more can be read from it, so close the connection."""


class LocalProtocolError(ProtocolError):
    """This side tried to break the rules; nothing was sent."""


class Unreachable(WireError):
    """No server answers at an address, or the connection to it broke and could not be made again."""


class AddressError(WireError, ValueError):
    """A text is no address that can be listened on or dialled."""
