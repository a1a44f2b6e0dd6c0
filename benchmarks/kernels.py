"""The rates of the bare kernels on this machine, processor or GPU: reading, copying, Gram products, eigenvalues.

    OMP_NUM_THREADS=1 python benchmarks/kernels.py [--device cpu|cuda] [--sizes 1024 2048 4096] [--small]

One thread, medians of `--repeats`. Operations are counted as in `operations.py`: m n k for a Gram matrix, 4/3 k^3 for
eigenvalues. `cost.py` extrapolates from these rates, and `gpu.py` takes them as its floor. On a processor the kernels
are NumPy's product and the quickest of the eigensolvers at hand (NumPy, torch, LAPACK through SciPy).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from harness import WORK, apart, options
from layouts import PAIRS
from llama_pairs import write_pair
from page_cache import drop, read_once
from pages import page, save, table

TYPES = ("float32", "float64")
_BLOCK = 1 << 22
_COPIED = 1 << 28


def seconds_of(call: Callable[[], object], repeats: int) -> float:
    """Median seconds of a call, the first left out."""
    call()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return median(times)


def on_processor(sizes: list[int], repeats: int) -> dict[str, Any]:
    """Operations per second of products and eigenvalues by type and size, and bytes per second of a copy."""
    import torch

    from benchshadow.spectra import lapack

    solvers: dict[str, Callable[[np.ndarray], object]] = {
        "numpy": np.linalg.eigvalsh,
        "torch": lambda gram: torch.linalg.eigvalsh(torch.from_numpy(gram)),
        "lapack": lapack.symmetric_eigenvalues,
    }
    rng, gram, eigen, by = np.random.default_rng(0), {}, {}, {}
    for kind in TYPES:
        gram[kind], eigen[kind], by[kind] = {}, {}, {}
        for k in sizes:
            block = rng.standard_normal((max(256, _BLOCK // k), k), np.float32).astype(kind)
            gram[kind][k] = block.size * k / seconds_of(lambda block=block: block.T @ block, repeats)
            square = rng.standard_normal((k, k), np.float32).astype(kind)
            product = square.T @ square
            took = {
                name: seconds_of(lambda solve=solve, product=product: solve(product), repeats if k < 4096 else 1)
                for name, solve in solvers.items()
            }
            by[kind][k] = min(took, key=lambda name: took[name])
            eigen[kind][k] = 4 / 3 * k**3 / min(took.values())
            print(
                kind, k, f"{gram[kind][k] / 1e9:.1f} and {eigen[kind][k] / 1e9:.1f} GFLOP/s, {by[kind][k]}", flush=True
            )
    here = np.ones(_COPIED, np.uint8)
    return {"gram": gram, "eigen": eigen, "eigen_by": by, "copy": 2 * _COPIED / seconds_of(here.copy, repeats)}


def on_gpu(sizes: list[int], repeats: int) -> dict[str, Any]:
    """The same on a GPU, TF32 off; and bytes per second from the processor's memory to its own."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False

    def timed(call: Callable[[], object]) -> float:
        def whole() -> None:
            call()
            torch.cuda.synchronize()

        return seconds_of(whole, repeats)

    gram, eigen = {}, {}
    for kind in TYPES:
        gram[kind], eigen[kind] = {}, {}
        for k in sizes:
            block = torch.randn(4 * k, k, device="cuda", dtype=getattr(torch, kind))
            gram[kind][k] = block.numel() * k / timed(lambda block=block: block.T @ block)
            product = block.T @ block
            eigen[kind][k] = 4 / 3 * k**3 / timed(lambda product=product: torch.linalg.eigvalsh(product))
    device, pinned = torch.empty(_COPIED, device="cuda", dtype=torch.uint8), torch.empty(_COPIED, dtype=torch.uint8)
    pinned = pinned.pin_memory()
    return {
        "device": torch.cuda.get_device_name(),
        "gram": gram,
        "eigen": eigen,
        "copy": 2 * _COPIED / timed(device.clone),
        "upload": _COPIED / timed(lambda: device.copy_(pinned)),
    }


def reading(label: str, repeats: int) -> dict[str, float]:
    """Bytes per second of one thread from disk (pushed out of the page cache) and from the page cache."""
    pair = apart(write_pair, WORK / label, PAIRS[label], 0)
    files = sorted(file for side in pair for file in Path(side).glob("*.safetensors"))
    size, cold = sum(file.stat().st_size for file in files), []
    for _ in range(repeats):
        drop(files)
        cold.append(read_once(files, 1))
    return {"read_cold": size / median(cold), "read_warm": size / seconds_of(lambda: read_once(files, 1), repeats)}


def written(found: Mapping[str, Any]) -> str:
    """The result as a page."""
    rows = []
    for kind in TYPES:
        for k, rate in found["gram"][kind].items():
            seconds = 4 / 3 * int(k) ** 3 / found["eigen"][kind][k]
            by = found.get("eigen_by", {}).get(kind, {}).get(k, found["device"])
            rows.append([kind, k, f"{rate / 1e9:.1f}", f"{found['eigen'][kind][k] / 1e9:.1f}", f"{seconds:.3f}", by])
    names = ("read_cold", "read_warm", "copy", "upload")
    bytes_per_second = ", ".join(f"{name.replace('_', ' ')} {found[name] / 1e9:.2f}" for name in names if name in found)
    head = ["type", "k", "Gram, GFLOP/s", "eigenvalues, GFLOP/s", "eigenvalues, s", "eigenvalues by"]
    return page(f"Rates of the kernels, {found['device']}", found, f"GB/s: {bytes_per_second}.", table(head, rows))


def main() -> None:
    """Measure the device asked for."""
    given = options(
        __doc__,
        device={"choices": ("cpu", "cuda"), "default": "cpu"},
        sizes={"nargs": "+", "type": int},
    )
    sizes = given.sizes or ([256, 512] if given.small else [512, 1024, 2048, 4096])
    if given.device == "cuda":
        import torch

        if not torch.cuda.is_available():
            print("kernels.py --device cuda needs an accelerator that torch sees, and there is none here.")
            return
        found = on_gpu(sizes, given.repeats)
    else:
        found = {"device": "processor", **apart(on_processor, sizes, given.repeats)}
    found |= reading("tiny" if given.small else "220M", given.repeats)
    save("kernels" if given.device == "cpu" else "kernels-cuda", found, written, small=given.small)


if __name__ == "__main__":
    main()
