"""The events of karma; see :mod:`meted.core.events` for what is true of all, and :mod:`.slices` for the words."""

from __future__ import annotations

from typing import ClassVar

from ..ids import DomainId, LeaseId
from ..record import record


@record
class GrantAccrued:
    """Up to now a unit of share was granted ``per_share``; from now on it accrues at another rate."""

    tag: ClassVar[str] = "grant_accrued"
    version: ClassVar[int] = 1
    at_us: int
    per_share: int


@record
class GrantMarked:
    """The grants of a domain were posted up to ``mark``; it came under karma with that, if it had not before."""

    tag: ClassVar[str] = "grant_marked"
    version: ClassVar[int] = 1
    at_us: int
    domain_id: DomainId
    mark: int


@record
class KarmaLeft:
    """A domain is under karma no more, as it was removed."""

    tag: ClassVar[str] = "karma_left"
    version: ClassVar[int] = 1
    at_us: int
    domain_id: DomainId


@record
class SliceHeld:
    """A lease holds a slice of the pool; the fields are those of :class:`meted.core.credit.slices.Slice`."""

    tag: ClassVar[str] = "slice_held"
    version: ClassVar[int] = 1
    at_us: int
    lease_id: LeaseId
    domain_id: DomainId
    unit_mc: int
    waived_mc: int
    units: int
    free_milli: int
    priced_milli: int
    donors: tuple[tuple[DomainId, int], ...]


@record
class SliceEnded:
    """``units`` units of a lease hold nothing any more: what was set aside for them is free again.

    What they cost is moved beside, to each donor and to the treasury.
    """

    tag: ClassVar[str] = "slice_ended"
    version: ClassVar[int] = 1
    at_us: int
    lease_id: LeaseId
    units: int


KarmaEvent = GrantAccrued | GrantMarked | KarmaLeft | SliceHeld | SliceEnded
