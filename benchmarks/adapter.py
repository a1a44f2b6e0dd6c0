"""`benchshadow footprint` of a LoRA adapter of 28 layers, beside the audit of gradience 0.11.

    OMP_NUM_THREADS=1 python benchmarks/adapter.py [--models 0.6B 7B] [--repeats 5] [--small]

Whole processes by turns, their start included. Adapters of rank 16 on all seven projections, in the layouts of a model
1024 and one 3584 wide. The peer has its quickest way to numbers for every layer (`audit --json --layers --no-udr`, one
rank policy) and the number of threads that serves it better; it writes no page and no tables. Errors are against the
float64 SVD of B A.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from accuracy import Exact, accuracy, our_errors, their_errors
from harness import WORK, by_turns, footprint_command, options, run, without_report
from other_tools import environment
from pages import page, program_table, save, times_faster, verdict
from safetensors.numpy import load_file, save_file

GOAL, RANK, ALPHA = 2.0, 16, 32
OURS, PLAIN, THEIRS = "benchshadow, report included", "benchshadow, without the report", "gradience"
# Layers, hidden, inner, rows of query, rows of key and value: as Qwen3-0.6B, as Qwen2.5-7B, and a trial.
LAYOUTS = {
    "0.6B": (28, 1024, 3072, 2048, 1024),
    "7B": (28, 3584, 18944, 3584, 512),
    "trial": (2, 128, 256, 128, 64),
}


def modules(layout: tuple[int, int, int, int, int]) -> dict[str, tuple[int, int]]:
    """Out and in of every adapted module by name."""
    layers, hidden, inner, query, key = layout
    sides = {
        "self_attn.q_proj": (query, hidden),
        "self_attn.k_proj": (key, hidden),
        "self_attn.v_proj": (key, hidden),
        "self_attn.o_proj": (hidden, query),
        "mlp.gate_proj": (inner, hidden),
        "mlp.up_proj": (inner, hidden),
        "mlp.down_proj": (hidden, inner),
    }
    return {f"model.layers.{layer}.{name}": shape for layer in range(layers) for name, shape in sides.items()}


def write_adapter(folder: Path, layout: tuple[int, int, int, int, int]) -> Path:
    """Write an adapter as PEFT saves one: A as it is drawn at the start, B with directions that decay."""
    rng, tensors = np.random.default_rng(0), {}
    for name, (rows, columns) in modules(layout).items():
        stem = f"base_model.model.{name}"
        decay = (np.arange(1, RANK + 1) ** -1.0).astype(np.float32)
        a = rng.uniform(-1, 1, (RANK, columns)).astype(np.float32) / np.float32(np.sqrt(columns))
        b = 0.02 * rng.standard_normal((rows, RANK), dtype=np.float32) * decay
        tensors |= {f"{stem}.lora_A.weight": a, f"{stem}.lora_B.weight": b}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "adapter_model.safetensors", {"format": "pt"})
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": "none",
        "r": RANK,
        "lora_alpha": ALPHA,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "use_rslora": False,
        "use_dora": False,
        "target_modules": sorted({name.rsplit(".", 1)[-1] for name in modules(layout)}),
    }
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def exact_changes(folder: Path, most: int) -> dict[str, Exact]:
    """Spectra of scale B A of some modules by a float64 SVD; of a thin matrix with the same values, from QR."""
    tensors, found = load_file(folder / "adapter_model.safetensors"), {}
    names = sorted({key.rsplit(".lora_", 1)[0] for key in tensors})
    for i in sorted(set(np.linspace(0, len(names) - 1, min(most, len(names))).astype(int))):
        a, b = (tensors[f"{names[i]}.lora_{side}.weight"].astype(np.float64) for side in "AB")
        left, right = (np.asarray(np.linalg.qr(side, mode="r")) for side in (b, a.T))
        core = left @ right.T * (ALPHA / RANK)
        name = names[i].removeprefix("base_model.model.model.")
        values = np.zeros(min(len(b), a.shape[1]))
        values[:RANK] = np.linalg.svd(core, compute_uv=False)
        found[f"{name}.weight"] = Exact((len(b), a.shape[1]), values)
    return found


def audit_command(folder: Path) -> list[str]:
    """The peer's audit."""
    program = environment("gradience").with_name("gradience")
    command = [str(program), "audit", "--peft-dir", str(folder), "--json", "--layers", "--no-udr"]
    return [*command, "--rank-policies", "energy@0.90"]


def audited(folder: Path) -> dict[str, dict[str, float]]:
    """The peer's numbers by module, under our names."""
    said = subprocess.run(audit_command(folder), check=True, capture_output=True, text=True).stdout
    layers = json.loads(said[said.index("{") :])["layer_data"]["layer_rows"]
    return {
        f"{each['name'].removeprefix('base_model.model.model.')}.weight change": {
            "spectral_norm": each["sigma_max_scaled"],
            "frobenius_norm": each["frob_norm_scaled"],
            "stable_rank": each["stable_rank"],
            "effective_rank": each["effective_rank"],
        }
        for each in layers
    }


def measure(label: str, repeats: int) -> dict[str, Any]:
    """One adapter: both programs by turns, then their accuracy."""
    folder, out = write_adapter(WORK / f"adapter-{label}", LAYOUTS[label]), WORK / f"adapter-{label}-ours"
    tried = {n: run(audit_command(folder), n).seconds for n in (1, os.cpu_count() or 1)}
    threads = min(tried, key=lambda n: tried[n])
    print(label, "gradience by threads:", {n: round(each, 2) for n, each in tried.items()}, flush=True)
    runs = by_turns(
        {
            OURS: lambda: run(footprint_command(out, folder)),
            PLAIN: lambda: run(without_report(WORK / "adapter-plain", folder)),
            THEIRS: lambda: run(audit_command(folder), threads),
        },
        repeats,
    )
    # Without its base an adapter is all that there is to measure, whichever of the two its records call it.
    exact = {f"{name} {of}": each for name, each in exact_changes(folder, 200).items() for of in ("base", "change")}
    return {
        "adapter": label,
        "layout": LAYOUTS[label],
        "gradience_threads": threads,
        "runs": {name: [asdict(each) for each in found] for name, found in runs.items()},
        "spectra_checked": len(exact) // 2,
        "errors": {"benchshadow": our_errors(out, exact), "gradience": their_errors(audited(folder), exact)},
    }


def written(found: Mapping[str, Any]) -> str:
    """The result as a page."""
    groups = [(each["adapter"], each["runs"], THEIRS) for each in found["adapters"]]
    verdicts = [
        f"- {each['adapter']}, times faster: {verdict(times_faster(each['runs'], OURS, THEIRS), GOAL, least=True)}."
        for each in found["adapters"]
    ]
    errors = [
        [f"## {each['adapter']}", "", *accuracy(each["errors"], each["spectra_checked"])] for each in found["adapters"]
    ]
    return page("Adapters", found, program_table(groups), verdicts, *errors)


def main() -> None:
    """Measure the adapters asked for and write the result."""
    given = options(__doc__, models={"nargs": "+", "choices": list(LAYOUTS), "default": ["0.6B", "7B"]})
    found = [measure(label, given.repeats) for label in (["trial"] if given.small else given.models)]
    save("adapter", {"adapters": found}, written, small=given.small)


if __name__ == "__main__":
    main()
