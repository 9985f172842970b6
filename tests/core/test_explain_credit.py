"""What ``explain`` says of credit: who paid to go before, what a point would cost, and what it would bring.

All of it is tried: the units told of are those that start first, and each promise is kept once the point is bought.
"""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from meted.core.commands import CreateDomain, OpenCredit, SetRules
from meted.core.ids import JobId
from meted.core.policy import paid, race
from meted.core.tags import ENTITLED

from .helper import SECOND, cpus, examples
from .test_nice import Market

HALF_HOUR = 1_800 * SECOND
CREDIT_MC = 1_000_000
YEAR_US = 31_536_000 * SECOND


def market(*names: str, pool: str = "decay", alpha_milli: int = 1) -> Market:
    """Return a machine for one unit and domains with credit; nearly all of it is pool, if not said otherwise.

    A name with a slash is that of a domain inside another.
    """
    made = Market(slots=1, income="funded")
    made.do(SetRules(0, alpha_milli=alpha_milli, aging_us=None, pool=pool, half_life_us=YEAR_US))
    for name in names:
        made.do(CreateDomain(0, name, 1000, parent=name.rpartition("/")[0]))
        made.grant(name, CREDIT_MC)
    return made


def submit(made: Market, domain: str, count: int, user: str = "", priority: int = 0) -> JobId:
    """Submit a job of units of half an hour."""
    return made.submit(domain, count, user=user, priority=priority, time_request_us=HALF_HOUR)


def said(made: Market, job_id: JobId) -> str:
    """Return what is said of who is ahead of a job."""
    sentences = made.engine.index.ahead_of(job_id)
    assert sentences.endswith(".")
    return sentences


def go_on(made: Market) -> JobId:
    """Let what runs end, and return of which job the next unit is."""
    made.tick(HALF_HOUR)
    for lease in made.leases():
        made.finish(lease.lease_id, run_us=HALF_HOUR)
    (started,) = made.run_pass()
    return started.job_id


def used(made: Market, units: int) -> None:
    """Let so many units run and one more start, after which all wait for the pool."""
    for _ in range(units):
        go_on(made)


def paid_for(sentences: str) -> dict[int, int]:
    """Return how many units ahead were paid for, by points."""
    found = re.search(r"\. (\d+) units? ahead of it w(?:as|ere) paid for at \+(\d+)((?:, \d+ at \+\d+)*)\.", sentences)
    if found is None:
        assert "paid for at" not in sentences
        return {}
    more = re.findall(r", (\d+) at \+(\d+)", found[3])
    return {int(points): int(units) for units, points in [(found[1], found[2]), *more]}


def started_before(made: Market, mine: JobId) -> dict[int, int]:
    """Let all go on until a unit of a job starts, and return how many with points did before, by points."""
    counted: dict[int, int] = {}
    while (job_id := go_on(made)) != mine:
        points = made.job(job_id).points
        if points > 0:
            counted[points] = counted.get(points, 0) + 1
    return dict(sorted(counted.items()))


@pytest.mark.parametrize(
    ("points", "units", "hours", "told"),
    [
        ({}, 40, None, {}),
        ({"c": 1}, 2, None, {1: 2}),  # all that there are
        ({"c": 1}, 40, None, {1: 4}),  # then its domain has used as much
        ({"c": 2}, 40, None, {2: 12}),
        ({"b": 2, "c": 1}, 40, None, {1: 4, 2: 12}),
        ({"b": 1, "c": 1}, 2, None, {1: 4}),
        ({"c": 2}, 40, 2, {2: 4}),  # it said that two cpu-hours were enough
        ({"a": 1}, 40, None, {}),
        ({"a": 3, "c": 1}, 40, None, {}),
        ({"c": -1}, 40, None, {}),
    ],
)
def test_units_of_other_domains_that_were_paid_for_are_counted(
    points: dict[str, int], units: int, hours: int | None, told: dict[int, int]
) -> None:
    """Row P03: as many are told of as start before, in the pool."""
    made = market(*"abc")
    jobs = {name: submit(made, name, 4 + units) for name in "abc"}
    made.run_pass()
    used(made, 11)
    assert [made.job(job_id).pending_count for job_id in jobs.values()] == [units] * 3
    for name, number in points.items():
        made.nice(jobs[name], number, hours)
    found = paid_for(said(made, jobs["a"]))
    assert (found, started_before(made, jobs["a"])) == (told, told)


@pytest.mark.parametrize(("alpha_milli", "told"), [(1, {1: 14}), (500, {1: 2}), (750, {1: 1})])
def test_units_count_until_its_domain_is_owed_its_turn(alpha_milli: int, told: dict[int, int]) -> None:
    made = market("a", "c", alpha_milli=alpha_milli)
    mine, other = submit(made, "a", 40), submit(made, "c", 40)
    made.run_pass()
    used(made, 24)
    made.nice(other, 1)
    while not ("'a' (in the pool" in said(made, mine) and "'c' (in the pool" in said(made, mine)):
        go_on(made)
    assert paid_for(said(made, mine)) == told
    assert started_before(made, mine) == told


UNIT_US = {"a": 1_800 * SECOND, "b": 1_733 * SECOND, "c": 1_871 * SECOND, "d": 1_907 * SECOND}
"""Of lengths that have nothing in common, so that no two domains are ever even."""


def by_pool(made: Market) -> tuple[JobId, bool]:
    """Let what runs end as was said, and return of which job the next unit is, and whether it came from the pool."""
    (lease,) = made.leases()
    made.tick(lease.estimate_us)
    made.finish(lease.lease_id, run_us=lease.estimate_us)
    (started,) = made.run_pass()
    return started.job_id, not started.charged & ENTITLED


@examples(60)
@given(
    st.lists(st.tuples(st.sampled_from((0, 0, 1, 2, 3)), st.sampled_from((1, 2, 5))), min_size=2, max_size=4),
    st.sampled_from((1, 250, 500, 750, 1000)),
    st.sampled_from(("all", "pool")),
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 6)),
    st.integers(1, 30),
)
def test_units_from_the_pool_count_of_who_is_owed_something_first_as_well(
    domains: list[tuple[int, int]], alpha_milli: int, usage: str, units: tuple[int, int, int], count: int
) -> None:
    """Exactly as many as start from the pool before, whoever is owed some of what comes in between, or is by then."""
    made = Market(slots=1, income="funded")
    with made:
        made.do(SetRules(0, alpha_milli, 200 * YEAR_US, None, "decay", usage))
        names = "abcd"[: len(domains)]
        for name, (_, share) in zip(names, domains, strict=True):
            made.do(CreateDomain(0, name, share))
            made.grant(name, CREDIT_MC)
        jobs = {}
        for name, before in (("b", units[0]), ("a", units[1]), ("c", 0), ("d", units[2])):
            if name in names:
                jobs[name] = made.submit(name, 60 + count if name == "a" else 30 + count, time_request_us=UNIT_US[name])
                made.run_pass()
                for _ in range(before):
                    by_pool(made)
        for name, (points, _) in zip(names, domains, strict=True):
            if points and name != "a":
                made.nice(jobs[name], points, 50)  # more than it takes: fees are rounded, and the last may not be paid
        sentences = said(made, jobs["a"])
        assume("Ahead of its domain 'a' (in the pool" in sentences)
        told, started = paid_for(sentences), Counter[int]()
        while (start := by_pool(made))[0] != jobs["a"]:
            started[made.job(start[0]).points] += start[1]
        assert told == {points: number for points, number in started.items() if points > 0 and number}


def test_of_more_runs_than_are_looked_at_it_is_told_that_there_are_more(monkeypatch: pytest.MonkeyPatch) -> None:
    made = market("a", "c")
    jobs = {name: submit(made, name, 44) for name in "ac"}
    made.run_pass()
    used(made, 7)
    made.nice(jobs["c"], 1)
    assert ". 4 units ahead of it were paid for at +1." in said(made, jobs["a"])
    monkeypatch.setattr(race, "RACE_RUNS_MAX", 3)
    monkeypatch.setattr(paid, "RACE_RUNS_MAX", 3)
    assert ". At least 3 units ahead of it were paid for at +1." in said(made, jobs["a"])


def test_jobs_of_one_domain_count_as_usage_together() -> None:
    made = market("a", "c")
    jobs = [submit(made, name, 4 + units) for name, units in (("a", 40), ("c", 0), ("c", 40), ("c", 40))]
    made.run_pass()
    used(made, 7)
    for job_id in jobs[2:]:
        made.nice(job_id, 1)
    before = sum(made.job(job_id).pending_count for job_id in jobs[2:])
    told = paid_for(said(made, jobs[0]))
    assert told == started_before(made, jobs[0])
    assert 0 < told[1] < before


@pytest.mark.parametrize("name", ["c", "c/x"])
def test_in_domains_inside_others_they_count_where_these_stand(name: str) -> None:
    made = market("a", "c", name) if name != "c" else market("a", "c")
    jobs = [submit(made, "a", 44), submit(made, name, 44)]
    made.run_pass()
    used(made, 7)
    assert [made.job(job_id).pending_count for job_id in jobs] == [40, 40]
    made.nice(jobs[1], 1)
    assert paid_for(said(made, jobs[0])) == started_before(made, jobs[0]) == {1: 4}


@pytest.mark.parametrize(("pool", "told"), [("decay", True), ("fifo", False), ("karma", False)])
def test_only_where_priority_counts_in_the_pool(pool: str, told: bool) -> None:
    made = market("a", "c", pool=pool)
    other = submit(made, "c", 40)
    made.tick(SECOND)
    mine = submit(made, "a", 40)
    made.run_pass()
    used(made, 6)
    made.grant("c", CREDIT_MC)  # the richest
    made.nice(other, 1)
    sentences = said(made, mine)
    assert "Ahead of its domain 'a'" in sentences
    assert bool(paid_for(sentences)) is told
    assert ("a higher priority would bring it forward" in sentences) is told
    assert ("bring it before nobody in this pool" in sentences) is not told


def test_who_is_owed_it_comes_before_without_having_paid() -> None:
    made = market("a", "c", alpha_milli=1000)
    submit(made, "a", 40)
    made.run_pass()
    made.nice(submit(made, "c", 40), 1)
    sentences = said(made, JobId(1))
    assert "'c' (owed" in sentences
    assert paid_for(sentences) == {}


@pytest.mark.parametrize(
    ("bought", "told"), [((0, 0), {}), ((1, 0), {1: 2}), ((2, 0), {2: 4}), ((1, 2), {1: 2, 2: 4}), ((10, 0), {10: 40})]
)
def test_units_of_the_same_user_that_were_paid_for_are_counted(bought: tuple[int, int], told: dict[int, int]) -> None:
    """Row P03: a job of more weight has more turns before the next unit of another."""
    made = market("a", "b")
    submit(made, "b", 1)
    made.run_pass()
    *others, mine = (submit(made, "a", 40, "ann") for _ in range(3))
    for job_id, points in zip(others, bought, strict=True):
        if points:
            made.nice(job_id, points)
    assert f"Job {others[0]} of the same user" in said(made, mine) or bought[1] > bought[0]
    assert paid_for(said(made, mine)) == told
    assert started_before(made, mine) == told


def test_of_many_who_have_paid_some_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    made = market("a", "b")
    submit(made, "b", 1)
    made.run_pass()
    others = [submit(made, "a", 1) for _ in range(6)]
    mine = submit(made, "a", 1)
    for job_id in others:
        made.nice(job_id, 1)
    assert "6 units ahead of it were paid for at +1." in said(made, mine)
    monkeypatch.setattr(paid, "PAID_JOBS_EXAMINED_MAX", 6)
    assert ". 6 units ahead of it were paid for at +1." in said(made, mine)
    monkeypatch.setattr(paid, "PAID_JOBS_EXAMINED_MAX", 5)
    assert ". At least 5 units ahead of it were paid for at +1." in said(made, mine)


def test_what_does_not_wait_for_its_turn_is_not_ahead() -> None:
    made = market("a")
    failing = made.submit("a", 2, retries=1, backoff_us=4 * HALF_HOUR, time_request_us=HALF_HOUR)
    large = made.submit("a", 1, request=cpus(2), time_request_us=HALF_HOUR)
    held = made.submit("a", 1, hold=True, time_request_us=HALF_HOUR)
    for job_id in (failing, large, held):
        made.nice(job_id, 9, 10)
    (lease,) = made.run_pass()
    assert lease.job_id == failing
    mine = submit(made, "a", 1)
    assert paid_for(said(made, mine)) == {9: 1}  # the other one runs
    made.finish(lease.lease_id, exits=((0, 1),), run_us=HALF_HOUR)
    assert made.job(failing).pending_count == 2
    assert paid_for(said(made, mine)) == {9: 1}  # it backs off


def test_what_a_point_costs_is_said_wherever_a_job_waits() -> None:
    """Of a job that is next, one that is owed its turn, and those behind others of their user and of another."""
    made = market("a", "b", "c", alpha_milli=1000)
    submit(made, "c", 1, "ann")
    made.run_pass()
    costs = "One more point (+1) would cost 0.5 credits for the rest of it, and "
    late = submit(made, "b", 1)
    first = submit(made, "a", 1, "ann")
    behind, far_behind = submit(made, "a", 1, "ann"), submit(made, "a", 1, "ann", priority=-2)
    even = submit(made, "a", 1, "ben")  # neither has had any
    for job_id, facts in (
        (first, ("is next (owed", f"{costs}bring its next unit no earlier.")),
        (late, ("It is owed this", f"{costs}change nothing before it waits for the pool.")),
        (behind, (f"Job {first} of the same user", f"{costs}bring it before job {first}.")),
        (far_behind, (f"Job {first} of the same user", f"{costs}not bring it before job {first} yet.")),
        (even, (f"Job {first} of the same domain", f"{costs}bring it before job {first}.")),
    ):
        for fact in facts:
            assert fact in said(made, job_id)
    assert go_on(made) == first
    assert f"Job {even} of the same domain" in said(made, behind)
    assert f"{costs}change nothing between users." in said(made, behind)
    assert "would cost 1 credit for each cpu-hour of it, and change" in said(made, made.submit("a", user="ann"))


def test_who_pays_for_nothing_is_told_of_no_price() -> None:
    made = market("a", "b")
    made.domain("free")
    made.domain("unlimited")
    made.do(OpenCredit(made.now_us, "unlimited", unlimited=True))
    submit(made, "b", 1)
    made.run_pass()
    for name in ("free", "unlimited"):
        submit(made, name, 1, "ann", priority=1)
        for user in ("ann", "ben"):
            sentences = said(made, submit(made, name, 1, user))
            assert "would cost" not in sentences
            assert "a higher priority would let this one start earlier." in sentences or user == "ben"


def test_of_points_that_were_sold_no_price_is_said() -> None:
    made = market("a", "b")
    submit(made, "b", 1)
    made.run_pass()
    submit(made, "a", 1)
    mine = submit(made, "a", 1)
    made.nice(mine, -2)
    assert said(made, mine).endswith(" 2 points of it were sold, so it is served from the pool alone.")


def standing(sentences: str) -> tuple[str | None, tuple[str, ...]]:
    """Return which job of its domain goes before a job, or else which domains do."""
    found = re.match(r"Job (\d+) of the same", sentences)
    if found:
        return found[1], ()
    return None, tuple(re.findall(r"('[^']*') \(", sentences)[1:])


PROMISE = re.compile(
    r" One more point \(\+1\) would cost ([\d.]+) credits? for the rest of it, and (?:"
    r"(?P<next>bring its next unit no earlier)|(?P<owed>change nothing before it waits for the pool)|"
    r"(?P<users>change nothing between users)|(?P<nobody>bring it before nobody in this pool)|"
    r"(?P<none>bring it before none of these yet)|not bring it before job (?P<not_job>\d+) yet|"
    r"bring it before job (?P<job>\d+)|bring it before (?P<domains>'.*'))\.$"
)

DOMAINS = "a", "b", "c", "g/x", "g/y"


def keep(kind: str, value: str, before: str, after: str) -> None:
    """Expect that what was promised of a point is so once it is bought."""
    (job, ahead), (job_after, ahead_after) = standing(before), standing(after)
    match kind:
        case "next":
            assert (job, ahead) == (None, ())
        case "owed" | "none" | "not_job" | "users":
            assert (job_after, ahead_after) == (job, ahead)
        case "nobody":
            assert set(ahead_after) >= set(ahead)
        case "job":
            assert (job, job_after) == (value, None)
        case _:
            passed = value.split(", ")
            left = tuple(who for who in ahead if who not in passed)
            # Once it is next of its siblings, it is told of those beside what it is in.
            assert ahead_after == left if left else not {*ahead_after} & {*passed}


JOBS = st.tuples(st.sampled_from(DOMAINS), st.sampled_from("uv"), st.integers(-2, 2), st.sampled_from([0, 0, 1, 2, -1]))


@examples(200)
@given(
    st.lists(JOBS, min_size=2, max_size=10),
    st.integers(0, 9),
    st.integers(0, 12),
    st.sampled_from(["decay", "decay", "decay", "fifo", "karma"]),
    st.sampled_from([1, 1, 750, 1000]),
)
def test_what_a_point_is_said_to_bring_it_brings(
    jobs: list[tuple[str, str, int, int]], chosen: int, units: int, pool: str, alpha_milli: int
) -> None:
    """Row P03: the price is what is charged, and the order afterwards is as was said."""
    made = market("a", "b", "c", "g", "g/x", "g/y", pool=pool, alpha_milli=alpha_milli)
    with made:
        for domain, user, priority, points in jobs:
            job_id = submit(made, domain, 4, user, priority)
            if points:
                made.nice(job_id, points)
        made.run_pass()
        for _ in range(min(units, 4 * len(jobs) - 2)):
            go_on(made)
        waiting = [job for _, job in sorted(made.state.jobs.jobs.items()) if job.is_backlogged]
        job = waiting[chosen % len(waiting)]
        before = said(made, job.job_id)
        if job.points < 0:
            assert "sold, so it is served from the pool alone." in before
            return
        found = PROMISE.search(before)
        assert found is not None, before
        assert found.lastgroup is not None
        was_mc = made.purse(job.job_id) if job.job_id in made.state.ledger.of_job else 0
        made.nice(job.job_id, 1)
        assert made.purse(job.job_id) - was_mc == round(1000 * float(found[1]))
        keep(found.lastgroup, found[found.lastgroup], before, said(made, job.job_id))
