"""Karma's part of the ledger: what each domain holds of the pool, and what was set aside for it.

Words. The pool has m *slots*, thousandths of a cpu that a request is wide. A domain at the top has G = alpha m e / Phi
of them for nothing, its *guarantee*. What it holds beyond is *priced*. What of a guarantee nobody of the domain wants
is *donated*, and *lent* while somebody else holds it. See :mod:`meted.core.policy.pool_karma`.
"""

from __future__ import annotations

from immutables import Map

from ..ids import DomainId, LeaseId
from ..record import record


@record
class Slice:
    """What a lease holds of the pool.

    Attributes:
        domain_id: The domain at the top whose it is.
        unit_mc: Set aside in that domain's account for each unit.
        waived_mc: What each unit would have cost had there been credit to pay with; with it ``unit_mc`` is 0.
        units: How many of its units are not resolved.
        free_milli: What of its width is within the guarantee.
        priced_milli: What is beyond.
        donors: Whose guarantees that was taken from, and how much of each; the rest is nobody's.
    """

    domain_id: DomainId
    unit_mc: int
    waived_mc: int
    units: int
    free_milli: int
    priced_milli: int
    donors: tuple[tuple[DomainId, int], ...]


@record
class Standing:
    """How a domain at the top stands.

    Attributes:
        mark: Up to where its grants were posted, in what a unit of share was granted (:attr:`Karma.per_share`).
        free_milli: What it holds of its guarantee itself.
        lent_milli: What others hold of it.
        waived_mc: What units that run now would have cost it, had it had credit.
        due_mc: What it is to be paid for what is lent, by estimates.
    """

    mark: int = 0
    free_milli: int = 0
    lent_milli: int = 0
    waived_mc: int = 0
    due_mc: int = 0


@record
class Karma:
    """Karma's part of the ledger; kept while another order of the pool is in force.

    Attributes:
        at_us: Up to when ``per_share`` counts.
        per_share: What a unit of share has been granted since the beginning, in thousandths of a credit times 2**64.
        slices: Of the leases that were given out under karma.
        standings: Of the domains at the top, from when they came under karma.
    """

    at_us: int = 0
    per_share: int = 0
    slices: Map[LeaseId, Slice] = Map()
    standings: Map[DomainId, Standing] = Map()
