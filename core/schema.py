"""From plain values back to records: events of every version there ever was, and snapshots.

Events are never edited, only versioned. A version newer than this program stops it with a clear error.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from fractions import Fraction
from operator import itemgetter
from types import NoneType, UnionType
from typing import Any, NewType, TypeVar, cast, get_args, get_origin

import attrs
import cattrs
from immutables import Map

from .codec import Fields, unpack, unpack_plain
from .direct import EVENT_CLASSES, decode_directly
from .errors import SchemaError
from .events import Event
from .indexset import IndexSet
from .limits import KARMA_START_MC
from .state import State
from .state_bytes import encode_state
from .tags import ENTITLED

SNAPSHOT_VERSION = 8
"""Version of the form of a snapshot of a state (:mod:`.snapshots` may add something to it).

One of another version is passed over, as the log has everything."""

_PLAIN = (int, str, bytes, bool)

T = TypeVar("T")

Upcast = Callable[[Fields], Fields]

_NOTHING_CHARGED: Fields = {"usage": 0, "epoch": 0, "inner": (), "above": ()}


def _without(fields: Fields, name: str) -> Fields:
    return {key: value for key, value in fields.items() if key != name}


def _arrived(tag: object) -> Fields:
    return {"domain_tag": tag, "user_tag": 0, "job_tag": 0, "above": ()}


_NO_RESOURCES: Fields = {"cpu_milli": 0, "mem_bytes": 0, "generic": ()}
_NO_GUARANTEE: Fields = {
    "guarantee": _NO_RESOURCES,
    "floor_share": 1,
    "floor": _NO_RESOURCES,
    "stamp_us": 0,
    "expires_us": None,
}

UPCASTS: dict[tuple[str, int], Upcast] = {
    # Nothing was prefetched before, and no worker could say that it may be.
    ("units_leased", 1): lambda fields: {**fields, "behind": 0},
    ("worker_joined", 1): lambda fields: {**fields, "prefetch": False},
    # No job waited for others before.
    ("job_submitted", 1): lambda fields: {
        **fields,
        "terms": {**cast(Fields, fields["terms"]), "after": ()},
        "waits_for": (),
    },
    # What a unit used of cpu and memory was not reported before.
    ("units_finished", 1): lambda fields: {**fields, "cpu_us": (), "peak_bytes": ()},
    # All domains were at the top level, made by hand, and had no guarantees and no floors before.
    ("domain_created", 1): lambda fields: {**fields, "parent": 0, **_NO_GUARANTEE},
    ("domain_changed", 1): lambda fields: {**fields, **_NO_GUARANTEE},
    # No priority was bought or sold.
    ("priority_changed", 1): lambda fields: {**fields, "points": 0},
    # Workers had no owners.
    ("worker_joined", 2): lambda fields: {**fields, "owner": 0, "restricted": False},
    # Domains had one tier, and no tree; users and jobs had no tags of their own, and usage was not counted.
    ("job_submitted", 2): lambda fields: (
        _without(fields, "start_tag")
        | {"domain_tag": fields["start_tag"], "user_tag": 0, "job_tag": 0, "above": (), "requested_cpu_us": 0}
    ),
    ("job_started", 1): lambda fields: _without(fields, "start_tag") | _arrived(fields["start_tag"]),
    ("units_reopened", 1): lambda fields: _without(fields, "start_tag") | _arrived(fields["start_tag"]),
    ("units_leased", 2): lambda fields: {**fields, "charged": ENTITLED, **_NOTHING_CHARGED},
    ("units_finished", 2): lambda fields: {**fields, "used_cpu_us": 0, **_NOTHING_CHARGED},
    ("units_returned", 1): lambda fields: {**fields, **_NOTHING_CHARGED},
    # No tag fell when too much had been charged.
    ("units_finished", 3): lambda fields: {**fields, "fallen": ()},
    ("units_returned", 2): lambda fields: {**fields, "fallen": ()},
    ("account_reweighted", 1): lambda fields: {**fields, "start": ()},
    # There was no karma in a live pool, so nobody began with credit.
    ("rules_changed", 1): lambda fields: {**fields, "start_mc": KARMA_START_MC},
    # Whoever had made room was paid.
    ("credit_rules_changed", 1): lambda fields: {**fields, "donors": "all"},
    # Each call that was kept had an event of its own.
    ("call_kept", 1): lambda fields: (
        _without(_without(fields, "key"), "answer") | {"calls": ((fields["key"], fields["answer"]),)}
    ),
}
"""(tag, version) -> the fields of version + 1. Each entry says what changed and when; none is ever removed."""


def decode_events(body: bytes) -> list[Event]:
    """Return the events in a body, upcast to the versions of today.

    Raises:
        SchemaError: If something in it is no event of a version that this program knows.
    """
    events = decode_directly(body)
    if events is not None:
        return events
    return [_decode(tag, version, fields) for tag, version, fields in unpack_plain(body)]


def _decode(tag: str, version: int, fields: Fields) -> Event:
    cls = EVENT_CLASSES.get(tag)
    if cls is None or version > cls.version:
        raise SchemaError(
            f"The log holds an event {tag!r} of version {version}, which this program does not know; "
            "use the version of meted that wrote it, or a newer one."
        )
    try:
        for old in range(version, cls.version):
            fields = UPCASTS[tag, old](fields)
        return _from_fields[cls](fields, cls)
    except Exception as error:
        raise SchemaError(f"An event {tag!r} of version {version} does not have the right fields.") from error


def decode_state(body: bytes) -> State:
    """Return the state in a snapshot.

    Raises:
        SchemaError: If it is none.
    """
    return decode_record(unpack(body), State)


def decode_record(plain: object, cls: type[T]) -> T:
    """Return a record of that class, of two fields at least, from its plain form.

    Raises:
        SchemaError: If it is none.
    """
    try:
        return _converter.structure(plain, cls)
    except Exception as error:
        raise SchemaError("These bytes are no snapshot of this version.") from error


def state_digest(state: State) -> str:
    """Return the sha256 of the canonical bytes of a state, in hex."""
    return body_digest(encode_state(state))


def body_digest(body: bytes) -> str:
    """Return the digest of the state that ``encode_state`` made these bytes of."""
    return hashlib.sha256(body).hexdigest()


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


def _make_converter() -> cattrs.Converter:
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


_converter = _make_converter()
for _cls in EVENT_CLASSES.values():
    attrs.resolve_types(_cls)
_from_fields: dict[type, Callable[[Any, Any], Event]] = {
    cls: _converter.get_structure_hook(cls) for cls in EVENT_CLASSES.values()
}
