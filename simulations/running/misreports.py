"""What a user gains under each policy by saying other than the truth: which runs that takes, and what they say.

Each run in which all tell the truth is held against runs of the same trace, policy and rules in which one user says
something else (:mod:`~meted.simulations.traces.misreport`). What a gain is stands in
:mod:`~meted.simulations.results.misreport`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from meted.adapters.cli.tables import shown
from meted.core.record import record, replaced

from ..results.html_tables import DifferencesTable
from ..results.misreport import Gain, gain_of
from ..results.run_record import RunRecord
from ..traces.misreport import Misreport, said_in_words
from .request import RunRequest

HEADINGS = ("says", "policy", "gain", "of others", "of its work")

SENTENCES = (
    "A gain is the user's delay with the truth over that without it (from submit to the middle of the run, by work): "
    "above 1 it paid.",
    "Of others: the median of their gains by what this one says. Where not all of its work was done, no gain is one.",
)


@record
class Liar:
    """Who says other than the truth.

    Attributes:
        name: What the user is called.
        number: Its number, as jobs have it.
        says: What it says, one thing a run.
    """

    name: str
    number: int
    says: Sequence[str]

    def requests(self, truth: RunRequest) -> Iterator[RunRequest]:
        """Yield the runs beside one in which it tells the truth."""
        for text in self.says:
            options = replaced(truth.options, misreport=Misreport(self.number, text))
            yield replaced(truth, options=options, label=f"{truth.label}, {text}")


@record
class Misreports:
    """What came of it.

    Attributes:
        user: Who.
        gains: What came of what it said, by the label of the run with the truth, and that.
    """

    user: str
    gains: Mapping[tuple[str, str], Gain]

    def document(self) -> dict[str, object]:
        """Return all of it for programs."""
        return {
            "user": self.user,
            "gains": [
                {"policy": label, "says": text, "gain": one.own, "of_others": one.of_others, "work": one.work}
                for (label, text), one in self.gains.items()
            ],
        }

    def table(self) -> DifferencesTable:
        """Return all of it for people."""
        says = list(dict.fromkeys(text for _, text in self.gains))
        rows = [
            (said_in_words(text), label, f"{one.own:.4f}", _or_dash(one.of_others), f"{100 * one.work:.2f} %")
            for (label, text), one in sorted(self.gains.items(), key=lambda entry: says.index(entry[0][1]))
        ]
        return DifferencesTable(f"What user {shown(self.user)} gains by what it says", HEADINGS, rows, SENTENCES)


def misreports(user: str, runs: Mapping[tuple[str, str | None], RunRecord]) -> Misreports | None:
    """Return what came of it; None if no two runs can be held against each other.

    Args:
        user: Who.
        runs: The runs by the label of the one with the truth, and what was said (None: the truth).

    Raises:
        SimulationError: The user has no jobs in one of the runs.
    """
    gains = {
        (label, text): gain_of(runs[label, None], record, user)
        for (label, text), record in runs.items()
        if text is not None and (label, None) in runs
    }
    return Misreports(user, gains) if gains else None


def _or_dash(gain: float | None) -> str:
    return "-" if gain is None else f"{gain:.4f}"
