"""Jobs as large as they may be: tables, pages and what is given out are cut into messages that fit."""

from __future__ import annotations

import contextlib

from meted.core.limits import TAG_BYTES_MAX, TAGS_MAX

from ..faults.pool import LivePool, wait_until
from .peer import Witness
from .test_workers import rogue

TAGS = {f"{number:0200}": "x" * TAG_BYTES_MAX for number in range(TAGS_MAX)}
"""As many tags as a job may have, as long as they may be: 78 kB a row."""

JOBS = 120
"""Rows of these are more than two messages full."""


def test_large_rows_are_cut_into_messages_that_fit(pool: LivePool) -> None:
    with Witness(pool), pool.client() as client, pool.client() as follower:
        first = client.call("submit", argv=("true",), hold=True)["job"]
        seq = client.call("changes", since_seq=0)["seq"]
        follower.call("subscribe", table="jobs")
        jobs = [client.call("submit", argv=("true",), tags=TAGS, hold=True)["job"] for _ in range(JOBS)]
        try:
            found: list[int] = []
            while page := client.call("jobs", after=found[-1] if found else first):
                found += [row["job"] for row in page]
            assert set(jobs) <= set(found)
            assert client.call("changes", since_seq=0)["reset"] is True
            assert client.call("changes", since_seq=seq)["jobs"]
        finally:
            client.call("cancel", jobs=tuple(jobs))  # all of their rows change at once
        seen: dict[int, str] = {}
        with pool.client() as late:
            late.call("subscribe", table="jobs")
            for reader in (follower, late):
                seen.clear()

                def follow() -> bool:
                    for said in reader.notifications(0.1):  # noqa: B023 - called at once
                        assert said.params["kind"] != "cut"
                        seen.update((row["job"], row["state"]) for row in said.params["rows"])  # type: ignore[attr-defined]
                    return all(seen.get(job) == "cancelled" for job in jobs)

                wait_until(follow, "the end of all of them was told")
        for job in jobs:
            client.call("delete", job=job)


def test_large_specs_are_given_out_in_messages_that_fit(pool: LivePool) -> None:
    with Witness(pool), pool.client() as client, contextlib.ExitStack() as stack:
        held = {"hold": True, "stdin": bytes(900_000), "env": {"SECRET": "s" * 50_000}}
        jobs = [client.call("submit", argv=("true", str(number)), **held)["job"] for number in range(12)]
        client.call("start", jobs=tuple(jobs))
        worker = stack.enter_context(rogue(pool, cpus=len(jobs)))
        for job in jobs:
            lease = worker.given(job)
            assert lease["env"] == held["env"]
        client.call("cancel", jobs=tuple(jobs))


def test_large_secrets_are_given_out_in_messages_that_fit(pool: LivePool) -> None:
    with Witness(pool), pool.client() as client, contextlib.ExitStack() as stack:
        job = client.call("submit", argv=("true",), hold=True, env={"SECRET": "s" * 100_000})["job"]
        client.call("start", jobs=(job,))
        worker = stack.enter_context(rogue(pool))
        assert worker.given(job)["env"] == {"SECRET": "s" * 100_000}
        client.call("cancel", jobs=(job,))
