"""What programs ask about jobs, and who a client says it is (rows P14, P15, G05)."""

from __future__ import annotations

from typing import Any

import pytest

from meted.core.commands import DeleteJob, RerunUnits
from meted.core.errors import Reason, Refused
from meted.core.ids import JobId
from meted.core.limits import TIME_MAX_US
from meted.core.queries import failure_reason, find_jobs, is_over, is_running, is_running_or_over, job_state
from meted.core.usertag import usertag

from .helper import SECOND, World


def make(world: World, wanted: str) -> JobId:
    """Make a job of a state."""
    job = world.submit(hold=wanted == "held", count=2)
    if wanted == "cancelled":
        world.cancel(job)
    if wanted in ("running", "succeeded", "failed", "stopping", "between"):
        lease = world.lease(world.worker(), job, 1 if wanted == "between" else 2)
        if wanted == "stopping":
            world.cancel(job)
        elif wanted != "running":
            world.finish(lease, exits=((0, 1),) if wanted == "failed" else ())
    return job


@pytest.mark.parametrize(
    ("wanted", "state", "running", "over"),
    [
        ("held", "held", False, False),
        ("pending", "pending", False, False),
        ("running", "running", True, False),
        ("between", "pending", False, False),
        ("stopping", "running", True, False),
        ("succeeded", "succeeded", False, True),
        ("failed", "failed", False, True),
        ("cancelled", "cancelled", False, True),
    ],
)
def test_every_state_of_a_job(world: World, wanted: str, state: str, running: bool, over: bool) -> None:
    """Row G05, the table of truth."""
    job = make(world, wanted)
    assert job_state(world.state, world.job(job)) == state
    assert (is_running(world.state, job), is_over(world.state, job)) == (running, over)
    assert is_running_or_over(world.state, job) == (running or over)
    assert (failure_reason(world.job(job)) is not None) == (state == "failed")


def test_an_unknown_job_neither_runs_nor_is_over(world: World) -> None:
    """Row G05."""
    job = make(world, "succeeded")
    world.do(DeleteJob(0, job))
    for unknown in (job, JobId(99), JobId(0), JobId(-1)):
        assert not is_running(world.state, unknown)
        assert not is_over(world.state, unknown)
        assert not is_running_or_over(world.state, unknown)


def test_jobs_are_found_by_what_is_stamped_on_them(world: World) -> None:
    """Row P15: by user, service and any string."""
    ada = world.submit(user="ada", name="sweep", tags=(("service", "mc"), ("start", "1700000000")))
    bob = world.submit(user="bob", name="sweep", tags=(("service", "mc"), ("note", "a free string, with é")))
    assert [job.job_id for job in find_jobs(world.state, service="mc")] == [ada, bob]
    assert [job.job_id for job in find_jobs(world.state, user="ada")] == [ada]
    assert [job.job_id for job in find_jobs(world.state, name="sweep", user="bob")] == [bob]
    assert [job.job_id for job in find_jobs(world.state, start="1700000000")] == [ada]
    assert [job.job_id for job in find_jobs(world.state, note="a free string, with é")] == [bob]
    assert [job.job_id for job in find_jobs(world.state)] == [ada, bob]
    assert not list(find_jobs(world.state, service="mc", user="eve"))
    assert not list(find_jobs(world.state, missing=""))


def test_jobs_are_found_by_when_they_were_submitted(world: World) -> None:
    """Row P15: the first time is one of them, the last is not."""
    early = world.submit(user="ada")
    world.now_us += SECOND
    middle_us = world.now_us
    middle, second = world.submit(user="ada"), world.submit(user="bob")
    world.now_us += SECOND
    late = world.submit(user="ada")

    def found(since_us: int | None, until_us: int | None, **tags: str) -> list[JobId]:
        return [job.job_id for job in find_jobs(world.state, since_us, until_us, **tags)]

    assert found(None, None) == [early, middle, second, late]
    assert found(middle_us, None) == [middle, second, late]
    assert found(None, middle_us) == [early]
    assert found(middle_us, middle_us + 1) == [middle, second]
    assert found(middle_us + 1, middle_us + SECOND) == []
    assert found(middle_us, middle_us) == []
    assert found(0, TIME_MAX_US) == found(None, None)
    assert found(middle_us, None, user="ada") == [middle, late]
    world.cancel(early)
    world.do(RerunUnits(world.now_us, early, False, True))
    assert found(None, middle_us) == [early], "it was submitted once"


def test_a_clock_that_is_set_back_makes_no_job_older_than_the_one_before(world: World) -> None:
    """So submission times ascend with ids."""
    first = world.submit()
    before_us, world.now_us = world.now_us, 0
    second = world.submit()
    assert [job.job_id for job in find_jobs(world.state, before_us)] == [first, second]


@pytest.mark.parametrize(
    ("since_us", "until_us", "reason", "sentence"),
    [
        (2, 1, Reason.OUT_OF_RANGE, "since_us (2) is later than until_us (1); give the earlier time first."),
        (-1, None, Reason.OUT_OF_RANGE, f"since_us must be between 0 and {TIME_MAX_US}, not -1."),
        (
            None,
            TIME_MAX_US + 1,
            Reason.OUT_OF_RANGE,
            f"until_us must be between 0 and {TIME_MAX_US}, not {TIME_MAX_US + 1}.",
        ),
        ("yesterday", None, Reason.BAD_TYPE, "since_us must be a whole number, not str."),
        (None, True, Reason.BAD_TYPE, "until_us must be a whole number, not bool."),
    ],
)
def test_times_that_are_none_are_refused(
    world: World, since_us: Any, until_us: Any, reason: Reason, sentence: str
) -> None:
    with pytest.raises(Refused) as refused:
        list(find_jobs(world.state, since_us, until_us))
    assert (refused.value.reason, refused.value.sentence) == (reason, sentence)


def test_a_tag_may_have_any_name(world: World) -> None:
    job = world.submit(tags=(("self", "s"), ("since_us", "draft"), ("state", "draft")))
    world.submit()
    assert [job.job_id for job in find_jobs(world.state, state="draft", since_us="draft", self="s")] == [job]


ALL = {"METED_TAG": "tag", "METED_MAIL": "mail@host", "LOGNAME": "log", "USERNAME": "name"}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (ALL, "tag"),
        (ALL | {"METED_TAG": ""}, "mail"),
        (ALL | {"METED_TAG": "", "METED_MAIL": "plain"}, "plain"),
        (ALL | {"METED_TAG": "", "METED_MAIL": "@host"}, "log"),
        (ALL | {"METED_TAG": "", "METED_MAIL": ""}, "log"),
        (ALL | {"METED_TAG": "", "METED_MAIL": "", "LOGNAME": "root"}, "name"),
        (ALL | {"METED_TAG": "", "METED_MAIL": "", "LOGNAME": ""}, "name"),
        (ALL | {"METED_TAG": "", "METED_MAIL": "", "LOGNAME": "root", "USERNAME": "Administrator"}, "host"),
        (ALL | {"METED_TAG": "", "METED_MAIL": "", "LOGNAME": "root", "USERNAME": ""}, "host"),
        ({"USERNAME": "name"}, "name"),
        ({"LOGNAME": "log"}, "log"),
        ({"METED_MAIL": "a@b@c"}, "a"),
        ({"METED_TAG": "root"}, "root"),
        ({}, "host"),
    ],
)
def test_a_user_s_tag_is_the_first_of_five_that_is_there(environ: dict[str, str], expected: str) -> None:
    """Row P14."""
    assert usertag(environ, "host") == expected
