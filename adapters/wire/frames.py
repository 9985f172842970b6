"""Bytes to whole MessagePack values, however the bytes are cut, within bounds of memory.

MessagePack has no framing of its own, and a header may announce what never comes: a decoder that believes it makes
room for 130,000 items a level before the first has arrived. So one pass only finds where values end, building nothing;
only the bytes of a whole value, its *frame*, are built from, and every length in them is backed by bytes.
"""

from __future__ import annotations

from collections import deque

import msgpack

from .errors import RemoteProtocolError
from .limits import ARRAY_ITEMS_MAX, FRAME_BYTES_MAX, MAP_ITEMS_MAX, READ_BYTES

_HELD_BYTES_MAX = FRAME_BYTES_MAX + READ_BYTES
_FIRST_BYTES = 4_096  # a decoder begins with so much room, and doubles it; its own default is a megabyte


def _new_finder() -> msgpack.Unpacker:
    return msgpack.Unpacker(read_size=_FIRST_BYTES, max_buffer_size=_HELD_BYTES_MAX)


def build(frame: bytes) -> object:
    """Return the value that a frame is, with tuples for arrays.

    Raises:
        RemoteProtocolError: If it is no value that a message may be.
    """
    try:
        value: object = msgpack.unpackb(
            frame,
            use_list=False,
            raw=False,
            strict_map_key=True,
            max_array_len=ARRAY_ITEMS_MAX,
            max_map_len=MAP_ITEMS_MAX,
            ext_hook=_refuse_ext,
        )
    except RemoteProtocolError:
        raise
    except Exception as error:  # msgpack has half a dozen of its own, and UnicodeDecodeError, and more
        raise RemoteProtocolError(f"The peer sent what is no message ({_clause(error)}).") from error
    return value


def _refuse_ext(code: int, data: bytes) -> object:
    raise RemoteProtocolError(f"The peer sent MessagePack extension type {code}; plain values only, please.")


class FrameReader:
    """Takes bytes and gives the frames in them, one at a time.

    Attributes:
        bytes_max: Bytes of one value, at most ``FRAME_BYTES_MAX``; may be changed.
    """

    __slots__ = (
        "_begun",
        "_fault",
        "_fed_bytes",
        "_finder",
        "_unread",
        "_whole",
        "_whole_bytes",
        "bytes_max",
    )

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self._unread = bytearray()
        """Received, and not looked at yet."""
        self._begun = bytearray()
        """The beginning of a value that has not arrived as a whole; already seen by the finder."""
        self._fed_bytes = 0
        """Bytes that the finder was fed."""
        self._whole_bytes = 0
        """Where in them the last whole value ended."""
        self._whole: deque[bytes] = deque()
        """Frames that were found and not given yet."""
        self._fault: RemoteProtocolError | None = None
        """What is wrong after the values that are whole; they come first, wherever the bytes were cut."""
        self._finder = _new_finder()

    @property
    def is_between_frames(self) -> bool:
        """Whether all that was received has been given as frames."""
        return not self._begun and not self._unread

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take in bytes of any number."""
        self._unread += data

    def clear(self) -> None:
        """Let go of all that was received, and of the room for it: whoever is done may be kept for long."""
        self._unread = bytearray()
        self._begun = bytearray()
        self._whole.clear()
        self._begin_anew()

    def next_frame(self) -> bytes | None:
        """Return the next frame, or None if more bytes are needed.

        Raises:
            RemoteProtocolError: If the bytes are no MessagePack, or a value is too large; nothing can be read after it.
        """
        while not self._whole:
            if self._fault is not None:
                raise self._fault
            if not self._unread:
                return None
            self._find()
        return self._whole.popleft()

    def _find(self) -> None:
        """Look at a slice of what is unread, and find the frames that it completes."""
        piece = bytes(self._unread[:READ_BYTES])
        del self._unread[:READ_BYTES]
        self._begun += piece
        self._finder.feed(piece)
        self._fed_bytes += len(piece)
        began = ended = self._whole_bytes
        skip, tell, found = self._finder.skip, self._finder.tell, self._whole.append
        fed_bytes, bytes_max = self._fed_bytes, self.bytes_max
        with memoryview(self._begun) as begun:
            try:
                while ended < fed_bytes:
                    skip()
                    end = tell()
                    if end - ended > bytes_max:
                        break
                    found(bytes(begun[ended - began : end - began]))
                    ended = end
            except msgpack.OutOfData:
                pass
            except (ValueError, msgpack.UnpackException) as error:
                self._fault = RemoteProtocolError(f"The peer sent what is no MessagePack ({_clause(error)}).")
        del self._begun[: ended - began]
        self._whole_bytes = ended
        if not self._begun and ended > READ_BYTES:  # else one large message would take its room for ever
            self._begin_anew()
        if self._fault is None and len(self._begun) > self.bytes_max:
            self._fault = RemoteProtocolError(f"The peer sent a message of more than {self.bytes_max:,} bytes.")

    def _begin_anew(self) -> None:
        self._fed_bytes = self._whole_bytes = 0
        self._finder = _new_finder()


def _clause(error: Exception) -> str:
    if isinstance(error, msgpack.StackError):
        return "it nests too deep"
    if isinstance(error, msgpack.FormatError):
        return "no value begins with such a byte"
    return str(error).rstrip(".") or type(error).__name__
