"""What people write of entitlements and loans is read exactly, or refused with a sentence."""

from __future__ import annotations

import io
import time

import click
import pytest

from meted.adapters.cli.entitlements import amounts_text, lent_text, loan_amount, named_amounts, on_wire
from meted.adapters.cli.records import read_list, read_loans, read_records
from meted.adapters.cli.rules import LONG, alpha_milli
from meted.adapters.cli.times import moment_or_span_us


def test_amounts_are_exact() -> None:
    assert named_amounts("cpu=0.5, mem=8G,gpu=2") == {"cpu": 500, "mem": 8 * 10**9, "gpu": 2_000}
    assert named_amounts("none") == named_amounts(" None ") == {}
    assert [loan_amount(text) for text in ("share=3", "cpu=1.5", "mem=1Ki")] == [
        ("share", 3),
        ("cpu", 1_500),
        ("mem", 1_024),
    ]
    assert (alpha_milli("0.75"), alpha_milli("1"), LONG.read("1d")) == (750, 1_000, 86_400_000_000)


@pytest.mark.parametrize(
    "text", ["", "cpu", "cpu=", "=1", "cpu=nan", "cpu=-1", "cpu=1e3", "cpu=1,cpu=2", "mem=much", "share=2", "x" * 10**6]
)
def test_what_is_no_list_of_amounts(text: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        named_amounts(text)


@pytest.mark.parametrize(
    "text",
    [
        *("share=0", "share=1.5", "share=-1", "share=nan", "share=\u0661", "share=10000000000", "share=" + "9" * 5_000),
        *("cpu=0", "cpu=inf", "cpu=0.0001", "cpu=2000000", "cpu=" + "9" * 60, "mem=-1", "gpu"),
    ],
)
def test_what_nobody_can_lend(text: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        loan_amount(text)


@pytest.mark.parametrize("text", ["0", "1.001", "2", "-1", "nan", "half"])
def test_what_is_no_part_of_the_pool(text: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        alpha_milli(text)


def test_a_moment_may_be_a_span_from_now() -> None:
    now_us = time.time_ns() // 1000
    for text in ("15m", "now+15m"):
        assert 0 <= moment_or_span_us(text) - now_us - 900_000_000 < 10_000_000
    assert moment_or_span_us("2027-01-31T18:00+00:00") == 1_801_418_400_000_000
    for wrong in ("soon", "-1", "nan", "9" * 40, "now+" + "9" * 40 + "d"):
        with pytest.raises(ValueError, match=r"\.$"):
            moment_or_span_us(wrong)


def test_amounts_are_shown_as_they_are_written() -> None:
    amounts = on_wire({"cpu": 1_000, "mem": 8 * 10**9, "gpu": 2_000, "licence": 0})
    assert amounts == {"cpu_milli": 1_000, "mem_bytes": 8 * 10**9, "generic": {"gpu": 2_000}}
    assert amounts_text(amounts) == "1 cpu, 8 GB, gpu=2"
    assert on_wire({"gpu": 0, "cpu": 500}, amounts) == {"cpu_milli": 500, "mem_bytes": 8 * 10**9, "generic": {}}
    assert [lent_text(*lent) for lent in (("share", 3), ("cpu", -1_500), ("mem", 10**9), ("gpu", 1_000))] == [
        "share 3",
        "-1.5 cpus",
        "1 GB mem",
        "1 gpu",
    ]


def file(text: str) -> io.BytesIO:
    return io.BytesIO(text.encode())


def test_a_file_of_records_is_read_one_by_one() -> None:
    text = """[{"name": "a", "share": 3, "guarantee": {"cpu": 0.5, "mem": "8G"}, "stamp": 7, "cap": null},
      {"name": "b", "guarantee": "cpu=1", "expires": "2027-01-31T18:00+00:00"},
      {"name": "c", "share": true}, {"name": "d", "share": -1}, {"name": "e", "cap": {"cpu": NaN}}, [],
      {"share": 1},      {"name": "f", "guarantee": {"share": 1}}, {"name": 7},
      {"name": "g", "stamp": -1}, {"name": "h", "floor": 1e99}]"""
    stamp_us, records, wrong = read_records(file(text), 9, False)
    assert stamp_us == 9
    assert records == [
        {
            "name": "a",
            "share": 3,
            "guarantee": {"cpu_milli": 500, "mem_bytes": 8 * 10**9, "generic": {}},
            "stamp_us": 7,
            "cap": None,
        },
        {
            "name": "b",
            "guarantee": {"cpu_milli": 1_000, "mem_bytes": 0, "generic": {}},
            "expires_us": 1_801_418_400_000_000,
            "stamp_us": 9,
        },
    ]
    names = ["c", "d", "e", "record 6", "record 7", "f", "record 9", "g", "h"]
    assert [one["name"] for one in wrong] == names
    assert all(one["sentence"].endswith((".", "}")) for one in wrong)


def test_a_full_update_is_taken_whole_or_not_at_all() -> None:
    with pytest.raises(click.ClickException, match="Nothing was changed"):
        read_records(file('[{"name": "a"}, {"name": "b", "share": 0}]'), 9, True)
    with pytest.raises(click.ClickException, match="older than that of the file"):
        read_records(file('[{"name": "a", "stamp": 8}]'), 9, True)
    assert len(read_records(file('[{"name": "a", "stamp": 9}]'), 9, True)[1]) == 1


@pytest.mark.parametrize("text", ["", "{}", "7", "[", '"x"', "\xff", "[" * 100_000])
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(click.ClickException):
        read_list(file(text))


def test_a_list_of_loans_is_wrong_as_a_whole() -> None:
    text = '[{"borrower": "b", "resource": "cpu", "amount": 0.25, "notice": "10m", "until": null, "start": 5}]'
    assert read_loans(file(text)) == [
        {"borrower": "b", "resource": "cpu", "amount": 250, "notice_us": 600_000_000, "expiry_us": None, "start_us": 5}
    ]
    assert read_loans(file('[{"borrower": "b", "resource": "share", "amount": 0}]'))[0]["amount"] == 0
    for entry in (
        '{"borrower": "b", "resource": "share", "amount": 0.5}',
        '{"borrower": "b", "resource": "cpu"}',
        '{"borrower": "b", "resource": "cpu", "amount": NaN}',
        '{"borrower": "b", "resource": "cpu", "amount": true}',
        '{"borrower": "b", "resource": "cpu", "amount": 1, "until": "soon"}',
        '{"borrower": 1, "resource": "cpu", "amount": 1}',
        '{"lender": "b"}',
        "[]",
    ):
        with pytest.raises(click.ClickException, match=r"Loan 1 .* Nothing was changed\.$"):
            read_loans(file(f"[{entry}]"))
