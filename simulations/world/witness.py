"""What was seen from outside while a world went on: who ran what, what was acknowledged, what mirrors showed."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import trio

NOTES_MAX = 400
"""Lines of what happened that are kept, the newest."""


class WorldFailure(AssertionError):
    """The world did what it must not; the text says what, in one sentence."""


@attrs.define(eq=False)
class Execution:
    """One try of a unit, as the machine saw it that ran it.

    Attributes:
        node, life: Which worker, and which life of it.
        lease_id, job_id, index, attempt: What it ran.
        start_us, end_us: When, by the world's clock; the end is None while it runs.
        exit_code: As reported; None if its worker died.
        result: As reported.
    """

    node: str
    life: int
    lease_id: int
    job_id: int
    index: int
    attempt: int
    start_us: int
    end_us: int | None = None
    exit_code: int | None = None
    result: bytes | None = None


@attrs.define(eq=False)
class Call:
    """One call of a client that changes something, as it is in the client's notes.

    Attributes:
        key: Its idempotency key.
        method, params: What is called.
        answer: What was answered, or None while nothing was.
        refusal: The sentence with which it was refused, or None.
    """

    key: str
    method: str
    params: dict[str, object]
    answer: Mapping[str, object] | None = None
    refusal: str | None = None

    @property
    def has_key(self) -> bool:
        """Whether it acts, and so acts once however often it is made."""
        return not self.params.get("dry_run")

    @property
    def is_open(self) -> bool:
        """Whether nothing was answered yet."""
        return self.answer is None and self.refusal is None


@attrs.define(eq=False)
class Sample:
    """What a mirror, or the answer to a question, showed at a position of the log."""

    node: str
    table: str
    seq: int
    rows: dict[int | str, Mapping[str, object]]


@attrs.define(eq=False)
class Page:
    """The first page of a statement: of each line its position in the log, what came, and the balance after it."""

    account_id: int
    lines: list[tuple[int, ...]]


@attrs.define(eq=False)
class Witness:
    """All that was seen.

    Attributes:
        executions: By (lease, index), in the order of their starts.
        workers: Server's number of a worker -> (node, life) that got it.
        calls: All calls that change something.
        samples: What mirrors and tables showed.
        pages: What statements showed.
        lives: Lives of nodes that ended before their time, by (node, life).
        notes: What happened, for whoever looks into a failure.
        failed: Set with the first failure.
    """

    executions: dict[tuple[int, int], Execution] = attrs.field(factory=dict)
    workers: dict[int, tuple[str, int]] = attrs.field(factory=dict)
    calls: list[Call] = attrs.field(factory=list)
    samples: list[Sample] = attrs.field(factory=list)
    pages: list[Page] = attrs.field(factory=list)
    lives: set[tuple[str, int]] = attrs.field(factory=set)
    notes: list[str] = attrs.field(factory=list)
    failures: list[str] = attrs.field(factory=list)
    failed: trio.Event = attrs.field(factory=trio.Event)

    def note(self, text: str) -> None:
        """Keep a line of what happened."""
        self.notes.append(f"{trio.current_time():10.4f} {text}")
        if len(self.notes) > NOTES_MAX:
            del self.notes[0]

    def fail(self, sentence: str) -> None:
        """Say that something is wrong, from wherever raising would be taken for something else."""
        self.note(f"FAILURE {sentence}")
        self.failures.append(sentence)
        self.failed.set()
