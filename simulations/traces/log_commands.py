"""What a pool was asked for while its log was written: commands, each with its time and its place in the log."""

from __future__ import annotations

from meted.core.commands import (
    ChangeDomain,
    ChangePriority,
    CloseCredit,
    CreateDomain,
    GrantCredit,
    HoldCredit,
    LendCredit,
    NiceJob,
    OfferLoan,
    OpenCredit,
    PostHold,
    RemoveDomain,
    RepayCredit,
    SetCreditRules,
    SetRules,
    TransferCredit,
    VoidHold,
)
from meted.core.record import record

TradeCommand = (
    OpenCredit
    | CloseCredit
    | GrantCredit
    | TransferCredit
    | HoldCredit
    | PostHold
    | VoidHold
    | LendCredit
    | RepayCredit
    | SetCreditRules
    | NiceJob
    | ChangePriority
)
"""What is asked for of credit, and of the priority of a job, which points change as well."""

LoggedCommand = CreateDomain | ChangeDomain | RemoveDomain | OfferLoan | SetRules | TradeCommand


@record
class Asked:
    """One command, as a pool was asked for it.

    Attributes:
        order: Its place among the events of the log: what stands at the same time is done in this order.
        command: What was asked for. Its time is that of the log, as are all times in it.
        number: The number in the log of the hold or the loan of credit that came of it, or 0.
    """

    order: int
    command: LoggedCommand
    number: int = 0
