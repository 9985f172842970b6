"""The version of the program: the only place where it stands; the package takes it from here.

A constant and not a question to ``importlib.metadata``, which takes longer to load than the rest of a short command.
"""

from __future__ import annotations

VERSION = "0.1.0"
