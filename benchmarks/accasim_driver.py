"""One run of AccaSim, as a program for the interpreter that has it; it prints the version of Python.

Run by against_accasim.py as ``PYTHON accasim_driver.py WORKLOAD.swf SYSTEM.json fcfs|easy FOLDER``; the schedule is in
the folder then. It knows nothing of meted, and keeps to what Python 3.7 understands. AccaSim 1.1.3 takes ``Mapping``
from where Python had it until 3.9.
"""

from __future__ import annotations

import collections
import collections.abc
import platform
import sys


def main() -> None:
    """Simulate and tell."""
    workload, system, policy, folder = sys.argv[1:]
    collections.Mapping = collections.abc.Mapping  # type: ignore[attr-defined]
    from accasim.base.allocator_class import FirstFit  # type: ignore[import-not-found]
    from accasim.base.scheduler_class import EASYBackfilling, FirstInFirstOut  # type: ignore[import-not-found]
    from accasim.base.simulator_class import Simulator  # type: ignore[import-not-found]

    dispatcher = (FirstInFirstOut if policy == "fcfs" else EASYBackfilling)(FirstFit())
    simulator = Simulator(
        workload,
        system,
        dispatcher,
        scheduling_output=True,
        statistics_output=False,
        show_statistics=False,
        RESULTS_FOLDER_PATH=folder,
    )
    simulator.start_simulation()
    print(platform.python_version())


if __name__ == "__main__":
    main()
