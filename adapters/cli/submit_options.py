"""What ``meted submit`` can be told: the shape of a job, what its units need, and in which order they run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import click

from meted.core.limits import PRIORITY_MAX, RETRIES_MAX, SECOND_US

from .config import setting
from .connect import DOMAIN, JOB_ID
from .times import DURATION, POSITIVE_DURATION, TIME, duration_us
from .values import AMOUNT, INDEX_RANGE, KEY_VALUE, RESOURCE, SIZE, Reader, pairs_option, size_bytes

Command = TypeVar("Command", bound=Callable[..., object])


def whole_seconds(text: str) -> int:
    """Return the seconds of a duration.

    Raises:
        ValueError: It is none, or has a part of a second: the system holds processes to whole ones.
    """
    seconds, rest_us = divmod(duration_us(text), SECOND_US)
    if rest_us:
        raise ValueError(f"{text!r} is no whole number of seconds.")
    return seconds


UNIT_LIMITS: Mapping[str, tuple[Callable[[str], int], str]] = {
    "cpu_s": (whole_seconds, "in whole seconds, like cpu_s=90s or cpu_s=2h"),
    "file_bytes": (size_bytes, "like file_bytes=4G"),
    "mem_bytes": (size_bytes, "like mem_bytes=4G"),
    "open_files": (int, "like open_files=256"),
    "rss_bytes": (size_bytes, "like rss_bytes=4G"),
}
"""What ``--limit`` knows, how its values are read, and how they are written."""

UNIT_LIMIT_MAX = 2**53
"""A limit is from 1 to this."""


def environment_variable(text: str) -> tuple[str, str]:
    """Return (name, value) of ``NAME=VALUE``, or of a variable of this process that is only named.

    Raises:
        ValueError: It is no such pair, or there is no such variable here.
    """
    name, equals, value = text.partition("=")
    if not name:
        raise ValueError(f"{text!r} names no variable; write NAME=VALUE, or NAME to hand on your own.")
    if equals:
        return name, value
    if name not in os.environ:
        raise ValueError(f"The variable {name} is not set here; set it, or write {name}=VALUE.")
    return name, os.environ[name]


def unit_limit(text: str) -> tuple[str, int]:
    """Return (name, number) of ``NAME=VALUE``, where the name is one of UNIT_LIMITS.

    Raises:
        ValueError: It is none of them, or the value makes no sense.
    """
    name, _, value = text.partition("=")
    if name not in UNIT_LIMITS:
        raise ValueError(f"{name!r} is no limit; there are {', '.join(UNIT_LIMITS)}.")
    read, written = UNIT_LIMITS[name]
    try:
        if 1 <= (found := read(value)) <= UNIT_LIMIT_MAX:
            return name, found
    except ValueError:
        pass
    raise ValueError(f"{value!r} is no value of {name}; write it {written}.")


def shape_options(command: Command) -> Command:
    """Add what says how many units there are, and what each of them is given."""
    options = [
        click.option("--count", type=click.IntRange(min=1), metavar="N", help="N units, with the indices 0 to N-1."),
        click.option("--array", type=INDEX_RANGE, metavar="FIRST-LAST[:STEP]", help="One unit for each index."),
        click.option(
            "--each-line",
            type=click.File("rb"),
            metavar="FILE",
            help="One unit for each line of FILE (- is standard input); {line} in CMD is that line.",
        ),
        click.option("--stdin", type=click.File("rb"), metavar="FILE", help="What each unit reads as standard input."),
        click.option("--cwd", metavar="DIR", help="Where units run.  [default: the current directory]"),
        click.option(
            "--env",
            type=Reader("name[=value]", environment_variable),
            multiple=True,
            metavar="K[=V]",
            help="Set a variable for the units, or hand on your own. Its value is kept secret unless it is a "
            "well-known harmless one such as PATH, LANG or OMP_NUM_THREADS.",
        ),
    ]
    return _all(options, command)


def need_options(command: Command) -> Command:
    """Add what says what a unit needs and what it is held to."""
    options = [
        click.option("--cpus", type=AMOUNT, default="1", show_default=True, metavar="N", help="Cpus a unit needs."),
        click.option("--gpus", type=AMOUNT, metavar="N", help="Gpus a unit needs; the same as --resource gpu=N."),
        click.option("--mem", type=SIZE, default="0", metavar="SIZE", help="Memory a unit needs: 512M, 4G, 1.5Gi."),
        pairs_option("--resource", of=RESOURCE, metavar="NAME=N", help="Anything else it needs."),
        click.option(
            "--time",
            "time_request",
            type=POSITIVE_DURATION,
            metavar="DUR",
            help="How long a unit is thought to run: 90s, 2h.",
        ),
        click.option(
            "--time-limit", type=POSITIVE_DURATION, metavar="DUR", help="Kill a unit that runs longer than this."
        ),
        pairs_option(
            "--limit",
            "limits",
            of=Reader("name=value", unit_limit),
            metavar="NAME=VALUE",
            help=f"What a unit is held to: {', '.join(UNIT_LIMITS)} (cpu_s=90s, rss_bytes=4G).",
        ),
    ]
    return _all(options, command)


def order_options(command: Command) -> Command:
    """Add what says who is charged, who goes first, and what happens when units fail."""
    options = [
        click.option(
            "--domain",
            type=DOMAIN,
            envvar="METED_DOMAIN",
            default=lambda: setting("domain") or "default",
            metavar="D",
            help="Who is charged.  [default: $METED_DOMAIN, else the config file's, else 'default']",
        ),
        click.option(
            "--user",
            envvar="METED_TAG",
            metavar="NAME",
            help="Who you are.  [default: $METED_TAG, else the config file's, else your login name]",
        ),
        click.option("--name", default="", metavar="S", help="What you call the job; it need not be unique."),
        pairs_option("--tag", "tags", of=KEY_VALUE, metavar="K=V", help="Find the job by it later."),
        click.option(
            "--priority",
            type=click.IntRange(-PRIORITY_MAX, PRIORITY_MAX),
            default=0,
            metavar="P",
            help="Order among the jobs of your domain, higher first.  [default: 0]",
        ),
        click.option("--after", type=JOB_ID, multiple=True, metavar="JOB", help="Only when JOB has succeeded."),
        click.option("--begin", type=TIME, metavar="TIME", help="Not before TIME: an ISO time, or now+10m."),
        click.option("--hold", is_flag=True, help="Only prepare it; `meted start` lets it run."),
        click.option(
            "--retries",
            type=click.IntRange(0, RETRIES_MAX),
            default=0,
            metavar="N",
            help="Try a failed unit N times more.",
        ),
        click.option(
            "--backoff", type=DURATION, default="0", metavar="DUR", help="Wait before the first retry; then doubled."
        ),
        click.option(
            "--max-failures",
            type=click.IntRange(min=0),
            metavar="N",
            help="Cancel the rest when more than N units failed.",
        ),
        click.option("--no-rerun", is_flag=True, help="Do not run a unit again whose worker was lost: it fails."),
    ]
    return _all(options, command)


def _all(options: Sequence[Callable[[Command], Command]], command: Command) -> Command:
    for option in reversed(options):
        command = option(command)
    return command
