"""The command ``meted``."""

from __future__ import annotations

try:
    from .main import main
except KeyboardInterrupt:  # Ctrl-C while this is loaded, when nothing is there yet to end in good order
    raise SystemExit(130) from None

__all__ = ["main"]
