"""``meted replay``: a log of one's own, another policy, and what it would have meant for everybody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import click

from meted.adapters.cli.options import data_option, one_place
from meted.adapters.cli.progress import ProgressBar
from meted.adapters.cli.tables import shown
from meted.adapters.wording import counted
from meted.core.state import Rules

from ..errors import SimulationError
from ..log_replay import PER_CPU, LogReplay, results
from ..policies.registry import make_policy
from ..results.credit_rows import asked_rows, books_rows
from ..results.documents import document, write_document
from ..results.metrics import JsonValue, Metrics
from ..results.recorder import Recorder, credit_figures
from ..results.report import EVENT_ORDERS_SAID, counted_lines, result_rows, rows
from ..results.run_record import RunRecord
from ..results.transform_rows import estimates_words, seed_words
from ..results.wait_errors import wait_error_rows
from ..ruled import RULED_POLICY, changed_rules_rows, check_rules, rules_rows
from ..running.pace import PROGRESS_JOBS, rare_collections, user_cpu_us
from ..traces.log_rules import HeldRules, changes_of, held_from
from ..traces.log_trace import LogCounts, LogTrace
from ..traces.own_log import read_own_log
from .output_options import Outputs, output_options
from .policy_option import policies_epilog, policy_option
from .replay_verify import echo_report, verify_dispatch
from .replay_verify import figures as verify_figures
from .rules_options import NamedRules, logged_rules_options

_LEFT_OUT: Final = {
    "unfinished": "never ran to their end (cancelled, lost or still waiting)",
    "no_cpu": "without a cpu",
    "too_wide": "too wide for any worker of the pool, or for the cap of the domain",
}
_NOTED: Final = {
    "failed": (
        "unit failed, and counts with the time that it ran",
        "units failed, and count with the time that they ran",
    ),
    "retries": (
        "failed attempt was followed by another, and is not replayed",
        "failed attempts were followed by another, and are not replayed",
    ),
    "lost": (
        "unit came back from a lost worker, and is not replayed a second time",
        "units came back from lost workers, and are not replayed a second time",
    ),
}


@click.command("replay", short_help="Replay a log of your own under a policy.", epilog=policies_epilog())
@click.argument("log", metavar="[LOG]", required=False, type=click.Path(exists=True, path_type=Path))
@data_option
@policy_option
@logged_rules_options
@click.option(
    "--verify",
    is_flag=True,
    help="Simulate nothing: make every recorded pass again and compare its leases with the recorded ones. The exit "
    "code is 1 where they differ.",
)
@output_options(credit=True)
def replay(
    log: Path | None,
    data: Path,
    policy: str,
    rules: NamedRules,
    outputs: Outputs,
    verify: bool,
) -> None:
    """Replay LOG under a policy, and tell how everybody would have fared.

    LOG is a data directory of a server, which may be running, or the file of a log or of a backup; --data names the
    directory as well. Jobs are submitted as they were, and each unit runs as long as it did. The pool is the one that
    there was when it was largest. Jobs and users in the figures are units and domains. What domains are entitled to,
    what they lend, and the rules change when they did, and credit is traded as it was; a rule that an option names
    holds throughout. How far the simulated waits are from the recorded ones is told as well: it says how far the
    figures can be trusted where the policy is the same.
    """
    if verify and (rules.given or outputs.wants_record):
        raise click.UsageError("--verify goes by what is in the log alone; leave out all other options but --json.")
    path = one_place(log, data)
    rules.of(policy)  # refuses before anything is read
    try:
        outputs.check(str(path))
        if verify:
            _verify(path, policy, outputs.json)
            return
        with rare_collections():
            trace = read_own_log(path)
            held = rules.over(policy, trace.rules)
            figures, record = _run(trace, policy, held, outputs.wants_record, rules.given)
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
    """Replay a log under the policy of that name, with these parameters of fairness throughout or those of the log.

    Raises:
        SimulationError: There is no such policy or it has no such parameters, or the log lasts longer than can be
            simulated.
    """
    check_rules(policy, rules)
    held = trace.rules if rules is None else (HeldRules(0, 0, rules),)
    return _run(trace, policy, held, wants_record=False)[0]


def _run(
    trace: LogTrace, policy: str, held: Sequence[HeldRules], wants_record: bool, given: Sequence[str] = ()
) -> tuple[dict[str, JsonValue], RunRecord | None]:
    """Replay a log; return the figures, and the record if it is wanted.

    Args:
        trace: The log.
        policy: The name of the policy.
        held: The rules, from when on each holds; only one policy goes by them.
        wants_record: Whether to measure all of fairness.
        given: The options that named rules.
    """
    rules, later = held_from(held, trace.first_us)
    if policy != RULED_POLICY:
        held, rules, later = (), Rules(), []
    recorder = None
    if wants_record:
        names = {domain_id: domain.name for domain_id, domain in trace.domains.items()}
        least = min(it.alpha_milli for it in (rules, *(one.rules for one in later)))
        recorder = Recorder(trace, policy, rules, trace.shares, names, trace.loans, PER_CPU, alpha_milli=least)
    metrics = Metrics(trace, trace.shares) if recorder is None else recorder.metrics
    run = LogReplay(trace, make_policy(policy), [recorder or metrics], held, (recorder or metrics).entitled)
    with ProgressBar(f"{trace.name}, {policy}") as bar:
        while not run.run(PROGRESS_JOBS):
            bar(run.ended, trace.counts.jobs)
    credit = run.trade.seen()
    if recorder is None:
        figures = metrics.results(policy, "instant", user_cpu_us(), rules) | credit_figures(credit)
    else:
        recorder.traded(credit)
        figures = recorder.results("instant", user_cpu_us())
    figures = results(trace, figures, run)
    if recorded := credit_figures(trace.credit):
        figures["recorded_credit_flows_mc"] = recorded["credit_flows_mc"]
    if policy == RULED_POLICY:
        figures |= {"rules_changed": changes_of(held, trace.first_us), "rules_throughout": " ".join(given)}
    if recorder is None:
        return figures, None
    return figures, recorder.record(policy, figures, [*_rules(figures, trace)])


def log_table(figures: Mapping[str, JsonValue], trace: LogTrace) -> str:
    """Return the figures as lines of text that end with a newline, with the rules by which they came about."""
    workers = counted(len(trace.workers), "worker")
    title = f"{shown(trace.name)}: {figures['policy']} on {figures['procs']:,} cpus in {workers}"
    blocks = [
        rows(block)
        for block in (result_rows(figures), wait_error_rows(figures), books_rows(figures), _rules(figures, trace))
    ]
    return "\n".join((title, "=" * len(title), *(line for block in blocks if block for line in ("", *block)), ""))


def _changes(figures: Mapping[str, JsonValue]) -> Iterator[tuple[str, str]]:
    """Yield what changed of that while work was there, if anything did."""
    counts = figures["entitlement_changes"]
    assert isinstance(counts, Mapping)
    domains, loans, refused = (int(counts[name] or 0) for name in ("domains", "loans", "refused"))
    if domains or loans or refused:
        why = f"; {refused:,} refused: {counts['first_refusal']}" if refused else ""
        yield "changes", f"{counted(domains, 'change')} of domains and {counted(loans, 'loan')}, at their times{why}"


def _rules(figures: Mapping[str, JsonValue], trace: LogTrace) -> Iterator[tuple[str, str]]:
    counts: LogCounts = trace.counts
    shares = trace.shares
    listed = ", ".join(f"{domain.name} {shares[domain_id]}" for domain_id, domain in trace.domains.items())
    yield "jobs and users", "units and domains"
    yield "event order", EVENT_ORDERS_SAID[str(figures["event_order"])]
    yield "ties", str(figures["tie_rule"])
    yield "run times", f"as recorded; estimates {estimates_words(figures)}"
    yield "machine", "the workers as they came and went; cpus are those of the pool when it was largest"
    idle = sum(share for domain_id, share in shares.items() if domain_id not in trace.domains)
    listed += f"; without jobs {idle:,}" if idle else ""
    yield "shares", listed if trace.is_flat else f"{listed} (of the whole tree, in proportion)"
    yield from _changes(figures)
    yield from rules_rows(figures)
    yield from changed_rules_rows(figures)
    yield from asked_rows(figures)
    yield "seed", seed_words(figures)
    yield "counted", "all units, no warm-up; slowdown bounded at 10 s"
    yield (
        "log",
        f"{counted(counts.events, 'event')}: {counted(counts.submitted, 'job')} of {counted(counts.units, 'unit')}",
    )
    yield from (("left out", line) for line in counted_lines(counts, _LEFT_OUT))
    yield from (("note", line) for line in counted_lines(counts, _NOTED))
    yield "chain", trace.sha256
