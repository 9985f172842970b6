"""P4 and P6 of the real engine at each level of a tree, whatever the pool does, and along each path.

Every level has the bounds of :mod:`.test_any_pool`, with what its parent gets as the pool. What is owed is counted by
service of tier 1 of that level alone.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from meted.core.commands import CreateDomain
from meted.core.domains.state import TOP
from meted.core.events import DomainCreated, UnitsLeased
from meted.core.falling import entitled_charge
from meted.core.ids import DomainId
from meted.core.policy.pool_key import PoolKey
from meted.core.service import lag
from meted.core.state import NOTHING_RECEIVED
from meted.core.tags import ENTITLED, LEVEL_BITS

from .clocked import Contender
from .helper import SECOND, examples
from .test_any_pool import ALPHAS, AnyPool, busy, given_to, pools
from .test_clock_bounds import LENGTHS, SLOTS, WEIGHTS, drawn_us, unit_sizes

Node = tuple[int, int, int, bool]
"""(which of the inner domains so far it is in, share, longest unit, whether others are in it)."""

trees = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(WEIGHTS), st.sampled_from(LENGTHS), st.booleans()),
    min_size=2,
    max_size=9,
)


@dataclass
class Tree(AnyPool):
    """An arena whose contenders are leaves of a tree.

    Attributes:
        inner: The domains that others are in: name, share and the name of the parent; parents first.
        parents: The parent of each contender, by name.
        dispatched: What each domain was given, by what level soever; of the top, all.
    """

    inner: list[tuple[str, int, str]] = field(default_factory=list)
    parents: dict[str, str] = field(default_factory=dict)
    dispatched: dict[DomainId, int] = field(default_factory=lambda: defaultdict(int))

    def __post_init__(self) -> None:
        super().__post_init__()
        self.entitled = defaultdict(int)
        domains = self.world.state.domains
        self.paths = {who: (who, *domains.path(who)) for who in domains.domains}
        self.most: dict[DomainId, int] = defaultdict(int)
        for contender in self.contenders:
            for who in (*self.paths[contender.domain_id], TOP):
                self.most[who] = max(self.most[who], contender.largest)

    def register(self, contender: Contender) -> None:
        """Create a leaf, and before the first of them the domains that they are in."""
        if not self.by_id:
            for name, share, parent in self.inner:
                self._create(name, share, parent)
        contender.domain_id = self._create(contender.name, contender.share, self.parents[contender.name])
        self.by_id[contender.domain_id] = contender

    def _create(self, name: str, share: int, parent: str) -> DomainId:
        (made,) = self.world.do(CreateDomain(self.world.now_us, name, share, parent=parent))
        assert isinstance(made, DomainCreated)
        return made.domain_id

    def part(self, who: DomainId) -> Fraction:
        """Return g / Phi: the part of what its parent gets that a domain is owed."""
        domains = self.world.state.domains
        domain = domains.domains[who]
        return Fraction(self.alpha_milli * domain.share, 1000 * domains.phi(domain.parent))

    def _note_wait(self, contender: Contender) -> None:
        contender.was_fresh = False

    def _check_deadline(self, event: UnitsLeased) -> None:
        """P6 at each level: Phi (V - S_i - L_i / g_i) <= L before each dispatch from its tier 1."""
        domains = self.world.state.domains
        size = event.size * event.count
        levels = [(event.domain_tag, 0, 0), *((tag, clock, debt) for tag, _, clock, debt in event.above)]
        clocks = [*((clock, debt) for _, clock, debt in levels[1:]), (event.clock, event.debt)]
        self.dispatched[TOP] += size
        path = self.paths[self.world.job(event.job_id).terms.domain_id]
        for level, (who, (after, _, _), (clock, debt)) in enumerate(zip(path, levels, clocks, strict=True)):
            self.dispatched[who] += size
            if not event.charged >> level * LEVEL_BITS & ENTITLED:
                continue
            self.entitled[who] += size
            domain = domains.domains[who]
            phi = domains.phi(domain.parent)
            before = clock - debt - ((size << 20) // phi)
            tag = after - event.count * entitled_charge(event.size, domain.share, self.alpha_milli)
            late = Fraction(phi * (before - tag), 1 << 20) - self.most[who] / self.part(who)
            self.note("deadline", late, self.most[domain.parent])

    def note_owed(self) -> None:
        """P4 and P6 of each domain while something in it waits; of each leaf along its path; and the lags."""
        state = self.world.state
        for who, domain in state.domains.domains.items():
            if not state.jobs.accounts.get(who, NOTHING_RECEIVED).backlog:
                self.least.pop(who, None)
                continue
            now = self._slack(who)
            self._note_behind("interval", who, self.part(who), domain.parent, self.entitled[who], now + self.most[who])
            self.note("lag", Fraction(lag(state, who)), now)
        for contender in self.contenders:
            who, key = contender.domain_id, DomainId(-contender.domain_id)
            if not self.is_backlogged(contender):
                self.least.pop(key, None)
                continue
            part, bound = Fraction(1), Fraction(0)
            for each in self.paths[who]:
                bound += part * (self._slack(each) + self.most[each])
                part *= self.part(each)
            self._note_behind("path", key, part, TOP, self.dispatched[who], bound)

    def _slack(self, who: DomainId) -> Fraction:
        """Return L_i + (L - L_i) g / Phi."""
        most = self.most[self.world.state.domains.domains[who].parent]
        return self.most[who] + (most - self.most[who]) * self.part(who)

    def _note_behind(
        self, name: str, key: DomainId, part: Fraction, of: DomainId, had: int, bound: Fraction | int
    ) -> None:
        behind = part * self.dispatched[of] - had
        self.least[key] = min(behind, self.least.get(key, behind))
        self.note(name, behind - self.least[key], bound)


def planted(shape: list[Node], unit_us: int, slots: int, alpha: int) -> Tree:
    """Return the arena of a drawn tree; each inner domain has one more leaf, so that none is empty."""
    inner: list[tuple[str, int, str]] = []
    contenders: list[Contender] = []
    parents: dict[str, str] = {}
    names = [""]
    depths = {"": 0}
    for number, (under, share, length, is_inner) in enumerate(shape):
        name, parent = f"d{number}", names[under % len(names)]
        if is_inner:
            inner.append((name, share, parent))
            depths[name] = depths[parent] + 1
            if depths[name] < 4:
                names.append(name)
        if not is_inner:
            contenders.append(Contender(name, share, length * unit_us))
            parents[name] = parent
    for name, _, _ in inner:
        contenders.append(Contender(f"{name}.leaf", 1, 5 * unit_us))
        parents[f"{name}.leaf"] = name
    return Tree(slots, contenders, alpha_milli=alpha, inner=inner, parents=parents)


@examples(40)
@given(trees, unit_sizes, st.sampled_from(SLOTS), st.sampled_from(ALPHAS), pools, busy)
def test_what_is_owed_at_each_level_is_had_whatever_the_pool_does(
    shape: list[Node], unit_us: int, slots: int, alpha: int, key: PoolKey, drawn: list[tuple[int, int, int, int]]
) -> None:
    """P4, P6 and P7, and the lag at any instant, while domains anywhere in the tree come and go."""
    with given_to(key):
        arena = planted(shape, unit_us, slots, alpha)

        def go_on() -> None:
            arena.run_pass()
            arena.note_owed()
            arena.advance()

        for who, size, count, gap in drawn:
            contender = arena.contenders[who % len(arena.contenders)]
            units = count if unit_us == SECOND else 40 * count
            arena.submit(contender, drawn_us(contender, unit_us, size), units)
            for _ in range(gap):
                go_on()
        while arena.ends or any(map(arena.is_backlogged, arena.contenders)):
            go_on()
        arena.expect()
        arena.world.check()
