"""The verbs. Nothing heavy is imported before a verb needs it, so that --help answers at once."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from benchshadow.errors import BenchshadowError, InputError

from .endings import fail, tell

__all__ = ["Json", "Plan", "Strict", "app", "main", "one_thread_each"]

app = typer.Typer(
    help="Tells what training data did to a model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
"""The command line, for programs that hold it in their own."""
study_app = typer.Typer(
    help="Controlled studies: matched arms from the same base under the same settings.", no_args_is_help=True
)
app.add_typer(study_app, name="study")

INTERRUPTED = 130
_YOUNG = 100_000  # objects made before the collector looks for cycles: imports make as many, and all of them stay

Json = Annotated[
    bool, typer.Option("--json", help="Print a machine-readable summary, and nothing else, on standard output.")
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Exit with 4 when something was refused or failed; the rest is done.")
]
Plan = Annotated[bool, typer.Option("--plan", help="Say what would be read, computed and written, and do nothing.")]
Workers = Annotated[
    int, typer.Option("--workers", min=1, help="Worker processes of one thread each; results do not depend on it.")
]
Engine = Annotated[
    str, typer.Option("--engine", help="local (processes of this machine) or ray; results do not depend on it.")
]
StudyFile = Annotated[Path, typer.Argument(help="The study file (TOML), its folder, or demo or repetition.")]


StudyOut = Annotated[
    Path | None, typer.Option("--out", help="Folder of the study; by default `out` beside the study file.")
]


def _out(what: str) -> Any:
    return typer.Option("--out", help=f"Folder for {what}; the same work is continued there, other work is refused.")


@app.command()
def demo(
    out: Annotated[Path, _out("the study and its report")] = Path("demo"),
    workers: Workers = 2,
    plan: Plan = False,
    json: Json = False,
    strict: Strict = False,
) -> None:
    """Run the embedded world: a base, six arms, three replicates, and the report of what the data did."""
    one_thread_each(always=True)
    from benchshadow.studies.demo import demo_file

    _study(demo_file(), out, workers, plan=plan, json=json, strict=strict)


@study_app.command("run")
def study_run(
    study: StudyFile,
    out: Annotated[Path | None, _out("the study; by default `out` beside the study file")] = None,
    engine: Engine = "local",
    workers: Workers = 2,
    replicates: Annotated[
        str, typer.Option(help="Run only these, with commas between; `study merge` joins the parts. All by default.")
    ] = "",
    plan: Plan = False,
    json: Json = False,
    strict: Strict = False,
) -> None:
    """Run a study, or go on with one that was interrupted, and write its claims and its report."""
    one_thread_each(always=True)
    from benchshadow.studies.shipped import study_place

    part = _numbers("--replicates", replicates) if replicates else None
    file, home = study_place(study)
    _study(file, out or home, workers, engine, part, plan=plan, json=json, strict=strict)


@study_app.command("status")
def study_status(
    study: StudyFile,
    out: StudyOut = None,
    json: Json = False,
) -> None:
    """Say which runs of a study are whole, under way or failed, and how many replicates its claims need."""
    from benchshadow.studies.grid import study_status as status
    from benchshadow.studies.shipped import study_place

    from .printing import print_json, print_standing

    file, home = study_place(study)
    standing = status(file, out=out or home)
    rows = {
        run.title: f"failed: {standing.failed[run.name]}"
        if run.name in standing.failed
        else _state(standing.shares[run.name], standing.doing.get(run.name, ""), run.name in standing.running)
        for run in standing.runs
    }
    if json:
        needs = [need.row() for need in standing.needs]
        told = {"work": standing.work, "total": standing.total, "seconds_left": standing.seconds_left}
        print_json({**told, "runs": rows, "needs": needs})
    else:
        print_standing(standing, rows)


@study_app.command("report")
def study_report(
    study: StudyFile,
    out: StudyOut = None,
    json: Json = False,
) -> None:
    """Write the report of a study anew from its records."""
    from benchshadow.studies.shipped import study_place

    _report(out or study_place(study)[1], json)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="A folder that another verb wrote.")],
    figures: Annotated[
        Path | None, typer.Option("--figures", help="Write every figure as SVG into this folder too.")
    ] = None,
    json: Json = False,
) -> None:
    """Write report.html anew from the records in a folder."""
    _report(folder, json, figures)


@app.command()
def footprint(
    base: Annotated[
        str, typer.Argument(help="File, folder or org/name@revision: the only checkpoint or adapter, or the base.")
    ],
    tuned: Annotated[str | None, typer.Argument(help="What was tuned from it: a checkpoint or an adapter.")] = None,
    out: Annotated[Path, _out("records, coverage and report")] = Path("footprint"),
    level: Annotated[
        int,
        typer.Option(min=0, max=3, help="0 one pass; 1 Gram products too; 2 all singular values; 3 top vectors too."),
    ] = 2,
    of: Annotated[
        str, typer.Option(help="What is decomposed: base, tuned, change, or several with commas between.")
    ] = "base,tuned,change",
    rounded_sides: Annotated[
        str, typer.Option(help="Which sides storage has rounded: tuned, both, or unknown (then both nulls are given).")
    ] = "unknown",
    device: Annotated[str, typer.Option(help="cpu, or a torch device: cuda, cuda:1.")] = "cpu",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the drawn rounding errors.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Matrices measured at a time.")] = 2,
    cache: Annotated[
        bool, typer.Option("--cache/--no-cache", help="Keep spectra for the next call (BENCHSHADOW_CACHE names where).")
    ] = True,
    plan: Plan = False,
    json: Json = False,
    strict: Strict = False,
) -> None:
    """Measure a checkpoint, an adapter, or the change between two: spectra, ranks, tails, and nulls beside them."""
    one_thread_each()
    from benchshadow.errors import InputError
    from benchshadow.studies.footprints.footprint import footprint as measure
    from benchshadow.studies.footprints.identity import cache_folder

    from .bars import matrices
    from .printing import print_footprint

    known = {"tuned": ("tuned",), "both": ("both",), "unknown": ("tuned", "both")}
    if rounded_sides not in known:
        raise InputError("--rounded-sides", f"must be one of {', '.join(known)} but is '{rounded_sides}'")
    with matrices() as progress:
        done = measure(
            base,
            tuned,
            out=out,
            rounded_sides=known[rounded_sides],
            spectra_of=[each.strip() for each in of.split(",")],
            level=level,
            device=device,
            seed=seed,
            strict=False,
            plan=plan,
            workers=workers,
            cache=cache_folder() if cache else None,
            progress=progress,
        )
    show = partial(print_footprint, plan=plan)
    tell(done.folder, done.summary, show, remarks=done.remarks, json=json, plan=plan)
    if strict and done.refused and not plan:
        fail(f"{done.folder}: {done.refused} tensors were refused by name; see coverage.parquet", 4)


@app.command()
def verify(
    manifests: Annotated[
        list[Path], typer.Argument(help="Two or more manifest.json files, or the folders they lie in.")
    ],
    json: Json = False,
) -> None:
    """Say what differs between runs, and fail when anything differs that was not declared."""
    from benchshadow.studies.running.verification import verify as check

    from .printing import print_json, print_verification

    found = check(manifests)
    if json:
        print_json(found.summary())
    else:
        print_verification(found)
    if found.undeclared:
        fail(found.sentence, 3)


@app.command()
def cite(json: Json = False) -> None:
    """Print how to cite benchshadow and the preprint whose claims it examines."""
    from .printing import print_citation

    print_citation(json)


def _numbers(option: str, text: str) -> list[int]:
    if not all(each.strip().isdecimal() for each in text.split(",")):
        raise InputError(option, f"must be whole numbers with commas between but is {text!r}")
    return [int(each) for each in text.split(",")]


def _study(
    file: Path,
    out: Path,
    workers: int,
    engine: str = "local",
    replicates: list[int] | None = None,
    *,
    plan: bool,
    json: bool,
    strict: bool,
) -> None:
    from benchshadow.studies.grid import study_plan, study_run

    from .bars import runs
    from .printing import print_plan, print_study

    if plan:
        print_plan(study_plan(file), out, json)
        return
    with runs() as progress:
        done = study_run(file, out=out, engine=engine, workers=workers, replicates=replicates, progress=progress)
    failures = [f"{title} failed: {reason}" for title, reason in done.failed.items()]
    tell(done.folder, done.summary, print_study, remarks=failures, json=json)
    if strict and done.failed:
        counts = done.summary["runs"]
        fail(f"{done.folder}: {counts['failed']} of {counts['planned']} runs failed", 4)


def one_thread_each(*, always: bool = False) -> None:
    """Matrices are measured side by side with one thread each, unless the user has set another number.

    A study has one `always`, as its worker processes have: its bits do not depend on where its work is done.
    """
    for name in (f"{library}_NUM_THREADS" for library in ("OMP", "MKL", "OPENBLAS")):
        os.environ[name] = "1" if always else os.environ.get(name, "1")


def _report(folder: Path, json: bool, figures: Path | None = None) -> None:
    import benchshadow.report as room

    from .printing import print_json

    page = room.write(folder)
    drawn = [] if figures is None else room.figures(folder, figures)
    if json:
        print_json({"report": str(page), "figures": [str(figure) for figure in drawn]})
    else:
        for file in (page, *drawn):
            typer.echo(file)


def _state(share: float, doing: str, running: bool) -> str:
    if share == 1 or not doing:
        return "whole" if share == 1 else "waiting"
    return f"running, {doing}" if running else f"interrupted, {doing}"


def main() -> None:
    """Run the command line; every error that is meant for the user becomes one sentence here and nowhere else."""
    gc.set_threshold(_YOUNG)
    atexit.register(gc.freeze)  # all is freed at the end; searching it for cycles first took a tenth of a short process
    try:
        app()
    except BenchshadowError as error:
        typer.echo(f"benchshadow: {error}", err=True)
        sys.exit(error.exit_code)
    except SystemExit as end:
        if end.code == INTERRUPTED:  # typer makes an exit of an interruption, without a word
            typer.echo("benchshadow: interrupted; the same command goes on from here", err=True)
        raise
