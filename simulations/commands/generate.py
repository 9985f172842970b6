"""``meted generate``: a made-up workload as a file, or into a pipe."""

from __future__ import annotations

import os
import sys
from fractions import Fraction
from typing import Final

import click

from meted.adapters.cli.progress import ProgressBar
from meted.adapters.cli.times import positive_duration_us
from meted.adapters.cli.values import Reader

from ..errors import SimulationError
from ..factors import read_factor, write_factor
from ..generators.registry import MODELS, find_model
from ..generators.settings import JOBS_MAX, USERS_MAX, Model, Settings, check_settings
from ..generators.writer import copy_blocks, lines_of, write_workload
from ..procs import PROCS_MAX
from ..results.documents import check_target
from .numbers import FACTOR

_SECOND_US: Final = 1_000_000


def _shares(text: str) -> tuple[int, ...]:
    """Return shares with commas in between."""
    words = text.split(",")
    if not all(word.strip().isdecimal() and len(word) <= 12 for word in words):
        raise ValueError(f"{text[:40]!r} are no shares; write them like 3,2,1.")
    return tuple(map(int, words))


def _value(text: str) -> tuple[str, Fraction]:
    """Return a name and its number."""
    name, sign, number = text.partition("=")
    try:
        if not sign:
            raise ValueError("there is no =")
        return name, read_factor(number)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no value; write it like burst=20.") from None


def _run_s(text: str) -> int:
    """Return a duration as whole seconds."""
    run_us = positive_duration_us(text)
    if run_us % _SECOND_US:
        raise ValueError("run times are whole seconds.")
    return run_us // _SECOND_US


def _models() -> str:
    """Return the models and what they can be told by ``--set``, as a block that is shown line by line."""
    lines = ["\b", "Models, and what --set can tell them:"]
    for model in MODELS.values():
        values = ", ".join(f"{name}={write_factor(value)}" for name, value in model.values.items())
        lines += [f"  {model.name:<11} {model.summary}", *([f"              {values}"] if values else [])]
    return "\n".join(lines)


@click.command("generate", short_help="Make up a workload to simulate.", epilog=_models())
@click.argument("model", type=click.Choice(list(MODELS)), metavar="MODEL")
@click.option("--jobs", type=click.IntRange(1, JOBS_MAX), default=10_000, show_default=True, help="How many jobs.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Of all that is drawn.")
@click.option(
    "--procs", type=click.IntRange(1, PROCS_MAX), default=128, show_default=True, help="Processors of the machine."
)
@click.option("--users", type=click.IntRange(1, USERS_MAX), help="How many users.")
@click.option("--load", type=FACTOR, metavar="FACTOR", help="Work that comes, of what the machine can do.")
@click.option("--run", "run_s", type=Reader("duration", _run_s), metavar="DUR", help="Mean run time.")
@click.option(
    "--shares", type=Reader("shares", _shares), default=(), metavar="N,N,...", help="Shares of the first users."
)
@click.option(
    "--set",
    "values",
    type=Reader("name=number", _value),
    multiple=True,
    metavar="NAME=N",
    help="What else the model goes by.",
)
@click.option("--out", type=click.Path(dir_okay=False), metavar="FILE.swf", help="The file (FILE.swf.gz: compressed).")
def generate(
    model: str,
    jobs: int,
    seed: int,
    procs: int,
    users: int | None,
    load: Fraction | None,
    run_s: int | None,
    shares: tuple[int, ...],
    values: tuple[tuple[str, Fraction], ...],
    out: str | None,
) -> None:
    """Make up a workload by MODEL and write it in the Standard Workload Format, to the standard output without --out.

    The same options make the same workload on every machine. Simulate it at once with a pipe:

    meted generate poisson --jobs 1000 | meted simulate -
    """
    settings = Settings(jobs, seed, procs, users, load, run_s, shares, dict(values))
    try:
        check_settings(find_model(model), settings)
    except SimulationError as error:
        raise click.UsageError(str(error)) from None
    try:
        if out is not None:
            check_target("--out", out, "-")
            with ProgressBar(f"{model}, seed {seed}") as bar:
                write_workload(out, find_model(model), settings, bar)
            return
        _to_the_standard_output(find_model(model), settings)
    except SimulationError as error:
        raise click.ClickException(str(error)) from None


def _to_the_standard_output(model: Model, settings: Settings) -> None:
    try:
        copy_blocks(lines_of(model, settings), sys.stdout.buffer, settings.jobs)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Whoever read has enough. What is left in the buffer has nowhere to go when Python flushes it at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
    except OSError as error:
        raise SimulationError(f"the standard output cannot be written ({(error.strerror or '').lower()}).") from None
