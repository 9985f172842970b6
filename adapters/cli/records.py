"""Files of records of domains and of loans: JSON that people write, read as strictly as options are."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, BinaryIO, cast

import click

from .entitlements import named_amounts, on_wire, resource_amount, whole_share
from .times import duration_us, moment_or_span_us, time_us

if TYPE_CHECKING:
    from ..domain_changes import RefusedRecord

FILE_BYTES_MAX = 16 * 2**20
"""More than this would fit into no message, however it is written."""

Fields = Mapping[str, Callable[[object], object]]


def read_list(file: BinaryIO) -> list[object]:
    """Return the list in a JSON file; numbers with decimals are texts, so that they are read exactly.

    Raises:
        click.ClickException: It is no such file.
    """
    name = getattr(file, "name", "the file")
    body = file.read(FILE_BYTES_MAX + 1)
    if len(body) > FILE_BYTES_MAX:
        raise click.ClickException(f"{name} is larger than {FILE_BYTES_MAX:,} bytes; give it in parts.")
    try:
        found = json.loads(body, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise click.ClickException(f"{name} is no JSON: {error}.") from None
    if not isinstance(found, list):
        raise click.ClickException(f"{name} must hold a list: [{{...}}, ...].")
    return found


def read_records(
    file: BinaryIO, stamp_us: int | None, full: bool
) -> tuple[int, list[dict[str, object]], list[RefusedRecord]]:
    """Return the stamp of a file of records, those that can be sent, and those that are wrong.

    Raises:
        click.ClickException: It is no such file; or ``full``, where a wrong record would close the domain it is of.
    """
    stamp_us = time.time_ns() // 1000 if stamp_us is None else stamp_us
    records: list[dict[str, object]] = []
    wrong: list[RefusedRecord] = []
    for number, given in enumerate(read_list(file), 1):
        try:
            record = _read(given, RECORD, ("name",))
            written_us = record.setdefault("stamp_us", stamp_us)
            if full and isinstance(written_us, int) and written_us < stamp_us:
                raise ValueError("its stamp is older than that of the file, so it would be closed; give --stamp.")
            records.append(record)
        except ValueError as error:
            name = given.get("name") if isinstance(given, dict) else None
            label = name if isinstance(name, str) else f"record {number}"
            wrong.append({"name": label, "reason": "bad_type", "sentence": f"{str(error)[:1].upper()}{str(error)[1:]}"})
    if full and wrong:
        first = wrong[0]
        raise click.ClickException(
            f"{len(wrong)} of {len(wrong) + len(records)} records are wrong, the first of {first['name']!r}: "
            f"{first['sentence']} Nothing was changed, as their domains would be closed; set them right."
        )
    return stamp_us, records, wrong


def read_wanted(file: BinaryIO) -> list[dict[str, object]]:
    """Return the domains in a file as they are wanted.

    Raises:
        click.ClickException: It is no such file, or an entry is wrong: nothing is done before all of it is understood.
    """
    wanted = []
    for number, given in enumerate(read_list(file), 1):
        try:
            one = _read(given, WANTED, ("name",))
            if one.get("absent") and len(one) > 2:
                raise ValueError("it is to be absent, so give nothing else but its name.")
            if "loans" in one:
                one["loans"] = [_loan(loan) for loan in cast("list[object]", one["loans"])]
            wanted.append(one)
        except ValueError as error:
            raise click.ClickException(f"Domain {number} of the list is wrong: {error} Nothing was done.") from None
    return wanted


def read_loans(file: BinaryIO) -> list[dict[str, object]]:
    """Return the terms of loans in a file.

    Raises:
        click.ClickException: It is no such file, or an entry is wrong: a list is taken as a whole.
    """
    loans = []
    for number, given in enumerate(read_list(file), 1):
        try:
            loans.append(_loan(given))
        except ValueError as error:
            raise click.ClickException(f"Loan {number} of the list is wrong: {error} Nothing was changed.") from None
    return loans


def _loan(given: object) -> dict[str, object]:
    entry = _read(given, LOAN, ("borrower", "resource", "amount"))
    resource, amount = str(entry["resource"]), str(entry["amount"])
    if resource == "share" and amount != "0":
        entry["amount"] = whole_share(amount)
    else:
        entry["amount"] = resource_amount(resource, amount)
    return entry


def _read(given: object, fields: Fields, required: tuple[str, ...]) -> dict[str, object]:
    if not isinstance(given, dict):
        raise ValueError("it is no map; write it like {" + f'"{required[0]}": ...' + "}.")
    for name in required:
        if name not in given:
            raise ValueError(f"it has no {name}; add one.")
    found: dict[str, object] = {}
    for name, value in given.items():
        if name not in fields:
            raise ValueError(f"there is no {name!r} in it; there are {', '.join(fields)}.")
        try:
            found[WIRE_NAMES.get(str(name), str(name))] = fields[name](value)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return found


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{json.dumps(value)[:64]} is no text; put it between quotes.")
    return value


def _number(value: object) -> str:
    """Return the text of a number, or a text that may be one."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{json.dumps(value)[:64]} is no number.")
    return str(value)


def _amounts(value: object) -> dict[str, object]:
    if isinstance(value, str):
        return dict(on_wire(named_amounts(value)))
    if not isinstance(value, dict):
        raise ValueError('write amounts like {"cpu": 4, "mem": "8G"}.')
    if "share" in value:
        raise ValueError("a share is no resource; give it beside this.")
    return dict(on_wire({name: resource_amount(name, _number(amount)) for name, amount in value.items()}))


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("say true or false.")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise ValueError("it is no list: [{...}, ...].")
    return value


def _or_none(read: Callable[[object], object]) -> Callable[[object], object]:
    return lambda value: None if value is None else read(value)


def _moment(value: object) -> int:
    """Return a time; a whole number counts microseconds."""
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value <= 2**53:
            raise ValueError("it is out of range.")
        return value
    return time_us(_text(value), time.time_ns() // 1000)


RECORD: Fields = {
    "name": _text,
    "parent": _text,
    "share": lambda value: whole_share(_number(value)),
    "guarantee": _amounts,
    "cap": _or_none(_amounts),
    "floor_share": lambda value: whole_share(_number(value)),
    "floor": _amounts,
    "stamp": _moment,
    "expires": _or_none(_moment),
}
"""The members of a record, and how they are read."""

WANTED: Fields = {name: read for name, read in RECORD.items() if name not in ("stamp", "expires")} | {
    "loans": _list,
    "absent": _flag,
}
"""The members of a domain that is wanted."""

LOAN: Fields = {
    "borrower": _text,
    "resource": _text,
    "amount": _number,
    "start": _or_none(_moment),
    "until": _or_none(lambda value: _moment(value) if isinstance(value, int) else moment_or_span_us(_text(value))),
    "notice": lambda value: duration_us(_number(value)),
}
"""The members of a loan in a list."""

WIRE_NAMES = {
    "stamp": "stamp_us",
    "expires": "expires_us",
    "start": "start_us",
    "until": "expiry_us",
    "notice": "notice_us",
}
"""What is named otherwise on the wire."""
