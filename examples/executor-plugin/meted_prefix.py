"""An executor that puts words before the command of each unit, and else runs it as a process of the machine.

In ``~/.config/meted/config.toml``::

    executor = "prefix"

    [executors.prefix]
    words = ["nice", "-n", "10"]

With ``words = ["apptainer", "exec", "/images/python.sif"]`` each unit runs in a container.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from meted.adapters.executors.contract import Executor, UnitEnd, UnitToRun, nothing
from meted.adapters.executors.plugins import Setup
from meted.adapters.executors.process import ProcessExecutor


class PrefixExecutor(ProcessExecutor):
    """Runs ``words`` and then the command of the unit: all that is not said here is as with processes."""

    def __init__(self, directory: str, words: tuple[str, ...]) -> None:
        """Keep output in ``directory``."""
        super().__init__(directory)
        self._words = words

    async def run(self, unit: UnitToRun, started: Callable[[], None] = nothing) -> UnitEnd:
        """Run one unit and return how it ended."""
        spec = evolve(unit.spec, argv=(*self._words, *unit.spec.argv))
        return await super().run(evolve(unit, spec=spec), started)


def make(setup: Setup) -> Executor:
    """Make the executor: this is what the entry point names.

    Raises:
        ValueError: What the config file says makes no sense; meted shows the sentence.
    """
    words = setup.config.get("words")
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise ValueError('say what goes before each command, as words = ["nice", "-n", "10"]')
    unknown = sorted(setup.config.keys() - {"words"})
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not known; there is only words")
    setup.logger.info("Each command runs behind: %s", " ".join(words))
    return PrefixExecutor(str(setup.directory), tuple(words))
