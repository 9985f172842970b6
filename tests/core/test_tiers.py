"""The two tiers, guarantees and caps through the real engine; and turns of users and jobs inside a domain."""

from __future__ import annotations

from collections import Counter
from itertools import count

import pytest

from meted.core.commands import ChangeDomain, ChangePriority, CreateDomain, OfferLoan, RecallLoan, SetRules
from meted.core.events import LoanMade, UnitsLeased
from meted.core.ids import JobId
from meted.core.limits import RUN_QUANTUM_US
from meted.core.policy.registry import POLICIES
from meted.core.resources import NOTHING, Resources
from meted.core.service import lag
from meted.core.state import Lease
from meted.core.tags import ENTITLED, GUARANTEED, LEVEL_BITS
from meted.core.usage import job_weight

from .helper import MS, SECOND, World, cpus
from .playing import Play


def serve(world: World, units: int, unit_us: int = SECOND) -> list[JobId]:
    """Run so many units on one slot, one after the other, and return their jobs in order."""
    served = []
    for _ in range(units):
        (lease,) = world.run_pass()
        served.append(lease.job_id)
        world.tick(unit_us)
        world.finish(lease.lease_id, run_us=unit_us)
    return served


def domain(
    world: World, name: str, parent: str = "", guarantee: Resources = NOTHING, cap: Resources | None = None
) -> None:
    """Create a domain of share 1."""
    world.do(CreateDomain(world.now_us, name, 1, cap, parent, guarantee))


# Shares


@pytest.mark.parametrize("alpha_milli", [1000, 750, 100])
def test_shares_of_one_two_and_five(world: World, alpha_milli: int) -> None:
    """Row P22: 12.5, 25 and 62.5 % of 10,000 units, to 2 %, however much of it is given by the pool."""
    world.do(SetRules(0, alpha_milli))
    world.worker()
    jobs = {}
    for share in (1, 2, 5):
        world.domain(f"d{share}", share)
        jobs[world.submit(f"d{share}", 10_000, time_request_us=SECOND)] = share
    served = Counter(jobs[job_id] for job_id in serve(world, 10_000))
    for share, units in served.items():
        assert abs(units / 10_000 - share / 8) <= 0.02


def test_a_domain_has_alpha_of_its_share_whatever_the_pool_does(world: World) -> None:
    """P6: with a pool that goes by submission alone the later domain has 3/4 of its half, less a unit or so."""
    world.do(SetRules(0, 750, pool="fifo"))
    world.worker()
    first, second = world.submit("a", 1000, time_request_us=SECOND), world.submit("b", 1000, time_request_us=SECOND)
    served = Counter(serve(world, 800))
    assert served[second] == pytest.approx(300, abs=2)
    assert served[first] == pytest.approx(500, abs=2)


@pytest.mark.parametrize(("others", "half_lives"), [(1, 1.0), (3, 2.0), (9, 3.322), (99, 6.644)])
def test_the_pool_alone_locks_out_for_so_many_half_lives(world: World, others: int, half_lives: float) -> None:
    """P8: who had all of the pool for long meets others, and waits h log2(1 / e) for more of it."""
    unit_us, half_life = RUN_QUANTUM_US, 100
    world.do(SetRules(0, 1, half_life * unit_us, None))
    world.worker()
    world.domain("hog", 1)
    world.domain("others", others)
    hog = world.submit("hog", 10_000, time_request_us=unit_us)
    serve(world, 14 * half_life, unit_us)
    begin = world.now_us
    world.submit("others", 10_000, time_request_us=unit_us)
    while True:
        (lease,) = world.run_pass()
        if lease.job_id == hog and not lease.charged & ENTITLED:
            break
        world.tick(unit_us)
        world.finish(lease.lease_id, run_us=unit_us)
    assert abs((world.now_us - begin) / unit_us - half_life * half_lives) <= 2


@pytest.mark.parametrize("alpha_milli", [1000, 750, 100])
def test_the_lag_that_is_shown_is_by_what_is_owed(world: World, alpha_milli: int) -> None:
    """It is g (V - S) with g = alpha e: of two units of others with three of four shares, a quarter times alpha."""
    world.do(SetRules(0, alpha_milli))
    worker, mine = world.worker(4), world.domain("mine", 1)
    world.domain("others", 3)
    world.submit("mine", 2, time_request_us=SECOND)
    world.lease(worker, world.submit("others", 2, time_request_us=SECOND), 2)
    assert lag(world.state, mine) == pytest.approx(2 * 1000 * SECOND * alpha_milli / 1000 / 4, abs=1)


def test_what_nobody_knows_anything_of_is_tried_soon(world: World) -> None:
    """It is ordered and charged as one run quantum, so it goes before what says that it takes longer."""
    world.worker(1)
    world.submit("known", time_request_us=2 * RUN_QUANTUM_US)
    unknown = world.submit("unknown", 5)
    (lease,) = world.run_pass()
    assert (lease.job_id, lease.count, lease.estimate_us) == (unknown, 1, RUN_QUANTUM_US)


# Several resources


@pytest.mark.parametrize("alpha_milli", [1000, 750, 500])
@pytest.mark.parametrize("first", ["A", "B"])
def test_a7_the_larger_part_of_two_resources_is_the_size(world: World, alpha_milli: int, first: str) -> None:
    """The example of dominant resource fairness: of 9 cpus and 18 GB three tasks of A and two of B, 2/3 for each."""
    gigabyte = 10**9
    world.do(SetRules(0, alpha_milli))
    world.worker(Resources(9000, 18 * gigabyte))
    asked = {"A": Resources(1000, 4 * gigabyte), "B": Resources(3000, gigabyte)}
    for name in sorted(asked, key=lambda name: name != first):
        world.submit(name, 10, request=asked[name], time_request_us=SECOND)
    leases = world.run_pass()
    names = {world.find_domain(name).domain_id: name for name in asked}
    assert Counter(names[world.job(lease.job_id).terms.domain_id] for lease in leases) == {"A": 3, "B": 2}
    assert all(lease.count == 1 for lease in leases)
    assert world.account("A").service == world.account("B").service == 6000 * SECOND


# Guarantees and caps


def fill(play: Play) -> None:
    """Let one domain take all of four slots, with units that end a second apart."""
    for took_s in (1, 2, 3, 4):
        play.submit(1, took_s * SECOND, domain="hog")
    play.run_pass()
    play.submit(1, 100 * SECOND, domain="hog", count=1000)


@pytest.mark.parametrize("parent", ["", "above"])
def test_who_holds_less_than_is_guaranteed_is_next(parent: str) -> None:
    """Before the clock and the pool, and at no cost to anybody's tag; a guarantee above covers whatever is inside."""
    play = Play("meted")
    world = play.world
    if parent:
        domain(world, parent)
    domain(world, "sure", parent)
    domain(world, "other")
    world.worker(4)
    ahead = play.submit(1, 10_000 * SECOND, domain="sure")
    world.finish(play.run_pass()[0].lease_id, run_us=10_000 * SECOND)
    play.ends.clear()
    fill(play)
    assert ahead in play.starts
    world.do(ChangeDomain(world.now_us, parent or "sure", 1, None, cpus(2)))
    play.submit(1, 50 * SECOND, domain="other", count=100)
    sure = play.submit(1, 50 * SECOND, domain="sure", count=100)
    jobs = world.state.jobs
    made: list[Lease] = []
    while len(made) < 4:
        made += play.run_pass()
        if len(made) == 2:
            assert world.state.jobs.clock == jobs.clock
        play.advance()
    assert [lease.job_id == sure for lease in made] == [True, True, False, False]
    level = 1 if parent else 0
    covered = [bool(lease.charged >> level * LEVEL_BITS & GUARANTEED) for lease in made]
    assert covered == [True, True, False, False]
    tags = {domain_id: account.tag for domain_id, account in jobs.accounts.items()}
    mine = world.find_domain("sure").domain_id
    assert world.state.jobs.accounts[mine].tag == tags[mine]
    assert world.state.jobs.accounts[mine].usage > jobs.accounts[mine].usage


def test_a_guarantee_is_of_what_it_names(world: World) -> None:
    """A guarantee of memory covers nobody who asks for none; one of cpus covers who asks for memory as well."""
    domain(world, "mem", guarantee=Resources(0, 10))
    domain(world, "cpu", guarantee=Resources(1000))
    world.worker(cpus(10, 100))
    for name in ("mem", "cpu"):
        world.submit(name, request=cpus(1), time_request_us=SECOND)
        world.submit(name, request=cpus(1, 6), time_request_us=SECOND)
        world.submit(name, request=cpus(1, 4), time_request_us=SECOND)
    covered = Counter(
        world.find_domain("mem").domain_id == world.job(lease.job_id).terms.domain_id
        for lease in world.run_pass()
        if lease.charged & GUARANTEED
    )
    assert covered == {True: 2, False: 1}


def test_a_guarantee_of_two_resources_covers_what_is_within_both(world: World) -> None:
    domain(world, "both", guarantee=cpus(2, 4))
    worker = world.worker(cpus(10, 100))
    jobs = [world.submit("both", request=cpus(*wanted), time_request_us=SECOND) for wanted in ((1, 5), (3, 1), (1, 4))]
    assert {lease.job_id for lease in world.run_pass() if lease.charged & GUARANTEED} == {jobs[2]}
    assert {lease.worker_id for lease in world.leases()} == {worker}


def test_a_guarantee_that_is_lent_covers_the_borrower_and_no_more_the_lender(world: World) -> None:
    domain(world, "lender", guarantee=cpus(3))
    domain(world, "borrower")
    made, _ = world.do(OfferLoan(world.now_us, "lender", "borrower", "cpu", 2000))
    world.worker(10)
    jobs = {world.submit(name, 5, time_request_us=SECOND): name for name in ("lender", "borrower")}

    def covered() -> Counter[str]:
        return Counter(jobs[lease.job_id] for lease in world.run_pass() if lease.charged & GUARANTEED)

    assert covered() == {"lender": 1, "borrower": 2}
    assert isinstance(made, LoanMade)
    world.do(RecallLoan(world.now_us, made.loan_id))
    for lease in world.leases():
        world.finish(lease.lease_id)
    jobs |= {world.submit(name, 5, time_request_us=SECOND): name for name in ("lender", "borrower")}
    assert covered() == {"lender": 3}


def test_of_several_requests_what_a_guarantee_covers_goes_first_though_another_is_next_at_home(world: World) -> None:
    """What is not covered has to wait for the domain's turn, and keeps what is covered from nothing."""
    domain(world, "sure", guarantee=cpus(1))
    world.domain("other", 1000)
    worker = world.worker(6)
    world.finish(world.lease(worker, world.submit("sure", time_request_us=900 * SECOND), 1), run_us=900 * SECOND)
    wide = world.submit("sure", request=cpus(2), time_request_us=SECOND)
    covered = world.submit("sure", 2, time_request_us=2 * SECOND)
    others = world.submit("other", 9, time_request_us=SECOND)
    assert wide < covered, "it is next at home"
    leases = world.run_pass()
    assert [lease.job_id for lease in leases[:2]] == [covered, others]
    assert [bool(lease.charged & GUARANTEED) for lease in leases] == [True] + [False] * (len(leases) - 1)


@pytest.mark.parametrize("mem", [0, 4])
def test_of_those_whom_a_guarantee_covers_the_earlier_deadline_goes_first_whatever_they_ask_for(
    world: World, mem: int
) -> None:
    """Not the earlier start: who had a little and asks for a little goes before who had none and asks for more."""
    for name in ("short", "long"):
        domain(world, name, guarantee=cpus(1, 8))
    worker = world.worker(cpus(2, 8))
    hog = world.lease(worker, world.submit("hog", time_request_us=9 * SECOND))
    first = world.lease(worker, world.submit("short", time_request_us=SECOND))
    long = world.submit("long", request=cpus(1, mem), time_request_us=100 * SECOND)
    short = world.submit("short", time_request_us=SECOND)
    assert world.account("long").tag < world.account("short").tag
    served = []
    for lease_id in (first, hog):
        world.finish(lease_id)
        served += [lease.job_id for lease in world.run_pass()]
    assert served == [short, long]


def test_a_cap_above_holds_for_all_that_is_inside(world: World) -> None:
    domain(world, "top", cap=cpus(3))
    domain(world, "inner", "top", cap=cpus(2))
    for name, parent in (("x", "inner"), ("y", "inner"), ("z", "top")):
        domain(world, name, parent)
    world.worker(10)
    jobs = {world.submit(name, 10, time_request_us=SECOND): name for name in "xyz"}
    assert Counter(jobs[lease.job_id] for lease in world.run_pass()) == {"x": 1, "y": 1, "z": 1}
    for _ in range(8):
        world.finish(world.leases()[0].lease_id)
        world.run_pass()
        held = Counter(jobs[lease.job_id] for lease in world.leases())
        assert held.total() == 3
        assert held["x"] + held["y"] <= 2


def test_a_tree_shares_level_by_level(world: World) -> None:
    """Half and half at the top; inside one of them one to three."""
    world.do(SetRules(0, 1000))
    world.worker()
    domain(world, "left")
    world.do(CreateDomain(0, "l1", 1, None, "left"))
    world.do(CreateDomain(0, "l3", 3, None, "left"))
    domain(world, "right")
    jobs = {world.submit(name, 1000, time_request_us=SECOND): name for name in ("l1", "l3", "right")}
    served = Counter(jobs[job_id] for job_id in serve(world, 800))
    assert served == {"l1": 100, "l3": 300, "right": 400}


# Inside a domain


def test_jobs_of_one_user_share_by_priority(world: World) -> None:
    """Row P22: priorities 0, 1, 2 are weights 1 : 2 : 4."""
    world.worker()
    jobs = [world.submit("d", 10_000, time_request_us=SECOND, priority=priority) for priority in range(3)]
    served = Counter(serve(world, 7_000))
    assert [served[job_id] for job_id in jobs] == pytest.approx([1000, 2000, 4000], abs=2)


def test_users_take_turns_whatever_they_have_submitted(world: World) -> None:
    """Row P26: of ten jobs and of one, the user has the same."""
    world.worker()
    for _ in range(10):
        world.submit("d", 1000, user="many", time_request_us=SECOND)
    one = world.submit("d", 1000, user="one", time_request_us=SECOND)
    served = serve(world, 1000)
    for end in range(0, 1000, 10):
        assert abs(2 * served[:end].count(one) - end) <= 2


def test_every_job_starts_early(world: World) -> None:
    """Row P25: the first unit of each job within as many units as there are jobs, of whoever came before, too."""
    world.worker()
    jobs = [world.submit("d", 1000, time_request_us=SECOND) for _ in range(20)]
    assert set(serve(world, 20)) == set(jobs)
    serve(world, 333)
    late = world.submit("d", 1000, time_request_us=SECOND)
    assert late in serve(world, 21)


def test_a_job_of_low_priority_goes_on_beside_high_ones(world: World) -> None:
    """Row P23: its gap is bounded by the sum of the weights over its own."""
    world.worker()
    low = world.submit("d", 1000, time_request_us=SECOND, priority=-2)
    for _ in range(3):
        world.submit("d", 10_000, time_request_us=SECOND, priority=2)
    places = [at for at, job_id in enumerate(serve(world, 500)) if job_id == low]
    weights = job_weight(-2) + 3 * job_weight(2)
    gaps = [after - before for before, after in zip([0, *places], places, strict=False)]
    assert len(places) >= 9
    assert max(gaps) <= weights / job_weight(-2) + 3


def test_of_jobs_of_one_unit_the_urgent_go_ahead_of_those_shortly_before(world: World) -> None:
    world.worker()
    plain = [world.submit("d", time_request_us=SECOND) for _ in range(5)]
    urgent = world.submit("d", time_request_us=SECOND, priority=3)
    low = world.submit("d", time_request_us=SECOND, priority=-1)
    last = world.submit("d", time_request_us=SECOND)
    assert serve(world, 8) == [urgent, *plain, last, low]


def test_an_endless_stream_of_urgent_jobs_does_not_starve_the_others(world: World) -> None:
    """One more urgent job each time that one is served: the plain one is served after some 2**5 of them."""
    world.worker()
    plain = world.submit("d", time_request_us=SECOND)
    for served in count():
        world.submit("d", time_request_us=SECOND, priority=5)
        if serve(world, 1) == [plain]:
            break
        assert served < 70
    assert served > 5


def test_another_priority_keeps_what_a_job_is_owed(world: World) -> None:
    """What it is owed, w (V - F), stays, and from then on it goes by the new weight."""
    world.worker()
    jobs = [world.submit("d", 10_000, time_request_us=SECOND) for _ in range(3)]
    serve(world, 100)

    def owed(job_id: JobId) -> int:
        user = world.account().users[""]
        ends = world.job(job_id).tag + 1000 * SECOND
        return job_weight(world.job(job_id).terms.priority) * (user.clock - user.debt - ends)

    before = [owed(job_id) for job_id in jobs]
    world.do(ChangePriority(world.now_us, jobs[1], 1))
    assert world.job(jobs[1]).terms.priority == 1
    assert world.account().users[""].weight == 4 * 1024
    assert 0 <= owed(jobs[1]) - before[1] < 2 * 1024
    assert [owed(jobs[0]), owed(jobs[2])] == [before[0], before[2]]
    served = Counter(serve(world, 400))
    assert [served[job_id] for job_id in jobs] == pytest.approx([100, 200, 100], abs=2)
    assert world.do(ChangePriority(world.now_us, jobs[1], 1)) == ()


def test_what_a_unit_really_took_is_set_right_by_the_priority_that_it_was_leased_with(world: World) -> None:
    """A higher priority meanwhile makes what was charged before no cheaper, and a unit that comes back no dearer."""
    worker = world.worker(4)
    jobs = [world.submit("d", 10, time_request_us=SECOND) for _ in range(2)]
    leases = [world.lease(worker, jobs[0]) for _ in range(2)]
    world.do(ChangePriority(world.now_us, jobs[0], 3))
    before = world.job(jobs[0]).tag
    world.finish(leases[0], run_us=3 * SECOND)
    assert world.job(jobs[0]).tag - before == 2 * SECOND * 1000
    world.give_back(leases[1])
    assert world.job(jobs[0]).tag - before == SECOND * 1000


def places(world: World) -> list[JobId]:
    """Let all that waits run on one slot, and return the jobs in the order in which they were served."""
    return serve(world, sum(job.terms.count - job.next_index for job in world.engine.state.jobs.jobs.values()))


@pytest.mark.parametrize("ran_us", [SECOND, SECOND // 10])
@pytest.mark.parametrize("steps", [-10, -2, -1, 1, 2, 10])
def test_another_priority_of_a_new_job_is_as_if_it_had_come_with_it(steps: int, ran_us: int) -> None:
    """Also where units took less than was asked for, and so the clock of the user's jobs stands still for a while."""
    orders = []
    for is_later in (True, False):
        world = World()
        world.worker()
        for _ in range(40):
            world.submit("d", time_request_us=SECOND)
        serve(world, 10, ran_us)
        changed = world.submit("d", time_request_us=SECOND, priority=0 if is_later else steps)
        if is_later:
            world.do(ChangePriority(world.now_us, changed, steps))
        orders.append((world.job(changed).tag, places(world).index(changed)))
    assert orders[0] == orders[1]


@pytest.mark.parametrize("ran_us", [SECOND, SECOND // 10])
@pytest.mark.parametrize("place", [0, 1, 10, 19])
def test_a_higher_priority_never_brings_a_waiting_job_back_nor_a_lower_one_forward(place: int, ran_us: int) -> None:
    found = {}
    for steps in (-10, -2, 0, 2, 10):
        world = World()
        world.worker()
        jobs = [world.submit("d", time_request_us=SECOND) for _ in range(30)]
        serve(world, 10, ran_us)
        world.do(ChangePriority(world.now_us, jobs[10 + place], steps))
        found[steps] = places(world).index(jobs[10 + place])
    assert found[0] == place
    assert found[10] <= found[2] <= place <= found[-2] <= found[-10]


@pytest.mark.parametrize("steps", [-3, -1, 1, 3])
def test_another_priority_of_a_job_that_is_overdue_leaves_it_where_it_is(world: World, steps: int) -> None:
    """What it is owed would bring it back with a higher priority, and forward with a lower one."""
    worker = world.worker(20)
    late, other = (world.submit("d", 20, time_request_us=SECOND) for _ in range(2))
    world.lease(worker, other, 15)
    user, tag = world.account().users[""], world.job(late).tag
    assert user.clock - user.debt > tag + 1000 * SECOND, "it is overdue"
    world.do(ChangePriority(world.now_us, late, steps))
    assert world.job(late).tag == tag


def test_short_units_go_in_runs_within_their_turns(world: World) -> None:
    """Jobs of units of 10 ms and of 100 ms have the same time each."""
    world.worker()
    short = world.submit("d", 100_000, time_request_us=10 * MS)
    world.submit("d", 10_000, time_request_us=100 * MS)
    for _ in range(200):
        (lease,) = world.run_pass()
        world.tick(lease.count * lease.estimate_us)
        world.finish(lease.lease_id, run_us=lease.estimate_us)
    leased = [event for event in world.log if isinstance(event, UnitsLeased)]
    mine_us = sum(event.count * event.estimate_us for event in leased if event.job_id == short)
    assert abs(mine_us - 200 * RUN_QUANTUM_US // 2) <= RUN_QUANTUM_US


@pytest.mark.parametrize("policy", sorted(POLICIES))
@pytest.mark.parametrize("user", ["", "other"])
def test_who_asks_for_longer_than_any_worker_lives_keeps_nobody_back(policy: str, user: str) -> None:
    """P7: a unit of the same domain and request behind it, of the same user or another, has the slot that is free."""
    with World(policy) as world:
        world.worker(1, until_us=100 * SECOND)
        world.submit("d", time_request_us=101 * SECOND)
        world.submit("d", time_request_us=3600 * SECOND, user=user)
        short = world.submit("d", 2, time_request_us=50 * SECOND, user=user)
        for _ in range(2):
            (lease,) = world.run_pass()
            assert lease.job_id == short
            world.tick(50 * SECOND)
            world.finish(lease.lease_id, run_us=50 * SECOND)
        world.worker(1)
        assert len(world.run_pass()) == 1
