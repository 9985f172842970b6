"""What a pool was asked for while its log was written: commands, each with its time and its place in the log."""

from __future__ import annotations

from meted.core.commands import ChangeDomain, CreateDomain, OfferLoan, RemoveDomain, SetRules
from meted.core.record import record

LoggedCommand = CreateDomain | ChangeDomain | RemoveDomain | OfferLoan | SetRules


@record
class Asked:
    """One command, as a pool was asked for it.

    Attributes:
        order: Its place among the events of the log: what stands at the same time is done in this order.
        command: What was asked for. Its time is that of the log, as are all times in it.
    """

    order: int
    command: LoggedCommand
