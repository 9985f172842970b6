"""The limits of a job's processes, as commands of the shell that set them."""

from __future__ import annotations

import resource

from .options import ProcessOptions

CPU_CLEANUP_S = 5
"""Processor time between SIGXCPU, which a process may catch to end in order, and SIGKILL."""

_BLOCK_BYTES = 512
_KIB = 1_024


def limits_script(options: ProcessOptions) -> bytes | None:
    """Return the shell commands that set a job's limits and then become its command; None if there are no limits.

    The limits must be set between fork and exec, in the new process and nowhere else. posix_spawn has no place for
    it; setting them from outside with prlimit(2) comes too late for a process that is quick; setting them in the
    worker for the length of a spawn would have it stopped by its own processor time. Numbers alone are put into the
    script; command and arguments are its parameters and no shell ever reads them.
    """
    commands: list[str] = []
    for name, value in options.limits:
        if name == "cpu_s":
            soft = _at_most(resource.RLIMIT_CPU, value, 1)
            hard = _at_most(resource.RLIMIT_CPU, value + CPU_CLEANUP_S, 1)
            commands.append(f"ulimit -S -t {soft} && ulimit -H -t {hard}")
        elif name == "file_bytes":
            commands.append(f"ulimit -f {_at_most(resource.RLIMIT_FSIZE, value, _BLOCK_BYTES)}")
        elif name == "mem_bytes":
            commands.append(f"ulimit -v {_at_most(resource.RLIMIT_AS, value, _KIB)}")
        elif name == "open_files":
            commands.append(f"ulimit -n {_at_most(resource.RLIMIT_NOFILE, value, 1)}")
    if not commands:
        return None
    return " && ".join([*commands, 'exec "$@"']).encode()


def _at_most(which: int, value: int, unit: int) -> int:
    """Return a limit in the units of ``ulimit``, rounded up, and not above what the worker itself may have."""
    hard = resource.getrlimit(which)[1]
    blocks = -(-value // unit)
    return blocks if hard == resource.RLIM_INFINITY else min(blocks, hard // unit)
