"""Start one unit as a process: what of it is the same for all units of a job is made ready once.

The process is the leader of a session of its own, so that all it starts can be killed as one group, and it writes
straight into its files: nothing passes through the worker.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Mapping
from contextlib import suppress

from meted.core.spec import Spec

from .contract import UnitToRun
from .environment import DEFAULT_PATH, KEPT_BY, BadVariable, check_pair, encode, inherited, told_of_job
from .options import OptionsError, ProcessOptions, expand, line_of, number_of, read_options
from .output import DIRECTORY_MODE, FILE_MODE, OutputStore
from .ulimits import limits_script

JOBS_READY_MAX = 64
"""Jobs whose common part is kept; then the oldest goes, and is made anew where needed."""

_NULL = os.devnull
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
# Python ignores SIGPIPE and SIGXFSZ, nohup SIGHUP, a shell's background job SIGINT and SIGQUIT; an ignored signal
# stays ignored through exec, and a unit shall find its signals as a shell's command does.
_DEFAULT_SIGNALS = tuple(
    getattr(signal, "SIG" + name)
    for name in ("PIPE", "XFSZ", "HUP", "INT", "QUIT", "TERM", "CHLD", "TSTP", "TTIN", "TTOU", "USR1", "USR2")
)
_BUSY = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT, errno.EROFS})


class NotStarted(Exception):
    """A unit could not be started; the text is one sentence that says why and what to do."""


class _Job:
    """What the units of a job have in common."""

    __slots__ = ("argv", "environment", "limits", "options", "path", "program", "secrets", "spec", "stdin")

    def __init__(self, unit: UnitToRun, base: Mapping[str, str]) -> None:
        self.spec: Spec = unit.spec
        self.secrets = unit.secrets
        self.options: ProcessOptions = read_options(unit.spec.payload)
        if self.options.secrets is not None and not unit.secrets:
            raise NotStarted("the server has lost the job's secret environment; submit the job anew")
        texts = dict(base)
        for name, value in (*unit.spec.env, *unit.secrets.items()):
            check_pair(name, value)
            texts[name] = value
        texts.update(told_of_job(unit))
        if KEPT_BY in base:  # by this name its processes are found when the keeper is dead; no job can change it
            texts[KEPT_BY] = base[KEPT_BY]
        self.path = texts.get("PATH", DEFAULT_PATH)
        self.environment = encode(texts.items())
        self.limits = limits_script(self.options)
        self.stdin = _NULL
        self.program: str | None = None
        self.argv = (
            None if any("{" in argument for argument in unit.spec.argv) else list(map(os.fsencode, unit.spec.argv))
        )


class Launcher:
    """Starts the units of one worker. Not for several threads: it changes the directory of the process."""

    def __init__(self, store: OutputStore, environment: Mapping[str, str]) -> None:
        """Write output to ``store``; ``environment`` is the worker's, of which units get a part."""
        self._store = store
        self._base = inherited(environment)
        self._jobs: dict[int, _Job] = {}
        self._home = -1

    def open(self) -> None:
        """Remember the directory of the process, to come back to, and keep its open files from the units.

        Python opens nothing that a child inherits, but what this process itself inherited would be passed on.
        """
        self._home = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for descriptor in map(int, os.listdir("/proc/self/fd")):
            if descriptor > 2:
                with suppress(OSError):  # that of the listing itself is closed by now
                    os.set_inheritable(descriptor, False)

    def close(self) -> None:
        """Forget what was kept."""
        if self._home >= 0:
            os.close(self._home)
            self._home = -1
        self._jobs.clear()

    def forget(self, job_id: int) -> None:
        """Forget a job."""
        self._jobs.pop(job_id, None)

    def limits_of(self, unit: UnitToRun) -> dict[str, int]:
        """Return the limits of a unit that was started."""
        return dict(read_options(unit.spec.payload).limits)

    def start(self, unit: UnitToRun) -> tuple[int, str]:
        """Start a unit and return its process id, which is its session and group too, and the path of its files.

        One start is over before another begins (row N35).

        Raises:
            NotStarted: It cannot be started.
        """
        if not unit.spec.argv:
            raise NotStarted("there is no command to run; give one")
        try:
            try:
                return self._spawn(self._ready(unit), unit)
            except FileNotFoundError:  # something is remembered that is no longer there: look again, once
                self.forget(unit.job_id)
                self._store.vanished()
                return self._spawn(self._ready(unit), unit)
        except (OptionsError, BadVariable) as error:
            raise NotStarted(str(error)) from error
        except ValueError as error:
            raise NotStarted("an argument or value has a character that no command can be given, like NUL") from error
        except OSError as error:
            raise NotStarted(_sentence(error, unit.spec)) from error

    def _ready(self, unit: UnitToRun) -> _Job:
        job = self._jobs.get(unit.job_id)
        if job is not None and job.spec is unit.spec and job.secrets is unit.secrets:
            return job
        if job is None or job.spec != unit.spec or job.secrets != unit.secrets:
            job = _Job(unit, self._base)
            if job.options.stdin:
                job.stdin = self._store.job_file(unit.job_id, "stdin", job.options.stdin)
            if len(self._jobs) >= JOBS_READY_MAX:
                del self._jobs[next(iter(self._jobs))]
            self._jobs[unit.job_id] = job
        else:  # the same, received once more: compare by identity from now on
            job.spec, job.secrets = unit.spec, unit.secrets
        return job

    def _spawn(self, job: _Job, unit: UnitToRun) -> tuple[int, str]:
        index = unit.index
        path = self._store.base(unit.job_id, index, unit.attempt)
        environment = job.environment.copy()
        environment[b"METED_UNIT"] = b"%d" % index
        environment[b"METED_INDEX"] = b"%d" % number_of(job.options, index)
        environment[b"METED_ATTEMPT"] = b"%d" % unit.attempt
        line = line_of(job.options, index)
        if line is not None:
            environment[b"METED_LINE"] = os.fsencode(line)
        argv = job.argv
        if argv is None:
            argv = list(map(os.fsencode, expand(unit.spec.argv, job.options, index)))
        files = (
            (os.POSIX_SPAWN_OPEN, 0, job.stdin, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, path + ".out", _WRITE, FILE_MODE),
            (os.POSIX_SPAWN_OPEN, 2, path + ".err", _WRITE, FILE_MODE),
        )
        try:
            environment[b"PWD"] = os.fsencode(self._go_inside(unit.spec.cwd, path))
            program = job.program or self._find(job, os.fsdecode(argv[0]))
            if job.limits is not None:
                whole = program if program.startswith("/") else "./" + program  # a name like -x is no option of exec
                argv = [b"/bin/sh", b"-c", job.limits, b"sh", os.fsencode(whole), *argv[1:]]
                program = "/bin/sh"
            pid = os.posix_spawn(
                program,
                argv,
                environment,
                file_actions=files,
                setsid=True,
                setsigmask=(),
                setsigdef=_DEFAULT_SIGNALS,
            )
        finally:
            os.fchdir(self._home)
        return pid, path

    def _go_inside(self, cwd: str | None, path: str) -> str:
        """Go to the directory that a unit runs in, and return it.

        posix_spawn cannot change the directory of the child (its addchdir is in no Python yet), so the worker goes
        there itself, for no longer than the spawn takes: nothing else of it uses a relative path.
        """
        if cwd is not None:
            if not cwd.startswith("/"):
                raise NotStarted(f"the directory to run in must be a whole path, not {cwd!r}")
            try:
                os.chdir(cwd)
                return cwd
            except FileNotFoundError:  # a directory of the submitter's machine: the unit gets one of its own
                pass
        own = path + ".d"
        os.makedirs(own, DIRECTORY_MODE, exist_ok=True)
        os.chdir(own)
        return own

    def _find(self, job: _Job, name: str) -> str:
        """Return the program that a command names, found as a shell would; the unit's directory is the current one."""
        candidates = [name] if "/" in name else [os.path.join(place or ".", name) for place in job.path.split(":")]
        denied = False
        for program in candidates:
            if os.path.isfile(program):
                if os.access(program, os.X_OK):
                    if job.argv is not None and program.startswith("/"):
                        job.program = program
                    return program
                denied = True
        if denied:
            raise NotStarted(f"{name} may not be executed on the worker; allow it with: chmod +x {name}")
        if "/" in name:
            raise NotStarted(f"there is no program {name} on the worker (seen from the directory {os.getcwd()})")
        raise NotStarted(f'there is no command "{name}" on the worker; it was looked for in {job.path}')


def _sentence(error: OSError, spec: Spec) -> str:
    command = spec.argv[0]
    text = (error.strerror or "unknown").lower()
    if error.errno in _BUSY:
        return f"the worker could not start it ({text}); make room there, or let another worker have it"
    if error.errno == errno.ENOEXEC:
        return f"{command} is no program that the worker can run; a script begins with a line like #!/bin/sh"
    if error.errno == errno.E2BIG:
        return "its arguments and environment are longer than the system takes; put them into a file"
    if error.errno == errno.ENOENT:
        return f"the interpreter that the first line of {command} names is not there on the worker"
    if error.filename is not None and os.fspath(error.filename) == spec.cwd:
        return f"it cannot run in the directory {spec.cwd} on the worker: {text}"
    return f"{command} could not be started: {text}"


def remove_empty(path: str) -> None:
    """Remove a unit's own directory if the unit has left nothing in it."""
    with suppress(OSError):
        os.rmdir(path + ".d")
