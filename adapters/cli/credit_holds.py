"""``meted credit hold``, ``post``, ``void`` and ``holds``: credit that is set aside."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from .connect import DOMAIN, connected, each_row, server_option
from .credits import CREDITS, bare
from .options import BELOW_ZERO, json_option
from .tables import moment, print_json, print_table
from .times import MOMENT, check_later

if TYPE_CHECKING:
    from ..credit_views import HoldView


@click.command("hold", short_help="Set credit of a domain aside.", context_settings=BELOW_ZERO)
@click.argument("domain", type=DOMAIN)
@click.argument("amount", type=CREDITS)
@click.option("--until", type=MOMENT, metavar="TIME|DUR", help="When it is free again by itself.  [default: never]")
@server_option
def hold(domain: str, amount: int, until: int | None, server: str | None) -> None:
    """Set credit of a domain aside, and print the number of the hold.

    It cannot be spent until it is paid out with meted credit post, or free again with meted credit void.
    """
    check_later(until, "--until")
    with connected(server) as client:
        answer = client.call("credit.hold", domain=domain, amount_mc=amount, until_us=until)
    click.echo(str(cast("dict[str, int]", answer)["hold"]))


@click.command("post", short_help="Pay a domain from a hold.", context_settings=BELOW_ZERO)
@click.argument("number", type=click.IntRange(min=1), metavar="HOLD")
@click.argument("payee", type=DOMAIN)
@click.argument("amount", type=CREDITS)
@server_option
def post(number: int, payee: str, amount: int, server: str | None) -> None:
    """Pay a part or all of a hold to a domain; the rest is free again."""
    with connected(server) as client:
        client.call("credit.post", hold=number, payee=payee, amount_mc=amount)


@click.command("void", short_help="Give a hold up.")
@click.argument("number", type=click.IntRange(min=1), metavar="HOLD")
@server_option
def void(number: int, server: str | None) -> None:
    """Give a hold up: what was set aside is free again."""
    with connected(server) as client:
        client.call("credit.void", hold=number)


@click.command("holds", short_help="Show what is set aside.")
@click.option("--domain", type=DOMAIN, metavar="D", help="Only of this domain.")
@json_option
@server_option
def list_holds(domain: str | None, as_json: bool, server: str | None) -> None:
    """Show what is set aside with meted credit hold."""
    with connected(server) as client:
        rows: list[HoldView] = list(each_row(client, "credit.holds", "hold", 0, domain=domain))
    if as_json:
        print_json(rows)
    elif rows:
        cells = [(str(it["hold"]), it["domain"], bare(it["amount_mc"]), moment(it["until_us"])) for it in rows]
        print_table(("hold", "domain", "amount", "until"), cells, ("hold", "amount"))
    else:
        click.echo("Nothing is held.", err=True)
