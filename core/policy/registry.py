"""The policies that a live pool takes, by name."""

from __future__ import annotations

from .base import Policy
from .drf import Drf
from .easy import Easy
from .easy_sjbf import EasySjbf, EasySjf
from .fcfs import Fcfs
from .meted import Meted
from .rivals.conservative import Conservative
from .rivals.easy_plus_plus import EasyPlusPlus
from .rivals.least_used import LeastUsed
from .rivals.recent_jobs import RecentJobs
from .rivals.sfq import Sfq
from .rivals.static import Static
from .rivals.stride import Stride
from .sjf import Sjf

_LIVE: tuple[type[Policy], ...] = (
    *(Fcfs, Sjf, Easy, EasySjbf, EasySjf, Meted, Drf),
    *(LeastUsed, Static, Stride, Sfq, RecentJobs, EasyPlusPlus, Conservative),
)

POLICIES: dict[str, type[Policy]] = {policy.name: policy for policy in _LIVE}
