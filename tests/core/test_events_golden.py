"""What was written once is read for ever, and every event is written in the same bytes today."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from meted.core.codec import encode_events, unpack_plain
from meted.core.direct import EVENT_CLASSES
from meted.core.events import Event
from meted.core.schema import decode_events

from .golden import EXAMPLES, FOLDER, path_of
from .strategies import EVENTS


@pytest.mark.parametrize("cls", EVENTS, ids=lambda cls: cls.__name__)
def test_every_event_has_its_golden_file(cls: type[Event]) -> None:
    examples = [event for event in EXAMPLES if type(event) is cls]
    assert examples, f"{cls.__name__} has no example: add one to EXAMPLES in tests/core/golden.py"
    assert path_of(cls).exists(), (
        f"{cls.__name__} of version {cls.version} has no golden file: run `python -m tests.core.golden` "
        "and commit what it writes. An older file stays as it is."
    )


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: f"{event.tag}.{event.version}")
def test_the_bytes_of_an_event_never_change(event: Event) -> None:
    golden = json.loads(path_of(type(event)).read_text(encoding="utf-8"))
    assert encode_events([event]).hex() == golden["body_hex"], (
        f"{type(event).__name__} is written otherwise than in {path_of(type(event)).name}: logs have such events. "
        "Raise its version and add an upcast to upcasts.UPCASTS."
    )
    assert decode_events(bytes.fromhex(golden["body_hex"])) == [event]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_every_golden_file_is_read(path: Path) -> None:
    golden = json.loads(path.read_text(encoding="utf-8"))
    body = bytes.fromhex(golden["body_hex"])
    ((tag, version, fields),) = unpack_plain(body)
    assert (tag, version) == (golden["tag"], golden["version"])
    assert path.name == f"{tag}.{version}.json"
    assert {name: ast.literal_eval(shown) for name, shown in golden["fields"].items()} == fields
    (event,) = decode_events(body)
    assert type(event) is EVENT_CLASSES[tag]
