"""Policies of live pools as texts: what is taken and refused, and that it means what it means in simulations."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import trio

from meted.adapters import forecaster
from meted.adapters.embedded import Pool
from meted.adapters.forecasts import unpack_forecast
from meted.adapters.live_policies import LIVE_TUNABLE, live_policy, live_policy_text
from meted.adapters.log.sqlite import SQLiteLog
from meted.adapters.policy_parameters import UnknownPolicy, policy_said
from meted.adapters.recovery import read_state
from meted.adapters.server.app import Server
from meted.adapters.server.forecasts import in_process
from meted.adapters.server.run import serve
from meted.adapters.wire.address import Address, UnixAddress
from meted.core.engine import Engine
from meted.core.forecast import forecast
from meted.core.limits import FORECAST_HORIZON_US
from meted.core.limits import SECOND_US as S
from meted.core.policy.easy import Easy
from meted.core.policy.fcfs import Fcfs
from meted.core.policy.meted import Meted
from meted.core.policy.registry import POLICIES
from meted.core.policy.rivals.recent_jobs import RecentJobs
from meted.core.policy.rivals.stride import Stride
from meted.core.snapshots import encode_snapshot
from meted.simulations.policies.registry import make_policy

from .test_policy_memory import begin, clock, place, serve_units

__all__ = ["place"]

TEXTS = (
    "drf:fill=strict",
    "least-used:fill=first-fit",
    "stride:fill=strict",
    "sfq:fill=first-fit",
    "recent-jobs:window=7d,frozen=yes,fill=strict",
    "easy++:shortest=no,steps=no",
)
LIVE_ONLY = {"depth", "examined_max", "slack_us"}
"""How far a pass looks and how patient it is; simulations look at all, and everything there is in time."""


def test_every_policy_with_parameters_is_tried() -> None:
    assert {text.partition(":")[0] for text in TEXTS} == set(LIVE_TUNABLE)
    assert set(LIVE_TUNABLE) <= set(POLICIES)


def test_an_object_is_of_what_the_text_says() -> None:
    recent, stride = live_policy("recent-jobs:window=7d,frozen=yes"), live_policy("stride:fill=strict")
    assert isinstance(recent, RecentJobs)
    assert (recent.window_us, recent.frozen, recent.fill) == (7 * 86_400 * S, True, "easy")
    assert isinstance(stride, Stride)
    assert stride.fill == "strict"


@pytest.mark.parametrize("text", [*sorted(POLICIES), *TEXTS])
def test_a_text_is_found_again(text: str) -> None:
    assert live_policy_text(live_policy(text)) == text


@pytest.mark.parametrize("name", sorted(LIVE_TUNABLE))
def test_defaults_said_are_defaults(name: str) -> None:
    said = live_policy(policy_said(name, LIVE_TUNABLE[name].defaults))
    assert vars(said) == vars(POLICIES[name]())
    assert live_policy_text(said) == name


@pytest.mark.parametrize("text", [*sorted(POLICIES), *TEXTS])
def test_a_text_means_the_same_in_a_simulation(text: str) -> None:
    live, simulated = live_policy(text), make_policy(text)
    assert simulated.name == live.name
    found = {field: value for field, value in vars(simulated).items() if field in vars(live)}
    assert {**found, **dict.fromkeys(LIVE_ONLY)} == {**vars(live), **dict.fromkeys(LIVE_ONLY)}


def test_what_no_text_says_has_none() -> None:
    class Mine(Fcfs):
        name = "mine"

    class Stranger(Fcfs):
        """Goes by the name of another."""

    assert live_policy_text(Mine()) is None
    assert live_policy_text(Stranger()) is None
    assert live_policy_text(Easy(depth=7)) is None
    assert live_policy_text(Stride(examined_max=None)) is None
    assert live_policy_text(Meted()) == "meted"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("multifactor:age=1", "'multifactor' is no policy of a live pool; choose one of conservative, drf, easy,"),
        ("dice" * 1_000, "dice' is no policy of a live pool; choose one of"),
        ("", "'' is no policy of a live pool"),
        (":fill=strict", "'' is no policy of a live pool"),
        ("fcfs:fill=strict", "the policy fcfs has no parameters; these have: drf, easy++, least-used,"),
        ("meted:alpha=1", "the policy meted has no parameters; it goes by the rules of the pool"),
        ("stride:", "'' is no parameter of stride; it has fill, as in stride:fill=easy."),
        ("stride:fill=strict,fill=easy", "the parameter fill of stride is given twice"),
        ("stride:fill=all", "'all' is none of strict, first-fit, easy."),
        ("stride:examined-max=3", "is no parameter of stride"),
        ("recent-jobs:window=0", "'0' is no time at all"),
        ("recent-jobs:window=-1d", "window of recent-jobs"),
        ("easy++:renew=yes", "'renew=yes' is no parameter of easy++; it has shortest, steps,"),
    ],
)
def test_what_is_none_is_refused_in_a_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownPolicy) as refused:
        live_policy(text)
    assert sentence in str(refused.value)
    assert len(str(refused.value)) < 300
    with pytest.raises(UnknownPolicy):
        Pool.open(tmp_path / "data", text)


@pytest.mark.parametrize("text", TEXTS)
def test_a_parameter_makes_a_difference_that_a_server_goes_on_with(text: str, place: Path) -> None:
    said: list[str] = []
    with Pool.open(place / "data", text) as pool:
        begin(pool)
        memory = pool._engine.memory
    seen: list[Engine] = []

    def ready(_: list[Address], server: Server) -> None:
        seen.append(server.desk.engine)
        server.stop()

    serve(place / "data", [UnixAddress(str(place / "s"))], text, ready, partial(read_state, tell=said.append))
    (engine,) = seen
    assert live_policy_text(engine.policy) == text
    assert engine.committed_memory == memory
    assert not said, "the snapshot was made under the very same policy"
    with SQLiteLog.open(place / "data") as log:
        assert read_state(log, live_policy(text), from_snapshot=False).memory == memory


def test_jobs_are_served_by_it(tmp_path: Path) -> None:
    """Of a, with three jobs before, and b, with one: once a window has passed since then, the older job goes first."""
    order = []
    for text in ("recent-jobs", "recent-jobs:window=1s"):
        later = [clock()]
        with Pool.open(tmp_path / text.replace(":", "-"), text, clock=partial(later.__getitem__, 0)) as pool:
            begin(pool)
            for _ in range(2):
                pool.submit("a", user="x", time_request_us=S)
            serve_units(pool, 2)
            later[0] += 5 * S
            for name in "ab":
                pool.submit(name, user="x", time_request_us=S)
            order.append(serve_units(pool, 2))
    assert order == ["ba", "ab"]


@pytest.mark.parametrize("text", ["stride:fill=strict", "recent-jobs:window=1h,frozen=yes"])
def test_another_process_foresees_with_it(text: str, tmp_path: Path) -> None:
    with Pool.open(tmp_path / "data", text, clock=clock) as pool:
        begin(pool)
        pool.join("w")
        for name in "ab":
            pool.submit(name, count=3, user="y", time_request_us=S)
        engine = pool._engine
        said = live_policy_text(engine.policy)
        assert said == text
        body = encode_snapshot(engine.committed, engine.policy, engine.committed_memory)
        found = unpack_forecast(trio.run(in_process, forecaster.pack_request(said, clock(), FORECAST_HORIZON_US, body)))
        assert found == forecast(engine.committed, live_policy(text), clock(), memory=engine.committed_memory)
