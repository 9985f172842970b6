"""The specs that a worker was told of, by digest: the server sends each once a connection."""

from __future__ import annotations

from collections import OrderedDict

from meted.core.spec import Spec, unpack_spec

SPECS_KEPT_BYTES = 64 * 2**20
"""Packed bytes of the specs that are kept; those that were not used for the longest time go first."""


class Specs:
    """Keeps what was used last. Leases hold their specs by themselves; this is for leases to come."""

    def __init__(self, bytes_max: int = SPECS_KEPT_BYTES) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._kept: OrderedDict[bytes, tuple[Spec, int]] = OrderedDict()

    def put(self, digest: bytes, body: bytes) -> None:
        """Keep a spec.

        Raises:
            ValueError: If it is none that this version can read.
        """
        if digest in self._kept:
            self._kept.move_to_end(digest)
            return
        try:
            spec = unpack_spec(body)
        except Exception as error:  # msgpack raises several kinds
            raise ValueError(f"the spec {digest.hex()[:16]} cannot be read ({error})") from None
        self._kept[digest] = spec, len(body)
        self._bytes += len(body)
        while self._bytes > self._bytes_max and len(self._kept) > 1:
            _, (_, size) = self._kept.popitem(last=False)
            self._bytes -= size

    def get(self, digest: bytes) -> Spec | None:
        """Return a spec, or None if it was never told or is kept no longer."""
        found = self._kept.get(digest)
        if found is None:
            return None
        self._kept.move_to_end(digest)
        return found[0]
