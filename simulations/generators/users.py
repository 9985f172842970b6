"""Models of users on purpose: who always wants more, who does not tell the truth, who lends and who takes all.

Every user of a model wants the same, so that what a policy gives them can be compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from heapq import merge
from typing import ClassVar, Final

from ..errors import SimulationError
from .draws import Draws
from .open_models import RUN_S, mean_gap_s
from .settings import Settings, SyntheticJob, run_time_s, share_lines, share_of, value_of

LOANS_MAX: Final = 4_000
"""Loans of one made workload: all of them stand in the header, of which no more is read."""

_DAY_S: Final = 86_400


class Backlogged:
    """Users who have work waiting from the first moment to the last, with given shares.

    All is submitted at time 0, to each user as much as its share says, in turns. Jobs are one processor wide and run
    between half and one and a half times the mean. A policy that goes by shares serves the users side by side and lets
    all of them end at about the same time.
    """

    name: ClassVar[str] = "backlogged"
    summary: ClassVar[str] = "users with given shares whose work never runs out"
    takes: ClassVar[frozenset[str]] = frozenset({"users", "run_s", "shares"})
    values: ClassVar[dict[str, Fraction]] = {}

    def jobs(self, settings: Settings) -> Iterator[SyntheticJob]:
        """Yield jobs without end, always the next of the user who is furthest behind its share."""
        users = _users(settings, 4)
        draws = [Draws(settings.seed, f"{self.name}/{user}") for user in range(1, users + 1)]
        shares = [share_of(settings, user) for user in range(1, users + 1)]
        total = sum(shares)
        due = [0] * users
        mean_s = float(settings.run_s or RUN_S)
        while True:
            due = [have + share for have, share in zip(due, shares, strict=True)]
            at = max(range(users), key=lambda user: (due[user], -user))
            due[at] -= total
            run_s = run_time_s(mean_s * (0.5 + draws[at].uniform()))
            yield SyntheticJob(0, run_s, 1, run_s, at + 1)

    def header(self, settings: Settings) -> list[str]:
        """Return the shares of the users."""
        return share_lines(settings, _users(settings, 4))


class Strategic:
    """Users who want the same at the same moments and say different things about it.

    By turns a user is honest (group 1), asks for ``over`` times the time (group 2), for the part ``under`` of it
    (group 3, beyond whose estimates jobs run), or splits each job into ``parts`` of a part of its run time each
    (group 4). Every job is wanted by all users at once, with the same size and run time, so that their figures differ
    by what they say alone. Simulate it with ``--overrun cut`` to see what under-reporting costs where jobs are killed
    at their estimates, and with ``--domain-of group`` to compare the kinds.
    """

    name: ClassVar[str] = "strategic"
    summary: ClassVar[str] = "users who want the same and report it differently, or split it"
    takes: ClassVar[frozenset[str]] = frozenset({"users", "load", "run_s", "shares"})
    values: ClassVar[dict[str, Fraction]] = {"over": Fraction(10), "under": Fraction(1, 4), "parts": Fraction(8)}

    def jobs(self, settings: Settings) -> Iterator[SyntheticJob]:
        """Yield jobs without end."""
        over, under, parts = value_of(self, settings, "over"), value_of(self, settings, "under"), settings.values
        count = int(parts.get("parts", self.values["parts"]))
        if over < 1 or not 0 < under <= 1 or not 1 <= count <= 1_000:
            raise SimulationError("over has to be at least 1, under from above 0 to 1, and parts from 1 to 1,000.")
        users = _users(settings, 4)
        draws = Draws(settings.seed, self.name)
        mean_s = float(settings.run_s or RUN_S)
        top = max(1, (settings.procs // 4).bit_length())
        sizes = [2**n for n in range(top)]
        gap_s = mean_gap_s(settings, mean_s * users * sum(sizes) / len(sizes))
        at_s = 0.0
        while True:
            at_s += draws.exponential(gap_s)
            submit_s, run_s = int(at_s), run_time_s(draws.exponential(mean_s))
            procs = sizes[draws.below(len(sizes))]
            for user in range(1, users + 1):
                kind = (user - 1) % 4 + 1
                if kind == 4:
                    for run in split(run_s, count):
                        yield SyntheticJob(submit_s, run, procs, run, user, kind)
                else:
                    said = (run_s, int(run_s * over), max(1, int(run_s * under)))[kind - 1]
                    yield SyntheticJob(submit_s, run_s, procs, said, user, kind)

    def header(self, settings: Settings) -> list[str]:
        """Return the shares of the users, if some were given."""
        return share_lines(settings, _users(settings, 4)) if settings.shares else []


class Lenders:
    """Lenders, who work by day and lend by night, and hogs, who always want more than there is.

    The first half of the users are lenders (group 1): each works ``active`` of its days of ``day_s`` and is idle for
    the rest, all at different hours. When one goes idle it lends ``lent`` of its share, in thousandths, to one of the
    hogs (group 2) in turn, until it is back. Every ``early``-th time it is back before that, when half of the rest is
    over: it recalls the loan, with ``notice_s`` of notice, and works. While it works it asks for twice its part of the
    machine; a hog asks for ``hog`` times its part, all the time. Shares are 1,000 each.
    """

    name: ClassVar[str] = "lenders"
    summary: ClassVar[str] = "users who lend their share while they are idle, and hogs who borrow it"
    takes: ClassVar[frozenset[str]] = frozenset({"users", "run_s"})
    values: ClassVar[dict[str, Fraction]] = {
        "active": Fraction(1, 2),
        "day_s": Fraction(_DAY_S),
        "lent": Fraction(900),
        "early": Fraction(4),
        "notice_s": Fraction(600),
        "hog": Fraction(3),
    }

    def jobs(self, settings: Settings) -> Iterator[SyntheticJob]:
        """Yield jobs without end."""
        self._check(settings)
        users = _users(settings, 4)
        streams = (self._stream(settings, user, users) for user in range(1, users + 1))
        return merge(*streams, key=lambda job: job.submit_s)

    def header(self, settings: Settings) -> list[str]:
        """Return the shares of the users and the loans of the time that so many jobs take."""
        self._check(settings)
        users = _users(settings, 4)
        lines = [f"MetedShare: {user}, 1000" for user in range(1, users + 1)]
        lent, notice_s = (int(value_of(self, settings, name)) for name in ("lent", "notice_s"))
        for at_s, user, until_s, back_s in self._loans(settings, users):
            borrower = users // 2 + 1 + (user + at_s // self._day_s(settings)) % (users - users // 2)
            recall = "" if back_s == until_s else str(back_s)
            lines.append(f"MetedLoan: {at_s}, {user}, {borrower}, share, {lent}, {until_s}, {notice_s}, {recall}")
        return lines

    def _check(self, settings: Settings) -> None:
        active, lent = value_of(self, settings, "active"), value_of(self, settings, "lent")
        if not 0 < active < 1 or not 1 <= lent <= 999 or value_of(self, settings, "hog") <= 0:
            raise SimulationError("active has to be between 0 and 1, lent from 1 to 999, and hog above 0.")
        if _users(settings, 4) < 2 or value_of(self, settings, "day_s") < 60 or value_of(self, settings, "early") < 1:
            raise SimulationError("there have to be 2 users, day_s has to be at least 60 and early at least 1.")

    def _day_s(self, settings: Settings) -> int:
        return int(value_of(self, settings, "day_s"))

    def _hours(self, settings: Settings, user: int, users: int, day: int) -> tuple[int, int, int]:
        """Return when a lender begins to rest in a day, when it means to be back, and when it is."""
        day_s = self._day_s(settings)
        active_s = int(day_s * value_of(self, settings, "active"))
        begins_s = day * day_s + day_s * (user - 1) // (users // 2)
        rests_s, until_s = begins_s + active_s, begins_s + day_s
        early = int(value_of(self, settings, "early"))
        is_early = (day + user) % early == 0 and early > 1
        return rests_s, until_s, (rests_s + until_s) // 2 if is_early else until_s

    def _loans(self, settings: Settings, users: int) -> list[tuple[int, int, int, int]]:
        """Return when a lender lends, who it is, until when, and when it is back; by time."""
        day_s = self._day_s(settings)
        rates = [self._rate(settings, user, users) for user in range(1, users + 1)]
        active = value_of(self, settings, "active")
        rate = sum(r * (active if user < users // 2 else 1.0) for user, r in enumerate(rates))
        days = int(settings.jobs / rate / day_s) + 1
        if days * (users // 2) > LOANS_MAX:
            raise SimulationError(
                f"there would be {days * (users // 2):,} loans, and at most {LOANS_MAX:,} fit in a header; ask for "
                "fewer jobs or users, or for a longer day_s."
            )
        made = []
        for day in range(days):
            for user in range(1, users // 2 + 1):
                rests_s, until_s, back_s = self._hours(settings, user, users, day)
                made.append((rests_s, user, until_s, back_s))
        return sorted(made)

    def _rate(self, settings: Settings, user: int, users: int) -> float:
        """Return how many jobs a user submits in a second while it works."""
        wanted = 2.0 if user <= users // 2 else value_of(self, settings, "hog")
        return wanted * settings.procs / users / float(settings.run_s or RUN_S)

    def _stream(self, settings: Settings, user: int, users: int) -> Iterator[SyntheticJob]:
        """Yield the jobs of a user: of one processor each."""
        draws = Draws(settings.seed, f"{self.name}/{user}")
        mean_s = float(settings.run_s or RUN_S)
        gap_s = 1.0 / self._rate(settings, user, users)
        lends, group = user <= users // 2, 1 if user <= users // 2 else 2
        at_s, day = 0.0, 0
        rests_s, _, back_s = self._hours(settings, user, users, 0)
        if lends:
            at_s = float(self._day_s(settings) * (user - 1) // (users // 2))
        while True:
            at_s += draws.exponential(gap_s)
            while lends and at_s >= rests_s:
                # Arrivals have no memory: what would come while it rests comes as long after it is back.
                at_s += back_s - rests_s
                day += 1
                rests_s, _, back_s = self._hours(settings, user, users, day)
            run_s = run_time_s(draws.exponential(mean_s))
            yield SyntheticJob(int(at_s), run_s, 1, run_s * 2, user, group)


def split(run_s: int, parts: int) -> list[int]:
    """Return the run times of the parts of a job, which differ by a second at most; there are no empty ones."""
    parts = min(parts, run_s)
    return [run_s * (part + 1) // parts - run_s * part // parts for part in range(parts)]


def _users(settings: Settings, otherwise: int) -> int:
    return settings.users or max(otherwise, len(settings.shares))
