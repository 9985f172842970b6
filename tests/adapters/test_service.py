"""The same verbs do the same on the embedded pool, over a blocking client and over an async one (rows P12, P13)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from meted.adapters.client.client import Client
from meted.adapters.client.remote import RemoteService
from meted.adapters.embedded import Pool
from meted.adapters.units import UnitFailed
from meted.core.errors import Reason, Refused
from meted.core.resources import Resources
from meted.core.spec import Spec

from .service_suite import WAYS, Way


@pytest.fixture(scope="module", params=WAYS)
def way(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    """A service with the domain ``lab``; each test submits jobs of its own."""
    with WAYS[request.param](tmp_path_factory.mktemp("way")) as made:
        made.service.domain("lab")
        yield made


def echo(job_id: int, index: int) -> bytes | None:
    """A unit that returns its index, or nothing for unit 0."""
    return f"{index}".encode() if index else None


def test_a_job_runs_and_leaves_results(way: Way) -> None:
    """Row P18: embedded with no server, and against a server, by the same words."""
    service = way.service
    job_id = service.submit("lab", count=3, name="first", tags={"kind": "echo"})
    assert service.status(job_id) == "pending"
    assert service.result(job_id, 1) is None
    assert way.work(echo) == 3
    assert service.status(job_id) == "succeeded"
    assert [service.result(job_id, index) for index in range(3)] == [b"", b"1", b"2"]
    assert service.error(job_id) is None
    row = service.job(job_id)
    assert (row["count"], row["succeeded"], row["name"], row["tags"]) == (3, 3, "first", {"kind": "echo"})
    assert service.explain(job_id) == []


def test_a_failed_unit_has_an_error_and_no_result(way: Way) -> None:
    """Row P20."""

    def fail(job_id: int, index: int) -> bytes | None:
        raise ValueError("it cannot be")

    job_id = way.service.submit("lab", count=2)
    way.work(fail)
    assert way.service.status(job_id) == "failed"
    with pytest.raises(UnitFailed) as failed:
        way.service.result(job_id, 1)
    assert (failed.value.job_id, failed.value.index) == (job_id, 1)
    assert "it cannot be" in failed.value.error
    assert "it cannot be" in str(way.service.error(job_id, 1))
    reason = str(way.service.job(job_id)["reason"])
    assert reason.startswith("2 of 2 units failed; unit 0: ")
    assert reason.endswith("it cannot be")
    assert [row["reason"] for row in way.service.jobs() if row["job"] == job_id] == [reason]


def test_a_prepared_job_waits_for_its_start(way: Way) -> None:
    """Row P19."""
    job_id = way.service.submit("lab", hold=True)
    assert way.service.status(job_id) == "held"
    assert way.service.explain(job_id) == [f"It is only prepared; start job {job_id} to let it run."]
    assert way.work(echo) == 0
    way.service.start(job_id)
    way.service.start(job_id)
    assert way.work(echo) == 1
    assert way.service.status(job_id) == "succeeded"


def test_a_job_begins_no_sooner_than_at_its_time(way: Way) -> None:
    """Row N33; when the time comes, and what else may hold it, is tested on the core."""
    job_id = way.service.submit("lab", begin_us=2**52)
    assert way.service.status(job_id) == "pending"
    (sentence,) = way.service.explain(job_id)
    assert sentence.startswith("It begins in ")
    way.service.start(job_id)
    assert way.work(echo) == 0
    way.service.cancel(job_id)
    past = way.service.submit("lab", begin_us=1, after=[way.service.submit("lab")])
    assert way.work(echo) == 2
    assert way.service.status(past) == "succeeded"


def test_a_forecast_tells_what_a_point_would_bring(way: Way) -> None:
    job_id = way.service.submit("lab", count=2, hold=True, time_request_us=60_000_000)
    assert way.service.forecast(job_id)["with_points"] is None
    raised = way.service.forecast(job_id, 1)["with_points"]
    assert raised == {"points": 1, "cost_mc": 0, "first_us": None, "last_us": None, "ends_us": None}
    assert way.service.forecast(job_id, 10)["with_points"] is not None
    way.service.cancel(job_id)


def test_a_forecast_tells_of_what_waits(way: Way) -> None:
    job_id = way.service.submit("lab", count=2, hold=True)
    found = way.service.forecast(job_id)
    (row,) = found["jobs"]
    assert (row["job"], row["waiting"], row["first_us"], row["started"]) == (job_id, 2, None, 0)
    assert row["reason"] == "Nothing that is foreseen lets it start."
    assert job_id in {other["job"] for other in way.service.forecast()["jobs"]}
    way.service.cancel(job_id)


def test_a_cancelled_job_keeps_what_it_did(way: Way) -> None:
    """Row P21."""
    job_id = way.service.submit("lab", count=2, hold=True)
    way.service.cancel(job_id)
    way.service.cancel(job_id)
    assert way.service.status(job_id) == "cancelled"
    with pytest.raises(UnitFailed) as failed:
        way.service.result(job_id)
    assert failed.value.error == "it was cancelled."
    with pytest.raises(Refused) as refused:
        way.service.start(job_id)
    assert refused.value.reason is Reason.JOB_ENDED


def test_a_deleted_job_is_gone(way: Way) -> None:
    """Row P21."""
    job_id = way.service.submit("lab", hold=True)
    way.service.delete(job_id)
    with pytest.raises(Refused) as refused:
        way.service.job(job_id)
    assert refused.value.reason is Reason.UNKNOWN_JOB
    assert f"job {job_id}" in refused.value.sentence


def test_jobs_are_found_by_tags(way: Way) -> None:
    """Row P15."""
    first = way.service.submit("lab", user="ada", name="sum", tags={"run": "a"}, hold=True)
    second = way.service.submit("lab", user="ada", tags={"run": "b"}, hold=True)
    assert [row["job"] for row in way.service.jobs(user="ada")] == [first, second]
    assert [row["job"] for row in way.service.jobs(run="b")] == [second]
    assert [row["job"] for row in way.service.jobs(user="ada", name="sum")] == [first]
    assert way.service.jobs(user="nobody") == []
    way.service.cancel(first, second)


def test_jobs_are_found_by_when_they_were_submitted(way: Way) -> None:
    """Row P15: the first time is one of them, the last is not."""
    first, second = (way.service.submit("lab", name="timed", hold=True) for _ in range(2))
    from_us, to_us = (way.service.job(job_id)["submitted_us"] for job_id in (first, second))

    def found(**asked: Any) -> list[int]:
        return [row["job"] for row in way.service.jobs(name="timed", **asked)]

    assert found() == found(since_us=from_us) == found(since_us=from_us, until_us=to_us + 1) == [first, second]
    assert found(since_us=to_us) == [second]
    assert found(until_us=to_us) == [first]
    assert found(since_us=to_us + 1) == found(since_us=to_us, until_us=to_us) == []
    with pytest.raises(Refused) as refused:
        found(since_us=to_us, until_us=from_us)
    assert refused.value.reason is Reason.OUT_OF_RANGE
    assert "is later than until_us" in refused.value.sentence
    with pytest.raises(Refused, match="since_us must be between 0 and"):
        found(since_us=-1)
    way.service.cancel(first, second)


@pytest.mark.parametrize(
    ("domain", "options", "reason"),
    [
        ("nowhere", {}, Reason.UNKNOWN_DOMAIN),
        ("lab", {"count": 0}, Reason.OUT_OF_RANGE),
        ("lab", {"priority": 10**6}, Reason.OUT_OF_RANGE),
        ("lab", {"spec": Spec(payload=b"x" * (2**20 + 1))}, Reason.TOO_LARGE),
    ],
)
def test_what_makes_no_sense_is_refused_alike(
    way: Way, domain: str, options: dict[str, object], reason: Reason
) -> None:
    before = [row["job"] for row in way.service.jobs()]
    with pytest.raises(Refused) as refused:
        way.service.submit(domain, **options)  # type: ignore[arg-type]
    assert refused.value.reason is reason
    assert refused.value.sentence.endswith(".")
    assert [row["job"] for row in way.service.jobs()] == before


@pytest.mark.parametrize(
    "verb", ["job", "start", "cancel", "rerun", "explain", "forecast", "result", "error", "delete"]
)
def test_an_unknown_job_is_refused_alike(way: Way, verb: str) -> None:
    with pytest.raises(Refused) as refused:
        getattr(way.service, verb)(999_999)
    assert refused.value.reason is Reason.UNKNOWN_JOB


def test_there_is_no_such_unit(way: Way) -> None:
    job_id = way.service.submit("lab", count=2, hold=True)
    for ask in (way.service.result, way.service.error):
        with pytest.raises(Refused) as refused:
            ask(job_id, 2)
        assert refused.value.reason is Reason.OUT_OF_RANGE
    way.service.cancel(job_id)


def test_what_fits_nowhere_says_so(way: Way) -> None:
    job_id = way.service.submit("lab", request=Resources(cpu_milli=64_000))
    (sentence,) = way.service.explain(job_id)
    assert "A unit needs 64 cpu, but no worker has more than 1 cpu" in sentence
    assert way.service.status(job_id) == "held"
    way.service.cancel(job_id)


def test_failed_units_are_tried_again(way: Way) -> None:
    tries: list[int] = []

    def fail_once(job_id: int, index: int) -> bytes | None:
        tries.append(index)
        if len(tries) == 1:
            raise ValueError("not yet")
        return b"now"

    job_id = way.service.submit("lab", retries=1)
    way.work(fail_once)
    assert (way.service.status(job_id), way.service.result(job_id), tries) == ("succeeded", b"now", [0, 0])


def test_what_failed_or_was_cancelled_is_run_again(way: Way) -> None:
    tries: list[int] = []

    def fail_at_first(job_id: int, index: int) -> bytes | None:
        tries.append(index)
        if len(tries) <= 2:
            raise ValueError("not yet")
        return b"now"

    job_id = way.service.submit("lab", count=2)
    way.work(fail_at_first)
    assert way.service.status(job_id) == "failed"
    way.service.rerun(job_id)
    assert way.service.status(job_id) == "pending"
    way.work(fail_at_first)
    assert (way.service.status(job_id), way.service.result(job_id, 1), tries) == ("succeeded", b"now", [0, 1, 0, 1])
    stopped = way.service.submit("lab", hold=True)
    way.service.cancel(stopped)
    with pytest.raises(Refused) as refused:
        way.service.rerun(stopped)
    assert refused.value.reason is Reason.NO_UNITS
    way.service.rerun(stopped, failed=False, cancelled=True)
    way.service.start(stopped)
    way.work(echo)
    assert way.service.status(stopped) == "succeeded"


OF_A_PROCESS = {
    *("open", "close", "log", "state", "batch", "tick", "next_due_us", "next_retry_us", "snapshot", "snapshot_error"),
    *("join", "leave", "work", "is_wanted", "finish", "give_back", "run"),  # its own workers
    *("poll", "wait"),  # of clients
}


@pytest.mark.parametrize("other", [RemoteService, Client])
def test_a_client_has_every_verb_of_the_embedded_pool(other: type) -> None:
    """Row P13; that each answers alike is what this suite is for."""
    verbs = {name for name in dir(Pool) if not name.startswith("_")} - OF_A_PROCESS
    assert len(verbs) > 40
    assert verbs <= set(dir(other))
    service = {name for name in dir(RemoteService) if not name.startswith("_")} - OF_A_PROCESS
    assert service <= verbs


def test_who_wants_to_know_is_called_once(way: Way) -> None:
    """Row P20."""
    told: list[tuple[int, str]] = []
    job_id = way.service.submit("lab")
    way.service.after(job_id, lambda job, outcome: told.append((job, outcome)))
    assert told == []
    way.work(echo)
    way.settle()
    assert told == [(job_id, "succeeded")]
    way.service.after(job_id, lambda job, outcome: told.append((job, "again")))
    assert told[1:] == [(job_id, "again")]
    way.settle()
    assert len(told) == 2
