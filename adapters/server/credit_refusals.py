"""What is asked of credit and refused is kept for the operator (row P05): who asked what, when, and the answer.

A refusal changes nothing, and nothing of it is in the state or in the chain. Its line is written beside the log before
its answer goes out, so a crash loses none that anybody was told of; where the disk takes none, it is tried again each
second. It is noted as it is judged: where the batch cannot be written then, its caller was told that instead. Whoever
is refused without end fills no disk: of each peer so many lines an hour are kept, and of the others one line that says
how many there were; and of all of them the newest ``CREDIT_REFUSALS_MAX``.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from functools import partial
from typing import Any, Final

import attrs
import trio

from meted.core.engine import Engine
from meted.core.errors import Refused

from ..log import CreditRefusal, Log, LogError
from .commit_loop import CommitLoop, Decide
from .faults import note_fault
from .session import Peer

HOURLY_MAX: Final = 60
"""Lines of one peer an hour; of more refusals only the number is kept."""

WAITING_MAX: Final = 1_000
"""Lines that wait to be written; where the disk takes none, the oldest are lost."""

TEXT_MAX: Final = 500
"""Characters of each text of a line."""

WRITE_S: Final = 1.0
"""How often what could not be written is tried again."""

_HOUR_US: Final = 3_600_000_000


class CreditRefusals:
    """Takes note of refusals, and writes them to the log now and then."""

    def __init__(self, log: Log, loop: CommitLoop) -> None:
        """Write to ``log`` between the batches of ``loop``, before their answers."""
        self._log = log
        self._loop = loop
        self._writing = trio.Lock()
        loop.before_answers = self.write
        self._waiting: deque[CreditRefusal] = deque(maxlen=WAITING_MAX)
        self._hour = 0
        self._count: Counter[str] = Counter()  # of this hour, by who was refused

    def noting(self, peer: Peer, method: str, params: Any, decide: Decide) -> Decide:
        """Return ``decide`` so that its refusal is noted as one of ``method`` with these ``params``."""

        def decide_and_note(engine: Engine, at_us: int) -> object:
            try:
                return decide(engine, at_us)
            except Refused as refusal:
                self._note(peer.user or peer.name, method, params, refusal, at_us)
                raise

        return decide_and_note

    async def run(self) -> None:
        """Write what still waits, every ``WRITE_S``."""
        while True:
            await trio.sleep(WRITE_S)
            await self.write()

    async def write(self, *, is_last: bool = False) -> None:
        """Write what waits; ``is_last``: also how many there were of which no line was kept."""
        if is_last:
            self._end_hour()
        if not self._waiting and not self._writing.locked():
            return
        async with self._writing:  # what another has taken to write is on disk, too, when this returns
            lines = list(self._waiting)
            if not lines:
                return
            self._waiting.clear()
            try:
                await self._loop.between_batches(partial(self._log.keep_credit_refusals, lines))
            except LogError:  # batches fail as well then, and say so
                self._waiting = deque((*lines, *self._waiting), WAITING_MAX)
            except Exception as error:  # a line that cannot be written is no reason to stop
                note_fault(error)

    def _note(self, who: str, method: str, params: Any, refusal: Refused, at_us: int) -> None:
        hour = at_us // _HOUR_US
        if hour != self._hour:
            self._end_hour()
            self._hour = hour
        self._count[who] += 1
        if self._count[who] <= HOURLY_MAX:
            said = {name: value for name, value in attrs.asdict(params).items() if value is not None and name != "key"}
            asked, sentence = _kept(json.dumps(said, ensure_ascii=False)), _kept(refusal.sentence)
            self._waiting.append(CreditRefusal(at_us, _kept(who), method, asked, refusal.reason.value, sentence))

    def _end_hour(self) -> None:
        for who, count in self._count.items():
            if count > HOURLY_MAX:
                sentence = f"In the hour from then on this peer was refused more than {HOURLY_MAX} times."
                at_us = self._hour * _HOUR_US
                self._waiting.append(CreditRefusal(at_us, _kept(who), "", "", "too_many", sentence, count - HOURLY_MAX))
        self._count.clear()


def _kept(text: str) -> str:
    """Return what is kept of a text; what no file can hold, halves of surrogates, is a question mark there."""
    return text[:TEXT_MAX].encode("utf-8", "replace").decode()
