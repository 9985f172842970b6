"""What the blocking client of a service has of its own: it waits for the end of a job, and calls back then."""

from __future__ import annotations

import pytest

from meted.adapters.client.remote import RemoteService
from meted.core.errors import Refused

from ..live import HandWorker, live_server


def test_whoever_waits_is_told_how_a_job_has_ended_or_how_it_stands() -> None:
    with live_server() as server, RemoteService(server.address) as service:
        service.domain("lab")
        job_id = service.submit("lab")
        told: list[tuple[int, str]] = []
        service.after(job_id, lambda *end: told.append(end))
        assert service.wait(job_id, timeout_s=0.05)["state"] == "pending"
        assert told == []
        worker = HandWorker(server.address)
        worker.work(lambda job, index: b"done")
        assert service.wait(job_id)["state"] == "succeeded"
        assert told == [(job_id, "succeeded")]
        assert service.wait(job_id, timeout_s=0)["state"] == "succeeded"
        with pytest.raises(Refused):
            service.wait(999)
        worker.client.close()
