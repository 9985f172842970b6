"""What people write on the command line means exactly one thing, or is misuse with a sentence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from meted.adapters.cli.submit_options import environment_variable, unit_limit
from meted.adapters.cli.times import duration_us, time_us
from meted.adapters.cli.values import SIZE, amount_milli, index_range, key_value, resource, size_bytes

NOW_US = 1_800_000_000_000_000


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (size_bytes, "0", 0),
        (size_bytes, "512", 512),
        (size_bytes, "256M", 256_000_000),
        (size_bytes, "4GB", 4_000_000_000),
        (size_bytes, "1.5Gi", 3 * 2**29),
        (size_bytes, "1 kib", 1024),
        (size_bytes, "0.0001k", 1),
        (duration_us, "90", 90_000_000),
        (duration_us, "90s", 90_000_000),
        (duration_us, "250ms", 250_000),
        (duration_us, "15m", 900_000_000),
        (duration_us, "2h", 7_200_000_000),
        (duration_us, "7d", 604_800_000_000),
        (duration_us, "1h30m", 5_400_000_000),
        (duration_us, "0.1", 100_000),
        (amount_milli, "2", 2_000),
        (amount_milli, "0.5", 500),
        (index_range, "0-99", range(100)),
        (index_range, "10-30:10", range(10, 31, 10)),
        (index_range, "5-5", range(5, 6)),
        (key_value, "a=b=c", ("a", "b=c")),
        (key_value, "a=", ("a", "")),
        (resource, "gpu=0.5", ("gpu", 500)),
        (unit_limit, "cpu_s=1500ms500ms", ("cpu_s", 2)),
        (unit_limit, "mem_bytes=4G", ("mem_bytes", 4_000_000_000)),
        (unit_limit, "open_files=256", ("open_files", 256)),
        (unit_limit, "rss_bytes=1G", ("rss_bytes", 1_000_000_000)),
    ],
)
def test_what_it_means(read: Callable[[str], object], text: str, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "texts"),
    [
        (size_bytes, ["", "x", "-1", "4Q", "1e9", "9999999T", "1" * 100, "٣"]),
        (duration_us, ["", "h", "-1s", "1h 30", "2 fortnights", "999999999999d"]),
        (amount_milli, ["", "-1", "0.0001", "many", "nan", "inf"]),
        (index_range, ["", "5", "9-1", "0-9:0", "a-b", "0-1000000000"]),
        (key_value, ["", "a", "=b"]),
        (resource, ["gpu", "gpu=x"]),
        (unit_limit, ["mem=1G", "cpu_s=x", "cpu_s=0.5", "cpu_s=0", "open_files", "open_files=1" + "0" * 22]),
        (environment_variable, ["", "=x", "METED_NO_SUCH_VARIABLE"]),
    ],
)
def test_what_means_nothing_is_a_sentence(read: Callable[[str], object], texts: list[str]) -> None:
    for text in texts:
        with pytest.raises(ValueError, match=r"^['A-Z].*\.$"):
            read(text)


def test_times() -> None:
    assert time_us("now", NOW_US) == NOW_US
    assert time_us("now+15m", NOW_US) == NOW_US + 900_000_000
    assert time_us("now-1s", NOW_US) == NOW_US - 1_000_000
    at = datetime(2027, 1, 31, 18, 0, 0, 250_000, UTC)
    assert time_us("2027-01-31T18:00:00.25Z", NOW_US) == int(at.timestamp()) * 1_000_000 + 250_000
    local = datetime(2027, 1, 31, 18).astimezone()
    assert time_us("2027-01-31T18:00", NOW_US) == int(local.timestamp()) * 1_000_000
    for text in ("", "soon", "now+", "now+x", "1950-01-01", "9999-12-31", "2027-13-01"):
        with pytest.raises(ValueError, match=r"\.$"):
            time_us(text, NOW_US)


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (size_bytes, duration_us, amount_milli):
        try:
            assert read(text) >= 0
        except ValueError as error:
            assert str(error).endswith(".")
    try:
        time_us(text, NOW_US)
    except ValueError as error:
        assert str(error).endswith(".")


@given(st.integers(0, 2**53))
def test_plain_numbers_are_exact(number: int) -> None:
    assert size_bytes(str(number)) == number


def test_a_variable_of_this_process_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METED_TEST_VARIABLE", "x=y")
    assert environment_variable("METED_TEST_VARIABLE") == ("METED_TEST_VARIABLE", "x=y")
    assert environment_variable("METED_TEST_VARIABLE=") == ("METED_TEST_VARIABLE", "")


def test_a_parameter_that_means_nothing_is_misuse() -> None:
    @click.command()
    @click.option("--mem", type=SIZE, default="1k")
    def show(mem: int) -> None:
        click.echo(repr(mem))

    assert CliRunner().invoke(show, []).stdout == "1000\n"
    wrong = CliRunner().invoke(show, ["--mem", "much"])
    assert wrong.exit_code == 2
    assert "'much' is no size; write it like 512M, 4G or 1.5Gi." in wrong.stderr


def test_a_limit_says_how_it_is_written() -> None:
    with pytest.raises(ValueError, match=r"^'0\.5' is no value of cpu_s; write it in whole seconds, like cpu_s=90s or"):
        unit_limit("cpu_s=0.5")
