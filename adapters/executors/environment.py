"""The environment of a unit: what it gets of the worker's own, what meted adds, and which values may be logged.

A unit starts from a named few variables of its worker, never from all of them, so that what a machine's
administrator has in the worker's environment (tokens, for one) does not reach the jobs of other people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .contract import UnitToRun

KEPT_BY = "METED_KEPT_BY"
"""What the keeper of a worker puts into its environment, and so into that of all its units (docs/executors.md)."""
# The keeper has this name too: it loads nothing but the standard library, and clients load this module without it.

NAME_BYTES_MAX = 1_024
"""Longest name of an environment variable."""

LOGGABLE_NAMES = frozenset(
    {
        *("PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TERM", "TMPDIR", "USER", "LOGNAME", "SHELL", "EDITOR", "PAGER"),
        *("LD_LIBRARY_PATH", "MANPATH", "PKG_CONFIG_PATH", "VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV"),
        *("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"),
        *("DISPLAY", "MPLBACKEND", "JULIA_NUM_THREADS", "R_LIBS", "R_LIBS_USER", "GOMAXPROCS", "RAYON_NUM_THREADS"),
    }
)
"""Names whose values may stand in the log in the clear."""

LOGGABLE_PREFIXES = ("LC_", "OMP_", "MKL_", "OPENBLAS_", "BLIS_", "KMP_", "GOMP_", "METED_")
"""Names that begin like this may be logged as well."""

TOKEN_NAME = "METED_TOKEN"
"""The one name of meted's own that holds a secret."""

LOGGABLE_PYTHON = frozenset(
    {
        *("PYTHONPATH", "PYTHONHOME", "PYTHONHASHSEED", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONUTF8"),
        *("PYTHONIOENCODING", "PYTHONWARNINGS", "PYTHONOPTIMIZE", "PYTHONFAULTHANDLER", "PYTHONNOUSERSITE"),
    }
)
"""The interpreter's own settings: by name, since anything may begin with PYTHON."""

INHERITED_NAMES = frozenset(
    {
        *("PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "USER", "LOGNAME", "SHELL", "LD_LIBRARY_PATH"),
        *("XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", KEPT_BY),
    }
)
"""What a unit gets of its worker's own environment, and names that begin with ``LC_``."""

DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"
"""Where commands are looked for if neither the worker nor the job says."""


class BadVariable(ValueError):
    """A name or value that no environment can hold; the text is one sentence."""


def is_loggable(name: str) -> bool:
    """Whether the value of this variable may stand in the log; every other value is treated as a secret."""
    if name == TOKEN_NAME:
        return False
    return name in LOGGABLE_NAMES or name in LOGGABLE_PYTHON or name.startswith(LOGGABLE_PREFIXES)


def check_pair(name: str, value: str) -> None:
    """Check one variable.

    Raises:
        BadVariable: The name is empty, too long or has ``=`` or NUL in it, or the value has NUL in it. The
            sentence never quotes the value.
    """
    if not name or "=" in name or "\0" in name or len(name.encode("utf-8", "replace")) > NAME_BYTES_MAX:
        raise BadVariable(f"{name[:80]!r} is no name of an environment variable; give it as NAME=VALUE")
    if "\0" in value:
        raise BadVariable(f"the value of {name} has a NUL character in it; leave it out")


def split_secrets(environment: Mapping[str, str]) -> tuple[tuple[tuple[str, str], ...], dict[str, str]]:
    """Split what a user sets for a job into (pairs that may be logged, sorted by name; secrets).

    Raises:
        BadVariable: A name or value is not valid.
    """
    clear: list[tuple[str, str]] = []
    secret: dict[str, str] = {}
    for name, value in sorted(environment.items()):
        check_pair(name, value)
        if is_loggable(name):
            clear.append((name, value))
        else:
            secret[name] = value
    return tuple(clear), secret


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what units get of their worker's environment."""
    kept = {name: value for name, value in environment.items() if name in INHERITED_NAMES or name.startswith("LC_")}
    kept.setdefault("PATH", DEFAULT_PATH)
    return kept


def told_of_job(unit: UnitToRun) -> dict[str, str]:
    """Return what all units of a job are told of it, by name."""
    told = {
        "METED_JOB": str(unit.job_id),
        "METED_COUNT": str(unit.count),
        "METED_CPUS": str(max(1, unit.request.cpu_milli // 1_000)),
        "METED_MEM_BYTES": str(unit.request.mem_bytes),
    }
    if unit.name:
        told["METED_JOB_NAME"] = unit.name
    if unit.domain:
        told["METED_DOMAIN"] = unit.domain
    if unit.spec.cwd is not None:
        told["METED_SUBMIT_DIR"] = unit.spec.cwd
    return told


def encode(pairs: Iterable[tuple[str, str]]) -> dict[bytes, bytes]:
    """Return an environment as the system takes it, so that it is encoded once a job and not once a unit.

    Raises:
        UnicodeEncodeError: A text cannot be written in UTF-8.
    """
    return {name.encode("utf-8", "surrogateescape"): value.encode("utf-8", "surrogateescape") for name, value in pairs}
