"""The queue of keys against a sorted list, on both sides of the length at which it is kept in chunks."""

from __future__ import annotations

from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from meted.core.policy import queues
from meted.core.policy.queues import KeyQueue

keys = st.integers(-30, 30)


@given(st.lists(st.tuples(st.booleans(), keys), max_size=60), keys, st.none() | st.integers(0, 5))
def test_a_queue_is_a_sorted_list(steps: list[tuple[bool, int]], key: int, count: int | None) -> None:
    queue, model = KeyQueue(), set[int]()
    with patch.object(queues, "PLAIN_QUEUE_MAX", 2):
        for adds, it in steps:
            if adds:
                queue.add(it)
            else:
                assert queue.discard(it) is (it in model)
            (model.add if adds else model.discard)(it)
    assert list(queue) == sorted(model)
    assert (len(queue), queue.first) == (len(model), min(model, default=None))
    assert (key in queue) is (key in model)
    assert list(queue.since(key)) == sorted(it for it in model if it >= key)
    assert queue.before(key) == sorted(it for it in model if it < key)
    assert queue.behind(key, count) == sorted(it for it in model if it > key)[:count]


def test_a_long_queue_is_kept_in_chunks() -> None:
    queue = KeyQueue()
    for key in range(queues.PLAIN_QUEUE_MAX + 1):
        queue.add(key)
    assert not isinstance(queue.keys, list)
    assert list(queue.since(queues.PLAIN_QUEUE_MAX - 1)) == [queues.PLAIN_QUEUE_MAX - 1, queues.PLAIN_QUEUE_MAX]
