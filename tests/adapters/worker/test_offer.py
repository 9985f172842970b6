"""What a machine offers when nobody says anything, and when somebody does."""

from __future__ import annotations

from pathlib import Path

from meted.adapters.worker.offer import available_cpus, available_mem_bytes, this_machine
from meted.adapters.worker.process import Settings
from meted.core.resources import Resources


def test_what_is_not_said_is_measured() -> None:
    offer = this_machine()
    assert offer.capacity.cpu_milli == available_cpus() * 1_000 > 0
    assert offer.capacity.mem_bytes == available_mem_bytes() > 2**20
    assert dict(offer.labels).keys() == {"host", "os"}


def test_what_is_said_counts() -> None:
    offer = this_machine(500, 7, [("gpu", 1_000), ("b", 1), ("gpu", 2_000), ("c", 0)], [("os", "other")], 9, False)
    assert offer.capacity == Resources(500, 7, (("b", 1), ("gpu", 2_000)))
    assert ("os", "other") in offer.labels
    assert (offer.until_us, offer.prefetch) == (9, False)


def machine(root: Path, **files: str) -> Path:
    for name, content in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def test_the_least_limit_of_the_control_groups_counts(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        proc__meminfo="MemTotal:       8000 kB\nMemFree: 1 kB\n",
        proc__self__cgroup="0::/user/job\n",
        sys__fs__cgroup__user__job__memory_dot_max="max\n",
        sys__fs__cgroup__user__memory_dot_max="4096000\n",
    )
    assert available_mem_bytes(root) == 4_096_000


def test_older_control_groups_are_known(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        proc__meminfo="MemTotal:       8000 kB\n",
        proc__self__cgroup="5:cpu,cpuacct:/a\n4:memory:/a\n",
        sys__fs__cgroup__memory__a__memory_dot_limit_in_bytes="1000\n",
        sys__fs__cgroup__a__memory_dot_max="1\n",
    )
    assert available_mem_bytes(root) == 1_000


def test_without_control_groups_the_machine_counts(tmp_path: Path) -> None:
    assert available_mem_bytes(machine(tmp_path, proc__meminfo="MemTotal: 8000 kB\n")) == 8_192_000


def test_settings_survive_the_way_to_the_worker() -> None:
    settings = Settings("unix:/s", "näme", "/d", this_machine(1, 2, [("gpu", 1)], [("a", "ü")], 5, False), 1.5, 4)
    assert Settings.from_text(settings.to_text()) == settings
