"""A seed depends on its purpose alone: the same in every process, and another for another purpose."""

import itertools
import subprocess
import sys

import numpy as np

from benchshadow.studies.preparing.seeds import generator, seed

PURPOSES = list(
    itertools.product(
        (0, 1, 7), ("stream", "treatment", "positions", "benchmark", "nulls", "weights"), ("control", "A/A"), range(8)
    )
)


def test_seeds_are_the_same_in_another_process():
    text = "from benchshadow.studies.preparing.seeds import seed; print(seed(7, 'stream', 'control', 2))"
    other = {
        subprocess.run(
            [sys.executable, "-c", text], env={"PYTHONHASHSEED": hashing}, capture_output=True, text=True, check=True
        ).stdout.strip()
        for hashing in ("1", "2")
    }
    assert other == {str(seed(7, "stream", "control", 2))}


def test_distinct_purposes_have_distinct_seeds_that_fit_63_bits():
    seeds = [seed(*purpose) for purpose in PURPOSES]
    assert len(set(seeds)) == len(PURPOSES)
    assert all(0 <= each < 2**63 for each in seeds)
    assert seed("ab", "c") != seed("a", "bc")
    assert seed(1, 2) != seed(2, 1)


def test_generators_of_distinct_purposes_are_unlike_and_of_one_purpose_equal():
    draws = np.array([generator(*purpose).standard_normal(500) for purpose in PURPOSES[:40]])
    correlation = np.corrcoef(draws) - np.eye(len(draws))
    assert np.abs(correlation).max() < 0.25
    assert (generator(*PURPOSES[3]).standard_normal(500) == draws[3]).all()
