"""Whatever goes wrong in a command ends as one sentence on standard error and an exit code, never as a traceback."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

import click

REFUSED = 1
"""Exit code of a refusal or a failure."""

MISUSED = 2
"""Exit code of a command line that makes no sense; click gives its usage errors this one as well."""

UNREACHABLE = 3
"""Exit code where no server can be reached."""

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 + SIGINT."""

NO_INTEGER = "is not a valid integer range"
"""How click says of a word that it is no number."""

CREATE_FIRST = "; create it first."
CREATE_WITH = "; make it with `meted domain create NAME`, or see `meted domain ls`."
"""How a server and how a command line says what to do where there is no such domain."""


class Funnel(click.Group):
    """A group of commands through which every error of theirs passes.

    A command raises ``click.ClickException`` with a sentence for what it expects to go wrong. Anything else is a fault
    in the program: its traceback goes to a file that can be sent to those who can mend it.
    """

    def main(  # type: ignore[override]  # click's own says Any
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> object:
        """Run the command line; in standalone mode, which is the default, leave the program with its exit code."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, False, **extra)
        try:
            result = super().main(args, prog_name, complete_var, False, **extra)
            sys.stdout.flush()
        except click.Abort as abort:
            sys.exit(REFUSED if isinstance(abort.__cause__, EOFError) else INTERRUPTED)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
        except click.exceptions.NoArgsIsHelpError as error:
            with contextlib.suppress(OSError):
                click.echo(error.format_message(), err=True)  # the help page as it is, not as a sentence
            sys.exit(MISUSED)
        except click.ClickException as error:
            _leave(_sentence(error), error.exit_code)
        except BrokenPipeError:
            _give_up_output()
            sys.exit(REFUSED)
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            _leave(f"{place}{error.strerror or error}.", REFUSED)
        except Exception as error:
            _leave(*(_said_by_server(error) or (_fault(error), REFUSED)))
        # click returns the code of an early exit (--help, --version, ctx.exit) and else what the command returned.
        sys.exit(result if isinstance(result, int) else 0)


def _leave(sentence: str, code: int) -> NoReturn:
    with contextlib.suppress(OSError):
        click.echo(f"Error: {sentence}", err=True)
    sys.exit(code)


def _sentence(error: click.ClickException) -> str:
    """What the error says, in one line, and for misuse where to read on."""
    message = " ".join(error.format_message().split()).replace(NO_INTEGER, "is no whole number")
    context = getattr(error, "ctx", None)
    if isinstance(error, click.UsageError) and context is not None:
        stop = "" if message.endswith((".", "?", ")")) else "."
        return f"{message}{stop} Try '{context.command_path} --help'."
    return message


def _said_by_server(error: Exception) -> tuple[str, int] | None:
    """Return the sentence and the exit code of what can go wrong between a command and a server, else None."""
    from ..wire.errors import AddressError, Unreachable, WireError  # only here: most commands end well

    if not isinstance(error, WireError):
        return None
    code = MISUSED if isinstance(error, AddressError) else UNREACHABLE if isinstance(error, Unreachable) else REFUSED
    return " ".join(str(error).replace(CREATE_FIRST, CREATE_WITH).split()), code


def _fault(error: Exception) -> str:
    """Say that the program is at fault, and keep the details where the user can find them."""
    what = f"Something went wrong inside meted ({type(error).__name__}), which is a fault of the program"
    try:
        descriptor, name = tempfile.mkstemp(prefix="meted-fault-", suffix=".txt")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{sys.version}\n{sys.argv}\n")
            traceback.print_exception(error, file=file)
    except OSError:
        return f"{what}; please report it with what you did, and what it said: {error}"
    return f"{what}; please report it with the file {name}."


def _give_up_output() -> None:
    """The reader of our output has gone: let what is still buffered go nowhere, instead of complaining at the end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
