"""The verbs of the causal test, and of studies that were run in several places."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchshadow.errors import InputError

from .commands import (
    Engine,
    Json,
    Plan,
    Strict,
    StudyFile,
    Workers,
    app,
    one_thread_each,
    study_app,
)
from .endings import fail, remark, tell

__all__ = ["restore", "study_merge", "study_restore"]

_WHICH = "intruders, top:K, or the controls of equal energy random:K and random:intruders."


@app.command()
def restore(
    base: Annotated[str, typer.Argument(help="File, folder or org/name@revision that the other was tuned from.")],
    tuned: Annotated[str, typer.Argument(help="What was tuned from it: a checkpoint or an adapter.")],
    directions: Annotated[str, typer.Option(help=f"Directions of the change: {_WHICH}")],
    scale: Annotated[float, typer.Option(help="What the change along them is multiplied by: 0 restores the base.")],
    out: Annotated[Path, typer.Option(help="Folder for the checkpoint and its manifest.")] = Path("restored"),
    seed: Annotated[int, typer.Option(min=0, help="Seed of random directions.")] = 0,
    plan: Plan = False,
    json: Json = False,
    strict: Strict = False,
) -> None:
    """Write the tuned checkpoint with its change along chosen directions scaled down: the causal test's checkpoint."""
    one_thread_each()
    from benchshadow.studies.causal.restore import restore as write

    from .bars import matrices
    from .print_restored import print_restored
    from .printing import print_json

    with matrices() as progress:
        done = write(base, tuned, directions=directions, scale=scale, out=out, seed=seed, plan=plan, progress=progress)
    for each in done.remarks:
        remark(each)
    if json:
        print_json(done.summary)
    else:
        print_restored(done.folder, done.summary)
    if strict and not plan and done.summary["refused"]:
        fail(f"{done.folder}: {done.summary['refused']} matrices stay as they are; see manifest.json", 4)


@study_app.command("restore")
def study_restore(
    study: StudyFile,
    arm: Annotated[str, typer.Option(help="Whose runs are restored.")],
    of: Annotated[Path | None, typer.Option(help="Folder of the study; by default `out` beside the file.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for records and report.")] = Path("restored"),
    directions: Annotated[
        str, typer.Option(help=f"With commas between: {_WHICH}")
    ] = "intruders,random:intruders,top:4,random:4",
    scales: Annotated[str, typer.Option(help="With commas between, each in [0, 1].")] = "0,0.25,0.5,0.75,1",
    engine: Engine = "local",
    workers: Workers = 2,
    plan: Plan = False,
    json: Json = False,
    strict: Strict = False,
) -> None:
    """Scale directions of an arm's changes down step by step, evaluate every tier again, and draw what follows."""
    one_thread_each(always=True)
    from benchshadow.studies.causal.restoring import study_restore as write

    from .bars import matrices
    from .print_restored import print_restoring

    with matrices() as progress:
        done = write(
            study, of=of or study.parent / "out", arm=arm, out=out, directions=_listed(directions),
            scales=[_number(each) for each in _listed(scales)], engine=engine, workers=workers, plan=plan,
            progress=progress,
        )  # fmt: skip
    failures = [f"{title} failed: {reason}" for title, reason in done.failed.items()]
    tell(done.folder, done.summary, print_restoring, remarks=failures, json=json, plan=plan)
    if strict and done.failed:
        fail(f"{done.folder}: {len(done.failed)} of the restored runs failed", 4)


def _listed(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError("--scales", f"must be numbers in [0, 1] with commas between but holds {text!r}") from None


@study_app.command("merge")
def study_merge(
    folders: Annotated[list[Path], typer.Argument(help="Two or more folders of one study file.")],
    out: Annotated[Path, typer.Option(help="Folder of the whole.")],
    json: Json = False,
) -> None:
    """Put the runs of several folders of one study into one, and write what they say together."""
    one_thread_each(always=True)
    from benchshadow.studies.merge import study_merge as merge

    from .printing import print_study

    done = merge(folders, out=out)
    tell(done.folder, done.summary, print_study, json=json)
