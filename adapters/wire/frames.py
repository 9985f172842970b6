"""Bytes to whole MessagePack values, however the bytes are cut, within bounds of memory.

MessagePack has no framing of its own, and a header may announce what never comes: a decoder that believes it makes
room for 130,000 items a level before the first has arrived. So one pass only finds where values end, building nothing,
and a second builds those that are there as a whole; every length in them is then backed by bytes.
"""

from __future__ import annotations

import msgpack

from .errors import RemoteProtocolError
from .limits import ARRAY_ITEMS_MAX, FRAME_BYTES_MAX, MAP_ITEMS_MAX, READ_BYTES

_HELD_BYTES_MAX = FRAME_BYTES_MAX + READ_BYTES
_FIRST_BYTES = 4_096  # a decoder begins with so much room, and doubles it; its own default is a megabyte


def _refuse_ext(code: int, data: bytes) -> object:
    raise RemoteProtocolError(f"The peer sent MessagePack extension type {code}; plain values only, please.")


class FrameReader:
    """Takes bytes and gives the MessagePack values in them, one at a time."""

    __slots__ = ("_begun", "_fault", "_finder", "_maker", "_unread", "_whole_bytes")

    def __init__(self) -> None:
        self._unread = bytearray()
        """Received, and not looked at yet."""
        self._begun = bytearray()
        """The beginning of a value that has not arrived as a whole; already seen by the finder."""
        self._whole_bytes = 0
        """Where in all that the finder was fed the last whole value ended."""
        self._fault: RemoteProtocolError | None = None
        """What is wrong after the values that are whole; they come first, wherever the bytes were cut."""
        self._finder = msgpack.Unpacker(read_size=_FIRST_BYTES, max_buffer_size=_HELD_BYTES_MAX)
        self._maker = msgpack.Unpacker(
            use_list=False,
            raw=False,
            strict_map_key=True,
            read_size=_FIRST_BYTES,
            max_buffer_size=_HELD_BYTES_MAX,
            max_array_len=ARRAY_ITEMS_MAX,
            max_map_len=MAP_ITEMS_MAX,
            ext_hook=_refuse_ext,
        )

    @property
    def is_between_values(self) -> bool:
        """Whether all that was received has been given as whole values."""
        return not self._begun and not self._unread

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take in bytes of any number."""
        self._unread += data

    def next_value(self) -> tuple[object] | None:
        """Return the next value in a tuple of one, or None if more bytes are needed.

        Raises:
            RemoteProtocolError: If the bytes are no MessagePack, or a value is too large; nothing can be read after it.
        """
        while True:
            try:
                return (self._maker.unpack(),)
            except msgpack.OutOfData:
                if self._fault is not None:
                    raise self._fault from None
                if not self._unread:
                    return None
            except RemoteProtocolError:
                raise
            except Exception as error:  # msgpack has half a dozen of its own, and UnicodeDecodeError, and more
                raise RemoteProtocolError(f"The peer sent what is no message ({_clause(error)}).") from error
            self._find()

    def _find(self) -> None:
        """Look at a slice of what is unread, and hand on the values that it completes."""
        piece = bytes(self._unread[:READ_BYTES])
        del self._unread[:READ_BYTES]
        self._begun += piece
        self._finder.feed(piece)
        began = ended = self._whole_bytes
        skip, tell = self._finder.skip, self._finder.tell
        try:
            while True:
                skip()
                end = tell()
                if end - ended > FRAME_BYTES_MAX:
                    self._fault = _too_large()
                    break
                ended = end
        except msgpack.OutOfData:
            pass
        except (ValueError, msgpack.UnpackException) as error:
            self._fault = RemoteProtocolError(f"The peer sent what is no MessagePack ({_clause(error)}).")
        whole = ended - began
        if whole:
            self._maker.feed(self._begun[:whole])
            del self._begun[:whole]
            self._whole_bytes = ended
        if self._fault is None and len(self._begun) > FRAME_BYTES_MAX:
            self._fault = _too_large()


def _too_large() -> RemoteProtocolError:
    return RemoteProtocolError(f"The peer sent a message of more than {FRAME_BYTES_MAX:,} bytes.")


def _clause(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__
