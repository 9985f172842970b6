"""Every limit of the wire, with its name and value (docs/wire.md)."""

from __future__ import annotations

from meted.core import limits as core

PROTOCOL = 1
"""The version of the protocol that this program speaks."""

FRAME_BYTES_MAX = 4 * 2**20
"""Bytes of one message, in both directions."""

STRANGER_BYTES_MAX = 2 * 2**16
"""Bytes of one message of a peer that has yet to show its token: building four million empty maps takes a second."""

DEPTH_MAX = 16
"""Arrays and maps inside one another in a message, the message itself counted."""

ARRAY_ITEMS_MAX = 2**17
"""Items of one array."""

MAP_ITEMS_MAX = 2**16
"""Entries of one map."""

MSGID_MAX = 2**32 - 1
"""Largest number of a request."""

METHOD_BYTES_MAX = 64
"""Bytes of a method's name."""

PAGE_ROWS_MAX = 1_000
"""Rows of one answer or of one page of a table."""

KEY_BYTES_MAX = 64
"""Bytes of an idempotency key."""

OUTPUT_KEPT_BYTES = 2**16
"""Bytes of a unit's output that are kept with its result: the end of it."""

CHANGES_KEPT = 10_000
"""Changes that the server remembers; who is further behind is given the whole table."""

OUTSTANDING_REQUESTS_MAX = 1_024
"""Requests of one connection that are not answered yet."""

OUT_BYTES_MAX = 8 * 2**20
"""Bytes that wait to be sent on one connection."""

HEARTBEAT_US = 2 * core.SECOND_US
"""A worker that has sent nothing else for so long sends a heartbeat."""

SILENCE_US = 10 * core.SECOND_US
"""A worker of which nothing was heard for so long is cut off; it may come back."""

WAIT_MAX_US = 60 * core.SECOND_US
"""The longest long poll; who asks for longer is answered after this."""

STALLED_S = 30
"""Seconds after which a peer that takes nothing of what is sent to it is cut off."""

READ_BYTES = 2**16
"""Bytes that are taken in at once: what a connection holds beyond one message."""
