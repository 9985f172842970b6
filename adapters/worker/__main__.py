"""What the keeper of ``meted worker`` starts. It is no command for people: they say ``meted worker``."""

from __future__ import annotations

import sys

from .process import main

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("This is a part of meted; say: meted worker")
    sys.exit(main(sys.argv[1]))
