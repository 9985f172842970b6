"""Files of TOML, read strictly: every refusal names the file and the place in it."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Mapping
from typing import Any, Final

from ..errors import SimulationError
from ..traces.source import open_source, reason_of, source_name
from .words import SHOWN, excerpt

TOML_BYTES_MAX: Final = 2**20
"""Size of the largest file that is read."""

NUMBER_MAX: Final = 2**63 - 1
"""Largest number in it, of either sign."""

_REASON_MAX: Final = 200

Table = Mapping[str, Any]
Read = Callable[[str], Any]


def read_toml(path: str) -> tuple[str, str, Table]:
    """Return what a file is called, its digest, and what it says; numbers with decimals are texts.

    Raises:
        SimulationError: It cannot be read, or is no TOML.
    """
    name = source_name(path)
    try:
        with open_source(path) as file:
            body = file.read(TOML_BYTES_MAX + 1)
    except OSError as error:
        raise SimulationError(f"{name} cannot be read ({reason_of(error)}); check the path.") from None
    if len(body) > TOML_BYTES_MAX:
        raise SimulationError(f"{name} has more than {TOML_BYTES_MAX:,} bytes; give a smaller file.")
    try:
        said = tomllib.loads(body.decode("utf-8-sig"), parse_float=str)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        said_so = str(error) if len(str(error)) <= _REASON_MAX else "it is written wrongly"
        raise SimulationError(
            f"{name} is no TOML in UTF-8 ({said_so}); see docs/simulation.md for an example."
        ) from None
    except (ValueError, RecursionError) as error:  # neither says of the file what is wrong with it
        why = "is nested too deeply" if isinstance(error, RecursionError) else f"is a number beyond {NUMBER_MAX:,}"
        raise SimulationError(f"{name}: something in it {why}; see docs/simulation.md for an example.") from None
    return name, hashlib.sha256(body).hexdigest(), said


class TomlReader:
    """Reads tables of a file.

    Attributes:
        name: What the file is called.
    """

    def __init__(self, name: str) -> None:
        """Read a file of that name."""
        self.name = name

    def values(self, place: str, given: Table, known: Mapping[str, Read], more: tuple[str, ...] = ()) -> Table:
        """Return what stands in a table, each value as its key in ``known`` is read; it may have keys of ``more``."""
        self.check_keys(place, given, (*known, *more))
        return {key: self.value(place, key, value, known[key]) for key, value in given.items()}

    def value(self, place: str, key: str, value: object, read: Read) -> Any:
        """Return what a number or a text means."""
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise self.refusal(place, f"{excerpt(key)} has to be a number or a text in quotes")
        if isinstance(value, int) and abs(value) > NUMBER_MAX:
            raise self.refusal(place, f"{excerpt(key)} is a number beyond {NUMBER_MAX:,}; give a smaller one")
        try:
            return read(str(value))
        except ValueError as error:
            raise SimulationError(f"{self.at(place)}: {excerpt(key)}: {error}") from None

    def table(self, place: str, given: object) -> Table:
        """Return what has to be a table."""
        if not isinstance(given, dict):
            raise self.refusal("", f"{place} has to be a table")
        return given

    def check_keys(self, place: str, table: Table, known: tuple[str, ...]) -> None:
        """Refuse keys that are not known."""
        for key in table:
            if key not in known:
                raise self.refusal(place, f"{key[:SHOWN]!r} is not known; use {', '.join(known)}")

    def at(self, place: str) -> str:
        """Return how a place in the file is named."""
        return f"{self.name}, {place}" if place else self.name

    def refusal(self, place: str, what: str) -> SimulationError:
        """Return what to raise where something is wrong at a place."""
        return SimulationError(f"{self.at(place)}: {what}.")
