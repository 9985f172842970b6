"""Both sides of a loan are told what becomes of it, with the reason, however they follow (rows N13, N14)."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from meted.adapters.wire.errors import CallError

from .stage import Caller, Stage, play


async def prepare(client: Caller) -> None:
    for name, share in (("lab", 8), ("guest", 1), ("other", 1)):
        await client.call("domain.create", name=name, share=share, guarantee={"cpu_milli": 1_000 * share})


async def told(caller: Caller, subscription: int) -> list[Any]:
    """Return (kind, rows, gone) of what has come for a subscription."""
    await trio.sleep(1)
    notes = [note for note in caller.told if note.method == "table" and note.params["subscription"] == subscription]
    for note in notes:
        caller.told.remove(note)
    return [note.params for note in notes]


def lines(rows: Any) -> list[tuple[int, str, str | None]]:
    return [(row["loan"], row["state"], row.get("reason")) for row in rows]


def test_a_subscriber_is_told_of_everything_in_order() -> None:
    async def scenario(stage: Stage) -> None:
        client, borrower, stranger, lender = [await stage.connect() for _ in range(4)]
        await prepare(client)
        loan = (await client.call("loan.offer", lender="lab", borrower="guest", resource="share", amount=2))["loan"]
        await trio.sleep(1)
        mine = (await borrower.call("subscribe", table="loans", domain="guest"))["subscription"]
        others = (await stranger.call("subscribe", table="loans", domain="other"))["subscription"]
        lent = (await lender.call("subscribe", table="loans", domain="lab"))["subscription"]
        header, caught_up = await told(borrower, mine)
        assert (header["kind"], lines(header["rows"])) == ("header", [(loan, "running", None)])
        assert caught_up["kind"] == "caught_up"
        await told(stranger, others)
        assert (await told(lender, lent))[0]["rows"] == header["rows"]
        await client.call("loan.recall", loan=loan)
        (ended,) = await told(borrower, mine)
        assert (lines(ended["rows"]), list(ended["gone"])) == ([(loan, "ended", "recalled")], [loan])
        assert [(each["rows"], each["gone"]) for each in await told(lender, lent)] == [(ended["rows"], ended["gone"])]
        terms = [
            {"borrower": "guest", "resource": "cpu", "amount": 1_000, "notice_us": 60_000_000},
            {"borrower": "guest", "resource": "cpu", "amount": 10**7},
        ]
        answer = await client.call("loans.set", lender="lab", loans=terms)
        (changes,) = await told(borrower, mine)
        made = answer["made"][0]
        assert sorted(lines(changes["rows"])) == [
            (0, "refused", "over_capacity"),
            (made, "running", None),
            (made, "waiting", None),
        ]
        assert [row["sentence"] for row in changes["rows"] if row["loan"] == 0] == [answer["refused"][0]["sentence"]]
        assert [each["rows"] for each in await told(lender, lent)] == [changes["rows"]]
        seqs = [row["told_seq"] for row in changes["rows"]]
        assert seqs == sorted(seqs)
        await client.call("loans.set", lender="lab", loans=[])
        (recalled,) = await told(borrower, mine)
        assert lines(recalled["rows"]) == [(made, "recalled", None)]
        await trio.sleep(120)
        (over,) = await told(borrower, mine)
        assert lines(over["rows"]) == [(made, "ended", "recalled")]
        assert [each["rows"] for each in await told(lender, lent)] == [recalled["rows"], over["rows"]]
        assert await told(stranger, others) == []
        await borrower.call("unsubscribe", subscription=mine)

    play(scenario)


def test_a_subscriber_goes_on_where_it_was() -> None:
    async def scenario(stage: Stage) -> None:
        client, reader = await stage.connect(), await stage.connect()
        await prepare(client)
        await client.call("loan.offer", lender="lab", borrower="guest", resource="share", amount=1)
        await trio.sleep(1)
        seq = (await client.call("loan.changes", since_seq=0))["seq"]
        second = (await client.call("loan.offer", lender="lab", borrower="guest", resource="share", amount=1))["loan"]
        number = (await reader.call("subscribe", table="loans", since_seq=seq))["subscription"]
        rows = [row for message in await told(reader, number) for row in message["rows"]]
        assert lines(rows) == [(second, "waiting", None), (second, "running", None)]

    play(scenario)


def test_who_takes_no_notifications_asks_and_waits() -> None:
    async def scenario(stage: Stage) -> None:
        client, reader = await stage.connect(), await stage.connect()
        await prepare(client)
        loan = (await client.call("loan.offer", lender="lab", borrower="guest", resource="cpu", amount=500))["loan"]
        first = await reader.call("loan.changes", since_seq=0, domain="guest")
        assert (first["reset"], lines(first["loans"]), list(first["news"])) == (True, [(loan, "running", None)], [])
        found: list[Any] = []

        async def wait() -> None:
            found.append(await reader.call("loan.changes", since_seq=first["seq"], domain="guest", wait_us=60_000_000))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.sleep(5)
            await client.call("loan.offer", lender="lab", borrower="other", resource="cpu", amount=500)
            await trio.sleep(5)
            assert not found, "that concerns others"
            await client.call("loan.recall", loan=loan)
        assert (found[0]["reset"], lines(found[0]["news"])) == (False, [(loan, "ended", "recalled")])
        nothing = await reader.call("loan.changes", since_seq=found[0]["seq"], domain="guest", wait_us=1_000_000)
        assert (list(nothing["news"]), nothing["reset"]) == ([], False)
        assert (await reader.call("loan.changes", since_seq=2**40))["reset"]

    play(scenario)


def test_a_table_of_loans_is_of_a_domain_that_is_there() -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.connect()
        for wrong in (
            {"table": "loans", "domain": "nobody"},
            {"table": "jobs", "domain": "default"},
            {"table": "loans", "job": 1},
        ):
            with pytest.raises(CallError):
                await client.call("subscribe", **wrong)
        with pytest.raises(CallError):
            await client.call("loan.changes", since_seq=0, domain="nobody")

    play(scenario)
