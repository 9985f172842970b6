"""A client as a node: the real one, which works from its notes and mirrors both tables meanwhile."""

from __future__ import annotations

from typing import cast

import trio

from meted.adapters.client.client import Client
from meted.adapters.client.mirror import Mirror
from meted.adapters.client.subscription import Row
from meted.adapters.wire.errors import CallError, Code, Unreachable, WireError
from meted.core.errors import Refused

from .network import Network
from .nodes import Node
from .options import Options
from .server_node import SERVER
from .statements import page_of, wrong_answer
from .stream import SimulatedStream
from .witness import Call, Sample, Witness
from .worker_node import HELLO
from .workload import Notes

PAUSE_S = 0.5
"""A call that could not be made is made again after this."""

THINK_S = 2.0
"""A client waits so long at most before it wants something else."""

SAMPLES_MAX = 12
"""What a mirror of one life of a client showed is kept so often at most."""

TABLES = ("jobs", "workers")

ASKED = {"domains": "domain", "loans": "loan", "credit.accounts": "domain"}
"""Tables that are asked for as a whole, and what names their rows."""


class ClientNode(Node):
    """A client.

    Attributes:
        notes: What it wanted and what was answered.
        mirrors: Its mirrors by table, while it lives.
        is_tidying: Set when faults are over: from now on it sees to it that all its work can end.
        is_tidy: Set when it has done that.
    """

    def __init__(self, name: str, seed: int, options: Options, network: Network, witness: Witness) -> None:
        """Be a client of a world."""
        super().__init__(name, seed, options, network, witness)
        self.notes = Notes(name, seed, options)
        self.mirrors: dict[str, Mirror] = {}
        self.is_tidying = False
        self.is_tidy = trio.Event()

    async def live(self) -> None:
        """Connect, work, and go on following the tables."""
        while True:
            try:
                async with Client.over(self.dial, HELLO) as client, trio.open_nursery() as nursery:
                    for table in TABLES:
                        nursery.start_soon(self._follow, client, table)
                    await self._work(client)
            except WireError as error:
                self.witness.note(f"{self.name}: {error}")
                await trio.sleep(PAUSE_S)

    async def dial(self) -> SimulatedStream:
        """Return a connection to the server."""
        return await self.network.connect(self.name, SERVER)

    async def _work(self, client: Client) -> None:
        if not self.notes.calls:
            for ask in self.notes.beginning(self.random):
                self.notes.write(*ask)
        while not self.notes.is_over:
            found = self.notes.next(sorted(self.mirrors["workers"].rows) if "workers" in self.mirrors else [])
            if found is None:
                break
            await self._call(client, *found)
            await self._read(client)
            await trio.sleep(0 if self.is_tidying else self.random.random() * THINK_S)
        while not self.is_tidying:
            await trio.sleep(PAUSE_S)
        await self._tidy(client)
        self.is_tidy.set()
        await trio.sleep_forever()

    async def _read(self, client: Client) -> None:
        """Ask for something that changes nothing; whatever is answered is right, but for a fault of the program."""
        method, params = self.notes.question()
        try:
            answer = await client.call(method, **params)
            for sentence in wrong_answer(method, answer):
                self.witness.fail(f"{method} {params} of {self.name}: {sentence}")
            page = page_of(params, answer) if method == "credit.statement" else None
            if page is not None:
                self.witness.pages.append(page)
            if self.options.has_wishes:
                await self._look_at_tables(client)
        except Unreachable:
            pass
        except CallError as error:
            if error.code not in (Code.REFUSED, Code.FAILED) or error.reason == "fault":
                self.witness.fail(f"{method} {params} of {self.name}: {error}")

    async def _look_at_tables(self, client: Client) -> None:
        """Ask for whole tables; where the log has not moved on meanwhile, that is what they were there."""
        # Not by "stats": it tells of measured times, whose length in bytes would decide where a frame is torn.
        before = cast(Row, await client.call("state"))["seq"]
        found = {table: cast("list[Row]", await client.call(table)) for table in ASKED}
        if cast(Row, await client.call("state"))["seq"] == before:
            for table, rows in found.items():
                shown: dict[int | str, Row] = {cast(str, row[ASKED[table]]): dict(row) for row in rows}
                self.witness.samples.append(Sample(self.name, table, cast(int, before), shown))

    async def _tidy(self, client: Client) -> None:
        """Let go of what is held, and let all workers work."""
        for job_id in self.notes.jobs:
            await self._call(client, self.notes.write("start", {"jobs": [job_id]}), False)
        for worker in await self._workers(client):
            await self._call(client, self.notes.write("drain", {"worker": worker["worker"], "draining": False}), False)

    async def _workers(self, client: Client) -> list[Row]:
        while True:
            try:
                return cast("list[Row]", await client.call("workers"))
            except Unreachable:
                await trio.sleep(PAUSE_S)

    async def _call(self, client: Client, call: Call, was_answered: bool) -> None:
        """Call until there is an answer."""
        keyed = {"key": call.key} if call.has_key else {}
        while True:
            try:
                answer = await client.call(call.method, **call.params, **keyed)
            except Unreachable:
                await trio.sleep(PAUSE_S)
            except CallError as error:
                if error.code not in (Code.FAILED, Code.BUSY):
                    self._refused(call, error, was_answered)
                    return
                if error.reason == "fault":
                    self.witness.fail(f"{call.method} {call.params} of {self.name}: {error}")
                    return
                await trio.sleep(PAUSE_S)
            else:
                if was_answered and answer != call.answer:
                    self.witness.fail(f"{call.method} with key {call.key} was answered {call.answer}, then {answer}.")
                call.answer = answer
                return

    def _refused(self, call: Call, error: CallError, was_answered: bool) -> None:
        if error.code != Code.REFUSED:
            self.witness.fail(f"{call.method} {call.params} of {self.name}: {error}")
        if was_answered:
            self.witness.fail(f"{call.method} with key {call.key} was answered {call.answer}, then refused: {error}")
        call.refusal = str(error)

    async def _follow(self, client: Client, table: str) -> None:
        self.mirrors[table] = mirror = client.mirror(table)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._sample, table, mirror)
            while True:
                try:
                    await mirror.run()
                except (Unreachable, Refused):
                    await trio.sleep(PAUSE_S)

    async def _sample(self, table: str, mirror: Mirror) -> None:
        """Keep what a mirror shows now and then."""
        kept, every = 0, 1
        while kept < SAMPLES_MAX:
            for _ in range(every):
                await mirror.changed()
            assert mirror.seq is not None, "what has changed is known"
            rows: dict[int | str, Row] = {row_id: dict(row) for row_id, row in mirror.rows.items()}
            self.witness.samples.append(Sample(self.name, table, mirror.seq, rows))
            kept, every = kept + 1, every + 2
