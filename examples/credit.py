"""One of three equal domains buys points for a while, another sells some: service, credit, and what stays the same.

python examples/credit.py FOLDER    # writes FOLDER/credit.svg
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from meted.core.commands import GrantCredit, NiceJob
from meted.core.ids import JobId
from meted.simulations.plot import COLOURS, LINES, label, panels, save, script
from meted.simulations.scenario import Scenario

HOUR_S, US, NAMES = 3_600, 1_000_000, ("hasty", "patient", "usual")
SLOTS, UNIT_S, EVERY_S, ENDS_S = 4, 60, 15 * 60, 12 * HOUR_S
BUYS_S, POINTS, COST_HOURS, CREDITS = 2 * HOUR_S, 3, 8, 30


def owned(pool: Scenario) -> list[float]:
    """Return the credits of each domain with the purses of its jobs, and last what escrow holds."""
    accounts = pool.engine.state.ledger.accounts.values()
    assert not sum(it.balance_mc for it in accounts), "every transfer is from one account to another"
    ids = [pool.engine.state.domains.by_name[name] for name in NAMES]
    return [sum(it.balance_mc for it in accounts if it.domain_id == who) / 1000 for who in (*ids, 0)]


def draw(folder: Path) -> None:
    """Run half a day in which points are bought after two hours, and draw it."""
    pool = Scenario(SLOTS)
    for name in NAMES:
        pool.domain(name)
        pool.submit(0, name, units=100_000, unit_s=UNIT_S)
        pool.at(0, GrantCredit(0, name, CREDITS * 1000))
    pool.at(0, NiceJob(0, JobId(2), -1))
    pool.at(BUYS_S, NiceJob(BUYS_S * US, JobId(1), POINTS, COST_HOURS * HOUR_S * US))
    told = [(pool.run(at_s, EVERY_S)[-1], owned(pool)) for at_s in range(0, ENDS_S + 1, EVERY_S)]

    figure, (rates, credit) = panels(2)
    hours = [sample.at_s / HOUR_S for sample, _ in told]
    for number, (colour, line, name) in enumerate(zip(COLOURS, LINES, NAMES, strict=False)):
        cpus = [(b.service_s[name] - a.service_s[name]) / EVERY_S for (a, _), (b, _) in pairwise(told)]
        rates.step(hours[1:], cpus, where="pre", color=colour, linestyle=line, label=name)
        balances = [credits[number] for _, credits in told]
        credit.plot(hours, balances, color=colour, linestyle=line)
        print(f"{name}: {cpus[9]:.2f} cpus after 2.5 hours, {balances[-1]:g} credits at the end")
    rates.axhline(0.75 * SLOTS / len(NAMES), color="#999999", linewidth=0.8)
    label(rates, "Who buys is earlier in the pool; what is owed (grey) stays", "received (cpus)")
    label(credit, "What is paid goes to who made room", "credits, with purses", "time (hours)")
    rates.set_ylim(0, SLOTS)
    credit.set_ylim(0, 2 * CREDITS)
    rates.legend(loc="upper right")
    save(figure, folder / "credit.svg")


if __name__ == "__main__":
    script(__doc__, draw)
