"""Writes docs/cost.md: what footprints of a 70B and a 405B pair take, from the rates that other benchmarks measured.

    python benchmarks/cost.py [--small]

It takes the newest `results/kernels-*.json`, and where they are there `kernels-cuda-*`, `overhead-*` and `level0-*`;
what was not measured is taken from a data sheet or assumed, and the page says which. `--small` reads the trials in
`work/` and prints the page instead of writing it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from harness import HERE, WORK, options
from layouts import PUBLISHED, Shape
from operations import LEVELS, Load, loads_of, peak_memory, rate_at, total
from pages import table

CORES, NODES = 32, (8, 64)
DRIVE = 3e9
# NVIDIA H100 SXM data sheet: bytes/s of its memory, operations/s in float32 outside the tensor cores and in float64,
# and of PCIe 5.0 x16 in one direction, bytes/s.
H100 = {"memory": 3.35e12, "float32": 67e12, "float64": 34e12, "upload": 64e9}
_SHEET = (
    "One GPU: nothing was measured. It is the floor by the data sheet of an NVIDIA H100 SXM (3.35 TB/s, 67 and 34 "
    "TFLOP/s in float32 and float64 outside the tensor cores, 64 GB/s over PCIe); real eigensolvers take several times "
    "as long."
)


@dataclass(frozen=True)
class Rates:
    """What one worker of one thread does a second on the machine that was measured.

    Attributes:
        kernels: result of `kernels.py`.
        entrywise: bytes of both files at level 0.
        overhead: time of `measure` over that of its kernels.
        told: where each comes from, in sentences.
    """

    kernels: Mapping[str, Any]
    entrywise: float
    overhead: float
    told: tuple[str, ...]

    def seconds(self, load: Load, kind: str) -> float:
        """One matrix on one worker, its bytes in memory."""
        gram, eigen = self.kernels["gram"][kind], self.kernels["eigen"][kind]
        products = (load.gram + load.vectors) / rate_at(gram, load.short)
        return load.read / self.entrywise + self.overhead * (products + load.eigen / rate_at(eigen, load.short))


def newest(name: str, small: bool) -> dict[str, Any] | None:
    """The newest result of a benchmark."""
    folder = WORK / "trials" if small else HERE / "results"
    files = sorted(folder.glob(f"{name}-[0-9]*.json"))
    return json.loads(files[-1].read_text(encoding="utf-8")) if files else None


def rates_of(small: bool) -> Rates | None:
    """The measured rates; None where the kernels were not measured."""
    kernels, told = newest("kernels", small), []
    if kernels is None:
        return None
    where = f"{kernels['machine']['processor']}, {kernels['date']}"
    told.append(f"Kernels: measured on one thread ({where}).")
    overhead, level0 = newest("overhead", small), newest("level0", small)
    factor, entrywise = 1.0, kernels["read_warm"]
    if overhead:
        each = overhead["cases"][-1]
        factor = median(more / less for more, less in zip(each["measure"], each["bare"], strict=True))
        told.append(
            f"What measuring adds to them: a factor {factor:.2f}, measured ({each['case']}, {overhead['date']})."
        )
    else:
        told.append("What measuring adds to the kernels was not measured, and is left out.")
    if level0:
        each = level0["pairs"][-1]
        entrywise = each["bytes"] / median(each["warm"]["measure"]) / level0["machine"]["cores"]
        told.append(f"Level 0: {entrywise / 1e9:.2f} GB/s a worker, measured ({each['model']}, {level0['date']}).")
    else:
        told.append(f"Level 0 was not measured; a warm read, {entrywise / 1e9:.2f} GB/s a thread, stands in for it.")
    return Rates(kernels, entrywise, factor, tuple(told))


def duration(seconds: float) -> str:
    """Seconds in the unit that suits them."""
    for unit, size in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def work_table(shape: Shape) -> list[str]:
    """Bytes and operations by level."""
    rows = []
    for level in LEVELS:
        every = total(loads_of(shape, level))
        parts = [f"{part / 1e15:.3f}" for part in (every.gram, every.eigen, every.vectors)]
        rows.append([level, f"{every.read / 1e9:.0f}", *parts, f"{peak_memory(shape) / 1e9:.1f}"])
    head = ["level", "read, GB", "products, 10^15", "eigenvalues, 10^15", "vectors, 10^15", "memory at most, GB"]
    return table(head, rows)


def time_table(shape: Shape, rates: Rates, cuda: Mapping[str, Any] | None) -> list[str]:
    """Time by level, where it is computed, and in which type."""
    rows: list[Sequence[object]] = []
    for level in LEVELS:
        loads = loads_of(shape, level)
        read = total(loads).read / DRIVE
        for kind in ("float32", "float64") if level else ("float32",):
            each = [rates.seconds(load, kind) for load in loads]
            machine = max(sum(each) / CORES, max(each), read)
            clusters = [max(sum(each) / (CORES * nodes), max(each)) for nodes in NODES]
            gpu = max(on_gpu(loads, kind, cuda), read)
            times = [duration(t) for t in (sum(each), machine, gpu, *clusters, max(each))]
            rows.append([level, kind if level else "-", *times])
    head = ["level", "type", "one thread", f"{CORES} cores", "one GPU"]
    head += [*(f"Ray, {nodes} nodes" for nodes in NODES), "longest matrix"]
    return table(head, rows)


def on_gpu(loads: Sequence[Load], kind: str, cuda: Mapping[str, Any] | None) -> float:
    """Seconds on one GPU: by rates measured on one, otherwise the floor by its data sheet.

    By the data sheet half of the operations of a reduction are products of a matrix with a vector, which wait for
    memory: every one of k steps reads what is left of the matrix, k^3 / 3 entries in all.
    """
    upload = total(loads).read / (cuda["upload"] if cuda else H100["upload"])
    if cuda:
        rates = [(rate_at(cuda["gram"][kind], each.short), rate_at(cuda["eigen"][kind], each.short)) for each in loads]
        pairs = zip(loads, rates, strict=True)
        return max(upload, sum((each.gram + each.vectors) / gram + each.eigen / eigen for each, (gram, eigen) in pairs))
    size = {"float32": 4, "float64": 8}[kind]
    waiting = sum(each.eigen / 4 * size / H100["memory"] for each in loads)
    return max(upload, total(loads).operations / H100[kind] + waiting)


def cost_page(rates: Rates, cuda: Mapping[str, Any] | None, *, small: bool) -> str:
    """The page."""
    gpu = _SHEET if cuda is None else f"One GPU: rates measured on {cuda['device']} ({cuda['date']})."
    head = (HERE / "cost_head.md").read_text(encoding="utf-8").rstrip()
    told = [
        *(["- A trial on small sizes, on a machine that was busy: not to be quoted."] if small else []),
        *(f"- {each}" for each in rates.told),
        f"- {gpu}",
        f"- Disk: {DRIVE / 1e9:.0f} GB/s, assumed (the machine measured here reads {read_rate(rates)} from disk).",
        f"- {CORES} cores like the one measured, and nodes of as many, are assumed to work without loss.",
        "- Beyond the largest size measured the rate of that size is taken; larger products and solvers are no slower.",
    ]
    blocks = [head, "## Where the rates come from", "\n".join(told)]
    for name in ("70B", "405B"):
        shape = PUBLISHED[name]
        sides = f"hidden {shape.hidden}, inner {shape.inner}, {shape.layers} layers, vocabulary {shape.vocabulary}"
        text = f"Llama-3.1-{name} ({sides}), a pair in bfloat16, {shape.bytes() / 1e9:.0f} GB each side."
        blocks += [f"## {name}", text, "\n".join(work_table(shape)), "\n".join(time_table(shape, rates, cuda))]
    return "\n\n".join(blocks) + "\n"


def read_rate(rates: Rates) -> str:
    """How quickly the measured machine reads what is not in memory."""
    return f"{rates.kernels['read_cold'] / 1e9:.2f} GB/s"


def main() -> None:
    """Write the page, or print it."""
    given = options(__doc__)
    rates = rates_of(given.small)
    if rates is None:
        print("cost.py needs the rates of this machine: run benchmarks/kernels.py first.")
        return
    text = cost_page(rates, newest("kernels-cuda", given.small), small=given.small)
    if given.small:
        print(text)
    else:
        Path(HERE.parent / "docs" / "cost.md").write_text(text, encoding="utf-8")
        print("docs/cost.md is written.")


if __name__ == "__main__":
    main()
