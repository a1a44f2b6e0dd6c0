"""A 7B layout in bfloat16 on an accelerator: spectra of base, tuned and change, and level 3, against their floor.

    OMP_NUM_THREADS=1 python benchmarks/gpu.py --large [--layers 32] [--levels 2 3] [--repeats 5]
    OMP_NUM_THREADS=1 python benchmarks/gpu.py --small [--device torch:cpu]

The pair is drawn on the device and written below `work/`, 13.5 GB each side for 32 layers, so that it is asked for by
`--large`. Whole processes with `--device cuda`. Two floors stand beside the time: the bytes of both sides over the
rate at which the device takes them, and the operations over the rates of the bare kernels (`kernels.py`, measured in
the same run), products in float32 and eigenvalues in the type that is quicker.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from harness import WORK, Run, apart, by_turns, footprint_command, options, run
from kernels import TYPES, on_gpu, on_processor
from layouts import PAIRS, PUBLISHED, Shape
from operations import loads_of, rate_at, total
from page_cache import drop
from pages import page, program_table, save, table
from writer import Writer


def write_on_device(folder: Path, shape: Shape, device: str) -> tuple[Path, Path]:
    """A pair as `llama_pairs` makes it, of noise and directions that decay, drawn by torch and written as bfloat16."""
    import torch

    base, tuned = folder / "base", folder / "tuned"
    mark = folder / "shape.txt"
    if mark.is_file() and mark.read_text(encoding="utf-8") == repr(shape):
        return base, tuned
    torch.manual_seed(0)

    def drawn(sides: tuple[int, ...], deviation: float, top: float, rank: int, power: float) -> torch.Tensor:
        noise = deviation * torch.randn(sides, device=device)
        if len(sides) == 1:
            return noise
        values = top * torch.arange(1, rank + 1, device=device) ** -power
        left = torch.randn(sides[0], rank, device=device) / math.sqrt(sides[0])
        right = torch.randn(rank, sides[1], device=device) / math.sqrt(sides[1])
        return noise.addmm_(left * values, right)

    def raw(values: torch.Tensor) -> np.ndarray:
        return values.to(torch.bfloat16).view(torch.int16).cpu().numpy()

    with Writer(base, shape.tensors(), shape) as before, Writer(tuned, shape.tensors(), shape) as after:
        for name, sides in shape.tensors().items():
            spread = 0.02 * math.sqrt(math.prod(sides))
            weight = drawn(sides, 0.02, 3 * spread / math.sqrt(min(sides)), 64, 0.7)
            change = drawn(sides, 0.0002, 0.0375 * spread, min(min(sides) // 2, 512), 1.0)
            before.add(name, raw(weight))
            after.add(name, raw(weight + change))
    mark.write_text(repr(shape), encoding="utf-8")
    return base, tuned


def floors(shape: Shape, level: int, rates: Mapping[str, Any]) -> dict[str, float]:
    """Seconds below which neither the bytes nor the operations of a level can be had on this device."""
    loads = loads_of(shape, level)
    operations = sum(
        each.eigen / max(rate_at(rates["eigen"][kind], each.short) for kind in TYPES)
        + (each.gram + each.vectors) / rate_at(rates["gram"]["float32"], each.short)
        for each in loads
    )
    return {"bytes": total(loads).read / rates.get("upload", rates["copy"]), "operations": operations}


def measure(shape: Shape, device: str, levels: list[int], repeats: int, sizes: list[int]) -> dict[str, Any]:
    """Rates of the kernels, then whole processes at every level."""
    rates = apart(on_gpu if device.startswith("cuda") else on_processor, sizes, repeats)
    pair = apart(write_on_device, WORK / "gpu", shape, device.removeprefix("torch:"))
    files = [file for side in pair for file in side.glob("*.safetensors")]

    def program(level: int, state: str) -> Run:
        if state == "cold":
            drop(files)
        return run(footprint_command(WORK / "gpu-out", *pair, "--device", device, "--level", str(level)))

    programs = {
        f"level {level}, {state}": partial(program, level, state) for level in levels for state in ("cold", "warm")
    }
    runs = by_turns(programs, repeats)
    return {
        "device": rates.get("device", "processor"),
        "rates": rates,
        "shape": asdict(shape),
        "bytes": total(loads_of(shape, 0)).read,
        "runs": {name: [asdict(each) for each in found] for name, found in runs.items()},
        "floors": {name: floors(shape, int(name.split()[1].rstrip(",")), rates) for name in runs},
    }


def written(found: Mapping[str, Any]) -> str:
    """The result as a page."""
    rows = []
    for name, runs in found["runs"].items():
        seconds, floor = float(np.median([each["seconds"] for each in runs])), found["floors"][name]
        bound = max(floor.values())
        rows.append([name, f"{seconds:.1f}", f"{found['bytes'] / seconds / 1e9:.2f}"])
        rows[-1] += [f"{floor['bytes']:.2f}", f"{floor['operations']:.2f}", f"{bound / seconds:.2f}"]
    shape, runs = found["shape"], found["runs"]
    told = f"{shape['layers']} layers, {shape['hidden']} wide, {found['bytes'] / 1e9:.1f} GB both sides together."
    head = ["measured", "seconds", "GB/s", "floor of the bytes, s", "floor of the operations, s", "share of the floor"]
    whole = program_table([("pair", runs, next(iter(runs)))])
    return page(f"The footprint of a pair on {found['device']}", found, told, table(head, rows), whole)


def main() -> None:
    """Measure on the accelerator, where there is one."""
    given = options(
        __doc__,
        large={"action": "store_true", "help": "write 27 GB"},
        device={"default": "cuda", "help": "as torch names it; torch:cpu tries the code on the processor"},
        layers={"type": int, "default": 32},
        levels={"nargs": "+", "type": int, "default": [2, 3]},
    )
    import torch

    if given.device.startswith("cuda") and not torch.cuda.is_available():
        print("gpu.py needs an accelerator that torch sees, and there is none here.")
    elif given.small:
        save("gpu", measure(PAIRS["tiny"], given.device, given.levels, given.repeats, [128, 256]), written, small=True)
    elif given.large:
        shape = replace(PUBLISHED["7B"], layers=given.layers)
        found = measure(shape, given.device, given.levels, given.repeats, [1024, 2048, 4096])
        save("gpu", found, written, small=False)
    else:
        print("gpu.py writes 27 GB: ask for it with --large, or try it with --small.")


if __name__ == "__main__":
    main()
