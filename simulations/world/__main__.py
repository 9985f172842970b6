"""``python -m meted.simulations.world --seed N``: run worlds, one line a seed."""

from __future__ import annotations

import json

import attrs
import click

from .options import FAULTS, draw
from .world import Outcome, run_world

NOTES_SHOWN = 60
"""Lines of what happened that are shown of a world that failed; --trace shows all that were kept."""


@click.command()
@click.option("--seed", type=click.IntRange(min=0), help="Run the world of this seed.")
@click.option("--seeds", metavar="A-B", help="Run the worlds of these seeds, both included.")
@click.option("--without", "off", multiple=True, type=click.Choice(FAULTS), help="Turn a fault off; may be repeated.")
@click.option("--trace", is_flag=True, help="Show what happened, also where nothing was wrong.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a seed.")
def main(seed: int | None, seeds: str | None, off: tuple[str, ...], trace: bool, as_json: bool) -> None:
    """Run the server, workers and clients in simulated worlds in which everything goes wrong that can.

    The same seed gives the same log, in every process. The exit code is 1 if anything was wrong in any of them.
    """
    failed = False
    for number in _numbers(seed, seeds):
        outcome = run_world(number, draw(number).without(off))
        failed = failed or bool(outcome.failures)
        click.echo(json.dumps(_plain(outcome)) if as_json else line(outcome))
        if trace or (outcome.failures and not as_json):
            for note in outcome.notes[0 if trace else -NOTES_SHOWN :]:
                click.echo(f"    {note}")
        if outcome.failures and not as_json:
            click.echo("\n".join(f"  FAILED {sentence}" for sentence in outcome.failures))
            more = "".join(f" --without {name}" for name in off)
            click.echo(f"  again with: python -m meted.simulations.world --seed {number}{more} --trace")
    raise SystemExit(1 if failed else 0)


def line(outcome: Outcome) -> str:
    """Return a world in one line."""
    return (
        f"seed={outcome.seed} {outcome.options} jobs={outcome.jobs} executions={outcome.executions} "
        f"crashes={outcome.crashes} events={outcome.events} sha256={outcome.sha256 or '-'}"
    )


def _numbers(seed: int | None, seeds: str | None) -> range:
    if seeds is None:
        first = seed or 0
        return range(first, first + 1)
    first_text, _, last_text = seeds.partition("-")
    if seed is not None or not (first_text.isdigit() and last_text.isdigit()):
        raise click.UsageError("Give --seed N, or --seeds A-B with two whole numbers.")
    return range(int(first_text), int(last_text) + 1)


def _plain(outcome: Outcome) -> dict[str, object]:
    return {name: value for name, value in attrs.asdict(outcome).items() if name != "notes"}


if __name__ == "__main__":
    main()
