"""The table of methods in words: the answer of ``help``, and the source of the tables in docs/wire.md."""

from __future__ import annotations

import re
import textwrap
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

import attrs

from .methods import METHODS, Method

WORDS = {int: "int", str: "str", bytes: "bin", bool: "bool", NoneType: "nil", object: "any"}
"""The types of MessagePack by their usual names."""

Description = dict[str, object]


def describe() -> list[Description]:
    """Return every method with its sentence, its parameters and its answer (row N17)."""
    return [
        {
            "method": method.name,
            "doc": method.doc,
            "mutates": method.mutates,
            "role": method.role,
            "params": {name: describe_param(method, name) for name in meanings(method.params)},
            "result": method.result,
        }
        for method in METHODS.values()
    ]


def describe_param(method: Method, name: str) -> Description:
    """Return a parameter's type, whether it is required, its default and what it means."""
    field = attrs.fields_dict(attrs.resolve_types(method.params))[name]
    required = field.default is attrs.NOTHING
    return {
        "type": type_words(field.type),
        "required": required,
        "default": None if required else default_of(field),
        "doc": meanings(method.params)[name],
    }


def default_of(field: attrs.Attribute[Any]) -> object:
    """Return the value that a field has if none is given."""
    default: Any = field.default
    return default.factory() if isinstance(default, attrs.Factory) else default  # type: ignore[arg-type]


def type_words(kind: Any) -> str:
    """Return a type in the words of MessagePack: ``int or nil``, ``[[int, int], ...]``, ``{str: int}``."""
    if kind in WORDS:
        return WORDS[kind]
    if attrs.has(kind):
        return "map"
    args = get_args(kind)
    if isinstance(kind, UnionType):
        return " or ".join(map(type_words, args))
    if get_origin(kind) is dict:
        return f"{{{type_words(args[0])}: {type_words(args[1])}}}"
    return f"[{', '.join('...' if arg is Ellipsis else type_words(arg) for arg in args)}]"


def meanings(params: type[attrs.AttrsInstance]) -> dict[str, str]:
    """Return what each parameter means, from the docstring, in the order of the fields."""
    _, _, attributes = (params.__doc__ or "").partition("Attributes:\n")
    entries = re.split(r"^(\w+): ", textwrap.dedent(attributes), flags=re.MULTILINE)[1:]
    said = {name: " ".join(text.split()) for name, text in zip(entries[::2], entries[1::2], strict=True)}
    return {field.name: said[field.name] for field in attrs.fields(params)}
