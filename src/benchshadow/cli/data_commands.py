"""The verbs of data: audit corpora against benchmarks, and build arms that differ in one thing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .commands import Json, Plan, Strict, app, one_thread_each
from .endings import fail, remark, tell

__all__ = ["audit", "intervene"]

Corpora = Annotated[
    list[str], typer.Argument(help="Files or folders (jsonl, Parquet, text; .gz, .zst), or hf:owner/name.")
]
Text = Annotated[
    str, typer.Option(help="Template of a document's text over a row's fields, such as '{question} {answer}'.")
]
Domain = Annotated[str, typer.Option(help="Template of its domain.")]
Lines = Annotated[bool, typer.Option("--lines", help="Take each line of a text file as a document.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of all draws.")]


@app.command()
def audit(
    corpora: Corpora,
    benchmark: Annotated[list[str], typer.Option("--benchmark", "-b", help="A file of items; may be given again.")],
    out: Annotated[Path, typer.Option(help="Folder for records, items and report.")] = Path("audit"),
    text: Annotated[
        list[str] | None,
        typer.Option(help="Template of a document's text, such as '{question} {answer}'; or one for each corpus."),
    ] = None,
    domain: Domain = "",
    prompt: Annotated[
        str, typer.Option(help="Template of a document's prompt, whose repetition is counted apart.")
    ] = "",
    lines: Lines = False,
    reference: Annotated[
        str | None,
        typer.Option(help="A corpus that cannot hold the items: the null of soft overlap, and of alignment."),
    ] = None,
    seed: Seed = 0,
    engine: Annotated[str, typer.Option(help="Where chunks are read: local processes, or ray.")] = "local",
    workers: Annotated[int, typer.Option(min=1, help="Processes that read; results do not depend on it.")] = 2,
    plan: Plan = False,
    json: Json = False,
    strict: Strict = False,
) -> None:
    """Tell how close corpora are to benchmarks, what of that is template, how much they cover and repeat."""
    one_thread_each()
    from benchshadow.studies.audits.audit import audit as look

    from .print_data import print_audit, print_audit_plan

    done = look(
        corpora, benchmark, out=out, text=text or ["{text}"], domain=domain, prompt=prompt, lines=lines,
        reference=reference, seed=seed, engine=engine, workers=workers, strict=False, plan=plan,
        progress=lambda doing: remark(f"{doing} ..."),
    )  # fmt: skip
    tell(done.folder, done.summary, print_audit_plan if plan else print_audit, json=json, plan=plan)
    if strict and done.refused:
        fail(done.refusal, 4)


@app.command()
def intervene(
    corpora: Corpora,
    recipe: Annotated[Path, typer.Option(help="TOML file of the budget, the benchmark and the arms.")],
    out: Annotated[Path, typer.Option(help="Folder for the arms.")],
    tokens: Annotated[
        int | None, typer.Option(min=1, help="Tokens of every arm, exactly; by default what the recipe says.")
    ] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(help="tokenizer.json; by default a byte-level BPE is trained on the corpus.")
    ] = None,
    vocabulary: Annotated[int, typer.Option(min=300, help="Tokens of a BPE that is trained.")] = 8192,
    text: Text = "{text}",
    domain: Domain = "",
    lines: Lines = False,
    seed: Seed = 0,
    engine: Annotated[str, typer.Option(help="Where texts are coded: local processes, or ray.")] = "local",
    workers: Annotated[int, typer.Option(min=1, help="Processes that code texts; results do not depend on it.")] = 1,
    plan: Plan = False,
    json: Json = False,
    strict: Strict = False,
) -> None:
    """Build matched arms of one budget that differ in the declared thing, each with its manifest."""
    one_thread_each()
    from benchshadow.studies.audits.intervening import intervene as build

    from .print_data import print_arms
    from .printing import print_json

    done = build(
        corpora, recipe, out=out, tokens=tokens, tokenizer=tokenizer, vocabulary=vocabulary, text=text, domain=domain,
        lines=lines, seed=seed, engine=engine, workers=workers, plan=plan,
    )  # fmt: skip
    if json:
        print_json(done)
    else:
        print_arms(out, done, plan=plan)
    if strict and done.get("refusal"):
        fail(done["refusal"], 4)
