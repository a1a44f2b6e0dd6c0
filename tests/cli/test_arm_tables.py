"""What a terminal shows of many arms and runs: tables in parts where it is narrow, and runs that wait as a number."""

from __future__ import annotations

import io

from rich.console import Console

from benchshadow.cli.arm_tables import arm_tables
from benchshadow.cli.printing import print_standing
from benchshadow.studies.grid import Standing

ARMS = ["control", "A/A", *(f"an arm called {i}" for i in range(6))]
MEASURES = [{"name": name, "title": name} for name in ("held-out items", "stable rank", "never measured")]
SUMMARY = {
    "table": [
        {"arm": arm, "measure": name, "mean": value}
        for arm in ARMS
        for name, value in (("held-out items", -0.0), ("stable rank", 12.345))
    ]
}


def lines(width):
    written = io.StringIO()
    console = Console(file=written, width=width or 400)
    tables = list(arm_tables(MEASURES, SUMMARY, {("A/A", "stable rank")}, width))
    for table in tables:
        console.print(table)
    return len(tables), written.getvalue().splitlines()


def test_a_narrow_terminal_has_every_arm_once_and_no_line_too_long():
    many, said = lines(60)
    assert many > 1
    assert max(map(len, said)) <= 60
    heads = [line for line in said if line.startswith("measure")]
    assert [head.count("an arm") > 0 for head in heads] == [True] * many
    assert all(sum(arm in head for head in heads) == 1 for arm in ARMS)


def test_without_a_terminal_all_arms_stand_side_by_side():
    many, said = lines(None)
    assert many == 1
    assert len(said) == 3, "what was never measured has no row"
    assert "12.3*" in said[2]


def test_nothing_has_no_sign():
    assert "-0" not in "".join(lines(None)[1][1:]).replace("held-out", "")


def test_an_arm_wider_than_the_terminal_still_has_its_part():
    assert lines(20)[0] == len(ARMS)


def test_many_runs_that_only_wait_are_counted_and_others_named(capsys):
    standing = Standing(runs=(), shares={}, doing={}, failed={}, work=1.0, total=10.0)
    rows = {f"arm {i}, replicate 0": "waiting" for i in range(18)} | {"one": "failed: it diverged", "two": "whole"}
    print_standing(standing, rows)
    said = capsys.readouterr().out.splitlines()
    assert said[:3] == ["one: failed: it diverged", "two: whole", "18 runs: waiting"]
