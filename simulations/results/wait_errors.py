"""How far the waits of a replay are from those in the log: what a simulation under the same policy is worth.

Units are compared one by one. The recorded wait of a unit is from its job's submit (or release) to its start. Starts
are not in the log, but ends and run times are: units of a lease run one after another, so one starts its own run time
and those of the units after it before the report of them all arrived, though never before it was leased. So the time
that a report takes counts as wait. Units of which an earlier try was lost or failed, or that were run again, have no
first start to compare with; they are left out and counted.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from fractions import Fraction

from meted.adapters.wording import counted
from meted.core.limits import SECOND_US

from ..traces.log_trace import NOT_RECORDED


class WaitErrors:
    """Collects simulated and recorded waits of units."""

    def __init__(self) -> None:
        """Begin with none."""
        self._errors_us = array("q")
        self._recorded_us = 0
        self._left_out = 0

    def add(self, recorded_us: int, simulated_us: int) -> None:
        """Compare the waits of one unit; the recorded one may be ``NOT_RECORDED``."""
        if recorded_us == NOT_RECORDED:
            self._left_out += 1
            return
        self._recorded_us += recorded_us
        self._errors_us.append(simulated_us - recorded_us)

    def results(self) -> dict[str, int | float]:
        """Return the figures: seconds, with the error as simulated less recorded; zeros where there is no unit.

        ``bias`` is the mean error, ``mean_abs`` the mean of its amount, ``p50`` and ``p95`` are the least amounts that
        half, and 95 in 100, of the units do not exceed.
        """
        amounts = sorted(map(abs, self._errors_us))
        count = len(amounts)
        return {
            "wait_error_units": count,
            "wait_error_left_out": self._left_out,
            "recorded_mean_wait_s": _seconds(self._recorded_us, count),
            "wait_error_mean_abs_s": _seconds(sum(amounts), count),
            "wait_error_p50_s": _percentile_s(amounts, 50),
            "wait_error_p95_s": _percentile_s(amounts, 95),
            "wait_error_bias_s": _seconds(sum(self._errors_us), count),
        }


def wait_error_rows(figures: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield the figures of :meth:`WaitErrors.results` with their units."""
    left_out = f", {figures['wait_error_left_out']:,} without a first start" if figures["wait_error_left_out"] else ""
    yield "against the record", f"{counted(int(str(figures['wait_error_units'])), 'unit')} compared{left_out}"
    yield "recorded mean wait", f"{figures['recorded_mean_wait_s']:,.2f} s"
    yield "error of waits, mean", f"{figures['wait_error_mean_abs_s']:,.2f} s either way"
    yield "half within, 95 % within", f"{figures['wait_error_p50_s']:,.2f} s, {figures['wait_error_p95_s']:,.2f} s"
    yield "bias (simulated less so)", f"{figures['wait_error_bias_s']:+,.2f} s"


def _seconds(sum_us: int, count: int) -> float:
    return float(Fraction(sum_us, count * SECOND_US)) if count else 0.0


def _percentile_s(ascending_us: list[int], percent: int) -> float:
    """Return the least amount that so many in a hundred do not exceed (nearest rank)."""
    if not ascending_us:
        return 0.0
    return ascending_us[-(-len(ascending_us) * percent // 100) - 1] / SECOND_US
