"""Where domains started beside their siblings when they came, so that they can be set back if that was too far ahead.

V is what was charged over Phi, and so it is too far ahead while work is under way that was charged too much. Who comes
meanwhile starts at V all the same, as what was charged may be right. When it turns out not to be, V falls, and whoever
stands at a V that has never been would wait until service has moved V there. So it is taken as if it came only now: its
tag falls with V, by what it was raised when it came at most, and what it was charged since stays. A tag that was moved
because of a new share was moved by what V was, too, and falls to where that would have moved it.

Those inside one domain that may fall so are in a list by when they came. None has come at more than V is, and what
falls stays level with what falls beside it; so the list is one by base, too, and those that fall are its newest. It is
kept in links, so that each change is O(1), and a fall O(1) for each domain that it concerns.
"""

from __future__ import annotations

from collections.abc import Iterator

from immutables import Map

from .ids import DomainId
from .record import record, replaced
from .tags import Fallen

NOBODY = DomainId(0)


@record
class Start:
    """How a domain came to wait when it had nothing waiting, or had its tag moved by a new share.

    Attributes:
        base: V then, or the least that it has been since.
        floor: Down to which V the tag falls: to what it was before, for one that came.
        drop: By how much it will have fallen then; in proportion until then. For one that came it is base - floor.
        older, newer: Its neighbours in the list, or 0.
    """

    base: int
    floor: int
    drop: int
    older: DomainId
    newer: DomainId

    def fall(self, clock: int) -> tuple[int, int, int]:
        """Return by how much the tag falls when V falls to ``clock``, and base and drop after it."""
        base = max(clock, self.floor)
        lost = self.drop * (self.base - base) // (self.base - self.floor)
        return lost, base, self.drop - lost


@record
class Starts:
    """The starts of all domains that may fall.

    Attributes:
        of: By domain.
        newest: By the domain that they are inside, 0 at the top.
    """

    of: Map[DomainId, Start] = Map()
    newest: Map[DomainId, DomainId] = Map()


def ahead(starts: Starts, parent_id: DomainId, clock: int) -> Iterator[tuple[DomainId, Start]]:
    """Yield the domains inside one, newest first, that would be ahead of V if that fell to ``clock``."""
    domain_id = starts.newest.get(parent_id, NOBODY)
    while domain_id:
        start = starts.of[domain_id]
        if start.base <= clock:
            return
        yield domain_id, start
        domain_id = start.older


def came(starts: Starts, parent_id: DomainId, domain_id: DomainId, base: int, floor: int, drop: int) -> Starts:
    """Return the starts after a domain inside ``parent_id`` came at V = ``base``, or had its tag moved."""
    starts = _without(starts, parent_id, domain_id)
    if base == floor:
        return starts
    newest = starts.newest.get(parent_id, NOBODY)
    of = starts.of
    if newest:
        of = of.set(newest, replaced(of[newest], newer=domain_id))
    of = of.set(domain_id, Start(base, floor, drop, newest, NOBODY))
    return Starts(of, starts.newest.set(parent_id, domain_id))


def fell(starts: Starts, parent_id: DomainId, fallen: Fallen) -> Starts:
    """Return the starts after one of the domains inside ``parent_id`` fell, or came as V fell."""
    domain_id, _, base, floor, drop = fallen
    old = starts.of.get(domain_id)
    if old is None or old.base < base or base == floor:
        return came(starts, parent_id, domain_id, base, floor, drop)
    return replaced(starts, of=starts.of.set(domain_id, replaced(old, base=base, floor=floor, drop=drop)))


def _without(starts: Starts, parent_id: DomainId, domain_id: DomainId) -> Starts:
    old = starts.of.get(domain_id)
    if old is None:
        return starts
    of, newest = starts.of.delete(domain_id), starts.newest
    if old.older:
        of = of.set(old.older, replaced(of[old.older], newer=old.newer))
    if old.newer:
        of = of.set(old.newer, replaced(of[old.newer], older=old.older))
    elif old.older:
        newest = newest.set(parent_id, old.older)
    else:
        newest = newest.delete(parent_id)
    return Starts(of, newest)
