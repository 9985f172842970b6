"""Following the tables with long polls: equal to the server's, through restarts, and however large they are."""

from __future__ import annotations

import time

from meted.adapters.client.blocking import BlockingClient
from meted.adapters.client.follow import Follower

from ..live import HandWorker, live_server


def settle(follower: Follower) -> None:
    """Poll until nothing changes any more."""
    while True:
        found = follower.poll(300_000)
        if not any((found["jobs"], found["workers"], found["gone_jobs"], found["gone_workers"])):
            return


def test_what_is_followed_equals_the_tables() -> None:
    with live_server() as server, BlockingClient(server.address) as client:
        client.call("domain.set", name="lab")
        follower = Follower(client)
        assert follower.poll(0)["reset"]
        assert (follower.jobs, follower.workers) == ({}, {})

        job_id = client.call("submit", domain="lab", count=3)["job"]
        assert [row["job"] for row in follower.poll(5_000_000)["jobs"]] == [job_id]
        worker = HandWorker(server.address)
        worker.work(lambda job, index: None)
        settle(follower)
        assert follower.jobs[job_id]["state"] == "succeeded"
        assert list(follower.workers.values()) == list(client.call("workers"))
        worker.leave()
        client.call("delete", job=job_id)
        settle(follower)
        assert (follower.jobs, follower.workers) == ({}, {})

        begun = time.monotonic()
        assert not follower.poll(200_000)["jobs"]
        assert 0.15 < time.monotonic() - begun < 5


def test_a_server_that_restarts_is_followed_on() -> None:
    with live_server() as server, BlockingClient(server.address) as client:
        client.call("domain.set", name="lab")
        follower = Follower(client)
        for _ in range(1_050):  # more than one page holds
            client.call("submit", domain="lab", hold=True)
        follower.poll(0)
        assert sorted(follower.jobs) == list(range(1, 1_051))
        server.kill()
        server.start()
        client.call("submit", domain="lab", hold=True)
        client.call("cancel", jobs=[1_050])
        client.call("delete", job=1_050)
        settle(follower)
        assert sorted(follower.jobs) == [*range(1, 1_050), 1_051]
