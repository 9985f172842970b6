"""docs/wire.md says what the code does: methods, bytes, errors, limits, and a client that works.

``METED_WRITE_DOCS=1`` writes the tables of methods anew instead of comparing them.
"""

from __future__ import annotations

import hashlib
import os
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import msgpack
import pytest

from meted.adapters.credit_alarms import AlarmView
from meted.adapters.credit_statement import CreditLine
from meted.adapters.domain_views import DomainView
from meted.adapters.executors import contract
from meted.adapters.executors.options import PLAIN, ProcessOptions, pack_options, read_options
from meted.adapters.loan_views import StatementLine
from meted.adapters.server.rows import WorkerRow
from meted.adapters.views import JobDetails, JobView
from meted.adapters.wire import limits
from meted.adapters.wire.codec import encode
from meted.adapters.wire.connection import Connection
from meted.adapters.wire.describe import describe_param, meanings
from meted.adapters.wire.errors import SUPERSEDED, CallError, Code
from meted.adapters.wire.messages import Message, Notification, Request, Response
from meted.adapters.wire.methods import METHODS, SERVER_NOTIFICATIONS, WORKER_NOTIFICATIONS, Method
from meted.adapters.wire.params_domains import GivenRecord, WantedDomain
from meted.adapters.wire.params_loans import LoanTerms
from meted.adapters.wire.params_to_workers import GivenLease
from meted.core.errors import Reason
from meted.core.limits import CALLS_KEPT_MAX
from meted.core.spec import Spec, pack_spec, spec_digest, unpack_spec

from ..client.fake_server import FakeServer, Reply, echo

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/wire.md"


def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def default_text(param: Mapping[str, Any]) -> str:
    if param["required"]:
        return "required"
    default = param["default"]
    special: Mapping[str, str] = {"None": "nil", "()": "[]", "True": "true", "False": "false", "b''": "empty"}
    text = special.get(repr(default), repr(default).replace("'", '"'))
    return "empty" if text == '""' else f"`{text}`"


def arguments(method: Method) -> Iterator[str]:
    """Yield the lines of a table of arguments."""
    if meanings(method.params):
        yield "| argument | type | default | meaning |\n|---|---|---|---|"
    for name in meanings(method.params):
        param: Mapping[str, Any] = describe_param(method, name)
        yield f"| `{name}` | `{param['type']}` | {default_text(param)} | {param['doc'].rstrip('.')} |"


def about(method: Method) -> Iterator[str]:
    notes = [method.doc]
    if method.result:
        notes.append(f"Answer: `{method.result}`.")
    yield f"#### `{method.name}`\n\n{' '.join(notes)}\n"
    lines = list(arguments(method))
    if lines:
        yield "\n".join(lines) + "\n"


def section(title: str, methods: Iterable[Method]) -> str:
    parts = [part for method in methods for part in about(method)]
    return "\n".join([f"### {title}\n", *parts] if title else parts)


def of_role(role: str) -> list[Method]:
    return [method for method in METHODS.values() if method.role == role]


def reasons_of(code: Code) -> set[str]:
    """Return the words that the server's own code gives with a code."""
    parts = [ROOT / "adapters" / name for name in ("server", "wire")]
    sources = [path.read_text(encoding="utf-8") for part in parts for path in part.glob("*.py")]
    return set(re.findall(rf'Code\.{code.name},\s*"(\w+)"', "\n".join(sources)))


def reasons() -> str:
    """Return all reasons of a refusal, as text."""
    words = {reason.value for reason in Reason} | reasons_of(Code.REFUSED) | {SUPERSEDED}
    return textwrap.fill(", ".join(f"`{word}`" for word in sorted(words)), 120) + "\n"


GENERATED = {
    "reasons": reasons(),
    "methods": "\n".join(
        [
            section("For all", of_role("any")),
            section("For clients", of_role("client")),
            section("For workers", of_role("worker")),
        ]
    ),
    "records": "\n".join(arguments(Method("", GivenRecord, ""))) + "\n",
    "wanted domains": "\n".join(arguments(Method("", WantedDomain, ""))) + "\n",
    "loan terms": "\n".join(arguments(Method("", LoanTerms, ""))) + "\n",
    "leases": "\n".join(arguments(Method("", GivenLease, ""))) + "\n",
    "worker notifications": section("", WORKER_NOTIFICATIONS.values()),
    "server notifications": section("", SERVER_NOTIFICATIONS.values()),
}


@pytest.mark.parametrize("name", GENERATED)
def test_every_method_is_as_described(name: str) -> None:
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    head, _, rest = page().partition(begin)
    said, _, tail = rest.partition(end)
    if os.environ.get("METED_WRITE_DOCS"):
        PAGE.write_text(f"{head}{begin}{GENERATED[name]}{end}{tail}", encoding="utf-8")
    else:
        assert said == GENERATED[name], "write the tables anew with METED_WRITE_DOCS=1"


def vectors() -> list[tuple[Any, bytes]]:
    """Return the messages on the page, as values, with their bytes."""
    rows = re.findall(r"^\| `(\[.*\])` \| `([0-9a-f ]+)` \|$", page(), re.MULTILINE)
    return [(eval(text, {"nil": None}), bytes.fromhex(data)) for text, data in rows]


def message_of(value: list[Any]) -> Message:
    match value:
        case [0, msgid, method, params]:
            return Request(msgid, method, params[0] if params else {})
        case [1, msgid, error, result]:
            return Response(msgid, error and CallError.from_plain(error), result)
        case [2, method, params]:
            return Notification(method, params[0] if params else {})
        case _:
            pytest.fail(f"{value} is no message")


def test_the_bytes_are_those_of_the_messages() -> None:
    assert {value[0] for value, _ in vectors()} == {0, 1, 2}
    connection = Connection()
    for value, data in vectors():
        assert msgpack.packb(value) == data
        assert encode(message_of(value)) == data
        if value[0] == 1:
            connection.send(Request(value[1], "x"))
        connection.receive_data(data)
        assert connection.next_event() == message_of(value)


def table(heading: str) -> list[tuple[str, str]]:
    """Return the first two columns of the first table with numbers or names below a heading."""
    _, _, body = page().partition(f"\n## {heading}\n")
    return re.findall(r"^\| `?(\w+)`? \| `?([\w,]+)`? \|", body.partition("\n## ")[0], re.MULTILINE)


def test_errors_are_those_of_the_code() -> None:
    assert dict(table("Errors")[1:]) == {str(int(code)): code.name for code in Code}


def test_reasons_of_the_other_codes_are_those_of_the_code() -> None:
    _, _, rest = page().partition("Of 104 they are ")
    failed, _, rest = rest.partition("; of 108 ")
    assert set(re.findall(r"`(\w+)`", failed)) == reasons_of(Code.FAILED)
    assert set(re.findall(r"`(\w+)`", rest.partition(".")[0])) == reasons_of(Code.DENIED)
    for code in (Code.UNKNOWN_METHOD, Code.BAD_SHAPE, Code.VERSION):
        assert reasons_of(code) == {code.name.lower()}


def test_keys_are_kept_as_long_as_the_page_says() -> None:
    assert f"the last {CALLS_KEPT_MAX:,} keys (`CALLS_KEPT_MAX`)" in page()


def test_a_spec_is_as_the_page_says() -> None:
    body = bytes.fromhex(re.findall(r"numbered from 10,\s+is `([0-9a-f ]+)`", page())[0])
    spec = Spec(argv=("echo", "{index}"), payload=pack_options(ProcessOptions(first_index=10)))
    assert body == pack_spec(spec)
    assert read_options(unpack_spec(body).payload).first_index == 10
    assert spec_digest(body) == hashlib.sha256(body).digest()
    section = page().partition("\n### Specs\n")[2].partition("\n### ")[0]
    said = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section, re.MULTILINE))
    words: Mapping[object, str] = {b"": "empty", None: "nil", (): "{}"}
    first = {field.name: getattr(PLAIN, field.name) for field in attrs.fields(ProcessOptions)}
    assert said == {name: words.get(value, str(value)) for name, value in first.items()}


@pytest.mark.parametrize(
    ("row", "view"),
    [
        ("job", JobView),
        ("worker", WorkerRow),
        ("domain", DomainView),
        ("statement line", StatementLine),
        ("alarm", AlarmView),
        ("credit line", CreditLine),
    ],
)
def test_rows_are_those_of_the_code(row: str, view: Any) -> None:
    (members,) = re.findall(rf"^\| {row} \| (`.*) \|$", page(), re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", members)) == sorted(view.__annotations__)


def test_what_only_the_answer_of_job_has_is_on_the_page() -> None:
    sentence = page().partition("The answer of `job` has also ")[2].partition(".\n")[0]
    more = set(JobDetails.__annotations__) - set(JobView.__annotations__)
    assert set(re.findall(r"`(\w+)`", sentence)) == more


def test_exit_codes_are_those_of_the_code() -> None:
    said = {name: int(value) for value, name in table("Workers") if name.startswith("EXIT_")}
    assert said == {name: value for name, value in vars(contract).items() if name.startswith("EXIT_")}


def test_limits_are_those_of_the_code() -> None:
    said = {name: int(value.replace(",", "")) for name, value in table("Limits")[1:]}
    assert said == {name: value for name, value in vars(limits).items() if name.isupper()}


def test_the_client_on_the_page_works(tmp_path: Path) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```$", page(), re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    exec(compile(program, PAGE.name, "exec"), names)

    def handle(request: Request) -> Iterator[Reply]:
        yield Notification("closing", {"sentence": "The server stops."})
        if request.method == "job":
            yield Response(request.msgid, CallError(Code.REFUSED, "unknown_job", "There is no job 3."))
        else:
            yield from echo(request)

    with FakeServer(tmp_path / "s", handle) as server:
        client = names["Client"](server.address.removeprefix("unix:"))
        assert client.call("hello")["protocol"] == limits.PROTOCOL
        assert client.call("submit", argv=["echo", "hello"]) == {"argv": ["echo", "hello"]}
        with pytest.raises(RuntimeError, match=r"^There is no job 3\.$"):
            client.call("job", job=3)
        client.socket.close()
