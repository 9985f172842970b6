"""The policies by name."""

from __future__ import annotations

from .policy.base import Policy
from .policy.drf import Drf
from .policy.easy import Easy
from .policy.easy_sjbf import EasySjbf, EasySjf
from .policy.fcfs import Fcfs
from .policy.meted import Meted
from .policy.sjf import Sjf

_LIVE: tuple[type[Policy], ...] = (Fcfs, Sjf, Easy, EasySjbf, EasySjf, Meted, Drf)

POLICIES: dict[str, type[Policy]] = {policy.name: policy for policy in _LIVE}
