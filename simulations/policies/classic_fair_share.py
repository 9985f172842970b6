"""Slurm's classic fair share: the factor of a user from its own usage and that of the accounts above it.

Slurm, "Classic Fairshare Algorithm". A user with normalised share S and effective usage U_E has the factor
F = 2 ** (-U_E / (S d)), d being the damping factor: 1 with nothing used, 0.5 with just its share used, less beyond.
S is the product of its part of the shares of its siblings, at every level. The effective usage takes on some of what
the account has used: U_E = U + (U_E of the parent - U) * part of the siblings' shares; at the top it is U itself.

*Quirk*: so a user who has used nothing is charged for a busy account, and siblings can end up in the wrong order beside
users of other accounts, which is why Fair Tree was made. In A8 of the tests, user 3 has used nothing and user 1 a fifth
of the machine, and yet user 3 comes after user 1.

The calculation alone, in floats; :mod:`.multifactor` serves by it.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs


@attrs.frozen
class Level:
    """An account, or at the end of a path the user.

    Attributes:
        usage: Its part of all that was used, 0 to 1.
        shares: Its weight among its siblings.
        sibling_shares: The sum of the weights of all of them, its own included; at least 1.
    """

    usage: float
    shares: int
    sibling_shares: int


def effective_usage(path: Sequence[Level]) -> float:
    """Return the effective usage of the last level of a path that begins at the top."""
    effective = path[0].usage
    for level in path[1:]:
        effective = level.usage + (effective - level.usage) * level.shares / level.sibling_shares
    return effective


def normalised_share(path: Sequence[Level]) -> float:
    """Return which part of the machine is due to the last level of a path."""
    share = 1.0
    for level in path:
        share *= level.shares / level.sibling_shares
    return share


def fair_share_factor(path: Sequence[Level], damping: float = 1.0) -> float:
    """Return F of the last level of a path, between 0 and 1; without a share it is 0."""
    share = normalised_share(path)
    factor: float = 2 ** (-effective_usage(path) / (share * damping)) if share else 0.0
    return factor
