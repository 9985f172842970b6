"""The one class decorator of the core: an immutable record."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, cast

import attrs
import msgspec

T = TypeVar("T")

if TYPE_CHECKING:  # what mypy knows best: fields, positional arguments, and that nothing is assigned to
    from attrs import evolve as replaced
    from attrs import frozen as record
else:
    from msgspec.structs import replace as replaced

    _OPTIONS = {"frozen": True, "gc": False, "forbid_unknown_fields": True}
    _MADE_BY_ATTRS = (attrs.Factory, type(attrs.field()))

    class _Fields:
        """The fields of a record as attrs knows them, found when first asked for.

        Finding them takes longer than making the record, and most programs ask for those of few records or none.
        """

        def __init__(self, declared: type) -> None:
            self._declared = declared

        def __get__(self, _: object, owner: type) -> tuple[attrs.Attribute, ...]:
            owner.__attrs_attrs__ = found = self.found()
            return found

        def found(self) -> tuple[attrs.Attribute, ...]:
            """Let attrs look at the class as it was declared."""
            if not attrs.has(self._declared):
                attrs.define(self._declared, slots=False, init=False, repr=False, eq=False, match_args=False)
            return attrs.fields(self._declared)

    def record(cls: type[T]) -> type[T]:
        """Make ``cls`` an immutable, hashable value class.

        It is declared as with attrs, and :func:`attrs.fields` and all that rests on it know it; its objects are structs
        of msgspec, which are made, compared, hashed and copied in C. The reducers make about five records an event.

        A record holds values: numbers, text, bytes, collections of these, other records. None of them can refer back to
        it, so the collector of cycles need not look at it. What may hold anything else is declared with attrs alone.
        """
        members = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")}
        fields = _Fields(cls)
        if any(isinstance(value, _MADE_BY_ATTRS) for value in members.values()):
            for field in fields.found():
                if isinstance(field.default, attrs.Factory):
                    members[field.name] = msgspec.field(default_factory=field.default.factory)
        struct = type(msgspec.Struct)(cls.__name__, (msgspec.Struct,), members, **_OPTIONS)
        struct.__attrs_attrs__ = fields
        return struct


fields_of = cast(Callable[[attrs.AttrsInstance], dict[str, object]], msgspec.structs.asdict)
"""Returns the fields of a record by name, in their order; what a field holds stays what it is."""

__all__ = ["fields_of", "record", "replaced"]
