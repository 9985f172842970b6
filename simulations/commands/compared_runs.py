"""The runs of ``meted compare``: done in processes, and those that have ended put side by side."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from ..errors import SimulationError
from ..results.run_record import RunRecord
from ..running.comparison import Comparison
from ..running.misreports import Liar, Misreports, misreports
from ..running.perform import RunResult
from ..running.request import RunFailure, RunRequest, check_same_trace, trace_digest
from ..running.resample import Intervals, Resampling, intervals
from .run_options import run_in_processes


class ComparedRuns:
    """The runs of a comparison: those in which all tell the truth, and those in which one user does not."""

    def __init__(self, truths: Sequence[RunRequest], liar: Liar | None) -> None:
        """Ask for runs; ``liar`` says other than the truth in one run after the other beside each."""
        self._liar = liar
        self._requests: dict[tuple[str, str | None], RunRequest] = {(one.label, None): one for one in truths}
        if liar is not None:
            for one in truths:
                lies = zip(liar.says, liar.requests(one), strict=True)
                self._requests |= {(one.label, text): lie for text, lie in lies}
        self._results: dict[tuple[str, str | None], RunResult] = {}

    def run(self, cores: int | None) -> None:
        """Do all runs. After an interruption those count that have ended, where two of them can be compared."""
        keys, requests = [*self._requests], [*self._requests.values()]
        sha256 = trace_digest(requests[0].path)

        def found(place: int, outcome: RunResult | RunFailure) -> None:
            if isinstance(outcome, RunFailure):
                raise SimulationError(outcome.sentence)
            check_same_trace(outcome.figures, sha256)
            self._results[keys[place]] = outcome

        try:
            run_in_processes(requests, "comparing", cores, found)
        except KeyboardInterrupt:
            if len(self._truths()) < 2 and self._misreports() is None:  # one alone cannot be compared
                raise

    def left(self) -> list[str]:
        """Return what the runs are called that have not ended."""
        return [request.label for key, request in self._requests.items() if key not in self._results]

    def records(self) -> list[RunRecord]:
        """Return what a report takes of each run with the truth, if that was asked for."""
        return [result.record for result in self._truths().values() if result.record is not None]

    def comparison(self, how: Resampling) -> Comparison:
        """Return the runs with the truth side by side, and what the others came to."""
        truths = self._truths()
        labels, results = tuple(truths), list(truths.values())
        figures = tuple(result.figures for result in results)
        return Comparison(labels, figures, _intervals(labels, results, how), self._misreports())

    def _truths(self) -> dict[str, RunResult]:
        """Return the runs with the truth that have ended, by their labels, in the order in which they were named."""
        return {key[0]: self._results[key] for key in self._requests if key[1] is None and key in self._results}

    def _misreports(self) -> Misreports | None:
        records = {key: result.record for key, result in self._results.items() if result.record is not None}
        ordered = {key: records[key] for key in self._requests if key in records}
        return None if self._liar is None else misreports(self._liar.name, ordered)


def _intervals(labels: tuple[str, ...], results: list[RunResult], how: Resampling) -> Intervals | None:
    if not how.resamples or len(labels) < 2 or importlib.util.find_spec("numpy") is None:
        return None
    return intervals([(label, result.cells) for label, result in zip(labels, results, strict=True)], how)
