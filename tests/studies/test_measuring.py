"""A checkpoint is measured under its study's threads, whatever ran in the process before."""

import numpy as np
import polars as pl
import torch

from benchshadow.data.tokenization import load_tokenizer
from benchshadow.studies.running.measuring import measured


def test_threads_and_determinism_are_set_before_anything_is_scored(whole, monkeypatch, tmp_path):
    (base,) = whole.out.glob("bases/base.*[0-9a-f]/")
    (checkpoint,) = base.glob("checkpoints/step-*")
    seen = []

    def score_all(*_):
        seen.append((torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()))
        return []

    monkeypatch.setattr("benchshadow.evaluate.score_all", score_all)
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(1)
    measured(
        tmp_path / "measures",
        {"run": "base", "arm": "base", "replicate": 0, "step": 0},
        base=checkpoint,
        checkpoint=None,
        tokenizer=load_tokenizer(base / "tokenizer.json"),
        tasks=(),
        probes=None,
        equaliser=None,
        losses=np.ones(3),
        seed=0,
        threads=2,
        device="cpu",
        whole=False,
    )
    assert seen == [(2, True)]
    assert pl.read_parquet(tmp_path / "measures" / "records.part")["diagnostic"].to_list() == ["training_loss"]
