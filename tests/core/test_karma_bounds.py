"""Under karma the first tier is as it was (P5 to P7), credit is conserved (P14), and lies pay little (P15)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from meted.core.commands import CancelJobs, SetCreditRules, SetRules, TransferCredit
from meted.core.credit.fees import HOUR_SIZE
from meted.core.errors import Refused
from meted.core.events import UnitsLeased
from meted.core.falling import entitled_charge, standing
from meted.core.ids import DomainId
from meted.core.tags import ENTITLED
from meted.simulations.quanta.karma import Karma

from .clocked import CPU, Arena, Contender
from .helper import SECOND, examples
from .karma_quanta import Quanta

WEIGHTS = st.sampled_from((1, 2, 3, 5, 10, 50))
LENGTHS = st.sampled_from((1, 2, 5, 10, 40))
SLOTS = st.sampled_from((1, 2, 3, 8))
NEVER_BINDS = 10**8
"""Credits to begin with that nobody comes to the end of."""

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

    def note_leads(self) -> None:
        """With right estimates nobody is ahead of V further than its lead explains, and nothing is set right."""
        jobs = self.world.state.jobs
        for domain_id, account in jobs.accounts.items():
            assert standing(self.world.state, domain_id, account, jobs.clock - jobs.debt) == account.tag

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
        self.note_leads()


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
        arena.note_leads()
        arena.trade(number, trade)
        for _ in range(steps):
            arena.go_on()
    while arena.ends:
        arena.go_on()
    arena.expect()
    arena.world.check()
    standings = arena.world.state.ledger.karma.standings.values()
    assert all((it.free_milli, it.lent_milli, it.waived_mc, it.due_mc) == (0, 0, 0, 0) for it in standings)


MORE_PAYS = ((1, 0, 6), (4, 2, 2), (0, 0, 2), (0, 0, 3), (5, 4, 0))
"""With alpha 1, the second user gets 5 slices, and 6 if it asks for one at first that it cannot use."""

Truth = Sequence[Sequence[int]]


@dataclass
class Liar:
    """A user that lies to the live engine, and to Karma by the quantum beside it: both must give it the same.

    Attributes:
        useful: What it could use of what it has had.
    """

    user: int
    live: Quanta
    karma: Karma
    useful: int = 0

    def asks(self, row: Sequence[int], told: int) -> Liar:
        """Return it after a quantum in which all others tell the truth; this one stays where it is."""
        asked = list(row)
        asked[self.user] = told
        live, karma = self.live.branch(), deepcopy(self.karma)
        got = live.allocate(asked)
        assert got == karma.allocate(asked)
        return Liar(self.user, live, karma, self.useful + min(got[self.user], row[self.user]))

    def ends(self, truth: Truth) -> int:
        """Return what it could use in the end if it tells the truth from here on."""
        it = self
        for row in truth:
            it = it.asks(row, row[self.user])
        return it.useful


def liar(user: int, alpha_milli: int) -> Liar:
    """Return one of three users with two slices each, before it has said anything."""
    return Liar(user, Quanta(3, 6, alpha_milli, NEVER_BINDS), Karma(3, 6, alpha_milli, NEVER_BINDS))


def truths(most: int) -> st.SearchStrategy[list[tuple[int, int, int]]]:
    """Draw what three users want in some quanta."""
    return st.lists(st.tuples(*[st.integers(0, 6)] * 3), min_size=2, max_size=most)


@examples(150)
@given(truths(5), st.integers(0, 2), st.sampled_from((500, 500, 1000)))
def test_asking_for_more_never_pays_and_for_less_little(
    truth: list[tuple[int, int, int]], user: int, alpha_milli: int
) -> None:
    """P15 live, of all reports that differ in one quantum: never more by asking for more, at most 3/2 by less."""
    it = liar(user, alpha_milli)
    honest = it.ends(truth)
    for at, row in enumerate(truth):
        for lie in range(7):
            found = it.asks(row, lie).ends(truth[at + 1 :])
            assert 2 * found <= 3 * honest
            assert lie <= row[user] or alpha_milli == 1000 or found <= honest
        it = it.asks(row, row[user])


@examples(20)
@given(truths(3), st.integers(0, 2), st.sampled_from((500, 1000)))
def test_no_lies_at_all_pay_more_than_a_half(truth: list[tuple[int, int, int]], user: int, alpha_milli: int) -> None:
    """P15 live, of all reports there are: at most 3/2; and no more by asking for more in all quanta alone."""
    honest = liar(user, alpha_milli).ends(truth)
    reports: list[tuple[Liar, bool]] = [(liar(user, alpha_milli), True)]
    for row in truth:
        reports = [(it.asks(row, lie), up and lie >= row[user]) for it, up in reports for lie in range(7)]
    assert len(reports) == 7 ** len(truth)
    for it, up in reports:
        assert 2 * it.useful <= 3 * honest
        assert not up or alpha_milli == 1000 or it.useful <= honest


def test_asking_for_more_can_pay_live_where_credits_tie() -> None:
    """Where nothing is shared but donations "asking for more never pays" is no law, live as by the quantum."""
    it = liar(1, 1000)
    assert it.ends(MORE_PAYS) == 5
    assert it.asks(MORE_PAYS[0], 1).ends(MORE_PAYS[1:]) == 6
