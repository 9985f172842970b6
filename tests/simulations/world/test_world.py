"""Whole worlds: the same for the same seed wherever it runs, right for every seed, and able to see what is wrong.

``METED_WORLD_SEED`` gives the first of the fresh seeds; else they are other ones every time.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import attrs
import pytest
import trio
from click.testing import CliRunner
from immutables import Map

from meted.adapters.loan_views import LoanView, loan_view
from meted.adapters.log import Postings
from meted.adapters.postings import postings_of
from meted.adapters.server import commit_loop, loan_methods
from meted.adapters.server.commit_loop import Decide
from meted.adapters.server.crew import Crew
from meted.adapters.server.kept_calls import KeptCalls
from meted.adapters.worker.brain import Brain
from meted.core.decide import records
from meted.core.engine import Sealed
from meted.core.record import replaced
from meted.core.state import Domain, Loan, State
from meted.core.timers import Timers
from meted.simulations.world import FAULTS, Options, draw, run_world
from meted.simulations.world.__main__ import main
from meted.simulations.world.storage import Disk, SimulatedLog

FRESH_SEEDS = 200
PROCESSES = 2
PROGRAM = [sys.executable, "-m", "meted.simulations.world", "--json"]


def start(first: int, last: int, **environment: str) -> subprocess.Popen[str]:
    """Run worlds in a process of its own."""
    command = [*PROGRAM, "--seeds", f"{first}-{last}"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env={**os.environ, **environment})


def outcomes(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """Return what a process has printed."""
    printed, complaints = process.communicate(timeout=900)
    assert complaints == ""
    return [json.loads(line) for line in printed.splitlines()]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_log_in_every_process() -> None:
    with start(10, 13, PYTHONHASHSEED="0") as one, start(10, 13, PYTHONHASHSEED="77") as other:
        first, second = outcomes(one), outcomes(other)
    assert first == second
    assert [outcome["sha256"] for outcome in first] == [run_world(seed).sha256 for seed in (10, 11, 12, 13)]
    assert len({outcome["sha256"] for outcome in first}) == 4
    assert all(outcome["events"] > 20 for outcome in first)


@pytest.mark.slow
def test_fresh_seeds() -> None:
    base = int(os.environ.get("METED_WORLD_SEED", random.SystemRandom().randrange(10**9)))
    print(f"METED_WORLD_SEED={base}")  # noqa: T201
    share = FRESH_SEEDS // PROCESSES
    running = [start(base + part * share, base + (part + 1) * share - 1) for part in range(PROCESSES)]
    found = [outcome for process in running for outcome in outcomes(process)]
    assert len(found) == FRESH_SEEDS
    failed = {outcome["seed"]: outcome["failures"] for outcome in found if outcome["failures"]}
    assert not failed, f"again with: python -m meted.simulations.world --seed {min(failed)} --trace"
    assert len({outcome["sha256"] for outcome in found}) == FRESH_SEEDS


def test_a_calm_world_does_all_work_once() -> None:
    outcome = run_world(3, draw(3).without(FAULTS))
    assert outcome.failures == ()
    assert outcome.crashes == 0
    assert outcome.executions > 10


def test_the_command_says_what_was_and_how_it_is_seen_again() -> None:
    found = CliRunner().invoke(main, ["--seed", "3", *(f"--without={name}" for name in FAULTS)])
    assert found.exit_code == 0
    assert found.output.startswith("seed=3 ")
    assert " faults=none " in found.output
    assert found.output.rstrip().endswith(run_world(3, draw(3).without(FAULTS)).sha256)
    assert CliRunner().invoke(main, ["--seeds", "3"]).exit_code == 2
    assert " server life 1 begins" in CliRunner().invoke(main, ["--seed", "3", "--trace"]).output


def lying_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk says that it has synced and has not."""
    monkeypatch.setattr(Disk, "sync", lambda self: None)


def hasty_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written counts as durable at once."""

    async def run(self: SimulatedLog, function: Callable[[], object]) -> object:
        await trio.lowlevel.checkpoint()
        return function()

    monkeypatch.setattr(SimulatedLog, "run", run)


def forgetful_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call about jobs acts again however often it is repeated."""
    _forget(monkeypatch, lambda method: method in ("submit", "start", "cancel", "delete", "rerun", "drain"))


def _forget(monkeypatch: pytest.MonkeyPatch, is_forgotten: Callable[[str], bool]) -> None:
    once = KeptCalls.once

    def forget(self: KeptCalls, method: str, user: str, key: str | None, *decide: Any) -> Decide:
        return once(self, method, user, None if is_forgotten(method) else key, *decide)

    monkeypatch.setattr(KeptCalls, "once", forget)


def fleeting_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was answered under a key is known to its batch alone."""
    monkeypatch.setattr(KeptCalls, "keep", lambda self, _engine, _at_us: self._fresh.clear())


def forgetful_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that comes back claims nothing."""
    monkeypatch.setattr(Brain, "held", lambda self: ())


def early_admission(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that has come twice is taken for being there when the first of the two is durable."""
    expect, admit = Crew.expect, Crew.admit
    monkeypatch.setattr(Crew, "expect", lambda self, worker_id, session, _: expect(self, worker_id, session, 0))
    monkeypatch.setattr(Crew, "admit", lambda self, worker_id, _: admit(self, worker_id, 0))


def forgotten_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that has recovered does not know any more when loans end."""
    begin = Timers.__init__

    def forget(self: Timers, state: State, retention_us: int | None) -> None:
        begin(self, replaced(state, domains=replaced(state.domains, loans=Map())), retention_us)

    monkeypatch.setattr(Timers, "__init__", forget)


def forgetful_grants(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call about credit acts again however often it is repeated."""
    _forget(monkeypatch, lambda method: method.startswith("credit.") or method == "job.nice")


def torn_statements(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what moves in one batch, statements show all but the last."""

    def tear(sealed: Sealed, before: State) -> Postings:
        whole = postings_of(sealed, before)
        return Postings(whole.accounts, whole.transfers[:-1])

    monkeypatch.setattr(commit_loop, "postings_of", tear)


def forgetful_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call about many loans or domains acts again however often it is repeated."""
    _forget(monkeypatch, lambda method: method in ("loans.set", "domain.records", "domain.apply"))


def silent_loans(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table of loans shows one that was recalled as if it went on."""

    def show(state: State, loan: Loan) -> LoanView:
        return loan_view(state, replaced(loan, ends_us=None))

    monkeypatch.setattr(loan_methods, "loan_view", show)


def everlasting_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that has recovered does not know any more when records of domains expire."""
    begin = Timers.__init__

    def forget(self: Timers, state: State, retention_us: int | None) -> None:
        domains = state.domains
        lasting = Map({one_id: replaced(one, expires_us=None) for one_id, one in domains.domains.items()})
        begin(self, replaced(state, domains=replaced(domains, domains=lasting)), retention_us)

    monkeypatch.setattr(Timers, "__init__", forget)


def greedy_full_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full update closes what was made by hand as well."""

    def absent(state: State, stamp_us: int) -> list[Domain]:
        return [one for one in state.domains.domains.values() if one.closed is None and one.stamp_us < stamp_us]

    monkeypatch.setattr(records, "_absent", absent)


MUTANTS: dict[Callable[[pytest.MonkeyPatch], None], tuple[str, ...]] = {
    lying_disk: ("server_crashes",),
    hasty_log: ("server_crashes",),
    forgetful_calls: ("server_crashes",),
    fleeting_answers: ("server_crashes",),
    forgetful_workers: ("server_crashes",),
    early_admission: ("broken_links", "slow_disk"),
    forgotten_ends: ("server_crashes", "lending"),
    forgetful_grants: ("server_crashes", "trading"),
    forgetful_lists: ("server_crashes", "lending", "recording"),
    torn_statements: ("trading",),
    silent_loans: ("lending",),
    everlasting_records: ("server_crashes", "recording"),
    greedy_full_updates: ("recording",),
}
"""What is broken, and the faults of the world that bring it to light."""


@pytest.mark.slow
@pytest.mark.parametrize("break_it", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_what_is_broken_is_noticed(break_it: Callable[[pytest.MonkeyPatch], None]) -> None:
    """Each of these faults of the program is seen by one of a few worlds: the checks do look."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        break_it(monkeypatch)
        seen = (run_world(seed, bad_world(seed, MUTANTS[break_it])).failures for seed in range(150))
        assert any(seen)


def bad_world(seed: int, faults: tuple[str, ...]) -> Options:
    """Return a world with one worker, in which often something goes wrong, but only of these kinds."""
    return attrs.evolve(draw(seed).without(FAULTS).having(*faults), workers=1, safety_s=40, fault_every_s=1)
