"""Domains as somebody wants them to be: what is missing is made, what differs is changed, the rest is left alone.

Said twice, the second time nothing happens (rows N30-N32): no domain has an event, the answer says so. Each entry is
judged by itself, so that one that cannot be keeps no other from being so (row N34).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypedDict

from meted.core.commands import ChangeDomain, CreateDomain, LoanTerms, RemoveDomain, SetLoans
from meted.core.decide.records import levels
from meted.core.engine import Engine
from meted.core.errors import Reason, Refused
from meted.core.events import LoanRefused
from meted.core.record import record
from meted.core.resources import NOTHING, Resources

from .domain_changes import RefusedRecord
from .trial import Trial

WANTED_MAX = 10_000
"""Domains of one call; it is decided in one go, and all others wait for it."""

CREATED, CHANGED, UNCHANGED, REMOVED, REFUSED = "created", "changed", "unchanged", "removed", "refused"


@record
class WantedDomain:
    """How a domain is to be.

    Attributes:
        name: Its name.
        parent, share, guarantee, cap, floor_share, floor: As in :class:`meted.core.commands.CreateDomain`.
        loans: All that it is to lend; None leaves that alone.
        absent: It is not to be there; the rest then says nothing.
    """

    name: str
    parent: str = ""
    share: int = 1
    guarantee: Resources = NOTHING
    cap: Resources | None = None
    floor_share: int = 1
    floor: Resources = NOTHING
    loans: tuple[LoanTerms, ...] | None = None
    absent: bool = False


class Applied(TypedDict):
    """What was done, by the names of the domains; of what was refused, the domain and the sentence."""

    created: list[str]
    changed: list[str]
    unchanged: list[str]
    removed: list[str]
    refused: list[RefusedRecord]


def apply_domains(engine: Engine | Trial, at_us: int, wanted: Sequence[WantedDomain]) -> Applied:
    """Let domains be as they are wanted: parents first, then what they lend, then those that are to go.

    Args:
        engine: What decides, or a trial of it.
        at_us: When.
        wanted: The domains.

    Raises:
        Refused: There are more than WANTED_MAX; nothing was done.
    """
    if len(wanted) > WANTED_MAX:
        raise Refused(Reason.TOO_MANY, f"More than {WANTED_MAX:,} domains at once are too many; give them in parts.")
    run = _Run(engine, at_us)
    once = run.once(wanted)
    present = [one for one in once if not one.absent]
    level = levels({one.name: one.parent for one in present})
    present.sort(key=lambda one: level[one.name])
    for one in present:
        run.judge(one, run.make)
    for one in present:
        if one.loans is not None:
            run.judge(one, run.lend)
    domains = engine.state.domains
    depths = {name: len(domains.path(domain_id)) for name, domain_id in domains.by_name.items()}
    for one in sorted((one for one in once if one.absent), key=lambda one: -depths.get(one.name, 0)):
        run.judge(one, run.remove)
    return run.answer(once)


Step = Callable[[WantedDomain], str]
"""What is done for one domain: it returns what that was, and raises Refused where it cannot be done."""


class _Run:
    """What was done so far: of each domain that was wanted, what became of it."""

    def __init__(self, engine: Engine | Trial, at_us: int) -> None:
        self._engine = engine
        self._at_us = at_us
        self._did: dict[str, str] = {}
        self._refused: list[RefusedRecord] = []

    def once(self, wanted: Sequence[WantedDomain]) -> list[WantedDomain]:
        """Return the first of each name; the others are refused."""
        first: dict[str, WantedDomain] = {}
        for one in wanted:
            if first.setdefault(one.name, one) is not one:
                self._refuse(one.name, Reason.NAME_TAKEN, f"Domain {one.name!r} is named twice; leave one out.")
        return list(first.values())

    def judge(self, one: WantedDomain, step: Step) -> None:
        """Do one step for one domain, or note why it cannot be done; of what could not be made no more is done."""
        before = self._did.get(one.name)
        if before == REFUSED:
            return
        try:
            did = step(one)
        except Refused as refusal:
            did = REFUSED
            self._refuse(one.name, refusal.reason, refusal.sentence)
        if before is None or (before, did) == (UNCHANGED, CHANGED):
            self._did[one.name] = did

    def make(self, one: WantedDomain) -> str:
        """Make a domain, or change it."""
        domains = self._engine.state.domains
        known = domains.by_name.get(one.name)
        if known is None:
            self._engine.handle(
                CreateDomain(
                    self._at_us,
                    one.name,
                    one.share,
                    one.cap,
                    one.parent,
                    one.guarantee,
                    one.floor_share,
                    one.floor,
                )
            )
            return CREATED
        domain = domains.domains[known]
        parent = domains.domains[domain.parent].name if domain.parent else ""
        if parent != one.parent:
            where = f"below {parent!r}" if parent else "at the top level"
            raise Refused(
                Reason.PARENT_FIXED,
                f"Domain {one.name!r} is {where}, and that never changes; remove it first, or use another name.",
            )
        command = ChangeDomain(self._at_us, one.name, one.share, one.cap, one.guarantee, one.floor_share, one.floor)
        return CHANGED if self._engine.handle(command) else UNCHANGED

    def lend(self, one: WantedDomain) -> str:
        """Let a domain lend what it is to lend, and nothing else."""
        assert one.loans is not None
        events = self._engine.handle(SetLoans(self._at_us, one.name, one.loans))
        refused = [event for event in events if isinstance(event, LoanRefused)]
        for event in refused:
            self._refuse(one.name, event.reason, event.sentence)
        return CHANGED if len(events) > len(refused) else UNCHANGED

    def remove(self, one: WantedDomain) -> str:
        """Remove a domain, if it is there."""
        if one.name not in self._engine.state.domains.by_name:
            return UNCHANGED
        self._engine.handle(RemoveDomain(self._at_us, one.name))
        return REMOVED

    def answer(self, wanted: Sequence[WantedDomain]) -> Applied:
        """Return what was done, in the order in which it was wanted."""
        done = Applied(created=[], changed=[], unchanged=[], removed=[], refused=self._refused)
        lists = {CREATED: done["created"], CHANGED: done["changed"], UNCHANGED: done["unchanged"]}
        lists[REMOVED] = done["removed"]
        for one in wanted:
            if self._did[one.name] != REFUSED:
                lists[self._did[one.name]].append(one.name)
        return done

    def _refuse(self, name: str, reason: str, sentence: str) -> None:
        self._refused.append(RefusedRecord(name=name, reason=str(reason), sentence=sentence))
