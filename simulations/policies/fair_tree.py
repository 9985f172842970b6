"""Fair Tree: ranks of users from a tree of accounts. The calculation alone; :mod:`.multifactor` serves by it.

Slurm, "Fair Tree Fairshare Algorithm" (Cox and Morrison, Brigham Young University). At each level every account or user
has a level value LF = S / U, S being its part of the shares of its siblings and U its part of its parent's usage; none
used is infinite, and no share is 0. The tree is walked depth first in descending LF, and users are ranked as they are
met: factor = rank / users, the first having rank = users. So whatever is inside an account that ranks higher comes
before all that is inside one that ranks lower.

Ties, as documented: users with one LF have one rank; a user that ties with an account has the rank of the account's
first user; accounts that tie are *merged*: all that is inside them is sorted together.

*A trap*: Slurm's own code never merges. Its count of tied accounts stops at the first sibling that is an account, which
the next one always is. What happens instead is ``merge_ties=False``: one tied account after the other, and the first
user of the second has the rank of whoever was ranked last before. flux-accounting implements the same algorithm,
merges, and publishes what it expects; with ``merge_ties=True`` the results are those.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from meted.core.record import record, replaced

from ..errors import SimulationError

NEVER_USED = None
"""The level value of who has a share and has used nothing: above all numbers."""

_LEVEL_BITS = 256
_INFINITE = 1 << 3 * _LEVEL_BITS
_COLUMNS = 5
_NO_USER = "%^+_nouser"


@record
class Node:
    """An account, or a user (of one account).

    Attributes:
        name: Of users it is unique.
        shares: Its weight among its siblings, at least 0.
        usage: What it has used; of an account, with all inside it.
        is_user: Whether it is one; a user has no children.
        children: What is inside an account.
    """

    name: str
    shares: int
    usage: int
    is_user: bool = False
    children: tuple[Node, ...] = ()

    def users(self) -> Iterator[Node]:
        """Yield the users at or below this."""
        if self.is_user:
            yield self
        for child in self.children:
            yield from child.users()


@record
class _Ranked:
    """A node with its level value, scaled."""

    node: Node
    level: int


def level_value(node: Node, parent: Node) -> Fraction | None:
    """Return LF of a node inside its parent, exactly, or :data:`NEVER_USED`."""
    if not node.shares:
        return Fraction(0)
    if not node.usage or not parent.usage:
        return NEVER_USED
    return Fraction(node.shares * parent.usage, sum(child.shares for child in parent.children) * node.usage)


def fair_tree(root: Node, merge_ties: bool = True) -> dict[str, Fraction]:
    """Return the factor of each user, 1 for the first and 1 / users for the last, in the order of the ranks.

    Args:
        root: The account that all others are in; its own shares and level do not matter.
        merge_ties: Whether accounts of one level value are merged, as documented; False is what Slurm does.
    """
    ranks = fair_tree_ranks(root, merge_ties)
    return {name: Fraction(rank, len(ranks)) for name, rank in ranks.items()}


def fair_tree_ranks(root: Node, merge_ties: bool = True) -> dict[str, int]:
    """Return the rank of each user in the same order: as many as there are users for the first."""
    users = sum(1 for _ in root.users())
    return dict(_Walk(users, merge_ties).run(root))


class _Walk:
    """The walk through the tree: the rank of the next user, and that of the last."""

    def __init__(self, users: int, merge_ties: bool) -> None:
        self._left = users
        self._rank = users
        self._merge_ties = merge_ties

    def run(self, root: Node) -> Iterator[tuple[str, int]]:
        """Yield the users with their ranks, best first."""
        yield from self._level(_inside([root]), is_tied=False)

    def _level(self, siblings: Sequence[_Ranked], is_tied: bool) -> Iterator[tuple[str, int]]:
        """Rank what is on one level; ``is_tied`` says that its first ties with whoever was ranked last."""
        at = 0
        while at < len(siblings):
            this = siblings[at]
            tied = is_tied if at == 0 else siblings[at - 1].level == this.level
            end = at + 1
            if this.node.is_user:
                if not tied:
                    self._rank = self._left
                self._left -= 1
                yield this.node.name, self._rank
            else:
                while self._merge_ties and end < len(siblings) and siblings[end].level == this.level:
                    end += 1
                yield from self._level(_inside([one.node for one in siblings[at:end]]), is_tied=tied)
            at = end


def _inside(accounts: Iterable[Node]) -> list[_Ranked]:
    """Return what is inside accounts, the highest level value first; of equals users first, else as they stand."""
    found: list[_Ranked] = []
    for account in accounts:
        shares = sum(child.shares for child in account.children)
        found.extend(_Ranked(child, _scaled(child, account.usage, shares)) for child in account.children)
    found.sort(key=lambda one: (-one.level, not one.node.is_user))
    return found


def _scaled(node: Node, parent_usage: int, sibling_shares: int) -> int:
    """Return the level value in units of 2**-256: equal if and only if the values are.

    Two fractions differ by one over the product of their denominators at least, and these, a sum of shares times a
    usage, are below 2**128. Integers are compared many times as fast as fractions.
    """
    if not node.shares:
        return 0
    if not node.usage or not parent_usage:
        return _INFINITE
    return (node.shares * parent_usage << _LEVEL_BITS) // (sibling_shares * node.usage)


def read_tree(lines: Iterable[str]) -> Node:
    """Return the tree of a file of flux-accounting's tests: ``depth,account,user,shares,usage`` in each line.

    The user of an account's own line is ``%^+_nouser``.

    Raises:
        SimulationError: A line is not like that; the sentence has its number.
    """
    below: list[tuple[Node, list[Node]]] = []  # the accounts that are still open, each with what is inside it

    def close(depth: int) -> None:
        while len(below) > max(depth, 1):
            account, inside = below.pop()
            below[-1][1].append(replaced(account, children=tuple(inside)))

    for number, line in enumerate(lines, 1):
        cells = line.strip().split(",")
        if len(cells) != _COLUMNS or not all(cells[at].isdecimal() for at in (0, 3, 4)):
            raise SimulationError(f"line {number} is not depth,account,user,shares,usage.")
        depth, is_user = int(cells[0]), cells[2] != _NO_USER
        node = Node(cells[2] if is_user else cells[1], int(cells[3]), int(cells[4]), is_user)
        if not below:
            if depth or is_user:
                raise SimulationError(f"line {number} is not the account that all others are in, with depth 0.")
            below.append((node, []))
            continue
        if not 1 <= depth <= len(below):
            raise SimulationError(
                f"line {number} has depth {depth}, which no account of the lines above it has room for."
            )
        close(depth)
        if is_user:
            below[-1][1].append(node)
        else:
            below.append((node, []))
    if not below:
        raise SimulationError("there is no account; the first line is the account that all others are in.")
    close(1)
    root, inside = below[0]
    return replaced(root, children=tuple(inside))
