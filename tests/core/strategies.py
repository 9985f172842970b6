"""Strategies made from the fields and types of the records themselves, so that a new record is drawn as well."""

from __future__ import annotations

from functools import cache
from types import NoneType, UnionType
from typing import Any, NewType, get_args, get_origin

import attrs
from hypothesis import strategies as st

from meted.core.commands import Command
from meted.core.events import Event
from meted.core.resources import Resources

EVENTS: tuple[type[Event], ...] = get_args(Event)
COMMANDS: tuple[type[Command], ...] = get_args(Command)

small = st.integers(0, 20)
ordinary = st.integers(-(2**63), 2**64 - 1)
huge = st.integers(-(2**700), 2**700)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8)
BASIC: dict[object, st.SearchStrategy[Any]] = {
    int: small | ordinary | huge,
    str: texts,
    bytes: st.binary(max_size=40),
    bool: st.booleans(),
    NoneType: st.none(),
}


def resources(most: int = 2**53) -> st.SearchStrategy[Resources]:
    """Draw an amount of resources that is as it should be."""
    generic = st.dictionaries(names, st.integers(1, most), max_size=3)
    return st.builds(
        lambda cpu, mem, others: Resources(cpu, mem, tuple(sorted(others.items()))),
        st.integers(0, most),
        st.integers(0, most),
        generic,
    )


def fields_of(cls: type) -> dict[str, Any]:
    """Return the fields of a record with their types."""
    attrs.resolve_types(cls)
    return {field.name: field.type for field in attrs.fields(cls)}


@cache
def of_type(kind: Any) -> st.SearchStrategy[Any]:
    """Draw any value of a field's type."""
    while isinstance(kind, NewType):
        kind = kind.__supertype__
    if kind in BASIC:
        return BASIC[kind]
    if isinstance(kind, UnionType):
        return st.one_of([of_type(arg) for arg in get_args(kind)])
    if get_origin(kind) is tuple:
        args = get_args(kind)
        if args[-1] is Ellipsis:
            return st.lists(of_type(args[0]), max_size=4).map(tuple)
        return st.tuples(*(of_type(arg) for arg in args))
    if attrs.has(kind):
        return record(kind)
    raise TypeError(f"there is no strategy for {kind}")


def record(cls: type) -> st.SearchStrategy[Any]:
    """Draw any record of a class."""
    return st.builds(cls, **{name: of_type(kind) for name, kind in fields_of(cls).items()})


def events() -> st.SearchStrategy[Event]:
    """Draw any event: well-formed, not always sensible."""
    return st.one_of([record(cls) for cls in EVENTS])


def commands() -> st.SearchStrategy[Command]:
    """Draw any command: well-formed, mostly senseless."""
    return st.one_of([record(cls) for cls in COMMANDS])


__all__ = ["COMMANDS", "EVENTS", "commands", "events", "fields_of", "names", "of_type", "record", "resources"]
