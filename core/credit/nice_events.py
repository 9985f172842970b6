"""The events of priority that is bought and sold: fees that are held and posted, and who is paid for making room."""

from __future__ import annotations

from typing import ClassVar

from ..ids import AccountId, JobId, LeaseId, TransferId
from ..record import record


@record
class FeeHeld:
    """``unit_mc`` of a purse was set aside for each of ``units`` units of a lease."""

    tag: ClassVar[str] = "fee_held"
    version: ClassVar[int] = 1
    at_us: int
    lease_id: LeaseId
    account_id: AccountId
    unit_mc: int
    units: int


@record
class FeePosted:
    """``units`` units of a lease were paid for: ``amount_mc`` went from ``debit`` to ``credit``, and the rest is free.

    ``size`` is the work for which others who made room are still to be paid from escrow.
    """

    tag: ClassVar[str] = "fee_posted"
    version: ClassVar[int] = 1
    at_us: int
    transfer_id: TransferId
    lease_id: LeaseId
    units: int
    debit: AccountId
    credit: AccountId
    amount_mc: int
    size: int


@record
class FeeVoided:
    """``units`` units of a lease came back: what was set aside for them is free again."""

    tag: ClassVar[str] = "fee_voided"
    version: ClassVar[int] = 1
    at_us: int
    lease_id: LeaseId
    units: int


@record
class DonorPaid:
    """A domain that made room for ``size`` of the work of others was paid from escrow; nobody did: the treasury was."""

    tag: ClassVar[str] = "donor_paid"
    version: ClassVar[int] = 1
    at_us: int
    transfer_id: TransferId
    account_id: AccountId
    amount_mc: int
    size: int


@record
class PointsSold:
    """For points of a job that its domain has sold it was paid ``sold_mc`` in all; 0 once that is settled.

    What was paid is set aside in the domain's account until then; the other fields are those of ``Sale``.
    """

    tag: ClassVar[str] = "points_sold"
    version: ClassVar[int] = 1
    at_us: int
    job_id: JobId
    account_id: AccountId
    sold_mc: int
    basis_us: int
    from_us: int


@record
class PointsLapsed:
    """The points that were bought for a job are gone, as its purse is empty; it goes on at its own priority."""

    tag: ClassVar[str] = "points_lapsed"
    version: ClassVar[int] = 1
    at_us: int
    job_id: JobId
    points: int


NiceEvent = FeeHeld | FeePosted | FeeVoided | DonorPaid | PointsSold | PointsLapsed
