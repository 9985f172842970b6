"""Who paid whom in credit in a log or a simulation, and when there was too much of it or too little.

What is paid for priority goes to escrow first, and from there to those who made room. So whoever is paid from escrow is
paid by all who have something in it, in proportion; what nobody made room for goes to the treasury. Amounts are whole
thousandths of a credit, and those of all payers together are what was paid.

Of each pair and kind at most ``CREDIT_STEPS_MAX`` steps over time are kept; when there are more, every second goes. The
same happens to all of them where they are more than ``CREDIT_STEPS_ALL_MAX`` together. Beyond ``CREDIT_PAIRS_MAX``
pairs what further ones pay is that of ``others``. The purse of a job is known until the job ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from meted.core.credit.state import ESCROW, TREASURY_NAME
from meted.core.events import (
    CreditAlarmCleared,
    CreditAlarmRaised,
    CreditClosed,
    CreditMoved,
    CreditOpened,
    DonorPaid,
    Event,
    FeePosted,
    HoldPosted,
    PointsLapsed,
)
from meted.core.ids import AccountId, DomainId
from meted.core.limits import SECOND_US
from meted.core.record import record

CREDIT_STEPS_MAX: Final = 512
"""Steps that are kept of what one domain paid another for one reason."""

CREDIT_STEPS_ALL_MAX: Final = 2**18
"""Steps that are kept of all that domains paid each other."""

CREDIT_PAIRS_MAX: Final = 2**14
"""Pairs of domains, with why one paid the other, that are told apart."""

OTHERS_NAME: Final = "others"

_NOBODY: Final = DomainId(0)
_OTHERS: Final = DomainId(-1)
_WITHIN: Final = frozenset({"purse", "purse_back"})
"""Kinds of transfers that stay within a domain."""


@record
class CreditSeries:
    """What one domain paid another for one reason, as steps.

    Attributes:
        payer, payee: Their names, or ``treasury``.
        kind: ``priority`` (room that was made), ``unclaimed`` (room that nobody made), ``transfer``, ``hold``,
            ``loan``, ``repayment``, ``nice``, ``nice_back``, ``fee``, ``grant``, ``withdrawal`` or ``demurrage``.
        at_s: When something was paid, in seconds from the first submit.
        paid_mc: All that was paid until then, in thousandths of a credit.
    """

    payer: str
    payee: str
    kind: str
    at_s: tuple[float, ...]
    paid_mc: tuple[int, ...]


@record
class CreditSeen:
    """The trade in credit in a log or a simulation.

    Attributes:
        series: Who paid whom.
        alarms: When which alarm was raised (True) or cleared, in seconds from the first submit.
        lapsed: Jobs that lost bought points as their purses were empty.
    """

    series: tuple[CreditSeries, ...] = ()
    alarms: tuple[tuple[float, str, bool], ...] = ()
    lapsed: int = 0


NO_CREDIT: Final = CreditSeen()


class CreditReader:
    """Follows the trade in the events of a log or a simulation."""

    FOLLOWS: ClassVar[frozenset[type[Event]]] = frozenset(
        (
            CreditOpened,
            CreditClosed,
            FeePosted,
            DonorPaid,
            CreditMoved,
            HoldPosted,
            CreditAlarmRaised,
            CreditAlarmCleared,
            PointsLapsed,
        )
    )
    """The events that :meth:`take` cares for."""

    def __init__(self) -> None:
        """Start with none."""
        self._owner: dict[AccountId, DomainId] = {}
        self._pot: dict[DomainId, int] = {}  # whose credit is in escrow
        self._paid: dict[tuple[DomainId, DomainId, str], list[tuple[int, int]]] = {}
        self._alarms: list[tuple[int, str, bool]] = []
        self._lapsed = 0
        self._steps = 0

    def owner_of(self, account_id: AccountId) -> DomainId:
        """Return the domain that an account or the purse of a job belongs to; 0 for the treasury and escrow."""
        return self._owner.get(account_id, _NOBODY)

    def take(self, event: Event) -> None:
        """Take the next event; all but credit is passed over."""
        match event:
            case CreditOpened():
                self._owner[event.account_id] = event.domain_id
            case CreditClosed():
                self._owner.pop(event.account_id, None)
            case FeePosted():
                payer = self.owner_of(event.debit)
                if event.credit == ESCROW:
                    self._pot[payer] = self._pot.get(payer, 0) + event.amount_mc
                else:
                    self._add(event.at_us, payer, self.owner_of(event.credit), "fee", event.amount_mc)
            case DonorPaid():
                self._shared_out(event)
            case CreditMoved() if event.kind not in _WITHIN:
                payer, payee = self.owner_of(event.debit), self.owner_of(event.credit)
                self._add(event.at_us, payer, payee, event.kind, event.amount_mc)
            case HoldPosted():
                self._add(event.at_us, self.owner_of(event.debit), self.owner_of(event.credit), "hold", event.amount_mc)
            case CreditAlarmRaised() | CreditAlarmCleared():
                self._alarms.append((event.at_us, event.alarm, type(event) is CreditAlarmRaised))
            case PointsLapsed():
                self._lapsed += 1
            case _:
                pass

    def seen(self, first_us: int, names: Mapping[DomainId, str]) -> CreditSeen:
        """Return what was seen.

        Args:
            first_us: When the first job was submitted; what came before counts from there on.
            names: What to call the domains.
        """

        def name(domain_id: DomainId) -> str:
            if domain_id == _OTHERS:
                return OTHERS_NAME
            return names.get(domain_id, str(domain_id)) if domain_id else TREASURY_NAME

        series = [
            CreditSeries(
                name(payer),
                name(payee),
                kind,
                tuple(max(at_us - first_us, 0) / SECOND_US for at_us, _ in steps),
                tuple(paid_mc for _, paid_mc in steps),
            )
            for (payer, payee, kind), steps in self._paid.items()
        ]
        alarms = tuple((max(at_us - first_us, 0) / SECOND_US, alarm, up) for at_us, alarm, up in self._alarms)
        ordered = tuple(sorted(series, key=lambda one: (one.payer, one.payee, one.kind)))
        return CreditSeen(ordered, alarms, self._lapsed)

    def _shared_out(self, event: DonorPaid) -> None:
        """Take what somebody is paid from each of those whose credit is in escrow, in proportion."""
        left, whole = event.amount_mc, sum(self._pot.values())
        payee = self.owner_of(event.account_id)
        kind = "priority" if payee else "unclaimed"
        for payer, has in sorted(self._pot.items()):
            part = min(left, has) if has == whole else min(left, left * has // whole)
            whole -= has
            left -= part
            self._pot[payer] = has - part
            self._add(event.at_us, payer, payee, kind, part)
        self._pot = {payer: has for payer, has in self._pot.items() if has}

    def _add(self, at_us: int, payer: DomainId, payee: DomainId, kind: str, amount_mc: int) -> None:
        if not amount_mc or payer == payee:
            return
        key = (payer, payee, kind)
        if key not in self._paid and len(self._paid) >= CREDIT_PAIRS_MAX:
            key = (_OTHERS, _OTHERS, kind)
        steps = self._paid.setdefault(key, [])
        paid_mc = amount_mc + (steps[-1][1] if steps else 0)
        if steps and steps[-1][0] == at_us:
            steps[-1] = at_us, paid_mc
            return
        steps.append((at_us, paid_mc))
        self._steps += 1
        if len(steps) > CREDIT_STEPS_MAX:
            self._thin(steps)
        if self._steps > CREDIT_STEPS_ALL_MAX:
            for each in self._paid.values():
                self._thin(each)

    def _thin(self, steps: list[tuple[int, int]]) -> None:
        """Drop every second step but the first and the last."""
        before = len(steps)
        del steps[1:-1:2]
        self._steps -= before - len(steps)
