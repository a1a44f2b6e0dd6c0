"""The small study of the studies' tests, for the command line."""

import sys
from pathlib import Path

import pytest
from said import Said

from benchshadow.cli import main

sys.path.insert(0, str(Path(__file__).parents[1] / "studies"))


@pytest.fixture
def say(monkeypatch, capfd):
    """Run `benchshadow` with arguments, as a shell would."""

    def run(*arguments: object) -> Said:
        monkeypatch.setattr("sys.argv", ["benchshadow", *map(str, arguments)])
        capfd.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        return Said(code, *capfd.readouterr())

    return run
