"""Plain values to records, exactly: cattrs with hooks that turn nothing into anything else, and are fast for tuples."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from operator import itemgetter
from types import NoneType, UnionType
from typing import Any, NewType, get_args, get_origin

import attrs
import cattrs
from immutables import Map

from .indexset import IndexSet

_PLAIN = (int, str, bytes, bool)


def _exact(kind: type) -> Callable[[object, object], object]:
    def structure(value: object, _: object) -> object:
        # cattrs alone would turn "5", 1.9 and True into ints.
        if type(value) is not kind:
            raise TypeError(f"expected {kind.__name__}, not {type(value).__name__}")
        return value

    return structure


def _fraction(numerator: object, denominator: object) -> Fraction:
    if type(numerator) is not int or type(denominator) is not int:
        raise TypeError("a Fraction is two integers")
    return Fraction(numerator, denominator)


def _resolved(kind: Any) -> Any:
    while isinstance(kind, NewType):
        kind = kind.__supertype__
    return kind


def _is_plain_tuple(kind: Any) -> bool:
    """Whether ``kind`` is a tuple, or tuples in tuples, of str, int and bytes only: its own MessagePack form."""
    if get_origin(kind) is not tuple:
        return False
    inner = [_resolved(arg) for arg in get_args(kind) if arg is not Ellipsis]
    return all(arg in _PLAIN or _is_plain_tuple(arg) for arg in inner)


def _plain_checker(kind: Any) -> Callable[[object], bool]:
    """Return a function that tells whether a value is of that plain tuple type."""
    args = get_args(kind)
    leaf = _resolved(args[0])
    if len(args) == 2 and args[1] is Ellipsis:
        if leaf in _PLAIN:
            wanted = {leaf}
            return lambda value: type(value) is tuple and (not value or set(map(type, value)) == wanted)
        inside = _plain_checker(leaf)
        return lambda value: type(value) is tuple and all(map(inside, value))
    kinds = tuple(_resolved(arg) for arg in args)
    return lambda value: type(value) is tuple and tuple(map(type, value)) == kinds


def _structure_plain(kind: Any) -> Callable[[object, object], object]:
    is_valid = _plain_checker(kind)

    def structure(value: object, _: object) -> object:
        if not is_valid(value):
            raise TypeError(f"expected {kind}")
        return value

    return structure


def _structure_record(converter: cattrs.Converter) -> Callable[[Any], Callable[[Any, object], object]]:
    """Records from {field: value}, each field once and no other; three times as fast as cattrs' own for plain fields.

    A log of millions of events is read through this. The types of all plain fields are compared in one step; every
    record has at least two fields.
    """

    def factory(cls: Any) -> Callable[[Any, object], object]:
        fields = {field.name: _resolved(field.type) for field in attrs.fields(attrs.resolve_types(cls))}
        names = tuple(fields)
        get_values = itemgetter(*names)
        plain = [name for name, kind in fields.items() if kind in _PLAIN]
        if len(plain) < 2:  # an itemgetter of one name returns no tuple
            plain = []
        get_plain = itemgetter(*plain) if plain else None
        kinds = tuple(fields[name] for name in plain)
        hooked = [
            (at, kind, converter.get_structure_hook(kind))
            for at, (name, kind) in enumerate(fields.items())
            if name not in plain
        ]

        def structure(value: Any, _: object) -> object:
            if type(value) is not dict or len(value) != len(names):
                raise TypeError(f"{cls.__name__} has exactly the fields {names}")
            if get_plain is not None and tuple(map(type, get_plain(value))) != kinds:
                raise TypeError(f"a plain field of {cls.__name__} has another type")
            values = get_values(value)
            if hooked:
                values = list(values)
                for at, kind, hook in hooked:
                    values[at] = hook(values[at], kind)
            return cls(*values)

        return structure

    return factory


def _is_optional(kind: Any) -> bool:
    return isinstance(kind, UnionType) and len(get_args(kind)) == 2 and NoneType in get_args(kind)


def _structure_optional(converter: cattrs.Converter) -> Callable[[Any], Callable[[object, object], object]]:
    def factory(kind: Any) -> Callable[[object, object], object]:
        inner = next(arg for arg in get_args(kind) if arg is not NoneType)
        hook = converter.get_structure_hook(inner)
        return lambda value, _: None if value is None else hook(value, inner)

    return factory


def _is_map(kind: object) -> bool:
    origin: object = get_origin(kind)
    return origin is Map


def _structure_map(converter: cattrs.Converter) -> Callable[[Any], Callable[[Any, object], object]]:
    """Maps from arrays of (key, value), as :mod:`.state_bytes` writes them."""

    def factory(kind: Any) -> Callable[[Any, object], object]:
        key_type, value_type = get_args(kind)
        key_hook, value_hook = converter.get_structure_hook(key_type), converter.get_structure_hook(value_type)

        def structure(value: Any, _: object) -> object:
            # A dict first: Map(dict) fills one mutable node tree instead of making a new path an entry.
            return Map({key_hook(key, key_type): value_hook(item, value_type) for key, item in value})

        return structure

    return factory


def make_converter() -> cattrs.Converter:
    """Return a converter for the records of the core: every field is there once, and of its exact type."""
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=False)
    for kind in _PLAIN:
        converter.register_structure_hook(kind, _exact(kind))
    converter.register_structure_hook_factory(_is_optional, _structure_optional(converter))
    converter.register_structure_hook_factory(_is_plain_tuple, _structure_plain)
    converter.register_structure_hook(IndexSet, lambda value, _: IndexSet.from_plain(value))
    converter.register_structure_hook(Fraction, lambda value, _: _fraction(*value))
    converter.register_structure_hook_factory(attrs.has, _structure_record(converter))
    converter.register_structure_hook_factory(_is_map, _structure_map(converter))
    return converter
