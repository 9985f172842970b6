"""What a simulation of credit is asked to do: the rules, the accounts, and who trades points for which jobs."""

from __future__ import annotations

from meted.core.credit.state import CreditRules
from meted.core.record import record


@record
class Trade:
    """Who buys or sells points, and for which of their jobs.

    Attributes:
        points: Above zero: so many are bought for each of these jobs; below zero: sold.
        domains: The names of the domains; empty is all.
        users: The numbers of users within these, where domains are not users; empty is all.
        time_min_us, time_max_us: Jobs that ask for at least and at most so much time; None is no bound.
        procs_min, procs_max: Jobs that ask for at least and at most so many processors.
        part_milli: So many of 1,000 of these jobs of each domain, evenly spread.
        after_us: When a job has waited so long and still waits.
    """

    points: int
    domains: tuple[str, ...] = ()
    users: tuple[int, ...] = ()
    time_min_us: int | None = None
    time_max_us: int | None = None
    procs_min: int | None = None
    procs_max: int | None = None
    part_milli: int = 1000
    after_us: int = 0


@record
class CreditPlan:
    """A trade in credit.

    Attributes:
        name: Of the file that says so.
        rules: How credit is made and what it buys.
        each_mc: What each domain begins with, in thousandths of a credit.
        begins_mc: What single domains begin with instead, by name.
        without: The names of domains without an account; points cost these usage.
        unlimited: The names of domains that pay for nothing.
        trades: Who trades; of those that fit a job the first counts.
        is_idle: Nobody trades, but whoever would is told from the others: what a trade is measured against.
        sha256: The digest of the file.
    """

    name: str
    rules: CreditRules = CreditRules()
    each_mc: int = 0
    begins_mc: tuple[tuple[str, int], ...] = ()
    without: tuple[str, ...] = ()
    unlimited: tuple[str, ...] = ()
    trades: tuple[Trade, ...] = ()
    is_idle: bool = False
    sha256: str = ""

    def named(self) -> tuple[str, ...]:
        """Return all domains that it names, each once, in the order in which they are named."""
        found = [name for name, _ in self.begins_mc]
        found += [*self.without, *self.unlimited, *(name for trade in self.trades for name in trade.domains)]
        return tuple(dict.fromkeys(found))
