"""Commands called as the command line does, but in this process."""

from __future__ import annotations

from pathlib import Path

import click
from click.testing import CliRunner, Result


def call(command: click.Command, *words: str | int | Path, code: int = 0, stdin: bytes | None = None) -> Result:
    """Call a command; it has to end with this exit code, and never with a traceback."""
    result = CliRunner().invoke(command, [str(word) for word in words], input=stdin)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result
