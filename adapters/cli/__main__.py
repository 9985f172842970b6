"""``python -m meted.adapters.cli`` is the command ``meted``."""

from __future__ import annotations

from .main import main

main()
