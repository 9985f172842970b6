"""Who is first inside each domain, over all shapes: asked again and again, while who was too early is put off."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from heapq import heapify, heappop, heappush, heapreplace
from itertools import count

from ..ids import DomainId
from .lines import PendingShape
from .ranks import Order, Ranks

_Entry = tuple[Order, int, Ranks]
"""Who is first with a shape, the number of this entry, and the ranks that say so; least first."""


class Heads:
    """Good for one turn, in which no virtual time moves: a heap a domain, made when it is first asked for.

    Who was put off is no earlier than before; so an entry need only be no later than what its ranks say, and is
    corrected at the top. Only where another may come first in its stead inside what it is in, is there a new one.
    """

    def __init__(
        self,
        groups: Mapping[DomainId, set[PendingShape]],
        shapes: set[PendingShape],
        reach: Callable[[DomainId], int],
    ) -> None:
        """Look at some shapes.

        Args:
            groups: What waits inside each domain.
            shapes: What could be served.
            reach: Up to which tag the domains inside one are owed service.
        """
        self._groups = groups
        self._shapes = shapes
        self._reach = reach
        self._heaps: dict[DomainId, tuple[int, list[_Entry]]] = {}
        self._numbers = count()  # so that no two entries are equal where two shapes are next for one domain

    def first(self, parent_id: DomainId) -> Order | None:
        """Return who is next inside a domain, or None if nobody is who could be served."""
        found = self._heaps.get(parent_id)
        clock, heap = self._begin(parent_id) if found is None else found
        while heap:
            order, number, ranks = heap[0]
            now = ranks.first(clock)
            if now == order:
                return order
            if now is None:
                heappop(heap)
            else:
                heapreplace(heap, (now, number, ranks))
        return None

    def look_again(self, parent_id: DomainId, shapes: Iterable[PendingShape]) -> None:
        """Somebody may be earlier inside a domain with these shapes than was said."""
        clock, heap = self._heaps[parent_id]
        for shape in self._shapes.intersection(shapes):
            ranks = shape.ranks.get(parent_id)
            first = None if ranks is None else ranks.first(clock)
            if ranks is not None and first is not None:
                heappush(heap, (first, next(self._numbers), ranks))

    def _begin(self, parent_id: DomainId) -> tuple[int, list[_Entry]]:
        clock = self._reach(parent_id)
        inside = (shape.ranks[parent_id] for shape in self._groups[parent_id] & self._shapes)
        heap = [(first, next(self._numbers), ranks) for ranks in inside if (first := ranks.first(clock)) is not None]
        heapify(heap)
        found = self._heaps[parent_id] = clock, heap
        return found
