"""The causal test's checkpoint: the tuned weights with the change along chosen directions scaled down or taken back."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from math import isfinite
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from benchshadow.checkpoints import Checkpoint, Pair, Written, write_again
from benchshadow.errors import InputError, TensorRefused
from benchshadow.records import file_digest, open_folder, read_json, seal, write_json
from benchshadow.records.source_code import code
from benchshadow.spectra import Along, component
from benchshadow.studies.footprints.footprint import opened
from benchshadow.studies.footprints.identity import identity
from benchshadow.studies.footprints.measurement import pairs_of, work_of

__all__ = ["CHECKPOINT", "Removed", "Restored", "check_scale", "restore", "restored"]

CHECKPOINT = "checkpoint"
MANIFEST, SUMMARY = "manifest.json", "summary.json"
_CODE = ("spectra", "checkpoints", "studies/causal/restore.py")

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Removed:
    """What the directions hold of the change of one matrix.

    Attributes:
        tensor: canonical name.
        directions: number of them on the left and on the right.
        share: share of the change's energy that lies along them.
        norm: Frobenius norm of that part, weight.
        change: Frobenius norm of the whole change, weight.
        refused: why the matrix stays as it is; empty where it could be decomposed.
    """

    tensor: str
    directions: tuple[int, int]
    share: float
    norm: float
    change: float
    refused: str = ""


@dataclass(frozen=True)
class Restored:
    """What came out.

    Attributes:
        folder: holds `checkpoint/`, `manifest.json` and `summary.json`; of a plan, where they would be.
        summary: content of `summary.json`, or the plan.
        remarks: sentences that a reader must know.
    """

    folder: Path
    summary: dict[str, Any]
    remarks: tuple[str, ...]


def restore(
    base: Path | str,
    tuned: Path | str,
    *,
    directions: str,
    scale: float,
    out: Path,
    seed: int,
    plan: bool = False,
    progress: Progress | None = None,
) -> Restored:
    """Write the tuned checkpoint with its change along chosen directions scaled, in every matrix inside a block.

    W1' = W1 - (1 - scale) P, where P is the part of D = W1 - W0 along the directions (`spectra.along.component`). All
    other tensors stay as they are, bit for bit; a matrix is rounded to the type that it is stored in. At scale 1 the
    files are those of the tuned checkpoint, at 0 the base is back along the directions. The result is a checkpoint like
    any other; whether the model is better for it, evaluation tells and this does not.

    Args:
        base: checkpoint that the other was tuned from.
        tuned: a checkpoint, or an adapter of the base, which is merged.
        directions: "intruders", "top:K", and the controls of equal energy "random:K" and "random:intruders".
        scale: what the part along the directions is multiplied by, in [0, 1].
        out: folder to write to: new, empty, or one of the same work.
        seed: draws random directions; each matrix has its own stream.
        plan: say what would be read, computed and written, and do nothing.
        progress: told the work done, all the work, and the matrix that was done last.

    Raises:
        InputError: the directions are unknown, the scale is outside [0, 1], a checkpoint breaks a rule, or `out` cannot
            be written or holds other work.
    """
    along = Along.read(directions)
    check_scale(scale)
    before, after = opened(base, tuned)
    if after is None:
        raise InputError(tuned, "must be a checkpoint or an adapter of the base")
    out = Path(out)
    inside, remarks = _inside(before, after)
    if plan:
        return Restored(out, _plan(before, after, inside, out, along, scale), remarks)
    work = {
        "verb": "restore",
        "base": identity(before),
        "tuned": identity(after),
        "directions": str(along),
        "scale": scale,
        "seed": seed,
        "code": code(_CODE),
    }
    folder = open_folder(out, work)
    if not (folder / SUMMARY).is_file():
        removed = restored(before, after, along, {scale: folder / CHECKPOINT}, seed=seed, progress=progress)
        written = {file.name: file_digest(file) for file in sorted((folder / CHECKPOINT).iterdir())}
        environment = {"numpy": np.__version__, "python": platform.python_version(), "machine": platform.machine()}
        manifest = {**work, "benchshadow": version("benchshadow"), "environment": environment, "files": written}
        write_json(folder / MANIFEST, seal(manifest | {"matrices": [_row(each) for each in removed]}))
        write_json(folder / SUMMARY, _summary(base, tuned, along, scale, removed, remarks))
    summary = read_json(folder / SUMMARY)
    return Restored(folder, summary, tuple(summary["remarks"]))


def restored(
    base: Checkpoint,
    tuned: Checkpoint,
    along: Along,
    places: Mapping[float, Path],
    *,
    seed: int,
    progress: Progress | None = None,
) -> tuple[Removed, ...]:
    """Write restored checkpoints at several scales; each folder is whole or absent, and one that is there stays.

    Every matrix is decomposed once for all scales, one at a time.

    Args:
        base: opened.
        tuned: opened.
        along: which directions.
        places: the folder of each scale.
        seed: as for `restore`.
        progress: as for `restore`.
    """
    partial = {scale: place.with_name(f".{place.name}.partial") for scale, place in places.items()}
    for each in partial.values():
        shutil.rmtree(each, ignore_errors=True)
    copies = {scale: write_again(tuned, each) for scale, each in partial.items() if not places[scale].is_dir()}
    inside, _ = _inside(base, tuned)
    total, done, removed = sum(map(work_of, inside)), 0, []
    for pair in inside:
        removed.append(_scaled(pair, along, copies, seed))
        done += work_of(pair)
        if progress is not None:
            progress(done, total, pair.piece.name)
    for scale in copies:
        partial[scale].rename(places[scale])
    return tuple(removed)


def check_scale(scale: float) -> None:
    """Refuse what is no share of a change."""
    if not (isfinite(scale) and 0 <= scale <= 1):
        raise InputError("--scale", f"must be in [0, 1] but is {scale:g}")


def _inside(base: Checkpoint, tuned: Checkpoint) -> tuple[tuple[Pair, ...], tuple[str, ...]]:
    """The matrices inside blocks that both checkpoints hold."""
    pairs, remarks = pairs_of(base, tuned)
    inside = tuple(each for each in pairs if each.state == "matrix" and each.piece.inside_blocks)
    refused = [each for each in pairs if each.state in ("refused", "unmatched") and each.piece.inside_blocks]
    if not inside:
        raise InputError(tuned.path, "must share matrices inside blocks with the base but shares none")
    said = [f"{each.piece.name} stays as it is: {each.reason}" for each in refused]
    return inside, (*remarks, *said)


def _scaled(pair: Pair, along: Along, copies: Mapping[float, Written], seed: int) -> Removed:
    """One matrix scaled in every copy; one that cannot be decomposed stays as it is, with the reason."""
    (base, tuned), name = pair.sources(), pair.piece.name
    try:
        found = component(base, tuned, along, rng=np.random.default_rng([seed, crc32(name.encode())]))
    except TensorRefused as refusal:
        return Removed(name, (0, 0), 0.0, 0.0, 0.0, refusal.problem)
    except np.linalg.LinAlgError as failure:
        return Removed(name, (0, 0), 0.0, 0.0, 0.0, f"could not be decomposed ({failure})")
    for scale, copy in copies.items():
        if scale != 1.0 and found.energy:
            for rows, values in found.scaled(tuned, scale):
                copy.replace(pair.piece.tensor, pair.piece.cut, rows, values)
    norm, whole = (float(np.sqrt(energy)) for energy in (found.energy, found.whole))
    return Removed(name, found.directions, found.share, norm, whole)


def _row(removed: Removed) -> dict[str, Any]:
    return {
        "tensor": removed.tensor,
        "directions": list(removed.directions),
        "energy_share": removed.share,
        "norm": removed.norm,
        "change_norm": removed.change,
        **({"refused": removed.refused} if removed.refused else {}),
    }


def _summary(
    base: Path | str, tuned: Path | str, along: Along, scale: float, removed: Sequence[Removed], remarks: Sequence[str]
) -> dict[str, Any]:
    part, whole = (sum(getattr(each, name) ** 2 for each in removed) for name in ("norm", "change"))
    return {
        "verb": "restore",
        "base": str(base),
        "tuned": str(tuned),
        "directions": str(along),
        "scale": scale,
        "matrices": len(removed),
        "changed_matrices": sum(each.norm > 0 for each in removed) if scale != 1 else 0,
        "energy_share": part / whole if whole else 0.0,
        "moved_norm": (1 - scale) * float(np.sqrt(part)),
        "change_norm": float(np.sqrt(whole)),
        "left": sum(each.directions[0] for each in removed),
        "right": sum(each.directions[1] for each in removed),
        "refused": sum(bool(each.refused) for each in removed),
        "remarks": [*remarks, *(f"{each.tensor} stays as it is: {each.refused}" for each in removed if each.refused)],
    }


def _plan(
    base: Checkpoint, tuned: Checkpoint, inside: Sequence[Pair], out: Path, along: Along, scale: float
) -> dict[str, Any]:
    read = [file for side in (base, tuned) for file in side.files]
    shortest, largest = max(min(each.shape) for each in inside), max(np.prod(each.shape) for each in inside)
    grams = 3 if "intruders" in str(along) else 1
    weights = sum(np.prod(tuned.shape(name)) * _bytes(tuned.dtype(name)) for name in tuned.names())
    return {
        "verb": "restore",
        "plan": True,
        "directions": str(along),
        "scale": scale,
        "read": {"files": [str(file) for file in read], "bytes": sum(file.stat().st_size for file in read)},
        "compute": {"matrices": len(inside), "largest": int(largest)},
        "write": [str(out / name) for name in ("work.json", CHECKPOINT, MANIFEST, SUMMARY)],
        "estimate": {"disk_bytes": int(weights), "memory_bytes": int(2e8 + 8 * (grams + 3) * shortest**2)},
    }


def _bytes(stored: str) -> int:
    return {"float64": 8, "float32": 4}.get(stored, 2)
