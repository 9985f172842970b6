"""The config file: found, read, and refused with a sentence that says what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from meted.adapters.cli import config
from meted.adapters.cli.connect import address_of
from meted.adapters.cli.options import default_data
from meted.adapters.config_file import KEYS, config_path


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The path of the config file, in a directory that is there."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "meted").mkdir()
    config._read.cache_clear()
    yield tmp_path / "meted" / "config.toml"
    config._read.cache_clear()


def test_no_file_says_nothing(file: Path) -> None:
    assert [config.setting(key) for key in KEYS] == [None] * 5
    assert config_path() == file


def test_what_it_says(file: Path) -> None:
    file.write_text('server = "tcp://pool:7430"\ndomain = "physics"\ndata = "~/pool"\n')
    assert address_of(None) == "tcp://pool:7430"
    assert address_of("unix:/x") == "unix:/x"
    assert config.setting("domain") == "physics"
    assert default_data() == str(Path.home() / "pool")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (
            "sever = 'x'",
            "says 'sever', which is not known; use server, domain, user, data, executor, or a table [executors.NAME]",
        ),
        ("server = 3", "must give server as text in quotes"),
        ("server = ''", "must give server as text in quotes"),
        (r'data = "a\u0000b"', "must give data as text in quotes"),
        ("server", "is no TOML"),
        ("executors = 3", "must give what executors are told as tables: [executors.NAME]"),
        ("[executors]\ndocker = 3", "must give what executors are told as tables: [executors.NAME]"),
        ("\xff", "is no TOML"),
        ("server = " + "9" * 5_000, "has a number of too many digits, or is nested too deeply; take that out."),
        ("server = " + "[" * 5_000, "has a number of too many digits, or is nested too deeply; take that out."),
        ("#" * 70_000, "is larger than"),
    ],
)
def test_what_is_not_understood_is_a_sentence(file: Path, text: str, wrong: str) -> None:
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(click.UsageError) as error:
        config.setting("server")
    assert wrong in error.value.message
    assert str(file) in error.value.message


def test_one_that_cannot_be_read_is_a_sentence(file: Path) -> None:
    file.mkdir()
    with pytest.raises(click.UsageError, match="cannot be read: Is a directory"):
        config.setting("server")
