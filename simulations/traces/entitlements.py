"""What the domains of a workload are entitled to: their shares, the tree that they form, and their guarantees.

A table with the columns ``domain``, ``share``, ``parent`` and ``guarantee``, of which the last two may be absent: the
name of a domain (where domains are users, groups or queues, its number), its share beside those with the same parent,
the name of that parent, and how many processors are guaranteed to it. A domain without a row has a share of 1 at the
top. One with a row and without jobs is registered as well: what it is entitled to counts while it is idle.

The same may stand in the ``;`` lines of a trace, one ``MetedShare: DOMAIN, SHARE, PARENT, GUARANTEE`` for each domain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import lcm
from typing import Final

from meted.core.limits import DOMAIN_DEPTH_MAX, NAME_BYTES_MAX, SHARE_MAX
from meted.core.record import record

from ..procs import PROCS_MAX
from .side_files import Row, row_of
from .swf_header import SwfHeader

COLUMNS: Final = ("domain", "share", "parent", "guarantee")

HEADER_KEY: Final = "MetedShare"


@record
class WorkloadDomain:
    """One domain of a workload.

    Attributes:
        number: What jobs call it in ``TraceJob.user``.
        name: Its name.
        share: Its weight among the children of its parent.
        parent: The name of its parent; empty at the top.
        guarantee_procs: So many processors are guaranteed to it.
    """

    number: int
    name: str
    share: int = 1
    parent: str = ""
    guarantee_procs: int = 0


def header_rows(name: str, header: SwfHeader, key: str, columns: Sequence[str]) -> tuple[Row, ...]:
    """Return what the ``;`` lines of a trace with this name and key say, as rows of a table.

    A row is one line: what a remark behind it says is no part of it.

    Raises:
        TraceError: One has too many columns.
    """
    lines = zip(header.values.get(key, ()), header.lines.get(key, ()), strict=True)
    return tuple(
        row_of(f"{name}, line {number}, header line {key} {place}", text.partition("\n")[0], columns)
        for place, (text, number) in enumerate(lines, 1)
    )


def workload_domains(
    users: Iterable[int], names: Mapping[int, str] | None, rows: Sequence[Row]
) -> tuple[WorkloadDomain, ...]:
    """Return all domains of a workload, parents before their children.

    Args:
        users: The numbers of the domains that have jobs.
        names: Their names; None where the number is the name.
        rows: What domains are entitled to.

    Raises:
        TraceError: The rows contradict themselves, or a domain that has jobs has sub-domains as well.
    """
    busy = {(str(number) if names is None else names[number]): number for number in sorted(users)}
    given: dict[str, tuple[Row, WorkloadDomain]] = {}
    free = max([*busy.values(), *(names or ()), 0]) + 1
    for row in rows:
        name = row.text("domain")
        if not name or len(name.encode()) > NAME_BYTES_MAX:
            raise row.refusal(f"a domain needs a name of at most {NAME_BYTES_MAX} bytes")
        if name in given:
            raise row.refusal(f"domain {name} stands in an earlier line as well")
        if name not in busy:
            free += 1
        number = busy.get(name, free)
        share = row.number("share", 1, SHARE_MAX)
        guarantee = row.number("guarantee", 0, PROCS_MAX, 0)
        given[name] = row, WorkloadDomain(number, name, share, row.text("parent"), guarantee)
    made: dict[str, WorkloadDomain] = {}
    for row, domain in given.values():
        for one in _from_the_top(row, domain, given):
            made.setdefault(one.name, one)
        if domain.parent in busy:
            raise row.refusal(
                f"domain {domain.parent} has jobs, so it can have no sub-domain; give its jobs to another"
            )
    for name, number in busy.items():
        made.setdefault(name, WorkloadDomain(number, name))
    return tuple(made.values())


def _from_the_top(
    row: Row, domain: WorkloadDomain, given: Mapping[str, tuple[Row, WorkloadDomain]]
) -> list[WorkloadDomain]:
    """Return a domain with all above it, the topmost first."""
    path = [domain]
    while path[-1].parent:
        above = given.get(path[-1].parent)
        if above is None:
            raise row.refusal(f"its parent {path[-1].parent} has no line of its own; give it one")
        path.append(above[1])
        if len(path) > DOMAIN_DEPTH_MAX:
            raise row.refusal(f"it has more than {DOMAIN_DEPTH_MAX} levels above it, or is above itself")
    return path[::-1]


def leaf_shares(domains: Sequence[WorkloadDomain]) -> dict[int, int]:
    """Return what part of everything each domain without sub-domains is entitled to, as whole numbers in proportion.

    A part is the product, over the domain and all above it, of its share of the shares of all with the same parent.
    """
    sums: dict[str, int] = {}
    for domain in domains:
        sums[domain.parent] = sums.get(domain.parent, 0) + domain.share
    parts: dict[str, Fraction] = {"": Fraction(1)}
    for domain in domains:
        parts[domain.name] = parts[domain.parent] * Fraction(domain.share, sums[domain.parent])
    leaves = {domain.number: parts[domain.name] for domain in domains if domain.name not in sums}
    common = lcm(*(part.denominator for part in leaves.values()))
    if common > SHARE_MAX:  # rounded to a billionth of the whole, so that numbers stay small
        return {number: max(1, round(part * SHARE_MAX)) for number, part in leaves.items()}
    return {number: part.numerator * (common // part.denominator) for number, part in leaves.items()}
