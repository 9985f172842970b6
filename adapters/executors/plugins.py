"""Executors by name: the one that is built in, and those that other packages bring (rows G01, N28).

A package brings one as an entry point of the group ``meted.executors``: a name, and a function that is given a
:class:`Setup` (its name, a directory, what the config file says for it, a logger) and returns an
:class:`.contract.Executor`. Nothing of a package is imported before its executor is asked for by name.
"""

from __future__ import annotations

import difflib
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from meted.core.limits import RETENTION_US, SECOND_US
from meted.core.record import record

from .contract import FEATURES, Executor

GROUP = "meted.executors"
"""Group of the entry points by which packages bring executors; loggers of executors are below this name as well."""

PROCESS = "process"
"""The executor that is built in: every unit is a process of the worker's machine."""

METHODS = ("open", "close", "run", "kill", "suspend", "resume", "usage", "read", "forget")
"""What every executor has, besides ``features``."""

OUTPUT_KEPT_S = 2 * RETENTION_US // SECOND_US
"""Output of a job that has written nothing for so long is deleted when a worker starts: nobody told it to, as it was
away when the job was deleted."""


@record
class Setup:
    """What an executor is made with.

    Attributes:
        name: By which it was asked for.
        directory: The worker's own; whatever it keeps goes here, and output best into ``jobs``.
        config: What the config file says in ``[executors.NAME]``; empty where it says nothing.
        logger: For what people should know; it goes to the worker's standard error.
    """

    name: str
    directory: Path
    config: Mapping[str, object]
    logger: logging.Logger


Factory = Callable[[Setup], Executor]
"""What an entry point names: it makes an executor, which is opened later, or raises ValueError with a sentence."""


class PluginError(Exception):
    """There is no such executor, or it cannot be made; the text is one sentence that says what to do."""


def check_name(name: str) -> None:
    """See whether there is an executor of that name; nothing is imported.

    Raises:
        PluginError: There is none, or more than one.
    """
    if name != PROCESS:
        _entry_point(name)


def make(name: str, directory: Path, config: Mapping[str, object]) -> Executor:
    """Return the executor of that name, made and not opened.

    Args:
        name: ``process``, or what a package calls the one that it brings.
        directory: The worker's own.
        config: What the config file says of it.

    Raises:
        PluginError: There is none, or it cannot be made, or it is no executor.
    """
    setup = Setup(name, directory, config, logging.getLogger(f"{GROUP}.{name}"))
    if name == PROCESS:
        return _process(setup)
    entry = _entry_point(name)
    whose = f"The executor {name!r} of the package {_package(entry)}"
    try:
        executor: Executor = entry.load()(setup)
    except ValueError as error:
        raise PluginError(f"{whose} does not take what it is told: {_sentence(error)}") from error
    except Exception as error:
        raise PluginError(f"{whose} cannot be loaded: {type(error).__name__}: {_sentence(error)}") from error
    lacks = [method for method in METHODS if not callable(getattr(executor, method, None))]
    features = getattr(executor, "features", None)
    if lacks or not isinstance(features, frozenset) or not features <= FEATURES:
        wrong = f"has no {', '.join(lacks)}" if lacks else f"must have features out of {', '.join(sorted(FEATURES))}"
        raise PluginError(f"{whose} is no executor: it {wrong}; tell its authors.")
    return executor


def log_to_stderr() -> None:
    """Let what executors say to their loggers go to standard error, from ``INFO`` on."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(name)s: %(levelname)s: %(message)s"))
    logger = logging.getLogger(GROUP)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False


def _entry_point(name: str) -> EntryPoint:
    found = [entry for entry in entry_points(group=GROUP) if entry.name == name]
    if not found:
        names = sorted({PROCESS, *(entry.name for entry in entry_points(group=GROUP))})
        near = difflib.get_close_matches(name, names, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise PluginError(
            f"There is no executor {name!r}; there are: {', '.join(names)}. Install the package that brings it, into "
            f"the same environment as meted.{hint}"
        )
    packages = sorted({_package(entry) for entry in found})
    if len(packages) > 1:
        raise PluginError(f"There are executors {name!r} in the packages {', '.join(packages)}; remove all but one.")
    return found[0]


def _package(entry: EntryPoint) -> str:
    return "?" if entry.dist is None else entry.dist.name


def _sentence(error: Exception) -> str:
    return f"{str(error).rstrip('.') or 'it does not say why'}."


def _process(setup: Setup) -> Executor:
    from .process import ProcessExecutor  # only here: another executor may not need it

    if setup.config:
        raise PluginError(f"The executor {PROCESS!r} can be told nothing; remove [executors.{PROCESS}].")
    executor = ProcessExecutor(str(setup.directory))
    with suppress(FileNotFoundError):
        executor.store.prune(time.time() - OUTPUT_KEPT_S)
    return executor
