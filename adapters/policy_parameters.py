"""Policies with parameters as texts: ``recent-jobs:window=7d,fill=strict``, read, checked, and told again.

A parameter has the name of a field or an argument in Python, with ``-`` for ``_`` and without the unit: ``max-age=7d``
is ``max_age_us``. What it may be follows from its default: a whole number, a number, yes or no, a duration, or one of
some words.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, TypeVar, get_args

import attrs

from meted.core.policy.base import Policy
from meted.core.policy.meted import Meted
from meted.core.policy.ranked import Fill

from .cli.times import positive_duration_us

NUMBER_MAX: Final = 1_000_000_000
"""The largest weight of a policy."""

_DIGITS_MAX: Final = 10
_US: Final = "_us"
_FILLS: Final[tuple[str, ...]] = get_args(Fill)
_BOOLS: Final = {"yes": True, "no": False}

Value = int | float | str
T = TypeVar("T")


class UnknownPolicy(Exception):
    """There is no policy as it is written, or it may not run here; ``str(error)`` says which there are."""


@attrs.frozen
class Tunable:
    """A policy with parameters.

    Attributes:
        defaults: What each parameter is unless it is said, by its name in Python.
        make: What makes the policy of all of them, named.
    """

    defaults: Mapping[str, Value]
    make: Callable[..., Policy]

    def of(self, given: Mapping[str, Value]) -> Policy:
        """Return the policy with some parameters given."""
        return self.make(**{**self.defaults, **given})

    def read(self, name: str, text: str) -> dict[str, Value]:
        """Return the parameters that a text names.

        Args:
            name: Of the policy, for sentences.
            text: ``age=2000,size=0``.

        Raises:
            UnknownPolicy: It is not written so, or a parameter is unknown, named twice or cannot be that.
        """
        fields = {written(field): field for field in self.defaults}
        found: dict[str, Value] = {}
        for word in text.split(","):
            key, sign, value = (part.strip() for part in word.partition("="))
            if not sign or key not in fields:
                raise UnknownPolicy(
                    f"{word.strip()[:40]!r} is no parameter of {name}; it has {', '.join(fields)}, as in "
                    f"{name}:{_example(self.defaults)}."
                )
            if fields[key] in found:
                raise UnknownPolicy(f"the parameter {key} of {name} is given twice; give it once.")
            try:
                found[fields[key]] = _value(self.defaults[fields[key]], fields[key], value)
            except ValueError as error:
                raise UnknownPolicy(f"{key} of {name}: {str(error).rstrip('.')}.") from None
        return {field: found[field] for field in self.defaults if field in found}


def read_policy(text: str, tunable: Mapping[str, Tunable]) -> tuple[str, dict[str, Value]]:
    """Return the name of a policy and the parameters that are given.

    Args:
        text: A name, or a name and parameters: ``recent-jobs:window=7d``.
        tunable: Those that have parameters, by name.

    Raises:
        UnknownPolicy: It has no such parameters. Whether there is one of that name is not looked at.
    """
    name, colon, said = text.partition(":")
    if not colon:
        return name, {}
    if name not in tunable:
        rules = "; it goes by the rules of the pool" if name == Meted.name else ""
        these = ", ".join(sorted(tunable))
        raise UnknownPolicy(f"the policy {name[:40]} has no parameters{rules}; these have: {these}.")
    return name, tunable[name].read(name, said)


def policy_said(name: str, given: Mapping[str, Value]) -> str:
    """Return a policy with some parameters as a text, each written in one way."""
    said = ",".join(f"{written(field)}={text_of(field, value)}" for field, value in given.items())
    return f"{name}:{said}" if said else name


def fields_of(parameters: attrs.AttrsInstance) -> dict[str, Value]:
    """Return the fields of an attrs class as parameters."""
    return dict(attrs.asdict(parameters))


def written(field: str) -> str:
    """Return how a parameter is called on a command line."""
    return field.removesuffix(_US).replace("_", "-")


def text_of(field: str, value: Value) -> str:
    """Return a value as it is written on a command line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if field.endswith(_US):
        assert isinstance(value, int)
        return duration_text(value)
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)


def duration_text(time_us: int) -> str:
    """Return a duration in the largest unit in which it is whole."""
    for unit, name in ((86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s")):
        if time_us % unit == 0:
            return f"{time_us // unit}{name}"
    return f"{time_us / 1_000_000:g}s"


def _value(default: Value, field: str, text: str) -> Value:
    if isinstance(default, bool):
        return _one_of(_BOOLS, text)
    if field.endswith(_US):
        return positive_duration_us(text)
    if isinstance(default, str):
        return _one_of(dict(zip(_FILLS, _FILLS, strict=True)), text)
    number: int | float = math.nan
    if isinstance(default, float):
        with suppress(ValueError):
            number = float(text)
    elif text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX:
        number = int(text)
    if not 0 <= number <= NUMBER_MAX:
        kind = "number" if isinstance(default, float) else "whole number"
        raise ValueError(f"{text[:40]!r} is no {kind} from 0 to {NUMBER_MAX:,}")
    return number


def _one_of(choices: Mapping[str, T], text: str) -> T:
    if text not in choices:
        raise ValueError(f"{text[:40]!r} is none of {', '.join(choices)}")
    return choices[text]


def _example(defaults: Mapping[str, Value]) -> str:
    field, value = next(iter(defaults.items()))
    return f"{written(field)}={text_of(field, value)}"
