"""Parameters from maps and back: exact types, no coercion, and a sentence that says what is wrong and where.

Each type is compiled once into a function that only tells whether a value is of it, with the types of all items of an
array compared in one step; what is wrong is looked for only then. cattrs does neither. Ranges are the core's to judge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

import attrs

from meted.core.record import fields_of

from .describe import type_words
from .errors import CallError, Code
from .limits import ARRAY_ITEMS_MAX, KEY_BYTES_MAX, MAP_ITEMS_MAX
from .messages import Notification, Request
from .methods import Method

Check = Callable[[object], bool]
Build = Callable[[Any], object]

NAMES: dict[type, str] = {
    int: "a whole number",
    str: "text",
    bytes: "bytes",
    bool: "true or false",
    float: "a fraction",
    tuple: "an array",
    list: "a list",
    dict: "a map",
    NoneType: "nil",
}
_LEAVES = (int, str, bytes, bool, NoneType)


def params_of(method: Method, call: Request | Notification) -> Any:
    """Return the parameters of a call as a record of ``method.params``; most were read into one at once.

    Raises:
        CallError: As :func:`read_params` does.
    """
    return read_params(method, call.params) if call.typed is None else call.typed


def read_params(method: Method, params: Mapping[str, object]) -> Any:
    """Return the parameters of a call as a record of ``method.params``.

    Raises:
        CallError: 101 if an argument is unknown or missing, 102 if one is not of its type or too long.
    """
    reader = _reader(method.params)
    if not reader.names >= params.keys() >= reader.required:
        raise _wrong_names(method, reader, params)
    leaves = reader.leaves
    for name, value in params.items():
        if type(value) is not leaves.get(name) and not reader.checks[name](value):
            raise _wrong_type(reader.kinds[name], value, name)
    if "key" in params:
        check_key(params["key"])
    return reader.build(params)


def plain(params: attrs.AttrsInstance) -> dict[str, object]:
    """Return the map that ``read_params`` makes the same record of."""
    fields = fields_of(params)
    for name in _reader(type(params)).nested:
        fields[name] = _plain(fields[name])
    return fields


def _plain(value: Any) -> object:
    if type(value) is tuple:
        return tuple(map(plain, value))
    return None if value is None else plain(value)


class _Reader:
    """What is known of a record class: its types, its checks, and how to make one.

    Attributes:
        kinds: The type of each field.
        names, required: Which fields there are, and which have no default.
        checks: Tells of each field whether a value is of its type.
        leaves: The class that a value of a plain field has: to compare it is quicker than to call its check.
        nested: The fields that hold records.
    """

    __slots__ = ("_builds", "_cls", "checks", "kinds", "leaves", "names", "nested", "required")

    def __init__(self, cls: type[attrs.AttrsInstance]) -> None:
        fields = attrs.fields(attrs.resolve_types(cls))
        self._cls = cls
        self.kinds: dict[str, Any] = {field.name: field.type for field in fields}
        self.names = self.kinds.keys()
        self.required = {field.name for field in fields if field.default is attrs.NOTHING}
        self.checks = {name: _check(kind) for name, kind in self.kinds.items()}
        builds = {name: _build(kind) for name, kind in self.kinds.items()}
        self._builds = {name: build for name, build in builds.items() if build is not None}
        self.leaves = {name: kind for name, kind in self.kinds.items() if kind in _LEAVES}
        self.nested = tuple(self._builds)

    def is_valid(self, value: object) -> bool:
        """Whether ``value`` is a map that this record can be built of."""
        if type(value) is not dict or not self.names >= value.keys() >= self.required:
            return False
        return all(self.checks[name](item) for name, item in value.items())

    def build(self, params: Mapping[str, object]) -> attrs.AttrsInstance:
        """Return the record; ``params`` were checked."""
        if not self._builds:
            return self._cls(**params)
        builds = self._builds
        return self._cls(**{name: builds[name](value) if name in builds else value for name, value in params.items()})


_reader = cache(_Reader)


def _check(kind: Any) -> Check:
    """Return a function that tells whether a value is of type ``kind``."""
    if kind is object:
        return lambda value: True
    if kind in _LEAVES:
        return lambda value: type(value) is kind
    if attrs.has(kind):
        return _reader(kind).is_valid
    if isinstance(kind, UnionType):
        checks = [_check(arg) for arg in get_args(kind)]
        return lambda value: any(check(value) for check in checks)
    if get_origin(kind) is dict:
        item = _check_all(get_args(kind)[1])
        texts = _check_all(str)
        return lambda value: (
            type(value) is dict and len(value) <= MAP_ITEMS_MAX and texts(value) and item(value.values())
        )
    if get_origin(kind) is tuple:
        return _check_tuple(get_args(kind))
    raise TypeError(f"no parameter can be of type {kind}")


def _check_tuple(args: tuple[Any, ...]) -> Check:
    if args[-1] is Ellipsis:
        items = _check_all(args[0])
        return lambda value: type(value) is tuple and len(value) <= ARRAY_ITEMS_MAX and items(value)
    if all(arg in _LEAVES for arg in args):
        return lambda value: type(value) is tuple and tuple(map(type, value)) == args
    checks = [_check(arg) for arg in args]
    return lambda value: (
        type(value) is tuple
        and len(value) == len(checks)
        and all(check(item) for check, item in zip(checks, value, strict=True))
    )


def _check_all(kind: Any) -> Callable[[Any], bool]:
    """Return a function that tells whether all of some values are of type ``kind``."""
    if kind in _LEAVES:
        wanted = {kind}
        return lambda values: wanted.issuperset(map(type, values))
    check = _check(kind)
    return lambda values: all(map(check, values))


def _build(kind: Any) -> Build | None:
    """Return what makes records of the maps in a value of type ``kind``, or None where there are none."""
    if attrs.has(kind):
        return _reader(kind).build
    builds = [build for arg in get_args(kind) if arg is not Ellipsis and (build := _build(arg)) is not None]
    if not builds:
        return None
    (build,) = builds
    if isinstance(kind, UnionType):
        return lambda value: None if value is None else build(value)
    return lambda value: tuple(map(build, value))


def check_key(key: object) -> None:
    """Refuse an idempotency key that is too long or empty."""
    if isinstance(key, str) and not 1 <= len(key.encode("utf-8", "surrogatepass")) <= KEY_BYTES_MAX:
        raise CallError(Code.REFUSED, "bad_key", f"key must have 1 to {KEY_BYTES_MAX} bytes; use a random word.")


def _wrong_names(method: Method, reader: _Reader, params: Mapping[str, object]) -> CallError:
    unknown = sorted(map(str, params.keys() - reader.names))
    missing = sorted(reader.required - params.keys())
    known = ", ".join(reader.kinds) or "none"
    if unknown:
        named = ", ".join(repr(name[:64]) for name in unknown[:5])
        return CallError(Code.BAD_SHAPE, "bad_shape", f"{method.name} has no argument {named}; it has: {known}.")
    return CallError(Code.BAD_SHAPE, "bad_shape", f"{method.name} needs {', '.join(missing)}; it has: {known}.")


def _wrong_type(kind: Any, value: object, path: str) -> CallError:
    """Return the error for the first place in ``value`` that is not of type ``kind``."""
    if isinstance(kind, UnionType):
        inner = next(arg for arg in get_args(kind) if arg is not NoneType)
        if value is not None and _outer(inner) is type(value):
            return _wrong_type(inner, value, path)
    elif _outer(kind) is type(value):
        return _wrong_inside(kind, value, path)
    return CallError(Code.REFUSED, "bad_type", f"{path} must be {_wanted(kind)}, not {_found(value)}.")


def _wrong_inside(kind: Any, value: Any, path: str) -> CallError:
    most = MAP_ITEMS_MAX if type(value) is dict else ARRAY_ITEMS_MAX
    if len(value) > most:
        return CallError(Code.REFUSED, "too_large", f"{path} has {len(value):,} items of at most {most:,}.")
    for inner, item, place in _parts(kind, value, path):
        if not _check(inner)(item):
            return _wrong_type(inner, item, place)
    return CallError(Code.REFUSED, "bad_type", f"{path} must be {_wanted(kind)}.")


def _parts(kind: Any, value: Any, path: str) -> list[tuple[Any, object, str]]:
    """Return (type, value, where) of what is inside an array or a map."""
    args = get_args(kind)
    if attrs.has(kind):
        kinds = _reader(kind).kinds
        return [(kinds[name], item, f"{path}.{name}") for name, item in value.items() if name in kinds]
    if type(value) is dict:
        names = [(str, name, f"a name in {path}") for name in value]
        return names + [(args[1], item, f"{path}.{name[:64]}") for name, item in value.items() if type(name) is str]
    kinds_of_items = [args[0]] * len(value) if args[-1] is Ellipsis else args
    if len(kinds_of_items) != len(value):
        return []
    return [(inner, item, f"{path}[{at}]") for at, (inner, item) in enumerate(zip(kinds_of_items, value, strict=True))]


def _outer(kind: Any) -> Any:
    """Return the class that a value of type ``kind`` has, looked at from outside."""
    return dict if attrs.has(kind) else get_origin(kind) or kind


def _wanted(kind: Any) -> str:
    if kind in NAMES:
        return NAMES[kind]
    if isinstance(kind, UnionType):
        return " or ".join(_wanted(arg) for arg in get_args(kind))
    if attrs.has(kind):
        return f"a map of {', '.join(_reader(kind).kinds)}"
    return f"{NAMES[_outer(kind)]} {type_words(kind)}"


def _found(value: object) -> str:
    return NAMES.get(type(value), f"a {type(value).__name__}")
