"""What an executor lacks: the label that says it, and limits that nobody could hold a unit to (row G08)."""

from __future__ import annotations

import pytest

from meted.adapters.executors.contract import EXIT_NOT_STARTED, FEATURES, KILL, LIMITS, OUTPUT
from meted.adapters.executors.lacking import executor_of, label_lacking, lacks, unheld_limits
from meted.adapters.executors.options import ProcessOptions, make_limits, pack_options
from meted.core.spec import Spec

LIMITED = pack_options(ProcessOptions(limits=make_limits({"cpu_s": 1})))


def test_a_worker_says_what_its_executor_lacks_and_nothing_else() -> None:
    labels = label_lacking([("room", "3"), ("lacks", "sleep")], {OUTPUT, "suspend"})
    assert labels == (("lacks", "kill,limits"), ("room", "3"))
    assert [verb for verb in sorted(FEATURES) if lacks(labels, verb)] == [KILL, LIMITS]
    assert label_lacking([("lacks", "kill")], FEATURES) == ()
    assert not any(lacks((), verb) for verb in FEATURES)


def test_an_executor_is_called_by_its_name_if_it_has_one() -> None:
    assert executor_of((("executor", "box"),)) == 'the executor "box"'
    assert executor_of(()) == "the executor"


def test_limits_keep_a_unit_from_an_executor_that_has_none() -> None:
    end = unheld_limits(Spec(("true",), payload=LIMITED), FEATURES - {LIMITS}, (("executor", "box"),))
    assert end is not None
    assert end.exit_code == EXIT_NOT_STARTED
    assert (end.result or b"").startswith(b'the executor "box" of the worker cannot hold a unit to limits (cpu_s): ')


@pytest.mark.parametrize(
    ("spec", "features"),
    [
        (Spec(("true",), payload=LIMITED), {LIMITS}),
        (Spec(("true",)), ()),
        (Spec(("true",), payload=pack_options(ProcessOptions(b"input"))), ()),
        (Spec(("true",), payload=b"\xc1"), ()),
        (Spec((), payload=LIMITED), ()),
    ],
    ids=("held", "none", "others", "unreadable", "no command"),
)
def test_all_others_are_run(spec: Spec, features: frozenset[str]) -> None:
    assert unheld_limits(spec, features, ()) is None
