"""Parameters: every method, every field and every kind of bad value, generated from the table."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

import attrs
import pytest

from meted.adapters import wire
from meted.adapters.wire import params_domains, params_loans, params_to_workers
from meted.adapters.wire.convert import plain, read_params
from meted.adapters.wire.describe import describe, meanings
from meted.adapters.wire.errors import CallError, Code
from meted.adapters.wire.limits import ARRAY_ITEMS_MAX, KEY_BYTES_MAX, MAP_ITEMS_MAX
from meted.adapters.wire.methods import METHODS, SERVER_NOTIFICATIONS, WORKER_NOTIFICATIONS, Method
from meted.adapters.wire.params_jobs import Submit

ALL = [*METHODS.values(), *WORKER_NOTIFICATIONS.values(), *SERVER_NOTIFICATIONS.values()]
SAMPLES: dict[object, object] = {int: 7, str: "x", bytes: b"x", bool: True, NoneType: None, object: (1, {"y": 2.5})}
BAD: tuple[object, ...] = (
    None,
    True,
    7,
    2.5,
    "x",
    b"x",
    (),
    (None,),
    ((1, 2, 3),),
    ((1, "x"),),
    {},
    {"x": None},
    {7: "x"},
    {"x": 7},
    [1],
)


def kinds_of(params: type[attrs.AttrsInstance]) -> dict[str, Any]:
    return {field.name: field.type for field in attrs.fields(attrs.resolve_types(params))}


def sample(kind: Any) -> Any:
    """Return a value of a type that is neither empty nor a default."""
    if kind in SAMPLES:
        return SAMPLES[kind]
    if attrs.has(kind):
        return {name: sample(inner) for name, inner in kinds_of(kind).items()}
    args = get_args(kind)
    if isinstance(kind, UnionType):
        return sample(args[0])
    if get_origin(kind) is dict:
        return {"x": sample(args[1])}
    return (sample(args[0]),) * 2 if args[-1] is Ellipsis else tuple(map(sample, args))


def belongs(value: object, kind: Any) -> bool:
    """Whether a value is of a type: the same rules as in the code, written in the plainest way."""
    if kind is object:
        return True
    if attrs.has(kind):
        kinds = kinds_of(kind)
        required = {field.name for field in attrs.fields(kind) if field.default is attrs.NOTHING}
        if not isinstance(value, dict) or not required <= set(value) <= set(kinds):
            return False
        return all(belongs(item, kinds[name]) for name, item in value.items())
    args = get_args(kind)
    if isinstance(kind, UnionType):
        return any(belongs(value, arg) for arg in args)
    if get_origin(kind) is dict:
        return type(value) is dict and all(type(k) is str and belongs(v, args[1]) for k, v in value.items())
    if get_origin(kind) is tuple:
        if type(value) is not tuple:
            return False
        if args[-1] is Ellipsis:
            return all(belongs(item, args[0]) for item in value)
        return len(value) == len(args) and all(map(belongs, value, args))
    return type(value) is kind


def each_method() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("method", ALL, ids=lambda method: method.name)


def whole(method: Method) -> dict[str, object]:
    return {name: sample(kind) for name, kind in kinds_of(method.params).items()}


def fields() -> Iterator[Any]:
    for method in ALL:
        for name in kinds_of(method.params):
            yield pytest.param(method, name, id=f"{method.name}-{name}")


@each_method()
def test_what_is_right_is_read_and_written_back(method: Method) -> None:
    params = whole(method)
    read = read_params(method, params)
    assert type(read) is method.params
    again = read_params(method, plain(read))
    assert again == read
    assert {name for name, value in plain(read).items() if value != params[name]} == set()


@each_method()
def test_what_may_be_left_out_has_its_default(method: Method) -> None:
    required = {field.name for field in attrs.fields(method.params) if field.default is attrs.NOTHING}
    read = read_params(method, {name: value for name, value in whole(method).items() if name in required})
    assert plain(read) == plain(read_params(method, plain(read)))


@pytest.mark.parametrize(("method", "name"), list(fields()))
def test_a_bad_value_is_refused_by_name(method: Method, name: str) -> None:
    kind = kinds_of(method.params)[name]
    for bad in BAD:
        params = whole(method) | {name: bad}
        if belongs(bad, kind):
            read_params(method, params)
            continue
        with pytest.raises(CallError) as raised:
            read_params(method, params)
        error = raised.value
        assert (error.code, error.reason) == (Code.REFUSED, "bad_type")
        assert error.sentence.startswith((name, f"a name in {name}"))
        assert error.sentence.endswith(".")
        assert len(error.sentence) < 300


@each_method()
def test_missing_and_unknown_arguments_are_named(method: Method) -> None:
    params = whole(method)
    for field in attrs.fields(method.params):
        if field.default is attrs.NOTHING:
            with pytest.raises(CallError, match=rf"{method.name} needs {field.name}; it has: ") as raised:
                read_params(method, {name: value for name, value in params.items() if name != field.name})
            assert raised.value.code == Code.BAD_SHAPE
    with pytest.raises(CallError, match=r"has no argument 'colour'; it has: ") as raised:
        read_params(method, params | {"colour": "red"})
    assert raised.value.code == Code.BAD_SHAPE


@pytest.mark.parametrize(
    ("method", "params", "sentence"),
    [
        ("submit", {"count": "3"}, "count must be a whole number, not text."),
        ("submit", {"count": True}, "count must be a whole number, not true or false."),
        ("submit", {"argv": ("a", 3)}, "argv[1] must be text, not a whole number."),
        ("submit", {"env": {"HOME": 3}}, "env.HOME must be text, not a whole number."),
        ("submit", {"env": {3: "x"}}, "a name in env must be text, not a whole number."),
        ("submit", {"lines": 3}, "lines must be an array [str, ...] or nil, not a whole number."),
        ("submit", {"lines": (3,)}, "lines[0] must be text, not a whole number."),
        (
            "domain.set",
            {"name": "x", "cap": {"mem_bytes": 1.5}},
            "cap.mem_bytes must be a whole number, not a fraction.",
        ),
        ("domain.set", {"name": "x", "cap": {"gpu": 1}}, "cap must be a map of cpu_milli, mem_bytes, generic."),
        ("start", {"jobs": (1, None)}, "jobs[1] must be a whole number, not nil."),
    ],
)
def test_sentences(method: str, params: Mapping[str, object], sentence: str) -> None:
    with pytest.raises(CallError) as raised:
        read_params(METHODS[method], params)
    assert raised.value.sentence == sentence


def test_a_pair_too_long_is_found_where_it_is() -> None:
    params = {"worker": 1, "lease": 1, "done": ((0, 1), (1, 2, 3)), "run_us": (1,)}
    with pytest.raises(CallError, match=r"^done\[1\] must be an array \[int, int\]\.$"):
        read_params(METHODS["worker.finish"], params)


def test_lengths() -> None:
    most = tuple(range(ARRAY_ITEMS_MAX))
    assert read_params(METHODS["start"], {"jobs": most}).jobs == most
    with pytest.raises(CallError, match=r"^jobs has 131,073 items of at most 131,072\.$") as raised:
        read_params(METHODS["start"], {"jobs": (*most, 1)})
    assert raised.value.reason == "too_large"
    with pytest.raises(CallError, match=r"^tags has 65,537 items"):
        read_params(METHODS["submit"], {"tags": {str(number): "" for number in range(MAP_ITEMS_MAX + 1)}})


def test_keys_are_short_and_not_empty() -> None:
    assert read_params(METHODS["cancel"], {"jobs": (1,), "key": "k" * KEY_BYTES_MAX}).key
    assert read_params(METHODS["cancel"], {"jobs": (1,), "key": None}).key is None
    for key in ("", "k" * (KEY_BYTES_MAX + 1), "ü" * (KEY_BYTES_MAX // 2 + 1)):
        with pytest.raises(CallError, match=r"^key must have 1 to 64 bytes") as raised:
            read_params(METHODS["cancel"], {"jobs": (1,), "key": key})
        assert raised.value.code == Code.REFUSED


def test_defaults_are_not_shared() -> None:
    first, second = (read_params(METHODS["submit"], {}) for _ in range(2))
    assert first.tags is not second.tags


# The table itself.


def test_who_takes_a_key() -> None:
    """Every method of clients that changes something takes one, but for the one that cannot be repeated at all."""
    keyed = {method.name for method in METHODS.values() if method.keyed}
    changing = {method.name for method in METHODS.values() if method.mutates and method.role == "client"}
    assert keyed == changing - {"shutdown"}
    assert [method.name for method in METHODS.values() if not method.repeatable] == ["shutdown"]


def test_every_record_is_in_the_table() -> None:
    names = [found.name for found in pkgutil.iter_modules(wire.__path__) if found.name.startswith("params_")]
    modules = [importlib.import_module(f"{wire.__name__}.{name}") for name in names]
    records = {
        cls
        for module in modules
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if cls.__module__ == module.__name__
    }
    inside = {
        params_domains.Amounts,
        params_domains.GivenRecord,
        params_domains.WantedDomain,
        params_loans.LoanTerms,
        params_to_workers.GivenLease,
    }
    assert records - inside == {method.params for method in ALL}
    assert len({method.params for method in ALL}) == len(ALL)


@each_method()
def test_every_parameter_is_explained(method: Method) -> None:
    assert method.doc.endswith(".")
    assert all(text.endswith((".", ".)")) for text in meanings(method.params).values())


def test_help_tells_everything() -> None:
    """Row N17: every exported method is there, with its sentence, parameters and answer."""
    told = {str(row["method"]): row for row in describe()}
    assert told.keys() == METHODS.keys()
    submit = told["submit"]
    params: Any = submit["params"]
    assert list(params) == list(kinds_of(Submit))
    assert params["count"] == {"type": "int", "required": False, "default": 1, "doc": "Number of units."}
    assert params["env"]["default"] == {}
    assert params["lines"]["type"] == "[str, ...] or nil"
    assert all(row["doc"] and row["result"] for row in told.values())
