"""Where a charge leaves the accounts that it concerns: what is decided, what an event says, what a reducer stores.

Which accounts a lease was charged to is a sum of bits: :data:`TO_JOB`, :data:`TO_USER`, and for each domain
:data:`ENTITLED` or :data:`GUARANTEED`, shifted by :data:`LEVEL_BITS` a level: level 0 is the job's own domain, level 1
the one that it is in, and so on. Without either a domain was served from the pool at its level.
"""

from __future__ import annotations

from .ids import DomainId
from .record import record

TO_JOB = 1
"""Charged to the job, as other jobs of its user waited."""

TO_USER = 2
"""Charged to the user, as other users of the domain waited."""

ENTITLED = 4
"""The domain was served from its entitlement: its tag and the virtual time over it have moved."""

GUARANTEED = 8
"""The domain was served within its guarantee, or on its own machine: neither has moved."""

LEVEL_BITS = 2

Inner = tuple[int, ...]
"""Inside a domain: tag of the job, virtual time and debt of its user's jobs; tag of the user, virtual time and debt of
the domain's users. Empty where none of it moved, as nobody competes there."""

Above = tuple[tuple[int, int, int, int], ...]
"""Start tag, usage, furthest virtual time inside and what it has fallen below that, of each domain that the job's
domain is in, nearest first."""

Fallen = tuple[DomainId, int, int, int, int]
"""A domain that fell with the virtual time it is measured by (:mod:`.starts`): its tag, base, floor and drop now."""


@record
class ChargeTags:
    """After a charge, a settlement or a refund.

    Attributes:
        charged: Which accounts it concerns.
        domain_tag, usage: Start tag and forward-decayed usage of the job's domain.
        epoch: What every usage here is expressed in.
        clock, debt: The furthest that the virtual time of the domains at the top has been, and what it has fallen
            below that.
        fallen: The domains that fell with it, or with that inside one of ``above``.
    """

    charged: int
    domain_tag: int
    usage: int
    epoch: int
    clock: int
    debt: int
    inner: Inner
    above: Above
    fallen: tuple[Fallen, ...] = ()


@record
class ArrivalTags:
    """When a job comes to have units waiting.

    Attributes:
        domain_tag, user_tag, job_tag: Where these three stand from now on.
        above: The domains that its domain is in, nearest first, with their start tags.
    """

    domain_tag: int
    user_tag: int
    job_tag: int
    above: tuple[tuple[DomainId, int], ...]
