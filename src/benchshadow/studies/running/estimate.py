"""What a study will ask of a machine, said before it runs: runs, tokens, and bytes on disk."""

from __future__ import annotations

import math
from dataclasses import dataclass

from benchshadow.checkpoints import open_checkpoint
from benchshadow.data import skills
from benchshadow.studies.declaring.study import Study
from benchshadow.train import Architecture

__all__ = ["Estimate", "estimate"]

_STATES = 2 * 3  # a state holds weights and at most two moments, and the next is written before the last one goes


@dataclass(frozen=True)
class Estimate:
    """A study's size.

    Attributes:
        runs: arms times replicates.
        bases: base models trained.
        parameters: of the model, with a vocabulary of the size asked for.
        tokens: trained on in all.
        checkpoints: written in all.
        checkpoints_kept: that stay.
        disk_bytes: of the checkpoints that stay, in float32.
        disk_bytes_per_worker: that one run asks for while it is under way, at most: all its checkpoints, and the states
            that it would resume from.
        floating_operations: about 6 per parameter and token (Kaplan et al. 2020), without evaluation.
    """

    runs: int
    bases: int
    parameters: int
    tokens: int
    checkpoints: int
    checkpoints_kept: int
    disk_bytes: int
    disk_bytes_per_worker: int
    floating_operations: float


def estimate(study: Study) -> Estimate:
    """The size of a study, from its file alone."""
    runs = len(study.arms) * len(study.replicates)
    parameters = _parameters(study)
    tokens = runs * study.settings.tokens + study.bases * (study.base.settings.tokens if study.base.settings else 0)
    each = len(study.settings.checkpoint_steps())
    of_base = len(study.base.settings.checkpoint_steps()) if study.base.settings else 1
    bases = study.bases * of_base
    kept = bases + runs * (each if study.keep == "all" else 1)
    return Estimate(
        runs,
        study.bases,
        parameters,
        tokens,
        bases + runs * each,
        kept,
        kept * parameters * 4,
        (max(each, of_base) + _STATES) * parameters * 4,
        6.0 * parameters * tokens,
    )


def _parameters(study: Study) -> int:
    """Weights of the model; of the largest where bases are checkpoints of several sizes."""
    shape = study.architecture
    if shape is None:
        opened = (open_checkpoint(named) for named in study.base.checkpoints)
        return max(sum(math.prod(each.shape(name)) for name in each.names()) for each in opened)
    vocabulary = len(skills.vocabulary()) + 1 if study.tokenizer.kind == "skills" else study.tokenizer.size
    if not shape.in_words:
        from benchshadow.train.model import parameters

        return parameters(shape, vocabulary=vocabulary, positions=study.settings.length)
    return _of_llama(shape, vocabulary)


def _of_llama(shape: Architecture, vocabulary: int) -> int:
    """Embeddings, and per layer four attention and three MLP matrices and two norms."""
    width, inner, heads = shape.hidden_size or 0, shape.intermediate_size or 0, shape.heads or 1
    values = width * (shape.key_value_heads or heads) // heads
    layer = 2 * width * width + 2 * width * values + 3 * width * inner + 2 * width
    return layer * (shape.layers or 0) + width + vocabulary * width * (1 if shape.tied_embeddings else 2)
