"""Who is first of those that wait with one shape, against a look at all of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meted.core.ids import DomainId, JobId
from meted.core.policy.ranks import Key, Ranks

CHILDREN = st.integers(1, 4).map(DomainId)
KEYS = st.builds(
    lambda tag, length, pool_key, covered: Key(tag, tag + length, pool_key, covered, JobId(1), 1, length),
    st.integers(0, 9),
    st.integers(1, 5),
    st.integers(0, 9),
    st.booleans(),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), CHILDREN, KEYS),
        st.tuples(st.just("drop"), CHILDREN),
        st.tuples(st.just("first"), st.integers(0, 12)),
    ),
    max_size=40,
)


@given(STEPS, st.integers(0, 12))
def test_the_first_is_the_least_of_all_at_any_virtual_time(steps: list[tuple[object, ...]], clock: int) -> None:
    """However keys rise and fall, children come and go, and V goes back and forth."""
    ranks = Ranks()
    for step in (*steps, ("first", clock)):
        match step:
            case ("set", int(child), Key() as key):
                ranks.set(DomainId(child), key)
            case ("drop", int(child)):
                ranks.drop(DomainId(child))
            case ("first", int(now)):
                clock = now
            case _:
                raise AssertionError(step)
        assert ranks.first(clock) == min((ranks.order_of(who, clock) for who in ranks.keys), default=None)
