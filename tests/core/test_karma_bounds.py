"""Under karma the first tier is as it was (P5 to P7), credit is conserved (P14), and lies pay little (P15)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from meted.core.commands import CancelJobs, SetCreditRules, SetRules, TransferCredit
from meted.core.credit.fees import HOUR_SIZE
from meted.core.errors import Refused
from meted.core.events import UnitsLeased
from meted.core.falling import entitled_charge
from meted.core.ids import DomainId
from meted.core.tags import ENTITLED

from .clocked import CPU, Arena, Contender
from .helper import SECOND, examples
from .karma_quanta import Quanta

WEIGHTS = st.sampled_from((1, 2, 3, 5, 10, 50))
LENGTHS = st.sampled_from((1, 2, 5, 10, 40))
SLOTS = st.sampled_from((1, 2, 3, 8))
ALPHAS = st.sampled_from((100, 250, 500, 750, 1000))


@dataclass
class KarmaArena(Arena):
    """An arena under karma. The bounds are asserted of every domain: each meets all others as adversaries.

    Attributes:
        start_mc: What each unit of share begins with; a second of a slot costs 1000.
    """

    start_mc: int = 0
    least: dict[DomainId, Fraction] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.world.do(SetCreditRules(0, price_mc=HOUR_SIZE // SECOND))
        self.world.do(SetRules(0, self.alpha_milli, pool="karma", start_mc=self.start_mc))

    def owed(self, contender: Contender) -> Fraction:
        """The rate g that a domain is owed."""
        return Fraction(self.alpha_milli * contender.share, 1000)

    def _check_deadline(self, event: UnitsLeased) -> None:
        """P6: Phi (V - S_i - L_i / g_i) <= L before each dispatch from the first tier."""
        if not event.charged & ENTITLED:
            return
        contender = self.by_id[self.world.job(event.job_id).terms.domain_id]
        clock = event.clock - ((event.size * event.count << 20) // self.total_share)
        tag = event.domain_tag - event.count * entitled_charge(event.size, contender.share, self.alpha_milli)
        late = Fraction(self.total_share * (clock - tag), 1 << 20)
        late -= self.total_share * contender.largest / self.owed(contender)
        self.note("deadline", late, self.largest)

    def _note_wait(self, contender: Contender) -> None:
        """P5, and by what the domain itself had of its guarantee before its time: a unit of its own more."""
        assert contender.waits_since_us is not None
        waited = CPU * (self.world.now_us - contender.waits_since_us)
        ahead = (1 if contender.was_fresh else 2) * self.total_share * contender.largest / self.owed(contender)
        more = 0 if contender.was_fresh else contender.largest
        self.note("wait", Fraction(waited), self.largest + more + (ahead + self.largest) / self.slots)
        contender.was_fresh = False

    def note_service(self) -> None:
        """P6 over any interval in which a domain waits; what it holds of its guarantee may have come before it."""
        for contender in self.contenders:
            if not self.is_backlogged(contender):
                self.least.pop(contender.domain_id, None)
                continue
            own = self.owed(contender) / self.total_share
            lag = own * self.served - contender.served
            least = self.least[contender.domain_id] = min(self.least.get(contender.domain_id, lag), lag)
            bound = 2 * contender.largest + (self.largest - contender.largest) * own
            self.note("interval", lag - least, bound + own * self.slots * contender.largest)

    def trade(self, who: int, amount: int) -> None:
        """Let a domain give credit away, or give up what it has waiting."""
        cheat = self.contenders[who % len(self.contenders)]
        other = self.contenders[amount % len(self.contenders)].name
        with suppress(Refused):
            if amount % 3:
                self.world.do(TransferCredit(self.world.now_us, cheat.name, other, 1 + 500 * amount))
            else:
                jobs = self.world.state.jobs.jobs.values()
                mine = [job.job_id for job in jobs if job.terms.domain_id == cheat.domain_id and job.outcome is None]
                self.world.do(CancelJobs(self.world.now_us, tuple(sorted(mine)[:2])))

    def go_on(self) -> None:
        """Let the next units end, and fill the slots."""
        self.advance()
        self.world.run_timers()
        self.run_pass()
        self.note_service()


doings = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 40), st.integers(1, 5), st.integers(0, 12), st.integers(0, 2)),
    min_size=20,
    max_size=70,
)


@examples(60)
@given(
    st.lists(st.tuples(WEIGHTS, LENGTHS), min_size=2, max_size=8),
    *(SLOTS, ALPHAS),
    st.sampled_from((0, 2000, 10**9)),
    doings,
)
def test_the_first_tier_is_as_it_was_whatever_is_lent(
    shape: list[tuple[int, int]], slots: int, alpha: int, start_mc: int, done: list[tuple[int, int, int, int, int]]
) -> None:
    """P5, P6 and P7 of everybody, with and without credit; and in the end nobody holds or lends anything."""
    who = [Contender(f"d{at}", share, length * SECOND) for at, (share, length) in enumerate(shape)]
    arena = KarmaArena(slots, who, alpha_milli=alpha, start_mc=start_mc)
    for number, size, count, trade, steps in done:
        contender = who[number % len(who)]
        longest = contender.longest_us // SECOND
        arena.submit(contender, SECOND * (1 + size % longest if size else longest), count)
        arena.run_pass()
        arena.note_service()
        arena.trade(number, trade)
        for _ in range(steps):
            arena.go_on()
    while arena.ends:
        arena.go_on()
    arena.expect()
    arena.world.check()
    standings = arena.world.state.ledger.karma.standings.values()
    assert all((it.free_milli, it.lent_milli, it.waived_mc, it.due_mc) == (0, 0, 0, 0) for it in standings)


def useful(truth: Sequence[Sequence[int]], told: Sequence[Sequence[int]], user: int) -> int:
    """Return the slots that a user could use, of what it got for what it told."""
    live = Quanta(3, 6, 500, 1000)
    got = [live.allocate(row)[user] for row in told]
    return sum(min(had, row[user]) for had, row in zip(got, truth, strict=True))


@examples(4)
@given(st.lists(st.tuples(*[st.integers(0, 6)] * 3), min_size=3, max_size=4), st.integers(0, 2))
def test_asking_for_more_never_pays_and_for_less_little(truth: list[tuple[int, int, int]], user: int) -> None:
    """P15, of each report that differs in one quantum: never more by asking for more, at most 3/2 by less."""
    honest = useful(truth, truth, user)
    for at, lie in product(range(len(truth)), range(7)):
        if lie == truth[at][user]:
            continue
        told = [list(row) for row in truth]
        told[at][user] = lie
        found = useful(truth, told, user)
        if lie > truth[at][user]:
            assert found <= honest
        else:
            assert 2 * found <= 3 * honest
