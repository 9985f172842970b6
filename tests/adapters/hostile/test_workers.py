"""Workers that lie, steal and fall silent, and strangers that pretend to be workers: the log stays true."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from meted.adapters.client.blocking import BlockingClient
from meted.adapters.wire.errors import CallError
from meted.core.limits import RESULT_BYTES_MAX, TIME_MAX_US

from ..faults.pool import LivePool, is_refused, wait_until
from .peer import RawPeer, Witness, request

HUGE = 2**63 - 1


class Rogue:
    """A worker played by hand.

    Attributes:
        client: Its connection.
        worker: Its number.
        instance: Its word.
        leases: What it was given, by lease.
    """

    def __init__(self, pool: LivePool, cpus: int = 1) -> None:
        self.client: BlockingClient = pool.client()
        self.instance = secrets.token_hex(8)
        self.leases: dict[int, dict[str, Any]] = {}
        joined = self.client.call("worker.join", name="rogue", instance=self.instance, cpu_milli=1_000 * cpus)
        self.worker: int = joined["worker"]

    def given(self, job: int) -> dict[str, Any]:
        """Wait for a lease of a job, and return it."""

        def look() -> dict[str, Any] | None:
            for said in self.client.notifications(0.05):
                if said.method == "run":
                    self.leases |= {lease["lease"]: lease for lease in said.params["leases"]}  # type: ignore[attr-defined]
            return next((lease for lease in self.leases.values() if lease["job"] == job), None)

        found: dict[str, Any] = wait_until(look, f"units of job {job} are given out")
        return found

    def finish(self, given: dict[str, Any], **changes: object) -> CallError | None:
        """Report a lease as done, or something else; return what the server has against it."""
        count = given["count"]
        done = ((given["first"], count),)
        report = {"worker": self.worker, "lease": given["lease"], "done": done, "run_us": (1,) * count}
        return is_refused(lambda: self.client.call("worker.finish", **{**report, **changes}))


@contextlib.contextmanager
def rogue(pool: LivePool, cpus: int = 1) -> Iterator[Rogue]:
    """A worker that is lost at the end, so that nothing is given to it any more."""
    made = Rogue(pool, cpus)
    try:
        yield made
    finally:
        made.client.close()
        with pool.client() as keeper:
            keeper.call("worker.lost", worker=made.worker, instance=made.instance, reason="the test is over")


@contextlib.contextmanager
def job_of(pool: LivePool, **params: object) -> Iterator[int]:
    """A job that is cancelled at the end."""
    with pool.client() as client:
        job = client.call("submit", argv=("true",), **params)["job"]
        try:
            yield job
        finally:
            client.call("cancel", jobs=(job,))


def test_reports_that_are_lies_are_refused(pool: LivePool) -> None:
    with Witness(pool), rogue(pool) as worker, job_of(pool, count=3) as job:
        lease = worker.given(job)
        first, count, end = lease["first"], lease["count"], lease["first"] + lease["count"]
        for lie in (
            {"done": ((first, count + 1),), "run_us": (1,) * (count + 1)},
            {"done": ((first, count), (first, count))},
            {"done": ((first - 1, 1),)},
            {"done": ((first, 0),)},
            {"done": ((first, -1),)},
            {"done": ((0, HUGE),)},
            {"done": ()},
            {"run_us": ()},
            {"run_us": (1,) * (count + 1)},
            {"run_us": (-1,) * count},
            {"run_us": (TIME_MAX_US + 1,) * count},
            {"cpu_us": (-5,) * count},
            {"cpu_us": (1,) * (count + 1)},
            {"peak_bytes": (-1,) * count},
            {"exits": ((end, 1),)},
            {"exits": ((first, 0),)},
            {"exits": ((first, 1), (first, 1))},
            {"exits": ((first, HUGE),)},
            {"exits": ((-1, 1),)},
            {"results": ((end, b"x"),)},
            {"results": ((-1, b"x"),)},
            {"results": ((first, b"x"), (first, b"y"))},
            {"lease": HUGE},
            {"lease": -1},
            {"lease": lease["lease"] + 1},
        ):
            error = worker.finish(lease, **lie)
            assert error is not None, lie
            assert error.code == 102, (lie, error)
        assert worker.client.call("job", job=job)["succeeded"] == 0
        assert worker.finish(lease) is None  # and the truth is taken
        again = worker.finish(lease)  # but once
        assert again is None or again.code == 102
        assert worker.client.call("job", job=job)["succeeded"] == count


def test_large_results_are_kept_up_to_the_limit_of_a_message(pool: LivePool) -> None:
    with Witness(pool), rogue(pool) as worker, job_of(pool) as job:
        lease = worker.given(job)
        body = bytes(3 * 2**20)
        assert len(body) < RESULT_BYTES_MAX
        assert worker.finish(lease, results=((lease["first"], body),)) is None
        with pool.client() as client:
            assert client.call("result", job=job)["body"] == body


def test_nobody_reports_for_another_worker(pool: LivePool) -> None:
    with Witness(pool), rogue(pool) as honest, job_of(pool) as job:
        lease = honest.given(job)
        report = {"lease": lease["lease"], "done": ((0, 1),), "run_us": (1,)}
        with rogue(pool) as thief, pool.client() as stranger:
            for client, number in (
                (thief.client, thief.worker),
                (thief.client, honest.worker),
                (stranger, honest.worker),
            ):
                for method, params in (
                    ("worker.finish", report),
                    ("worker.give_back", {"lease": lease["lease"], "spans": ((0, 1),)}),
                ):
                    error = is_refused(lambda: client.call(method, worker=number, **params))  # noqa: B023 - called at once
                    assert error is not None, (method, number)
                    assert error.code == 102
            wrong = {"worker": honest.worker, "instance": thief.instance}
            more: dict[str, dict[str, object]] = {
                "worker.leave": {},
                "worker.lost": {"reason": "x"},
                "worker.rejoin": {"held": ()},
            }
            for method, rest in more.items():
                error = is_refused(lambda: thief.client.call(method, **wrong, **rest))  # noqa: B023 - called at once
                assert error is not None, method
                assert error.reason == "unknown_worker"
        assert honest.client.call("job", job=job)["succeeded"] == 0
        assert honest.finish(lease) is None
        assert honest.client.call("job", job=job)["succeeded"] == 1


def test_lies_about_what_is_held_are_not_believed(pool: LivePool) -> None:
    with Witness(pool), rogue(pool) as worker, job_of(pool, count=2) as job:
        lease = worker.given(job)
        span = (lease["first"], lease["count"])
        who = {"worker": worker.worker, "instance": worker.instance}
        for held in (
            ((lease["lease"], ((0, HUGE),)),),
            ((lease["lease"], ((-1, 1),)),),
            ((lease["lease"], (span, span)),),
            ((HUGE, (span,)),),
            ((lease["lease"], (span,)), (lease["lease"], (span,))),
        ):
            with pool.client() as client:
                is_refused(lambda: client.call("worker.rejoin", **who, held=held))  # noqa: B023 - called at once
        with pool.client() as client:
            assert client.call("job", job=job)["succeeded"] == 0
            assert not is_refused(lambda: client.call("worker.rejoin", **who, held=((lease["lease"], (span,)),)))


def test_a_worker_that_comes_back_many_times_at_once_is_there_once(pool: LivePool) -> None:
    with Witness(pool), rogue(pool) as worker, job_of(pool) as job:
        lease = worker.given(job)
        held = ((lease["lease"], ((lease["first"], lease["count"]),)),)
        again = request("worker.rejoin", {"worker": worker.worker, "instance": worker.instance, "held": held})
        with contextlib.ExitStack() as stack:
            crowd = [stack.enter_context(RawPeer(pool)) for _ in range(20)]
            threads = [threading.Thread(target=peer.send, args=(again * 1,)) for peer in crowd]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            with pool.client() as client:
                wait_until(
                    lambda: (
                        [row["state"] for row in client.call("workers") if row["worker"] == worker.worker] == ["ready"]
                    ),
                    "it is there",
                )
                rows = [row for row in client.call("workers") if row["worker"] == worker.worker]
                assert len(rows) == 1
                assert rows[0]["leases"] == 1


def test_one_word_joins_once_however_often_it_asks(pool: LivePool) -> None:  # row N29
    params = {"name": "twice", "instance": secrets.token_hex(8), "cpu_milli": 0}
    with Witness(pool), pool.client() as client:
        numbers = set()
        for _ in range(10):
            with pool.client() as other:
                numbers.add(other.call("worker.join", **params)["worker"])
        assert len(numbers) == 1
        client.call("worker.lost", worker=numbers.pop(), instance=params["instance"], reason="the test is over")


@pytest.mark.parametrize("is_silent", [True, False])
def test_a_worker_that_never_reports_holds_up_only_what_it_has(pool: LivePool, is_silent: bool) -> None:
    with Witness(pool), rogue(pool) as lazy, job_of(pool) as stuck:
        lease = lazy.given(stuck)
        if not is_silent:  # it says that it is at work, for ever
            for _ in range(100):
                with pool.client() as client:
                    client.call("ping")
        with rogue(pool) as busy, job_of(pool) as job:
            assert busy.finish(busy.given(job)) is None
            assert busy.client.call("job", job=job)["state"] == "succeeded"
        lazy.client.close()
        with pool.client() as keeper, rogue(pool) as heir:
            keeper.call("worker.lost", worker=lazy.worker, instance=lazy.instance, reason="it did nothing")
            assert heir.finish(heir.given(stuck)) is None
            late = is_refused(
                lambda: keeper.call(
                    "worker.finish", worker=lazy.worker, lease=lease["lease"], done=((0, 1),), run_us=(1,)
                )
            )
            assert late is not None  # its lease is fenced: the result counts once
            assert keeper.call("job", job=stuck)["succeeded"] == 1


def test_a_key_gives_the_first_answer_whatever_is_asked_with_it_later(pool: LivePool) -> None:
    key = secrets.token_hex(8)
    with Witness(pool), pool.client() as client:
        first = client.call("submit", argv=("true",), hold=True, key=key)
        assert client.call("submit", argv=("false",), count=7, name="other", domain="default", key=key) == first
        assert client.call("jobs", tags={"name": "other"}) == ()
        # another method is another matter
        assert client.call("cancel", jobs=(first["job"],), key=key) == {"runs_on": None}
        assert client.call("job", job=first["job"])["state"] == "cancelled"
