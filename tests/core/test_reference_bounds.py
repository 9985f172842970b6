"""The published bounds, on the reference of the entitlement clock alone, in exact fractions.

What is asserted is theory. Where a bound that one would expect does not hold, the counterexample is kept as a test.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from .helper import examples
from .reference_arena import Arena
from .reference_clock import Choice, Deadlines, PoolPolicy, ReferenceClock, decay, fifo
from .reference_others import StartTimeFairQueueing

WEIGHTS = st.sampled_from((1, 2, 3, 5, 10, 50))
LENGTHS = st.sampled_from((1, 2, 5, 10, 40))
SLOTS = st.sampled_from((1, 2, 3, 8, 16))
ALPHAS = st.sampled_from((250, 500, 750, 1000))
contenders = st.lists(st.tuples(WEIGHTS, LENGTHS), min_size=2, max_size=14)
numbers = st.lists(st.integers(0, 40), min_size=1, max_size=20)
arrivals = st.lists(
    st.tuples(st.integers(0, 13), st.integers(0, 40), st.integers(1, 6), st.integers(0, 2)), min_size=20, max_size=60
)
FEWER = examples(20)


def hog(_clock: ReferenceClock, heads: Sequence[Choice]) -> Choice:
    """Give all of the pool to one."""
    return max(heads, key=lambda head: head.path[-1].domain_id)


def starve(_clock: ReferenceClock, heads: Sequence[Choice]) -> Choice:
    """Give nothing of the pool to the first."""
    return min(heads, key=lambda head: (head.path[-1].domain_id == 1, head.job.came))


def by_chance(numbers: list[int]) -> PoolPolicy:
    """Give the pool to whoever was drawn."""
    turns = [0]

    def pick(_clock: ReferenceClock, heads: Sequence[Choice]) -> Choice:
        turns[0] += 1
        return heads[numbers[turns[0] % len(numbers)] % len(heads)]

    return pick


pools = st.one_of(st.sampled_from((decay, fifo, hog, starve)), numbers.map(by_chance))


def flat(shape: list[tuple[int, int]], slots: int, **settings: object) -> Arena:
    """Return domains 1, 2, ... beside each other, with these weights and largest units."""
    clock = ReferenceClock(half_life=100, **settings)  # type: ignore[arg-type]
    for who, (weight, _) in enumerate(shape, 1):
        clock.add_domain(who, weight)
    return Arena(clock, slots, {who: longest for who, (_, longest) in enumerate(shape, 1)}, first_in_first_out=True)


def drawn(longest: int, number: int) -> int:
    """Return the largest size for 0, else some size up to that."""
    return 1 + number % longest if number else longest


def churn(arena: Arena, events: list[tuple[int, int, int, int]], users: str = "u") -> None:
    """Submit as drawn, and go on to the next ends as often as drawn."""
    leaves = list(arena.longest)
    for who, number, count, steps in events:
        leaf = leaves[who % len(leaves)]
        arena.submit(leaf, drawn(arena.longest[leaf], number), users[number % len(users)], count)
        arena.run_pass()
        for _ in range(steps):
            arena.advance()
            arena.run_pass()


def expect(arena: Arena) -> None:
    """Assert that nothing was worse than its bound."""
    assert {name: seen for name, seen in arena.worst.items() if seen > 1} == {}


def keep_all_waiting(arena: Arena, numbers: list[int], passes: int) -> list[list[int]]:
    """Keep every domain backlogged; return what each had been served of after each dispatch."""
    history = []
    for step in range(passes):
        for leaf, longest in arena.longest.items():
            while len(arena.hidden[leaf]) <= arena.slots:
                arena.submit(leaf, drawn(longest, numbers[(7 * step + leaf) % len(numbers)]))
        arena.run_pass()
        history.append([arena.clock.domains[leaf].served for leaf in arena.longest])
        arena.advance()
    return history


@FEWER
@given(contenders, SLOTS, numbers)
def test_all_backlogged(shape: list[tuple[int, int]], slots: int, numbers: list[int]) -> None:
    """P3 with alpha = 1, P5, P6 and P7: -L_i (1 - w_i/Phi) <= lag < L, with no number of domains in it."""
    arena = flat(shape, slots, alpha_milli=1000)
    largest, phi = max(longest for _, longest in shape), sum(weight for weight, _ in shape)
    for served in keep_all_waiting(arena, numbers, 25):
        for (weight, longest), mine in zip(shape, served, strict=True):
            lag = Fraction(weight * sum(served), phi) - mine
            assert -longest * (1 - Fraction(weight, phi)) <= lag < largest
    expect(arena)


@FEWER
@given(contenders, SLOTS, ALPHAS, pools, arrivals)
def test_guarantee_under_churn(
    shape: list[tuple[int, int]], slots: int, alpha: int, pool: PoolPolicy, events: list[tuple[int, int, int, int]]
) -> None:
    """P4, P5, P6, P7 and I1 for random, hogging and victim-starving pools, counting service of tier 1 only."""
    arena = flat(shape, slots, alpha_milli=alpha, pool=pool)
    churn(arena, events)
    expect(arena)


trees = st.lists(st.tuples(st.integers(0, 5), WEIGHTS, LENGTHS, st.booleans()), min_size=2, max_size=9)


@FEWER
@given(trees, SLOTS, ALPHAS, pools, arrivals)
def test_guarantee_in_a_tree(
    shape: list[tuple[int, int, int, bool]],
    slots: int,
    alpha: int,
    pool: PoolPolicy,
    events: list[tuple[int, int, int, int]],
) -> None:
    """Every level has P6 with what its node gets as the pool; along a path the parts multiply and the bounds add.

    In short: W_i >= r_i W_p - B_i for each node p, so W_leaf >= (prod r) W - sum_k (prod of r below k) B_k
    with r = g / Phi_p and B = 2 L_i + (L_p - L_i) r. It needs deadlines that never fall while a domain waits, as heads
    of subtrees change with every arrival.
    """
    arena = Arena(ReferenceClock(alpha, 100, pool=pool, deadlines="rising"), slots, {})
    inner = [0]
    for who, (under, weight, longest, is_inner) in enumerate(shape, 1):
        arena.clock.add_domain(who, weight, inner[under % len(inner)])
        if is_inner:
            inner.append(who)
        else:
            arena.longest[who] = longest
    for extra, node in enumerate(inner, 100):
        arena.clock.add_domain(extra, 1, node)
        arena.longest[extra] = 5
    churn(arena, events, "uvw")
    expect(arena)


def shrinking_heads(count: int, deadlines: Deadlines) -> Arena:
    """Domains that put short units before long ones when it harms one of them most."""
    clock = ReferenceClock(1000, deadlines=deadlines)
    for who in range(1, count + 1):
        clock.add_domain(who, 1)
    victim = clock.domains[count]
    arena = Arena(clock, 1, {who: 10 if who == count else 40 for who in range(1, count + 1)})
    for who in range(1, count):
        arena.submit(who, 40, count=3)
    arena.submit(count, 10, count=5 * count)
    while not victim.tag or victim.tag > clock.domains[0].inside.time:
        arena.run_pass()
        arena.advance()
    for who in range(1, count):
        arena.submit(who, 1, count=60, priority=10)
    for _ in range(30 * count):
        arena.run_pass()
        arena.advance()
    return arena


def test_a_deadline_that_follows_a_shrinking_head_breaks_the_bound() -> None:
    """Counterexample: with D read anew from the head of the moment, the deficit grows with the number of domains.

    A deadline that never falls while its domain waits keeps the bound: whoever had a later deadline when something of
    a later deadline was served stays behind.
    """
    broken = shrinking_heads(20, "head")
    assert broken.worst["deadline"] > 1
    assert broken.worst["interval"] > 1
    expect(shrinking_heads(20, "rising"))


@FEWER
@given(contenders, SLOTS, numbers)
def test_start_time_fair_queueing(shape: list[tuple[int, int]], slots: int, numbers: list[int]) -> None:
    """P1, at all times and over any interval, and P2. The order depends on no number of slots: nothing ends late."""
    del slots
    queue = StartTimeFairQueueing([weight for weight, _ in shape])
    everyone, phi, total = list(range(len(shape))), sum(queue.weights), sum(longest for _, longest in shape)
    served = [0] * len(shape)
    highest: dict[tuple[int, int], tuple[Fraction, Fraction]] = {}
    for step in range(120):
        who = queue.choose(everyone)
        size = drawn(shape[who][1], numbers[step % len(numbers)])
        queue.serve(who, size)
        served[who] += size
        for i, (weight, longest) in enumerate(shape):
            lag = Fraction(weight, phi) * sum(served) - served[i]
            assert -longest * (1 - Fraction(weight, phi)) <= lag <= Fraction(weight, phi) * (total - longest)
            for j, (other, others_longest) in enumerate(shape):
                assert queue.tags[i] - queue.tags[j] <= Fraction(longest, weight)
                apart = Fraction(served[i], weight) - Fraction(served[j], other)
                low, high = highest.get((i, j), (apart, apart))
                highest[i, j] = low, high = min(low, apart), max(high, apart)
                assert high - low <= Fraction(longest, weight) + Fraction(others_longest, other)


@FEWER
@given(contenders, arrivals)
def test_start_time_fair_queueing_under_churn(
    shape: list[tuple[int, int]], events: list[tuple[int, int, int, int]]
) -> None:
    """P4 of SFQ: W_i >= (w_i/Phi) W - [L_i + (w_i/Phi) sum of the other L_j] while i is backlogged."""
    queue = StartTimeFairQueueing([weight for weight, _ in shape])
    phi, total = sum(queue.weights), sum(longest for _, longest in shape)
    waits: list[list[int]] = [[] for _ in shape]
    served = [0] * len(shape)
    least: dict[int, Fraction] = {}
    for who, number, count, steps in events:
        who %= len(shape)
        if not waits[who]:
            queue.wake(who)
        waits[who] += [drawn(shape[who][1], number)] * count
        for _ in range(steps):
            backlogged = [i for i, waiting in enumerate(waits) if waiting]
            if not backlogged:
                break
            for i in backlogged:
                deficit = Fraction(queue.weights[i], phi) * sum(served) - served[i]
                least[i] = min(deficit, least.get(i, deficit))
            first = queue.choose(backlogged)
            size = waits[first].pop(0)
            queue.serve(first, size)
            served[first] += size
            for i in backlogged:
                part, longest = Fraction(queue.weights[i], phi), shape[i][1]
                assert part * sum(served) - served[i] - least[i] <= longest + part * (total - longest)
                if not waits[i]:
                    del least[i]


@FEWER
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 1000), st.integers(0, 100)), min_size=2, max_size=12))
def test_a_key_with_age_keeps_its_order(waiting: list[tuple[int, int, int]]) -> None:
    """P9: usage decays and heads age for all alike, so whoever is first stays first as time passes."""
    clock = ReferenceClock(1, 100, aging=Fraction(1, 7), pool=decay)
    for who, (came, usage, share) in enumerate(waiting, 1):
        clock.add_domain(who, share + 1)
        clock.domains[who].usage, clock.domains[who].tag = usage, Fraction(1)
        clock.now = came
        clock.submit(who, "u", who, 1)
        clock.domains[who].tag = Fraction(1)
    first = clock.choose()
    assert first is not None
    clock.now += 1_000_000
    later = clock.choose()
    assert later is not None
    assert first.job is later.job
    ages = {who: came for who, (came, _, _) in enumerate(waiting, 1)}
    keys = {who: clock.pool_key(Choice(clock.jobs[who], [clock.domains[who]], [2])) for who in ages}
    assert keys[first.leaf.domain_id] == min(keys.values())
