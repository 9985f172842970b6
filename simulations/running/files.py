"""Text to a file, or one sentence."""

from __future__ import annotations

from ..errors import SimulationError


def write_text(option: str, path: str, text: str) -> None:
    """Write a file.

    Args:
        option: The option that names it.
        path: The file.
        text: What it is to hold.

    Raises:
        SimulationError: It cannot be written.
    """
    try:
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SimulationError(f"{path} cannot be written ({reason}); give another file with {option}.") from None
