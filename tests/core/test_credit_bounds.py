"""What others buy and sell leaves the first tier as it is (P6, P5, P7), through the real engine."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from meted.core.commands import GrantCredit, NiceJob, SetCreditRules, TransferCredit
from meted.core.credit.state import NICE
from meted.core.errors import Refused
from meted.core.events import UnitsLeased
from meted.core.falling import entitled_charge
from meted.core.tags import ENTITLED

from .clocked import CPU, Arena, Contender
from .helper import SECOND, examples

WEIGHTS = st.sampled_from((1, 2, 3, 5, 10, 50))
LENGTHS = st.sampled_from((1, 2, 5, 10, 40))
SLOTS = st.sampled_from((1, 2, 3, 8))
ALPHAS = st.sampled_from((250, 500, 750, 1000))
HOUR_US = 3_600 * SECOND


@dataclass
class Bazaar(Arena):
    """An arena in which all but ``honest`` domains buy and sell as they like.

    Attributes:
        honest: The first so many domains neither buy nor sell.
        with_sales: Whether the others sell; else they only buy, and give back.
        donors: Which of those who made room are paid.
    """

    honest: int = 1
    with_sales: bool = False
    donors: str = "all"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.world.do(SetCreditRules(0, price_mc=1_000_000, donors=self.donors))
        for contender in self.contenders:
            self.world.do(GrantCredit(0, contender.name, 1_000_000))

    @property
    def claims(self) -> int:
        """What those who sell may claim when they no longer do: each two of the largest runs, as after a back-off."""
        return 2 * self.largest * (len(self.contenders) - self.honest) if self.with_sales else 0

    def owed(self, contender: Contender) -> Fraction:
        """The rate g that a domain is owed."""
        return Fraction(self.alpha_milli * contender.share, 1000)

    def _check_deadline(self, event: UnitsLeased) -> None:
        """P6: Phi (V - S_i - L_i / g_i) <= L before each dispatch from the first tier."""
        contender = self.by_id[self.world.job(event.job_id).terms.domain_id]
        if self.contenders.index(contender) >= self.honest or not event.charged & ENTITLED:
            return
        size = event.size * event.count
        clock = event.clock - ((size << 20) // self.total_share)
        tag = event.domain_tag - event.count * entitled_charge(event.size, contender.share, self.alpha_milli)
        late = Fraction(self.total_share * (clock - tag), 1 << 20)
        late -= self.total_share * contender.largest / self.owed(contender)
        self.note("deadline", late, self.largest + self.claims)

    def _note_wait(self, contender: Contender) -> None:
        """P5: how long the head of an honest domain waited, whichever tier it came from at last."""
        if self.contenders.index(contender) >= self.honest:
            return
        assert contender.waits_since_us is not None
        waited = CPU * (self.world.now_us - contender.waits_since_us)
        ahead = (1 if contender.was_fresh else 2) * self.total_share * contender.largest / self.owed(contender)
        self.note("wait", Fraction(waited), self.largest + (ahead + self.largest + self.claims) / self.slots)
        contender.was_fresh = False

    def trade(self, who: int, points: int) -> None:
        """Let a domain that is not honest buy or sell for one of its jobs, or send credit to another."""
        cheat = self.contenders[self.honest + who % (len(self.contenders) - self.honest)]
        jobs = [job.job_id for job in self.world.state.jobs.jobs.values() if job.terms.domain_id == cheat.domain_id]
        job = self.world.job(sorted(jobs)[who % len(jobs)]) if jobs else None
        if job is not None and not self.with_sales:
            points = max(points, -job.points)
        with suppress(Refused):
            if job is None:
                other = self.contenders[who % len(self.contenders)].name
                self.world.do(TransferCredit(self.world.now_us, cheat.name, other, 1 + abs(points)))
            else:
                self.world.do(NiceJob(self.world.now_us, job.job_id, points, HOUR_US // 100 if who % 2 else None))

    def go_on(self) -> None:
        """Let the next units end, pay whoever is to be paid, and fill the slots."""
        self.advance()
        self.world.run_timers()
        self.run_pass()


contenders = st.lists(st.tuples(WEIGHTS, LENGTHS), min_size=3, max_size=9)
doings = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 40), st.integers(1, 5), st.integers(-6, 6), st.integers(0, 2)),
    min_size=20,
    max_size=70,
)


@examples(60)
@given(contenders, SLOTS, ALPHAS, st.integers(1, 2), st.booleans(), st.sampled_from(["all", NICE]), doings)
def test_the_first_tier_is_as_it_was_whatever_others_buy_and_sell(
    shape: list[tuple[int, int]],
    slots: int,
    alpha: int,
    honest: int,
    with_sales: bool,
    donors: str,
    done: list[tuple[int, int, int, int, int]],
) -> None:
    """P5 and P6 of who neither buys nor sells, and P7; credit is conserved, and nobody is below zero.

    Buying changes nothing at all. Who has sold and takes it back returns like who was backing off, with a claim of two
    of the largest runs at most, and by that much the bound of others is wider.
    """
    who = [Contender(f"d{at}", share, length * SECOND) for at, (share, length) in enumerate(shape)]
    bazaar = Bazaar(slots, who, alpha_milli=alpha, honest=honest, with_sales=with_sales, donors=donors)
    for number, size, count, points, steps in done:
        contender = who[number % len(who)]
        longest = contender.longest_us // SECOND
        bazaar.submit(contender, SECOND * (1 + size % longest if size else longest), count)
        bazaar.run_pass()
        bazaar.trade(number, points)
        for _ in range(steps):
            bazaar.go_on()
    while bazaar.ends:
        bazaar.go_on()
    bazaar.expect()
    bazaar.world.check()
