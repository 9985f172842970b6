"""Three domains with shares 1, 2 and 5 that always have work: what each has received, hour by hour.

python examples/shares.py FOLDER    # writes FOLDER/shares.svg
"""

from __future__ import annotations

from pathlib import Path

from meted.simulations.plot import COLOURS, label, panels, save, script
from meted.simulations.scenario import Scenario

HOUR_S = 3_600
SHARES = {"vision": 1, "speech": 2, "text": 5}
SLOTS = 8


def draw(folder: Path) -> None:
    """Run eight hours and draw what was received beside what was due."""
    pool = Scenario(SLOTS)
    for name, share in SHARES.items():
        pool.domain(name, share)
        pool.submit(0, name, units=10_000, unit_s=120)
    samples = pool.run(until_s=8 * HOUR_S, every_s=HOUR_S / 4)

    figure, (axes,) = panels()
    hours = [sample.at_s / HOUR_S for sample in samples]
    last = samples[-1].service_s
    for colour, (name, share) in zip(COLOURS, SHARES.items(), strict=False):
        part = last[name] / sum(last.values())
        received = [sample.service_s[name] / HOUR_S for sample in samples]
        axes.plot(hours, received, color=colour, label=f"{name}, share {share}: {part:.1%}")
        due = [hour * SLOTS * share / sum(SHARES.values()) for hour in hours]
        axes.plot(hours, due, color="black", linewidth=0.8, linestyle=":")
        print(f"{name}: {last[name] / HOUR_S:.2f} cpu-hours, due {due[-1]:.2f}")
    label(axes, "Shares 1 : 2 : 5 become 1 : 2 : 5 of the machine", "received (cpu-hours)", "time (hours)")
    axes.plot([], [], color="black", linewidth=0.8, linestyle=":", label="due by share")
    axes.legend()
    save(figure, folder / "shares.svg")


if __name__ == "__main__":
    script(__doc__, draw)
