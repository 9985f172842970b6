"""What all models have in common: what is asked of them, and what they make."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import ClassVar, Final, Protocol

import attrs

from meted.core.limits import SHARE_MAX, TIME_MAX_US
from meted.core.record import record

from ..errors import SimulationError
from ..procs import PROCS_MAX

JOBS_MAX: Final = 1_000_000_000
"""Jobs of the longest workload that is made."""

USERS_MAX: Final = 1_000
"""Users of a made workload."""

RUN_MAX_S: Final = 30 * 86_400
"""Longest run that is made, in seconds; what is drawn beyond it is cut there."""

SUBMIT_MAX_S: Final = TIME_MAX_US // 1_000_000 - RUN_MAX_S
"""Latest submit that is made, in seconds."""


@record
class SyntheticJob:
    """One job that was made up; times are in seconds.

    Attributes:
        estimate_s: How long it is said to run, or -1.
        user, group, queue: Numbers, -1 where there is none.
    """

    submit_s: int
    run_s: int
    procs: int
    estimate_s: int = -1
    user: int = -1
    group: int = -1
    queue: int = -1


@attrs.frozen
class Settings:
    """What is asked of a model.

    Attributes:
        jobs: How many jobs to make.
        seed: Of all that is drawn.
        procs: Processors of the machine.
        users: How many users; None is the model's own number.
        load: Work that comes, of what the machine can do; None is the model's own.
        run_s: Mean run time, in seconds; None is the model's own.
        shares: The shares of the users from the first on; the others have 1.
        values: What else the model is told, by name.
    """

    jobs: int
    seed: int = 0
    procs: int = 128
    users: int | None = None
    load: Fraction | None = None
    run_s: int | None = None
    shares: tuple[int, ...] = ()
    values: dict[str, Fraction] = attrs.field(factory=dict)


class Model(Protocol):
    """A model of a workload."""

    name: ClassVar[str]
    """What it is called."""

    summary: ClassVar[str]
    """What it is, in a line."""

    takes: ClassVar[frozenset[str]]
    """Which of ``users``, ``load``, ``run_s`` and ``shares`` it goes by."""

    values: ClassVar[dict[str, Fraction]]
    """What else it can be told, with what it is otherwise."""

    def jobs(self, settings: Settings) -> Iterator[SyntheticJob]:
        """Yield jobs in the order of their submits, without end or at least as many as asked for."""

    def header(self, settings: Settings) -> list[str]:
        """Return lines for the header: shares of domains and loans, if there are some."""


def check_settings(model: Model, settings: Settings) -> None:
    """Refuse settings that make no sense for a model.

    Raises:
        SimulationError: One does not; the sentence says which.
    """
    limits: tuple[tuple[str, int | Fraction | None, int, int | Fraction], ...] = (
        ("--jobs", settings.jobs, 1, JOBS_MAX),
        ("--procs", settings.procs, 1, PROCS_MAX),
        ("--users", settings.users, 1, USERS_MAX),
        ("--run", settings.run_s, 1, RUN_MAX_S),
        ("--seed", settings.seed, 0, 2**63 - 1),
    )
    for option, value, least, most in limits:
        if value is not None and not least <= value <= most:
            raise SimulationError(f"{option} is {value}; give a number from {least} to {most:,}.")
    if settings.load is not None and not Fraction(1, 1_000) <= settings.load <= 1_000:
        raise SimulationError(f"--load is {float(settings.load):g}; give a load from 0.001 to 1000.")
    if len(settings.shares) > (settings.users or USERS_MAX):
        raise SimulationError("--shares has more shares than there are users; give one for each at most.")
    if any(not 1 <= share <= SHARE_MAX for share in settings.shares):
        raise SimulationError(f"--shares are whole numbers from 1 to {SHARE_MAX:,}, with commas in between.")
    for name in ("users", "load", "run_s", "shares"):
        if name not in model.takes and getattr(settings, name):
            option = name.removesuffix("_s")
            raise SimulationError(f"the model {model.name} does not go by --{option}; leave it out.")
    for name, number in settings.values.items():
        if name not in model.values:
            known = ", ".join(f"{key}={float(value):g}" for key, value in model.values.items()) or "none"
            raise SimulationError(f"the model {model.name} has no value {name}; its values are: {known}.")
        if not 0 <= number <= 10**9:
            raise SimulationError(f"{name} is {float(number):g}; give a number from 0 to 1,000,000,000.")


def value_of(model: Model, settings: Settings, name: str) -> float:
    """Return what a model is told, or otherwise goes by."""
    return float(settings.values.get(name, model.values[name]))


def share_of(settings: Settings, user: int) -> int:
    """Return the share of a user, counted from 1."""
    return settings.shares[user - 1] if user <= len(settings.shares) else 1


def share_lines(settings: Settings, users: int) -> list[str]:
    """Return the header lines that say what all users are entitled to."""
    return [f"MetedShare: {user}, {share_of(settings, user)}" for user in range(1, users + 1)]


def run_time_s(drawn: float) -> int:
    """Return a run time in whole seconds, from 1 to ``RUN_MAX_S``."""
    return max(1, min(int(drawn), RUN_MAX_S))
