"""Inside a domain: users take turns, whatever they have submitted, and a user's jobs go by their priorities.

python examples/users.py FOLDER    # writes FOLDER/users.svg
"""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path

from meted.core.ids import JobId
from meted.simulations.plot import COLOURS, LINES, label, panels, save, script
from meted.simulations.scenario import Scenario

MINUTE_S = 60
SLOTS, ENDS_S = 4, 240 * MINUTE_S
JOBS = {JobId(11): "ben, priority 1", JobId(12): "ben, priority 0", JobId(13): "ben, priority -1"}


def draw(folder: Path) -> None:
    """Run four hours of one domain: ann has ten jobs, and ben comes after an hour with three."""
    pool = Scenario(SLOTS)
    pool.domain("vision")
    for _ in range(10):
        pool.submit(0, "vision", units=1_000, unit_s=MINUTE_S, user="ann")
    for priority in (1, 0, -1):
        pool.submit(60 * MINUTE_S, "vision", units=1_000, unit_s=MINUTE_S, user="ben", priority=priority)
    pool.run(ENDS_S, ENDS_S)
    times = [minute * MINUTE_S for minute in range(0, ENDS_S // MINUTE_S + 1, 5)]

    def served(name: str) -> list[float]:
        """Return the cpu-minutes that a user, or a job by its name, has received by each of ``times``."""
        mine = [it for it in pool.starts if name in (it.user, JOBS.get(it.job_id))]
        sums = [0.0, *accumulate(it.size_s / MINUTE_S for it in mine)]
        return [sums[sum(it.at_s < time for it in mine)] for time in times]

    figure, (users, jobs) = panels(2)
    minutes = [time / MINUTE_S for time in times]
    for colour, line, name in zip(COLOURS, LINES, ("ann", "ben"), strict=False):
        of = "10 jobs" if name == "ann" else "3 jobs"
        users.plot(minutes, served(name), color=colour, linestyle=line, label=f"{name}, {of}")
    for colour, line, name in zip(COLOURS[1:], LINES, JOBS.values(), strict=False):
        jobs.plot(minutes, served(name), color=colour, linestyle=line, label=f"{name}: {served(name)[-1]:.0f}")
        print(f"{name}: {served(name)[-1]:.0f} cpu-minutes")
    label(users, "Two users have half each, as soon as both have work", "received (cpu-minutes)")
    label(jobs, "A step of priority is twice as much among your own jobs", "received (cpu-minutes)", "time (minutes)")
    users.legend()
    jobs.legend()
    save(figure, folder / "users.svg")


if __name__ == "__main__":
    script(__doc__, draw)
