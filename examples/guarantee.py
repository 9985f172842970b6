"""A guarantee of two cpus, and a cap of three: what they do to a domain that comes when all is busy.

python examples/guarantee.py FOLDER    # writes FOLDER/guarantee.svg
"""

from __future__ import annotations

from pathlib import Path

from meted.core.resources import NOTHING
from meted.simulations.plot import COLOURS, LINES, label, panels, save, script
from meted.simulations.scenario import Sample, Scenario, cpus

MINUTE_S = 60
SLOTS, COMES_S, ENDS_S = 9, 62 * MINUTE_S, 120 * MINUTE_S
NAMES = ("batch, share 16", "guest, cap 3", "alarm, share 1")


def run(guaranteed: int) -> list[Sample]:
    """Run two hours in which ``alarm``, guaranteed so many cpus, comes after one."""
    batch, guest, alarm = NAMES
    pool = Scenario(SLOTS)
    pool.domain(batch, 16)
    pool.domain(guest, 16, cap=cpus(3))
    pool.domain(alarm, 1, guarantee=cpus(guaranteed) if guaranteed else NOTHING)
    pool.submit(0, guest, units=1_000, unit_s=7 * MINUTE_S)
    pool.submit(0, batch, units=1, unit_s=1 * MINUTE_S)  # so that not all ends at once
    pool.submit(0, batch, units=1_000, unit_s=5 * MINUTE_S)
    pool.submit(COMES_S, alarm, units=1_000, unit_s=4 * MINUTE_S)
    return pool.run(ENDS_S, MINUTE_S)


def draw(folder: Path) -> None:
    """Draw the cpus that each domain holds, with a guarantee and without."""
    figure, both = panels(2)
    titles = (
        "Guaranteed two cpus: it has them as soon as two are free",
        "With its share of 1 in 33 alone: some at first, then its turns",
    )
    for axes, title, guaranteed in zip(both, titles, (2, 0), strict=True):
        samples = run(guaranteed)
        minutes = [sample.at_s / MINUTE_S for sample in samples]
        for colour, line, name in zip(COLOURS, LINES, NAMES, strict=False):
            held = [sample.held[name] for sample in samples]
            axes.step(minutes, held, where="post", color=colour, linestyle=line, label=name)
        label(axes, title, "held (cpus)")
        axes.set_ylim(0, SLOTS)
        held = [sample.held[NAMES[2]] for sample in samples if sample.at_s >= COMES_S]
        print(f"guaranteed {guaranteed}: alarm holds {sum(held) / len(held):.2f} cpus on average")
    both[0].legend(ncols=3)
    both[1].set_xlabel("time (minutes)")
    save(figure, folder / "guarantee.svg")


if __name__ == "__main__":
    script(__doc__, draw)
