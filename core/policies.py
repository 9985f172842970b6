"""The policies by name."""

from __future__ import annotations

from .policy.base import Policy
from .policy.drf import Drf
from .policy.easy import Easy
from .policy.fcfs import Fcfs
from .policy.meted import Meted

POLICIES: dict[str, type[Policy]] = {policy.name: policy for policy in (Fcfs, Easy, Meted, Drf)}
