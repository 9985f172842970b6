"""Malformed lines of what is read, told on the standard error: the first ones one by one, of more only the number."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

import click

from meted.adapters.wording import counted

from ..traces.swf import Malformed

MALFORMED_SHOWN: Final = 20
"""So many malformed lines are told one by one; of more only the number."""


class MalformedLines:
    """Tells malformed lines of a file as they are met, and at the end how many more there were; a context manager."""

    def __init__(self, path: str) -> None:
        """Begin with none."""
        self._path = path
        self._count = 0

    def __enter__(self) -> Self:
        """Use it as a context manager."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Tell how many lines were not told one by one."""
        if self._count > MALFORMED_SHOWN:
            click.echo(f"{self._path}: {counted(self._count - MALFORMED_SHOWN, 'more malformed line')}.", err=True)

    def __call__(self, found: Malformed) -> None:
        """Tell of a malformed line."""
        self._count += 1
        if self._count <= MALFORMED_SHOWN:
            click.echo(f"{self._path}: {found}.", err=True)
