"""The specs that a worker remembers."""

from __future__ import annotations

import pytest

from meted.adapters.worker.specs import Specs
from meted.core.spec import Spec, pack_spec, spec_digest


def packed(name: str) -> tuple[bytes, bytes]:
    body = pack_spec(Spec((name, "x" * 100)))
    return spec_digest(body), body


def test_those_used_last_are_kept() -> None:
    specs = Specs(bytes_max=350)
    one, two, three, four = (packed(name) for name in ("one", "two", "thr", "fou"))
    for digest, body in (one, two, three):
        specs.put(digest, body)
    assert specs.get(one[0]) == Spec(("one", "x" * 100))
    specs.put(*four)
    assert specs.get(two[0]) is None
    assert all(specs.get(digest) is not None for digest, _ in (one, three, four))


def test_one_spec_is_kept_however_large_it_is() -> None:
    specs = Specs(bytes_max=1)
    specs.put(*packed("one"))
    assert specs.get(packed("one")[0]) is not None


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x01", b"\x94\x90\x90\xc0"])
def test_what_is_no_spec_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        Specs().put(b"d" * 32, body)
