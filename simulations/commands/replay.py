"""``meted replay``: a log of one's own, another policy, and what it would have meant for everybody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import click

from meted.adapters.cli.progress import ProgressBar
from meted.core.state import Rules

from ..errors import SimulationError
from ..log_replay import PER_CPU, LogReplay, results
from ..policies.registry import make_policy, policy_names
from ..results.documents import document, write_document
from ..results.metrics import JsonValue, Metrics
from ..results.recorder import Recorder
from ..results.report import counted, result_rows, rows
from ..results.run_record import RunRecord
from ..results.wait_errors import wait_error_rows
from ..ruled import RULED_POLICY, check_rules, rules_rows
from ..running.pace import PROGRESS_JOBS, rare_collections, user_cpu_us
from ..traces.log_trace import LogCounts, LogTrace
from ..traces.own_log import read_own_log
from .output_options import Outputs, output_options
from .replay_verify import echo_report, verify_dispatch
from .replay_verify import figures as verify_figures
from .rules_options import logged_rules_options, rules_of

_LEFT_OUT: Final = {
    "unfinished": "never ran to their end (cancelled, lost or still waiting)",
    "no_cpu": "ask for no cpu",
    "too_wide": "fit no worker of the pool, or not below their domain's cap",
}
_NOTED: Final = {
    "failed": "units failed, and count with the time that they ran",
    "retries": "failed attempts were followed by another, and are not replayed",
    "lost": "units came back from lost workers, and are not replayed a second time",
}


@click.command("replay", short_help="Replay a log of your own under a policy.")
@click.argument("log", type=click.Path(exists=True))
@click.option("--policy", type=click.Choice(policy_names()), default="meted", show_default=True, help="Who is next.")
@logged_rules_options
@click.option(
    "--verify",
    is_flag=True,
    help="Simulate nothing: make every recorded pass again and compare its leases with the recorded ones. The exit "
    "code is 1 where they differ.",
)
@output_options
def replay(
    log: str,
    policy: str,
    alpha: int | None,
    half_life: int | None,
    aging: int | None,
    pool: str | None,
    usage: str | None,
    start: int | None,
    verify: bool,
    json_path: str | None,
    csv_path: str | None,
    html_path: str | None,
    fairness: bool,
) -> None:
    """Replay LOG under a policy, and tell how everybody would have fared.

    LOG is a data directory of a server, which may be running, or the file of a log or of a backup. Jobs are submitted
    as they were, and each unit runs as long as it did. The pool is the one that there was when it was largest. Jobs and
    users in the figures are units and domains; domains have the shares, guarantees and caps that they had last, and the
    rules are those that held last. How far the simulated waits are from the recorded ones is told as well: it says how
    far the figures can be trusted where the policy is the same.
    """
    rules = rules_of(policy, alpha, half_life, aging, pool, usage, start)
    if verify and (rules is not None or csv_path or html_path or fairness):
        raise click.UsageError("--verify goes by what is in the log alone; leave out all other options but --json.")
    outputs = Outputs(json_path, csv_path, html_path, fairness)
    try:
        outputs.check(log)
        if verify:
            _verify(Path(log), policy, json_path)
            return
        with rare_collections():
            trace = read_own_log(Path(log))
            rules = rules_of(policy, alpha, half_life, aging, pool, usage, start, trace.rules)
            figures, record = _run(trace, policy, rules, outputs.wants_record)
        outputs.write(figures, log_table(figures, trace), record)
    except SimulationError as error:
        raise click.ClickException(str(error)) from None


def _verify(path: Path, policy: str, json_path: str | None) -> None:
    with rare_collections():
        report = verify_dispatch(path, policy)
    name = path.absolute().name
    if json_path == "-":
        click.echo(document(verify_figures(report, name)))
    else:
        echo_report(report, name)
        if json_path is not None:
            write_document(json_path, verify_figures(report, name))
    if not report.same:
        raise SystemExit(1)


def run_policy(trace: LogTrace, policy: str, rules: Rules | None = None) -> dict[str, JsonValue]:
    """Replay a log under the policy of that name, with these parameters of fairness or those of the log.

    Raises:
        SimulationError: There is no such policy or it has no such parameters, or the log lasts longer than can be
            simulated.
    """
    return _run(trace, policy, rules, wants_record=False)[0]


def _run(
    trace: LogTrace, policy: str, rules: Rules | None, wants_record: bool
) -> tuple[dict[str, JsonValue], RunRecord | None]:
    """Replay a log; return the figures, and the record if it is wanted."""
    check_rules(policy, rules)
    if rules is None and policy == RULED_POLICY:
        rules = trace.rules
    recorder = None
    if wants_record:
        names = {domain_id: domain.name for domain_id, domain in trace.domains.items()}
        recorder = Recorder(trace, policy, rules, trace.shares, names, trace.loans, per_proc=PER_CPU)
    metrics = Metrics(trace, trace.shares) if recorder is None else recorder.metrics
    run = LogReplay(trace, make_policy(policy), [recorder or metrics], rules)
    with ProgressBar(f"{trace.name}, {policy}") as bar:
        while not run.run(PROGRESS_JOBS):
            bar(run.ended, trace.counts.jobs)
    if recorder is None:
        return results(trace, metrics.results(policy, "instant", user_cpu_us(), rules), run.wait_errors), None
    figures = results(trace, recorder.results("instant", user_cpu_us()), run.wait_errors)
    return figures, recorder.record(policy, figures, [*_rules(figures, trace)])


def log_table(figures: Mapping[str, JsonValue], trace: LogTrace) -> str:
    """Return the figures as lines of text that end with a newline, with the rules by which they came about."""
    title = f"{trace.name}: {figures['policy']} on {figures['procs']:,} cpus in {len(trace.workers)} workers"
    blocks = (result_rows(figures), wait_error_rows(figures), _rules(figures, trace))
    return "\n".join((title, "=" * len(title), *(line for block in blocks for line in ("", *rows(block))), ""))


def _rules(figures: Mapping[str, JsonValue], trace: LogTrace) -> Iterator[tuple[str, str]]:
    counts: LogCounts = trace.counts
    shares = ", ".join(f"{trace.domains[domain_id].name} {share}" for domain_id, share in trace.shares.items())
    yield "jobs and users", "units and domains"
    yield "run times", "as recorded; estimates as submitted, or none"
    yield "machine", "the pool when it was largest, from beginning to end"
    yield "shares", f"{shares} (of the whole tree, in proportion)" if trace.groups else shares
    yield from rules_rows(figures)
    if trace.loans:
        yield "loans", "as the log has them; the replay goes by the shares that there were last"
    yield "seed", "none: nothing is drawn by chance"
    yield "counted", "all units, no warm-up; slowdown bounded at 10 s"
    yield "log", f"{counts.events:,} events; jobs: {counts.submitted:,}, units: {counts.units:,}"
    yield from (("left out", line) for line in counted(counts, _LEFT_OUT))
    yield from (("note", line) for line in counted(counts, _NOTED))
    yield "chain", trace.sha256
