"""Whose domain a job is: of its user, its group, its queue, or as a file says.

The file is a table with the columns ``user`` and ``domain``: the number of a user in the trace, or ``*`` for all whom
no other row names, and the name of the domain. Jobs of users whom no row names are left out and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Final

import attrs

from ..errors import TraceError
from .job import UNKNOWN_USER
from .side_files import read_table
from .swf import MAX_FIELD, SwfRecord
from .trace_rules import DOMAIN_FIELDS

COLUMNS: Final = ("user", "domain")

OTHERS: Final = "*"
"""Stands for all users whom no row names."""

_FIELDS: Final[Mapping[str, Callable[[SwfRecord], int]]] = {name: attrgetter(name) for name in DOMAIN_FIELDS}


@attrs.frozen
class DomainMapping:
    """Whose domain a job is.

    Attributes:
        domain_of: Returns the number of the domain of a record, or None where there is none.
        names: The names of domains by number; None where the number itself is the name.
        sha256: The digest of the file that says so, or None.
    """

    domain_of: Callable[[SwfRecord], int | None]
    names: Mapping[int, str] | None = None
    sha256: str | None = None


def domain_mapping(text: str) -> DomainMapping:
    """Return what ``--domain-of`` asks for: ``user``, ``group``, ``queue`` or the path of a file.

    Numbers below 0 are unknown, and all such are one domain.

    Raises:
        TraceError: The file cannot be read, or is no such table.
    """
    if text in _FIELDS:
        field = _FIELDS[text]
        return DomainMapping(lambda found: max(field(found), UNKNOWN_USER))
    table = read_table(text, COLUMNS, len(COLUMNS))
    numbers: dict[str, int] = {}
    by_user: dict[int, int] = {}
    others: int | None = None
    for row in table.rows:
        domain = row.text("domain")
        if not domain:
            raise row.refusal("it names no domain")
        number = numbers.setdefault(domain, len(numbers))
        if row.text("user") == OTHERS:
            if others is not None:
                raise row.refusal(f"{OTHERS} stands in an earlier line as well")
            others = number
        elif (user := row.number("user", UNKNOWN_USER, MAX_FIELD)) in by_user:
            raise row.refusal(f"user {user} stands in an earlier line as well")
        else:
            by_user[user] = number
    if not numbers:
        raise TraceError(f"{text} names no user; give each a line with the user's number and the name of a domain.")
    names = {number: name for name, number in numbers.items()}
    return DomainMapping(lambda found: by_user.get(max(found.user, UNKNOWN_USER), others), names, table.sha256)
