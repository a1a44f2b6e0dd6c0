"""The ulp of every stored type is the gap to the next number."""

import numpy as np
import pytest

from benchshadow.spectra import FORMATS, ulp


def everything(kind):
    """Powers of two, their neighbours, subnormal numbers, zero and random values of one type."""
    info = np.finfo(kind)
    powers = np.ldexp(np.ones(1, kind), np.arange(info.minexp - 3, info.maxexp - 1)).astype(kind)
    random = np.random.default_rng(0).standard_normal(1000).astype(kind)
    parts = [powers, np.nextafter(powers, kind(0)), np.nextafter(powers, kind(np.inf)), random, np.zeros(1, kind)]
    values = np.concatenate(parts)
    return np.concatenate([values, -values])


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_ulp_is_numpys_spacing(kind):
    values = everything(kind)
    given = values.astype(np.float32) if kind == np.float16 else values
    expected = np.spacing(np.abs(values)).astype(np.float64)
    np.testing.assert_array_equal(ulp(given, np.dtype(kind).name).astype(np.float64), expected)


def test_ulp_of_bfloat16_is_the_step_of_its_bits():
    bits = np.arange(0, 0x7F7F, dtype=np.uint32)
    values, following = ((bits + step << np.uint32(16)).view(np.float32) for step in (np.uint32(0), np.uint32(1)))
    np.testing.assert_array_equal(ulp(values, "bfloat16"), following - values)
    np.testing.assert_array_equal(ulp(-values, "bfloat16"), following - values)


def test_the_formats_are_those_that_checkpoints_hold():
    assert set(FORMATS) == {"float64", "float32", "float16", "bfloat16"}
